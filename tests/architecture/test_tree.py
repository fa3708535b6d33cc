"""The tree that docs/architecture.md draws is the one on the disk; what is only planned is not.

In the drawing a line begins with names (with a dot, or a slash at the end), and what it says of a
folder may list its modules: every single word between commas is one. `(planned)` stands behind what
is not there yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Final

import pytest

from tests.support.tree import ROOT, tracked

PLANNED: Final = "(planned)"
SECTION: Final = re.compile(r"^## 1\. The tree\n.*?^```text\n(?P<tree>.*?)^```", re.M | re.S)
NAME: Final = re.compile(r"[\w.<>/-]*[./][\w.<>/-]*|[A-Z]{6,7}|Makefile")
"""A folder, a file with a dot in its name, and the few that have none."""
INDENT: Final = 2
WORDS: Final = 20
"""A line that is indented by more than this goes on with what the one before it says."""
PACKAGES: Final = ("jukicard", "host/jukihost")
ONE_LEVEL: Final = ("tests", "vectors")
"""Folders whose own folders are listed, and no deeper."""
EVERY: Final = "<"
"""In the name of a folder that stands for several."""


@dataclass(frozen=True)
class Entry:
    """A name in the drawing, and a word that its folder is said to hold."""

    path: Path
    planned: bool

    def places(self) -> list[Path]:
        """Where it may be: a word is a module or a package of its folder."""
        return [self.path, self.path.with_name(f"{self.path.name}.py")]


def drawing(text: str) -> str:
    found = SECTION.search(text)
    assert found, "section 1 has no tree"
    return found["tree"]


def lines(tree: str) -> Iterator[tuple[int, list[str], str]]:
    """Yield depth, names and words of each entry, with the lines that go on with its words."""
    entry: tuple[int, list[str], str] | None = None
    for line in tree.splitlines():
        indent = len(line) - len(line.lstrip())
        if indent > WORDS and entry:
            entry = (*entry[:2], f"{entry[2]} {line.strip()}")
            continue
        if entry:
            yield entry
        tokens = line.split()
        names = list(takewhile(NAME.fullmatch, tokens))
        rest = " ".join(tokens[len(names) :])
        assert names, f"no name: {line}"
        assert indent % INDENT == 0, line
        entry = (indent // INDENT, names, rest)
    if entry:
        yield entry


def words(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the single words of a description, and whether each is only planned."""
    marked = text.replace(PLANNED, "\0")
    bare = re.sub(r"\([^()]*\)", "", marked)
    for segment in re.split(r"[,;:.]| and ", bare):
        word = segment.replace("\0", "").strip()
        if re.fullmatch(r"[a-z][a-z0-9_]*", word):
            yield word, "\0" in segment


def entries(tree: str) -> list[Entry]:
    """Everything that is drawn."""
    found: list[Entry] = []
    above: list[tuple[Path, bool]] = []
    for depth, names, text in lines(tree):
        parent, absent = above[depth - 1] if depth else (Path(), False)
        planned = absent or text.startswith(PLANNED)
        found += [Entry(parent / name, planned) for name in names]
        folder = parent / names[0]
        if names[0].endswith("/") and EVERY not in names[0] and not planned:
            found += [Entry(folder / word, later) for word, later in words(text)]
        above[depth:] = [(folder, planned)]
    return found


DRAWN: Final = entries(drawing((ROOT / "docs/architecture.md").read_text("utf-8")))
FILES: Final = frozenset(tracked())
THERE: Final = FILES | {folder for path in FILES for folder in path.parents}


def exists(path: Path) -> bool:
    if EVERY in str(path):
        return any(place.match(re.sub(r"<\w+>", "*", str(path))) for place in THERE)
    return path in THERE


def test_the_drawing_is_read() -> None:
    assert len(DRAWN) > 100


def test_what_is_drawn_is_there() -> None:
    drawn = [entry for entry in DRAWN if not entry.planned]
    missing = [str(entry.path) for entry in drawn if not any(map(exists, entry.places()))]
    assert not missing, f"docs/architecture.md, section 1, names what is not there: {missing}"


def test_what_is_planned_is_not_there_yet() -> None:
    planned = [entry for entry in DRAWN if entry.planned]
    there = [str(entry.path) for entry in planned if any(map(exists, entry.places()))]
    assert not there, f"docs/architecture.md, section 1: take {PLANNED} from {there}"


def must_be_drawn() -> Iterator[Path]:
    """Yield everything at the root, all packages and their outermost modules, and some folders."""
    for path in sorted(THERE - {Path()}):
        if len(path.parts) == 1 and path != Path(".ci"):
            yield path
        for package in map(Path, PACKAGES):
            if (
                path == package
                or (path.parent == package and path.name != "__init__.py")
                or (path.is_relative_to(package) and path / "__init__.py" in FILES)
            ):
                yield path
        if str(path.parent) in ONE_LEVEL and path not in FILES:
            yield path


def test_every_folder_is_drawn() -> None:
    drawn = {entry.path for entry in DRAWN if not entry.planned}
    patterns = [re.sub(r"<\w+>", "*", str(path)) for path in drawn if EVERY in str(path)]
    expected = list(must_be_drawn())
    assert len(expected) > 50
    missing = [
        str(path)
        for path in expected
        if path not in drawn and not any(path.match(pattern) for pattern in patterns)
    ]
    assert not missing, f"docs/architecture.md, section 1, does not draw {missing}"


# -- how it is read --------------------------------------------------------------------------------

SMALL: Final = """\
README.md   Makefile   .ci/run
one/                      a folder: first, second (which does this and that), third
                          and fourth; all of them small; fifth (planned)
  inner.py  py.typed      two files, of one line
  kinds/<name>/           one folder a kind: commands
  later/                  (planned) what comes: sixth
  ahead.py                (planned) a file
two/                      nothing
"""


def test_how_a_drawing_is_read() -> None:
    assert {(str(entry.path), entry.planned) for entry in entries(SMALL)} == {
        ("README.md", False),
        ("Makefile", False),
        (".ci/run", False),
        ("one", False),
        ("one/first", False),
        ("one/second", False),
        ("one/third", False),
        ("one/fourth", False),
        ("one/fifth", True),
        ("one/inner.py", False),
        ("one/py.typed", False),
        ("one/kinds/<name>", False),
        ("one/later", True),
        ("one/ahead.py", True),
        ("two", False),
        ("two/nothing", False),
    }


@pytest.mark.parametrize("wrong", ["one\n", "one/\n   two.py\n", "  just words\n"])
def test_a_drawing_that_cannot_be_read_is_an_error(wrong: str) -> None:
    with pytest.raises((AssertionError, IndexError)):
        entries(wrong)
