"""The two commands, as a newcomer runs them."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import requests

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from stack import TOP, wait_for  # noqa: E402


def quickstart(*words, check=True):
    done = subprocess.run([TOP / "quickstart", *words], capture_output=True,
                          text=True, check=False, cwd=TOP)
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


def settings(folder):
    lines = (Path(folder) / "env").read_text().splitlines()
    return {k: v.strip("'") for k, v in (line.split("=", 1) for line in lines)}


@pytest.fixture
def folder():
    path = Path(tempfile.mkdtemp(prefix="mr-q-", dir="/tmp"))
    yield path
    if (path / "env").exists():
        quickstart("down", "--dir", str(path), check=False)
    for place in (*path.glob("*"), path):
        if place.is_symlink():      # the stack's user could not go there, so it lies elsewhere
            shutil.rmtree(place.resolve(), ignore_errors=True)
            place.unlink()
    shutil.rmtree(path, ignore_errors=True)


def test_quickstart_runs_a_job_and_stops_on_ctrl_c(folder):
    run = subprocess.Popen([TOP / "quickstart", "--dir", str(folder)], text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           start_new_session=True)
    lines = []
    for line in run.stdout:
        lines.append(line)
        if "Ctrl-C stops everything" in line:
            break
    text = "".join(lines)
    assert "Ctrl-C stops everything" in text, text
    assert re.search(r"^\S+Z completed 100%", text, re.M), text
    assert "400000 rows" in text, text
    assert (folder / "result.xlsx").read_bytes()[:2] == b"PK"
    curls = [line for line in text.splitlines() if line.startswith("  curl ")]
    assert len(curls) == 3
    env = {**os.environ, **settings(folder)}
    for line in curls:
        done = subprocess.run(["bash", "-c", line], env=env, capture_output=True,
                              text=True, timeout=20, check=False)
        assert done.returncode == 0, (line, done.stderr)
        assert '"success":true' in done.stdout or "event: job-complete" in done.stdout, done.stdout

    pids = [int(p.read_text()) for p in (folder / "pid").iterdir()]
    assert len(pids) == 5
    os.killpg(run.pid, signal.SIGINT)
    assert run.wait(timeout=60) == 0
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids),
             what="all of the stack gone")


def test_two_stacks_run_side_by_side(folder):
    first, second = folder / "a", folder / "b"
    try:
        quickstart("up", "--dir", str(first))
        quickstart("up", "--dir", str(second))
        envs = [settings(first), settings(second)]
        assert envs[0]["MILLRACE_URL"] != envs[1]["MILLRACE_URL"]
        for env in envs:
            answer = requests.post(
                env["MILLRACE_URL"] + "/api/jobs",
                headers={"Authorization": "Bearer " + env["MILLRACE_TOKEN"],
                         "Prefer": "wait=10"},
                json={"type": "noop", "payload": {"hello": "world"}}, timeout=60)
            assert answer.status_code == 200, answer.text
            assert answer.json()["result"] == {"hello": "world"}
        # A token of one is nothing to the other.
        wrong = requests.get(envs[1]["MILLRACE_URL"] + "/api/jobs", timeout=60, headers={
            "Authorization": "Bearer " + envs[0]["MILLRACE_TOKEN"]})
        assert wrong.status_code == 401
        assert quickstart("status", "--dir", str(first)).stdout.count(": runs") == 5

        quickstart("down", "--dir", str(first))
        assert quickstart("status", "--dir", str(first), check=False).returncode == 1
        assert requests.get(envs[1]["MILLRACE_URL"] + "/readyz", timeout=60).status_code == 200

        # What was there is there again, token and jobs.
        quickstart("up", "--dir", str(first))
        again = settings(first)
        assert again == envs[0]
        jobs = requests.get(again["MILLRACE_URL"] + "/api/jobs", timeout=60, headers={
            "Authorization": "Bearer " + again["MILLRACE_TOKEN"]}).json()["jobs"]
        assert len(jobs) == 1
    finally:
        for path in (first, second):
            if (path / "env").exists():
                quickstart("down", "--dir", str(path), check=False)


def test_a_wrong_call_says_what_would_be_right(folder):
    wrong = quickstart("upp", check=False)
    assert wrong.returncode == 2 and "./quickstart up [--dir DIR]" in wrong.stdout + wrong.stderr
    wrong = quickstart("up", "--port", "x1", check=False)
    assert wrong.returncode == 1 and "--port takes a number" in wrong.stderr
    wrong = quickstart("down", "--dir", str(folder / "none"), check=False)
    assert wrong.returncode == 1 and "there is no stack" in wrong.stderr


def test_a_taken_port_is_refused_by_name(folder):
    import socket
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        wrong = quickstart("up", "--dir", str(folder), "--port", str(port), check=False)
    assert wrong.returncode == 1
    assert f"port {port} is taken" in wrong.stderr


def test_a_part_that_does_not_start_is_named(folder):
    quickstart("up", "--dir", str(folder))
    quickstart("down", "--dir", str(folder))
    wait_for(lambda: not list((folder / "pid").iterdir()), what="all stopped")
    (folder / "pg" / "PG_VERSION").write_text("9\n")
    wrong = quickstart("up", "--dir", str(folder), check=False)
    assert wrong.returncode == 1
    assert "PostgreSQL did not start" in wrong.stderr


def test_whoever_has_the_number_of_a_part_that_is_gone_is_not_stopped(folder):
    (folder / "pid").mkdir()
    (folder / "env").touch()
    with subprocess.Popen(["sleep", "600"]) as stranger:
        (folder / "pid" / "worker").write_text(str(stranger.pid))
        for words in ("stop", "worker"), ("kill", "worker"), ("down",):
            subprocess.run([TOP / "build-aux/stack", folder, *words], check=True)
            assert stranger.poll() is None
        stranger.kill()
