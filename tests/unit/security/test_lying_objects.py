"""Objects of an application's own stay on its side: every border crossing, with a liar.

What an application from elsewhere hands over is of exactly the type it should be, made anew, or
refused; and what it is handed holds nothing that is not its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from jukicard import Card
from jukicard.apdu import Aid, ResponseApdu, StatusWord
from jukicard.errors import IsoError
from jukicard.memory import MemoryFailureError
from jukicard.runtime.events import LifeCycleChanged, RetryCounterChanged, SecurityStatusChanged
from jukicard.runtime.firewall import AppletMisbehavedError
from tests.support.applets.intruder import (
    ALLY,
    BUG,
    DENIED,
    INTRUDER,
    NEIGHBOUR,
    OK,
    IntruderApplet,
    attempt,
    goes_on,
    intruded,
)
from tests.support.applets.liars import class_that_equals, lying
from tests.support.applets.lying_arena import (
    Bites,
    LyingAid,
    LyingBytes,
    LyingFailure,
    LyingInt,
    LyingRefusal,
    LyingResponse,
    LyingStr,
    asks,
    lying_status,
    raised,
    tried,
    watched,
    with_value,
)
from tests.support.naive.terminal import JUKI

pytestmark = pytest.mark.usefixtures("both_ways")

# --- what it hands over ---


EVENTS: Final[dict[str, Callable[[], Any]]] = {
    "another's, by a lying AID": lambda: LifeCycleChanged(LyingAid(JUKI), "x", "y"),
    "its own, by a lying AID": lambda: LifeCycleChanged(LyingAid(INTRUDER), "x", "y"),
    "an AID that is bytes": lambda: with_value(LifeCycleChanged(INTRUDER, "", ""), aid=b"12345"),
    "a lying text": lambda: LifeCycleChanged(INTRUDER, LyingStr("x"), "y"),
    "a lying state": lambda: LifeCycleChanged(INTRUDER, "x", LyingStr("y")),
    "a lying reference": lambda: RetryCounterChanged(INTRUDER, LyingStr("x"), 3),
    "a lying number": lambda: RetryCounterChanged(INTRUDER, "x", LyingInt(3)),
    "a lying status": lambda: SecurityStatusChanged(INTRUDER, LyingStr("x"), True),
    "a truth that is a number": lambda: with_value(
        SecurityStatusChanged(INTRUDER, "x", True), holds=LyingInt(1)
    ),
    "a lying event": lambda: lying(LifeCycleChanged)(INTRUDER, "x", "y"),
    "a class that equals it": lambda: class_that_equals(
        LifeCycleChanged, aid=INTRUDER, what="x", state="y"
    ),
    "what is no event": lambda: LyingStr("x"),
}


@pytest.mark.parametrize("name", EVENTS)
def test_no_lie_is_told_to_the_observers(name: str) -> None:
    there, answer = tried("process", asks(lambda context: context.emit(EVENTS[name]())))
    assert answer == DENIED
    assert not [event for event in there.events if isinstance(event, (LifeCycleChanged))]
    assert [denial.aid for denial in there.denials] == [INTRUDER]


def test_what_it_told_is_not_changed_afterwards() -> None:
    event = SecurityStatusChanged(INTRUDER, "x", True)

    def tell(context: Any) -> None:
        context.emit(event)
        with_value(event, aid=JUKI, what=LyingStr("COUNTER"))

    there, answer = tried("process", asks(tell))
    assert answer == b"done" + OK
    assert SecurityStatusChanged(INTRUDER, "x", True) in there.events


def test_it_is_the_same_whether_somebody_listens() -> None:
    card = Card.restore(intruded(), on_bug=lambda bug: None)
    card.power_on()
    card.transmit(bytes((0, 0xA4, 4, 0x0C, len(INTRUDER))) + INTRUDER)
    with attempt("process", asks(lambda c: c.emit(LifeCycleChanged(Aid(JUKI), "x", "y")))):
        assert card.transmit(bytes.fromhex("8010000000")) == DENIED


CALLS: Final[dict[str, Callable[[Any], Any]]] = {
    "request: name": lambda c: c.request(NEIGHBOUR, LyingStr("mine"), b""),
    "request: owner": lambda c: c.request(LyingAid(NEIGHBOUR), "mine", b""),
    "request: data": lambda c: c.request(NEIGHBOUR, "mine", LyingBytes(b"")),
    "share: name": lambda c: c.share(LyingStr("mine"), bytes, ALLY),
    "share: to": lambda c: c.share("mine", bytes, LyingAid(ALLY)),
    "set an attribute": lambda c: setattr(c, LyingStr("aid"), JUKI),
    "set its name": lambda c: object.__setattr__(c, "aid", JUKI),
    "set its memory": lambda c: object.__setattr__(c, "memory", None),
    "put: key": lambda c: c.memory.put(LyingStr("key"), b""),
    "put: value": lambda c: c.memory.put("key", LyingBytes(b"")),
    "put: mutable value": lambda c: c.memory.put("key", bytearray()),
    "put_now: key": lambda c: c.memory.put_now(LyingStr("key"), b""),
    "put_now: value": lambda c: c.memory.put_now("key", LyingBytes(b"")),
    "delete: key": lambda c: c.memory.delete(LyingStr("key")),
    "get: key": lambda c: c.memory.get(LyingStr("content/2")),
    "get: no key": lambda c: c.memory.get(class_that_equals(str)),
    "set its memory's way to read": lambda c: object.__setattr__(c.memory, "get", None),
    "set its memory's name": lambda c: object.__setattr__(c.memory, "name", "card"),
    "randomness: a lying size": lambda c: c.random.take(LyingInt(8)),
    "randomness: a negative size": lambda c: c.random.take(-1),
    "randomness: too much": lambda c: c.random.take(1 << 40),
    "randomness: no size": lambda c: c.random.take("8"),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_call_takes_exact_values_only(name: str) -> None:
    _, answer = tried("process", asks(CALLS[name]))
    assert answer in (DENIED, BUG)


ANSWERS: Final[dict[str, Callable[[], Any]]] = {
    "a lying response": lambda: LyingResponse(b"x"),
    "lying data": lambda: with_value(ResponseApdu(), data=LyingBytes(b"x")),
    "a lying status": lambda: with_value(ResponseApdu(), status=lying_status(0x9000)),
    "a number as status": lambda: with_value(ResponseApdu(), status=LyingInt(0x9000)),
    "a class that equals one": lambda: class_that_equals(
        ResponseApdu, data=b"x", status=StatusWord.OK
    ),
    "no data": lambda: with_value(ResponseApdu(), data=None),
}


@pytest.mark.parametrize("point", ["select", "process"])
@pytest.mark.parametrize("name", ANSWERS)
def test_no_lie_is_answered(name: str, point: str) -> None:
    _, answer = tried(point, lambda applet, given: ANSWERS[name]())
    assert answer == BUG


def test_nothing_can_be_put_on_a_status_word() -> None:
    """The named ones are everybody's: what was put on them would answer for all."""
    for status in (StatusWord(0x9000), StatusWord.OK):
        with pytest.raises(AttributeError):
            status.to_bytes = lambda *_: b"evil"  # type: ignore[method-assign]


