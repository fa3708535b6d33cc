"""The machine for terminals of others: a good one passes, each bug is found and said in words."""

from __future__ import annotations

import re
import unittest
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

from jukicard import CommandApdu, LocalReader, ResponseApdu
from jukicard.testing import card_in
from jukicard.testing.machine import Driver, Said, Told, machine_for
from jukicard.testing.strategies import sessions
from jukihost import CardError, Ins, JukiSession, PinRejected
from jukihost.testing import InProcess
from tests.samples import kiosk as words
from tests.samples.kiosk import Kiosk
from tests.support import soak

OK = 0x9000
SAID = {
    words.WELCOME: Said.DONE,
    words.THANKS: Said.DONE,
    words.BLOCKED: Said.PIN_BLOCKED,
    words.OUT_OF_USE: Said.OUT_OF_USE,
    words.NO_CARD: Said.NO_CARD,
    words.PIN_FIRST: Said.PIN_FIRST,
    words.NOT_SERVED: Said.REFUSED,
    words.FAILED: Said.FAILED,
}


def told(said: str) -> Told:
    if tries := re.fullmatch(words.WRONG.format(r"(\d)"), said):
        return Told(Said.WRONG_PIN, int(tries[1]))
    return Told(SAID[said]) if said in SAID else Told(Said.DONE, code=said)


class KioskDriver(Driver):
    """The sample terminal."""

    kind: type[Kiosk] = Kiosk

    def start(self, reader: LocalReader) -> None:
        self.kiosk = self.kind(InProcess(reader))

    def put_in(self) -> Told:
        return told(self.kiosk.put_in())

    def take_out(self) -> None:
        self.kiosk.take_out()

    def enter_pin(self, pin: str) -> Told:
        return told(self.kiosk.enter_pin(pin))

    def show_code(self) -> Told:
        return told(self.kiosk.show_code())


class Repeats(Kiosk):
    def _verify(self, juki: JukiSession, typed: str) -> str:
        try:
            return super()._verify(juki, typed)
        except CardError:
            return super()._verify(juki, typed)


class InPlain(Kiosk):
    def _verify(self, juki: JukiSession, typed: str) -> str:
        juki.verify_pin(typed)
        return super()._verify(juki, typed)


class Remembers(Kiosk):
    code = ""

    def show_code(self) -> str:
        self.code = self.code or super().show_code()
        return self._show(self.code)


class Forgiving(Kiosk):
    def _verify(self, juki: JukiSession, typed: str) -> str:
        try:
            return super()._verify(juki, typed)
        except PinRejected:
            return words.THANKS


class Silent(Kiosk):
    def put_in(self) -> str:
        super().put_in()
        return self._show(words.WELCOME)


BUGS = {
    Repeats: "one PIN was typed, and the terminal sent 2",
    InPlain: "VERIFY carried a PIN in plain|one PIN was typed, and the terminal sent 2",
    Remembers: "code of another holder|not Told\\(said=<Said|there was no card, and the terminal",
    Forgiving: "a wrong PIN was taken as right|the terminal told Told\\(said=<Said.DONE",
    Silent: "after put_in the terminal told Told\\(said=<Said.DONE.*not Told\\(said=<Said.OUT_OF",
}


def run(kind: type[Kiosk], **how: Any) -> None:
    driver = type(f"{kind.__name__}Driver", (KioskDriver,), {"kind": kind})
    case = machine_for(driver)
    case.settings = settings(  # type: ignore[attr-defined]
        deadline=None, suppress_health_check=list(HealthCheck), report_multiple_bugs=False, **how
    )
    (test,) = unittest.defaultTestLoader.loadTestsFromTestCase(case)
    assert isinstance(test, unittest.TestCase)
    test.debug()


def test_a_good_terminal_passes() -> None:
    run(Kiosk, max_examples=soak.times(40, soak=1_000), stateful_step_count=20)


@pytest.mark.parametrize("kind", BUGS)
def test_a_bug_is_found_and_said(kind: type[Kiosk]) -> None:
    with pytest.raises(AssertionError, match=BUGS[kind]) as found:
        run(kind, max_examples=300, stateful_step_count=15, derandomize=True)
    assert "31323334" not in str(found.value)
    notes = "\n".join(getattr(found.value, "__notes__", ()))
    steps = re.findall(r"^state\.(\w+)\(.*\)$", notes, flags=re.M)
    done = [step for step in steps if step not in ("begin", "nothing_is_lost", "teardown")]
    assert 0 < len(done) <= 5, "it was made as short as it can be"


@given(sessions())
@settings(max_examples=soak.times(60, soak=2_000), phases=[Phase.generate, Phase.shrink])
def test_sessions_are_answered_whatever_they_are(session: list[CommandApdu]) -> None:
    assert session[0].ins == Ins.SELECT
    with LocalReader(card_in()) as reader:
        answers = [ResponseApdu.parse(reader.transmit(one.encode())) for one in session]
    assert answers[0].status == 0x9000
    assert not [one for one in answers if one.status in (0x6D00, 0x6E00)]


@pytest.mark.parametrize("profile", ["juki-v1", "mynumber"])
def test_sessions_get_further_than_single_commands(profile: str) -> None:
    def reads_after_a_pin(session: list[CommandApdu]) -> bool:
        with LocalReader(card_in(profile=profile)) as reader:
            answers = [ResponseApdu.parse(reader.transmit(one.encode())) for one in session]
        done = [one.ins for one, answer in zip(session, answers, strict=True) if answer.data]
        pins = [one for one, answer in zip(session, answers, strict=True) if answer.status == OK]
        return bool(done) and any(one.ins == Ins.VERIFY and one.data for one in pins)

    # looked for in the same order on every run, and not made shorter: that has no end in time
    search = settings(max_examples=3_000, derandomize=True, database=None, phases=[Phase.generate])
    assert len(find(sessions(profile), reads_after_a_pin, settings=search)) > 2
