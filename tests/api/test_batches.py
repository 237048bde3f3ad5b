"""Batches through nginx, run by two workers."""

import json
import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import bearer, code_of, in_threads  # noqa: E402
from cli import add_gated  # noqa: E402
from sse import Sse  # noqa: E402
from stack import Stack, wait_for  # noqa: E402

NOBODYS = "00000000-0000-7000-8000-000000000000"
FAIL = {"type": "noop", "payload": {"fail": "no", "retry": False}}


@pytest.fixture(scope="module", name="stack")
def _stack():
    with Stack("postgres", MILLRACE_SLOTS="4") as running:
        add_gated(running)
        running.start("api", "stream", "nginx", "worker", "worker2")
        yield running
        assert "Sanitizer" not in running.log("api") + running.log("worker")


@pytest.fixture(name="call")
def _call(stack):
    def call(method, path="", status=None, user="alice", headers=None, **body):
        answer = stack.request(method, "/api/batches" + path, user=user, headers=headers,
                               **({"json": body} if body else {}))
        assert answer.status_code == (status or (202 if method == "POST" else 200)), answer.text
        return answer.json()
    return call


def noops(count, **more):
    return [{"type": "noop", "payload": {"n": n}, **more} for n in range(count)]


def told(name):
    """A callback that says which it is."""
    return {"type": "noop", "payload": {"on": name}, "queue": "callbacks"}


CALLS = {"onComplete": told("complete"), "onSuccess": told("success"), "onFailure": told("failure")}


def ended(call, batch, user="alice"):
    def look():
        found = call("GET", f"/{batch}", user=user)
        return found if found["status"] != "running" else None
    return wait_for(look, what=f"batch {batch} has ended")


def callbacks(stack, batch):
    rows = stack.sql("select payload ->> 'on', payload -> 'batch' -> 'counts', owner from millrace.job"
                     " where queue = 'callbacks' and payload #>> '{batch,id}' = %s order by 1", batch)
    return [(name, counts, owner) for name, counts, owner in rows]


# ---------------------------------------------------------------- to the end

def test_a_batch_is_run_and_its_callbacks_are_made(stack, call):
    answer = stack.request("POST", "/api/batches", user="alice",
                           json={"name": "nightly", "jobs": noops(20), **CALLS})
    assert answer.status_code == 202, answer.text
    posted = answer.json()
    batch = posted["batchId"]
    assert answer.headers["Location"] == f"/api/batches/{batch}"
    assert posted["jobs"] == 20 and len(set(posted["jobIds"])) == 20
    for n, job in enumerate(posted["jobIds"]):
        assert stack.job(job, "alice")["payload"] == {"n": n}

    whole = ended(call, batch)
    assert whole.pop("createdAt") <= whole.pop("endedAt")
    assert whole == {"success": True, "batchId": batch, "name": "nightly", "owner": "alice",
                     "status": "completed", "open": False, "total": 20, "percent": 100,
                     "counts": {"completed": 20}}
    assert callbacks(stack, batch) == [("complete", {"completed": 20}, "alice"),
                                       ("success", {"completed": 20}, "alice")]
    (callback,) = stack.sql("select id::text from millrace.job where payload ->> 'on' = 'success' "
                            "and payload #>> '{batch,id}' = %s", batch)
    result = stack.wait_job(callback[0], user="alice")["result"]
    assert result["batch"] == {"id": batch, "name": "nightly", "counts": {"completed": 20}}


def test_one_job_that_fails_makes_the_batch_fail(stack, call):
    batch = call("POST", jobs=[*noops(3), FAIL], **CALLS)["batchId"]
    assert ended(call, batch)["status"] == "failed"
    counts = {"completed": 3, "discarded": 1}
    assert callbacks(stack, batch) == [("complete", counts, "alice"), ("failure", counts, "alice")]


def test_of_many_batches_each_is_called_back_once(stack, call):
    """Both workers keep house; a batch that a worker ends is no other's to end."""
    made = in_threads(8, lambda _: [call("POST", jobs=noops(4), **CALLS)["batchId"]
                                    for _ in range(8)])
    batches = [batch for some in made for batch in some]
    for batch in batches:
        ended(call, batch)
    wait_for(lambda: stack.value("select count(*) from millrace.batch_tally") == 0)
    for batch in batches:
        assert [name for name, _, _ in callbacks(stack, batch)] == ["complete", "success"]
    assert stack.value("select count(*) from millrace.job_event where kind = 'batch_completed' "
                       "and job_id = any(%s::uuid[])", batches) == len(batches)


