"""Sessions recorded in full are repeated to the last byte, with what happened to the card."""

from __future__ import annotations

import contextlib

import pytest

from jukicard import LocalReader, RecordedCard, Strayed, TraceError, read_trace, write_trace
from jukicard.apdu.trace import TraceLevel
from jukicard.apdu.trace.difference import compare_traces
from jukicard.apdu.trace.record import ApduTrace
from jukicard.testing import (
    CardInTest,
    CorruptedMac,
    Hazard,
    InUse,
    Mute,
    PowerCut,
    Pulled,
    ResetByOther,
    SelectedByOther,
    StatusInstead,
    StrippedMac,
    Truncated,
    card_in,
    today_in,
)
from jukicard.testing.recording import hazard_of, recorded_card, repeat_session
from jukihost import CardError, JukiSession, PublishedKeys, Purpose, ReplayMismatch, build_channel
from jukihost.connection import Connection
from jukihost.testing import InProcess
from jukihost.transport.replay import ReplayConnection

HAZARDS = (
    Pulled(at=3),
    Pulled(ins=0x20, done=True),
    Mute(ins=0x20),
    StatusInstead(at=4),
    CorruptedMac(),
    StrippedMac(),
    Truncated(at=2),
    Truncated(at=2, keep=0),
    ResetByOther(at=2),
    SelectedByOther(at=3),
    InUse(at=2),
    PowerCut(),
    PowerCut(at=2, landed=True),
)


def read_code(connection: Connection) -> str:
    """A session under secure messaging, which does not know what is coming."""
    with JukiSession(build_channel(connection)) as juki:
        juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublishedKeys())
        juki.verify_pin("1234")
        return juki.read_code().reveal()


def recorded(*hazards: Hazard, seed: int = 1, contactless: bool = False) -> ApduTrace:
    """Two sessions, between which the card is put back."""
    card = CardInTest(
        card_in(seed=seed, contactless=contactless), today=today_in("issued"), record=True
    )
    card.hazard(*hazards)
    for _ in range(2):
        with contextlib.suppress(CardError), InProcess(card.reader) as reader:
            read_code(reader)
        card.put_back()
    card.close()
    assert card.recording is not None
    return read_trace(write_trace(card.recording, "json"))


@pytest.mark.parametrize("hazards", [(), *((one,) for one in HAZARDS), HAZARDS[2:5]], ids=repr)
def test_a_recording_repeats_itself(hazards: tuple[Hazard, ...]) -> None:
    """Protected sessions too: the card's random numbers come once more."""
    trace = recorded(*hazards)
    sent = sum(event.kind == "command" for event in map(Kind, trace.events))
    assert sent > 4
    for _ in range(2):
        assert repeat_session(trace, recorded_card(trace)) == (sent, [])


class Kind:
    def __init__(self, event: object) -> None:
        self.kind = type(event).__name__.removeprefix("Dump").lower()


def test_a_card_that_keeps_its_pins_over_a_warm_reset() -> None:
    trace = recorded(contactless=True)
    assert repeat_session(trace, recorded_card(trace)).problem == []


def test_another_card_answers_otherwise() -> None:
    trace = recorded()
    assert repeat_session(trace, card_in(seed=2)).problem[0] == "command 2 is answered otherwise"
    blocked = repeat_session(trace, card_in("suspended")).problem
    assert blocked[0].endswith("is answered otherwise")


def test_a_card_with_other_random_numbers_is_not_authenticated_to() -> None:
    card = card_in()
    card.environment.random.take(8)
    [problem] = repeat_session(recorded(), card).problem
    assert "MUTUAL AUTHENTICATE, reference 01 of the application, cannot be repeated" in problem


def test_two_runs_with_other_random_numbers_mean_the_same() -> None:
    """And a run in which something happened does not."""
    one, other = card_in(), card_in()
    other.environment.random.take(8)
    traces = []
    for card in (one, other):
        in_test = CardInTest(card, today=today_in("issued"), record=True)
        with InProcess(in_test.reader) as reader:
            read_code(reader)
        assert in_test.recording is not None
        traces.append(in_test.recording)
    assert traces[0].events != traces[1].events
    assert compare_traces(traces[0], traces[1]) == []
    assert compare_traces(traces[0], recorded(StatusInstead(at=4))) != []


