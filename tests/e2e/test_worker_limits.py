"""Limits as a worker keeps them: what a rate lets pass starts on time."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from stack import assert_prompt  # noqa: E402
from worker import SH, program, worker_stack  # noqa: E402

TYPES = [
    (program("sh"), SH),
    (program("paced", rateLimit={"limit": 10, "per": "1s"}), None),
    (program("keyed", rateLimit={"limit": 10, "per": "1s", "key": "/who"}), None),
    (program("line", serialKey="/who"), None),
]


@pytest.fixture(scope="module")
def worker():
    with worker_stack(TYPES, MILLRACE_SLOTS="8") as worker:
        yield worker


def starts(worker, jobs):
    for job in jobs:
        worker.wait(job)
    rows = worker.sql("select extract(epoch from started_at)::float8 from millrace.done"
                      " where id = any(%s::uuid[]) order by started_at", jobs)
    return [row[0] for row in rows]


@pytest.mark.parametrize("type_", ["paced", "keyed"])
def test_a_rate_is_kept_and_used(worker, type_):
    at = starts(worker, [worker.enqueue(type_, {"sh": "true", "who": "anna"}) for _ in range(15)])
    gaps = [b - a for a, b in zip(at, at[1:])]
    assert min(gaps) > 0.099
    # Nobody looks only once a second.
    assert_prompt(gaps, 0.5)


def test_a_line_keeps_its_order_and_does_not_wait_for_a_poll(worker):
    jobs = [worker.enqueue("line", {"sh": "true", "who": "bert"}) for _ in range(20)]
    at = starts(worker, jobs)
    order = worker.sql("select id::text from millrace.done where id = any(%s::uuid[]) order by started_at", jobs)
    assert [row[0] for row in order] == jobs
    assert_prompt([b - a for a, b in zip(at, at[1:])], 0.5)
