"""The kind http over TLS: certificates, HTTP/2, connections that are shared."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from tls_server import TlsServer  # noqa: E402
from web_server import WebServer  # noqa: E402
from worker import enqueue_many, wait_all, worker_stack  # noqa: E402


def https(name, url, **run):
    return {"type": name, "maxAttempts": 1, "timeout": "30s",
            "run": {"kind": "http", "url": url, "secret": "a secret of the tests",
                    "allow": ["127.0.0.0/8", "::1"], **run}}


@pytest.fixture(scope="module")
def server():
    with WebServer() as server:
        yield server


@pytest.fixture(scope="module")
def tls(server):
    with TlsServer(server) as tls:
        yield tls


@pytest.fixture(scope="module")
def worker(tls):
    ca = str(tls.ca)
    types = [
        https("good", tls.url("good"), caFile=ca),
        https("http1", tls.url("http1"), caFile=ca),
        https("unknown", tls.url("good")),
        https("expired", tls.url("expired"), caFile=ca),
        https("other", tls.url("other"), caFile=ca),
        https("address", tls.url("good", "127.0.0.1"), caFile=ca),
        https("plain", tls.url("good").replace("https:", "http:"), caFile=ca),
        https("no.tls", server_url_as_https(tls), caFile=ca),
        https("no.ca", tls.url("good"), caFile="/no/such/file"),
        https("guarded", tls.url("good"), caFile=ca, allow=[]),
    ]
    with worker_stack([(spec, None) for spec in types], MILLRACE_SLOTS="1") as worker:
        yield worker


def server_url_as_https(tls):
    text = (tls.dir / "nginx.conf").read_text()
    return "https" + text.split("proxy_pass http")[1].split(";")[0]


def test_http2_is_spoken(worker, tls, server):
    job = worker.enqueue("good", {"result": {"a": 1}})
    assert worker.wait(job)["result"] == {"a": 1}
    assert [proto for proto, _ in tls.log(job)] == ["HTTP/2.0"]
    assert server.of(job)[0].headers["Millrace-Signature"].startswith("v1=")


def test_many_share_a_connection(worker, tls, server):
    before = len(tls.log())
    jobs = enqueue_many(worker, "good", 100, {"held": True, "result": 1})
    server.answer_when(100)
    wait_all(worker, jobs)
    connections = {connection for _, connection in tls.log()[before:]}
    assert len(connections) == 1


def test_a_server_without_http2_is_served_too(worker, tls, server):
    before = len(tls.log())
    jobs = enqueue_many(worker, "http1", 50, {"held": True, "result": 1})
    server.answer_when(50)
    wait_all(worker, jobs)
    protocols = {proto for proto, _ in tls.log()[before:]}
    assert protocols == {"HTTP/1.1"}
    # Those that are there are used again, one after the other.
    again = enqueue_many(worker, "http1", 20, {"result": 1})
    wait_all(worker, again)
    assert len({connection for _, connection in tls.log()[before:]}) == 50


@pytest.mark.parametrize("type_", ["unknown", "expired", "other", "no.tls", "no.ca"])
def test_a_certificate_that_is_not_good_is_refused(worker, server, type_):
    before = len(server.requests)
    found = worker.wait(worker.enqueue(type_, {"result": 1}))
    assert (found["state"], found["error"]["code"]) == ("discarded", "tls_failed"), found["error"]
    assert len(server.requests) == before


def test_an_address_may_be_in_the_certificate(worker):
    assert worker.wait(worker.enqueue("address", {"result": 1}))["state"] == "completed"


def test_plain_http_to_a_tls_port_is_a_bad_request(worker):
    assert worker.wait(worker.enqueue("plain", {}))["error"]["code"] == "http_400"


def test_the_guard_holds_over_tls(worker):
    assert worker.wait(worker.enqueue("guarded", {}))["error"]["code"] == "address_refused"