def test_progress_is_shown_while_it_runs(stack, call):
    gate = stack.dir / str(uuid.uuid4())
    batch = call("POST", jobs=[*noops(3), {"type": "gated", "payload": {"gate": str(gate)}}])["batchId"]

    def three():
        found = call("GET", f"/{batch}")
        return found if found["counts"] == {"completed": 3, "active": 1} else None
    found = wait_for(three)
    assert (found["status"], found["percent"], found["total"]) == ("running", 75, 4)
    assert "endedAt" not in found
    gate.write_text("")
    assert ended(call, batch)["counts"] == {"completed": 4}


def test_it_is_followed_to_its_end(stack, call):
    batch = call("POST", jobs=[], open=True)["batchId"]
    path = f"/api/batches/{batch}/events"
    with Sse(stack.url, path, bearer(stack)) as stream:
        assert stream.headers["Cache-Control"] == "no-store"
        events = iter(stream)
        begin = next(events)
        assert (begin.name, begin.data["type"], begin.data["total"]) == ("batch", "batch_progress", 0)
        jobs = call("POST", f"/{batch}/jobs", jobs=[*noops(5), FAIL])["jobIds"]
        call("POST", f"/{batch}/close", 200)
        rest = list(events)
    assert {event.data["batchId"] for event in rest} == {batch}
    assert {event.data["jobId"] for event in rest[:-1]} == set(jobs)
    names = [event.name for event in rest]
    assert (names.count("job-complete"), names.count("job-failed")) == (5, 1)
    last = rest[-1]
    assert last.name == "batch-complete" and last.data.pop("at").endswith("Z")
    shown = call("GET", f"/{batch}")
    assert last.data == {"type": "batch_completed",
                         **{name: shown[name] for name in shown if name != "success"}}
    assert (last.data["status"], last.data["counts"]) == ("failed", {"completed": 5, "discarded": 1})

    with Sse(stack.url, path, bearer(stack), last_id=begin.id) as again:
        assert [event.data for event in again][:-1] == [event.data for event in rest[:-1]]
    with Sse(stack.url, path, bearer(stack), last_id=last.id) as again:
        assert again.status == 204
    with Sse(stack.url, f"{path}?lastEventId={last.id}", bearer(stack)) as again:
        assert again.status == 204


def test_its_jobs_are_listed(stack, call):
    posted = call("POST", jobs=[*noops(4), FAIL])
    batch = posted["batchId"]
    ended(call, batch)

    def listed(query, user="alice"):
        answer = stack.request("GET", f"/api/jobs?batchId={batch}{query}", user=user).json()
        return [job["jobId"] for job in answer["jobs"]], answer.get("nextCursor")
    found, more = listed("&limit=3")
    assert found == posted["jobIds"][:-4:-1]
    assert listed(f"&cursor={more}") == (posted["jobIds"][1::-1], None)
    assert listed("&status=failed")[0] == posted["jobIds"][-1:]
    assert listed("&state=active")[0] == [] and listed("", "bob")[0] == []
    answer = stack.request("GET", "/api/jobs?batchId=7", user="alice")
    assert code_of(answer) == (400, "invalid_parameter")


# ---------------------------------------------------------------- open

def test_an_open_batch_takes_more_jobs(stack, call):
    batch = call("POST", jobs=noops(2), open=True, **CALLS)["batchId"]
    wait_for(lambda: call("GET", f"/{batch}")["counts"] == {"completed": 2})
    more = call("POST", f"/{batch}/jobs", jobs=noops(3))
    assert more["batchId"] == batch and more["jobs"] == len(more["jobIds"]) == 3
    own = stack.post_job("noop", user="alice", delay="1h")
    found = wait_for(lambda: (lambda b: b if b["counts"] == {"completed": 5} else None)(
        call("GET", f"/{batch}")))
    assert (found["status"], found["open"], found["percent"]) == ("running", True, 100)
    assert callbacks(stack, batch) == []
    closed = call("POST", f"/{batch}/close", 200)
    assert closed["open"] is False
    assert ended(call, batch)["total"] == 5
    assert len(callbacks(stack, batch)) == 2
    for _ in range(2):
        call("POST", f"/{batch}/close", 200)
    assert stack.job(own, "alice")["state"] == "scheduled"


