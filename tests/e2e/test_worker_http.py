"""The kind http against real web servers."""

import contextlib
import hashlib
import hmac
import json
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from stack import wait_for  # noqa: E402
from web_server import WebServer  # noqa: E402
from worker import enqueue_many, wait_all, worker_stack  # noqa: E402

SECRET = "a secret of the tests"


def http(name, url, run=None, **more):
    return {"type": name, "run": {"kind": "http", "url": url, "secret": SECRET,
                                  "allow": ["127.0.0.0/8", "::1"], **(run or {})},
            "retry": {"initial": "100ms", "jitter": False}, "timeout": "30s", **more}


@pytest.fixture(scope="module")
def server():
    with WebServer() as server:
        yield server


@pytest.fixture(scope="module")
def broken():
    """A server of its own for breakers."""
    with WebServer() as server:
        yield server


def types_of(server, broken):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        closed = s.getsockname()[1]
    url = server.url
    return [
        http("http", f"{url}/jobs?a=b", {"headers": {"X-Mine": "yes", "Content-Type": "text/json"}}),
        http("http.once", f"{url}/once", maxAttempts=1),
        http("http.job", f"{url}/job", {"body": "job"}),
        http("http.many", f"{url}/many", {"maxInFlight": 300}),
        http("http.few", f"{url}/few", {"maxInFlight": 3}),
        http("http.slow", f"{url}/slow", timeout="1s", maxAttempts=1),
        http("http.small", f"{url}/small", {"maxResponse": "10KB"}, maxAttempts=3),
        http("http.closed", f"http://127.0.0.1:{closed}/", maxAttempts=1),
        http("http.no.host", "http://no-such-host.invalid/", maxAttempts=1),
        http("http.guarded", f"{url}/guarded", {"allow": []}),
        http("http.any", "/url", {"allow": []}, maxAttempts=1),
        http("http.broken", f"{broken.url}/broken",
             {"maxInFlight": 5, "breaker": {"failures": 3, "pause": "1s"}}, maxAttempts=20),
        http("http.report", f"{url}/report",
             payloadSchema={"properties": {"password": {"writeOnly": True}}}),
        http("http.patient", f"{url}/report", heartbeatTimeout="2s"),
        http("http.hosts", "/url", {"breaker": {"failures": 2, "pause": "1s"}}, maxAttempts=20),
    ]


@pytest.fixture(scope="module")
def worker(server, broken):
    types = [(spec, None) for spec in types_of(server, broken)]
    with worker_stack(types, MILLRACE_SLOTS="1") as worker:
        yield worker


# ---------------------------------------------------------------- what is sent

def test_a_job_is_a_signed_request(worker, server):
    payload = {"result": {"ok": True}, "text": "ä\n😀"}
    job = worker.enqueue("http", payload)
    found = worker.wait(job)
    assert (found["state"], found["result"]) == ("completed", {"ok": True})

    (request,) = server.of(job)
    headers = request.headers
    assert (request.method, request.path) == ("POST", "/jobs?a=b")
    assert json.loads(request.body) == payload
    assert headers["Millrace-Job-Type"] == "http"
    assert headers["Millrace-Attempt"] == "1"
    assert headers["Idempotency-Key"] == job
    assert headers["X-Mine"] == "yes"
    assert headers["Content-Type"] == "text/json"
    assert headers["User-Agent"].startswith("millrace/")
    assert headers.get("Expect") is None
    stamp = headers["Millrace-Timestamp"]
    assert abs(int(stamp) - time.time()) < 60
    want = hmac.new(SECRET.encode(), stamp.encode() + b"." + request.body, hashlib.sha256)
    assert headers["Millrace-Signature"] == "v1=" + want.hexdigest()


def test_the_key_is_the_same_for_all_attempts(worker, server):
    job = worker.enqueue("http", {"answers": [{"status": 500}, {"result": 2}]})
    assert worker.wait(job)["result"] == 2
    first, second = server.of(job)
    assert [r.headers["Millrace-Attempt"] for r in (first, second)] == ["1", "2"]
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert first.headers["Content-Type"] == "text/json"


