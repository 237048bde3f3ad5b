"""Jobs that depend on others, through nginx and a real worker: what they read, what
becomes of them, graphs, circles, and ends that come while a job is being posted."""

import json
import sys
import uuid
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import code_of, in_threads  # noqa: E402
from stack import wait_for  # noqa: E402
from worker import SH, WARM, process, program, worker_stack  # noqa: E402

TYPES = [(program("sh", maxAttempts=1), SH), (process("warm", run={"pipeline": 16}), WARM)]


@pytest.fixture(scope="module", name="worker")
def _worker():
    with worker_stack(TYPES) as worker:
        worker.stack.start("api", "nginx")
        for user in "alice", "bob":
            worker.stack.token(user)
        yield worker


@pytest.fixture(name="post")
def _post(worker):
    """A new job's answer."""
    def post(script, **members):
        answer = worker.stack.request("POST", "/api/jobs", user="alice", json={
            "type": "sh", "payload": {"sh": script}, **members})
        assert answer.status_code == 202, answer.text
        return answer.json()
    return post


@pytest.fixture(name="batch")
def _batch(worker):
    def batch(jobs, status=202):
        answer = worker.stack.request("POST", "/api/jobs/batch", user="alice", json={"jobs": jobs})
        assert answer.status_code == status, answer.text
        return answer
    return batch


@pytest.fixture(name="gate")
def _gate(worker):
    """A script that waits for its gate, and what opens it."""
    script, path = worker.stack.gate()
    yield script, path.touch
    path.touch()


def reached(stack, jobs):
    """How many of some jobs are in each state."""
    return Counter(state for (state,) in stack.sql(
        "select state::text from millrace.job_info where id = any(%s::uuid[])", jobs))


# ---------------------------------------------------------------- one and another

def test_it_starts_when_all_have_completed(worker, post, gate):
    script, let_go = gate
    stack, waits = worker.stack, post(script)
    quick = post("true")
    stack.wait_job(quick["jobId"])
    job = post("true", dependsOn=[waits["jobId"], quick["jobId"]])
    assert (job["status"], job["state"]) == ("pending", "pending")
    why = stack.request("GET", f"/api/jobs/{job['jobId']}/explain", user="alice").json()
    assert why["details"]["waitsFor"][0]["jobId"] == waits["jobId"] and len(why["details"]["waitsFor"]) == 1
    let_go()
    done = stack.wait_job(job["jobId"])
    assert done["startedAt"] >= stack.job(waits["jobId"])["completedAt"]
    assert sorted(done["dependsOn"]) == sorted([waits["jobId"], quick["jobId"]])


def test_it_reads_what_became_of_them(worker, post):
    one = post("echo x > output/a.csv; printf '{\"rows\": 5}'")["jobId"]
    job = post("cat $MILLRACE_INPUT_DIR/dependencies.json", dependsOn=[one])
    read = worker.stack.wait_job(job["jobId"])["result"]
    assert read == {one: {"type": "sh", "status": "completed", "result": {"rows": 5},
                          "artifacts": ["a.csv"]}}


def test_what_has_ended_already(worker, post):
    """The answer has the state that the job is in then."""
    good, bad = post("true")["jobId"], post("exit 65")["jobId"]
    for job in good, bad:
        worker.stack.wait_job(job)
    assert post("true", dependsOn=[good])["state"] != "pending"
    assert post("true", dependsOn=[good], delay="1h")["state"] == "scheduled"
    ended = post("true", dependsOn=[good, bad])
    assert (ended["status"], ended["state"]) == ("failed", "discarded")
    key = {"Idempotency-Key": good}
    for _ in range(2):
        answer = worker.stack.request("POST", "/api/jobs", user="alice", headers=key, json={
            "type": "sh", "dependsOn": [bad], "onDependencyFailure": "cancel"})
        assert answer.json()["state"] == "cancelled"


@pytest.mark.parametrize("how", ["exit 65", "cancelled"])
@pytest.mark.parametrize("policy, state, code", [
    (None, "discarded", "dependency_failed"), ("fail", "discarded", "dependency_failed"),
    ("cancel", "cancelled", "dependency_failed"), ("run", "completed", None)])
