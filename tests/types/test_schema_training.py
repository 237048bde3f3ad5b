"""schema-training: what is read of real databases of both kinds, as the payload chooses."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "lib"))
from mariadb import MariaDB  # noqa: E402
from stack import psql, wait_for  # noqa: E402
from worker import worker_stack  # noqa: E402

PG_SHOP = """
create table customer (
    id int generated always as identity primary key,
    email text not null unique,
    born date default '1970-01-01',
    name text not null, upper_name text generated always as (upper(name)) stored,
    check (email like '%@%'));
comment on table customer is 'who buys';
comment on column customer.email is 'of theirs, "quoted"';
create schema stock;
create table stock.item (id int, shelf int, price numeric(10, 2) not null, primary key (id, shelf));
create index cheap on stock.item (lower(price::text), shelf desc) where price < 10;
create table stock.sold (
    id int primary key, item int, shelf int, customer int references public.customer on delete cascade,
    constraint of_item foreign key (item, shelf) references stock.item);
create table stock.measured (at date) partition by range (at);
create table stock.measured_now partition of stock.measured default;
create view stock.seen as select id from stock.item;
create materialized view stock.counted as select count(*) as n from stock.item;
"""
MARIA_SHOP = """
create database shop; use shop;
create table customer (id int auto_increment primary key, email varchar(80) not null unique,
                       check (email <> '')) comment 'who buys';
create table orders (no int primary key, customer_id int,
                     constraint bought_by foreign key (customer_id) references customer (id));
create view late as select no from orders;
create database other; create table other.thing (a int);
"""


@pytest.fixture(scope="module")
def maria():
    with MariaDB() as server:
        server.sql(MARIA_SHOP)
        server.user("reader", "pa55", "grant select, references on shop.* to {user}",
                    "grant select on other.* to {user}")
        yield server


def training(name, command=("schema-training",), **env):
    spec = json.loads((TOP / "types.d" / "schema-training.json").read_text())
    return {**spec, "type": name, "retry": {"initial": "100ms", "jitter": False}, "maxAttempts": 2,
            "run": {"kind": "program", "command": list(command), "env": env}}


def connected(stack, name, **connection):
    """A type that works on that database."""
    path = stack.dir / "types.d" / f"{name}.connection"
    path.write_text(json.dumps(connection))
    path.chmod(0o644)
    return training(name, MILLRACE_CONNECTION=str(path))


@pytest.fixture(scope="module")
def worker(maria):
    with worker_stack([]) as running:
        stack = running.stack
        stack.sql("create database shop")
        shop = stack.env["DATABASE_URL"].replace("/millrace?", "/shop?")
        running.shop = shop
        psql(shop, PG_SHOP)
        connection = {"kind": "mysql", "host": maria.host, "port": maria.port,
                      "database": "shop", "user": "reader", "password": "pa55"}
        types = [training("pg", TARGET_DATABASE_URL=shop), training("nowhere"),
                 connected(stack, "maria", **connection),
                 connected(stack, "all", **{**connection, "database": None}),
                 connected(stack, "denied", **{**connection, "password": "x"}),
                 connected(stack, "down", **{**connection, "port": 1}),
                 connected(stack, "odd", **{**connection, "kind": "oracle"})]
        for spec in types:
            stack.add_type(spec)
        stack.restart("worker")
        yield running


def trained(worker, type_, **payload):
    job = worker.wait(worker.enqueue(type_, payload))
    assert job["state"] == "completed", job
    return job["result"]


def failed(worker, type_, **payload):
    job = worker.wait(worker.enqueue(type_, payload))
    assert job["state"] == "discarded", job
    return job["error"]["code"]


def tables(result):
    return {f"{schema['name']}.{table['name']}": table
            for schema in result["schemas"] for table in schema["tables"]}


def named(elements):
    return {one["name"]: one for one in elements}


# ---------------------------------------------------------------- PostgreSQL

def test_postgresql_tells_of_all_kinds_of_tables(worker):
    result = trained(worker, "pg")
    assert {name: table["kind"] for name, table in tables(result).items()} == {
        "public.customer": "table", "stock.item": "table", "stock.sold": "table",
        "stock.measured": "partitionedTable", "stock.seen": "view",
        "stock.counted": "materializedView"}
    assert result["kind"] == "postgresql" and result["counts"] == {
        "schemas": 2, "tables": 6, "columns": 15}


def test_postgresql_tells_of_columns(worker):
    customer = tables(trained(worker, "pg"))["public.customer"]
    assert customer["comment"] == "who buys"
    columns = named(customer["columns"])
    assert columns["id"] == {"name": "id", "type": "integer", "nullable": False,
                             "identity": "always", "primaryKey": True}
    assert columns["email"]["comment"] == 'of theirs, "quoted"'
    assert columns["born"] == {"name": "born", "type": "date", "nullable": True,
                               "default": "'1970-01-01'::date"}
    assert columns["upper_name"]["generated"] == "upper(name)"


def test_postgresql_tells_of_constraints_indexes_and_keys(worker):
    all_of = tables(trained(worker, "pg"))
    assert named(all_of["stock.item"]["constraints"])["item_pkey"] == {
        "name": "item_pkey", "type": "primaryKey", "columns": ["id", "shelf"]}
    check = named(all_of["public.customer"]["constraints"])["customer_email_check"]
    assert check["type"] == "check" and "~~" in check["definition"]
    assert named(all_of["stock.item"]["indexes"])["cheap"] == {
        "name": "cheap", "unique": False, "method": "btree",
        "columns": ["lower(price::text)", "shelf"], "where": "(price < (10)::numeric)"}
    assert all_of["stock.sold"]["foreignKeys"] == [
        {"name": "of_item", "referencedSchema": "stock", "referencedTable": "item",
         "columns": ["item", "shelf"], "referencedColumns": ["id", "shelf"],
         "onUpdate": "NO ACTION", "onDelete": "NO ACTION"},
        {"name": "sold_customer_fkey", "referencedSchema": "public",
         "referencedTable": "customer", "columns": ["customer"], "referencedColumns": ["id"],
         "onUpdate": "NO ACTION", "onDelete": "CASCADE"}]


# ---------------------------------------------------------------- MariaDB

def test_mariadb_tells_of_its_own_database(worker):
    result = trained(worker, "maria")
    assert set(tables(result)) == {"shop.customer", "shop.orders", "shop.late"}
    customer = tables(result)["shop.customer"]
    assert {one["type"] for one in customer["constraints"]} == {"primaryKey", "unique", "check"}
    assert tables(result)["shop.orders"]["foreignKeys"][0]["referencedTable"] == "customer"


def test_mariadb_tells_of_all_databases_where_none_is_named(worker):
    assert {schema["name"] for schema in trained(worker, "all")["schemas"]} == {"other", "shop"}
    assert set(tables(trained(worker, "maria", schemas=["other"]))) == {"other.thing"}


# ---------------------------------------------------------------- what is chosen

def test_only_what_is_chosen_is_read(worker):
    assert set(tables(trained(worker, "pg", schemas=["public"]))) == {"public.customer"}
    assert set(tables(trained(worker, "pg", tables=["stock.item", "customer"]))) == {
        "stock.item", "public.customer"}
    assert set(tables(trained(worker, "pg", schemas=["stock"], tables=["customer", "sold"]))) == {
        "stock.sold"}


def test_what_is_left_out_is_not_there(worker):
    names = {"includeColumns": "columns", "includeConstraints": "constraints",
             "includeIndexes": "indexes", "includeForeignKeys": "foreignKeys"}
    for option, member in names.items():
        table = tables(trained(worker, "pg", **{option: False}))["stock.sold"]
        assert set(names.values()) - set(table) == {member}
    for column in tables(trained(worker, "maria", includeTypes=False))["shop.orders"]["columns"]:
        assert "type" not in column and "nullable" in column


def test_what_is_not_there_is_told_of(worker):
    result = trained(worker, "pg", schemas=["public", "gone"], tables=["customer", "public.none"])
    assert [one["code"] for one in result["warnings"]] == ["unknown_schema", "unknown_table"]
    assert failed(worker, "pg", tables=["none"]) == "nothing_found"
    assert failed(worker, "maria", schemas=["none"]) == "nothing_found"


def test_names_are_no_sql(worker):
    assert failed(worker, "maria", schemas=["' or 1=1 -- "]) == "nothing_found"
    assert failed(worker, "pg", tables=["'; drop table customer; --"]) == "nothing_found"
    assert "public.customer" in tables(trained(worker, "pg"))


# ---------------------------------------------------------------- what goes wrong

def test_wrong_payloads_are_refused(worker):
    for payload in ({"schemas": []}, {"tables": [1]}, {"includeTypes": "no"}, {"more": 1}):
        with pytest.raises(Exception, match="payload"):
            worker.enqueue("pg", payload)


def test_what_connections_may_refuse(worker):
    assert failed(worker, "nowhere") == "no_connection"
    assert failed(worker, "denied") == "access_denied"
    assert failed(worker, "odd") == "unsupported_connection"
    job = worker.enqueue("down", {})
    assert worker.wait(job)["error"]["code"] == "database_unreachable"
    assert worker.left(job) == 0  # it was tried again


def lock(worker):
    """Somebody holds what the catalog's reading needs."""
    import psycopg2
    holder = psycopg2.connect(worker.shop)
    holder.cursor().execute("lock table pg_catalog.pg_class in access exclusive mode")
    return holder


