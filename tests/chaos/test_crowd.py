"""Many clients, slow clients, clients that go away, and a disk that is full: the
others are served as ever, and nothing is left behind."""

import contextlib
import json
import os
import resource
import selectors
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import bearer, code_of  # noqa: E402
from load import Load  # noqa: E402
from processes import descriptors  # noqa: E402
from stack import Stack, assert_prompt, wait_for  # noqa: E402

BODY = {"type": "noop", "payload": [1]}


@pytest.fixture(scope="module")
def stack():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with Stack("postgres", "api", "stream", "worker", "nginx", SSE_PER_ADDRESS="2000") as running:
        wait_for(lambda: running.value("select count(*) from millrace.job_type where type = 'noop'"))
        running.token("alice")
        yield running


class Plug:
    """A bare connection to nginx."""

    def __init__(self, stack, text=b""):
        self.socket = socket.create_connection(("127.0.0.1", int(stack.env["MILLRACE_PORT"])), 60)
        self.socket.sendall(text)
        self.got = b""

    def fileno(self):
        return self.socket.fileno()

    def read(self):
        """What has come so far, with the next part."""
        self.got += self.socket.recv(65536)
        return self.got

    def close(self):
        self.socket.close()

    def vanish(self):
        """No farewell: the connection is reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def head(stack, method, path, user="alice", **headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {stack.token(user)}",
             *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def read_until(plugs, ready, seconds=60):
    """Read from all until `ready` is true of what each has got."""
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as waiting:
        for plug in plugs:
            if not ready(plug.got):
                waiting.register(plug, selectors.EVENT_READ)
        while waiting.get_map():
            assert time.monotonic() < deadline, f"{len(waiting.get_map())} wait in vain"
            for key, _ in waiting.select(1):
                if ready(key.fileobj.read()):
                    waiting.unregister(key.fileobj)


def load(stack, threads=8):
    return Load(stack.url, bearer(stack), BODY, threads=threads)


def assert_quick(posts):
    assert not posts.failed, posts.failed[:3]
    assert_prompt([one.ended - one.began for one in posts.accepted], 1, percent=90)


# ---------------------------------------------------------------- many, and slow ones

def test_a_thousand_listen_and_posts_are_quick(stack):
    users = [f"user{n}" for n in range(5)]      # nginx grants a token 200 streams
    plugs = []
    try:
        for user in users:
            request = head(stack, "GET", "/api/jobs/notifications/stream", user)
            plugs += [Plug(stack, request) for _ in range(200)]
        read_until(plugs, lambda got: b"retry: " in got)
        assert all(plug.got.startswith(b"HTTP/1.1 200 ") for plug in plugs)
        with load(stack) as posts:
            posts.wait_more(500)
        assert_quick(posts)

        jobs = [stack.post_job("noop", user=user) for user in users]
        read_until(plugs, lambda got: b"event: job-complete" in got)
        for number, plug in enumerate(plugs):
            assert jobs[number // 200].encode() in plug.got
            assert not any(job.encode() in plug.got for job in jobs if job != jobs[number // 200])
    finally:
        for plug in plugs:
            plug.close()


def test_slow_senders_starve_nobody(stack):
    body = json.dumps({"type": "noop", "payload": "slow"}).encode()
    kinds = [("/api/jobs", {"Content_Type": "application/json"}, b" 202 "),
             ("/api/files?name=slow", {"Content_Type": "text/plain"}, b" 201 ")]
    plugs = []
    for path, headers, status in kinds * 80:        # more than the API has threads
        plugs.append(Plug(stack, head(stack, "POST", path, Content_Length=len(body), **headers)))
        plugs[-1].status = status
    with load(stack) as posts:
        for at in range(len(body)):
            for plug in plugs:
                plug.socket.sendall(body[at:at + 1])
            posts.wait_more(10)             # the pace: a byte, then ten posts of others
    assert_quick(posts)
    read_until(plugs, lambda got: b"}" in got)
    for plug in plugs:
        assert plug.status in plug.got.split(b"\r\n")[0]
        plug.close()


# ---------------------------------------------------------------- those who go away

def files(stack):
    folder = stack.dir / "data" / "files"
    return sorted(path.name for path in folder.rglob("*") if path.is_file()) if folder.exists() else []


def buffered(stack):
    """The files that nginx keeps bodies in; their names it takes away at once."""
    found = []
    master = stack.pid("nginx")
    for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split():
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.append(os.readlink(link))
    return [path for path in found if path.startswith(f"{stack.dir}/nginx/tmp/")]


def stored(stack):
    return stack.value("select (select count(*) from millrace.job) + (select count(*) from millrace.file)")


def test_who_goes_away_leaves_nothing(stack):
    stack.request("GET", "/api/jobs", user="alice")
    wait_for(lambda: descriptors(stack.pid("stream")) < 40, what="the crowd has gone")
    before = stored(stack), files(stack)
    listeners = descriptors(stack.pid("stream"))

    gone = []
    for _ in range(50):
        gone += [
            Plug(stack, b"POST /api/jobs HTT"),
            Plug(stack, head(stack, "POST", "/api/jobs", Content_Length=50,
                             Content_Type="application/json") + b'{"type": "noop"'),
            Plug(stack, head(stack, "POST", "/api/files", Content_Length=10 << 20) + b"x" * 200_000),
            Plug(stack, head(stack, "POST", "/api/v1/analysis/analyze-file", Content_Length=10 << 20,
                             Content_Type="multipart/form-data; boundary=b")
                 + b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na,b\n'
                 + b"1,2\n" * 50_000),
            Plug(stack, head(stack, "GET", "/api/jobs/notifications/stream")),
        ]
    wait_for(lambda: descriptors(stack.pid("stream")) >= listeners + 50, what="they listen")
    wait_for(lambda: len(buffered(stack)) >= 100, what="their bodies are on the way")
    for number, plug in enumerate(gone):
        (plug.vanish if number % 2 else plug.close)()

    wait_for(lambda: not buffered(stack), what="nginx has dropped what was sent")
    wait_for(lambda: descriptors(stack.pid("stream")) <= listeners, what="the streams are closed")
    wait_for(lambda: descriptors(stack.pid("api")) < 60, what="no connection stays")
    assert (stored(stack), files(stack)) == before
    with load(stack) as posts:
        posts.wait_more(200)
    assert_quick(posts)


# ---------------------------------------------------------------- a full disk

@contextlib.contextmanager
def small_disk(path, size):
    path.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0777", "tmpfs", path],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting takes rights that are not given here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


def test_a_full_disk_is_507_and_left_clean(stack):
    rows = stored(stack)
    with small_disk(stack.dir / "data" / "files", 1 << 20):
        much = os.urandom(3 << 20)
        for path, form in (("/api/files", False), ("/api/files", True),
                           ("/api/v1/analysis/analyze-file", True)):
            more = {"files": {"file": ("much.csv", much)}} if form else {"data": much}
            answer = stack.request("POST", path, user="alice", **more)
            assert code_of(answer) == (507, "disk_full"), answer.text
            assert files(stack) == [] and stored(stack) == rows

        small = stack.request("POST", "/api/files", user="alice", data=b"x" * 10_000)
        assert small.status_code == 201
        assert files(stack) == [small.json()["fileId"]]
        kept = stack.request("DELETE", f"/api/files/{small.json()['fileId']}", user="alice")
        assert kept.status_code == 200 and files(stack) == []
    assert not buffered(stack)
