"""What stands at the root for strangers: it names only what is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.support.tree import ROOT, tracked

PAGES: Final = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "NOTICE")
TOP: Final = r"LICENSE|Makefile|NOTICE|[A-Z]+\.md|constraints\.txt|pyproject\.toml"
PATH: Final = re.compile(
    rf"(?<![\w./-])(?:(?:{TOP})(?![\w/])"
    r"|(?:benchmarks|docs|examples|host|jukicard|tests|vectors)/[\w./-]*\w)"
)


BUILT: Final = Path("docs/_build/html")
"""What `make docs` makes."""


def read(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_it_names_is_there(page: str) -> None:
    named = {Path(name) for name in PATH.findall(read(page))}
    assert named, f"{page} names no file: nothing was looked at"
    there = {place for path in tracked() for place in (path, *path.parents)}
    assert not {path for path in named - there if not path.is_relative_to(BUILT)}


@pytest.mark.parametrize("page", [page for page in PAGES if page != "SECURITY.md"])
def test_every_make_target_that_it_names_is_there(page: str) -> None:
    named = set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", read(page), re.M))
    targets = set(re.findall(r"^([a-z-]+):(?!=)", read("Makefile"), re.M))
    assert named, f"{page} names no target: nothing was looked at"
    assert not named - targets


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md"])
def test_no_address_is_invented(page: str) -> None:
    """Nobody can promise that a mailbox or a site is read wherever a copy of the tree is."""
    assert not re.findall(r"\S+@\S+\.\w|https?://\S+|www\.\S+", read(page))


def test_the_readme_leads_to_them() -> None:
    for page in PAGES[1:]:
        assert page in read("README.md"), page
