"""The command line, each command over HTTP and over SQL."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from cli import Cli, add_gated, gated  # noqa: E402
from stack import Stack, wait_for  # noqa: E402
from terminal import Terminal, strip  # noqa: E402

NOBODY = "019aa90f-8c5d-7a31-b2c4-5d6e7f809102"


@pytest.fixture(scope="module", name="stack")
def _stack():
    with Stack("postgres", "api", "stream", "nginx") as running:
        add_gated(running)
        running.start("worker")
        yield running
        assert "Sanitizer" not in running.log("api") + running.log("worker")


@pytest.fixture(params=["http", "sql"], name="cli")
def _cli(stack, request):
    return Cli(stack, request.param)


@pytest.fixture(name="gate")
def _gate(stack, request):
    """A gate of the test's own, closed."""
    return stack.dir / f"gate-{abs(hash(request.node.name))}"


# ---------------------------------------------------------------- enqueue

def test_enqueue_takes_the_options_of_a_job(cli):
    job = cli.enqueue("noop", '{"n": 1.50}', "--queue", "later", "--priority=high", "--tag", "a",
                      "--tag", "b c", "--run-at", "2039-01-31T08:00:00Z", "--max-attempts", "7",
                      "--timeout", "90s", "--retry", '{"backoff": "linear"}')
    done = cli("show", job, "--json")
    shown = done.json()
    assert {"type": "noop", "queue": "later", "priority": 50, "tags": ["a", "b c"],
            "runAt": "2039-01-31T08:00:00.000Z", "maxAttempts": 7,
            "state": "scheduled"}.items() <= shown.items()
    assert '"payload":{"n": 1.50}' in done.out      # as it was written
    assert cli.stack.value("select timeout_ms from millrace.job where id = %s", job) == 90000


def test_the_payload_comes_as_a_word_a_file_or_from_stdin(cli, tmp_path):
    (tmp_path / "p.json").write_text('{"from": "file"}\n')
    jobs = [cli.enqueue("noop"), cli.enqueue("noop", "[1]"),
            cli.enqueue("noop", f"@{tmp_path}/p.json"),
            cli("enqueue", "noop", "-", input='"stdin"').out.strip()]
    assert [cli("show", job, "--json").json()["payload"] for job in jobs] == [
        {}, [1], {"from": "file"}, "stdin"]


def test_any_other_option_goes_by_its_name(cli):
    job = cli.enqueue("noop", "--option", 'tags=["x"]', "--option", 'delayMs=3600000')
    assert cli("show", job, "--json").json()["tags"] == ["x"]
    assert cli.run("enqueue", "noop", "--option", "tags").code == 2
    assert cli.run("enqueue", "noop", "--option", "tags=[").code == 2
    refused = cli.run("enqueue", "noop", "--option", "paylod=1")
    assert refused.code == 1 and "(unknown_member)" in refused.err


def test_rare_options(cli):
    key = f"u-{cli.transport}"
    first = cli.enqueue("noop", "--delay", "1h", "--unique-key", key)
    assert cli.enqueue("noop", "--delay", "1h", "--unique-key", key) == first
    done = cli.run("enqueue", "noop", "--option",
                   'unique={"key": "%s", "onConflict": "refuse"}' % key)
    assert done.code == 1 and "(unique_conflict)" in done.err

    later = cli.enqueue("noop", "--depends-on", first, "--on-dependency-failure", "cancel",
                        "--concurrency-key", "c", "--concurrency-limit", "2", "--serial-key", "s",
                        "--fair-key", "f", "--expires-in", "2h", "--heartbeat-timeout", "30s")
    extra = cli.stack.value("select extra from millrace.job where id = %s", later)
    assert (extra["dependsOn"], extra["fairKey"], extra["heartbeatMs"]) == ([first], "f", 30000)
    text = json.dumps(extra)
    assert "/c" in text and "/s" in text and "expiresAt" in extra
    assert cli("show", later, "--json").json()["state"] == "pending"
    cli("cancel", first)
    assert cli.run("watch", later).code == 5


