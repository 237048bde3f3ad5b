"""millrace-stream with a real PostgreSQL, without nginx: what clients are sent."""

import os
import shutil
import subprocess
import time
import uuid

from stream_client import (Jobs, _jobs, _listen, healthy,  # noqa: F401
                           stack, wait_for)


def facts(event):
    return event.name, event.data["type"], event.data["status"]


# -------------------------------------------------------------------- one job

def test_a_job_is_followed_to_its_end(jobs, listen):
    job = jobs.enqueue()
    stream = listen(f"/jobs/{job}")
    assert stream.status == 200
    assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert stream.headers["cache-control"] == "no-store"
    assert stream.headers["x-accel-buffering"] == "no"

    assert facts(stream.next()) == ("status", "job_queued", "pending")
    assert stream.sse.retry == 2000
    run, = jobs.claim()
    assert facts(stream.next()) == ("status", "job_started", "processing")
    assert jobs.report(run, 40, "half \"way\"\nthere")
    event = stream.next()
    assert facts(event) == ("progress", "job_progress", "processing")
    assert event.data["progress"] == 40
    assert event.data["message"] == "half \"way\"\nthere"
    assert event.data["jobId"] == job and event.data["jobType"] == jobs.type
    assert event.data["attempt"] == 1
    assert event.data["at"].endswith("Z")

    jobs.finish(run, "retryable", error='{"code": "x", "message": "no luck"}')
    event = stream.next()
    assert facts(event) == ("status", "job_retrying", "pending")
    assert event.data["message"] == "no luck"
    jobs.promote()
    run, = jobs.claim()
    assert stream.next().data["attempt"] == 2
    jobs.finish(run, result='{"sum":\n 1.50, "text": "a\\nb"}')
    event = stream.next()
    assert facts(event) == ("job-complete", "job_completed", "completed")
    assert event.data["result"] == {"sum": 1.5, "text": "a\nb"}
    assert event.data["progress"] == 100
    assert stream.wait_end() == []
    assert stream.sse.rest == b""

    seqs = [event.seq for event in stream.sse.events]
    assert seqs == sorted(set(seqs)) and len(seqs) == 6
    for i, seq in enumerate(seqs[:-1]):
        again = listen(f"/jobs/{job}", last_id=seq)
        assert [event.seq for event in again.wait_end()] == seqs[i + 1:]
        assert again.sse.events[-1].data == event.data
    assert listen(f"/jobs/{job}", last_id=seqs[-1]).status == 204
    assert listen(f"/jobs/{job}", last_id=2**62).status == 204
    assert listen(f"/jobs/{job}?after={seqs[-1]}").status == 204
    both = listen(f"/jobs/{job}?after={seqs[-1]}", last_id=seqs[-2])
    assert len(both.wait_end()) == 1


def present(listen, job):
    return listen(f"/jobs/{job}").next()


def test_the_present_state_comes_first(jobs, listen):
    job = jobs.enqueue()
    run, = jobs.claim()
    assert present(listen, job).data["type"] == "job_started"
    jobs.report(run, 0, "reading")
    event = present(listen, job)
    assert event.data["type"] == "job_progress"
    assert event.data["message"] == "reading"
    assert event.seq == jobs.call("select max(seq) from millrace.job_event "
                                  "where job_id = %s", job)[0][0]
    jobs.finish(run, "retryable", error='{"code": "x", "message": "no luck"}')
    event = present(listen, job)
    assert event.data["type"] == "job_retrying"
    assert event.data["message"] == "no luck"
    jobs.promote()
    assert present(listen, job).data["type"] == "job_queued"

    run, = jobs.claim()
    error = {"code": "bad", "message": "no", "details": {"row": 3}}
    jobs.finish(run, "discarded", error='{"code": "bad", "message": "no", '
                                        '"details": {"row": 3}}')
    stream = listen(f"/jobs/{job}")
    assert facts(stream.next()) == ("job-failed", "job_failed", "failed")
    assert stream.sse.events[0].data["error"] == error
    assert stream.wait_end() == []

    waiting = jobs.enqueue()
    jobs.cancel(waiting)
    stream = listen(f"/jobs/{waiting}")
    assert facts(stream.next()) == ("job-cancelled", "job_cancelled", "cancelled")
    assert "error" not in stream.sse.events[0].data
    stream.wait_end()


