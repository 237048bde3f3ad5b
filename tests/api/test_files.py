"""Uploads: what they store, what they refuse, and what they leave behind."""

import contextlib
import hashlib
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from fcgi import (BEGIN, PARAMS, RESPONDER, STDIN, Connection, pair,  # noqa: E402
                  params_of, record, stream)
from stack import Stack, wait_for  # noqa: E402

NOBODY = "01890000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def stack():
    with Stack("postgres", "api", "nginx") as running:
        yield running


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def stored(stack, data_dir="data"):
    """The names of all files in the store, those on their way included."""
    top = stack.dir / data_dir / "files"
    return sorted(p.name for p in top.glob("*/*"))


def assert_no_leftovers(stack):
    ids = [row[0] for row in stack.sql("select id::text from millrace.file order by id")]
    assert stored(stack) == sorted(ids)


def path_of(stack, file_id):
    return stack.dir / "data" / "files" / file_id[-2:] / file_id


def refused(answer, status, code):
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert answer.json()["success"] is False
    return answer.json()["error"]["message"]


def upload(stack, data=b"a,b\n1,2\n", user="ann", path="/api/files?name=x.csv", **headers):
    return stack.request("POST", path, user=user, data=data,
                         headers={"Content-Type": "text/csv", **headers})


# ---------------------------------------------------------------- raw bodies

def test_a_raw_body_is_stored(stack):
    data = os.urandom(300_000)
    answer = upload(stack, data)
    assert answer.status_code == 201, answer.text
    body = answer.json()
    file_id = body["fileId"]
    assert body == {"success": True, "fileId": file_id, "files": [{
        "fileId": file_id, "name": "x.csv", "size": 300_000,
        "contentType": "text/csv", "sha256": sha256(data)}]}
    assert answer.headers["Location"] == f"/api/files/{file_id}"

    path = path_of(stack, file_id)
    assert path.read_bytes() == data
    assert path.stat().st_mode & 0o7777 == 0o440
    row = stack.sql("select owner, name, size, content_type, sha256"
                    " from millrace.file where id = %s", file_id)[0]
    assert row == ("ann", "x.csv", 300_000, "text/csv", sha256(data))


def test_a_raw_body_needs_neither_name_nor_type(stack):
    answer = stack.request("POST", "/api/files", user="ann", data=b"hello")
    assert answer.status_code == 201, answer.text
    assert answer.json()["files"][0]["name"] == "file"
    assert answer.json()["files"][0]["contentType"] == "application/octet-stream"


def test_a_file_may_be_empty(stack):
    answer = upload(stack, b"")
    assert answer.status_code == 201, answer.text
    assert answer.json()["files"][0]["size"] == 0
    assert answer.json()["files"][0]["sha256"] == sha256(b"")


def test_the_path_with_the_version_is_the_same(stack):
    assert upload(stack, path="/api/v1/files").status_code == 201


@pytest.mark.parametrize("name, kept", [
    ("..%2F..%2Fetc%2Fpasswd", "passwd"),
    ("C%3A%5Cdir%5Cx.csv", "x.csv"),
    (".profile", "_profile"),
    ("%E2%82%AC" * 100 + ".csv", "\u20ac" * 65 + ".csv"),
])
def test_names_are_made_safe(stack, name, kept):
    answer = upload(stack, path=f"/api/files?name={name}")
    assert answer.status_code == 201, answer.text
    assert answer.json()["files"][0]["name"] == kept
    assert path_of(stack, answer.json()["fileId"]).exists()


@pytest.mark.parametrize("name", ["", ".", "..", "a/..", "a%5C"])
def test_what_names_no_file_is_refused(stack, name):
    refused(upload(stack, path=f"/api/files?name={name}"), 400, "invalid_file_name")
    assert_no_leftovers(stack)


def test_other_multipart_types_are_refused(stack):
    refused(upload(stack, **{"Content-Type": "multipart/mixed; boundary=x"}),
            415, "unsupported_media_type")


def test_uploads_need_a_token(stack):
    refused(upload(stack, user=None), 401, "missing_token")


# ---------------------------------------------------------------- forms

def post_form(stack, *files, data=None, user="ann"):
    return stack.request("POST", "/api/files", user=user, files=files, data=data)


