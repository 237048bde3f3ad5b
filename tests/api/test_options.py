"""The rarer options of jobs: taken, kept and shown; what is wrong is said, of one job
and of one in a batch; who may; and changes of jobs that wait."""

import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import TYPE, api_stack, code_of, post  # noqa: E402
from job_bodies import NOBODYS  # noqa: E402
from runs import Runs  # noqa: E402


@pytest.fixture(scope="module", name="stack")
def _stack():
    with api_stack() as running:
        yield running


@pytest.fixture(name="runs")
def _runs(stack):
    runs = Runs(stack, TYPE)
    yield runs
    for job, attempt in stack.sql("select id::text, attempt from millrace.active"):
        runs.finish(job, attempt)


def send(stack, user="alice", **members):
    return stack.request("POST", "/api/jobs", user=user, json={"type": TYPE, **members})


def change(stack, job, user="alice", **members):
    return stack.request("PATCH", f"/api/jobs/{job}", user=user, json=members)


def ahead(**span):
    at = datetime.now(timezone.utc) + timedelta(**span)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


# ---------------------------------------------------------------- what is taken

@pytest.mark.parametrize("members, shown, extra", [
    ({"concurrencyKey": "k/1", "concurrencyLimit": 3},
     {"concurrencyKey": "k/1", "concurrencyLimit": 3},
     {"keys": [{"key": "c/o/alice/k/1", "max": 3}]}),
    ({"concurrencyKey": "k"}, {"concurrencyKey": "k", "concurrencyLimit": 1},
     {"keys": [{"key": "c/o/alice/k", "max": 1}]}),
    ({"serialKey": "line"}, {"serialKey": "line"},
     {"keys": [{"key": "s/o/alice/line", "max": 1}], "serial": "s/o/alice/line"}),
    ({"rateLimit": {"key": "r", "limit": 10, "per": "1m", "burst": 2}}, {},
     {"keys": [{"key": "r/o/alice/r", "burst": 2, "everyMs": 6000}]}),
    ({"expiresAt": "2999-01-31T09:00:00+01:00"}, {"expiresAt": "2999-01-31T08:00:00.000Z"}, None),
    ({"heartbeatTimeout": "30s"}, {}, {"heartbeatMs": 30000}),
    ({"concurrencyKey": None, "rateLimit": None, "dependsOn": None, "unique": None}, {}, None),
    ({"dependsOn": []}, {}, None),
    ({"retry": {"delays": ["1s", "10s"]}}, {}, None),
], ids=str)
def test_an_option_is_kept_and_shown(stack, members, shown, extra):
    job = send(stack, **members)
    assert (job.status_code, job.json()["state"]) == (202, "available"), job.text
    job_id = job.json()["jobId"]
    names = ("dependsOn", "onDependencyFailure", "batchId", "concurrencyKey", "concurrencyLimit",
             "serialKey", "fairKey", "expiresAt")
    seen = stack.job(job_id, user="alice")
    assert {name: seen[name] for name in names if name in seen} == shown
    if extra is not None:
        assert stack.value("select extra from millrace.job where id = %s", job_id) == extra


def test_most_jobs_have_none(stack):
    assert stack.value("select extra from millrace.job where id = %s", post(stack)) is None


def test_jobs_in_a_list_show_theirs(stack):
    send(stack, user="lister", serialKey="line")
    (job,) = stack.request("GET", "/api/jobs", user="lister").json()["jobs"]
    assert job["serialKey"] == "line"


def test_a_document_has_only_its_payload(stack):
    document = {"documentType": TYPE, "uniqueKey": "x", "dependsOn": [1], "fairKey": 5}
    for _ in range(2):
        answer = stack.request("POST", "/api/jobs", user="alice", json=document)
        assert answer.status_code == 202
    assert stack.job(answer.json()["jobId"])["payload"] == {
        "uniqueKey": "x", "dependsOn": [1], "fairKey": 5}