def test_the_whole_job_may_be_sent(worker, server):
    first = worker.enqueue("http.job", {"result": 41})
    second = worker.enqueue("http.job", {"result": 42}, dependsOn=[first])
    assert worker.wait(second)["result"] == 42
    body = json.loads(server.of(second)[0].body)
    assert (body["id"], body["attempt"], body["type"]) == (second, 1, "http.job")
    assert body["payload"] == {"result": 42}
    assert body["dependencies"][first]["result"] == 41
    assert server.of(second)[0].headers["Content-Type"] == "application/json"


def test_a_secret_may_be_in_a_file_and_change(worker, server):
    path = worker.stack.dir / "secret"
    spec = http("http.file", f"{server.url}/file")
    del spec["run"]["secret"]
    spec["run"]["secretFile"] = str(path)
    worker.stack.add_type(spec)
    worker.stack.signal("worker", signal.SIGHUP)
    wait_for(lambda: worker.value("select count(*) from millrace.job_type where type = 'http.file'"))
    job = worker.enqueue("http.file", {"result": 1}, maxAttempts=1)
    assert worker.wait(job)["error"]["code"] == "secret_unreadable"
    for secret in ("the first secret", "the second secret"):
        path.write_text(secret + "\n")
        path.chmod(0o644)
        job = worker.enqueue("http.file", {"result": 1})
        assert worker.wait(job)["state"] == "completed"
        request = server.of(job)[0]
        want = hmac.new(secret.encode(), request.headers["Millrace-Timestamp"].encode() + b"."
                        + request.body, hashlib.sha256).hexdigest()
        assert request.headers["Millrace-Signature"] == "v1=" + want


# ---------------------------------------------------------------- answers

@pytest.mark.parametrize("answer, result", [
    ({"result": [1, {"a": None}]}, [1, {"a": None}]),
    ({"body": "plain words\n"}, "plain words"),
    ({"status": 204}, None),
    ({"status": 201, "body": '"text"'}, "text"),
])
def test_a_good_answer_is_the_result(worker, answer, result):
    found = worker.wait(worker.enqueue("http", answer))
    assert (found["state"], found["result"], found["attempt"]) == ("completed", result, 1)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 410, 422, 301, 302, 307])
def test_a_bad_answer_is_final(worker, server, status):
    answer = {"status": status, "headers": {"Location": server.url + "/elsewhere"},
              "result": {"error": {"code": "bad_address", "message": "that is wrong"}}}
    job = worker.enqueue("http", answer)
    found = worker.wait(job)
    assert (found["state"], found["attempt"]) == ("discarded", 1)
    assert found["error"] == {"code": f"http_{status}", "message": "that is wrong",
                              "details": {"status": status,
                                          "error": {"code": "bad_address", "message": "that is wrong"}}}
    assert len(server.of(job)) == 1
    assert not [r for r in server.requests if r.path == "/elsewhere"]


def test_an_error_page_is_told_in_part(worker):
    job = worker.enqueue("http", {"status": 403, "body": "ä" * 3000})
    error = worker.wait(job)["error"]
    assert error["message"] == "the server answered with status 403"
    assert error["details"] == {"status": 403, "body": "ä" * 500}


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408, 425])
def test_a_passing_answer_is_tried_again(worker, server, status):
    job = worker.enqueue("http", {"answers": [{"status": status}, {"result": "well"}]})
    found = worker.wait(job)
    assert (found["state"], found["result"], found["attempt"]) == ("completed", "well", 2)


def left(worker, job):
    worker.wait(job, "retryable")
    return worker.value("select extract(epoch from run_at - now())::float8 from millrace.waiting"
                        " where id = %s", job)


@pytest.mark.parametrize("status", [429, 503])
def test_the_server_may_say_when_in_seconds(worker, status):
    job = worker.enqueue("http", {"status": status, "headers": {"Retry-After": "3600"}})
    assert 3590 < left(worker, job) <= 3600


def test_the_server_may_say_when_as_a_date(worker):
    then = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 7200))
    job = worker.enqueue("http", {"status": 503, "headers": {"Retry-After": then}})
    assert 7100 < left(worker, job) <= 7201


def test_a_date_that_is_none_leaves_it_to_the_policy(worker):
    job = worker.enqueue("http", {"status": 503, "headers": {"Retry-After": "soon"}},
                         retry={"initial": "1h", "max": "1h", "jitter": False})
    assert 3590 < left(worker, job) <= 3600


