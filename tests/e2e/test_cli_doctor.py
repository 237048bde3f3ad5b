"""What `millrace doctor` finds: each fault made on purpose, named with its remedy."""

import contextlib
import http.server
import json
import sys
import threading
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from cli import Cli  # noqa: E402
from stack import Stack, wait_for  # noqa: E402


@pytest.fixture(scope="module", name="stack")
def _stack():
    with Stack("postgres", "api", "stream", "worker", "nginx",
               STACK_FSYNC="on", PG_OPTIONS="-c max_prepared_transactions=5 -c wal_level=logical") as running:
        yield running


@pytest.fixture(name="cli")
def _cli(stack):
    return Cli(stack, "http")


def findings(cli, *words, code=None, **env):
    """All but what is well; the exit code is 1 where something fails."""
    done = cli.run("doctor", "--json", *words, **env)
    answer = done.json()
    verdicts = [check["verdict"] for check in answer["checks"]]
    worst = "fail" if "fail" in verdicts else "warn" if "warn" in verdicts else "ok"
    assert answer["verdict"] == worst and done.code == (1 if worst == "fail" else 0), done
    return [check for check in answer["checks"] if check["verdict"] != "ok"]


def the_one(found):
    assert len(found) == 1, found
    return found[0]


def test_all_is_well(cli):
    assert findings(cli) == []
    done = cli("doctor")
    assert {line.split()[0] for line in done.lines()} == {"ok"}
    assert {line.split()[1] for line in done.lines()} == {
        "settings", "database", "clock", "schema", "worker", "queue", "vacuum", "daemon",
        "disk", "types", "sandbox", "web"}


def test_a_sandbox_can_be_made_or_not(stack, cli):
    path = stack.dir / "types.d" / "boxed.json"
    stack.add_type({"type": "boxed", "sandbox": True,
                    "run": {"kind": "program", "command": ["noop"]}})
    try:
        assert [line.split(None, 2) for line in cli.run("doctor").lines() if "sandbox" in line] == [
            ["ok", "sandbox", "one can be made"]]
        found = findings(cli, MILLRACE_BUBBLEWRAP="/no/bwrap")
        assert [(check["verdict"], check["remedy"]) for check in found if check["what"] == "sandbox"] == [
            ("fail", "install bubblewrap (Debian package bubblewrap)")]
        assert any("type boxed" in check["message"] and "/no/bwrap" in check["message"] for check in found)
    finally:
        path.unlink()


def test_the_key_of_saved_passwords(stack, cli):
    key, away = stack.dir / "connection.key", stack.dir / "away.key"
    answer = stack.request("PUT", "/api/connections/shop", user="anna", json={
        "kind": "postgresql", "host": "127.0.0.1", "database": "shop", "user": "anna", "password": "pa55word",
        "test": False})
    assert answer.status_code == 201, answer.text
    assert [line.split()[0] for line in cli("doctor").lines() if line.split()[1] == "key"] == ["ok"]
    key.rename(away)
    try:
        found = the_one(findings(cli))
        assert (found["verdict"], found["what"]) == ("fail", "key") and str(key) in found["message"]
        cli("connection", "key", "--file", key)
        found = the_one(findings(cli))
        assert found["verdict"] == "fail" and "1 saved connections" in found["message"], found
    finally:
        away.rename(key)
    assert findings(cli) == []
    stack.request("DELETE", "/api/connections/shop", user="anna")


def test_by_sql_the_web_is_not_looked_at(stack):
    assert findings(Cli(stack, "sql")) == []


def test_the_database_is_away(stack, cli):
    found = findings(cli, DATABASE_URL="postgresql:///x?host=/nowhere")
    assert [check["what"] for check in found] == ["database"]
    assert found[0]["verdict"] == "fail" and "/nowhere" in found[0]["message"]


def test_a_setting_is_wrong(cli):
    found = the_one(findings(cli, MILLRACE_SLOTS="many"))
    assert found["verdict"] == "fail" and 'MILLRACE_SLOTS cannot be "many"' in found["message"]