def test_an_open_batch_may_begin_empty(call):
    posted = call("POST", jobs=[], open=True)
    assert posted["jobs"] == 0 and posted["jobIds"] == []
    batch = posted["batchId"]
    found = call("GET", f"/{batch}")
    assert (found["total"], found["percent"], found["status"]) == (0, 0, "running")
    call("POST", f"/{batch}/close", 200)
    assert ended(call, batch)["status"] == "completed"


def test_what_is_closed_takes_no_more(stack, call):
    batch = call("POST", jobs=noops(1))["batchId"]
    answer = stack.request("POST", f"/api/batches/{batch}/jobs", user="alice",
                           json={"jobs": noops(1)})
    assert code_of(answer) == (409, "batch_closed")
    assert ended(call, batch)["total"] == 1


# ---------------------------------------------------------------- cancel

def test_cancelling_stops_and_cancels_all(stack, call):
    gate = stack.dir / str(uuid.uuid4())
    posted = call("POST", jobs=[{"type": "gated", "payload": {"gate": str(gate)}},
                                *noops(1200, delay="1h")], open=True, **CALLS)
    batch = posted["batchId"]
    stack.wait_job(posted["jobIds"][0], "active", user="alice")
    assert call("POST", f"/{batch}/cancel") == {
        "success": True, "batchId": batch, "matched": 1201, "more": False}
    found = ended(call, batch)
    assert (found["status"], found["counts"], found["open"]) == (
        "failed", {"cancelled": 1201}, False)
    assert [name for name, _, _ in callbacks(stack, batch)] == ["complete", "failure"]
    assert call("POST", f"/{batch}/cancel")["matched"] == 0


# ---------------------------------------------------------------- repeated

def test_repeating_with_a_key_is_safe(stack, call):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = call("POST", headers=key, jobs=noops(2), open=True)
    again = stack.request("POST", "/api/batches", user="alice", headers=key,
                          json={"jobs": noops(2), "open": True})
    assert again.json() == first and again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == f"/api/batches/{first['batchId']}"
    other = stack.request("POST", "/api/batches", user="alice", headers=key,
                          json={"jobs": noops(1), "open": True})
    assert code_of(other) == (422, "idempotency_key_reused")

    batch = first["batchId"]
    key = {"Idempotency-Key": str(uuid.uuid4())}
    more = call("POST", f"/{batch}/jobs", headers=key, jobs=noops(2))
    call("POST", f"/{batch}/close", 200)
    assert call("POST", f"/{batch}/jobs", headers=key, jobs=noops(2)) == more
    assert ended(call, batch)["total"] == 4

    key = {"Idempotency-Key": str(uuid.uuid4())}
    empty = call("POST", headers=key, jobs=[], open=True)
    assert call("POST", headers=key, jobs=[], open=True) == empty


def test_at_once_with_one_key(stack):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    answers = in_threads(8, lambda _: stack.request(
        "POST", "/api/batches", user="alice", headers=key, json={"name": key["Idempotency-Key"],
                                                                 "jobs": noops(3)}))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert stack.value("select count(*) from millrace.batch where name = %s",
                       key["Idempotency-Key"]) == 1


# ---------------------------------------------------------------- refused

@pytest.mark.parametrize("body, code, says", [
    ({"jobs": []}, "invalid_batch", "1 to 10000 jobs"),
    ({"jobs": {}}, "invalid_batch", 'must be {"jobs": [...]}'),
    ({"name": "x"}, "invalid_batch", 'must be {"jobs": [...]}'),
    ({"jobs": noops(1), "colour": 1}, "unknown_member", "a batch has no member 'colour'"),
    ({"jobs": noops(1), "open": "yes"}, "invalid_member", "open must be true or false"),
    ({"jobs": noops(1), "name": ""}, "invalid_member", "name must be a text of 1 to 200"),
    ({"jobs": noops(1), "onSuccess": "noop"}, "invalid_member", "onSuccess: it must be a job"),
    ({"jobs": noops(1), "onSuccess": {"type": "none"}}, "unknown_type", "onSuccess: no worker"),
    ({"jobs": noops(1), "onFailure": {"type": "noop", "dependsOn": [NOBODYS]}}, "invalid_member",
     "onFailure: a callback cannot have dependsOn"),
    ({"jobs": noops(1), "onFailure": {"type": "noop", "owner": "bob"}}, "invalid_member",
     "onFailure: a callback cannot have owner"),
    ({"jobs": noops(1), "onComplete": {"type": "noop", "delay": "soon"}}, "invalid_duration",
     "onComplete: 'soon' is not a duration"),
    ({"jobs": noops(1), "onComplete": {"type": "noop", "files": [NOBODYS]}}, "unknown_file",
     "onComplete: there is no uploaded file"),
])
def test_what_is_wrong_is_said(stack, body, code, says):
    batches = stack.value("select count(*) from millrace.batch")
    answer = stack.request("POST", "/api/batches", user="alice", json=body)
    assert code_of(answer) == (400, code), answer.text
    assert says in answer.json()["error"]["message"]
    assert stack.value("select count(*) from millrace.batch") == batches


