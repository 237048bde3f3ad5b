"""millrace-api through nginx: each endpoint about jobs, and who may use it."""

import json
import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import BULK, TYPE, api_stack, bearer, code_of, ids, listed, post, socket_of  # noqa: E402
from fcgi import Connection  # noqa: E402
from runs import Runs  # noqa: E402
from stack import wait_for  # noqa: E402


@pytest.fixture(scope="module", name="stack")
def _stack():
    with api_stack() as running:
        yield running


@pytest.fixture(scope="module", name="runs")
def _runs(stack):
    return Runs(stack, TYPE)


# ---------------------------------------------------------------- jobs

def test_a_post_is_answered_with_the_id(stack):
    answer = stack.request("POST", "/api/jobs", user="alice",
                           json={"type": TYPE, "payload": {"a": 1}})
    body = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Location"] == f"/api/jobs/{body['jobId']}"
    assert uuid.UUID(body["jobId"]).version == 7
    assert body == {"success": True, "jobId": body["jobId"], "type": TYPE,
                    "status": "pending", "state": "available"}


def test_a_job_is_read_whole(stack):
    answer = stack.request("POST", "/api/jobs", user="alice", headers={
        "Content-Type": "application/json; charset=utf-8"}, data=json.dumps({
            "type": TYPE, "payload": {"x": [1, "ä"]}, "queue": "mail", "priority": "high",
            "maxAttempts": 7, "tags": ["a", "b c"]}))
    job = stack.job(answer.json()["jobId"], user="alice")
    created = job.pop("createdAt")
    assert created.endswith("Z") and len(created) == 24 and job.pop("runAt") == created
    assert job == {
        "success": True, "jobId": answer.json()["jobId"], "type": TYPE, "queue": "mail",
        "owner": "alice", "priority": 50, "status": "pending", "state": "available",
        "progress": 0, "attempt": 0, "maxAttempts": 7, "payload": {"x": [1, "ä"]},
        "tags": ["a", "b c"]}


def test_the_payload_is_kept_as_it_was_written(stack):
    payload = '{"b" : 1.50, "a":[1e3,\n -0.0], "u": "\\u00e4"}'
    answer = stack.request("POST", "/api/jobs", user="alice",
                           data=f'{{"type": "{TYPE}", "payload": {payload}}}')
    text = stack.request("GET", answer.headers["Location"], user="alice").text
    assert f'"payload":{payload},' in text


def test_a_job_without_payload_has_an_empty_one(stack):
    answer = stack.request("POST", "/api/jobs", user="alice", json={"type": TYPE})
    assert stack.job(answer.json()["jobId"], user="alice")["payload"] == {}


def test_the_largest_body_is_taken(stack):
    text = json.dumps({"type": TYPE, "payload": ""})
    text = text.replace('""', '"' + "x" * (1048576 - len(text)) + '"')
    answer = stack.request("POST", "/api/jobs", data=text,
                           headers={"Content-Type": "application/json"})
    assert answer.status_code == 202


def test_odd_names_come_back_as_they_are(stack):
    """What could break out of SQL, JSON or a header does not."""
    odd = "'\"\\{},;$1%s\r\n\t</script>\u2028ä\U0001f600"
    owner = "o'brien \"{}\\"
    job = stack.job(post(stack, owner, tags=[odd]), user=owner)
    assert (job["tags"], job["owner"]) == ([odd], owner)
    assert listed(stack, "?type=x'%20or%20'1", owner)["jobs"] == []


@pytest.mark.parametrize("path", ["/api/v1/jobs", "/api/jobs/enqueue"])
def test_other_names_of_the_same(stack, path):
    answer = stack.request("POST", path, user="alice", json={"type": TYPE})
    assert answer.status_code == 202
    job_id = answer.json()["jobId"]
    assert stack.request("GET", f"/api/v1/jobs/{job_id}", user="alice").status_code == 200
    # The argument of 001 is known, and says nothing new.
    assert stack.request("GET", f"/api/jobs/{job_id}?jobType=x", user="alice").status_code == 200


