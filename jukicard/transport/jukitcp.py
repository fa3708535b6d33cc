"""The words of this project's own TCP protocol, the card's end: frames, requests, answers.

Unlike vpcd it tells errors, answers every request, and carries every length. Each side first sends
the 8 bytes `JUKITCP1`; a mismatch closes the connection. Then frames: type (1 byte), length (4
bytes, big-endian), payload (at most 65,600 bytes).

    request                     answer
    01 POWER_ON                 81, the ATR
    02 RESET                    81, the ATR
    03 TRANSMIT, a command      83, the response
    04 POWER_OFF                84, empty
    05 CHOOSE, a card's name    85, empty; where many cards are behind one port, before all else,
                                or left out where the next blank card is what is wanted
    any, when it failed         FF, a text in UTF-8 that holds no data of the command; `busy`, `no
                                card` and `reset` (by another program) begin those that mean that

A frame that is too long, unknown, or has a payload where none belongs is answered FF and ends the
connection.
"""

from __future__ import annotations

from typing import Final

from jukicard.transport.slot import CardSlot

MAGIC: Final = b"JUKITCP1"
MAX_PAYLOAD: Final = 65_600
"""The longest payload in bytes: any extended APDU fits."""
HEADER: Final = 5
"""Type and length, in bytes."""

POWER_ON, RESET, TRANSMIT, POWER_OFF, CHOOSE = 0x01, 0x02, 0x03, 0x04, 0x05
ATR_ANSWER, RESPONSE, POWERED_OFF, CHOSEN, ERROR = 0x81, 0x83, 0x84, 0x85, 0xFF

GREETING_SECONDS: Final = 5.0
"""A client must have sent its 8 bytes by then."""
FRAME_SECONDS: Final = 10.0
"""A frame once begun must be complete by then, and an answer read."""


class ProtocolViolation(Exception):
    """The client sent what the protocol does not know; the text is sent back to it."""


def frame(kind: int, payload: bytes = b"") -> bytes:
    """Return one frame."""
    return bytes((kind,)) + len(payload).to_bytes(4, "big") + payload


def length_of(header: bytes) -> int:
    """Return how long the payload is that a header announces. ProtocolViolation."""
    length = int.from_bytes(header[1:HEADER], "big")
    if length > MAX_PAYLOAD:
        raise ProtocolViolation(f"a payload has at most {MAX_PAYLOAD} bytes, not {length}")
    return length


def obey(card: CardSlot, kind: int, payload: bytes) -> bytes:
    """Do what a request asks of the card in a slot and return the frame to send back.

    ProtocolViolation, CardNotPresent, CardFault.
    """
    if kind != TRANSMIT and payload:
        raise ProtocolViolation(f"request {kind:02X} has no payload")
    match kind:
        case 0x01:
            return frame(ATR_ANSWER, card.power_on())
        case 0x02:
            return frame(ATR_ANSWER, card.reset())
        case 0x03:
            return frame(RESPONSE, card.transmit(payload))
        case 0x04:
            card.power_off()
            return frame(POWERED_OFF)
        case _:
            raise ProtocolViolation(f"unknown request {kind:02X}")
