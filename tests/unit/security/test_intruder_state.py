"""An intruder gets nowhere: what it keeps of a channel gives it nothing.

Its volatile state is used by the layers around it; none of them trusts it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

import pytest

from jukicard.apdu import Aid, CommandApdu, ResponseApdu
from jukicard.runtime.applet import BasicState
from tests.support.applets.intruder import (
    BUG,
    DENIED,
    INTRUDER,
    NEIGHBOUR,
    OK,
    IntruderApplet,
    answers,
    arena,
    attempt,
    goes_on,
    intruded,
    polite,
    raises,
)
from tests.support.naive.terminal import JUKI, NaiveTerminal

pytestmark = pytest.mark.usefixtures("both_ways")


class _Biting:
    """Every attribute bites, to read and to set."""

    def __getattribute__(self, name: str) -> NoReturn:
        raise RuntimeError("bitten")

    def __setattr__(self, name: str, value: object) -> None:
        raise RuntimeError("bitten")


class _BitingSession(BasicState):
    """Claims to have a session, which is none."""

    def __init__(self) -> None:
        super().__init__()
        self.messaging = _Biting()


class _EndlessSession(BasicState):
    """A session that never ends, to the letter."""

    class _Session:
        alive = True
        level = 2

        def unprotect(self, command: CommandApdu) -> CommandApdu:
            while True:
                pass

    def __init__(self) -> None:
        super().__init__()
        self.messaging = self._Session()  # type: ignore[assignment]


class _BitingSecurity(BasicState):
    """What was proven bites."""

    def __init__(self) -> None:
        super().__init__()
        self.security = _Biting()  # type: ignore[assignment]


STATES: Final[dict[str, Callable[[], Any]]] = {
    "none": lambda: None,
    "a number": lambda: 7,
    "an object": object,
    "one that bites": _Biting,
    "one whose session bites": _BitingSession,
    "one whose session never ends": _EndlessSession,
    "one whose proofs bite": _BitingSecurity,
}
COMMANDS: Final = ("8010000000", "00CA005A00", "0CCA005A0A8E08000000000000000000", "00C0000000",
                   "0084000008", "10DA00C10100", "FF000000")  # fmt: skip


@pytest.mark.parametrize("name", STATES)
@pytest.mark.usefixtures("few_steps")
def test_a_state_that_is_none(name: str) -> None:
    """Whatever it gives for a state costs one command at most, and the application its place."""
    with arena(intruded()) as there:
        before = there.others()
        with attempt("new_state", answers(STATES[name])):
            for channel in (0, 1):
                if channel:
                    there.send("0070000001")
                for command in COMMANDS:
                    there.select(INTRUDER, channel)
                    there.send(f"{int(command[:2], 16) | channel:02X}{command[2:]}")
                    assert there.select(NEIGHBOUR, channel) in (OK, BUG, b"\x68\x83")
                    assert there.select(NEIGHBOUR, channel) == OK
                    goes_on(there)
        assert there.others() == before
        polite(there)


def test_a_state_kept_after_it_was_left_is_nobodys() -> None:
    """What it keeps of a channel gives it nothing when it has been left."""

    def keep(applet: IntruderApplet, given: Any) -> ResponseApdu:
        applet.kept.append(given)
        given[1].security.authenticated.add("COUNTER")
        return ResponseApdu()

    def use(applet: IntruderApplet, given: Any) -> ResponseApdu:
        for command, state in applet.kept:
            state.security.authenticated.add("COUNTER")
            state.security.verified.add(0x001C)
            state.challenge = bytes(8)
            command.data = b"x"
        return ResponseApdu()

    IntruderApplet.kept.clear()
    with arena(intruded()) as there:
        with attempt("process", keep):
            there.select(INTRUDER)
            there.send("8010000000")
        there.send("0070000001")
        assert there.select(Aid(JUKI), 0) == OK
        with attempt("process", use):
            there.select(INTRUDER, 1)
            assert there.send("8110000000") == OK
        assert there.send("00B2011400") == b"\x69\x82"
        assert there.send("0082008428" + "00" * 40 + "28") == DENIED
        goes_on(there)


def test_it_cannot_keep_a_card_from_being_suspended() -> None:
    """Selected on another channel, it is told to forget when rights are taken away."""
    for fault in (ZeroDivisionError, GeneratorExit, SystemExit):
        with arena(intruded()) as there:
            there.send("0070000001")
            there.select(INTRUDER, 1)
            number = there.send("00CA005A00")[2:10]
            terminal = NaiveTerminal(there.card.transmit, number)
            terminal.select(JUKI)
            terminal.authenticate(5)
            with attempt("forget", raises(fault)):
                suspend = CommandApdu(0x00, 0x04, 0, 0, b"\x3f\x00")
                assert terminal.protected(suspend).status == 0x9000
            there.card.power_on()
            assert there.select(Aid(JUKI)) == b"\x62\x83"


def test_it_ends_no_session_but_its_own() -> None:
    def end(applet: IntruderApplet, given: Any) -> ResponseApdu:
        applet.context.end_other_sessions()
        return ResponseApdu()

    with arena(intruded()) as there, attempt("process", end):
        there.send("0070000001")
        number = there.send("00CA005A00")[2:10]
        terminal = NaiveTerminal(there.card.transmit, number)
        terminal.select(JUKI)
        terminal.authenticate(5)
        there.select(INTRUDER, 1)
        assert there.send("8110000000") == OK
        assert terminal.protected(CommandApdu(0x00, 0xB0, 0x83, 0, ne=16)).status == 0x9000