def test_too_late_is_cancelled(stack):
    """By the housekeeping, or by nobody having claimed it in time."""
    job = send(stack, expiresIn="2ms").json()["jobId"]
    assert job not in Runs(stack, TYPE).claim(1000)
    stack.sql("select millrace.expire()")
    found = stack.job(job, user="alice")
    assert (found["state"], found["error"]["code"]) == ("cancelled", "expired")
    assert found["expiresAt"] > found["createdAt"]


# ---------------------------------------------------------------- what is wrong

WRONG = [
    ({"uniqueKey": ""}, "invalid_member", "uniqueKey must be a text"),
    ({"uniqueKey": 5}, "invalid_member", "uniqueKey must be a text"),
    ({"unique": {}}, "invalid_member", "unique must have"),
    ({"unique": {"by": ["colour"]}}, "invalid_member", "unique.by must list"),
    ({"unique": {"key": "k", "states": ["ready"]}}, "invalid_member", "unique.states"),
    ({"unique": {"key": "k", "within": "soon"}}, "invalid_duration", "soon"),
    ({"unique": {"key": "k", "onConflict": "fail"}}, "invalid_member", "onConflict"),
    ({"unique": {"key": "k", "colour": 1}}, "unknown_member", "colour"),
    ({"dependsOn": "x"}, "invalid_member", "dependsOn"),
    ({"dependsOn": [NOBODYS]}, "unknown_dependency", NOBODYS),
    ({"dependsOn": [NOBODYS] * 1001}, "invalid_member", "1000"),
    ({"onDependencyFailure": "ignore"}, "invalid_member", "onDependencyFailure"),
    ({"batchId": NOBODYS}, "batch_closed", NOBODYS),
    ({"concurrencyKey": "x" * 201}, "invalid_member", "concurrencyKey"),
    ({"concurrencyLimit": 1}, "invalid_member", "concurrencyKey"),
    ({"concurrencyKey": "k", "concurrencyLimit": 0}, "invalid_member", "concurrencyLimit"),
    ({"rateLimit": {"key": "k", "limit": 0}}, "invalid_member", "limit"),
    ({"rateLimit": {"limit": 1}}, "invalid_member", "rateLimit.key"),
    ({"serialKey": []}, "invalid_member", "serialKey"),
    ({"expiresAt": "tomorrow"}, "invalid_time", "expiresAt"),
    ({"expiresAt": "2030-02-31T08:00:00Z"}, "invalid_time", "expiresAt"),
    ({"expiresIn": "5"}, "invalid_duration", "5"),
    ({"expiresAt": "2999-01-01T00:00:00Z", "expiresIn": "1h"}, "invalid_member", "not both"),
    ({"heartbeatTimeout": "x"}, "invalid_duration", "x"),
]


@pytest.mark.parametrize("members, code, says", WRONG, ids=lambda value: str(value)[:60])
def test_what_is_wrong_is_said(stack, members, code, says):
    before = stack.value("select count(*) from millrace.job")
    status = 409 if code == "batch_closed" else 400
    alone = send(stack, **members)
    assert code_of(alone) == (status, code)
    assert says in alone.json()["error"]["message"]
    batch = stack.request("POST", "/api/jobs/batch", user="alice", json={
        "jobs": [{"type": TYPE}, {"type": TYPE, "serialKey": "s"}, {"type": TYPE, **members}]})
    if members.get("dependsOn") == "x":
        assert code_of(batch)[1] in ("invalid_member", "unknown_ref")
    else:
        assert code_of(batch) == (status, code)
        assert batch.json()["error"]["message"] == alone.json()["error"]["message"]
    assert batch.json()["error"]["details"]["index"] == 2
    assert stack.value("select count(*) from millrace.job") == before


def test_the_member_is_named_where_the_code_tells(stack):
    for members, member in [({"type": "nothing"}, "type"), ({"dependsOn": [NOBODYS]}, "dependsOn"),
                            ({"batchId": NOBODYS}, "batchId"), ({"fairKey": "x"}, "fairKey"),
                            ({"ref": "x"}, "ref"), ({"colour": 1}, "colour")]:
        assert send(stack, **members).json()["error"]["details"] == {"member": member}


