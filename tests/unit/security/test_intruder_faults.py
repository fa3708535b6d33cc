"""An intruder gets nowhere: what it does wrong is a bug of its own, 6F00.

`on_bug` is told, nothing of the command lands, and the card goes on for everybody else.
"""

from __future__ import annotations

import time
from typing import Any, Final, NoReturn

import pytest

from jukicard.apdu import Aid, ResponseApdu, StatusWord
from jukicard.errors import IsoError
from tests.support.applets.intruder import (
    BUG,
    DENIED,
    INTRUDER,
    NEIGHBOUR,
    OK,
    Action,
    Arena,
    IntruderApplet,
    answers,
    arena,
    attempt,
    goes_on,
    intruded,
    polite,
    raises,
)

pytestmark = pytest.mark.usefixtures("both_ways")


class Unstoppable(BaseException):
    """Not an Exception, and nobody's."""


class _Evil(Exception):
    """An exception whose every part bites."""

    def __str__(self) -> NoReturn:
        raise RuntimeError("bitten")

    __repr__ = __str__


class _EvilRefusal(IsoError):
    """A refusal that is none when somebody looks."""

    def __init__(self) -> None:
        Exception.__init__(self)

    @property
    def status(self) -> NoReturn:  # type: ignore[override]
        raise RuntimeError("bitten")

    reason = status


def _loops(applet: IntruderApplet, given: Any) -> None:
    while True:
        pass


def _loops_and_swallows(applet: IntruderApplet, given: Any) -> None:
    while True:
        try:
            _loops(applet, given)
        except Exception:  # noqa: BLE001 - what a careless retry loop looks like
            continue


def _swallows_the_stop(applet: IntruderApplet, given: Any) -> ResponseApdu:
    """Catches even what is no Exception, once, and then answers as if nothing had been."""
    try:
        _loops(applet, given)
    except BaseException:  # noqa: BLE001
        return ResponseApdu(b"still here")
    return ResponseApdu()


def _recurses(applet: IntruderApplet, given: Any) -> Any:
    return _recurses(applet, given)


def _asks_itself(applet: IntruderApplet, given: Any) -> ResponseApdu:
    """Every service would have steps of its own, if they were not the caller's."""
    applet.context.share("more", lambda data: b"", INTRUDER)
    while True:
        applet.context.request(INTRUDER, "more", b"")


FAULTS: Final[dict[str, Action]] = {
    "an exception": raises(lambda: ZeroDivisionError("x")),
    "an exception that bites": raises(_Evil),
    "the end of the process": raises(lambda: SystemExit(0)),
    "the end of a generator": raises(GeneratorExit),
    "what is no Exception": raises(Unstoppable),
    "no more memory": raises(MemoryError),
    "a refusal that says 9000": raises(lambda: IsoError(StatusWord.OK, "fine")),
    "a refusal without a status": raises(lambda: IsoError(0x6985, "x")),  # type: ignore[arg-type]
    "a refusal without a reason": raises(lambda: IsoError(StatusWord.OK, 7)),  # type: ignore[arg-type]
    "a refusal that bites": raises(_EvilRefusal),
    "a loop": _loops,
    "a loop that swallows": _loops_and_swallows,
    "a stop that is swallowed": _swallows_the_stop,
    "a recursion": _recurses,
    "a loop of its own service": _asks_itself,
}
SLOW: Final = {"a loop", "a loop that swallows", "a stop that is swallowed",
               "a loop of its own service"}  # fmt: skip


def _reach(there: Arena, point: str) -> bytes:
    """Bring the card to a point where the intruder runs; what it answered there."""
    if point in ("init", "new_state", "select"):
        return there.select(INTRUDER)
    if point == "service":
        assert there.select(NEIGHBOUR) == OK
        return there.send("8012000000")
    assert there.select(INTRUDER) == OK
    if point == "process":
        return there.send("8010000000")
    if point == "deselect":
        return there.select(NEIGHBOUR)
    assert point == "forget"
    return there.send("0CCA005A0A8E08000000000000000000")