def test_what_is_wrong_is_said(cli):
    done = cli.run("enqueue", "noop", '{"a":')
    assert (done.code, done.out) == (2, "") and "the payload: line 1" in done.err
    done = cli.run("enqueue", "no-such-type")
    assert (done.code, done.out) == (1, "") and "(unknown_type)" in done.err
    done = cli.run("enqueue", "no-such-type", "--json")
    assert done.json()["error"]["code"] == "unknown_type" and "(unknown_type)" in done.err
    done = cli.run("enqueue", "noop", "@/nowhere")
    assert done.code == 2 and "/nowhere" in done.err


def test_an_idempotency_key_makes_one_job(cli):
    key = f"key-{cli.transport}"
    first = cli.enqueue("noop", "1", "--idempotency-key", key)
    assert cli.enqueue("noop", "1", "--idempotency-key", key) == first
    other = cli.run("enqueue", "noop", "2", "--idempotency-key", key)
    assert other.code == 1 and "(idempotency_key_reused)" in other.err


def test_files_are_uploaded(cli, tmp_path):
    (tmp_path / "list ü.csv").write_text("a,b\n1,2\n")
    (tmp_path / "empty.csv").write_text("")
    done = cli("enqueue", "analyze-file", "--upload", tmp_path / "list ü.csv", "--wait")
    assert done.json()["summary"]["rows"] == 1
    job = cli.enqueue("noop", "--delay", "1h", "--upload", tmp_path / "list ü.csv", "--upload",
                      tmp_path / "empty.csv")
    names = cli.stack.sql(
        "select f.name, f.size from millrace.job j join millrace.file f on f.id = any (j.files) "
        "where j.id = %s order by f.name", job)
    assert names == [("empty.csv", 0), ("list ü.csv", 8)]
    assert cli.run("enqueue", "noop", "--upload", "/nowhere").code == 2


def test_waiting_prints_the_result(cli):
    done = cli("enqueue", "noop", '{"n": 1.50}', "--wait")
    assert done.out == '{"n": 1.50}\n' and "completed 100%" in done.err
    done = cli.run("enqueue", "noop", '{"fail": "no luck", "retry": false}', "--wait")
    assert (done.code, done.out) == (1, "") and "failed" in done.err and "no luck" in done.err
    lines = cli("enqueue", "noop", "1", "--wait", "--json").lines()
    assert json.loads(lines[0])["success"] and json.loads(lines[-1])["status"] == "completed"


# ---------------------------------------------------------------- list and show

def test_both_ways_give_the_same_json(stack):
    http, sql = Cli(stack, "http"), Cli(stack, "sql")
    job = http.enqueue("noop", '{"n": 1}', "--wait") and http.enqueue("noop", "--delay", "1h")
    for words in (["show", job], ["list", "--limit", "3"], ["type", "list"], ["logs", job]):
        assert http(*words, "--json").out == sql(*words, "--json").out
    for words in (["show", NOBODY], ["show", "nope"], ["cancel", NOBODY]):
        one, other = http.run(*words, "--json"), sql.run(*words, "--json")
        assert one == other and one.code


def test_list_filters_and_pages(cli):
    tag = f"page-{cli.transport}"
    jobs = [cli.enqueue("noop", "--delay", "1h", "--tag", tag) for _ in range(5)]
    lines = cli("list", "--tag", tag).lines()
    assert lines[0].split()[:3] == ["ID", "TYPE", "QUEUE"]
    assert [line.split()[0] for line in lines[1:]] == jobs[::-1]
    page = cli("list", "--tag", tag, "--limit", "2", "--json").json()
    assert [job["jobId"] for job in page["jobs"]] == jobs[:2:-1]
    rest = cli("list", "--tag", tag, "--cursor", page["nextCursor"], "--json").json()
    assert [job["jobId"] for job in rest["jobs"]] == jobs[2::-1]
    assert len(cli("list", "--tag", tag, "--state", "available").lines()) == 1
    assert cli.run("list", "--status", "nope").code == 1
    assert cli.run("list", "--limit", "0").code == 2


