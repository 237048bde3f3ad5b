<?php
declare(strict_types=1);

/*
 * NAME
 *   Millrace - post jobs to Millrace and see what becomes of them
 *
 * SYNOPSIS
 *   require 'Millrace.php';
 *   $millrace = new Millrace('https://jobs.example.org', getenv('MILLRACE_TOKEN'));
 *   $id = $millrace->enqueue('analyze-file', ['filterOption' => 'all'], ['files' => [$fileId]]);
 *   $job = $millrace->wait($id, 60);
 *   echo $job['status'], "\n";
 *   $millrace->download($id, 'result.xlsx', '/tmp/result.xlsx');
 *
 *   $pdo->beginTransaction();
 *   $pdo->exec("insert into invoice ...");
 *   $id = Millrace::enqueueIn($pdo, 'send-invoice', ['id' => 7], ['owner' => 'shop']);
 *   $pdo->commit();            # the job exists exactly if this succeeds
 *
 * DESCRIPTION
 *   One file, for PHP 8.1 and later. It needs the extension curl, and pdo_pgsql for enqueueIn() alone.
 *
 *   new Millrace($url, $token, $options)
 *       $options: 'timeout' => seconds for an answer (30), 'connectTimeout' => seconds (5), 'tries' => how often a
 *       post is sent where no answer came or one of 502, 503 and 504 (3), 'caFile' => path of certificates to trust.
 *
 *   enqueue($type, $payload, $options, $idempotencyKey): string
 *       Post a job; the answer is its id, and then it is stored for good. $options are the members of POST /api/jobs
 *       beside type and payload: queue, priority, delay, runAt, timeout, maxAttempts, retry, tags, files, uniqueKey...
 *       A post that is sent again, by this call or by one with the same key, makes no second job. Without a key each
 *       call has one of its own. An empty object as payload is new stdClass, as [] is an empty list.
 *
 *   Millrace::enqueueIn($pdo, $type, $payload, $options): string
 *       The same in the transaction of a PDO connection to Millrace's database, without HTTP.
 *
 *   status($id): array     jobId, status, state, progress, message, attempt ...
 *   job($id): array        all of it, with payload, result and error
 *   wait($id, $seconds): array
 *       The whole job when it has ended, whether well or not: see 'status' (completed, failed, cancelled). Throws
 *       wait_timeout where it has not ended in time; the job goes on.
 *   cancel($id): array     jobId, status ...; of a job that runs, 'status' may still be processing
 *   artifacts($id): array  the files that it made
 *   download($id, $name, $path): int
 *       One of them; the number of bytes. The file at $path appears when it is whole.
 *
 * ERRORS
 *   All calls throw MillraceException: ->error is the stable code ('unknown_type', 'job_not_found', ...), getMessage() is
 *   for people, getCode() is the HTTP status, 0 where no answer came (->error is 'no_answer'), ->retryAfter is in
 *   seconds or null, ->details is a list of what is wrong with a payload (pointer, code, message).
 *
 * SEE ALSO
 *   openapi.yaml, README.md
 */
final class MillraceException extends RuntimeException
{
    public function __construct(
        public readonly string $error,
        string $message,
        int $status = 0,
        public readonly ?int $retryAfter = null,
        public readonly array $details = [],
        ?Throwable $previous = null,
    ) {
        parent::__construct($message, $status, $previous);
    }
}

final class Millrace
{
    private const FINAL = ['completed', 'failed', 'cancelled'];
    private const AGAIN = [0, 502, 503, 504];

    private CurlHandle $curl;
    private array $options;

    public function __construct(private string $url, private string $token, array $options = [])
    {
        $this->url = rtrim($url, '/');
        $this->options = $options + ['timeout' => 30, 'connectTimeout' => 5, 'tries' => 3, 'caFile' => null];
        $this->curl = curl_init();
    }

    public function enqueue(string $type, mixed $payload = null, array $options = [],
                            ?string $idempotencyKey = null): string
    {
        $key = $idempotencyKey ?? bin2hex(random_bytes(16));
        $body = self::json(['type' => $type, 'payload' => $payload] + $options);
        for ($try = 1; ; $try++) {
            try {
                return $this->request('POST', '/api/jobs', ["Idempotency-Key: $key"], $body)['jobId'];
            } catch (MillraceException $e) {
                if ($try >= $this->options['tries'] || !in_array($e->getCode(), self::AGAIN, true)) {
                    throw $e;
                }
                usleep(min($e->retryAfter ?? 1, 5) * 200000 * $try);
            }
        }
    }

    public static function enqueueIn(PDO $pdo, string $type, mixed $payload = null, array $options = []): string
    {
        $arguments = [$type, self::json($payload), self::json((object) $options)];
        try {
            $statement = $pdo->prepare('select millrace.enqueue(?, ?::jsonb, ?::jsonb)');
            if ($statement && $statement->execute($arguments)) {
                return (string) $statement->fetchColumn();
            }
            [$state, , $text] = ($statement ?: $pdo)->errorInfo();
            throw self::refusal((string) $state, (string) $text);
        } catch (PDOException $e) {
            [$state, , $text] = $e->errorInfo ?? [(string) $e->getCode(), 0, $e->getMessage()];
            throw self::refusal((string) $state, (string) $text, $e);
        }
    }

    public function status(string $id): array
    {
        return $this->request('GET', '/api/jobs/' . rawurlencode($id) . '/status');
    }

    public function job(string $id): array
    {
        return $this->request('GET', '/api/jobs/' . rawurlencode($id));
    }