def test_an_answer_is_not_changed_afterwards() -> None:
    kept = ResponseApdu(b"x" * 300)

    def change(applet: IntruderApplet, given: Any) -> Any:
        with_value(kept, data=LyingBytes(b"evil"), status=lying_status(0x9000))

    with watched(intruded()) as there:
        there.send("0070000001")
        there.select(INTRUDER, 1)
        there.select(INTRUDER)

        def answer(applet: IntruderApplet, given: Any) -> ResponseApdu:
            applet.context.end_other_sessions()  # and be told to forget, on the other channel
            return kept

        with attempt("process", answer), attempt("forget", change):
            assert there.send("8010000000") == b"x" * 256 + b"\x61\x2c"
        assert there.send("00C000002C") == b"x" * 44 + OK


def _named_by_a_liar() -> BaseException:
    kind: Any = type("Named", (Exception,), {})
    kind.__name__ = LyingStr("Named")
    error: BaseException = kind()
    return error


ERRORS: Final[dict[str, Callable[[], BaseException]]] = {
    "a lying refusal": lambda: LyingRefusal(StatusWord.FILE_NOT_FOUND, "x"),
    "a lying reason": lambda: IsoError(StatusWord.FILE_NOT_FOUND, LyingStr("x")),
    "a lying status": lambda: IsoError(lying_status(0x6A82), "x"),
    "a lying failure of memory": lambda: LyingFailure("x"),
    "a failure of memory for a lying reason": lambda: MemoryFailureError(LyingStr("x")),
    "a misbehaviour for a lying reason": lambda: AppletMisbehavedError(LyingStr("x")),
    "one that bites": Bites,
    "one with a lying name": _named_by_a_liar,
    "one of lying values": lambda: ValueError(LyingStr("x")),
}


@pytest.mark.parametrize(
    "point", ["init", "new_state", "select", "process", "deselect", "forget", "service"]
)
@pytest.mark.parametrize("name", ERRORS)
def test_no_lie_is_raised(name: str, point: str) -> None:
    with watched(intruded()) as there:
        with attempt(point, raised(ERRORS[name])):
            there.send("0070000001")
            there.select(INTRUDER, 1)
            there.select(INTRUDER)
            there.send("8010000000")
            there.select(NEIGHBOUR)
            served = DENIED, b"\x6a\x82", b"\x65\x81", b"help for me" + OK
            assert there.send("8012000000") in served
            number = there.send("00CA005A00")
            assert number
        goes_on(there)


def test_a_refusal_is_what_it_was_when_it_was_raised() -> None:
    refusal = IsoError(StatusWord.FILE_NOT_FOUND, "not here")
    there, answer = tried("process", raised(lambda: refusal))
    assert answer == b"\x6a\x82"
    assert [event for event in there.events if "not here" in str(event)]