def test_more_than_a_page_is_fetched(stack):
    cli = Cli(stack, "http")
    stack.sql("select millrace.enqueue('noop', '{}', '{\"owner\": \"many\", \"delay\": \"1h\"}') "
              "from generate_series(1, 1203)")
    assert len(cli("list", "--owner", "many", "--limit", "1203").lines()) == 1204
    assert len(cli("list", "--owner", "many", "--limit", "1100").lines()) == 1101
    pages = cli("list", "--owner", "many", "--limit", "1100", "--json").lines()
    assert [len(json.loads(page)["jobs"]) for page in pages] == [1000, 100]


def test_show_shows_all(cli):
    job = cli.enqueue("noop", '{"n": [1, 2]}', "--wait") and cli.enqueue("noop", '{"n": [1, 2]}')
    cli("watch", job)
    text = cli("show", job).out
    assert f"id            {job}\n" in text and "state         completed\n" in text
    assert '"n": [' in text and "error" not in text
    two = cli("show", job, job).out
    assert two == text + "\n" + text
    done = cli.run("show", job, NOBODY)
    assert done.code == 4 and f"{NOBODY}: " in done.err


def test_times_are_said_as_the_reader_needs_them(cli):
    job = cli.enqueue("noop", "--delay", "2h")
    assert "T" in cli("show", job).out.split("run at")[1].split()[0]
    with cli.terminal("show", job) as terminal:
        shown, code = terminal.end()
    assert code == 0 and "in 1h" in strip(shown)


# ---------------------------------------------------------------- watch

def test_watch_in_a_pipe(cli, gate):
    job = gated(cli, gate)
    watching = cli.begin("watch", job)
    first = watching.stdout.readline()
    gate.touch()
    out, _ = watching.communicate(timeout=60)
    lines = [line.split(" ", 2)[1:] for line in [first, *out.splitlines()]]
    assert lines[0] == ["processing", "30% at the gate\n"]
    assert lines[-1] == ["completed", "100% through"] and watching.returncode == 0
    assert len(lines) == len({tuple(line) for line in lines})       # nothing twice


def test_watch_tells_how_it_ended_by_its_exit_code(cli):
    assert cli.run("watch", cli.enqueue("noop")).code == 0
    assert cli.run("watch", cli.enqueue("noop", '{"fail": "x", "retry": false}')).code == 1
    job = cli.enqueue("noop", "--delay", "1h")
    cli("cancel", job)
    done = cli.run("watch", job)
    assert done.code == 5 and " cancelled " in done.out
    assert cli.run("watch", NOBODY).code == 4
    assert cli.run("watch", job, "--give-up", "soon").code == 2


def test_watch_draws_a_bar_on_a_terminal(cli, gate):
    job = gated(cli, gate)
    with cli.terminal("watch", job, columns=60) as terminal:
        shown = strip(terminal.wait_for("at the gate"))
        assert "\r[######" in shown and "]  30%  processing: at the gate" in shown
        gate.touch()
        shown, code = terminal.end()
    assert code == 0 and "] 100%  completed: through" in strip(shown)
    assert all(len(line) < 60 for line in strip(shown).replace("\n", "\r").split("\r"))


def test_watch_as_json(cli, gate):
    job = gated(cli, gate)
    watching = cli.begin("watch", job, "--json")
    first = json.loads(watching.stdout.readline())
    assert (first["jobId"], first["progress"]) == (job, 30)
    gate.touch()
    out, _ = watching.communicate(timeout=60)
    assert json.loads(out.splitlines()[-1])["status"] == "completed"


def test_a_stream_that_breaks_off_is_taken_up_again(stack, gate):
    cli = Cli(stack, "http")
    job = gated(cli, gate)
    watching = cli.begin("watch", job)
    first = watching.stdout.readline()
    stack.kill("stream")
    gate.touch()
    wait_for(lambda: stack.job(job)["state"] == "completed")
    stack.start("stream")
    out, err = watching.communicate(timeout=60)
    lines = [line.split(" ", 1)[1] for line in [first.strip(), *out.splitlines()]]
    assert watching.returncode == 0, err
    assert lines[0] == "processing 30% at the gate" and lines[-1] == "completed 100% through"
    assert len(lines) == len(set(lines))


