"""Spreadsheets: a heading of level 1 or a page break begins a sheet."""
import re

import openpyxl
import openpyxl.chart as charts
from doc_table import is_number, of_block
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.drawing.image import Image
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties

MOST_TEXT = 32_767
HEAD = {"font": Font(bold=True, color="FFFFFF"), "fill": PatternFill("solid", fgColor="1F4E79")}
SUMS = {"font": Font(bold=True), "border": Border(top=Side("medium"))}
SIZES = {0: 18, 1: 15, 2: 13, 3: 12, 4: 11}
ROW_POINTS, CHART_ROWS = 15, 16
SPAN, LETTERS = 8, 75


def cell_value(value):
    """Texts fit a cell and are no formulas; what a cell cannot hold becomes text."""
    if value is None or is_number(value) or isinstance(value, bool):
        return value
    if hasattr(value, "tzinfo"):
        return value.replace(tzinfo=None) if value.tzinfo else value
    if hasattr(value, "isoformat"):
        return value
    return ILLEGAL_CHARACTERS_RE.sub("", str(value))[:MOST_TEXT]


def put(cell, value, **look):
    cell.value = cell_value(value)
    if isinstance(cell.value, str):
        cell.data_type = "s"
    for name, style in look.items():
        setattr(cell, name, style)
    return cell


def sheet_name(text, taken):
    """A name that Excel takes, unlike all others."""
    base = re.sub(r"[\[\]:*?/\\\x00-\x1f]", " ", str(text)).strip(" '")[:31] or "Sheet"
    name, count = base, 1
    while name.lower() in taken:
        count += 1
        name = f"{base[:30 - len(str(count))]} {count}"
    taken.add(name.lower())
    return name


class Blocks:
    """Adds blocks to a workbook from above to below; `path_of` finds images."""

    def __init__(self, book, title, path_of):
        self.book, self.path_of, self.taken = book, path_of, set()
        self.sheet, self.row, self.wide, self.title = None, 1, {}, title
        self.begin(title)
        self.line(title, Font(bold=True, size=SIZES[0], color="1F4E79"))

    def begin(self, name):
        """A sheet that is as wide as its page when it is printed."""
        self.finish()
        self.sheet = self.book.create_sheet(sheet_name(name, self.taken))
        self.sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
        self.sheet.page_setup.fitToHeight = 0
        self.row, self.wide = 1, {}

    def finish(self):
        for column, letters in self.wide.items():
            self.sheet.column_dimensions[get_column_letter(column)].width = min(60, letters + 3)

    def line(self, text, font=None, **look):
        put(self.sheet.cell(self.row, 1), text, **({"font": font} if font else {}), **look)
        self.row += 1

    def heading(self, block):
        level = block.get("level", 1)
        if level == 1 and self.row > 2:
            self.begin(block["text"])
        elif level == 1:
            self.taken.discard(self.sheet.title.lower())
            self.sheet.title = sheet_name(block["text"], self.taken)
        self.line(block["text"], Font(bold=True, size=SIZES[level], color="1F4E79"))

    def paragraph(self, block):
        """Text runs over several columns and lines."""
        text = str(block["text"])
        lines = sum(1 + len(part) // LETTERS for part in text.split("\n"))
        self.sheet.merge_cells(start_row=self.row, end_row=self.row, start_column=1, end_column=SPAN)
        self.sheet.row_dimensions[self.row].height = min(400, lines * ROW_POINTS)
        self.line(text, Font(bold=block.get("bold"), italic=block.get("italic")),
                  alignment=Alignment(horizontal=block.get("align"), vertical="top", wrap_text=True))

    def list(self, block):
        for place, item in enumerate(block["items"]):
            self.line(f"{place + 1}. {item}" if block.get("ordered") else f"• {item}")

    def table(self, block):
        table = of_block(block)
        if block.get("title"):
            self.line(block["title"], Font(bold=True))
        first = self.row
        self._cells(table.titles(), table, **HEAD)
        for row in table.rows:
            self._cells(row, table)
        if not self.sheet.auto_filter.ref and table.rows:
            self.sheet.auto_filter.ref = f"A{first}:{get_column_letter(len(table.columns))}{self.row - 1}"
        if table.totals:
            self._sums(table, first + 1)
        self.row += 1

    def _cells(self, values, table, **look):
        for place, (value, column) in enumerate(zip(values, table.columns), 1):
            cell = put(self.sheet.cell(self.row, place), value, **look)
            cell.alignment = Alignment(horizontal=column.align)
            if is_number(value) and column.decimals is not None:
                cell.number_format = "#,##0" + ("." + "0" * column.decimals if column.decimals else "")
            self.wide[place] = max(self.wide.get(place, 6), min(57, len(column.text(value))))
        self.row += 1

    def _sums(self, table, first):
        """Sums are formulas: they follow when somebody edits the rows."""
        last = self.row - 1
        self._cells(table.total_row(), table, **SUMS)
        for place, column in enumerate(table.columns, 1):
            if column.key in table.totals and table.rows:
                letter = get_column_letter(place)
                self.sheet.cell(self.row - 1, place).value = f"=SUM({letter}{first}:{letter}{last})"

    def image(self, block):
        picture = Image(self.path_of(block["file"]))
        scale = min(1, 640 * block.get("width", 60) / 100 / picture.width)
        picture.width, picture.height = int(picture.width * scale), int(picture.height * scale)
        self.sheet.add_image(picture, f"A{self.row}")
        self.row += int(picture.height * 0.75 / ROW_POINTS) + 2
        if block.get("caption"):
            self.line(block["caption"], Font(italic=True))

    def chart(self, block):
        """The chart's figures stand left of it."""
        kind, count = block.get("kind", "column"), len(block["series"])
        made = {"pie": charts.PieChart, "line": charts.LineChart}.get(kind, charts.BarChart)()
        if kind == "bar":
            made.type = "bar"
            made.x_axis.scaling.orientation = "maxMin"
        made.title, made.height, made.width = block.get("title"), 8, 15
        first = self.row
        self._figures(block)
        last = first + len(block["labels"])
        made.add_data(charts.Reference(self.sheet, 2, first, count + 1, last), titles_from_data=True)
        made.set_categories(charts.Reference(self.sheet, 1, first + 1, 1, last))
        if kind == "line":
            for one in made.series:
                one.smooth = False
        self.sheet.add_chart(made, f"{get_column_letter(count + 3)}{first}")
        self.row = max(self.row, first + CHART_ROWS) + 2

    def _figures(self, block):
        names = [str(one.get("name", "")) for one in block["series"]]
        for line in [["", *names], *zip(block["labels"], *(one["values"] for one in block["series"]))]:
            for place, value in enumerate(line, 1):
                put(self.sheet.cell(self.row, place), str(value) if place == 1 else value)
                self.wide[place] = max(self.wide.get(place, 6), min(57, len(str(value))))
            self.row += 1

    def pageBreak(self, _):
        if self.row > 1:
            self.begin(self.title)


def new(title):
    book = openpyxl.Workbook()
    book.properties.title, book.properties.creator = title[:255], "Millrace"
    return book


def write(path, title, blocks, path_of):
    book = new(title)
    book.remove(book.active)
    adder = Blocks(book, title, path_of)
    for block in blocks:
        getattr(adder, block["type"])(block)
    adder.finish()
    book.save(path)
    return {"sheets": book.sheetnames}


def mark(book):
    """Differs when a book has been written to."""
    return [(sheet.title, len(sheet._cells), len(sheet._charts), len(sheet._images)) for sheet in book]


def save(book, path, _title):
    book.save(path)
