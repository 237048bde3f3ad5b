"""Saved connections in the hands of handlers, and of nobody else."""

import contextlib
import hashlib
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from mariadb import MariaDB  # noqa: E402
from postgres import BIN, Postgres  # noqa: E402
from slow_names import slow_names  # noqa: E402
from stack import open_folder, wait_for  # noqa: E402
from tls_server import authority, certificate  # noqa: E402
from worker import SH, exists, program, put_file, worker_stack  # noqa: E402

TOP = Path(__file__).resolve().parents[2]
PASSWORD = 'pa"ss\\wörd ' + "'1"
NAMES = ("schema-training", "bulk-import", "archive", "batch-delete", "database-backup", "report", "analytics")
SHOP = """
create table orders (id int primary key, at timestamptz default '2020-01-01', note text);
insert into orders select n, '2020-01-01', 'x' from generate_series(1, 10) n;
"""


def installed(name, **env):
    """A type as it is installed, but soon again."""
    spec = json.loads((TOP / "types.d" / f"{name}.json").read_text())
    spec["run"]["env"] = env
    return {**spec, "retry": {"initial": "100ms", "jitter": False}}


BOTH = {"connection": ["postgresql", "mysql"]}
OWN = {"kind": "program", "command": ["sh-handler"],
       "env": {"MILLRACE_CONNECTION": "/of/the/type", "PGPASSWORD": "hush", "MYSQL_PWD": "hush", "TARGET_DATABASE_URL": "hush",
               "GREETING": "hello"}}
TYPES = [(program("sh.db", maxAttempts=2, run=OWN, **BOTH), SH),
         (program("sh.keyless", maxAttempts=50, **BOTH), None),
         (program("sh.pg", maxAttempts=2, connection=["postgresql"]), None)]


@pytest.fixture(scope="module")
def worker():
    with worker_stack(TYPES) as worker, open_folder() as backups:
        worker.backups = backups
        reports = worker.stack.dir / "reports.d"
        reports.mkdir()
        (reports / "orders.sql").write_text("select id, note from orders order by id")
        for name in NAMES:
            worker.stack.add_type(installed(name, REPORTS_DIR=str(reports), BACKUP_DIR=str(backups)))
        worker.stack.restart("worker")
        worker.stack.start("api", "nginx")
        wait_for(lambda: worker.stack.request("GET", "/healthz").status_code == 200)
        yield worker


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    """An authority, a server's certificate of it, and another authority."""
    folder, other = tmp_path_factory.mktemp("ca"), tmp_path_factory.mktemp("other")
    _, ca = authority(folder)
    key, cert = certificate(folder, "server", "IP:127.0.0.1")
    return {"ca": ca.read_text(), "other": authority(other)[1].read_text(), "key": key, "cert": cert}


def place(server, file):
    """A copy that the server can read."""
    copy = server.dir / file.name
    copy.write_bytes(file.read_bytes())
    subprocess.run(["chown", f"--reference={server.dir}", copy], check=True)
    copy.chmod(0o600)
    return copy


@pytest.fixture(scope="module")
def postgres(papers):
    with Postgres() as server:
        server.sql(SHOP)
        server.sql(f"alter system set ssl_cert_file = '{place(server, papers['cert'])}'")
        server.sql(f"alter system set ssl_key_file = '{place(server, papers['key'])}'")
        server.sql("alter system set ssl = on")
        server.sql("select pg_reload_conf()")
        wait_for(lambda: server.sql("select ssl from pg_stat_ssl where pid = pg_backend_pid()") == [(True,)])
        yield server


@pytest.fixture(scope="module")
def maria():
    with MariaDB() as server:
        server.sql("create database shop; create table shop.item (id int primary key)")
        server.user("app", "maria pa55#", "grant all on *.* to {user}")
        yield server


@pytest.fixture(autouse=True)
def nothing_saved(worker):
    worker.sql("delete from millrace.connection")


