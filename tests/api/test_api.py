"""millrace-api when many ask at once, when the database is away, at a restart and
as plain CGI."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import BULK, TYPE, api_stack, bearer, code_of, ids, in_threads, listed, post, socket_of  # noqa: E402
from fcgi import Connection  # noqa: E402
from runs import Runs  # noqa: E402
from stack import wait_for  # noqa: E402


@pytest.fixture(scope="module", name="stack")
def _stack():
    with api_stack(MILLRACE_MAX_WAIT="5s") as running:
        yield running


@pytest.fixture(scope="module", name="runs")
def _runs(stack):
    return Runs(stack, TYPE)


# ---------------------------------------------------------------- batches

def test_a_batch_is_stored_in_its_order(stack):
    jobs = [{"type": TYPE, "payload": i, "queue": "batch"} for i in range(50)]
    answer = stack.request("POST", "/api/jobs/batch", user="erin", json={"jobs": jobs})
    body = answer.json()
    assert answer.status_code == 202
    assert (body["success"], body["count"], len(set(body["jobIds"]))) == (True, 50, 50)
    page = listed(stack, "?limit=100", "erin")
    assert [job["payload"] for job in page["jobs"]] == list(range(49, -1, -1))
    assert ids(page) == body["jobIds"][::-1]


def test_ten_thousand_at_once(stack):
    jobs = [{"type": BULK, "payload": {"text": "x" * 150, "n": i}} for i in range(10000)]
    before = stack.value("select count(*) from millrace.job")
    answer = stack.request("POST", "/api/jobs/batch", json={"jobs": jobs})
    assert answer.status_code == 202 and len(answer.json()["jobIds"]) == 10000
    assert stack.value("select count(*) from millrace.job") == before + 10000


@pytest.mark.parametrize("bad, code, member", [
    ({"type": TYPE, "priority": 500}, "invalid_member", "priority"),
    ({"type": TYPE, "extra": 1}, "unknown_member", "extra"),
    ({"type": "no-such-type"}, "unknown_type", "type"),
    ({"type": TYPE, "files": [str(uuid.uuid4())]}, "unknown_file", "files"),
    ({}, "missing_member", None),
    (5, "invalid_batch", None),
])
def test_a_batch_is_all_or_nothing(stack, bad, code, member):
    before = stack.value("select count(*) from millrace.job")
    jobs = [{"type": TYPE}] * 17 + [bad] + [{"type": TYPE}] * 5
    answer = stack.request("POST", "/api/jobs/batch", json={"jobs": jobs})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, code)
    assert error["details"] == {"index": 17, **({"member": member} if member else {})}
    assert stack.value("select count(*) from millrace.job") == before


@pytest.mark.parametrize("body", [{}, {"jobs": []}, {"jobs": {}}, {"jobs": [{"type": TYPE}], "x": 1},
                                  {"jobs": [{"type": TYPE}] * 10001}])
def test_what_is_no_batch(stack, body):
    answer = stack.request("POST", "/api/jobs/batch", json=body)
    assert code_of(answer) == (400, "invalid_batch")


# ---------------------------------------------------------------- idempotency

def post_keyed(stack, key, n=1, path="/api/jobs"):
    body = {"type": TYPE, "payload": n} if path == "/api/jobs" else {"jobs": [{"type": TYPE}] * n}
    return stack.request("POST", path, user="frank", json=body, headers={"Idempotency-Key": key})


@pytest.mark.parametrize("path", ["/api/jobs", "/api/jobs/batch"])
def test_a_repeated_post_is_answered_again(stack, path):
    key = str(uuid.uuid4())
    first, second = post_keyed(stack, key, path=path), post_keyed(stack, key, path=path)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.text == second.text
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.headers.get("Location") == first.headers.get("Location")
    other = post_keyed(stack, key, 2, path)
    assert code_of(other) == (422, "idempotency_key_reused")


def test_a_path_has_several_names_and_a_key_one_meaning(stack):
    key, names = str(uuid.uuid4()), ("/api/jobs", "/api/v1/jobs", "/api/jobs/enqueue")
    answers = [stack.request("POST", path, user="frank", json={"type": TYPE},
                             headers={"Idempotency-Key": key}) for path in names]
    assert [answer.status_code for answer in answers] == [202] * 3
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize("path", ["/api/jobs", "/api/jobs/batch"])
def test_a_post_is_answered_again_after_its_file_is_gone(stack, path):
    file_id, key = str(uuid.uuid4()), {"Idempotency-Key": str(uuid.uuid4())}
    stack.sql("insert into millrace.file (id, owner, name, size, content_type, sha256) "
              "values (%s, 'frank', 'a', 1, 'text/plain', '00')", file_id)
    job = {"type": TYPE, "files": [file_id]}
    body = job if path == "/api/jobs" else {"jobs": [job]}
    first = stack.request("POST", path, user="frank", json=body, headers=key)
    assert first.status_code == 202, first.text
    stack.sql("delete from millrace.job where owner = 'frank'")
    stack.sql("delete from millrace.file where id = %s", file_id)
    again = stack.request("POST", path, user="frank", json=body, headers=key)
    assert (again.status_code, again.text) == (202, first.text)
    assert again.headers["Idempotency-Replayed"] == "true"
    anew = stack.request("POST", path, user="frank", json=body)
    assert code_of(anew) == (400, "unknown_file")


def test_the_same_key_of_two_callers_is_two_keys(stack):
    key = str(uuid.uuid4())
    answers = [stack.request("POST", "/api/jobs", user=user, json={"type": TYPE},
                             headers={"Idempotency-Key": key}) for user in ("grace", "heidi")]
    assert [a.status_code for a in answers] == [202, 202]
    assert answers[0].json()["jobId"] != answers[1].json()["jobId"]


def test_many_posts_with_one_key_make_one_job(stack):
    key = str(uuid.uuid4())
    stack.token("frank")
    answers = in_threads(32, lambda i: post_keyed(stack, key, 77))
    assert {a.status_code for a in answers} == {202}
    assert len({a.text for a in answers}) == 1
    assert sum("Idempotency-Replayed" in a.headers for a in answers) == 31
    assert stack.value("select count(*) from millrace.job where owner = 'frank' "
                       "and payload::text = '77'") == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "ä", "a\tb"])
def test_a_bad_key_is_refused(stack, key):
    with Connection(socket_of(stack)) as fcgi:
        answer = fcgi.request("POST", "/api/jobs", {
            **bearer(stack, "frank"), "Idempotency-Key": key},
            {"type": TYPE})
    assert (answer.status, answer.code) == (400, "invalid_idempotency_key")


# ---------------------------------------------------------------- many at once

def test_a_bad_post_harms_no_other(stack):
    stack.token("alice")

    def one(i):
        return stack.request("POST", "/api/jobs", user="alice", json={
            "type": "no-such-type" if i % 5 == 0 else TYPE}).status_code
    assert in_threads(60, one) == [400 if i % 5 == 0 else 202 for i in range(60)]


def test_waiting_for_the_result(stack, runs):
    def work():
        wait_for(lambda: [runs.finish(job, attempt, result="done")
                          for job, attempt in runs.claim(1000).items()])
    runs.claim(1000)
    worker = threading.Thread(target=work)
    worker.start()
    answer = stack.request("POST", "/api/jobs", user="alice", json={"type": TYPE},
                           headers={"Prefer": "wait=5"})
    worker.join()
    assert answer.status_code == 200
    assert answer.headers["Preference-Applied"] == "wait=5"
    assert (answer.json()["status"], answer.json()["result"]) == ("completed", "done")


def test_waiting_is_over_in_time(stack):
    began = time.monotonic()
    answer = stack.request("POST", "/api/jobs", user="alice", json={"type": TYPE},
                           headers={"Prefer": "respond-async, wait=1"})
    assert answer.status_code == 202 and 0.9 < time.monotonic() - began < 10
    assert "Preference-Applied" not in answer.headers
    began = time.monotonic()
    late = stack.request("GET", f"/api/jobs/{answer.json()['jobId']}/status", user="alice",
                         headers={"Prefer": "wait=1"})
    assert late.json()["state"] == "available" and 0.9 < time.monotonic() - began < 10


def test_waiting_by_get_ends_with_the_job(stack, runs):
    job_id = post(stack)
    attempt = runs.claim(1000)[job_id]
    timer = threading.Timer(0.3, runs.finish, (job_id, attempt))
    timer.start()
    began = time.monotonic()
    answer = stack.request("GET", f"/api/jobs/{job_id.upper()}", user="alice",
                           headers={"Prefer": "wait=30"})
    assert answer.json()["status"] == "completed"
    assert time.monotonic() - began < 15
    # What has ended is not waited for.
    again = stack.request("GET", f"/api/jobs/{job_id}", user="alice", headers={"Prefer": "wait=30"})
    assert again.json()["status"] == "completed"


def test_those_who_wait_leave_room_for_others(stack):
    """More want to wait than may: the rest is answered at once, and so is all else."""
    stack.start("api2", MILLRACE_API_THREADS="6", MILLRACE_API_WAITERS="99")
    socket = socket_of(stack, "api2")
    head = bearer(stack)
    began = time.monotonic()

    def one(_):
        with Connection(socket) as fcgi:
            answer = fcgi.request("POST", "/api/jobs", {**head, "Prefer": "wait=5"},
                                  {"type": TYPE})
            return answer.status, time.monotonic() - began
    waiting = threading.Thread(target=lambda: results.extend(in_threads(12, one)))
    results = []
    waiting.start()
    with Connection(socket) as fcgi:
        for _ in range(20):
            assert fcgi.request("GET", "/api/session", head).status == 200
    assert time.monotonic() - began < 5
    waiting.join()
    stack.stop("api2")
    assert {status for status, _ in results} == {202}
    assert sum(seconds >= 5 for _, seconds in results) == 3
    assert sum(seconds < 5 for _, seconds in results) == 9


def test_more_connections_than_threads(stack):
    """Kept connections hold no thread: all of them are served in turn."""
    stack.start("api2", MILLRACE_API_THREADS="4")
    connections = [Connection(socket_of(stack, "api2")) for _ in range(300)]
    for _ in range(2):
        for fcgi in connections:
            assert fcgi.request("GET", "/healthz").status == 200
    for fcgi in connections:
        fcgi.close()
    stack.stop("api2")


# ---------------------------------------------------------------- coming and going

def test_health(stack):
    for path, word in ("/healthz", "ok"), ("/readyz", "ready"):
        answer = stack.request("GET", path, user=None)
        assert (answer.status_code, answer.json()) == (200, {"success": True, "status": word})


def test_kept_connections_are_served_until_they_are_closed(stack):
    stack.start("api2")
    socket = socket_of(stack, "api2")
    kept, idle = Connection(socket), Connection(socket)
    assert kept.request("GET", "/healthz").status == 200
    assert idle.request("GET", "/healthz").status == 200
    pid = stack.pid("api2")
    os.kill(pid, signal.SIGTERM)
    for _ in range(50):
        assert kept.request("GET", "/healthz").status == 200
    kept.close()
    assert os.path.exists(f"/proc/{pid}")        # the other is still open
    idle.close()
    stack.stop("api2")
    assert "gave up" not in stack.log("api2")


def test_a_stop_under_load_answers_whoever_has_connected(stack):
    stack.start("api2")
    socket, answered = socket_of(stack, "api2"), []

    def keep_asking(_):
        """Until it is refused: what was sent over a connection was answered."""
        while True:
            try:
                fcgi = Connection(socket, keep=False)
            except (ConnectionRefusedError, FileNotFoundError):
                return True
            answered.append(fcgi.request("GET", "/healthz").status)
            fcgi.close()
    askers = threading.Thread(target=lambda: ends.extend(in_threads(16, keep_asking)))
    ends = []
    askers.start()
    wait_for(lambda: len(answered) > 500)
    stack.stop("api2")
    askers.join()
    assert ends == [True] * 16
    assert set(answered) == {200}


def test_a_connection_that_stays_is_given_up(stack):
    stack.start("api2")
    idle = Connection(socket_of(stack, "api2"))
    assert idle.request("GET", "/healthz").status == 200
    began = time.monotonic()
    stack.stop("api2")
    assert 9 < time.monotonic() - began < 20
    assert "gave up 1 connections" in stack.log("api2")
    idle.close()


def test_a_stop_sends_those_who_wait_home(stack):
    stack.start("api2")
    fcgi = Connection(socket_of(stack, "api2"), keep=False)
    began = time.monotonic()
    fcgi.send("POST", "/api/jobs", {**bearer(stack),
                                    "Prefer": "wait=30"}, {"type": TYPE})
    wait_for(lambda: stack.value("select count(*) from pg_stat_activity "
                                 "where query like '%%millrace.done%%any%%' and pid <> pg_backend_pid()"))
    os.kill(stack.pid("api2"), signal.SIGTERM)
    assert fcgi.receive().status == 202
    assert time.monotonic() - began < 20
    stack.stop("api2")


def test_a_body_that_nobody_wants_costs_no_connection(stack):
    head = {"Content-Type": "application/json"}
    with Connection(socket_of(stack)) as fcgi:
        for size in 10, 100_000, 1_000_000, 20_000_000:
            assert fcgi.request("POST", "/api/jobs", head, b"x" * size).status == 401
        # What does not come is not waited for: the answer comes, the connection goes.
        assert fcgi.request("POST", "/api/jobs", head, b"x" * 100_000, end=False,
                            CONTENT_LENGTH="5000000").status == 401
        with pytest.raises(ConnectionError):
            fcgi.request("GET", "/healthz")


def test_clients_that_go_away_do_no_harm(stack):
    head = {**bearer(stack), "Content-Type": "application/json"}
    before = stack.value("select count(*) from millrace.job")
    for _ in range(30):
        fcgi = Connection(socket_of(stack))
        fcgi.send("POST", "/api/jobs", head, b'{"type":', CONTENT_LENGTH="4000")
        fcgi.close()
    with Connection(socket_of(stack)) as fcgi:
        cut = fcgi.request("POST", "/api/jobs", head, b'{"type":', CONTENT_LENGTH="4000")
        assert (cut.status, cut.code) == (400, "incomplete_body")
        assert fcgi.request("GET", "/healthz").status == 200
    assert stack.value("select count(*) from millrace.job") == before


def test_what_is_not_fastcgi_is_closed(stack):
    with Connection(socket_of(stack)) as fcgi:
        fcgi.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert fcgi.socket.recv(100) == b""
    assert stack.request("GET", "/healthz", user=None).status_code == 200


def test_as_plain_cgi_it_answers_one_request(stack, runs):
    def cgi(method, path, body=b"", **headers):
        environment = {
            **{k: v for k, v in stack.env.items() if k != "MILLRACE_PORT"},
            "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": method,
            "SCRIPT_NAME": "/api", "PATH_INFO": path, "QUERY_STRING": "",
            "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json",
            "HTTP_AUTHORIZATION": f"Bearer {stack.token('alice')}", **headers}
        # The arguments are what an old rule makes of a query string.
        done = subprocess.run([stack.dir / "bin" / "millrace-api", "--config", "/etc/passwd"],
                              env=environment, input=body, capture_output=True, check=True,
                              timeout=30)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        return head.decode(), content
    head, content = cgi("POST", "/jobs", json.dumps({"type": TYPE}).encode())
    assert head.startswith("Status: 202 Accepted\r\n")
    job_id = json.loads(content)["jobId"]
    head, content = cgi("GET", f"/jobs/{job_id}", HTTP_PREFER="wait=5")
    assert json.loads(content)["state"] == "available"

    runs.run(job_id, artifacts=[{"name": "a.bin", "size": 200000, "sha256": "00",
                                 "contentType": "application/octet-stream"}])
    folder = stack.dir / "data" / "artifacts" / job_id[-2:] / job_id / "1"
    folder.mkdir(parents=True)
    (folder / "a.bin").write_bytes(b"\r\n\r\n" * 50000)
    head, content = cgi("GET", f"/jobs/{job_id}/artifacts/a.bin")
    assert "Content-Length: 200000" in head and content == b"\r\n\r\n" * 50000
    (folder / "a.bin").unlink()
    head, content = cgi("GET", f"/jobs/{job_id}/artifacts/a.bin")
    assert head.startswith("Status: 404") and b"file_gone" in content
    head, content = cgi("GET", "/nothing")
    assert head.startswith("Status: 404") and b"no_such_route" in content


def test_a_schema_that_does_not_fit_ends_the_program(stack):
    stack.sql("update millrace.migration set version = version + 1000")
    try:
        with pytest.raises(AssertionError, match="api2|schema|newer"):
            stack.start("api2")
            wait_for(lambda: not Path(f"/proc/{stack.pid('api2')}/exe").exists())
            raise AssertionError(stack.log("api2"))
        answer = stack.request("GET", "/readyz", user=None)
        assert code_of(answer) == (503, "schema_newer")
    finally:
        stack.sql("update millrace.migration set version = version - 1000")
        stack.stop("api2")


def test_the_database_goes_and_comes_back(stack):
    stack.token("alice")
    stack.stop("postgres")
    try:
        for method, path, body in [("POST", "/api/jobs", {"type": TYPE}),
                                   ("POST", "/api/jobs/batch", {"jobs": [{"type": TYPE}]}),
                                   ("GET", "/api/jobs", None), ("GET", "/readyz", None)]:
            answer = stack.request(method, path, user="alice", json=body)
            assert code_of(answer) == (
                503, "database_unavailable"), answer.text
            assert answer.headers["Retry-After"] == "2"
        assert stack.request("GET", "/healthz", user=None).status_code == 200
        stack.start("api2")             # begins without a database
    finally:
        stack.start("postgres")
    for socket in "api", "api2":
        with Connection(socket_of(stack, socket)) as fcgi:
            wait_for(lambda: fcgi.request("GET", "/readyz").status == 200)  # noqa: B023
            answer = fcgi.request("POST", "/api/jobs",
                                  bearer(stack),
                                  {"type": TYPE})
            assert answer.status == 202
    stack.stop("api2")


def test_nobody_waits_behind_a_commit_that_does_not_return(stack):
    stack.token("alice")
    with contextlib.closing(stack.connect(autocommit=False)) as held:
        held.cursor().execute("lock table millrace.job")
        first = threading.Thread(target=post, args=(stack,))
        first.start()
        wait_for(lambda: stack.request("GET", "/readyz", user=None).status_code == 503, 20)
        answer = stack.request("POST", "/api/jobs", user="alice", json={"type": TYPE})
        assert code_of(answer) == (503, "database_unavailable")
        assert "nothing was stored" in answer.json()["error"]["message"]
        held.rollback()
        first.join()
    post(stack)


def test_a_restart_of_the_database_loses_no_accepted_job(stack):
    accepted, stop = [], threading.Event()
    stack.token("ivan")

    def keep_posting(_):
        while not stop.is_set():
            key = str(uuid.uuid4())
            while not stop.is_set():
                answer = stack.request("POST", "/api/jobs", user="ivan", json={"type": TYPE},
                                       headers={"Idempotency-Key": key})
                if answer.status_code == 202:
                    accepted.append(answer.json()["jobId"])
                    break
                assert answer.status_code == 503, answer.text
    poster = threading.Thread(target=in_threads, args=(8, keep_posting))
    poster.start()
    wait_for(lambda: len(accepted) > 50)
    stack.restart("postgres")
    before = len(accepted)
    wait_for(lambda: len(accepted) > before + 50)
    stop.set()
    poster.join()
    stored = {row[0] for row in stack.sql("select id::text from millrace.job where owner = 'ivan'")}
    assert set(accepted) <= stored and len(accepted) == len(set(accepted))