def test_a_job_that_is_retried_goes_on(jobs, listen):
    job = jobs.enqueue()
    stream = listen(f"/jobs/{job}")
    stream.next()
    jobs.cancel(job)
    end = stream.next()
    stream.wait_end()
    jobs.retry(job)
    again = listen(f"/jobs/{job}", last_id=end.id)
    assert again.next().data["type"] == "job_queued"
    run, = jobs.claim()
    jobs.finish(run, "discarded", error='{"code": "c", "message": "m"}')
    last = again.next(2)[1]
    assert last.data["error"] == {"code": "c", "message": "m"}
    again.wait_end()

    whole = listen(f"/jobs/{job}", last_id=0).wait_end()
    assert [event.data["type"] for event in whole] == [
        "job_queued", "job_cancelled", "job_queued", "job_started", "job_failed"]
    assert "error" not in whole[1].data


def test_many_hear_of_one_job(jobs, listen):
    job = jobs.enqueue()
    streams = [listen(f"/jobs/{job}") for _ in range(20)]
    for stream in streams:
        stream.next()
    streams[0].close()
    jobs.cancel(job)
    for stream in streams[1:]:
        assert stream.next().data["type"] == "job_cancelled"
        stream.wait_end()


def test_what_is_refused(stack, listen):
    def refusal(target, **more):
        stream = listen(target, **more)
        answer = stream.json()
        assert answer["success"] is False
        return stream.status, answer["error"]["code"]

    job = uuid.uuid4()
    assert refusal(f"/jobs/{job}") == (404, "job_not_found")
    assert refusal(f"/jobs/{job}", last_id="7") == (404, "job_not_found")
    assert refusal("/jobs/7") == (404, "job_not_found")
    for bad in ("x", "-1", "1:1:~1:1:~1", str(2**64)):
        assert refusal(f"/jobs/{job}", last_id=bad) == (400, "invalid_event_id")
    for bad in ("x", "7", "2:1:~1:1:~0", "1:1:~1:1:~", "1:1:", "1:3:2,2~3:3:~0"):
        assert refusal("/all", last_id=bad) == (400, "invalid_event_id")
        assert refusal(f"/owners/anna?after={bad}") == (400, "invalid_event_id")
    for path in ("/", "/owners/", "/owners/%00", "/allx", "/jobs", "/healthz/x"):
        assert refusal(path)[0] == 404
    assert refusal("/all", method="POST") == (405, "method_not_allowed")


def test_a_client_of_http_1_0_gets_plain_text(jobs, listen):
    job = jobs.enqueue()
    stream = listen(f"/jobs/{job}", version="1.0")
    assert not stream.chunked
    stream.next()
    jobs.cancel(job)
    assert stream.next().data["type"] == "job_cancelled"
    stream.wait_end()


# ------------------------------------------------------------------- many jobs

def test_an_owner_hears_of_all_own_jobs(jobs, listen):
    owner = f"zoë/{uuid.uuid4()} %"
    encoded = owner.replace("%", "%25").replace("ë", "%C3%AB").replace(" ", "%20")
    stream = listen(f"/owners/{encoded}")
    stream.until(lambda: stream.sse.last_id, "an id to come back with")
    begin = stream.sse.last_id
    others = jobs.enqueue("someone else")
    first, second = jobs.enqueue(owner), jobs.enqueue(owner)
    jobs.cancel(others)
    jobs.cancel(second)
    run, = jobs.claim()
    jobs.finish(run, result='"well"')
    events = stream.next(5)
    assert [(e.data["jobId"], e.data["type"]) for e in events] == [
        (first, "job_queued"), (second, "job_queued"), (second, "job_cancelled"),
        (first, "job_started"), (first, "job_completed")]
    assert events[-1].data["result"] == "well"

    for i, last_id in enumerate([begin, *(event.id for event in events)]):
        again = listen(f"/owners/{encoded}", last_id=last_id)
        rest = again.next(5 - i) if i < 5 else []
        assert [event.seq for event in rest] == [event.seq for event in events[i:]]
        assert [event.data for event in rest] == [event.data for event in events[i:]]


def test_a_large_transaction_comes_whole(stack, listen):
    """More than a look reads at once; few, who are served live, are amid many."""
    many, few = str(uuid.uuid4()), str(uuid.uuid4())
    live = [listen(f"/owners/{many}"), listen(f"/owners/{few}"), listen("/all")]
    for stream in live:
        stream.until(lambda s=stream: s.sse.last_id, "an id to come back with")
    begin = live[0].sse.last_id
    jobs = Jobs(stack, stack.connect(autocommit=False))
    blocks = [jobs.enqueue(owner, count) for owner, count in
              [(many, 2000), (many, 2990), (few, 20), (many, 500), (few, 20)]]
    jobs.connection.commit()
    jobs.ring()
    of_few = blocks[2] + blocks[4]
    of_many = blocks[0] + blocks[1] + blocks[3]
    for stream, ids in zip(live, (of_many, of_few, sum(blocks, []))):
        events = stream.next(len(ids))
        assert [event.data["jobId"] for event in events] == ids

    replay = listen(f"/owners/{many}", last_id=begin)
    assert [event.data["jobId"] for event in replay.next(len(of_many))] == of_many
    middle = live[0].sse.events[1234]
    rest = listen(f"/owners/{many}", last_id=middle.id)
    events = rest.next(len(of_many) - 1235)
    assert [event.data["jobId"] for event in events] == of_many[1235:]
    rest = listen(f"/owners/{few}", last_id=live[1].sse.events[9].id)
    assert [event.data["jobId"] for event in rest.next(30)] == of_few[10:]
    jobs.cancel(of_few[0])
    jobs.connection.commit()
    assert rest.next().data["type"] == "job_cancelled"
    jobs.connection.close()