def test_a_document_job(stack):
    document = {"code": "print(1)", "documentType": TYPE, "title": "Sales Report",
                "sessionId": str(uuid.uuid4()), "userId": 123, "priority": 0}
    answer = stack.request("POST", "/api/jobs", user="alice", json=document)
    assert answer.status_code == 202
    job = stack.job(answer.json()["jobId"], user="alice")
    assert (job["type"], job["priority"]) == (TYPE, 0)
    assert job["payload"] == {k: document[k] for k in ("code", "title", "sessionId", "userId")}


@pytest.mark.parametrize("later", [{"delay": "1h"}, {"delayMs": 3600000},
                                   {"runAt": "2999-01-01T00:00:00Z"}])
def test_later_jobs_are_scheduled(stack, later):
    answer = stack.request("POST", "/api/jobs", user="alice", json={"type": TYPE, **later})
    assert answer.json()["state"] == "scheduled"
    job = stack.job(answer.json()["jobId"], user="alice")
    assert job["state"] == "scheduled" and job["runAt"] > job["createdAt"]


def test_the_life_of_a_job(stack, runs):
    job_id = post(stack)
    attempt = runs.claim(1000)[job_id]
    runs.report(job_id, attempt, 40, "sheet 2 of 5")
    small = stack.request("GET", f"/api/jobs/{job_id}/status", user="alice").json()
    assert small == {"success": True, "jobId": job_id, "status": "processing",
                     "state": "active", "progress": 40, "message": "sheet 2 of 5",
                     "attempt": 1, "maxAttempts": 3}
    runs.add_log(job_id, attempt, "one", "two", "three")
    runs.finish(job_id, attempt, result={"rows": 5}, artifacts=[
        {"name": "ä b.csv", "size": 3, "contentType": "text/csv", "sha256": "00"},
        {"name": "z.txt", "size": 1, "contentType": "text/plain", "sha256": "11"}])

    job = stack.job(job_id, user="alice")
    url = f"/api/jobs/{job_id}/artifacts/%C3%A4%20b.csv"
    assert (job["status"], job["state"], job["progress"]) == ("completed", "completed", 100)
    assert job["result"] == {"rows": 5}
    assert job["startedAt"] <= job["completedAt"]
    assert job["artifacts"][1]["name"] == "ä b.csv"     # z.txt is first: by bytes
    assert job["artifacts"][1]["url"] == url
    assert job["downloadUrl"].endswith("/z.txt")
    listed = stack.request("GET", f"/api/jobs/{job_id}/artifacts", user="alice").json()
    assert listed == {"success": True, "artifacts": job["artifacts"]}

    logs = stack.request("GET", f"/api/jobs/{job_id}/logs?limit=2", user="alice").json()
    assert [line["line"] for line in logs["logs"]] == ["one", "two"]
    assert logs["logs"][0]["at"] == "2023-11-14T22:13:20.000Z"
    rest = stack.request("GET", f"/api/jobs/{job_id}/logs?after={logs['nextCursor']}",
                         user="alice").json()
    assert [line["line"] for line in rest["logs"]] == ["three"] and "nextCursor" not in rest


def test_a_failed_job_shows_what_it_kept(stack, runs):
    job_id = post(stack)
    runs.run(job_id, state="discarded", error={"code": "bad_rows", "message": "no"}, artifacts=[
        {"name": "errors.csv", "size": 3, "contentType": "text/csv", "sha256": "00"}])
    job = stack.job(job_id, user="alice")
    assert (job["status"], job["artifacts"][0]["name"]) == ("failed", "errors.csv")
    assert job["downloadUrl"] == f"/api/jobs/{job_id}/artifacts/errors.csv"
    listed = stack.request("GET", "/api/jobs?state=discarded&limit=1000", user="alice").json()
    assert job["artifacts"] in [each.get("artifacts") for each in listed["jobs"]]


