"""Whom millrace-api trusts when another program starts it for one request."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import api_stack, bearer, socket_of  # noqa: E402
from fcgi import Connection  # noqa: E402


@pytest.fixture(scope="module", name="stack")
def _stack():
    with api_stack() as running:
        yield running


def cgi(stack, *words, **variables):
    """As its parent, without anything that a web server would set."""
    environment = {**stack.env, "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET",
                   "REQUEST_URI": "/api/session", "QUERY_STRING": "",
                   "MILLRACE_TRUST": f"{os.getpid()}:tess", **variables}
    environment = {name: value for name, value in environment.items() if value is not None}
    done = subprocess.run([stack.dir / "bin" / "millrace-api", *words], env=environment,
                          capture_output=True, check=True, timeout=30)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(content)


def test_its_parent_says_who_asks(stack):
    status, body = cgi(stack)
    assert (status, body["user"], body["role"]) == (200, "tess", "admin")


def test_without_a_word_nobody_is_trusted(stack):
    assert cgi(stack, MILLRACE_TRUST=None)[1]["error"]["code"] == "missing_token"


@pytest.mark.parametrize("text", ["", ":", "tess", ":tess", "1:tess", "0:tess", "-1:tess",
                                  f"{os.getppid()}:tess", f"{os.getpid()}", f"{os.getpid()}:",
                                  f"{os.getpid()} tess", f"{os.getpid()}:a\nb",
                                  f"{os.getpid()}:{'x' * 401}"])
def test_only_the_parent_itself_is_believed(stack, text):
    assert cgi(stack, MILLRACE_TRUST=text)[1]["error"]["code"] == "missing_token"


@pytest.mark.parametrize("name", ["SERVER_SOFTWARE", "SERVER_NAME", "SERVER_PROTOCOL",
                                  "REMOTE_ADDR", "REMOTE_PORT", "REMOTE_USER", "SCRIPT_NAME",
                                  "SCRIPT_FILENAME", "PATH_INFO", "DOCUMENT_ROOT", "HTTP_HOST",
                                  "AUTH_TYPE", "REDIRECT_STATUS"])
def test_a_web_server_is_not_believed(stack, name):
    """Not even one that has it in its settings, and knows its own pid."""
    assert cgi(stack, **{name: ""})[1]["error"]["code"] == "missing_token"
    assert cgi(stack, **{name: "x"})[1]["error"]["code"] == "missing_token"


def test_a_token_does_not_come_into_it(stack):
    """Whoever is not trusted is who his token says."""
    authorization = bearer(stack, "alice")["Authorization"]
    status, body = cgi(stack, SERVER_SOFTWARE="x", HTTP_AUTHORIZATION=authorization)
    assert (status, body["user"], body["role"]) == (200, "alice", "user")


def test_a_header_cannot_fake_it(stack):
    """What a client sends comes as HTTP_*, or, by an old rule, as arguments."""
    text = f"{os.getpid()}:tess"
    for variables in ({"HTTP_MILLRACE_TRUST": text}, {"HTTP_TRUST": text}):
        answer = cgi(stack, MILLRACE_TRUST=None, **variables)
        assert answer[1]["error"]["code"] == "missing_token"
    answer = cgi(stack, f"MILLRACE_TRUST={text}", MILLRACE_TRUST=None)
    assert answer[1]["error"]["code"] == "missing_token"


@pytest.mark.parametrize("header", ["MILLRACE_TRUST", "MILLRACE-TRUST", "Millrace-Trust"])
def test_nor_can_one_through_nginx(stack, header):
    for pid in (stack.pid("api"), stack.pid("nginx"), os.getpid(), 1):
        answer = stack.request("GET", "/api/session", user=None, headers={header: f"{pid}:tess"})
        assert answer.status_code == 401


def test_the_daemon_does_not_look_at_it(stack):
    """Neither as a parameter of FastCGI nor in its own environment."""
    parents = [os.getpid(), stack.pid("api"), 1]
    with Connection(socket_of(stack)) as fcgi:
        for pid in parents:
            answer = fcgi.request("GET", "/api/session", MILLRACE_TRUST=f"{pid}:tess")
            assert (answer.status, answer.code) == (401, "missing_token")
    stack.start("api2", MILLRACE_TRUST=f"{os.getpid()}:tess")
    try:
        with Connection(socket_of(stack, "api2")) as fcgi:
            assert fcgi.request("GET", "/api/session").status == 401
    finally:
        stack.stop("api2")
