"""The library card without a PIN: written outside the tree, run in process, over TCP and PC/SC."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.conftest import EXAMPLES, run

SCENE = Path(__file__).with_name("library_scene.py")


def scene(installed: Path, *arguments: str) -> str:
    """Run the scene as a program of its own that finds the installed package."""
    return run(installed, str(SCENE), *arguments)


@pytest.mark.parametrize("where", ["in-process", "after-issue", "tcp"])
def test_it_is_lent_and_given_back(installed: Path, tmp_path: Path, where: str) -> None:
    said = scene(installed, where, str(tmp_path))
    assert "lent, read by a stranger, given back" in said
    assert "needs Authenticated(LIBRARY), SecureMessaging(ENCRYPTED)" in said


def test_it_is_small() -> None:
    sources = list((EXAMPLES / "library-card" / "src").rglob("*.py"))
    assert len(sources) == 3
    assert sum(len(path.read_text("utf-8").splitlines()) for path in sources) <= 130


def test_where_the_package_is_missing_it_is_named(tmp_path: Path, installed: Path) -> None:
    image = tmp_path / "card.juki"
    scene(installed, "file", str(tmp_path), str(image))
    done = subprocess.run(
        [sys.executable, "-m", "jukicard", "inspect", str(image)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "'library', which is not installed here: install librarycard" in done.stderr
    assert "Traceback" not in done.stderr


def test_why_there_is_no_pin_is_shown(installed: Path, tmp_path: Path) -> None:
    image = tmp_path / "card.juki"
    scene(installed, "file", str(tmp_path), str(image))
    shown = run(installed, "-m", "jukicard", "inspect", str(image))
    assert "no PIN  what is lent is no secret, and only the library writes" in shown
