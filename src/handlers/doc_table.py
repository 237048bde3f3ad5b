"""Tables as all kinds of documents show them: columns, cells as text, totals."""
import datetime
import decimal
import json

NUMBERS = (int, float, decimal.Decimal)


def is_number(value):
    return isinstance(value, NUMBERS) and not isinstance(value, bool)


class Column:
    """A column by its name in the rows, or a dict of key, title, align, decimals."""

    def __init__(self, given):
        given = given if isinstance(given, dict) else {"key": str(given)}
        self.key = str(given["key"])
        self.title = str(given.get("title", self.key))
        self.align = given.get("align")
        self.decimals = given.get("decimals")

    def text(self, value):
        """A value as a person reads it."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if is_number(value):
            return f"{value:,.{self.decimals}f}" if self.decimals is not None else str(value)
        if isinstance(value, datetime.datetime):
            return value.isoformat(" ", "seconds")
        if isinstance(value, (dict, list)):
            return json.dumps(value, ensure_ascii=False, default=str)
        return str(value)


class Table:
    """Columns and rows; `totals` names the columns that are added up."""

    def __init__(self, columns, rows, totals=()):
        self.columns = [Column(column) for column in columns]
        self.rows = [self._row(row) for row in rows]
        self.totals = set(totals)
        for place, column in enumerate(self.columns):
            column.align = column.align or self._natural(place)

    def _row(self, row):
        if isinstance(row, dict):
            return [row.get(column.key) for column in self.columns]
        return list(row) + [None] * (len(self.columns) - len(row))

    def _natural(self, place):
        """Numbers stand to the right."""
        values = [row[place] for row in self.rows if row[place] is not None]
        return "right" if values and all(map(is_number, values)) else "left"

    def titles(self):
        return [column.title for column in self.columns]

    def texts(self, row):
        return [column.text(value) for column, value in zip(self.columns, row)]

    def total_row(self):
        """The sums below the rows, or None."""
        if not self.totals:
            return None
        row = [self._sum(place) if column.key in self.totals else None
               for place, column in enumerate(self.columns)]
        if row[0] is None:
            row[0] = "Total"
        return row

    def _sum(self, place):
        values = [row[place] for row in self.rows if is_number(row[place])]
        if any(isinstance(value, decimal.Decimal) for value in values):
            return sum((decimal.Decimal(str(value)) for value in values), decimal.Decimal(0))
        return round(sum(values), 10) if any(isinstance(value, float) for value in values) else sum(values)


def of_block(block):
    """The table of a block of a template."""
    return Table(block["columns"], block["rows"], block.get("totals", ()))
