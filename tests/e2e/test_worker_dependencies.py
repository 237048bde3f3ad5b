"""What a job reads of those that it depends on."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from worker import SH, process, program, put_file, worker_stack  # noqa: E402

ECHO = """#!/usr/bin/python3 -u
import json, os, sys
for line in sys.stdin:
    job = json.loads(line)
    path = job.get("inputDir", "/none") + "/dependencies.json"
    file = json.load(open(path)) if os.path.exists(path) else None
    result = {"line": job.get("dependencies"), "file": file, "payload": job["payload"]}
    print(json.dumps({"id": job["id"], "result": result}), flush=True)
"""

TYPES = [
    (program("sh"), SH),
    (process("echo", "echo-handler", run={"pipeline": 4}), ECHO),
    (process("echo.files", "echo-handler", run={"files": True}), None),
]


@pytest.fixture(scope="module")
def worker():
    with worker_stack(TYPES) as worker:
        yield worker


@pytest.fixture(scope="module")
def needs(worker):
    """Three jobs that have ended, and what is to be read of them."""
    made = worker.sh("""echo x > output/b.txt; echo y > output/a.csv; printf '{"rows":\\n [1, 2.50]}'""")
    failed = worker.sh("""echo x > output/bad.csv; echo '{"error": {"artifacts": true}}' >&3; exit 65""")
    silent = worker.sh("true")
    for job in (made, failed, silent):
        worker.wait(job)
    return {
        made: {"type": "sh", "status": "completed", "result": {"rows": [1, 2.5]}, "artifacts": ["a.csv", "b.txt"]},
        failed: {"type": "sh", "status": "failed", "result": None, "artifacts": []},
        silent: {"type": "sh", "status": "completed", "result": None, "artifacts": []}}


def depend(worker, needs, type_, payload, **options):
    """A job that depends on those, however they end."""
    return worker.enqueue(type_, payload, dependsOn=list(needs), onDependencyFailure="run", **options)


def run(worker, *args, **options):
    job = depend(worker, *args, **options)
    found = worker.wait(job)
    assert found["state"] == "completed", found
    return found["result"]


def test_a_program_has_them_in_its_input_folder(worker, needs):
    names = run(worker, needs, "sh", {"sh": "ls input"}).split()
    assert "dependencies.json" in names and len(names) == 2
    assert run(worker, needs, "sh", {"sh": "cat $MILLRACE_INPUT_DIR/dependencies.json"}) == needs


def test_and_what_they_have_made(worker, needs):
    made = next(iter(needs))
    assert run(worker, needs, "sh", {"sh": f"cd input/{made}; cat a.csv b.txt; ls"}).split() == ["y", "x", "a.csv", "b.txt"]
    shutil.rmtree(worker.store(made))
    assert run(worker, needs, "sh", {"sh": f"ls input/{made}; echo end"}) == "end"


def test_beside_the_files_that_were_uploaded(worker, needs):
    files = [put_file(worker, "dependencies.json", b"mine"), put_file(worker, "other", b"x")]
    found = run(worker, needs, "sh", {"sh": "cd input; ls *.json other; cat dependencies-2.json"}, files=files)
    assert found.split() == ["dependencies-2.json", "dependencies.json", "other", "mine"]
    assert run(worker, needs, "sh", {"sh": "cat input/dependencies.json"}, files=files) == needs


def test_a_warm_process_gets_them_with_the_job(worker, needs):
    assert run(worker, needs, "echo", {"n": 1}) == {"line": needs, "file": None, "payload": {"n": 1}}


def test_or_in_its_folder(worker, needs):
    assert run(worker, needs, "echo.files", {}) == {"line": None, "file": needs, "payload": {}}


def test_who_depends_on_nothing_has_nothing(worker):
    assert worker.run("ls input", "sh")["result"] is None
    found = worker.wait(worker.enqueue("echo", {}))["result"]
    assert found["line"] is None and found["file"] is None


def test_what_is_gone_is_left_out(worker, needs):
    gone = worker.sh("true")
    worker.wait(gone)
    job = depend(worker, [*needs, gone], "echo", {}, delay="1s")
    worker.sql("delete from millrace.job where id = %s", gone)
    assert worker.wait(job)["result"]["line"] == needs


def test_many_with_large_results(worker):
    jobs = [worker.sh("head -c 100000 /dev/zero | tr '\\0' x") for _ in range(50)]
    for job in jobs:
        worker.wait(job)
    found = run(worker, jobs, "sh", {"sh": "wc -c < input/dependencies.json"})
    assert 5_000_000 < found < 5_020_000
