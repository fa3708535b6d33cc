"""A protected chain of the Juki application, byte for byte: what is decided about it stays so."""

from __future__ import annotations

from typing import Final

from jukicard.apdu import CommandApdu
from tests.support.cards.juki_desk import desk, issued
from tests.support.naive.terminal import JUKI
from tests.support.published.replay import FOLDER, commands, replay, transcript

NAME: Final = "juki_protected_chain"
RECORD: Final = b"\x01\x0b24727059608"


def test_every_transcript_of_the_application_is_replayed() -> None:
    assert [path.stem for path in FOLDER.glob("juki_*")] == [NAME]


def test_the_card_answers_as_written() -> None:
    replay(desk(issued(), select=False).card, transcript(NAME))


def test_the_terminal_sends_as_written() -> None:
    """A terminal that protects each link by itself produces the same bytes."""
    there = desk(issued(), select=False)
    sent: list[bytes] = []
    transmit = there.terminal.raw

    def note(command: bytes) -> bytes:
        sent.append(command)
        return transmit(command)

    there.terminal.raw = note
    terminal = there.terminal
    terminal.select(JUKI)
    terminal.authenticate(4)
    answers = [
        terminal.protected(command)
        for command in (
            CommandApdu(0x10, 0xDC, 0x01, 0x14, RECORD[:7]),
            CommandApdu(0x00, 0xDC, 0x01, 0x14, RECORD[7:]),
            CommandApdu(0x00, 0x20, 0x00, 0x9C, b"1234"),
            CommandApdu(0x00, 0xB2, 0x01, 0x14, ne=256),
            CommandApdu(0x00, 0x84, 0, 0, ne=256),
            CommandApdu(0x00, 0xC0, 0, 0, ne=33),
        )
    ]
    assert sent == commands(transcript(NAME))
    assert [answer.status for answer in answers] == [0x9000] * 4 + [0x6121, 0x9000]
    assert answers[3].data == RECORD
    assert len(answers[4].data + answers[5].data) == 256
