"""The reader's end of the vpcd protocol: drives any virtual card directly, without a daemon.

A message is a length (2 bytes, big-endian) and as many bytes. One byte is control: 00 off, 01 on,
02 reset, 04 give the ATR (the only one that is answered). All else is a command APDU.
"""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from typing import Final

from jukihost.errors import (
    CardMute,
    CardRemoved,
    CardRemovedOrMute,
    ProtocolError,
    TransportError,
)
from jukihost.transport.base import BaseConnection, OnWait, check_length, not_open
from jukihost.transport.stream import Stream, accept, address, dial, listen

DEFAULT_PORT: Final = 35_963
"""Where virtual cards look for their reader (0x8C7B)."""
MAX_MESSAGE: Final = 65_535
"""The longest command or answer, in bytes: the length field has 16 bits."""

_OFF, _ON, _RESET, _ATR = b"\0", b"\1", b"\2", b"\4"


class VpcdConnection(BaseConnection):
    """A virtual card over TCP, with this program as its reader.

    With `listening` (the usual way round) the card dials in: `open` waits for it, at most
    `wait` seconds. Without, `open` dials a card that listens. Every answer must be complete
    `timeout` seconds after its command; `on_wait` is called with what is waited for. The protocol
    has no encryption and no password: it listens on loopback addresses only, unless `allow_remote`.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        *,
        listening: bool = True,
        timeout: float = 30.0,
        wait: float = 30.0,
        allow_remote: bool = False,
        on_wait: OnWait | None = None,
    ) -> None:
        self._address = (host, port)
        self._listening = listening
        self._timeout = timeout
        self._on_wait = on_wait
        self._wait = wait
        self._allow_remote = allow_remote
        self._listener: socket.socket | None = None
        self._stream: Stream | None = None
        self._atr = b""

    @property
    def description(self) -> str:
        """The address, and which side dials."""
        how = "virtual card dialling in at" if self._listening else "virtual card at"
        return f"{how} {address(*self._address)}"

    @property
    def atr(self) -> bytes:
        """The answer to reset of the card. ConnectionNotOpen."""
        self._live()
        return self._atr

    def listen(self) -> tuple[str, int]:
        """Open the port before `open` waits at it; return host and port (for port 0, the real one).

        Unreachable when the port is in use, AddressNotLocal for an address beyond this machine.
        """
        if self._listener is None:
            self._listener = listen(
                *self._address,
                timeout=self._timeout,
                tell=self._tell_of_answer,
                allow_remote=self._allow_remote,
            )
            self._address = (self._address[0], self._listener.getsockname()[1])
        return self._address

    def open(self) -> None:
        """Wait for the card or dial it, power it on and read its ATR.

        Unreachable when none is there, CardMute when it has no ATR, CardRemoved, AnswerTimeout.
        """
        self._hang_up()
        try:
            self._stream = self._connect()
            self._send(_ON)
            self._atr = self._read_atr()
        except BaseException:
            self._close_at_once()
            raise

    def close(self) -> None:
        """Power the card off and close the connection and the port."""
        self._hang_up()
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def transmit(self, command: bytes) -> bytes:
        """Send one command and return the answer.

        CommandNotCarried: the protocol would take one byte for control, and cannot count beyond
        65535. After CardRemoved, CardRemovedOrMute or AnswerTimeout the connection is closed:
        `reconnect`.
        """
        check_length(command, MAX_MESSAGE)
        return self._exchange(command)

    def reset(self) -> bytes:
        """Reset the card (warm) and return its ATR."""
        self._send(_RESET)
        self._atr = self._read_atr()
        return self._atr

    def _connect(self) -> Stream:
        if not self._listening:
            return dial(*self._address, self._timeout, self._tell_of_answer)
        self.listen()
        assert self._listener is not None  # noqa: S101 - listen() has just made it
        if self._wait:
            self._tell(f"a card to call {address(*self._address)}", self._wait)
        return accept(self._listener, self._wait, self._tell_of_answer)

    def _hang_up(self) -> None:
        if self._stream is not None:
            with suppress(TransportError):
                self._send(_OFF)
        self._drop()

    def _read_atr(self) -> bytes:
        atr = self._exchange(_ATR)
        if not atr:
            raise CardMute("the virtual card has no answer to reset; check the program behind it")
        # ISO/IEC 7816-3:2006, 8.2
        if not 2 <= len(atr) <= 33:
            raise ProtocolError(
                f"an ATR has 2 to 33 bytes, this one {len(atr)}; check the program behind the port"
            )
        return atr

    def _exchange(self, message: bytes) -> bytes:
        self._send(message)
        stream, deadline = self._live(), time.monotonic() + self._timeout
        try:
            return stream.receive(int.from_bytes(stream.receive(2, deadline), "big"), deadline)
        except CardRemoved as gone:  # all that the protocol has to say of a card that failed
            self._drop()
            raise CardRemovedOrMute(
                "the card closed the connection without an answer: it failed, was pulled out, or "
                "its program ended; look there, then reconnect"
            ) from gone
        except BaseException:  # an interrupted exchange too: the next answer would be the old one
            self._drop()
            raise

    def _send(self, message: bytes) -> None:
        try:
            self._live().send(_frame(message), self._timeout)
        except BaseException:
            self._drop()
            raise

    def _live(self) -> Stream:
        if self._stream is None:
            raise not_open()
        return self._stream

    def _close_at_once(self) -> None:
        self._drop()  # the card's end takes its power when its reader is gone
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _tell_of_answer(self, what: str) -> None:
        self._tell(what, self._timeout)

    def _drop(self) -> None:
        stream, self._stream, self._atr = self._stream, None, b""
        if stream is not None:
            stream.close()


def _frame(message: bytes) -> bytes:
    return len(message).to_bytes(2, "big") + message
