"""A table of any length in a PDF: as many rows a page as fit, below its headings."""
import pdf_fonts as fonts
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.platypus import Flowable

SIZE, LEADING, PAD = 8.5, 11.0, 3.5
MOST_LINES = 40     # of a row; a longer one goes on in the next
MEASURED = 1000     # rows that tell how wide the columns are


def longest(word, width, font):
    """How many letters of the word fit; at least one."""
    count = len(word)
    while count > 1 and stringWidth(word[:count], font, SIZE) > width:
        count = max(1, min(count - 1, int(count * width / stringWidth(word[:count], font, SIZE))))
    return count


def wrap(text, width, font):
    """The lines of a cell; a word wider than the column is broken."""
    lines = []
    for part in text.split("\n"):
        if stringWidth(part, font, SIZE) <= width:
            lines.append(part)
            continue
        line = ""
        for word in part.split():
            if line and stringWidth(f"{line} {word}", font, SIZE) <= width:
                line = f"{line} {word}"
                continue
            if line:
                lines.append(line)
            while stringWidth(word, font, SIZE) > width and len(word) > 1:
                fits = longest(word, width, font)
                lines.append(word[:fits])
                word = word[fits:]
            line = word
        lines.append(line)
    return lines


def widths(rows, available):
    """Natural widths where they fit; else wide columns share what narrow ones leave."""
    natural = [max(min(stringWidth(cell, font, SIZE), available) for cell, font in column) + 2 * PAD
               for column in zip(*rows)]
    if sum(natural) <= available:
        return [width * available / sum(natural) for width in natural]
    narrow = [min(width, available / len(natural)) for width in natural]
    spare = available - sum(narrow)
    wanted = sum(natural) - sum(narrow)
    return [least + spare * (width - least) / wanted for least, width in zip(narrow, natural)]


class Laid:
    """A table's rows as lines of text, laid out once for all its pages."""

    def __init__(self, table, available):
        sums = table.total_row()
        head = [(title, fonts.BOLD) for title in table.titles()]
        texts = [table.texts(row) for row in table.rows]
        ends = [table.texts(sums)] if sums else []
        sample = [head] + [[(cell, fonts.PLAIN) for cell in row] for row in texts[:MEASURED]] \
            + [[(cell, fonts.BOLD) for cell in row] for row in ends]
        self.widths = widths(sample, available)
        self.aligns = [column.align for column in table.columns]
        self.head = self._lines(table.titles(), fonts.BOLD)
        self.rows = [piece for place, row in enumerate(texts) for piece in self._pieces(row, fonts.PLAIN, place)]
        self.rows += [piece for row in ends for piece in self._pieces(row, fonts.BOLD, None)]

    def _lines(self, cells, font):
        return [wrap(fonts.check_letters(cell), width - 2 * PAD, font) for cell, width in zip(cells, self.widths)]

    def _pieces(self, cells, font, place):
        """(lines of the cells, font, number of the row), more than one for a very high row."""
        lines = self._lines(cells, font)
        for start in range(0, max(map(len, lines)), MOST_LINES):
            yield [cell[start:start + MOST_LINES] for cell in lines], font, place


def height(lines):
    return max(map(len, lines)) * LEADING + PAD


class Rows(Flowable):
    """Some of the rows; split() gives those that fit and the others."""

    def __init__(self, laid, start=0, stop=None):
        super().__init__()
        self.laid, self.start = laid, start
        self.stop = len(laid.rows) if stop is None else stop
        self.spaceAfter = 8

    def fitting(self, room):
        """How many rows fit, and how high they are with the headings."""
        used, count = height(self.laid.head), 0
        for lines, _, _ in self.laid.rows[self.start:self.stop]:
            if used + height(lines) > room:
                break
            used += height(lines)
            count += 1
        return count, used

    def wrap(self, width, room):
        count, used = self.fitting(room)
        if count < self.stop - self.start:
            used = room + 1
        self.width, self.height = sum(self.laid.widths), used
        return self.width, used

    def split(self, width, room):
        count, _ = self.fitting(room)
        last = self.laid.rows[self.stop - 1][1] == fonts.BOLD
        if last and self.start + count == self.stop - 1 and count > 1:
            count -= 1      # sums never stand alone
        if count < 1:
            return []
        middle = self.start + count
        return [Rows(self.laid, self.start, middle), Rows(self.laid, middle, self.stop)]

    def _cells(self, top, lines, font, colour):
        canvas, x = self.canv, 0
        canvas.setFont(font, SIZE)
        canvas.setFillColor(colour)
        for cell, width, align in zip(lines, self.laid.widths, self.laid.aligns):
            for number, line in enumerate(cell):
                y = top - (number + 1) * LEADING + 1.5
                if align == "right":
                    canvas.drawRightString(x + width - PAD, y, line)
                elif align == "center":
                    canvas.drawCentredString(x + width / 2, y, line)
                else:
                    canvas.drawString(x + PAD, y, line)
            x += width

    def _band(self, top, lines, colour):
        self.canv.setFillColor(colour)
        self.canv.rect(0, top - height(lines), self.width, height(lines), stroke=0, fill=1)

    def _rule(self, y, width):
        self.canv.setStrokeColor(fonts.RULE)
        self.canv.setLineWidth(width)
        self.canv.line(0, y, self.width, y)

    def draw(self):
        top = self.height
        self._band(top, self.laid.head, fonts.ACCENT)
        self._cells(top, self.laid.head, fonts.BOLD, fonts.HexColor("#ffffff"))
        top -= height(self.laid.head)
        for lines, font, place in self.laid.rows[self.start:self.stop]:
            if place is not None and place % 2:
                self._band(top, lines, fonts.STRIPE)
            if font == fonts.BOLD:
                self._rule(top, 1.2)
            self._cells(top, lines, font, fonts.HexColor("#000000"))
            top -= height(lines)
            self._rule(top, 0.3)
