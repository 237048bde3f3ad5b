"""The command line for what steers the queue: schedules, queues, types, owners,
batches, workers, and what is said of them; over HTTP and over SQL."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from cli import Cli, add_gated, gated  # noqa: E402
from stack import Stack, wait_for  # noqa: E402

NOBODY = "019aa90f-8c5d-7a31-b2c4-5d6e7f809102"


@pytest.fixture(scope="module", name="stack")
def _stack():
    with Stack("postgres", "api", "stream", "nginx") as running:
        add_gated(running)
        running.start("worker")
        yield running


@pytest.fixture(params=["http", "sql"], name="cli")
def _cli(stack, request):
    return Cli(stack, request.param)


@pytest.fixture(name="gate")
def _gate(stack, request):
    """A gate of the test's own, closed."""
    return stack.dir / f"gate-{abs(hash(request.node.name))}"


# ---------------------------------------------------------------- schedules

def test_a_schedule_from_its_beginning_to_its_end(cli):
    name = f"nightly-{cli.transport}"
    done = cli("schedule", "create", name, "noop", '{"days": 1}', "--cron", "0 3 * * *",
               "--timezone", "Europe/Berlin", "--overlap", "skip", "--missed", "all",
               "--missed-limit", "7", "--queue", "reports", "--tag", "a", "--paused")
    assert done.out == f"{name} is made\n"
    shown = cli("schedule", "show", name, "--json").json()
    assert {"cron": "0 3 * * *", "timezone": "Europe/Berlin", "type": "noop",
            "payload": {"days": 1}, "options": {"queue": "reports", "tags": ["a"]},
            "overlap": "skip", "missed": "all", "missedLimit": 7, "paused": True,
            "owner": cli.user}.items() <= shown.items()
    assert "timezone" in cli("schedule", "show", name).out

    cli("schedule", "resume", name)
    times = cli("schedule", "next", name, "--count", "3").lines()
    assert len(times) == 3 and all(time.endswith("Z") for time in times)
    assert cli("schedule", "next", name, "--json").json()["next"][:3] == times
    listed = cli("schedule", "list").lines()
    assert [line.split()[:2] for line in listed if name in line] == [[name, "noop"]]
    job = cli("schedule", "run", name).out.strip()
    assert cli.run("watch", job).code == 0
    assert cli("show", job, "--json").json()["queue"] == "reports"

    cli("schedule", "put", name, "noop", "--every", "15m")
    shown = cli("schedule", "show", name, "--json").json()
    assert shown["every"] == "15m" and "cron" not in shown
    cli("schedule", "pause", name)
    assert cli("schedule", "show", name, "--json").json()["paused"]
    assert cli("schedule", "delete", name).out == f"{name} is gone\n"
    assert cli.run("schedule", "show", name).code == 4


def test_what_is_wrong_with_a_schedule(cli):
    done = cli.run("schedule", "create", "bad", "noop", "--cron", "every day")
    assert done.code == 1 and "(invalid_cron)" in done.err
    done = cli.run("schedule", "create", "bad", "noop", "--every", "1h", "--option", "paylod=1")
    assert done.code == 1 and "(unknown_member)" in done.err
    assert cli.run("schedule", "run", "nope").code == 4


def test_an_admin_reaches_the_schedules_of_others(stack, cli):
    Cli(stack, "http", "bob")("schedule", "create", "mine", "noop", "--every", "1d")
    try:
        assert cli.run("schedule", "show", "mine").code == 4
        shown = cli("schedule", "show", "mine", "--owner", "bob", "--json").json()
        assert shown["owner"] == "bob"
        assert "mine" in cli("schedule", "list", "--owner", "bob").out
    finally:
        cli("schedule", "delete", "mine", "--owner", "bob")


def test_times_of_a_schedule_on_a_terminal(cli):
    name = f"hourly-{cli.transport}"
    cli("schedule", "create", name, "noop", "--cron", "@hourly")
    with cli.terminal("schedule", "next", name, "--count", "2") as terminal:
        shown, code = terminal.end()
    lines = shown.split("\r\n")
    assert code == 0 and " in " in lines[0] and "in 1h" in lines[1]
    cli("schedule", "delete", name)


# ---------------------------------------------------------------- queues, types, owners

