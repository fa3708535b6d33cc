"""What other distributions offer is looked up once, and again when anything of it has changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import pytest

from jukicard import Card, issue_card
from jukicard.apdu import Aid
from jukicard.memory import MemorySnapshot
from jukicard.runtime import installed, kinds
from jukicard.runtime.kinds import FaultyAppletError, UnknownAppletError, find_kind, further_kinds
from jukicard.runtime.placement import Placement
from tests.support.cards.issuer_desk import ISSUED, apdu, install, session
from tests.support.elsewhere import MODULE, install_distribution

LIBRARY: Final = Aid("F04C494252415259")
CLAIMED: Final = Aid("F0434C41494D4544")
NOTED: Final = """
import sys
sys.modules["tests.unit.runtime.test_installed"].RAN.append(1)
1 / 0
"""
RAN: Final[list[int]] = []
"""One for each time that a package that fails has run."""


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """One for each time that the metadata of all that is installed was read."""
    found: list[str] = []
    read = metadata.entry_points

    def counted(**wanted: Any) -> object:
        found.append(wanted["group"])
        return read(**wanted)

    monkeypatch.setattr(metadata, "entry_points", counted)
    RAN.clear()
    yield found
    sys.modules.pop("town_library", None)


@pytest.fixture
def lending(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """Installs the kind `lending`, into a folder of its own unless it is said."""
    number = iter(range(9))

    def put(source: str = MODULE, **more: str) -> Path:
        folder = tmp_path / f"{next(number)}"
        sys.modules.pop("town_library", None)
        install_distribution(monkeypatch, folder, source=source, **more)
        return folder

    return put


def card() -> MemorySnapshot:
    return issue_card("juki-v1", seed=1, applications=[Placement(LIBRARY, "lending")]).snapshot()


def test_forks_of_a_card_look_once(looked_up: list[str], lending: Callable[..., Path]) -> None:
    lending()
    kept = card()
    looked_up.clear()
    for _ in range(50):
        Card.restore(kept).fork().power_on()
    assert not looked_up, "it was looked up when the card was made"
    assert "lending" in further_kinds()
    assert not looked_up


def test_whatever_is_installed_or_taken_away_is_noticed(
    looked_up: list[str], lending: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = lending()
    assert find_kind("lending").package == "town-library"
    with pytest.raises(UnknownAppletError, match="'borrowing', which is not installed"):
        find_kind("borrowing")
    info = folder / "city_books-1.0.dist-info"  # beside it, in a folder on the path already
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: city-books\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[jukicard.applets]\nborrowing = town_library:Library\n")
    assert find_kind("borrowing").package == "city-books"
    os.rename(info, folder / "gone")
    with pytest.raises(UnknownAppletError, match="'borrowing', which is not installed"):
        find_kind("borrowing")
    monkeypatch.delitem(sys.modules, "town_library", raising=False)
    monkeypatch.setattr(sys, "path", [one for one in sys.path if one != str(folder)])
    with pytest.raises(UnknownAppletError, match="'lending', which is not installed"):
        find_kind("lending")
    assert len(looked_up) == 4


def test_a_package_that_fails_runs_once(looked_up: list[str], lending: Callable[..., Path]) -> None:
    """However often cards are opened, looked at, or have something installed."""
    lending()
    kept = card()
    lending(NOTED)
    opened = Card.restore(kept)
    opened.power_on()
    [fault] = [one.fault for one in opened.applications if one.fault]
    assert "ZeroDivisionError" in fault
    for _ in range(5):
        with pytest.raises(FaultyAppletError, match="ZeroDivisionError"):
            find_kind("lending")
        assert [one.fault for one in Card.restore(kept).applications if one.fault] == [fault]
        host = session(_powered())
        assert host.send(install()) == "009000"
    assert len(RAN) == 1


def _powered() -> Card:
    found = Card.restore(ISSUED)
    found.power_on()
    return found


REPAIRS: Final = {
    "the module": ("1 / 0", "town_branch/__init__.py", MODULE),
    "a module of it": ("from .part import NEEDED", "town_branch/part.py", "NEEDED = 1"),
    "what it needs": ("import needed_by_town", "needed_by_town.py", ""),
}


@pytest.mark.parametrize("what", REPAIRS)
def test_a_package_that_was_repaired_is_tried_again(
    lending: Callable[..., Path], what: str
) -> None:
    begins, file, repaired = REPAIRS[what]
    folder = _package(lending, begins)
    for _ in range(2):
        with pytest.raises(FaultyAppletError):
            find_kind("lending")
    (folder / file).write_text(repaired)
    assert find_kind("lending").load().__module__ == "town_branch"
    for name in [one for one in sys.modules if one.startswith(("town_branch", "needed_by_town"))]:
        del sys.modules[name]


def _package(lending: Callable[..., Path], begins: str) -> Path:
    """A package of two modules, of which the first begins with this and the second fails."""
    folder = lending(module="town_branch")
    (folder / "town_branch.py").unlink()
    (folder / "town_branch").mkdir()
    (folder / "town_branch" / "__init__.py").write_text(f"{begins}\n{MODULE}")
    (folder / "town_branch" / "part.py").write_text("1 / 0")
    return folder


def test_a_package_of_very_many_files_is_tried_each_time(
    looked_up: list[str], lending: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installed, "_MOST_FILES", 1)
    _package(lending, NOTED)
    for number in (1, 2, 3):
        with pytest.raises(FaultyAppletError):
            find_kind("lending")
        assert len(RAN) == number


def test_a_class_is_looked_at_once(
    looked_up: list[str], lending: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And another one of the name again: it may be no whole application."""
    lending()
    first = find_kind("lending").load()
    assert kinds._WHOLE["town_library:Library"] is first
    lending(MODULE.replace('type_name = "library"', "pass"))
    with pytest.raises(FaultyAppletError, match="no 'type_name'"):
        find_kind("lending")


def test_two_packages_that_claim_one_name_are_not_installed_in_each_others_place(
    lending: Callable[..., Path],
) -> None:
    """Neither is believed: the second would come in the first one's place, only by its name."""
    named = MODULE.replace(
        "    def new_state(self)",
        "    @classmethod\n    def usual_aid(cls, parameters):\n"
        f"        from jukicard.apdu import Aid\n        return Aid('{CLAIMED}')\n\n"
        "    def new_state(self)",
        1,
    )
    lending(named)
    host = session(card := _powered())
    listed = apdu(0xF2, 0x20, 0, b"\x4f" + bytes((len(CLAIMED),)) + CLAIMED)
    assert host.send(listed) == f"08{CLAIMED}01009000"
    assert host.send(install(module=CLAIMED, aid=CLAIMED)) == "009000"
    lending(named, name="city-books", kind="borrowing", module="city_books")
    assert host.send(listed) == "6A88"
    assert host.send(install(module=CLAIMED, aid=Aid(bytes(CLAIMED) + b"\1"))) == "6A88"
    assert card.last_refusal is not None
    assert card.last_refusal.reason == (
        f"applications of city-books and town-library are offered as {CLAIMED}: uninstall all but "
        "one"
    )
    assert card.transmit(bytes.fromhex(f"00A4040C08{CLAIMED}")) == b"\x90\x00", "it goes on"
    sys.modules.pop("city_books", None)
