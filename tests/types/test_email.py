"""Mail: what recipients get, and what the sender hears of each of them."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from mail_server import Postfix, Scripted, certificate  # noqa: E402
from stack import free_port, open_folder, wait_for  # noqa: E402
from worker import SH, program, put_file, worker_stack  # noqa: E402

FROM = "Millrace <jobs@example.com>"


def email_type(name, port, **env):
    return program(name, "email", maxAttempts=2, run={
        "kind": "program", "command": ["email"],
        "env": {"SMTP_URL": f"smtp://127.0.0.1:{port}", "SMTP_TLS": "none", "SMTP_FROM": FROM,
                "SMTP_TIMEOUT": "5", **env}})


@pytest.fixture(scope="module")
def keys():
    with open_folder() as folder:
        yield certificate(folder)


@pytest.fixture(scope="module")
def safe(keys):
    with Scripted(tls=keys, login=("ann", "sécret")) as server:
        yield server


@pytest.fixture(scope="module")
def plain():
    with Scripted() as server:
        yield server


@pytest.fixture(scope="module")
def postfix():
    with Postfix() as server:
        yield server


@pytest.fixture(scope="module")
def worker(plain, safe, postfix, keys):
    tls = {"SMTP_TLS": "required", "SMTP_URL": f"smtp://localhost:{safe.port}"}
    types = [
        (program("sh"), SH),
        (email_type("email", plain.port), None),
        (email_type("email.safe", 0, SMTP_CA_FILE=str(keys[1]), SMTP_USER="ann", SMTP_PASSWORD="sécret", **tls), None),
        (email_type("email.wrong", 0, SMTP_CA_FILE=str(keys[1]), SMTP_USER="ann", SMTP_PASSWORD="other", **tls), None),
        (email_type("email.stranger", 0, **tls), None),
        (email_type("email.postfix", 0, SMTP_URL=f"smtp://localhost:{postfix.port}", SMTP_TLS="required",
                    SMTP_CA_FILE=str(postfix.ca)), None),
        (email_type("email.closed", free_port()), None),
        (email_type("email.clear", plain.port, SMTP_TLS="required"), None),
    ]
    with worker_stack(types) as worker:
        yield worker


@pytest.fixture(autouse=True)
def forget(plain):
    plain.mails.clear()
    plain.answers.clear()
    plain.data_answers.clear()


def send(worker, payload, type_="email", **options):
    return worker.wait(worker.enqueue(type_, payload, **options))


def letter(**more):
    return {"to": "ann@example.org", "subject": "Hello", "text": "Hello, Ann.\n", **more}


def failed(done, code):
    assert done["state"] == "discarded" and done["error"]["code"] == code, done
    return done["error"]


# ---------------------------------------------------------------- what arrives

def test_a_plain_message(worker, plain):
    done = send(worker, letter())
    assert done["result"]["recipients"] == [
        {"address": "ann@example.org", "status": "sent", "code": 250, "message": "250 2.1.5 fine"}]
    assert done["result"]["sent"] == 1
    sender, recipients, message = plain.mails[0]
    assert (sender, recipients) == ("jobs@example.com", ["ann@example.org"])
    assert message["From"] == FROM and message["To"] == "ann@example.org"
    assert message["Subject"] == "Hello" and message["Date"].datetime is not None
    assert message["Message-ID"] == done["result"]["messageId"]
    assert message.get_body().get_content() == "Hello, Ann.\r\n"


def test_everything_in_it_through_postfix(worker, postfix):
    subject = "Größe und Länge: " + "Übermaß 🎈 " * 12 + "Ende"
    text = "Zeile eins\n.\n..zwei\n" + "ä" * 3000 + "\nEnde\n"
    files = [put_file(worker, "zahlen.csv", b"a,b\n1,2\n"), put_file(worker, "Bild 'ü'.png", bytes(range(256)) * 500)]
    done = send(worker, {
        "from": {"name": 'Zoë "Z" Schmidt', "address": "zoe@example.org"}, "replyTo": "Büro <office@example.org>",
        "to": [{"name": "Ann, Müller", "address": "ann@example.org"}], "bcc": ["zoe@example.org"],
        "subject": subject, "text": text, "html": "<p>Größe 🎈</p>\n",
        "attachments": ["zahlen.csv", {"file": "Bild 'ü'.png", "contentType": "image/png"}],
        "headers": {"X-Note": "für dich", "Auto-Submitted": "auto-generated"}}, "email.postfix", files=files)
    assert done["state"] == "completed" and done["result"]["sent"] == 2, done
    wait_for(lambda: postfix.mails("ann") and postfix.mails("zoe"), what=postfix.log)
    message = postfix.mails("ann")[0]
    assert not message.defects
    assert message["Subject"] == subject
    assert message["From"].addresses[0].display_name == 'Zoë "Z" Schmidt'
    assert message["To"].addresses[0].display_name == "Ann, Müller" and message["Bcc"] is None
    assert message["Reply-To"].addresses[0].display_name == "Büro"
    assert message["X-Note"] == "für dich" and message["Auto-Submitted"] == "auto-generated"
    assert message.get_body(("plain",)).get_content() == text
    assert message.get_body(("html",)).get_content() == "<p>Größe 🎈</p>\n"
    parts = list(message.iter_attachments())
    assert [part.get_filename() for part in parts] == ["zahlen.csv", "Bild 'ü'.png"]
    assert parts[1].get_content() == bytes(range(256)) * 500 and parts[1].get_content_type() == "image/png"
    assert parts[0].get_payload(decode=True) == b"a,b\n1,2\n"


def test_an_artifact_of_a_job_before_is_attached(worker, plain):
    made = worker.sh("printf 'report' > output/report.txt")
    done = send(worker, letter(attachments=["report.txt"]), dependsOn=[made])
    assert done["state"] == "completed", done
    part = next(plain.mails[0][2].iter_attachments())
    assert part.get_filename() == "report.txt" and part.get_content() == "report"


def test_tls_and_a_password(worker, safe):
    assert send(worker, letter(), "email.safe")["state"] == "completed"
    assert len(safe.mails) == 1


# ---------------------------------------------------------------- what comes of each recipient

def test_some_are_refused(worker, plain):
    plain.answers["no@example.org"] = ["550 5.1.1 no such user"]
    done = send(worker, letter(to=["ann@example.org", "no@example.org", "Ann@Example.org"], cc="bob@example.org"))
    assert done["state"] == "completed"
    assert [(one["address"], one["status"], one["code"]) for one in done["result"]["recipients"]] == [
        ("ann@example.org", "sent", 250), ("no@example.org", "rejected", 550), ("bob@example.org", "sent", 250)]
    assert (done["result"]["sent"], done["result"]["rejected"]) == (2, 1)
    assert plain.mails[0][1] == ["ann@example.org", "bob@example.org"]


def test_who_was_put_off_gets_it_later_and_only_they(worker, plain):
    plain.answers["late@example.org"] = ["450 4.2.0 greylisted"]
    done = send(worker, letter(to=["ann@example.org", "late@example.org"]))
    assert done["attempt"] == 1 and done["result"]["sent"] == 2
    assert [recipients for _, recipients, _ in plain.mails][0] == ["ann@example.org"]
    assert len(plain.mails) == 2
    assert plain.mails[0][2]["Message-ID"] == plain.mails[1][2]["Message-ID"]


def test_all_put_off_is_another_attempt(worker, plain):
    plain.answers["late@example.org"] = ["450 4.2.0 greylisted"]
    done = send(worker, letter(to="late@example.org"))
    assert done["state"] == "completed" and done["attempt"] == 2


def test_all_refused_is_the_end(worker, plain):
    plain.answers["no@example.org"] = ["550 5.1.1 no such user"]
    error = failed(send(worker, letter(to="no@example.org")), "recipients_rejected")
    assert "550 5.1.1 no such user" in error["message"]
    assert error["details"]["recipients"][0]["status"] == "rejected"
    assert plain.mails == []


@pytest.mark.parametrize("answer, code, attempt", [
    ("554 5.7.1 spam", "recipients_rejected", 1), ("451 4.3.0 later", "recipients_deferred", 2)])
def test_the_message_itself_is_not_taken(worker, plain, answer, code, attempt):
    plain.data_answers[:] = [answer, answer]
    done = send(worker, letter())
    error = failed(done, code)
    assert answer in error["message"] and done["attempt"] == attempt


def test_too_large_a_message_for_the_server(worker):
    file = put_file(worker, "large", bytes(4_000_000))
    done = send(worker, letter(attachments=["large"]), "email.postfix", files=[file])
    assert done["state"] == "discarded" and done["attempt"] == 1 and "too big" in done["error"]["message"]


# ---------------------------------------------------------------- the server

@pytest.mark.parametrize("type_, code, attempt", [
    ("email.closed", "smtp_unavailable", 2), ("email.stranger", "smtp_tls_failed", 2),
    ("email.clear", "smtp_tls_failed", 2), ("email.wrong", "smtp_login_denied", 1)])
def test_the_server_cannot_be_used(worker, type_, code, attempt):
    done = send(worker, letter(), type_)
    failed(done, code)
    assert done["attempt"] == attempt
    assert not any("sécret" in line for line in worker.stack.log("worker").splitlines())


# ---------------------------------------------------------------- bad input

@pytest.mark.parametrize("change, word", [
    ({"to": []}, "to"), ({"to": "nobody"}, "to"), ({"to": "a@b.c\r\nRCPT TO:<x@y.z>"}, "to"),
    ({"to": {"name": "Ann\r\nBcc: eve@example.org", "address": "ann@example.org"}}, "to"),
    ({"to": "ann@example.org> SIZE=1"}, "to"), ({"cc": 3}, "cc"),
    ({"subject": "Hello\r\nBcc: eve@example.org"}, "subject"), ({"subject": "Hello\nX"}, "subject"),
    ({"from": "eve"}, "from"), ({"replyTo": "a@b.c\n"}, "replyTo"), ({"text": 3}, "text"),
    ({"headers": {"Bcc": "eve@example.org"}}, "Bcc"), ({"headers": {"X-A\r\nBcc": "e"}}, "X-A"),
    ({"headers": {"X-A": "1\r\nBcc: eve@example.org"}}, "X-A"), ({"attachments": "file"}, "attachments"),
    ({"attachments": ["../../etc/passwd"]}, "passwd"), ({"attachments": [{"name": "x"}]}, "attachments"),
    ({"to": ["ann@example.org"] * 1001}, "to")])
def test_a_payload_that_is_wrong(worker, plain, change, word):
    error = failed(send(worker, letter(**change)), "invalid_payload")
    assert word in error["message"]
    assert plain.mails == []


def test_neither_text_nor_html(worker):
    failed(send(worker, {"to": "ann@example.org"}), "invalid_payload")


def test_an_attachment_that_is_not_there(worker):
    failed(send(worker, letter(attachments=["none.pdf"])), "no_input")


# ---------------------------------------------------------------- cancelled, killed

def test_cancelled_while_it_waits(worker, plain):
    plain.answers["late@example.org"] = ["450 4.2.0 greylisted"] * 9
    job = worker.enqueue("email", letter(to=["ann@example.org", "late@example.org"]))
    wait_for(lambda: plain.mails)
    worker.sql("select millrace.cancel(%s)", job)
    worker.ring()
    assert worker.wait(job)["state"] == "cancelled"
    assert len(plain.mails) == 1


def test_killed_in_the_middle_it_is_the_same_message_again(worker, plain):
    plain.answers["late@example.org"] = ["450 4.2.0 greylisted"] * 9
    job = worker.enqueue("email", letter(to=["ann@example.org", "late@example.org"]))
    wait_for(lambda: plain.mails)
    plain.answers.clear()
    worker.kill_handler(job)
    assert worker.wait(job)["result"]["sent"] == 2
    first, second = (message["Message-ID"] for _, _, message in plain.mails)
    assert first == second
