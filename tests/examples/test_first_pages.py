"""The first pages are done as they are written, in a fresh folder, by somebody with a shell."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.manual.walk import Stranger, blocks
from tests.support.tree import ROOT, copy_to

OUTSIDE = ("start-terminal.md", "start-tester.md", "start-application.md")
"""Those for who uses the project; `start-working.md` is for who has its tree."""


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Stranger]:
    folder = tmp_path / "folder"
    folder.mkdir()
    there = Stranger(folder)
    yield there
    there.close()


def test_these_are_all() -> None:
    found = {path.name for path in (ROOT / "docs").glob("start-*.md")}
    assert found == {*OUTSIDE, "start-working.md"}


@pytest.mark.parametrize("page", OUTSIDE)
def test_it_is_as_the_page_says(stranger: Stranger, page: str) -> None:
    assert stranger.follow(page) >= 5


def test_working_on_it_is_as_the_page_says(tmp_path: Path) -> None:
    """In a copy of the tree, because the page breaks a rule in it."""
    tree = tmp_path / "clone"
    copy_to(tree)
    (tree / ".venv").symlink_to(sys.prefix)
    for command in (["init", "-q"], ["add", "jukicard/apdu"], ["commit", "-q", "-m", "a clone"]):
        who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example.invalid"]
        subprocess.run(["git", *who, *command], cwd=tree, check=True)
    there = Stranger(tree)
    try:
        assert there.follow("start-working.md") >= 5
    finally:
        there.close()
    status = subprocess.run(
        ["git", "status", "--porcelain", "jukicard/apdu"],
        cwd=tree, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert status.stdout == "", "the page leaves a broken rule behind"


def test_what_does_not_appear_is_found_out(
    stranger: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.manual.walk.PATIENCE", 1)
    monkeypatch.setattr(
        "tests.support.manual.walk.blocks",
        lambda page: [("sh", "", "echo one; echo two\n"), ("text", "", "two\none\n")],
    )
    with pytest.raises(AssertionError, match="this did not appear"):
        stranger.follow("a page")


def test_each_page_has_files_commands_and_what_appears() -> None:
    for page in OUTSIDE:
        kinds = {"file" if file else kind for kind, file, _ in blocks(page)}
        assert kinds == {"file", "sh", "text"}
