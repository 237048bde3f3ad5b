"""From an upload to the downloaded result, through nginx, as users go: by curl,
in a browser, over HTTP/2, behind a proxy; and what nginx itself refuses."""

import contextlib
import http.client
import io
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import bearer, code_of, in_threads  # noqa: E402
from extra_server import plain_nginx  # noqa: E402
from sse import Follower, Sse, seqs  # noqa: E402
from stack import TOP, Stack, free_port, wait_for  # noqa: E402

# Ten steps, each told when the one before has been heard of; see hear().
WATCHED = """#!/bin/sh
echo begun >&2
for step in 1 2 3 4 5 6 7 8 9 10; do
    echo "{\\"progress\\": ${step}0, \\"message\\": \\"step $step\\"}" >&3
    until [ -e "@DIR@/heard/$MILLRACE_JOB_ID.$step" ]; do sleep 0.02; done
done
echo made > "$MILLRACE_OUTPUT_DIR/made.txt"
echo '{"steps": 10}'
"""

MADE = """#!/bin/sh
echo made > "$MILLRACE_OUTPUT_DIR/made.txt"
"""

# analyze-file itself, but for its first ten reports, which go on like those.
WATCHED_ANALYSIS = """#!/bin/sh
exec 4>&1
{ "@DIR@/bin/analyze-file" 3>&5 >&4; echo $? > "$TMPDIR/status"; } 5>&1 | {
    step=0
    while read -r line; do
        echo "$line" >&3
        step=$((step + 1))
        until [ $step -gt 10 ] || [ -e "@DIR@/heard/$MILLRACE_JOB_ID.$step" ]; do sleep 0.02; done
    done
}
exit "$(cat "$TMPDIR/status")"
"""


def watched(stack, name, script, **spec):
    stack.add_type({"type": name, "timeout": "30s", "maxAttempts": 1, **spec,
                    "run": {"kind": "program", "command": ["watched-" + name]}},
                   script.replace("@DIR@", str(stack.dir)))


@pytest.fixture(scope="module")
def stack():
    http2 = free_port()
    with Stack("postgres", "api", "stream", "nginx", MAX_UPLOAD="32m",
               NGINX_EXTRA_LISTEN=f"listen 127.0.0.1:{http2} http2;") as running:
        running.http2 = f"http://127.0.0.1:{http2}"
        (running.dir / "heard").mkdir()
        watched(running, "watched", WATCHED)
        watched(running, "made", MADE)
        watched(running, "analyze-file", WATCHED_ANALYSIS)
        running.start("worker")
        wait_for(lambda: running.request("GET", "/readyz", user=None).status_code == 200)
        wait_for(lambda: running.value("select count(*) from millrace.job_type where type = 'watched'"))
        yield running


def hear(stack, job, events):
    """All events of a watched job. It goes on only as its steps are heard of, and
    would not end if one were held back."""
    heard, step = [], 0
    for event in events:
        heard.append(event)
        if getattr(event, "data", event)["type"] == "job_progress":
            step += 1
            (stack.dir / "heard" / f"{job}.{step}").touch()
    return heard


@pytest.fixture(scope="module")
def csv():
    """20 MB of CSV, 20 times the same rows."""
    made = subprocess.run([TOP / "tests/bench/make-csv", "1"], check=True, capture_output=True)
    head, rows = made.stdout.split(b"\n", 1)
    return head + b"\n" + rows * 20


def begin_by_one_request(stack, csv):
    answer = stack.request("POST", "/api/v1/analysis/analyze-file", user="alice",
                           files={"file": ("sales.csv", csv, "text/csv")},
                           data={"filterOption": "all"})
    assert answer.status_code in (200, 202), answer.text
    return answer.json()["jobId"]


