"""An application of an earlier version on a card: it is taken over whole, or the card stays."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from jukicard import Card, MemorySnapshot, issue_card
from jukicard.apdu import Aid
from jukicard.environment import CardEnvironment
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.lifecycle_table import Operation
from jukicard.kit import DedicatedFile, Files, FileState, FileTree, TransparentFile
from jukicard.memory import MemoryFailureError, PersistentMemory, PowerLoss, RamBackend
from jukicard.memory.backend import Contents
from jukicard.runtime import kinds
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.handlers import DeclarationError
from jukicard.runtime.kinds import UnknownAppletError, offer_applet
from jukicard.runtime.placement import (
    Placement,
    Privilege,
    entries_from_bytes,
    entries_to_bytes,
)
from jukicard.testing.faults import FaultyBackend
from tests.support.elsewhere import install_distribution
from tests.support.published.transcript import play

FIRST, SECOND, LATER = (Aid(f"F04C49425241525{number}") for number in (1, 2, 3))
SOURCE: Final = """
from jukicard.kit import Aid, IsoError, ResponseApdu, StatusWord
from jukicard.runtime.applet import Applet, BasicState


class Library(Applet):
    type_name = "branch"
    version = {version}

    @classmethod
    def usual_aid(cls, parameters):
        return Aid("F04C494252415251")

    def new_state(self):
        return BasicState()

    def select(self, command, state):
        return ResponseApdu(b"v%d" % self.version)

    def process(self, command, state):
        for key, value in (("kept", b"old"), ("gone", b"old"), ("tries", b"3")):
            self.context.memory.put(key, value)
        return ResponseApdu()
{migrate}
"""
TAKES_OVER: Final = """
    def migrate(self, before):
        memory = self.context.memory
        memory.put("kept", memory.get("kept") + b", of version %d" % before)
        memory.delete("gone")
        memory.put("new", b"file")
        memory.put_now("tries", b"2")
"""
TAKEN_OVER: Final = {"kept": b"old, of version 1", "new": b"file", "tries": b"2"}


def installed(patch: pytest.MonkeyPatch, folder: Path, version: int, migrate: str = "") -> None:
    sys.modules.pop("town_library", None)
    source = SOURCE.format(version=version, migrate=migrate)
    install_distribution(patch, folder, kind="branch", source=source)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Contents]:
    """What a card keeps with three applications of version 1, one of them from after its issue."""
    with pytest.MonkeyPatch.context() as patch:
        installed(patch, tmp_path_factory.mktemp("one"), 1)
        places = [
            Placement(FIRST, "branch", privileges=frozenset({Privilege.CARD})),
            Placement(SECOND, "branch"),
        ]
        card = issue_card("juki-v1", seed=1, applications=places, on_bug=raise_bug)
        with card.environment.memory.transaction():
            card.applications.install(Placement(LATER, "branch"), after_issue=True)
            card.applications.change(LATER, Operation.ACTIVATE)
        card.power_on()
        for aid in (FIRST, SECOND, LATER):
            play(card, f"00A4040C{len(aid):02X}{aid}00 -> 7631 9000 \n 8000000000 -> 9000")
        with card.environment.memory.transaction():
            card.applications.change(SECOND, Operation.DEACTIVATE)
        yield card.environment.memory.snapshot().contents()
    sys.modules.pop("town_library", None)


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Installs version 2, or another, with a migration."""

    def install(migrate: str = "", version: int = 2) -> None:
        installed(monkeypatch, tmp_path / f"{version}", version, migrate)

    yield install
    sys.modules.pop("town_library", None)


def opened(backend: FaultyBackend) -> Card:
    memory = PersistentMemory(backend)
    return Card(CardEnvironment(memory=memory), on_bug=raise_bug)


def parts(contents: Contents) -> dict[Aid, dict[str, bytes]]:
    return {aid: contents[f"application {aid}"] for aid in (FIRST, SECOND, LATER)}


def rest(contents: Contents) -> Contents:
    """All but the applications and the list of them."""
    ours = {f"application {aid}" for aid in (FIRST, SECOND, LATER)}
    own = {key: value for key, value in contents["card"].items() if key != "applications"}
    return {**{name: part for name, part in contents.items() if name not in ours}, "card": own}


def versions(contents: Contents) -> list[int]:
    entries = entries_from_bytes(contents["card"]["applications"], lambda kind: False)
    return [entry.version for entry in entries if entry.placement.kind == "branch"]


def test_what_is_kept_is_taken_over_in_one_write(
    before: Contents, second: Callable[..., None]
) -> None:
    second(TAKES_OVER)
    backend = FaultyBackend(RamBackend(before))
    card = opened(backend)
    after = backend.load()
    assert parts(after) == dict.fromkeys((FIRST, SECOND, LATER), TAKEN_OVER)
    assert versions(after) == [2, 2, 2]
    assert rest(after) == rest(before)
    assert backend.writes == 1
    card.power_on()
    play(card, f"00A4040C08{FIRST}00 -> 7632 9000 \n 00A4040C08{SECOND} -> 6283")
    assert card.applications.entry(SECOND).state is LifeCycleState.DEACTIVATED
    opened(backend)
    assert backend.writes == 1, "it is not done a second time"