def save(worker, name="shop", owner="anna", **members):
    body = {"name": name, "kind": "postgresql", "host": "127.0.0.1", "port": 1, "database": "shop", "user": "app",
            "password": PASSWORD, "test": False, **members}
    answer = worker.stack.request("POST", "/api/connections", user=owner, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def hers(worker, name, content):
    file = put_file(worker, name, content)
    worker.sql("update millrace.file set owner = 'anna'")
    return file


def run(worker, script, type_="sh.db", connection="shop", **options):
    job = worker.enqueue(type_, {"sh": script, "connection": connection}, owner="anna", **options)
    return job, worker.wait(job)


def failed(worker, job, code, attempt=1):
    done = worker.wait(job)
    assert (done["state"], done["error"]["code"], done["attempt"]) == ("discarded", code, attempt), done
    return done["error"]["message"]


@contextlib.contextmanager
def stopped(worker, **settings):
    """What is done before the worker sees the jobs."""
    worker.stack.stop("worker")
    try:
        yield
    finally:
        worker.stack.start("worker", **settings)


def folders(worker):
    return [path for path in (worker.data / "work").iterdir() if not path.name.startswith("gone-")]


# ---------------------------------------------------------------- the file

def test_the_handler_finds_all_that_is_saved(worker, papers):
    its = save(worker, sslMode="verify-full", caCertificate=papers["ca"])
    job, done = run(worker, 'cat "$MILLRACE_CONNECTION"')
    folder = done["result"]["options"]["caFile"].rsplit("/", 1)[0]
    assert folder.startswith(str(worker.data / "work")) and job in folder
    assert done["result"] == {
        "id": its, "name": "shop", "kind": "postgresql", "host": "127.0.0.1", "port": 1, "database": "shop", "user": "app",
        "password": "********", "sslMode": "verify-full", "options": {"caFile": f"{folder}/ca.pem"}}


def test_the_certificate_lies_beside_it(worker, papers):
    save(worker, caCertificate=papers["ca"])
    assert run(worker, 'jq -Rs . "$(jq -r .options.caFile "$MILLRACE_CONNECTION")"')[1]["result"] == papers["ca"]


def test_the_password_is_the_one_that_was_saved(worker):
    save(worker)
    done = run(worker, 'jq -j .password "$MILLRACE_CONNECTION" | sha256sum | cut -c1-64 | jq -R .')[1]
    assert done["result"] == hashlib.sha256(PASSWORD.encode()).hexdigest()


def test_members_without_a_value_are_not_there(worker):
    save(worker, password=None)
    assert run(worker, 'jq -c "[has(\\"password\\", \\"sslMode\\", \\"options\\")]" "$MILLRACE_CONNECTION"')[1]["result"] == [False] * 3


def test_the_file_is_the_workers_alone_and_lies_apart(worker):
    save(worker)
    done = run(worker, 'stat -c %a "$MILLRACE_CONNECTION"; ls "$MILLRACE_INPUT_DIR" "$MILLRACE_OUTPUT_DIR" | grep -c conn; true')[1]
    assert done["result"].split() == ["600", "0"]
    assert worker.artifacts(run(worker, "true")[0]) == []


def test_by_its_id_too_and_of_its_owner_alone(worker):
    save(worker, owner="ben", host="127.0.0.9")
    its = save(worker)
    for named in ("shop", its):
        assert run(worker, 'jq .host "$MILLRACE_CONNECTION"', connection=named)[1]["result"] == "127.0.0.1"


def test_without_one_the_type_says_which(worker):
    save(worker)
    script = 'echo "$MILLRACE_CONNECTION" | jq -R .'
    assert worker.wait(worker.enqueue("sh.db", {"sh": script}))["result"] == "/of/the/type"
    assert run(worker, script)[1]["result"].endswith("/connection.json")


def test_what_the_type_says_of_its_own_is_not_for_another(worker):
    save(worker)
    script = 'echo "$PGPASSWORD $MYSQL_PWD $TARGET_DATABASE_URL $GREETING" | jq -R .'
    assert worker.wait(worker.enqueue("sh.db", {"sh": script}))["result"] == "hush hush hush hello"
    assert run(worker, script)[1]["result"] == "   hello"


def test_input_files_lie_there_as_ever(worker):
    save(worker)
    file = hers(worker, "in.txt", b"hello")
    first = worker.enqueue("sh.db", {"sh": "true"}, owner="anna")
    done = run(worker, 'ls "$MILLRACE_INPUT_DIR" | jq -Rs .; test -s "$MILLRACE_CONNECTION"', files=[file], dependsOn=[first])[1]
    assert (done["state"], done["result"].split()) == ("completed", ["dependencies.json", "in.txt"])


# ---------------------------------------------------------------- nobody else

def test_the_password_is_said_nowhere(worker):
    save(worker)
    done = []
    for end in ("exit 0", "exit 1", "exit 65"):
        done.append(run(worker, f"""
            jq -r .password "$MILLRACE_CONNECTION" >&2
            jq -c '{{message: .password, progress: 5}}' "$MILLRACE_CONNECTION" >&3
            jq -c '{{error: {{code: "odd", message: .password, details: .}}}}' "$MILLRACE_CONNECTION" >&3
            jq -r .password "$MILLRACE_CONNECTION"; {end}""")[1])
    assert [one["state"] for one in done] == ["completed", "discarded", "discarded"]
    assert done[0]["result"].strip() == "********" and done[1]["error"]["message"] == "********"
    dump = subprocess.run([BIN / "pg_dump", "--data-only", "-d", worker.stack.database_url],
                          check=True, capture_output=True, text=True).stdout
    logs = "".join(path.read_text(errors="replace") for path in (worker.stack.dir / "log").iterdir())
    for text in (dump, logs):
        assert len(text) > 1000 and "wörd" not in text and "w\\u00f6rd" not in text
    assert dump.count("********") >= 9


def test_nothing_stays_when_the_job_has_ended(worker):
    save(worker)
    for script in ("true", "exit 65", "kill -9 $$"):
        run(worker, script)
    wait_for(lambda: not list((worker.data / "work").iterdir()))


def test_nothing_stays_of_a_worker_that_was_killed(worker):
    save(worker)
    job = worker.enqueue("sh.db", {"sh": 'test -s "$MILLRACE_CONNECTION" && sleep 60', "connection": "shop"}, owner="anna")
    handler = wait_for(lambda: worker.handler(job))
    file, = (folder / "connection.json" for folder in folders(worker))
    assert file.exists()
    worker.stack.kill("worker")
    wait_for(lambda: not exists(handler))
    worker.stack.start("worker")
    wait_for(lambda: worker.job(job)["attempt"] == 2)
    assert not file.exists()
    again = wait_for(lambda: worker.handler(job))
    assert [path.name.split("@")[0] for path in folders(worker)] == [f"{job}-2"]
    worker.sql("select millrace.cancel(%s)", job)
    worker.ring()
    worker.wait(job)
    wait_for(lambda: not exists(again) and not folders(worker))


# ---------------------------------------------------------------- refusals

@pytest.mark.parametrize("connection, code", [
    ("nowhere", "unknown_connection"), ("bens", "unknown_connection"), ("maria", "unsupported_connection"), (7, "type")])
def test_a_request_that_names_none_is_refused(worker, connection, code):
    save(worker, "bens", owner="ben")
    save(worker, "maria", kind="mysql")
    answer = worker.stack.request("POST", "/api/jobs", user="anna",
                                  json={"type": "sh.pg", "payload": {"sh": "true", "connection": connection}})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "invalid_payload"), error
    assert [(one["pointer"], one["code"]) for one in error["details"]["errors"]] == [("/connection", code)]


