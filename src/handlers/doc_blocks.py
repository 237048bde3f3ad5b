"""Templates: lists of blocks, filled with data and checked before anything is made."""
import re

import millrace_kit as kit

PLACE = re.compile(r"\{\{\s*([A-Za-z_][\w.]*)\s*\}\}")
MOST_BLOCKS = 20_000
CHARTS = ("column", "bar", "line", "pie")
ALIGNS = ("left", "center", "right")


def wrong(where, wanted):
    return kit.Fault("invalid_payload", f"payload: {where} must be {wanted}", status=kit.USAGE)


# ---------------------------------------------------------------- filling

def look_up(path, scope, where):
    value = scope
    for step in path.split("."):
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            raise kit.Fault("unknown_placeholder", f'payload: {where} has {{{{{path}}}}}, but "data" has no "{step}"',
                            status=kit.USAGE)
    return value


def fill(value, scope, where):
    """The value with its placeholders filled; one that is a whole string keeps its data's type."""
    if isinstance(value, dict):
        return {name: fill(inner, scope, f"{where}.{name}") for name, inner in value.items()}
    if isinstance(value, list):
        return [fill(inner, scope, f"{where}[{place}]") for place, inner in enumerate(value)]
    if not isinstance(value, str) or "{{" not in value:
        return value
    whole = PLACE.fullmatch(value)
    if whole:
        return look_up(whole[1], scope, where)
    return PLACE.sub(lambda found: str(look_up(found[1], scope, where)), value)


def repeated(block, scope, where):
    """The blocks of a repeat, once for each item of a list of the data."""
    for member in ("for", "as"):
        if not isinstance(block.get(member), str):
            raise wrong(f'{where}.{member}', "a name")
    if not isinstance(block.get("blocks"), list):
        raise wrong(f"{where}.blocks", "a list of blocks")
    items = look_up(block["for"], scope, f"{where}.for")
    if not isinstance(items, list):
        raise wrong(f'"data": {block["for"]}', "a list")
    for item in items:
        yield from flat(block["blocks"], {**scope, block["as"]: item}, f"{where}.blocks")


def flat(blocks, scope, where):
    for place, block in enumerate(blocks):
        here = f"{where}[{place}]"
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            raise wrong(here, 'an object with a "type"')
        if block["type"] == "repeat":
            yield from repeated(block, scope, here)
        else:
            block = fill(block, scope, here)
            check(block, here)
            yield block


# ---------------------------------------------------------------- checking

def text(value):
    return isinstance(value, (str, int, float))


def texts(value):
    return isinstance(value, list) and all(map(text, value))


def flag(value):
    return isinstance(value, bool)


def numbers(value):
    return isinstance(value, list) and all(isinstance(n, (int, float)) and not isinstance(n, bool) for n in value)


def columns(value):
    return isinstance(value, list) and 0 < len(value) <= 100 and all(map(column, value))


def column(value):
    return isinstance(value, str) or (
        isinstance(value, dict) and isinstance(value.get("key"), str) and value.get("align", "left") in ALIGNS
        and isinstance(value.get("decimals", 0), int) and 0 <= value.get("decimals", 0) <= 12)


def rows(value):
    return isinstance(value, list) and all(isinstance(row, (list, dict)) for row in value)


def series(value):
    return isinstance(value, list) and 0 < len(value) <= 12 and all(
        isinstance(one, dict) and text(one.get("name", "")) and numbers(one.get("values")) for one in value)


def one_of(*words):
    return lambda value: isinstance(value, str) and value in words


TEXT = (text, "a text")
FLAG = (flag, "true or false")
ALIGN = (one_of(*ALIGNS), "left, center or right")
# What each block may have; what it must have comes first in REQUIRED.
BLOCKS = {
    "heading": {"text": TEXT, "level": (lambda n: n in (1, 2, 3, 4), "1 to 4")},
    "paragraph": {"text": TEXT, "bold": FLAG, "italic": FLAG, "align": ALIGN},
    "list": {"items": (texts, "a list of texts"), "ordered": FLAG},
    "table": {"columns": (columns, 'a list of up to 100 names or of objects with "key", "title", "align", "decimals"'),
              "rows": (rows, "a list of lists or objects"), "totals": (texts, "a list of columns"), "title": TEXT},
    "image": {"file": (lambda name: isinstance(name, str), "the name of an input file"),
              "width": (lambda n: isinstance(n, (int, float)) and 0 < n <= 100, "1 to 100 (percent)"), "caption": TEXT},
    "chart": {"kind": (one_of(*CHARTS), "column, bar, line or pie"), "title": TEXT,
              "labels": (texts, "a list of texts"),
              "series": (series, 'a list of up to 12 objects with "name" and "values"')},
    "pageBreak": {},
}
REQUIRED = {"heading": ["text"], "paragraph": ["text"], "list": ["items"], "table": ["columns", "rows"],
            "image": ["file"], "chart": ["labels", "series"], "pageBreak": []}


def check(block, where):
    members = BLOCKS.get(block["type"])
    if members is None:
        raise wrong(f"{where}.type", f'{", ".join(BLOCKS)} or repeat')
    for name in REQUIRED[block["type"]]:
        if name not in block:
            raise wrong(f"{where}.{name}", members[name][1])
    for name, value in block.items():
        if name != "type" and name not in members:
            raise wrong(where, f'a {block["type"]} with the members {", ".join(["type", *members])}; "{name}" is none')
        if name != "type" and not members[name][0](value):
            raise wrong(f"{where}.{name}", members[name][1])
    more = {"table": check_table, "chart": check_chart}.get(block["type"])
    if more:
        more(block, where)


def check_table(block, where):
    keys = [one if isinstance(one, str) else one["key"] for one in block["columns"]]
    for place, row in enumerate(block["rows"]):
        if isinstance(row, list) and len(row) > len(keys):
            raise wrong(f"{where}.rows[{place}]", f"a list of at most {len(keys)} cells")
    for name in block.get("totals", ()):
        if name not in keys:
            raise wrong(f"{where}.totals", f'of {", ".join(keys)}')


def check_chart(block, where):
    for place, one in enumerate(block["series"]):
        if not block["labels"] or len(one["values"]) != len(block["labels"]):
            raise wrong(f"{where}.series[{place}].values", f'as many as there are labels ({len(block["labels"])}, at least one)')
    if block.get("kind") == "pie" and (len(block["series"]) != 1 or any(n < 0 for n in block["series"][0]["values"])):
        raise wrong(f"{where}.series", "one series without negative values for a pie")


def read(payload):
    """The blocks of the payload's template, ready to be shown."""
    found = []
    for block in flat(payload["template"], payload.get("data", {}), "template"):
        found.append(block)
        if len(found) > MOST_BLOCKS:
            raise wrong("template", f"of at most {MOST_BLOCKS} blocks")
    return found