def test_a_fork_of_an_earlier_snapshot_is_taken_over_too(
    before: Contents, second: Callable[..., None]
) -> None:
    second(TAKES_OVER)
    card = Card.restore(MemorySnapshot(before))
    assert parts(card.snapshot().contents())[FIRST] == TAKEN_OVER
    assert versions(card.fork().snapshot().contents()) == [2, 2, 2]


def test_it_is_told_which_version_was_before(before: Contents, second: Callable[..., None]) -> None:
    second(TAKES_OVER)
    backend = FaultyBackend(RamBackend(before))
    opened(backend)
    second(TAKES_OVER, version=7)
    opened(backend)
    after = backend.load()
    assert parts(after)[FIRST]["kept"] == b"old, of version 1, of version 2"
    assert versions(after) == [7, 7, 7]


@pytest.mark.parametrize("landed", [False, True])
def test_a_power_cut_leaves_the_old_or_the_new(
    before: Contents, second: Callable[..., None], landed: bool
) -> None:
    """There is one write; after a cut at it the card is what it was, or what it is to be."""
    second(TAKES_OVER)
    backend = FaultyBackend(RamBackend(before), cut_after=1, landed=landed)
    with pytest.raises(PowerLoss):
        opened(backend)
    backend.cut_after = None
    left = backend.load()
    assert (left == before) is not landed
    assert versions(left) == [1 + landed] * 3
    opened(backend)
    after = backend.load()
    assert parts(after) == dict.fromkeys((FIRST, SECOND, LATER), TAKEN_OVER)
    assert versions(after) == [2, 2, 2]


def test_a_memory_that_fails_leaves_the_old(before: Contents, second: Callable[..., None]) -> None:
    second(TAKES_OVER)
    backend = FaultyBackend(RamBackend(before), fail_after=1)
    with pytest.raises(MemoryFailureError):
        opened(backend)
    assert backend.load() == before


WRITES: Final = """
        self.context.memory.put("kept", b"half")
        self.context.memory.put_now("tries", b"0")
"""
AT_ONCE: Final = f"""
    def migrate(self, before):{WRITES}"""
FAILS: Final = {
    "none": ("", "cannot take it over: there is no migration; "),
    "refuses": (
        AT_ONCE
        + '        raise IsoError(StatusWord.FUNCTION_NOT_SUPPORTED, f"nothing of {before}")',
        "cannot take it over: nothing of 1; ",
    ),
    "unprintable": (
        AT_ONCE + '        raise IsoError(StatusWord.FUNCTION_NOT_SUPPORTED, "a\\nb" * 500)',
        r"over: 'a\\nba\\nb",
    ),
    "raises": (AT_ONCE + "        1 / 0", "the application raised ZeroDivisionError"),
    "exits": (AT_ONCE + "        raise SystemExit", "the application raised SystemExit"),
    "memory": (
        AT_ONCE
        + "        from jukicard.memory import MemoryFailureError\n"
        + "        raise MemoryFailureError('full')",
        "it raised MemoryFailureError",
    ),
    "loops": (AT_ONCE + "        while True:\n            pass", "more than 1000000 steps"),
    "value": (AT_ONCE + "        self.context.memory.put('x', 'text')", "raised TypeError"),
    "quota": (
        AT_ONCE
        + f"        if self.context.aid == Aid('{LATER}'):\n"
        + "            self.context.memory.put('x', bytes(70_000))",
        "the quota of memory for applications that came after issue is used up",
    ),
    "service": (
        AT_ONCE + "        self.context.request(Aid('F04C494252415251'), 'x', b'')",
        "may not use service 'x'",
    ),
    "last": (
        AT_ONCE + f"        assert self.context.aid != Aid('{LATER}')",
        f"the application {LATER} .*raised AssertionError",
    ),
    "constructor": (
        "\n    def __init__(self, context):\n        1 / 0" + TAKES_OVER,
        "the application raised ZeroDivisionError",
    ),
    "no method": ("\n    migrate = None", "the application raised TypeError"),
}


@pytest.mark.parametrize("how", FAILS)
def test_what_cannot_be_taken_over_is_said_and_the_card_stays(
    before: Contents, second: Callable[..., None], how: str
) -> None:
    """Whatever goes wrong, and whatever was written by then, at once too; of all or of the last."""
    migrate, why = FAILS[how]
    second(migrate)
    backend = FaultyBackend(RamBackend(before))
    with pytest.raises(UnknownAppletError, match=why) as refused:
        opened(backend)
    said = str(refused.value)
    assert said.startswith(f"the application {FIRST if LATER.hex().upper() not in said else LATER}")
    assert "('branch') of this card is of version 1, and version 2, which is installed here" in said
    assert said.endswith(
        "the card is as it was: update town-library, or use the card where version 1 is installed"
    )
    assert said.isprintable()
    assert len(said) < 600
    assert (backend.writes, backend.load()) == (0, before)


