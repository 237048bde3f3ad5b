"""analyze-file with workbooks: of openpyxl, of LibreOffice, and of those who mean harm."""

import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import openpyxl
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from stack import BUILD, wait_for  # noqa: E402
from worker import program, put_file, worker_stack  # noqa: E402

BENCH = Path(__file__).resolve().parents[1] / "bench"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def analyze(path, **payload):
    """What analyze-file says of a file: its result, or the error's code and message."""
    out = path.parent / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    done = subprocess.run(["sh", "-c", 'exec "$0" 3>"$MILLRACE_OUTPUT_DIR/events"', BUILD / "analyze-file"],
                          input=json.dumps({"file": path.name, **payload}), capture_output=True, text=True, check=False,
                          timeout=60, env={"MILLRACE_INPUT_DIR": str(path.parent), "MILLRACE_OUTPUT_DIR": str(out)})
    said = [json.loads(line) for line in (out / "events").read_text(encoding="utf-8").splitlines()]
    assert "Sanitizer" not in done.stderr, done.stderr
    if done.returncode == 0:
        return json.loads(done.stdout)["summary"]
    assert done.returncode in (64, 65) and not list(out.glob("*.xlsx")), done
    return said[-1]["error"]["code"], said[-1]["error"]["message"]


def columns(summary):
    return {c["name"]: c for c in summary["columnProfiles"]}


def values(column):
    return sorted(v["value"] for v in column["topValues"])


# ---------------------------------------------------------------- openpyxl

@pytest.fixture(scope="module", name="book")
def _book(tmp_path_factory):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Größe & mehr"
    sheet.append(["id", "name", "at", "day", "time", "share", "ok", "code", "fault"])
    for n in range(1, 51):
        sheet.append([n, f"Ärger <{n % 7}>", datetime.datetime(2024, 2, n % 28 + 1, 14, 30, 5),
                      datetime.date(2024, 2, 29), datetime.time(9, n % 60), 0.1 * n, n % 2 == 0, f"{n:05}",
                      "#N/A" if n % 10 == 0 else n])
        sheet.cell(n + 1, 6).number_format = '0.00%;[Red]"days: "0'
    hidden = book.create_sheet("hidden", 0)
    hidden.sheet_state = "hidden"
    hidden.append(["secret"])
    sparse = book.create_sheet("sparse")
    sparse["B3"], sparse["D3"] = "b", "d"
    sparse["D5"], sparse["B9"] = 4, "=1+1"
    sparse["Z9"].number_format = "0.00"     # styled, and empty
    book.create_chartsheet("chart")
    book.create_sheet("nothing")
    path = tmp_path_factory.mktemp("openpyxl") / "made.xlsx"
    book.save(path)
    return path


def test_types_and_values(book):
    summary = analyze(book)
    assert (summary["format"], summary["sheet"], summary["rows"]) == ("xlsx", "Größe & mehr", 50)
    assert summary["sheets"] == ["hidden", "Größe & mehr", "sparse", "chart", "nothing"]
    assert "delimiter" not in summary and summary["bytes"] == book.stat().st_size
    found = columns(summary)
    assert [c["type"] for c in found.values()] == [
        "integer", "text", "datetime", "date", "text", "number", "boolean", "text", "integer"]
    assert (found["id"]["min"], found["id"]["max"]) == (1, 50)
    assert (found["at"]["min"], found["at"]["max"]) == ("2024-02-01T14:30:05.000Z", "2024-02-28T14:30:05.000Z")
    assert values(found["day"]) == ["2024-02-29"]
    assert values(found["time"])[0] == "09:01:00"
    assert (found["share"]["min"], found["share"]["max"]) == (0.1, 5.0)
    assert "0.3" in {v["value"] for v in found["share"]["topValues"]} and "0.30000000000000004" not in str(summary)
    assert values(found["name"])[0] == "Ärger <0>" and values(found["ok"]) == ["false", "true"]
    assert found["fault"]["empty"] == 5


@pytest.mark.parametrize("which", ["sparse", 3])
def test_a_sheet_with_holes(book, which):
    summary = analyze(book, sheet=which)
    assert (summary["rows"], summary["formulasWithoutValue"]) == (1, 1)
    assert [c["name"] for c in summary["columnProfiles"]] == ["column_1", "b", "column_3", "d"]
    assert columns(summary)["d"]["min"] == 4


def test_a_hidden_one_when_asked_for(book):
    assert [c["name"] for c in analyze(book, sheet="hidden")["columnProfiles"]] == ["secret"]


