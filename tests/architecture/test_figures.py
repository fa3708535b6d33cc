"""The manual's figures: each is drawn, says in words what is seen, and names what there is."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from typing import Final
from xml.etree import ElementTree

import pytest

from tests.support.tree import ROOT, tracked

sys.path.insert(0, str(ROOT / "docs"))

import figures

SVG: Final = "{http://www.w3.org/2000/svg}"
FIGURE: Final = re.compile(r"^```\{drawing\}\n(?::alt: ([^\n]+)\n)?\n(.*?)\n```$", re.M | re.S)
NAME: Final = re.compile(
    r"\b(?:[A-Z][a-z]+(?:[A-Z][a-z0-9]+)+|[a-z]+(?:_[a-z]+)+|[A-Z]\w+\.[a-z]\w+)\b"
)
"""Words that can only be names of the code: two words in one, or a name of something's own."""
WANTED: Final = {"architecture.md": 2, "procedures.md": 1, "log.md": 1}
"""One command's way and the firewall, one procedure, the log."""


def drawn() -> list[tuple[str, str, str]]:
    """Page, words and drawing of every figure in the manual."""
    return [
        (path.name, *found)
        for path in sorted((ROOT / "docs").glob("**/*.md"))
        for found in FIGURE.findall(path.read_text("utf-8"))
    ]


FIGURES: Final = drawn()


@cache
def names() -> frozenset[str]:
    """Every class, function, method and attribute of both packages, methods with their class."""
    found: set[str] = set()
    for path in tracked():
        if path.suffix != ".py" or path.parts[0] not in {"jukicard", "host"}:
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_bytes())):
            if isinstance(node, ast.ClassDef):
                found |= {node.name} | {
                    f"{node.name}.{one.name}"
                    for one in node.body
                    if isinstance(one, ast.FunctionDef)
                }
            elif isinstance(node, ast.FunctionDef):
                found.add(node.name)
    return frozenset(found)


def test_there_are_those_that_there_should_be() -> None:
    pages = [page for page, _, _ in FIGURES]
    assert all(pages.count(page) >= count for page, count in WANTED.items())
    written = sum(
        path.read_text("utf-8").count("{drawing}") for path in (ROOT / "docs").glob("**/*.md")
    )
    assert written == len(FIGURES), "a figure is written in another way"


@pytest.mark.parametrize(("page", "alt", "drawing"), FIGURES)
def test_it_is_drawn_with_all_its_words(page: str, alt: str, drawing: str) -> None:
    assert len(alt.split()) > 15, f"{page}: words for who does not see it"
    picture = ElementTree.fromstring(figures.draw(drawing.splitlines(), alt))
    assert picture.get("role") == "img"
    assert picture.get("aria-label") == alt == picture.findtext(f"{SVG}title")
    shown = " ".join(one.text or "" for one in picture.iter(f"{SVG}text")).split()
    plain = re.sub(r"[\u2500-\u25ff]", " ", drawing).split()
    assert sorted(shown) == sorted(plain)
    assert picture.findall(f"{SVG}path")


@pytest.mark.parametrize(("page", "alt", "drawing"), FIGURES)
def test_boxes_are_closed(page: str, alt: str, drawing: str) -> None:
    """A line that leaves a character is met by the one beside it, or by a head or word."""
    lines = drawing.splitlines()
    for row, line in enumerate(lines):
        for column, sign in enumerate(line):
            for arm in figures.ARMS.get(sign, "") if sign not in "─│" else "":
                over, down = {"l": (-1, 0), "r": (1, 0), "u": (0, -1), "d": (0, 1)}[arm]
                there = lines[row + down].ljust(200)[column + over]
                meets = figures.ARMS.get(there, "")
                back = {"l": "r", "r": "l", "u": "d", "d": "u"}[arm]
                assert back in meets or there in figures.HEADS, f"{page}, line {row + 1}: {line}"


@pytest.mark.parametrize(("page", "alt", "drawing"), FIGURES)
def test_it_names_what_there_is(page: str, alt: str, drawing: str) -> None:
    told = set(NAME.findall(drawing))
    assert told, f"{page}: nothing was looked at"
    assert not told - names(), f"{page} draws what is not there"


def test_a_japanese_character_takes_two_places() -> None:
    svg = figures.draw(["│暗証│x"], "two")
    assert 'textLength="33.6"' in svg
    assert f'x="{6 * figures.WIDE:g}"' in svg


def test_what_is_said_is_no_markup() -> None:
    svg = figures.draw(["a <b> & c"], 'x "<y>"')
    assert ElementTree.fromstring(svg).findtext(f"{SVG}title") == 'x "<y>"'
    assert "<b>" not in svg


def test_an_unknown_line_is_refused() -> None:
    with pytest.raises(ValueError, match="nobody can draw"):
        figures.draw(["╔══╗"], "a box")