def test_an_artifact_is_sent_by_nginx(stack, runs):
    job_id = post(stack)
    name = 'rä "1".txt'
    folder = stack.dir / "data" / "artifacts" / job_id[-2:] / job_id / "1"
    runs.run(job_id, artifacts=[{"name": name, "size": 10, "contentType": "text/plain",
                                 "sha256": "00"}])
    url = stack.job(job_id, user="alice")["downloadUrl"]
    assert stack.request("GET", url, user="alice").status_code == 404     # no file yet
    folder.mkdir(parents=True)
    (folder / name).write_bytes(b"0123456789")

    answer = stack.request("GET", url, user="alice")
    assert answer.content == b"0123456789"
    assert answer.headers["Content-Type"] == "text/plain"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"] == (
        'attachment; filename="r__ _1_.txt"; filename*=UTF-8\'\'r%C3%A4%20%221%22.txt')
    part = stack.request("GET", url, user="alice", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")
    same = stack.request("GET", url, user="alice",
                         headers={"If-None-Match": answer.headers["ETag"]})
    assert same.status_code == 304
    head = stack.request("HEAD", url, user="alice")
    assert (head.status_code, head.headers["Content-Length"]) == (200, "10")


def test_a_failed_job_says_why_and_can_be_run_again(stack, runs):
    job_id = post(stack)
    error = {"code": "exit_status", "message": "exit status 1"}
    runs.run(job_id, state="discarded", error=error)
    job = stack.job(job_id, user="alice")
    assert (job["status"], job["state"], job["error"]) == ("failed", "discarded", error)
    assert "result" not in job

    answer = stack.request("POST", f"/api/jobs/{job_id}/retry", user="alice")
    assert answer.status_code == 202
    assert answer.json() == {"success": True, "jobId": job_id, "status": "pending",
                             "state": "available"}
    again = stack.request("POST", f"/api/jobs/{job_id}/retry", user="alice")
    assert code_of(again) == (409, "not_retryable")


@pytest.mark.parametrize("how", [("DELETE", ""), ("POST", "/cancel")])
def test_a_waiting_job_is_cancelled_at_once(stack, how):
    job_id = post(stack)
    answer = stack.request(how[0], f"/api/jobs/{job_id}{how[1]}", user="alice")
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "jobId": job_id, "status": "cancelled",
                             "state": "cancelled"}
    assert stack.job(job_id, user="alice")["status"] == "cancelled"
    again = stack.request(how[0], f"/api/jobs/{job_id}{how[1]}", user="alice")
    assert code_of(again) == (409, "job_final")


def test_a_running_job_is_asked_to_stop(stack, runs):
    job_id = post(stack)
    attempt = runs.claim(1000)[job_id]
    answer = stack.request("POST", f"/api/jobs/{job_id}/cancel", user="alice", json={})
    assert answer.status_code == 202
    assert answer.json()["status"] == "processing"
    assert answer.json()["message"] == "cancelling"
    runs.finish(job_id, attempt, state="cancelled")
    assert stack.job(job_id, user="alice")["state"] == "cancelled"


def test_types_are_listed(stack):
    types = stack.request("GET", "/api/types", user="alice").json()["types"]
    assert {"type": TYPE, "description": "for tests", "queue": "default", "priority": 0,
            "timeout": "10m", "maxAttempts": 3, "retry": {"max": "1h"}, "paused": False} in types


# ---------------------------------------------------------------- lists

@pytest.fixture(scope="module", name="bobs")
def _bobs(stack, runs):
    """Twelve jobs of bob's: 0 completed, 1 failed, 2 running, 3 scheduled, ..."""
    runs.claim(1000)
    made = [post(stack, "bob", queue="bob", tags=[f"t{i % 3}"], **({"delay": "1h"} if i == 3 else {}))
            for i in range(12)]
    first = Runs(stack, TYPE)
    claimed = first.claim(3)
    assert set(claimed) == set(made[:3])
    first.finish(made[0], claimed[made[0]], artifacts=[
        {"name": "a", "size": 1, "contentType": "text/plain", "sha256": "00"}])
    first.finish(made[1], claimed[made[1]], state="discarded", error={"code": "x", "message": "y"})
    return made


