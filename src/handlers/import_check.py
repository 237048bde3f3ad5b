"""What is wrong with staged rows: by statements over all of them, not row by row.

A column whose values all cast is found out by one cast over it; only where that
fails the bad ones are looked for one by one.
"""
import json
import re

import psycopg2
from psycopg2 import sql

from millrace_kit import wrong

RULES = ("required", "pattern", "min", "max", "enum", "unique")

# Only the values near one that does not cast are tried one by one.
BAD_ROWS = """
create function pg_temp.bad_rows(field name, kind text) returns setof bigint language plpgsql as $$
declare
    first bigint;
    one record;
begin
    for first in select * from generate_series(1, (select max(row_no) from pg_temp.stage), 200) loop
        begin
            execute format('select count(%1$I::%2$s) from pg_temp.stage where row_no between $1 and $1 + 199', field, kind)
                using first;
            continue;
        exception when data_exception or check_violation or not_null_violation then
            null;
        end;
        for one in execute format('select row_no, %I as given from pg_temp.stage where row_no between $1 and $1 + 199', field)
            using first
        loop
            begin
                execute format('select $1::%s', kind) using one.given;
            exception when data_exception or check_violation or not_null_violation then
                return next one.row_no;
            end;
        end loop;
    end loop;
end $$"""


class Column:
    """One of the file's, and where it goes to."""

    def __init__(self, nth, header, name, kind, bases, rules):
        self.stage = sql.Identifier(f"c{nth}")
        self.header, self.name, self.kind = header, name, kind
        self.bare, self.sized = bases
        self.target = sql.Identifier(name)
        self.rules = rules
        check_rules(name, rules)

    def whole(self):
        """As a value of the column's type, with what its domains demand."""
        return sql.SQL("s.{}::{}").format(self.stage, sql.SQL(self.kind))

    def cast(self):
        """As it is compared and inserted. A cast to varchar(3) would cut the text off; that to varchar does not."""
        return sql.SQL("s.{}::{}").format(self.stage, sql.SQL(self.bare))

    def length(self):
        """Why a value's length is wrong, and the condition; None: any will do."""
        found = re.fullmatch(r"(character|bit)( varying)?\(([0-9]+)\)", self.sized)
        if not found:
            return None
        size = int(found[3])
        if found[1] == "character":
            return (f"is longer than {size} characters",
                    sql.SQL("rtrim(substr(s.{}, {}), ' ') <> ''").format(self.stage, sql.Literal(size + 1)))
        compared, word = (">", "more than ") if found[2] else ("<>", "not ")
        return (f"is {word}{size} bits",
                sql.SQL("length(s.{}::bit varying) %s {}" % compared).format(self.stage, sql.Literal(size)))


def check_rules(name, rules):
    where = f"rules.{name}"
    if not isinstance(rules, dict) or set(rules) - set(RULES):
        raise wrong(where, f"an object of {', '.join(RULES)}")
    for flag in ("required", "unique"):
        if not isinstance(rules.get(flag, False), bool):
            raise wrong(f"{where}.{flag}", "true or false")
    if not isinstance(rules.get("pattern", ""), str):
        raise wrong(f"{where}.pattern", "a regular expression")
    if "enum" in rules and not (isinstance(rules["enum"], list) and rules["enum"]):
        raise wrong(f"{where}.enum", "a list of values")
    for end in ("min", "max"):
        if end in rules and (isinstance(rules[end], bool) or not isinstance(rules[end], (int, float, str))):
            raise wrong(f"{where}.{end}", "a number, or a text such as a date")


class Checker:
    """Collects into pg_temp.bad (row_no, header, value, why)."""

    def __init__(self, rows, columns, keys):
        self.rows, self.columns, self.keys = rows, columns, keys
        rows.execute(BAD_ROWS)

    def all(self, tell):
        for nth, column in enumerate(self.columns):
            tell(nth, column.header)
            self.types(column)
            self.rules_of(column)
        self.unique_keys()

    def note(self, column, why, condition, values=(), rows_of=sql.SQL("stage s")):
        """Every row that fulfils a condition is bad, once for each column and reason."""
        self.rows.execute(sql.SQL(
            "insert into bad select s.row_no, %s, s.{stage}, %s from {rows} where {condition}").format(
            stage=column.stage, rows=rows_of, condition=condition), [column.header, why, *values])

    def types(self, column):
        self.rows.execute("savepoint cast_all")
        try:
            self.rows.execute(sql.SQL("select count({}) from stage s").format(column.whole()))
            self.rows.execute("release savepoint cast_all")
        except (psycopg2.DataError, psycopg2.IntegrityError):
            self.rows.execute("rollback to savepoint cast_all")
            self.useless(column, f"is not a valid {column.kind}",
                         sql.SQL("s.row_no in (select pg_temp.bad_rows(%s, %s))"),
                         [column.stage.string, column.kind])
        length = column.length()
        if length:
            self.useless(column, *length)

    def useless(self, column, why, condition, values=()):
        """Nothing else can be said of these values."""
        self.note(column, why, condition, values)
        if self.rows.rowcount:
            self.rows.execute(sql.SQL(
                "update stage s set {stage} = null from bad b where b.row_no = s.row_no and b.header = %s").format(
                stage=column.stage), [column.header])

    def rules_of(self, column):
        rules, stage = column.rules, column.stage
        if rules.get("required"):
            self.note(column, "is missing", sql.SQL(
                "s.{} is null and not exists (select from bad b where b.row_no = s.row_no and b.header = %s)").format(
                stage), [column.header])
        if "pattern" in rules:
            self.note(column, f"does not match {rules['pattern']}", sql.SQL("s.{} !~ %s").format(stage),
                      [rules["pattern"]])
        if "enum" in rules:
            allowed = [value if isinstance(value, str) else json.dumps(value) for value in rules["enum"]]
            self.note(column, f"is not one of {', '.join(allowed)}", sql.SQL("s.{} <> all (%s)").format(stage),
                      [allowed])
        for end, operator, word in (("min", "<", "less"), ("max", ">", "more")):
            if end in rules:
                self.note(column, f"is {word} than {rules[end]}", sql.SQL("{} %s %%s::text::{}" % operator).format(
                    column.cast(), sql.SQL(column.bare)), [str(rules[end])])
        if rules.get("unique"):
            self.twice([column], "is there twice")

    def twice(self, columns, why):
        """All but the first of those that are alike."""
        casts = sql.SQL(", ").join(column.cast() for column in columns)
        there = sql.SQL(" and ").join(sql.SQL("s.{} is not null").format(column.stage) for column in columns)
        self.note(columns[0], why, sql.SQL("s.nth > 1"), rows_of=sql.SQL(
            "(select s.*, row_number() over (partition by {} order by row_no) as nth from stage s where {}) s").format(
            casts, there))

    def unique_keys(self):
        if self.keys:
            self.twice(self.keys, "has a key that an earlier row has")
