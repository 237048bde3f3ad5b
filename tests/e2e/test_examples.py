"""The job types of doc/examples, as the README shows them: each runs, fails and
is retried as it says."""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import bearer  # noqa: E402
from processes import with_word  # noqa: E402
from sse import Sse  # noqa: E402
from stack import TOP, Stack, wait_for  # noqa: E402

EXAMPLES = TOP / "doc" / "examples"
TYPES = {"count-words", "sum-prices", "greet", "order-total", "ship-order"}


@pytest.fixture(scope="module")
def stack():
    with Stack("postgres", "api", "stream", "nginx") as running:
        for example in EXAMPLES.iterdir():
            folder = "types.d" if example.suffix == ".json" else "bin"
            shutil.copy(example, running.dir / folder)
        running.start("worker")
        wait_for(lambda: TYPES <= {row[0] for row in
                                   running.sql("select type from millrace.job_type")})
        yield running


def run(stack, type_, payload, **members):
    """A job of Anna's, ended, and what was told of it."""
    job = stack.post_job(type_, payload, user="anna", **members)
    with Sse(stack.url, f"/api/jobs/{job}/events", bearer(stack, "anna")) as stream:
        events = list(stream)
    return stack.job(job, user="anna"), events


def upload(stack, name, text):
    answer = stack.request("POST", f"/api/files?name={name}", user="anna", data=text.encode(),
                           headers={"Content-Type": "text/plain"})
    return answer.json()["fileId"]


def artifact(stack, job, name):
    answer = stack.request("GET", f"/api/jobs/{job['jobId']}/artifacts/{name}", user="anna")
    assert answer.status_code == 200, answer.text
    return answer.text


def log_of(stack, job):
    logs = stack.request("GET", f"/api/jobs/{job['jobId']}/logs", user="anna").json()["logs"]
    return [line["line"] for line in logs]


def failure(job):
    assert job["status"] == "failed", job
    return job["error"]["code"], job["error"]["message"], job["attempt"]


@pytest.mark.parametrize("example", ["count-words", "count-words.json", "sum-prices.py", "greet.php",
                                     "order-total.php", "order-total.json",
                                     "ship-order.php", "ship-order.json"])
def test_the_readme_shows_it_as_it_is(example):
    assert (EXAMPLES / example).read_text().strip() in (TOP / "README.md").read_text()


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_its_type_is_registered(stack, example):
    spec = json.loads(example.read_text())
    types = stack.request("GET", "/api/types", user="anna").json()["types"]
    shown, = (type_ for type_ in types if type_["type"] == spec["type"])
    assert shown["description"] == spec["description"]
    assert shown["maxAttempts"] == spec["maxAttempts"]


# ---------------------------------------------------------------- shell

def test_words_are_counted(stack):
    files = [upload(stack, "a.txt", "red green red\n"), upload(stack, "b.txt", "red, blue; green!\n")]
    job, events = run(stack, "count-words", {"top": 1}, files=files)
    assert job["result"] == {"files": 2, "words": 6}
    counted = [line.split() for line in artifact(stack, job, "words.txt").splitlines()]
    assert counted[0] == ["3", "red"] and counted[1] == ["2", "green"]
    assert log_of(stack, job) == ["most frequent: red "]
    assert job["message"] == "2 of 2"
    assert [event.name for event in events][-1] == "job-complete"


def test_without_a_file_no_words_are_counted(stack):
    job, _ = run(stack, "count-words", {})
    assert failure(job)[1:] == ("no file was uploaded for this job", 1)


def test_a_payload_of_another_form_fails_for_good(stack):
    job, _ = run(stack, "count-words", ["top"], files=[upload(stack, "a.txt", "a b")])
    assert failure(job)[1:] == ("the payload must be an object", 1)
    assert job["error"]["details"] == {"exitCode": 65}


# ---------------------------------------------------------------- Python

def test_prices_are_summed(stack):
    job, events = run(stack, "sum-prices", {"rows": [{"price": 1.5}, {"price": 2}]})
    assert job["result"] == {"total": 3.5}
    assert json.loads(artifact(stack, job, "report.json")) == {"rows": 2, "total": 3.5}
    assert events[-1].data["result"] == {"total": 3.5}


def test_a_row_without_a_price_fails_for_good(stack):
    job, events = run(stack, "sum-prices", {"rows": [{"price": 1}, {"name": "nut"}]})
    assert failure(job) == ("no_price", "row 2 has no price", 1)
    assert job["error"]["details"]["name"] == "nut"
    assert events[-1].name == "job-failed" and "artifacts" not in job


def test_a_closed_store_is_tried_again(stack):
    job, events = run(stack, "sum-prices", {"closed": True}, maxAttempts=2,
                      retry={"initial": "100ms", "jitter": False})
    assert failure(job)[2] == 2
    assert "the store is closed" in job["error"]["message"]
    retrying, = (event.data for event in events if event.data["type"] == "job_retrying")
    assert retrying["attempt"] == 1 and "the store is closed" in retrying["message"]
    assert log_of(stack, job) == ["the store is closed, trying again later"] * 2


# ---------------------------------------------------------------- PHP

def test_somebody_is_greeted(stack):
    job, events = run(stack, "greet", {"name": "Zoë"})
    assert job["result"] == {"greeting": "Hello, Zoë!"}
    assert events[-1].name == "job-complete"
    for name in "ABCDE":
        assert run(stack, "greet", {"name": name})[0]["result"] == {"greeting": f"Hello, {name}!"}
    assert 1 <= len(warm(stack)) <= 2           # PHP was not started for each


def test_nobody_cannot_be_greeted(stack):
    job, _ = run(stack, "greet", {"name": 7})
    assert failure(job) == ("invalid_payload", "payload.name must be a string", 1)


def warm(stack):
    """The PHP processes that wait for jobs or do them; not their guards."""
    return [pid for pid in with_word(f"{stack.dir}/bin/greet.php")
            if Path(f"/proc/{pid}/exe").resolve().name.startswith("php")]


def test_a_crash_of_php_costs_one_attempt(stack):
    run(stack, "greet", {"name": "first"})
    for pid in warm(stack):
        os.kill(pid, signal.SIGSTOP)
    job = stack.post_job("greet", {"name": "second"}, user="anna")
    stack.wait_job(job, "active", user="anna")
    for pid in warm(stack):
        os.kill(pid, signal.SIGKILL)
    ended = stack.wait_job(job, user="anna")
    assert ended["result"] == {"greeting": "Hello, second!"} and ended["attempt"] == 2