def test_an_answer_may_not_be_too_large(worker, server):
    found = worker.wait(worker.enqueue("http.small", {"size": 10240, "headers": {}}))
    assert (found["state"], len(found["result"])) == ("completed", 10240)
    job = worker.enqueue("http.small", {"size": 200_000_000})
    found = worker.wait(job)
    assert (found["state"], found["error"]["code"], found["attempt"]) == \
        ("discarded", "answer_too_large", 1)
    assert worker.stack.rss_kb("worker") < 200_000


def test_a_result_may_not_be_too_large(worker):
    spec = json.loads((worker.stack.dir / "types.d" / "http.json").read_text())
    assert "maxResponse" not in spec["run"]
    found = worker.wait(worker.enqueue("http", {"size": 1048577}))
    assert found["error"]["code"] in ("answer_too_large", "result_too_large")


@pytest.mark.parametrize("type_, payload, code", [
    ("http.closed", {}, "connect_failed"),
    ("http.no.host", {}, "unknown_host"),
    ("http.once", {"drop": True}, "connection_lost"),
])
def test_no_answer_is_a_failure(worker, type_, payload, code):
    found = worker.wait(worker.enqueue(type_, payload))
    assert (found["state"], found["error"]["code"]) == ("discarded", code)
    assert found["error"]["message"]


@pytest.fixture(scope="module")
def stubborn(worker):
    """Servers by what they do at the lowest level."""
    with socket.socket() as full, socket.socket() as endless, contextlib.ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):      # nobody takes them, so that no more get in
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        endless.bind(("127.0.0.1", 0))
        endless.listen()

        def send():
            with contextlib.suppress(OSError):
                connection, _ = endless.accept()
                with connection:
                    connection.sendall(b"HTTP/1.1 200 OK\r\n")
                    while True:
                        connection.sendall(b"X-More: " + b"x" * 8000 + b"\r\n")
        threading.Thread(target=send, daemon=True).start()
        for name, s in (("http.full", full), ("http.endless", endless)):
            worker.stack.add_type(http(name, f"http://127.0.0.1:{s.getsockname()[1]}/",
                                       {"connectTimeout": "300ms"}, maxAttempts=1))
        worker.stack.signal("worker", signal.SIGHUP)
        wait_for(lambda: worker.value("select count(*) from millrace.job_type where type = 'http.endless'"))
        yield


@pytest.mark.parametrize("type_, code", [("http.full", "connect_timeout"),
                                         ("http.endless", "connection_lost")])
def test_a_stubborn_server_is_given_up(worker, stubborn, type_, code):
    found = worker.wait(worker.enqueue(type_, {}))
    assert (found["state"], found["error"]["code"]) == ("discarded", code)
    assert worker.stack.rss_kb("worker") < 200_000


def test_another_description_takes_over(worker, server):
    job = worker.enqueue("http.many", {"held": True, "result": "the old one"})
    wait_for(lambda: server.of(job))
    worker.stack.add_type(http("http.many", f"{server.url}/new", {"maxInFlight": 300}))
    worker.stack.signal("worker", signal.SIGHUP)
    new = [worker.enqueue("http.many", {"result": n}) for n in range(3)]
    server.answer_when(1)
    assert worker.wait(job)["result"] == "the old one"
    for job in new:
        worker.wait(job)
    wait_for(lambda: server.of(worker_job(worker, "http.many"))[0].path == "/new")


def worker_job(worker, type_):
    """One more of a type, ended."""
    job = worker.enqueue(type_, {"result": 1})
    worker.wait(job)
    return job


def test_files_are_refused(worker):
    from worker import put_file
    job = worker.enqueue("http", {}, files=[put_file(worker, "a.txt", b"x")])
    assert worker.wait(job)["error"]["code"] == "files_not_supported"


# ---------------------------------------------------------------- stops

def test_a_timeout_closes_the_request(worker, server):
    job = worker.enqueue("http.slow", {"sleep": 20})
    found = worker.wait(job)
    assert (found["state"], found["error"]["code"]) == ("discarded", "timeout")
    wait_for(lambda: [r for r in server.closed if r.headers["Millrace-Job-Id"] == job])


