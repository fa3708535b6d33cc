"""What a contactless reader itself tells of the card in its field (PC/SC part 3, 3.2.2)."""

from __future__ import annotations

from typing import Final

from jukicard.apdu import MalformedApduError, ResponseApdu, StatusWord
from jukihost.connection import Connection, translated
from jukihost.errors import NotOffered, ProtocolError

_GET_UID: Final = bytes.fromhex("FFCA0000")
_LONGEST: Final = 10


def read_uid(connection: Connection) -> bytes:
    """Return the number by which the reader found the card, 4, 7 or 10 bytes.

    It is no identity. These cards draw another one each time they come into the field, a number
    that stays is copied in a minute, and nobody vouches for either: it tells two cards that lie
    there at once apart, and no more. Who the holder is says a session, the card a certificate.

    NotOffered where no contactless reader answers: a contact reader, a card served over vpcd.
    ProtocolError for what is no such number; TransportError.
    """
    answer = _ask(connection, 0)
    if answer.status.sw1 == 0x6C and answer.status.sw2:  # a reader that wants the very length
        answer = _ask(connection, answer.status.sw2)
    if answer.status not in (StatusWord.OK, StatusWord.END_OF_FILE):
        raise NotOffered(
            f"{connection.description} tells no UID ({answer.status.hex}): it is no contactless "
            "reader, or none that does; go on without, a UID is no identity"
        )
    if not 1 <= len(answer.data) <= _LONGEST:
        raise ProtocolError(
            f"the reader tells a UID of {len(answer.data)} bytes; use another reader, or go on "
            "without"
        )
    return answer.data


def _ask(connection: Connection, length: int) -> ResponseApdu:
    try:
        raw = connection.transmit(_GET_UID + bytes((length,)))
    except ConnectionError as error:
        raise translated(error) from error
    try:
        return ResponseApdu.parse(raw)
    except MalformedApduError:
        raise ProtocolError(
            f"the reader answered {len(raw)} bytes, which is no status; try again"
        ) from None
