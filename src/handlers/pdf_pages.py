"""PDF files from blocks: what the types pdf and report have in common."""
import datetime

import pdf_chart
import pdf_fonts as fonts
from doc_table import of_block
from pdf_table import Laid, Rows
from reportlab.lib.pagesizes import A4, LETTER, landscape
from reportlab.lib.utils import ImageReader
from reportlab.platypus import (BaseDocTemplate, Frame, Image, KeepTogether, ListFlowable, PageBreak, PageTemplate,
                                Spacer)

MARGIN = 50
SIZES = {"A4": A4, "Letter": LETTER}


class Pages(BaseDocTemplate):
    """A document whose pages say which of how many they are."""

    def __init__(self, path, title, size="A4", orientation="portrait", **more):
        size = SIZES[size]
        size = landscape(size) if orientation == "landscape" else size
        super().__init__(path, pagesize=size, title=title, author="Millrace", leftMargin=MARGIN, rightMargin=MARGIN,
                         topMargin=MARGIN, bottomMargin=MARGIN, **more)
        self.made = datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
        self.room = size[0] - 2 * MARGIN
        frame = Frame(MARGIN, MARGIN, self.room, size[1] - 2 * MARGIN, 0, 0, 0, 0)
        self.addPageTemplates(PageTemplate("page", [frame], onPage=self._edges))

    def _edges(self, canvas, _):
        """The count of pages is a form that is drawn when the last one is there."""
        right, y = self.pagesize[0] - MARGIN, MARGIN - 22
        canvas.saveState()
        canvas.setFont(fonts.PLAIN, 8)
        canvas.setFillColor(fonts.GREY)
        canvas.drawString(MARGIN, y, self.made)
        canvas.drawRightString(right - 22, y, f"{canvas.getPageNumber()} /")
        canvas.translate(right - 19, y)
        canvas.doForm("pages")
        canvas.restoreState()
        if canvas.getPageNumber() > 1:
            canvas.saveState()
            canvas.setFont(fonts.PLAIN, 8)
            canvas.setFillColor(fonts.GREY)
            canvas.drawString(MARGIN, self.pagesize[1] - MARGIN + 12, fonts.check_letters(self.title)[:110])
            canvas.restoreState()

    def _endBuild(self):
        self.canv.beginForm("pages")
        self.canv.setFont(fonts.PLAIN, 8)
        self.canv.setFillColor(fonts.GREY)
        self.canv.drawString(0, 0, str(self.page))
        self.canv.endForm()
        super()._endBuild()

    def afterFlowable(self, flowable):
        """Headings are the reader's table of contents."""
        level = getattr(flowable, "outline", None)
        if level is not None:
            key = f"h{id(flowable)}"
            self.canv.bookmarkPage(key)
            self.canv.addOutlineEntry(flowable.getPlainText(), key, level)


class Story:
    """Blocks become what platypus lays out; `path_of` finds images."""

    def __init__(self, room, path_of):
        self.room, self.path_of, self.looks = room, path_of, fonts.styles()
        self.flow, self.depth = [], -1

    def heading(self, block):
        level = block.get("level", 1)
        made = fonts.paragraph(block["text"], self.looks[f"h{level}"])
        self.depth = made.outline = min(level - 1, self.depth + 1)
        self.flow.append(made)

    def paragraph(self, block):
        self.flow.append(fonts.paragraph(block["text"], self.looks["text"], block.get("bold"), block.get("italic"),
                                         block.get("align")))

    def list(self, block):
        items = [fonts.paragraph(item, self.looks["text"]) for item in block["items"]]
        kind = {"bulletType": "1"} if block.get("ordered") else {"bulletType": "bullet", "start": "•"}
        self.flow.append(ListFlowable(items, bulletFontName=fonts.PLAIN, bulletFontSize=9, leftIndent=18, **kind))

    def table(self, block):
        self.rows(of_block(block), block.get("title"))

    def rows(self, table, title=None):
        """A doc_table.Table."""
        if title:
            self.flow.append(fonts.paragraph(title, self.looks["h4"]))
        self.flow += [Rows(Laid(table, self.room)), Spacer(1, 8)]

    def image(self, block):
        path = self.path_of(block["file"])
        width, height = ImageReader(path).getSize()
        scale = min(self.room * block.get("width", 60) / 100 / width, 600 / height)
        parts = [Image(path, width * scale, height * scale), Spacer(1, 4)]
        if block.get("caption"):
            parts.append(fonts.paragraph(block["caption"], self.looks["caption"]))
        self.flow.append(KeepTogether(parts))

    def chart(self, block):
        self.flow += [pdf_chart.chart(block, self.room), Spacer(1, 8)]

    def pageBreak(self, _):
        self.flow.append(PageBreak())

    def add(self, blocks):
        for block in blocks:
            getattr(self, block["type"])(block)
        return self


def write(path, title, blocks, path_of, **page):
    """A PDF with the title and these blocks."""
    pages = Pages(path, title, **page)
    story = Story(pages.room, path_of)
    story.flow.append(fonts.paragraph(title, story.looks["title"]))
    pages.build(story.add(blocks).flow)
    return {"pages": pages.page}


def new(_title):
    """For code to fill with what platypus lays out."""
    return []


def mark(story):
    return len(story)


def save(story, path, title):
    Pages(path, title).build(story)
