"""The analysis of an uploaded file: its own routes over an ordinary job."""

import hashlib
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from runs import Runs  # noqa: E402
from stack import Stack  # noqa: E402

START = "/api/v1/analysis/analyze-file"
NOBODY = "01890000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def stack():
    with Stack("postgres", "api", "nginx") as running:
        yield running


@pytest.fixture(autouse=True)
def registered(stack):
    stack.sql("insert into millrace.job_type (type) values ('analyze-file'), ('other')"
              " on conflict do nothing")


def refused(answer, status, code):
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text


def files(stack):
    """What lies in the store, which must be what the database knows."""
    there = sorted(p.name for p in (stack.dir / "data" / "files").glob("*/*"))
    assert there == sorted(row[0] for row in stack.sql("select id::text from millrace.file"))
    return there


def start(stack, content=b"a,b\n1,2\n", name="sales.csv", user="ann", headers=None, **fields):
    return stack.request("POST", START, user=user, files={"file": (name, content, "text/csv")},
                         data=fields, headers=headers)


def started(stack, **more):
    answer = start(stack, **more)
    assert answer.status_code == 202, answer.text
    return answer.json()["jobId"]


def look(stack, job_id, user="ann"):
    return stack.request("GET", f"/api/v1/analysis/job/{job_id}", user=user)


def make_artifact(stack, job_id, attempt, name, content):
    """A file as a worker leaves it, in folders that are the stack's user's."""
    data = stack.dir / "data"
    path = data / "artifacts" / job_id[-2:] / job_id / str(attempt) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    for folder in path.relative_to(data).parents:
        os.chown(data / folder, data.stat().st_uid, data.stat().st_gid)


def finish(stack, job_id, state, result=None, error=None, artifacts=None):
    """Run a job to its end, with these files as its artifacts."""
    runs = Runs(stack, "analyze-file")
    attempt = runs.claim(1000)[job_id]
    made = []
    for name, content in (artifacts or {}).items():
        make_artifact(stack, job_id, attempt, name, content)
        made.append({"name": name, "size": len(content), "contentType": "application/x-test",
                     "sha256": hashlib.sha256(content).hexdigest()})
    runs.finish(job_id, attempt, state, result, error, made or None, delay_ms=3_600_000)


def completed(stack, content, user="ann", **artifacts):
    job_id = started(stack, user=user)
    finish(stack, job_id, "completed", {"summary": {}},
           artifacts={"result.xlsx": content, **artifacts})
    return job_id


# ---------------------------------------------------------------- beginning

def test_an_analysis_is_begun(stack):
    content = b"a,b\n" + b"1,2\n" * 50_000
    answer = start(stack, content, "C:\\data\\sales.csv", filterOption="recommended")
    assert answer.status_code == 202
    job_id = answer.json()["jobId"]
    assert answer.json() == {
        "success": True, "jobId": job_id, "status": "processing",
        "message": "Analysis started. Use the jobId to check progress."}

    type_, owner, payload, [file_id] = stack.sql(
        "select type, owner, payload, files::text[] from millrace.job where id = %s", job_id)[0]
    assert (type_, owner) == ("analyze-file", "ann")
    assert payload == {"filterOption": "recommended", "file": "sales.csv"}
    assert file_id in files(stack)
    path = stack.dir / "data" / "files" / file_id[-2:] / file_id
    assert path.read_bytes() == content
    assert stack.request("GET", f"/api/jobs/{job_id}", user="ann").json()["type"] == "analyze-file"


def test_all_is_the_standard(stack):
    job_id = started(stack)
    assert stack.value("select payload ->> 'filterOption' from millrace.job where id = %s",
                       job_id) == "all"


FORM = {"Content-Type": "multipart/form-data; boundary=x"}
PART = 'Content-Disposition: form-data; name="{}"{}\r\n\r\nall\r\n'


def form(*parts):
    """A form of (field, file name or None)."""
    lines = (PART.format(name, "" if file is None else f'; filename="{file}"')
             for name, file in parts)
    return "".join("--x\r\n" + line for line in lines) + "--x--\r\n"