WANTED: Final = {
    "init": BUG, "new_state": BUG, "select": BUG, "process": BUG,
    "service": DENIED,  # another's bug is no bug of the client
    "deselect": OK,  # being left is not something to refuse
    "forget": BUG,
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("point", WANTED)
@pytest.mark.usefixtures("few_steps")
def test_what_it_does_wrong_stays_with_it(name: str, point: str) -> None:
    with arena(intruded()) as there:
        before = there.others()
        with attempt(point, FAULTS[name]):
            assert _reach(there, point) == WANTED[point], f"{there.card.last_refusal} {there.bugs}"
            assert bool(there.bugs) == (point != "service"), there.bugs
            assert there.others() == before
            if point != "init":
                goes_on(there)
        polite(there)
        goes_on(there)
        assert there.others() == before


@pytest.mark.parametrize("name", sorted(SLOW))
def test_the_real_budget_ends_within_seconds(name: str) -> None:
    with arena(intruded()) as there, attempt("process", FAULTS[name]):
        there.select(INTRUDER)
        began = time.process_time()
        assert there.send("8010000000") == BUG
        assert time.process_time() - began < 20
        goes_on(there)


def test_one_command_has_the_steps_of_one_command(few_steps: None) -> None:
    """What was used up in one command is there again in the next; half of it is enough."""

    def works(applet: IntruderApplet, given: Any) -> ResponseApdu:
        for _ in range(6_000):
            pass
        return ResponseApdu(b"done")

    with arena(intruded()) as there, attempt("process", works):
        there.select(INTRUDER)
        for _ in range(10):
            assert there.send("8010000000") == b"done" + OK


class _Answer(ResponseApdu):
    """A subclass, whose parts may say anything."""


def _changed(**parts: Any) -> Any:
    answer = ResponseApdu()
    for name, value in parts.items():
        setattr(answer, name, value)
    return answer


ANSWERS: Final[dict[str, Action]] = {
    "nothing": answers(lambda: None),
    "bytes": answers(lambda: b"\x90\x00"),
    "a subclass": answers(_Answer),
    "the class itself": answers(lambda: ResponseApdu),
    "an answer without parts": answers(lambda: object.__new__(ResponseApdu)),
    "more than fits an answer": answers(lambda: _changed(data=bytes(65_537))),
    "data that can change": answers(lambda: _changed(data=bytearray(2))),
    "text": answers(lambda: _changed(data="data")),
    "a number for a status": answers(lambda: _changed(status=0x9000)),
    "no status": answers(lambda: _changed(status=None)),
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("point", ["select", "process"])
def test_an_answer_that_is_none(name: str, point: str) -> None:
    with arena(intruded()) as there:
        with attempt(point, ANSWERS[name]):
            assert _reach(there, point) == BUG
            assert there.bugs
            goes_on(there)
        polite(there)


HELP: Final[dict[str, Action]] = {
    "nothing": answers(lambda: None),
    "text": answers(lambda: "help"),
    "bytes that can change": answers(lambda: bytearray(2)),
    "a subclass": answers(lambda: Aid(NEIGHBOUR)),
    "more than fits": answers(lambda: bytes(65_537)),
}


@pytest.mark.parametrize("name", HELP)
def test_a_service_that_answers_no_bytes(name: str) -> None:
    with arena(intruded()) as there, attempt("service", HELP[name]):
        assert _reach(there, "service") == DENIED
        assert [denial.aid for denial in there.denials] == [NEIGHBOUR]
        goes_on(there)


def test_a_service_that_is_granted_serves_and_may_refuse() -> None:
    with arena(intruded()) as there:
        there.select(INTRUDER)
        assert _reach(there, "service") == b"help for me" + OK
        refusal = raises(lambda: IsoError(StatusWord.FILE_NOT_FOUND, "no help today"))
        with attempt("service", refusal):
            assert _reach(there, "service") == b"\x6a\x82"
        assert not there.denials
        assert not there.bugs


def test_a_command_changed_behind_the_cards_back() -> None:
    """The layers around look at the command again; what they see is what came."""

    def change(applet: IntruderApplet, given: Any) -> ResponseApdu:
        command = given[0]
        command.ne = 1 << 30
        command.data = None
        command.ins = 0xB0
        return ResponseApdu(bytes(100))

    with arena(intruded()) as there, attempt("process", change):
        there.select(INTRUDER)
        assert there.send("8010000005") == bytes(5) + b"\x61\x5f"
        assert not there.bugs
        goes_on(there)


def test_the_class_byte_is_nobodys_to_change() -> None:
    def change(applet: IntruderApplet, given: Any) -> ResponseApdu:
        given[0].cla.channel = 7
        return ResponseApdu()

    with arena(intruded()) as there, attempt("process", change):
        there.select(INTRUDER)
        assert there.send("8010000000") == BUG
        goes_on(there)
