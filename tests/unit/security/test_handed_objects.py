"""What an application from elsewhere is handed holds nothing that is not its own."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from enum import Enum
from types import BuiltinMethodType, MappingProxyType, MethodType
from typing import Any, Final

import pytest

from jukicard.apdu import Aid, ResponseApdu, StatusWord
from jukicard.runtime.cardstate import CardControl
from jukicard.runtime.confined import ConfinedContext, ConfinedMemory, ConfinedRandom
from jukicard.runtime.options import CardOptions
from jukicard.runtime.placement import Privilege
from tests.support.applets.intruder import (
    BUG,
    INTRUDER,
    OK,
    IntruderApplet,
    attempt,
    intruded,
)
from tests.support.applets.lying_arena import (
    LyingBytes,
    LyingInt,
    LyingStr,
    asks,
    tried,
    watched,
    with_value,
)

pytestmark = pytest.mark.usefixtures("both_ways")

# --- what it is handed ---

OPEN: Final = (ConfinedContext, ConfinedMemory, ConfinedRandom, CardControl, CardOptions)
"""The objects that an application is handed, and looked into."""
PLAIN: Final = (Aid, str, bytes, int, bool, StatusWord, type(None), MappingProxyType)
"""Values, which nobody can change."""


def reachable(holder: object, path: str) -> Iterator[tuple[str, object, object]]:
    """Yield everything that has a name without an underscore, and whose it is."""
    for name in dir(holder):
        if name.startswith("_"):
            continue
        value = getattr(holder, name)
        yield f"{path}.{name}", holder, value
        if type(value) in OPEN:
            yield from reachable(value, f"{path}.{name}")


@pytest.mark.parametrize("privileges", [(), (Privilege.CARD,)], ids=["none", "the card's"])
def test_nothing_it_is_handed_holds_more(privileges: tuple[Privilege, ...]) -> None:
    seen: dict[str, object] = {}

    def look(context: Any) -> None:
        for path, holder, value in reachable(context, "context"):
            seen[path] = value
            if isinstance(value, (MethodType, BuiltinMethodType)):
                assert value.__self__ is holder or value.__self__ is type(holder), path
                assert type(value) is MethodType, f"{path} is none of the card's own"
            elif not isinstance(value, Enum):
                assert type(value) in (*OPEN, *PLAIN), path

    with watched(intruded(*privileges)) as there:
        with attempt("process", asks(look)):
            there.select(INTRUDER)
            assert there.send("8010000000") == b"done" + OK, there.bugs
        assert type(seen["context.card"]) is (CardControl if privileges else type(None))
        assert {"context.memory.get", "context.random.take", "context.options.atr"} <= set(seen)


def test_what_it_is_handed_is_a_copy_or_cannot_be_changed() -> None:
    stolen: list[dict[str, str]] = []

    class Thief:
        """What a mapping proxy compares itself with gets the dictionary behind it."""

        def __eq__(self, other: object) -> bool:
            if isinstance(other, dict):
                stolen.append(other)
            return True

        __hash__ = None  # type: ignore[assignment]

    def spoil(context: Any) -> None:
        assert context.parameters == Thief()
        for parameters in stolen:
            parameters["privilege"] = bytearray()  # type: ignore[assignment]
        object.__setattr__(context.options, "channels", 1)
        object.__setattr__(context.options, "atr", bytearray())

    with watched(intruded()) as there:
        found = there.card.applications.get(INTRUDER)
        assert found is not None
        options = there.card.options
        atr, channels = options.atr, options.channels
        with attempt("process", asks(spoil)):
            there.select(INTRUDER)
            assert there.send("8010000000") == b"done" + OK
        assert found.placement.parameters == {"theirs": "given"}
        assert (options.atr, options.channels) == (atr, channels)


def test_the_command_it_is_handed_is_its_own() -> None:
    def spoil(applet: IntruderApplet, given: Any) -> ResponseApdu:
        command, _ = given
        with_value(command, ins=LyingInt(0), ne=LyingInt(7), data=LyingBytes(b"x"))
        with pytest.raises(AttributeError):
            command.cla.channel = 3
        return ResponseApdu(b"x" * 20)

    _, answer = tried("process", spoil)
    assert answer == b"x" * 20 + OK


# --- its own name for its code does not make it somebody else's ---


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize(
    "name", ["re", "jukicard.runtime.card", "jukicard.runtime.events", "construct", LyingStr("re")]
)
def test_code_that_goes_by_another_name_is_stopped(name: str) -> None:
    scope: dict[str, Any] = {"__name__": name}
    exec("def loop(*_):\n    while True:\n        pass", scope)
    _, answer = tried("process", scope["loop"])
    assert answer == BUG


@pytest.mark.parametrize("name", ["namedtuple_Evil"])
def test_what_passes_for_the_cards_own_code_is_stopped_in_the_end(name: str) -> None:
    scope: dict[str, Any] = {"__name__": name}
    exec("def loop(*_):\n    while True:\n        pass", scope)
    _, answer = tried("process", scope["loop"])
    assert answer == BUG


def test_a_dictionary_of_its_own_is_not_asked_for_its_name() -> None:
    class Scope(dict[str, Any]):
        def get(self, *_: Any) -> Any:
            raise AssertionError("asked, and where no step is counted")

    scope = Scope(operator=operator)
    exec("def done(applet, given):\n    raise ValueError\n", scope)
    _, answer = tried("process", scope["done"])
    assert answer == BUG
