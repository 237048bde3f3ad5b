"""What is told of every attempt beside its result: exit, signal, CPU, memory, last words."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from stack import wait_for  # noqa: E402
from worker import worker_stack  # noqa: E402


@pytest.fixture(scope="module")
def worker():
    with worker_stack(MILLRACE_KILL_GRACE="200ms") as worker:
        yield worker


def facts(worker, job):
    worker.wait(job)
    return worker.value("select facts from millrace.done where id = %s", job)


def run(worker, script, type_="sh.once", **options):
    return facts(worker, worker.sh(script, type_, **options))


def test_a_success_has_its_exit_code_and_what_it_took(worker):
    found = run(worker, "echo a >&2; echo >&2; printf b >&2")
    assert set(found) == {"exitCode", "cpuMs", "peakKb", "stderr"}
    assert found["exitCode"] == 0 and found["stderr"] == ["a", "b"]
    assert 0 <= found["cpuMs"] < 1000 and 500 < found["peakKb"] < 100000


def test_who_says_nothing_has_no_lines(worker):
    assert "stderr" not in run(worker, "true")


def test_cpu_is_that_of_the_whole_tree(worker):
    burn = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done"
    found = run(worker, f"(({burn}) & wait) & ({burn}); wait")
    one = run(worker, burn)
    assert found["cpuMs"] > 1.3 * one["cpuMs"] > 50


def test_memory_is_the_peak(worker):
    found = run(worker, """python3 -c 'x = bytearray(150 << 20); del x'""")
    assert 150 << 10 < found["peakKb"] < 250 << 10


def test_a_failure_has_its_exit_code(worker):
    found = run(worker, "for i in $(seq 30); do echo line $i >&2; done; exit 7")
    assert found["exitCode"] == 7 and "signal" not in found and "outcome" not in found
    assert found["stderr"] == [f"line {i}" for i in range(11, 31)]


def test_a_signal_is_named(worker):
    found = run(worker, "kill -SEGV $$")
    assert found["signal"] == "SIGSEGV" and "exitCode" not in found


def test_a_timeout_says_so(worker):
    found = run(worker, "echo begun >&2; sleep 60", timeout="2s")
    assert found["outcome"] == "timeout" and found["signal"] == "SIGTERM"
    assert found["stderr"] == ["begun"]


def test_a_program_that_is_not_there_has_said_why(worker):
    job = worker.enqueue("missing", {}, maxAttempts=1)
    found = facts(worker, job)
    assert set(found) == {"stderr"} and "no-such-handler" in found["stderr"][0]


def test_a_warm_no_op_has_none(worker):
    facts(worker, worker.enqueue("warm.one", {}))  # it has been started, and said so
    assert facts(worker, worker.enqueue("warm.one", {})) is None
    assert facts(worker, worker.enqueue("warm", {"warn": "whose?"})) is None


def test_a_warm_job_has_its_lines(worker):
    facts(worker, worker.enqueue("warm.one", {}))
    job = worker.enqueue("warm.one", {"warn": "mine", "sleep": 0.3})
    assert facts(worker, job) == {"stderr": ["mine"]}


def test_who_dies_with_its_process_has_the_end_of_that(worker):
    found = facts(worker, worker.enqueue("warm", {"die": True}, maxAttempts=1))
    assert found == {"exitCode": 3}
    facts(worker, worker.enqueue("warm", {}))
    found = facts(worker, worker.enqueue("warm", {"sleep": 60}, maxAttempts=1, timeout="300ms"))
    assert found == {"outcome": "timeout", "signal": "SIGTERM"}


def test_what_is_given_back_says_so(worker):
    """A cancel that comes while a worker gives a job back makes it final."""
    wait_for(lambda: worker.value("select count(*) from millrace.active") == 0)
    worker.stack.stop("worker")
    worker.stack.start("worker", MILLRACE_GRACE="100ms")
    job = worker.sh("trap '' TERM; echo on >&2; while :; do sleep 1; done")
    wait_for(lambda: worker.log(job) == ["on"])
    worker.stack.signal("worker")
    wait_for(lambda: "the grace is over" in worker.stack.log("worker"))
    worker.sql("select millrace.cancel(%s)", job)
    worker.stack.stop("worker")
    found = worker.value("select facts from millrace.done where id = %s", job)
    assert found["outcome"] == "returned" and found["signal"] == "SIGKILL"
    worker.stack.start("worker")
