"""What many subscribers cost, in memory and in time."""

import resource
import select
import sys
import time
import uuid

import pytest
from stream_client import (SANITIZED, Stream, _jobs, socket_of,  # noqa: F401
                           stack)

SUBSCRIBERS = 2000


@pytest.fixture(name="crowd")
def _crowd(stack):
    """Opens many streams at once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    streams = []

    def open_many(target_of):
        streams.extend(Stream(socket_of(stack), target_of(i))
                       for i in range(SUBSCRIBERS))
        return streams
    yield open_many
    for stream in streams:
        stream.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def receive(streams):
    """Wait until each has one more event; the time it took, in seconds."""
    poll, by_fd = select.epoll(), {}
    for stream in streams:
        poll.register(stream, select.EPOLLIN)
        by_fd[stream.fileno()] = stream
    want = {fd: len(stream.sse.events) + 1 for fd, stream in by_fd.items()}
    began = time.monotonic()
    while want:
        assert time.monotonic() - began < 30, f"{len(want)} without their event"
        for fd, _ in poll.poll(1):
            by_fd[fd].read(0)
            if len(by_fd[fd].sse.events) >= want.get(fd, sys.maxsize):
                del want[fd]
    poll.close()
    return time.monotonic() - began


def test_an_idle_connection_costs_little(stack, jobs, crowd):
    ids = jobs.enqueue("crowd", SUBSCRIBERS)
    before = stack.rss_kb("stream")
    began = time.monotonic()
    for stream in crowd(lambda i: f"/jobs/{ids[i]}"):
        stream.next()
    opened = time.monotonic() - began
    each = (stack.rss_kb("stream") - before) / SUBSCRIBERS
    print(f"{SUBSCRIBERS} streams opened in {opened:.2f} s, {each:.2f} kB each")
    assert SANITIZED or each < 12


@pytest.mark.parametrize("topic", ["job", "owner"])
def test_one_event_reaches_a_crowd_quickly(jobs, crowd, topic):
    owner = str(uuid.uuid4())
    job = jobs.enqueue(owner)
    run, = jobs.claim()
    target = f"/jobs/{job}" if topic == "job" else f"/owners/{owner}"
    streams = crowd(lambda i: target)
    for stream in streams:
        stream.until(lambda s=stream: s.sse.last_id, "the beginning")
    jobs.report(run, 1)
    receive(streams)
    times = []
    for percent in range(2, 12):
        jobs.report(run, percent)
        times.append(receive(streams))
    times.sort()
    print(f"one event to {SUBSCRIBERS} streams of one {topic}: "
          f"median {times[5] * 1000:.0f} ms, worst {times[-1] * 1000:.0f} ms")
    assert SANITIZED or times[5] < 2
