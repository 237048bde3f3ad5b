"""Jobs as requests to a real php-fpm: what goes there, what comes back, and what
becomes of them where it is not there, or does not answer."""

import contextlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from php import Fpm  # noqa: E402
from stack import wait_for  # noqa: E402
from worker import worker_stack  # noqa: E402

# Does as the payload says; DIR is where it may leave marks.
SCRIPT = """<?php
$job = json_decode(file_get_contents('php://input'), true);
eval($job['php']);
"""


def php(name, fpm, script, run=None, **more):
    return {"type": name, "timeout": "20s", "retry": {"initial": "100ms", "jitter": False},
            "run": {"kind": "fastcgi", "socket": fpm.socket, "script": script, **(run or {})},
            **more}


class Php:
    def __init__(self, worker, fpm, alone, down):
        self.worker, self.fpm, self.alone, self.down = worker, fpm, alone, down
        self.wait, self.log, self.left = worker.wait, worker.log, worker.left

    def enqueue(self, code, type_="php", **options):
        return self.worker.enqueue(type_, {"php": code}, **options)

    def run(self, code, type_="php", **options):
        return self.wait(self.enqueue(code, type_, **options))

    def cancel(self, job):
        return self.worker.value("select millrace.cancel(%s)::text", job)


@pytest.fixture(scope="module")
def shared():
    with Fpm(4) as fpm, Fpm(1, request_terminate_timeout="4s") as alone, contextlib.closing(Fpm(1)) as down:
        script = fpm.script("job.php", SCRIPT)
        types = [
            php("php", fpm, script, {"params": {"APP_ENV": "test"}}),
            php("php.once", fpm, script, maxAttempts=1),
            php("php.small", fpm, script, {"maxResponse": "1KB"}),
            php("php.files", fpm, script, {"files": True}),
            php("php.gone", fpm, str(fpm.dir / "none.php")),
            php("php.alone", alone, script, {"maxInFlight": 1}, timeout="2s", maxAttempts=1),
            php("php.down", down, script, maxAttempts=1),
        ]
        with worker_stack([(spec, None) for spec in types]) as worker:
            yield Php(worker, fpm, alone, down)


# ---------------------------------------------------------------- there and back

def test_the_script_gets_payload_and_facts(shared):
    job = shared.enqueue("echo json_encode([$_SERVER, $job]);")
    server, payload = shared.wait(job)["result"]
    assert payload == {"php": "echo json_encode([$_SERVER, $job]);"}
    assert (server["MILLRACE_JOB_ID"], server["MILLRACE_TYPE"]) == (job, "php")
    assert (server["MILLRACE_ATTEMPT"], server["MILLRACE_MAX_ATTEMPTS"]) == ("1", "3")
    assert server["MILLRACE_TIMEOUT_MS"] == "20000"
    assert (server["REQUEST_METHOD"], server["CONTENT_TYPE"]) == ("POST", "application/json")
    assert server["APP_ENV"] == "test"


def test_an_answer_that_is_no_json_is_a_string(shared):
    assert shared.run("echo 'well done';")["result"] == "well done"


def test_a_large_payload_and_a_large_result(shared):
    job = shared.worker.enqueue("php", {"php": "echo json_encode($job['text']);", "text": "ä" * 100000})
    assert shared.wait(job)["result"] == "ä" * 100000


def test_many_are_in_flight_at_once(shared):
    jobs = [shared.enqueue("usleep(300000); echo 1;") for _ in range(4)]
    wait_for(lambda: sum(shared.worker.job(job)["state"] == "active" for job in jobs) == 4)
    for job in jobs:
        assert shared.wait(job)["state"] == "completed"


@pytest.mark.parametrize("status", [400, 404, 422, 301])
def test_a_status_that_is_final(shared, status):
    found = shared.run(f"http_response_code({status}); echo json_encode(['error' => ['message' => 'no']]);")
    assert found["state"] == "discarded" and found["attempt"] == 1
    assert (found["error"]["code"], found["error"]["message"]) == (f"http_{status}", "no")
    assert found["error"]["details"]["status"] == status


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_status_that_is_tried_again(shared, status):
    found = shared.run(f"if ($_SERVER['MILLRACE_ATTEMPT'] == 1) http_response_code({status});"
                       " echo $_SERVER['MILLRACE_ATTEMPT'];")
    assert found["state"] == "completed" and found["attempt"] == 2


def test_retry_after_is_minded(shared):
    job = shared.enqueue("http_response_code(503); header('Retry-After: 3600');")
    shared.wait(job, "retryable")
    assert 3500 < shared.worker.value(
        "select extract(epoch from run_at - now())::int from millrace.waiting where id = %s", job) < 3700
    shared.cancel(job)


