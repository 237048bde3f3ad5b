"""Saved connections: passwords that nobody gets back, servers that are tried before."""

import contextlib
import json
import re
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from mariadb import MariaDB  # noqa: E402
from postgres import Postgres  # noqa: E402
from slow_names import slow_names  # noqa: E402
from stack import Stack, wait_for  # noqa: E402

TYPE = {"type": "schema-training", "run": {"kind": "program", "command": ["schema-training"]}}


@pytest.fixture(scope="module")
def server():
    with Postgres() as server:
        yield server


@pytest.fixture(scope="module")
def stack():
    with Stack("postgres", "api", "nginx") as stack:
        wait_for(lambda: stack.request("GET", "/healthz").status_code == 200)
        yield stack


@pytest.fixture(autouse=True)
def nothing_saved(stack):
    stack.sql("delete from millrace.connection")


class Caller:
    def __init__(self, stack, user):
        self.stack, self.user = stack, user

    def __call__(self, method, path="", body=None, **more):
        return self.stack.request(method, "/api/connections" + path, user=self.user, json=body, **more)


@pytest.fixture
def anna(stack):
    return Caller(stack, "anna")


def code_of(answer):
    return answer.status_code, answer.json()["error"]["code"]


def message_of(answer):
    return answer.json()["error"]["message"]


def nowhere(**other):
    return {"name": "nowhere", "kind": "postgresql", "host": "127.0.0.1", "port": 1, "database": "shop",
            "user": "anna", "password": "pa55word", "test": False, **other}


