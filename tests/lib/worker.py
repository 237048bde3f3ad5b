"""A worker under test: a stack with it, handlers that do as told, jobs for it."""

import contextlib
import glob
import json
import os
import shutil
import signal
import socket
import uuid
from pathlib import Path

from stack import Stack, wait_for

FINAL = ("completed", "discarded", "cancelled")
SETTINGS = {"MILLRACE_KILL_GRACE": "500ms", "MILLRACE_GRACE": "20s",
            "MILLRACE_SLOTS": "4"}

# Runs what the payload says.
SH = """#!/usr/bin/python3
import json, os, sys
os.execv("/bin/sh", ["sh", "-c", json.load(sys.stdin)["sh"]])
"""

# Answers as the payload says; "say" is written as it is.
WARM = """#!/usr/bin/python3 -u
import json, os, sys, time
print("started", os.getpid(), file=sys.stderr)
open(os.environ["HOME"] + "/../started-" + os.environ["MILLRACE_TYPE"], "a").write("x")
for line in sys.stdin:
    job = json.loads(line)
    payload = job["payload"]
    for line in payload.get("say", []):
        print(line.replace("ID", job["id"]), flush=True)
    if "dirs" in payload:
        names = sorted(os.listdir(job["inputDir"]))
        open(job["outputDir"] + "/made.txt", "w").write(",".join(names))
    for line in payload.get("after", []):
        print(line.replace("ID", job["id"]), flush=True)
    if payload.get("warn"):
        print(payload["warn"], file=sys.stderr)
    if payload.get("die"):
        os._exit(3)
    time.sleep(payload.get("sleep", 0))
    if not payload.get("silent"):
        print(json.dumps({"id": job["id"], "result": {"pid": os.getpid(), "members": sorted(job)}}), flush=True)
"""

BROKEN = """#!/bin/sh
echo x >> "$HOME/../broken"
exit 1
"""


def program(name, command="sh-handler", **more):
    return {"type": name, "run": {"kind": "program", "command": [command]},
            "retry": {"initial": "100ms", "jitter": False}, "timeout": "30s", **more}


def process(name, command="warm-handler", run=None, **more):
    return {"type": name, "run": {"kind": "process", "command": [command], **(run or {})},
            "retry": {"initial": "100ms", "jitter": False}, "timeout": "30s", **more}


TYPES = [
    (program("sh"), SH),
    (program("sh.once", maxAttempts=1), None),
    (program("sh.env", run={"kind": "program", "command": ["sh-handler"],
                            "env": {"GREETING": "hello world"}, "cwd": "/tmp"}), None),
    (program("sh.small", limits={"fileSize": "1MB", "files": 32, "memory": "1GB",
                                 "cpu": "60s"}, maxAttempts=1), None),
    (program("missing", "no-such-handler"), None),
    (process("warm", run={"pipeline": 4}), WARM),
    (process("warm.one"), None),
    (process("warm.files", run={"files": True}), None),
    (process("warm.worn", run={"maxJobs": 2}), None),
    (process("warm.three", run={"processes": 3}), None),
    (process("broken", "broken-handler", maxAttempts=100), BROKEN),
]


class Worker:
    """A stack with a worker, and jobs for it."""

    def __init__(self, stack):
        self.stack = stack
        self.sql, self.value = stack.sql, stack.value
        self.data = stack.dir / "data"

    def ring(self):
        """What the API does when it has stored a job."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
            for path in glob.glob(f"{self.stack.dir}/run/bell/jobs.*"):
                with contextlib.suppress(OSError):
                    bell.sendto(b"!", path)

    def enqueue(self, type_, payload, ring=True, **options):
        job = self.value("select millrace.enqueue(%s, %s, %s)::text", type_,
                         json.dumps(payload), json.dumps(options))
        if ring:
            self.ring()
        return job

    def sh(self, script, type_="sh", **options):
        return self.enqueue(type_, {"sh": script}, **options)

    def job(self, job):
        names = ("state", "attempt", "result", "error", "progress", "message")
        rows = self.sql(f"select {', '.join(names)} from millrace.job_info where id = %s", job)
        return dict(zip(names, rows[0]))

    def wait(self, job, *states, seconds=60):
        states = states or FINAL

        def there():
            found = self.job(job)
            return found if found["state"] in states else None
        try:
            return wait_for(there, seconds, f"{job} in {states}")
        except AssertionError as late:
            raise AssertionError(f"{late}: {self.job(job)}\n{self.tail()}") from None

    def run(self, script, type_="sh", **options):
        return self.wait(self.sh(script, type_, **options))

    def left(self, job):
        """Attempts that a job still has."""
        return self.value("select max_attempts - attempt from millrace.job_info where id = %s", job)

    def log(self, job):
        return [line for (line,) in self.sql(
            "select line from millrace.job_log where job_id = %s order by seq", job)]

    def events(self, job):
        return [kind for (kind,) in self.sql(
            "select kind::text from millrace.job_event where job_id = %s order by seq", job)]

    def artifacts(self, job):
        return self.sql("select name, size, content_type, sha256 from millrace.artifact"
                        " where job_id = %s order by name", job)

    def store(self, job, attempt=1):
        return self.data / "artifacts" / job[-2:] / job / str(attempt)

    def handler(self, job):
        """The pid of the program that runs a job now."""
        mark = f"MILLRACE_JOB_ID={job}".encode()
        for path in glob.glob("/proc/[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if mark in Path(path).read_bytes().split(b"\0"):
                    return int(path.split("/")[2])
        return None

    def kill_handler(self, job):
        os.kill(wait_for(lambda: self.handler(job)), signal.SIGKILL)

    def tail(self):
        return "".join(self.stack.log("worker").splitlines(True)[-30:])

    def facts(self, msg, job=None):
        return [line for line in self.stack.log("worker").splitlines()
                if f"msg={msg}" in line and (job is None or job in line)]


def enqueue_many(worker, type_, count, payload):
    jobs = [job for (job,) in worker.sql(
        "select millrace.enqueue(%s, %s, '{}')::text from generate_series(1, %s)",
        type_, json.dumps(payload), count)]
    worker.ring()
    return jobs


def wait_all(worker, jobs, seconds=60):
    wait_for(lambda: worker.value("select count(*) from millrace.done where id = any (%s::uuid[])",
                                  jobs) == len(jobs), seconds, "all ended")


@contextlib.contextmanager
def worker_stack(types=TYPES, **settings):
    """`types` are pairs of a description and its handler, or None."""
    with Stack("postgres", **{**SETTINGS, **settings}) as stack:
        shutil.rmtree(stack.dir / "types.d")
        (stack.dir / "types.d").mkdir()
        for spec, script in types:
            stack.add_type(spec, script)
        for path in (stack.dir / "bin").iterdir():
            path.chmod(0o755)
        for folder in ("types.d", "bin"):
            (stack.dir / folder).chmod(0o755)
        stack.start("worker")
        yield Worker(stack)
        stack.stop("worker")
        assert "Sanitizer" not in stack.log("worker")


def exists(pid):
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
    except OSError:
        return False


def put_file(worker, name, content):
    file = str(uuid.uuid4())
    path = worker.data / "files" / file[-2:] / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    shutil.chown(worker.data / "files", "postgres") if os.geteuid() == 0 else None
    for part in (path.parent, path):
        if os.geteuid() == 0:
            shutil.chown(part, "postgres")
    worker.sql("insert into millrace.file (id, owner, name, size, content_type, sha256)"
               " values (%s, 'me', %s, %s, 'text/plain', 'x')", file, name, len(content))
    return file
