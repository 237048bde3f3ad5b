"""Presentations: slides of text, tables, pictures and charts as an Office Open XML file.

    deck = Presentation("Sales")
    slide = deck.slide("By region")
    slide.text(x, y, width, height, [("A line", {"bold": True}), ("A point", {"bullet": "•"})])
    deck.save(path)

Lengths are EMU: 914,400 an inch.
"""
import datetime
import zipfile

import ooxml_chart
import pptx_parts as parts
from ooxml_chart import plain
from pptx_parts import NS, R, XML, place

TYPES = "application/vnd.openxmlformats-officedocument"
REL = "http://schemas.openxmlformats.org/package/2006/relationships"
TABLE = "http://schemas.openxmlformats.org/drawingml/2006/table"
IMAGES = {"png": "image/png", "jpeg": "image/jpeg", "gif": "image/gif"}
ALIGN = {"left": "l", "center": "ctr", "right": "r"}


def run(text, size, bold=False, italic=False, colour=None):
    fill = f'<a:solidFill><a:srgbClr val="{colour}"/></a:solidFill>' if colour else ""
    return (f'<a:r><a:rPr lang="en-US" sz="{int(size * 100)}" b="{int(bool(bold))}" i="{int(bool(italic))}" dirty="0">{fill}</a:rPr>'
            f'<a:t>{plain(text)}</a:t></a:r>')


def paragraph(text, size=16, bold=False, italic=False, align="left", bullet=None, colour=None):
    """Line ends in the text stay; a bullet is a sign, or "1" for numbers."""
    mark = "<a:buNone/>"
    indent = ""
    if bullet:
        indent = ' marL="342900" indent="-342900"'
        mark = '<a:buFont typeface="+mj-lt"/><a:buAutoNum type="arabicPeriod"/>' if bullet == "1" else f'<a:buChar char="{bullet}"/>'
    runs = "<a:br/>".join(run(line, size, bold, italic, colour) for line in str(text).split("\n"))
    return f'<a:p><a:pPr algn="{ALIGN[align or "left"]}"{indent}><a:spcAft><a:spcPts val="400"/></a:spcAft>{mark}</a:pPr>{runs}</a:p>'


