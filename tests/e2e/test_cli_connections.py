"""The command line for saved connections, over HTTP and over SQL, against a real server."""

import json
import stat
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from cli import Cli  # noqa: E402
from postgres import Postgres  # noqa: E402
from stack import Stack, wait_for  # noqa: E402

JOB = "01a219cb-226b-714b-8ca5-1c381e84b187"

LARGE = """#!/bin/sh
echo '{"schemas": [1, 2]}' > "$MILLRACE_OUTPUT_DIR/schema.json"
echo '{}'
"""


@pytest.fixture(scope="module", name="server")
def _server():
    with Postgres() as running:
        yield running


@pytest.fixture(scope="module", name="stack")
def _stack():
    with Stack("postgres", "api", "nginx") as running:
        running.add_type({"type": "schema-training", "run": {"kind": "program", "command": ["refuses"]}},
                         "#!/bin/sh\nexit 64\n")
        running.add_type({"type": "large", "run": {"kind": "program", "command": ["large"]}}, LARGE)
        running.start("worker")
        wait_for(lambda: "schema-training" in running.request("GET", "/api/types").text)
        yield running


@pytest.fixture(params=["http", "sql"], name="cli")
def _cli(stack, request):
    yield Cli(stack, request.param)
    stack.sql("delete from millrace.connection")


def place(server, **other):
    options = {"kind": "postgresql", "host": server.host, "port": server.port,
               "database": server.database, "user": server.user, **other}
    return [word for name, value in options.items() for word in (f"--{name}", str(value))]


def create(cli, server, name="shop", **other):
    done = cli("connection", "create", name, *place(server, **other), "--password-file", "-",
               input=server.password + "\n")
    assert done.out == f"{name} is saved\n"
    return cli("connection", "show", name, "--json").json()


def test_from_its_beginning_to_its_end(cli, server):
    shown = create(cli, server)
    assert shown["hasPassword"] and shown["serverVersion"] and shown["owner"] == cli.user
    people = cli("connection", "show", "shop")
    assert server.host in people.out and server.password not in people.out
    line = next(line for line in cli("connection", "list").lines() if line.startswith("shop"))
    assert line.split()[:6] == ["shop", "postgresql", server.host, str(server.port), "shop", "admin"]
    assert "the server is" in cli("connection", "test", shown["id"]).out

    done = cli("connection", "change", "shop", "--name", "books", "--database", "postgres",
               "--ssl-mode", "prefer")
    assert done.out == "shop is changed\n"
    changed = cli("connection", "show", "books", "--json").json()
    assert (changed["database"], changed["sslMode"]) == ("postgres", "prefer")
    assert changed["id"] == shown["id"] and changed["hasPassword"]
    cli("connection", "change", "books", "--ssl-mode", "default")
    assert "sslMode" not in cli("connection", "show", "books", "--json").json()
    assert cli("connection", "delete", "books").out == "books is gone\n"
    assert cli.run("connection", "show", "books").code == 4


def test_what_does_not_work_is_said(cli, server):
    done = cli.run("connection", "create", "shop", *place(server), "--password-file", "-", input="hush-hush\n")
    assert done.code == 1 and "(connection_failed)" in done.err and "hush-hush" not in done.err
    assert cli.run("connection", "test", "shop").code == 4
    cli("connection", "create", "shop", *place(server), "--no-password", "--no-test")
    assert cli("connection", "show", "shop", "--json").json()["hasPassword"] is False
    assert "(connection_failed)" in cli.run("connection", "test", "shop").err


def test_what_a_server_says_moves_no_cursor(stack, cli, server):
    create(cli, server)
    program, away = stack.dir / "bin" / "connection-test", stack.dir / "away"
    program.rename(away)
    try:
        for said in ({"serverVersion": "15\x1b[2J"}, {"error": {"code": "odd", "message": "no\x1b[2J"}}):
            program.write_text(f"#!/bin/sh\necho '{json.dumps(said)}'\n")
            program.chmod(0o755)
            done = cli.run("connection", "test", "shop")
            assert "[2J" in done.out + done.err and "\x1b" not in done.out + done.err
    finally:
        away.rename(program)


