"""A client of millrace-stream, straight to its unix socket, and what drives the
events that it listens to: the functions of the database. Then the fixtures that
the tests of the stream share."""

import contextlib
import json
import os
import select
import socket
import sys
import time
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from stack import Stack, wait_for  # noqa: E402

PATIENCE = 60
SANITIZED = "asan" in os.environ.get("top_builddir", "")


class Event:
    def __init__(self, name, id_, data):
        self.name, self.id, self.data = name, id_, data

    @property
    def seq(self):
        """Of a stream of one job, or of many: the last part of the id."""
        return int(self.id.rsplit("~", 1)[-1])

    def __repr__(self):
        return f"{self.name}({self.id}, {self.data})"


class Parser:
    """Server-sent events out of text that comes piece by piece."""

    def __init__(self):
        self.rest = b""
        self.events, self.comments, self.retry, self.last_id = [], [], None, None

    def feed(self, data):
        *blocks, self.rest = (self.rest + data).split(b"\n\n")
        for block in blocks:
            self._block(block.decode())

    def _block(self, block):
        name, data = None, []
        for line in block.split("\n"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not field:
                self.comments.append(value)
            elif field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                self.last_id = value
            elif field == "retry":
                self.retry = int(value)
            else:
                raise AssertionError(f"unknown field in {block!r}")
        if data:
            assert len(data) == 1, block
            self.events.append(Event(name, self.last_id, json.loads(data[0])))


class Stream:
    """One request. `next()` waits for events; `ended` tells that no more come."""

    def __init__(self, path, target, last_id=None, version="1.1", method="GET"):
        self.sse, self.ended, self.taken, self.raw = Parser(), False, 0, b""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(path))
        lines = [f"{method} {target} HTTP/{version}", "Host: stream"]
        if last_id is not None:
            lines.append(f"Last-Event-ID: {last_id}")
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.poll = select.poll()
        self.poll.register(self.socket, select.POLLIN)
        self._read_head()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def fileno(self):
        return self.socket.fileno()

    def _read_head(self):
        head = b""
        while b"\r\n\r\n" not in head:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionResetError("closed before the answer")
            head += data
        head, self.raw = head.split(b"\r\n\r\n", 1)
        status, *lines = head.decode().split("\r\n")
        self.status = int(status.split()[1])
        self.headers = {name.lower(): value for name, value in
                        (line.split(": ", 1) for line in lines)}
        self.chunked = self.headers.get("transfer-encoding") == "chunked"
        if "content-length" not in self.headers and self.status == 200:
            self._take(b"")

    def json(self):
        while len(self.raw) < int(self.headers["content-length"]):
            data = self.socket.recv(65536)
            assert data, "cut short"
            self.raw += data
        return json.loads(self.raw)

    def _take(self, data):
        self.raw += data
        if not self.chunked:
            self.sse.feed(self.raw)
            self.raw = b""
        while self.chunked and b"\r\n" in self.raw:
            size, rest = self.raw.split(b"\r\n", 1)
            size = int(size, 16)
            if len(rest) < size + 2:
                return
            assert rest[size:size + 2] == b"\r\n"
            self.sse.feed(rest[:size])
            self.raw = rest[size + 2:]
            if size == 0:
                self.ended = True
                return

    def read(self, seconds):
        """Take what comes within the time; False if nothing did."""
        if self.ended or not self.poll.poll(seconds * 1000):
            return False
        data = self.socket.recv(262144)
        if data:
            self._take(data)
        else:
            self.ended = True
        return True

    def until(self, condition, what, seconds=PATIENCE):
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            assert left > 0 and (self.read(left) or condition()), \
                f"{what}; got {self.sse.events[-3:]}, ended: {self.ended}"
        return self

    def next(self, count=None, seconds=PATIENCE):
        """The next event, or a list of the next `count`."""
        wanted = self.taken + (count or 1)
        self.until(lambda: len(self.sse.events) >= wanted,
                   f"{wanted} events expected", seconds)
        events = self.sse.events[self.taken:wanted]
        self.taken = wanted
        return events if count else events[0]

    def wait_end(self, seconds=PATIENCE):
        self.until(lambda: self.ended, "the end expected", seconds)
        return self.sse.events[self.taken:]


