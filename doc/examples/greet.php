#!/usr/bin/env php
<?php
// A job type in PHP, as a warm process: one PHP for many jobs. A framework
// would be loaded here, once.
while (($line = fgets(STDIN)) !== false) {
    $job = json_decode($line, true);
    $name = $job['payload']['name'] ?? null;
    if (!is_string($name)) {
        $answer = ['id' => $job['id'], 'retry' => false,
            'error' => ['code' => 'invalid_payload', 'message' => 'payload.name must be a string']];
    } else {
        fputs(STDOUT, json_encode(['id' => $job['id'], 'progress' => 50, 'message' => 'thinking of a greeting']) . "\n");
        $answer = ['id' => $job['id'], 'result' => ['greeting' => "Hello, $name!"]];
    }
    fputs(STDOUT, json_encode($answer) . "\n");
    fflush(STDOUT);
}
