"""Admission: whose posts are refused for now, with what advice, and that nobody else's
are refused with them."""

import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import TYPE, api_stack, code_of, in_threads  # noqa: E402
from runs import Runs  # noqa: E402


@pytest.fixture(scope="module", name="stack")
def _stack():
    with api_stack() as running:
        yield running


@pytest.fixture(name="owner")
def _owner(stack):
    """A user of whom nothing is stored yet, and no limits of anybody."""
    name = str(uuid.uuid4())
    stack.token(name)
    yield name
    stack.sql("delete from millrace.owner")
    stack.sql("delete from millrace.queue")


def post(stack, owner, headers=None, **members):
    return stack.request("POST", "/api/jobs", user=owner, headers=headers,
                         json={"type": TYPE, **members})


def batch(stack, owner, count, **members):
    return stack.request("POST", "/api/jobs/batch", user=owner,
                         json={"jobs": [{"type": TYPE, **members}] * count})


def count_of(stack, owner):
    return stack.value("select count(*) from millrace.job where owner = %s", owner)


def limit(stack, owner, waiting=None, posts=None):
    stack.sql("select millrace.owner_set(%s, 1, %s, %s)", owner, waiting, posts)


def expect(answer, status, code, seconds):
    assert code_of(answer) == (status, code), answer.text
    assert seconds[0] <= int(answer.headers["Retry-After"]) <= seconds[1]


# ---------------------------------------------------------------- owners

def test_waiting_jobs(stack, owner):
    limit(stack, owner, waiting=3)
    assert post(stack, owner).status_code == 202
    assert post(stack, owner, delay="1h").status_code == 202
    expect(batch(stack, owner, 2), 429, "too_many_waiting", (1, 60))
    assert count_of(stack, owner) == 2
    assert post(stack, owner).status_code == 202
    expect(post(stack, owner), 429, "too_many_waiting", (1, 60))
    assert count_of(stack, owner) == 3
    assert post(stack, "somebody").status_code == 202


def test_room_is_made_by_what_starts(stack, owner):
    limit(stack, owner, waiting=1)
    job = post(stack, owner).json()["jobId"]
    expect(post(stack, owner), 429, "too_many_waiting", (1, 60))
    runs = Runs(stack, TYPE)
    claimed = runs.claim(1000)
    assert post(stack, owner).status_code == 202
    for each, attempt in claimed.items():
        runs.finish(each, attempt)
    assert job in claimed


def test_everybody_by_a_star(stack, owner):
    limit(stack, "*", waiting=0)
    expect(post(stack, owner), 429, "too_many_waiting", (1, 60))
    limit(stack, owner, waiting=1)
    assert post(stack, owner).status_code == 202


def test_posts_a_minute(stack, owner):
    limit(stack, owner, posts=2)
    assert batch(stack, owner, 5).status_code == 202      # one post
    assert post(stack, owner).status_code == 202
    for answer in post(stack, owner), batch(stack, owner, 2):
        expect(answer, 429, "too_many_posts", (25, 30))
    assert count_of(stack, owner) == 6


def test_a_post_that_is_known_counts_no_more(stack, owner):
    """The answer of before is given, however full it is by now."""
    head = {"Idempotency-Key": owner}
    limit(stack, owner, waiting=1, posts=1)
    first = post(stack, owner, headers=head)
    again = post(stack, owner, headers=head)
    assert (again.status_code, again.text) == (202, first.text)
    expect(post(stack, owner), 429, "too_many_waiting", (1, 60))
    expect(post(stack, owner, headers={"Idempotency-Key": owner + "2"}), 429,
           "too_many_waiting", (1, 60))
    limit(stack, owner)
    # What was refused was not kept with its key.
    assert post(stack, owner, headers={"Idempotency-Key": owner + "2"}).status_code == 202


def test_a_job_that_gives_way_takes_no_room(stack, owner):
    limit(stack, owner, waiting=1)
    assert post(stack, owner, uniqueKey="k").status_code == 202
    assert post(stack, owner, uniqueKey="k").status_code == 200


# ---------------------------------------------------------------- queues

def fill(stack, queue, most):
    stack.sql("insert into millrace.queue (queue, max_length) values (%s, %s)"
              " on conflict (queue) do update set max_length = excluded.max_length", queue, most)


def test_a_full_queue(stack, owner):
    fill(stack, "narrow", 2)
    assert post(stack, owner, queue="narrow").status_code == 202
    expect(batch(stack, owner, 2, queue="narrow"), 503, "queue_full", (60, 60))
    assert post(stack, owner, queue="narrow").status_code == 202
    expect(post(stack, owner, queue="narrow"), 503, "queue_full", (60, 60))
    assert count_of(stack, owner) == 2
    assert post(stack, owner).status_code == 202
    # Later jobs do not lengthen it now, but would.
    expect(post(stack, owner, queue="narrow", delay="1h"), 503, "queue_full", (60, 60))


@pytest.mark.parametrize("started, jobs, seconds", [(60, 1, 1), (60, 30, 30), (6, 9, 90),
                                                    (1, 100, 3600)])
def test_a_queue_says_how_long_it_takes_at_its_present_rate(stack, owner, started, jobs, seconds):
    queue = f"rate{started}.{jobs}"
    fill(stack, queue, 0)
    stack.sql("insert into millrace.stat_flow (span, at, queue, type, came_from, went_to, n, ms)"
              " values ('10s', now() - interval '9 s', %s, 'x', 'available', 'active', %s, 0)",
              queue, started)
    expect(batch(stack, owner, jobs, queue=queue), 503, "queue_full", (seconds, seconds))


# ---------------------------------------------------------------- neighbours

def test_who_is_within_their_limit_is_not_refused_with_the_others(stack, owner):
    """What comes at once is stored by one call, which is halved until it fits."""
    others = [f"{owner}-{i}" for i in range(4)]
    for name in others:
        stack.token(name)
    limit(stack, owner, waiting=5)
    fill(stack, "shut", 0)

    def client(i):
        if i % 4 == 0:
            return post(stack, owner)
        return post(stack, others[i % 4], **({"queue": "shut"} if i % 4 == 1 else {}))
    answers = in_threads(48, client)
    statuses = {kind: sorted(a.status_code for i, a in enumerate(answers) if i % 4 == kind)
                for kind in range(4)}
    assert statuses == {0: [202] * 5 + [429] * 7, 1: [503] * 12, 2: [202] * 12, 3: [202] * 12}
    assert count_of(stack, owner) == 5
    assert [count_of(stack, name) for name in others] == [0, 0, 12, 12]
