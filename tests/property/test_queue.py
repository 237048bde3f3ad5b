"""Random interleavings of all operations by several clients. In every snapshot the
invariants hold; at the end each job's events tell one life, and nothing is lost.

PROPERTY_SECONDS (12) and PROPERTY_SEED say how long and which; PROPERTY_DSN names a
database that has been migrated for it, else a server is started."""

import contextlib
import os
import random
import sys
import time
import uuid
from pathlib import Path

import psycopg2
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import history  # noqa: E402
from clients import OWNERS, TYPES, Poster, Watcher, Worker, World  # noqa: E402
from invariants import INVARIANTS, NOTHING_LEFT, broken  # noqa: E402
from stack import Stack  # noqa: E402

SECONDS = float(os.environ.get("PROPERTY_SECONDS", "12"))


@pytest.fixture
def dsn():
    if "PROPERTY_DSN" in os.environ:
        yield os.environ["PROPERTY_DSN"]
        return
    with Stack("postgres") as stack:
        yield stack.database_url


def prepare(cursor, world):
    """Types, queues and batches: some with limits."""
    cursor.execute("""
        insert into millrace.job_type (type, concurrency) values ('plain', null), ('few', 4), ('other', null);
        insert into millrace.queue (queue, weight, concurrency, rate_limit) values
            ('narrow', 2, 3, null), ('slow', 1, null, '{"limit": 60, "per": "1s", "burst": 4}'), ('big', 1, null, null);
        insert into millrace.owner (owner, weight, max_waiting) values ('bert', 3, 100000)""")
    for owner in [*OWNERS, "pure"]:
        world.batches[owner] = str(uuid.uuid4())
        cursor.execute("select millrace.batch_begin(%s, %s, 'b', null, null, null)", (world.batches[owner], owner))


def drain(cursor, world):
    """No limits, no waiting: all that is left runs and completes."""
    cursor.execute("""
        update millrace.job_type set concurrency = null, paused_at = null;
        update millrace.queue set concurrency = null, paused_at = null""")
    worker = str(uuid.uuid4())
    cursor.execute("select millrace.worker_begin(%s, %s, 'h', 1, 'v', 1, null, %s)", (worker, worker, TYPES))
    for _ in range(1000):
        cursor.execute("update millrace.waiting set run_at = now() where state <> 'pending' and run_at > now()")
        cursor.execute("update millrace.limiter set tat = '-infinity', wake_at = case when wake_at is not null then now() end")
        cursor.execute("select millrace.keep_house()")
        cursor.execute("select id::text, attempt from millrace.claim(%s::uuid, %s, '{99,99,99}', null, 99)", (worker, TYPES))
        got = cursor.fetchall()
        world.starts += got
        world.ends += [(job, attempt, "completed") for job, attempt in got]
        if got:
            n = len(got)
            cursor.execute("select count(*) from millrace.finish(%s::uuid, %s::uuid[], %s, %s::millrace.state[], %s, %s, %s, %s)",
                           (worker, [g[0] for g in got], [g[1] for g in got], ["completed"] * n, *[[None] * n] * 4))
            assert cursor.fetchone() == (n,)
        elif not broken(cursor, NOTHING_LEFT):
            return


def check(cursor, world, until):
    assert broken(cursor, {**INVARIANTS, **NOTHING_LEFT}) == []
    found = history.lives(cursor, world.first_max)
    history.check_ends(cursor, found)
    history.check_told(found, world.starts, world.ends)
    history.check_dependencies(cursor, found)
    history.check_expiry(cursor, found)
    print(f"{len(found)} jobs, {history.check_lines(cursor, found)} lines in order, {history.check_rates(cursor, until)} rates kept")


def test_random_interleavings(dsn):
    seed = os.environ.get("PROPERTY_SEED") or str(random.randrange(10**9))
    print(f"PROPERTY_SEED={seed} PROPERTY_SECONDS={SECONDS:g}")
    world = World(dsn, seed)
    with contextlib.closing(psycopg2.connect(dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            prepare(cursor, world)
            clients = [*(Poster(world, f"poster{n}") for n in range(2)), *(Worker(world, f"worker{n}") for n in range(5)),
                       Watcher(world, "watcher")]
            for client in clients:
                client.start()
            world.stop.wait(SECONDS)
            world.stop.set()
            for client in clients:
                client.join(30)
            print(", ".join(f"{n} {what}" for what, n in sorted(world.done.items())))
            assert world.errors == []
            cursor.execute("select count(millrace.rescue(id)) from millrace.worker")
            cursor.execute("select clock_timestamp()")
            until, = cursor.fetchone()
            drain(cursor, world)
            check(cursor, world, until)
            cursor.execute("select deadlocks from pg_stat_database where datname = current_database()")
            assert cursor.fetchone() == (0,), "clients have met a deadlock"
