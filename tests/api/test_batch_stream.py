"""The stream of one batch: how it is, each event of its jobs once and in order, its end."""

import random
import time
import uuid

import pytest
from stream_client import (Jobs, Stream, _jobs, _listen,  # noqa: F401
                           socket_of, stack)
from stack import wait_for
from test_stream_exact import Reader, Writer, break_something


def place(batch):
    return f"/batches/{batch}"


def kinds(events):
    return [event.data["type"] for event in events]


def test_how_it_is_comes_first_then_each_event_then_its_end(jobs, listen):
    batch = jobs.begin(name="nightly")
    first = jobs.enqueue()
    stream = listen(place(batch.upper()))
    assert stream.status == 200
    begin = stream.next()
    assert begin.name == "batch" and begin.data.pop("at") and begin.data.pop("createdAt")
    assert begin.data == {
        "type": "batch_progress", "batchId": batch, "name": "nightly", "owner": "anna",
        "status": "running", "open": True, "total": 1, "percent": 0, "counts": {"available": 1}}

    second = jobs.enqueue()
    jobs.batch = None
    foreign = jobs.enqueue()
    jobs.cancel(foreign)
    runs = dict(jobs.claim(2))
    jobs.report((first, 1), 40, "half way")
    jobs.finish((first, runs[first]), result='{"n": 1}')
    jobs.close(batch)
    jobs.finish((second, runs[second]), "discarded", error='{"code": "x", "message": "no"}')
    jobs.settle()
    events = [*stream.wait_end()]
    assert {event.data["batchId"] for event in events} == {batch}
    assert kinds(events) == ["job_queued", "job_started", "job_started", "job_progress",
                             "job_completed", "job_failed", "batch_completed"]
    assert events[4].data["result"] == {"n": 1} and events[5].data["error"]["code"] == "x"
    end = events[-1]
    assert end.name == "batch-complete" and end.data["counts"] == {"completed": 1, "discarded": 1}
    assert (end.data["status"], end.data["percent"], end.data["total"]) == ("failed", 100, 2)

    everything = [begin, *events]
    for i, event in enumerate(everything):
        again = listen(place(batch), last_id=event.id)
        if i < len(events):
            assert [e.data for e in again.wait_end()] == [e.data for e in events[i:]]
        else:
            assert again.status == 204
        by_argument = listen(f"{place(batch)}?after={event.id}")
        assert by_argument.status == again.status


def test_one_that_has_ended_says_so_and_ends(jobs, listen):
    batch = jobs.begin()
    jobs.cancel(jobs.enqueue())
    jobs.close(batch)
    jobs.settle()
    stream = listen(place(batch))
    (only,) = stream.wait_end()
    assert only.name == "batch-complete" and only.data["counts"] == {"cancelled": 1}
    assert listen(place(batch), last_id=only.id).status == 204


def test_what_comes_behind_the_end_is_not_of_it(jobs, listen):
    batch = jobs.begin()
    job = jobs.enqueue()
    stream = listen(place(batch))
    begin = stream.next()
    jobs.cancel(job)
    jobs.close(batch)
    jobs.settle()
    end = stream.wait_end()[-1]
    jobs.retry(job)
    jobs.finish(jobs.claim()[0])
    jobs.settle()
    assert listen(place(batch), last_id=end.id).status == 204
    assert kinds(listen(place(batch), last_id=begin.id).wait_end()) == [
        "job_cancelled", "batch_completed"]


def test_those_who_are_ahead_hear_the_end_too(stack, jobs, listen):
    """They have joined while an older transaction was open."""
    batch = jobs.begin()
    job = jobs.enqueue()
    early = listen(place(batch))
    early.next()
    held = Jobs(stack, stack.connect(autocommit=False))
    held.enqueue()
    late = listen(place(batch))
    late.next()
    jobs.cancel(job)
    jobs.close(batch)
    held.connection.commit()
    jobs.settle()
    for stream in early, late:
        assert kinds(stream.wait_end()) == ["job_cancelled", "batch_completed"]
    held.connection.close()


def test_its_owner_and_all_hear_of_the_end(jobs, listen):
    owner = str(uuid.uuid4())
    streams = [listen(f"/owners/{owner}"), listen("/all")]
    for stream in streams:
        stream.until(lambda s=stream: s.sse.last_id, "an id to come back with")
    batch = jobs.begin(owner, "mine")
    job = jobs.enqueue(owner)
    jobs.cancel(job)
    jobs.close(batch)
    jobs.settle()
    for stream in streams:
        events = stream.next(3)
        assert kinds(events) == ["job_queued", "job_cancelled", "batch_completed"]
        assert events[-1].data["batchId"] == batch and events[-1].data["name"] == "mine"
        assert events[0].data["batchId"] == batch
    alone = listen(f"/jobs/{job}")
    assert alone.wait_end()[0].data["batchId"] == batch
    again = listen(f"/owners/{owner}", last_id=streams[0].sse.events[1].id)
    assert again.next().data["counts"] == {"cancelled": 1}


