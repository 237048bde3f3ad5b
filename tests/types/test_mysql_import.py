"""mysql-import: what is read of a real MariaDB, by a real sshd, and how the API answers."""

import contextlib
import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "lib"))
from mariadb import MariaDB  # noqa: E402
from ssh_server import SSHServer  # noqa: E402
from stack import wait_for  # noqa: E402
from worker import worker_stack  # noqa: E402

PASSWORD = "s3cret-pa55word"
ROUTE = "/api/v1/import/mysql"
SHOP = """
create database elsewhere;
create table elsewhere.country (code char(2) primary key);
create database shop;
use shop;
create table customer (
    id int unsigned auto_increment primary key,
    email varchar(80) not null unique comment 'who "buys"',
    born date default '1970-01-01',
    country char(2),
    age int generated always as (2026 - year(born)) virtual,
    constraint lives_in foreign key (country) references elsewhere.country (code));
create table orders (
    no int, line int, customer_id int unsigned not null, note text,
    primary key (no, line), index by_customer (customer_id), fulltext (note),
    constraint bought_by foreign key (customer_id) references customer (id) on delete cascade);
create table parcel (
    id int primary key, no int, line int,
    constraint of_order foreign key (no, line) references orders (no, line));
create table log (at datetime, text varchar(20)) engine=Aria;
create table old (y int primary key) partition by range (y)
    (partition a values less than (2000), partition b values less than maxvalue);
create view late as select no, line from orders;
create trigger lower_email before insert on customer for each row set new.email = lower(new.email);
create procedure tidy() select 1;
create function two() returns int return 2;
create event nightly on schedule every 1 day do select 1;
create sequence numbers;
"""


@pytest.fixture(scope="module")
def database():
    with MariaDB() as server:
        server.sql(SHOP)
        server.sql("create database big; use big; "
                   + "".join(f"create table t{i} (id int primary key, {WIDE}) engine=Aria;"
                             for i in range(100)))
        server.user("reader", PASSWORD, "grant all on shop.* to {user}",
                    "grant all on big.* to {user}")
        yield server


WIDE = ", ".join(f"column_{i} varchar(80) not null default 'nothing yet' comment 'column {i}'"
                 for i in range(120))


@pytest.fixture(scope="module")
def ssh():
    with SSHServer() as server:
        yield server


@pytest.fixture(scope="module")
def worker():
    spec = json.loads((TOP / "types.d" / "mysql-import.json").read_text())
    walled = {**spec, "type": "walled", "run": {**spec["run"], "env": {
        "IMPORT_HOSTS": "db.example.org 10.*"}}}
    with worker_stack([(spec, None), (walled, None)]) as running:
        running.stack.start("api", "nginx")
        yield running


@pytest.fixture
def target(database):
    return {"host": database.host, "port": database.port, "database": "shop",
            "user": "reader", "password": PASSWORD}


@pytest.fixture
def by_ssh(target, ssh):
    def place(**changes):
        server = {"host": ssh.host, "port": ssh.port, "user": ssh.user,
                  "privateKey": ssh.private_key, "hostKey": ssh.host_key, **changes}
        return {**target, "ssh": {name: value for name, value in server.items() if value}}
    return place


def post(worker, payload, strategy="immediate", headers=None):
    query = f"?strategy={strategy}" if strategy else ""
    return worker.stack.request("POST", ROUTE + query, user="ann", json=payload, headers=headers)


def imported(worker, payload):
    answer = post(worker, payload)
    assert answer.status_code == 200, answer.text
    assert answer.json()["success"]
    return answer.json()["data"]


def failed(worker, payload, status, code):
    answer = post(worker, payload)
    assert (answer.status_code, answer.json()["success"]) == (status, False), answer.text
    assert answer.json()["error"]["code"] == code, answer.text
    assert PASSWORD not in answer.text
    return answer.json()["error"]["message"]


# ---------------------------------------------------------------- what is read