def test_a_password_is_no_word_of_the_command_line(cli, server):
    done = cli.run("connection", "create", "shop", *place(server), input="")
    assert done.code == 2 and "--password-file" in done.err
    done = cli.run("connection", "create", "shop", *place(server), "--no-password", "--password-file", "-")
    assert done.code == 2
    assert cli.run("connection", "create", "shop", *place(server), "--password", "x").code == 2


def test_it_is_asked_for_at_a_terminal_and_not_shown(cli, server):
    with cli.terminal("connection", "create", "shop", *place(server)) as terminal:
        terminal.wait_for("Password: ")
        terminal.send(server.password + "\n")
        shown, code = terminal.end()
    assert code == 0 and "shop is saved" in shown and server.password not in shown
    with cli.terminal("connection", "change", "shop", "--password") as terminal:
        terminal.wait_for("Password: ")
        terminal.send("hush-hush\n")
        shown, code = terminal.end()
    assert code == 1 and "connection_failed" in shown and "hush-hush" not in shown


def test_a_change_keeps_what_is_not_named(cli, server, tmp_path):
    certificate = tmp_path / "ca.pem"
    certificate.write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    cli("connection", "create", "shop", *place(server), "--no-password", "--no-test", "--ca-file", certificate)
    cli("connection", "change", "shop", "--port", "7", "--no-test")
    shown = cli("connection", "show", "shop", "--json").json()
    assert shown["port"] == 7 and shown["caCertificate"] == certificate.read_text()
    cli("connection", "change", "shop", "--kind", "mysql", "--no-test")
    assert cli("connection", "show", "shop", "--json").json()["port"] == 3306
    cli("connection", "change", "shop", "--ca-file", "", "--no-test")
    assert "caCertificate" not in cli("connection", "show", "shop", "--json").json()


def test_schemas(stack, cli, server):
    shown = create(cli, server)
    job = cli("connection", "train", "shop", '{"includeIndexes": false}').out.strip()
    assert cli("show", job, "--json").json()["payload"] == {"connection": shown["id"], "includeIndexes": False}
    assert cli.run("connection", "schema", "shop").code == 4
    schema = {"kind": "postgresql", "counts": {"tables": 0}, "schemas": []}
    stack.sql("insert into millrace.schema_cache (connection, job, attempt, result) values (%s, %s, 1, %s)",
              shown["id"], JOB, json.dumps(schema))
    assert json.loads(cli("connection", "schema", "shop").out) == schema
    assert cli("connection", "schema", "shop", "--json").json()["jobId"] == JOB
    assert "tables" in cli("connection", "show", "shop").out
    cli("connection", "schema", "shop", "--forget")
    assert cli.run("connection", "schema", "shop").code == 4


def test_a_large_schema_is_fetched_from_its_job(stack, cli, server):
    shown = create(cli, server)
    job = cli.enqueue("large")
    stack.wait_job(job)
    stack.sql("insert into millrace.schema_cache (connection, job, attempt, result) values (%s, %s, 1, %s)",
              shown["id"], job, json.dumps({"counts": {"tables": 2}, "file": "schema.json"}))
    assert json.loads(cli("connection", "schema", "shop").out) == {"schemas": [1, 2]}
    known = cli("connection", "schema", "shop", "--json").json()
    assert known["schema"]["file"] == "schema.json" and known["downloadUrl"]


def test_an_admin_reaches_those_of_others(stack, cli, server):
    create(Cli(stack, "http", "bob"), server, "mine")
    assert cli.run("connection", "show", "mine").code == 4
    assert cli("connection", "show", "mine", "--owner", "bob", "--json").json()["owner"] == "bob"
    assert "mine" in cli("connection", "list", "--owner", "bob").out
    cli("connection", "change", "mine", "--owner", "bob", "--database", "postgres")
    cli("connection", "delete", "mine", "--owner", "bob")


def test_a_key_is_made_once(cli, tmp_path):
    key = tmp_path / "key"
    assert str(key) in cli("connection", "key", "--file", key).out
    made = key.read_bytes()
    assert len(made) == 65 and stat.S_IMODE(key.stat().st_mode) == 0o600
    done = cli.run("connection", "key", "--file", key)
    assert done.code == 1 and "never replaced" in done.err and key.read_bytes() == made
    other = tmp_path / "other"
    cli("connection", "key", MILLRACE_KEY_FILE=str(other))
    assert other.read_bytes() != made