def test_an_exception_is_no_result(shared):
    found = shared.run("throw new Exception('the oven is cold');", "php.once")
    assert found["state"] == "discarded" and found["error"]["code"] == "http_500"


def test_an_exception_is_in_the_log(shared):
    job = shared.enqueue("throw new Exception('the oven is cold');", "php.once")
    shared.wait(job)
    assert "the oven is cold" in shared.log(job)[0]


def test_a_script_that_is_not_there(shared):
    found = shared.run("", "php.gone")
    assert found["error"]["code"] == "http_404" and found["attempt"] == 1


def test_a_result_that_just_fits(shared):
    assert shared.run("echo str_repeat('x', 1024);", "php.small")["result"] == "x" * 1024


@pytest.mark.parametrize("size", [1025, 100000])
def test_a_result_that_is_too_large(shared, size):
    found = shared.run(f"echo str_repeat('x', {size});", "php.small")
    assert found["state"] == "discarded" and found["error"]["code"] == "result_too_large"


def test_a_child_that_dies_costs_an_attempt(shared):
    found = shared.run("if ($_SERVER['MILLRACE_ATTEMPT'] == 1) posix_kill(getmypid(), 9); echo 5;")
    assert found["result"] == 5 and found["attempt"] == 2


# ---------------------------------------------------------------- while it runs

def test_log_and_progress_are_told_while_it_runs(shared):
    job = shared.enqueue("error_log('begun; so far'); error_log('next');"
                         "error_log('{\"progress\": 40, \"message\": \"stirring\"}'); flush();"
                         f"while (!file_exists('{shared.fpm.dir}/go')) usleep(10000); echo 1;")
    wait_for(lambda: shared.worker.job(job)["progress"] == 40)
    wait_for(lambda: len(shared.log(job)) == 2)
    assert shared.worker.job(job)["message"] == "stirring"
    assert shared.log(job) == ["begun; so far", "next"]
    (shared.fpm.dir / "go").touch()
    assert shared.wait(job)["state"] == "completed"


def test_a_cancel_ends_a_script_that_says_something(shared):
    mark = shared.fpm.dir / "said"
    job = shared.enqueue("for ($i = 0; $i < 100; $i++) { usleep(50000); error_log(\"$i\"); flush();"
                         f" file_put_contents('{mark}', $i); }}")
    wait_for(mark.exists)
    shared.cancel(job)
    assert shared.wait(job)["state"] == "cancelled"
    last = []

    def still():
        last.append(mark.read_text())
        return len(last) > 30 and len(set(last[-30:])) == 1
    wait_for(still)
    assert int(mark.read_text()) < 90


def test_a_sleeping_script_is_ended_by_php_fpm(shared):
    """php-fpm does not look at the connection while a script sleeps: its only child is free
    again by request_terminate_timeout."""
    job = shared.enqueue(f"sleep(60); touch('{shared.alone.dir}/slept');", "php.alone")
    found = shared.wait(job)
    assert found["state"] == "discarded" and found["error"]["code"] == "timeout"
    wait_for(lambda: "terminating" in shared.alone.log())
    assert shared.run("echo 7;", "php.alone")["result"] == 7
    assert not (shared.alone.dir / "slept").exists()


def test_files_go_in_and_out(shared):
    job = shared.enqueue("file_put_contents($_SERVER['MILLRACE_OUTPUT_DIR'] . '/made.txt', 'x'); echo 1;",
                         "php.files")
    assert shared.wait(job)["state"] == "completed"
    assert [name for name, *_ in shared.worker.artifacts(job)] == ["made.txt"]


@pytest.mark.parametrize("keep, left", [("true", ["bad.csv"]), ("false", [])])
def test_a_failed_one_may_keep_its_files(shared, keep, left):
    job = shared.enqueue("file_put_contents($_SERVER['MILLRACE_OUTPUT_DIR'] . '/bad.csv', 'x'); http_response_code(422);"
                         f""" echo '{{"error": {{"message": "no", "artifacts": {keep}}}}}';""", "php.files")
    found = shared.wait(job)
    assert (found["state"], found["error"]["message"]) == ("discarded", "no")
    assert [name for name, *_ in shared.worker.artifacts(job)] == left


# ---------------------------------------------------------------- not there

def test_where_nothing_was_sent_no_attempt_is_lost(shared):
    job = shared.enqueue("echo 3;", "php.down")
    wait_for(lambda: shared.worker.tail().count("takes no jobs of the type php.down") >= 2)
    assert shared.worker.job(job)["state"] in ("available", "active")
    shared.down.start()
    found = shared.wait(job)
    assert found["state"] == "completed" and shared.left(job) == 0
    shared.down.stop()