def test_watch_gives_up_when_nothing_answers(stack, gate):
    for transport, part in ("http", "nginx"), ("sql", "postgres"):
        cli = Cli(stack, transport)
        job = gated(cli, gate)
        watching = cli.begin("watch", job, "--give-up", "300ms")
        watching.stdout.readline()
        stack.stop(part)
        try:
            _, err = watching.communicate(timeout=60)
            assert watching.returncode == 3 and len(err.splitlines()) == 1, err
        finally:
            stack.start(part)
            gate.touch()
            wait_for(lambda: cli.run("watch", job, timeout=30).code == 0)
            gate.unlink()


def test_watch_outlives_a_restart(stack, gate):
    cli = Cli(stack, "http")
    job = gated(cli, gate)
    watching = cli.begin("watch", job)
    watching.stdout.readline()
    stack.restart("nginx")
    stack.restart("api")
    gate.touch()
    out, err = watching.communicate(timeout=60)
    assert watching.returncode == 0 and "completed 100% through" in out, err


# ---------------------------------------------------------------- logs

def test_logs(cli, gate):
    job = gated(cli, gate)
    following = cli.begin("logs", "-f", job)
    assert following.stdout.readline() == "line one\n"
    gate.touch()
    out, _ = following.communicate(timeout=60)
    assert out == "line two\n" and following.returncode == 0
    assert cli("logs", job).out == "line one\nline two\n"
    when, line = cli("logs", job, "--times").lines()[0].split(" ", 1)
    assert when.endswith("Z") and line == "line one"
    page = cli("logs", job, "--json").json()
    assert [line["line"] for line in page["logs"]] == ["line one", "line two"]
    assert cli.run("logs", NOBODY).code == 4


# ---------------------------------------------------------------- changes

def test_cancel_and_retry(cli):
    job = cli.enqueue("noop", "--delay", "1h")
    assert cli("cancel", job).out == f"{job} cancelled\n"
    done = cli.run("cancel", job)
    assert done.code == 1 and "(job_final)" in done.err
    assert cli("retry", job).out == f"{job} available\n"
    assert cli.run("watch", job).code == 0


def test_a_running_job_is_cancelled(cli, gate):
    job = gated(cli, gate)
    assert cli("cancel", job).out == f"{job} cancelling\n"
    assert cli.run("watch", job).code == 5


def test_of_several_ids_each_is_tried(cli):
    jobs = [cli.enqueue("noop", "--delay", "1h") for _ in range(2)]
    done = cli.run("cancel", jobs[0], NOBODY, jobs[1])
    assert done.code == 4 and done.out.splitlines() == [f"{job} cancelled" for job in jobs]
    assert done.err.startswith(f"millrace: {NOBODY}: ") and len(done.err.splitlines()) == 1


@pytest.mark.parametrize("words, wrong", [
    (["cancel"], "ID is missing"),
    (["cancel", NOBODY, "--all"], "ids or filters, not both"),
    (["cancel", NOBODY, "--type", "noop"], "ids or filters, not both"),
    (["cancel", "--type", "noop"], "say --all too"),
    (["retry", "--all", "--limit", "many"], "--limit must be a whole number"),
    (["schedule", "create", "n", "noop"], "either --cron or --every"),
    (["schedule", "create", "n", "noop", "--cron", "x", "--every", "y"], "either --cron or"),
    (["queue", "set", "mail"], "nothing is to be set"),
    (["queue", "set", "mail", "--rate-limit", "fast"], "such as 100/1m"),
    (["queue", "set", "mail", "--weight", "much"], "--weight must be a whole number"),
    (["completion", "fish"], 'no completion for "fish"'),
    (["top", "--interval", "1ms"], "--interval must be at least 100 ms"),
    (["list", "--url", "http://127.0.0.1:1", "--sql"], "--sql excludes"),
])
def test_wrong_words(stack, words, wrong):
    done = Cli(stack, "sql").run(*words)
    assert (done.code, done.out) == (2, "") and wrong in done.err, done


# ---------------------------------------------------------------- where it asks

def test_nothing_answers(stack):
    http = Cli(stack, "http", MILLRACE_URL="http://127.0.0.1:1")
    sql = Cli(stack, "sql", DATABASE_URL="postgresql:///x?host=/nowhere")
    for cli in http, sql:
        for words in (["list"], ["enqueue", "noop"], ["watch", NOBODY], ["top", "--once"],
                      ["cancel", NOBODY, NOBODY]):
            done = cli.run(*words)
            assert (done.code, done.out) == (3, ""), (words, done)
            assert done.err.startswith("millrace: ") and len(done.err.splitlines()) == 1, done
    assert sql.run("token", "list").code == 3