def test_a_wrong_job_is_named(stack):
    for jobs, code, member in [([*noops(2), {"type": "noop", "priority": 101}], "invalid_member",
                                "priority"), ([*noops(2), {"type": "none"}], "unknown_type", "type")]:
        answer = stack.request("POST", "/api/batches", user="alice", json={"jobs": jobs})
        assert code_of(answer) == (400, code)
        assert answer.json()["error"]["details"] == {"index": 2, "member": member}


def test_the_members_may_come_in_any_order(call):
    body = {"name": "first", "onComplete": {"type": "noop", "payload": {"jobs": [1]}},
            "jobs": noops(2), "open": False}
    assert ended(call, call("POST", **body)["batchId"])["name"] == "first"


def test_names_may_be_escaped_but_that_of_the_jobs(stack):
    def post(text):
        return stack.request("POST", "/api/batches", user="alice", data=text,
                             headers={"Content-Type": "application/json"})
    assert post('{"jobs": [{"type": "noop"}], "\\u006eame": "x"}').status_code == 202
    assert code_of(post('{"job\\u0073": [{"type": "noop"}]}')) == (400, "invalid_batch")


def test_batches_are_their_owners(stack, call):
    batch = call("POST", jobs=noops(1), open=True)["batchId"]
    for method, path in [("GET", ""), ("POST", "/close"), ("POST", "/cancel"), ("GET", "/events")]:
        answer = stack.request(method, f"/api/batches/{batch}{path}", user="bob")
        assert code_of(answer) == (404, "batch_not_found"), path
        answer = stack.request(method, f"/api/batches/{NOBODYS}{path}", user="alice")
        assert code_of(answer) == (404, "batch_not_found"), path
        answer = stack.request(method, f"/api/batches/7{path}", user="alice")
        assert code_of(answer) == (400, "invalid_id"), path
    for user in "bob", "admin":
        answer = stack.request("POST", f"/api/batches/{batch}/jobs", user=user,
                               json={"jobs": noops(1)})
        assert code_of(answer) == (404, "batch_not_found")
    assert call("GET", f"/{batch}", user="admin")["owner"] == "alice"
    call("POST", f"/{batch}/close", 200, user="admin")


def test_they_are_listed_newest_first(stack, call):
    made = [call("POST", user="carl", jobs=noops(1), name=f"b{n}")["batchId"] for n in range(5)]
    first = call("GET", "?limit=2", user="carl")
    assert [batch["batchId"] for batch in first["batches"]] == made[:-3:-1]
    rest = call("GET", f"?limit=3&cursor={first['nextCursor']}", user="carl")
    assert [batch["name"] for batch in rest["batches"]] == ["b2", "b1", "b0"]
    assert "nextCursor" not in rest
    assert call("GET", user="dora") == {"success": True, "batches": []}
    assert len(call("GET", "?owner=carl", user="admin")["batches"]) == 5
    assert code_of(stack.request("GET", "/api/batches?owner=carl", user="dora")) == (403, "admin_only")
    assert code_of(stack.request("GET", "/api/batches?cursor=7")) == (400, "invalid_cursor")


def test_ten_thousand_jobs_in_one_request(stack, call):
    job = {"type": "noop", "payload": {"text": "x" * 200}}
    text = json.dumps({"open": True, "jobs": [job] * 10000})
    assert len(text) > 1 << 20
    answer = stack.request("POST", "/api/batches", user="alice", data=text,
                           headers={"Content-Type": "application/json"})
    assert answer.status_code == 202, answer.text
    batch = answer.json()["batchId"]
    more = call("POST", f"/{batch}/jobs", jobs=[job] * 3000)
    assert more["jobs"] == 3000
    call("POST", f"/{batch}/close", 200)
    assert ended(call, batch)["counts"] == {"completed": 13000}
