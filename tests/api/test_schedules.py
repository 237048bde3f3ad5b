"""Schedules through nginx, with real workers that make and run their jobs."""

import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import code_of, ids  # noqa: E402
from stack import Stack, wait_for  # noqa: E402

EVERY_SECOND = "* * * * * *"


@pytest.fixture(scope="module", name="stack")
def _stack():
    with Stack("postgres", "api", "worker", "nginx") as running:
        yield running
        assert "Sanitizer" not in running.log("api")


@pytest.fixture(name="call")
def _call(stack):
    def call(method, path="", status=200, user="alice", **body):
        answer = stack.request(method, "/api/schedules" + path, user=user,
                               **({"json": body} if method in ("POST", "PUT") and body else {}))
        assert answer.status_code == status, answer.text
        return answer.json()
    yield call
    stack.sql("delete from millrace.schedule")


def time_of(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def made(stack, name, user="alice"):
    """The jobs of a schedule, found as people find them."""
    answer = stack.request("GET", f"/api/jobs?tag=schedule:{name}&limit=1000", user=user)
    return answer.json()["jobs"]


# ---------------------------------------------------------------- one schedule

def test_a_schedule_is_created_read_replaced_and_deleted(stack, call):
    answer = stack.request("POST", "/api/schedules", user="alice", data=(
        '{"name": "nightly.report", "cron": "30 3 * * mon-fri", "timezone": "Europe/Berlin", '
        '"type": "noop", "payload": {"n": 1.50}, "options": {"queue": "mail"}, '
        '"overlap": "skip", "missed": "all", "missedLimit": 5}'))
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == "/api/schedules/nightly.report"
    assert '"payload":{"n": 1.50}' in answer.text
    whole = answer.json()
    created, following = time_of(whole.pop("createdAt")), time_of(whole.pop("nextRunAt"))
    assert abs(created - datetime.now(timezone.utc)) < timedelta(minutes=1)
    assert created < following < created + timedelta(days=4)
    assert whole == {
        "success": True, "name": "nightly.report", "cron": "30 3 * * mon-fri",
        "timezone": "Europe/Berlin", "type": "noop", "payload": {"n": 1.5},
        "options": {"queue": "mail"}, "overlap": "skip", "missed": "all", "missedLimit": 5,
        "paused": False, "owner": "alice"}
    assert call("GET", "/nightly.report") == answer.json()
    assert call("PUT", "/nightly.report", cron="30 3 * * mon-fri", timezone="Europe/Berlin",
                type="noop", payload=2)["nextRunAt"] == answer.json()["nextRunAt"]
    other = call("PUT", "/nightly.report", every="90s", type="noop")
    assert (other["every"], other["payload"]) == ("90s", {}) and "cron" not in other
    assert time_of(other["nextRunAt"]) <= datetime.now(timezone.utc) + timedelta(seconds=90)
    assert call("DELETE", "/nightly.report") == {"success": True}
    call("GET", "/nightly.report", 404)


def test_put_creates_too_and_is_idempotent(call):
    first = call("PUT", "/p", 201, cron="@daily", type="noop")
    assert call("PUT", "/p", cron="@daily", type="noop") == first
    assert call("PUT", "/p", name="p", cron="@daily", type="noop") == first


def test_next_times(call):
    call("PUT", "/n", 201, cron="30 2 * * *", timezone="Europe/Berlin", type="noop")
    times = call("GET", "/n/next?count=100")["next"]
    assert len(times) == 100 and times == sorted(set(times))
    assert times[0] == call("GET", "/n")["nextRunAt"]
    assert len(call("GET", "/n/next")["next"]) == 20
    call("POST", "/n/pause")
    assert call("GET", "/n/next?count=2")["next"] == times[:2]


def test_lists(call):
    for name in "c", "a", "b":
        call("PUT", f"/{name}", 201, every="1h", type="noop")
    call("PUT", "/a", 201, user="bob", every="1h", type="noop")

    def names(body):
        return [(row["owner"], row["name"]) for row in body["schedules"]]
    assert names(call("GET")) == [("alice", "a"), ("alice", "b"), ("alice", "c")]
    everybodys = call("GET", user="admin")
    assert names(everybodys) == [*names(call("GET")), ("bob", "a")]
    assert names(call("GET", "?owner=bob", user="admin")) == [("bob", "a")]
    page = call("GET", "?limit=3", user="admin")
    rest = call("GET", f"?limit=3&cursor={page['nextCursor']}", user="admin")
    assert page["schedules"] + rest["schedules"] == everybodys["schedules"]
    assert "nextCursor" not in rest


def test_schedules_are_their_owners(stack, call):
    call("PUT", "/mine", 201, every="1h", type="noop")
    for method, path in [("GET", ""), ("DELETE", ""), ("GET", "/next"), ("POST", "/pause"),
                         ("POST", "/resume"), ("POST", "/run")]:
        answer = stack.request(method, f"/api/schedules/mine{path}", user="bob")
        assert code_of(answer) == (404, "schedule_not_found")
        answer = stack.request(method, f"/api/schedules/mine{path}?owner=alice", user="bob")
        assert code_of(answer) == (403, "admin_only")
    assert call("GET", "/mine?owner=alice", user="admin")["owner"] == "alice"
    call("PUT", "/mine?owner=alice", user="admin", every="2h", type="noop")
    assert call("GET", "/mine")["every"] == "2h"
    answer = stack.request("PUT", "/api/schedules/new?owner=o%27brien%20x", user="admin",
                           json={"every": "1h", "type": "noop"})
    assert answer.headers["Location"] == "/api/schedules/new?owner=o%27brien%20x"
    assert stack.request("GET", answer.headers["Location"]).json()["owner"] == "o'brien x"


# ---------------------------------------------------------------- refusals

@pytest.mark.parametrize("body, code, told", [
    ('{"name": "x"', "invalid_json", "line 1"),
    ('{"name": "x", "name": "x"}', "duplicate_member", "duplicate"),
    ("[]", "invalid_body", "must be a JSON object"),
    ('{"every": "1h", "type": "noop"}', "missing_member", "the member name is missing"),
    ('{"name": "A", "every": "1h", "type": "noop"}', "invalid_member", "name must be 1 to 80 of a-z"),
    ('{"name": "x", "every": "1h"}', "missing_member", "the member type is missing"),
    ('{"name": "x", "type": "noop"}', "missing_member", "give cron"),
    ('{"name": "x", "type": "noop", "cron": "@daily", "every": "1h"}', "missing_member", "one of them"),
    ('{"name": "x", "type": "noop", "every": "1h", "colour": 1}', "unknown_member", "'colour'"),
    ('{"name": "x", "type": "noop", "every": "1h", "nextRunAt": null}', "unknown_member", "'nextRunAt'"),
    ('{"name": "x", "type": "noop", "cron": "0 25 * * *"}', "invalid_cron",
     'hour: "25" is not a number from 0 to 23'),
    ('{"name": "x", "type": "noop", "cron": "0 0 30 2 *"}', "invalid_cron", "never run"),
    ('{"name": "x", "type": "noop", "every": "soon"}', "invalid_duration", "'soon'"),
    ('{"name": "x", "type": "noop", "every": "10ms"}', "invalid_member", "1s or longer"),
    ('{"name": "x", "type": "noop", "every": "1h", "timezone": "Mars/Base"}', "invalid_timezone",
     '"Mars/Base"'),
    ('{"name": "x", "type": "nope", "every": "1h"}', "unknown_type", "'nope'"),
    ('{"name": "x", "type": 1, "every": "1h", "options": {}}', "invalid_member", "type must be"),
    ('{"name": "x", "type": "-", "every": "1h", "options": {}}', "invalid_member", "type must be"),
    ('{"name": "x", "type": "noop", "every": "1h", "overlap": "x"}', "invalid_member",
     'overlap must be one of "allow", "skip", "cancel"'),
    ('{"name": "x", "type": "noop", "every": "1h", "missed": "x"}', "invalid_member", "missed must be"),
    ('{"name": "x", "type": "noop", "every": "1h", "missedLimit": 1001}', "invalid_member", "missedLimit"),
    ('{"name": "x", "type": "noop", "every": "1h", "paused": 1}', "invalid_member", "paused must be"),
    ('{"name": "x", "type": "noop", "every": "1h", "options": 1}', "invalid_options", "must be an object"),
    ('{"name": "x", "type": "noop", "every": "1h", "options": {"colour": 1}}', "unknown_member",
     'options: there is no member "colour"'),
    ('{"name": "x", "type": "noop", "every": "1h", "options": {"priority": 101}}', "invalid_member",
     "options: priority must be a whole number from -100 to 100"),
    ('{"name": "x", "type": "noop", "every": "1h", "options": {"tags": "x"}}', "invalid_member",
     "options: tags must be"),
    ('{"name": "x", "type": "noop", "every": "1h", "options": {"type": "noop"}}', "unknown_member", "'type'"),
    ('{"name": "x", "type": "noop", "every": "1h", "options": {"payload": 1}}', "unknown_member", "'payload'"),
    ('{"name": "x", "type": "noop", "every": "1h", "options": {"runAt": "2030-01-01T00:00:00Z"}}',
     "invalid_options", "cannot have runAt"),
    ('{"name": "x", "type": "noop", "every": "1h", "options": {"owner": "bob"}}', "unknown_member", "owner"),
    ('{"name": "x", "type": "noop", "every": "1h", "options": {"files": '
     '["00000000-0000-0000-0000-000000000000"]}}', "unknown_file", "none of alice's uploads"),
])
def test_what_is_refused(stack, call, body, code, told):
    answer = stack.request("POST", "/api/schedules", user="alice", data=body)
    assert code_of(answer) == (400, code)
    assert told in answer.json()["error"]["message"]
    assert call("GET")["schedules"] == []


def test_refusals_by_the_path(stack, call):
    call("PUT", "/x", 201, every="1h", type="noop")
    for method, path, status, code, body in [
            ("POST", "", 409, "schedule_exists", {"name": "x", "every": "1h", "type": "noop"}),
            ("PUT", "/x", 400, "invalid_member", {"name": "y", "every": "1h", "type": "noop"}),
            ("PUT", "/X", 400, "invalid_member", {"every": "1h", "type": "noop"}),
            ("GET", "/y", 404, "schedule_not_found", None),
            ("GET", "/y/next", 404, "schedule_not_found", None),
            ("GET", "/x/next?count=101", 400, "invalid_parameter", None),
            ("GET", "?cursor=x", 400, "invalid_cursor", None),
            ("GET", "?limit=0", 400, "invalid_parameter", None),
            ("POST", "/x/stop", 404, "no_such_route", None)]:
        answer = stack.request(method, "/api/schedules" + path, user="alice", json=body)
        assert code_of(answer) == (status, code), (method, path)


# ---------------------------------------------------------------- jobs are made

def test_every_second_a_job(stack, call):
    call("PUT", "/tick", 201, cron=EVERY_SECOND, type="noop", payload={"n": 1},
         options={"queue": "ticks", "tags": ["mine"]})
    jobs = wait_for(lambda: (lambda rows: len(rows) >= 4 and rows)(made(stack, "tick")))
    schedule = call("POST", "/tick/pause")
    assert schedule["paused"] and "nextRunAt" not in schedule
    job = stack.wait_job(jobs[-1]["jobId"], user="alice")
    assert (job["state"], job["result"], job["queue"]) == ("completed", {"n": 1}, "ticks")
    assert (job["owner"], job["tags"]) == ("alice", ["mine", "schedule:tick"])
    # Not with the next heartbeat, which comes once a second, but at its time.
    late = [time_of(row["createdAt"]).microsecond for row in jobs]
    assert min(late) < 150000, late
    last = call("GET", "/tick")
    assert last["lastJobId"] == made(stack, "tick")[0]["jobId"]
    assert time_of(last["lastRunAt"]).microsecond == 0


def test_two_workers_make_each_occurrence_once(stack, call):
    names = [f"both{n}" for n in range(20)]
    stack.start("worker2")
    try:
        for name in names:
            call("PUT", f"/{name}", 201, cron=EVERY_SECOND, type="noop", missed="all", paused=True)
        begun = stack.value("update millrace.schedule set paused = false, "
                            "next_run_at = date_trunc('second', now()) returning next_run_at")
        wait_for(lambda: stack.value(
            "select min(last_run_at) >= %s + interval '4 s' from millrace.schedule", begun))
        for name in names:
            last = time_of(call("POST", f"/{name}/pause")["lastRunAt"])
            assert len(made(stack, name)) == (last - begun).total_seconds() + 1, name
    finally:
        stack.stop("worker2")


def test_runs_that_were_missed_while_all_was_down(stack, call):
    policies = {"none": {"missed": "none"}, "last": {}, "all": {"missed": "all", "missedLimit": 7}}
    for name, policy in policies.items():
        call("PUT", f"/{name}", 201, every="1m", type="noop", **policy)
    # An outage of an hour and half a minute, told by what the database knows of it.
    stack.stop("worker", "api")
    stack.sql("update millrace.schedule set created_at = now() - interval '1 h 30 s', "
              "next_run_at = now() - interval '1 h 30 s'")
    stack.restart("postgres")
    stack.start("api", "worker")
    wait_for(lambda: stack.value("select bool_and(next_run_at > now()) from millrace.schedule"))
    assert {name: len(made(stack, name)) for name in policies} == {"none": 0, "last": 1, "all": 7}
    for name in policies:
        assert time_of(call("GET", f"/{name}")["nextRunAt"]) > datetime.now(timezone.utc)


def test_what_is_paused_misses_nothing(stack, call):
    call("PUT", "/rest", 201, cron="* * * * *", type="noop", missed="all")
    call("POST", "/rest/pause")
    assert call("POST", "/rest/pause")["paused"]
    stack.sql("update millrace.schedule set created_at = created_at - interval '1 day'")
    resumed = call("POST", "/rest/resume")
    assert not resumed["paused"] and time_of(resumed["nextRunAt"]) > datetime.now(timezone.utc)
    assert made(stack, "rest") == []


def test_overlap_skip_waits_for_the_last_job(stack, call):
    call("PUT", "/skip", 201, cron=EVERY_SECOND, type="noop", payload={"sleepMs": 60000},
         overlap="skip")
    first = wait_for(lambda: ids({"jobs": made(stack, "skip")}))
    stack.wait_job(first[0], "active", user="alice")
    seen = call("GET", "/skip")["nextRunAt"]
    wait_for(lambda: time_of(call("GET", "/skip")["nextRunAt"]) > time_of(seen) + timedelta(seconds=1))
    assert ids({"jobs": made(stack, "skip")}) == first
    answer = stack.request("POST", "/api/schedules/skip/run", user="alice")
    assert code_of(answer) == (409, "still_running")
    stack.request("POST", f"/api/jobs/{first[0]}/cancel", user="alice")
    wait_for(lambda: len(made(stack, "skip")) == 2)
    call("DELETE", "/skip")
    for job in ids({"jobs": made(stack, "skip")}):
        stack.request("POST", f"/api/jobs/{job}/cancel", user="alice")


def test_overlap_cancel_stops_the_last_job(stack, call):
    call("PUT", "/cancel", 201, every="1h", type="noop", payload={"sleepMs": 60000},
         overlap="cancel")
    first = call("POST", "/cancel/run", 202)["jobId"]
    stack.wait_job(first, "active", user="alice")
    second = call("POST", "/cancel/run", 202)["jobId"]
    assert stack.wait_job(first, user="alice")["state"] == "cancelled"
    stack.wait_job(second, "active", user="alice")
    stack.sql("update millrace.schedule set next_run_at = now(), created_at = now()")
    assert stack.wait_job(second, user="alice")["state"] == "cancelled"
    third = call("GET", "/cancel")["lastJobId"]
    assert third not in (first, second)
    stack.request("POST", f"/api/jobs/{third}/cancel", user="alice")


def test_run_now_makes_a_job_and_shifts_nothing(stack, call):
    before = call("PUT", "/now", 201, every="1h", type="noop", paused=False)
    answer = stack.request("POST", "/api/schedules/now/run", user="alice")
    body = answer.json()
    assert answer.status_code == 202 and answer.headers["Location"] == f"/api/jobs/{body['jobId']}"
    state = (body.pop("status"), body.pop("state"))     # a worker may be quick
    assert state in (("pending", "available"), ("processing", "active"), ("completed", "completed"))
    assert body == {"success": True, "jobId": body["jobId"], "type": "noop"}
    after = call("GET", "/now")
    assert (after["lastJobId"], after["nextRunAt"]) == (body["jobId"], before["nextRunAt"])
    assert stack.wait_job(body["jobId"], user="alice")["state"] == "completed"
    call("POST", "/now/pause")
    call("POST", "/now/run", 202)


def test_a_template_that_has_become_wrong_stops_no_others(stack, call):
    stack.sql("insert into millrace.job_type (type) values ('leaving')")
    call("PUT", "/bad", 201, cron=EVERY_SECOND, type="leaving")
    call("PUT", "/good", 201, cron=EVERY_SECOND, type="noop")
    stack.sql("delete from millrace.job_type where type = 'leaving'")
    error = wait_for(lambda: call("GET", "/bad").get("lastError"))
    assert (error["code"], error["message"]) == (
        "unknown_type", "no worker has registered a job type 'leaving'")
    count = len(made(stack, "good"))
    wait_for(lambda: len(made(stack, "good")) > count + 1)
    assert time_of(call("GET", "/bad")["lastError"]["at"]) > time_of(error["at"])
    call("PUT", "/bad", cron=EVERY_SECOND, type="noop")
    wait_for(lambda: call("GET", "/bad").get("lastJobId"))
    assert "lastError" not in call("GET", "/bad")
