"""A trace sent to a card again: compared by meaning, stopped where it goes otherwise."""

from __future__ import annotations

import pytest

from jukicard.apdu.trace import TraceLevel
from jukicard.apdu.trace.formats import from_dump
from jukicard.apdu.trace.record import HAZARD, ApduTrace, TraceError, TraceNote
from jukicard.apdu.trace.replay import Repeated, check_playable, repeat

ATR = bytes.fromhex("3B00")


class Scripted:
    """A card that gives these answers, None for none, and keeps what it was sent."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.sent: list[str] = []

    def transmit(self, command: bytes) -> bytes:
        self.sent.append(command.hex().upper())
        answer = self.answers.pop(0)
        if answer is None:
            raise ConnectionError("the card is gone")
        return bytes.fromhex(answer)

    def reset(self) -> bytes:
        self.sent.append("reset")
        return ATR


def run(dump: str, *answers: str | None) -> tuple[Repeated, list[str]]:
    card = Scripted(*answers)
    return repeat(from_dump(dump), card.transmit, card.reset), card.sent


def test_the_same_session() -> None:
    done, sent = run(
        "ATR 3B00\n> 00B0000000\n< AA9000\nRESET\n> 00B0000100\n< 6B00", "AA9000", "6B00"
    )
    assert done == Repeated(2, [])
    assert sent == ["reset", "00B0000000", "reset", "00B0000100"]


def test_another_answer_ends_it_without_data() -> None:
    done, sent = run("> 00B0000000\n< AA9000\n> 00B0000100\n< 9000", "AB9000")
    assert done.problem == [
        "command 1 is answered otherwise",
        "  > READ BINARY at offset 0",
        "      00 B0 00 00 00",
        "  then: < <1 byte> 9000 done",
        "  now:  < <1 byte> 9000 done",
    ]
    assert sent == ["00B0000000"]


def test_another_atr() -> None:
    done, _ = run("ATR 3B01\n> 00B0000000\n< 9000")
    assert done.problem[0] == "the card's answer to reset is another"
    assert done.sent == 0


CHALLENGE = "> 0084000002\n< 01029000\n> 0020008004????????\n"


def test_what_was_made_of_the_cards_random_numbers_is_not_sent() -> None:
    dump = "> 0084000002\n< 01029000\n> 00B0000000\n< 9000\n> 0082008102AABB\n< 9000"
    done, sent = run(dump, "03049000", "9000")
    assert "command 3, EXTERNAL AUTHENTICATE, reference 01 of the application" in done.problem[0]
    assert "those of command 1 are other ones now" in done.problem[0]
    assert sent == ["0084000002", "00B0000000"]
    assert run(dump, "01029000", "9000", "9000")[0] == Repeated(3, [])


def test_hidden_random_numbers_are_other_ones() -> None:
    dump = "> 0084000002\n< ????9000\n> 0C20008002AABB\n< 9000"
    assert "cannot be repeated" in run(dump, "01029000")[0].problem[0]


def test_hidden_commands_are_not_sent() -> None:
    card = Scripted()
    with pytest.raises(
        TraceError, match="of 1 command are hidden in it: such a trace is for reading"
    ):
        repeat(from_dump(CHALLENGE), card.transmit, card.reset)
    assert card.sent == []


def test_no_answer_then_and_now() -> None:
    assert run("> 00B0000000\n> 00B0000100\n< 9000", None, "9000")[0] == Repeated(2, [])
    assert run("> 00B0000000\n", None)[0] == Repeated(1, [])
    done, _ = run("> 00B0000000\n", "9000")
    assert done.problem[0] == "command 1 had no answer then, and has one now"


def test_no_answer_where_there_was_one_comes_through() -> None:
    with pytest.raises(ConnectionError):
        run("> 00B0000000\n< 9000", None)


def test_notes_come_where_they_stand() -> None:
    trace = ApduTrace(TraceLevel.FULL)
    trace.command(b"\x00\xb0\x00\x00\x00")
    trace.comment("no answer: CardMute")
    trace.comment("Mute()", HAZARD)
    trace.command(b"\x00\xb0\x00\x01\x00")
    trace.response(b"\x90\x00")
    card = Scripted(None, "9000")
    heard: list[tuple[TraceNote, int]] = []
    repeat(trace, card.transmit, card.reset, lambda note: heard.append((note, len(card.sent))))
    assert heard == [(TraceNote("Mute()", HAZARD), 1)]


@pytest.mark.parametrize(
    ("dump", "said"),
    [
        ("> 00B0000000\n< 9000", "no answer to reset"),
        ("RESET\n> 00B0000000\n< 9000", "no answer to reset"),
        ("ATR 3B00\n> 00B0000000\n< ??9000\n> 00B0000000\n< ??9000", "of 2 answers are hidden"),
    ],
)
def test_what_cannot_be_a_card(dump: str, said: str) -> None:
    with pytest.raises(TraceError, match=said):
        check_playable(from_dump(dump))


def test_a_trace_with_hidden_commands_can_be_a_card() -> None:
    check_playable(from_dump("ATR 3B00\n> 0020008004????????\n< 9000"))
