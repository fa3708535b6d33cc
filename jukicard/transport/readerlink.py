"""A virtual card's connection to its reader: framing, prompt acknowledgement, and a watchdog."""

from __future__ import annotations

import os
import socket
import struct
import time
from typing import Final

MAX_MESSAGE: Final = 65_535
"""The longest message, in bytes: the length field has 16 bits."""
OFF, ON, RESET, ATR = 0x00, 0x01, 0x02, 0x04
"""The control bytes: a message of one of these, from the reader."""

_TICK: Final = 0.5  # seconds between looks at the clock while the reader is silent
_FRAME_SECONDS: Final = 5.0  # a message once begun must be complete after this time
_CHUNK: Final = 512  # bytes asked of the socket at once, unless more are known to come
_QUICK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)
_SMALL: Final = 4096  # bytes that a socket's buffer always takes at once


class ReaderLink:
    """One connection to a reader: complete messages in, answers out, and the sense of a hang.

    The driver passes a one-byte APDU of a client on as it is. If it happens to be 00, 01 or 02 it
    looks like control, is not answered, and the driver waits for ever with every client behind
    it. Only silence tells: a driver that polls the card (it asks for the ATR every 0.4 s) and
    then falls silent right after a control byte is waiting for an answer nobody can give.
    """

    def __init__(self, sock: socket.socket, watchdog: float | None) -> None:
        """`watchdog` is the silence in seconds after which a hang is assumed; None: never."""
        self._tick = _TICK if watchdog is None else min(_TICK, watchdog / 4)
        self._sock = sock
        self._wait_in_kernel()
        self._watchdog = watchdog
        self._buffer = bytearray()
        self._heard = time.monotonic()
        self._last = -1
        self._polls = 0

    def _wait_in_kernel(self) -> None:
        """Wait with the kernel's own timeouts: Python's are one system call more each time."""
        sock = self._sock
        if os.name != "posix":  # another form of timeout, and no call saved
            sock.settimeout(self._tick)
            return
        sock.settimeout(None)
        limit = struct.pack("@ll", 0, max(1, int(self._tick * 1_000_000)))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)

    def receive(self) -> bytes:
        """Return the next message; EOFError, TimeoutError (hang, or half a message), OSError."""
        header = self._take(2)
        length = header[0] << 8 | header[1]
        if not self._buffer:
            _acknowledge_at_once(self._sock)
        message = self._take(length)
        if length == 1:
            self._note(message[0])
            _acknowledge_at_once(self._sock)  # a control byte may have no answer that would do it
        else:
            self._last = -1
        return message

    def send(self, answer: bytes) -> None:
        """Send one answer of at most MAX_MESSAGE bytes, in one piece; OSError."""
        frame = len(answer).to_bytes(2, "big") + answer
        if len(frame) <= _SMALL:
            self._sock.sendall(frame)
            return
        self._sock.settimeout(_FRAME_SECONDS)
        self._sock.sendall(frame)
        self._wait_in_kernel()

    def _take(self, size: int) -> bytes:
        buffer = self._buffer
        while len(buffer) < size:
            try:
                chunk = self._sock.recv(max(_CHUNK, size - len(buffer)))
            except (BlockingIOError, TimeoutError):  # the kernel's timeout, and Python's
                self._check_silence(inside=bool(buffer) or size != 2)
                continue
            if not chunk:
                raise EOFError("the reader closed the connection")
            self._heard = time.monotonic()
            if len(chunk) == size and not buffer:
                return chunk
            buffer += chunk
            if len(buffer) < size:
                _acknowledge_at_once(self._sock)
        taken = bytes(buffer[:size])
        del buffer[:size]
        return taken

    def _note(self, code: int) -> None:
        """Remember what a hang is told by: polls, and a control byte as the last message."""
        if code == ATR and self._last not in (ON, RESET):
            self._polls += 1
        self._last = code

    def _check_silence(self, *, inside: bool) -> None:
        silence = time.monotonic() - self._heard
        if inside and silence > _FRAME_SECONDS:
            raise TimeoutError("the reader stopped in the middle of a message")
        hung = self._polls >= 2 and self._last in (OFF, ON, RESET)
        if hung and self._watchdog is not None and silence > self._watchdog:
            raise TimeoutError("the reader hangs after a control byte (a client's 1-byte APDU)")


def _acknowledge_at_once(sock: socket.socket) -> None:
    """Turn delayed ACK off until the next receive (the option does not stick).

    The driver sends length and body apart; its second part waits for our ACK, 44 ms each time.
    """
    if _QUICK is not None:
        sock.setsockopt(socket.IPPROTO_TCP, _QUICK, 1)
