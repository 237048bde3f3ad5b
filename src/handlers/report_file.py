"""Named reports: reports.d/NAME.sql, a declaration in its first comment and one query.

    /* {"title": "Sales", "parameters": {"from": {"type": "date"}}} */
    select region, sum(amount) as amount from sale where day >= :from group by region

A parameter is bound: its value never becomes a part of the statement.
"""
import datetime
import json
import math
import os
import re
import uuid

import millrace_kit as kit

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MEMBERS = ("title", "description", "parameters", "columns", "totals", "chart", "orientation", "size", "timeout", "maxRows")
# Text in quotes and comments is left alone; a colon and a name is a parameter.
TOKEN = re.compile(r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | (\$\w*\$).*?\1 | :: |
                       (?<![\w:]):([A-Za-z_]\w*) | % """, re.VERBOSE | re.DOTALL)
DURATION = re.compile(r"(\d+)(ms|s|m|h)")
UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


def wrong(text):
    return kit.Fault("invalid_payload", f"payload: {text}", status=kit.USAGE)


def bad_report(name, text):
    return kit.Fault("invalid_report", f"the report {name} is wrong: {text}; its operator must put it right")


# ---------------------------------------------------------------- parameters

def boolean(value):
    if not isinstance(value, bool):
        raise ValueError
    return value


def integer(value):
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError
    return value


def number(value):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError
    return value


def text(value):
    if not isinstance(value, str) or "\0" in value:
        raise ValueError
    return value


def date(value):
    return datetime.date.fromisoformat(text(value)).isoformat()


def timestamp(value):
    return datetime.datetime.fromisoformat(text(value).replace("Z", "+00:00")).isoformat()


def an_uuid(value):
    return str(uuid.UUID(text(value)))


# Of a parameter: how it is read, its type in PostgreSQL, what it must be.
TYPES = {
    "text": (text, "text", "a text"), "integer": (integer, "bigint", "a whole number"),
    "number": (number, "numeric", "a number"), "boolean": (boolean, "boolean", "true or false"),
    "date": (date, "date", "a date as 2026-01-31"), "timestamp": (timestamp, "timestamptz", "a time as 2026-01-31T12:00:00Z"),
    "uuid": (an_uuid, "uuid", "a UUID"),
}


class Parameter:
    def __init__(self, report, name, given):
        word = given.get("type", "text") if isinstance(given, dict) else None
        self.name, self.many = name, isinstance(word, str) and word.endswith("[]")
        base = word[:-2] if self.many else word
        if base not in TYPES:
            raise bad_report(report, f'the type of the parameter "{name}" must be {", ".join(TYPES)}, or one of them and []')
        self.read, self.sql_type, self.wanted = TYPES[base]
        self.sql_type += "[]" if self.many else ""
        self.enum, self.optional, self.default = given.get("enum"), "default" in given, given.get("default")

    def _one(self, value):
        try:
            read = self.read(value)
        except (ValueError, TypeError):
            raise wrong(f'the parameter "{self.name}" must be {"a list, each " if self.many else ""}{self.wanted}') from None
        if self.enum and value not in self.enum:
            raise wrong(f'the parameter "{self.name}" must be one of {", ".join(map(str, self.enum))}')
        return read

    def value(self, given):
        """What is bound; null is what a default of null says."""
        if self.name not in given and not self.optional:
            raise wrong(f'the parameter "{self.name}" is missing; it must be {self.wanted}')
        value = given.get(self.name, self.default)
        if value is None and self.optional:
            return None
        if not self.many:
            return self._one(value)
        if not isinstance(value, list):
            raise wrong(f'the parameter "{self.name}" must be a list, each {self.wanted}')
        return [self._one(one) for one in value]


# ---------------------------------------------------------------- the file

class Report:
    """What reports.d says of a name."""

    def __init__(self, name):
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise wrong('"report" must be a name of letters, digits, ".", "_" and "-"')
        self.name = name
        self.facts, query = self._read()
        self.parameters = {key: Parameter(name, key, given) for key, given in self.facts.get("parameters", {}).items()}
        self.query = self._bound(query)
        self.timeout_ms = self._duration(self.facts.get("timeout", "60s"))

    def _read(self):
        folder = os.environ.get("REPORTS_DIR", "/etc/millrace/reports.d")
        try:
            with open(os.path.join(folder, f"{self.name}.sql"), encoding="utf-8") as file:
                whole = file.read()
        except FileNotFoundError:
            raise kit.Fault("unknown_report", f'there is no report "{self.name}"', status=kit.USAGE) from None
        except (OSError, UnicodeDecodeError) as why:
            raise bad_report(self.name, str(why)) from why
        head = re.match(r"\s*/\*(.*?)\*/", whole, re.DOTALL)
        try:
            facts = json.loads(head[1]) if head else {}
        except ValueError as why:
            raise bad_report(self.name, f"its first comment is not JSON: {why}") from why
        unknown = [key for key in facts if key not in MEMBERS] if isinstance(facts, dict) else ["…"]
        if unknown:
            raise bad_report(self.name, f'"{unknown[0]}" is none of {", ".join(MEMBERS)}')
        return facts, whole[head.end():] if head else whole

    def _bound(self, query):
        """The query as psycopg takes it: a typed place for each parameter."""
        def put(found):
            if found[0] == "%":
                return "%%"
            if found[2] is None:
                return found[0].replace("%", "%%")
            if found[2] not in self.parameters:
                raise bad_report(self.name, f'it uses :{found[2]}, which "parameters" does not declare')
            return f"%({found[2]})s::{self.parameters[found[2]].sql_type}"
        return TOKEN.sub(put, query.strip().rstrip(";"))

    def _duration(self, given):
        found = DURATION.fullmatch(given) if isinstance(given, str) else None
        if not found:
            raise bad_report(self.name, 'its "timeout" must be a duration as 30s')
        return int(found[1]) * UNITS[found[2]]

    def values(self, given):
        """The payload's parameters, checked."""
        for key in given:
            if key not in self.parameters:
                raise wrong(f'"parameters" has "{key}"; the report {self.name} has {", ".join(self.parameters) or "none"}')
        return {key: parameter.value(given) for key, parameter in self.parameters.items()}
