"""The PostgreSQL database that a handler works on, its tables, and its errors as ours."""
import contextlib
import datetime
import re

import psycopg2
from psycopg2 import sql

import millrace_kit as kit
import target_source
from millrace_kit import wrong

DAY_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


# What another attempt may bring about: the server, a deadlock, a lack of room.
PASSES = re.compile(r"^(08|40|53|55|57|58)")


def fault_of(why):
    """What PostgreSQL says, as the job's error; its own words are the message."""
    text = (why.diag.message_primary if why.diag else None) or str(why).strip() or "the connection was lost"
    state = why.pgcode or "08006"
    details = {"sqlstate": state}
    for name, value in (("table", why.diag.table_name), ("column", why.diag.column_name),
                        ("constraint", why.diag.constraint_name), ("detail", why.diag.message_detail)):
        if value:
            details[name] = value
    if state.startswith("23"):
        return kit.Fault("constraint_failed", text, details)
    if state == "42501":
        return kit.Fault("permission_denied", text, details)
    return kit.Fault("database_failed", text, details, status=kit.RETRY if PASSES.match(state) else kit.DATA)


FOR_GOOD = r"authentication failed|does not exist|no pg_hba.conf|no password supplied|certificate"


def settle(db):
    """A killed handler's statement ends within a second, and holds its locks no longer."""
    db.autocommit = True
    with db.cursor() as rows:
        rows.execute("set jit = off")
        if db.server_version >= 140000:
            rows.execute("set client_connection_check_interval = '1s'")
    db.autocommit = False


def after_others(rows):
    """This transaction begins when that of an attempt before this one, killed but not seen
    by the server yet, is over: what it had done is undone by then, or there to be seen."""
    rows.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"millrace {kit.job_id()}",))


@contextlib.contextmanager
def connected():
    """A connection whose errors are faults; what was not committed is undone."""
    try:
        db = psycopg2.connect(target_source.postgresql(), connect_timeout=15, application_name=f"millrace {kit.job_id()}")
    except psycopg2.Error as why:
        text = str(why).strip()
        final = isinstance(why, psycopg2.ProgrammingError) or re.search(FOR_GOOD, text)
        raise kit.Fault("connection_failed", text, status=kit.DATA if final else kit.RETRY) from why
    try:
        settle(db)
        yield db
    except psycopg2.Error as why:
        raise fault_of(why) from why
    finally:
        with contextlib.suppress(psycopg2.Error):
            db.close()


class Table:
    """A table that is there, by its name as people write it: "orders" or "shop.orders"."""

    def __init__(self, db, name, member="table"):
        if not isinstance(name, str) or not name or len(name) > 200:
            raise wrong(member, 'the name of a table, such as "orders" or "shop.orders"')
        with db.cursor() as rows:
            rows.execute("select c.oid, n.nspname, c.relname from pg_class c"
                         "  join pg_namespace n on n.oid = c.relnamespace"
                         " where c.oid = to_regclass(%s) and c.relkind in ('r', 'p')", (quoted(name),))
            found = rows.fetchone()
            if not found:
                raise kit.Fault("unknown_table", f'there is no table "{name}" that this user can see')
            self.oid, self.schema, self.name = found
            rows.execute("select attname, format_type(atttypid, atttypmod), attgenerated <> '', attidentity = 'a'"
                         "  from pg_attribute where attrelid = %s and attnum > 0 and not attisdropped"
                         " order by attnum", (self.oid,))
            found = rows.fetchall()
        self.all_columns = {column: kind for column, kind, _, _ in found}
        self.stored = {column: kind for column, kind, made, _ in found if not made}
        self.columns = {column: kind for column, kind, made, numbered in found if not made and not numbered}

    def identifier(self):
        return sql.Identifier(self.schema, self.name)

    def bases(self, db):
        """For each column the type below its domains, without and with its length."""
        with db.cursor() as rows:
            rows.execute(
                "with recursive below as ("
                " select attname, atttypid as kind, atttypmod as size from pg_attribute"
                "  where attrelid = %s and attnum > 0 and not attisdropped"
                " union all"
                " select b.attname, t.typbasetype, t.typtypmod from below b join pg_type t on t.oid = b.kind"
                "  where t.typtype = 'd')"
                " select b.attname, format_type(b.kind, -1), format_type(b.kind, b.size)"
                "   from below b join pg_type t on t.oid = b.kind where t.typtype <> 'd'", (self.oid,))
            return {column: (bare, sized) for column, bare, sized in rows.fetchall()}

    def column(self, name, member):
        """A column that is there; anything else is refused."""
        if name not in self.all_columns:
            raise kit.Fault("unknown_column", f'payload: "{member}": the table {self.name} has no column "{name}";'
                            f" there are: {', '.join(self.all_columns)}")
        return sql.Identifier(name)


def quoted(name):
    """Each part in quotes, as it is written: no part is SQL."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split(".", 1))


def whole(payload, member, default, least, most):
    value = payload.get(member, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise wrong(member, f"a whole number from {least} to {most}")
    return value


def flag(payload, member):
    value = payload.get(member, False)
    if not isinstance(value, bool):
        raise wrong(member, "true or false")
    return value


def span(text, member):
    """A duration such as "90d" as a timedelta."""
    if not isinstance(text, str) or not re.fullmatch(r"([0-9]{1,12}(ms|s|m|h|d))+", text):
        raise wrong(member, 'a duration such as "90d" or "12h"')
    return datetime.timedelta(milliseconds=sum(
        int(count) * DAY_MS[unit] for count, unit in re.findall(r"([0-9]+)(ms|s|m|h|d)", text)))


def made_at():
    """When the job was made, which its id says: every attempt reckons from the same time.

    Only a UUIDv7 does; of any other id the time might lie millennia ahead.
    """
    digits = kit.job_id().replace("-", "")
    if not re.fullmatch(r"[0-9a-fA-F]{12}7[0-9a-fA-F]{19}", digits):
        return datetime.datetime.now(datetime.timezone.utc)
    return datetime.datetime.fromtimestamp(int(digits[:12], 16) / 1000, datetime.timezone.utc)