@pytest.mark.parametrize("method, path, body", [
    ("POST", "/api/jobs/batch", lambda job: {"jobs": [job]}),
    ("POST", "/api/batches", lambda job: {"jobs": [job]}),
    ("PUT", "/api/schedules/nightly", lambda job: {"cron": "0 2 * * *", **job})])
def test_each_way_in_is_checked(worker, method, path, body):
    save(worker)
    save(worker, "bens", owner="ben")

    def ask(connection):
        job = {"type": "sh.pg", "payload": {"sh": "true", "connection": connection}}
        return worker.stack.request(method, path, user="anna", json=body(job))
    refused = ask("bens")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_payload"), refused.text
    assert ask("shop").status_code < 300


def test_one_that_has_gone_meanwhile(worker):
    save(worker)
    with stopped(worker):
        job = worker.enqueue("sh.db", {"sh": "true", "connection": "shop"}, owner="anna")
        worker.sql("delete from millrace.connection")
    assert '"shop"' in failed(worker, job, "unknown_connection")


def test_one_that_is_of_another_kind_meanwhile(worker):
    save(worker)
    with stopped(worker):
        job = worker.enqueue("sh.pg", {"sh": "true", "connection": "shop"}, owner="anna")
        worker.sql("update millrace.connection set kind = 'mysql'")
    assert "mysql" in failed(worker, job, "unsupported_connection")


