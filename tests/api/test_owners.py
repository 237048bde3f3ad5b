"""What owners may and weigh, and how many jobs are where (GET /api/jobs/stats)."""

import sys
from pathlib import Path
from urllib.parse import quote

import psycopg2
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import TYPE, api_stack, code_of  # noqa: E402
from runs import Runs  # noqa: E402


@pytest.fixture(scope="module", name="stack")
def _stack():
    with api_stack() as running:
        yield running


@pytest.fixture(autouse=True)
def _afresh(stack):
    yield
    stack.sql("truncate millrace.owner, millrace.limiter")


def put(stack, name, **limits):
    answer = stack.request("PUT", f"/api/owners/{quote(name)}", json=limits)
    assert answer.status_code == 200, answer.text
    return answer.json()


def owners(stack):
    return {owner["name"]: owner for owner in stack.request("GET", "/api/owners").json()["owners"]}


def post(stack, user="alice", **members):
    return stack.request("POST", "/api/jobs", user=user, json={"type": TYPE, **members})


def refusal(stack, owner):
    """Of a job that is not taken."""
    with pytest.raises(psycopg2.Error) as refused:
        stack.sql("select millrace.enqueue(%s, options => jsonb_build_object('owner', %s))",
                  TYPE, owner)
    error = refused.value
    return error.pgcode, error.diag.message_detail, error.diag.message_primary


def test_who_has_a_token_or_settings_is_listed(stack):
    stack.token("alice")
    put(stack, "bö rn", weight=4)
    found = owners(stack)
    assert set(found) >= {"*", "alice", "admin", "bö rn"}
    assert found["*"] == {"name": "*", "weight": 1}
    assert found["alice"] == {"name": "alice", "weight": 1}
    assert found["bö rn"] == {"name": "bö rn", "weight": 4}


def test_everybody_else_has_what_the_star_has(stack):
    put(stack, "*", weight=2, postsPerMinute=100)
    put(stack, "alice", weight=3)
    found = owners(stack)
    assert found["admin"] == {"name": "admin", "weight": 2, "postsPerMinute": 100,
                              "inherited": True}
    assert found["alice"] == {"name": "alice", "weight": 3}


def test_what_is_not_given_stays_and_null_takes_away(stack):
    assert put(stack, "alice", weight=3, maxWaiting=10, postsPerMinute=20) == {
        "success": True, "name": "alice", "weight": 3, "maxWaiting": 10, "postsPerMinute": 20,
        "waiting": 0}
    assert put(stack, "alice", maxWaiting=0)["postsPerMinute"] == 20
    assert put(stack, "alice", weight=None, maxWaiting=None, postsPerMinute=None) == {
        "success": True, "name": "alice", "weight": 1}


def test_waiting_jobs_are_counted_and_limited(stack):
    held = [post(stack, "carl", delay="1h").json()["jobId"] for _ in range(3)]
    assert put(stack, "carl", maxWaiting=4)["waiting"] == 3
    assert post(stack, "carl").status_code == 202
    assert refusal(stack, "carl") == ("MR429", "too_many_waiting",
                                      "carl may have 4 jobs waiting at once")
    assert post(stack, "bob").status_code == 202
    stack.request("POST", f"/api/jobs/{held[0]}/cancel")
    assert owners(stack)["carl"]["waiting"] == 3
    put(stack, "carl", weight=5)
    assert owners(stack)["carl"]["waiting"] == 3
    assert post(stack, "carl").status_code == 202
    put(stack, "carl", maxWaiting=None)
    assert post(stack, "carl").status_code == 202


def test_posts_are_limited(stack):
    put(stack, "dora", postsPerMinute=2)
    assert [post(stack, "dora").status_code for _ in range(2)] == [202, 202]
    assert refusal(stack, "dora")[:2] == ("MR429", "too_many_posts")
    put(stack, "dora", postsPerMinute=None)
    assert post(stack, "dora").status_code == 202


@pytest.mark.parametrize("name, body, code, says", [
    ("alice", {"weight": 1001}, "invalid_member", "weight must be a whole number from 1 to 1000"),
    ("alice", {"maxWaiting": -1}, "invalid_member", "maxWaiting must be a whole number from 0"),
    ("alice", {"postsPerMinute": 0}, "invalid_member", "postsPerMinute must be a whole number"),
    ("alice", {"posts": 0}, "unknown_member", "an owner has no member 'posts'"),
    ("x" * 101, {}, "invalid_member", "an owner's name must be 1 to 100 characters"),
])
def test_what_is_wrong_is_said(stack, name, body, code, says):
    answer = stack.request("PUT", f"/api/owners/{name}", json=body)
    assert code_of(answer) == (400, code)
    assert says in answer.json()["error"]["message"]
    assert stack.value("select count(*) from millrace.owner") == 0


def test_only_for_an_admin(stack):
    assert code_of(stack.request("GET", "/api/owners", user="alice")) == (403, "admin_only")
    assert code_of(stack.request("PUT", "/api/owners/alice", user="alice", json={})) == (
        403, "admin_only")


# ---------------------------------------------------------------- stats

def stats(stack, user="admin"):
    answer = stack.request("GET", "/api/jobs/stats", user=user)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_admin_sees_all_and_a_user_their_own(stack):
    runs = Runs(stack, TYPE)
    stack.sql("delete from millrace.ready")
    jobs = [post(stack, user, queue="stats").json()["jobId"] for user in ("erna", "erna", "fred")]
    post(stack, "erna", queue="stats2", delay="1h")
    claimed = runs.claim(3)
    runs.finish(jobs[0], claimed[jobs[0]])
    runs.finish(jobs[2], claimed[jobs[2]], "discarded", error={"code": "x", "message": "y"})

    own = stats(stack, "erna")
    assert own == {
        "success": True, "counts": {"scheduled": 1, "active": 1, "completed": 1},
        "byQueue": [{"queue": "stats", "counts": {"active": 1, "completed": 1}},
                    {"queue": "stats2", "counts": {"scheduled": 1}}],
        "byType": [{"type": TYPE, "counts": {"scheduled": 1, "active": 1, "completed": 1}}]}
    assert stats(stack, "gerd") == {"success": True, "counts": {}, "byQueue": [], "byType": []}

    stack.sql("select millrace.add_up()")
    whole = stats(stack)
    queues = {row["queue"]: row["counts"] for row in whole["byQueue"]}
    assert queues["stats"] == {"active": 1, "completed": 1, "discarded": 1}
    assert queues["stats2"] == {"scheduled": 1}
    for span in "lastMinute", "lastHour", "lastDay":
        flow = whole[span]
        assert (flow["started"], flow["completed"], flow["failed"]) == (3, 1, 1)
        assert flow["averageWaitMs"] >= 0 and flow["averageRunMs"] >= 0
