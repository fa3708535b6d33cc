"""Draws the manual's figures: text of box-drawing characters becomes SVG when a page is built.

A `drawing` in a page is readable as it stands, and no program or package beside Sphinx is needed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, ClassVar, Final

from docutils import nodes
from docutils.parsers.rst import Directive, directives

if TYPE_CHECKING:
    from sphinx.application import Sphinx

WIDE, HIGH = 8.4, 20.0
"""A character's place, in pixels; one of Japanese takes two."""
ARMS: Final = {
    "─": "lr", "│": "ud", "┌": "rd", "┐": "ld", "└": "ru", "┘": "lu",
    "├": "udr", "┤": "udl", "┬": "lrd", "┴": "lru", "┼": "lrud",
}  # fmt: skip
"""Where the lines of each character go from its middle: left, right, up, down."""
HEADS: Final = {"▶": (1, 0), "◀": (-1, 0), "▼": (0, 1), "▲": (0, -1)}
"""Which way each head of an arrow looks."""
_ENDS: Final = {"l": (-0.5, 0), "r": (0.5, 0), "u": (0, -0.5), "d": (0, 0.5)}


class Drawing(Directive):  # type: ignore[misc] # docutils is written without types
    """A figure of box-drawing characters; `alt` says in words what is to be seen."""

    has_content = True
    option_spec: ClassVar = {"alt": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        """Return the figure; an error where nobody says what is on it."""
        if "alt" not in self.options:
            raise self.error("a drawing says in `:alt:` what is to be seen")
        svg = draw(list(self.content), self.options["alt"])
        return [nodes.raw("", f'<figure class="drawing">{svg}</figure>', format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.add_directive("drawing", Drawing)
    return {"parallel_read_safe": True}


def draw(lines: list[str], alt: str) -> str:
    """Return lines of text as SVG, in the page's own colours. ValueError for an unknown line."""
    cells = [(column, row, sign) for row, line in enumerate(lines) for column, sign in _cells(line)]
    unknown = {sign for *_, sign in cells if _is_line(sign)} - ARMS.keys() - HEADS.keys()
    if unknown:
        raise ValueError(f"nobody can draw {sorted(unknown)}")
    width = max(map(_width, lines), default=0) * WIDE
    strokes = "".join(_strokes(cells))
    words = "".join(_words(lines))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(alt)}" '
        f'viewBox="0 0 {width:g} {len(lines) * HIGH:g}" '
        f'style="max-width: {width:g}px; width: 100%">'
        f"<title>{escape(alt)}</title>"
        f'<path d="{strokes}" fill="none" stroke="currentColor" stroke-width="1.2"/>'
        f'<g fill="currentColor" font-family="monospace" font-size="13">{words}</g></svg>'
    )


def _is_line(sign: str) -> bool:
    return 0x2500 <= ord(sign) < 0x2600


def _cells(line: str) -> Iterator[tuple[int, str]]:
    column = 0
    for sign in line:
        yield column, sign
        column += _width(sign)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def _strokes(cells: list[tuple[int, int, str]]) -> Iterator[str]:
    for column, row, sign in cells:
        x, y = (column + 0.5) * WIDE, (row + 0.5) * HIGH
        for arm in ARMS.get(sign, ""):
            over, down = _ENDS[arm]
            yield f"M{x:g} {y:g}l{over * WIDE:g} {down * HIGH:g}"
        if sign in HEADS:
            over, down = HEADS[sign]
            yield f"M{x - over * WIDE / 2:g} {y - down * HIGH / 2:g}L{x:g} {y:g}"
            yield f"M{x - 4 * (over or -1):g} {y - 4 * (down or -1):g}"
            yield f"L{x + 4 * over:g} {y + 4 * down:g}"
            yield f"L{x - 4 * (over or 1):g} {y - 4 * (down or 1):g}"


def _words(lines: list[str]) -> Iterator[str]:
    """Yield each run of text, as long as its place is, whatever the font."""
    for row, line in enumerate(lines):
        run, begins = "", 0
        for column, sign in [*_cells(line), (_width(line), "─")]:
            if not _is_line(sign):
                begins = begins if run else column
                run += sign
                continue
            yield from _run(run, begins, row)
            run = ""


def _run(text: str, column: int, row: int) -> Iterator[str]:
    place = column + len(text) - len(text.lstrip())
    if said := text.strip():
        yield (
            f'<text x="{place * WIDE:g}" y="{(row + 0.7) * HIGH:g}" xml:space="preserve" '
            f'textLength="{_width(said) * WIDE:g}">{escape(said)}</text>'
        )