@pytest.mark.parametrize("change", [
    "host = 'localhost'", "port = 2", '"user" = \'root\'', "kind = 'mysql'", "owner = 'ben'",
    "sealed = overlay(sealed placing '\\x00'::bytea from length(sealed))"])
def test_a_row_that_was_changed_does_not_open(worker, change):
    save(worker)
    worker.sql("update millrace.connection set " + change)
    job = worker.enqueue("sh.db", {"sh": "true", "connection": "shop"}, owner="ben" if "owner" in change else "anna")
    assert "save it again" in failed(worker, job, "sealed_connection")


@contextlib.contextmanager
def key(worker, text):
    """Another key, or none."""
    file, kept = worker.stack.dir / "connection.key", worker.stack.dir / "kept.key"
    file.rename(kept)
    try:
        if text:
            file.write_text(text)
            file.chmod(0o600)
            subprocess.run(["chown", f"--reference={kept}", file], check=True)
        yield
    finally:
        kept.rename(file)


def test_another_key_does_not_open_it(worker):
    save(worker)
    with key(worker, "ab" * 32):
        failed(worker, worker.enqueue("sh.db", {"sh": "true", "connection": "shop"}, owner="anna"), "sealed_connection")


def test_without_a_key_it_is_tried_again(worker):
    save(worker)
    with key(worker, None):
        job = worker.enqueue("sh.keyless", {"sh": "true", "connection": "shop"}, owner="anna")
        wait_for(lambda: worker.job(job)["error"])
        assert worker.job(job)["error"]["code"] == "no_key"
        assert "millrace connection key" in worker.job(job)["error"]["message"]
    assert worker.wait(job)["state"] == "completed"


def test_a_host_that_is_not_allowed(worker):
    save(worker)
    with stopped(worker, MILLRACE_CONNECTION_HOSTS="10.0.0.0/8"):
        job = worker.enqueue("sh.db", {"sh": "true", "connection": "shop"}, owner="anna")
    failed(worker, job, "forbidden_host")
    with stopped(worker):
        pass


def test_names_that_take_long_hold_up_no_files(worker):
    save(worker, host="slow.invalid")
    file = hers(worker, "in.txt", b"hello")
    with stopped(worker, LD_PRELOAD=slow_names(worker.stack.dir, 15)):
        slow = [worker.enqueue("sh.db", {"sh": "true", "connection": "shop"}, owner="anna") for _ in range(3)]
    wait_for(lambda: [worker.job(job)["state"] for job in slow] == 3 * ["active"])
    quick = worker.enqueue("sh.db", {"sh": "cat in*/in.txt | jq -R ."}, owner="anna", files=[file])
    assert worker.wait(quick)["result"] == "hello"
    assert [worker.job(job)["state"] for job in slow] == 3 * ["active"]
    assert [worker.wait(job)["state"] for job in slow] == 3 * ["completed"]
    with stopped(worker):
        pass


