"""Presentations from blocks: a heading of level 1 begins a slide, what does not fit goes on in the next."""
import pptx_parts as parts
from doc_table import of_block
from PIL import Image
from pptx_package import IMAGES, Presentation

LEFT, ROOM = parts.EDGE, parts.WIDTH - 2 * parts.EDGE
BOTTOM = parts.BODY_TOP + parts.BODY_HEIGHT
POINT = 12700
ROW, GAP = 340000, 120000
SIZES = {2: 20, 3: 18, 4: 16}


def lines_of(text, size):
    """About how many lines it takes, of the width that DejaVu Sans has on average."""
    a_line = ROOM / POINT / (size * 0.58)
    return sum(max(1, -(-len(part) // int(a_line))) for part in str(text).split("\n"))


class Blocks:
    """Adds blocks to slides from above to below; `path_of` finds images."""

    def __init__(self, deck, title, path_of):
        self.deck, self.path_of = deck, path_of
        self.title, self.slide, self.y, self.lines, self.empty = title, None, 0, [], True

    def begin(self, title):
        self.flush()
        self.title, self.slide, self.y, self.empty = title, self.deck.slide(title), parts.BODY_TOP, True

    def room(self, height):
        """Where something so high goes; on the next slide if this one is full."""
        if self.slide is None or (self.y + height > BOTTOM and not self.empty):
            self.begin(self.title)
        self.flush()
        top, self.y, self.empty = self.y, self.y + height + GAP, False
        return top

    def say(self, text, size=16, **look):
        """Texts that follow each other share a box."""
        height = int((lines_of(text, size) * size * 1.25 + 6) * POINT)
        if self.slide is None or (self.y + self.height() + height > BOTTOM and not self.empty):
            self.begin(self.title)
        self.lines.append((text, {"size": size, **look}, height))
        self.empty = False

    def height(self):
        return sum(height for _, _, height in self.lines) + 100000 if self.lines else 0

    def flush(self):
        if self.lines:
            height, lines = self.height(), self.lines
            self.lines = []
            self.slide.text(LEFT, self.y, ROOM, height, [line[:2] for line in lines])
            self.y += height + GAP

    def heading(self, block):
        level = block.get("level", 1)
        if level == 1:
            self.begin(str(block["text"]))
        else:
            self.say(block["text"], SIZES[level], bold=True, colour="1F4E79")

    def paragraph(self, block):
        self.say(block["text"], bold=block.get("bold"), italic=block.get("italic"), align=block.get("align"))

    def list(self, block):
        for item in block["items"]:
            self.say(item, bullet="1" if block.get("ordered") else "•")

    def table(self, block):
        """As many rows a slide as fit, below the headings."""
        table = of_block(block)
        if block.get("title"):
            self.say(block["title"], 14, bold=True)
        sums = table.total_row()
        rows = [table.texts(row) for row in table.rows] + ([table.texts(sums)] if sums else [])
        head = [(title, column.align) for title, column in zip(table.titles(), table.columns)]
        widths = self._widths(table, rows)
        while True:
            count = self._fitting(rows)
            part, rows = rows[:count], rows[count:]
            top = self.room(ROW * (len(part) + 1))
            cells = [head] + [[(text, column.align) for text, column in zip(row, table.columns)] for row in part]
            self.slide.table(LEFT, top, widths, ROW, cells, bold_last=bool(sums) and not rows)
            if not rows:
                break

    def _fitting(self, rows):
        least = min(len(rows), 2) + 1
        if self.slide is None or (self.y + self.height() + least * ROW > BOTTOM and not self.empty):
            self.begin(self.title)
        return max(1, int((BOTTOM - self.y - self.height()) // ROW) - 1)

    def _widths(self, table, rows):
        longest = [max([len(title)] + [len(row[n]) for row in rows[:500]]) + 3 for n, title in enumerate(table.titles())]
        shares = [min(max(letters, 6), 50) for letters in longest]
        return [ROOM * share // sum(shares) for share in shares]

    def image(self, block):
        path = self.path_of(block["file"])
        with Image.open(path) as picture:
            width, height, kind = *picture.size, (picture.format or "").lower()
        if kind not in IMAGES:
            raise ValueError(f"a presentation cannot show a picture of the kind {kind}")
        note = 350000 if block.get("caption") else 0
        scale = min(ROOM * block.get("width", 60) / 100 / width, (parts.BODY_HEIGHT - note) / height)
        top = self.room(height * scale + note)
        self.slide.image(LEFT + (ROOM - width * scale) / 2, top, width * scale, height * scale, path, kind)
        if note:
            self.slide.text(LEFT, top + height * scale, ROOM, note, [(block["caption"], {"size": 12, "align": "center"})])

    def chart(self, block):
        height = parts.BODY_HEIGHT * 0.85
        self.slide_or_new(height)
        left = BOTTOM - self.y
        height = min(left - GAP, parts.BODY_HEIGHT)
        self.slide.chart(LEFT, self.room(height), ROOM, height, block)

    def slide_or_new(self, height):
        """The rest of this slide where it is high enough, else a new one."""
        if self.slide is None or (self.y + self.height() + height * 0.6 > BOTTOM and not self.empty):
            self.begin(self.title)
        self.flush()

    def pageBreak(self, _):
        self.begin(self.title)


def write(path, title, blocks, path_of):
    deck = Presentation(title)
    adder = Blocks(deck, title, path_of)
    adder.begin(title)
    for block in blocks:
        getattr(adder, block["type"])(block)
    adder.flush()
    deck.save(path)
    return {"slides": len(deck.slides)}


def new(title):
    return Presentation(title)


def mark(deck):
    """Differs when a presentation has got slides."""
    return len(deck.slides)


def save(deck, path, _title):
    deck.save(path)
