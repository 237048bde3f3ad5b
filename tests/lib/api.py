"""What the tests of millrace-api have in common."""

import contextlib
import threading

from stack import Stack

TYPE = "tried"
BULK = "bulk"       # of jobs that nobody claims


@contextlib.contextmanager
def api_stack(**settings):
    with Stack("postgres", "api", "nginx", **settings) as running:
        running.sql("insert into millrace.job_type (type, description, retry) "
                    "values (%s, 'for tests', '{\"max\": \"1h\"}'), (%s, '', null)", TYPE, BULK)
        yield running
        assert "Sanitizer" not in running.log("api") + running.log("api2")


def socket_of(stack, name="api"):
    return stack.dir / "run" / f"{name}.sock"


def bearer(stack, user="alice"):
    return {"Authorization": f"Bearer {stack.token(user)}"}


def post(stack, user="alice", **members):
    """A new job's id."""
    return stack.post_job(TYPE, {"n": 1}, user=user, **members)


def listed(stack, query="", user="bob"):
    answer = stack.request("GET", f"/api/jobs{query}", user=user)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(body):
    return [job["jobId"] for job in body["jobs"]]


def code_of(answer):
    """Status and code of a failure."""
    return answer.status_code, answer.json()["error"]["code"]


def in_threads(count, work):
    """What work(0), work(1), ... gave, called at once."""
    results = [None] * count

    def one(i):
        results[i] = work(i)
    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