def test_a_transaction_that_takes_long_holds_nobody_up(stack, jobs, listen):
    owner = str(uuid.uuid4())
    late = Jobs(stack, stack.connect(autocommit=False))
    stream = listen(f"/owners/{owner}")
    stream.until(lambda: stream.sse.last_id, "an id to come back with")
    hidden = late.enqueue(owner)
    shown = jobs.enqueue(owner)
    event = stream.next()
    assert event.data["jobId"] == shown

    late.connection.commit()
    late.ring()
    assert stream.next().data["jobId"] == hidden
    again = listen(f"/owners/{owner}", last_id=event.id)
    assert again.next().data["jobId"] == hidden
    late.connection.close()


def test_results_larger_than_the_buffer_are_delivered(jobs, listen):
    job = jobs.enqueue("large")
    many = listen("/owners/large")
    one = listen(f"/jobs/{job}")
    one.next()
    run, = jobs.claim()
    text = "x" * 1_000_000
    jobs.finish(run, result=f'"{text}"')
    for stream in (one, many):
        stream.until(lambda s=stream: s.sse.events and
                     s.sse.events[-1].data["type"] == "job_completed", "the end")
        assert stream.sse.events[-1].data["result"] == text
    start = one.sse.events[0].id
    assert listen(f"/jobs/{job}", last_id=start).wait_end()[-1].data["result"] == text


# --------------------------------------------------------------------- upkeep

def test_a_heartbeat_keeps_the_stream_and_its_place(jobs, listen):
    job, owner = jobs.enqueue(), str(uuid.uuid4())
    one, many = listen(f"/jobs/{job}"), listen(f"/owners/{owner}")
    for stream in (one, many):
        stream.until(lambda s=stream: s.sse.comments.count("hb") >= 3, "heartbeats")
    first = many.sse.last_id
    jobs.enqueue("someone else")
    many.until(lambda: many.sse.last_id != first, "a newer place to come back to")
    again = listen(f"/owners/{owner}", last_id=many.sse.last_id)
    mine = jobs.enqueue(owner)
    assert again.next().data["jobId"] == mine
    assert one.sse.last_id == one.sse.events[0].id


def test_a_slow_reader_is_served_at_its_pace(jobs, listen):
    """It gets what its buffer and the sockets hold, the rest as it reads."""
    owner = str(uuid.uuid4())
    slow, quick = listen(f"/owners/{owner}"), listen(f"/owners/{owner}")
    for stream in (slow, quick):
        stream.until(lambda s=stream: s.sse.last_id, "an id to come back with")
    ids = jobs.enqueue(owner, 3000)
    quick.next(len(ids))
    assert [event.data["jobId"] for event in slow.next(len(ids))] == ids
    jobs.cancel(ids[0])
    for stream in (slow, quick):
        assert stream.next().data["type"] == "job_cancelled"


def test_a_slow_follower_of_one_job_misses_nothing(jobs, listen):
    job = jobs.enqueue()
    slow, quick = listen(f"/jobs/{job}"), listen(f"/jobs/{job}")
    run, = jobs.claim()
    for i in range(300):
        jobs.report(run, i % 100, "x" * 4000)
    jobs.finish(run)
    want = [event.seq for event in quick.wait_end()]
    assert [event.seq for event in slow.wait_end()] == want and len(want) == 303


def test_a_client_that_takes_nothing_is_cut_off(stack, jobs, listen):
    owner = str(uuid.uuid4())
    stuck = listen(f"/owners/{owner}")
    stuck.until(lambda: stuck.sse.last_id, "an id to come back with")
    before = stack.log("stream").count("cut off")
    ids = jobs.enqueue(owner, 3000)
    wait_for(lambda: stack.log("stream").count("cut off") > before, what="the cut")
    stuck.wait_end()
    again = listen(f"/owners/{owner}", last_id=stuck.sse.last_id)
    events = stuck.sse.events + again.next(len(ids) - len(stuck.sse.events))
    assert [event.data["jobId"] for event in events] == ids