def test_queues(cli):
    name = f"mail-{cli.transport}"
    assert cli("queue", "pause", name).out == f"{name} is paused; running jobs finish\n"
    job = cli.enqueue("noop", "--queue", name)
    line = next(line for line in cli("queue", "list").lines() if name in line)
    assert line.split()[1:3] == ["1", "0"]
    shown = cli("queue", "show", name, "--json").json()
    assert (shown["waiting"], shown["paused"]) == (1, True)
    assert name in cli("queue", "show", name).out
    cli("queue", "resume", name)
    assert cli.run("watch", job).code == 0

    cli("queue", "set", name, "--weight", "3", "--concurrency", "4", "--rate-limit", "100/1m:20",
        "--max-length", "1000")
    shown = cli("queue", "show", name, "--json").json()
    assert (shown["weight"], shown["concurrency"], shown["maxLength"]) == (3, 4, 1000)
    assert shown["rateLimit"] == {"limit": 100, "per": "1m", "burst": 20}
    cli("queue", "set", name, "--concurrency", "none", "--rate-limit", "none")
    shown = cli("queue", "show", name, "--json").json()
    assert "concurrency" not in shown and "rateLimit" not in shown and shown["maxLength"] == 1000
    assert cli.run("queue", "show", "no-such-queue").code == 4
    assert cli.run("queue", "set", name, "--weight", "0").code == 1


def test_types(cli):
    names = [line.split()[0] for line in cli("type", "list").lines()][1:]
    assert names == sorted(names) and {"analyze-file", "gated", "noop"} <= set(names)
    cli("type", "pause", "noop")
    job = cli.enqueue("noop")
    line = next(line for line in cli("type", "list").lines() if line.startswith("noop"))
    assert "Z" in line
    cli("type", "resume", "noop")
    assert cli.run("watch", job).code == 0
    assert cli.run("type", "pause", "nope").code == 4


def test_owners(cli):
    name = f"shop {cli.transport}"
    cli("owner", "set", name, "--weight", "3", "--max-waiting", "2", "--posts-per-minute", "600")
    owner = next(owner for owner in cli("owner", "list", "--json").json()["owners"]
                 if owner["name"] == name)
    assert (owner["weight"], owner["maxWaiting"], owner["postsPerMinute"]) == (3, 2, 600)
    assert name in cli("owner", "list").out
    cli("owner", "set", name, "--max-waiting", "none")
    owner = next(owner for owner in cli("owner", "list", "--json").json()["owners"]
                 if owner["name"] == name)
    assert "maxWaiting" not in owner and owner["weight"] == 3


def test_what_only_admins_may(stack):
    user = Cli(stack, "http", "bob")
    for words in (["worker", "list"], ["owner", "list"], ["queue", "pause", "x"],
                  ["type", "pause", "noop"], ["owner", "set", "bob", "--weight", "9"]):
        done = user.run(*words)
        assert done.code == 1 and "(admin_only)" in done.err, done
    assert "running" not in user("top", "--once").err


def test_workers(cli, gate):
    job = gated(cli, gate)
    lines = cli("worker", "list").lines()
    assert lines[1].split()[0] == "worker" and len(lines) == 2
    worker = cli("worker", "list", "--json").json()["workers"][0]
    assert job in [run["jobId"] for run in worker["running"]]
    gate.touch()
    cli("watch", job)


# ---------------------------------------------------------------- what is said of them

def test_stats(cli):
    job = cli.enqueue("noop")
    assert cli.run("watch", job).code == 0
    wait_for(lambda: cli("stats", "--json").json()["counts"].get("completed"))
    stats = cli("stats").out
    assert stats.startswith(("active", "available", "cancelled", "completed"))
    assert "OVER THE LAST" in stats and "\nminute" in stats and "\nday" in stats
    shown = cli("top").out
    assert "completed " in shown and "last minute: " in shown and "workers 1" in shown
    assert "QUEUE" in shown
    lines = [json.loads(line) for line in cli("top", "--json").lines()]
    assert ["counts" in lines[0], "queues" in lines[1], "workers" in lines[2],
            "jobs" in lines[3]] == [True] * 4


# ---------------------------------------------------------------- jobs, by hand

def test_explain(cli):
    job = cli.enqueue("noop", "--delay", "1h")
    text = cli("explain", job).out
    assert "scheduled" in text and "expected start" in text
    assert cli("explain", job, "--json").json()["reason"] == "scheduled"
    queue = f"held-{cli.transport}"
    cli("queue", "pause", queue)
    job = cli.enqueue("noop", "--queue", queue)
    assert f"the queue {queue} is paused" in cli("explain", job).out
    cli("queue", "resume", queue)
    assert cli.run("watch", job).code == 0
    assert cli.run("explain", NOBODY).code == 4


