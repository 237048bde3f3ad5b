"""Many jobs at once by a filter: cancel, run again, throw away; and why jobs fail."""

import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import BULK, TYPE, api_stack, code_of, ids, in_threads, listed, post  # noqa: E402
from runs import Runs  # noqa: E402


@pytest.fixture(scope="module", name="stack")
def _stack():
    with api_stack() as running:
        yield running


@pytest.fixture(name="owner")
def _owner(stack):
    """A user of whom nothing is stored yet."""
    name = str(uuid.uuid4())
    stack.token(name)
    return name


def do(stack, action, user="alice", **members):
    answer = stack.request("POST", f"/api/jobs/{action}", user=user, json=members)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.pop("success") and set(body) == {"matched", "more"}
    return body["matched"], body["more"]


def states(stack, jobs):
    return [stack.value("select state::text from millrace.job_info where id = %s", job)
            for job in jobs]


def fail(stack, jobs, code="broken", message="it broke"):
    """Run jobs that fail; whatever else was claimed is given back."""
    runs = Runs(stack, TYPE)
    claimed = runs.claim(1000)
    assert set(jobs) <= set(claimed)
    for job, attempt in claimed.items():
        end = {"state": "discarded", "error": {"code": code, "message": message}}
        runs.finish(job, attempt, **(end if job in jobs else {"state": "available"}))


# ---------------------------------------------------------------- cancel

@pytest.mark.parametrize("members, met", [
    ({"type": TYPE}, [0, 1, 2, 3, 4, 5]), ({"type": "other"}, []), ({"queue": "q1"}, [1, 3, 5]),
    ({"tag": "t0"}, [0, 3]), ({"queue": "q0", "tag": "t0"}, [0]), ({"state": "scheduled"}, [5]),
    ({"status": "pending", "state": "available"}, [0, 1, 2, 3, 4]), ({"status": "failed"}, []),
    ({"before": "2001-01-01T00:00:00Z"}, []), ({"after": "2001-01-01T00:00:00+01:00"}, range(6)),
    ({"limit": 4}, None), ({"errorCode": "broken"}, []), ({"tag": None}, range(6)), ({}, range(6)),
], ids=str)
def test_a_filter_says_which(stack, owner, members, met):
    jobs = [post(stack, owner, queue=f"q{i % 2}", tags=[f"t{i % 3}"],
                 **({"delay": "1h"} if i == 5 else {})) for i in range(6)]
    matched, more = do(stack, "cancel", owner, **members)
    cancelled = [i for i, state in enumerate(states(stack, jobs)) if state == "cancelled"]
    if met is None:
        assert (matched, more, len(cancelled)) == (4, True, 4)
        assert do(stack, "cancel", owner, **members) == (2, False)
    else:
        assert (matched, more, cancelled) == (len(met), False, list(met))


def test_those_of_a_batch(stack, owner):
    batch = str(uuid.uuid4())
    stack.sql("select millrace.batch_begin(%s, %s, '', null, null, null)", batch, owner)
    inside = [post(stack, owner, batchId=batch) for _ in range(3)]
    outside = post(stack, owner)
    assert do(stack, "cancel", owner, batchId=batch) == (3, False)
    assert states(stack, [*inside, outside]) == ["cancelled"] * 3 + ["available"]


def test_running_ones_are_asked_to_stop(stack, owner):
    job = post(stack, owner)
    runs = Runs(stack, TYPE)
    attempt = runs.claim(1000)[job]
    assert do(stack, "cancel", owner, state="active") == (1, False)
    assert do(stack, "cancel", owner, state="active") == (0, False)
    runs.finish(job, attempt, state="retryable", delay_ms=0)
    assert stack.job(job)["state"] == "cancelled"


def test_nobody_touches_those_of_others(stack, owner):
    job, mine = post(stack, owner), post(stack, "mallory")
    assert do(stack, "cancel", "mallory") == (1, False)
    assert states(stack, [job, mine]) == ["available", "cancelled"]
    for action in "cancel", "retry", "discard":
        answer = stack.request("POST", f"/api/jobs/{action}", user="mallory", json={"owner": owner})
        assert code_of(answer) == (403, "admin_only")
    assert do(stack, "cancel", "admin", owner=owner) == (1, False)
    assert states(stack, [job]) == ["cancelled"]


@pytest.mark.parametrize("members, code", [
    ({"colour": 1}, "unknown_member"), ({"type": 1}, "invalid_member"),
    ({"state": "done"}, "invalid_member"), ({"status": "active"}, "invalid_member"),
    ({"before": "today"}, "invalid_time"), ({"batchId": "7"}, "invalid_member"),
    ({"limit": 0}, "invalid_member"), ({"limit": 10001}, "invalid_member"),
    ({"limit": "9"}, "invalid_member"),
], ids=str)
def test_filters_that_are_wrong(stack, owner, members, code):
    job = post(stack, owner)
    for action in "cancel", "retry", "discard":
        answer = stack.request("POST", f"/api/jobs/{action}", user=owner, json=members)
        assert code_of(answer) == (400, code), action
    assert states(stack, [job]) == ["available"]


