"""What a type file says of its jobs: how many at once, and what the database is told."""

import json
import signal
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from stack import wait_for  # noqa: E402
from worker import SH, program, worker_stack  # noqa: E402

OPTIONS = {"rateLimit": {"limit": 10, "per": "1m", "key": "/customer"}, "concurrencyKey": "owner",
           "concurrencyLimit": 2, "serialKey": "/a", "fairKey": "/b", "expiresIn": "1h",
           "unique": {"by": ["type", "payload"]}, "heartbeatTimeout": "30s"}

TYPES = [
    (program("sh"), SH),
    (program("two", perWorker=2, concurrency=3), None),
    (program("three", concurrency=3), None),
    (program("told", concurrency=7, retention={"completed": "7d", "failed": None}, **OPTIONS), None),
]


@pytest.fixture(scope="module")
def worker():
    with worker_stack(TYPES, MILLRACE_SLOTS="8") as worker:
        yield worker


@pytest.mark.parametrize("type_, most", [("two", 2), ("three", 3)])
def test_a_worker_has_no_more_of_a_type_at_once(worker, type_, most):
    place = worker.stack.dir / f"running-{type_}"
    place.mkdir()
    place.chmod(0o777)
    held, gate = worker.stack.gate()
    count = f"cd {place}; touch $MILLRACE_JOB_ID; ls | wc -l; {held}; rm $MILLRACE_JOB_ID"
    jobs = [worker.sh(count, type_) for _ in range(2 * most + 1)]
    wait_for(lambda: len(list(place.iterdir())) == most)
    time.sleep(1.2)  # another look of the worker at the queue
    gate.touch()
    assert max(worker.wait(job)["result"] for job in jobs) == most


def test_the_database_has_the_options(worker):
    def row(type_):
        return worker.sql("select concurrency, options, retention from millrace.job_type where type = %s", type_)[0]
    assert row("told") == (7, OPTIONS, {"completed": "7d", "failed": None})
    assert row("sh") == (None, None, None)
    spec = json.loads((worker.stack.dir / "types.d/told.json").read_text())
    del spec["concurrency"], spec["unique"]
    worker.stack.add_type({**spec, "retention": {"completed": "1h"}})
    worker.stack.signal("worker", signal.SIGHUP)
    wait_for(lambda: row("told")[0] is None)
    assert row("told") == (None, {name: OPTIONS[name] for name in OPTIONS if name != "unique"}, {"completed": "1h"})