def test_attempts(cli):
    job = cli.enqueue("noop", '{"fail": "no luck", "retry": true}', "--max-attempts", "2",
                      "--retry", '{"delays": ["0s"]}')
    assert cli.run("watch", job).code == 1
    lines = cli("attempts", job).lines()
    assert lines[0].split()[:3] == ["TRY", "OUTCOME", "WORKER"]
    assert [line.split()[:3] for line in lines[1:]] == [["1", "failed", "worker"],
                                                        ["2", "failed", "worker"]]
    assert "no luck" in lines[1]
    assert len(cli("attempts", job, "--json").json()["attempts"]) == 2
    assert cli.run("attempts", NOBODY).code == 4


def test_a_waiting_job_is_changed(cli):
    job = cli.enqueue("noop", "--delay", "1h")
    cli("change", job, "--priority", "high")
    cli("change", job, "--run-at", "2039-01-31T08:00:00Z")
    shown = cli("show", job, "--json").json()
    assert (shown["priority"], shown["runAt"]) == (50, "2039-01-31T08:00:00.000Z")
    assert cli("change", job, "--delay", "0s").out == f"{job} is changed\n"
    assert cli.run("watch", job).code == 0
    done = cli.run("change", job, "--priority", "1")
    assert done.code == 1 and "(job_final)" in done.err
    assert cli.run("change", job).code == 2


def test_many_are_changed_by_filters(cli):
    tag = f"many-{cli.transport}"
    for _ in range(3):
        cli.enqueue("noop", '{"fail": "x", "retry": false}', "--tag", tag, "--delay", "1h")
    assert cli("cancel", "--all", "--tag", tag, "--limit", "1").out == "1 cancelled\n"
    assert cli("cancel", "--all", "--tag", tag).out == "2 cancelled\n"
    assert cli("cancel", "--all", "--tag", tag).out == "0 cancelled\n"
    assert cli("retry", "--all", "--tag", tag, "--status", "cancelled").out == "3 retried\n"
    wait_for(lambda: len(cli("list", "--tag", tag, "--status", "failed").lines()) == 4)
    assert any(line.split()[:2] == ["3", "noop"] or int(line.split()[0]) >= 3
               for line in cli("failures").lines()[1:])
    assert cli("discard", "--all", "--tag", tag, "--before", "2020-01-01T00:00:00Z").out \
        == "0 thrown away\n"
    done = cli("discard", "--all", "--tag", tag, "--json").json()
    assert done["matched"] == 3
    assert len(cli("list", "--tag", tag).lines()) == 1
    assert cli.run("cancel", "--all", "--state", "nope").code == 1


def test_more_than_a_portion_is_changed(stack):
    cli = Cli(stack, "http")
    stack.sql("select millrace.enqueue('noop', '{}', '{\"owner\": \"heap\", \"delay\": \"1h\"}') "
              "from generate_series(1, 2500)")
    assert cli("cancel", "--all", "--owner", "heap", "--limit", "2100").out == "2100 cancelled\n"
    assert cli("cancel", "--all", "--owner", "heap").out == "400 cancelled\n"


def test_an_ended_job_is_thrown_away(cli):
    job = cli.enqueue("noop")
    cli("watch", job)
    assert job in cli("discard", job).out
    assert cli.run("show", job).code == 4
    job = cli.enqueue("noop", "--delay", "1h")
    done = cli.run("discard", job)
    assert done.code == 1 and "(job_not_final)" in done.err


# ---------------------------------------------------------------- batches

def lines_of(count, **more):
    return "".join(json.dumps({"type": "noop", "payload": n, **more}) + "\n" for n in range(count))


def test_a_batch_from_its_first_job_to_its_end(cli):
    batch = cli("batch", "create", "-", "--name", "orders", "--open", "--on-success",
                '{"type": "noop", "payload": {"on": "success"}}', input=lines_of(3)).out.strip()
    assert "3 jobs added" in cli("batch", "add", batch, input="\n" + lines_of(3)).out
    listed = next(line for line in cli("batch", "list").lines() if batch in line)
    assert listed.split()[1:5] == ["orders", cli.user, "running", "6"]
    cli("batch", "close", batch)
    watched = cli("batch", "watch", batch)
    assert watched.out.splitlines()[-1].endswith("completed 100% completed 6")
    shown = cli("batch", "show", batch).out
    assert "orders" in shown and "ended" in shown and "false" in shown
    assert cli("batch", "show", batch, "--json").json()["counts"] == {"completed": 6}
    refused = cli.run("batch", "add", batch, input=lines_of(1))
    assert refused.code != 0 and "closed" in refused.err


