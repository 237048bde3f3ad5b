"""GET /api/workers: who is there and what each of them runs."""

import socket
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import code_of  # noqa: E402
from cli import add_gated  # noqa: E402
from stack import Stack, wait_for  # noqa: E402


@pytest.fixture(scope="module", name="stack")
def _stack():
    with Stack("postgres", "api", "nginx", MILLRACE_SLOTS="3") as running:
        add_gated(running)
        running.start("worker", MILLRACE_QUEUES="mail=2,default")
        running.start("worker2")
        yield running


def workers(stack):
    answer = stack.request("GET", "/api/workers")
    assert answer.status_code == 200, answer.text
    return {worker["name"]: worker for worker in answer.json()["workers"]}


def age(text):
    return (datetime.now(timezone.utc) - datetime.fromisoformat(text.replace("Z", "+00:00"))
            ).total_seconds()


def test_who_is_there(stack):
    both = workers(stack)
    assert list(both) == ["worker", "worker2"]
    one, two = both.values()
    assert (one["pid"], two["pid"]) == (stack.pid("worker"), stack.pid("worker2"))
    assert one["slots"] == 3 and one["queues"] == ["mail", "default"] and one["reserves"] == {"mail": 2}
    assert "queues" not in two and "reserves" not in two
    for worker in one, two:
        assert set(worker["types"]) >= {"analyze-file", "gated", "noop"}
        assert worker["alive"] is True and worker["running"] == []
        assert worker["host"] == socket.gethostname() and worker["version"]
        assert age(worker["seenAt"]) < 5 and age(worker["startedAt"]) < 300


def test_what_it_runs(stack):
    gate = stack.dir / "gate"
    job = stack.post_job("gated", {"gate": str(gate)}, user="alice", queue="mail")
    waits = stack.post_job("gated", {"gate": str(gate)}, user="alice", queue="other")

    def run_of(job):
        return next(((name, run) for name, worker in workers(stack).items()
                     for run in worker["running"]
                     if run["jobId"] == job and run["progress"] == 30), None)
    _, run = wait_for(lambda: run_of(job))
    assert age(run.pop("startedAt")) < 30
    assert run == {"jobId": job, "type": "gated", "queue": "mail", "owner": "alice",
                   "attempt": 1, "progress": 30, "message": "at the gate"}
    assert wait_for(lambda: run_of(waits))[0] == "worker2"
    gate.write_text("")
    stack.wait_job(job), stack.wait_job(waits)
    assert all(worker["running"] == [] for worker in workers(stack).values())


def test_one_that_is_silent_is_shown_as_not_alive(stack):
    stack.sql("select millrace.worker_begin(gen_random_uuid(), 'silent', 'h', 1, 'v', 1, null, '{a}')")
    assert workers(stack)["silent"]["alive"] is True
    stack.sql("update millrace.worker set seen_at = now() - interval '11 s' where name = 'silent'")
    found = workers(stack).get("silent")
    assert found is None or found["alive"] is False      # gone: another one has buried it


def test_only_for_an_admin(stack):
    assert code_of(stack.request("GET", "/api/workers", user="alice")) == (403, "admin_only")