class Slide:
    def __init__(self, deck, title):
        self.deck, self.shapes, self.relations = deck, [], [(f"{R}/slideLayout", "../slideLayouts/slideLayout1.xml")]
        self.title = title
        self.shapes.append(
            f'<p:sp><p:nvSpPr><p:cNvPr id="2" name="Title"/><p:cNvSpPr><a:spLocks noGrp="1"/></p:cNvSpPr><p:nvPr><p:ph type="title"/>'
            f'</p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/><a:lstStyle/><a:p><a:r><a:rPr lang="en-US"/><a:t>{plain(title)}</a:t>'
            '</a:r></a:p></p:txBody></p:sp>')
        self.shapes.append(parts.number_holder(3))

    def _number(self):
        return len(self.shapes) + 2

    def _relation(self, kind, target):
        self.relations.append((kind, target))
        return f"rId{len(self.relations)}"

    def text(self, x, y, width, height, lines):
        """`lines` are (text, looks): looks as paragraph() takes them."""
        number = self._number()
        inner = "".join(paragraph(text, **look) for text, look in lines)
        self.shapes.append(
            f'<p:sp><p:nvSpPr><p:cNvPr id="{number}" name="Text {number}"/><p:cNvSpPr txBox="1"/><p:nvPr/></p:nvSpPr><p:spPr>'
            f'{place(x, y, width, height)}<a:prstGeom prst="rect"><a:avLst/></a:prstGeom><a:noFill/></p:spPr><p:txBody>'
            f'<a:bodyPr wrap="square"><a:normAutofit/></a:bodyPr><a:lstStyle/>{inner}</p:txBody></p:sp>')

    def _frame(self, name, x, y, width, height, graphic):
        number = self._number()
        self.shapes.append(
            f'<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id="{number}" name="{name} {number}"/><p:cNvGraphicFramePr/><p:nvPr/>'
            f'</p:nvGraphicFramePr>{place(x, y, width, height, "p")}{graphic}</p:graphicFrame>')

    def table(self, x, y, widths, height, rows, size=11, bold_last=False):
        """`rows` are lists of (text, align), the first the headings; `height` is a row's."""
        grid = "".join(f'<a:gridCol w="{int(width)}"/>' for width in widths)
        inner = "".join(self._row(row, height, size, n == 0, n == 0 or (bold_last and n == len(rows) - 1), n % 2 == 0)
                        for n, row in enumerate(rows))
        self._frame("Table", x, y, sum(widths), height * len(rows),
                    f'<a:graphic><a:graphicData uri="{TABLE}"><a:tbl><a:tblPr firstRow="1" bandRow="1"/>'
                    f'<a:tblGrid>{grid}</a:tblGrid>{inner}</a:tbl></a:graphicData></a:graphic>')

    def _row(self, row, height, size, head, bold, striped):
        back = "1F4E79" if head else "F3F6F9" if striped else "FFFFFF"
        cells = "".join(
            f'<a:tc><a:txBody><a:bodyPr/><a:lstStyle/>{paragraph(text, size, bold, align=align, colour="FFFFFF" if head else "000000")}'
            f'</a:txBody><a:tcPr marT="36000" marB="36000" anchor="ctr"><a:solidFill><a:srgbClr val="{back}"/></a:solidFill></a:tcPr></a:tc>'
            for text, align in row)
        return f'<a:tr h="{int(height)}">{cells}</a:tr>'

    def image(self, x, y, width, height, path, kind):
        """`kind` is png, jpeg or gif."""
        number, name = self._number(), self.deck.media(path, kind)
        relation = self._relation(f"{R}/image", f"../media/{name}")
        self.shapes.append(
            f'<p:pic><p:nvPicPr><p:cNvPr id="{number}" name="Picture {number}"/><p:cNvPicPr><a:picLocks noChangeAspect="1"/></p:cNvPicPr>'
            f'<p:nvPr/></p:nvPicPr><p:blipFill><a:blip r:embed="{relation}"/><a:stretch><a:fillRect/></a:stretch></p:blipFill>'
            f'<p:spPr>{place(x, y, width, height)}<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></p:spPr></p:pic>')

    def chart(self, x, y, width, height, block):
        """`block` has kind, title, labels and series."""
        relation = self._relation(ooxml_chart.CHART_REL, f"../charts/{self.deck.add_chart(block)}")
        self._frame("Chart", x, y, width, height, ooxml_chart.frame(relation))

    def xml(self):
        return (f'{XML}<p:sld {NS}><p:cSld><p:spTree>{parts.GROUP}{"".join(self.shapes)}</p:spTree></p:cSld>'
                '<p:clrMapOvr><a:masterClrMapping/></p:clrMapOvr></p:sld>')


def relations(pairs):
    inner = "".join(f'<Relationship Id="rId{n}" Type="{kind}" Target="{target}"/>' for n, (kind, target) in enumerate(pairs, 1))
    return f'{XML}<Relationships xmlns="{REL}">{inner}</Relationships>'


