"""Rows by the many: archived, deleted, imported; what is wrong with them; and what
is there when the work was killed in the middle."""

import contextlib
import csv
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from stack import psql, wait_for  # noqa: E402
from worker import program, put_file, worker_stack  # noqa: E402

SHOP = """
create table orders (id int primary key, made_at timestamptz not null, note text default 'x', doubled int generated always as (id * 2) stored);
create table "Odd Name" (id int, "my col" date);
create schema archive;
create table narrow (id int);
create table item (id int);
create table person (email text primary key, name text not null, born date, age int check (age > 0), id int generated always as identity);
create table parent (id int primary key);
create table child (id int references parent);
create table ticket (id int generated always as identity, at date, open bool, primary key (id, open)) partition by list (open);
create table ticket_open partition of ticket for values in (true);
create table ticket_closed partition of ticket for values in (false);
create schema kept;
create table kept.note (id int, at date);
create table kept.old_note (id int, at date);
create domain short as varchar(3);
create domain positive as int check (value > 0);
create table sized (a varchar(3), b char(2), c bit(3), d short, n numeric(4, 1), p positive, l varchar(2)[]);
create table soon (id int primary key);
create table late (id int references soon deferrable initially deferred);
create table tree (id int primary key, up int references tree);
create role reader login;
grant usage on schema kept to reader;
grant all on all tables in schema kept to reader;
grant usage on schema public to reader;
grant select on all tables in schema public to reader;
"""


class Shop:
    def __init__(self, worker):
        self.worker = worker
        self.url = worker.stack.env["DATABASE_URL"].replace("/millrace?", "/shop?")
        psql(self.url.replace("/shop?", "/postgres?"), "create database shop")
        psql(self.url, SHOP)

    def __call__(self, *statements):
        return psql(self.url, *statements)

    @contextlib.contextmanager
    def holding(self, statement):
        """The psql of a transaction that stays open, to hold a lock."""
        with subprocess.Popen(["psql", "-Xq", "-d", self.url], stdin=subprocess.PIPE, text=True) as session:
            session.stdin.write(f"begin; {statement};\n")
            session.stdin.flush()
            wait_for(lambda: self("select count(*) from pg_stat_activity where state = 'idle in transaction' and query = "
                                  f"$q${statement};$q$") == "1")
            yield session

    def waiting(self, kind="%"):
        wait_for(lambda: self(f"select count(*) from pg_locks where not granted and locktype like '{kind}'") == "1")

    def orders(self, n):
        """One for each of the last n days, the newest of now."""
        self("drop schema archive cascade", "create schema archive", "truncate orders",
             f"insert into orders select n, now() - n * interval '1 day' from generate_series(0, {n - 1}) n")


def type_of(name, url, **more):
    return program(name, name.split(".")[0], maxAttempts=2,
                   run={"kind": "program", "command": [name.split(".")[0]], "env": {"TARGET_DATABASE_URL": url}}, **more)


@pytest.fixture(scope="module")
def worker():
    with worker_stack([]) as worker:
        worker.shop = Shop(worker)
        for name in ("archive", "batch-delete", "bulk-import"):
            worker.stack.add_type(type_of(name, worker.shop.url))
            worker.stack.add_type(type_of(f"{name}.reader", re.sub("user=[a-z]+", "user=reader", worker.shop.url)))
        worker.stack.add_type(type_of("bulk-import.full", worker.shop.url, limits={"fileSize": "1KB"}))
        worker.stack.restart("worker")
        yield worker


@pytest.fixture
def shop(worker):
    return worker.shop


def good(worker, type_, payload, **options):
    job = worker.enqueue(type_, payload, **options)
    done = worker.wait(job)
    assert done["state"] == "completed", (done, worker.log(job))
    return done["result"]


def failed(worker, type_, payload, code, attempt=1, **options):
    done = worker.wait(worker.enqueue(type_, payload, **options))
    assert done["state"] == "discarded" and done["error"]["code"] == code, done
    assert done["attempt"] == attempt
    return done["error"]


# ---------------------------------------------------------------- archive