@pytest.fixture
def slow(worker):
    """A job whose connection is being handed over for seconds."""
    save(worker, host="slow.invalid")
    with stopped(worker, LD_PRELOAD=slow_names(worker.stack.dir, 3)):
        job = worker.enqueue("sh.db", {"sh": "echo true", "connection": "shop"}, owner="anna")
    wait_for(lambda: worker.job(job)["state"] == "active" and folders(worker))
    yield job
    with stopped(worker):
        pass


def test_a_job_is_cancelled_while_it_is_handed_over(worker, slow):
    worker.sql("select millrace.cancel(%s)", slow)
    worker.ring()
    assert worker.wait(slow)["state"] == "cancelled"
    wait_for(lambda: not list((worker.data / "work").iterdir()))


def test_a_worker_that_stops_gives_back_what_is_handed_over(worker, slow):
    worker.stack.stop("worker")
    assert worker.job(slow)["state"] == "available" and not list((worker.data / "work").iterdir())
    worker.stack.start("worker")
    assert worker.wait(slow)["result"] is True


def test_a_worker_is_killed_while_it_hands_over(worker, slow):
    worker.stack.kill("worker")
    worker.stack.start("worker")
    assert worker.wait(slow)["result"] is True


# ---------------------------------------------------------------- real servers

def completed(worker, type_, payload, **options):
    job = worker.enqueue(type_, {"connection": "shop", **payload}, owner="anna", **options)
    done = worker.wait(job)
    assert done["state"] == "completed", done
    return done["result"]


def test_each_type_works_on_postgresql(worker, postgres):
    save(worker, **postgres.connection(), test=True)
    orders = {"table": "orders"}
    assert completed(worker, "schema-training", {})["counts"]["tables"] == 1
    assert completed(worker, "report", {"report": "orders"})["rows"] == 10
    assert completed(worker, "analytics", {"report": "orders"})["rows"] == 10
    assert completed(worker, "database-backup", {"verify": "restore"})["restored"]
    file = hers(worker, "more.csv", b"id,note\n11,y\n12,z\n")
    assert completed(worker, "bulk-import", orders, files=[file])["imported"] == 2
    where = [{"column": "id", "op": "<=", "value": 4}]
    assert completed(worker, "batch-delete", {**orders, "where": where})["deleted"] == 4
    assert completed(worker, "archive", {**orders, "column": "at", "olderThan": "1d", "into": "old"})["moved"] == 8


def test_two_types_work_on_mariadb(worker, maria):
    save(worker, kind="mariadb", host=maria.host, port=maria.port, password="maria pa55#", test=True)
    assert completed(worker, "schema-training", {})["counts"]["tables"] == 1
    assert completed(worker, "database-backup", {"verify": "restore"})["restored"]


def test_backups_of_one_connection_are_not_anothers(worker, postgres):
    payload = {"folder": "nightly", "name": "shop", "keep": {"last": 1}}
    found = {}
    for name in ("shop", "other"):
        its = save(worker, name, **postgres.connection(), test=True)
        found[its] = {**payload, "connection": name}
        assert completed(worker, "database-backup", found[its])["removed"] == []
    for its, again in found.items():
        assert len(list((worker.backups / its / "nightly").glob("shop-*.dump"))) == 1
        time.sleep(1)  # the name has its second
        assert len(completed(worker, "database-backup", again)["removed"]) == 1


@pytest.mark.parametrize("password", [
    'quo"ted\\', "many\nresult-file={file}\nlines", "\\" * 2042 + "result-file={file}"], ids=("quoted", "lines", "long"))
def test_a_password_is_no_option_of_a_dump(worker, maria, password):
    file = worker.data / "written"
    password = password.format(file=file)
    maria.user("odd", password.replace("\\", "\\\\").replace("\n", "\\n"), "grant all on *.* to {user}")
    save(worker, kind="mysql", host=maria.host, port=maria.port, user="odd", password=password, test=True)
    completed(worker, "database-backup", {"verify": "restore"})
    assert list(worker.data.glob("written*")) == []
    maria.sql("drop user odd")


