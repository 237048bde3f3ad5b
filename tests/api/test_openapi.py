"""A tour of all operations of doc/openapi.yaml on a running server, by nginx: each
answer is as the document says. (test_openapi_document.py is about the document.)

The last test looks back on the whole tour, so the file is run as one."""

import json
import resource
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path
from urllib.parse import quote

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from job_bodies import FIT, NO_OBJECT, NOBODYS, UNFIT, UNFIT_TOGETHER  # noqa: E402
from mariadb import MariaDB  # noqa: E402
from postgres import Postgres  # noqa: E402
from stack import SCRIPT, Stack, wait_for  # noqa: E402
from tour import (API, NEW_CONNECTION, OPERATIONS, ask, expect, form, path_of, place_of,  # noqa: E402
                  read_stream)
from web_server import WebServer  # noqa: E402

MAX_BODY, MAX_UPLOAD, NGINX_MAX_UPLOAD = 4 << 10, 128 << 10, 256 << 10

# Says how far it is, writes to its log and makes a file.
REPORT = """#!/bin/sh
echo "a line of the log" >&2
echo '{"progress": 40, "message": "half way"}' >&3
printf 'a,b\\n1,2\\n' > "$MILLRACE_OUTPUT_DIR/result.txt"
echo '{"rows": 1}'
"""


# ---------------------------------------------------------------- the tour

@pytest.fixture(scope="module", name="stack")
def _stack():
    with Stack("postgres", MILLRACE_MAX_BODY=str(MAX_BODY), MILLRACE_MAX_UPLOAD=str(MAX_UPLOAD),
               MAX_UPLOAD=str(NGINX_MAX_UPLOAD)) as running:
        running.add_type({"type": "report", "run": {"kind": "program", "command": ["report"]}},
                         REPORT)
        running.add_type({"type": "secretive", "run": {"kind": "program", "command": ["report"]},
                          "forgetSecrets": True, "payloadSchema": {"properties": {
                              "key": {"type": "string", "writeOnly": True}}}})
        running.add_type({"type": "push", "run": {"kind": "http", "url": "/url",
                                                  "secret": "0123456789abcdef",
                                                  "allow": ["127.0.0.0/8"]}})
        running.start("api", "stream", "worker", "nginx")
        yield running


@pytest.fixture(name="call")
def _call(stack):
    """Ask for an operation and hold the answer against the document."""
    def call(operation, status, code=None, /, user="alice", query="", body=True, **request):
        op = API.operations[operation]
        place = {key: quote(request.pop(key), safe="") for key in ("id", "name", "number")
                 if key in request}
        answer = stack.request(op.method, op.path.format(**place) + query, user=user, **request)
        assert answer.status_code == status, f"{op}: {answer.status_code} {answer.text}"
        API.check(op, answer, body=body)
        if code:
            assert answer.json()["error"]["code"] == code
        return answer
    return call


@pytest.fixture(name="post")
def _post(call):
    """A new job's id."""
    def post(type_="noop", payload=None, **members):
        job = {"type": type_, "payload": payload, **members}
        return call("postJob", 202, json=job).json()["jobId"]
    return post


@pytest.fixture(scope="module", name="reported")
def _reported(stack):
    """A job that has completed and made result.txt."""
    return stack.wait_job(stack.post_job("report", user="alice"))["jobId"]


# ------------------------------------------------------------ what any of them may meet

@pytest.mark.parametrize("op", [op for op in OPERATIONS if op.security and {} not in op.security
                                and op.id != "postReport"], ids=str)
def test_strangers(stack, op):
    for headers, code in [({}, "missing_token"),
                          ({"Authorization": "Bearer mr_x"}, "invalid_token"),
                          ({"Cookie": "millrace_session=x"}, "invalid_session")]:
        expect(op, ask(stack, op, None, headers=headers), 401, code)


@pytest.mark.parametrize("op", OPERATIONS, ids=str)
def test_unknown_parameters(stack, op):
    expect(op, ask(stack, op, query="?colour=1"), 400, "unknown_parameter")


@pytest.mark.parametrize("op", [op for op in OPERATIONS if "{id}" in op.path], ids=str)
def test_ids(stack, op):
    expect(op, ask(stack, op, id="7"), 400, "invalid_id")
    thing = {"files": "file", "batches": "batch"}.get(op.path.split("/")[2], "job")
    if op.id == "postReport":
        expect(op, ask(stack, op), 409, "attempt_over")
    else:
        expect(op, ask(stack, op), 404, f"{thing}_not_found")


@pytest.mark.parametrize("op", [op for op in OPERATIONS if op.item.get("x-needs") == "admin"],
                         ids=str)
def test_what_is_for_admins(stack, op):
    expect(op, ask(stack, op, "alice"), 403, "admin_only")


@pytest.mark.parametrize("op", [op for op in OPERATIONS if op.method != "GET" and
                                {"session": []} in op.security], ids=str)
def test_other_sites(stack, op):
    session = stack.request("POST", "/api/session", user="alice")
    head = {"Cookie": session.headers["Set-Cookie"].split(";")[0], "Sec-Fetch-Site": "cross-site"}
    expect(op, ask(stack, op, None, headers=head), 403, "cross_site")


@pytest.mark.parametrize("path", API.document["paths"])
def test_other_methods(stack, path):
    ops = [op for op in OPERATIONS if op.path == path]
    other = next(m for m in ("PATCH", "PUT", "DELETE") if m not in {op.method for op in ops})
    answer = stack.request(other, path_of(ops[0]), user="alice")
    expect(ops[0], answer, 405, "method_not_allowed")
    allowed = set(answer.headers["Allow"].split(", "))
    assert allowed - {"HEAD"} == {op.method for op in ops}
    streams = any("responses/Events" in str(op.responses) for op in ops)
    assert ("HEAD" in allowed) == ("GET" in allowed and not streams)


def test_other_names_of_the_same(stack):
    whole = stack.request("GET", "/api/types")
    assert stack.request("GET", "/api/v1/types").content == whole.content
    head = stack.request("HEAD", "/api/types")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == whole.headers["Content-Length"]