    public function wait(string $id, float $seconds = 30): array
    {
        $end = microtime(true) + $seconds;
        for (;;) {
            $asked = microtime(true);
            $left = max(0, $end - $asked);
            $most = max(1, (int) $this->options['timeout'] - 5);
            $wait = min($most, (int) ceil($left));
            $job = $this->request('GET', '/api/jobs/' . rawurlencode($id), $wait > 0 ? ["Prefer: wait=$wait"] : []);
            if (in_array($job['status'], self::FINAL, true)) {
                return $job;
            }
            if (microtime(true) >= $end) {
                throw new MillraceException('wait_timeout', "the job $id has not ended within $seconds s");
            }
            if (microtime(true) - $asked < 0.2) {
                usleep(200000);         // the server had no room for one more that waits
            }
        }
    }

    public function cancel(string $id): array
    {
        return $this->request('POST', '/api/jobs/' . rawurlencode($id) . '/cancel', [], '');
    }

    public function artifacts(string $id): array
    {
        return $this->request('GET', '/api/jobs/' . rawurlencode($id) . '/artifacts')['artifacts'];
    }

    public function download(string $id, string $name, string $path): int
    {
        $part = tempnam(dirname($path), '.millrace-');
        $file = $part === false ? false : fopen($part, 'wb');
        if (!$file) {
            throw new MillraceException('cannot_write', "no file can be made in " . dirname($path));
        }
        try {
            $this->request('GET', '/api/jobs/' . rawurlencode($id) . '/artifacts/' . rawurlencode($name), [], null,
                           $file);
            $size = ftell($file);
            if (!fclose($file) || !chmod($part, 0666 & ~umask()) || !rename($part, $path)) {
                throw new MillraceException('cannot_write', "cannot write $path");
            }
            return $size;
        } finally {
            if (is_resource($file)) {
                fclose($file);
            }
            if (file_exists($part)) {
                unlink($part);
            }
        }
    }

    private static function json(mixed $value): string
    {
        try {
            return json_encode($value, JSON_THROW_ON_ERROR | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES
                                       | JSON_PRESERVE_ZERO_FRACTION);
        } catch (JsonException $e) {
            throw new MillraceException('invalid_json', $e->getMessage(), 0, null, [], $e);
        }
    }

    /** PostgreSQL says "ERROR:  message" and "DETAIL:  code"; the state MR404 is what 404 is by HTTP. */
    private static function refusal(string $state, string $text, ?Throwable $previous = null): MillraceException
    {
        $ours = preg_match('/^MR([45]\d\d)$/', $state, $status)
            && preg_match('/ERROR:\s+(.*?)\s*\nDETAIL:\s+(\w+)/s', $text, $said);
        return $ours
            ? new MillraceException($said[2], $said[1], (int) $status[1], null, [], $previous)
            : new MillraceException('database_error', $text, 0, null, [], $previous);
    }

    /** The answer's JSON; with $file an answer of 200 goes there instead. */
    private function request(string $method, string $path, array $headers = [], ?string $body = null,
                             $file = null): array
    {
        $text = '';
        $retryAfter = null;
        $curl = $this->curl;
        curl_reset($curl);
        $headers[] = "Authorization: Bearer $this->token";
        $headers[] = 'Expect:';
        if ($body !== null && $body !== '') {
            $headers[] = 'Content-Type: application/json';
        }
        curl_setopt_array($curl, [
            CURLOPT_URL => $this->url . $path,
            CURLOPT_CUSTOMREQUEST => $method,
            CURLOPT_HTTPHEADER => $headers,
            CURLOPT_CONNECTTIMEOUT => $this->options['connectTimeout'],
            CURLOPT_HEADERFUNCTION => function ($curl, string $line) use (&$retryAfter): int {
                if (preg_match('/^retry-after:\s*(\d+)\s*$/i', $line, $found)) {
                    $retryAfter = (int) $found[1];
                }
                return strlen($line);
            },
            CURLOPT_WRITEFUNCTION => function ($curl, string $data) use (&$text, $file): int {
                if ($file && curl_getinfo($curl, CURLINFO_RESPONSE_CODE) === 200) {
                    return (int) fwrite($file, $data);
                }
                $text .= $data;
                return strlen($data);
            },
        ]);
        if (!$file) {           // a large file may take as long as it takes, while it comes
            curl_setopt($curl, CURLOPT_TIMEOUT, $this->options['timeout']);
        } else {
            curl_setopt_array($curl, [CURLOPT_LOW_SPEED_LIMIT => 1,
                                      CURLOPT_LOW_SPEED_TIME => $this->options['timeout']]);
        }
        if ($body !== null) {
            curl_setopt($curl, CURLOPT_POSTFIELDS, $body);
        }
        if ($this->options['caFile'] !== null) {
            curl_setopt($curl, CURLOPT_CAINFO, $this->options['caFile']);
        }
        if (!curl_exec($curl)) {
            throw new MillraceException('no_answer', curl_error($curl));
        }
        return $this->answer(curl_getinfo($curl, CURLINFO_RESPONSE_CODE), $text, $retryAfter, $file !== null);
    }

    private function answer(int $status, string $text, ?int $retryAfter, bool $toFile): array
    {
        if ($toFile && $status === 200) {
            return [];
        }
        $json = json_decode($text, true);
        if ($status >= 200 && $status < 300 && is_array($json)) {
            return $json;
        }
        $error = $json['error'] ?? [];
        throw new MillraceException($error['code'] ?? 'bad_answer', $error['message'] ?? "the server answered with $status",
                                    $status, $retryAfter, $error['details'] ?? []);
    }
}
