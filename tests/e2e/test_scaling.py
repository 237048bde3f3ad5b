"""More than one millrace-api behind nginx: killed, restarted one after the other,
started again on a socket that stays; and as plain CGI."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import TYPE, api_stack, bearer, code_of, in_threads  # noqa: E402
from extra_server import (AS_USER, answers, folder_of,  # noqa: E402
                          plain_nginx, server)
from load import Load  # noqa: E402
from stack import assert_prompt, free_port, wait_for  # noqa: E402

THREADS = 16
BODY = {"type": TYPE, "payload": {"to": "somebody"}}


def add_api(stack, *names):
    """Tell nginx of more sockets."""
    stack.environment["MORE_API"] = " ".join(
        f"server unix:{stack.dir}/run/{name}.sock max_fails=0;" for name in names)
    stack.script("init")
    stack.restart("nginx")


@pytest.fixture(scope="module")
def stack():
    with api_stack() as running:
        running.token("alice")
        running.start("api2")
        add_api(running, "api2")
        yield running


def load(stack, **more):
    return Load(stack.url, bearer(stack), BODY, threads=THREADS, **more)


def assert_each_once(stack, tries):
    """Each of these was answered with a job of its own, which is there."""
    jobs = {one.job for one in tries}
    assert len(jobs) == len(tries)
    stored = {row[0] for row in stack.sql("select id::text from millrace.job")}
    assert jobs <= stored


def stored_by_key(stack):
    """How many jobs there are, and how many keys: each key has stored one."""
    return stack.sql("select (select count(*) from millrace.job), "
                     "(select count(*) from millrace.idempotency)")[0]


# ---------------------------------------------------------------- two of them

def kill_and_start(stack, name):
    """The time by which it was dead."""
    stack.kill(name)
    dead = time.monotonic()
    (stack.dir / "pid" / name).unlink()
    return dead


@pytest.mark.parametrize("name", ["api", "api2"])
def test_a_kill_fails_only_what_had_reached_it(stack, name):
    jobs, keys = stored_by_key(stack)
    with load(stack) as posts:
        dead = kill_and_start(stack, name)
        posts.wait_more(500)                # the other one serves alone
        stack.start(name)
        posts.wait_more(500)
    failed = posts.failed
    # What was under way, or went out on a kept connection just when it was cut.
    assert len(failed) <= 2 * THREADS, [one.body for one in failed]
    assert {one.status for one in failed} <= {502}
    assert all(one.began < dead + 0.25 for one in failed)

    repeated = posts.again(failed)
    assert all(one.status == 202 for one in repeated)
    assert_each_once(stack, posts.accepted + repeated)
    now_jobs, now_keys = stored_by_key(stack)
    assert now_jobs - jobs == now_keys - keys == len(posts.accepted) + len(repeated)


def test_a_rolling_restart_fails_nothing(stack):
    with load(stack) as posts:
        for name in "api", "api2":
            stack.restart(name)
            posts.wait_more(200)
    assert not posts.failed, posts.failed[:3]
    assert_each_once(stack, posts.accepted)
    assert "gave up" not in stack.log("api") + stack.log("api2")


def test_uploads_and_waiting_requests_outlive_a_rolling_restart(stack):
    def upload(n):
        return stack.request("POST", f"/api/files?name={n}", user="alice",
                             data=os.urandom(2_000_000)).status_code

    def wait(_):
        return stack.request("POST", "/api/jobs", user="alice", json=BODY,
                             headers={"Prefer": "wait=3"}).status_code
    ended = []
    busy = [threading.Thread(target=lambda work=work: ended.extend(in_threads(8, work)))
            for work in (upload, wait)]
    for thread in busy:
        thread.start()
    for name in "api", "api2":
        stack.restart(name)
    for thread in busy:
        thread.join()
    assert sorted(ended) == [201] * 8 + [202] * 8


def test_32_clients_with_one_key_make_one_job(stack):
    jobs, keys = stored_by_key(stack)
    posted = in_threads(32, lambda _: stack.request(
        "POST", "/api/jobs", user="alice", json=BODY, headers={"Idempotency-Key": "the-same"}))
    assert {answer.status_code for answer in posted} == {202}
    assert len({answer.json()["jobId"] for answer in posted}) == 1
    now_jobs, now_keys = stored_by_key(stack)
    assert (now_jobs - jobs, now_keys - keys) == (1, 1)
    other = stack.request("POST", "/api/jobs", user="alice", json={"type": TYPE, "payload": 2},
                          headers={"Idempotency-Key": "the-same"})
    assert code_of(other) == (422, "idempotency_key_reused"), other.text


def test_both_are_used(stack):
    with load(stack) as posts:
        posts.wait_more(300)
    ticks = {}
    for name in "api", "api2":
        fields = Path(f"/proc/{stack.pid(name)}/stat").read_text().rsplit(")", 1)[1].split()
        ticks[name] = int(fields[11]) + int(fields[12])
    assert min(ticks.values()) > 0, ticks


# ---------------------------------------------------------------- a socket that stays

LAUNCH = ("import os, sys; os.dup2(int(sys.argv[1]), 3); "
          "os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid())); "
          "os.execv(sys.argv[2], sys.argv[2:])")


def minds_the_end(pid):
    """Whether SIGTERM would not simply end it: systemd stops nothing before it is ready."""
    status = Path(f"/proc/{pid}/status").read_text()
    masks = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigBlk", "SigCgt"))]
    return any(mask >> (signal.SIGTERM - 1) & 1 for mask in masks)


class Unit:
    """A socket held as systemd holds it, and the services started on it."""

    def __init__(self, stack, path):
        self.stack = stack
        self.socket = socket.socket(socket.AF_UNIX)
        path.unlink(missing_ok=True)
        self.socket.bind(str(path))
        path.chmod(0o666)
        self.socket.listen(1024)
        self.services = []

    def start(self):
        fd = self.socket.fileno()
        with open(self.stack.dir / "log" / "unit.log", "ab") as log:
            self.services.append(subprocess.Popen(
                [*AS_USER, sys.executable, "-c", LAUNCH, str(fd), self.stack.dir / "bin/millrace-api"],
                env={**self.stack.environment, **self.stack.env}, pass_fds=[fd], stdout=log,
                stderr=log))
        wait_for(lambda: minds_the_end(self.services[-1].pid))
        return self.services[-1]

    def stop(self, service):
        service.terminate()
        assert service.wait(30) == 0
        self.services.remove(service)

    def close(self):
        for service in self.services[:]:
            self.stop(service)
        self.socket.close()


@pytest.fixture
def unit(stack):
    stack.stop("api", "api2")
    unit = Unit(stack, stack.dir / "run" / "api.sock")
    yield unit
    unit.close()
    stack.start("api", "api2")


def test_a_socket_that_stays_loses_no_request(unit):
    """systemctl restart millrace-api: stopped, then started; requests wait."""
    service = unit.start()
    with load(unit.stack) as posts:
        for _ in range(3):
            unit.stop(service)
            service = unit.start()
            posts.wait_more(200)
    assert not posts.failed, posts.failed[:3]
    assert_each_once(unit.stack, posts.accepted)


def test_services_share_a_socket(unit):
    """millrace-api@2 beside millrace-api, one restarted after the other, one killed."""
    services = [unit.start(), unit.start()]
    with load(unit.stack) as posts:
        for service in services:
            unit.stop(service)
            unit.start()
            posts.wait_more(200)
        assert not posts.failed, posts.failed[:3]
        killed = unit.services.pop()
        killed.kill()
        killed.wait()
        posts.wait_more(200)
    assert len(posts.failed) <= 2 * THREADS and {one.status for one in posts.failed} <= {502}
    repeated = posts.again(posts.failed)
    assert_each_once(unit.stack, posts.accepted + repeated)
    assert_prompt([one.ended - one.began for one in posts.accepted], 0.5)


# ---------------------------------------------------------------- plain CGI

@pytest.fixture
def worker(stack):
    stack.add_type({"type": "made", "run": {"kind": "program", "command": ["made"]}},
                   "#!/bin/sh\nhead -c 300000 /dev/zero > $MILLRACE_OUTPUT_DIR/zeros.bin\n")
    stack.start("worker")
    wait_for(lambda: stack.sql("select 1 from millrace.job_type where type = 'made'"))
    yield
    stack.stop("worker")


@contextlib.contextmanager
def by_fcgiwrap(stack):
    path = folder_of(stack, "wrap") / "fcgi.sock"
    with server(["/usr/sbin/fcgiwrap", "-c", "4", "-s", f"unix:{path}"], path.exists,
                env={**stack.environment, **stack.env}):
        with plain_nginx(stack, f"""
                client_max_body_size 10m;
                location /api/ {{
                    include /etc/nginx/fastcgi_params;
                    fastcgi_param SCRIPT_FILENAME {stack.dir}/bin/millrace-api;
                    fastcgi_pass unix:{path};
                }}""") as url:
            yield url
    path.unlink(missing_ok=True)


@contextlib.contextmanager
def by_apache(stack):
    modules = Path("/usr/lib/apache2/modules")
    if not shutil.which("apache2") or not (modules / "mod_cgi.so").exists():
        pytest.skip("no Apache (Debian package apache2-bin)")
    port, folder = free_port(), folder_of(stack, "apache")
    loaded = "\n".join(f"LoadModule {name}_module {modules}/mod_{name}.so" for name in
                       ("mpm_prefork", "authz_core", "alias", "env", "cgi"))
    passed = " ".join(stack.env)
    (folder / "apache.conf").write_text(f"""
        ServerRoot {folder}
        ServerName localhost
        Listen 127.0.0.1:{port}
        PidFile {folder}/apache.pid
        DefaultRuntimeDir {folder}
        ErrorLog {folder}/error.log
        {loaded}
        PassEnv {passed}
        ScriptAlias /api {stack.dir}/bin/millrace-api
        <Directory {stack.dir}/bin>
            CGIPassAuth On
            Require all granted
        </Directory>""")
    with server(["/usr/sbin/apache2", "-DFOREGROUND", "-f", folder / "apache.conf"],
                lambda: answers(port), env={**stack.environment, **stack.env}):
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("served", [by_fcgiwrap, by_apache])
def test_as_cgi_it_answers_each_request(stack, worker, served):
    with served(stack) as url:
        def ask(method, path, **more):
            return requests.request(method, url + path, headers=bearer(stack), timeout=30, **more)
        posted = ask("POST", "/api/jobs", json={"type": "made"})
        assert posted.status_code == 202, posted.text
        own = f"/api/jobs/{posted.json()['jobId']}"
        assert posted.headers["Location"] == own
        wait_for(lambda: ask("GET", own + "/status").json()["state"] == "completed")
        assert ask("GET", own).json()["artifacts"][0]["size"] == 300000
        made = ask("GET", own + "/artifacts/zeros.bin")
        assert made.content == bytes(300000)
        assert made.headers["Content-Disposition"].startswith("attachment")

        file = ask("POST", "/api/files?name=a.csv", data=b"a,b\n" * 100_000)
        assert (file.status_code, file.json()["files"][0]["size"]) == (201, 400_000)

        assert code_of(ask("GET", own[:-1] + "/x")) == (404, "no_such_route")
        assert code_of(ask("GET", "/api/jobs/00000000-0000-7000-8000-000000000000")) == (
            404, "job_not_found")
        assert code_of(ask("POST", "/api/jobs", data="{")) in (
            (400, "invalid_json"), (415, "unsupported_media_type"))
        assert code_of(ask("PUT", own)) == (405, "method_not_allowed")
        assert requests.get(url + own, timeout=30).status_code == 401