def test_jobs_of_others_are_not_there_to_depend_on(stack):
    job = post(stack, "bob")
    assert code_of(send(stack, dependsOn=[job])) == (400, "unknown_dependency")


def test_whose_share_is_for_admins_to_say(stack):
    fair = {"type": TYPE, "fairKey": "tenant 7"}
    assert code_of(send(stack, **fair)) == (403, "admin_only")
    batch = stack.request("POST", "/api/jobs/batch", user="alice", json={"jobs": [{"type": TYPE}, fair]})
    assert code_of(batch) == (403, "admin_only")
    assert batch.json()["error"]["details"] == {"index": 1, "member": "fairKey"}
    schedule = stack.request("PUT", "/api/schedules/fair", user="alice", json={
        "every": "1h", "type": TYPE, "options": {"fairKey": "tenant 7"}})
    assert code_of(schedule) == (403, "admin_only")

    job = send(stack, user="admin", **fair).json()["jobId"]
    assert stack.job(job)["fairKey"] == "tenant 7"
    assert stack.value("select tenant from millrace.ready where id = %s", job) == "tenant 7"


def test_a_known_batch_takes_no_more_but_knows_what_it_took(stack):
    batch = stack.value("select millrace.uuid_v7()::text")
    stack.sql("select millrace.batch_begin(%s, 'alice', 'b', null, null, null)", batch)
    head = {"Idempotency-Key": batch}

    def again():
        return stack.request("POST", "/api/jobs", user="alice", headers=head,
                             json={"type": TYPE, "batchId": batch})
    first = again()
    assert stack.job(first.json()["jobId"])["batchId"] == batch
    stack.sql("select millrace.batch_close(%s)", batch)
    assert (again().status_code, again().text) == (202, first.text)
    assert code_of(send(stack, batchId=batch)) == (409, "batch_closed")


# ---------------------------------------------------------------- changes

def test_a_priority_is_changed(stack, runs):
    first, second = post(stack), post(stack)
    changed = change(stack, second, priority="high")
    assert changed.status_code == 200
    assert changed.json() == stack.job(second, user="alice")
    assert changed.json()["priority"] == 50
    assert list(runs.claim(1)) == [second]
    assert stack.job(first, user="alice")["state"] == "available"


def test_a_time_is_changed(stack, runs):
    job = post(stack)
    assert change(stack, job, delay="1h").json()["state"] == "scheduled"
    assert stack.job(job, user="alice")["runAt"] > ahead(minutes=59)
    assert change(stack, job, delayMs=7200000).json()["runAt"] > ahead(minutes=119)
    at = ahead(hours=5)
    both = change(stack, job, runAt=at, priority=-3).json()
    assert (both["runAt"], both["priority"], both["state"]) == (at, -3, "scheduled")
    assert job not in runs.claim(1000)
    assert change(stack, job, delay="0s").json()["state"] == "available"
    assert job in runs.claim(1000)


@pytest.mark.parametrize("members, code", [
    ({}, "missing_member"), ({"priority": None}, "missing_member"),
    ({"priority": 101}, "invalid_member"), ({"runAt": "soon"}, "invalid_time"),
    ({"delay": 5}, "invalid_member"), ({"delay": "1h", "delayMs": 5}, "invalid_member"),
    ({"delay": "1h", "runAt": "2999-01-01T00:00:00Z"}, "invalid_member"),
    ({"queue": "other"}, "unknown_member"),
], ids=str)
def test_a_change_that_is_wrong(stack, members, code):
    job = post(stack)
    assert code_of(change(stack, job, **members)) == (400, code)
    assert stack.job(job, user="alice")["state"] == "available"


def test_what_runs_or_has_ended_stays_as_it_is(stack, runs):
    job = post(stack)
    attempt = runs.claim(1000)[job]
    assert code_of(change(stack, job, priority=1)) == (409, "job_started")
    runs.finish(job, attempt)
    assert code_of(change(stack, job, priority=1)) == (409, "job_final")
    assert code_of(change(stack, job, user="mallory", priority=1)) == (404, "job_not_found")
    assert change(stack, post(stack), user="admin", priority=1).status_code == 200