ARCHIVE = {"table": "orders", "into": "archive.orders", "column": "made_at"}


def test_old_rows_move_batch_by_batch(worker, shop):
    shop.orders(100)
    assert good(worker, "archive", {**ARCHIVE, "olderThan": "30d", "dryRun": True})["matching"] == 70
    result = good(worker, "archive", {**ARCHIVE, "olderThan": "30d", "batch": 9})
    assert (result["moved"], result["batches"], result["left"]) == (70, 8, 0)
    assert shop("select count(*), min(id), max(id) from archive.orders") == "70|30|99"
    assert shop("select count(*), max(id) from orders") == "30|29"
    assert shop("select count(*) from archive.orders where doubled = id * 2 and note = 'x'") == "70"
    assert good(worker, "archive", {**ARCHIVE, "olderThan": "30d"})["moved"] == 0


def test_a_limit_takes_the_oldest(worker, shop):
    shop.orders(20)
    result = good(worker, "archive", {**ARCHIVE, "before": "2100-01-01T00:00:00Z", "limit": 5, "batch": 2})
    assert (result["moved"], result["left"]) == (5, 15)
    assert shop("select min(id) from archive.orders") == "15"


def test_names_that_need_quotes(worker, shop):
    shop("""insert into "Odd Name" values (1, '2020-01-01'), (2, '2120-01-01')""")
    payload = {"table": "Odd Name", "into": 'old "ones"', "column": "my col", "olderThan": "1d"}
    assert good(worker, "archive", payload)["moved"] == 1
    assert shop('select count(*) from "old ""ones"""') == "1"


def tickets(shop):
    """Those at the same places of both partitions, every second one closed."""
    shop("drop table if exists old_ticket", "truncate ticket",
         "insert into ticket (at, open) select '2020-01-01', n % 2 = 0 from generate_series(1, 10) n")


def test_rows_of_one_partition_go_and_those_of_the_others_stay(worker, shop):
    tickets(shop)
    where = [{"column": "open", "op": "=", "value": False}]
    assert good(worker, "batch-delete", {"table": "ticket", "where": where, "batch": 3})["deleted"] == 5
    assert shop("select open, count(*) from ticket group by open") == "t|5"


def test_partitions_and_numbered_rows_move(worker, shop):
    tickets(shop)
    shop("update ticket set at = '2120-01-01' where open")
    numbers = shop("select id from ticket where not open order by id")
    payload = {"table": "ticket", "into": "old_ticket", "column": "at", "olderThan": "1d", "batch": 2}
    assert good(worker, "archive", payload)["moved"] == 5
    assert shop("select id from old_ticket order by id") == numbers
    assert shop("select open, count(*) from ticket group by open") == "t|5"


def test_a_table_is_read_once_for_many_batches(worker, shop):
    shop.orders(20_000)
    shop("analyze orders", "select pg_stat_reset_single_table_counters('public.orders'::regclass)")
    assert good(worker, "archive", {**ARCHIVE, "olderThan": "1d", "batch": 10, "limit": 400})["batches"] == 40

    def scans():
        return int(shop("select seq_scan from pg_stat_user_tables where relid = 'public.orders'::regclass"))
    wait_for(scans)
    assert scans() < 10


def test_an_archive_that_is_there_needs_no_right_to_make_one(worker, shop):
    shop("truncate kept.note", "insert into kept.note values (1, '2020-01-01')")
    payload = {"table": "kept.note", "into": "kept.old_note", "column": "at", "olderThan": "1d"}
    assert good(worker, "archive.reader", payload)["moved"] == 1
    failed(worker, "archive.reader", {**payload, "into": "kept.other"}, "permission_denied")


@contextlib.contextmanager
def held_up(worker, shop, type_, payload):
    """A job that stands in its second batch, at a lock."""
    shop.orders(100)
    shop("create or replace function stand() returns trigger language plpgsql as $$ begin"
         " if old.id = 95 then perform pg_advisory_xact_lock(1); end if; return old; end $$",
         "create or replace trigger stand before delete on orders for each row execute function stand()")
    with shop.holding("select pg_advisory_xact_lock(1)"):
        job = worker.enqueue(type_, payload)
        shop.waiting()
        yield job
    shop("drop trigger stand on orders")