def test_a_cancel_closes_the_request(worker, server):
    job = worker.enqueue("http", {"sleep": 20})
    wait_for(lambda: server.of(job))
    worker.sql("select millrace.cancel(%s, null)", job)
    worker.ring()
    assert worker.wait(job)["state"] == "cancelled"
    wait_for(lambda: [r for r in server.closed if r.headers["Millrace-Job-Id"] == job])


# ---------------------------------------------------------------- many

def test_hundreds_are_under_way_at_once(worker, server):
    jobs = enqueue_many(worker, "http.many", 300, {"held": True, "result": 7})
    server.answer_when(300)
    wait_all(worker, jobs)
    assert worker.value("select count(*) from millrace.done where id = any (%s::uuid[])"
                        " and result::text = '7' and attempt = 1", jobs) == 300


def test_no_more_than_the_type_allows(worker, server):
    before = len(server.requests)
    seen = []

    def look(request):
        with server.lock:
            seen.append(sum(1 for r in server.requests[before:] if r.path == "/few") - len(done))
        time.sleep(0.05)
        done.append(1)
        return {"result": 1}
    done = []
    server.hooks["/few"] = look
    jobs = [worker.enqueue("http.few", {}) for _ in range(20)]
    for job in jobs:
        assert worker.wait(job)["state"] == "completed"
    assert max(seen) <= 3


def test_connections_are_used_again(worker, server):
    jobs = [worker.enqueue("http.few", {}) for _ in range(30)]
    for job in jobs:
        worker.wait(job)
    ports = {server.of(job)[0].port for job in jobs}
    assert len(ports) <= 3


# ---------------------------------------------------------------- the guard

def test_an_address_that_is_not_public_is_refused(worker, server):
    before = len(server.requests)
    found = worker.wait(worker.enqueue("http.guarded", {}))
    assert (found["state"], found["error"]["code"], found["attempt"]) == \
        ("discarded", "address_refused", 1)
    assert len(server.requests) == before


@pytest.mark.parametrize("host", [
    "127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f.1",
    "0177.0.0.1", "0.0.0.0", "0", "[::]", "[::ffff:7f00:1]", "127.0.0.1.", "LOCALHOST",
])
def test_no_way_of_writing_it_passes(worker, server, host):
    before = len(server.requests)
    found = worker.wait(worker.enqueue("http.any", {"url": f"http://{host}:{server.port}/x"}))
    assert found["state"] == "discarded"
    assert found["error"]["code"] in ("address_refused", "invalid_url", "unknown_host")
    assert len(server.requests) == before


@pytest.mark.parametrize("host", ["169.254.169.254", "10.0.0.1", "192.168.1.1", "[fd00:ec2::254]",
                                  "[fe80::1]", "[64:ff9b::7f00:1]", "224.0.0.1", "100.100.100.200"])
def test_metadata_and_private_networks_are_refused(worker, host):
    found = worker.wait(worker.enqueue("http.any", {"url": f"http://{host}/latest/meta-data/"}))
    assert found["error"]["code"] == "address_refused"


@pytest.mark.parametrize("url", [
    "file:///etc/passwd", "gopher://127.0.0.1/", "ftp://x/", "http://", "http://a@127.0.0.1/",
    "//127.0.0.1/", "http://x/\r\nA: b", 7, None, "",
])
def test_what_is_no_url_of_the_web_is_refused(worker, url):
    found = worker.wait(worker.enqueue("http.any", {"url": url}))
    assert (found["state"], found["error"]["code"]) == ("discarded", "invalid_url")


# ---------------------------------------------------------------- breakers

def test_a_breaker_opens_waits_and_closes(worker, broken):
    broken.down = True
    jobs = enqueue_many(worker, "http.broken", 40, {"result": "well"})
    wait_for(lambda: len(worker.facts("BREAKER_OPEN")) >= 3, what="two probes")
    sent = broken.requests[:]
    opened = len(worker.facts("BREAKER_OPEN"))
    assert sent[-1].at - sent[-2].at >= 0.99
    # Two that failed, those under way when the third one opened it, and the probes.
    assert len(sent) <= 2 + 5 + opened
    waiting = [job for (job,) in worker.sql("select id::text from millrace.job_info where id = any(%s::uuid[])"
                                            " and state = 'available' and attempt = 0", jobs)]
    assert len(waiting) >= 30
    broken.down = False
    wait_all(worker, jobs)
    assert worker.facts("BREAKER_CLOSED")
    for job in waiting:  # they have waited
        assert worker.job(job)["result"] == "well"
    # And lost no attempt, but for a probe or two before the server was up again.
    assert sum(len(broken.of(job)) == 1 for job in waiting) >= len(waiting) - 3