def test_tables_and_views_are_nodes_with_their_columns(worker, target):
    nodes = {node["id"]: node for node in imported(worker, target)["schema"]["nodes"]}
    assert {name: node["type"] for name, node in nodes.items()} == {
        "customer": "table", "orders": "table", "parcel": "table", "log": "table",
        "old": "table", "late": "view"}
    columns = {column["name"]: column for column in nodes["customer"]["columns"]}
    assert columns["id"] == {"name": "id", "type": "int(10) unsigned", "nullable": False,
                             "identity": "autoIncrement", "primaryKey": True}
    assert columns["email"]["comment"] == 'who "buys"'
    assert columns["born"] == {"name": "born", "type": "date", "nullable": True,
                               "default": "'1970-01-01'"}
    assert {"name": "PRIMARY", "type": "primaryKey", "columns": ["no", "line"]} \
        in nodes["orders"]["constraints"]


def test_foreign_keys_are_edges(worker, target):
    edges = {edge["name"]: edge for edge in imported(worker, target)["schema"]["edges"]}
    assert edges == {
        "bought_by": {"id": "orders.bought_by", "name": "bought_by", "source": "orders",
                      "target": "customer", "sourceColumns": ["customer_id"],
                      "targetColumns": ["id"], "onUpdate": "RESTRICT", "onDelete": "CASCADE"},
        "of_order": {"id": "parcel.of_order", "name": "of_order", "source": "parcel",
                     "target": "orders", "sourceColumns": ["no", "line"],
                     "targetColumns": ["no", "line"], "onUpdate": "RESTRICT",
                     "onDelete": "RESTRICT"}}


def test_what_a_diagram_cannot_show_is_told_of(worker, target):
    data = imported(worker, target)
    assert {(one["feature"], one["name"]) for one in data["unsupportedFeatures"]} == {
        ("trigger", "lower_email"), ("procedure", "tidy"), ("function", "two"),
        ("event", "nightly"), ("partitioning", "old"), ("generatedColumn", "age"),
        ("fulltextIndex", "note"), ("sequence", "numbers")}
    assert {(one["code"], one["table"]) for one in data["warnings"]} == {
        ("foreign_key_outside", "customer"), ("no_primary_key", "log"), ("no_foreign_keys", "log")}


def test_what_is_too_large_for_a_result_is_a_file(worker, target):
    data = imported(worker, {**target, "database": "big"})
    assert data["counts"] == {"nodes": 100, "edges": 0}
    file = worker.stack.request("GET", data["downloadUrl"], user="ann").json()
    assert len(file["schema"]["nodes"]) == 100 and len(file["schema"]["nodes"][0]["columns"]) == 121


# ---------------------------------------------------------------- the other way

def test_by_ssh_the_same_comes(worker, target, by_ssh, ssh):
    direct = imported(worker, target)
    for key in (ssh.host_key, ssh.fingerprint):
        far = imported(worker, by_ssh(hostKey=key))
        assert far["schema"] == direct["schema"]
    assert imported(worker, by_ssh(hostKey=None, knownHosts=ssh.known_hosts))["schema"] \
        == direct["schema"]


@pytest.mark.parametrize("name", ["worker22", "worker" + 20 * "2"])
def test_the_folder_of_a_job_may_have_a_long_path(worker, by_ssh, name):
    """The tunnel's socket lies there, and the name of a socket is short."""
    worker.stack.stop("worker")
    worker.stack.start(name)
    try:
        assert imported(worker, by_ssh())["schema"]["nodes"]
    finally:
        worker.stack.stop(name)
        worker.stack.start("worker")


def test_large_answers_come_whole_by_ssh(worker, by_ssh):
    assert imported(worker, {**by_ssh(), "database": "big"})["counts"]["nodes"] == 100


def test_another_host_key_ends_it_and_is_shown(worker, by_ssh, ssh):
    for wrong in ({"hostKey": ssh.other_host_key}, {"hostKey": ssh.other_fingerprint},
                  {"hostKey": None, "knownHosts": f"[{ssh.host}]:{ssh.port} {ssh.other_host_key}"}):
        message = failed(worker, by_ssh(**wrong), 422, "ssh_host_key_mismatch")
        assert ssh.fingerprint in message


