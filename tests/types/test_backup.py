"""Backups: that they can be restored, that half ones are never seen, which ones stay."""

import datetime
import gzip
import hashlib
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
from pathlib import Path

import psycopg2
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from mariadb import MariaDB  # noqa: E402
from stack import open_folder, psql, wait_for  # noqa: E402
from worker import program, worker_stack  # noqa: E402

HANDLERS = Path(__file__).resolve().parents[2] / "src" / "handlers"
ROWS = 20_000
SHOP = f"""
create schema stock;
create table customer (id int primary key, name text not null);
create table "Order" (id int primary key, customer_id int references customer, note text);
create table stock.item (id int primary key, amount numeric);
insert into customer select n, 'Kunde Größe ' || n from generate_series(1, {ROWS}) n;
insert into "Order" select n, n, repeat(md5(n::text), 20) from generate_series(1, {ROWS}) n;
"""


def backup_type(name, **env):
    return program(name, "database-backup", maxAttempts=2, timeout="60s",
                   run={"kind": "program", "command": ["database-backup"], "env": env})


@pytest.fixture(scope="module")
def folder():
    with open_folder() as path:
        yield path


@pytest.fixture(scope="module")
def worker(folder):
    with worker_stack([]) as worker:
        url = worker.stack.env["DATABASE_URL"]
        worker.shop = url.replace("/millrace?", "/shop?")
        worker.admin = url.replace("/millrace?", "/postgres?")
        psql(worker.admin, "create database shop")
        psql(worker.shop, SHOP)
        for name, more in (("backup", {}), ("backup.none", {"TARGET_DATABASE_URL": url.replace("/millrace?", "/none?")}),
                           ("backup.down", {"TARGET_DATABASE_URL": "postgresql://127.0.0.1:1/shop"}),
                           ("backup.bare", {"TARGET_DATABASE_URL": "", "BACKUP_DIR": ""})):
            worker.stack.add_type(backup_type(name, **{"TARGET_DATABASE_URL": worker.shop,
                                                       "BACKUP_DIR": str(folder), **more}))
        worker.stack.restart("worker")
        yield worker


def backup(worker, payload, type_="backup", seconds=60):
    return worker.wait(worker.enqueue(type_, payload), seconds=seconds)


def good(worker, payload):
    job = worker.enqueue("backup", payload)
    done = worker.wait(job)
    assert done["state"] == "completed", (done, worker.log(job))
    return job, done["result"]


def failed(done, code):
    assert done["state"] == "discarded" and done["error"]["code"] == code, done
    return done


def restored(worker, command, path=None):
    """What a person gets back of it, with the tools that one knows."""
    target = worker.shop.replace("/shop?", "/again?")
    psql(worker.admin, "drop database if exists again", "create database again")
    subprocess.run([word.format(db=target, path=path) for word in command], check=True, capture_output=True)
    return psql(target, 'select (select count(*) from customer), (select count(*) from "Order"),'
                        " (select name from customer where id = 7), to_regclass('stock.item')")


WHOLE = f"{ROWS}|{ROWS}|Kunde Größe 7|stock.item"


# ---------------------------------------------------------------- PostgreSQL

@pytest.mark.parametrize("format_, command", [
    ("custom", ["pg_restore", "-d", "{db}", "{path}"]),
    ("plain", ["sh", "-c", "zcat {path} | psql -qX -v ON_ERROR_STOP=1 '{db}'"])])
def test_an_artifact_that_can_be_restored(worker, format_, command):
    job, result = good(worker, {"format": format_, "name": "shop"})
    name, size, _, digest = worker.artifacts(job)[0]
    assert re.fullmatch(r"shop-\d{8}T\d{6}Z\.(dump|sql\.gz)", name) and name == result["file"]
    assert (result["size"], result["sha256"]) == (size, digest) and result["verified"] == "list"
    path = worker.store(job) / name
    assert restored(worker, command, path) == WHOLE
    assert worker.job(job)["progress"] == 100