@pytest.mark.parametrize("parts, code", [
    ([], "missing_file"),
    ([("filterOption", None)], "missing_file"),
    ([("file", "")], "missing_file"),
    ([("file", None)], "missing_file"),
    ([("file", "..")], "invalid_file_name"),
    ([("file", "a.csv"), ("file", "b.csv")], "duplicate_field"),
    ([("file", "a.csv"), ("filterOption", None), ("filterOption", None)], "duplicate_field"),
    ([("file", "a.csv"), ("filter", None)], "unknown_field"),
    ([("file", "a.csv"), ("filterOption", "x.csv")], "unknown_field"),
    ([("upload", "a.csv")], "unknown_field"),
])
def test_other_forms_are_refused(stack, parts, code):
    before = files(stack)
    refused(stack.request("POST", START, user="ann", data=form(*parts), headers=FORM), 400, code)
    assert files(stack) == before


@pytest.mark.parametrize("option", ["", "some", "ALL", "all "])
def test_other_filter_options_are_refused(stack, option):
    before = files(stack)
    body = form(("file", "a.csv"), ("filterOption", None))
    head, _, tail = body.rpartition("all")
    refused(stack.request("POST", START, user="ann", data=head + option + tail, headers=FORM),
            400, "invalid_filter_option")
    assert files(stack) == before


def test_other_bodies_are_refused(stack):
    refused(stack.request("POST", START, user="ann", json={}), 415, "unsupported_media_type")
    refused(stack.request("POST", START, user="ann", data="x",
                          headers={"Content-Type": "multipart/form-data"}),
            400, "invalid_multipart")
    refused(start(stack, user=None), 401, "missing_token")
    answer = stack.request("GET", START, user="ann")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_without_a_worker_for_it_nothing_is_left(stack):
    before = files(stack)
    stack.sql("delete from millrace.job_type where type = 'analyze-file'")
    refused(start(stack), 400, "unknown_type")
    assert files(stack) == before


def test_a_repeated_key_begins_nothing(stack):
    key = {"Idempotency-Key": "k1"}
    first = start(stack, headers=key)
    before = files(stack)
    again = start(stack, headers=key)
    assert (again.status_code, again.json()) == (202, first.json())
    assert files(stack) == before
    refused(start(stack, b"other", headers=key), 422, "idempotency_key_reused")
    refused(start(stack, headers=key, filterOption="recommended"), 422, "idempotency_key_reused")
    refused(start(stack, headers=key, name="x.csv"), 422, "idempotency_key_reused")
    assert files(stack) == before


# ---------------------------------------------------------------- asking

def test_one_that_waits_or_runs_is_processing(stack):
    job_id = started(stack)
    want = {"success": True, "jobId": job_id, "status": "processing", "progress": 0,
            "message": "Analysis in progress"}
    assert look(stack, job_id).json() == want
    runs = Runs(stack, "analyze-file")
    attempt = runs.claim(1000)[job_id]
    assert look(stack, job_id).json() == want
    runs.report(job_id, attempt, 40, "counting rows")
    assert look(stack, job_id).json() == {**want, "progress": 40, "message": "counting rows"}
    assert stack.request("GET", f"/api/v1/analysis/job/{job_id}", user="admin").status_code == 200


def test_one_that_is_tried_again_is_processing(stack):
    job_id = started(stack)
    finish(stack, job_id, "retryable", error={"code": "x", "message": "y"})
    assert look(stack, job_id).json()["status"] == "processing"


def test_a_completed_one_says_all_of_its_result(stack):
    job_id = started(stack)
    finish(stack, job_id, "completed", artifacts={"result.xlsx": b"workbook"}, result={
        "summary": {"rows": 2}, "dataSource": "sales.csv", "excelFile": "other.xlsx",
        "onpageResults": [1, 2.50], "status": "odd", "jobId": 7, "sch\u00f6n \"n\"": None})
    answer = look(stack, job_id)
    assert answer.status_code == 200
    assert answer.json() == {
        "success": True, "jobId": job_id, "status": "completed",
        "message": "Analysis completed successfully",
        "downloadUrl": f"/api/v1/analysis/download/{job_id}-result.xlsx",
        "excelFile": "result.xlsx", "dataSource": "sales.csv", "summary": {"rows": 2},
        "onpageResults": [1, 2.5], "sch\u00f6n \"n\"": None}


@pytest.mark.parametrize("result", [None, 7, "text", [1], {}])
def test_a_completed_one_may_say_nothing(stack, result):
    job_id = started(stack)
    finish(stack, job_id, "completed", result)
    assert look(stack, job_id).json() == {
        "success": True, "jobId": job_id, "status": "completed",
        "message": "Analysis completed successfully"}


