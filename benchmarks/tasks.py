"""The four commands that every card in the comparison is asked, and what leads up to each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

Transmit = Callable[[bytes], bytes]
FILE_BYTES: Final = 256


@dataclass(frozen=True)
class Task:
    """A command to repeat, the commands before it, and how many bytes its answer has."""

    name: str
    before: tuple[str, ...]
    command: str
    answer_bytes: int

    def start(self, transmit: Transmit) -> Callable[[], object]:
        """Bring a card there and return the command to repeat; checks that it is answered."""
        for step in self.before:
            answer = transmit(bytes.fromhex(step))
            if answer[-2:] != b"\x90\x00":
                raise RuntimeError(f"{self.name}: {step} was answered {answer.hex()}")
        command = bytes.fromhex(self.command)
        answer = transmit(command)
        if answer[-2:] != b"\x90\x00" or len(answer) != self.answer_bytes + 2:
            raise RuntimeError(f"{self.name}: {self.command} was answered {answer[-2:].hex()}")
        return lambda: transmit(command)


_JPKI: Final = "00A4040C0AD392F000260100000001"
_JUKI: Final = "00A4040C0AD3921000310001010401"
OURS: Final = (
    Task("SELECT EF", (_JPKI,), "00A4020C020002", 0),
    Task("READ BINARY 256", (_JPKI, "00A4020C020002"), "00B0000000", FILE_BYTES),
    Task("GET CHALLENGE", (_JPKI,), "0084000008", 8),
    Task("VERIFY", (_JUKI,), "0020009C0431323334", 0),
)
"""On a `juki-v1` card: the authority's certificate is free to read, the PIN is the Juki PIN."""

VICC: Final = (
    Task("SELECT EF", (), "00A4020C022F01", 0),
    Task("READ BINARY 256", ("00A4020C022F01",), "00B0000000", FILE_BYTES),
    Task("GET CHALLENGE", (), "0084000008", 8),
    Task("VERIFY", (), "002000000431323334", 0),
)
"""The same on the card of vicc_card.py: one file of 256 bytes under its MF, its own PIN."""