def test_a_folder_in_parallel_and_restored_by_the_job_itself(worker, folder):
    _, result = good(worker, {"format": "directory", "folder": "nightly", "parallel": 3, "verify": "restore"})
    path = folder / "nightly" / result["file"]
    assert path.is_dir() and result["restored"] and result["tables"] == 3
    assert restored(worker, ["pg_restore", "-d", "{db}", "{path}"], path) == WHOLE
    assert result["sha256"] in (folder / "nightly" / (result["file"] + ".sha256")).read_text()
    left = worker.sql("select datname from pg_database where datname like 'millrace_verify%%'")
    assert left == []


def test_the_sum_of_a_file_can_be_checked(worker, folder):
    _, result = good(worker, {"folder": "sums", "tables": ["customer"]})
    assert hashlib.sha256((folder / "sums" / result["file"]).read_bytes()).hexdigest() == result["sha256"]
    subprocess.run(["sha256sum", "-c", result["file"] + ".sha256"], cwd=folder / "sums", check=True,
                   capture_output=True)
    assert result["tables"] == 1


def test_an_attempt_finds_what_one_before_has_made(worker, folder):
    place = folder / "twice"
    place.mkdir()
    place.chmod(0o777)
    job = worker.enqueue("backup", {"folder": "twice"}, delay="500ms")
    moment = datetime.datetime.fromtimestamp(int(job.replace("-", "")[:12], 16) / 1000, datetime.timezone.utc)
    (place / f"shop-{moment:%Y%m%dT%H%M%SZ}.dump").write_text("made before")
    result = worker.wait(job)["result"]
    assert result["already"] and result["sha256"] == hashlib.sha256(b"made before").hexdigest()


def test_days_weeks_and_months_stay(worker, folder):
    place = folder / "kept"
    place.mkdir()
    place.chmod(0o777)
    now = datetime.datetime.now(datetime.timezone.utc)
    for days in range(1, 100):
        moment = now - datetime.timedelta(days=days)
        (place / f"shop-{moment:%Y%m%dT%H%M%SZ}.dump").write_text(str(days))
    for other in ("other-20200101T000000Z.dump", "shop-notes.txt", "shop-20200101T000000Z.dump.txt"):
        (place / other).write_text("not ours")
    _, result = good(worker, {"name": "shop", "folder": "kept", "keep": {"daily": 7, "weekly": 4, "monthly": 3}})
    stay = sorted(path.name for path in place.iterdir() if re.fullmatch(r"shop-\d+T\d+Z\.dump", path.name))
    ages = [round((now - datetime.datetime.strptime(name[5:21], "%Y%m%dT%H%M%SZ").replace(
        tzinfo=datetime.timezone.utc)).total_seconds() / 86400) for name in reversed(stay)]
    assert ages[:7] == [0, 1, 2, 3, 4, 5, 6]
    assert 8 <= len(stay) <= 7 + 3 + 2 and len(result["removed"]) == 100 - len(stay)
    assert {"other-20200101T000000Z.dump", "shop-notes.txt", "shop-20200101T000000Z.dump.txt"} <= \
        {path.name for path in place.iterdir()}


# ---------------------------------------------------------------- cancelled, killed, broken

def parts(place):
    return [path.name for path in place.iterdir() if path.name.endswith(".part")] if place.exists() else []


def held_up(worker, place):
    """A backup that stands still in the middle, for a lock on one of its tables."""
    lock = psycopg2.connect(worker.shop)
    lock.cursor().execute('lock table "Order" in access exclusive mode')
    job = worker.enqueue("backup", {"folder": place.name, "name": "held"})
    wait_for(lambda: lock_waits(worker), what="pg_dump at the lock")
    return lock, job


def lock_waits(worker):
    return int(psql(worker.shop, "select count(*) from pg_locks where not granted"))


def test_cancelled_it_leaves_nothing(worker, folder):
    place = folder / "cancelled"
    lock, job = held_up(worker, place)
    worker.sql("select millrace.cancel(%s)", job)
    worker.ring()
    assert worker.wait(job)["state"] == "cancelled"
    lock.close()
    assert [path.name for path in place.iterdir()] == [".held.lock"]
    wait_for(lambda: not lock_waits(worker))


