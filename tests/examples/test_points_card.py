"""The card with points: written outside the tree, installed before and after issue, and torn."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.examples.conftest import EXAMPLES, install, run

SCENE = str(Path(__file__).with_name("points_scene.py"))


@pytest.mark.parametrize("where", ["in-process", "tcp"])
def test_points_come_and_go(installed: Path, where: str) -> None:
    assert "credited, spent, refused, unblocked" in run(installed, SCENE, where)


def test_balance_and_log_agree_after_any_power_cut(installed: Path) -> None:
    said = run(installed, SCENE, "tear")
    assert "10 cuts, landed: False" in said  # four bookings, one PIN, two authentications
    assert "10 cuts, landed: True" in said


def test_it_comes_after_issue_and_goes_without_a_trace(installed: Path) -> None:
    assert "installed, removed, installed again, removed" in run(installed, SCENE, "later")


def test_with_memory_of_its_own_it_books_beside_one_that_fills_the_rest(installed: Path) -> None:
    beside = str(Path(SCENE).with_name("points_beside.py"))
    assert "all booked with memory of its own" in run(installed, beside)


KEPT = Path(__file__).parents[2] / "vectors" / "state" / "applications"


def test_what_version_1_left_is_taken_over(installed: Path, tmp_path: Path) -> None:
    """A snapshot, with the power cut at every write of the migration, and a file of cards."""
    folder = shutil.copytree(KEPT / "pointscard-0.1", tmp_path / "kept")
    said = run(installed, SCENE, "upgrade", str(folder))
    assert "1 writes, 4 cards taken over" in said


def test_to_look_at_a_card_of_version_1_leaves_it(installed: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(KEPT / "pointscard-0.1", tmp_path / "kept")
    image = folder / "card.juki"
    before = image.read_bytes()
    said = run(installed, "-m", "jukicard", "inspect", str(image))
    assert "\ntown-points F0504F494E5453, version 2\n" in said
    assert "\n  0004  transparent, 4 bytes, read: " in said
    assert '"version": 2' in run(installed, "-m", "jukicard", "inspect", "--json", str(image))
    assert image.read_bytes() == before


def test_where_nothing_takes_it_over_it_is_said(tmp_path: Path) -> None:
    """Without the package, with none that migrates, and back with an older one than was used.

    With one that does not migrate the card is there all the same, and shown.
    """
    image = shutil.copytree(KEPT / "pointscard-0.1", tmp_path / "kept") / "card.juki"
    before = image.read_bytes()
    module = tmp_path / "source" / "src" / "pointscard" / "card.py"
    shutil.copytree(EXAMPLES / "points-card", tmp_path / "source")
    text = module.read_text("utf-8")
    one = text.replace("    version = 2", "    version = 1").replace("def migrate", "def unused")
    two = text.replace("def migrate", "def unused")
    three = text.replace("    version = 2", "    version = 3")
    for number, source, words in (
        (0, "", "'town-points', which is not installed here: install pointscard"),
        (1, two, "version 2, which is installed here, cannot take it over: there is no migration"),
        (2, three, ""),
        (3, one, "is of version 3, and version 1 is installed here: update pointscard"),
    ):
        target = tmp_path / str(number)
        target.mkdir()
        if source:
            module.write_text(source, "utf-8")
            install(target, tmp_path / "source")
        arguments = ["-m", "jukicard", "serve", "--image", str(image), "--tcp", "localhost:0"]
        if number == 1:
            assert words in run(target, "-m", "jukicard", "inspect", str(image))
        elif words:
            assert words in run(target, *arguments, expect=1)
        else:
            run(target, "-c", USED, str(image))
        if number < 2:
            assert image.read_bytes() == before


USED = """
import sys
from jukicard import Card, CardEnvironment, PersistentMemory, SqliteBackend
Card(CardEnvironment(memory=PersistentMemory(SqliteBackend(sys.argv[1], "card"))))
"""
