"""PostgreSQL goes down at once, amid posts and running jobs, and comes back."""

import signal
import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import bearer, code_of  # noqa: E402
from load import Load  # noqa: E402
from stack import Stack, wait_for  # noqa: E402

# Runs until the file that its payload names is there.
UNTIL = """#!/bin/sh
path=$(jq -r .path)
echo '{"progress": 50, "message": "waiting"}' >&3
until [ -e "$path" ]; do sleep 0.05; done
echo made > "$MILLRACE_OUTPUT_DIR/made.txt"
echo '"done"'
"""


@pytest.fixture
def stack():
    with Stack("postgres", "api", "nginx", MILLRACE_SLOTS="4") as running:
        running.add_type({"type": "until", "run": {"kind": "program", "command": ["until"]},
                          "maxAttempts": 1}, UNTIL)
        running.start("worker")
        wait_for(lambda: running.value("select count(*) from millrace.job_type where type = 'until'"))
        running.token("alice")
        yield running


def crash(stack):
    """What pg_ctl calls an immediate stop: connections are cut, nothing is flushed."""
    pid = stack.pid("postgres")
    stack.signal("postgres", signal.SIGQUIT)
    wait_for(lambda: not Path(f"/proc/{pid}/exe").exists(), what="PostgreSQL has ended")


def start_running(stack, path):
    jobs = [stack.post_job("until", {"path": str(path)}, user="alice") for _ in range(4)]
    for job in jobs:
        wait_for(lambda: stack.job(job, "alice").get("message") == "waiting")  # noqa: B023
    return jobs


def assert_refused_meanwhile(stack):
    for method, path, body in (("POST", "/api/jobs", {"type": "noop"}), ("GET", "/readyz", None),
                               ("GET", "/api/jobs", None)):
        answer = stack.request(method, path, user="alice", json=body)
        assert code_of(answer) == (503, "database_unavailable"), answer.text
        assert int(answer.headers["Retry-After"]) > 0
    assert stack.request("GET", "/healthz", user=None).status_code == 200


def all_done(stack, jobs):
    return stack.value("select count(*) from millrace.done where state = 'completed' "
                       "and id = any (%s::uuid[])", jobs) == len(jobs)


def test_nothing_accepted_is_lost_and_running_jobs_are_recorded(stack):
    path = stack.dir / "go-on"
    running = start_running(stack, path)
    with Load(stack.url, bearer(stack), {"type": "noop", "payload": [1, 2]}, repeat=True) as posts:
        posts.wait_more(200)
        crash(stack)
        began = time.monotonic()
        assert_refused_meanwhile(stack)
        path.touch()                        # they end while nobody can be told
        wait_for(lambda: len(posts.failed) > 50)
        stack.start("postgres")
        posts.wait_more(200)

    away = [one for one in posts.failed if one.began >= began]
    assert {(one.status, one.body["error"]["code"]) for one in away} == {
        (503, "database_unavailable")}
    # What was under way as it died may have been stored or not: 503 too, or 500
    # would be a lie; nothing hangs.
    assert {one.status for one in posts.failed} == {503}
    assert max(one.ended - one.began for one in posts.tries) < 10

    jobs = [one.job for one in posts.accepted]
    assert len(set(jobs)) == len(jobs) == len({one.key for one in posts.accepted})
    wait_for(lambda: all_done(stack, jobs), what="all accepted jobs are done")
    wait_for(lambda: all_done(stack, running), what="what ran meanwhile is recorded")
    for job in running:
        ended = stack.job(job, "alice")
        assert (ended["result"], ended["attempt"]) == ("done", 1)
        assert ended["artifacts"][0]["name"] == "made.txt"
    # Each key once, also where the first try was cut off after its commit.
    stored = stack.value("select count(*) from millrace.job where type = 'noop'")
    assert stored == stack.value("select count(*) from millrace.idempotency") == len(jobs)


def test_those_who_wait_for_a_result_are_answered(stack):
    path = stack.dir / "go-on"
    answers = []

    def post():
        answers.append(stack.request("POST", "/api/jobs", user="alice", headers={"Prefer": "wait=20"},
                                     json={"type": "until", "payload": {"path": str(path)}}))
    waiting = threading.Thread(target=post)
    waiting.start()
    wait_for(lambda: stack.value("select count(*) from millrace.active where message = 'waiting'"))
    crash(stack)
    stack.start("postgres")
    path.touch()
    waiting.join(30)
    assert (answers[0].status_code, answers[0].json()["result"]) == (200, "done")
