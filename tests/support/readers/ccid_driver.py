"""The driver's end of CCID 1.1, message by message, from the tables of the document alone."""

from __future__ import annotations

from typing import Protocol


class Handles(Protocol):
    """A reader under test."""

    def handle(self, message: bytes) -> bytes:
        """Do one message."""
        ...


def message(
    kind: int, data: str = "", fields: str = "000000", slot: int = 0, seq: int = 0
) -> bytes:
    body = bytes.fromhex(data)
    head = bytes((kind, *len(body).to_bytes(4, "little"), slot, seq))
    return head + bytes.fromhex(fields) + body


class Driver:
    """Writes messages and reads answers."""

    def __init__(self, reader: Handles) -> None:
        self.reader = reader
        self.seq = 0

    def send(
        self, kind: int, data: str = "", fields: str = "000000", slot: int = 0
    ) -> tuple[int, int, int, str]:
        """Return bStatus, bError, byte 9 and the data."""
        self.seq = (self.seq + 1) & 0xFF
        answer = self.reader.handle(message(kind, data, fields, slot, self.seq))
        assert answer[5:7] == bytes((slot, self.seq))
        assert int.from_bytes(answer[1:5], "little") == len(answer) - 10
        return answer[7], answer[8], answer[9], answer[10:].hex().upper()

    def block(self, data: str, fields: str = "000000") -> str:
        return self.block_of(0x6F, data, fields)

    def block_of(self, kind: int, data: str, fields: str = "000000") -> str:
        status, error, _, answer = self.send(kind, data, fields)
        assert (status, error) == (0, 0)
        return answer


def lrc(block: str) -> str:
    check = 0
    for byte in bytes.fromhex(block):
        check ^= byte
    return f"{block}{check:02X}"
