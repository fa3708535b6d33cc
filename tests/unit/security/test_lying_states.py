"""A state, a session, a service and a description give exact values or are not believed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pytest

from jukicard.apdu import ClassByte, CommandApdu, ResponseApdu
from jukicard.filesystem.access import SecurityStatus
from jukicard.filesystem.lifecycle_table import Operation
from jukicard.runtime.applet import BasicState
from jukicard.runtime.kinds import offer_applet
from jukicard.runtime.placement import Privilege
from jukicard.securemessaging.session import ProtectionLevel
from tests.support.applets.intruder import (
    BUG,
    DENIED,
    INTRUDER,
    NEIGHBOUR,
    OK,
    IntruderApplet,
    attempt,
    goes_on,
    intruded,
    polite,
)
from tests.support.applets.iso_applet import IsoApplet
from tests.support.applets.liars import class_that_equals
from tests.support.applets.lying_arena import (
    Bites,
    LyingAid,
    LyingBytes,
    LyingCommand,
    LyingDict,
    LyingInt,
    LyingList,
    LyingRefusal,
    LyingResponse,
    LyingSecurity,
    LyingSet,
    LyingStr,
    LyingTuple,
    asks,
    lying_status,
    raised,
    watched,
    with_value,
)
from tests.support.naive.terminal import JUKI

pytestmark = pytest.mark.usefixtures("both_ways")

# --- its volatile state, which the layers around it use ---


class State(BasicState):
    """A state with the values it was told."""

    def __init__(self, **values: Any) -> None:
        super().__init__()
        for name, value in values.items():
            setattr(self, name, value)


class Session:
    """A session that says what it was told, and else unprotects to the command inside."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    @property
    def alive(self) -> Any:
        return self.values.get("alive", True)

    @property
    def level(self) -> Any:
        return self.values.get("level", ProtectionLevel.MAC)

    def unprotect(self, command: CommandApdu) -> Any:
        given = self.values.get("unprotect")
        return CommandApdu(0x80, 0x10, 0, 0, ne=256) if given is None else given(command)

    def protect(self, response: ResponseApdu) -> Any:
        given = self.values.get("protect")
        return response if given is None else given(response)

    def max_plain_length(self, ne: int) -> Any:
        return self.values.get("room", ne)

    def end(self) -> Any:
        return LyingStr("ended")


def select_of(name: bytes) -> CommandApdu:
    return CommandApdu(0x00, 0xA4, 0x04, 0x0C, name)


def changed(command: CommandApdu, **values: Any) -> CommandApdu:
    made = command.replace()
    with_value(made, **values)
    return made


def _forged_class(command: CommandApdu) -> CommandApdu:
    forged = object.__new__(ClassByte)
    for name in ClassByte.__slots__:
        object.__setattr__(forged, name, getattr(command.cla, name))
    object.__setattr__(forged, "value", LyingInt(0))
    return changed(command, cla=forged)


STATES: Final[dict[str, Callable[[], Any]]] = {
    "lying proofs": lambda: State(security=LyingSecurity()),
    "proofs that equal": lambda: State(security=class_that_equals(SecurityStatus)),
    "lying PINs": lambda: State(security=with_value(SecurityStatus(), verified=LyingSet())),
    "no PINs": lambda: State(security=with_value(SecurityStatus(), verified=LyingDict())),
    "a lying challenge": lambda: State(challenge=LyingBytes(b"12345678")),
    "a challenge that is text": lambda: State(challenge="12345678"),
    "a session that is text": lambda: State(messaging=LyingStr("x")),
}
SESSIONS: Final[dict[str, dict[str, Any]]] = {
    "a lying life": {"alive": LyingInt(1)},
    "a lying level": {"level": LyingInt(1)},
    "a level beyond": {"level": 7},
    "a lying command": {"unprotect": lambda c: LyingCommand(0x80, 0x10, 0, 0)},
    "lying data": {"unprotect": lambda c: changed(c, data=LyingBytes(b""))},
    "a lying instruction": {"unprotect": lambda c: changed(c, ins=LyingInt(0xB0))},
    "a lying P1": {"unprotect": lambda c: changed(c, p1=LyingInt(0))},
    "a lying P2": {"unprotect": lambda c: changed(c, p2=LyingInt(0))},
    "a lying Ne": {"unprotect": lambda c: changed(c, ne=LyingInt(256))},
    "a negative Ne": {"unprotect": lambda c: changed(c, ne=-1)},
    "a forged class": {"unprotect": _forged_class},
    "a class that is a number": {"unprotect": lambda c: changed(c, cla=LyingInt(0))},
    "another's name, lying": {"unprotect": lambda c: changed(select_of(JUKI), data=LyingAid(JUKI))},
    "no command": {"unprotect": lambda c: LyingStr("x")},
    "a lying refusal": {"unprotect": lambda c: raised(lambda: LyingRefusal(0x6988, "x"))(c, c)},
    "a lying answer": {"protect": lambda r: LyingResponse(b"x")},
    "lying data of an answer": {"protect": lambda r: with_value(r, data=LyingBytes(b"x"))},
    "a lying status of an answer": {
        "protect": lambda r: with_value(r, status=lying_status(0x9000))
    },
    "lying room": {"room": LyingInt(16)},
    "negative room": {"room": -5},
    "room that is text": {"room": "16"},
}
PROTECTED: Final = "0CB0000000", "0C10000000", "0CCA005A0A8E08000000000000000000"


