"""Spreadsheets, documents, PDFs and presentations, as Office programs read them."""

import io
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import bearer  # noqa: E402
from sse import Sse  # noqa: E402
from stack import Stack, wait_for  # noqa: E402
from worker import SETTINGS, Worker, put_file  # noqa: E402

KINDS = {"spreadsheet": ".xlsx", "document": ".docx", "pdf": ".pdf", "presentation": ".pptx"}
CODE = {
    "spreadsheet": "workbook.active.append(['Größe', 1])\nworkbook.active['A2'] = title",
    "document": "document.add_paragraph('Größe ' + title)",
    "pdf": "from reportlab.pdfgen import canvas\nc = canvas.Canvas(output)\nc.drawString(90, 700, 'Groesse ' + title)\nc.save()",
    "presentation": "s = presentation.slide(title)\ns.text(914400, 1400000, 5000000, 600000, [('Größe', {})])",
}
TEMPLATE = [
    {"type": "heading", "text": "Übersicht обзор"},
    {"type": "paragraph", "text": "Dear {{ customer.name }}, <b>no</b> & markup."},
    {"type": "list", "items": ["first point", "second point"], "ordered": True},
    {"type": "table", "title": "Regions", "rows": "{{rows}}", "totals": ["amount"],
     "columns": ["region", {"key": "amount", "title": "Betrag", "decimals": 2}]},
    {"type": "repeat", "for": "people", "as": "person",
     "blocks": [{"type": "paragraph", "text": "Person {{person.name}}"}]},
    {"type": "image", "file": "logo.png", "width": 30, "caption": "The logo"},
    {"type": "chart", "kind": "column", "title": "By region", "labels": ["Nord", "Süd"],
     "series": [{"name": "sold", "values": [3, 4]}]},
    {"type": "chart", "kind": "pie", "title": "Shares", "labels": ["Nord", "Süd"], "series": [{"values": [3, 4]}]},
    {"type": "pageBreak"},
    {"type": "heading", "text": "=1+1 The end"},
]
DATA = {"customer": {"name": "Ann Größe"}, "people": [{"name": "Zoë"}, {"name": "Łukasz"}],
        "rows": [{"region": f"Nord {n}", "amount": 10.25} for n in range(60)]}
SAID = ["Übersicht обзор", "Dear Ann Größe, <b>no</b> & markup.", "first point", "Nord 59", "Betrag", "615.00", "Total",
        "Person Zoë", "Person Łukasz", "The logo", "By region", "=1+1 The end"]


@pytest.fixture(scope="module")
def worker():
    with Stack("postgres", "api", "stream", "nginx", "worker", **{**SETTINGS, "MILLRACE_SLOTS": "2"}) as stack:
        yield Worker(stack)


def logo():
    picture = io.BytesIO()
    Image.new("RGB", (200, 100), "#cc3344").save(picture, "PNG")
    return picture.getvalue()


def text_of(path):
    done = subprocess.run(["pdftotext", "-layout", path, "-"], check=True, capture_output=True, text=True)
    return " ".join(done.stdout.split())


def artifact(worker, job):
    name, size, kind, _ = worker.artifacts(job)[0]
    path = worker.store(job) / name
    assert path.stat().st_size == size
    return path, kind


def made(worker, kind, payload, **options):
    job = worker.enqueue(kind, payload, **options)
    done = worker.wait(job)
    assert done["state"] == "completed", (done, worker.log(job))
    return artifact(worker, job)