# ------------------------------------------------------------ one by one

def test_server(call):
    assert call("getHealth", 200, user=None).json()["status"] == "ok"
    assert call("getReadiness", 200, user=None).json()["status"] == "ready"
    assert {"analyze-file", "noop", "report", "secretive", "email"} <= {
        row["type"] for row in call("getTypes", 200).json()["types"]}


def test_session(stack, call):
    assert call("getSession", 200, user="admin").json()["role"] == "admin"
    call("postSession", 200)
    begun = call("postSession", 200, user=None, json={"token": stack.token("alice")})
    browser = {"Cookie": begun.headers["Set-Cookie"].split(";")[0]}
    assert call("getSession", 200, user=None, headers=browser).json()["user"] == "alice"
    call("deleteSession", 200, user=None, headers=browser)
    call("getSession", 401, "invalid_session", user=None, headers=browser)
    call("postSession", 401, "invalid_token", user=None, json={"token": "mr_x"})
    call("postSession", 400, "invalid_body", user=None, json={"token": "mr_x", "user": "alice"})


def test_posts(call, post):
    for name in "postJob", "enqueueJob":
        key = {"Idempotency-Key": str(uuid.uuid4())}
        first = call(name, 202, json={"type": "noop"}, headers=key)
        again = call(name, 202, json={"type": "noop"}, headers=key)
        assert first.text == again.text and again.headers["Idempotency-Replayed"] == "true"
        call(name, 422, "idempotency_key_reused", json={"type": "noop", "payload": 1}, headers=key)
        for payload, status in [({"n": 1}, "completed"),
                                ({"fail": "no", "retry": False}, "failed")]:
            ended = call(name, 200, json={"type": "noop", "payload": payload},
                         headers={"Prefer": "wait=20"})
            assert ended.json()["status"] == status
            assert ended.headers["Preference-Applied"] == "wait=20"
    call("postJob", 400, "invalid_idempotency_key", json={"type": "noop"},
         headers={"Idempotency-Key": "x" * 256})
    call("getJob", 200, id=post(delay="1h"), headers={"Prefer": "wait=1"})


def test_bodies_that_are_too_large_or_of_another_kind(call):
    head = {"Content-Type": "application/json"}
    for name, size in [("postSession", MAX_BODY), ("postJob", MAX_BODY), ("enqueueJob", MAX_BODY),
                       ("postBatch", 64 * MAX_BODY), ("postSchedule", MAX_BODY),
                       ("putSchedule", MAX_BODY), ("patchJob", MAX_BODY), ("cancelJobs", MAX_BODY),
                       ("retryJobs", MAX_BODY), ("discardJobs", MAX_BODY),
                       ("postBatches", 64 * MAX_BODY), ("postBatchJobs", 64 * MAX_BODY),
                       ("putQueue", MAX_BODY), ("putOwner", MAX_BODY),
                       ("postMysqlImport", MAX_BODY), ("postConnection", MAX_BODY),
                       ("putConnection", MAX_BODY), ("trainSchema", MAX_BODY)]:
        place = {"name": "x", "id": NOBODYS}
        user = {"postSession": None, "putQueue": "admin", "putOwner": "admin"}.get(name, "alice")
        call(name, 413, "body_too_large", user=user, data=b" " * (size + 1), headers=head, **place)
        call(name, 415, "unsupported_media_type", user=user, data=b"{}",
             headers={"Content-Type": "text/plain"}, **place)