def together(shop):
    return shop("select (select count(*) from orders) || ' ' || (select count(*) from archive.orders)"
                " || ' ' || (select count(distinct id) from (select id from orders union all select id from archive.orders) a)")


def test_killed_in_a_batch_the_next_attempt_goes_on(worker, shop):
    with held_up(worker, shop, "archive", {**ARCHIVE, "olderThan": "10d", "batch": 3}) as job:
        assert together(shop) == "97 3 100"
        worker.kill_handler(job)
    done = worker.wait(job)
    assert done["state"] == "completed" and done["attempt"] == 2 and done["result"]["moved"] == 87
    assert together(shop) == "10 90 100"


@pytest.mark.parametrize("type_, payload", [
    ("archive", {**ARCHIVE, "olderThan": "10d"}),
    ("batch-delete", {"table": "orders", "where": [{"column": "id", "op": ">=", "value": 10}]})])
def test_rows_that_a_dead_attempt_still_holds_are_not_passed_over(worker, shop, type_, payload):
    shop.orders(100)
    job = worker.enqueue(type_, payload, delay="1s")
    with shop.holding(f"select pg_advisory_xact_lock(hashtextextended('millrace {job}', 0)) from orders where id = 50 for update"):
        shop.waiting("advisory")
    assert worker.wait(job)["state"] == "completed"
    assert shop("select count(*) from orders") == "10"


def test_cancelled_in_a_batch_that_batch_is_undone(worker, shop):
    with held_up(worker, shop, "archive", {**ARCHIVE, "olderThan": "10d", "batch": 3}) as job:
        worker.sql("select millrace.cancel(%s)", job)
        worker.ring()
        assert worker.wait(job)["state"] == "cancelled"
    wait_for(lambda: shop("select count(*) from pg_stat_activity where application_name like 'millrace 0%'") == "0")
    assert together(shop) == "97 3 100"


@pytest.mark.parametrize("change, code", [
    ({"table": "none"}, "unknown_table"), ({"table": "orders; drop table orders"}, "unknown_table"),
    ({"column": "none"}, "unknown_column"), ({"column": "note"}, "database_failed"),
    ({"into": "narrow"}, "archive_mismatch"), ({"into": "orders"}, "invalid_payload"), ({"into": "nowhere.orders"}, "database_failed"),
    ({"olderThan": "soon"}, "invalid_payload"), ({"before": "2020-01-01T00:00:00Z"}, "invalid_payload"),
    ({"batch": 0}, "invalid_payload"), ({"table": 7}, "invalid_payload")])
def test_an_archive_that_cannot_be(worker, shop, change, code):
    shop.orders(3)
    failed(worker, "archive", {**ARCHIVE, "olderThan": "1d", **change}, code)
    assert shop("select count(*) from orders") == "3"


def test_rows_that_others_refer_to_stay(worker, shop):
    shop("truncate child, parent", "insert into parent values (1), (2)", "insert into child values (2)",
         "create table if not exists aged (id int primary key references parent, at date default '2020-01-01')")
    error = failed(worker, "batch-delete", {"table": "parent", "where": [{"column": "id", "op": ">", "value": 0}]},
                   "constraint_failed")
    assert error["details"]["sqlstate"] == "23503" and shop("select count(*) from parent") == "2"


# ---------------------------------------------------------------- batch-delete

@pytest.mark.parametrize("where, ids", [
    ([{"column": "id", "op": "<", "value": 3}], "0 1 2"), ([{"column": "id", "op": "in", "value": [1, "5"]}], "1 5"),
    ([{"column": "made_at", "op": "olderThan", "value": "6d12h"}], "7 8 9"), ([{"column": "note", "op": "isNull"}], "4"),
    ([{"column": "id", "op": ">=", "value": "7"}, {"column": "note", "op": "like", "value": "x%"}, {"column": "id", "op": "<>", "value": 8}], "7 9"),
    ([{"column": "note", "op": "=", "value": "x' or '1'='1"}], "")])
