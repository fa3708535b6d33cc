"""What the making of every card has in common: who is entitled, what is certified, what is written.

Each application's contents are one change that the card makes whole or not at all, and the card
says which are made. So whoever sees the card next asks it, and does what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, IntEnum
from typing import Final, TypeVar

from jukicard.apdu import Aid, CommandApdu, Ins, StatusWord, Tlv
from jukihost.channel import build_channel
from jukihost.connection import Connection
from jukihost.conversation.receipts import Receipt
from jukihost.conversation.secured import SecuredSession
from jukihost.errors import ProtocolError
from jukihost.issuing.authority import CertificateAuthority, IssuedCertificate
from jukihost.issuing.contents import Contents
from jukihost.issuing.records import RecordSigner
from jukihost.issuing.standing import (
    CardStanding,
    IssuersKeys,
    NotBlank,
    applications_of,
)
from jukihost.issuing.terms import CardKind
from jukihost.keys import KeyCustody
from jukihost.sessions.common import CommonSession
from jukihost.sessions.issuer import IssuerSession, StoreForm
from jukihost.sessions.jpki import JpkiSession
from jukihost.sessions.juki import JukiSession
from jukihost.sessions.operator import OperatorSession
from jukihost.sessions.surface import SurfaceSession
from jukihost.sessions.text import TextSession


class Step(Enum):
    """The parts of a card that are made, in this order; each is made whole or not at all."""

    DOMAIN = "domain"
    """Municipality and expiry in the issuer's domain."""
    JPKI = "jpki"
    """Certificates, of key pairs that the card made."""
    SURFACE = "surface"
    TEXT = "text"
    COMMON = "common"
    JUKI = "juki"
    """Last: a card that has it is somebody's."""
    OPERATOR = "operator"


STEPS: Final = {
    JpkiSession.AID: Step.JPKI,
    SurfaceSession.AID: Step.SURFACE,
    TextSession.AID: Step.TEXT,
    CommonSession.AID: Step.COMMON,
    JukiSession.AID: Step.JUKI,
    OperatorSession.AID: Step.OPERATOR,
}
"""The applications in the order in which they are made."""
_SHORT: Final = 256
"""The longest answer that a short Le asks for."""
OnCertified = Callable[[tuple[IssuedCertificate, ...]], None]
"""Told of a card's certificates before they are written to it: who keeps a ledger enters them."""
_Session = TypeVar("_Session", bound=SecuredSession)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuingMeans:
    """What an issuing terminal has: the issuer's keys, the counter's, and who certifies and signs.

    issuer: the issuer's keys for the card of a number. custody: with the system COUNTER, for
    operator cards ADMIN. records: for cards that show something, surface or text.
    """

    issuer: IssuersKeys = field(repr=False)
    custody: KeyCustody = field(repr=False)
    authority: CertificateAuthority = field(repr=False)
    records: RecordSigner | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Personalised:
    """A card that is made: its number (8 bytes), its serial number (15 digits), its certificates.

    now, before: which parts were made in this run, and which were there already. receipt: what the
    card says of its last change, None from a card that keeps none.
    """

    number: bytes
    serial: str
    kind: CardKind
    certificates: tuple[IssuedCertificate, ...]
    now: frozenset[Step]
    before: frozenset[Step]
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class Making:
    """One card while it is made."""

    connection: Connection = field(repr=False)
    means: IssuingMeans
    standing: CardStanding
    at: datetime

    def lacks(self, session: type[SecuredSession]) -> bool:
        """Tell whether the card has an application and nothing in it."""
        return session.AID in self.standing.blank

    @contextmanager
    def entitled(self, kind: type[_Session], purpose: IntEnum) -> Iterator[_Session]:
        """Open an application and prove a purpose to it."""
        with kind(build_channel(self.connection)) as session:
            session.authenticate(purpose, self.means.custody)
            yield session

    def write(
        self,
        domain: Contents,
        applications: Mapping[Aid, Contents],
        certificates: tuple[IssuedCertificate, ...],
    ) -> Personalised:
        """Write what is missing, and see that the card has it. Return what was made."""
        now: set[Step] = set()
        with IssuerSession(build_channel(self.connection)) as issuer:
            number = issuer.card_number()
            if number != self.standing.number:
                raise ProtocolError("another card is in the reader; nothing was written to it")
            issuer.authenticate(self.means.issuer(number))
            there, blank = applications_of(issuer)
            seen = replace(self.standing, applications=there, blank=blank)
            if not all(_is_there(issuer, tag, value) for tag, value in domain.items()):
                _check_ours(seen)
                _write_objects(issuer, domain)
                now.add(Step.DOMAIN)
            for aid, step in STEPS.items():
                if aid in applications and aid in seen.blank:
                    issuer.personalise(aid, _groups(applications[aid]), StoreForm.GROUPS)
                    now.add(step)
            _, left = applications_of(issuer)
            receipt = issuer.receipt()
        if left.intersection(applications):
            raise ProtocolError("the card took its contents and says that it has none")
        made = {STEPS[aid] for aid in seen.applications - seen.blank} | {Step.DOMAIN}
        return Personalised(
            number=seen.number,
            serial=seen.serial,
            kind=seen.kind,
            certificates=certificates,
            now=frozenset(now),
            before=frozenset(made - now),
            receipt=receipt,
        )


def _check_ours(standing: CardStanding) -> None:
    """NotBlank where other objects are in the domain of a card that has contents: another's."""
    if not standing.untouched:
        raise NotBlank(
            f"the card {standing.number.hex().upper()} was begun for another municipality or with "
            "another last day: finish it with the order it was begun with; nothing was changed"
        )


def _write_objects(issuer: IssuerSession, objects: Contents) -> None:
    data = b"".join(Tlv(tag, value).encode() for tag, value in objects.items())
    issuer.store_data(data, StoreForm.BER_TLV)


def _is_there(issuer: IssuerSession, tag: int, value: bytes) -> bool:
    """Tell whether the domain has an object; of a long one, that it has a long one.

    Some objects are answered as they are and some with their tag, and those of more than 256 bytes
    not to a question with a short Le (docs/card.md, section 4).
    """
    command = CommandApdu(0x80, Ins.GET_DATA, tag >> 8, tag & 0xFF, ne=_SHORT)
    answer = issuer.transmit(command)
    if answer.status == StatusWord.OK:
        return answer.data in (value, Tlv(tag, value).encode())
    if answer.status == StatusWord.WRONG_LENGTH:
        return len(Tlv(tag, value).encode()) > _SHORT
    if answer.status != StatusWord.REFERENCED_DATA_NOT_FOUND:
        issuer.check(command, answer.status)
    return False


def _groups(contents: Contents) -> bytes:
    return b"".join(StoreForm.GROUPS.encode(ef, value) for ef, value in contents.items())
