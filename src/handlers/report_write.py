"""Rows as they come, as JSON, CSV or XLSX: no more than a few are held at once."""
import contextlib
import csv
import datetime
import decimal
import json

MOST_SHEET_ROWS = 1_048_575


def plain(value):
    """What JSON has no word for."""
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() and abs(value) < 2**53 else float(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


def as_json(path, rows):
    """A list of objects, one a line."""
    with open(path, "w", encoding="utf-8") as file:
        file.write("[")
        for place, row in enumerate(rows):
            file.write(",\n" if place else "\n")
            file.write(json.dumps(dict(zip(rows.columns, row)), ensure_ascii=False, default=plain))
            yield place + 1
        file.write("\n]\n")


def as_csv(path, rows):
    """RFC 4180, UTF-8; an empty field is null."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(rows.columns)
        for place, row in enumerate(rows):
            out.writerow([json.dumps(cell, ensure_ascii=False, default=plain) if isinstance(cell, (dict, list)) else
                          str(cell).lower() if isinstance(cell, bool) else cell for cell in row])
            yield place + 1


def as_xlsx(path, rows):
    import openpyxl
    from doc_xlsx import HEAD, cell_value, put
    from openpyxl.cell import WriteOnlyCell
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Rows")
    sheet.freeze_panes = "A2"
    sheet.append([put(WriteOnlyCell(sheet), name, **HEAD) for name in rows.columns])
    for place, row in enumerate(rows):
        cells = [cell_value(json.dumps(cell, default=plain) if isinstance(cell, (dict, list)) else cell) for cell in row]
        sheet.append([put(WriteOnlyCell(sheet), cell) if isinstance(cell, str) and cell[:1] == "=" else cell for cell in cells])
        yield place + 1
    book.save(path)


FORMATS = {"json": as_json, "csv": as_csv, "xlsx": as_xlsx}


def write(path, format_, rows, on_rows):
    """How many rows were written; on_rows hears of every ten thousandth."""
    count = 0
    with contextlib.closing(FORMATS[format_](path, rows)) as writing:
        for count in writing:
            if count % 10_000 == 0:
                on_rows(count)
    return count