@pytest.fixture(scope="module")
def files(worker, tmp_path_factory):
    """All that is made, and its text as LibreOffice shows it, in one run of it."""
    folder = tmp_path_factory.mktemp("made")
    picture = put_file(worker, "logo.png", logo())
    for kind, suffix in KINDS.items():
        path, _ = made(worker, kind, {"title": "Sales & more", "template": TEMPLATE, "data": DATA}, files=[picture])
        (folder / f"template-{kind}{suffix}").write_bytes(path.read_bytes())
        path, _ = made(worker, kind, {"title": "Title 7", "code": CODE[kind]})
        (folder / f"code-{kind}{suffix}").write_bytes(path.read_bytes())
    office = [path for path in folder.iterdir() if path.suffix != ".pdf"]
    subprocess.run(["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", "--convert-to", "pdf",
                    "--outdir", folder, *office], check=True, capture_output=True, timeout=120)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_becomes_a_file_that_office_programs_show(files, kind):
    text = text_of(files / f"template-{kind}.pdf")
    for words in [*SAID, "Sales & more"]:
        assert words in text, (words, text[:3000])
    pictures = subprocess.run(["pdfimages", "-list", files / f"template-{kind}.pdf"], check=True, capture_output=True,
                              text=True).stdout
    assert " 200 " in pictures


@pytest.mark.parametrize("kind", KINDS)
def test_code_becomes_a_file_that_office_programs_show(files, kind):
    text = text_of(files / f"code-{kind}.pdf")
    assert "Title 7" in text and ("Größe" in text or "Groesse" in text)


@pytest.mark.parametrize("kind", KINDS)
def test_the_request_of_a_page_from_post_to_download(worker, kind):
    stack = worker.stack
    body = {"code": CODE[kind], "documentType": kind, "title": "Sales Report", "sessionId": str(uuid.uuid4()),
            "userId": 123, "priority": 0}
    answer = stack.request("POST", "/api/jobs", user="alice", json=body)
    assert answer.status_code == 202 and answer.json()["status"] == "pending"
    job = answer.json()["jobId"]
    with Sse(stack.url, f"/api/jobs/{job}/events", bearer(stack, "alice")) as stream:
        events = list(stream)
    assert events[-1].name == "job-complete"
    assert events[-1].data["result"]["file"] == f"Sales Report{KINDS[kind]}"
    url = stack.job(job, "alice")["downloadUrl"]
    got = stack.request("GET", url, user="alice")
    assert got.status_code == 200 and f"Sales%20Report{KINDS[kind]}" in got.headers["Content-Disposition"].replace("Sales Report", "Sales%20Report")
    assert got.content[:2] in (b"PK", b"%P")
    assert got.headers["Content-Type"].split(";")[0] != "application/octet-stream"


def failed(worker, kind, payload, code, **options):
    job = worker.enqueue(kind, payload, **options)
    done = worker.wait(job)
    assert done["state"] == "discarded" and done["error"]["code"] == code, (done, worker.log(job))
    assert worker.artifacts(job) == []
    return done


@pytest.mark.parametrize("code, word", [
    ("x = 1\n1 / 0", "line 2: ZeroDivisionError"), ("x = (", "SyntaxError"), ("import nothing_like_it", "No module named"),
    ("import sys\nsys.exit(3)", "SystemExit")])
def test_code_that_fails_says_where(worker, code, word):
    done = failed(worker, "pdf", {"code": code}, "code_failed")
    assert word in done["error"]["message"] and done["attempt"] == 1


@pytest.mark.parametrize("code, error", [
    ("x = 1", "no_output"), ("open(output, 'w').write('x')", "invalid_output"),
    ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "code_killed")])
def test_code_that_makes_nothing(worker, code, error):
    failed(worker, "spreadsheet", {"code": code}, error)


def test_code_saves_where_it_likes_and_what_it_prints_is_logged(worker):
    job = worker.enqueue("spreadsheet", {"title": "a/b", "code": "print('hello', data['n'])\nworkbook.active['A1'] = 1\n"
                                                                 "workbook.save('mine.xlsx')", "data": {"n": 7}})
    done = worker.wait(job)
    assert done["result"]["file"] == "a b.xlsx" and "hello 7" in worker.log(job)


