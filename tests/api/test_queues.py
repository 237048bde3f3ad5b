"""Queues and types: what is shown of them, set and paused, with real workers."""

import sys
import time
import uuid
from datetime import datetime, timezone
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import code_of  # noqa: E402
from cli import add_gated  # noqa: E402
from stack import Stack, assert_prompt, wait_for  # noqa: E402

WORKERS = ("worker", "worker2")


@pytest.fixture(scope="module", name="stack")
def _stack():
    with Stack("postgres", MILLRACE_SLOTS="4") as running:
        add_gated(running)
        running.start("api", "nginx", *WORKERS)
        yield running
        assert "Sanitizer" not in running.log("api") + running.log("worker")


@pytest.fixture(name="call")
def _call(stack):
    def call(method, path, status=200, user="admin", body=None):
        answer = stack.request(method, path, user=user, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()
    return call


@pytest.fixture(name="gate")
def _gate(stack):
    """Jobs that run until their gate is opened; all are stopped in the end."""
    path = stack.dir / str(uuid.uuid4())
    path.mkdir(mode=0o755)

    class Gate:
        def post(self, queue, name="g", **more):
            return stack.post_job("gated", {"gate": str(path / name)}, queue=queue, **more)

        def open(self, name="g"):
            (path / name).write_text("")

        def running(self, queue):
            return stack.value("select count(*) from millrace.active join millrace.job j using (id)"
                               " where j.queue = %s", queue)

        def runs(self, queue, count):
            wait_for(lambda: self.running(queue) == count, what=f"{count} running in {queue}")
    yield Gate()
    for (job,) in stack.sql("select id::text from millrace.active"):
        stack.sql("select millrace.cancel(%s)", job)
    stack.sql("update millrace.queue set paused_at = null, concurrency = null, rate_limit = null")
    wait_for(lambda: stack.value("select count(*) from millrace.active") == 0)


def nothing_starts(stack, jobs, seconds=2.5):
    """Longer than the workers' own look at the queue, once a second."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        rows = stack.sql("select state::text from millrace.job_info where id = any(%s::uuid[])", jobs)
        assert {state for (state,) in rows} == {"available"}
        time.sleep(0.05)


def seconds_to_start(stack, jobs, since):
    """Until the last of them has begun."""
    return max((time_of(stack.job(job)["startedAt"]) - since).total_seconds() for job in jobs)


def now():
    return datetime.now(timezone.utc)


def time_of(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


# ---------------------------------------------------------------- shown

def test_a_queue_is_shown_with_what_it_holds(stack, call, gate):
    gate.post("shown"), gate.post("shown")
    gate.runs("shown", 2)
    call("PUT", "/api/queues/shown", body={"concurrency": 2})
    gate.post("shown"), gate.post("shown", delay="1h")
    call("POST", "/api/jobs", 202, body={"type": "noop", "queue": "shown", "delay": "1h"})
    queue = call("GET", "/api/queues/shown", user="alice")
    minute = queue.pop("lastMinute")
    assert queue == {
        "success": True, "name": "shown", "paused": False, "weight": 1, "concurrency": 2,
        "waiting": 1, "scheduled": 2, "running": 2, "workers": 2,
        "counts": {"scheduled": 2, "available": 1, "active": 2}}
    assert set(minute) >= {"queued", "started", "completed", "failed", "cancelled", "retried"}
    gate.open()

    def flows():
        found = call("GET", "/api/queues/shown")["lastMinute"]
        return found if found["completed"] == 3 else None
    found = wait_for(flows)
    assert (found["queued"], found["started"]) == (5, 3)
    assert found["averageRunMs"] > 0 and found["averageWaitMs"] >= 0


def test_queues_with_settings_or_jobs_are_listed(stack, call):
    stack.post_job("noop", queue="with-jobs", delay="1h")
    call("PUT", "/api/queues/with-settings", body={"weight": 3})
    queues = {queue["name"]: queue for queue in call("GET", "/api/queues")["queues"]}
    assert queues["with-jobs"]["scheduled"] == 1 and queues["with-jobs"]["weight"] == 1
    assert queues["with-settings"]["weight"] == 3 and queues["with-settings"]["counts"] == {}
    assert list(queues) == sorted(queues)
    whole = call("GET", "/api/queues/with-settings")
    assert {**queues["with-settings"], "success": True} == whole
    assert code_of(stack.request("GET", "/api/queues/nowhere")) == (404, "queue_not_found")


# ---------------------------------------------------------------- set

def test_what_is_not_given_stays_and_null_takes_away(call):
    rate = {"limit": 100, "per": "1m", "burst": 5}
    first = call("PUT", "/api/queues/set", body={
        "weight": 5, "concurrency": 7, "rateLimit": rate, "maxLength": 0})
    assert (first["weight"], first["concurrency"], first["rateLimit"], first["maxLength"]) == (
        5, 7, rate, 0)
    second = call("PUT", "/api/queues/set", body={"concurrency": 8})
    assert {**first, "concurrency": 8} == second
    third = call("PUT", "/api/queues/set", body=dict.fromkeys(
        ["weight", "concurrency", "rateLimit", "maxLength"]))
    assert third["weight"] == 1
    assert not {"concurrency", "rateLimit", "maxLength"} & set(third)
    assert call("PUT", "/api/queues/set", body={}) == third


@pytest.mark.parametrize("body, code, says", [
    ({"weight": 0}, "invalid_member", "weight must be a whole number from 1 to 1000"),
    ({"weight": 1.5}, "invalid_member", "weight must be a whole number"),
    ({"weight": 10**12}, "invalid_member", "weight must be a whole number"),
    ({"concurrency": "4"}, "invalid_member", "concurrency must be a whole number"),
    ({"maxLength": -1}, "invalid_member", "maxLength must be a whole number from 0"),
    ({"rateLimit": 5}, "invalid_member", "rateLimit must be an object"),
    ({"rateLimit": {}}, "invalid_member", 'rateLimit must be {"limit": 100, "per": "1m"}'),
    ({"rateLimit": {"limit": 5, "per": "soon"}}, "invalid_duration", "'soon' is not a duration"),
    ({"rateLimit": {"limit": 5, "key": "x"}}, "unknown_member", "rateLimit has no member 'key'"),
    ({"rateLimit": {"limit": 5, "burst": 0}}, "invalid_member", "burst must be"),
    ({"wait": 1}, "unknown_member",
     "a queue has no member 'wait'; there are weight, concurrency, rateLimit, maxLength"),
])
def test_what_is_wrong_is_said(stack, body, code, says):
    answer = stack.request("PUT", "/api/queues/wrong", json=body)
    assert code_of(answer) == (400, code)
    assert says in answer.json()["error"]["message"]
    assert stack.request("GET", "/api/queues/wrong").status_code == 404


def test_only_an_admin_changes(stack):
    for method, path in [("PUT", "/api/queues/default"), ("POST", "/api/queues/default/pause"),
                         ("POST", "/api/queues/default/resume"), ("POST", "/api/types/noop/pause"),
                         ("POST", "/api/types/noop/resume")]:
        answer = stack.request(method, path, user="alice", json={"weight": 2})
        assert code_of(answer) == (403, "admin_only"), path
    answer = stack.request("PUT", "/api/queues/-", json={})
    assert code_of(answer) == (400, "invalid_member")
    assert code_of(stack.request("POST", "/api/queues/-/pause")) == (400, "invalid_member")


# ---------------------------------------------------------------- limits while it works

def test_a_new_limit_holds_for_what_runs_already(stack, call, gate):
    for name in "abcd":
        gate.post("late", name)
    gate.runs("late", 4)
    call("PUT", "/api/queues/late", body={"concurrency": 2})
    more = [gate.post("late", "more") for _ in range(3)]
    nothing_starts(stack, more)
    gate.open("a"), gate.open("b")
    nothing_starts(stack, more)
    gate.open("c")
    gate.runs("late", 2)
    gate.open("d")
    wait_for(lambda: gate.running("late") == 2 and stack.value(
        "select count(*) from millrace.active where id = any(%s::uuid[])", more) == 2)
    call("PUT", "/api/queues/late", body={"concurrency": None})
    gate.runs("late", 3)


def test_a_higher_limit_is_used_at_once(stack, call, gate):
    took = []
    for name in "abcde":
        call("PUT", "/api/queues/high", body={"concurrency": 1})
        jobs = [gate.post("high", name) for _ in range(3)]
        gate.runs("high", 1)
        call("PUT", "/api/queues/high", body={"concurrency": 3})
        asked = now()
        gate.runs("high", 3)
        took.append(seconds_to_start(stack, jobs, asked))
        gate.open(name)
        gate.runs("high", 0)
    assert_prompt(took, 0.4)


def test_a_full_queue_refuses(stack, call):
    call("PUT", "/api/queues/full", body={"maxLength": 0})
    answer = stack.request("POST", "/api/jobs", json={"type": "noop", "queue": "full"})
    assert answer.status_code == 503 and answer.json()["error"]["code"] == "queue_full"
    assert int(answer.headers["Retry-After"]) >= 1
    call("PUT", "/api/queues/full", body={"maxLength": None})
    stack.wait_job(stack.post_job("noop", queue="full"))


# ---------------------------------------------------------------- paused

def test_a_paused_queue_starts_nothing_and_runs_on(stack, call, gate):
    first = gate.post("still")
    gate.runs("still", 1)
    paused = call("POST", "/api/queues/still/pause")
    assert paused["paused"] and abs((time_of(paused["pausedAt"]) - now()).total_seconds()) < 5
    again = call("POST", "/api/queues/still/pause")
    assert again["pausedAt"] == paused["pausedAt"]
    jobs = [stack.post_job("noop", queue="still") for _ in range(5)]
    nothing_starts(stack, jobs)
    gate.open()
    assert stack.wait_job(first)["state"] == "completed"
    assert stack.wait_job(stack.post_job("noop"))["state"] == "completed"
    nothing_starts(stack, jobs)
    assert call("GET", "/api/queues/still")["waiting"] == 5

    resumed = call("POST", "/api/queues/still/resume")
    assert not resumed["paused"] and "pausedAt" not in resumed
    for job in jobs:
        assert stack.wait_job(job)["state"] == "completed"


@pytest.mark.parametrize("what", ["queues/default", "types/noop"])
def test_a_resumed_one_is_served_at_once(stack, call, what):
    took = []
    for _ in range(5):
        call("POST", f"/api/{what}/pause")
        jobs = [stack.post_job("noop") for _ in range(5)]
        call("POST", f"/api/{what}/resume")
        asked = now()
        for job in jobs:
            stack.wait_job(job)
        took.append(seconds_to_start(stack, jobs, asked))
    assert_prompt(took, 0.4)


def test_each_worker_heeds_a_pause_within_a_second(stack, call):
    """While both are busy with a queue, and not only when they next wait."""
    with stack.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select millrace.enqueue('noop', '{\"sleepMs\": 5}', '{\"queue\": \"busy\"}')"
                       " from generate_series(1, 20000)")
    wait_for(lambda: stack.value("select count(distinct worker) from millrace.done d "
                                 "join millrace.job j using (id) where queue = 'busy'") == 2)
    call("POST", "/api/queues/busy/pause")
    asked = now()

    def left():
        return stack.value("select count(*) from millrace.ready where queue = 'busy'")

    def rests():
        before = left()
        time.sleep(1.5)     # longer than they may take to hear of it
        return left() == before and stack.value("select count(*) from millrace.active") == 0
    wait_for(rests)
    assert left() > 0, "it ran on until the queue was empty"
    last = stack.value("select max(started_at) from millrace.done d join millrace.job j using (id)"
                       " where queue = 'busy'")
    assert (last - asked).total_seconds() < 3
    stack.sql("delete from millrace.ready where queue = 'busy'")


def test_a_paused_type_stays_so_when_its_workers_start_anew(stack, call, gate):
    assert call("POST", "/api/types/gated/pause") == {
        "success": True, "type": "gated", "paused": True}
    stack.restart(*WORKERS)
    job = gate.post("default")
    other = stack.post_job("noop")
    assert stack.wait_job(other)["state"] == "completed"
    nothing_starts(stack, [job])
    types = {row["type"]: row for row in call("GET", "/api/types")["types"]}
    assert types["gated"]["paused"] and "pausedAt" in types["gated"]
    assert not types["noop"]["paused"] and "pausedAt" not in types["noop"]
    assert stack.request("POST", "/api/types/gated/resume").json()["paused"] is False
    gate.open()
    assert stack.wait_job(job)["state"] == "completed"
    for word in "pause", "resume":
        answer = stack.request("POST", f"/api/types/nothing/{word}")
        assert code_of(answer) == (404, "type_not_found")


def test_types_show_what_their_files_say(stack, call):
    stack.add_type({"type": "rich", "run": {"kind": "program", "command": ["gated"]},
                    "concurrency": 3, "rateLimit": {"limit": 5, "per": "1m"},
                    "retention": {"completed": "7d", "failed": None}})
    stack.restart("worker")
    rich = {row["type"]: row for row in call("GET", "/api/types")["types"]}["rich"]
    assert rich["concurrency"] == 3
    assert rich["options"] == {"rateLimit": {"limit": 5, "per": "1m"}}
    assert rich["retention"] == {"completed": "7d", "failed": None}
