"""Fonts and styles of PDF files: DejaVu, embedded, for all letters that it has."""
import os
import sys
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_CENTER, TA_LEFT, TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph

FOLDER = os.environ.get("FONT_DIR", "/usr/share/fonts/truetype/dejavu")
PLAIN, BOLD, ITALIC = "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique"
ACCENT, RULE, STRIPE, GREY = HexColor("#1f4e79"), HexColor("#b8c4d0"), HexColor("#f3f6f9"), HexColor("#5f6b76")
COLOURS = [HexColor(c) for c in ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#d62728", "#8c564b", "#17becf",
                                 "#e377c2", "#7f7f7f", "#bcbd22", "#393b79", "#843c39")]
ALIGN = {"left": TA_LEFT, "center": TA_CENTER, "right": TA_RIGHT}
_missing = set()


def register():
    """Debian's core package has no slanted faces; upright ones stand for them."""
    for name in (PLAIN, BOLD, ITALIC):
        path = os.path.join(FOLDER, f"{name}.ttf")
        if name == ITALIC and not os.path.exists(path):
            path = os.path.join(FOLDER, f"{PLAIN}.ttf")
        pdfmetrics.registerFont(TTFont(name, path))
    pdfmetrics.registerFontFamily(PLAIN, normal=PLAIN, bold=BOLD, italic=ITALIC, boldItalic=BOLD)


def style(size, font=PLAIN, **more):
    return ParagraphStyle(f"{font} {size}", fontName=font, fontSize=size, leading=size * 1.35, **more)


def styles():
    """The styles of a document by their names."""
    return {
        "title": style(20, BOLD, textColor=ACCENT, spaceAfter=10),
        "h1": style(15, BOLD, textColor=ACCENT, spaceBefore=12, spaceAfter=6, keepWithNext=1),
        "h2": style(12.5, BOLD, textColor=ACCENT, spaceBefore=10, spaceAfter=4, keepWithNext=1),
        "h3": style(11, BOLD, spaceBefore=8, spaceAfter=3, keepWithNext=1),
        "h4": style(10, BOLD, spaceBefore=6, spaceAfter=2, keepWithNext=1),
        "text": style(10, spaceAfter=6),
        "caption": style(8.5, textColor=GREY, spaceAfter=8, alignment=TA_CENTER),
    }


def check_letters(text):
    """Say once of each letter that the font cannot show it."""
    glyphs = pdfmetrics.getFont(PLAIN).face.charToGlyph
    new = {letter for letter in text if letter > " " and ord(letter) not in glyphs} - _missing
    if new:
        _missing.update(new)
        print(f"the font has no letters for: {''.join(sorted(new))[:100]}", file=sys.stderr)
    return text


def paragraph(text, look, bold=False, italic=False, align=None):
    """Text as it is, not as markup; its line ends stay."""
    marked = escape(check_letters(str(text))).replace("\n", "<br/>")
    marked = f"<b>{marked}</b>" if bold else f"<i>{marked}</i>" if italic else marked
    if align:
        look = ParagraphStyle("aligned", parent=look, alignment=ALIGN[align])
    return Paragraph(marked, look)


register()