def test_a_database_is_no_option_of_a_dump(worker, maria):
    file = worker.data / "written"
    save(worker, kind="mysql", host=maria.host, port=maria.port, password="maria pa55#", database=f"--result-file={file}")
    done = worker.wait(worker.enqueue("database-backup", {"connection": "shop", "tables": ["shop"]}, owner="anna"))
    assert (done["state"], done["error"]["code"], file.exists()) == ("discarded", "dump_failed", False), done


@pytest.mark.parametrize("type_, payload, code", [
    ("schema-training", {}, "tls_failed"), ("report", {"report": "orders"}, "connection_failed"),
    ("batch-delete", {"table": "orders", "where": [{"column": "id", "op": "=", "value": 0}]}, "connection_failed"),
    ("database-backup", {}, "connection_failed")])
def test_a_server_of_postgresql_proves_who_it_is(worker, postgres, papers, type_, payload, code):
    safe = postgres.connection(sslMode="verify-full")
    save(worker, "shop", **safe, caCertificate=papers["ca"])
    completed(worker, type_, payload)
    for name, more in (("other", {"caCertificate": papers["other"]}), ("system", {})):
        save(worker, name, **safe, **more)
        done = worker.wait(worker.enqueue(type_, {"connection": name, **payload}, owner="anna"))
        assert done["error"]["code"] == code and "certificate verify failed" in done["error"]["message"], done


@pytest.fixture(scope="module")
def safe_maria(papers):
    with MariaDB() as server:
        server.options = [f"--ssl-{what}={place(server, papers[what])}" for what in ("cert", "key")]
        server.stop()
        server.start()
        server.sql("create database shop; create table shop.item (id int primary key)")
        server.user("app", "maria pa55#", "grant all on *.* to {user}")
        yield server


@pytest.mark.parametrize("type_, code", [("schema-training", "tls_failed"), ("database-backup", "connection_failed")])
def test_a_server_of_mariadb_proves_who_it_is(worker, safe_maria, papers, type_, code):
    def saved(name, **more):
        save(worker, name, kind="mysql", host=safe_maria.host, port=safe_maria.port, password="maria pa55#", **more)

    saved("shop", sslMode="verify-full", caCertificate=papers["ca"])
    completed(worker, type_, {})
    for name, more in (("other", {"sslMode": "verify-ca", "caCertificate": papers["other"]}), ("system", {"sslMode": "verify-full"})):
        saved(name, **more)
        assert worker.wait(worker.enqueue(type_, {"connection": name}, owner="anna"))["error"]["code"] == code
    saved("encrypted", sslMode="require")
    completed(worker, type_, {"connection": "encrypted"})


@pytest.mark.parametrize("type_", ["schema-training", "database-backup"])
def test_a_mariadb_without_tls_is_not_talked_to_where_it_is_asked_for(worker, maria, type_):
    save(worker, kind="mysql", host=maria.host, port=maria.port, password="maria pa55#", sslMode="require")
    done = worker.wait(worker.enqueue(type_, {"connection": "shop"}, owner="anna"))
    assert done["state"] == "discarded" and ("TLS" in done["error"]["message"] or "SSL" in done["error"]["message"]), done


def test_what_a_training_reads_is_at_hand(worker, postgres):
    its = save(worker, **postgres.connection(), test=True)

    def ask(method, path, **more):
        return worker.stack.request(method, f"/api/connections/{its}/{path}", user="anna", **more)
    answer = ask("POST", "train-schema", json={"includeIndexes": False}, headers={"Prefer": "wait=20"})
    assert answer.status_code == 200 and answer.json()["status"] == "completed", answer.text
    cached = ask("GET", "schema-cache").json()
    assert (cached["jobId"], cached["schema"]) == (answer.json()["jobId"], answer.json()["result"])