def test_what_a_filter_names(worker, shop, where, ids):
    shop.orders(10)
    shop("update orders set note = null where id = 4")
    before = set(shop("select id from orders").split())
    result = good(worker, "batch-delete", {"table": "orders", "where": where, "batch": 2})
    assert before - set(shop("select id from orders").split()) == set(ids.split())
    assert result["deleted"] == result["matching"] == len(ids.split()) and result["left"] == 0


def test_a_delete_that_is_tried_and_limited(worker, shop):
    shop.orders(10)
    where = [{"column": "id", "op": ">", "value": 0}]
    assert good(worker, "batch-delete", {"table": "orders", "where": where, "dryRun": True}) == {"matching": 9, "dryRun": True}
    assert good(worker, "batch-delete", {"table": "orders", "where": where, "limit": 4, "batch": 3})["deleted"] == 4
    assert shop("select count(*) from orders") == "6"


@pytest.mark.parametrize("where, code", [
    (None, "invalid_payload"), ([], "invalid_payload"), ("true", "invalid_payload"), ([{"op": "="}], "invalid_payload"),
    ([{"column": "none", "op": "isNull"}], "unknown_column"), ([{"column": "id) or (1=1", "op": "isNull"}], "unknown_column"),
    ([{"column": "id", "op": "= 1 or 1 =", "value": 1}], "invalid_payload"), ([{"column": "id", "op": "=", "value": {}}], "invalid_payload"),
    ([{"column": "id", "op": "=", "value": "many"}], "database_failed"), ([{"column": "id", "op": "in", "value": []}], "invalid_payload")])
def test_a_filter_that_is_wrong(worker, shop, where, code):
    shop.orders(3)
    failed(worker, "batch-delete", {"table": "orders", **({"where": where} if where is not None else {})}, code)
    assert shop("select count(*) from orders") == "3"


def test_who_may_only_read(worker, shop):
    shop.orders(3)
    shop("grant select on orders to reader")
    failed(worker, "batch-delete.reader", {"table": "orders", "where": [{"column": "id", "op": ">=", "value": 0}]}, "permission_denied")


# ---------------------------------------------------------------- bulk-import

GOOD = "E-Mail,Name,Geboren,Alter\nann@a.org,Ann,1990-02-28,30\nzoë@z.org,\"Zoë \"\"Z\"\", Größe\n\\n2\",,\n"
MAP = {"E-Mail": "email", "Name": "name", "Geboren": "born", "Alter": "age"}


def imported(worker, text, payload=None, result=good, *args, **more):
    raw = text if isinstance(text, bytes) else text.encode()
    file = put_file(worker, "in.csv", raw)
    return result(worker, more.pop("type_", "bulk-import"), {"table": "person", "columns": MAP, **(payload or {})}, *args, files=[file], **more)


@pytest.fixture
def empty(shop):
    shop("truncate person", "drop table if exists millrace_import")
    return shop


def test_a_file_into_a_table(worker, empty):
    assert imported(worker, GOOD) == {"rows": 2, "imported": 2, "rejected": 0, "errors": 0}
    assert empty("select email, name, born, age from person order by age") == \
        'ann@a.org|Ann|1990-02-28|30\nzoë@z.org|Zoë "Z", Größe\n\\n2||'


def test_by_the_same_names_in_another_form(worker, empty):
    text = "name;email\r\n'Größe; 1';a@b\r\nNULL;c@d\r\n".encode("latin-1")
    payload = {"columns": {"name": "name", "email": "email"}, "delimiter": ";", "quote": "'", "encoding": "latin-1", "null": "-"}
    assert imported(worker, text, payload)["imported"] == 2
    assert empty("select name from person order by email") == "Größe; 1\nNULL"


