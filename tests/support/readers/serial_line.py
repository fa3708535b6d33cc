"""The driver's end of a serial CCID line: frames (03 06, message, exclusive-or) by hand."""

from __future__ import annotations

import os
import select
import time
from typing import Final

NAK: Final = "031516"
TIME: Final = "80"


def frame(sent: bytes) -> bytes:
    whole, check = b"\x03\x06" + sent, 0
    for byte in whole:
        check ^= byte
    return whole + bytes((check,))


class Line:
    """The line behind a link, opened as a driver does."""

    def __init__(self, link: str) -> None:
        self.fd = os.open(link, os.O_RDWR | os.O_NOCTTY)

    def write(self, data: bytes) -> None:
        os.write(self.fd, data)

    def read(self, size: int, seconds: float = 30.0) -> str:
        """Return what comes, `size` bytes at most, in hexadecimal."""
        got, until = b"", time.monotonic() + seconds
        while len(got) < size and time.monotonic() < until:
            if select.select([self.fd], [], [], 0.05)[0]:
                got += os.read(self.fd, size - len(got))
        return got.hex().upper()

    def exchange(self, sent: bytes) -> bytes:
        """Send a message, take its echo, and return the answer.

        As a driver does, wait on where the reader asks for time: a card in a file waits for a disk.
        """
        self.write(frame(sent))
        assert self.read(len(sent) + 3) == frame(sent).hex().upper()
        while (first := self.read(1)) == TIME:
            pass
        head = bytes.fromhex(first + self.read(11))
        whole = head + bytes.fromhex(self.read(head[3] + 1))
        assert frame(whole[2:-1]) == whole
        return whole[2:-1]

    def close(self) -> None:
        os.close(self.fd)
