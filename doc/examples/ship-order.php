<?php
// A job of the kind "http", as the page that it is sent to. The secret is that of the type.
function answer(int $status, mixed $body): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    echo json_encode($body);
    exit;
}

// Whether the request is from our worker, unchanged, and not one of long ago that is sent again.
function isOurs(string $body, string $secret): bool
{
    $time = $_SERVER['HTTP_MILLRACE_TIMESTAMP'] ?? '';
    $signature = 'v1=' . hash_hmac('sha256', "$time.$body", $secret);
    return hash_equals($signature, $_SERVER['HTTP_MILLRACE_SIGNATURE'] ?? '') && abs(time() - (int)$time) < 300;
}

// Progress, a line of the log; false where the attempt is over or cancelled, and nobody waits for us any more.
function report(array $said): bool
{
    $told = file_get_contents($_SERVER['HTTP_MILLRACE_REPORT_URL'], false, stream_context_create(['http' => [
        'method' => 'POST', 'content' => json_encode($said), 'ignore_errors' => true, 'header' =>
            "Content-Type: application/json\r\nAuthorization: Bearer {$_SERVER['HTTP_MILLRACE_REPORT_TOKEN']}\r\n"]]));
    return (json_decode($told, true)['cancelling'] ?? true) === false;
}

$body = file_get_contents('php://input');
if (!isOurs($body, trim(file_get_contents(getenv('SHIP_ORDER_SECRET') ?: '/etc/shop/ship-order.secret')))) {
    answer(401, ['error' => ['message' => 'the signature is not ours']]);
}
$order = json_decode($body, true)['order'] ?? null;
if (!is_int($order)) {
    answer(422, ['error' => ['code' => 'no_order', 'message' => 'payload.order must be a number']]);
}
// A retry has the key of the first attempt: what was done then is not done twice. A shop asks its database.
$done = sys_get_temp_dir() . "/shipped-{$_SERVER['HTTP_IDEMPOTENCY_KEY']}";
foreach (is_file($done) ? [] : ['packed', 'handed over'] as $nth => $step) {
    if (!report(['progress' => 50 * ($nth + 1), 'message' => $step, 'log' => "order $order is $step"])) {
        answer(409, ['error' => ['message' => 'cancelled']]);
    }
}
touch($done);
answer(200, ['order' => $order, 'shipped' => true]);
