"""Bad input to millrace-api: each kind of it has its own code, stores nothing and
costs no process."""

import http.client
import json
import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import TYPE, api_stack, bearer, code_of, socket_of  # noqa: E402
from fcgi import Connection  # noqa: E402

ID = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.fixture(scope="module", name="stack")
def _stack():
    with api_stack(MILLRACE_MAX_BODY="64KB") as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_stored_no_process_lost(stack):
    stack.token("alice")
    pid = stack.pid("api")
    before = stack.value("select count(*) from millrace.job")
    yield
    assert Path(f"/proc/{pid}/exe").exists()
    assert stack.value("select count(*) from millrace.job") == before
    assert stack.request("GET", "/healthz", user=None).status_code == 200


def raw(stack, method, path, body=b"", **headers):
    """A request whose path is sent as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", int(stack.env["MILLRACE_PORT"]))
    connection.putrequest(method, path, skip_accept_encoding=True)
    headers.setdefault("Authorization", f"Bearer {stack.token('alice')}")
    if body:
        headers["Content-Length"] = str(len(body))
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(body or None)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())["error"]["code"]


def post_text(stack, text, path="/api/jobs", content_type="application/json"):
    data = text.encode() if isinstance(text, str) else text
    return stack.request("POST", path, user="alice", data=data,
                         headers={"Content-Type": content_type})


@pytest.mark.parametrize("text, code, says", [
    ("", "invalid_json", "line 1"),
    ('{"type": "tried",\n "payload": }', "invalid_json", "line 2, column 13"),
    ('{"type": "tried"} {}', "invalid_json", "after the end"),
    ("{'type': 'tried'}", "invalid_json", "column 2"),
    ('{"type": "tried", "payload": NaN}', "invalid_json", "line 1"),
    ('{"type": "tried", "payload": {"a": 1, "a": 2}}', "duplicate_member", "line 1"),
    ('{"type": "tried", "type": "other"}', "duplicate_member", "line 1"),
    (b'{"type": "tried", "payload": "\xff"}', "invalid_utf8", "line 1"),
    (b'{"type": "tried", "payload": "\xc0\xaf"}', "invalid_utf8", "line 1"),
    ('{"type": "tried", "payload": 1.5\0}', "invalid_json", "line 1, column 33: a zero byte"),
    ('{"type": "tried", "payload": "\\u0000"}', "null_character", "line 1"),
    ('{"type": "tried", "payload": {"\\u0000": 1}}', "null_character", "line 1"),
    ('{"type": "tried", "payload": ' + "[" * 64 + "]" * 64 + "}", "nesting_too_deep", "64"),
    ("[" * 60000, "nesting_too_deep", "64"),
    ("[]", "invalid_body", "object"),
    ('"tried"', "invalid_body", "object"),
    ("{}", "missing_member", "type"),
    ('{"type": 5}', "invalid_member", "type"),
    ('{"type": "no-such-type"}', "unknown_type", "no-such-type"),
    ('{"type": "tried", "unknown": 1}', "unknown_member", '"unknown"'),
    ('{"type": "tried", "priority": "urgent"}', "invalid_member", "-100 to 100"),
    ('{"type": "tried", "priority": 101}', "invalid_member", "priority"),
    ('{"type": "tried", "runAt": "tomorrow"}', "invalid_time", "runAt"),
    ('{"type": "tried", "delay": "5 minutes"}', "invalid_duration", "delay"),
    ('{"type": "tried", "timeout": "1s1h"}', "invalid_duration", "timeout"),
    ('{"type": "tried", "maxAttempts": 0}', "invalid_member", "maxAttempts"),
    ('{"type": "tried", "retry": {"backoff": "random"}}', "invalid_retry", "backoff"),
    ('{"type": "tried", "tags": [5]}', "invalid_member", "tags"),
    ('{"type": "tried", "files": ["x"]}', "invalid_member", "files"),
    ('{"type": "tried", "files": ["%s"]}' % ID, "unknown_file", ID),
])
def test_bad_jobs(stack, text, code, says):
    answer = post_text(stack, text)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, code), answer.text
    assert says in error["message"]
    assert answer.json()["success"] is False


def test_the_member_at_fault_is_named(stack):
    for text, member in ('{"type": "tried", "x": 1}', "x"), ('{"type": "tried", "queue": 1}', "queue"):
        assert post_text(stack, text).json()["error"]["details"] == {"member": member}


def test_the_files_of_others_are_unknown(stack):
    stack.sql("insert into millrace.file (id, owner, name, size, content_type, sha256) "
              "values (%s, 'bob', 'a', 1, 'text/plain', '00') on conflict do nothing", ID)
    answer = post_text(stack, json.dumps({"type": TYPE, "files": [ID]}))
    assert code_of(answer) == (400, "unknown_file")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded",
                                          "multipart/form-data; boundary=x", "application/jsonp"])
@pytest.mark.parametrize("path", ["/api/jobs", "/api/jobs/batch", "/api/session"])
def test_content_types(stack, path, content_type):
    user = None if path == "/api/session" else "alice"
    answer = stack.request("POST", path, user=user, data=b"{}",
                           headers={"Content-Type": content_type})
    assert code_of(answer) == (415, "unsupported_media_type")


def chunked(size):
    for _ in range(0, size, 8192):
        yield b" " * 8192


@pytest.mark.parametrize("path, size", [("/api/jobs", 65537), ("/api/jobs/batch", 64 * 65536 + 1),
                                        ("/api/session", 70000)])
@pytest.mark.parametrize("how", [lambda n: b" " * n, chunked], ids=["length", "chunked"])
def test_large_bodies(stack, path, size, how):
    answer = stack.request("POST", path, user=None if path == "/api/session" else "alice",
                           data=how(size), headers={"Content-Type": "application/json"})
    assert code_of(answer) == (413, "body_too_large")


def test_what_is_refused_unread_costs_no_request_behind_it(stack):
    """Whatever part of it is on its way when the answer comes: nginx keeps the
    connection for the next request only where it has sent all."""
    for size in range(1 << 20, 3 << 20, 100_000):
        answer = post_text(stack, b" " * size)
        assert code_of(answer) == (413, "body_too_large"), size
        assert stack.request("GET", "/api/jobs", user="alice").status_code == 200, size


@pytest.mark.parametrize("job_id", ["1", "statistics", "x" * 36, ID[:-1], ID + "0", ID[:-1] + "g",
                                    "%27", "01890a5dac96774bbcceb302099a8057"])
@pytest.mark.parametrize("rest", ["", "/status", "/logs", "/events", "/artifacts/a"])
def test_ids_that_are_none(stack, job_id, rest):
    answer = stack.request("GET", f"/api/jobs/{job_id}{rest}", user="alice")
    assert code_of(answer) == (400, "invalid_id")


@pytest.mark.parametrize("path, code", [
    ("/api/nothing", (404, "no_such_route")),
    ("/api/jobs/", (404, "no_such_route")),
    ("/api/jobs//", (404, "no_such_route")),
    (f"/api/jobs/{ID}", (404, "job_not_found")),
    (f"/api/jobs/{ID}/artifacts/a", (404, "job_not_found")),
    (f"/api/jobs/{ID}/artifacts/..", (400, "invalid_path")),
    (f"/api/jobs/{ID}/artifacts/%2e%2e", (400, "invalid_path")),
    (f"/api/jobs/{ID}/artifacts/..%2f..%2fetc%2fpasswd", (400, "invalid_path")),
    (f"/api/jobs/{ID}/artifacts/%5c", (404, "job_not_found")),
    (f"/api/jobs/{ID}/artifacts/a%0d%0aX-Evil:%201", (400, "invalid_url")),
    (f"/api/jobs/{ID}/artifacts/%ff", (400, "invalid_url")),
    (f"/api/jobs/{ID}/artifacts/%zz", (400, "bad_request")),       # by nginx
    (f"/api/jobs/{ID}/artifacts/%00", (400, "bad_request")),
    ("/api/../api/jobs", (404, "no_such_route")),
    ("/api/jobs?limit=0", (400, "invalid_parameter")),
    ("/api/jobs?limit=1001", (400, "invalid_parameter")),
    ("/api/jobs?limit=1e3", (400, "invalid_parameter")),
    ("/api/jobs?limit=1&limit=1", (400, "duplicate_parameter")),
    ("/api/jobs?status=done", (400, "invalid_parameter")),
    ("/api/jobs?state=failed", (400, "invalid_parameter")),
    ("/api/jobs?cursor=x", (400, "invalid_cursor")),
    ("/api/jobs?statsu=failed", (400, "unknown_parameter")),
    ("/api/jobs?type=%00", (400, "invalid_url")),
    ("/api/jobs?type=%c3%28", (400, "invalid_url")),
    (f"/api/jobs/{ID}/logs?after=-1", (400, "invalid_parameter")),
    (f"/api/jobs/{ID}/logs?after=99999999999999999999", (400, "invalid_parameter")),
    (f"/api/jobs/{ID}/logs?limit=a", (400, "invalid_parameter")),
    (f"/api/jobs/{ID}?wait=5", (400, "unknown_parameter")),
    ("/api/jobs/notifications/stream?lastEventId=", (400, "invalid_parameter")),
])
def test_paths_and_arguments(stack, path, code):
    assert raw(stack, "GET", path) == code


def test_huge_query_strings(stack):
    with Connection(socket_of(stack)) as fcgi:
        answer = fcgi.request("GET", "/api/jobs?type=" + "a" * 8192, bearer(stack))
        assert (answer.status, answer.code) == (400, "query_too_long")
        answer = fcgi.request("GET", "/api/jobs?" + "&".join("tag=1" for _ in range(500)),
                              bearer(stack))
        assert (answer.status, answer.code) == (400, "duplicate_parameter")
    assert raw(stack, "GET", "/api/jobs?type=" + "a" * 70000) == (414, "uri_too_long")


@pytest.mark.parametrize("method, path, allow", [
    ("PUT", "/api/jobs", "POST, GET, HEAD"),
    ("GET", "/api/jobs/batch", "POST"),
    ("POST", f"/api/jobs/{ID}", "GET, HEAD, PATCH, DELETE"),
    ("PUT", f"/api/jobs/{ID}", "GET, HEAD, PATCH, DELETE"),
    ("GET", "/api/jobs/cancel", "POST"),
    ("GET", f"/api/jobs/{ID}/cancel", "POST"),
    ("DELETE", "/api/types", "GET, HEAD"),
    ("OPTIONS", "/api/jobs", "POST, GET, HEAD"),
])
def test_wrong_methods(stack, method, path, allow):
    answer = stack.request(method, path, user="alice")
    assert code_of(answer) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == allow


@pytest.mark.parametrize("path", [f"/api/jobs/{ID}/events", "/api/jobs/notifications/stream"])
def test_a_stream_has_no_head(stack, path):
    answer = stack.request("HEAD", path, user="alice")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize("prefer", ["wait=x", "wait=-5", "wait=99999999999999999999", "x" * 5000])
def test_what_cannot_be_preferred_is_not(stack, prefer):
    answer = stack.request("GET", f"/api/jobs/{ID}", user="alice", headers={"Prefer": prefer})
    assert code_of(answer) == (404, "job_not_found")


@pytest.mark.parametrize("body", ["{}", '{"token": 5}', '{"token": "x", "more": 1}', "[]", ""])
def test_bad_sessions(stack, body):
    answer = stack.request("POST", "/api/session", user=None, data=body.encode(),
                           headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


def test_a_wrong_token_begins_no_session(stack):
    answer = stack.request("POST", "/api/session", user=None, json={"token": "mr_x"})
    assert code_of(answer) == (401, "invalid_token")
    assert "Set-Cookie" not in answer.headers


def test_a_random_id_is_not_found(stack):
    for method, path in ("GET", ""), ("DELETE", ""), ("POST", "/retry"), ("GET", "/events"):
        answer = stack.request(method, f"/api/jobs/{uuid.uuid4()}{path}", user="alice")
        assert code_of(answer) == (404, "job_not_found")
