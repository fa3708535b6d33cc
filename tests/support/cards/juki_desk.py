"""A powered Juki card with a terminal in front of it, for tests of who may do what."""

from __future__ import annotations

from dataclasses import dataclass

from jukicard import PROFILES, Card
from jukicard.apdu import CommandApdu
from jukicard.memory import MemorySnapshot
from jukicard.runtime.boundary import raise_bug
from jukicard.testing.applets import with_forbidden
from tests.support.cards.issuing import issue
from tests.support.naive.terminal import JUKI, NaiveTerminal

CODE = "12345678903"
"""Its last digit is the check digit of the others (docs/card.md, section 1)."""
PIN = b"1234"
CODE_RECORD = b"\x01\x0b" + CODE.encode()
READ_CODE = CommandApdu(0x00, 0xB2, 0x01, 0x14, ne=256)
READ_DATA = CommandApdu(0x00, 0xB0, 0x83, 0x00, ne=64)
VERIFY = CommandApdu(0x00, 0x20, 0x00, 0x9C, PIN)


@dataclass
class Desk:
    card: Card
    terminal: NaiveTerminal

    def status(self, command: str) -> int:
        """The status of a plain command given in hexadecimal, seen by nobody's session."""
        return int.from_bytes(self.card.transmit(bytes.fromhex(command))[-2:], "big")

    def read_code(self) -> bytes:
        """Identify the resident as a terminal for that purpose does; the record read."""
        self.terminal.authenticate(1)
        assert self.terminal.protected(VERIFY).status == 0x9000
        answer = self.terminal.protected(READ_CODE)
        assert answer.status == 0x9000
        return answer.data


def issued(**options: object) -> MemorySnapshot:
    """A snapshot of a personalised card, to be started again and again."""
    given = {"seed": 1, "code": CODE, "municipality": "13221", "pin": PIN.decode(), **options}
    profile = with_forbidden(PROFILES["juki-v1"])
    card = issue(profile, on_bug=raise_bug, **given)
    return card.snapshot()


def desk(snapshot: MemorySnapshot | None = None, *, select: bool = True) -> Desk:
    """A powered card and its terminal, the Juki application selected on the basic channel."""
    card = Card.restore(snapshot or issued(), on_bug=raise_bug)
    card.power_on()
    answer = card.transmit(bytes.fromhex("00CA005A00"))
    assert answer[:2] == b"\x5a\x08"
    assert answer[-2:] == b"\x90\x00"
    terminal = NaiveTerminal(card.transmit, answer[2:10])
    if select:
        assert terminal.select(JUKI).status == 0x9000
    return Desk(card, terminal)
