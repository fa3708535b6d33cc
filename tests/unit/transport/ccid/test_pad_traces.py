"""Digits typed at a pad are in no byte of anything that watches between reader and card."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest

from jukicard import PROFILES, Card, CcidReader, PinPad, issue_card
from jukicard.apdu.trace import Trace, TraceLevel
from jukicard.apdu.trace.dump import DumpWriter
from jukicard.apdu.trace.formats import FORMATS, read_trace, write_trace
from jukicard.apdu.trace.record import ApduTrace, TraceError
from jukicard.runtime.events import CardEvent, Exchange
from jukicard.testing import Delayed, HazardousCard, ScriptedKeypad
from jukicard.testing.recording import RecordingCard, recorded_card, recording_of, repeat_session
from jukicard.testing.undertest import CardInTest
from jukicard.transport import CardPort
from jukicard.transport.ccid import ExchangeLevel
from jukicard.transport.traced import TracedCard
from tests.support.readers.ccid_driver import Driver, lrc
from tests.support.readers.secure_messages import CHANGE, VERIFY, modification, verification

DIGITS: Final = "73918264"
FORMS: Final = {
    0x82: DIGITS.encode(),  # ASCII
    0x81: bytes.fromhex(DIGITS),  # BCD
    0x80: bytes(map(int, DIGITS)),  # binary
}
"""bmFormatString, and the digits as the card gets them."""
SELECT: Final = ("00A4040C0AD3921000310001010401", "00A4020C02001C")
ATR: Final = {0: "3B6000FF", 1: ""}
Told = Callable[[], bytes]


class Everything:
    """An observer that keeps all it gets, against what is asked of one."""

    def __init__(self) -> None:
        self.kept: list[bytes] = []

    def command(self, raw: bytes) -> None:
        self.kept += [raw, (repr(raw) + str(raw)).encode()]

    def response(self, raw: bytes) -> None:
        self.kept += [raw, (repr(raw) + str(raw)).encode()]

    def reset(self, atr: bytes) -> None:
        self.kept.append(atr)


def observed_by_everything(card: Card) -> tuple[CardPort, Told]:
    observer = Everything()
    return TracedCard(card, observer), lambda: b"\n".join(observer.kept)


def shown_in_lines(level: TraceLevel) -> Callable[[Card], tuple[CardPort, Told]]:
    def way(card: Card) -> tuple[CardPort, Told]:
        trace = Trace(level)
        return TracedCard(card, trace), lambda: bytes(trace.text, "utf-8")

    return way


def written_as_a_dump(level: TraceLevel) -> Callable[[Card], tuple[CardPort, Told]]:
    def way(card: Card) -> tuple[CardPort, Told]:
        lines: list[str] = []
        return TracedCard(card, DumpWriter(lines.append, level)), lambda: "\n".join(lines).encode()

    return way


def in_all_formats(trace: ApduTrace) -> bytes:
    return b"\n".join(
        write_trace(each, form) for each in (trace, trace.at(TraceLevel.FULL)) for form in FORMATS
    )


def kept_in_a_trace(level: TraceLevel) -> Callable[[Card], tuple[CardPort, Told]]:
    def way(card: Card) -> tuple[CardPort, Told]:
        trace = ApduTrace(level)
        # a hazard on either side hands the command on
        outer = HazardousCard(
            TracedCard(HazardousCard(card, Delayed(seconds=0)), trace), Delayed(at=2, seconds=0)
        )
        return outer, lambda: in_all_formats(trace)

    return way


def recorded_as_served(card: Card) -> tuple[CardPort, Told]:
    recording = recording_of(card, "served", datetime.date(2026, 1, 1))
    return RecordingCard(card, recording), lambda: in_all_formats(recording)


def recorded_in_a_test(card: Card) -> tuple[CardPort, Told]:
    tested = CardInTest(card, today=datetime.date(2026, 1, 1), record=True)

    def told() -> bytes:
        assert tested.recording is not None
        tested.close()
        return in_all_formats(tested.recording) + f"{tested.trace}{tested.report()}".encode()

    return tested, told


WAYS: Final = {
    "observer": observed_by_everything,
    "serve --record": recorded_as_served,
    "pytest plugin": recorded_in_a_test,
} | {
    f"{name} {level.value}": way(level)
    for level in TraceLevel
    for name, way in {
        "lines": shown_in_lines,
        "dump": written_as_a_dump,
        "trace": kept_in_a_trace,
    }.items()
}


def has_digits(told: bytes) -> bool:
    """Look for them as bytes, nibbles swapped too, and as hexadecimal digits of any spelling."""
    looked = [DIGITS.encode(), *FORMS.values()]
    looked += [bytes((b & 15) << 4 | b >> 4 for b in each) for each in looked]
    texts = told.lower().translate(None, b" ,:\\x[]\r\n")
    return any(each in told or each.hex().encode() in texts for each in looked)


def typed_at(
    way: Callable[[Card], tuple[CardPort, Told]], protocol: int, tpdu: bool, form: int, modify: bool
) -> bytes:
    """Type the digits at a pad; look that the card got them, and return all that was told."""
    profile = PROFILES["juki-v1"]
    if atr := ATR[protocol]:
        profile = replace(profile, contact_atr=bytes.fromhex(atr))
    card = issue_card(profile, seed=1)
    got: list[bytes] = []

    def hear(event: CardEvent) -> None:
        if isinstance(event, Exchange):
            got.append(event.command)

    card.subscribe(hear)
    port, told = way(card)
    pad = ScriptedKeypad(*[f"{DIGITS}#"] * 3)
    level = ExchangeLevel.TPDU if tpdu else ExchangeLevel.SHORT
    driver = Driver(CcidReader([port], level=level, secure=PinPad(pad)))
    driver.send(0x62)
    if tpdu and protocol:
        driver.send(0x61, "1110FF4500FE00", "010000")
    for number, apdu in enumerate(SELECT):
        framed = lrc(f"00{number * 0x40:02X}{len(apdu) // 2:02X}{apdu}")
        driver.block(framed if tpdu and protocol else apdu)
    body = (
        modification(CHANGE, form=form, most=8)
        if modify
        else verification(VERIFY, form=form, most=8)
    )
    driver.block_of(0x69, body.hex())
    sent = CHANGE if modify else VERIFY
    data = FORMS[form] * (1 + modify)
    assert got[-1] == sent + bytes((len(data),)) + data
    after = lrc("0040050084000008") if tpdu and protocol else "0084000008"
    driver.block(after)
    return told()


@pytest.mark.parametrize("modify", [False, True], ids=["verify", "modify"])
@pytest.mark.parametrize(
    ("protocol", "tpdu"), [(0, True), (1, True), (1, False)], ids=["T=0", "T=1", "APDU"]
)
@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_watches_has_a_digit(
    way: str, protocol: int, tpdu: bool, modify: bool
) -> None:
    for form in FORMS:
        told = typed_at(WAYS[way], protocol, tpdu, form, modify)
        assert not has_digits(told)
        header = CHANGE if modify else VERIFY
        assert header.hex() in told.hex() or header.hex().encode() in told.lower().replace(
            b" ", b""
        )


@pytest.mark.parametrize("begun", ["00D600000C", "00200080", "00"])
def test_no_pad_ends_a_command_that_the_host_began(begun: str) -> None:
    """A chain of T=1 whose rest were the pad's block: digits in a file that the host reads."""
    pad = ScriptedKeypad(f"{DIGITS}#")
    card = issue_card("mynumber", seed=1)
    got: list[bytes] = []
    reader = CcidReader(
        [RecordingCard(card, recording_of(card, "", datetime.date(2026, 1, 1)))], secure=PinPad(pad)
    )
    card.subscribe(lambda event: got.append(event.command) if isinstance(event, Exchange) else None)
    driver = Driver(reader)
    driver.send(0x62)
    driver.send(0x61, "1110FF4500FE00", "010000")
    driver.block(lrc(f"0020{len(begun) // 2:02X}{begun}"))
    body = verification(most=8, prologue=bytes.fromhex("004000")).hex()
    driver.block(lrc("00000100"))  # damaged turn: asked for again, and the chain goes on
    assert driver.send(0x69, body)[:2] == (0x40, 0xE0)
    assert (got, pad.prompts) == ([], [])
    driver.block(lrc("0040020000"))  # the host ends what it began
    assert driver.send(0x69, verification(most=8).hex())[:2] == (0, 0)
    assert got[-1][5:] == DIGITS.encode()
    assert not any(DIGITS.encode() in each for each in got[:-1])


def test_only_what_was_typed_is_hidden_and_replaying_it_is_refused_in_words() -> None:
    recordings: list[ApduTrace] = []

    def way(card: Card) -> tuple[CardPort, Told]:
        recordings.append(recording_of(card, "served", datetime.date(2026, 1, 1)))
        return RecordingCard(card, recordings[0]), lambda: write_trace(recordings[0], "json")

    trace = read_trace(typed_at(way, 1, True, 0x82, modify=False))
    said = [str(event.pattern) for event in trace.events if hasattr(event, "pattern")]
    assert said[0] == SELECT[0]
    assert said[4] == "0020008008" + "??" * 8
    assert said[5][:3] in ("63C", "670")
    assert said[6] == "0084000008"
    assert "??" not in said[7]
    with pytest.raises(TraceError, match="typed on a reader's pad is never recorded"):
        repeat_session(trace, recorded_card(trace))