def test_a_broken_host_does_not_hold_up_the_others(worker, server, broken):
    broken.down = True
    bad = [worker.enqueue("http.hosts", {"url": broken.url + "/h", "result": 1}) for _ in range(10)]
    wait_for(lambda: "http.hosts" in "".join(worker.facts("BREAKER_OPEN")))
    good = worker.enqueue("http.hosts", {"url": server.url + "/h", "result": 2})
    assert worker.wait(good)["result"] == 2
    assert all(worker.job(job)["state"] != "completed" for job in bad)
    broken.down = False
    for job in bad:
        assert worker.wait(job)["result"] == 1


# ---------------------------------------------------------------- reports

@pytest.fixture(scope="module")
def reporting(worker):
    """The same with an API that servers can report to."""
    worker.stack.start("api", "nginx")
    return worker


class Held:
    """A request that is answered when the test says so."""

    def __init__(self, worker, server, type_="http.report", payload=None):
        self.worker, self.server = worker, server
        self.go = threading.Event()
        server.hooks["/report"] = lambda _: (self.go.wait(30), {"result": "by the answer"})[1]
        self.job = worker.enqueue(type_, payload or {"password": "hush-hush"})
        self.request = wait_for(lambda: server.of(self.job) and server.of(self.job)[-1])
        self.url = self.request.headers["Millrace-Report-Url"]
        self.token = self.request.headers["Millrace-Report-Token"]

    def report(self, token=None, url=None, **body):
        return requests.post(url or self.url, json=body, timeout=20,
                             headers={"Authorization": f"Bearer {token or self.token}"})

    def answer(self):
        self.go.set()
        return self.worker.wait(self.job)


@pytest.fixture
def held(reporting, server):
    held = Held(reporting, server)
    yield held
    held.go.set()
    reporting.wait(held.job)


def test_a_server_reports_progress_and_log(held, worker):
    answer = held.report(progress=40.7, message="half way", log="one\ntwo\r\n")
    assert (answer.status_code, answer.json()) == (200, {"success": True, "cancelling": False})
    found = worker.job(held.job)
    assert (found["state"], found["progress"], found["message"]) == ("active", 40, "half way")
    held.report(log=["three", "four"])
    assert worker.log(held.job) == ["one", "two", "three", "four"]
    assert "job_progress" in worker.events(held.job)
    found = held.answer()
    assert (found["state"], found["result"]) == ("completed", "by the answer")


def test_a_server_may_give_the_result_before_it_answers(held, worker):
    assert held.report(result={"early": [1, None]}, progress=99).status_code == 200
    found = worker.job(held.job)
    assert (found["state"], found["result"], found["attempt"]) == ("completed", {"early": [1, None]}, 1)
    again = held.report(progress=5)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "attempt_over")
    held.go.set()
    wait_for(lambda: worker.facts("JOB_STALE", held.job))
    assert worker.job(held.job)["result"] == {"early": [1, None]}


def test_secrets_are_hidden_in_reports(held, worker):
    held.report(message="it is hush-hush", log="say hush-hush")
    assert worker.job(held.job)["message"] == "it is ********"
    assert worker.log(held.job) == ["say ********"]
    held.report(result="hush-hush")
    assert worker.job(held.job)["result"] == "********"