BAD = ("E-Mail,Name,Geboren,Alter\na@a,Ann,1990-02-30,x\nb@b,,2000-01-01,5\nc@c,Cid,2000-01-01,5\n"
       "d@d,Dan,2000-01-01\ne@e,Eve,2000-01-01,-1\nc@c,Cyd,2000-01-01,7\nnone,Fay,1800-01-01,200\n")
RULES = {"email": {"pattern": "@"}, "name": {"required": True}, "born": {"min": "1900-01-01"}, "age": {"max": 150}}
WHY = [("1", "Alter", "x", "is not a valid integer"), ("1", "Geboren", "1990-02-30", "is not a valid date"),
       ("2", "Name", "", "is missing"), ("4", "", "", "has 3 fields instead of 4"),
       ("5", "", "", 'new row for relation "person" violates check constraint "person_age_check"'),
       ("6", "E-Mail", "c@c", "has a key that an earlier row has"), ("7", "Alter", "200", "is more than 150"),
       ("7", "E-Mail", "none", "does not match @"), ("7", "Geboren", "1800-01-01", "is less than 1900-01-01")]


def test_bad_rows_are_left_out_and_reported(worker, empty):
    file = put_file(worker, "in.csv", BAD.encode())
    job = worker.enqueue("bulk-import", {"table": "person", "columns": MAP, "rules": RULES, "mode": "skip", "key": ["email"]}, files=[file])
    result = worker.wait(job)["result"]
    assert result == {"rows": 7, "imported": 1, "rejected": 6, "errors": 9}
    report = list(csv.reader(io.StringIO((worker.store(job) / "errors.csv").read_text())))
    assert report[0] == ["row", "column", "value", "why"] and [tuple(row) for row in report[1:]] == WHY
    assert empty("select email from person") == "c@c"


@pytest.mark.parametrize("options, code, lines", [
    ({"mode": "all"}, "invalid_rows", 8), ({"mode": "all", "maxErrors": 3}, "invalid_rows", 3),
    ({"mode": "skip", "maxErrors": 2}, "too_many_errors", 2)])
def test_a_failed_import_has_its_report(worker, empty, options, code, lines):
    file = put_file(worker, "in.csv", BAD.encode())
    job = worker.enqueue("bulk-import", {"table": "person", "columns": MAP, "rules": RULES, "key": ["email"], **options}, files=[file])
    found = worker.wait(job)
    assert (found["state"], found["error"]["code"]) == ("discarded", code), found
    report = list(csv.reader(io.StringIO((worker.store(job) / "errors.csv").read_text())))
    checked = [row for row in WHY if "violates" not in row[3]]
    assert [tuple(row) for row in report] == [("row", "column", "value", "why"), *checked[:lines]]
    assert [name for name, *_ in worker.artifacts(job)] == ["errors.csv"]
    assert empty("select count(*) from person") == "0"


def test_a_report_that_cannot_be_written_changes_nothing(worker, empty):
    file = put_file(worker, "in.csv", ("E-Mail,Name,Alter\n" + "a@a,A,x\n" * 100).encode())
    job = worker.enqueue("bulk-import.full", {"table": "person", "columns": {"E-Mail": "email", "Name": "name", "Alter": "age"}}, files=[file])
    found = worker.wait(job)
    assert (found["error"]["code"], found["error"]["details"]["rows"], found["attempt"]) == ("invalid_rows", 100, 1)
    assert worker.artifacts(job) == [] and any("errors.csv: " in line for line in worker.log(job))


def test_a_constraint_broken_too_often_has_its_report(worker, empty):
    text = "E-Mail,Name,Alter\n" + "".join(f"{n}@a,A,-{n}\n" for n in range(1, 6))
    file = put_file(worker, "in.csv", text.encode())
    job = worker.enqueue("bulk-import", {"table": "person", "mode": "skip", "maxErrors": 3,
                                         "columns": {"E-Mail": "email", "Name": "name", "Alter": "age"}}, files=[file])
    assert worker.wait(job)["error"]["code"] == "too_many_errors"
    report = list(csv.reader(io.StringIO((worker.store(job) / "errors.csv").read_text())))
    assert [row[0] for row in report] == ["row", "1", "2", "3"]
    assert empty("select count(*) from person") == "0"