class Jobs:
    """Drives jobs as the API and a worker do. Each has a type of its own, so that
    tests do not claim each other's jobs."""

    def __init__(self, stack, connection=None):
        self.stack = stack
        self.connection = connection or stack.connect()
        self.type = f"t-{uuid.uuid4()}"
        self.worker = str(uuid.uuid4())
        self.batch = None       # that new jobs belong to
        self.call("insert into millrace.job_type (type) values (%s)", self.type)
        self.connection.commit()

    def call(self, statement, *args):
        with self.connection.cursor() as cursor:
            cursor.execute(statement, args)
            return cursor.fetchall() if cursor.description else []

    def ring(self):
        """What the API and the worker do after a change."""
        bell = self.stack.dir / "run" / "bell"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ringer:
            ringer.setblocking(False)
            for path in bell.glob("events.*"):
                try:
                    ringer.sendto(b"!", str(path))
                except OSError:
                    pass

    def enqueue(self, owner="anna", count=None):
        rows = self.call(
            "select millrace.enqueue(%s, options => %s::jsonb) "
            "from generate_series(1, %s)", self.type,
            json.dumps({"owner": owner, "maxAttempts": 100,
                        **({"batchId": self.batch} if self.batch else {})}), count or 1)
        self.ring()
        ids = [row[0] for row in rows]
        return ids if count else ids[0]

    def begin(self, owner="anna", name=None):
        """An open batch, to which new jobs belong from now on."""
        self.batch = str(uuid.uuid4())
        self.call("select millrace.batch_begin(%s, %s, %s, null, null, null)",
                  self.batch, owner, name)
        return self.batch

    def close(self, batch):
        self.call("select millrace.batch_close(%s)", batch)

    def settle(self):
        """What the housekeeping does of batches."""
        self.call("select millrace.batches_settle()")
        self.ring()

    def claim(self, total=1):
        """(id, attempt) of each."""
        rows = self.call("select id, attempt from millrace.claim(%s, array[%s], "
                         "array[%s], null, %s)", self.worker, self.type, total, total)
        self.ring()
        return rows

    def report(self, run, percent, message=None):
        rows = self.call("select millrace.report(%s, array[%s]::uuid[], array[%s], "
                         "array[%s], array[%s])", self.worker, *run, percent, message)
        self.ring()
        return len(rows)

    def finish(self, run, state="completed", result=None, error=None):
        rows = self.call(
            "select state from millrace.finish(%s, array[%s]::uuid[], array[%s], "
            "array[%s]::millrace.state[], array[%s], array[%s], array[0]::bigint[], "
            "array[null])", self.worker, *run, state, result, error)
        self.ring()
        return rows

    def promote(self):
        self.call("select millrace.promote()")

    def cancel(self, job):
        self.call("select millrace.cancel(%s)", job)
        self.ring()

    def retry(self, job):
        self.call("select millrace.retry(%s)", job)
        self.ring()


@pytest.fixture(scope="module")
def stack():
    """A second between heartbeats, so a client may take nothing for four."""
    with Stack("postgres", "stream", MILLRACE_SSE_HEARTBEAT="1s",
               MILLRACE_LOG_LEVEL="debug") as running:
        yield running
        assert "Sanitizer" not in running.log("stream")


@pytest.fixture(name="jobs")
def _jobs(stack):
    wait_for(lambda: healthy(stack), what="healthz")
    jobs = Jobs(stack)
    yield jobs
    jobs.connection.close()


def socket_of(stack):
    return stack.dir / "run" / "stream.sock"


def healthy(stack):
    try:
        with Stream(socket_of(stack), "/healthz") as stream:
            return stream.status == 200
    except OSError:
        return False


@pytest.fixture(name="listen")
def _listen(stack):
    with contextlib.ExitStack() as streams:
        def open_stream(target, last_id=None, **more):
            stream = Stream(socket_of(stack), target, last_id, **more)
            return streams.enter_context(stream)
        yield open_stream