def test_when_one_has_failed(worker, post, gate, how, policy, state, code):
    script, let_go = gate
    first = post(f"{script}; exit 65")["jobId"]
    rule = {} if policy is None else {"onDependencyFailure": policy}
    job = post("cat input/dependencies.json", dependsOn=[first], **rule)["jobId"]
    after = post("true", dependsOn=[job])["jobId"]
    if how == "cancelled":
        worker.stack.request("DELETE", f"/api/jobs/{first}", user="alice")
    else:
        let_go()
    ended = worker.stack.wait_job(job)
    assert (ended["state"], ended.get("error", {}).get("code")) == (state, code)
    if code:
        assert first in ended["error"]["message"]
    else:
        assert ended["result"][first]["status"] in ("failed", "cancelled")
    # It goes on from there.
    assert worker.stack.wait_job(after)["state"] == ("discarded" if code else "completed")


def test_a_failed_one_and_all_behind_it_are_run_again(worker, post):
    flag = worker.stack.dir / str(uuid.uuid4())
    first = post(f"[ -e {flag} ] || exit 65")["jobId"]
    chain = [first]
    for _ in range(2):
        chain.append(post("true", dependsOn=[chain[-1]])["jobId"])
    for job in chain:
        assert worker.stack.wait_job(job)["state"] == "discarded"
    flag.write_text("")
    for job in chain:
        worker.stack.request("POST", f"/api/jobs/{job}/retry", user="alice")
        assert worker.stack.wait_job(job)["state"] == "completed"


# ---------------------------------------------------------------- graphs

CHAIN = [[] if i == 0 else [i - 1] for i in range(1000)]
FAN = [[] if i == 0 else [0] for i in range(1000)]
GATHER = [[] if i < 999 else list(range(999)) for i in range(1000)]
DIAMONDS = [[] if i == 0 else [i - 1] if i % 3 == 1 else [i - 2] if i % 3 == 2 else [i - 1, i - 2]
            for i in range(1000)]
BACKWARDS = [[i + 1] if i < 999 else [] for i in range(1000)]


@pytest.mark.parametrize("graph", [CHAIN, FAN, GATHER, DIAMONDS, BACKWARDS],
                         ids=["chain", "fan", "gather", "diamonds", "backwards"])
def test_a_graph_of_a_thousand(worker, batch, graph):
    jobs = [{"type": "warm", "ref": f"n{i}", "dependsOn": [f"n{k}" for k in needs]}
            for i, needs in enumerate(graph)]
    made = batch(jobs).json()["jobIds"]
    wait_for(lambda: reached(worker.stack, made) == {"completed": 1000}, 60,
             f"a graph: {reached(worker.stack, made)}")
    began, ended = ({job: seq for job, seq in worker.stack.sql(
        "select job_id::text, seq from millrace.job_event where kind = %s"
        " and job_id = any(%s::uuid[])", kind, made)} for kind in ("job_started", "job_completed"))
    for i, needs in enumerate(graph):
        assert all(ended[made[k]] < began[made[i]] for k in needs)


def test_a_thousand_fall_with_the_first(worker, batch, gate):
    script, let_go = gate
    jobs = [{"type": "sh", "payload": {"sh": f"{script}; exit 65"}, "ref": "n0"}]
    jobs += [{"type": "warm", "ref": f"n{i}", "dependsOn": [f"n{i - 1}"]} for i in range(1, 1000)]
    made = batch(jobs).json()["jobIds"]
    assert reached(worker.stack, made[1:]) == {"pending": 999}
    let_go()
    wait_for(lambda: reached(worker.stack, made) == {"discarded": 1000}, 30)


def test_refs_and_ids_together(worker, post, batch):
    before = post("true")["jobId"]
    made = batch([{"type": "sh", "payload": {"sh": "true"}, "ref": "ä \"1\""},
                  {"type": "sh", "payload": {"sh": "cat input/dependencies.json"},
                   "dependsOn": ["ä \"1\"", before.upper()]}]).json()["jobIds"]
    assert set(worker.stack.wait_job(made[1])["result"]) == {before, made[0]}