def test_a_redacted_recording_is_for_reading() -> None:
    trace = recorded().at(TraceLevel.REDACTED)
    assert trace.card == b""
    with pytest.raises(TraceError, match="holds no card"):
        recorded_card(trace)
    with pytest.raises(TraceError, match="such a trace is for reading"):
        repeat_session(trace, card_in())
    with pytest.raises(TraceError, match="such a trace is for reading"):
        RecordedCard(trace)


def test_without_being_asked_nothing_is_recorded() -> None:
    assert CardInTest(card_in(), today=today_in("issued")).recording is None


# -- a recording as a card -------------------------------------------------------------------------


def plain_session() -> ApduTrace:
    card = CardInTest(card_in(), today=today_in("issued"), record=True)
    with InProcess(card.reader) as reader:
        ask(reader)
    assert card.recording is not None
    return card.recording


def ask(connection: Connection) -> int:
    with JukiSession(build_channel(connection)) as juki:
        juki.verify_pin("1234")
        return juki.pin_retries()


def test_a_recording_is_a_card() -> None:
    card = RecordedCard(plain_session())
    with InProcess(LocalReader(card)) as reader:
        assert ask(reader) == 3
        assert card.finished
    with ReplayConnection(plain_session()) as replayed:
        assert ask(replayed) == 3


def test_a_program_that_strays_is_told_in_words() -> None:
    card = RecordedCard(plain_session())
    with InProcess(LocalReader(card)) as reader:
        with pytest.raises(Strayed, match="goes on with command 00A4040C") as caught:
            reader.transmit(b"\x00\x20\x00\x80\x041234")
        assert card.problem == str(caught.value)
        assert "the program sent 00200080 (9 bytes)" in card.problem
        assert "1234" not in card.problem
        with pytest.raises(Strayed, match="the program sent 00200080"):
            ask(reader)


def test_a_protected_session_cannot_be_played_and_the_reason_is_said() -> None:
    card = RecordedCard(recorded())
    with InProcess(LocalReader(card)) as reader, pytest.raises(Strayed) as caught:
        read_code(reader)
    assert "the program sent 00820081" in str(caught.value)
    assert "both are made of the program's random numbers" in str(caught.value)
    with (
        pytest.raises(ReplayMismatch, match="cannot be played, only sent again"),
        ReplayConnection(recorded()) as replayed,
    ):
        read_code(replayed)


def test_a_reader_resets_as_it_likes_before_a_program_comes() -> None:
    trace = plain_session()
    card = RecordedCard(trace)
    for reset in (card.power_on, card.reset, card.power_on):
        assert reset() == card.atr
    card.transmit(bytes.fromhex("00A4040C0AD3921000310001010401"))
    with pytest.raises(Strayed, match="the program reset the card"):
        card.reset()


def test_what_had_no_answer_has_none() -> None:
    card = RecordedCard(recorded(Mute(at=2)))
    with InProcess(LocalReader(card)) as reader, pytest.raises(CardError):
        read_code(reader)
    assert card.problem == ""


@pytest.mark.parametrize(
    "text",
    ["", "Pulled", "Pulled(", "Pulled(3)", "Exploded()", "Pulled(at=open('x'))", "Pulled(on=1)",
     "Pulled(at=0)", "Hazard()", "__import__('os').abort()", "Pulled(at=" + "(" * 5000, "\0",
     "Pulled(**{'at': 1})"],
)  # fmt: skip
def test_a_hazard_that_there_is_not(text: str) -> None:
    with pytest.raises(TraceError, match="a hazard that there is not"):
        hazard_of(text)


@pytest.mark.parametrize("hazard", HAZARDS, ids=repr)
def test_a_hazard_is_read_as_it_is_written(hazard: Hazard) -> None:
    assert hazard_of(repr(hazard)) == hazard
