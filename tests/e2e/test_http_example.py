"""doc/examples/ship-order.php: a web page that jobs of the kind http are sent to."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from extra_server import answers  # noqa: E402
from stack import TOP, Stack, free_port, wait_for  # noqa: E402

EXAMPLES = TOP / "doc" / "examples"


@pytest.fixture(scope="module")
def page(stack):
    """The page by PHP's own web server."""
    port = free_port()
    with tempfile.TemporaryDirectory() as temp:
        server = subprocess.Popen(
            ["php", "-d", f"sys_temp_dir={temp}", "-S", f"127.0.0.1:{port}",
             EXAMPLES / "ship-order.php"],
            env={**os.environ, "SHIP_ORDER_SECRET": str(stack.dir / "page.secret")},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: answers(port))
            yield f"http://127.0.0.1:{port}/", Path(temp)
        finally:
            server.kill()
            server.wait()


@pytest.fixture(scope="module")
def stack():
    with Stack("postgres", "api", "nginx") as stack:
        for name in ("page.secret", "worker.secret"):
            (stack.dir / name).write_text("a secret of the example\n")
            (stack.dir / name).chmod(0o644)
        yield stack


@pytest.fixture(scope="module", autouse=True)
def worker(stack, page):
    spec = json.loads((EXAMPLES / "ship-order.json").read_text())
    spec["run"].update(url=page[0], secretFile=str(stack.dir / "worker.secret"),
                       allow=["127.0.0.0/8"])
    stack.add_type(spec)
    stack.start("worker")
    wait_for(lambda: stack.value("select count(*) from millrace.job_type where type = 'ship-order'"))


def ship(stack, payload):
    job = stack.post_job("ship-order", payload)
    return stack.wait_job(job)


def log_of(stack, job):
    logs = stack.request("GET", f"/api/jobs/{job['jobId']}/logs").json()["logs"]
    return [line["line"] for line in logs]


def test_an_order_is_shipped(stack):
    job = ship(stack, {"order": 7})
    assert job["result"] == {"order": 7, "shipped": True}
    assert job["message"] == "handed over"
    assert log_of(stack, job) == ["order 7 is packed", "order 7 is handed over"]


def test_what_was_done_is_not_done_again(stack, page):
    job = ship(stack, {"order": 8})
    assert (page[1] / f"shipped-{job['jobId']}").exists()
    stack.sql("update millrace.done set state = 'discarded' where id = %s", job["jobId"])
    assert stack.request("POST", f"/api/jobs/{job['jobId']}/retry").status_code == 202
    again = stack.wait_job(job["jobId"])
    assert (again["result"], again["attempt"]) == ({"order": 8, "shipped": True}, 2)
    assert len(log_of(stack, again)) == 2


def test_a_wrong_order_fails_for_good(stack):
    job = ship(stack, {"order": "seven"})
    assert (job["error"]["code"], job["error"]["message"], job["attempt"]) == \
        ("http_422", "payload.order must be a number", 1)


def test_another_secret_is_found_out(stack):
    secret = stack.dir / "page.secret"
    kept = secret.read_text()
    secret.write_text("another secret\n")
    job = ship(stack, {"order": 9})
    secret.write_text(kept)
    assert (job["error"]["code"], job["error"]["message"]) == \
        ("http_401", "the signature is not ours")