def test_a_form_may_bring_several_files(stack):
    one, two = os.urandom(100_000), b"--x\r\n\r\n--"
    answer = post_form(stack, ("a", ("one.bin", one, "application/x-one")),
                       ("a", ("zw\u00f6lf \"12\".txt", two, "text/plain")))
    assert answer.status_code == 201, answer.text
    first, second = answer.json()["files"]
    assert answer.json()["fileId"] == first["fileId"]
    assert (first["name"], first["contentType"], first["sha256"]) == \
        ("one.bin", "application/x-one", sha256(one))
    assert (second["name"], second["sha256"]) == ("zw\u00f6lf \"12\".txt", sha256(two))
    assert path_of(stack, first["fileId"]).read_bytes() == one
    assert path_of(stack, second["fileId"]).read_bytes() == two


def test_curl_is_understood(stack, tmp_path):
    path = tmp_path / "a;b \"c\".csv"
    path.write_bytes(b"1,2\n")
    done = subprocess.run(
        ["curl", "-sS", "-H", f"Authorization: Bearer {stack.token('ann')}",
         "-F", "f=@\"" + str(path).replace('"', '\\"') + "\";type=text/csv",
         stack.url + "/api/files"], capture_output=True, text=True, check=True)
    assert '"a;b \\"c\\".csv"' in done.stdout, done.stdout


@pytest.mark.parametrize("kept", [0, 1])
def test_a_form_is_stored_whole_or_not_at_all(stack, kept):
    before = stored(stack)
    parts = [("a", (f"{i}.csv", b"1,2\n")) for i in range(kept + 1)]
    refused(post_form(stack, *parts, data={"comment": "hi"}), 400, "unknown_field")
    body = b"--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n12345"
    message = refused(upload(stack, body * (kept + 1),
                             **{"Content-Type": "multipart/form-data; boundary=x"}),
                      400, "invalid_multipart")
    assert "--x--" in message
    assert stored(stack) == before


def test_a_form_without_a_file_is_refused(stack):
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    refused(upload(stack, b"--x--\r\n", **form), 400, "missing_file")
    refused(upload(stack, b"--x\r\nContent-Disposition: form-data; name=a; filename=\"\"\r\n"
                   b"Content-Type: application/octet-stream\r\n\r\n\r\n--x--\r\n", **form),
            400, "missing_file")
    refused(upload(stack, b"", **{"Content-Type": "multipart/form-data"}),
            400, "invalid_multipart")
    assert_no_leftovers(stack)


def test_a_form_has_at_most_32_parts(stack):
    before = stored(stack)
    parts = [("a", (f"{i}.csv", b"1")) for i in range(33)]
    refused(post_form(stack, *parts), 400, "invalid_multipart")
    assert stored(stack) == before
    assert len(post_form(stack, *parts[:32]).json()["files"]) == 32
    assert_no_leftovers(stack)


# ---------------------------------------------------------------- limits

@contextlib.contextmanager
def second_api(stack, *wrapper, **settings):
    """One more millrace-api with other settings, spoken to without nginx."""
    socket = stack.dir / "run" / "second.sock"
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
    with subprocess.Popen(
            [*(user if os.getuid() == 0 else []), *wrapper, stack.dir / "bin" / "millrace-api"],
            stderr=subprocess.DEVNULL,
            env={**stack.environment, **stack.env,
                 "MILLRACE_API_SOCKET": str(socket), **settings}) as api:
        try:
            wait_for(lambda: socket.exists() or api.poll() is not None)
            yield socket
        finally:
            api.terminate()
    socket.unlink(missing_ok=True)


def send(socket, stack, data, content_type="text/csv", **params):
    with Connection(socket) as fcgi:
        return fcgi.request("POST", "/api/files",
                            {"Authorization": f"Bearer {stack.token('ann')}",
                             "Content-Type": content_type}, data, **params)


def form_of(data):
    return (b"--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\n"
            + data + b"\r\n--x--")