@pytest.mark.parametrize("name", [*STATES, *SESSIONS])
def test_no_lie_of_a_state_goes_further(name: str) -> None:
    make = STATES.get(name) or (lambda: State(messaging=Session(**SESSIONS[name])))
    with watched(intruded()) as there:
        before = there.others()
        with attempt("new_state", lambda applet, given: make()):
            for command in (*PROTECTED, "8010000000", "00A4040C", "0084000008"):
                assert there.select(INTRUDER) in (OK, BUG)
                answer = there.send(command)
                assert type(answer) is bytes
            there.card.reset()
        assert there.others() == before
        goes_on(there)
        polite(there)


def test_a_session_that_tells_the_truth_is_used() -> None:
    """Else the above would pass for nothing."""
    give = attempt("new_state", lambda applet, given: State(messaging=Session()))
    with watched(intruded()) as there, give:
        there.select(INTRUDER)
        assert there.send("0CB0000000") == b"polite" + OK


@pytest.mark.parametrize("answer", [LyingBytes(b"x"), LyingStr("x"), bytearray(b"x")], ids=type)
def test_no_lie_is_served(answer: Any) -> None:
    with watched(intruded()) as there:
        with attempt("service", lambda applet, given: answer):
            there.select(NEIGHBOUR)
            assert there.send("8012000000") == DENIED
        goes_on(there)


DESCRIPTIONS: Final[dict[str, Callable[[], Any]]] = {
    "a lying list": lambda: LyingList([("a", "b")]),
    "a lying line": lambda: [LyingTuple(("a", "b"))],
    "a lying name": lambda: [(LyingStr("a"), "b")],
    "a lying text": lambda: [("a", LyingStr("b"))],
    "too much in a line": lambda: [("a", "b", "c")],
    "what is none": lambda: LyingDict(a="b"),
    "what bites": lambda: raised(Bites)(None, None),  # type: ignore[arg-type]
    "what never ends": lambda: [("", "") for _ in iter(int, 1)],
}


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_no_lie_is_shown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        IntruderApplet, "description", property(lambda applet: DESCRIPTIONS[name]())
    )
    with watched(intruded()) as there:
        found = there.card.applications.get(INTRUDER)
        assert found is not None
        [(what, text)] = found.description
        assert (type(what), type(text)) == (str, str)
        assert text.startswith("nothing that can be shown: ")


def test_what_is_shown_moves_no_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        IntruderApplet,
        "description",
        property(lambda applet: [("a", "\x1b[2J"), ("鍵", "3 tries")]),
    )
    with watched(intruded()) as there:
        found = there.card.applications.get(INTRUDER)
        assert found is not None
        assert found.description == [("a", r"'\x1b[2J'"), ("鍵", "3 tries")]


def test_a_kind_has_a_name_that_is_text() -> None:
    with pytest.raises(TypeError, match="name"):
        offer_applet(type("Liar", (IsoApplet,), {"type_name": LyingStr("test-liar")}))


def _change(context: Any, operation: Any) -> None:
    context.card.change(operation)


def test_the_right_to_change_the_card_is_used_with_exact_values() -> None:
    with watched(intruded(Privilege.CARD)) as there:
        for lie in (LyingStr("terminate"), class_that_equals(Operation)):
            with attempt("process", asks(partial(_change, operation=lie))):
                there.select(INTRUDER)
                assert there.send("8010000000") == BUG
            assert there.card.state.usable
        with attempt("process", asks(partial(_change, operation=Operation.DEACTIVATE))):
            there.select(INTRUDER)
            assert there.send("8010000000") == b"done" + OK
        assert not there.card.state.usable