def test_the_schema_is_another(stack, cli):
    for step, word in (1000, "newer Millrace"), (-1000, "millrace migrate"):
        stack.sql("update millrace.migration set version = version + %s", step)
        try:
            assert [word in check["message"] for check in findings(cli)
                    if check["what"] == "schema"] == [True]
        finally:
            stack.sql("update millrace.migration set version = version - %s", step)


def test_no_worker(stack, cli):
    stack.stop("worker")
    job = stack.post_job("noop")
    try:
        found = findings(cli)
        assert [check["what"] for check in found] == ["worker", "queue"]
        assert all(check["verdict"] == "fail" for check in found)
        assert "jobs of type noop wait in queue default" in found[1]["message"]
    finally:
        stack.start("worker")
        stack.wait_job(job)


def test_a_queue_that_nobody_serves(stack, cli):
    stack.restart("worker")
    stack.stop("worker")
    stack.start("worker", MILLRACE_QUEUES="default,mail")
    job = stack.post_job("noop", queue="reports")
    try:
        found = the_one(findings(cli))
        assert (found["what"], found["verdict"]) == ("queue", "fail")
        assert "type noop wait in queue reports" in found["message"]
    finally:
        stack.stop("worker")
        stack.start("worker")
        stack.wait_job(job)


def test_a_silent_worker_and_one_of_another_version(stack, cli):
    stack.sql("insert into millrace.worker (id, name, host, pid, version, slots, types, seen_at) "
              "values (gen_random_uuid(), 'old', 'far', 1, '0.0.1', 1, '{}', now() - interval '1 h')")
    with contextlib.closing(stack.connect(autocommit=False)) as held:
        # Held, so that the worker that lives does not bury it meanwhile.
        held.cursor().execute("select from millrace.worker where name = 'old' for update")
        found = findings(cli)
    stack.sql("delete from millrace.worker where name = 'old'")
    assert [check["what"] for check in found] == ["worker", "worker"]
    assert "old on far has version 0.0.1" in found[0]["message"]
    assert "old on far has been silent for 1h00m" in found[1]["message"]


def test_what_is_paused(stack, cli):
    stack.sql("insert into millrace.queue (queue, paused_at) values ('mail', now() - interval '3 h')")
    stack.sql("update millrace.job_type set paused_at = now() where type = 'noop'")
    try:
        found = findings(cli)
        assert [(check["what"], check["remedy"]) for check in found] == [
            ("queue", "millrace queue resume mail"), ("queue", "millrace type resume noop")]
        assert "the queue mail has been paused for 3h00m" in found[0]["message"]
    finally:
        stack.sql("delete from millrace.queue; update millrace.job_type set paused_at = null")


# ---------------------------------------------------------------- vacuum

def vacuum(found):
    return [check for check in found if check["what"] == "vacuum"]


def test_a_long_transaction(stack, cli):
    with contextlib.closing(stack.connect(autocommit=False)) as open_:
        cursor = open_.cursor()
        cursor.execute("set application_name = 'report.php'; select pg_backend_pid()")
        pid = cursor.fetchone()[0]
        cursor.execute("select pg_current_xact_id()")
        assert findings(cli) == []                      # not yet for long
        wait_for(lambda: vacuum(findings(cli, "--older-than", "10ms")))
        ours = [check for check in vacuum(findings(cli, "--older-than", "10ms"))
                if "report.php" in check["message"]]
        found = the_one(ours)
        assert f"pid {pid} (report.php, role" in found["message"]
        assert f"select pg_terminate_backend({pid})" in found["remedy"]
        remedy = found["remedy"].split("(", 1)[1].removesuffix(")")
        stack.sql(remedy)
    wait_for(lambda: not [check for check in vacuum(findings(cli, "--older-than", "10ms"))
                          if "report.php" in check["message"]])


def test_past_twelve_times_the_limit_it_fails(stack, cli):
    with contextlib.closing(stack.connect(autocommit=False)) as open_:
        open_.cursor().execute("select pg_current_xact_id()")
        wait_for(lambda: [check for check in vacuum(findings(cli, "--older-than", "1ms"))
                          if check["verdict"] == "fail"])


def test_a_transaction_that_holds_nothing_back_is_none_of_it(stack, cli):
    with contextlib.closing(stack.connect(autocommit=False)) as open_:
        cursor = open_.cursor()
        cursor.execute("set application_name = 'idle.php'; select 1")
        time.sleep(0.02)        # older than the limit below
        assert not [check for check in vacuum(findings(cli, "--older-than", "10ms"))
                    if "idle.php" in check["message"]]