def test_killed_in_the_middle_the_next_attempt_makes_it_whole(worker, folder):
    place = folder / "killed"
    lock, job = held_up(worker, place)
    assert not [path for path in place.iterdir() if path.name.endswith((".dump", ".sha256"))]
    worker.kill_handler(job)
    wait_for(lambda: worker.job(job)["attempt"] == 2)
    lock.close()
    assert worker.wait(job)["state"] == "completed"
    assert parts(place) == []
    names = [path.name for path in place.iterdir() if path.name.endswith(".dump")]
    assert len(names) == 1 and restored(worker, ["pg_restore", "-d", "{db}", "{path}"], place / names[0]) == WHOLE


def test_what_a_dead_one_left_is_removed_and_that_of_others_is_not(worker, folder):
    place = folder / "left"
    place.mkdir()
    place.chmod(0o777)
    (place / ".shop-20260101T000000Z.dump.part").write_text("half")
    (place / ".shop-b-20260101T000000Z.dump.part").write_text("another's")
    good(worker, {"folder": "left", "name": "shop"})
    assert parts(place) == [".shop-b-20260101T000000Z.dump.part"]


# ---------------------------------------------------------------- bad input

@pytest.mark.parametrize("payload, word", [
    ({"format": "zip"}, "format"), ({"verify": "no"}, "verify"), ({"compression": 10}, "compression"),
    ({"parallel": 0}, "parallel"), ({"folder": "../x"}, "folder"), ({"name": "-x"}, "name"),
    ({"tables": ["--file=/tmp/x"]}, "tables"), ({"keep": {"daily": 1}}, "keep"),
    ({"folder": "a", "keep": {"hourly": 1}}, "keep"), ({"folder": "a", "keep": {"daily": 0}}, "keep"),
    ({"format": "directory"}, "folder")])
def test_a_payload_that_is_wrong(worker, payload, word):
    done = failed(backup(worker, payload), "invalid_payload")
    assert f'"{word}"' in done["error"]["message"] and done["attempt"] == 1


@pytest.mark.parametrize("type_, payload, code, attempt", [
    ("backup.none", {}, "connection_failed", 1), ("backup.down", {}, "connection_failed", 2),
    ("backup.bare", {}, "no_connection", 1), ("backup", {"tables": ["nothing"]}, "dump_failed", 1)])
def test_what_cannot_be_dumped(worker, type_, payload, code, attempt):
    assert failed(backup(worker, payload, type_), code)["attempt"] == attempt


def test_a_folder_without_a_setting(worker):
    worker.stack.add_type(backup_type("backup.nowhere", TARGET_DATABASE_URL=worker.shop))
    worker.stack.restart("worker")
    failed(backup(worker, {"folder": "a"}, "backup.nowhere"), "invalid_setting")


def test_a_disk_that_cannot_be_written(worker, folder):
    place = folder / "closed"
    place.mkdir()
    if os.geteuid() == 0:
        place.chmod(0o555)
    done = failed(backup(worker, {"folder": "closed"}), "disk_failed")
    assert done["attempt"] == 2 and json.dumps(str(place))[1:-1] in done["error"]["message"]


# ---------------------------------------------------------------- MariaDB

@pytest.fixture(scope="module")
def maria(worker, folder):
    with MariaDB() as server:
        server.sql("create database shop")
        server.sql("create table item (id int primary key, name varchar(100)); create table other (id int);"
                   " insert into item select seq, concat('Größe ', seq) from seq_1_to_5000;"
                   " create trigger t before insert on other for each row set new.id = 1", database="shop")
        server.user("keeper", 'pa"55', "grant all on *.* to {user}")
        (worker.stack.dir / ".my.cnf").write_text("[client]\nport=1\n")
        (worker.stack.dir / ".my.cnf").chmod(0o644)
        for name, more in (("maria", {}), ("maria.denied", {"password": "x"}), ("maria.down", {"port": 1})):
            path = worker.stack.dir / f"{name}.connection"
            path.write_text(json.dumps({"kind": "mysql", "host": server.host, "port": server.port, "database": "shop",
                                        "user": "keeper", "password": 'pa"55', **more}))
            path.chmod(0o644)
            worker.stack.add_type(backup_type(name, MILLRACE_CONNECTION=str(path), BACKUP_DIR=str(folder), HOME=str(worker.stack.dir)))
        worker.stack.restart("worker")
        yield server