def test_only_its_own_memory_is_changed(before: Contents, second: Callable[..., None]) -> None:
    """With the privilege for it, too: a card is ended by a command, and never by a migration."""
    second(
        TAKES_OVER
        + "        from jukicard.filesystem.lifecycle_table import Operation\n"
        + "        if self.context.card is not None:\n"
        + "            self.context.card.change(Operation.TERMINATE)\n"
    )
    backend = FaultyBackend(RamBackend(before))
    assert opened(backend).state.usable
    assert rest(backend.load()) == rest(before)
    assert versions(backend.load()) == [2, 2, 2]


def test_a_later_version_than_the_installed_one_is_said(
    before: Contents, second: Callable[..., None]
) -> None:
    second(TAKES_OVER, version=3)
    backend = FaultyBackend(RamBackend(before))
    opened(backend)
    left = backend.load()
    second(TAKES_OVER, version=2)
    said = (
        rf"the application {FIRST} \('branch'\) of this card is of version 3, and version 2 is "
        "installed here: update town-library"
    )
    with pytest.raises(UnknownAppletError, match=said):
        opened(backend)
    assert backend.load() == left


def test_what_another_program_has_put_there_is_taken_over_at_power_on(
    before: Contents, second: Callable[..., None]
) -> None:
    second(TAKES_OVER)
    kept = RamBackend(before)
    card = opened(FaultyBackend(kept))
    kept.write({"card": before["card"], **{f"application {FIRST}": before[f"application {FIRST}"]}})
    card.power_on()
    assert versions(kept.load()) == [2, 2, 2]
    assert parts(kept.load())[FIRST]["kept"] == TAKEN_OVER["kept"]


def test_an_installation_is_of_the_version_that_is_installed(second: Callable[..., None]) -> None:
    second(TAKES_OVER)
    card = issue_card("juki-v1", seed=1, applications=["branch"])
    kept = card.environment.memory.snapshot().contents()
    assert versions(kept) == [2]
    backend = FaultyBackend(RamBackend(kept))
    opened(backend)
    assert backend.writes == 0


class Shelf(Files[FileState]):
    """Offered as trusted: its declaration says what it keeps."""

    type_name = "test-shelf"
    pin_waiver = "it is a test"
    tree = FileTree(
        DedicatedFile(
            name=FIRST,
            files=(TransparentFile(fid=1, size=2),),
        )
    )


@pytest.mark.parametrize("spoiled", [False, True])
def test_a_trusted_one_must_leave_what_it_declares(
    monkeypatch: pytest.MonkeyPatch, spoiled: bool
) -> None:
    monkeypatch.setattr(kinds, "_OFFERED", {})
    offer_applet(Shelf, trusted=True)
    kept = issue_card("juki-v1", seed=1, applications=["test-shelf"]).snapshot().contents()

    class NextShelf(Shelf):
        version = 2

        def migrate(self, before: int) -> None:
            value = b"\x09" if spoiled else b"\x05"
            self.context.memory.put(self.tree.ef(1).state_key, value)
            assert before == 1

    monkeypatch.setattr(kinds, "_OFFERED", {})
    offer_applet(NextShelf, trusted=True)
    backend = FaultyBackend(RamBackend(kept))
    if spoiled:
        with pytest.raises(UnknownAppletError, match=r"it raised ValueError; .*update the package"):
            opened(backend)
        assert backend.load() == kept
    else:
        opened(backend)
        assert backend.writes == 1


@pytest.mark.parametrize("version", [0, -1, 65536, True, "2", None, 1.0])
def test_what_is_no_version_is_no_application(version: object) -> None:
    with pytest.raises(DeclarationError, match=r"version is not a number, 1 to 65535"):
        type("Odd", (Shelf,), {"type_name": "odd", "version": version})


def test_own_kinds_keep_version_1() -> None:
    """A kind's own class is not loaded for its version; vectors/state holds what they must read."""
    for name in kinds._own_kinds():
        assert kinds.applet_class(name).version == kinds.find_kind(name).version == 1


@pytest.mark.parametrize("version", [0, -1, True, "2", None, 1.5])
def test_a_card_remembers_a_version_or_is_damaged(version: object) -> None:
    import json

    kept = json.loads(entries_to_bytes([]))
    assert kept == []
    entry = {"aid": str(FIRST), "type": "branch", "parameters": {}, "privileges": []}
    [read] = entries_from_bytes(json.dumps([entry]).encode(), lambda kind: False)
    assert read.version == 1, "cards of 0.1.0 say none"
    assert b"version" not in entries_to_bytes([read])
    [again] = entries_from_bytes(entries_to_bytes([read._replace(version=9)]), lambda kind: False)
    assert again.version == 9
    spoiled = json.dumps([{**entry, "version": version}]).encode()
    with pytest.raises(ValueError, match="1 or more"):
        entries_from_bytes(spoiled, lambda kind: False)