def test_a_list_is_newest_first_and_in_pages(stack, bobs):
    seen, query = [], "?limit=5"
    while query:
        page = listed(stack, query)
        assert len(page["jobs"]) <= 5
        seen += ids(page)
        query = f"?limit=5&cursor={page['nextCursor']}" if "nextCursor" in page else None
    assert seen == bobs[::-1]


@pytest.mark.parametrize("query, wanted", [
    ("?status=completed", [0]), ("?status=failed", [1]), ("?status=processing", [2]),
    ("?state=active", [2]), ("?state=scheduled", [3]), ("?state=discarded", [1]),
    ("?status=cancelled", []), ("?status=pending&tag=t0", [9, 6, 3]),
    ("?tag=t1&limit=2", [10, 7]), ("?queue=bob&type=tried&limit=1", [11]),
    ("?type=none", []), ("?owner=bob&status=failed", [1]),
    ("?status=processing&state=completed", []),
])
def test_a_list_is_filtered(stack, bobs, query, wanted):
    assert ids(listed(stack, query)) == [bobs[i] for i in wanted]


def test_jobs_in_a_list_are_whole(stack, bobs):
    job = listed(stack, "?status=completed")["jobs"][0]
    assert job["payload"] == {"n": 1}
    assert job["downloadUrl"] == f"/api/jobs/{bobs[0]}/artifacts/a"


def test_a_list_goes_on_past_what_it_has_looked_at(stack):
    """10,000 jobs are looked at for a page; the one wanted lies behind them."""
    wanted = post(stack, "carol", tags=["rare"])
    for _ in range(2):
        body = {"jobs": [{"type": BULK}] * 10000}
        assert stack.request("POST", "/api/jobs/batch", user="carol", json=body).status_code == 202
    pages, query = 0, "?tag=rare"
    while True:
        page = listed(stack, query, "carol")
        pages += 1
        if page["jobs"]:
            break
        query = f"?tag=rare&cursor={page['nextCursor']}"
    assert ids(page) == [wanted] and pages == 3 and "nextCursor" not in page


def test_a_page_holds_a_few_megabytes(stack):
    for _ in range(5):
        stack.post_job(TYPE, "x" * 900_000, user="dave")
    page = listed(stack, "?limit=100", "dave")
    assert len(page["jobs"]) == 3
    rest = listed(stack, f"?limit=100&cursor={page['nextCursor']}", "dave")
    assert len(rest["jobs"]) == 2 and "nextCursor" not in rest


# ---------------------------------------------------------------- who may

def test_the_jobs_of_others_are_not_there(stack, runs):
    job_id = post(stack, "alice")
    for method, rest in [("GET", ""), ("GET", "/status"), ("GET", "/events"), ("GET", "/logs"),
                         ("GET", "/artifacts"), ("GET", "/artifacts/a"), ("POST", "/cancel"),
                         ("POST", "/retry"), ("DELETE", "")]:
        answer = stack.request(method, f"/api/jobs/{job_id}{rest}", user="mallory")
        assert code_of(answer) == (404, "job_not_found"), rest
    assert job_id not in ids(listed(stack, "", "mallory"))
    assert stack.request("GET", "/api/jobs?owner=alice", user="mallory").status_code == 403
    assert stack.job(job_id, user="alice")["state"] == "available"


def test_an_admin_sees_all(stack):
    job_id = post(stack, "alice")
    assert stack.job(job_id)["owner"] == "alice"
    assert job_id in ids(listed(stack, "?limit=1000&owner=alice", "admin"))
    assert stack.request("DELETE", f"/api/jobs/{job_id}").status_code == 200


