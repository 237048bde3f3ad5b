"""Those who listen while everything is restarted miss nothing and hear nothing
twice; those who do not read are cut off and delay nobody."""

import socket
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import bearer  # noqa: E402
from processes import descriptors  # noqa: E402
from sse import Follower, seqs  # noqa: E402
from stack import Stack, assert_prompt, wait_for  # noqa: E402

# Tells of one step after the other until the file that its payload names is there.
STEPS = """#!/bin/sh
path=$(jq -r .path)
step=0
until [ -e "$path" ]; do
    step=$((step + 1))
    echo "{\\"progress\\": $((step % 100)), \\"message\\": \\"step $step\\"}" >&3
    sleep 0.1
done
echo "$step"
"""


@pytest.fixture(scope="module")
def stack():
    with Stack("postgres", "api", "stream", "nginx", MILLRACE_SLOTS="8",
               MILLRACE_GRACE="5s", MILLRACE_SSE_HEARTBEAT="2s") as running:
        running.add_type({"type": "steps", "run": {"kind": "program", "command": ["steps"]},
                          "maxAttempts": 1}, STEPS)
        running.start("worker")
        wait_for(lambda: running.value("select count(*) from millrace.job_type where type = 'steps'"))
        yield running


def logged(stack, job):
    """What the event log holds of a job, in its order."""
    return [row[0] for row in stack.sql(
        "select seq from millrace.job_event where job_id = %s order by seq", job)]


def ended(count):
    """So many jobs have ended, by the events of a stream of many."""
    return lambda events: sum(event.name == "job-complete" for event in events) == count


class Listeners:
    """To each job two, to its owner two: one pair begins with the jobs, the other
    when they are under way."""

    def __init__(self, stack, path, user, count):
        self.stack, self.user, self.count = stack, user, count
        self.headers = bearer(stack, user)
        self.early = self.to_owner()
        assert self.early.opened.wait(60)
        self.jobs = [stack.post_job("steps", {"path": str(path)}, user=user) for _ in range(count)]
        self.of_job = [(job, self.to_job(job)) for job in self.jobs]
        wait_for(lambda: all(f.events and f.events[-1].name == "progress" for _, f in self.of_job))
        self.of_job += [(job, self.to_job(job)) for job in self.jobs]
        self.late = self.to_owner()

    def to_owner(self):
        return Follower(self.stack.url, "/api/jobs/notifications/stream", self.headers,
                        enough=ended(self.count))

    def to_job(self, job):
        return Follower(self.stack.url, f"/api/jobs/{job}/events", self.headers)

    @property
    def followers(self):
        return [self.early, self.late, *(follower for _, follower in self.of_job)]

    def heard_more(self):
        """All have heard something new."""
        before = [len(follower.events) for follower in self.followers]
        wait_for(lambda: all(len(follower.events) > count + 3
                             for follower, count in zip(self.followers, before)),
                 what="all go on listening")

    def assert_exact(self):
        for job, follower in self.of_job:
            heard = seqs(follower.finish())
            log = logged(self.stack, job)
            # The first event tells the present state; from there on each one.
            assert heard == log[log.index(heard[0]):]
            assert follower.events[-1].name == "job-complete"
        for follower in self.early, self.late:
            self.assert_owner_heard_all(follower.finish())

    def assert_owner_heard_all(self, events):
        assert not [id_ for id_, times in Counter(seqs(events)).items() if times > 1]
        for job in self.jobs:
            heard = [event.seq for event in events if event.data["jobId"] == job]
            log = logged(self.stack, job)
            assert heard == log[log.index(heard[0]):]
        if events is self.early.events:
            assert len(events) == sum(len(logged(self.stack, job)) for job in self.jobs)


