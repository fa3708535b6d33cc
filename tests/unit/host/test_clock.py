"""The terminal's clock: legal days, going backwards, and that nobody asks another one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from jukihost.clock import (
    JAPAN,
    TOLERANCE,
    Clock,
    ClockRanBackwards,
    MovableClock,
    day_in_japan,
)

HOST: Final = Path(__file__).parents[3] / "host/jukihost"
NOON: Final = datetime(2015, 12, 28, 3, tzinfo=UTC)
"""Noon in Japan on the last day on which the card was issued."""


def test_time_is_told_in_utc_and_days_are_those_of_japan() -> None:
    clock = MovableClock(NOON.astimezone(JAPAN))
    assert clock.now() == NOON
    assert clock.now().utcoffset() == timedelta(0)
    clock.move(timedelta(hours=12) - timedelta(microseconds=1))
    assert clock.today() == date(2015, 12, 28)
    clock.move(timedelta(microseconds=1))
    assert clock.today() == date(2015, 12, 29), "a day begins at midnight in Japan, 15:00 UTC"


def test_a_clock_that_runs_backwards_is_noticed_until_it_is_right_again() -> None:
    clock = MovableClock(NOON)
    clock.now()
    clock.put(NOON - TOLERANCE - timedelta(microseconds=1))
    for _ in range(2):
        with pytest.raises(ClockRanBackwards, match=r"12:00:00 JST before and says .* 11:59:57"):
            clock.now()
    clock.put(NOON)
    assert clock.now() == NOON


def test_a_small_correction_is_waited_out() -> None:
    clock = MovableClock(NOON)
    clock.now()
    clock.move(-TOLERANCE)
    assert clock.now() == NOON
    clock.move(TOLERANCE + timedelta(seconds=1))
    assert clock.now() == NOON + timedelta(seconds=1)


def test_the_machine_is_asked_by_default() -> None:
    before = datetime.now(UTC)
    assert before <= Clock().now() <= datetime.now(UTC)


@pytest.mark.parametrize(
    "ask", [day_in_japan, MovableClock, MovableClock(NOON).put], ids=["day", "made", "put"]
)
def test_a_moment_without_a_zone_is_refused(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(ValueError, match="needs a zone"):
        ask(datetime(2015, 12, 28))


ASKED: Final = frozenset({"now", "utcnow", "today", "localtime", "gmtime", "ctime", "time_ns"})
"""Methods and functions that tell the time, on whatever they are found."""
IN_SQL: Final = re.compile(
    r"\bnow\s*\(|\b(current|local)_?(time|date|timestamp)\b|\b(clock|statement|transaction)_timestamp\b"
    r"|\b(sys)?date(time)?\s*\(\s*'now'|\bjulianday\s*\(|\bunixepoch\s*\(|\btimeofday\s*\(",
    re.I,
)
"""How a database tells the time."""


def clocks_in(source: str) -> Iterator[str]:
    """Yield each place where a module asks somebody for the time, but for a `Clock`."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name) if name in ASKED and not _of_a_clock(node.value):
                yield f"line {node.lineno}: {ast.unparse(node)}"
            case ast.Attribute(ast.Name("time"), "time" | "clock_gettime"):
                yield f"line {node.lineno}: {ast.unparse(node)}"
            case ast.ImportFrom(module="time", names=names) if ASKED & {one.name for one in names}:
                yield f"line {node.lineno}: {ast.unparse(node)}"
            case ast.Attribute(ast.Name("func"), name) if IN_SQL.search(f"{name}("):
                yield f"line {node.lineno}: {ast.unparse(node)}"
            case ast.Constant(str(text)) if not _is_prose(text) and IN_SQL.search(text):
                yield f"line {node.lineno}: {text}"


def _of_a_clock(value: ast.expr) -> bool:
    """Whether it is called a clock, or is one: `clock`, `self.clock`, `Clock()`."""
    return ast.unparse(value).lower().removesuffix("()").endswith("clock")


def _is_prose(text: str) -> bool:
    return "`now`" in text or "\n\n" in text


def modules() -> list[Path]:
    return [path for path in sorted(HOST.rglob("*.py")) if path != HOST / "clock.py"]


def test_nobody_else_in_the_host_asks_for_the_time() -> None:
    read = modules()
    assert len(read) > 80
    found = {
        f"{path.relative_to(HOST)}, {place}"
        for path in read
        for place in clocks_in(path.read_text("utf-8"))
    }
    assert not found, "the time comes from jukihost.clock"
    assert not list(HOST.rglob("*.sql")), "this test does not read files of SQL"
    assert list(clocks_in((HOST / "clock.py").read_text("utf-8"))), "it finds nothing at all"


@pytest.mark.parametrize(
    "line",
    [
        "datetime.now(UTC)",
        "datetime.datetime.utcnow()",
        "date.today()",
        "default = datetime.now",
        "time.time()",
        "time.gmtime()",
        "from time import time_ns",
        "func.now()",
        "sqlalchemy.func.now()",
        "func.current_timestamp()",
        "func.clock_timestamp()",
        "text('SELECT now()')",
        "text('UPDATE cards SET at = CURRENT_TIMESTAMP')",
        "text(\"SELECT date('now')\")",
        "text('SELECT localtimestamp')",
    ],
)
def test_what_counts_as_asking_for_the_time(line: str) -> None:
    assert list(clocks_in(line))


@pytest.mark.parametrize(
    "line",
    ["clock.now()", "self.clock.today()", "Clock().now()", "time.monotonic()", "'do it now'"],
)
def test_what_does_not(line: str) -> None:
    assert not list(clocks_in(line))
