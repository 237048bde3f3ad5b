"""Word documents."""
import docx
import ooxml_chart
from doc_table import of_block
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Emu, Pt

ALIGN = {"left": WD_ALIGN_PARAGRAPH.LEFT, "center": WD_ALIGN_PARAGRAPH.CENTER, "right": WD_ALIGN_PARAGRAPH.RIGHT}
INCH = 914400


def field(paragraph, code):
    """A field that Word reckons, such as the page's number."""
    for kind, text in (("begin", None), (None, code), ("end", None)):
        made = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            made.set(qn("w:fldCharType"), kind)
        else:
            made.text = text
        paragraph.add_run()._r.append(made)


def new(title):
    """An empty document with its title in the properties and page numbers below."""
    made = docx.Document()
    made.core_properties.title, made.core_properties.author = title[:255], "Millrace"
    made.core_properties.comments, made.styles["Normal"].font.name = "", "Calibri"
    foot = made.sections[0].footer.paragraphs[0]
    foot.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    field(foot, "PAGE")
    foot.add_run(" / ")
    field(foot, "NUMPAGES")
    return made


class Blocks:
    """Adds blocks to a document; `path_of` finds images."""

    def __init__(self, document, path_of):
        self.document, self.path_of, self.charts = document, path_of, 0
        section = document.sections[0]
        self.room = section.page_width - section.left_margin - section.right_margin

    def heading(self, block):
        self.document.add_heading(ooxml_text(block["text"]), block.get("level", 1))

    def paragraph(self, block):
        made = self.document.add_paragraph()
        run = made.add_run(ooxml_text(block["text"]))
        run.bold, run.italic = block.get("bold"), block.get("italic")
        made.alignment = ALIGN.get(block.get("align"))

    def list(self, block):
        for item in block["items"]:
            self.document.add_paragraph(ooxml_text(item), "List Number" if block.get("ordered") else "List Bullet")

    def table(self, block):
        table = of_block(block)
        if block.get("title"):
            self.document.add_heading(ooxml_text(block["title"]), 4)
        sums = table.total_row()
        lines = [table.titles(), *map(table.texts, table.rows), *([table.texts(sums)] if sums else [])]
        made = self.document.add_table(len(lines), len(table.columns), "Light Grid Accent 1")
        made.autofit = False
        widths = self._widths(lines)
        for column, width in zip(made.columns, widths):
            column.width = width
        for place, (row, line) in enumerate(zip(made._tbl.tr_lst, lines)):
            self._row(row, line, table.columns, widths,
                      place == 0 or (sums and place == len(lines) - 1), place == 0)
        self.document.add_paragraph()

    def _widths(self, lines):
        """Each column by its longest text."""
        longest = [min(50, max(6, *map(len, texts)) + 3) for texts in zip(*lines[:500], lines[-1])]
        return [Emu(self.room * letters // sum(longest)) for letters in longest]

    def _row(self, row, texts, columns, widths, bold, head):
        """A row does not break across pages; the first is repeated on each."""
        properties = row.get_or_add_trPr()
        properties.append(OxmlElement("w:cantSplit"))
        if head:
            properties.append(OxmlElement("w:tblHeader"))
        for cell, text, column, width in zip(row.tc_lst, texts, columns, widths):
            cell.width = width
            paragraph = docx.text.paragraph.Paragraph(cell.p_lst[0], None)
            run = paragraph.add_run(ooxml_text(text))
            run.bold, run.font.size = bold, Pt(9)
            paragraph.alignment = ALIGN[column.align]

    def image(self, block):
        picture = self.document.add_picture(self.path_of(block["file"]), Emu(int(self.room * block.get("width", 60) / 100)))
        self.document.paragraphs[-1].alignment = WD_ALIGN_PARAGRAPH.CENTER
        if picture.height > 8 * INCH:
            picture.width, picture.height = int(picture.width * 8 * INCH / picture.height), 8 * INCH
        if block.get("caption"):
            self.document.add_paragraph(ooxml_text(block["caption"]), "Caption").alignment = WD_ALIGN_PARAGRAPH.CENTER

    def chart(self, block):
        self.charts += 1
        package = self.document.part.package
        part = Part(PackURI(f"/word/charts/chart{self.charts}.xml"), ooxml_chart.CHART_TYPE, ooxml_chart.chart(block), package)
        sheet = Part(PackURI(f"/word/embeddings/chart{self.charts}.xlsx"), ooxml_chart.SHEET_TYPE, ooxml_chart.sheet(block), package)
        part.relate_to(sheet, ooxml_chart.PACKAGE_REL)
        relation = self.document.part.relate_to(part, ooxml_chart.CHART_REL)
        self.document.add_paragraph().add_run()._r.append(parse_xml(
            f'<w:drawing {nsdecls("w")}><wp:inline xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/'
            f'wordprocessingDrawing"><wp:extent cx="{self.room}" cy="{int(self.room * 0.55)}"/>'
            f'<wp:docPr id="{1000 + self.charts}" name="Chart {self.charts}"/>{ooxml_chart.frame(relation)}'
            '</wp:inline></w:drawing>'))

    def pageBreak(self, _):
        self.document.add_page_break()


def ooxml_text(value):
    """What XML cannot carry is left out."""
    return "".join(letter for letter in str(value) if letter >= " " or letter in "\n\t")


def write(path, title, blocks, path_of):
    document = new(title)
    document.add_heading(ooxml_text(title), 0)
    adder = Blocks(document, path_of)
    for block in blocks:
        getattr(adder, block["type"])(block)
    document.save(path)
    return {}


def mark(document):
    """Differs when a document has been written to."""
    return len(document.element.body)


def save(document, path, _title):
    document.save(path)