@pytest.mark.parametrize("headers, code", [
    ({}, "missing_token"),
    ({"Authorization": "Basic YTpi"}, "missing_token"),
    ({"Authorization": "Bearer "}, "missing_token"),
    ({"Authorization": "Bearer mr_aaaaaaaaaaaa_" + "b" * 43}, "invalid_token"),
    ({"Authorization": "Bearer ' or 1=1"}, "invalid_token"),
    ({"Cookie": "millrace_session=x"}, "invalid_session"),
    ({"Cookie": "millrace_session=" + "b" * 43}, "invalid_session"),
])
def test_strangers_are_sent_away(stack, headers, code):
    answer = stack.request("GET", "/api/jobs", user=None, headers=headers)
    assert code_of(answer) == (401, code)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_revoked_token_ends_within_seconds(stack):
    def refused():
        return stack.request("GET", "/api/session", user="leaver").status_code == 401
    assert not refused()
    stack.sql("update millrace.token set revoked_at = now() where owner = 'leaver'")
    wait_for(refused)


def begin_session(stack, user="alice"):
    answer = stack.request("POST", "/api/session", user=None, json={"token": stack.token(user)})
    assert answer.status_code == 200, answer.text
    return answer


def test_a_browser_has_a_session(stack):
    answer = begin_session(stack)
    assert answer.json() == {"success": True, "user": "alice", "role": "user"}
    cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert attributes == ["Path=/", "Max-Age=43200", "HttpOnly", "SameSite=Strict"]
    browser = {"Cookie": f"other=1; {cookie}"}

    seen = stack.request("GET", "/api/session", user=None, headers=browser)
    assert seen.json()["user"] == "alice"
    posted = stack.request("POST", "/api/jobs", user=None, headers={
        **browser, "Sec-Fetch-Site": "same-origin"}, json={"type": TYPE})
    assert posted.status_code == 202
    for site in "cross-site", "same-site":
        answer = stack.request("POST", "/api/jobs", user=None, json={"type": TYPE},
                               headers={**browser, "Sec-Fetch-Site": site})
        assert code_of(answer) == (403, "cross_site")

    left = stack.request("DELETE", "/api/session", user=None, headers=browser)
    assert "Max-Age=0" in left.headers["Set-Cookie"]
    after = stack.request("GET", "/api/session", user=None, headers=browser)
    assert after.json()["error"]["code"] == "invalid_session"


def test_another_site_begins_no_session(stack):
    answer = stack.request("POST", "/api/session", user=None, json={"token": stack.token("alice")},
                           headers={"Sec-Fetch-Site": "cross-site"})
    assert code_of(answer) == (403, "cross_site")
    assert "Set-Cookie" not in answer.headers


def test_a_session_by_header_and_over_tls(stack):
    with Connection(socket_of(stack)) as fcgi:
        answer = fcgi.request("POST", "/api/session", HTTPS="on",
                              headers=bearer(stack))
    assert answer.status == 200 and answer.headers["set-cookie"].endswith("; Secure")


def test_streams_are_handed_over(stack):
    """What nginx is told; millrace-stream has tests of its own."""
    job_id = post(stack)
    with Connection(socket_of(stack)) as fcgi:
        def target(path, user="alice"):
            answer = fcgi.request("GET", path, bearer(stack, user))
            return answer.headers.get("x-accel-redirect", answer.status)
        assert target(f"/api/jobs/{job_id}/events") == f"/-/millrace/stream/jobs/{job_id}"
        assert target(f"/api/jobs/{job_id}/events?lastEventId=1:2,3~4") == (
            f"/-/millrace/stream/jobs/{job_id}?after=1:2,3~4")
        assert target("/api/jobs/notifications/stream", "ä b") == (
            "/-/millrace/stream/owners/%C3%A4%20b")
        assert target("/api/jobs/notifications/stream?all=1", "admin") == "/-/millrace/stream/all"
        assert target("/api/jobs/notifications/stream?all=1") == 403
        assert target(f"/api/jobs/{job_id}/events?lastEventId=a%0ab") == 400
