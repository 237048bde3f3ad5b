"""Charts of Office files (DrawingML), with the sheet that they are edited in."""
import io
from xml.sax.saxutils import escape

import openpyxl

CHART_TYPE = "application/vnd.openxmlformats-officedocument.drawingml.chart+xml"
SHEET_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
C = "http://schemas.openxmlformats.org/drawingml/2006/chart"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
CHART_REL, PACKAGE_REL = f"{R}/chart", f"{R}/package"
COLOURS = ("1F77B4", "FF7F0E", "2CA02C", "9467BD", "D62728", "8C564B", "17BECF", "E377C2", "7F7F7F", "BCBD22",
           "393B79", "843C39")


def plain(value):
    """Text for XML; what XML cannot carry is left out."""
    return escape("".join(letter for letter in str(value) if letter >= " " or letter in "\n\t"), {'"': "&quot;"})


def sheet(block):
    """The workbook behind the chart: labels in A, a series in each further column."""
    book = openpyxl.Workbook()
    page = book.active
    page.append([None] + [str(one.get("name", "")) for one in block["series"]])
    for label, *values in zip(block["labels"], *(one["values"] for one in block["series"])):
        page.append([str(label), *values])
    for row in page.iter_rows():
        for cell in row:
            if isinstance(cell.value, str):
                cell.data_type = "s"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def points(values):
    return f'<c:ptCount val="{len(values)}"/>' + "".join(
        f'<c:pt idx="{place}"><c:v>{plain(value)}</c:v></c:pt>' for place, value in enumerate(values))


def reference(column, count):
    name = openpyxl.utils.get_column_letter(column)
    return f"<c:f>Sheet!${name}$2:${name}${count + 1}</c:f>"


def colour(n):
    return f'<a:solidFill><a:srgbClr val="{COLOURS[n % len(COLOURS)]}"/></a:solidFill>'


def look(kind, place, count):
    if kind == "pie":
        return "".join(f'<c:dPt><c:idx val="{n}"/><c:bubble3D val="0"/><c:spPr>{colour(n)}</c:spPr></c:dPt>'
                       for n in range(count))
    if kind == "line":
        return f'<c:spPr><a:ln w="28575">{colour(place)}</a:ln></c:spPr><c:marker><c:symbol val="none"/></c:marker>'
    return f'<c:spPr>{colour(place)}</c:spPr><c:invertIfNegative val="0"/>'


def serial(kind, place, one, labels):
    name = openpyxl.utils.get_column_letter(place + 2)
    straight = '<c:smooth val="0"/>' if kind == "line" else ""
    percents = ('<c:dLbls><c:showLegendKey val="0"/><c:showVal val="0"/><c:showCatName val="0"/><c:showSerName val="0"/>'
                '<c:showPercent val="1"/><c:showBubbleSize val="0"/></c:dLbls>' if kind == "pie" else "")
    return (f'<c:ser><c:idx val="{place}"/><c:order val="{place}"/>'
            f'<c:tx><c:strRef><c:f>Sheet!${name}$1</c:f><c:strCache>{points([one.get("name", "")])}</c:strCache></c:strRef></c:tx>'
            f'{look(kind, place, len(labels))}{percents}'
            f'<c:cat><c:strRef>{reference(1, len(labels))}<c:strCache>{points(labels)}</c:strCache></c:strRef></c:cat>'
            f'<c:val><c:numRef>{reference(place + 2, len(labels))}<c:numCache><c:formatCode>General</c:formatCode>'
            f'{points(one["values"])}</c:numCache></c:numRef></c:val>{straight}</c:ser>')


def axes(kind):
    side, along = ("l", "b") if kind == "bar" else ("b", "l")
    turned, crosses = ("maxMin", "max") if kind == "bar" else ("minMax", "autoZero")
    return (f'<c:catAx><c:axId val="1"/><c:scaling><c:orientation val="{turned}"/></c:scaling><c:delete val="0"/>'
            f'<c:axPos val="{side}"/><c:tickLblPos val="low"/><c:crossAx val="2"/></c:catAx>'
            f'<c:valAx><c:axId val="2"/><c:scaling><c:orientation val="minMax"/></c:scaling><c:delete val="0"/>'
            f'<c:axPos val="{along}"/><c:majorGridlines/><c:numFmt formatCode="General" sourceLinked="0"/>'
            f'<c:tickLblPos val="nextTo"/><c:crossAx val="1"/><c:crosses val="{crosses}"/></c:valAx>')


def plot(kind, inner):
    if kind == "pie":
        return f'<c:pieChart><c:varyColors val="1"/>{inner}<c:firstSliceAng val="0"/></c:pieChart>'
    if kind == "line":
        return (f'<c:lineChart><c:grouping val="standard"/><c:varyColors val="0"/>{inner}<c:marker val="1"/>'
                f'<c:axId val="1"/><c:axId val="2"/></c:lineChart>{axes(kind)}')
    way = "bar" if kind == "bar" else "col"
    return (f'<c:barChart><c:barDir val="{way}"/><c:grouping val="clustered"/><c:varyColors val="0"/>{inner}'
            f'<c:gapWidth val="80"/><c:axId val="1"/><c:axId val="2"/></c:barChart>{axes(kind)}')


def title(block):
    if not block.get("title"):
        return '<c:autoTitleDeleted val="1"/>'
    return (f'<c:title><c:tx><c:rich><a:bodyPr/><a:p><a:pPr><a:defRPr sz="1400" b="1"/></a:pPr><a:r><a:rPr lang="en-US" '
            f'sz="1400" b="1"/><a:t>{plain(block["title"])}</a:t></a:r></a:p></c:rich></c:tx><c:overlay val="0"/></c:title>'
            '<c:autoTitleDeleted val="0"/>')


def chart(block):
    """The chart's part; the sheet is its relation rId1."""
    kind = block.get("kind", "column")
    inner = "".join(serial(kind, place, one, block["labels"]) for place, one in enumerate(block["series"]))
    return (f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><c:chartSpace xmlns:c="{C}" xmlns:a="{A}" xmlns:r="{R}">'
            f'<c:roundedCorners val="0"/><c:chart>{title(block)}<c:plotArea><c:layout/>{plot(kind, inner)}</c:plotArea>'
            '<c:legend><c:legendPos val="b"/><c:overlay val="0"/></c:legend><c:plotVisOnly val="1"/>'
            '<c:dispBlanksAs val="gap"/></c:chart><c:externalData r:id="rId1"><c:autoUpdate val="0"/></c:externalData>'
            '</c:chartSpace>').encode()


def frame(relation):
    """What a drawing has to show the chart."""
    return (f'<a:graphic xmlns:a="{A}"><a:graphicData uri="{C}"><c:chart xmlns:c="{C}" xmlns:r="{R}" '
            f'r:id="{relation}"/></a:graphicData></a:graphic>')
