"""What a type says of its payloads: refused at the door with all that is wrong, shown
to who makes forms, and secrets to nobody."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from api import api_stack, code_of  # noqa: E402

SCHEMA = {"type": "object", "required": ["to"], "additionalProperties": False, "properties": {
    "to": {"type": "string", "format": "email", "title": "Recipient"},
    "copies": {"type": "integer", "minimum": 1, "maximum": 9, "default": 1},
    "password": {"type": "string", "writeOnly": True}}}


@pytest.fixture(scope="module", name="stack")
def _stack():
    with api_stack() as running:
        running.sql("insert into millrace.job_type (type, options) values ('formal', %s)",
                    json.dumps({"payloadSchema": SCHEMA, "forgetSecrets": True, "fairKey": "owner"}))
        yield running


def send(stack, payload, user="alice", **members):
    return stack.request("POST", "/api/jobs", user=user, json={"type": "formal", "payload": payload, **members})


def test_all_that_is_wrong_is_said_at_once(stack):
    answer = send(stack, {"to": "nobody", "copies": 0, "colour": "red"})
    assert code_of(answer) == (400, "invalid_payload")
    error = answer.json()["error"]
    assert "(and 2 more)" in error["message"]
    assert {(e["pointer"], e["code"]) for e in error["details"]["errors"]} == {
        ("/to", "format"), ("/copies", "minimum"), ("/colour", "unknown_member")}
    assert all(e["message"] for e in error["details"]["errors"])


@pytest.mark.parametrize("payload", [None, [], "text", {}])
def test_no_payload_that_fits(stack, payload):
    answer = send(stack, payload)
    assert code_of(answer) == (400, "invalid_payload")


def test_one_of_a_batch_is_wrong_and_none_is_stored(stack):
    before = stack.value("select count(*) from millrace.job")
    jobs = [{"type": "formal", "payload": {"to": "a@b.c"}}, {"type": "formal", "payload": {"to": 1}}]
    for path, body in (("/api/jobs/batch", {"jobs": jobs}), ("/api/batches", {"jobs": jobs})):
        answer = stack.request("POST", path, user="alice", json=body)
        assert code_of(answer) == (400, "invalid_payload"), answer.text
        details = answer.json()["error"]["details"]
        assert details["index"] == 1 and details["errors"][0]["pointer"] == "/to"
    assert stack.value("select count(*) from millrace.job") == before


def test_defaults_are_filled_in_and_secrets_masked(stack):
    answer = send(stack, {"to": "a@b.c", "password": "hush-hush"}, user="bob")
    assert answer.status_code == 202 and "hush" not in answer.text
    job = answer.json()["jobId"]
    shown = {"to": "a@b.c", "copies": 1, "password": "********"}
    for path in (f"/api/jobs/{job}", "/api/jobs"):
        answer = stack.request("GET", path, user="bob")
        assert "hush" not in answer.text
        found = answer.json()
        assert (found["jobs"][0] if "jobs" in found else found)["payload"] == shown
    assert stack.value("select payload ->> 'password' from millrace.job where id = %s", job) == "hush-hush"


def test_a_schedule_shows_none_either(stack):
    answer = stack.request("PUT", "/api/schedules/formal", user="bob", json={
        "every": "1h", "type": "formal", "payload": {"to": "a@b.c", "password": "hush-hush"}})
    assert answer.status_code in (200, 201) and "hush" not in answer.text, answer.text
    assert "hush" not in stack.request("GET", "/api/schedules", user="bob").text
    assert stack.request("GET", "/api/schedules/formal", user="bob").json()["payload"]["password"] == "********"


def test_a_schedule_that_is_read_and_put_back_keeps_its_secrets(stack):
    def put(payload):
        answer = stack.request("PUT", "/api/schedules/kept", user="bob", json={
            "every": "1h", "type": "formal", "payload": payload})
        assert answer.status_code in (200, 201), answer.text
        return stack.value("select payload ->> 'password' from millrace.schedule where owner = 'bob' and name = 'kept'")

    put({"to": "a@b.c", "password": "hush-hush"})
    shown = stack.request("GET", "/api/schedules/kept", user="bob").json()["payload"]
    assert put({**shown, "to": "d@e.f"}) == "hush-hush"
    assert put({**shown, "password": "another"}) == "another"
    assert put({"to": "a@b.c"}) is None
    assert put(shown) == "********", "nothing is known that it could stand for"


def test_the_schema_is_there_for_forms(stack):
    types = stack.request("GET", "/api/types", user="bob").json()["types"]
    formal = next(one for one in types if one["type"] == "formal")
    assert formal["payloadSchema"] == SCHEMA and formal["forgetSecrets"] is True
    assert formal["options"] == {"fairKey": "owner"}


def test_forgotten_secrets_are_not_run_again(stack):
    job = send(stack, {"to": "a@b.c", "password": "hush-hush"}).json()["jobId"]
    assert stack.request("POST", f"/api/jobs/{job}/cancel", user="alice").status_code == 200
    answer = stack.request("POST", f"/api/jobs/{job}/retry", user="alice")
    assert code_of(answer) == (409, "secrets_forgotten")
