"""A card for T=0 tests: answers of any length to every case of command, and it counts."""

from __future__ import annotations

from collections import Counter

from jukicard.apdu import CommandApdu
from tests.support.readers.tpdu_line import answer_to

INS_OF_CASE = {1: 0x04, 2: 0xB0, 3: 0xD6, 4: 0x88}
"""DEACTIVATE FILE, READ BINARY, UPDATE BINARY and INTERNAL AUTHENTICATE, one of each case."""


class IsoPort:
    """Fits CardPort; the header of a command says which it is, `sizes` how long its answer is.

    It does not care for Ne: what is too long is the transport's to give in parts.
    """

    def __init__(self, atr: bytes = bytes.fromhex("3B00")) -> None:
        self.atr = atr
        self.sizes: dict[bytes, int] = {}
        self.executed: Counter[bytes] = Counter()
        self.received: dict[bytes, CommandApdu] = {}

    def power_on(self) -> bytes:
        return self.atr

    def reset(self) -> bytes:
        return self.atr

    def power_off(self) -> None:
        pass

    def transmit(self, command: bytes, /) -> bytes:
        parsed = CommandApdu.parse(command)
        self.executed[parsed.header] += 1
        self.received[parsed.header] = parsed
        return answer_to(parsed.header, self.sizes.get(parsed.header, 0))

    def command(self, case: int, nc: int, ne: int, size: int) -> CommandApdu:
        """Return a command that was never given out before."""
        number = len(self.sizes)
        data = bytes(number + i & 0xFF for i in range(nc if case > 2 else 0))
        command = CommandApdu(
            0x00, INS_OF_CASE[case], number >> 8, number & 0xFF, data, ne if case in (2, 4) else 0
        )
        self.sizes[command.header] = size if case in (2, 4) else 0
        return command

    def expected(self, command: CommandApdu) -> bytes:
        """Return what a terminal gets: as many bytes as it asked for, and how many are left."""
        whole = answer_to(command.header, self.sizes[command.header])
        data, left = whole[:-2][: command.ne], len(whole) - 2 - command.ne
        return data + (bytes((0x61, min(left, 256) & 0xFF)) if left > 0 else whole[-2:])
