"""A private Millrace for tests: build-aux/stack with a Python face.

    with Stack("postgres", "api", "nginx") as stack:
        stack.sql("select 1")
        answer = stack.request("POST", "/api/jobs", json={...})

Everything lies in a fresh folder under the system's temporary folder and is
gone afterwards. `top_builddir` names the build to test (default: ./build).
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import psycopg2
import requests

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("top_builddir", TOP / "build")).resolve()
SCRIPT = TOP / "build-aux" / "stack"


def wait_for(condition, seconds=60, what=None):
    """Ask again until the condition is true; its value is returned."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not: {what or condition}")
        time.sleep(0.01)


def assert_prompt(took, below, percent=50):
    """Most of some times are short: a machine that stands still now and then makes a few of
    them long, what waits for a timer makes all of them so."""
    took = sorted(took)
    assert took[len(took) * percent // 100] < below, took


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def psql(url, *statements):
    """What they print; each is a transaction of its own, several in one text too."""
    words = [word for statement in statements for word in ("-c", statement)]
    done = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", url, *words],
                          check=True, capture_output=True, text=True, timeout=300)
    return done.stdout.strip()


@contextlib.contextmanager
def open_folder():
    """A folder that the stack's user can write to as well; pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="mr-", dir="/tmp") as name:
        path = Path(name)
        path.chmod(0o777)
        yield path


class Stack:
    """The parts named are started; further ones by start()."""

    def __init__(self, *parts, **settings):
        self.dir = Path(tempfile.mkdtemp(prefix="mr-", dir="/tmp"))
        self.environment = {**os.environ, "MILLRACE_BUILD": str(BUILD),
                            "STACK_FSYNC": "off", "RATE": "100000r/s",
                            "BURST": "100000", **settings}
        self.parts = parts
        self._tokens = {}

    def __enter__(self):
        try:
            self.script("init")
            self.env = self._read_env()
            self.start(*self.parts)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if (self.dir / "env").exists():
            self.script("down", check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def script(self, *words, check=True):
        done = subprocess.run([SCRIPT, self.dir, *words], env=self.environment,
                              capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise AssertionError(f"stack {' '.join(words)}: {done.stderr}{done.stdout}")
        return done.stdout

    def _read_env(self):
        lines = (self.dir / "env").read_text().splitlines()
        pairs = (line.split("=", 1) for line in lines)
        return {name: value.strip("'") for name, value in pairs}

    # ------------------------------------------------------------ parts

    def start(self, *parts, **settings):
        kept = self.environment
        self.environment = {**kept, **settings}
        try:
            if parts:
                self.script("start", *parts)
        finally:
            self.environment = kept

    def stop(self, *parts):
        self.script("stop", *parts)

    def gate(self):
        """A line of a script that waits, and the file that lets it go on."""
        path = self.dir / f"gate-{uuid.uuid4()}"
        return f"until [ -e {path} ]; do sleep 0.02; done", path

    def restart(self, *parts):
        self.stop(*parts)
        self.start(*parts)

    def kill(self, *parts):
        self.script("kill", *parts)

    def pid(self, part):
        return int((self.dir / "pid" / part).read_text())

    def signal(self, part, number=signal.SIGTERM):
        os.kill(self.pid(part), number)

    def log(self, part):
        path = self.dir / "log" / f"{part}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def rss_kb(self, part):
        status = Path(f"/proc/{self.pid(part)}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def add_type(self, spec, script=None):
        """A job type; `script` becomes its handler in the handler folder."""
        import json
        (self.dir / "types.d" / f"{spec['type']}.json").write_text(json.dumps(spec))
        if script is not None:
            path = self.dir / "bin" / spec["run"]["command"][0]
            path.write_text(script)
            path.chmod(0o755)

    # ------------------------------------------------------------ database

    @property
    def database_url(self):
        return self.env["DATABASE_URL"]

    def connect(self, autocommit=True):
        connection = psycopg2.connect(self.database_url)
        connection.autocommit = autocommit
        return connection

    def sql(self, statement, *args):
        """Rows of one statement."""
        with contextlib.closing(self.connect()) as connection:
            with connection.cursor() as cursor:
                cursor.execute(statement, args)
                return cursor.fetchall() if cursor.description else None

    def value(self, statement, *args):
        return self.sql(statement, *args)[0][0]

    # ------------------------------------------------------------ HTTP

    @property
    def url(self):
        return self.env["MILLRACE_URL"]

    def token(self, user="admin", role=None):
        """A token of that user; made once. admin is an admin."""
        if user not in self._tokens:
            words = [self.dir / "bin" / "millrace", "token", "create", "--user", user]
            if (role or ("admin" if user == "admin" else "user")) == "admin":
                words.append("--admin")
            self._tokens[user] = subprocess.run(
                words, env={**self.environment, **self.env}, check=True,
                capture_output=True, text=True).stdout.strip()
        return self._tokens[user]

    def request(self, method, path, user="admin", headers=None, **more):
        """An HTTP request through nginx; user None sends no token."""
        headers = dict(headers or {})
        if user is not None:
            headers.setdefault("Authorization", f"Bearer {self.token(user)}")
        more.setdefault("timeout", 70)
        return requests.request(method, self.url + path, headers=headers, **more)

    def post_job(self, type_, payload=None, user="admin", **members):
        answer = self.request("POST", "/api/jobs", user=user,
                              json={"type": type_, "payload": payload, **members})
        assert answer.status_code == 202, answer.text
        return answer.json()["jobId"]

    def job(self, job_id, user="admin"):
        return self.request("GET", f"/api/jobs/{job_id}", user=user).json()

    def wait_job(self, job_id, *states, seconds=60, user="admin"):
        """Wait until a job is in one of these states (default: a final one)."""
        wanted = states or ("completed", "discarded", "cancelled")

        def ended():
            job = self.job(job_id, user)
            return job if job.get("state") in wanted else None
        return wait_for(ended, seconds, f"job {job_id} in {wanted}")