class Presentation:
    def __init__(self, title):
        self.title, self.slides, self._media, self._charts = title, [], [], []

    def slide(self, title=""):
        self.slides.append(Slide(self, title))
        return self.slides[-1]

    def media(self, path, kind):
        self._media.append((path, kind))
        return f"image{len(self._media)}.{kind}"

    def add_chart(self, block):
        self._charts.append(block)
        return f"chart{len(self._charts)}.xml"

    def _types(self):
        named = [("/ppt/presentation.xml", "presentationml.presentation.main"), ("/ppt/slideMasters/slideMaster1.xml",
                 "presentationml.slideMaster"), ("/ppt/slideLayouts/slideLayout1.xml", "presentationml.slideLayout"),
                 ("/ppt/theme/theme1.xml", "theme")]
        named += [(f"/ppt/slides/slide{n}.xml", "presentationml.slide") for n in range(1, len(self.slides) + 1)]
        named += [(f"/ppt/charts/chart{n}.xml", "drawingml.chart") for n in range(1, len(self._charts) + 1)]
        return (f'{XML}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
                '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
                f'<Default Extension="xml" ContentType="application/xml"/><Default Extension="xlsx" ContentType="{ooxml_chart.SHEET_TYPE}"/>'
                + "".join(f'<Default Extension="{name}" ContentType="{kind}"/>' for name, kind in IMAGES.items())
                + "".join(f'<Override PartName="{name}" ContentType="{TYPES}.{kind}+xml"/>' for name, kind in named)
                + '<Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>')

    def _core(self):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        return (f'{XML}<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
                'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
                f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><dc:title>{plain(self.title)}</dc:title><dc:creator>Millrace</dc:creator>'
                f'<dcterms:created xsi:type="dcterms:W3CDTF">{now}</dcterms:created></cp:coreProperties>')

    def _main(self):
        ids = "".join(f'<p:sldId id="{255 + n}" r:id="rId{n + 1}"/>' for n in range(1, len(self.slides) + 1))
        return (f'{XML}<p:presentation {NS}><p:sldMasterIdLst><p:sldMasterId id="2147483648" r:id="rId1"/></p:sldMasterIdLst>'
                f'<p:sldIdLst>{ids}</p:sldIdLst><p:sldSz cx="{parts.WIDTH}" cy="{parts.HEIGHT}"/>'
                '<p:notesSz cx="6858000" cy="9144000"/></p:presentation>')

    def _fixed(self):
        """Names and contents of all parts but slides, pictures and charts."""
        office = f"{R}/officeDocument"
        core = "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties"
        slides = [(f"{R}/slide", f"slides/slide{n}.xml") for n in range(1, len(self.slides) + 1)]
        return {
            "[Content_Types].xml": self._types(), "docProps/core.xml": self._core(), "ppt/presentation.xml": self._main(),
            "_rels/.rels": relations([(office, "ppt/presentation.xml"), (core, "docProps/core.xml")]),
            "ppt/_rels/presentation.xml.rels": relations(
                [(f"{R}/slideMaster", "slideMasters/slideMaster1.xml"), *slides, (f"{R}/theme", "theme/theme1.xml")]),
            "ppt/slideMasters/slideMaster1.xml": parts.MASTER, "ppt/slideLayouts/slideLayout1.xml": parts.LAYOUT,
            "ppt/slideMasters/_rels/slideMaster1.xml.rels": relations(
                [(f"{R}/slideLayout", "../slideLayouts/slideLayout1.xml"), (f"{R}/theme", "../theme/theme1.xml")]),
            "ppt/slideLayouts/_rels/slideLayout1.xml.rels": relations([(f"{R}/slideMaster", "../slideMasters/slideMaster1.xml")]),
            "ppt/theme/theme1.xml": parts.THEME}

    def save(self, path):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            for name, text in self._fixed().items():
                file.writestr(name, text)
            for n, slide in enumerate(self.slides, 1):
                file.writestr(f"ppt/slides/slide{n}.xml", slide.xml())
                file.writestr(f"ppt/slides/_rels/slide{n}.xml.rels", relations(slide.relations))
            for n, (source, kind) in enumerate(self._media, 1):
                file.write(source, f"ppt/media/image{n}.{kind}")
            for n, block in enumerate(self._charts, 1):
                file.writestr(f"ppt/charts/chart{n}.xml", ooxml_chart.chart(block))
                file.writestr(f"ppt/charts/_rels/chart{n}.xml.rels", relations([(ooxml_chart.PACKAGE_REL, f"../embeddings/chart{n}.xlsx")]))
                file.writestr(f"ppt/embeddings/chart{n}.xlsx", ooxml_chart.sheet(block))
