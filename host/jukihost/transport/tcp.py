"""This project's own way to a card over TCP: carries every APDU, also what vpcd cannot.

Both sides begin with the eight bytes `JUKITCP1`. Then each message is a type (1 byte), a length
(4 bytes, big-endian) and a payload of at most 65600 bytes: 01 power on and 02 reset are answered
81 with the ATR, 03 with a command is answered 83 with the response, 04 power off is answered 84,
and every failure FF with a text: `busy`, `no card` and `reset` (by another program) begin those
that mean that. Where many cards are behind one port, 05 with the name of one comes first and is
answered 85.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

from jukihost.connection import RESET_TEXT
from jukihost.errors import (
    CardBusy,
    CardError,
    CardMute,
    CardRemoved,
    CardReset,
    CommandNotCarried,
    NoCard,
    ProtocolError,
)
from jukihost.transport.base import BaseConnection, OnWait, not_open
from jukihost.transport.stream import Stream, address, dial

GREETING: Final = b"JUKITCP1"
MAX_PAYLOAD: Final = 65_600
"""The longest payload in bytes; the longest command APDU has 65544."""

_POWER_ON, _RESET, _TRANSMIT, _POWER_OFF, _CHOOSE = 0x01, 0x02, 0x03, 0x04, 0x05
_ATR, _RESPONSE, _OFF, _CHOSEN, _FAILURE = 0x81, 0x83, 0x84, 0x85, 0xFF


class TcpConnection(BaseConnection):
    """A card program that listens on TCP.

    `card` names one of many cards behind the port (`jukicard serve --many`). Every answer must be
    complete `timeout` seconds after its command; `on_wait` is called with what is waited for, when
    it takes long. The protocol has no encryption and no password:
    stay on the loopback address.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        card: str | None = None,
        timeout: float = 30.0,
        on_wait: OnWait | None = None,
    ) -> None:
        self._address = (host, port)
        self._card = card
        self._timeout = timeout
        self._on_wait = on_wait
        self._stream: Stream | None = None
        self._atr = b""

    @property
    def description(self) -> str:
        """The address."""
        named = "" if self._card is None else f" {self._card}"
        return f"card{named} at {address(*self._address)}"

    @property
    def atr(self) -> bytes:
        """The answer to reset of the card. ConnectionNotOpen."""
        if self._stream is None:
            raise not_open()
        return self._atr

    def open(self) -> None:
        """Dial the card, power it on and read its ATR.

        Unreachable when nobody listens, ProtocolError when it is something else that listens,
        CardRemoved when there is no card in it, NoCard when there is none of the name, CardBusy
        when another program has it.
        """
        self.close()
        self._stream = dial(*self._address, self._timeout, self._tell_of_answer)
        try:
            self._greet(self._stream)
            if self._card is not None:
                self._choose(self._card)
            self._atr = self._power(_POWER_ON)
        except BaseException:
            self._close_at_once()
            raise

    def close(self) -> None:
        """Power the card off and close the connection."""
        if self._stream is not None:
            with suppress(CardError):
                self._exchange(_POWER_OFF, _OFF)
        self._drop()

    def transmit(self, command: bytes) -> bytes:
        """Send one command and return the answer; CommandNotCarried over 65600 bytes.

        CardMute when the card failed: power it on again with `reset` or `reconnect`. After any
        other TransportError, CardRemoved among them, the connection is closed.
        """
        if len(command) > MAX_PAYLOAD:
            raise CommandNotCarried(
                f"this connection carries commands of up to {MAX_PAYLOAD} "
                f"bytes, not {len(command)}; nothing was sent"
            )
        return self._exchange(_TRANSMIT, _RESPONSE, command)

    def reset(self) -> bytes:
        """Reset the card (warm) and return its ATR."""
        self._atr = self._power(_RESET)
        return self._atr

    def _greet(self, stream: Stream) -> None:
        stream.send(GREETING, self._timeout)
        if stream.receive(len(GREETING), time.monotonic() + self._timeout) != GREETING:
            self._drop()
            raise ProtocolError(
                f"what listens at {address(*self._address)} is no card of this "
                "protocol; check the port"
            )

    def _choose(self, name: str) -> None:
        try:
            self._exchange(_CHOOSE, _CHOSEN, name.encode())
        except CardRemoved:
            raise NoCard(f"there is no card {name!r} at {address(*self._address)}") from None
        except CardMute:
            raise ProtocolError(
                f"what listens at {address(*self._address)} serves one card only; leave the card's "
                "name out"
            ) from None

    def _power(self, request: int) -> bytes:
        atr = self._exchange(request, _ATR)
        # ISO/IEC 7816-3:2006, 8.2
        if not 2 <= len(atr) <= 33:
            self._drop()
            raise ProtocolError(
                f"an ATR has 2 to 33 bytes, this one {len(atr)}; check the program behind the port"
            )
        return atr

    def _exchange(self, request: int, expected: int, payload: bytes = b"") -> bytes:
        stream = self._stream
        if stream is None:
            raise not_open()
        try:
            stream.send(
                bytes((request,)) + len(payload).to_bytes(4, "big") + payload, self._timeout
            )
            kind, answer = self._receive(stream, time.monotonic() + self._timeout)
        except BaseException:  # an interrupted exchange too: the next answer would be the old one
            self._drop()
            raise
        if kind == _FAILURE:
            raise self._failure(answer, of_a_command=bool(payload))
        if kind != expected:
            self._drop()
            raise ProtocolError(
                f"answer {kind:02X} to request {request:02X}; the two sides do "
                "not speak the same protocol"
            )
        return answer

    def _failure(self, told: bytes, *, of_a_command: bool) -> CardError:
        """Return what the other side failed with; who has to be opened again is closed."""
        if told.startswith(b"busy"):
            self._drop()
            return CardBusy("another program has this card; close it, then open this again")
        if told.startswith(b"no card"):
            self._drop()
            return CardRemoved("there is no card in it; put one in, then open this again")
        if told.startswith(b"reset"):
            return CardReset(RESET_TEXT)
        return CardMute(_failure_text(b"" if of_a_command else told))

    def _receive(self, stream: Stream, deadline: float) -> tuple[int, bytes]:
        head = stream.receive(5, deadline)
        length = int.from_bytes(head[1:], "big")
        if length > MAX_PAYLOAD:
            raise ProtocolError(
                f"a message of {length} bytes, more than {MAX_PAYLOAD}; the two "
                "sides do not speak the same protocol"
            )
        return head[0], stream.receive(length, deadline)

    def _close_at_once(self) -> None:
        self._drop()  # a client that leaves takes its card's power with it

    def _tell_of_answer(self, what: str) -> None:
        self._tell(what, self._timeout)

    def _drop(self) -> None:
        stream, self._stream, self._atr = self._stream, None, b""
        if stream is not None:
            stream.close()


def _failure_text(told: bytes) -> str:
    """Say that the other side failed; what it told about a command is never shown.

    A careless peer might repeat the command, and with it a PIN.
    """
    text = "".join(c for c in told[:200].decode("utf-8", "replace") if c.isprintable())
    why = text or "no card, no power, or the card failed"
    return f"the card's end could not do what was asked ({why}); look there, then reconnect"
