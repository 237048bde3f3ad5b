"""What a tour of the API needs: requests by the operations of doc/openapi.yaml, each
answer held against the document."""

import contextlib
from pathlib import Path

from job_bodies import NOBODYS
from openapi import Api
from stream_client import Parser

API = Api(Path(__file__).resolve().parents[2] / "doc" / "openapi.yaml")
OPERATIONS = list(API.operations.values())
NEW_CONNECTION = {"name": "shop", "kind": "postgresql", "host": "127.0.0.1", "port": 1, "database": "shop",
                  "user": "reader", "password": "pa55word", "test": False}


def path_of(op, **place):
    return op.path.format(**{"id": NOBODYS, "name": f"{NOBODYS}-a.csv",
                             "number": "1", **place})


def ask(stack, op, user="", query="", headers=None, **place):
    """Any operation, with a body that is right where one is wanted; by somebody who
    may, unless it is said by whom."""
    if user == "":
        user = "admin" if op.item.get("x-needs") == "admin" else "alice"
    body = {"postFiles": {"data": b"a"}, "postAnalysis": {"files": {"file": ("a.csv", b"a\n1\n")}},
            "putQueue": {"json": {}}, "putOwner": {"json": {}}, "patchJob": {"json": {"priority": 1}},
            "postReport": {"json": {"progress": 1}}, "trainSchema": {"json": {}},
            **dict.fromkeys(["postConnection", "putConnection"], {"json": NEW_CONNECTION}),
            **dict.fromkeys(["postBatch", "postBatches", "postBatchJobs"],
                            {"json": {"jobs": [{"type": "noop"}]}})}.get(
                op.id, {"json": {"type": "noop"}} if "requestBody" in op.item else {})
    if op.id == "postSession":
        body = {"json": {"token": stack.token(user)}} if user else {}
    return stack.request(op.method, path_of(op, **place) + query, user=user, headers=headers,
                         **body)


def expect(op, answer, status, code):
    assert answer.status_code == status, f"{op}: {answer.status_code} {answer.text}"
    API.check(op, answer)
    assert answer.json()["error"]["code"] == code, answer.text


def form(*fields):
    """A form of (name, file name or None, text)."""
    return {"files": [(name, (file, text)) for name, file, text in fields]}


def place_of(operation, job_id, name):
    """Where an artifact is to be had by one of the two ways."""
    if operation == "getArtifact":
        return {"id": job_id, "name": name}
    return {"name": f"{job_id}-{name}"}


def read_stream(answer, enough):
    """The events of a stream until there are enough, or its end."""
    parser = Parser()
    with contextlib.closing(answer):
        for piece in answer.iter_content(None):
            parser.feed(piece)
            if enough(parser.events):
                break
    for event in parser.events:
        API.check_event(event.data)
    return parser