@pytest.mark.parametrize("error, want", [
    ({"code": "bad_row", "message": "row 3 is odd", "details": {"row": 3}},
     {"message": "row 3 is odd", "details": {"row": 3}}),
    ({"code": "timeout", "message": "it took too long"},
     {"message": "it took too long", "details": "timeout"}),
    (None, {"message": "the analysis failed", "details": "discarded"}),
])
def test_a_failed_one_says_why(stack, error, want):
    job_id = started(stack)
    finish(stack, job_id, "discarded", error=error)
    answer = look(stack, job_id)
    assert answer.status_code == 200
    assert answer.json() == {"success": False, "jobId": job_id, "status": "failed", "error": want}


def test_a_cancelled_one_has_failed(stack):
    job_id = started(stack)
    assert stack.request("POST", f"/api/jobs/{job_id}/cancel", user="ann").status_code == 200
    assert look(stack, job_id).json() == {
        "success": False, "jobId": job_id, "status": "failed",
        "error": {"message": "the analysis was cancelled", "details": "cancelled"}}


def test_only_ones_own_analyses_are_shown(stack):
    refused(look(stack, started(stack), user="bob"), 404, "job_not_found")
    refused(look(stack, stack.post_job("other", {}, user="ann")), 404, "job_not_found")
    refused(look(stack, NOBODY), 404, "job_not_found")
    refused(look(stack, "job_1738268400000_a1b2"), 400, "invalid_id")


# ---------------------------------------------------------------- downloads

def download(stack, name, user="ann", **headers):
    return stack.request("GET", f"/api/v1/analysis/download/{name}", user=user, headers=headers)


def test_a_download_is_the_jobs_own(stack):
    first, second = completed(stack, b"first"), completed(stack, b"second")
    for job_id, content in ((first, b"first"), (second, b"second")):
        url = look(stack, job_id).json()["downloadUrl"]
        answer = stack.request("GET", url, user="ann")
        assert (answer.status_code, answer.content) == (200, content)
        assert 'filename="result.xlsx"' in answer.headers["Content-Disposition"]
        assert answer.headers["Content-Type"] == "application/x-test"
        assert download(stack, f"{job_id}.xlsx").content == content
    assert download(stack, f"{first}-result.xlsx", user="admin").content == b"first"
    part = download(stack, f"{first}-result.xlsx", Range="bytes=1-2")
    assert (part.status_code, part.content) == (206, b"ir")


def test_a_plain_name_is_the_newest_of_the_caller(stack):
    completed(stack, b"old")
    completed(stack, b"new")
    completed(stack, b"bob's", user="bob")
    newer = started(stack)
    assert download(stack, "result.xlsx").content == b"new"
    finish(stack, newer, "discarded")
    assert download(stack, "result.xlsx").content == b"new"
    assert download(stack, "result.xlsx", user="bob").content == b"bob's"
    refused(download(stack, "result.xlsx", user="carl"), 404, "artifact_not_found")


def test_other_artifacts_can_be_had_too(stack):
    job_id = completed(stack, b"book", **{"a b.csv": b"1,2"})
    assert look(stack, job_id).json()["excelFile"] == "result.xlsx"
    assert download(stack, f"{job_id}-a%20b.csv").content == b"1,2"
    assert download(stack, "a%20b.csv").content == b"1,2"


def test_what_is_not_there_is_not_found(stack):
    job_id = completed(stack, b"x")
    refused(download(stack, f"{job_id}-result.xlsx", user="bob"), 404, "job_not_found")
    refused(download(stack, f"{job_id}-other.xlsx"), 404, "artifact_not_found")
    refused(download(stack, f"{NOBODY}-result.xlsx"), 404, "job_not_found")
    refused(download(stack, "other.xlsx"), 404, "artifact_not_found")
    refused(download(stack, "..%2Fresult.xlsx"), 400, "invalid_path")


# ---------------------------------------------------------------- all of it

def test_a_file_is_analyzed_and_its_report_downloaded(stack):
    stack.sql("select millrace.cancel(id) from millrace.ready")
    stack.start("worker")
    try:
        job_id = started(stack, content=b"city,n\nBonn,1\nKiel,2\n", user="dora")
        stack.wait_job(job_id, user="dora")
    finally:
        stack.stop("worker")
    body = look(stack, job_id, user="dora").json()
    assert body["status"] == "completed", body
    assert body["dataSource"] == "sales.csv"
    assert (body["summary"]["rows"], body["summary"]["columns"]) == (2, 2)
    for url in (body["downloadUrl"], "/api/v1/analysis/download/result.xlsx"):
        answer = stack.request("GET", url, user="dora")
        assert answer.status_code == 200
        assert answer.content.startswith(b"PK")
        assert "spreadsheetml" in answer.headers["Content-Type"]