def test_thousands_are_cancelled_in_small_steps(stack, owner):
    """And others get on with theirs meanwhile."""
    for _ in range(2):
        body = {"jobs": [{"type": BULK}] * 6000}
        assert stack.request("POST", "/api/jobs/batch", user=owner, json=body).status_code == 202

    def client(i):
        if i == 0:
            return do(stack, "cancel", owner, type=BULK)
        return stack.job(post(stack, "neighbour"))["state"]
    answers = in_threads(5, client)
    assert answers == [(10000, True)] + ["available"] * 4
    assert do(stack, "cancel", owner, type=BULK) == (2000, False)
    steps = stack.sql("select count(*) from millrace.job_event where owner = %s"
                      " and kind = 'job_cancelled' group by xid", owner)
    assert [n for (n,) in steps] == [1000] * 12


def test_two_at_once_do_not_stand_in_each_others_way(stack, owner):
    body = {"jobs": [{"type": BULK}] * 3000}
    assert stack.request("POST", "/api/jobs/batch", user=owner, json=body).status_code == 202
    answers = in_threads(4, lambda _: do(stack, "cancel", owner))
    assert sum(matched for matched, _ in answers) == 3000
    assert not any(more for _, more in answers)


# ---------------------------------------------------------------- run again, throw away

def test_failed_ones_are_run_again(stack, owner):
    jobs = [post(stack, owner) for _ in range(5)]
    fail(stack, jobs[:2])
    for job in jobs[2:4]:
        stack.request("DELETE", f"/api/jobs/{job}", user=owner)
    assert do(stack, "retry", owner, errorCode="other") == (0, False)
    assert do(stack, "retry", owner, errorCode="broken", limit=1) == (1, True)
    assert do(stack, "retry", owner) == (1, False)
    assert states(stack, jobs) == ["available"] * 2 + ["cancelled"] * 2 + ["available"]
    assert do(stack, "retry", owner, state="cancelled") == (2, False)
    assert do(stack, "retry", owner, status="completed") == (0, False)
    assert set(jobs) <= set(Runs(stack, TYPE).claim(1000))


def test_a_job_that_waits_for_others_does_so_again(stack, owner):
    first = post(stack, owner, delay="1h")
    job = post(stack, owner, dependsOn=[first])
    assert stack.request("DELETE", f"/api/jobs/{job}", user=owner).status_code == 200
    again = stack.request("POST", f"/api/jobs/{job}/retry", user=owner)
    assert (again.status_code, again.json()["state"]) == (202, "pending")


def test_thrown_away_is_gone(stack, owner):
    failed, done, waits = (post(stack, owner) for _ in range(3))
    fail(stack, [failed])
    stack.request("POST", f"/api/jobs/{failed}/retry", user=owner)
    assert code_of(stack.request("POST", f"/api/jobs/{waits}/discard", user=owner)) == (
        409, "job_not_final")
    fail(stack, [failed])
    # Only failed ones, where the filter does not say otherwise.
    stack.request("DELETE", f"/api/jobs/{done}", user=owner)
    answer = stack.request("POST", f"/api/jobs/{done}/discard", user="mallory")
    assert code_of(answer) == (404, "job_not_found")
    assert do(stack, "discard", owner) == (1, False)
    answer = stack.request("POST", f"/api/jobs/{done}/discard", user=owner)
    assert answer.json() == {"success": True, "jobId": done, "message": "thrown away"}

    assert ids(listed(stack, "", owner)) == [waits]
    for job in failed, done:
        for method, rest in [("GET", ""), ("GET", "/status"), ("GET", "/logs"), ("GET", "/events"),
                             ("GET", "/artifacts"), ("GET", "/attempts"), ("GET", "/explain"),
                             ("POST", "/retry"), ("POST", "/discard"), ("POST", "/cancel")]:
            answer = stack.request(method, f"/api/jobs/{job}{rest}", user=owner)
            assert code_of(answer) == (404, "job_not_found"), rest
    assert stack.value("select count(*) from millrace.done join millrace.job j using (id)"
                       " where j.owner = %s and expires_at <= now()", owner) == 2


# ---------------------------------------------------------------- why

def test_failures_are_grouped_by_their_reason(stack, owner):
    def failures(user):
        return stack.request("GET", "/api/jobs/failures", user=user).json()["failures"]
    assert failures(owner) == []
    many = [post(stack, owner) for _ in range(4)]
    fail(stack, many[:1], message="row 7 has no price")
    fail(stack, many[1:3], message="row 1234 has no price")
    fail(stack, many[3:], code="timeout", message="after 10 s")
    first, second = failures(owner)
    assert first.pop("firstAt") <= first.pop("lastAt")
    assert first.pop("message") in ("row 7 has no price", "row 1234 has no price")
    assert first == {"type": TYPE, "code": "broken", "count": 3, "exampleJobId": many[2]}
    assert (second["code"], second["count"], second["exampleJobId"]) == ("timeout", 1, many[3])
    assert second["count"] <= sum(row["count"] for row in failures("admin") if row["code"] == "timeout")
    assert failures("nobody") == []
    do(stack, "discard", owner, errorCode="broken")
    assert [row["code"] for row in failures(owner)] == ["timeout"]
    do(stack, "retry", owner)
    assert failures(owner) == []
