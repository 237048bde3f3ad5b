"""millrace.cron_next against a model that tries out every minute: random lines around
the days on which clocks are changed, in zones that do it in different ways."""

import random
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))
from stack import Stack  # noqa: E402

MINUTE = timedelta(minutes=1)

# The clocks go forward, and back (UTC days; in Beirut and Havana at midnight).
CHANGES = [
    ("Europe/Berlin", "2026-03-29"), ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-03-08"), ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-10-03"), ("Australia/Lord_Howe", "2026-04-04"),
    ("America/Havana", "2026-03-08"), ("America/Havana", "2026-11-01"),
    ("Asia/Beirut", "2026-03-28"), ("Asia/Beirut", "2026-10-24"),
    ("America/St_Johns", "2026-11-01"), ("Africa/Casablanca", "2026-02-15"),
    ("UTC", "2026-02-28"),
]


@pytest.fixture(scope="module", name="stack")
def _stack():
    with Stack("postgres") as running:
        yield running


def numbers(field, low, high):
    """What a field means, as simply as it can be said."""
    found = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span == "*":
            first, last = low, high
        elif not last:
            last = high if step else first
        found |= set(range(int(first), int(last) + 1, int(step or 1)))
    return found


class Line:
    def __init__(self, text):
        fields = text.split()
        self.fields = fields
        self.minutes, self.hours = numbers(fields[0], 0, 59), numbers(fields[1], 0, 23)
        self.days, self.months = numbers(fields[2], 1, 31), numbers(fields[3], 1, 12)
        self.weekdays = {n % 7 for n in numbers(fields[4], 0, 7)}
        self.wild = any("*" in f or "/" in f for f in fields[:2])

    def on(self, shown):
        """Whether it runs when a clock shows this."""
        day, weekday = shown.day in self.days, shown.isoweekday() % 7 in self.weekdays
        both = self.fields[2][0] != "*" and self.fields[4][0] != "*"
        return (shown.minute in self.minutes and shown.hour in self.hours and
                shown.month in self.months and (day or weekday if both else day and weekday))


def runs(line, zone, since, until):
    """All runs after `since`, minute by minute. A fixed time counts when the clock has
    come to it or past it for the first time."""
    found, moment = [], since - timedelta(days=2)
    latest = moment.astimezone(zone).replace(tzinfo=None)
    while moment <= until:
        shown = moment.astimezone(zone).replace(tzinfo=None)
        passed = []
        while not line.wild and latest < shown:
            latest += MINUTE
            passed.append(latest)
        if moment > since and any(line.on(t) for t in ([shown] if line.wild else passed)):
            found.append(moment)
        moment += MINUTE
    return found


def random_field(rng, low, high, wild):
    kind = rng.random()
    if kind < wild:
        return "*" if rng.random() < 0.5 else f"*/{rng.randint(2, (high - low) // 2)}"
    if kind < wild + 0.3:
        return ",".join(str(n) for n in sorted(rng.sample(range(low, high + 1), 3)))
    if kind < wild + 0.4:
        first = rng.randint(low, high - 1)
        return f"{first}-{rng.randint(first + 1, high)}"
    return str(rng.randint(low, high))


def random_line(rng):
    minute = random_field(rng, 0, 59, 0.3)
    hour = rng.choice(["*", "*/2", "0", "1", "2", "3", "23", "0-3", "1,2", "2,3", "1-2/1"])
    day = rng.choice(["*", "*", "*", "*/2", "1", "25-31"])
    return f"{minute} {hour} {day} * {rng.choice(['*', '*', '0', '7', '6-7', '1/2'])}"


@pytest.mark.parametrize("zone, day", CHANGES)
def test_runs_around_a_change_of_the_clocks(stack, zone, day):
    rng = random.Random(f"{zone} {day}")
    since = datetime.fromisoformat(day).replace(tzinfo=timezone.utc) - timedelta(hours=6)
    until = since + timedelta(hours=40)
    for _ in range(12):
        text = random_line(rng)
        rows = stack.sql(
            "with recursive run(at) as (select millrace.cron_next(%s, %s, %s) union all "
            "select millrace.cron_next(%s, %s, at) from run where at <= %s) "
            "select at from run where at <= %s order by at",
            text, zone, since, text, zone, until, until)
        assert [row[0] for row in rows] == runs(Line(text), ZoneInfo(zone), since, until), text


def test_it_does_not_matter_where_one_asks_from(stack):
    """The next run after any moment is the first of all runs behind it."""
    rng = random.Random(1)
    for zone, day in CHANGES:
        since = datetime.fromisoformat(day).replace(tzinfo=timezone.utc) - timedelta(hours=6)
        text = random_line(rng)
        horizon = since + timedelta(hours=40)
        all_runs = runs(Line(text), ZoneInfo(zone), since, horizon)
        for _ in range(20):
            at = since + timedelta(seconds=rng.randint(0, 36 * 3600), milliseconds=500)
            expected = next((run for run in all_runs if run > at), None)
            got = stack.value("select millrace.cron_next(%s, %s, %s)", text, zone, at)
            if expected or got <= horizon:
                assert got == expected, (text, zone, at)
