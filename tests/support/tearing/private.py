"""Scenarios of the tearing suite for PACE, and for what is done in the session it opens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from jukicard.apdu import CommandApdu, ResponseApdu, StatusWord, Tlv
from jukicard.kit.features.privacy import Privacy
from tests.support.naive.pace import NUMBER, G, NaivePace, encode, set_password
from tests.support.naive.terminal import NaiveTerminal
from tests.support.tearing.access import Subject, pin_value
from tests.support.tearing.cuts import Guess, Scenario
from tests.support.tearing.rig import NotReached, Rig

ACT = Callable[[Rig], ResponseApdu]
OTHER_NUMBER: Final = "654321"


@dataclass
class PrivateSession:
    """A session of the naive terminal, as the rig sends through one."""

    terminal: NaiveTerminal

    @property
    def alive(self) -> bool:
        """True while the session goes on."""
        return 0 in self.terminal.sessions

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """Send one command protected."""
        return self.terminal.protected(command)


def numbered(subject: Subject) -> Callable[[Rig], None]:
    """Return the edit that gives an application the number on the card."""

    def edit(rig: Rig) -> None:
        applet = rig.applet(subject.aid)
        assert isinstance(applet, Privacy)
        applet.passwords.set(NUMBER.encode("ascii"))

    return edit


def both(*edits: Callable[[Rig], None]) -> Callable[[Rig], None]:
    """Return the edit that does several."""

    def edit(rig: Rig) -> None:
        for one in edits:
            one(rig)

    return edit


def open_private(subject: Subject, rig: Rig) -> bytes:
    """Select the application, open a private session and go on in it; return its ID.IC."""
    pace = _select(subject, rig)
    answer = pace.steps()
    if answer.status != StatusWord.OK:
        raise NotReached(answer.status.hex)
    rig.secure = PrivateSession(pace.terminal)
    return pace.identifier


def _select(subject: Subject, rig: Rig, number: str = NUMBER) -> NaivePace:
    subject.select(rig)
    pace = NaivePace(NaiveTerminal(rig.card.transmit, b""), number)
    rig.notes["pace"] = pace
    return pace


def _after(subject: Subject, steps: int, number: str = NUMBER) -> Callable[[Rig], None]:
    """Return a `before` that takes the first of: the password set, nonce, mapping, agreement."""

    def before(rig: Rig) -> None:
        pace = _select(subject, rig, number)
        for step in (pace.set_password, pace.nonce, pace.map, pace.agree)[:steps]:
            step()

    return before


def set_passwords(subject: Subject) -> Iterator[Scenario]:
    """MSE: SET AT for PACE: the number on the card, another password, twice, in a session."""
    first = _after(subject, 0)
    steps: tuple[tuple[str, Callable[[Rig], None], CommandApdu, bool], ...] = (
        ("the number", first, set_password(), True),
        ("a password that is not there", first, set_password(reference=3), False),
        ("another protocol", first, set_password(b"\x04\x00"), False),
        ("the number again", _after(subject, 2), set_password(), True),
        ("the number in a session", lambda rig: _open(subject, rig), set_password(), False),
    )
    for what, before, command, succeeds in steps:
        yield Scenario(
            name=f"MSE: SET for PACE of {what}",
            before=before,
            act=lambda rig, command=command: rig.send(command),  # type: ignore[misc]
            edit=numbered(subject),
            succeeds=succeeds,
        )


def _open(subject: Subject, rig: Rig) -> None:
    open_private(subject, rig)


def _step(*sent: Tlv, chained: bool = True) -> ACT:
    def act(rig: Rig) -> ResponseApdu:
        answer: ResponseApdu = rig.notes["pace"].step(*sent, chained=chained)
        return answer

    return act


def _confirm(rig: Rig) -> ResponseApdu:
    """The last step; the cut is in it, so the answer is all that is looked at."""
    pace: NaivePace = rig.notes["pace"]
    return pace.step(Tlv(0x85, pace.token(pace.cards)), chained=False)


def pace_steps(subject: Subject) -> Iterator[Scenario]:
    """GENERAL AUTHENTICATE, each step of PACE: right, wrong, and out of its order."""
    point = Tlv(0x81, encode(G)), Tlv(0x83, encode(G))
    nowhere = Tlv(0x81, b"\x04" + bytes(64)), Tlv(0x83, b"\x04" + bytes(64))
    token = Tlv(0x85, bytes(8))
    steps: tuple[tuple[str, int, ACT, bool], ...] = (
        ("1 of PACE", 1, _step(), True),
        ("1 of PACE, not chained", 1, _step(chained=False), False),
        ("2 of PACE", 2, _step(point[0]), True),
        ("2 of PACE, off the curve", 2, _step(nowhere[0]), False),
        ("2 of PACE, too early", 1, _step(point[0]), False),
        ("3 of PACE", 3, _step(point[1]), True),
        ("3 of PACE, off the curve", 3, _step(nowhere[1]), False),
        ("4 of PACE", 4, _confirm, True),
        ("4 of PACE, wrong", 4, _step(token, chained=False), False),
        ("4 of PACE, chained", 4, _step(token), False),
    )
    for what, taken, act, succeeds in steps:
        yield Scenario(
            name=f"GENERAL AUTHENTICATE, step {what}",
            before=_after(subject, taken),
            act=act,
            edit=numbered(subject),
            succeeds=succeeds,
        )
    yield Scenario(
        name="GENERAL AUTHENTICATE, step 4 of PACE, with another number",
        before=_after(subject, 4, OTHER_NUMBER),
        act=_confirm,
        edit=numbered(subject),
        succeeds=False,
    )


def verify_in_private(subject: Subject, ins: int) -> Iterator[Scenario]:
    """VERIFY in a private session: a guess costs there what it costs elsewhere."""
    for ef in subject.pins():
        right, tries = pin_value(subject.applet, ef), subject.tries(ef)
        wrong = right[:-1] + (b"1" if right[-1:] != b"1" else b"2")

        for what, value in (("right", right), ("wrong", wrong)):

            def before(rig: Rig, value: bytes = value) -> None:
                open_private(subject, rig)
                p2 = subject.reference(rig, ef)  # noqa: B023 - used before the next one
                rig.notes["command"] = CommandApdu(0x00, ins, 0, p2, value)

            yield Scenario(
                name=f"VERIFY of PIN {ef.label} in a private session, {what}",
                before=before,
                act=lambda rig: rig.send(rig.notes["command"]),
                edit=numbered(subject),
                succeeds=value is right,
                changes=frozenset() if value is right else frozenset({tries}),
                guess=Guess(tries, right=value is right),
            )
