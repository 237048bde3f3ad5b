"""Work on many rows in short transactions: each batch is whole or not at all.

One look over the table notes where the next hundred thousand rows lie. The batches
then go straight to them, so that a table is not read again for each. A row is known
by its partition and its place in it: the place alone is that of a row in every other
partition too. A place may have another row by then, so each batch asks the condition
once more.
"""
import time

from psycopg2 import sql

import millrace_kit as kit
from target_db import after_others, span, whole

LOOK = 100_000


class Rows:
    """Which rows of a table: a condition with its values, and an order."""

    def __init__(self, table, where, values, order=sql.SQL("")):
        self.values = values
        parts = {"table": table.identifier(), "where": where, "order": order}
        self.counting = sql.SQL("select count(*) from {table} t where {where}").format(**parts)
        self.finding = sql.SQL("select tableoid, ctid::text from {table} t where {where} {order} limit %s").format(**parts)
        self.locking = sql.SQL(
            "select t.tableoid as part, t.ctid as place from {table} t"
            "  join unnest(%s::oid[], %s::tid[]) as known (part, place)"
            "    on t.tableoid = known.part and t.ctid = known.place"
            " where {where} for update of t skip locked").format(**parts)

    def count(self, db):
        with db, db.cursor() as rows:
            rows.execute(self.counting, self.values)
            return rows.fetchone()[0]

    def find(self, db, most):
        with db, db.cursor() as rows:
            rows.execute(self.finding, [*self.values, most])
            return rows.fetchall()

    def at(self, places):
        """The values of the statement `locking` for some of the places."""
        return [[part for part, _ in places], [place for _, place in places], *self.values]


class Batches:
    """How many rows at once, how many in all, and the rest between them."""

    def __init__(self, payload):
        self.size = whole(payload, "batch", 1000, 1, 100_000)
        self.limit = whole(payload, "limit", 1 << 62, 1, 1 << 62)
        self.pause = span(payload.get("pause", "0ms"), "pause").total_seconds()
        self.done = self.count = 0

    def run(self, db, chosen, step, total, verb):
        """step(cursor, places) works on the rows at most at these places, and gives their number."""
        while self.done < self.limit:
            before = self.done
            places = chosen.find(db, min(LOOK, self.limit - self.done))
            for first in range(0, len(places), self.size):
                self.batch(db, step, places[first:first + self.size], total, verb)
            if self.done == before:
                break
        return {"rows": self.done, "batches": self.count}

    def batch(self, db, step, places, total, verb):
        with db, db.cursor() as rows:
            # Straight to the places: batches of 5000 took four times as long with all joins allowed.
            rows.execute("set local enable_hashjoin = off")
            rows.execute("set local enable_mergejoin = off")
            after_others(rows)      # rows that it holds would be passed over
            n = step(rows, places)
        if n == 0:
            return
        self.done += n
        self.count += 1
        kit.progress(min(99, 100 * self.done / max(total, 1)), f"{verb} {self.done} of {total} rows")
        time.sleep(self.pause)