def test_a_prepared_transaction(stack, cli):
    with contextlib.closing(stack.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute("begin; select pg_current_xact_id(); prepare transaction 'left behind'")
    try:
        found = [check for check in wait_for(lambda: vacuum(findings(cli, "--older-than", "1ms")))
                 if "left behind" in check["message"]]
        assert "rollback prepared 'left behind'" in the_one(found)["remedy"]
    finally:
        stack.sql("rollback prepared 'left behind'")


def test_replication_slots_that_nobody_reads(stack, cli):
    stack.sql("select pg_create_physical_replication_slot('gone', true)")
    stack.sql("select pg_create_logical_replication_slot('forgotten', 'pgoutput')")
    try:
        found = vacuum(findings(cli))
        assert [(check["verdict"], check["message"].split("'")[1]) for check in found] == [
            ("fail", "forgotten"), ("warn", "gone")]
        for check in found:
            stack.sql(check["remedy"].split("(", 1)[1].removesuffix(")"))
    finally:
        stack.sql("select pg_drop_replication_slot(slot_name) from pg_replication_slots")
    assert findings(cli) == []


def test_autovacuum_is_off_or_lags(stack, cli):
    stack.sql("alter table millrace.ready set (autovacuum_enabled = false)")
    found = the_one(findings(cli))
    assert found["remedy"] == "alter table millrace.ready reset (autovacuum_enabled)"
    stack.sql(found["remedy"])
    assert findings(cli) == []

    stack.sql("create table millrace.tried (n int) with (autovacuum_vacuum_threshold = 5, "
              "autovacuum_vacuum_scale_factor = 0)")
    with contextlib.closing(stack.connect(autocommit=False)) as held:
        # While this is open, dead rows stay however often autovacuum comes.
        held.cursor().execute("set transaction isolation level repeatable read; select 1")
        stack.sql("insert into millrace.tried select generate_series(1, 1000)")
        stack.sql("delete from millrace.tried")
        found = wait_for(lambda: vacuum(findings(cli)))
    assert "millrace.tried has 1000 dead rows" in the_one(found)["message"]
    assert found[0]["remedy"] == "vacuum (analyze) millrace.tried"
    stack.sql("drop table millrace.tried")


# ---------------------------------------------------------------- the host

def test_folders_that_everybody_may_write_into(stack, cli):
    for name in "data", "run", "types.d":
        path = stack.dir / name
        mode = path.stat().st_mode
        path.chmod(mode | 0o002)
        try:
            found = the_one(findings(cli))
            assert found["verdict"] == "fail" and found["remedy"] == f"chmod o-w {path}"
        finally:
            path.chmod(mode)


def test_folders_that_are_not_there(stack, cli):
    found = findings(cli, MILLRACE_DATA_DIR="/nowhere", MILLRACE_TYPES_DIR="/nowhere")
    assert [check["what"] for check in found] == ["folder", "types"]
    found = the_one(findings(cli, MILLRACE_DATA_DIR="/etc/passwd"))
    assert "is no folder" in found["message"]


def test_a_file_of_settings_for_everybody(stack, cli, tmp_path):
    path = tmp_path / "m.conf"
    path.write_text("MILLRACE_SLOTS=2\nDATABASE_URL=postgresql:///x\n")
    path.chmod(0o644)
    assert findings(cli, MILLRACE_CONFIG=str(path)) == []
    path.chmod(0o646)
    found = the_one(findings(cli, "--config", path))
    assert (found["verdict"], found["remedy"]) == ("fail", f"chmod o-w {path}")
    for line in "MILLRACE_TOKEN=mr_x", "DATABASE_URL=postgresql://a:secret@h/d":
        path.write_text(line + "\n")
        path.chmod(0o644)
        found = the_one(findings(cli, "--config", path))
        assert (found["verdict"], found["remedy"]) == ("warn", f"chmod o= {path}")
        path.chmod(0o640)
        assert findings(cli, MILLRACE_CONFIG=str(path)) == []


def test_a_daemon_that_does_not_listen(stack, cli):
    stack.stop("stream")
    try:
        found = findings(cli)
        assert [check["what"] for check in found] == ["daemon", "web"]
        assert "systemctl start millrace-stream" in found[0]["remedy"]
        assert "/api/jobs/notifications/stream answers 502" in found[1]["message"]
    finally:
        stack.start("stream")


def test_types_that_cannot_be_read_or_run(stack, cli):
    bad = stack.dir / "types.d" / "bad.json"
    try:
        bad.write_text('{"type": "bad"')
        found = the_one(findings(cli))
        assert found["verdict"] == "fail" and "bad.json" in found["message"]
        bad.write_text(json.dumps({"type": "bad", "run": {"kind": "program",
                                                           "command": ["no-such-program"]}}))
        found = findings(cli)
        assert "the handler no-such-program of type bad" in found[0]["message"]
        assert "no worker has registered type bad" in found[1]["message"]
        bad.write_text(json.dumps({"type": "bad", "run": {"kind": "program", "command": ["sh"]}}))
        assert the_one(findings(cli))["verdict"] == "warn"
    finally:
        bad.unlink()


def test_types_that_go_to_a_server(stack, cli):
    secret = stack.dir / "ship.secret"
    specs = [{"type": "ship", "run": {"kind": "http", "url": "https://shop.example.org/",
                                      "secretFile": str(secret)}},
             {"type": "page", "run": {"kind": "fastcgi", "socket": "/run/x.sock",
                                      "script": "/srv/x.php"}}]
    try:
        for spec in specs:
            stack.add_type(spec)
        found = [check for check in findings(cli) if "registered" not in check["message"]]
        assert the_one(found)["verdict"] == "fail"
        assert f"{secret}, the secret of type ship, cannot be read" in found[0]["message"]
        secret.write_text("a secret of sixteen")
        assert {check["verdict"] for check in findings(cli)} == {"warn"}
    finally:
        for spec in specs:
            (stack.dir / "types.d" / f"{spec['type']}.json").unlink()


# ---------------------------------------------------------------- the web

class Elsewhere(http.server.BaseHTTPRequestHandler):
    """A web server that knows nothing of Millrace, or only some of it."""

    knows = {}

    def do_GET(self):
        body = self.knows.get(self.path)
        self.send_response(200 if body else 404)
        self.end_headers()
        self.wfile.write(body or b"<h1>Not Found</h1>")

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def elsewhere(knows):
    Elsewhere.knows = knows
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_nginx_has_no_route(cli):
    good = b'{"success": true}'
    for knows, missing in (({}, "/healthz"),
                           ({"/healthz": good, "/readyz": good}, "/api/types"),
                           ({"/healthz": good, "/readyz": good, "/api/types": good},
                            "/api/jobs/notifications/stream")):
        with elsewhere(knows) as url:
            found = the_one(findings(cli, MILLRACE_URL=url))
        assert f"nginx has no route for {missing}" in found["message"]
        assert "millrace-server.conf" in found["remedy"]


def test_streams_that_come_from_elsewhere(cli):
    good = b'{"success": true}'
    paths = ["/healthz", "/readyz", "/api/types", "/api/jobs/notifications/stream"]
    with elsewhere(dict.fromkeys(paths, good)) as url:
        assert "does not come from millrace-stream" in the_one(
            findings(cli, MILLRACE_URL=url))["message"]


def test_the_web_is_away(stack, cli):
    found = the_one(findings(cli, MILLRACE_URL="http://127.0.0.1:1"))
    assert (found["what"], found["verdict"]) == ("web", "fail")
    stack.stop("api")
    try:
        assert [check["what"] for check in findings(cli)] == ["daemon", "web"]
    finally:
        stack.start("api")


def test_a_token_that_is_no_good(stack, cli):
    found = the_one(findings(cli, MILLRACE_TOKEN="mr_no_such"))
    assert "401" in found["message"] and "token create" in found["remedy"]
    assert the_one(findings(cli, MILLRACE_TOKEN=""))["verdict"] == "warn"


def test_a_token_in_the_clear(cli):
    found = findings(cli, MILLRACE_URL="http://millrace.invalid")
    assert found[0]["remedy"] == "use https" and found[1]["verdict"] == "fail"