def test_a_batch_that_fails_or_is_cancelled(cli):
    batch = cli("batch", "create", input=lines_of(1) +
                '{"type": "noop", "payload": {"fail": "x", "retry": false}}\n').out.strip()
    assert cli.run("batch", "watch", batch).code == 1
    batch = cli("batch", "create", "-", input=lines_of(40, delay="1h")).out.strip()
    assert cli("batch", "cancel", batch).out == "40 jobs are cancelled or being stopped\n"
    assert cli.run("batch", "watch", batch).code == 5
    assert cli.run("batch", "show", NOBODY).code == cli.run("batch", "watch", NOBODY).code == 4


def test_more_jobs_than_one_request_takes(cli):
    words = ["batch", "create", "-", "--idempotency-key", cli.transport]
    jobs = lines_of(10001, delay="1h")
    batch = cli(*words, input=jobs).out.strip()
    assert cli(*words, input=jobs).out.strip() == batch         # again: the same one
    shown = cli("batch", "show", batch, "--json").json()
    assert (shown["total"], shown["open"]) == (10001, False)
    cli("batch", "cancel", batch)


def json_lines(*jobs):
    return "".join(json.dumps(job) + "\n" for job in jobs)


def test_a_batch_from_stdin(cli):
    done = cli("batch", "create", "--name", "orders", "--on-complete", '{"type": "noop"}',
               input=json_lines({"type": "noop", "ref": "a"}, {"type": "noop", "dependsOn": ["a"]}))
    batch = done.out.strip()
    assert cli.run("batch", "watch", batch).code == 0
    shown = cli("batch", "show", batch, "--json").json()
    assert (shown["name"], shown["total"], shown["status"]) == ("orders", 2, "completed")
    assert "completed" in cli("batch", "show", batch).out
    assert cli("batch", "list").lines()[1].split()[0] == batch
    wait_for(lambda: len(cli("list", "--owner", cli.user, "--limit", "3", "--json").json()["jobs"]) == 3)


def test_a_batch_from_a_file_that_stays_open(cli, gate, tmp_path):
    (tmp_path / "jobs").write_text(json_lines({"type": "gated", "payload": {"gate": str(gate)}}))
    batch = cli("batch", "create", tmp_path / "jobs", "--open").out.strip()
    watching = cli.begin("batch", "watch", batch)
    assert " running " in watching.stdout.readline()
    assert cli("batch", "add", batch, "-", input=json_lines({"type": "noop"})).out == "1 jobs added\n"
    gate.touch()
    cli("batch", "close", batch)
    out, _ = watching.communicate(timeout=30)
    assert watching.returncode == 0 and out.splitlines()[-1].endswith("100% completed 2")
    done = cli.run("batch", "add", batch, "-", input=json_lines({"type": "noop"}))
    assert done.code == 1 and "(batch_closed)" in done.err


def test_what_is_wrong_with_a_batch(cli, tmp_path):
    done = cli.run("batch", "create", input='{"type": "noop"}\n\n{"type":\n')
    assert done.code == 2 and "stdin, line 3: " in done.err
    done = cli.run("batch", "create", input="")
    assert done.code == 1 and "(invalid_batch)" in done.err
    done = cli.run("batch", "create", input='{"type": "nope"}')
    assert done.code == 1 and "(unknown_type)" in done.err
    assert cli.run("batch", "create", tmp_path / "nowhere").code == 2


def test_a_batch_is_watched_on_a_terminal(cli, gate):
    batch = cli("batch", "create", input=json_lines(
        {"type": "noop"}, {"type": "gated", "payload": {"gate": str(gate)}})).out.strip()
    with cli.terminal("batch", "watch", batch) as terminal:
        terminal.wait_for("]  50%")
        gate.touch()
        shown, code = terminal.end()
    assert code == 0 and "] 100%  completed 2" in shown


def test_changes_of_a_batch_by_filter(cli):
    batch = cli("batch", "create", input=json_lines({"type": "noop", "delay": "1h"})).out.strip()
    assert cli("cancel", "--all", "--batch", batch).out == "1 cancelled\n"