@pytest.mark.parametrize("payload, code, says", [
    ({"sheet": "Sparse"}, "unknown_sheet", '"sparse"'),
    ({"sheet": 9}, "unknown_sheet", "number 9"),
    ({"sheet": "chart"}, "unknown_sheet", '"chart"; there are: "hidden", "Größe & mehr", "sparse", "nothing"'),
    ({"sheet": "nothing"}, "empty_file", "the sheet is empty"),
    ({"sheet": 0}, "invalid_payload", "position from 1"),
    ({"sheet": True}, "invalid_payload", "position from 1"),
    ({"delimiter": ";"}, "invalid_payload", "only for CSV"),
])
def test_what_there_is_not(book, payload, code, says):
    found, message = analyze(book, **payload)
    assert found == code and says in message


def test_a_sheet_of_csv(tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    assert analyze(tmp_path / "a.csv", sheet=1)[0] == "invalid_payload"
    assert analyze(tmp_path / "a.csv")["format"] == "csv"


@pytest.mark.parametrize("epoch", [openpyxl.utils.datetime.WINDOWS_EPOCH, openpyxl.utils.datetime.MAC_EPOCH])
def test_both_calendars(tmp_path, epoch):
    book = openpyxl.Workbook()
    book.epoch = epoch
    for value in ("day", datetime.date(1904, 1, 2), datetime.date(2024, 2, 29), datetime.date(9999, 12, 31)):
        book.active.append([value])
    book.save(tmp_path / "a.xlsx")
    day = analyze(tmp_path / "a.xlsx")["columnProfiles"][0]
    assert (day["type"], values(day)) == ("date", ["1904-01-02", "2024-02-29", "9999-12-31"])


@pytest.mark.parametrize("code, shown", [
    ("General", "45350.604224537"), ("0.00", "45350.604224537"), ('"day "0', "45350.604224537"), ("0\\d", "45350.604224537"),
    ("[Red]0;[h]", "45350.604224537"), ("0.00E+00", "45350.604224537"),
    ("dd.mm.yyyy", "2024-02-28"), ("[$-407]mmmm yy;@", "2024-02-28"), ("mmm", "2024-02-28"),
    ("yyyy-mm-dd hh:mm", "2024-02-28 14:30:05"), ('d "h" m, h:mm AM/PM', "2024-02-28 14:30:05"),
    ("[hh]:mm", "1088414:30:05"), ("mm:ss.0", "1088414:30:05")])
def test_dates_are_dates_by_their_format(tmp_path, code, shown):
    book = openpyxl.Workbook()
    for value in ("a", 45350.604224537, 0.5):
        book.active.append([value])
    book.active["A2"].number_format = code
    book.save(tmp_path / "a.xlsx")
    if shown.startswith("1088414"):     # longer than a time is: the number
        shown = "45350.604224537"
    assert shown in values(analyze(tmp_path / "a.xlsx")["columnProfiles"][0])


# ---------------------------------------------------------------- LibreOffice

FODS = """<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:of="urn:oasis:names:tc:opendocument:xmlns:of:1.2" office:version="1.2"
 xmlns:number="urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0" xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"
 office:mimetype="application/vnd.oasis.opendocument.spreadsheet">
<office:automatic-styles>
<number:date-style style:name="N1"><number:day/><number:text>.</number:text><number:month/><number:text>.</number:text>
<number:year/></number:date-style>
<number:date-style style:name="N2"><number:year number:style="long"/><number:text>-</number:text><number:month/>
<number:text>-</number:text><number:day/><number:text> </number:text><number:hours/><number:text>:</number:text>
<number:minutes/></number:date-style>
<number:time-style style:name="N3"><number:hours/><number:text>:</number:text><number:minutes/></number:time-style>
<number:boolean-style style:name="N4"><number:boolean/></number:boolean-style>
STYLES</office:automatic-styles>
<office:body><office:spreadsheet><table:table table:name="Blatt 1">
<table:table-row>NAMES</table:table-row>ROWS</table:table></office:spreadsheet></office:body></office:document>"""
STYLE = '<style:style style:name="c{0}" style:family="table-cell" style:data-style-name="N{0}"/>'
CELL = '<table:table-cell table:style-name="c{3}" office:value-type="{0}" office:{1}="{2}"/>'
TEXT = '<table:table-cell office:value-type="string"><text:p>{0}</text:p></table:table-cell>'


def fods_row(n):
    day = f"2024-05-{n:02}"
    return "<table:table-row>" + CELL.format("float", "value", n, "") + TEXT.format(f"Öl {n % 3}") + \
        CELL.format("date", "date-value", day, 1) + CELL.format("date", "date-value", day + "T23:59:59", 2) + \
        CELL.format("boolean", "boolean-value", "true", 4) + CELL.format("time", "time-value", "PT08H15M00S", 3) + \
        f'<table:table-cell table:formula="of:=[.A{n + 1}]*2"/>' + \
        f'<table:table-cell table:formula="of:=&quot;n&quot;&amp;[.A{n + 1}]"/></table:table-row>'


@pytest.fixture(scope="module", name="office")
def _office(tmp_path_factory):
    folder = tmp_path_factory.mktemp("office")
    names = "".join(TEXT.format(n) for n in ("n", "text", "day", "at", "flag", "time", "double", "joined"))
    (folder / "made.fods").write_text(
        FODS.replace("NAMES", names).replace("ROWS", "".join(map(fods_row, range(1, 21))))
        .replace("STYLES", "".join(map(STYLE.format, range(1, 5)))), encoding="utf-8")
    for kind in ("xlsx", "xls", "ods"):
        subprocess.run(["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to", kind,
                        "--outdir", folder, folder / "made.fods"], check=True, capture_output=True, timeout=120)
    return folder


def test_a_workbook_of_libreoffice(office):
    summary = analyze(office / "made.xlsx")
    assert (summary["sheet"], summary["rows"], summary["formulasWithoutValue"]) == ("Blatt 1", 20, 0)
    found = columns(summary)
    assert [c["type"] for c in found.values()] == [
        "integer", "text", "date", "datetime", "boolean", "text", "integer", "text"]
    assert (found["day"]["min"], found["day"]["max"]) == ("2024-05-01", "2024-05-20")
    assert found["at"]["max"] == "2024-05-20T23:59:59.000Z" and values(found["time"]) == ["08:15:00"]
    assert found["double"]["max"] == 40 and "n10" in values(found["joined"])


@pytest.mark.parametrize("kind, code, says", [
    ("xls", "old_workbook", "save it as XLSX or CSV"), ("ods", "unknown_format", "OpenDocument spreadsheet (ODS)")])
def test_other_workbooks_of_libreoffice(office, kind, code, says):
    found, message = analyze(office / f"made.{kind}")
    assert found == code and says in message


# ---------------------------------------------------------------- what is wrong

LINKS = "<Relationships>{}</Relationships>"
LINK = '<Relationship Id="r{0}" Type="x/{1}" Target="{2}"/>'


def pack(path, sheet, **parts):
    """A workbook of one sheet, written by hand; `sheet` may be pieces."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as book:
        book.writestr("_rels/.rels", LINKS.format(LINK.format(1, "officeDocument", "/w.xml")))
        book.writestr("w.xml", '<x:workbook xmlns:x="y"><x:sheets><x:sheet name="S" id="r1"/></x:sheets></x:workbook>')
        book.writestr("_rels/w.xml.rels", LINKS.format(
            LINK.format(1, "worksheet", "./a/../s.xml") + LINK.format(2, "sharedStrings", "t.xml")))
        for name, text in parts.items():
            book.writestr(name + ".xml", text)
        with book.open("s.xml", "w") as out:
            for piece in [sheet] if isinstance(sheet, str) else sheet:
                out.write(piece.encode())
    return path


def cells(*rows):
    return "<worksheet><sheetData>" + "".join(f"<row>{row}</row>" for row in rows) + "</sheetData></worksheet>"


@pytest.mark.parametrize("sheet, code, says", [
    (cells('<c r="A1"><v>1</v></c>', '<c r="C2"><v>1</v></c>'), "field_count", "row 2, column C"),
    (cells('<c r="B1"><v>1</v></c><c r="A1"><v>1</v></c>'), "broken_workbook", "not in their order"),
    (cells('<c r="XFD1"><v>1</v></c>'), "too_many_columns", "4096"),
    (cells('<c t="s"><v>1</v></c>'), "broken_workbook", "row 1, column A"),
    (cells('<c t="s"><v>-1</v></c>'), "broken_workbook", "row 1, column A"),
    (cells(f'<c t="str"><v>{"x" * 1_100_000}</v></c>'), "field_too_large", "1 MiB"),
    (cells(), "empty_file", "sheet"),
    ("<worksheet><sheetData><row>", "broken_workbook", "XML is wrong"),
    ("", "broken_workbook", "XML is wrong"),
    ('<!DOCTYPE a [<!ENTITY b "bbbb">]>' + cells('<c t="str"><v>&b;</v></c>'), "broken_workbook", "document type"),
    ("<worksheet><!--" + "x" * 3_000_000, "broken_workbook", "a tag of more than 1 MiB"),
], ids=lambda value: value[:40])
def test_sheets_that_are_wrong(tmp_path, sheet, code, says):
    found, message = analyze(pack(tmp_path / "a.xlsx", sheet, t="<sst><si><t>a</t></si></sst>"))
    assert found == code and says in message


def test_a_sheet_of_odd_but_good_xml(tmp_path):
    sheet = cells('<c t="s"><v>0</v></c><c t="inlineStr"><is><r><t>b</t></r><rPh><t>no</t></rPh><r><t>c</t></r></is></c>',
                  "", '<c><v>1E3</v></c><c t="b"><v>0</v></c>', '<c r="B9" t="e"><v>#DIV/0!</v></c>')
    summary = analyze(pack(tmp_path / "a.xlsx", sheet, t="<sst><si><r><t>a</t></r><rPh><t>x</t></rPh><r><t>é</t></r></si></sst>"))
    assert [c["name"] for c in summary["columnProfiles"]] == ["aé", "bc"]
    assert summary["rows"] == 2 and columns(summary)["aé"]["min"] == 1000


def test_a_bomb_is_refused_and_takes_no_memory(tmp_path):
    pack(tmp_path / "a.xlsx", [" " * 1_000_000] * 200)
    assert (tmp_path / "a.xlsx").stat().st_size < 300_000
    assert analyze(tmp_path / "a.xlsx")[0] == "zip_bomb"


def test_files_that_are_cut_or_damaged(book, tmp_path):
    whole = book.read_bytes()
    with zipfile.ZipFile(book) as parts:
        at = parts.getinfo("xl/worksheets/sheet2.xml").header_offset
    damaged = bytearray(whole)
    damaged[at + 200] ^= 0x55
    for content in (whole[:-30], whole[:len(whole) // 2], bytes(damaged), b"PK\3\4" + bytes(100)):
        (tmp_path / "a.xlsx").write_bytes(content)
        assert analyze(tmp_path / "a.xlsx")[0] == "broken_workbook"


def test_other_files(tmp_path):
    def code(content):
        (tmp_path / "f").write_bytes(content)
        return analyze(tmp_path / "f")[0]
    assert code(OLE + bytes(1000) + "EncryptedPackage".encode("utf-16le")) == "encrypted_file"
    assert code(OLE + bytes(65_530) + "EncryptedPackage".encode("utf-16le")) == "encrypted_file"
    assert code(OLE + bytes(1000)) == "unknown_format"
    with zipfile.ZipFile(tmp_path / "z", "w") as other:
        other.writestr("a.txt", "a")
    assert analyze(tmp_path / "z") == (
        "unknown_format", "the file is a ZIP archive, and no XLSX workbook: save it as XLSX or CSV")


# ---------------------------------------------------------------- in a worker

@pytest.fixture(scope="module", name="worker")
def _worker():
    with worker_stack([(program("analyze-file", "analyze-file", maxAttempts=3), None)]) as worker:
        yield worker


@pytest.fixture(scope="module", name="big")
def _big(worker, tmp_path_factory):
    path = tmp_path_factory.mktemp("big") / "big.xlsx"
    subprocess.run([BENCH / "make-xlsx", path, "60000"], check=True)
    return put_file(worker, "big.xlsx", path.read_bytes())


def half_way(worker, job):
    """The pid of the handler once it has read some of the sheet."""
    wait_for(lambda: 5 < (worker.job(job)["progress"] or 0) < 90)
    return wait_for(lambda: worker.handler(job))


def test_killed_in_the_middle_and_run_again(worker, big):
    whole = worker.wait(worker.enqueue("analyze-file", {}, files=[big]))
    job = worker.enqueue("analyze-file", {}, files=[big])
    os.kill(half_way(worker, job), signal.SIGKILL)
    again = worker.wait(job)
    assert (again["state"], again["attempt"]) == ("completed", 2)
    assert again["result"] == whole["result"] and again["result"]["summary"]["rows"] == 60_000
    assert [name for name, *_ in worker.artifacts(job)] == ["result.xlsx"]
    assert not worker.store(job, 1).exists()


def test_cancelled_in_the_middle(worker, big):
    job = worker.enqueue("analyze-file", {}, files=[big])
    pid = half_way(worker, job)
    worker.sql("select millrace.cancel(%s)", job)
    worker.ring()
    assert worker.wait(job)["state"] == "cancelled"
    assert worker.artifacts(job) == [] and not worker.store(job).exists()
    wait_for(lambda: not Path(f"/proc/{pid}").exists())
