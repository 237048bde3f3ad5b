"""The handler kit for Python, in the hands of a worker."""

import json
import sys
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from stack import wait_for  # noqa: E402
from worker import program, put_file, worker_stack  # noqa: E402

HANDLERS = Path(__file__).resolve().parents[2] / "src" / "handlers"

HANDLER = """#!/usr/bin/env python3
import time
import millrace_kit as kit

def main(payload):
    kit.progress(10, "begun")
    if "fault" in payload:
        raise kit.Fault("no_good", "this is no good: Größe", {"row": 3}, payload["fault"])
    if "crash" in payload:
        raise ZeroDivisionError("crash")
    with kit.output("copy.txt") as path:
        with open(path, "w") as file:
            file.write(open(kit.input_path(payload.get("name"))).read())
            if "sleep" in payload:
                file.flush()
                kit.progress(50, "half")
                time.sleep(60)
    return {"attempt": kit.attempt(), "id": kit.job_id(), "connection": kit.connection()}

kit.run(main)
"""


@pytest.fixture(scope="module")
def worker():
    with worker_stack() as worker:
        worker.stack.stop("worker")
        worker.stack.add_type(program("kit", "kit-handler", maxAttempts=2), HANDLER)
        worker.stack.start("worker")
        yield worker


def test_a_job_from_payload_to_artifact(worker):
    file = put_file(worker, "in.txt", b"hello")
    job = worker.enqueue("kit", {"name": "in.txt"}, files=[file])
    done = worker.wait(job)
    assert done["state"] == "completed", done
    assert done["result"] == {"attempt": 1, "id": job, "connection": None}
    assert worker.artifacts(job)[0][:2] == ("copy.txt", 5)


def test_input_is_what_a_job_before_has_made(worker):
    file = put_file(worker, "in.txt", b"hello")
    first = worker.enqueue("kit", {}, files=[file])
    for payload in ({}, {"name": "copy.txt"}):
        job = worker.enqueue("kit", payload, dependsOn=[first])
        assert worker.wait(job)["state"] == "completed"
    both = worker.enqueue("kit", {"name": "copy.txt"}, dependsOn=[first, job])
    assert worker.wait(both)["error"]["code"] == "ambiguous_input"


@pytest.mark.parametrize("payload, code", [
    ({}, "no_input"), ({"name": "../secret"}, "invalid_payload"), ({"name": "other"}, "no_input")])
def test_input_that_is_not_there(worker, payload, code):
    done = worker.wait(worker.enqueue("kit", payload))
    assert done["state"] == "discarded" and done["attempt"] == 1
    assert done["error"]["code"] == code


def test_a_fault_is_the_jobs_error(worker):
    done = worker.wait(worker.enqueue("kit", {"fault": 65}))
    assert done["error"] == {"code": "no_good", "message": "this is no good: Größe", 
                             "details": {"row": 3, "exitCode": 65}}
    assert done["attempt"] == 1
    assert worker.wait(worker.enqueue("kit", {"fault": 75}))["attempt"] == 2


def test_a_crash_is_logged_with_its_place(worker):
    job = worker.enqueue("kit", {"crash": 1})
    assert worker.wait(job)["attempt"] == 2
    assert any("ZeroDivisionError" in line for line in worker.log(job))


def test_a_cancelled_job_leaves_no_half_file(worker):
    file = put_file(worker, "in.txt", b"hello")
    job = worker.enqueue("kit", {"sleep": 1}, files=[file])
    wait_for(lambda: worker.job(job)["progress"] == 50)
    worker.sql("select millrace.cancel(%s)", job)
    worker.ring()
    assert worker.wait(job)["state"] == "cancelled"
    assert worker.artifacts(job) == [] and not worker.store(job).exists()


# ---------------------------------------------------------------- databases

@pytest.fixture
def target(tmp_path, monkeypatch):
    """What target_source makes of a connection."""
    monkeypatch.syspath_prepend(str(HANDLERS))
    import millrace_kit
    import target_source

    def of(*kinds, url="", **connection):
        monkeypatch.setenv("TARGET_DATABASE_URL", url)
        monkeypatch.setenv("MILLRACE_CONNECTION", str(tmp_path / "connection.json") if connection else "")
        (tmp_path / "connection.json").write_text(json.dumps(connection))
        try:
            return target_source.described(*kinds), target_source.conninfo
        except millrace_kit.Fault as fault:
            return fault.code, None
    return of


def test_a_connection_becomes_words_for_libpq(target):
    found, conninfo = target("postgresql", kind="postgresql", host="db", port=5433, database="a b", user="it's",
                             password="\\ ' p", sslMode="verify-full", options={"caFile": "/ca.pem"})
    assert parse_dsn(conninfo(found)) == {"host": "db", "port": "5433", "dbname": "a b", "user": "it's", "password": "\\ ' p",
                                          "sslmode": "verify-full", "sslrootcert": "/ca.pem"}


def test_a_saved_connection_comes_before_the_types_own(target):
    assert target("postgresql", url="postgresql://else", kind="postgresql", host="db")[0]["host"] == "db"
    assert target("postgresql", url="postgresql://else")[0] == {"kind": "postgresql", "url": "postgresql://else"}


@pytest.mark.parametrize("kinds, connection, code", [
    (("postgresql",), {}, "no_connection"),
    (("postgresql",), {"kind": "mysql"}, "unsupported_connection"),
    (("postgresql", "mysql"), {"kind": "odd"}, "unsupported_connection"),
])
def test_a_database_that_a_type_cannot_use(target, kinds, connection, code):
    assert target(*kinds, **connection)[0] == code
