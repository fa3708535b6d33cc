"""A person at the pad of a reader: what is typed, what the card gets, and what the host is told."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from jukicard.testing import ScriptedKeypad, Typing
from jukicard.transport.ccid.keypad import PadKey, PinPrompt, message
from jukicard.transport.ccid.messages import CcidError
from jukicard.transport.ccid.pinpad import DEFAULT_SECONDS, PinPad
from jukicard.transport.ccid.seam import SecureRequest
from jukicard.transport.tpdu import CRC, LRC
from tests.support.readers.secure_messages import modification, verification

PADDED = bytes.fromhex("0024008008") + b"\xff" * 8


class Desk:
    """A reader with a card that takes everything, on a clock that only waiting moves."""

    def __init__(self, *typings: Typing | str, indexes: int | None = None) -> None:
        self.now = 100.0
        self.sent: list[bytes] = []
        self.asked: list[float] = []
        self.gone_at = float("inf")
        self.pad = ScriptedKeypad(*typings, sleep=self._sleep)
        self.reader = PinPad(self.pad, indexes=indexes, clock=lambda: self.now)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def transmit(self, data: bytes) -> bytes:
        self.sent.append(data)
        return b"\x90\x00"

    def request(self, body: bytes, **changes: Any) -> SecureRequest:
        request = SecureRequest(
            0,
            body,
            0,
            1,
            LRC,
            False,
            self.transmit,
            lambda: self.asked.append(self.now),
            lambda: self.now >= self.gone_at,
        )
        return request._replace(**changes)

    def __call__(self, body: bytes, **changes: Any) -> str:
        """Return what the host gets in hex, or the bError as `error XX`."""
        try:
            return self.reader(self.request(body, **changes)).hex().upper()
        except CcidError as error:
            return f"error {error.code:02X}"


def test_a_verification_reaches_the_card_and_its_answer_the_host() -> None:
    desk = Desk("1234#")
    assert desk(verification()) == "9000"
    assert desk.sent == [bytes.fromhex("002000800431323334")]
    assert desk.pad.prompts == [PinPrompt("Enter PIN", 4, 4, DEFAULT_SECONDS)]
    assert desk.pad.shown == [1, 2, 3, 4]
    assert desk.pad.outcomes == ["done"]


def test_what_goes_to_the_card_follows_protocol_and_level() -> None:
    body = verification(prologue=bytes.fromhex("004004"))
    with_le = verification(bytes.fromhex("0020008004FFFFFFFF00"), block=4)
    desk = Desk(*["1234#"] * 5)
    for each, changes in (
        (body, {"tpdu": True}),
        (body, {"tpdu": True, "edc": CRC}),
        (body, {"tpdu": True, "protocol": 0}),
        (with_le, {"tpdu": True, "protocol": 0}),
        (with_le, {}),
    ):
        assert desk(each, **changes) == "9000"
    assert [sent.hex().upper() for sent in desk.sent] == [
        "004009002000800431323334E9",
        "004009002000800431323334A5FE",
        "002000800431323334",
        "002000800431323334",
        "00200080043132333400",
    ]


def test_a_modification_asks_in_order_and_sends_two_of_three() -> None:
    desk = Desk("1234#", "5678#", "5678#")
    assert desk(modification(PADDED, new=4)) == "9000"
    assert desk.sent == [PADDED[:5] + b"12345678"]
    assert [prompt.message for prompt in desk.pad.prompts] == [
        "Enter PIN",
        "Enter new PIN",
        "Confirm new PIN",
    ]


@pytest.mark.parametrize(
    ("confirm", "typings", "data"),
    [(0, ["5678#"], "5678"), (1, ["5678#"] * 2, "5678"), (2, ["1234#", "5678#"], "12345678")],
)
def test_a_modification_asks_only_for_what_it_wants(
    confirm: int, typings: list[str], data: str
) -> None:
    desk = Desk(*typings)
    assert desk(modification(confirm=confirm)) == "9000"
    assert desk.sent[0][5:] == data.encode()
    assert len(desk.pad.prompts) == len(typings)


def test_a_driver_that_sends_three_indexes_always_is_understood() -> None:
    desk = Desk("5678#", "5678#", indexes=3)
    assert desk(modification(confirm=1, number=0)) == "9000"
    assert [prompt.message for prompt in desk.pad.prompts] == ["", ""]


@pytest.mark.parametrize(
    ("body", "typings", "told"),
    [
        (verification(), ["12!"], "error EF"),
        (verification(), [""], "error F0"),
        (verification(), ["1234"], "error F0"),  # nobody presses OK
        (verification(), ["123#"], "6403"),
        (verification(), ["12345#"], "6403"),
        (verification(least=0), ["#"], "6403"),  # no PIN has no digits
        (verification(block=0x42, length=0), ["1234#"], "6B80"),
        (verification(least=5), ["1234#"], "6B80"),
        (verification(b"\x00\x20\x00"), ["1234#"], "6B80"),
        (verification(ends=0), ["1234#"], "error 11"),
        (verification()[:-5], ["1234#"], "error 01"),
        (modification(), ["1234#", "5678#", "5679#"], "6402"),
        (modification(), ["1234#", "5678#", "567#"], "6403"),
        (modification(), ["1234#", "!"], "error EF"),
        (modification(), ["1234#", "5678#"], "error F0"),
        (modification(PADDED, block=8), ["1234#", "5678#", "5678#"], "6B80"),
    ],
)
def test_whatever_goes_wrong_is_told_and_nothing_sent(
    body: bytes, typings: list[str], told: str
) -> None:
    desk = Desk(*typings)
    assert desk(body) == told
    assert desk.sent == []
    assert bool(desk.pad.prompts) == (told[:2] != "6B" and told not in ("error 11", "error 01"))


def test_a_level_is_not_for_a_pin() -> None:
    assert Desk("1234#")(verification(), level=1) == "error 08"


@pytest.mark.parametrize(
    ("ends", "typed", "told"),
    [
        (0x01, "1234", "9000"),
        (0x01, "123#4", "9000"),  # OK is not what ends it
        (0x01, "123", "error F0"),
        (0x02, "1234#", "9000"),
        (0x03, "12#", "6403"),
        (0x03, "123#", "9000"),
        (0x03, "1234", "9000"),
        (0x04, "1234", "9000"),
        (0x04, "12", "error F0"),
        (0x04, "12345", "error F0"),
        (0x05, "123", "9000"),
        (0x06, "123#", "9000"),
        (0x06, "1234", "9000"),
        (0x07, "123", "9000"),
    ],
)
def test_an_entry_ends_as_the_host_says(ends: int, typed: str, told: str) -> None:
    assert Desk(typed)(verification(ends=ends, least=3)) == told


def test_keys_correct_what_was_typed() -> None:
    desk = Desk("19<*99*1<124<34#")
    assert desk(verification(most=8)) == "9000"
    assert desk.sent[0][5:] == b"12" + b"34"
    assert Desk("<<1234#")(verification()) == "9000"
    assert Desk("123456<<#")(verification()) == "9000"
    assert Desk("1" * 300 + "<" * 251 + "#")(verification()) == "9000"
    assert Desk("12345<#")(verification()) == "9000"


@pytest.mark.parametrize(("asked", "given"), [(0, DEFAULT_SECONDS), (1, 1), (255, 255)])
def test_time_is_over_when_the_host_says(asked: int, given: int) -> None:
    desk = Desk("")
    assert desk(verification(seconds=asked)) == "error F0"
    assert desk.now - 100 == pytest.approx(given)
    assert len(desk.asked) >= given  # and more time was asked for once a second at least
    late = Desk(Typing("1234#", after=given - 0.5, every=0.2))
    assert late(verification(seconds=asked)) == "error F0"
    early = Desk(Typing("1234#", after=given - 0.9, every=0.2))
    assert early(verification(seconds=asked)) == "9000"


def test_every_entry_has_its_time() -> None:
    desk = Desk(*[Typing("1234#", after=8)] * 3)
    assert desk(modification(seconds=10)) == "9000"


@pytest.mark.parametrize("gone", [0.0, 0.05, 3.0])
def test_a_card_that_is_pulled_ends_it_at_once(gone: float) -> None:
    desk = Desk("")
    desk.gone_at = 100 + gone
    assert desk(verification()) == "error FF"
    assert desk.now - 100 <= gone + 0.11
    assert desk.pad.outcomes == ["ended"]


def test_a_pad_that_fails_is_told() -> None:
    class Broken(ScriptedKeypad):
        def key(self, seconds: float) -> PadKey | None:
            raise OSError("the terminal is gone")

        def end(self, outcome: str) -> None:
            raise OSError("the terminal is gone")

    desk = Desk()
    with pytest.raises(CcidError) as caught:
        PinPad(Broken())(desk.request(verification()))
    assert caught.value.code == 0xFB


def test_messages_follow_the_language_of_the_host() -> None:
    desk = Desk("1234#")
    desk(verification(language=0x0411))
    assert desk.pad.prompts[0].message == "暗証番号を入力"
    assert message(None, 0x0409) == ""
    assert message(1, 0) == "Enter new PIN"
    assert message(0x2A, 0x0409) == "2A?"


def test_a_script_takes_only_keys_that_a_pad_has() -> None:
    with pytest.raises(ValueError, match="a pad has the keys"):
        ScriptedKeypad("12a")


CANARY = "739182640"


def _everything(seen: list[object]) -> str:
    """Return what repr and str tell of objects and of all that their frames and fields hold."""
    return "\n".join(f"{each!r} {each}" for each in seen)


@pytest.mark.parametrize(
    "typed", [f"{CANARY}#", f"{CANARY}!", f"{CANARY}", f"{CANARY}5#", f"{CANARY}<<<<<<<#"]
)
def test_no_digit_is_in_anything_that_is_said(
    typed: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """The canary is also searched as the card gets it: ASCII, BCD, a list of numbers."""
    caplog.set_level(logging.DEBUG)
    desk = Desk(typed)
    request = desk.request(verification(most=9, least=9))
    seen: list[object] = [desk.pad, desk.reader, request, Typing(typed), *PadKey]
    try:
        desk.reader(request)
    except CcidError as error:
        seen += [error, error.__context__, error.__cause__]
    said = _everything([*seen, *desk.pad.prompts, desk.pad.outcomes, desk.pad.shown])
    said += caplog.text + "".join(capsys.readouterr())
    for form in (CANARY, "73 91 82 64", "7391", "7, 3, 9", "37333931"):
        assert form not in said


def test_the_digits_are_overwritten_when_the_command_is_made() -> None:
    held: list[Any] = []

    class Holding(ScriptedKeypad):
        def typed(self, count: int) -> None:
            frame = sys._getframe(1)
            held.append(frame.f_locals["digits"])
            super().typed(count)

    for typed in ("1234#", "1234!", "12*34#"):
        held.clear()
        desk = Desk()
        pad = Holding(typed, sleep=lambda seconds: None)
        clock: Callable[[], float] = iter(range(1000)).__next__
        with contextlib.suppress(CcidError):
            PinPad(pad, clock=clock)(desk.request(verification(seconds=99)))
        assert held
        assert not any(any(digits) for digits in held)


def test_an_error_report_with_local_variables_shows_no_digit() -> None:
    """What a debugger or an error reporter prints of every frame of an entry."""

    class Failing(ScriptedKeypad):
        def typed(self, count: int) -> None:
            super().typed(count)
            if count == 9:
                raise RuntimeError("a fault of the pad")

    pad = Failing(f"{CANARY}#", sleep=lambda seconds: None)
    report = io.StringIO()
    try:
        PinPad(pad)(Desk().request(verification(most=9, least=9)))
    except RuntimeError as error:
        traceback.TracebackException.from_exception(error, capture_locals=True).print(file=report)
    text = report.getvalue()
    assert "a fault of the pad" in text
    for form in (CANARY, "x07\\x03\\t", "7, 3, 9"):
        assert form not in text