def test_a_large_batch_comes_whole(stack, listen):
    jobs = Jobs(stack, stack.connect(autocommit=False))
    batch = jobs.begin()
    jobs.connection.commit()
    live = listen(place(batch))
    begin = live.next()
    ids = jobs.enqueue(count=6000)
    jobs.connection.commit()
    jobs.ring()
    last = "00000000-0000-0000-0000-000000000000"
    while last:
        live.read(0)        # or it would count as gone
        ((last,),) = jobs.call("select last from millrace.batch_cancel(%s, %s, 500)", batch, last)
    jobs.close(batch)
    jobs.connection.commit()
    jobs.settle()
    jobs.connection.commit()
    live.taken = 1
    for stream in live, listen(place(batch), last_id=begin.id):
        events = stream.wait_end()
        assert [event.data["jobId"] for event in events[:6000]] == ids
        assert {event.data["jobId"] for event in events[6000:12000]} == set(ids)
        assert kinds(events[12000:]) == ["batch_completed"]
    middle = live.sse.events[7000]
    rest = listen(place(batch), last_id=middle.id).wait_end()
    assert [event.seq for event in rest] == [event.seq for event in live.sse.events[7001:]]
    jobs.connection.close()


def test_what_is_refused(listen):
    nobodys = uuid.uuid4()
    for target, last_id, status, code in [
            (f"/batches/{nobodys}", None, 404, "batch_not_found"),
            (f"/batches/{nobodys}", "1:1:~1:1:~0", 404, "batch_not_found"),
            ("/batches/7", None, 404, "batch_not_found"), ("/batches/", None, 404, "batch_not_found"),
            (f"/batches/{nobodys}", "7", 400, "invalid_event_id")]:
        stream = listen(target, last_id=last_id)
        assert (stream.status, stream.json()["error"]["code"]) == (status, code)


# ---------------------------------------------------------------- whatever breaks

class BatchReader(Reader):
    """Comes back until it is told that all has been told."""

    def __init__(self, *args):
        super().__init__(*args)
        self.told = False

    def done(self):
        return self.told

    def _listen(self):
        try:
            with Stream(self.path, self.target, self.last_id) as stream:
                if stream.status == 204:
                    self.told = True
                elif stream.status == 503:
                    time.sleep(0.02)
                else:
                    assert stream.status == 200, (stream.status, stream.json())
                    self.connects += 1
                    self._read(stream)
        except (ConnectionError, FileNotFoundError):
            time.sleep(0.02)


class BatchWriter(Writer):
    def __init__(self, stack, batches, rng):
        super().__init__(stack, ["anna"], rng)
        self.batches = batches

    def _change(self):
        self.jobs.batch = self.rng.choice([*self.batches, None])
        super()._change()


@pytest.mark.parametrize("seed", range(2))
def test_none_is_missed_and_none_comes_twice(stack, jobs, seed):
    rng = random.Random(seed)
    batches = [jobs.begin() for _ in range(3)]
    jobs.batch = None
    readers = []
    for i, batch in enumerate(batches * 2):
        with Stream(socket_of(stack), place(batch)) as begin:
            begin.next()
        readers.append(BatchReader(socket_of(stack), place(batch), begin.sse.last_id,
                                   random.Random(seed * 100 + i)))
    writers = [BatchWriter(stack, batches, rng) for _ in range(6)]
    for reader in readers:
        reader.start()

    deadline, next_break = time.monotonic() + 4, time.monotonic() + 0.7
    while time.monotonic() < deadline:
        for writer in writers:
            writer.step()
        jobs.settle()
        if time.monotonic() > next_break:
            break_something(stack, rng)
            next_break = time.monotonic() + rng.uniform(.5, 1.5)
    for writer in writers:
        writer.close()
    for batch in batches:
        jobs.close(batch)
        for (job,) in jobs.call("select j.id::text from millrace.job j where batch = %s and not exists "
                                "(select from millrace.done d where d.id = j.id)", batch):
            jobs.cancel(job)
    for job, attempt, worker in jobs.call("select a.id, attempt, worker from millrace.active a "
                                          "join millrace.job using (id) where batch is not null"):
        jobs.worker = worker
        jobs.finish((job, attempt), "cancelled")

    # The housekeeping comes again and again.
    wait_for(lambda: jobs.settle() or not any(reader.is_alive() for reader in readers), 30)
    for reader in readers:
        reader.join()
        assert not reader.failure, reader.failure
        assert reader.told, reader.target
        rows = jobs.call("select seq, kind::text from millrace.job_event where batch = %s order by seq",
                         reader.target.rsplit("/", 1)[1])
        assert sorted(reader.seqs) == [seq for seq, _ in rows], reader.target
        assert rows[-1][1] == "batch_completed" and reader.seqs[-1] == rows[-1][0]
        assert len(rows) > 20 and reader.connects > 3