def test_what_answers_is_not_millrace(stack):
    done = Cli(stack, "http", MILLRACE_URL=stack.url + "/elsewhere").run("list")
    assert done.code == 1 and "is it the right address?" in done.err
    done = Cli(stack, "http", MILLRACE_URL="nonsense://x").run("list")
    assert done.code == 2 and "no URL of http" in done.err


def test_a_wrong_token(stack):
    done = Cli(stack, "http", MILLRACE_TOKEN="mr_no_such").run("list")
    assert done.code == 1 and "(invalid_token)" in done.err
    done = Cli(stack, "http", "bob").run("list", "--owner", "alice")
    assert done.code == 1 and "(admin_only)" in done.err


def test_the_way_is_chosen_by_what_is_known(stack, tmp_path):
    http, sql = Cli(stack, "http"), Cli(stack, "sql")
    token = stack.token("admin")

    def owner(cli, *words):
        job = cli.enqueue("noop", *words)
        return stack.value("select owner from millrace.job where id = %s", job)
    assert owner(http) == "admin"
    assert owner(http, "--sql") == owner(sql) == sql.user
    assert owner(sql, "--as", "anna") == "anna"
    assert owner(sql, "--url", stack.url + "/", "--token", token) == "admin"
    settings = tmp_path / "m.conf"
    settings.write_text(f"MILLRACE_URL={stack.url}\nMILLRACE_TOKEN={token}\n")
    assert owner(sql, "--config", settings) == "admin"
    shown = sql("conf", "--config", settings).out
    assert token not in shown and "MILLRACE_TOKEN=***" in shown
    done = http.run("list", "--as", "anna")
    assert done.code == 2 and "--as is for the database" in done.err
    done = sql.run("list", "--token", token)
    assert done.code == 2 and "the URL is missing" in done.err


def test_a_token_in_the_environment_needs_no_file(stack, tmp_path):
    """Where only the daemons may read the settings, HTTP works all the same."""
    done = Cli(stack, "http").run("list", "--config", tmp_path / "gone")
    assert done.code == 2 and "gone" in done.err


def test_output_that_cannot_be_written_is_a_failure(cli):
    with open("/dev/full", "w") as full:
        done = subprocess.run([cli.program, "list"], env=cli.env, stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1 and "could not be written" in done.stderr


# ---------------------------------------------------------------- looks

def test_colours_are_for_terminals(stack):
    cli = Cli(stack, "http")
    cli("enqueue", "noop", "--wait")
    words = ["list", "--status", "completed", "--limit", "1"]
    for env, coloured in ({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False):
        with cli.terminal(*words, **env) as terminal:
            shown, _ = terminal.end()
        assert ("\x1b[32mcompleted" in shown) == coloured, shown
    assert "\x1b" not in cli(*words).out


def test_a_table_is_cut_to_the_terminal(stack):
    cli = Cli(stack, "http")
    cli.enqueue("noop", "--queue", "q" * 90, "--delay", "1h", "--tag", "wide")
    assert "q" * 90 in cli("list", "--tag", "wide").out
    with cli.terminal("list", "--tag", "wide", columns=110) as terminal:
        shown, _ = terminal.end()
    lines = strip(shown).splitlines()
    assert "q…" in lines[1] and max(len(line) for line in lines) == 110


def test_what_jobs_say_moves_no_cursor(stack):
    cli = Cli(stack, "http")
    text = "\x1b[2J\x07\x9b2Jgone\r\n\x1b]0;title\x07"
    job = cli.enqueue("noop", json.dumps({"fail": text, "retry": False}))
    assert cli.run("watch", job).code == 1
    for words in (["watch", job], ["show", job], ["list", "--limit", "1"]):
        with cli.terminal(*words, NO_COLOR="1") as terminal:
            shown, _ = terminal.end()
        kept = shown.replace("\x1b[K", "")
        assert "\x1b" not in kept and "\x07" not in kept and "\x9b" not in kept
        assert "gone" in kept or words[0] == "list"


# ---------------------------------------------------------------- top

def test_top_fills_the_terminal_and_gives_it_back(cli, gate):
    job = gated(cli, gate)
    with cli.terminal("top", "--interval", "100ms", columns=120, rows=30) as terminal:
        shown = terminal.wait_for(job)
        assert shown.startswith("\x1b[?1049h\x1b[?25l")
        shown = strip(terminal.wait_for("at the gate"))
        assert "]  30%" in shown
        terminal.resize(60, 16)
        terminal.wait_for("\x1b[J")
        frame = strip(terminal.wait_for("\x1b[J"))     # the second is drawn for the new size
        assert job in frame and len(frame.splitlines()) <= 16
        assert max(len(line) for line in frame.splitlines()) <= 60
        gate.touch()
        terminal.wait_for("no job runs")
        terminal.send("q")
        shown, code = terminal.end()
    assert code == 0 and shown.endswith("\x1b[?25h\x1b[?1049l")


def test_top_draws_anew_at_once_when_the_size_changes(stack):
    cli = Cli(stack, "http")
    with cli.terminal("top", "--interval", "1h", rows=4) as terminal:
        terminal.wait_for("\x1b[J")
        for rows in 3, 5, 2:
            terminal.resize(80, rows)
            frame = terminal.wait_for("\x1b[J")
            assert frame.count("\x1b[K") <= rows
        terminal.send("q")
        assert terminal.end()[1] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT,
                                    signal.SIGABRT])
