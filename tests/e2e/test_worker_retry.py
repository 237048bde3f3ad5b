"""When a failed attempt is made again: by the policy's list, or when the handler says."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from worker import SH, WARM, process, program, worker_stack  # noqa: E402

TYPES = [
    (program("sh"), SH),
    (program("listed", retry={"delays": ["100ms", "1h"], "jitter": False}), None),
    (process("warm"), WARM),
]


@pytest.fixture(scope="module")
def worker():
    with worker_stack(TYPES) as worker:
        yield worker


def left(worker, job):
    """Seconds until its next attempt."""
    worker.wait(job, "retryable")
    return worker.value("select extract(epoch from run_at - now())::float8 from millrace.waiting where id = %s", job)


@pytest.mark.parametrize("type_, options", [
    ("listed", {}),
    ("sh", {"retry": {"delays": ["100ms", "1h"], "jitter": False}}),
])
def test_a_list_gives_each_wait(worker, type_, options):
    job = worker.sh("echo attempt $MILLRACE_ATTEMPT >&2; exit 1", type_, **options)
    found = worker.wait(job, "retryable")
    while found["attempt"] < 2:
        found = worker.wait(job, "retryable")
    assert worker.log(job) == ["attempt 1", "attempt 2"]
    assert 3590 < left(worker, job) <= 3600


@pytest.mark.parametrize("said, seconds", [
    ('{"retryAfter": "2h"}', 7200),
    ('{"retryAfter": 90}', 90),
    ('{"error": {"code": "busy"}, "retryAfter": "1h30m"}', 5400),
    ('{"retryAfter": "1h"}\n{"error": "busy"}', 3600),
    ('{"retryAfter": "1h"}\n{"retryAfter": "2h"}', 7200),
])
def test_a_program_may_say_when(worker, said, seconds):
    job = worker.sh(f"cat >&3 <<END\n{said}\nEND\nexit 75")
    assert seconds - 10 < left(worker, job) <= seconds


@pytest.mark.parametrize("said, seconds", [('"2h"', 7200), ("90", 90)])
def test_a_warm_process_may_say_when(worker, said, seconds):
    answer = '{"id": "ID", "error": {"code": "busy"}, "retryAfter": SAID}'.replace("SAID", said)
    job = worker.enqueue("warm", {"say": [answer], "silent": True})
    assert seconds - 10 < left(worker, job) <= seconds


def test_what_is_no_time_leaves_it_to_the_policy(worker):
    job = worker.sh("""echo '{"retryAfter": "soon"}' >&3; exit 75""",
                    retry={"initial": "1h", "max": "1h", "jitter": False})
    assert 3590 < left(worker, job) <= 3600