def begin_by_upload_and_job(stack, csv):
    answer = stack.request("POST", "/api/files?name=sales.csv", user="alice", data=csv,
                           headers={"Content-Type": "text/csv"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["files"][0]["size"] == len(csv)
    return stack.post_job("analyze-file", {"filterOption": "all"}, user="alice",
                          files=[answer.json()["fileId"]])


@pytest.mark.parametrize("begin", [begin_by_one_request, begin_by_upload_and_job])
def test_a_file_is_uploaded_watched_and_its_report_downloaded(stack, csv, begin):
    job = begin(stack, csv)
    with Sse(stack.url, f"/api/jobs/{job}/events", bearer(stack)) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        events = hear(stack, job, stream)

    assert seqs(events) == sorted(set(seqs(events)))
    assert events[-1].name == "job-complete" and events[-1].data["progress"] == 100
    told = [event for event in events if event.name == "progress"]
    steps = [event.data["progress"] for event in told]
    assert len(set(steps)) >= 10 and steps == sorted(steps), steps
    assert all(event.data["jobId"] == job for event in events)

    rows = csv.count(b"@example.org")
    assert events[-1].data["result"]["summary"]["rows"] == pytest.approx(rows, rel=0.2)
    whole = stack.job(job, user="alice")
    assert (whole["status"], whole["state"]) == ("completed", "completed")
    assert whole["result"] == events[-1].data["result"]
    check_download(stack, whole)
    logs = stack.request("GET", f"/api/jobs/{job}/logs", user="alice")
    assert logs.status_code == 200


def check_download(stack, job):
    url = job["downloadUrl"]
    report, = (item for item in job["artifacts"] if item["name"] == "result.xlsx")
    answer = stack.request("GET", url, user="alice")
    assert answer.status_code == 200 and len(answer.content) == report["size"]
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"

    part = stack.request("GET", url, user="alice", headers={"Range": "bytes=100-299"})
    assert part.status_code == 206 and part.content == answer.content[100:300]
    assert part.headers["Content-Range"] == f"bytes 100-299/{report['size']}"
    rest = stack.request("GET", url, user="alice", headers={
        "Range": "bytes=300-", "If-Range": answer.headers["ETag"]})
    assert rest.status_code == 206 and rest.content == answer.content[300:]
    past = stack.request("GET", url, user="alice", headers={"Range": "bytes=999999999-"})
    assert past.status_code == 416

    same = stack.request("GET", url, user="alice",
                         headers={"If-None-Match": answer.headers["ETag"]})
    assert same.status_code == 304 and same.content == b""

    book = openpyxl.load_workbook(io.BytesIO(answer.content), read_only=True)
    assert len(book.sheetnames) >= 2
    cells = {cell for row in book.worksheets[0].iter_rows(values_only=True) for cell in row}
    assert {"units", "amount", "country", "email"} <= cells


# ---------------------------------------------------------------- a browser

def test_a_browser_needs_only_its_cookie(stack):
    browser = requests.Session()
    answer = browser.post(stack.url + "/api/session", json={"token": stack.token("alice")})
    assert answer.status_code == 200
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert stack.token("alice") not in cookie

    sent = {"Cookie": cookie.split(";")[0]}
    job = browser.post(stack.url + "/api/jobs", json={"type": "watched"}).json()["jobId"]
    with Sse(stack.url, f"/api/jobs/{job}/events", sent) as stream:
        events = hear(stack, job, stream)
    assert events[-1].data["result"] == {"steps": 10}
    assert [e.data["progress"] for e in events if e.name == "progress"] == list(range(10, 101, 10))
    with Sse(stack.url, f"/api/jobs/{job}/events", sent, last_id=events[-1].id) as again:
        assert again.status == 204
    assert browser.get(stack.url + f"/api/jobs/{job}/artifacts/made.txt").text == "made\n"

    assert browser.delete(stack.url + "/api/session").status_code == 200
    with Sse(stack.url, f"/api/jobs/{job}/events", sent) as refused:
        assert refused.status == 401


def test_others_find_nothing(stack):
    job = stack.post_job("made", user="alice")
    stack.wait_job(job, user="alice")
    own = f"/api/jobs/{job}"
    for path in ("", "/status", "/events", "/artifacts", "/artifacts/made.txt", "/logs"):
        assert stack.request("GET", own + path, user="alice", stream=True).status_code == 200
        assert code_of(stack.request("GET", own + path, user="bob")) == (404, "job_not_found"), path
    for method, path in (("POST", "/cancel"), ("DELETE", ""), ("POST", "/retry")):
        assert code_of(stack.request(method, own + path, user="bob")) == (404, "job_not_found")
    assert stack.request("GET", own, user=None).status_code == 401
    assert job not in stack.request("GET", "/api/jobs", user="bob").text

    # The way around the API is closed.
    folder = f"/-/millrace/artifacts/{job[-2:]}/{job}/1/made.txt"
    assert (stack.dir / "data" / folder.removeprefix("/-/millrace/")).exists()
    for path in folder, f"/-/millrace/stream/jobs/{job}":
        assert stack.request("GET", path, user="alice").status_code == 404


def test_a_caller_hears_of_all_own_jobs_and_no_others(stack):
    def heard(user):
        return Follower(stack.url, "/api/jobs/notifications/stream", bearer(stack, user),
                        enough=lambda events: sum(e.name == "job-complete" for e in events) == 2)
    followers = {user: heard(user) for user in ("alice", "bob")}
    for follower in followers.values():
        assert follower.opened.wait(60)
    jobs = {user: [stack.post_job("noop", {"n": n}, user=user) for n in range(2)]
            for user in followers}
    for user, follower in followers.items():
        events = follower.finish()
        assert {event.data["jobId"] for event in events} == set(jobs[user])
        for job in jobs[user]:
            types = [event.data["type"] for event in events if event.data["jobId"] == job]
            assert types == ["job_queued", "job_started", "job_completed"]


# ---------------------------------------------------------------- curl, HTTP/2, a proxy

def curl(*words):
    done = subprocess.run(["curl", "-sS", "--max-time", "30", *words], capture_output=True,
                          check=False, timeout=40)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def lines_of(command):
    """The data lines of a command's output as they come."""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        for line in process.stdout:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


def assert_live(stack, job, events):
    told = [getattr(event, "data", event) for event in hear(stack, job, events)]
    assert told[-1]["type"] == "job_completed", told[-1]
    assert [data["progress"] for data in told if data["type"] == "job_progress"] \
        == list(range(10, 101, 10))


def test_curl_without_an_accept_header_is_served(stack):
    job = stack.post_job("watched", user="alice")
    assert_live(stack, job, lines_of(["curl", "-sSN", "-H", "Accept:", "-H",
                                       f"Authorization: Bearer {stack.token('alice')}",
                                       f"{stack.url}/api/jobs/{job}/events"]))


def test_http_2(stack, csv, tmp_path):
    auth = ["--http2-prior-knowledge", "-H", f"Authorization: Bearer {stack.token('alice')}"]
    job = json.loads(curl(*auth, "-H", "Content-Type: application/json", "-d",
                          '{"type": "watched"}', f"{stack.http2}/api/jobs"))["jobId"]
    assert_live(stack, job, lines_of(["curl", "-sSN", *auth,
                                       f"{stack.http2}/api/jobs/{job}/events"]))
    made = curl(*auth, "-w", "%{http_version} %{http_code}",
                f"{stack.http2}/api/jobs/{job}/artifacts/made.txt")
    assert made == "made\n2 200"

    (tmp_path / "a.csv").write_bytes(csv[:3_000_000])
    answer = curl(*auth, "-F", f"file=@{tmp_path}/a.csv", f"{stack.http2}/api/files")
    assert json.loads(answer)["files"][0]["size"] == 3_000_000


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_behind_a_proxy_with_default_settings(stack, version):
    """1.0 is what an nginx speaks to its upstream if it is told nothing else."""
    with plain_nginx(stack, f"location / {{ proxy_pass {stack.url}; "
                            f"proxy_http_version {version}; }}") as front:
        job = requests.post(front + "/api/jobs", json={"type": "watched"}, headers=bearer(stack),
                            timeout=60).json()["jobId"]
        with Sse(front, f"/api/jobs/{job}/events", bearer(stack)) as stream:
            assert_live(stack, job, stream)
            last = stream.last_id
        with Sse(front, f"/api/jobs/{job}/events", bearer(stack), last_id=last) as again:
            assert again.status == 204
        part = requests.get(front + f"/api/jobs/{job}/artifacts/made.txt", timeout=60,
                            headers={**bearer(stack), "Range": "bytes=1-2"})
        assert (part.status_code, part.text) == (206, "ad")


# ---------------------------------------------------------------- what nginx refuses

def refused(answer, status, code):
    assert answer.headers["Content-Type"] == "application/json", answer.text
    assert answer.json()["success"] is False
    assert code_of(answer) == (status, code)


def raw(stack, text):
    """Status and code of the answer to what no HTTP library would send."""
    with socket.create_connection(("127.0.0.1", int(stack.env["MILLRACE_PORT"])), 15) as plug:
        plug.sendall(text)
        answer = http.client.HTTPResponse(plug)
        answer.begin()
        assert answer.getheader("Content-Type") == "application/json", answer.read()
        return answer.status, json.loads(answer.read())["error"]["code"]


def test_what_is_too_large_or_malformed(stack):
    announced = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n"
    for path, size in (("/api/jobs", 65 << 20), ("/api/files", 33 << 20),
                       ("/api/v1/analysis/analyze-file", 33 << 20)):
        assert raw(stack, announced.format(path, size).encode()) == (413, "body_too_large"), path
    refused(stack.request("GET", "/api/jobs?q=" + "x" * 9000), 414, "uri_too_long")
    refused(stack.request("GET", "/api/jobs", headers={"X-Much": "x" * 9000}), 414, "uri_too_long")
    assert raw(stack, b"GET /api/jobs HTTP/1.1\r\nHost: a b\r\n\r\n") == (400, "bad_request")
    assert raw(stack, b"GET /api/jobs HTTP/1.1\r\n\r\n") == (400, "bad_request")
    refused(stack.request("PUT", "/api/jobs", json={}), 405, "method_not_allowed")


@contextlib.contextmanager
def nginx_with(stack, *changes, **settings):
    """Run nginx with other settings, or with pieces of its configuration changed."""
    kept = stack.environment
    stack.environment = {**kept, **settings}
    try:
        stack.script("init")
        for part in "fastcgi", "server":
            path = stack.dir / "nginx" / f"millrace-{part}.conf"
            text = path.read_text()
            for old, new in changes:
                text = text.replace(old, new)
            path.write_text(text)
        stack.restart("nginx")
        yield
    finally:
        stack.environment = kept
        stack.script("init")
        stack.restart("nginx")


def test_too_many_requests_are_429(stack):
    stack.token("alice"), stack.token("bob")
    with nginx_with(stack, RATE="1r/s", BURST="5", SSE_PER_ADDRESS="1"):
        answers = in_threads(12, lambda _: stack.request("GET", "/api/types", user="alice"))
        late = [answer for answer in answers if answer.status_code != 200]
        assert 1 <= len(late) <= 7, answers
        for answer in late:
            refused(answer, 429, "rate_limited")
            assert answer.headers["Retry-After"] == "1"
    with nginx_with(stack, SSE_PER_ADDRESS="1"):
        job = stack.post_job("noop", user="bob", delay="1h")
        with Sse(stack.url, f"/api/jobs/{job}/events", bearer(stack, "bob")) as first:
            assert first.status == 200
            refused(stack.request("GET", f"/api/jobs/{job}/events", user="bob"),
                    429, "rate_limited")


def test_a_stopped_part_is_502(stack):
    job = stack.post_job("noop", user="alice", delay="1h")
    stack.stop("stream")
    answer = stack.request("GET", f"/api/jobs/{job}/events", user="alice")
    refused(answer, 502, "unavailable")
    assert answer.headers["Retry-After"] == "2"
    stack.start("stream")
    stack.stop("api")
    for path in "/api/jobs", "/readyz", "/api/files":
        answer = stack.request("GET", path, user="alice")
        refused(answer, 502, "unavailable")
        assert answer.headers["Retry-After"] == "2"
    stack.start("api")
    assert stack.job(job, user="alice")["state"] == "scheduled"


def test_what_takes_too_long_is_504(stack):
    stack.token("alice")
    with nginx_with(stack, ("fastcgi_read_timeout 75s", "fastcgi_read_timeout 1s")):
        stack.signal("api", signal.SIGSTOP)
        try:
            answer = stack.request("GET", "/api/jobs", user="alice")
        finally:
            stack.signal("api", signal.SIGCONT)
        refused(answer, 504, "timeout")
        assert answer.headers["Retry-After"] == "5"