def test_a_file_over_the_limit_is_refused(stack):
    limit = 1_000_000
    with second_api(stack, MILLRACE_MAX_UPLOAD=str(limit)) as socket:
        assert send(socket, stack, b"x" * limit).status == 201
        # In a form it may be as large, whatever stands around it.
        assert send(socket, stack, form_of(b"x" * limit),
                    "multipart/form-data; boundary=x").status == 201
        before = stored(stack)
        for data, kind in ((b"x" * (limit + 1), "text/csv"),
                           (form_of(b"x" * (limit + 1)), "multipart/form-data; boundary=x")):
            answer = send(socket, stack, data, kind)
            assert (answer.status, answer.code) == (413, "file_too_large")
        # Without a length nobody knows before.
        answer = send(socket, stack, b"x" * (limit + 1), CONTENT_LENGTH="")
        assert (answer.status, answer.code) == (413, "file_too_large")
        assert stored(stack) == before
    assert_no_leftovers(stack)


# ---------------------------------------------------------------- a full disk

@contextlib.contextmanager
def tiny_disk(path, size):
    path.mkdir(parents=True)
    path.parent.chmod(0o755)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0777",
                           "tmpfs", path], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cannot mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)


def test_a_full_disk_is_said_and_left_clean(stack):
    with tiny_disk(stack.dir / "small" / "files", 512 * 1024), \
            second_api(stack, MILLRACE_DATA_DIR=str(stack.dir / "small")) as socket:
        for data, kind in ((b"x" * 2_000_000, "text/csv"),
                           (form_of(b"x" * 2_000_000), "multipart/form-data; boundary=x")):
            answer = send(socket, stack, data, kind)
            assert (answer.status, answer.code) == (507, "disk_full")
            assert stored(stack, "small") == []
        answer = send(socket, stack, b"x" * 200_000)
        assert answer.status == 201, answer.content
        assert stored(stack, "small") == [answer.json()["fileId"]]
        stack.sql("delete from millrace.file where id = %s", answer.json()["fileId"])


def test_a_limit_on_the_size_of_files_is_a_full_disk_too(stack):
    """RLIMIT_FSIZE: write() says EFBIG. Needs no rights."""
    before = stored(stack)
    with second_api(stack, "prlimit", "--fsize=100000") as socket:
        answer = send(socket, stack, b"x" * 300_000)
    assert (answer.status, answer.code) == (507, "disk_full")
    assert stored(stack) == before


# ---------------------------------------------------------------- half a body

def test_a_body_that_ends_early_leaves_nothing(stack):
    before = stored(stack)
    for data, kind in ((b"x" * 200_000, "text/csv"),
                       (form_of(b"x")[:-9], "multipart/form-data; boundary=x")):
        answer = send(stack.dir / "run" / "api.sock", stack, data, kind,
                      CONTENT_LENGTH="1000000")
        assert (answer.status, answer.code) == (400, "incomplete_body")
    assert stored(stack) == before


def test_a_client_that_goes_away_leaves_nothing(stack):
    before = stored(stack)
    params = {**params_of("POST", "/api/files",
                          {"Authorization": f"Bearer {stack.token('ann')}"}, b""),
              "CONTENT_LENGTH": "1000000"}
    with Connection(stack.dir / "run" / "api.sock") as fcgi:
        fcgi.socket.sendall(
            record(BEGIN, struct.pack("!HB5x", RESPONDER, 0))
            + stream(PARAMS, b"".join(pair(*param) for param in params.items())))
        for _ in range(8):
            fcgi.socket.sendall(record(STDIN, b"x" * 32_768))
        # It has begun, under a name that nobody takes for a file.
        begun = wait_for(lambda: set(stored(stack)) - set(before))
        assert all(name.startswith(".") for name in begun)
    wait_for(lambda: stored(stack) == before)
    assert_no_leftovers(stack)


def test_without_a_database_nothing_is_left(stack):
    socket = stack.dir / "run" / "api.sock"
    assert send(socket, stack, b"x").status == 201  # the token is known now
    before = stored(stack)
    stack.stop("postgres")
    try:
        answer = send(socket, stack, b"x" * 100_000)
    finally:
        stack.start("postgres")
    assert answer.status == 503
    assert stored(stack) == before


# ---------------------------------------------------------------- afterwards

