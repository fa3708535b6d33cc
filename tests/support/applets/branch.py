"""An application in two versions, and a card that the first one was on: what is taken over."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from jukicard import Card, issue_card
from jukicard.apdu import Aid
from jukicard.environment import CardEnvironment
from jukicard.filesystem.lifecycle_table import Operation
from jukicard.memory import PersistentMemory
from jukicard.memory.backend import Contents
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.placement import Placement, Privilege, entries_from_bytes
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


@contextmanager
def left_by_version_1(folder: Path) -> Iterator[Contents]:
    """Yield what a card keeps with three applications, one of them from after its issue."""
    with pytest.MonkeyPatch.context() as patch:
        installed(patch, folder, 1)
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


def opened(backend: FaultyBackend, on_bug: Callable[[Exception], None] = raise_bug) -> Card:
    memory = PersistentMemory(backend)
    return Card(CardEnvironment(memory=memory), on_bug=on_bug)


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
