"""Reports and tables from SQL: what is in them, and what a query may not do."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import openpyxl
import psycopg2
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from stack import wait_for  # noqa: E402
from worker import program, worker_stack  # noqa: E402

ROWS = 500
REPORTS = {
    "sales": """/* {"title": "Umsätze – продажи", "parameters": {"from": {"type": "date"},
        "regions": {"type": "text[]", "default": null}, "note": {"type": "text", "default": "x", "enum": ["x", "y'; drop table sale; --"]}},
        "columns": {"amount": {"title": "Betrag", "decimals": 2}}, "totals": ["amount", "units"], "timeout": "20s",
        "chart": {"kind": "column", "title": "Nach Tag", "label": "day", "values": ["amount"]}} */
        -- :nothing here, ':nor here', 100 %
        select day, region, amount, units, customer from sale
         where day >= :from and (:regions is null or region = any (:regions)) and '%:x' like '\\%%' escape '\\' and :note <> ''
         order by id;""",
    "all": "select *, '=1+1' as formula, null as nothing, true as yes, array[1, 2] as list from sale order by id",
    "slow": '/* {"timeout": "300ms"} */ select pg_sleep(30)',
    "long": "select pg_sleep(30)",
    "locked": "select * from held",
    "writes": "with gone as (delete from sale returning *) select * from gone",
    "calls": "select nextval('counter')",
    "broken": "select nothing from sale",
    "undeclared": "select * from sale where day = :day",
    "narrow": '/* {"maxRows": 10} */ select * from sale',
    "badjson": "/* {title} */ select 1",
    "badmember": '/* {"titel": "x"} */ select 1',
}


def report_type(command, name=None, **env):
    return program(name or command, command, maxAttempts=2, timeout="60s",
                   run={"kind": "program", "command": [command], "env": env})


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    for parent in [folder, *folder.parents][:3]:
        parent.chmod(0o755)
    for name, text in REPORTS.items():
        (folder / f"{name}.sql").write_text(text)
    with worker_stack([]) as worker:
        worker.sql("create database shop")
        worker.shop = worker.stack.env["DATABASE_URL"].replace("/millrace?", "/shop?")
        shop(worker, "create table sale (id int primary key, day date, region text, amount numeric, units int, customer text)")
        shop(worker, "insert into sale select n, date '2026-01-01' + n / 20, case n % 2 when 0 then 'Nord' else 'Süd' end, n * 1.25, n % 7,"
             f" 'Kunde Größe ' || n from generate_series(1, {ROWS}) n")
        shop(worker, "create table held as select 1 as n")
        shop(worker, "create sequence counter")
        env = {"REPORTS_DIR": str(folder), "TARGET_DATABASE_URL": worker.shop}
        for command in ("report", "analytics"):
            worker.stack.add_type(report_type(command, **env))
        worker.stack.add_type(report_type("report", "report.bare", REPORTS_DIR=str(folder)))
        worker.stack.add_type(report_type("report", "report.down", REPORTS_DIR=str(folder),
                                          TARGET_DATABASE_URL="postgresql://127.0.0.1:1/shop"))
        worker.stack.restart("worker")
        yield worker


def shop(worker, statement):
    with psycopg2.connect(worker.shop) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None


def made(worker, type_, payload):
    job = worker.enqueue(type_, payload)
    done = worker.wait(job)
    assert done["state"] == "completed", (done, worker.log(job))
    return done["result"], worker.store(job) / worker.artifacts(job)[0][0]


def failed(worker, type_, payload, code):
    job = worker.enqueue(type_, payload)
    done = worker.wait(job)
    assert done["state"] == "discarded" and done["error"]["code"] == code, (done, worker.log(job))
    assert worker.artifacts(job) == []
    return done


def pages_of(path):
    done = subprocess.run(["pdftotext", "-layout", path, "-"], check=True, capture_output=True, text=True)
    return [" ".join(page.split()) for page in done.stdout.split("\f") if page.strip()]


# ---------------------------------------------------------------- report

def test_a_report_has_pages_headings_totals_and_a_chart(worker):
    result, path = made(worker, "report", {"report": "sales", "parameters": {"from": "2026-01-10"}})
    amount, units, count = shop(worker, "select sum(amount), sum(units), count(*) from sale where day >= '2026-01-10'")[0]
    pages = pages_of(path)
    assert result == {"file": "Umsätze – продажи.pdf", "rows": count, "pages": len(pages), "size": path.stat().st_size} and len(pages) > 3
    assert "Umsätze – продажи" in pages[0] and "from: 2026-01-10" in pages[0] and "Nach Tag" in pages[0]
    for number, page in enumerate(pages, 1):
        assert re.search(rf"\b{number} ?/ ?{len(pages)}$", page) and "day region Betrag units customer" in page
    assert f"Total {amount:,.2f} {units}" in pages[-1]
    text = " ".join(pages)
    customers = [int(n) for n in re.findall(r"Kunde Größe (\d+)", text)]
    assert customers == list(range(ROWS - count + 1, ROWS + 1))


def test_rows_of_the_payload(worker):
    rows = [{"name": f"Łukasz {n}", "sum": n / 4} for n in range(1, 101)] + [{"name": "W" * 500, "sum": 0}]
    result, path = made(worker, "report", {"title": "Ours", "columns": ["name", {"key": "sum", "decimals": 2}], "rows": rows,
                                           "totals": ["sum"], "chart": {"kind": "line", "label": "name", "values": ["sum"]},
                                           "orientation": "landscape"})
    text = " ".join(pages_of(path))
    assert result["rows"] == 101 and "Łukasz 100" in text and "1,262.50" in text and text.count("W") == 500


def test_values_are_bound_and_never_become_sql(worker):
    evil = "y'; drop table sale; --"
    _, path = made(worker, "report", {"report": "sales", "parameters": {
        "from": "2026-01-20", "regions": ["Nord", "'; delete from sale; --"], "note": evil}})
    assert "Süd" not in " ".join(pages_of(path)[:2]).replace("продажи", "")
    assert shop(worker, "select count(*) from sale")[0][0] == ROWS


@pytest.mark.parametrize("payload, word", [
    ({"report": "sales"}, '"from"'), ({"report": "sales", "parameters": {"from": "2026-02-30"}}, '"from"'),
    ({"report": "sales", "parameters": {"from": 5}}, "a date"),
    ({"report": "sales", "parameters": {"from": "2026-01-01", "to": 1}}, '"to"'),
    ({"report": "sales", "parameters": {"from": "2026-01-01", "regions": "Nord"}}, "a list"),
    ({"report": "sales", "parameters": {"from": "2026-01-01", "note": "z"}}, "one of"),
    ({"report": "../sales"}, '"report"'), ({}, '"report"'), ({"rows": []}, "columns"),
    ({"columns": ["a"], "rows": [[1, 2]]}, "rows[0]"),
    ({"columns": ["a"], "rows": [[1]], "chart": {"label": "a", "values": ["b"]}}, '"chart"')])
def test_a_payload_that_is_wrong(worker, payload, word):
    done = failed(worker, "report", payload, "invalid_payload")
    assert word in done["error"]["message"] and done["attempt"] == 1


@pytest.mark.parametrize("name, code", [
    ("nowhere", "unknown_report"), ("undeclared", "invalid_report"), ("badjson", "invalid_report"),
    ("badmember", "invalid_report"), ("broken", "query_failed"), ("writes", "query_failed"), ("calls", "query_failed"),
    ("slow", "query_timeout"), ("narrow", "too_many_rows")])
def test_reports_that_cannot_be_made(worker, name, code):
    assert failed(worker, "report", {"report": name}, code)["attempt"] == 1
    assert shop(worker, "select count(*) from sale")[0][0] == ROWS


def test_databases_that_are_not_there(worker):
    failed(worker, "report.bare", {"report": "all"}, "no_connection")
    assert failed(worker, "report.down", {"report": "all"}, "connection_failed")["attempt"] == 2


# ---------------------------------------------------------------- analytics

def test_all_rows_as_json(worker):
    result, path = made(worker, "analytics", {"report": "all"})
    rows = json.loads(path.read_text())
    assert result["rows"] == len(rows) == ROWS and result["file"] == "all.json"
    assert rows[0] == {"id": 1, "day": "2026-01-01", "region": "Süd", "amount": 1.25, "units": 1, "customer": "Kunde Größe 1",
                       "formula": "=1+1", "nothing": None, "yes": True, "list": [1, 2]}


def test_all_rows_as_csv(worker):
    _, path = made(worker, "analytics", {"report": "all", "format": "csv"})
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == ROWS and rows[-1]["customer"] == f"Kunde Größe {ROWS}"
    assert (rows[0]["nothing"], rows[0]["yes"], rows[0]["amount"], rows[0]["list"]) == ("", "true", "1.25", "[1, 2]")


def test_all_rows_as_xlsx(worker):
    _, path = made(worker, "analytics", {"report": "all", "format": "xlsx"})
    sheet = openpyxl.load_workbook(path)["Rows"]
    rows = list(sheet.iter_rows())
    assert len(rows) == ROWS + 1 and rows[1][3].value == 1.25 and rows[1][1].is_date
    assert (rows[1][6].value, rows[1][6].data_type) == ("=1+1", "s")


def test_no_rows_and_wrong_formats(worker):
    _, path = made(worker, "analytics", {"report": "sales", "parameters": {"from": "2036-01-01"}})
    assert json.loads(path.read_text()) == []
    made(worker, "report", {"report": "sales", "parameters": {"from": "2036-01-01"}})
    failed(worker, "analytics", {"report": "all", "format": "xml"}, "invalid_payload")


def running(worker):
    return shop(worker, "select count(*) from pg_stat_activity where application_name = 'millrace report' and state = 'active'")[0][0]


def test_cancelled_it_ends_its_query(worker):
    job = worker.enqueue("analytics", {"report": "long"})
    wait_for(lambda: running(worker))
    worker.sql("select millrace.cancel(%s)", job)
    worker.ring()
    assert worker.wait(job)["state"] == "cancelled"
    wait_for(lambda: not running(worker))
    assert worker.artifacts(job) == []


def test_killed_in_the_middle_the_next_attempt_makes_it(worker):
    lock = psycopg2.connect(worker.shop)
    lock.cursor().execute("lock table held in access exclusive mode")
    job = worker.enqueue("report", {"report": "locked"})
    wait_for(lambda: running(worker))
    worker.kill_handler(job)
    wait_for(lambda: worker.job(job)["attempt"] == 2)
    lock.close()
    done = worker.wait(job)
    assert done["state"] == "completed" and done["result"]["rows"] == 1
