"""Other certificates for the key pairs of a card: new pairs, made in the card, at the counter."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jukihost.channel import build_channel
from jukihost.clock import day_in_japan
from jukihost.connection import Connection
from jukihost.issuing.authority import (
    CertificateAuthority,
    CertificateRequest,
    CertificateUse,
    IssuedCertificate,
    certificates_of,
    certify,
    supersede_others,
)
from jukihost.issuing.contents import HolderItems
from jukihost.issuing.errors import IssueEnded
from jukihost.issuing.making import OnCertified
from jukihost.issuing.terms import CardKind, certificate_last_day, check_certificate_issue
from jukihost.keys import KeyCustody
from jukihost.models import CardInfo, Purpose
from jukihost.sessions.jpki import JpkiKey, JpkiSession, TokenKind

USES: Final = {
    JpkiKey.SIGNATURE: CertificateUse.SIGNATURE,
    JpkiKey.AUTHENTICATION: CertificateUse.AUTHENTICATION,
}


def renew_certificates(
    connection: Connection,
    holder: HolderItems,
    info: CardInfo,
    *,
    custody: KeyCustody,
    authority: CertificateAuthority,
    at: datetime,
    keys: Collection[JpkiKey] = tuple(JpkiKey),
    on_begin: Callable[[], object] | None = None,
    on_certified: OnCertified | None = None,
) -> tuple[IssuedCertificate, ...]:
    """Have a card make new key pairs, and write their certificates in place of the old ones.

    holder, info: as they are now, by the register and the card. keys: which of those that the card
    has. custody: with the system COUNTER. on_begin: called before the first pair is made, from
    where on the old ones are gone; what it raises stops all. on_certified: as for `personalise`.

    The old certificates are revoked: their keys are gone. PINs stay. Cut off anywhere it is called
    again: the card makes its pairs anew. Before a pair is made the authority is asked whether it is
    there, and the clock whether there are such certificates: IssueEnded, AuthorityAway. NoKeyPair
    on a card without JPKI's pairs; AuthorityError, TransportError, what else a card can refuse.
    """
    with JpkiSession(build_channel(connection)) as jpki:
        kind = _kind(jpki)
        check_certificate_issue(kind, at)
        if info.expired(day_in_japan(at)):
            raise IssueEnded(
                f"the card's last day was {info.expires}: it gets no further certificate, issue "
                "another card"
            )
        wanted = [which for which in JpkiKey if which in keys and jpki.has_key(which)]
        jpki.authenticate(Purpose.COUNTER, custody)
        number = jpki.card_number()
        certificates_of(authority, number)  # it is there, or nothing is begun
        if on_begin is not None:
            on_begin()
        made = {which: jpki.make_key_pair(which) for which in wanted}
        issued = tuple(
            certify(authority, request_for(kind, number, holder, info, which, key, at))
            for which, key in made.items()
        )
        supersede_others(authority, number, issued, at)
        if on_certified is not None:
            on_certified(issued)
        for which, one in zip(wanted, issued, strict=True):
            jpki.write_certificates(which, one.der, one.authority)
    return issued


def request_for(
    kind: CardKind,
    number: bytes,
    holder: HolderItems,
    info: CardInfo,
    which: JpkiKey,
    key: rsa.RSAPublicKey,
    at: datetime,
) -> CertificateRequest:
    """Return the order for one of a holder's certificates; one for authentication names nobody."""
    asked = CertificateRequest(
        use=USES[which],
        card=kind,
        public_key=key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        card_number=number,
        municipality=info.municipality,
        issued=at,
        last_day=certificate_last_day(kind, day_in_japan(at), info.expires, holder.birth),
    )
    if which is JpkiKey.AUTHENTICATION:
        return asked
    return replace(
        asked,
        name=holder.name,
        address=holder.address,
        sex=holder.sex.value,
        birth=holder.birth,
        foreign=holder.foreign,
    )


def _kind(jpki: JpkiSession) -> CardKind:
    successor = jpki.token().kind is TokenKind.MY_NUMBER_CARD
    return CardKind.MY_NUMBER if successor else CardKind.JUKI
