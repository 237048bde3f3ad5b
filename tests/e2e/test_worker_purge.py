"""The purge: what has expired leaves the database and the disk, the rest stays."""

import os
import shutil
import signal
import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from stack import wait_for  # noqa: E402
from worker import SH, program, put_file, worker_stack  # noqa: E402

TYPES = [
    (program("brief", retention={"completed": "5s", "failed": "5s"}, maxAttempts=1), SH),
    (program("kept", retention={"failed": "1s"}), None),
]

ROWS = {"job": "id", "done": "id", "job_event": "job_id", "job_log": "job_id", "artifact": "job_id",
        "dependency": "job_id"}


@pytest.fixture
def worker():
    with worker_stack(TYPES, MILLRACE_UPLOAD_TTL="1h") as worker:
        yield worker


def rows(worker, job):
    """How many of each kind there are of a job."""
    return {table: worker.value(f"select count(*) from millrace.{table} where {column} = %s", job)
            for table, column in ROWS.items()}


def age(worker, file, interval="2 hours"):
    worker.sql("update millrace.file set created_at = created_at - %s::interval where id = %s", interval, file)


def on_disk(worker, file):
    return (worker.data / "files" / file[-2:] / file).exists()


def gone(worker, *jobs):
    nothing = dict.fromkeys(ROWS, 0)
    wait_for(lambda: all(rows(worker, job) == nothing for job in jobs),
             what=f"{[rows(worker, job) for job in jobs]} gone\n{worker.tail()}")


def test_what_has_expired_goes_whole(worker):
    stays, goes = (worker.sh("echo a > output/a; echo said >&2", type_) for type_ in ("kept", "brief"))
    fails = worker.sh("exit 65", "brief")
    for job in (stays, goes, fails):
        worker.wait(job)
    worker.sql("insert into millrace.dependency values (%s, %s)", goes, stays)
    assert worker.value("select expires_at from millrace.done where id = %s", stays) is None
    assert worker.store(goes).exists()
    gone(worker, goes, fails)
    assert not worker.store(goes).parent.exists()
    assert rows(worker, stays) == {"job": 1, "done": 1, "job_event": 3, "job_log": 1, "artifact": 1, "dependency": 0}
    assert (worker.store(stays) / "a").exists()
    assert worker.value("select count(*) from millrace.purging") == 0
    wait_for(lambda: worker.facts("PURGED"))


def test_uploads_go_with_the_last_job_that_uses_them(worker):
    own, shared, young, unused, fresh = files = [put_file(worker, name, b"x") for name in "abcde"]
    stays = worker.sh("true", "kept", files=[shared])
    goes = worker.sh("ls input", "brief", files=[own, shared, young])
    for file in (own, shared, unused):      # not before: what is old and unused may go at any time
        age(worker, file)
    assert worker.wait(goes)["result"] == "a\nb\nc"
    worker.wait(stays)
    gone(worker, goes)
    wait_for(lambda: [on_disk(worker, file) for file in files] == [False, True, True, False, True])
    known = worker.sql("select id::text from millrace.file")
    assert sorted(known) == sorted([(shared,), (young,), (fresh,)])
    wait_for(lambda: worker.value("select count(*) from millrace.purging_file") == 0)


def test_what_a_dead_worker_left_half_done_is_taken_up(worker):
    """Each step: only marked; files gone; one that was an upload."""
    worker.stack.stop("worker")
    worker.stack.add_type({**TYPES[0][0], "retention": {"completed": "1h"}})
    worker.stack.start("worker")
    jobs = [worker.sh("echo a > output/a", "brief") for _ in range(3)]
    file = put_file(worker, "f", b"x")
    for job in jobs:
        worker.wait(job)
    dead = str(uuid.uuid4())
    worker.sql("update millrace.done set expires_at = now()")
    worker.sql("insert into millrace.purging select unnest(%s::uuid[]), %s", jobs[:2], dead)
    worker.sql("delete from millrace.file where id = %s", file)
    worker.sql("insert into millrace.purging_file values (%s, %s)", file, dead)
    shutil.rmtree(worker.store(jobs[0]).parent)
    gone(worker, *jobs)
    assert not any(worker.store(job).parent.exists() for job in jobs)
    wait_for(lambda: not on_disk(worker, file))
    wait_for(lambda: worker.value("select count(*) from millrace.purging_file") == 0)


def test_a_killed_worker_leaves_nothing_behind(worker):
    worker.stack.add_type({**TYPES[0][0], "retention": {"completed": "1h"}})
    worker.stack.signal("worker", signal.SIGHUP)
    wait_for(lambda: "types reloaded" in worker.stack.log("worker"))
    jobs = [worker.sh("mkdir -p output; seq 50 > output/a", "brief", ring=False) for _ in range(60)]
    worker.ring()
    for job in jobs:
        worker.wait(job)
    for _ in range(3):
        worker.sql("update millrace.done set expires_at = now()")
        worker.stack.kill("worker")
        (worker.stack.dir / "pid/worker").unlink(missing_ok=True)
        worker.stack.start("worker")
    gone(worker, *jobs)
    assert not any(worker.store(job).parent.exists() for job in jobs)
    assert worker.value("select count(*) from millrace.purging") == 0


def test_what_cannot_be_removed_is_kept_and_holds_up_nobody(worker):
    stuck = worker.sh("echo a > output/a", "kept")
    worker.wait(stuck)
    folder = worker.store(stuck).parent.parent
    os.chmod(folder, 0o555)
    try:
        worker.sql("update millrace.done set expires_at = now() - interval '1 day'")
        other = worker.sh("true", "brief")
        worker.wait(other)
        gone(worker, other)
        assert rows(worker, stuck)["job"] == 1 and rows(worker, stuck)["done"] == 1
        wait_for(lambda: "cannot remove" in worker.stack.log("worker") and stuck in worker.tail())
    finally:
        os.chmod(folder, 0o755)


def test_a_backlog_goes_at_once(worker):
    """More than one batch: without a pause between them."""
    worker.stack.stop("worker")
    worker.sql("insert into millrace.job (id, type, queue, owner, priority, max_attempts, timeout_ms, payload)"
               " select millrace.uuid_v7(), 'brief', 'default', 'me', 0, 1, 1, '{}' from generate_series(1, 1050)")
    worker.sql("insert into millrace.done (id, state, attempt, finished_at, progress, expires_at)"
               " select id, 'completed', 1, now(), 100, now() from millrace.job")
    worker.stack.start("worker")
    wait_for(lambda: worker.value("select count(*) from millrace.job") == 0)