def test_top_gives_the_terminal_back_when_it_is_killed(stack, number):
    import termios
    cli = Cli(stack, "http")
    with cli.terminal("top") as terminal:
        before = termios.tcgetattr(terminal.fd)
        terminal.wait_for("\x1b[J")
        assert termios.tcgetattr(terminal.fd)[3] & termios.ECHO == 0
        terminal.signal(number)
        if number != signal.SIGHUP:
            terminal.wait_for("\x1b[?25h\x1b[?1049l")
            assert termios.tcgetattr(terminal.fd) == before
        _, code = terminal.end()
    assert code == -number


def test_top_gives_the_terminal_back_while_it_is_stopped(stack):
    cli = Cli(stack, "http")
    # A shell with job control, so that the stop is one.
    terminal = Terminal(["/bin/bash", "--norc", "-i"], {**cli.env, "PS1": "ready>"}, 100, 30)
    with terminal:
        terminal.wait_for("ready>")
        terminal.send(f"{cli.program} top\n")
        terminal.wait_for("no job runs", "RUNNING JOB")
        terminal.send("\x1a")
        assert "\x1b[?1049l" in terminal.wait_for("ready>")
        terminal.send("fg\n")
        assert "\x1b[?1049h" in terminal.wait_for("no job runs", "RUNNING JOB")
        terminal.send("q")
        terminal.wait_for("ready>")
        terminal.send("exit\n")
        assert terminal.end()[1] == 0


def test_top_without_a_terminal_looks_once(cli, gate):
    job = gated(cli, gate)
    out = cli("top").out
    assert job in out and "at the gate" in out and "\x1b" not in out
    gate.touch()


def test_top_goes_on_while_nothing_answers(stack):
    cli = Cli(stack, "http")
    with cli.terminal("top", "--interval", "100ms") as terminal:
        terminal.wait_for("\x1b[J")
        stack.stop("nginx")
        try:
            terminal.wait_for("cannot reach")
        finally:
            stack.start("nginx")
        terminal.wait_for("no job runs", "RUNNING JOB")
        terminal.send("q")
        assert terminal.end()[1] == 0


def test_watch_leaves_the_prompt_alone_when_it_is_interrupted(cli, gate):
    job = gated(cli, gate)
    with cli.terminal("watch", job) as terminal:
        terminal.wait_for("at the gate")
        terminal.send("\x03")
        assert terminal.end()[1] == -signal.SIGINT
    gate.touch()


# ---------------------------------------------------------------- speed

def test_a_command_is_quick(cli):
    cli("list")
    took = []
    for _ in range(5):
        began = time.monotonic()
        cli("list", "--limit", "1")
        took.append(time.monotonic() - began)
    assert min(took) < 0.5, took
