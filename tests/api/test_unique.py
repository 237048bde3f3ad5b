"""Unique keys through nginx: one job of a key, whoever comes at once."""

import sys
import uuid
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import TYPE, api_stack, code_of, in_threads  # noqa: E402
from runs import Runs  # noqa: E402

CLIENTS = 32


@pytest.fixture(scope="module", name="stack")
def _stack():
    with api_stack() as running:
        running.token("alice"), running.token("bob")
        yield running


@pytest.fixture(scope="module", name="runs")
def _runs(stack):
    return Runs(stack, TYPE)


@pytest.fixture(name="key")
def _key():
    return str(uuid.uuid4())


def post(stack, user="alice", headers=None, **members):
    return stack.request("POST", "/api/jobs", user=user, headers=headers,
                         json={"type": TYPE, **members})


def stored(stack, tag):
    """The states of the jobs with a tag."""
    return Counter(state for (state,) in stack.sql(
        "select state::text from millrace.job_info where %s = any (tags)", tag))


# ---------------------------------------------------------------- many at once

@pytest.fixture(name="both", params=["alone", "in batches"])
def _both(stack, request):
    """A post of one job: as itself, by the committer; or with another one in a batch,
    which each request stores by itself."""
    def both(rule, key):
        job = {"type": TYPE, "unique": {"key": key, **rule}, "tags": [key]}
        if request.param == "alone":
            return stack.request("POST", "/api/jobs", user="alice", json=job)
        return stack.request("POST", "/api/jobs/batch", user="alice",
                             json={"jobs": [job, {"type": TYPE, "tags": ["beside " + key]}]})
    return both


def id_of(answer):
    body = answer.json()
    return body["jobId"] if "jobId" in body else body["jobIds"][0]


def test_many_at_once_get_the_one_that_is_there(stack, both, key):
    answers = in_threads(CLIENTS, lambda _: both({}, key))
    assert all(answer.ok for answer in answers), [answer.text for answer in answers]
    assert len({id_of(answer) for answer in answers}) == 1
    assert sum("existing" not in answer.json() for answer in answers) == 1
    assert stored(stack, key) == {"available": 1}


def test_many_at_once_are_refused(stack, both, key):
    answers = in_threads(CLIENTS, lambda _: both({"onConflict": "refuse"}, key))
    taken = [answer for answer in answers if answer.status_code == 202]
    assert len(taken) == 1
    for answer in answers:
        if answer not in taken:
            assert code_of(answer) == (409, "unique_conflict")
            assert answer.json()["error"]["details"]["jobId"] == id_of(taken[0])
    assert stored(stack, key) == {"available": 1}
    # With a refused one, all of its batch is left out.
    assert sum(stored(stack, "beside " + key).values()) in (0, 1)


def test_many_at_once_replace_one_another(stack, both, key):
    answers = in_threads(CLIENTS, lambda _: both({"onConflict": "replace"}, key))
    assert {answer.status_code for answer in answers} == {202}
    assert len({id_of(answer) for answer in answers}) == CLIENTS
    assert stored(stack, key) == {"available": 1, "cancelled": CLIENTS - 1}
    replaced = [job for job in answers if stack.job(id_of(job))["state"] == "cancelled"]
    assert stack.job(id_of(replaced[0]))["error"]["code"] == "replaced"


# ---------------------------------------------------------------- what is answered

def test_the_answer_is_the_state_of_the_one_that_is_there(stack, runs, key):
    first = post(stack, uniqueKey=key, delay="1h").json()
    assert "existing" not in first
    again = post(stack, uniqueKey=key)
    assert (again.status_code, again.json()) == (200, {**first, "existing": True})
    assert again.headers["Location"] == f"/api/jobs/{first['jobId']}"
    stack.request("PATCH", f"/api/jobs/{first['jobId']}", json={"delay": "0s"})
    attempt = runs.claim(1000)[first["jobId"]]
    now = post(stack, uniqueKey=key).json()
    assert (now["jobId"], now["status"], now["state"]) == (first["jobId"], "processing", "active")
    runs.finish(first["jobId"], attempt, result=7)
    assert post(stack, uniqueKey=key).status_code == 202


def test_it_is_waited_for(stack, runs, key):
    first = post(stack, uniqueKey=key).json()["jobId"]
    attempt = runs.claim(1000)[first]

    def client(i):
        if i == 0:
            return post(stack, uniqueKey=key, headers={"Prefer": "wait=20"})
        stack.request("GET", "/healthz", user=None)
        runs.finish(first, attempt, result=7)
        return None
    answer = in_threads(2, client)[0]
    # It may have ended before the post came: then this was another job.
    assert answer.status_code in (200, 202)
    if answer.status_code == 200:
        assert (answer.json()["jobId"], answer.json()["result"]) == (first, 7)


def test_a_repeated_request_gets_the_same_again(stack, runs, key):
    first = post(stack, uniqueKey=key).json()["jobId"]
    head = {"Idempotency-Key": key}
    answers = [post(stack, uniqueKey=key, headers=head) for _ in range(2)]
    runs.run(first)
    answers.append(post(stack, uniqueKey=key, headers=head))
    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[0].json()["existing"] is True and answers[0].json()["jobId"] == first
    assert {answer.text for answer in answers} == {answers[0].text}
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [
        None, "true", "true"]