def test_a_server_that_nothing_is_known_of_is_not_trusted(worker, by_ssh, ssh):
    message = failed(worker, by_ssh(hostKey=None), 422, "ssh_host_unknown")
    assert ssh.fingerprint in message


def test_what_else_ssh_may_refuse(worker, by_ssh, ssh):
    failed(worker, by_ssh(privateKey=ssh.other_key), 422, "ssh_denied")
    failed(worker, by_ssh(privateKey="no key"), 422, "ssh_invalid_key")
    failed(worker, by_ssh(port=1), 502, "ssh_unreachable")
    failed(worker, {**by_ssh(), "port": 1}, 502, "ssh_forward_failed")
    with SSHServer(forwarding="no") as shut:
        message = failed(worker, by_ssh(port=shut.port, hostKey=shut.host_key,
                                        privateKey=shut.private_key), 502, "ssh_forward_failed")
        assert "prohibits" in message


# ---------------------------------------------------------------- what is wrong

def test_wrong_payloads_are_refused_where_they_come_in(worker, target, by_ssh):
    answer = post(worker, {"port": 70000, "database": "", "user": "x", "more": 1})
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "invalid_payload"
    assert {one["pointer"] for one in answer.json()["error"]["details"]["errors"]} >= {
        "/port", "/database", "/more"}
    failed(worker, {**target, "host": "/run/mysqld/mysqld.sock"}, 422, "invalid_payload")
    failed(worker, by_ssh(password="x"), 422, "invalid_payload")


def test_what_the_database_may_refuse(worker, target, by_ssh):
    failed(worker, {**target, "password": "wrong"}, 422, "access_denied")
    failed(worker, {**by_ssh(), "password": "wrong"}, 422, "access_denied")
    failed(worker, {**target, "database": "none"}, 422, "access_denied")
    failed(worker, {**target, "port": 1}, 502, "database_unreachable")
    failed(worker, {**target, "host": "no-such-host.invalid"}, 502, "database_unreachable")
    failed(worker, {**target, "sslMode": "require"}, 422, "tls_failed")


def test_the_operator_says_where_imports_are_from(worker, target, by_ssh):
    for payload in (target, {**by_ssh(), "host": "10.0.0.1"}):
        ended = worker.wait(worker.enqueue("walled", payload))
        assert ended["error"]["code"] == "host_not_allowed" and "10.*" in ended["error"]["message"]
    ended = worker.wait(worker.enqueue("walled", {**target, "host": "10.0.0.1.invalid"}))
    assert ended["error"]["code"] == "database_unreachable"


def test_a_server_gets_no_file_of_ours(worker, target):
    """One that answers the first question with a wish for a file, as LOAD DATA LOCAL does."""
    with listening() as server:
        answer = threading.Thread(target=wish_for_a_file, args=(server, wishes := []))
        answer.start()
        failed_answer = post(worker, {**target, "port": server.getsockname()[1],
                                      "sslMode": "disable"}, strategy="background")
        answer.join(20)
        worker.stack.request("DELETE", f"/api/jobs/{failed_answer.json()['data']['jobId']}", user="ann")
    assert b"select" in wishes[1] and b"root:" not in b"".join(wishes)


@contextlib.contextmanager
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(15)
        yield server


def packet(number, body):
    return len(body).to_bytes(3, "little") + bytes([number]) + body


def wish_for_a_file(server, said):
    with contextlib.suppress(OSError), server.accept()[0] as peer:
        peer.settimeout(1)
        capabilities = (0x0200 | 0x8000 | 0x80000 | 0x80 | 1 | 8).to_bytes(4, "little")
        peer.sendall(packet(0, b"\x0a5.7.0\0" + b"\1\0\0\0" + b"abcdefgh\0" + capabilities[:2]
                            + b"\x21\2\0" + capabilities[2:] + b"\x15" + bytes(10)
                            + b"ijklmnopqrst\0" + b"mysql_native_password\0"))
        said.append(peer.recv(4096))
        peer.sendall(packet(2, b"\0\0\0\2\0\0\0"))
        said.append(peer.recv(4096))
        peer.sendall(packet(1, b"\xfb/etc/passwd"))
        said.append(peer.recv(65536))


