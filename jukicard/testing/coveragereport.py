"""The report of coverage: a table for the terminal, a page for a browser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from itertools import groupby
from typing import Final

from jukicard.testing.coverage import SECTIONS, Cell, Coverage

_STYLE: Final = """
body { font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse } td, th { padding: .15em .8em .15em 0; text-align: left }
td.no { color: #a00 } td.yes { color: #060 } summary { cursor: pointer; font-weight: bold }
"""


def table(coverage: Coverage, *, missing: bool = False) -> list[str]:
    """Return the lines of the table; with `missing` also what was not exercised."""
    lines = [f"{'':14}{'of':>6}{'seen':>7}"]
    for section in SECTIONS:
        possible, seen = coverage.possible[section], coverage.seen(section)
        percent = 100 * len(seen) / len(possible) if possible else 100
        lines.append(f"{section:14}{len(possible):6}{len(seen):7}{percent:8.1f} %")
        if missing:
            lines += _missing(possible - seen)
    return [*lines, f"{'all':14}{'':13}{coverage.percent:8.1f} %"]


def _missing(cells: Iterable[Cell]) -> Iterator[str]:
    """Yield what is missing, what differs in the last word only on one line."""
    for head, group in groupby(sorted(cells), key=lambda cell: cell[:-1]):
        last = ", ".join(cell[-1] for cell in group)
        yield f"    not seen: {' '.join(head)}{': ' if head else ''}{last}"


def page(coverage: Coverage) -> str:
    """Return the page: a table for each section, a row for each thing that can be exercised."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Coverage of the terminal</title>",
        f"<style>{_STYLE}</style><h1>Coverage of the terminal</h1>",
        f"<p>{coverage.percent:.1f} % of what the cards of the tests can do was exercised.",
    ]
    for section in SECTIONS:
        possible, seen = coverage.possible[section], coverage.seen(section)
        parts.append(
            f"<details><summary>{section}: {len(seen)} of {len(possible)}</summary><table>"
        )
        for cell in sorted(possible):
            words = "".join(f"<td>{escape(word)}" for word in cell)
            yes = "yes" if cell in seen else "no"
            parts.append(f"<tr>{words}<td class={yes}>{yes}")
        parts.append("</table></details>")
    return "\n".join(parts) + "\n"