def test_a_refused_request_may_be_repeated(stack, runs, key):
    first = post(stack, uniqueKey=key).json()["jobId"]
    head, rule = {"Idempotency-Key": key}, {"key": key, "onConflict": "refuse"}
    assert code_of(post(stack, unique=rule, headers=head)) == (409, "unique_conflict")
    runs.run(first)
    assert post(stack, unique=rule, headers=head).status_code == 202


def test_within_one_batch(stack, key):
    jobs = [{"type": TYPE, "uniqueKey": key, "ref": "one"}, {"type": TYPE},
            {"type": TYPE, "uniqueKey": key, "ref": "two"}, {"type": TYPE, "dependsOn": ["two"]}]
    head = {"Idempotency-Key": key}
    answers = [stack.request("POST", "/api/jobs/batch", user="alice", json={"jobs": jobs},
                             headers=head) for _ in range(2)]
    assert answers[0].text == answers[1].text
    body = answers[0].json()
    assert body["existing"] == [body["jobIds"][0]] and body["jobIds"][2] == body["jobIds"][0]
    # Who depends on the one that gave way depends on the one in its place.
    assert stack.job(body["jobIds"][3])["dependsOn"] == [body["jobIds"][0]]
    jobs[2]["unique"] = {"key": jobs[2].pop("uniqueKey"), "onConflict": "refuse"}
    refused = stack.request("POST", "/api/jobs/batch", user="alice", json={"jobs": jobs})
    assert code_of(refused) == (409, "unique_conflict")
    assert refused.json()["error"]["details"] == {"index": 2, "jobId": body["jobIds"][0]}


def test_a_neighbour_is_not_refused_with_one(stack, key):
    """The committer stores what comes at once in one call."""
    post(stack, uniqueKey=key)
    rule = {"key": key, "onConflict": "refuse"}

    def client(i):
        return post(stack, tags=[key], **({"unique": rule} if i % 8 == 0 else {}))
    answers = in_threads(CLIENTS, client)
    assert [answer.status_code for answer in answers] == [
        409 if i % 8 == 0 else 202 for i in range(CLIENTS)]
    assert stored(stack, key) == {"available": CLIENTS - CLIENTS // 8}


# ---------------------------------------------------------------- what is the same

def is_same(stack, rule, one, other):
    first = post(stack, unique=rule, **one).json()["jobId"]
    answer = post(stack, unique=rule, **other)
    assert answer.ok, answer.text
    return answer.json()["jobId"] == first


@pytest.mark.parametrize("by, one, other, same", [
    (["payload"], {"payload": {"a": 1, "b": [2]}}, {"payload": {"b": [2], "a": 1}}, True),
    (["payload"], {"payload": {"a": 1}}, {"payload": {"a": 2}}, False),
    (["/c/id"], {"payload": {"c": {"id": 7}, "n": 1}}, {"payload": {"c": {"id": 7}, "n": 2}}, True),
    (["/c/id"], {"payload": {"c": {"id": 8}}}, {"payload": {"c": {"id": 9}}}, False),
    (["type", "queue", "payload"], {"queue": "a"}, {"queue": "b"}, False),
    (["type", "queue", "payload"], {"queue": "c"}, {"queue": "c"}, True),
], ids=str)
def test_what_makes_two_jobs_the_same(stack, by, one, other, same):
    mark = str(uuid.uuid4())     # so that the cases do not meet
    for job in one, other:
        job.setdefault("payload", {})["mark"] = mark
    assert is_same(stack, {"by": [*by, "/mark"]}, one, other) == same


def test_keys_of_others_are_others(stack, key):
    assert post(stack, uniqueKey=key).status_code == 202
    assert post(stack, uniqueKey=key, user="bob").status_code == 202


def test_a_choice_of_states(stack, runs, key):
    rule = {"key": key, "states": ["scheduled", "available", "completed"]}
    first = post(stack, unique=rule).json()["jobId"]
    attempt = runs.claim(1000)[first]
    second = post(stack, unique=rule)
    assert second.status_code == 202      # the first one runs: not among the states
    runs.finish(first, attempt)
    runs.run(second.json()["jobId"])
    assert post(stack, unique=rule).json()["jobId"] == second.json()["jobId"]


def test_a_window_of_time(stack, runs, key):
    rule = {"key": key, "within": "1h"}
    first = post(stack, unique=rule).json()["jobId"]
    runs.run(first)
    again = post(stack, unique=rule).json()
    assert (again["jobId"], again["status"], again["state"]) == (first, "completed", "completed")
    stack.sql("update millrace.uniq set until = now() - interval '1 s' where job_id = %s", first)
    assert post(stack, unique=rule).status_code == 202


def test_one_that_runs_is_not_replaced(stack, runs, key):
    rule = {"key": key, "onConflict": "replace"}
    first = post(stack, unique=rule).json()["jobId"]
    attempt = runs.claim(1000)[first]
    assert post(stack, unique=rule).status_code == 202
    runs.finish(first, attempt)
    assert stack.job(first)["state"] == "completed"


def test_a_type_may_say_so(stack):
    stack.sql("insert into millrace.job_type (type, options) values"
              " ('once', '{\"unique\": {\"by\": [\"type\", \"/day\"]}}')")
    jobs = [stack.request("POST", "/api/jobs", user="alice",
                          json={"type": "once", "payload": {"day": day}}) for day in (1, 2, 1)]
    assert [job.status_code for job in jobs] == [202, 202, 200]
    assert jobs[2].json()["jobId"] == jobs[0].json()["jobId"]
