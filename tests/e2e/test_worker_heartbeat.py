"""Who says nothing for too long is stopped; who talks may take his time."""

import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from worker import SH, WARM, exists, process, program, worker_stack  # noqa: E402

BEAT = {"heartbeatTimeout": "2s", "timeout": "30s"}

# Says what the payload says, at those times.
TALKS = """#!/usr/bin/python3 -u
import json, sys, time
for line in sys.stdin:
    job = json.loads(line)
    for _ in range(job["payload"].get("times", 0)):
        time.sleep(0.5)
        if job["payload"]["on"] == "stderr":
            print("still at it", file=sys.stderr)
        else:
            print(json.dumps({"id": job["id"], "progress": 1}), flush=True)
    print(json.dumps({"id": job["id"], "result": "done"}), flush=True)
"""

TYPES = [
    (program("sh", **BEAT), SH),
    (program("sh.free"), None),
    (process("warm", run={"pipeline": 4}, **BEAT), WARM),
    (process("talks", "talks-handler", run={"pipeline": 4}, **BEAT), TALKS),
]


@pytest.fixture(scope="module")
def worker():
    with worker_stack(TYPES) as worker:
        yield worker


def facts(worker, job):
    return worker.value("select facts from millrace.done where id = %s", job)


def test_a_silent_program_is_stopped(worker):
    began = time.monotonic()
    job = worker.sh("echo $$ >&2; sleep 60", maxAttempts=1)
    found = worker.wait(job)
    assert 2 < time.monotonic() - began < 10
    assert found["state"] == "discarded" and found["error"]["code"] == "heartbeat_timeout"
    assert "2s" in found["error"]["message"]
    assert facts(worker, job)["outcome"] == "heartbeat"
    assert not exists(int(worker.log(job)[0]))


def test_it_is_a_failed_attempt_that_is_retried(worker):
    found = worker.run("test $MILLRACE_ATTEMPT = 2 || sleep 60; echo ok")
    assert found["state"] == "completed" and found["attempt"] == 2


@pytest.mark.parametrize("say", ["echo on >&2", """echo '{"progress": 1}' >&3""", "echo gibberish >&3"])
def test_a_line_is_a_sign_of_life(worker, say):
    found = worker.run(f"for i in 1 2 3 4 5 6; do sleep 0.5; {say}; done; echo ok", maxAttempts=1)
    assert found["result"] == "ok"


def test_stdout_is_none(worker):
    """It may be a result that nobody reads before the end."""
    found = worker.run("while :; do echo x; sleep 0.1; done", maxAttempts=1)
    assert found["error"]["code"] == "heartbeat_timeout"


def test_without_a_heartbeat_one_may_be_silent(worker):
    assert worker.run("sleep 1; echo ok", "sh.free")["result"] == "ok"


def test_a_silent_job_of_a_warm_process_is_stopped_and_the_others_go_back(worker):
    worker.wait(worker.enqueue("warm", {}))  # it has shown that it works
    job = worker.enqueue("warm", {"sleep": 60}, maxAttempts=1)
    worker.wait(job, "active")
    other = worker.enqueue("warm", {})
    found = worker.wait(job)
    assert found["state"] == "discarded" and found["error"]["code"] == "heartbeat_timeout"
    assert facts(worker, job)["outcome"] == "heartbeat"
    assert worker.wait(other)["state"] == "completed"


@pytest.mark.parametrize("on", ["stderr", "stdout"])
def test_a_line_of_a_warm_process_is_a_sign_of_life(worker, on):
    job = worker.enqueue("talks", {"on": on, "times": 6}, maxAttempts=1)
    assert worker.wait(job)["result"] == "done"