def test_a_long_replay_goes_at_its_readers_pace(jobs, listen):
    owner = str(uuid.uuid4())
    with listen(f"/owners/{owner}") as stream:
        stream.until(lambda: stream.sse.last_id, "an id to come back with")
    ids = [job for _ in range(3) for job in jobs.enqueue(owner, 2000)]
    replay = listen(f"/owners/{owner}", last_id=stream.sse.last_id)
    replay.next()
    jobs.cancel(ids[0])
    events = [replay.sse.events[0], *replay.next(len(ids))]
    assert [event.data["jobId"] for event in events] == [*ids, ids[0]]


def test_sigterm_ends_streams_in_good_order(stack, jobs, listen):
    job = jobs.enqueue()
    streams = [listen(f"/jobs/{job}"), listen("/all")]
    streams[0].next()
    began = time.monotonic()
    stack.stop("stream")
    assert time.monotonic() - began < 10
    for stream in streams:
        stream.until(lambda s=stream: s.ended, "the end")
    stack.start("stream")
    wait_for(lambda: healthy(stack), what="healthz")
    jobs.cancel(job)
    again = listen(f"/jobs/{job}", last_id=streams[0].sse.last_id)
    assert [event.data["type"] for event in again.wait_end()] == ["job_cancelled"]


def test_a_restart_of_the_database_misses_nothing(stack, listen):
    jobs = Jobs(stack)
    job = jobs.enqueue("patient")
    one, many = listen(f"/jobs/{job}"), listen("/owners/patient")
    one.next()
    many.until(lambda: many.sse.last_id, "an id to come back with")
    jobs.connection.close()
    stack.stop("postgres")
    wait_for(lambda: not healthy(stack), what="healthz to fail")
    away = listen(f"/jobs/{job}")
    assert away.status == 503 and away.headers["retry-after"] == "2"
    assert away.json()["error"]["code"] == "database_unavailable"

    stack.start("postgres")
    jobs = Jobs(stack)
    late = jobs.enqueue("patient")
    jobs.cancel(job)
    assert [event.data["type"] for event in one.wait_end()] == ["job_cancelled"]
    assert [event.data["jobId"] for event in many.next(2)] == [late, job]
    jobs.connection.close()
    wait_for(lambda: healthy(stack), what="healthz")


def test_a_database_that_was_set_back_starves_nobody(stack, listen):
    """As after a restore, or a failover that lost something."""
    data, copy = stack.dir / "pg", stack.dir / "pg-copy"
    stack.stop("postgres")
    subprocess.run(["cp", "-a", data, copy], check=True)
    stack.start("postgres")
    wait_for(lambda: healthy(stack), what="healthz")
    jobs = Jobs(stack)
    many = listen("/all")
    lost = [jobs.enqueue() for _ in range(5)]
    assert [event.data["jobId"] for event in many.next(5)] == lost
    jobs.connection.close()

    stack.stop("postgres")
    shutil.rmtree(data)
    copy.rename(data)
    stack.start("postgres")
    many.wait_end()
    assert "set back" in stack.log("stream")
    again = listen("/all", last_id=many.sse.last_id)
    again.until(lambda: again.sse.retry, "the beginning")
    jobs = Jobs(stack)
    job = jobs.enqueue()
    assert again.next().data["jobId"] == job
    jobs.connection.close()


def test_it_does_not_run_on_an_unfit_schema(stack):
    url = stack.database_url.replace("/millrace?", "/empty?")
    stack.sql("create database empty")
    done = subprocess.run([stack.dir / "bin" / "millrace-stream"], check=False,
                          env={**os.environ, **stack.env, "DATABASE_URL": url,
                               "MILLRACE_RUN_DIR": str(stack.dir)},
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "millrace migrate" in done.stderr


def test_it_asks_nothing_while_nobody_listens(stack, jobs, listen):
    query = ("select max(query_start) from pg_stat_activity "
             "where query like '%%millrace.events%%' and pid <> pg_backend_pid()")

    def last_look():
        return jobs.call(query)[0][0]
    stream = listen("/all")
    seen = last_look()
    wait_for(lambda: last_look() not in (None, seen), what="looks")
    stream.close()

    # Quiet for longer than a sweep takes.
    quiet = {"since": time.monotonic(), "look": last_look()}

    def is_quiet():
        if last_look() != quiet["look"]:
            quiet.update(since=time.monotonic(), look=last_look())
        jobs.ring()
        return time.monotonic() - quiet["since"] > 2.5
    wait_for(is_quiet, what="no more looks")
