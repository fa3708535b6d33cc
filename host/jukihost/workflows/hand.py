"""The card in a reader of a desk: a session with it, and waiting for it when it is gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from jukicard.apdu import CommandApdu, Ins, Tlv, TlvError
from jukihost.channel import build_channel
from jukihost.connection import Connection as CardConnection
from jukihost.conversation.secured import CARD_NUMBER
from jukihost.conversation.selection import select_application
from jukihost.errors import (
    CardError,
    CardTerminated,
    ProtocolError,
    SecureMessagingError,
    TransportError,
    check,
)
from jukihost.keys.custody import CARD_NUMBER_BYTES
from jukihost.models import Purpose
from jukihost.sessions.juki import JukiSession
from jukihost.workflows.asking import Paused
from jukihost.workflows.errors import CutOff, OtherCard
from jukihost.workflows.office import Desk

LOST: Final = (TransportError, SecureMessagingError, ProtocolError)
"""After these nobody knows what the card did."""
_AWAITED: Final = 5
"""How often the same card is asked for, at most."""


class CardAtDesk:
    """The card in a reader of this desk; `connection` is open, and is opened again when needed."""

    def __init__(self, connection: CardConnection) -> None:
        self.connection = connection
        self.number: bytes | None = None

    @contextmanager
    def session(
        self, desk: Desk, purpose: Purpose = Purpose.COUNTER, *, allow_suspended: bool = False
    ) -> Iterator[JukiSession]:
        """Give a session with the Juki application, authenticated for a purpose.

        As `JukiSession.authenticate`. OtherCard where it is not the card that it was before.
        """
        office = desk.office
        channel = build_channel(self.connection)
        with JukiSession(channel, allow_suspended=allow_suspended) as juki:
            juki.authenticate(purpose, office.custody, floor=office.key_floor)
            number = juki.card_number()
            if self.number is not None and number != self.number:
                raise OtherCard
            self.number = number
            yield juki

    def await_again(self, desk: Desk, cause: CardError) -> bool:
        """Wait until the same card was put back and is open; return whether it has ended.

        CutOff where nobody goes on.
        """
        for attempt in range(1, _AWAITED + 1):
            if self.number is None:
                break
            if not desk.talk.paused(Paused(cause, self.number, attempt)):
                break
            try:
                self.connection.close()
                self.connection.open()
                return self._same(desk)
            except (OtherCard, *LOST) as still:
                cause = still
        raise CutOff from cause

    def _same(self, desk: Desk) -> bool:
        """Check that it is the same card; return whether it has ended. OtherCard."""
        try:
            with self.session(desk, allow_suspended=True):
                return False
        except CardTerminated:
            if self.ended_number() != self.number:
                raise OtherCard from None
            return True

    def ended_number(self) -> bytes:
        """Return the number that a card states which was ended for good: it proves nothing more."""
        channel = build_channel(self.connection)
        select_application(channel, JukiSession.AID)
        command = CommandApdu(0x00, Ins.GET_DATA, 0x00, CARD_NUMBER, b"", 256)
        answer = channel.transmit(command)
        check(command, answer.status)
        try:
            stated = Tlv.parse(answer.data)
        except TlvError:
            raise ProtocolError("the card does not state its number") from None
        if stated.tag != CARD_NUMBER or len(stated.value) != CARD_NUMBER_BYTES:
            raise ProtocolError("the card does not state its number")
        return stated.value
