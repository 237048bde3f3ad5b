"""Secrets of a payload: the handler has them, and nobody reads them afterwards."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from stack import wait_for  # noqa: E402
from worker import SH, WARM, process, program, worker_stack  # noqa: E402

SECRET = 'pass"wörd\\1'
SCHEMA = {"type": "object", "properties": {
    "password": {"type": "string", "writeOnly": True},
    "ssh": {"properties": {"keys": {"writeOnly": True}}}},
    "oneOf": [{"properties": {"token": {"writeOnly": True}}}]}
TYPES = [
    (program("sh", payloadSchema=SCHEMA, maxAttempts=1), SH),
    (program("sh.forget", payloadSchema=SCHEMA, forgetSecrets=True, maxAttempts=2), None),
    (process("warm", payloadSchema=SCHEMA), WARM),
]


@pytest.fixture(scope="module")
def worker():
    with worker_stack(TYPES) as worker:
        yield worker


def payload(script, **more):
    """What /bin/sh gets to say has the secret, which it reads from a file of its own."""
    return {"sh": f"cat > secret <<'END'\n{SECRET}\nEND\n{script}", "password": SECRET, **more}


def record(worker, job):
    """All that the database has of a job, but for its payload."""
    rows = worker.sql("select row_to_json(i)::jsonb - 'payload' from millrace.job_info i where id = %s", job)
    rows += worker.sql("select row_to_json(d) from millrace.done d where id = %s", job)
    rows += worker.sql("select row_to_json(e) from millrace.job_event e where job_id = %s", job)
    rows += worker.sql("select row_to_json(a) from millrace.attempt a where job_id = %s", job)
    rows += worker.sql("select row_to_json(l) from millrace.job_log l where job_id = %s", job)
    return json.dumps(rows, ensure_ascii=False)


def is_clean(worker, job):
    text = record(worker, job)
    assert "wörd" not in text and "hidden-key" not in text, text
    return "********" in text


def test_in_logs_messages_and_the_result(worker):
    job = worker.enqueue("sh", payload(
        'cat secret >&2; jq -Rc "{message: (\\"with \\" + .), progress: 5}" secret >&3; jq -R . secret'))
    done = worker.wait(job)
    assert done["state"] == "completed" and done["result"] == "********"
    assert worker.log(job) == ["********"] and done["message"] == "with ********"
    assert is_clean(worker, job)


def test_in_errors_and_their_details(worker):
    job = worker.enqueue("sh", payload(
        'jq -Rc "{error: {code: \\"bad\\", message: ., details: {seen: .}}}" secret >&3; exit 65'))
    error = worker.wait(job)["error"]
    assert error["message"] == "********" and error["details"]["seen"] == "********"
    assert is_clean(worker, job)


def test_whatever_is_in_a_secret_member(worker):
    job = worker.enqueue("sh", {"sh": "echo the hidden-key is here >&2; echo 'and hidden-key-2' >&2",
                                "ssh": {"keys": ["hidden-key", {"b": "hidden-key-2"}]}})
    worker.wait(job)
    assert worker.log(job) == ["the ******** is here", "and ********"]


def test_a_key_of_several_lines_is_hidden_line_by_line(worker):
    job = worker.enqueue("sh", {"sh": "echo key: bG9uZyBsaW5l >&2; echo c2Vjb25k >&2; echo end >&2",
                                "ssh": {"keys": "bG9uZyBsaW5l\nc2Vjb25k\nend\n"}})
    worker.wait(job)
    assert worker.log(job) == ["key: ********", "********", "end"]


def test_numbers_and_those_of_one_of_several_forms(worker):
    job = worker.enqueue("sh", {"sh": "echo 471199 and hidden-key >&2", "password": "x471199", "token": "hidden-key",
                                "ssh": {"keys": 471199}})
    worker.wait(job)
    assert worker.log(job) == ["******** and ********"]


def test_of_a_warm_process(worker):
    job = worker.enqueue("warm", {"say": ['{"id": "ID", "log": "my hidden-key"}'], "ssh": {"keys": "hidden-key"}})
    worker.wait(job)
    assert worker.log(job)[-1] == "my ********"


def test_what_is_too_short_is_left(worker):
    job = worker.enqueue("sh", {"sh": "echo abc >&2", "password": "abc"})
    worker.wait(job)
    assert worker.log(job) == ["abc"]


def kept(worker, job):
    return worker.value("select payload->>'password' from millrace.job where id = %s", job)


@pytest.mark.parametrize("script, state", [("true", "completed"), ("exit 65", "discarded"), ("exit 75", "discarded")])
def test_forgotten_when_the_job_has_ended(worker, script, state):
    job = worker.enqueue("sh.forget", payload(script), delay="300ms")
    assert kept(worker, job) == SECRET
    assert worker.wait(job)["state"] == state
    assert kept(worker, job) == "********"


def test_a_second_attempt_has_them_still(worker):
    job = worker.enqueue("sh.forget", payload('[ "$MILLRACE_ATTEMPT" = 2 ] || exit 75; true'))
    assert worker.wait(job)["attempt"] == 2 and kept(worker, job) == "********"


def test_forgotten_when_it_was_cancelled(worker):
    job = worker.enqueue("sh.forget", payload("sleep 60"))
    wait_for(lambda: worker.handler(job))
    worker.sql("select millrace.cancel(%s)", job)
    worker.ring()
    assert worker.wait(job)["state"] == "cancelled" and kept(worker, job) == "********"
