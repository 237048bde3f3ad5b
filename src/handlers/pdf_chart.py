"""Charts in a PDF."""
import pdf_fonts as fonts
from reportlab.graphics.charts.barcharts import HorizontalBarChart, VerticalBarChart
from reportlab.graphics.charts.legends import Legend
from reportlab.graphics.charts.linecharts import HorizontalLineChart
from reportlab.graphics.charts.piecharts import Pie
from reportlab.graphics.shapes import Drawing, String

HEIGHT = 230
KINDS = {"column": VerticalBarChart, "bar": HorizontalBarChart, "line": HorizontalLineChart}


def axes(chart, kind, labels, values):
    category, value = chart.categoryAxis, chart.valueAxis
    category.categoryNames = labels
    for axis in (category, value):
        axis.labels.fontName, axis.labels.fontSize = fonts.PLAIN, 7.5
    if kind != "bar" and (len(labels) > 8 or max(map(len, labels)) > 12):
        category.labels.angle, category.labels.boxAnchor = 35, "ne"
    if kind == "bar":
        category.labels.boxAnchor, category.reverseDirection = "e", 1
    if len(labels) > 30:
        step = len(labels) // 15
        category.categoryNames = [label if n % step == 0 else "" for n, label in enumerate(labels)]
    low = min(min(row) for row in values)
    if low >= 0:
        value.valueMin = 0
    value.visibleGrid, value.gridStrokeColor = 1, fonts.RULE


def plotted(block, labels, values, width):
    kind = block.get("kind", "column")
    chart = KINDS[kind]()
    chart.x, chart.y = (max(map(len, labels)) * 4.5 + 10 if kind == "bar" else 55), 50
    chart.x = min(chart.x, width / 3)
    chart.width, chart.height = width - chart.x - 20, HEIGHT - 100
    chart.data = values
    axes(chart, kind, labels, values)
    for place, colour in enumerate(fonts.COLOURS[:len(values)]):
        if kind == "line":
            chart.lines[place].strokeColor, chart.lines[place].strokeWidth = colour, 1.6
        else:
            chart.bars[place].fillColor, chart.bars[place].strokeColor = colour, None
    return chart


def pie(labels, values, width):
    chart = Pie()
    chart.width = chart.height = HEIGHT - 85
    chart.x, chart.y = (width - chart.width) / 2, 45
    whole = sum(values) or 1
    chart.data = values if sum(values) else [1] * len(values)
    chart.labels = [f"{label} ({value / whole:.0%})" for label, value in zip(labels, values)]
    chart.sideLabels = 1
    chart.slices.fontName, chart.slices.fontSize, chart.slices.strokeColor = fonts.PLAIN, 7.5, fonts.HexColor("#ffffff")
    for place in range(len(values)):
        chart.slices[place].fillColor = fonts.COLOURS[place % len(fonts.COLOURS)]
    return chart


def legend(series, width):
    drawn = Legend()
    drawn.x, drawn.y, drawn.boxAnchor = width / 2, HEIGHT - 26, "n"
    drawn.fontName, drawn.fontSize, drawn.alignment = fonts.PLAIN, 7.5, "right"
    drawn.columnMaximum, drawn.deltax, drawn.autoXPadding = 1, 60, 8
    drawn.colorNamePairs = [(colour, str(one.get("name", ""))) for colour, one in zip(fonts.COLOURS, series)]
    return drawn


def chart(block, width):
    """The drawing of a checked chart block."""
    drawing = Drawing(width, HEIGHT)
    labels = [fonts.check_letters(str(label)) for label in block["labels"]]
    values = [[float(n) for n in one["values"]] for one in block["series"]]
    if block.get("title"):
        drawing.add(String(width / 2, HEIGHT - 16, fonts.check_letters(str(block["title"])), textAnchor="middle",
                           fontName=fonts.BOLD, fontSize=10, fillColor=fonts.ACCENT))
    if block.get("kind") == "pie":
        drawing.add(pie(labels, values[0], width))
    else:
        drawing.add(plotted(block, labels, values, width))
        drawing.add(legend(block["series"], width))
    return drawing