@pytest.mark.parametrize("payload, word", [
    ({"template": [{"type": "table", "columns": ["a"], "rows": [[1, 2]]}]}, "template[0].rows[0]"),
    ({"template": [{"type": "heading"}]}, "template[0].text"),
    ({"template": [{"type": "heading", "text": "a", "colour": 1}]}, '"colour"'),
    ({"template": [{"type": "paragraph", "text": "a"}, {"type": "chart", "labels": ["a"],
                                                        "series": [{"values": [1, 2]}]}]}, "template[1].series[0]"),
    ({"template": [{"type": "table", "columns": ["a"], "rows": [], "totals": ["b"]}]}, "template[0].totals"),
    ({"template": [], "code": "x"}, "either"), ({"template": [{"type": "repeat", "for": "x"}]}, "template[0].as")])
def test_a_template_that_is_wrong(worker, payload, word):
    done = failed(worker, "document", payload, "invalid_payload")
    assert word in done["error"]["message"] and done["attempt"] == 1


def test_data_and_pictures_that_are_not_there(worker):
    failed(worker, "pdf", {"template": [{"type": "paragraph", "text": "{{a.b}}"}], "data": {"a": {}}}, "unknown_placeholder")
    failed(worker, "pdf", {"template": [{"type": "image", "file": "x.png"}]}, "no_input")
    file = put_file(worker, "x.png", b"no picture")
    failed(worker, "pdf", {"template": [{"type": "image", "file": "x.png"}]}, "invalid_image", files=[file])


def test_a_payload_of_neither_is_refused_at_once(worker):
    answer = worker.stack.request("POST", "/api/jobs", json={"documentType": "pdf", "title": "x"})
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "invalid_payload"


PRY = """
import os, socket
seen = []
for name, act in [("net", lambda: socket.create_connection(("127.0.0.1", %d), 2)), ("stack", lambda: os.listdir("%s/data")),
                  ("shadow", lambda: open("/etc/shadow").read()), ("handler", lambda: open("/handlers/doc_code.py", "a")),
                  ("postgres", lambda: socket.socket(socket.AF_UNIX).connect("%s/run/.s.PGSQL.5432"))]:
    try:
        act()
        seen.append(name)
    except OSError:
        pass
print("seen:", *seen)
workbook.active["A1"] = 1
"""


def test_code_sees_nothing_of_the_host(worker):
    stack = worker.stack
    job = worker.enqueue("spreadsheet", {"code": PRY % (int(stack.env["MILLRACE_PORT"]), stack.dir, stack.dir)})
    assert worker.wait(job)["state"] == "completed"
    assert "seen:" in [line.strip() for line in worker.log(job)]


def test_code_has_so_much_memory(worker):
    done = worker.wait(worker.enqueue("spreadsheet", {"code": "x = bytearray(4 << 30)"}, maxAttempts=1))
    assert done["state"] == "discarded" and done["error"]["code"] in ("code_failed", "code_killed", "out_of_memory"), done


SLOW = "import time\nprogress(40, 'slow')\nwith open(output, 'w') as f:\n    f.write('half'); f.flush()\n    time.sleep(60)"


def test_cancelled_it_leaves_no_half_file_and_no_process(worker):
    job = worker.enqueue("document", {"code": SLOW})
    wait_for(lambda: worker.job(job)["progress"] == 40)
    worker.sql("select millrace.cancel(%s)", job)
    worker.ring()
    assert worker.wait(job)["state"] == "cancelled"
    assert worker.artifacts(job) == [] and not worker.store(job).exists()
    wait_for(lambda: worker.handler(job) is None)


def test_killed_in_the_middle_the_next_attempt_makes_it(worker):
    code = "import os\nprogress(40, 'slow')\nif os.environ['MILLRACE_ATTEMPT'] == '1':\n    import time; time.sleep(60)\n" \
        + CODE["document"]
    job = worker.enqueue("document", {"title": "Twice", "code": code}, retry={"initial": "100ms", "jitter": False})
    wait_for(lambda: worker.job(job)["progress"] == 40)
    worker.kill_handler(job)
    done = worker.wait(job)
    assert done["state"] == "completed" and done["attempt"] == 2, done
    assert [name for name, *_ in worker.artifacts(job)] == ["Twice.docx"]