def test_a_file_is_shown_to_its_owner_only(stack):
    answer = upload(stack, b"12345").json()
    file_id = answer["fileId"]
    shown = stack.request("GET", f"/api/files/{file_id}", user="ann")
    assert shown.status_code == 200
    body = shown.json()
    assert body.pop("createdAt").endswith("Z")
    assert body == {"success": True, **answer["files"][0]}
    assert stack.request("GET", f"/api/files/{file_id}", user="admin").status_code == 200
    for method in ("GET", "DELETE"):
        refused(stack.request(method, f"/api/files/{file_id}", user="bob"),
                404, "file_not_found")
        refused(stack.request(method, f"/api/files/{NOBODY}", user="ann"),
                404, "file_not_found")
        refused(stack.request(method, "/api/files/7", user="ann"), 400, "invalid_id")
    assert path_of(stack, file_id).exists()


def test_a_file_can_be_deleted(stack):
    file_id = upload(stack).json()["fileId"]
    answer = stack.request("DELETE", f"/api/files/{file_id.upper()}", user="ann")
    assert (answer.status_code, answer.json()) == (200, {"success": True, "fileId": file_id})
    assert not path_of(stack, file_id).exists()
    refused(stack.request("GET", f"/api/files/{file_id}", user="ann"), 404, "file_not_found")


@pytest.mark.parametrize("place", ["ready", "waiting", "active"])
def test_a_file_in_use_stays(stack, place):
    stack.sql("insert into millrace.job_type (type) values ('use') on conflict do nothing")
    file_id = upload(stack).json()["fileId"]
    more = {"delay": "1h"} if place == "waiting" else {}
    job_id = stack.post_job("use", {}, user="ann", files=[file_id], **more)
    if place == "active":
        claimed = stack.sql("select id::text from millrace.claim(%s, '{use}', '{100}', null, 100)",
                            NOBODY)
        assert (job_id,) in claimed
    refused(stack.request("DELETE", f"/api/files/{file_id}", user="ann"), 409, "file_in_use")
    assert path_of(stack, file_id).exists()

    if place == "active":
        stack.sql("select millrace.finish(%s, array[%s::uuid], '{1}', '{completed}',"
                  " '{null}', '{null}', '{0}', '{null}')", NOBODY, job_id)
    else:
        assert stack.request("POST", f"/api/jobs/{job_id}/cancel", user="ann").status_code == 200
    assert stack.request("DELETE", f"/api/files/{file_id}", user="ann").status_code == 200
    assert not path_of(stack, file_id).exists()


def test_many_at_once(stack):
    data = [os.urandom(200_000) for _ in range(24)]
    answers = [None] * len(data)

    def one(i):
        answers[i] = upload(stack, data[i])

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(data))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [a.json()["files"][0]["sha256"] for a in answers] == [sha256(d) for d in data]
    assert_no_leftovers(stack)


# ---------------------------------------------------------------- a large one

def peak_while(stack, process):
    """The most memory that the API holds until the process ends, kB."""
    peak = stack.rss_kb("api")
    while process.poll() is None:
        peak = max(peak, stack.rss_kb("api"))
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
    return peak


@pytest.mark.parametrize("how", [["-T"], ["-F"]])
def test_a_large_file_costs_no_memory(stack, tmp_path, how):
    path, piece = tmp_path / "large.bin", os.urandom(1_000_003)
    digest = hashlib.sha256()
    with path.open("wb") as out:
        for _ in range(200):
            out.write(piece)
            digest.update(piece)
    what = [str(path)] if how == ["-T"] else [f"f=@{path}"]
    before = stack.rss_kb("api")
    with subprocess.Popen(
            ["curl", "-sS", "-X", "POST", "-H", f"Authorization: Bearer {stack.token('ann')}",
             "-H", "Expect:", *how, *what, stack.url + "/api/files"],
            stdout=subprocess.PIPE, text=True) as curl:
        peak = peak_while(stack, curl)
        out = curl.stdout.read()
    assert digest.hexdigest() in out, out
    print(f"before {before} kB, peak {peak} kB")
    if "asan" not in os.environ.get("top_builddir", ""):
        assert peak - before < 4096
    file_id = stack.value("select id::text from millrace.file where sha256 = %s",
                          digest.hexdigest())
    assert stack.request("DELETE", f"/api/files/{file_id}", user="ann").status_code == 200