def test_a_mariadb_is_dumped_and_restored(worker, maria, folder):
    done = backup(worker, {"folder": "maria", "verify": "restore"}, "maria")
    assert done["state"] == "completed", done
    result = done["result"]
    assert result["file"].endswith(".sql.gz") and result["restored"] and result["tables"] == 2
    maria.sql("create database again")
    text = subprocess.run(["zcat", folder / "maria" / result["file"]], check=True, capture_output=True, text=True).stdout
    maria.client("again", text=text)
    assert maria.client("-e", "select count(*), max(name) from again.item").stdout.split("\t")[0].strip() == "5000"
    assert "millrace_verify" not in maria.client("-e", "show databases").stdout


@pytest.mark.parametrize("type_, attempt", [("maria.denied", 1), ("maria.down", 2)])
def test_a_mariadb_that_is_not_to_be_had(worker, maria, type_, attempt):
    assert failed(backup(worker, {}, type_), "connection_failed")["attempt"] == attempt


def test_a_mariadb_has_one_format(worker, maria):
    failed(backup(worker, {"format": "custom"}, "maria"), "invalid_payload")


def test_a_name_is_never_an_option(worker, maria, folder):
    file = folder / "written"
    done = backup(worker, {"database": f"--result-file={file}", "tables": ["shop"]}, "maria")
    failed(done, "dump_failed")
    assert not file.exists()


def test_a_server_gets_no_password_in_clear(worker, folder):
    """One that asks for it, as MariaDB's clients would give it by themselves."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        got = []
        port = server.getsockname()[1]
        path = worker.stack.dir / "asks.connection"
        path.write_text(json.dumps({"kind": "mysql", "host": "127.0.0.1", "port": port, "database": "shop",
                                    "user": "keeper", "password": "pa55word"}))
        path.chmod(0o644)
        spec = backup_type("asks", MILLRACE_CONNECTION=str(path), BACKUP_DIR=str(folder))
        worker.stack.add_type({**spec, "maxAttempts": 1})
        worker.stack.restart("worker")
        thread = threading.Thread(target=ask_for_the_password, args=(server, got))
        thread.start()
        failed(backup(worker, {}, "asks"), "connection_failed")
        thread.join(20)
    assert b"keeper" in got[0] and b"pa55word" not in b"".join(got)


def ask_for_the_password(server, got):
    def packet(number, data):
        return struct.pack("<I", len(data))[:3] + bytes([number]) + data

    greeting = (b"\x0a11.0.0-MariaDB\0" + struct.pack("<I", 1) + b"12345678\0" + struct.pack("<H", 0x820b) + b"\x21"
                + struct.pack("<HHB", 2, 0x0008, 21) + bytes(10) + b"123456789012\0mysql_native_password\0")
    client, _ = server.accept()
    with client:
        client.settimeout(20)
        client.sendall(packet(0, greeting))
        got.append(client.recv(65536))
        client.sendall(packet(got[0][3] + 1, b"\xfemysql_clear_password\0"))
        got.append(client.recv(65536))


def test_a_dump_runs_nothing_where_it_is_restored(maria, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(HANDLERS))
    import backup_dump
    import millrace_kit

    class Target:
        saved = {"password": 'pa"55'}

        def mysql_options(self):
            return f"[client]\nhost={maria.host}\nport={maria.port}\nuser=keeper\n"

    path, file = tmp_path / "dump.sql.gz", tmp_path / "ran"
    path.write_bytes(gzip.compress(f"select 1;\n\\! touch {file}\n".encode()))
    with pytest.raises(millrace_kit.Fault, match="could not be restored"):
        backup_dump.Mysql(Target(), {}).restore(path, "scratch")
    assert not file.exists()