@pytest.mark.parametrize("body, code", [
    ({"progress": 101}, "invalid_member"), ({"progress": "1"}, "invalid_member"),
    ({"message": 1}, "invalid_member"), ({"message": "x" * 8193}, "invalid_member"),
    ({"log": 7}, "invalid_member"), ({"log": [7]}, "invalid_member"),
    ({"log": "x\n" * 1001}, "invalid_member"), ({"state": "done"}, "unknown_member"),
])
def test_a_bad_report_is_refused(held, body, code):
    answer = held.report(**body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_a_report_needs_the_token_of_its_attempt(held, worker):
    assert requests.post(held.url, json={}, timeout=20).json()["error"]["code"] == "missing_token"
    for token in ("x", "0" * 64, worker.stack.token()):
        answer = held.report(token=token, progress=1)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_token")
    other = held.url.replace("/attempts/1/", "/attempts/2/")
    assert held.report(url=other, progress=1).json()["error"]["code"] == "attempt_over"
    assert held.report(url=held.url.replace("/attempts/1/", "/attempts/0/"),
                       progress=1).status_code == 400
    assert worker.job(held.job)["progress"] == 0


def test_a_log_has_limits(held, worker):
    held.report(log="ä" * 5000)
    assert worker.log(held.job)[0] == "ä" * 4096
    for _ in range(11):
        answer = held.report(log=["line"] * 1000)
    assert answer.json()["logFull"] is True
    assert len(worker.log(held.job)) == 10000


def test_a_report_hears_of_a_cancel(reporting, server):
    held = Held(reporting, server, "http.patient")
    reporting.sql("select millrace.cancel(%s, null)", held.job)
    # Not rung: the worker hears of it with its next beat; the server may be first.
    answer = held.report(progress=1)
    assert answer.status_code == 409 or answer.json()["cancelling"] is True
    assert reporting.wait(held.job)["state"] == "cancelled"
    held.go.set()


def test_who_reports_is_alive(reporting, server):
    held = Held(reporting, server, "http.patient", {"n": 1})
    for percent in range(1, 8):
        time.sleep(0.5)     # longer than the type's 2 s in all
        assert held.report(progress=percent).status_code == 200
    assert held.answer()["result"] == "by the answer"


def test_who_does_not_report_is_given_up(reporting, server):
    held = Held(reporting, server, "http.patient", {"n": 2})
    reporting.wait(held.job, "retryable", "discarded", "active")
    held.report(progress=5)
    found = wait_for(lambda: (j := reporting.job(held.job))["attempt"] == 2 and j)
    held.go.set()
    reporting.wait(held.job)
    outcome = reporting.value("select outcome::text from millrace.attempt where job_id = %s and attempt = 1",
                              held.job)
    assert (found["attempt"], outcome) == (2, "heartbeat")


# ---------------------------------------------------------------- the end of the worker
# Last, since the worker is another one after these.

def test_a_worker_in_good_order_waits_for_its_answers(worker, server):
    jobs = enqueue_many(worker, "http.many", 20, {"held": True, "result": 3})
    wait_for(lambda: server.open == 20)
    worker.stack.signal("worker")
    wait_for(lambda: "no more jobs are taken" in worker.stack.log("worker"))
    server.answer_when(20)
    wait_all(worker, jobs)      # a second signal would end the grace
    worker.stack.stop("worker")
    for job in jobs:
        assert (worker.job(job)["state"], len(server.of(job))) == ("completed", 1)
    worker.stack.start("worker")


def test_what_takes_longer_than_the_grace_is_given_back(worker, server):
    worker.stack.stop("worker")
    worker.stack.start("worker", MILLRACE_GRACE="300ms")
    job = worker.enqueue("http", {"sleep": 20})
    wait_for(lambda: server.of(job))
    worker.stack.stop("worker")
    found = worker.job(job)
    assert (found["state"], worker.left(job)) == ("available", 3)
    wait_for(lambda: [r for r in server.closed if r.headers["Millrace-Job-Id"] == job])
    worker.sql("select millrace.cancel(%s, null)", job)
    worker.stack.start("worker")


def test_a_killed_worker_loses_nothing(worker, server):
    jobs = enqueue_many(worker, "http.many", 50,
                        {"answers": [{"sleep": 20}, {"result": "the second time"}]})
    wait_for(lambda: server.open >= 50)
    worker.stack.kill("worker")
    worker.stack.start("worker")
    wait_all(worker, jobs)
    for job in jobs:
        first, second = server.of(job)
        assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"] == job
        assert (first.headers["Millrace-Attempt"], second.headers["Millrace-Attempt"]) == ("1", "2")
        assert worker.job(job)["result"] == "the second time"
