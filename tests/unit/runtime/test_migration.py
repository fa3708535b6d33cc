"""An application of an earlier version on a card: it is taken over whole, or out of use alone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from jukicard import Card, MemorySnapshot, issue_card
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.kit import DedicatedFile, Files, FileState, FileTree, TransparentFile
from jukicard.memory import (
    MemoryFailureError,
    PowerLoss,
    RamBackend,
)
from jukicard.memory.backend import Contents
from jukicard.runtime import kinds
from jukicard.runtime.handlers import DeclarationError
from jukicard.runtime.kinds import UnknownAppletError, offer_applet
from jukicard.runtime.placement import (
    entries_from_bytes,
    entries_to_bytes,
)
from jukicard.testing.faults import FaultyBackend
from tests.support.applets.branch import (
    FIRST,
    LATER,
    SECOND,
    TAKEN_OVER,
    TAKES_OVER,
    opened,
    parts,
    rest,
    versions,
)
from tests.support.published.transcript import play


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
        card = opened(backend, lambda bug: None)
        [said] = [one.fault for one in card.applications if one.fault]
        assert re.search(r"it raised ValueError; .*update the package that offers it", said)
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
