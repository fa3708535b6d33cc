"""What a card in hand is: blank, begun, or somebody's; asked of the card, not of a list.

GlobalPlatform lets an application's own states use bits 4 to 7 of its state: these cards say with
bit 5 that an application is selectable and has no contents yet (docs/card.md, blank cards).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final, TypeAlias

from jukicard.apdu import Aid
from jukihost.channel import build_channel
from jukihost.connection import Connection
from jukihost.conversation.issuerdata import RegistryPart
from jukihost.errors import AppletNotFound, CardError, ProtocolError, ReferenceNotFound
from jukihost.issuing.terms import CardKind
from jukihost.keys.issuer import IssuerKeys
from jukihost.sessions.common import CommonSession
from jukihost.sessions.issuer import IssuerSession
from jukihost.sessions.jpki import JpkiSession
from jukihost.sessions.juki import JukiSession
from jukihost.sessions.operator import OperatorSession
from jukihost.sessions.surface import SurfaceSession
from jukihost.sessions.text import TextSession

IssuersKeys: TypeAlias = Callable[[bytes], IssuerKeys]
"""Gives the issuer's keys for the card of a number, 8 bytes."""
SERIAL: Final = 0x45
_BLANK, _LOCK = 0x17, 0x80
OWN_APPLICATIONS: Final = frozenset(
    session.AID
    for session in (
        JukiSession,
        JpkiSession,
        SurfaceSession,
        TextSession,
        CommonSession,
        OperatorSession,
    )
)
"""What cards are made with; a municipality's applications come later."""


class NotBlank(CardError):
    """The card is somebody's, or was begun for somebody else; nothing was changed on it."""


class NotOurCard(CardError):
    """This is no card that is made here: it has no such domain, or no application that is known."""


@dataclass(frozen=True, slots=True)
class CardStanding:
    """A card as it says of itself to its issuer.

    number: 8 bytes. serial: 15 digits. applications: those that are known here, of which `blank`
    have no contents yet.
    """

    number: bytes
    serial: str
    kind: CardKind
    applications: frozenset[Aid]
    blank: frozenset[Aid]

    @property
    def untouched(self) -> bool:
        """Nothing is anybody's yet."""
        return self.blank == self.applications

    @property
    def done(self) -> bool:
        """It is somebody's card: what is written last is there."""
        last = OperatorSession if self.kind is CardKind.OPERATOR else JukiSession
        return last.AID not in self.blank


def examine_card(connection: Connection, issuer: IssuersKeys) -> CardStanding:
    """Ask a card what it is, in a session of its issuer; changes nothing.

    NotOurCard; CardNotAuthentic where it is another issuer's.
    """
    with opened_domain(connection) as session:
        return standing_of(session, issuer)


@contextmanager
def opened_domain(connection: Connection) -> Iterator[IssuerSession]:
    """Open the issuer's domain of a card. NotOurCard."""
    with ExitStack() as stack:
        try:
            session = stack.enter_context(IssuerSession(build_channel(connection)))
        except AppletNotFound:
            raise NotOurCard(_FOREIGN) from None
        yield session


def standing_of(session: IssuerSession, issuer: IssuersKeys) -> CardStanding:
    """Open the secure channel of a session, and return what the card is. As `examine_card`."""
    number = _number(session)
    session.authenticate(issuer(number))
    there, blank = applications_of(session)
    return CardStanding(
        number=number,
        serial=_serial(session),
        kind=_kind(there),
        applications=there,
        blank=blank,
    )


def applications_of(session: IssuerSession) -> tuple[frozenset[Aid], frozenset[Aid]]:
    """Return which applications that are known here a card has, and which of them are blank.

    In a session with its secure channel.
    """
    entries = session.registry(RegistryPart.APPLICATIONS)
    there = frozenset(entry.aid for entry in entries) & OWN_APPLICATIONS
    return there, frozenset(
        entry.aid for entry in entries if entry.aid in there and entry.state & ~_LOCK == _BLANK
    )


def read_card_number(connection: Connection) -> bytes:
    """Return a card's number, 8 bytes, which is free and printed nowhere. NotOurCard."""
    with opened_domain(connection) as session:
        return _number(session)


_FOREIGN: Final = (
    "this is no card that is made here: it has no number in an issuer's domain; take it out, "
    "nothing was changed on it"
)


def check_usable(standing: CardStanding, number: bytes | None) -> None:
    """NotBlank unless the card is untouched, or is the one of `number`, which was begun."""
    if number is not None:
        if standing.number != number:
            raise NotBlank(
                f"this is the card {standing.number.hex().upper()}, not {number.hex().upper()}, "
                "which was begun: put that one in; nothing was changed on this one"
            )
    elif not standing.untouched:
        what = "is somebody's already" if standing.done else "was begun and is not finished"
        raise NotBlank(
            f"the card {standing.number.hex().upper()} {what}: put a blank one in; nothing was "
            "changed on it"
        )


def _number(session: IssuerSession) -> bytes:
    try:
        return session.card_number()
    except ReferenceNotFound:
        raise NotOurCard(_FOREIGN) from None


def _serial(session: IssuerSession) -> str:
    raw = session.get_data(SERIAL)
    if len(raw) != 15 or not raw.isdigit():
        raise ProtocolError("the card's serial number is malformed")
    return raw.decode("ascii")


def _kind(there: frozenset[Aid]) -> CardKind:
    if OperatorSession.AID in there:
        return CardKind.OPERATOR
    if JukiSession.AID not in there:
        raise NotOurCard(_FOREIGN)
    return CardKind.MY_NUMBER if CommonSession.AID in there else CardKind.JUKI
