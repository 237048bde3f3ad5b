"""Rows of a report's query: read only, in time, a few at once."""
import contextlib

import millrace_kit as kit
import psycopg
import target_source

AT_ONCE = 2000
# Classes of SQLSTATE that may be over the next time.
PASSING = ("08", "40", "53", "55", "57")


@contextlib.contextmanager
def connected():
    try:
        connection = psycopg.connect(target_source.postgresql(), connect_timeout=10, application_name="millrace report")
    except psycopg.Error as why:
        raise kit.Fault("connection_failed", f"cannot connect to the database: {why}".strip(), status=kit.RETRY) from why
    try:
        yield connection
    except psycopg.errors.QueryCanceled as why:
        raise kit.Fault("query_timeout", "the query took longer than the report's timeout") from why
    except psycopg.Error as why:
        state = why.sqlstate or "08000"
        status = kit.RETRY if state[:2] in PASSING else kit.DATA
        raise kit.Fault("query_failed", f"the query failed: {why}".strip(), {"sqlstate": state}, status) from why
    except BaseException:
        with contextlib.suppress(psycopg.Error):
            connection.cancel()
        raise
    finally:
        connection.close()


class Rows:
    """The columns of the result, and its rows by iteration."""

    def __init__(self, cursor, most):
        self.columns = [column.name for column in cursor.description]
        self.count, self._cursor, self._most = 0, cursor, most

    def __iter__(self):
        while True:
            rows = self._cursor.fetchmany(AT_ONCE)
            if not rows:
                return
            self.count += len(rows)
            if self.count > self._most:
                raise kit.Fault("too_many_rows", f"the query gives more than {self._most} rows; narrow it by its parameters")
            yield from rows


@contextlib.contextmanager
def opened(report, values, most):
    """The query's rows, from a cursor of the server in a transaction that cannot write."""
    with connected() as connection:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("select set_config('statement_timeout', %s, true)", [str(report.timeout_ms)])
        with connection.cursor("report") as cursor:
            cursor.execute(report.query, values or {})
            yield Rows(cursor, most)
