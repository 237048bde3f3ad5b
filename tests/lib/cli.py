"""The command line against a stack, over HTTP or over SQL.

    cli = Cli(stack, "http")
    cli("enqueue", "noop").out      a command that must work
    cli.run("show", "nope").code    one that need not
"""

import json
import subprocess
from dataclasses import dataclass

from stack import wait_for
from terminal import Terminal

# A handler that says where it is and goes on when the file "gate" is there.
GATED = """#!/bin/sh
gate=$(jq -r .gate)
echo '{"progress": 30, "message": "at the gate"}' >&3
echo 'line one' >&2
while [ ! -e "$gate" ]; do sleep 0.02; done
echo '{"progress": 60, "message": "through"}' >&3
echo 'line two' >&2
echo '{"through": true}'
"""


def add_gated(stack):
    stack.add_type({"type": "gated", "run": {"kind": "program", "command": ["gated"]}}, GATED)


@dataclass
class Done:
    out: str
    err: str
    code: int

    def json(self):
        return json.loads(self.out)

    def lines(self):
        return self.out.splitlines()


class Cli:
    def __init__(self, stack, transport, user="admin", **env):
        self.stack = stack
        self.transport = transport
        self.program = stack.dir / "bin" / "millrace"
        self.env = {**stack.environment, **stack.env, "TERM": "xterm", "LC_ALL": "C.UTF-8", **env}
        for name in "NO_COLOR", "MILLRACE_TOKEN", "MILLRACE_CONFIG":
            self.env.pop(name, None)
        if transport == "http":
            self.env["MILLRACE_TOKEN"] = stack.token(user)
        else:
            del self.env["MILLRACE_URL"]
        self.env.update(env)

    @property
    def user(self):
        """Whose jobs it makes."""
        return "admin" if self.transport == "http" else self.run_as("id", "-un")

    def run_as(self, *words):
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()

    def run(self, *words, input=None, timeout=60, **env):
        done = subprocess.run([str(word) for word in (self.program, *words)], input=input,
                              env={**self.env, **env}, capture_output=True, text=True,
                              timeout=timeout, check=False)
        return Done(done.stdout, done.stderr, done.returncode)

    def __call__(self, *words, **more):
        done = self.run(*words, **more)
        assert done.code == 0, (words, done)
        return done

    def enqueue(self, *words):
        return self("enqueue", *words).out.strip()

    def begin(self, *words, **more):
        """In the background."""
        return subprocess.Popen([str(word) for word in (self.program, *words)], env=self.env,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)

    def terminal(self, *words, columns=100, rows=30, **env):
        return Terminal([str(self.program), *words], {**self.env, **env}, columns, rows)


def gated(cli, gate, *words):
    """A job that waits at the gate, and does so already."""
    job = cli.enqueue("gated", json.dumps({"gate": str(gate)}), *words)
    wait_for(lambda: cli("show", job, "--json").json().get("message") == "at the gate")
    return job
