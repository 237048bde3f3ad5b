"""Bodies of POST /api/jobs, for tests: those that are taken, and those that are
refused by what code."""

import uuid

NOBODYS = str(uuid.uuid4())

# Texts that are no JSON object.
NO_OBJECT = [
    (b"", "invalid_json"),
    (b'{"type": "noop"', "invalid_json"),
    (b'{"type": 01}', "invalid_json"),
    (b'{"type": "noop", "type": "noop"}', "duplicate_member"),
    (b'{"type": "\xff"}', "invalid_utf8"),
    (b'{"type": "noop\\u0000"}', "null_character"),
    (b"[" * 65, "nesting_too_deep"),
    (b"[]", "invalid_body"),
]

# Members that a job may have beside its type.
FIT = [
    {},
    {"payload": None},
    {"payload": [1, "ä", {"a": {}}]},
    {"queue": "a.b-c_9"},
    {"priority": -100},
    {"priority": "high"},
    {"runAt": "2030-01-31T08:00:00Z"},
    {"runAt": "2030-01-31t08:00:00.123456+01:00"},
    {"delay": "1h30m"},
    {"delay": "0s"},
    {"delayMs": 0},
    {"timeout": "90s"},
    {"timeoutMs": 1},
    {"maxAttempts": 100},
    {"retry": {}},
    {"retry": {"backoff": "linear", "initial": "1s", "max": "1h", "jitter": False}},
    {"tags": []},
    {"tags": ["ä" * 100, *"bcdefghijklmnopqrst"]},
    {"files": []},
    {"retry": {"delays": ["1s", "1m"]}},
    {"uniqueKey": "ä" * 200},
    {"unique": {"by": ["type", "queue", "owner", "payload", "/a/0"], "states": ["active"],
                "within": "10m", "onConflict": "replace"}},
    {"dependsOn": []},
    {"onDependencyFailure": "run"},
    {"concurrencyKey": "k", "concurrencyLimit": 100000},
    {"serialKey": "k"},
    {"rateLimit": {"key": "k", "limit": 1000000, "per": "1ms", "burst": 2}},
    {"rateLimit": {"key": "k", "limit": 1}},
    {"expiresAt": "2030-01-31T08:00:00.5+01:00"},
    {"expiresIn": "1h30m"},
    {"heartbeatTimeout": "30s"},
    dict.fromkeys(["queue", "priority", "runAt", "delay", "delayMs", "timeout", "timeoutMs",
                   "maxAttempts", "retry", "tags", "files", "uniqueKey", "unique", "dependsOn",
                   "ref", "onDependencyFailure", "batchId", "concurrencyKey", "concurrencyLimit",
                   "serialKey", "rateLimit", "fairKey", "expiresAt", "expiresIn",
                   "heartbeatTimeout"]),
]

# Members that it may not have.
UNFIT_MEMBERS = {
    "unknown_member": [{"colour": 1}, {"documentType": "noop"}, {"retry": {"limit": 5}},
                       {"unique": {"key": "k", "colour": 1}},
                       {"rateLimit": {"key": "k", "limit": 1, "colour": 1}}],
    "invalid_member": [
        {"queue": "ä"}, {"priority": 101}, {"priority": 0.5}, {"priority": "urgent"}, {"runAt": 5},
        {"delay": 5}, {"delayMs": "5"}, {"delayMs": -1}, {"timeoutMs": 0}, {"maxAttempts": 0},
        {"maxAttempts": 101}, {"tags": "a"}, {"tags": [""]}, {"tags": ["x" * 101]},
        {"tags": ["x"] * 21}, {"files": ["x"]}, {"files": [NOBODYS] * 101},
        {"uniqueKey": ""}, {"uniqueKey": "x" * 201}, {"unique": "k"},
        {"unique": {"by": []}}, {"unique": {"by": ["colour"]}}, {"unique": {"key": 5}},
        {"unique": {"key": "k", "states": []}}, {"unique": {"key": "k", "states": ["ready"]}},
        {"unique": {"key": "k", "onConflict": "fail"}}, {"dependsOn": NOBODYS},
        {"dependsOn": [5]}, {"onDependencyFailure": "ignore"}, {"ref": ""},
        {"ref": "x" * 101}, {"batchId": 5}, {"concurrencyKey": 5},
        {"concurrencyKey": "k", "concurrencyLimit": 0}, {"concurrencyKey": "k", "concurrencyLimit": 1.5},
        {"serialKey": []}, {"rateLimit": 5}, {"rateLimit": {"key": "k"}}, {"rateLimit": {"limit": 1}},
        {"rateLimit": {"key": "k", "limit": 0}}, {"rateLimit": {"key": "k", "limit": 1, "burst": 0}},
        {"expiresAt": 5}, {"expiresIn": 5}, {"heartbeatTimeout": 5}],
    "invalid_time": [{"runAt": "tomorrow"}, {"runAt": "2030-01-31"}, {"expiresAt": "tomorrow"},
                     {"expiresAt": "2030-01-31"}],
    "invalid_duration": [{"expiresIn": "5"}, {"heartbeatTimeout": "soon"},
                         {"unique": {"key": "k", "within": "5"}},
                         {"rateLimit": {"key": "k", "limit": 1, "per": "x"}},
                         {"delay": "5"}, {"delay": ""}, {"delay": "5m1h"}, {"timeout": "soon"},
                         {"retry": {"max": 5}}],
    "invalid_retry": [{"retry": []}, {"retry": {"backoff": "none"}}, {"retry": {"jitter": 1}}],
}

UNFIT = [(body, code) for code, bodies in {
    "missing_member": [{}, {"type": None}, {"documentType": None}],
    "invalid_member": [{"type": ""}, {"type": "a b"}, {"type": 5}, {"documentType": "-"},
                       {"documentType": "noop", "priority": "urgent"}],
}.items() for body in bodies] + [
    ({"type": "noop", **members}, code)
    for code, them in UNFIT_MEMBERS.items() for members in them]

# What is refused although each member is as it may be.
UNFIT_TOGETHER = [
    ({"runAt": "2030-01-31T08:00:00Z", "delay": "1m"}, "invalid_member"),
    ({"delay": "1m", "delayMs": 1}, "invalid_member"),
    ({"timeout": "0s"}, "invalid_member"),
    ({"runAt": "2030-02-31T08:00:00Z"}, "invalid_time"),
    ({"delay": "3651d"}, "invalid_duration"),
    ({"type": "nothing"}, "unknown_type"),
    ({"files": [NOBODYS]}, "unknown_file"),
    ({"dependsOn": [NOBODYS]}, "unknown_dependency"),
    ({"dependsOn": ["a"]}, "invalid_member"),
    ({"ref": "a"}, "invalid_member"),
    ({"unique": {}}, "invalid_member"),
    ({"concurrencyLimit": 1}, "invalid_member"),
    ({"expiresAt": "2030-01-31T08:00:00Z", "expiresIn": "1h"}, "invalid_member"),
    ({"expiresAt": "2030-02-31T08:00:00Z"}, "invalid_time"),
]