@pytest.mark.parametrize("edges, index", [
    ({"a": ["a"]}, {0}), ({"a": ["b"], "b": ["a"]}, {0, 1}),
    ({"a": [], "b": ["a", "d"], "c": ["b"], "d": ["c"]}, {1, 2, 3}),
    # Those that only wait for the circle are not named.
    ({"a": ["b"], "b": ["c"], "c": ["d"], "d": ["c"], "e": []}, {2, 3}),
    ({f"n{i}": [f"n{(i + 1) % 1000}"] for i in range(1000)}, set(range(1000))),
], ids=["itself", "two", "three", "a tail", "a thousand"])
def test_circles_are_refused(worker, batch, edges, index):
    before = worker.value("select count(*) from millrace.job")
    refused = batch([{"type": "warm", "ref": name, "dependsOn": needs}
                     for name, needs in edges.items()], 400)
    assert code_of(refused) == (400, "dependency_cycle")
    details = refused.json()["error"]["details"]
    assert details["index"] in index and details["member"] == "dependsOn"
    assert json.dumps(list(edges)[details["index"]]) in refused.json()["error"]["message"]
    assert worker.value("select count(*) from millrace.job") == before


@pytest.mark.parametrize("jobs, code, index", [
    ([{"ref": "a"}, {"ref": "b"}, {"ref": "a"}], "duplicate_ref", 2),
    ([{"ref": "a"}, {"dependsOn": ["a", "b"]}], "unknown_ref", 1),
    ([{"ref": "a"}, {"dependsOn": [5]}], "invalid_member", 1),
    ([{"ref": ""}], "invalid_member", 0), ([{"ref": "x" * 101}], "invalid_member", 0),
    ([{"ref": "a"}, {"dependsOn": ["a"] * 1001}], "invalid_member", 1),
], ids=lambda value: str(value)[:60])
def test_refs_that_are_wrong(batch, jobs, code, index):
    refused = batch([{"type": "warm", **job} for job in jobs], 400)
    assert code_of(refused) == (400, code)
    assert refused.json()["error"]["details"]["index"] == index


# ---------------------------------------------------------------- races

def test_an_end_while_a_job_is_posted(worker):
    """The end of what a job depends on and its own post, again and again at once:
    whichever comes first, the job runs."""
    stack = worker.stack

    def round_trip(_):
        one = stack.request("POST", "/api/jobs", user="alice", json={"type": "warm"})
        two = stack.request("POST", "/api/jobs", user="alice", json={
            "type": "warm", "dependsOn": [one.json()["jobId"]]})
        three = stack.request("POST", "/api/jobs/batch", user="alice", json={"jobs": [
            {"type": "warm", "dependsOn": [one.json()["jobId"], two.json()["jobId"]]},
            {"type": "warm"}]})
        return [two.json()["jobId"], *three.json()["jobIds"]]

    def client(i):
        return [job for n in range(40) for job in round_trip(n)]
    jobs = [job for made in in_threads(8, client) for job in made]
    wait_for(lambda: reached(stack, jobs) == {"completed": len(jobs)},
             what=f"all of them: {reached(stack, jobs)}")
    wait_for(lambda: worker.value("select count(*) from millrace.dependency_check") == 0)


@pytest.mark.parametrize("policy, state", [("fail", "discarded"), ("run", "completed")])
def test_a_cancel_while_a_job_is_posted(worker, policy, state):
    stack = worker.stack

    def pair(_):
        one = stack.request("POST", "/api/jobs", user="alice",
                            json={"type": "warm", "delay": "1h"}).json()["jobId"]
        ends = in_threads(2, lambda i: stack.request("DELETE", f"/api/jobs/{one}", user="alice")
                          if i == 0 else stack.request("POST", "/api/jobs", user="alice", json={
                              "type": "warm", "dependsOn": [one], "onDependencyFailure": policy}))
        return ends[1].json()["jobId"]
    jobs = [job for made in in_threads(6, lambda i: [pair(n) for n in range(20)]) for job in made]
    wait_for(lambda: reached(stack, jobs) == {state: len(jobs)}, what=f"all {state}")
