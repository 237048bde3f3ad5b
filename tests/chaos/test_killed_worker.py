"""kill -9 of millrace-worker while jobs run: nothing of them survives, and they run
again, soon on the same host and without much delay by another worker."""

import os
import random
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import bearer  # noqa: E402
from processes import with_word  # noqa: E402
from sse import Follower, seqs  # noqa: E402
from stack import Stack, assert_prompt, wait_for  # noqa: E402

# The first attempt never ends, and has its mark in each of its processes: one
# beside the main one, one in a session of its own, one that has lost its parent
# and takes no SIGTERM.
TREE = """#!/bin/sh
mark=$(jq -r .mark)
[ "$MILLRACE_ATTEMPT" -eq 1 ] || { echo '"again"'; exit; }
sleep "$mark" &
setsid sleep "$mark" &
sh -c "trap '' TERM HUP; setsid sleep $mark & sleep $mark" &
echo '{"progress": 10}' >&3
exec sleep "$mark"
"""

WARM = """#!/usr/bin/python3
import json, subprocess, sys
for line in sys.stdin:
    job = json.loads(line)
    if job["attempt"] == 1:
        print(json.dumps({"id": job["id"], "progress": 10}), flush=True)
        subprocess.run(["sleep", job["payload"]["mark"]], start_new_session=True)
    print(json.dumps({"id": job["id"], "result": "again"}), flush=True)
"""

TYPES = ("tree", "warm")


@pytest.fixture(scope="module")
def stack():
    with Stack("postgres", "api", "stream", "nginx") as running:
        for kind, name, script in ("program", "tree", TREE), ("process", "warm", WARM):
            running.add_type({"type": name, "run": {"kind": kind, "command": [name]},
                              "maxAttempts": 2}, script)
        running.start("worker")
        wait_for(lambda: running.value("select count(*) from millrace.job_type where type = 'tree'"))
        yield running


class Jobs:
    """One of each type, at work and watched."""

    def __init__(self, stack):
        self.stack = stack
        self.mark = f"86400.{random.randrange(10**12):012}"
        self.ids = [stack.post_job(type_, {"mark": self.mark}, user="alice") for type_ in TYPES]
        self.followers = [Follower(stack.url, f"/api/jobs/{job}/events", bearer(stack))
                          for job in self.ids]
        for follower in self.followers:
            wait_for(lambda: any(e.data["progress"] == 10 for e in follower.events))  # noqa: B023
        wait_for(lambda: len(with_word(self.mark)) >= 5, what="all its processes run")

    def assert_gone(self):
        wait_for(lambda: not with_word(self.mark), what="nothing of the handlers is left")

    def assert_ran_again(self):
        """When the second attempts began."""
        began = []
        for job, follower in zip(self.ids, self.followers):
            events = follower.finish()
            assert seqs(events) == sorted(set(seqs(events)))
            again, = (e for e in events if e.data["type"] == "job_started"
                      and e.data["attempt"] == 2)
            assert events[-1].data["result"] == "again"
            ended = self.stack.job(job, user="alice")
            assert (ended["state"], ended["attempt"]) == ("completed", 2)
            began.append(datetime.fromisoformat(again.data["at"]).timestamp())
        return began


def started_at(pid):
    """When a process began, by the clock on the wall."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def test_an_idle_worker_is_not_taken_for_dead_and_stops_at_once(stack):
    """Its pulse goes on when nothing else happens."""
    stack.wait_job(stack.post_job("noop", user="alice"), user="alice")
    end = time.monotonic() + 5
    while time.monotonic() < end:
        age = stack.value("select extract(epoch from now() - seen_at)::float8 from millrace.worker")
        assert age < 5
        time.sleep(0.2)
    began = time.monotonic()
    stack.restart("worker")
    assert time.monotonic() - began < 10


def test_started_again_it_runs_them_within_a_second(stack):
    took = []
    for _ in range(3):
        jobs = Jobs(stack)
        stack.kill("worker")
        jobs.assert_gone()
        (stack.dir / "pid" / "worker").unlink()
        stack.start("worker")
        took.append(max(jobs.assert_ran_again()) - started_at(stack.pid("worker")))
    assert_prompt(took, 1)
    wait_for(lambda: not any(job in name for job in jobs.ids
                             for name in os.listdir(stack.dir / "data/work")),
             what="the folders of the first attempts are gone")


def test_another_worker_runs_them_within_15_seconds(stack):
    jobs = Jobs(stack)
    stack.start("worker2")
    killed = time.time()
    stack.kill("worker")
    jobs.assert_gone()
    began = jobs.assert_ran_again()
    assert max(began) - killed < 15
    (stack.dir / "pid" / "worker").unlink()
    assert "JOB_COMPLETED" in stack.log("worker2")