# ---------------------------------------------------------------- why and how often

def explain(stack, job, user="alice"):
    answer = stack.request("GET", f"/api/jobs/{job}/explain", user=user)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.pop("success") and body.pop("jobId") == job
    return body


def test_why_a_job_does_not_run(stack):
    job = post(stack, queue="explained")
    stack.sql("update millrace.worker set seen_at = now() - interval '1 h'")
    assert explain(stack, job)["reason"] == "no_worker"
    runs = Runs(stack, TYPE)
    assert explain(stack, job)["details"] == {"ahead": 0}
    other = post(stack, queue="explained")
    assert (explain(stack, other)["reason"], explain(stack, other)["details"]) == (
        "behind", {"ahead": 1})
    later = post(stack, delay="1h")
    assert explain(stack, later)["estimatedStartAt"] == stack.job(later)["runAt"]
    needs = send(stack, dependsOn=[later]).json()["jobId"]
    assert explain(stack, needs)["details"] == {
        "waitsFor": [{"jobId": later, "state": "scheduled"}]}

    key = {"concurrencyKey": "explained", "priority": 100}
    first, second = (send(stack, **key).json()["jobId"] for _ in range(2))
    claimed = runs.claim(1000)
    assert first in claimed and second not in claimed
    assert explain(stack, first)["reason"] == "running"
    why = explain(stack, second)
    assert (why["reason"], why["details"]) == ("limit", {"heldBy": [first], "ahead": 0})
    assert first in why["message"]
    for each, attempt in claimed.items():
        runs.finish(each, attempt)
    assert explain(stack, first) == {"reason": "ended", "message": "it has ended: completed"}
    for what in "explain", "attempts":
        hidden = stack.request("GET", f"/api/jobs/{first}/{what}", user="mallory")
        assert code_of(hidden) == (404, "job_not_found")


def test_every_attempt_is_kept(stack, runs):
    def attempts():
        answer = stack.request("GET", f"/api/jobs/{job}/attempts", user="alice")
        return answer.json()["attempts"]
    job = post(stack)
    assert attempts() == []
    runs.claim(1000)
    error = {"code": "handler_failed", "message": "no", "details": {"a": None}}
    (running,) = attempts()
    assert (running["attempt"], running["outcome"]) == (1, "running") and "endedAt" not in running
    stack.sql("select millrace.finish(%s::uuid, array[%s]::uuid[], '{1}', '{retryable}', '{null}', array[%s],"
              " '{0}', '{null}', array[%s])", runs.id, job,
              '{"code": "handler_failed", "message": "no", "details": {"a": null}}',
              '{"exitCode": 3, "cpuMs": 12, "peakKb": 4096, "stderr": ["a", "b"]}')
    stack.sql("select millrace.promote()")
    runs.run(job, result=7)
    first, last = attempts()
    assert first.pop("startedAt") <= first.pop("endedAt") <= last.pop("startedAt")
    assert first.pop("worker") == last.pop("worker") == stack.job(job)["worker"]
    assert first == {"attempt": 1, "outcome": "failed", "error": error, "exitCode": 3,
                     "cpuMs": 12, "peakKb": 4096, "stderr": ["a", "b"]}
    assert last.pop("endedAt") and last == {"attempt": 2, "outcome": "completed"}


def test_how_long_a_job_is_kept(stack, runs):
    stack.sql("update millrace.job_type set retention = '{\"completed\": \"7d\"}' where type = %s", TYPE)
    job = post(stack)
    assert "keptUntil" not in stack.job(job)
    runs.run(job)
    assert ahead(days=6, hours=23) < stack.job(job)["keptUntil"] < ahead(days=7, hours=1)
    stack.sql("update millrace.job_type set retention = null where type = %s", TYPE)
    other = post(stack)
    runs.run(other)
    assert "keptUntil" not in stack.job(other)