def test_each_event_once_and_in_order_whatever_is_restarted(stack):
    path = stack.dir / "enough"
    listeners = Listeners(stack, path, "anna", 6)
    for parts in ("stream",), ("nginx",), ("api",), ("postgres",), ("postgres", "stream"):
        stack.restart(*parts)
        listeners.heard_more()
    stack.kill("stream")
    (stack.dir / "pid/stream").unlink()
    stack.start("stream")
    listeners.heard_more()
    path.touch()
    listeners.assert_exact()
    assert all(follower.connects >= 3 for follower in listeners.followers)


# ---------------------------------------------------------------- slow readers

TEXT = "x" * 100_000        # of such results 160 are more than all buffers between hold
JOBS = 160


class Sleeper:
    """Asks for the events of a user, and reads them when it is told to."""

    def __init__(self, stack, user):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", int(stack.env["MILLRACE_PORT"])))
        self.socket.sendall((
            "GET /api/jobs/notifications/stream HTTP/1.0\r\nHost: x\r\n"
            f"Authorization: Bearer {stack.token(user)}\r\n\r\n").encode())
        self.got, self.ended = bytearray(self.socket.recv(15)), False
        assert b" 200 " in self.got

    def read(self, seconds, enough=lambda blocks: False):
        """The events that have come when they are enough, or at the end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        deadline = time.monotonic() + seconds
        while not self.ended and not enough(self.blocks()):
            assert time.monotonic() < deadline, f"{len(self.blocks())} after {seconds} s"
            self._read_for(0.5)
        return self.blocks()

    def _read_for(self, seconds):
        deadline = time.monotonic() + seconds
        while not self.ended and time.monotonic() < deadline:
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionError:
                data = b""
            self.got += data
            self.ended = not data

    def blocks(self):
        """The events that are whole."""
        blocks = self.got.decode(errors="replace").split("\n\n")[:-1]
        return [block for block in blocks if "\ndata: " in block]


def seq_of(block):
    id_, = (line for line in block.splitlines() if line.startswith("id: "))
    return int(id_.rsplit("~", 1)[1])


def all_logged(stack, jobs):
    return sorted(seq for job in jobs for seq in logged(stack, job))


def test_who_does_not_read_is_cut_off_and_delays_nobody(stack):
    before, memory = descriptors(stack.pid("stream")), stack.rss_kb("stream")
    sleepers = [Sleeper(stack, "bert") for _ in range(5)]
    reader = Follower(stack.url, "/api/jobs/notifications/stream", bearer(stack, "bert"),
                      enough=ended(JOBS))
    assert reader.opened.wait(60)
    posted = {}
    for _ in range(JOBS):
        began = time.monotonic()
        posted[stack.post_job("noop", TEXT, user="bert")] = began
    events = reader.finish()

    late = [event.at - posted[event.data["jobId"]] for event in events
            if event.name == "job-complete"]
    assert reader.connects == 1 and len(late) == JOBS
    assert_prompt(late, 3, percent=90)
    wait_for(lambda: descriptors(stack.pid("stream")) <= before, what="they are cut off")
    assert stack.rss_kb("stream") - memory < 12_000
    wanted = all_logged(stack, posted)
    for sleeper in sleepers:
        heard = sleeper.read(60)
        assert 0 < len(heard) < len(wanted)

        # The last event that came whole is the place to go on.
        last_id = heard[-1].partition("id: ")[2].partition("\n")[0]
        rest = Follower(stack.url, "/api/jobs/notifications/stream", bearer(stack, "bert"),
                        enough=lambda events, left=len(wanted) - len(heard): len(events) == left,
                        last_id=last_id).finish()
        assert sorted([seq_of(block) for block in heard] + seqs(rest)) == wanted


def test_who_reads_late_gets_all(stack):
    sleeper = Sleeper(stack, "carl")
    posted = [stack.post_job("noop", TEXT, user="carl") for _ in range(JOBS)]
    stack.wait_job(posted[-1], user="carl")
    heard = sleeper.read(20, enough=lambda blocks: len(blocks) >= 3 * JOBS)
    assert sorted(map(seq_of, heard)) == all_logged(stack, posted)
