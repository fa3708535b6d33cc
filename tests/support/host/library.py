"""A municipal application for tests: a library's points, as a town has them put on a card."""

from __future__ import annotations

from typing import Final

from jukicard.apdu import CommandApdu, Ins
from jukihost.channel import build_channel
from jukihost.connection import Connection
from jukihost.errors import AppletNotFound
from jukihost.sessions.municipal import MunicipalSession
from jukihost.workflows import TownApplication
from tests.support.cards.issuer_desk import POINTS

LIBRARY_PIN: Final = "7391"
LIBRARY: Final = TownApplication(
    aid=POINTS,
    numbered=False,
    objects=((0xC1, b"town"),),
    files=((1, b"12345678"), (2, b"free")),
    pin=3,
    systems={"POINTS": 1},
)


class LibrarySession(MunicipalSession):
    """A session with the library's application."""

    AID, PIN = POINTS, 3


def has_library(connection: Connection) -> bool:
    """Whether the card in a reader has the application; and if so, all of it."""
    try:
        with LibrarySession(build_channel(connection)) as session:
            session.verify_pin(LIBRARY_PIN)
            assert session.read_binary(1, 8) == b"12345678"
            assert session.read_binary(2, 4) == b"free"
            told = session.ask(CommandApdu(0x00, Ins.GET_DATA, 0x00, 0xC1, ne=256))
            assert told.data == b"town"
    except AppletNotFound:
        return False
    return True