def test_progress_is_told_and_it_can_be_cancelled(worker):
    trained(worker, "maria")
    holder = lock(worker)
    job = worker.enqueue("pg", {})
    worker.wait(job, "active")
    wait_for(lambda: worker.handler(job))
    worker.sql("select millrace.cancel(%s)", job)
    worker.ring()
    assert worker.wait(job)["state"] == "cancelled"
    holder.close()


def test_after_a_kill_the_next_attempt_gives_the_same(worker):
    expected = trained(worker, "pg")
    holder = lock(worker)
    job = worker.enqueue("pg", {})
    os.kill(wait_for(lambda: worker.handler(job)), signal.SIGKILL)
    holder.close()
    assert worker.wait(job)["result"] == expected


def test_what_is_too_large_for_a_result_is_a_file(worker, maria):
    columns = ", ".join(f"c{i} varchar(40) not null default 'x' comment 'column {i}'"
                        for i in range(140))
    maria.sql("create database big; use big; grant select on big.* to reader; "
              + "".join(f"create table t{i} (id int primary key, {columns}) engine=Aria transactional=0;"
                        for i in range(100)))
    job = worker.enqueue("all", {"schemas": ["big"]})
    result = worker.wait(job)["result"]
    assert result["counts"] == {"schemas": 1, "tables": 100, "columns": 14100}
    assert result["file"] == "schema.json" and "schemas" not in result
    assert [name for name, *_ in worker.artifacts(job)] == ["schema.json"]
    written = json.loads((worker.store(job) / "schema.json").read_text())
    assert len(written["schemas"][0]["tables"]) == 100