def test_or_nothing_is_imported(worker, empty):
    error = imported(worker, BAD, {"rules": RULES, "key": ["email"]}, failed, "invalid_rows")
    assert error["details"]["rows"] == 5 and error["details"]["first"][0] == {
        "row": 1, "column": "Alter", "value": "x", "why": "is not a valid integer"}
    assert empty("select count(*) from person") == "0"
    error = imported(worker, "E-Mail,Name,Alter\na@a,A,1\nb@b,B,-1\n", {"columns": {"E-Mail": "email", "Name": "name", "Alter": "age"}}, failed, "constraint_failed")
    assert error["details"]["constraint"] == "person_age_check" and empty("select count(*) from person") == "0"


@pytest.mark.parametrize("conflict, found", [("update", "Ann B.|1|40\nnew|2|"), ("ignore", "Ann|1|40\nnew|2|")])
def test_rows_that_are_there_already(worker, empty, conflict, found):
    empty("insert into person (email, name, age) values ('a@a', 'Ann', 40)")
    text = "email,name\na@a,Ann B.\nn@n,new\n"
    result = imported(worker, text, {"columns": {"email": "email", "name": "name"}, "key": ["email"], "onConflict": conflict})
    assert result["imported"] == (2 if conflict == "update" else 1)
    assert empty("select name, row_number() over (order by name), age from person order by name") == found


def test_tried_first(worker, empty):
    result = imported(worker, BAD, {"rules": RULES, "dryRun": True, "mode": "skip"})
    assert result["dryRun"] and result["imported"] == 1 and result["rejected"] == 6
    assert empty("select count(*) from person") == "0"
    assert imported(worker, BAD, {"rules": RULES, "dryRun": True})["errors"] == 7


SIZED = "a,b,c,d,n,p,l\nabcd,xyz,1111,abcd,12345,-1,{ab}\n,,,,,,{abc}\nab   ,x ,101,abc,1.25,1,{ab}\n"


def test_nothing_is_cut_off(worker, empty):
    file = put_file(worker, "in.csv", SIZED.encode())
    job = worker.enqueue("bulk-import", {"table": "sized", "mode": "skip"}, files=[file])
    assert worker.wait(job)["result"] == {"rows": 3, "imported": 1, "rejected": 2, "errors": 7}
    report = list(csv.reader(io.StringIO((worker.store(job) / "errors.csv").read_text())))
    assert [(row, column, why) for row, column, _, why in report[1:]] == [
        ("1", "a", "is longer than 3 characters"), ("1", "b", "is longer than 2 characters"), ("1", "c", "is not 3 bits"),
        ("1", "d", "is longer than 3 characters"), ("1", "n", "is not a valid numeric(4,1)"), ("1", "p", "is not a valid positive"),
        ("2", "", "value too long for type character varying(2)")]
    assert empty("select a, b, c, d, n, p, l from sized") == "ab |x |101|abc|1.3|1|{ab}"


def test_what_is_checked_at_the_commit_is_found_before_it(worker, empty):
    empty("truncate late, soon", "insert into soon values (1)")
    late, text = {"table": "late", "columns": {"id": "id"}}, "id\n1\n2\n"
    assert imported(worker, text, {**late, "mode": "skip"})["imported"] == 1
    imported(worker, text, {**late, "dryRun": True}, failed, "constraint_failed")
    imported(worker, text, late, failed, "constraint_failed")


def test_rows_may_come_before_those_they_refer_to(worker, empty):
    assert imported(worker, "id,up\n2,1\n1,\n", {"table": "tree", "columns": {"id": "id", "up": "up"}})["imported"] == 2


def test_bad_rows_among_many(worker, empty):
    empty("insert into person (email, name) select n * 1000 || '@a', 'old' from generate_series(0, 9) n")
    text = "email,name,age\n" + "".join(f"{n}@a,N{n},{'x' if n % 2500 == 7 else 1}\n" for n in range(10_000))
    names = {name: name for name in ("email", "name", "age")}
    result = imported(worker, text, {"columns": names, "mode": "skip"})
    assert result == {"rows": 10_000, "imported": 9986, "rejected": 14, "errors": 14}
    assert empty("select count(*), count(*) filter (where name = 'old') from person") == "9996|10"