def saved(anna, body):
    answer = anna("POST", body=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


# ---------------------------------------------------------------- saving

def test_it_is_tested_saved_and_shown_without_its_password(stack, server, anna):
    answer = anna("POST", body=server.connection(name="shop"))
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert answer.headers["Location"] == f"/api/connections/{found['id']}"
    assert found["success"] and found["hasPassword"] is True and found["serverVersion"]
    assert found["testedAt"] and found["owner"] == "anna" and "schemaCache" not in found
    assert {**found, **server.connection(password=None, name="shop")} == {**found, "password": None}
    for path in ("", "/shop", f"/{found['id']}"):
        shown = anna("GET", path)
        assert shown.status_code == 200 and server.password not in shown.text, shown.text
        assert "sealed" not in shown.text
    assert anna("GET").json()["connections"] == [{name: found[name] for name in found if name != "success"}]
    row = stack.value("select c::text || coalesce(encode(sealed, 'escape'), '') from millrace.connection c")
    assert server.password not in row
    assert server.password not in stack.log("api")


def test_mariadb(stack, anna):
    with MariaDB() as maria:
        maria.sql("create database shop")
        maria.user("reader", "pa55word", "grant select on shop.* to {user}")
        body = {"name": "maria", "kind": "mariadb", "host": maria.host, "port": maria.port, "database": "shop",
                "user": "reader", "password": "pa55word"}
        found = anna("POST", body=body).json()
        assert found["kind"] == "mysql" and "MariaDB" in found["serverVersion"], found
        answer = anna("POST", body={**body, "name": "other", "password": "pa55wort"})
        assert code_of(answer) == (422, "connection_failed")
        assert answer.json()["error"]["details"] == {"code": "access_denied"}


@pytest.mark.parametrize("other, details", [
    ({"password": "hush-hush"}, "access_denied"), ({"password": None}, "access_denied"),
    ({"database": "none"}, "unknown_database"), ({"port": 1}, "database_unreachable"),
    ({"sslMode": "require"}, "tls_failed"), ({"host": "no-such-host.invalid"}, "database_unreachable")])
def test_what_does_not_work_is_not_saved(stack, server, anna, other, details):
    answer = anna("POST", body=server.connection(name="shop", **other))
    assert code_of(answer) == (422, "connection_failed"), answer.text
    assert answer.json()["error"]["details"] == {"code": details}, answer.text
    assert message_of(answer) == message_of(answer).strip()
    assert "hush-hush" not in answer.text
    assert anna("GET").json()["connections"] == []


def test_untested_where_one_wants_it(anna):
    found = anna("POST", body=nowhere()).json()
    assert "testedAt" not in found and "serverVersion" not in found and found["hasPassword"]
    assert code_of(anna("POST", "/nowhere/test")) == (422, "connection_failed")


def test_no_help_of_our_own(stack, server, anna):
    """Neither the API's environment nor its user's files make a connection work."""
    word = stack.dir / ".pgpass"
    word.write_text(f"*:*:*:*:{server.password}\n")
    word.chmod(0o600)
    stack.stop("api")
    stack.start("api", PGPASSWORD=server.password, PGPASSFILE=str(word), HOME=str(stack.dir))
    wait_for(lambda: stack.request("GET", "/healthz").status_code == 200)
    answer = anna("POST", body=server.connection(name="shop", password=None))
    stack.restart("api")
    assert code_of(answer) == (422, "connection_failed"), answer.text


@contextlib.contextmanager
def server_that_says(stack, script):
    program, away = stack.dir / "bin" / "connection-test", stack.dir / "away"
    program.rename(away)
    try:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        yield
    finally:
        away.rename(program)


def test_who_talks_without_end_holds_up_nobody(stack, anna):
    with server_that_says(stack, "exec yes"):
        answers = [code_of(anna("POST", body=nowhere(test=True), timeout=60)) for _ in range(9)]
    assert answers == 9 * [(422, "connection_failed")]


def test_a_server_takes_no_memory(stack, anna):
    """It answers as PostgreSQL does, with a row of 800 MB."""
    sent = 0

    def talk(listener):
        nonlocal sent
        line, _ = listener.accept()
        with line, contextlib.suppress(OSError):
            while (size := line.recv(4)) and (word := line.recv(int.from_bytes(size, "big") - 4))[:2] == b"\x04\xd2":
                line.sendall(b"N")
            line.sendall(b"R\0\0\0\x08\0\0\0\0" b"Z\0\0\0\x05I")
            line.recv(1)
            line.sendall(b"T\0\0\0\x1a\0\x01v\0" + bytes(6) + b"\0\0\0\x19\xff\xff" + bytes(6) + b"D\x30\0\0\0\0\x01\x2f\xff\xff\xf0")
            while sent < 900 << 20:
                sent += line.send(bytes(1 << 20))

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        talked = pool.submit(talk, listener)
        answer = anna("POST", body=nowhere(port=listener.getsockname()[1], test=True))
        talked.result(20)
    assert answer.status_code == 422 and sent < 200 << 20, (answer.text, sent)


@pytest.mark.parametrize("said, status", [
    ("{serverVersion: .password}", 200), ("{error: {code: \"odd\", message: .password}}", 422)])
def test_a_server_gives_no_password_back(stack, anna, said, status):
    saved(anna, nowhere())
    with server_that_says(stack, f"/usr/bin/jq -c '{said}'"):
        answer = anna("POST", "/nowhere/test")
    assert answer.status_code == status and "********" in answer.text and "pa55word" not in answer.text


@pytest.mark.parametrize("other, code, words", [
    ({"name": None}, "missing_member", "name"), ({"host": None}, "missing_member", "host"),
    ({"kind": None}, "missing_member", "kind"), ({"user": None}, "missing_member", "user"),
    ({"database": None}, "missing_member", "database"),
    ({"name": ""}, "invalid_member", "name"), ({"name": "a/b"}, "invalid_member", "slash"),
    ({"name": "x" * 101}, "invalid_member", "name"), ({"name": "a\nb"}, "invalid_member", "name"),
    ({"name": "01a219cb-226b-714b-8ca5-1c381e84b187"}, "invalid_member", "id"),
    ({"kind": "oracle"}, "invalid_member", "mysql"),
    ({"host": "/var/run/postgresql"}, "invalid_member", "host"), ({"host": "a,b"}, "invalid_member", "host"),
    ({"host": "@abstract"}, "invalid_member", "host"), ({"host": "-h"}, "invalid_member", "host"),
    ({"port": 0}, "invalid_member", "65535"), ({"port": 65536}, "invalid_member", "65535"),
    ({"port": "5432"}, "invalid_member", "65535"), ({"password": 1}, "invalid_member", "password"),
    ({"password": "x" * 4097}, "invalid_member", "4096"), ({"sslMode": "maybe"}, "invalid_member", "verify-full"),
    ({"caCertificate": "x"}, "invalid_member", "PEM"), ({"test": 1}, "invalid_member", "true"),
    ({"socket": "/x"}, "unknown_member", "socket")])
def test_bad_input(anna, other, code, words):
    answer = anna("POST", body=nowhere(**other))
    assert code_of(answer) == (400, code), answer.text
    assert words in message_of(answer), answer.text
    assert anna("GET").json()["connections"] == []


def test_a_name_is_taken_once(stack, anna):
    saved(anna, nowhere())
    assert code_of(anna("POST", body=nowhere())) == (409, "connection_exists")
    saved(Caller(stack, "bert"), nowhere())
    other = saved(anna, nowhere(name="other"))
    assert code_of(anna("PUT", f"/{other}", nowhere(name="nowhere"))) == (409, "connection_exists")


def test_a_default_port(anna):
    for kind, port in (("postgresql", 5432), ("mysql", 3306)):
        body = nowhere(name=kind, kind=kind)
        del body["port"]
        assert anna("POST", body=body).json()["port"] == port


def test_a_certificate_counts(anna):
    ca = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
    for given, shown in ((None, "verify-full"), ("require", "require")):
        assert anna("PUT", "/nowhere", nowhere(caCertificate=ca, sslMode=given)).json()["sslMode"] == shown
    assert "sslMode" not in anna("PUT", "/nowhere", nowhere()).json()


# ---------------------------------------------------------------- changing

def test_a_change_keeps_the_password(stack, server, anna):
    saved(anna, server.connection(name="shop"))
    body = server.connection(name="shop", database="postgres")
    del body["password"]
    answer = anna("PUT", "/shop", body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["database"] == "postgres" and answer.json()["hasPassword"]
    assert anna("POST", "/shop/test").status_code == 200
    renamed = anna("PUT", "/shop", {**body, "name": "renamed"}).json()
    assert renamed["name"] == "renamed" and anna("GET", "/shop").status_code == 404
    assert anna("POST", "/renamed/test").status_code == 200


@pytest.mark.parametrize("other", [{"host": "localhost"}, {"port": 2}, {"user": "bert"}, {"kind": "mysql"}])
def test_a_password_goes_to_no_other_server(stack, anna, other):
    saved(anna, nowhere())
    body = nowhere(**other)
    del body["password"]
    assert code_of(anna("PUT", "/nowhere", body)) == (422, "password_required")
    assert anna("GET", "/nowhere").json()["port"] == 1
    assert anna("PUT", "/nowhere", {**body, "password": None}).json()["hasPassword"] is False
    assert anna("PUT", "/nowhere", nowhere(**other)).json()["hasPassword"] is True


def test_put_makes_what_is_not_there(anna):
    answer = anna("PUT", "/new%20one", {key: value for key, value in nowhere().items() if key != "name"})
    assert answer.status_code == 201 and answer.json()["name"] == "new one", answer.text
    gone = "/01a219cb-226b-714b-8ca5-1c381e84b187"
    assert code_of(anna("PUT", gone, nowhere())) == (404, "connection_not_found")
    for name, code in (("x" * 101, "invalid_member"), ("a%2Fb", "invalid_path"), ("a%0Ab", "invalid_url")):
        assert code_of(anna("PUT", f"/{name}", {**nowhere(), "name": None})) == (400, code)
    assert len(anna("GET").json()["connections"]) == 1


def test_what_is_deleted_meanwhile_does_not_come_back(stack, anna):
    saved(anna, nowhere())
    begun, deleted = stack.dir / "data" / "begun", stack.dir / "deleted"
    script = f"touch {begun}; until [ -e {deleted} ]; do sleep 0.02; done; echo '{{\"serverVersion\": \"1\"}}'"
    with server_that_says(stack, script), ThreadPoolExecutor(1) as pool:
        change = pool.submit(anna, "PUT", "/nowhere", nowhere(test=True))
        wait_for(begun.exists)
        assert anna("DELETE", "/nowhere").status_code == 200
        deleted.touch()
        assert code_of(change.result(10)) == (404, "connection_not_found")
    assert anna("GET").json()["connections"] == []


def test_a_failed_change_changes_nothing(server, anna):
    saved(anna, server.connection(name="shop"))
    before = anna("GET", "/shop").json()
    assert anna("PUT", "/shop", server.connection(name="shop", database="none")).status_code == 422
    assert anna("GET", "/shop").json() == before
    assert anna("POST", "/shop/test").status_code == 200


def test_a_row_that_was_changed_does_not_open(stack, server, anna):
    """Who writes to the database cannot send the password elsewhere."""
    one = saved(anna, server.connection(name="one"))
    other = saved(anna, nowhere(name="other", password="another"))
    stack.sql("update millrace.connection set \"user\" = 'other' where id = %s", one)
    assert code_of(anna("POST", "/one/test")) == (503, "sealed_connection")
    stack.sql("update millrace.connection set \"user\" = 'admin' where id = %s", one)
    assert anna("POST", "/one/test").status_code == 200
    stack.sql("update millrace.connection set sealed = (select sealed from millrace.connection where id = %s)"
              " where id = %s", other, one)
    assert code_of(anna("POST", "/one/test")) == (503, "sealed_connection")


def test_delete(stack, anna):
    one = saved(anna, nowhere())
    assert anna("DELETE", f"/{one}").json() == {"success": True}
    assert code_of(anna("DELETE", f"/{one}")) == (404, "connection_not_found")
    assert code_of(anna("GET", "/nowhere")) == (404, "connection_not_found")


# ---------------------------------------------------------------- whose

def test_others_see_nothing(stack, anna):
    one = saved(anna, nowhere())
    bert = Caller(stack, "bert")
    assert bert("GET").json()["connections"] == []
    for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/test"), ("GET", "/schema-cache"),
                         ("DELETE", "/schema-cache"), ("POST", "/train-schema")):
        assert code_of(bert(method, f"/{one}{path}")) == (404, "connection_not_found"), (method, path)
    assert code_of(bert("GET", "?owner=anna")) == (403, "admin_only")
    admin = Caller(stack, "admin")
    assert [c["owner"] for c in admin("GET").json()["connections"]] == ["anna"]
    assert admin("GET", f"/{one}?owner=anna").json()["name"] == "nowhere"
    assert code_of(admin("GET", f"/{one}")) == (404, "connection_not_found")


def test_pages(anna):
    for name in ("c", "a", "b"):
        saved(anna, nowhere(name=name))
    first = anna("GET", "?limit=2").json()
    assert [c["name"] for c in first["connections"]] == ["a", "b"]
    rest = anna("GET", f"?limit=2&cursor={first['nextCursor']}").json()
    assert [c["name"] for c in rest["connections"]] == ["c"] and "nextCursor" not in rest
    assert code_of(anna("GET", "?cursor=x")) == (400, "invalid_cursor")


# ---------------------------------------------------------------- where to

def test_hosts(server):
    with Stack("postgres", "api", "nginx", MILLRACE_CONNECTION_HOSTS="db.example.org, 10.0.0.0/8") as stack:
        wait_for(lambda: stack.request("GET", "/healthz").status_code == 200)
        anna = Caller(stack, "anna")
        before = server.log().count("connection received")
        answer = anna("POST", body=server.connection(name="shop"))
        assert code_of(answer) == (400, "forbidden_host"), answer.text
        assert "MILLRACE_CONNECTION_HOSTS" in message_of(answer)
        assert server.log().count("connection received") == before


def test_names_that_take_long_hold_up_a_few_only():
    with Stack("postgres", "nginx", MILLRACE_CONNECTION_HOSTS="10.0.0.0/8") as stack:
        stack.start("api", LD_PRELOAD=slow_names(stack.dir, 3))
        wait_for(lambda: stack.request("GET", "/healthz").status_code == 200)
        anna = Caller(stack, "anna")
        with ThreadPoolExecutor(12) as pool:
            answers = pool.map(lambda n: code_of(anna("POST", body=nowhere(host="slow.invalid", test=True))), range(12))
        assert sorted(answers) == 4 * [(503, "busy")] + 8 * [(503, "unknown_host")]


def test_the_clouds_metadata_is_no_database(anna):
    for host in ("169.254.169.254", "fe80::1", "::ffff:169.254.169.254"):
        assert code_of(anna("POST", body=nowhere(host=host, test=True))) == (400, "forbidden_host"), host


def test_without_a_key(stack, anna):
    saved(anna, nowhere(name="before"))
    key, away = stack.dir / "connection.key", stack.dir / "away.key"
    key.rename(away)
    try:
        answer = anna("POST", body=nowhere())
        assert code_of(answer) == (503, "no_key") and "millrace connection key" in message_of(answer)
        assert code_of(anna("POST", "/before/test")) == (503, "no_key")
        assert anna("POST", body=nowhere(password=None)).status_code == 201
        assert anna("GET", "/before").json()["hasPassword"]
    finally:
        away.rename(key)
    assert code_of(anna("POST", "/before/test")) == (422, "connection_failed")


# ---------------------------------------------------------------- schemas

@pytest.fixture
def trained(stack, anna):
    one = saved(anna, nowhere())
    stack.sql("insert into millrace.job_type (type) values ('schema-training') on conflict do nothing")
    stack.sql("insert into millrace.schema_cache (connection, job, attempt, result) values (%s,"
              " '01a219cb-226b-714b-8ca5-1c381e84b187', 1, %s)", one,
              json.dumps({"kind": "postgresql", "counts": {"tables": 2}, "schemas": []}))
    return one


def test_what_is_known_of_a_schema(anna, trained):
    cache = anna("GET", "/nowhere").json()["schemaCache"]
    assert cache["counts"] == {"tables": 2} and cache["jobId"] == "01a219cb-226b-714b-8ca5-1c381e84b187"
    answer = anna("GET", f"/{trained}/schema-cache").json()
    assert answer["cached"] is True and answer["schema"]["schemas"] == []
    assert re.match(r"\d{4}-", answer["trainedAt"]) and answer["connection"] == trained
    assert anna("DELETE", f"/{trained}/schema-cache").json() == {"success": True}
    for method in ("GET", "DELETE"):
        assert code_of(anna(method, f"/{trained}/schema-cache")) == (404, "not_cached")


def test_ends_of_trainings_do_not_wait_for_each_other(stack, anna):
    """Two workers, each with trainings of the same two connections, in another order."""
    one, other = saved(anna, nowhere(name="one")), saved(anna, nowhere(name="other"))
    stack.sql("insert into millrace.job_type (type) values ('schema-training') on conflict do nothing")
    stack.sql("insert into millrace.schema_cache (connection, job, attempt, result)"
              " select id, '00000000-0000-7000-8000-000000000000', 1, '{}' from millrace.connection")

    def ended(connection):
        job = stack.value("select millrace.enqueue('schema-training', %s, '{\"owner\": \"anna\"}')",
                          json.dumps({"connection": connection}))
        stack.sql("insert into millrace.done (id, state, attempt, started_at, finished_at, progress, result)"
                  " values (%s, 'completed', 1, now(), now(), 100, '{}')", job)
        return job

    def hold(connection):
        holder = stack.connect(autocommit=False)
        holder.cursor().execute("select from millrace.schema_cache where connection = %s for update", [connection])
        return holder

    def both_wait():
        return stack.value("select count(distinct pid) from pg_locks where not granted") == 2

    calls = [[ended(connection) for connection in pair] for pair in ((one, other), (other, one))]
    with contextlib.closing(hold(one)) as first, contextlib.closing(hold(other)) as then, ThreadPoolExecutor(2) as pool:
        ends = [pool.submit(stack.sql, "select millrace.keep_schemas(%s::uuid[])", jobs) for jobs in calls]
        wait_for(both_wait)
        first.commit()
        time.sleep(0.3)
        wait_for(both_wait)
        then.commit()
        assert [len(end.result(20)) for end in ends] == [1, 1]
    stack.sql("delete from millrace.done")


def test_a_connection_that_leads_elsewhere_has_no_schema(anna, trained):
    assert anna("PUT", "/nowhere", nowhere(sslMode="require")).json()["schemaCache"]
    assert "schemaCache" not in anna("PUT", "/nowhere", nowhere(database="other")).json()
    assert code_of(anna("GET", "/nowhere/schema-cache")) == (404, "not_cached")


def test_a_large_one_whose_job_is_gone(stack, anna, trained):
    stack.sql("update millrace.schema_cache set result = '{\"file\": \"schema.json\"}'")
    answer = anna("GET", f"/{trained}/schema-cache")
    assert code_of(answer) == (404, "not_cached") and "train-schema" in message_of(answer)


@pytest.mark.parametrize("body", [None, {}, {"includeIndexes": False}, {"options": {"includeIndexes": False}}])
def test_training_is_a_job(stack, anna, trained, body):
    answer = anna("POST", "/nowhere/train-schema", body)
    assert answer.status_code == 202, answer.text
    job = stack.request("GET", f"/api/jobs/{answer.json()['jobId']}", user="anna").json()
    assert job["type"] == "schema-training"
    wanted = {"connection": trained} if not body else {"connection": trained, "includeIndexes": False}
    assert job["payload"] == wanted
    assert answer.headers["Location"] == f"/api/jobs/{job['jobId']}"


def test_training_twice_with_one_key(anna, trained):
    headers = {"Idempotency-Key": "once"}
    first, again = (anna("POST", "/nowhere/train-schema", {}, headers=headers) for _ in range(2))
    assert first.json()["jobId"] == again.json()["jobId"]
    other = anna("POST", "/nowhere/train-schema", {"includeIndexes": False}, headers=headers)
    assert code_of(other) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("body, code", [
    ({"options": 1}, "invalid_member"), ({"options": {}, "schemas": ["a"]}, "invalid_member"),
    ({"connection": "other"}, "unknown_member"), ([], "invalid_body")])
def test_bad_options(anna, trained, body, code):
    assert code_of(anna("POST", "/nowhere/train-schema", body)) == (400, code)