@pytest.mark.parametrize("text, code", NO_OBJECT, ids=str)
def test_bodies_that_are_no_job(call, text, code):
    for name in "postJob", "enqueueJob":
        call(name, 400, code, data=text, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize("members", FIT, ids=str)
def test_jobs_that_fit_are_taken(call, members):
    for body in {"type": "noop", **members}, {"documentType": "noop", "x": members}:
        assert API.errors(API.components["schemas"]["AnyNewJob"], body) == []
        call("postJob", 202, json=body)


@pytest.mark.parametrize("body, code", UNFIT, ids=str)
def test_jobs_that_do_not_fit_are_refused(call, body, code):
    assert API.errors(API.components["schemas"]["AnyNewJob"], body)
    call("postJob", 400, code, json=body)
    batch = call("postBatch", 400, code, json={"jobs": [{"type": "noop"}, body]})
    assert batch.json()["error"]["details"]["index"] == 1


@pytest.mark.parametrize("members, code", UNFIT_TOGETHER, ids=str)
def test_what_a_schema_cannot_say(call, members, code):
    call("postJob", 400, code, json={"type": "noop", **members})


def test_payloads_that_do_not_fit_their_type(call):
    answer = call("postJob", 400, "invalid_payload", json={"type": "secretive", "payload": {"key": 1}})
    assert answer.json()["error"]["details"]["errors"][0]["pointer"] == "/key"


def test_secrets_that_are_gone(call):
    job = call("postJob", 202, json={"type": "secretive", "payload": {"key": "hush"}, "delay": "1h"}).json()["jobId"]
    call("cancelJob", 200, id=job)
    call("retryJob", 409, "secrets_forgotten", id=job)


def test_batches(call):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    jobs = {"jobs": [{"type": "noop"}, {"documentType": "noop"}]}
    assert call("postBatch", 202, json=jobs, headers=key).json()["count"] == 2
    assert call("postBatch", 202, json=jobs, headers=key).headers["Idempotency-Replayed"] == "true"
    call("postBatch", 422, "idempotency_key_reused", json={"jobs": [{"type": "noop"}]}, headers=key)
    schema = API.components["schemas"]["NewBatch"]
    for bad in {}, {"jobs": []}, {"jobs": {}}, {"jobs": [1]}, {**jobs, "x": 1}:
        assert API.errors(schema, bad)
        call("postBatch", 400, "invalid_batch", json=bad)


def test_jobs_that_are_there_already(stack, call):
    for name in "postJob", "enqueueJob":
        job = {"type": "noop", "uniqueKey": name, "delay": "1h"}
        first = call(name, 202, json=job).json()
        assert call(name, 200, json=job).json() == {**first, "existing": True}
        refused = call(name, 409, "unique_conflict",
                       json={"type": "noop", "unique": {"key": name, "onConflict": "refuse"}})
        assert refused.json()["error"]["details"] == {"jobId": first["jobId"]}
        jobs = {"jobs": [{"type": "noop"}, job]}
        assert call("postBatch", 202, json=jobs).json()["existing"] == [first["jobId"]]
    call("postBatch", 409, "batch_closed", json={"jobs": [{"type": "noop", "batchId": NOBODYS}]})
    call("postBatch", 403, "admin_only", json={"jobs": [{"type": "noop", "fairKey": "x"}]})
    whole = call("getJob", 200, user="admin", id=call("postJob", 202, user="admin", json={
        "type": "noop", "delay": "1h", "fairKey": "f", "serialKey": "s", "concurrencyKey": "c",
        "expiresIn": "2h"}).json()["jobId"]).json()
    assert {"fairKey", "serialKey", "concurrencyKey", "concurrencyLimit", "expiresAt"} <= set(whole)
    stack.sql("select millrace.owner_set('alice', 1, 0, null)")
    call("postJob", 429, "too_many_waiting", json={"type": "noop"})
    stack.sql("select millrace.owner_set('alice', 1, null, 1)")
    for status in 202, 429:
        call("postJob", status, status == 429 and "too_many_posts", json={"type": "noop"})
    stack.sql("delete from millrace.owner")
    stack.sql("insert into millrace.queue (queue, max_length) values ('full', 0)")
    call("postJob", 503, "queue_full", json={"type": "noop", "queue": "full"})


def test_batches_of_jobs_that_depend_on_one_another(stack, call):
    graph = [{"type": "noop", "ref": "a"}, {"type": "noop", "ref": "b", "dependsOn": ["a"],
                                            "onDependencyFailure": "run"}]
    made = call("postBatch", 202, json={"jobs": graph}).json()["jobIds"]
    stack.wait_job(made[1])
    assert call("getJob", 200, id=made[1]).json()["dependsOn"] == [made[0]]
    for change, code in [({"dependsOn": ["b"]}, "dependency_cycle"), ({"ref": "b"}, "duplicate_ref"),
                         ({"dependsOn": ["c"]}, "unknown_ref")]:
        call("postBatch", 400, code, json={"jobs": [{**graph[0], **change}, graph[1]]})


def test_lists(call, post, reported):
    post(tags=["rare"])
    page = call("getJobs", 200, query="?limit=1").json()
    call("getJobs", 200, query=f"?limit=1&cursor={page['nextCursor']}")
    call("getJobs", 200, user="admin", query="?owner=alice&queue=default")
    found = call("getJobs", 200, query="?type=report&state=completed&status=completed").json()
    assert reported in [job["jobId"] for job in found["jobs"]]
    assert len(call("getJobs", 200, query="?tag=rare").json()["jobs"]) == 1
    call("getJobs", 403, "admin_only", query="?owner=bob")
    for query, code in [("cursor=7", "invalid_cursor"), ("limit=0", "invalid_parameter"),
                        ("limit=1001", "invalid_parameter"), ("status=done", "invalid_parameter"),
                        ("state=done", "invalid_parameter"), ("tag=%01", "invalid_url"),
                        ("tag=a&tag=b", "duplicate_parameter")]:
        call("getJobs", 400, code, query=f"?{query}")


def test_one_job(call, post, reported):
    assert call("getJob", 200, id=reported, query="?jobType=x").json()["result"] == {"rows": 1}
    assert call("getJobStatus", 200, id=reported).json()["progress"] == 100
    slow = post("noop", {"sleepMs": 300})
    assert call("getJobStatus", 200, id=slow, headers={"Prefer": "wait=20"}
                ).json()["status"] == "completed"
    failed = post("noop", {"fail": "no", "retry": False})
    ended = call("getJob", 200, id=failed, headers={"Prefer": "wait=20"}).json()
    assert ended["error"]["message"] == "no"
    later = call("getJob", 200, id=post(delay="1h")).json()
    assert later["state"] == "scheduled" and later["runAt"] > later["createdAt"]
    call("getJob", 404, "job_not_found", id=reported, user="bob")


def test_the_events_of_a_job(call, post):
    job_id = post("report")
    events = read_stream(call("getJobEvents", 200, id=job_id, body=False, stream=True),
                         lambda _: False).events
    assert events[-1].name == "job-complete" and events[-1].data["result"] == {"rows": 1}
    call("getJobEvents", 204, id=job_id, headers={"Last-Event-ID": events[-1].id})
    call("getJobEvents", 204, id=job_id, query=f"?lastEventId={events[-1].id}")
    call("getJobEvents", 400, "invalid_event_id", id=job_id, headers={"Last-Event-ID": "x"})
    call("getJobEvents", 400, "invalid_parameter", id=job_id, query="?lastEventId=x")


def test_the_events_of_all_jobs(call, post):
    answer = call("getEvents", 200, body=False, stream=True)
    failing = post("noop", {"fail": "no", "retry": False})
    waiting = post(delay="1h")
    call("cancelJob", 200, id=waiting)
    parser = read_stream(answer, lambda events: {"job-failed", "job-cancelled"} <= {
        event.name for event in events})
    assert {failing, waiting} <= {event.data["jobId"] for event in parser.events}
    again = read_stream(
        call("getEvents", 200, query=f"?lastEventId={quote(parser.events[0].id)}", body=False,
             stream=True), lambda events: len(events) >= len(parser.events) - 1)
    assert [event.data for event in again.events] == [event.data for event in parser.events[1:]]
    call("getEvents", 200, user="admin", query="?all=1", body=False, stream=True).close()
    call("getEvents", 403, "admin_only", query="?all=1")
    call("getEvents", 400, "invalid_parameter", query="?all=2")


def test_what_a_job_leaves(call, reported):
    log = call("getLogs", 200, id=reported, query="?limit=1").json()
    assert log["logs"][0]["line"] == "a line of the log"
    rest = call("getLogs", 200, id=reported, query=f"?after={log['nextCursor']}").json()
    assert rest == {"success": True, "logs": []}
    call("getLogs", 400, "invalid_parameter", id=reported, query="?limit=many")
    made = call("getArtifacts", 200, id=reported).json()["artifacts"]
    assert [(file["name"], file["size"]) for file in made] == [("result.txt", 8)]


@pytest.mark.parametrize("name", ["getArtifact", "getReport"])
def test_downloads(call, reported, name):
    place = place_of(name, reported, "result.txt")
    whole = call(name, 200, **place)
    assert whole.text == "a,b\n1,2\n"
    assert call(name, 206, headers={"Range": "bytes=0-2"}, **place).text == "a,b"
    assert call(name, 200, headers={"Range": "bytes=0-2", "If-Range": '"x"'}, **place).ok
    call(name, 304, headers={"If-None-Match": whole.headers["ETag"]}, **place)
    call(name, 412, "precondition_failed", headers={"If-Match": '"x"'}, **place)
    call(name, 416, "invalid_range", headers={"Range": "bytes=99-"}, **place)
    call(name, 404, "artifact_not_found", **place_of(name, reported, "other.txt"))
    call(name, 400, "invalid_path", **{**place, "name": "../result.txt"})


@pytest.mark.parametrize("name", ["cancelJob", "deleteJob"])
def test_cancelling(stack, call, post, name):
    waiting = post(delay="1h")
    assert call(name, 200, id=waiting).json()["state"] == "cancelled"
    call(name, 409, "job_final", id=waiting)
    runs = post("noop", {"sleepMs": 60000})
    wait_for(lambda: call("getJobStatus", 200, id=runs).json()["state"] == "active")
    assert call(name, 202, id=runs).json()["message"] == "cancelling"
    assert stack.wait_job(runs)["error"]["code"] == "cancelled"
    call("getJob", 200, id=runs)


def test_running_a_job_again(call, post):
    job_id = post(delay="1h")
    call("retryJob", 409, "not_retryable", id=job_id)
    call("cancelJob", 200, id=job_id)
    assert call("retryJob", 202, id=job_id).json()["state"] == "available"


def test_changes_of_one(stack, call, post):
    waits = post(delay="1h")
    changed = call("patchJob", 200, id=waits, json={"priority": "high", "delayMs": 7200000}).json()
    assert changed == call("getJob", 200, id=waits).json() and changed["priority"] == 50
    call("discardJob", 409, "job_not_final", id=waits)
    for body, code in [({}, "missing_member"), ({"priority": 101}, "invalid_member"),
                       ({"queue": "x"}, "unknown_member"), ({"runAt": "soon"}, "invalid_time")]:
        call("patchJob", 400, code, id=waits, json=body)
    call("cancelJob", 200, id=waits)
    call("patchJob", 409, "job_final", id=waits, json={"priority": 1})
    call("discardJob", 200, id=waits)
    call("getJob", 404, "job_not_found", id=waits)
    runs = post("noop", {"sleepMs": 60000})
    wait_for(lambda: call("getJobStatus", 200, id=runs).json()["state"] == "active")
    call("patchJob", 409, "job_started", id=runs, json={"priority": 1})
    assert call("explainJob", 200, id=runs).json()["reason"] == "running"
    assert call("getAttempts", 200, id=runs).json()["attempts"][0]["outcome"] == "running"
    call("cancelJob", 202, id=runs)
    stack.wait_job(runs)
    assert call("getAttempts", 200, id=runs).json()["attempts"][0]["outcome"] == "cancelled"


def test_changes_of_many(stack, call, post):
    jobs = [post("noop", {"fail": "no", "retry": False}, tags=["many"]) for _ in range(3)]
    for job in jobs:
        stack.wait_job(job)
    failures = call("getFailures", 200).json()["failures"]
    assert sum(row["count"] for row in failures if row["message"] == "no") >= 3
    assert call("retryJobs", 200, json={"tag": "many", "limit": 2}).json() == {
        "success": True, "matched": 2, "more": True}
    for job in jobs:
        stack.wait_job(job)
    assert call("discardJobs", 200, json={"tag": "many"}).json()["matched"] == 3
    later = post(delay="1h", tags=["many"])
    assert call("cancelJobs", 200, json={"tag": "many", "state": "scheduled"}).json()["matched"] == 1
    assert call("explainJob", 200, id=later).json()["reason"] == "ended"
    schema = API.components["schemas"]["JobFilter"]
    for name in "cancelJobs", "retryJobs", "discardJobs":
        call(name, 403, "admin_only", json={"owner": "bob"})
        for body, code in [({"colour": 1}, "unknown_member"), ({"state": "done"}, "invalid_member"),
                           ({"limit": 0}, "invalid_member"), ({"before": "soon"}, "invalid_time"),
                           ({"type": 5}, "invalid_member"), ({"batchId": "x"}, "invalid_member")]:
            assert API.errors(schema, body)
            call(name, 400, code, json=body)


def test_files(call, post):
    raw = call("postFiles", 201, query="?name=a.csv", data=b"a,b\n", headers={
        "Content-Type": "text/csv"}).json()
    two = call("postFiles", 201, **form(("x", "a.csv", "a\n"), ("y", "b.csv", "b\n"))).json()
    assert [file["name"] for file in two["files"]] == ["a.csv", "b.csv"]
    known = call("getFile", 200, id=raw["fileId"]).json()
    assert (known["name"], known["contentType"], known["size"]) == ("a.csv", "text/csv", 4)
    call("getFile", 404, "file_not_found", id=raw["fileId"], user="bob")
    job_id = post(files=[raw["fileId"]], delay="1h")
    call("deleteFile", 409, "file_in_use", id=raw["fileId"])
    call("cancelJob", 200, id=job_id)
    call("deleteFile", 200, id=raw["fileId"])
    call("deleteFile", 404, "file_not_found", id=raw["fileId"])


def test_files_that_are_refused(call):
    for request, status, code in [
            ({"query": "?name=..", "data": b"a"}, 400, "invalid_file_name"),
            (form(("x", None, "a")), 400, "unknown_field"),
            (form(("x", "", "a")), 400, "missing_file"),
            ({"data": b"--b--\r\n", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
             400, "missing_file"),
            ({"data": b"a", "headers": {"Content-Type": "multipart/form-data; boundary=b"}},
             400, "invalid_multipart"),
            ({"data": b"a", "headers": {"Content-Type": "multipart/mixed; boundary=b"}},
             415, "unsupported_media_type"),
            ({"data": b"a" * (MAX_UPLOAD + 1)}, 413, "file_too_large"),
            ({"data": b"a" * (NGINX_MAX_UPLOAD + 1)}, 413, "body_too_large")]:
        call("postFiles", status, code, **request)


def test_analysis(stack, call, post, reported):
    table = ("file", "sales.csv", "a,b\n1,2\n3,4\n")
    key = {"Idempotency-Key": str(uuid.uuid4())}
    begun = call("postAnalysis", 202, headers=key, **form(table)).json()
    assert call("postAnalysis", 202, headers=key, **form(table)).json() == begun
    call("postAnalysis", 422, "idempotency_key_reused", headers=key,
         **form(("file", "b.csv", "b\n1\n")))
    job_id = begun["jobId"]
    stack.wait_job(job_id)
    done = call("getAnalysis", 200, id=job_id).json()
    assert (done["status"], done["dataSource"]) == ("completed", "sales.csv")
    for name in done["downloadUrl"].rpartition("/")[2], f"{job_id}.xlsx", done["excelFile"]:
        assert call("getReport", 200, name=name).content.startswith(b"PK")

    broken = call("postAnalysis", 202, data={"filterOption": "recommended"},
                  **form(("file", "a.csv", 'a\n"1\n'))).json()["jobId"]
    stack.wait_job(broken)
    assert call("getAnalysis", 200, id=broken).json()["success"] is False
    stack.stop("worker")
    waits = call("postAnalysis", 202, **form(table)).json()["jobId"]
    assert call("getAnalysis", 200, id=waits).json()["status"] == "processing"
    stack.start("worker")
    call("getAnalysis", 404, "job_not_found", id=reported)


def test_analyses_that_are_refused(call):
    table = ("file", "a.csv", "a\n1\n")
    for request, status, code in [
            ({**form(table), "data": {"filterOption": "some"}}, 400, "invalid_filter_option"),
            ({**form(table), "data": {"colour": "red"}}, 400, "unknown_field"),
            (form(table, table), 400, "duplicate_field"),
            (form(("file", None, "a")), 400, "missing_file"),
            (form(("other", "a.csv", "a")), 400, "unknown_field"),
            ({"json": {}}, 415, "unsupported_media_type"),
            (form(("file", "a.csv", "a" * (MAX_UPLOAD + 1))), 413, "file_too_large")]:
        call("postAnalysis", status, code, **request)


# ------------------------------------------------------------ reports

def test_reports(stack, call):
    with WebServer() as server:
        job = stack.post_job("push", {"url": server.url, "sleep": 20}, user="alice")
        request = wait_for(lambda: server.of(job))[0]
        token = {"Authorization": f"Bearer {request.headers['Millrace-Report-Token']}"}
        place = {"id": job, "number": "1", "user": None}
        call("postReport", 200, headers=token, json={"progress": 40, "message": "half way",
                                                     "log": ["one", "two"]}, **place)
        call("postReport", 401, "missing_token", json={}, **place)
        call("postReport", 401, "invalid_token", json={}, headers={"Authorization": "Bearer x"},
             **place)
        call("postReport", 400, "invalid_member", headers=token, json={"progress": 101}, **place)
        call("postReport", 400, "unknown_member", headers=token, json={"state": 1}, **place)
        call("postReport", 400, "invalid_attempt", headers=token, json={},
             **{**place, "number": "none"})
        call("postReport", 200, headers=token, json={"result": 42}, **place)
        call("postReport", 409, "attempt_over", headers=token, json={"progress": 41}, **place)
        assert call("getJob", 200, id=job).json()["result"] == 42


# ------------------------------------------------------------ imports

def test_imports(stack, call):
    with MariaDB() as server:
        server.sql("create database shop; create table shop.customer (id int primary key);")
        server.user("reader", "secret", "grant select on shop.* to {user}")
        shop = {"host": server.host, "port": server.port, "database": "shop", "user": "reader",
                "password": "secret"}
        assert call("postMysqlImport", 200, json=shop).headers["Preference-Applied"] == "wait=auto"
        key = {"Idempotency-Key": str(uuid.uuid4())}
        begun = call("postMysqlImport", 202, json=shop, headers=key, query="?strategy=background")
        again = call("postMysqlImport", 200, json=shop, headers=key, query="?strategy=immediate")
        assert again.json()["data"]["jobId"] == begun.json()["data"]["jobId"]
        call("postMysqlImport", 422, "idempotency_key_reused", json={**shop, "port": 1}, headers=key)
        call("postMysqlImport", 422, "access_denied", json={**shop, "password": "x"},
             query="?strategy=immediate")
    call("postMysqlImport", 502, "database_unreachable", json=shop, query="?strategy=immediate")
    call("postMysqlImport", 400, "invalid_strategy", json=shop, query="?strategy=fast")
    call("postMysqlImport", 400, "invalid_payload", json={"host": "x"})


def test_a_cancelled_import(stack, call):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    shop = {"host": "127.0.0.1", "database": "shop", "user": "reader"}
    stack.stop("worker")
    try:
        begun = call("postMysqlImport", 202, json=shop, headers=key, query="?strategy=background")
        call("cancelJob", 200, id=begun.json()["data"]["jobId"])
        call("postMysqlImport", 409, "cancelled", json=shop, headers=key,
             query="?strategy=immediate")
    finally:
        stack.start("worker")


# ------------------------------------------------------------ batches

def test_batches_of_jobs(call, post):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    spec = {"name": "orders", "jobs": [{"type": "noop"}], "open": True, "onSuccess": None,
            "onComplete": {"type": "noop", "payload": {"mail": "ops"}, "priority": "low"}}
    begun = call("postBatches", 202, json=spec, headers=key)
    assert call("postBatches", 202, json=spec, headers=key).json() == begun.json()
    call("postBatches", 422, "idempotency_key_reused", json={**spec, "name": "x"}, headers=key)
    batch = begun.json()["batchId"]
    call("postBatches", 202, json={"jobs": [], "open": True})
    page = call("getBatches", 200, query="?limit=1").json()
    call("getBatches", 200, query=f"?limit=1&cursor={page['nextCursor']}")
    call("getBatches", 200, user="admin", query="?owner=alice")
    call("getBatches", 403, "admin_only", query="?owner=bob")
    call("getBatches", 400, "invalid_cursor", query="?cursor=7")

    more, again = {"jobs": [{"type": "noop"}]}, {"Idempotency-Key": str(uuid.uuid4())}
    assert call("postBatchJobs", 202, id=batch, json=more, headers=again).json()["jobs"] == 1
    call("postBatchJobs", 422, "idempotency_key_reused", id=batch, headers=again,
         json={"jobs": [{"type": "noop", "payload": 1}]})
    post(batchId=batch)
    assert not call("closeBatch", 200, id=batch).json()["open"]
    call("postBatchJobs", 409, "batch_closed", id=batch, json=more)
    ended = wait_for(lambda: (lambda b: b if b["status"] != "running" else None)(
        call("getBatch", 200, id=batch).json()))
    assert (ended["status"], ended["counts"]) == ("completed", {"completed": 3})

    later = {"jobs": [{"type": "noop", "delay": "1h"}]}
    batch = call("postBatches", 202, json=later).json()["batchId"]
    assert call("getBatch", 200, id=batch).json()["status"] == "running"
    assert call("cancelBatch", 202, id=batch).json()["matched"] == 1


def test_batches_that_are_refused(call):
    schema = API.components["schemas"]["NewJobBatch"]
    jobs = [{"type": "noop"}]
    for bad, code in [({}, "invalid_batch"), ({"jobs": [1]}, "invalid_batch"),
                      ({"jobs": jobs, "x": 1}, "unknown_member"),
                      ({"jobs": jobs, "name": ""}, "invalid_member"),
                      ({"jobs": jobs, "open": 1}, "invalid_member"),
                      ({"jobs": jobs, "onFailure": []}, "invalid_member")]:
        assert API.errors(schema, bad)
        call("postBatches", 400, code, json=bad)


def test_the_events_of_a_batch(call):
    batch = call("postBatches", 202, json={"jobs": [], "open": True}).json()["batchId"]
    answer = call("getBatchEvents", 200, id=batch, body=False, stream=True)
    three = {"jobs": [{"type": "noop"}] * 3}
    jobs = call("postBatchJobs", 202, id=batch, json=three).json()["jobIds"]
    call("closeBatch", 200, id=batch)
    events = read_stream(answer, lambda _: False).events
    assert (events[0].name, events[-1].name) == ("batch", "batch-complete")
    assert {event.data["jobId"] for event in events[1:-1]} == set(jobs)
    call("getBatchEvents", 204, id=batch, headers={"Last-Event-ID": events[-1].id})
    call("getBatchEvents", 204, id=batch, query=f"?lastEventId={quote(events[-1].id)}")
    call("getBatchEvents", 400, "invalid_event_id", id=batch, headers={"Last-Event-ID": "x"})
    call("getBatchEvents", 400, "invalid_parameter", id=batch, query="?lastEventId=x")


# ------------------------------------------------------------ operating

def test_queues(call, post):
    settings = {"weight": 2, "concurrency": 3, "rateLimit": {"limit": 100, "per": "1m", "burst": 5},
                "maxLength": 1000}
    call("putQueue", 200, user="admin", name="mail", json=settings)
    call("putQueue", 200, user="admin", name="mail", json={"maxLength": None})
    post(queue="mail", delay="1h")
    assert call("getQueue", 200, name="mail").json()["counts"] == {"scheduled": 1}
    assert "mail" in {queue["name"] for queue in call("getQueues", 200).json()["queues"]}
    assert call("pauseQueue", 200, user="admin", name="mail").json()["paused"]
    assert not call("resumeQueue", 200, user="admin", name="mail").json()["paused"]
    call("getQueue", 404, "queue_not_found", name="nothing")
    schema = API.components["schemas"]["QueueSettings"]
    for bad, code in [({"weight": 0}, "invalid_member"), ({"concurrency": 0}, "invalid_member"),
                      ({"rateLimit": {}}, "invalid_member"), ({"colour": 1}, "unknown_member"),
                      ({"rateLimit": {"limit": 1, "key": "a"}}, "unknown_member"),
                      ({"rateLimit": {"limit": 1, "per": "soon"}}, "invalid_duration")]:
        assert API.errors(schema, bad)
        call("putQueue", 400, code, user="admin", name="mail", json=bad)


def test_types_are_paused(call):
    assert call("pauseType", 200, user="admin", name="report").json()["paused"]
    types = {row["type"]: row for row in call("getTypes", 200).json()["types"]}
    assert types["report"]["paused"] and not types["noop"]["paused"]
    assert not call("resumeType", 200, user="admin", name="report").json()["paused"]
    for operation in "pauseType", "resumeType":
        call(operation, 404, "type_not_found", user="admin", name="nothing")


def test_owners(call):
    call("putOwner", 200, user="admin", name="anna", json={"weight": 3, "maxWaiting": 5000,
                                                          "postsPerMinute": 600})
    call("putOwner", 200, user="admin", name="anna", json={"maxWaiting": None})
    call("putOwner", 200, user="admin", name="*", json={"maxWaiting": 100000})
    owners = {owner["name"]: owner for owner in call("getOwners", 200, user="admin").json()["owners"]}
    assert owners["alice"]["inherited"] and "maxWaiting" not in owners["anna"]
    schema = API.components["schemas"]["OwnerSettings"]
    for bad, code in [({"weight": 1001}, "invalid_member"), ({"maxWaiting": "5"}, "invalid_member"),
                      ({"colour": 1}, "unknown_member")]:
        assert API.errors(schema, bad)
        call("putOwner", 400, code, user="admin", name="anna", json=bad)


def test_workers_and_what_goes_on(stack, call, post):
    job_id = post("noop", {"sleepMs": 60000})
    wait_for(lambda: call("getJobStatus", 200, id=job_id).json()["state"] == "active")
    (worker,) = call("getWorkers", 200, user="admin").json()["workers"]
    assert job_id in {run["jobId"] for run in worker["running"]}
    assert call("getStats", 200).json()["counts"]["active"] >= 1
    assert call("getStats", 200, user="admin").json()["lastDay"]["started"] > 0
    call("cancelJob", 202, id=job_id)
    stack.wait_job(job_id)


# ------------------------------------------------------------ schedules

def test_schedules(call):
    spec = {"cron": "30 3 * * mon-fri", "timezone": "Europe/Berlin", "type": "noop"}
    call("postSchedule", 201, json={"name": "a", **spec})
    call("postSchedule", 409, "schedule_exists", json={"name": "a", **spec})
    call("putSchedule", 201, name="b", json={"every": "15m", "type": "noop", "overlap": "skip"})
    call("putSchedule", 200, name="b", json={"every": "15m", "type": "noop", "overlap": "skip",
                                             "payload": {"sleepMs": 60000}})
    page = call("getSchedules", 200, query="?limit=1").json()
    call("getSchedules", 200, query=f"?limit=1&cursor={page['nextCursor']}")
    call("getSchedules", 200, user="admin", query="?owner=alice")
    job_id = call("runSchedule", 202, name="b").json()["jobId"]
    call("runSchedule", 409, "still_running", name="b")
    assert call("getSchedule", 200, name="b").json()["lastJobId"] == job_id
    call("cancelJob", 202 if call("getJob", 200, id=job_id).json()["state"] == "active" else 200,
         id=job_id)
    assert call("pauseSchedule", 200, name="b").json()["paused"]
    assert not call("resumeSchedule", 200, name="b").json()["paused"]
    assert len(call("getScheduleNext", 200, name="b", query="?count=3").json()["next"]) == 3
    for name in "a", "b":
        call("deleteSchedule", 200, name=name)
        for operation in ("getSchedule", "deleteSchedule", "pauseSchedule", "resumeSchedule",
                          "runSchedule", "getScheduleNext"):
            call(operation, 404, "schedule_not_found", name=name)


def test_schedules_that_are_refused(call):
    schema = API.components["schemas"]["NewSchedule"]
    for spec, code in [({"cron": "61 * * * *"}, "invalid_cron"),
                       ({"cron": "@daily", "timezone": "Mars/Base"}, "invalid_timezone"),
                       ({"every": "1h", "options": {"runAt": "2030-01-01T00:00:00Z"}},
                        "invalid_options")]:
        call("putSchedule", 400, code, name="c", json={"type": "noop", **spec})
    for spec, code in [({}, "missing_member"), ({"type": "noop", "colour": 1}, "unknown_member"),
                       ({"type": "noop", "every": 1}, "invalid_member"),
                       ({"type": "noop", "every": "soon"}, "invalid_duration"),
                       ({"type": "noop", "every": "1h", "missed": "some"}, "invalid_member"),
                       ({"type": "noop", "every": "1h", "missedLimit": 0}, "invalid_member"),
                       ({"type": "noop", "every": "1h", "paused": 1}, "invalid_member"),
                       ({"type": "noop", "every": "1h", "options": []}, "invalid_options")]:
        assert API.errors(schema, spec)
        call("putSchedule", 400, code, name="c", json=spec)
    for operation in "getSchedules", "getSchedule", "getScheduleNext":
        place = {} if operation == "getSchedules" else {"name": "c"}
        call(operation, 403, "admin_only", query="?owner=bob", **place)
    call("getSchedules", 400, "invalid_cursor", query="?cursor=x")


# ------------------------------------------------------------ connections

def test_connections(stack, call):
    schema = API.components["schemas"]["NewConnection"]
    assert API.errors(schema, NEW_CONNECTION) == []
    one = call("postConnection", 201, json=NEW_CONNECTION).json()["id"]
    call("postConnection", 409, "connection_exists", json=NEW_CONNECTION)
    call("putConnection", 201, name="other", json=NEW_CONNECTION | {"name": "other"})
    call("putConnection", 409, "connection_exists", name="other", json=NEW_CONNECTION)
    page = call("getConnections", 200, query="?limit=1").json()
    call("getConnections", 200, query=f"?limit=1&cursor={page['nextCursor']}")
    call("getConnections", 200, user="admin", query="?owner=alice")
    assert call("getConnection", 200, name="shop").json()["id"] == one
    call("putConnection", 200, name=one, json=NEW_CONNECTION)
    call("testConnection", 422, "connection_failed", name="shop")
    call("postConnection", 422, "connection_failed", json=NEW_CONNECTION | {"name": "third", "test": True})
    moved = {key: NEW_CONNECTION[key] for key in NEW_CONNECTION if key != "password"} | {"port": 2}
    call("putConnection", 422, "password_required", name="shop", json=moved)
    key = stack.dir / "connection.key"
    key.rename(stack.dir / "no.key")
    call("testConnection", 503, "no_key", name="shop")
    key.write_text("x")
    key.chmod(0o666)
    call("testConnection", 503, "invalid_key", name="shop")
    (stack.dir / "no.key").replace(key)
    stack.sql("update millrace.connection set port = 2 where id = %s", one)
    call("testConnection", 503, "sealed_connection", name="shop")
    for operation in "getConnections", "getConnection", "getSchemaCache":
        place = {} if operation == "getConnections" else {"name": "shop"}
        call(operation, 403, "admin_only", query="?owner=bob", **place)
    for name in "shop", "other":
        call("deleteConnection", 200, name=name)
        for operation in ("getConnection", "deleteConnection", "testConnection", "trainSchema", "getSchemaCache",
                          "deleteSchemaCache"):
            call(operation, 404, "connection_not_found", name=name)
    call("putConnection", 404, "connection_not_found", name=one, json=NEW_CONNECTION)


def test_a_connection_that_works_and_its_schema(call):
    with Postgres() as server:
        server.sql("create table customer (id int primary key)")
        call("putConnection", 201, name="works", json=server.connection())
        call("testConnection", 200, name="works")
        call("getSchemaCache", 404, "not_cached", name="works")
        call("trainSchema", 202, name="works", headers={"Idempotency-Key": "train"})
        call("trainSchema", 422, "idempotency_key_reused", name="works", headers={"Idempotency-Key": "train"},
             json={"includeIndexes": False})
        job = call("trainSchema", 200, name="works", headers={"Prefer": "wait=30"}).json()
        assert job["state"] == "completed", job
        assert call("getSchemaCache", 200, name="works").json()["schema"]["counts"]["tables"] == 1
        assert call("getConnection", 200, name="works").json()["schemaCache"]["jobId"] == job["jobId"]
        call("deleteSchemaCache", 200, name="works")
        call("deleteSchemaCache", 404, "not_cached", name="works")


def test_connections_that_are_refused(call):
    schema = API.components["schemas"]["NewConnection"]
    for other, code in [({"kind": None}, "missing_member"), ({"port": 0}, "invalid_member"),
                        ({"host": "/run"}, "invalid_member"), ({"colour": 1}, "unknown_member")]:
        assert API.errors(schema, NEW_CONNECTION | other), other
        call("postConnection", 400, code, json=NEW_CONNECTION | other)
    call("postConnection", 400, "forbidden_host", json=NEW_CONNECTION | {"host": "169.254.169.254", "test": True})
    call("getConnections", 400, "invalid_cursor", query="?cursor=x")


# ------------------------------------------------------------ nginx, and what is away

def test_requests_that_nginx_refuses(stack, call):
    call("getJob", 414, "uri_too_long", id="x" * 9000)
    call("getTypes", 414, "uri_too_long", headers={"X-Long": "x" * 9000})
    with socket.create_connection(("127.0.0.1", int(stack.env["MILLRACE_PORT"])), 10) as raw:
        raw.sendall(b"GET /api/types HTTP/1.1\r\n\r\n")       # without Host
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400") and b"application/json" in head
    assert json.loads(body)["error"]["code"] == "bad_request"


def test_nothing_is_there(stack):
    answer = stack.request("GET", "/api/nothing")
    assert API.errors(API.components["schemas"]["Error"], answer.json(), closed=True) == []
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "no_such_route")


@pytest.mark.parametrize("name", ["getArtifact", "getReport"])
def test_a_file_that_is_gone(stack, call, reported, name):
    for path in (stack.dir / "data" / "artifacts").rglob("result.txt"):
        path.unlink()
    call(name, 404, "file_gone", **place_of(name, reported, "result.txt"))


def limit_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_UPLOAD // 2, MAX_UPLOAD // 2))


def test_a_disk_without_room(stack, call):
    """A limit on the size of files is to the API what a full disk is. The signal that
    comes with it stays ignored, as it is in this process."""
    stack.stop("api")
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    subprocess.run([SCRIPT, stack.dir, "start", "api"], env=stack.environment, check=True,
                   capture_output=True, restore_signals=False, preexec_fn=limit_files)
    data = "a" * (MAX_UPLOAD - 1000)
    call("postFiles", 507, "disk_full", data=data)
    call("postAnalysis", 507, "disk_full", **form(("file", "a.csv", data)))
    stack.restart("api")


def test_the_database_is_away(stack, call):
    stack.token("zoe")      # who has not been here, and is not remembered
    stack.stop("postgres")
    for op in OPERATIONS:
        if op.id == "getHealth":
            call(op.id, 200, user=None)
        else:
            expect(op, ask(stack, op, "zoe"), 503, "database_unavailable")
    stack.start("postgres")


def test_the_stream_is_away(stack, call, reported):
    batch = call("postBatches", 202, json={"jobs": [{"type": "noop"}]}).json()["batchId"]
    stack.stop("stream")
    call("getJobEvents", 502, "unavailable", id=reported)
    call("getBatchEvents", 502, "unavailable", id=batch)
    call("getEvents", 502, "unavailable")
    stack.start("stream")


def test_the_api_is_away_and_too_many_ask():
    """The ending of a path says nothing of the kind of a refusal."""
    with Stack("nginx", RATE="1r/m", BURST="5") as stack:
        report = API.operations["getReport"]
        for op, place in [(API.operations["getHealth"], {}), (report, {"name": "result.xlsx"})]:
            answer = stack.request("GET", path_of(op, **place), user=None)
            expect(op, answer, 502, "unavailable")
        answers = [stack.request("GET", path_of(report, name="result.xlsx"), user=None)
                   for _ in range(10)]
    expect(report, answers[-1], 429, "rate_limited")


# ---------------------------------------------------------------- looking back

# What no test here can bring about through nginx: it takes minutes, a fault, or a
# race; or nginx keeps it from the API.
NOT_SEEN = {(400, "incomplete_body"), (400, "query_too_long"), (400, "invalid_data"),
            (404, "key_not_found"), (500, "internal_error"), (503, "unavailable"),
            (503, "overloaded"), (503, "busy"), (503, "test_unavailable"), (503, "unknown_host"), (503, "commit_stuck"), (503, "schema_older"),
            (503, "schema_newer"), (504, "timeout")}


def test_all_that_is_documented_was_seen():
    documented = {(op.id, status) for op in OPERATIONS for status in op.responses
                  if status != "default"}
    assert documented - API.seen == set()
    seen = API.seen_codes | {(400, "bad_request"), (404, "no_such_route")}
    assert API.codes() - seen - NOT_SEEN == set()
