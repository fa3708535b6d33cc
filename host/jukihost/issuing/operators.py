"""Making a blank operator card an operator's: the same way, with the right of ADMIN."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jukicard.apdu import Aid
from jukihost.clock import day_in_japan
from jukihost.connection import Connection
from jukihost.conversation import keypair
from jukihost.issuing import contents
from jukihost.issuing.authority import (
    CertificateRequest,
    CertificateUse,
    IssuedCertificate,
    certificates_of,
    certify,
    supersede_others,
)
from jukihost.issuing.contents import Contents, ContentsRefused
from jukihost.issuing.making import IssuingMeans, Making, OnCertified, Personalised
from jukihost.issuing.standing import check_usable, examine_card
from jukihost.issuing.terms import CardKind, certificate_last_day
from jukihost.models import OperatorPurpose
from jukihost.sessions.operator import EF_KEY, OperatorSession

_IDENTIFIER: Final = re.compile("[!-~]{1,32}")
_MUNICIPALITY: Final = re.compile("[0-9]{5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorOrder:
    """What goes onto an operator card.

    identifier: 1 to 32 characters of printable ASCII, no space. municipality: five digits. expires:
    the card's last day.
    """

    identifier: str
    municipality: str
    expires: date

    def check(self) -> None:
        """ContentsRefused for what cannot be, before a card is touched."""
        if not _IDENTIFIER.fullmatch(self.identifier):
            raise ContentsRefused(
                "an operator's identifier has 1 to 32 characters of printable ASCII and no space"
            )
        if not _MUNICIPALITY.fullmatch(self.municipality):
            raise ContentsRefused("a municipality code has five digits, for example 13221")


def personalise_operator(
    connection: Connection,
    order: OperatorOrder,
    means: IssuingMeans,
    *,
    at: datetime,
    number: bytes | None = None,
    on_certified: OnCertified | None = None,
) -> Personalised:
    """Make a blank operator card an operator's, or finish one; as `personalise` does.

    The custody holds the key of ADMIN. The password is set by `OperatorSession.unlock`, when the
    operator takes the card.
    """
    order.check()
    standing = examine_card(connection, means.issuer)
    check_usable(standing, number)
    if standing.kind is not CardKind.OPERATOR:
        raise ContentsRefused("this is no operator card: personalise makes a holder's card")
    making = Making(connection, means, standing, at)
    certificates = _certificates(making, order, on_certified)
    applications: dict[Aid, Contents] = {}
    if making.lacks(OperatorSession):
        [one] = certificates
        applications[OperatorSession.AID] = contents.operator(
            order.identifier, order.municipality, (one.der, one.authority)
        )
    domain = contents.place_and_end(order.municipality, order.expires)
    return making.write(domain, applications, certificates)


def _certificates(
    making: Making, order: OperatorOrder, on_certified: OnCertified | None
) -> tuple[IssuedCertificate, ...]:
    authority, number = making.means.authority, making.standing.number
    if not making.lacks(OperatorSession):
        return certificates_of(authority, number)
    with making.entitled(OperatorSession, OperatorPurpose.ADMIN) as session:
        key = keypair.generate(session, EF_KEY)
    day = day_in_japan(making.at)
    request = CertificateRequest(
        use=CertificateUse.OPERATOR,
        card=CardKind.OPERATOR,
        public_key=key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        card_number=number,
        municipality=order.municipality,
        issued=making.at,
        last_day=certificate_last_day(CardKind.OPERATOR, day, order.expires, day),
        name=order.identifier,
    )
    issued = (certify(authority, request),)
    supersede_others(authority, number, issued, making.at)
    if on_certified is not None:
        on_certified(issued)
    return issued