def test_an_attempt_waits_for_one_that_has_not_quite_ended(worker, empty):
    file = put_file(worker, "in.csv", GOOD.encode())
    empty("create table millrace_import (job_id text primary key, result json not null, at timestamptz not null default now())")
    job = worker.enqueue("bulk-import", {"table": "person", "columns": MAP}, files=[file], delay="1s")
    with empty.holding(f"select pg_advisory_xact_lock(hashtextextended('millrace {job}', 0))") as other:
        other.stdin.write(f"""insert into millrace_import values ('{job}', '{{"rows": 2}}');\n""")
        other.stdin.flush()
        empty.waiting("advisory")
        other.stdin.write("commit;\n")
    assert worker.wait(job)["result"] == {"rows": 2, "already": True}
    assert empty("select count(*) from person") == "0"


def test_an_attempt_after_the_commit_imports_nothing_again(worker, empty):
    file = put_file(worker, "in.csv", GOOD.encode())
    job = worker.enqueue("bulk-import", {"table": "person", "columns": MAP}, files=[file], delay="700ms")
    empty("create table millrace_import (job_id text primary key, result json not null, at timestamptz not null default now())",
          f"""insert into millrace_import values ('{job}', '{{"rows": 2, "imported": 2}}')""")
    assert worker.wait(job)["result"] == {"rows": 2, "imported": 2, "already": True}
    assert empty("select count(*) from person") == "0"


def test_killed_in_the_middle_nothing_is_there_and_then_all(worker, empty):
    file = put_file(worker, "in.csv", ("email,name\n" + "".join(f"{n}@a,N{n}\n" for n in range(2000))).encode())
    with empty.holding("lock table person in share mode"):
        job = worker.enqueue("bulk-import", {"table": "person", "columns": {"email": "email", "name": "name"}}, files=[file])
        empty.waiting()
        worker.kill_handler(job)
        wait_for(lambda: worker.job(job)["attempt"] == 2)
    done = worker.wait(job)
    assert done["state"] == "completed" and done["attempt"] == 2 and done["result"]["imported"] == 2000
    assert empty("select count(*) from person") == "2000"


@pytest.mark.parametrize("text, payload, code", [
    ("", {}, "empty_file"), ("a,b\n1,2\n", {}, "unknown_column"), (GOOD, {"table": "none"}, "unknown_table"),
    (GOOD, {"columns": {"Name": "nome"}}, "unknown_column"), (GOOD, {"columns": {"Name": "id"}}, "unknown_column"),
    (GOOD, {"rules": {"name": {"size": 1}}}, "invalid_payload"), (GOOD, {"rules": {"other": {}}}, "invalid_payload"),
    (GOOD, {"mode": "some"}, "invalid_payload"), (GOOD, {"onConflict": "update"}, "invalid_payload"),
    (GOOD, {"key": ["other"]}, "invalid_payload"), (GOOD, {"delimiter": ",,"}, "invalid_payload"),
    (GOOD, {"encoding": "klingon"}, "invalid_payload"), (b"E-Mail,Name,Geboren,Alter\n\xff,a,,\n", {}, "invalid_encoding"),
    ('E-Mail,Name,Geboren,Alter\na@a,"x"y,,\n', {}, "invalid_csv"), (GOOD, {"file": "other"}, "no_input"),
    (GOOD, {"key": ["name"], "onConflict": "ignore"}, "database_failed"),
    (BAD, {"mode": "skip", "maxErrors": 2}, "too_many_errors")])
def test_an_import_that_cannot_be(worker, empty, text, payload, code):
    imported(worker, text, payload, failed, code)
    assert empty("select count(*) from person") == "0"


def test_who_may_not_write(worker, empty):
    imported(worker, GOOD, {}, failed, "permission_denied", type_="bulk-import.reader")
