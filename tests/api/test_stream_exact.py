"""Each event of a stream comes once and in order, whatever breaks meanwhile."""

import contextlib
import random
import threading
import time

import psycopg2
import pytest
from stream_client import (Jobs, Stream, _jobs, _listen,  # noqa: F401
                           socket_of, stack)


class Reader(threading.Thread):
    """Listens and comes back with the last id whenever it is cut off, or leaves by
    itself now and then, until it has as many events as `wanted` says."""

    def __init__(self, path, target, last_id, rng):
        super().__init__(daemon=True)
        self.path, self.target, self.last_id, self.rng = path, target, last_id, rng
        self.seqs, self.failure, self.wanted = [], None, None
        self.connects = 0

    def run(self):
        try:
            while not self.done():
                self._listen()
        except BaseException as error:  # pylint: disable=broad-except
            self.failure = error

    def done(self):
        return self.wanted is not None and len(self.seqs) >= self.wanted

    def _listen(self):
        try:
            with Stream(self.path, self.target, self.last_id) as stream:
                if stream.status == 503:
                    time.sleep(0.02)
                    return
                assert stream.status == 200, (stream.status, stream.json())
                self.connects += 1
                self._read(stream)
        except (ConnectionError, FileNotFoundError):
            time.sleep(0.02)

    def _read(self, stream):
        leave = time.monotonic() + self.rng.choice([0.01, 0.05, 0.2, 1])
        # A short stream may have come whole with its head.
        self._keep(stream)
        while not stream.ended and not self.done() and time.monotonic() < leave:
            stream.read(0.05)
            self._keep(stream)

    def _keep(self, stream):
        events = stream.sse.events[stream.taken:]
        stream.taken += len(events)
        self.seqs += [event.seq for event in events]
        self.last_id = stream.sse.last_id or self.last_id


class Writer:
    """Transactions of random length and content, some of them rolled back."""

    def __init__(self, stack, owners, rng):
        self.jobs = Jobs(stack, stack.connect(autocommit=False))
        self.owners, self.rng, self.open_until = owners, rng, 0
        self.runs = []

    def step(self):
        if self.open_until > time.monotonic():
            return
        if self.open_until:
            self._end()
        for _ in range(self.rng.randint(1, 3)):
            self._change()
        self.open_until = time.monotonic() + self.rng.choice([0, 0, .005, .05, .3])

    def _change(self):
        jobs, rng = self.jobs, self.rng
        if not self.runs or rng.random() < .3:
            jobs.enqueue(rng.choice(self.owners), rng.randint(1, 3))
            self.runs += jobs.claim(3)
        elif rng.random() < .6:
            jobs.report(rng.choice(self.runs), rng.randint(0, 100), "on the way")
        else:
            run = self.runs.pop(rng.randrange(len(self.runs)))
            state = rng.choice(["completed", "discarded", "retryable", "available"])
            jobs.finish(run, state, result='{"n": 1}')
            jobs.promote()

    def _end(self):
        if self.rng.random() < .15:
            self.jobs.connection.rollback()
            self.runs = []
        else:
            self.jobs.connection.commit()
            self.jobs.ring()
        self.open_until = 0

    def close(self):
        self.jobs.connection.commit()
        self.jobs.connection.close()


def break_something(stack, rng):
    if rng.random() < .5:
        stack.kill("stream")
        stack.start("stream")
    else:
        with contextlib.suppress(psycopg2.Error):
            stack.sql("select pg_terminate_backend(pid) from pg_stat_activity "
                      "where query like '%%pg_current_snapshot() as now%%' "
                      "and pid <> pg_backend_pid()")


def written(jobs, target, first):
    """The seqs that a reader must have got, of those from `first` on."""
    kind, _, key = target[1:].partition("/")
    where = {"jobs": "job_id = %s::uuid", "owners": "owner = %s", "all": "%s = ''"}
    return [row[0] for row in jobs.call(
        f"select seq from millrace.job_event where {where[kind]} and seq >= %s "
        "order by seq", key, first)]


@pytest.mark.parametrize("seed", range(3))
def test_none_is_missed_and_none_comes_twice(stack, jobs, listen, seed):
    rng = random.Random(seed)
    owners = [f"o{seed}-{i}" for i in range(3)]
    with listen("/all") as begin:
        begin.until(lambda: begin.sse.last_id, "an id to begin with")
    first = jobs.call("select coalesce(max(seq), 0) + 1 from millrace.job_event")[0][0]
    held = Jobs(stack, stack.connect(autocommit=False))
    held.enqueue(owners[0], 5)
    followed = jobs.enqueue(owners[1], 3)
    runs = jobs.claim(3)

    targets = ["/all", "/all", *(f"/owners/{owner}" for owner in owners)]
    readers = [Reader(socket_of(stack), target, begin.sse.last_id,
                      random.Random(seed * 100 + i))
               for i, target in enumerate(targets)]
    readers += [Reader(socket_of(stack), f"/jobs/{job}", first - 1,
                       random.Random(job)) for job in followed]
    writers = [Writer(stack, owners, rng) for _ in range(6)]
    for reader in readers:
        reader.start()

    deadline, next_break = time.monotonic() + 4, time.monotonic() + 0.7
    while time.monotonic() < deadline:
        for writer in writers:
            writer.step()
        jobs.report(rng.choice(runs), rng.randint(0, 100), "followed")
        if time.monotonic() > next_break:
            break_something(stack, rng)
            next_break = time.monotonic() + rng.uniform(.5, 1.5)
    for writer in writers:
        writer.close()
    held.connection.commit()
    held.connection.close()

    for reader in readers:
        reader.wanted = len(written(jobs, reader.target, first))
    for reader in readers:
        reader.join(30)
        want = written(jobs, reader.target, first)
        assert not reader.failure, reader.failure
        assert sorted(reader.seqs) == want, reader.target
        if reader.target.startswith("/jobs/"):
            assert reader.seqs == want
        assert reader.connects > 3
    order = {}
    for seq, job in jobs.call("select seq, job_id from millrace.job_event "
                              "where seq >= %s", first):
        order[seq] = job
    for reader in readers:
        last = {}
        for seq in reader.seqs:
            assert seq > last.get(order[seq], 0), "a job's events are out of order"
            last[order[seq]] = seq
    print(f"{len(want)}, {[len(r.seqs) for r in readers]} events, "
          f"{[r.connects for r in readers]} connects")
