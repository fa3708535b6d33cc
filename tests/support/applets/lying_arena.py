"""What tests of an application's own objects share: a watched arena, and what liars hand over."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from jukicard import Card
from jukicard.apdu import Aid, CommandApdu, Ins, ResponseApdu, StatusWord
from jukicard.errors import IsoError
from jukicard.filesystem.access import SecurityStatus
from jukicard.memory import MemoryFailureError, MemorySnapshot
from jukicard.runtime import events as told
from jukicard.runtime.application import ConfinedApplication
from jukicard.runtime.firewall import AppletMisbehavedError
from tests.support.applets.intruder import (
    INTRUDER,
    Action,
    Arena,
    IntruderApplet,
    arena,
    attempt,
    goes_on,
    intruded,
    polite,
)
from tests.support.applets.liars import NOTEBOOK, lying
from tests.support.naive.terminal import JUKI

LyingAid, LyingStr, LyingBytes = lying(Aid), lying(str), lying(bytes)
LyingInt, LyingTuple, LyingList, LyingSet, LyingDict = map(lying, (int, tuple, list, set, dict))
LyingStatus, LyingResponse, LyingCommand = map(lying, (StatusWord, ResponseApdu, CommandApdu))
LyingRefusal, LyingFailure = lying(IsoError), lying(MemoryFailureError)
LyingSecurity = lying(SecurityStatus)
EXACT: Final = (Aid, Ins, str, bytes, int, bool, StatusWord, tuple, type(None))


def lying_status(value: int) -> Any:
    """A status word of a subclass; made past `StatusWord`, which gives out its own."""
    return int.__new__(LyingStatus, value)


@contextmanager
def watched(snapshot: MemorySnapshot) -> Iterator[Arena]:
    """The arena; whatever was told and kept is of exact types, and no liar was asked outside."""
    with arena(snapshot) as there:
        found = there.card.applications.get(INTRUDER)
        assert isinstance(found, ConfinedApplication)
        NOTEBOOK.inside = lambda: found.budget.running
        NOTEBOOK.outside.clear()
        try:
            yield there
            _look_at(there)
        finally:
            NOTEBOOK.inside = lambda: True
        assert not NOTEBOOK.outside


def _look_at(there: Arena) -> None:
    """Do what observers do with what they are told: print it, compare it, keep it."""
    for event in there.events:
        assert type(event) in vars(told).values()
        for field in dataclasses.fields(event):
            value = getattr(event, field.name)
            assert type(value) in EXACT, field.name
        assert repr(event)
        assert [event].index(event) == 0
    for bug in there.bugs:
        assert type(bug) in (AppletMisbehavedError, IsoError, MemoryFailureError)
        assert str(bug)
    assert str(there.card.last_refusal)
    exported = there.card.snapshot().export_with_keys()
    assert there.card.fork().snapshot().export_with_keys() == exported
    assert Card.restore(MemorySnapshot.from_bytes(exported)).profile == there.card.profile


def tried(point: str, action: Action, *, after: tuple[str, ...] = ()) -> tuple[Arena, bytes]:
    """Let the intruder do this, look at everything, and go on; the answer to its command."""
    with watched(intruded()) as there:
        before = there.others()
        with attempt(point, action):
            selected = there.select(INTRUDER)
            answer = there.send("8010000000") if point != "select" else selected
            for command in after:
                there.send(command)
            there.select(Aid(JUKI))
        assert there.others() == before
        goes_on(there)
        polite(there)
    return there, answer


def asks(what: Callable[[Any], Any]) -> Action:
    """Do something with the context, and answer politely if it was not refused."""

    def action(applet: IntruderApplet, given: Any) -> ResponseApdu:
        what(applet.context)
        return ResponseApdu(b"done")

    return action


def with_value(event: Any, **values: Any) -> Any:
    """An event of the right class with a value that its class would not have taken."""
    for name, value in values.items():
        object.__setattr__(event, name, value)
    return event


def raised(error: Callable[[], BaseException]) -> Action:
    def action(applet: IntruderApplet, given: Any) -> Any:
        raise error()

    return action


class Bites(Exception):
    """Whose every text is code."""

    def __str__(self) -> str:
        NOTEBOOK.note("Bites.__str__")
        return "bitten"

    __repr__ = __str__

    @property
    def args(self) -> Any:  # type: ignore[override]
        NOTEBOOK.note("Bites.args")
        return ()

    @property
    def __traceback__(self) -> Any:  # type: ignore[override]
        NOTEBOOK.note("Bites.__traceback__")
        return None