# ---------------------------------------------------------------- how it is answered

def test_in_the_background_it_is_answered_at_once(worker, target):
    answer = post(worker, target, "background")
    assert answer.status_code == 202, answer.text
    data = answer.json()["data"]
    assert data["status"] == "PENDING" and data["jobId"] in answer.headers["Location"]
    assert "/api/v1/jobs/{jobId}" in data["message"]
    job = worker.stack.wait_job(data["jobId"], user="ann")
    assert len(job["result"]["schema"]["nodes"]) == 6


def test_secrets_are_shown_to_nobody_and_forgotten(worker, by_ssh):
    job = post(worker, by_ssh(), "background").json()["data"]["jobId"]
    worker.stack.wait_job(job, user="ann")
    shown = worker.stack.job(job, user="ann")["payload"]
    assert shown["password"] == shown["ssh"]["privateKey"] == "********"
    kept = worker.value("select payload::text from millrace.job where id = %s", job)
    assert PASSWORD not in kept and "PRIVATE KEY" not in kept


def test_words_that_are_no_strategy_are_refused(worker, target):
    answer = post(worker, target, "fast")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_strategy")


def test_a_repeated_key_brings_the_first_answer(worker, target):
    key = {"Idempotency-Key": "an-import-once"}
    first = post(worker, target, "background", headers=key).json()
    assert post(worker, target, "background", headers=key).json() == first
    late = post(worker, target, "immediate", headers=key)
    assert late.status_code == 200 and late.json()["data"]["jobId"] == first["data"]["jobId"]


def take_time(worker, seconds):
    """Past runs of the type took so long."""
    worker.sql("update millrace.done d set started_at = finished_at - %s * interval '1 s'"
               "  from millrace.job j where j.id = d.id and j.type = 'mysql-import'", seconds)


def test_auto_answers_what_is_quick_and_does_not_wait_for_what_is_slow(worker, target):
    for _ in range(5):
        imported(worker, target)
    take_time(worker, 0.1)
    quick = post(worker, target, strategy=None)
    assert quick.status_code == 200 and quick.headers["Preference-Applied"] == "wait=auto"
    take_time(worker, 3)
    assert post(worker, target, strategy="auto").status_code == 202
    assert post(worker, target, strategy=None, headers={"Prefer": "wait=20"}).status_code == 200
    take_time(worker, 0.1)
    answer = worker.stack.request("POST", "/api/jobs", user="ann", headers={"Prefer": "wait=auto"},
                                  json={"type": "mysql-import", "payload": target})
    assert answer.status_code == 200 and answer.json()["status"] == "completed"


# ---------------------------------------------------------------- ends in the middle

@pytest.fixture
def slow(target):
    """A server that takes connections and says nothing."""
    with listening() as server:
        yield {**target, "port": server.getsockname()[1]}


def test_it_can_be_cancelled(worker, slow):
    job = post(worker, slow, "background").json()["data"]["jobId"]
    worker.wait(job, "active")
    wait_for(lambda: worker.handler(job))
    worker.stack.request("DELETE", f"/api/jobs/{job}", user="ann")
    assert worker.wait(job)["state"] == "cancelled"
    assert post(worker, slow, "background").status_code == 202
    assert worker.artifacts(job) == []


def test_after_a_kill_the_next_attempt_gives_the_same(worker, target, database):
    expected = imported(worker, target)["schema"]
    database.server.send_signal(signal.SIGSTOP)
    try:
        job = post(worker, target, "background").json()["data"]["jobId"]
        os.kill(wait_for(lambda: worker.handler(job)), signal.SIGKILL)
    finally:
        database.server.send_signal(signal.SIGCONT)
    ended = worker.wait(job)
    assert (ended["state"], ended["attempt"]) == ("completed", 2)
    assert ended["result"]["schema"] == expected
