<?php
// A job type in PHP behind php-fpm, and the same file as a web page for the kind "http": the payload is the body,
// the answer is the result, the status says what becomes of the job.
function fact(string $name): ?string
{
    return $_SERVER["MILLRACE_$name"] ?? $_SERVER["HTTP_MILLRACE_$name"] ?? null;
}

// A line of the job's log, or its progress; that it is flushed tells PHP when the job was cancelled.
function tell(string $line): void
{
    error_log($line);
    flush();
}

function answer(int $status, mixed $body): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    echo json_encode($body);
    exit;
}

$items = json_decode(file_get_contents('php://input'), true)['items'] ?? null;
if (!is_array($items)) {
    answer(422, ['error' => ['code' => 'no_items', 'message' => 'payload.items must be a list']]);
}
$total = 0;
foreach (array_values($items) as $i => $item) {
    $total += $item['price'] * $item['count'];
    tell(json_encode(['progress' => intdiv(100 * ($i + 1), count($items)), 'message' => $item['name'] ?? null]));
}
tell('counted ' . count($items) . ' items');
answer(200, ['total' => $total, 'job' => fact('JOB_ID')]);
