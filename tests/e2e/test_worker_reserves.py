"""Slots that are reserved: MILLRACE_QUEUES="mail=2,default"."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from stack import assert_prompt, wait_for  # noqa: E402
from worker import SH, program, worker_stack  # noqa: E402

TYPES = [
    (program("sh"), SH),
    (program("single", perWorker=1), None),
]


@pytest.fixture(scope="module")
def worker():
    with worker_stack(TYPES, MILLRACE_SLOTS="4", MILLRACE_QUEUES="mail=2,default") as worker:
        yield worker


@pytest.fixture(autouse=True)
def nothing_is_left(worker):
    yield
    worker.sql("delete from millrace.ready")
    for (job,) in worker.sql("select id::text from millrace.active"):
        worker.sql("select millrace.cancel(%s)", job)
    worker.ring()
    wait_for(lambda: worker.value("select count(*) from millrace.active") == 0)


def put(worker, count, queue, script="sleep 600", type_="sh"):
    """Jobs that are all there at once."""
    with worker.stack.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select millrace.enqueue(%s, jsonb_build_object('sh', %s::text),"
                       " jsonb_build_object('queue', %s::text))::text from generate_series(1, %s)",
                       (type_, script, queue, count))
        jobs = [job for (job,) in cursor.fetchall()]
    worker.ring()
    return jobs


def running(worker):
    return dict(worker.sql("select j.queue, count(*) from millrace.active a join millrace.job j using (id)"
                           " group by j.queue"))


def stays(worker, want):
    """It comes to this, and a second later it is no other."""
    wait_for(lambda: running(worker) == want, what=f"{want}, but {running(worker)}")
    for _ in range(12):
        time.sleep(0.1)
        assert running(worker) == want


def test_others_cannot_take_them(worker):
    put(worker, 6, "default")
    stays(worker, {"default": 2})
    put(worker, 6, "mail")
    stays(worker, {"default": 2, "mail": 2})


def test_its_queue_may_have_more_when_it_is_free(worker):
    put(worker, 6, "mail")
    stays(worker, {"mail": 4})
    put(worker, 6, "default")
    stays(worker, {"mail": 4})


def test_what_was_more_is_given_up(worker):
    """Of four of mail two end: the free slots are not reserved, the queue has its two."""
    held, gate = worker.stack.gate()
    put(worker, 2, "mail", held)
    put(worker, 2, "mail")
    wait_for(lambda: running(worker) == {"mail": 4})
    gate.touch()
    put(worker, 5, "default")
    stays(worker, {"mail": 2, "default": 2})


def test_who_waits_for_a_slot_gets_it_at_once(worker):
    """Not a second later, with the next heartbeat."""
    jobs = put(worker, 16, "default", "true")
    for job in jobs:
        assert worker.wait(job)["state"] == "completed"
    gaps = worker.sql("select extract(epoch from started_at - lag(finished_at, 2) over (order by started_at))::float8"
                      " from millrace.done where id = any(%s::uuid[])", jobs)
    assert_prompt([gap for (gap,) in gaps[2:]], 0.5)


def test_a_type_with_little_room_is_not_shut_out(worker):
    assert worker.wait(put(worker, 1, "default", "echo ok", "single")[0])["result"] == "ok"
    put(worker, 3, "default", "sleep 600", "single")
    stays(worker, {"default": 1})


def test_other_queues_are_not_served(worker):
    put(worker, 1, "strange")
    stays(worker, {})


def test_the_worker_shows_them(worker):
    assert worker.sql("select queues, reserves from millrace.worker") == [(["mail", "default"], [2, None])]


def test_it_does_not_claim_all_the_time_for_what_it_may_not_have(worker):
    put(worker, 6, "default")
    wait_for(lambda: running(worker) == {"default": 2})
    calls = "select xact_commit from pg_stat_database where datname = 'millrace'"
    time.sleep(1.5)  # until what came before has been counted
    before = worker.value(calls)
    time.sleep(3)
    assert worker.value(calls) - before < 20


@pytest.mark.parametrize("queues, says", [
    ("mail=3,default=2", "MILLRACE_QUEUES reserves 5 slots, but MILLRACE_SLOTS has only 4"),
    ("mail=x", 'MILLRACE_QUEUES cannot have "mail=x"'),
])
def test_reserves_that_cannot_be_are_refused(worker, queues, says):
    command = [worker.stack.dir / "bin/millrace-worker"]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, **worker.stack.env, "MILLRACE_WORKER_NAME": "other",
                               "MILLRACE_SLOTS": "4", "MILLRACE_QUEUES": queues})
    assert done.returncode == 2 and says in done.stderr.replace("\\", "")
