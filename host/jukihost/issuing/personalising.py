"""Making a blank card a holder's: key pairs in the card, certificates, contents."""

from __future__ import annotations

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import rsa

from jukicard.apdu import Aid
from jukihost.clock import day_in_japan
from jukihost.connection import Connection
from jukihost.conversation import keypair
from jukihost.errors import ProtocolError
from jukihost.issuing import contents
from jukihost.issuing.authority import (
    CertificateUse,
    IssuedCertificate,
    certificates_of,
    certify,
    names_holder,
    supersede_others,
)
from jukihost.issuing.contents import CardOrder, Contents, ContentsRefused
from jukihost.issuing.making import IssuingMeans, Making, OnCertified, Personalised
from jukihost.issuing.records import Records
from jukihost.issuing.renewing import request_for
from jukihost.issuing.standing import CardStanding, NotBlank, check_usable, examine_card
from jukihost.issuing.terms import CardKind, check_card_issue, check_certificate_issue
from jukihost.models import Purpose
from jukihost.sessions.common import CommonSession
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.sessions.juki import JukiSession
from jukihost.sessions.surface import SurfaceSession
from jukihost.sessions.text import TextSession

TEXT_KEY, SURFACE_KEY = 0x0013, 0x001A
"""Where the card's own keys lie, whose public halves are signed into its files."""


def personalise(
    connection: Connection,
    order: CardOrder,
    means: IssuingMeans,
    *,
    at: datetime,
    number: bytes | None = None,
    standing: CardStanding | None = None,
    on_certified: OnCertified | None = None,
) -> Personalised:
    """Make a blank card a holder's, or finish one that was begun. The PINs are `set_pins`'s.

    connection: open. at: the terminal's clock. number: of a card that was begun; without it a card
    that is not blank is NotBlank and nothing is changed on it. standing: what `examine_card` has
    just said of this card, where it was asked. on_certified: told of certificates
    before they are written; what it raises stops all.

    Cut off anywhere it is called again, with the number and the same order, and does what is
    missing. Key pairs are made anew then unless their certificates are on the card, and the former
    ones' are revoked. A card that was begun with another order is NotBlank, as far as its domain
    and its certificate tell.

    ContentsRefused, NotBlank, NotOurCard, IssueEnded before anything is written; AuthorityError,
    CardNotAuthentic, TransportError; what else a card can refuse.
    """
    if standing is None:
        standing = examine_card(connection, means.issuer)
    check_usable(standing, number)
    if standing.kind is CardKind.OPERATOR:
        raise ContentsRefused("this is an operator card: personalise_operator makes it")
    check_card_issue(standing.kind, order.info.issued)
    if standing.untouched:
        check_card_issue(standing.kind, day_in_japan(at))
    successor = standing.kind is CardKind.MY_NUMBER
    shows = SurfaceSession.AID in standing.applications
    order.check(successor=successor, with_surface=shows)
    making = Making(connection, means, standing, at)
    certificates = _certificates(making, order, on_certified)
    records = _records(means, order, needed=successor or shows)
    domain = contents.domain(order.info)
    if records is not None and successor:
        domain |= contents.domain_certificates(records)
    return making.write(domain, _applications(making, order, records, certificates), certificates)


def _records(means: IssuingMeans, order: CardOrder, *, needed: bool) -> Records | None:
    if not needed:
        return None
    if means.records is None:
        raise ContentsRefused(
            "this card shows what the municipality signs: give a record signer; nothing was written"
        )
    return Records(means.records, order.info.municipality)


def _applications(
    making: Making,
    order: CardOrder,
    records: Records | None,
    certificates: tuple[IssuedCertificate, ...],
) -> dict[Aid, Contents]:
    """Return the contents of the applications that have none."""
    successor = making.standing.kind is CardKind.MY_NUMBER
    found: dict[Aid, Contents] = {}
    if making.lacks(JpkiSession) and certificates:
        pairs = [(one.der, one.authority) for one in certificates]
        found[JpkiSession.AID] = contents.jpki(
            pairs[0], pairs[1] if len(pairs) > 1 else None, successor=successor
        )
    if records is not None:
        found |= _shown(making, order, records)
    if making.lacks(JukiSession):
        found[JukiSession.AID] = contents.juki(order)
    return found


def _shown(making: Making, order: CardOrder, records: Records) -> dict[Aid, Contents]:
    found: dict[Aid, Contents] = {}
    if making.lacks(SurfaceSession):
        if making.standing.kind is CardKind.MY_NUMBER:
            key = _own_key(making, SurfaceSession, SURFACE_KEY)
            found[SurfaceSession.AID] = contents.successor_surface(order, records, key)
        else:
            found[SurfaceSession.AID] = contents.juki_surface(order, records)
    if making.lacks(TextSession):
        key = _own_key(making, TextSession, TEXT_KEY)
        found[TextSession.AID] = contents.text(order, records, key)
    if making.lacks(CommonSession):
        found[CommonSession.AID] = contents.common(making.standing.serial, order.info, records)
    return found


def _own_key(
    making: Making, kind: type[SurfaceSession | TextSession], identifier: int
) -> rsa.RSAPublicKey:
    """Return the public half of a key that the card was made with."""
    with making.entitled(kind, Purpose.COUNTER) as session:
        return _rsa(keypair.public_half(session, identifier))


# -- keys and certificates ------------------------------------------------------------------------


def _certificates(
    making: Making, order: CardOrder, on_certified: OnCertified | None
) -> tuple[IssuedCertificate, ...]:
    """Return the certificates of a card, made now or on it already."""
    authority, number = making.means.authority, making.standing.number
    if not order.with_certificates or JpkiSession.AID not in making.standing.applications:
        return ()
    if not making.lacks(JpkiSession):
        there = certificates_of(authority, number)
        _check_holders(making, order, there)
        return there
    kind = making.standing.kind
    check_certificate_issue(kind, making.at)
    issued = tuple(
        certify(
            authority,
            request_for(kind, number, order.holder, order.info, which, key, making.at),
        )
        for which, key in _make_keys(making).items()
    )
    supersede_others(authority, number, issued, making.at)
    if on_certified is not None:
        on_certified(issued)
    return issued


def _check_holders(making: Making, order: CardOrder, there: tuple[IssuedCertificate, ...]) -> None:
    """NotBlank where the certificates on a card name another holder than its order does."""
    holder = order.holder
    for one in there:
        if one.use is CertificateUse.SIGNATURE and not names_holder(
            one, holder.name, holder.address, holder.sex.value, holder.birth
        ):
            raise NotBlank(
                f"the card {making.standing.number.hex().upper()} was begun for another holder: "
                "finish it with the order it was begun with; nothing was changed"
            )


def _make_keys(making: Making) -> dict[JpkiKey, rsa.RSAPublicKey]:
    """Have the card make the pairs that it has place for."""
    with making.entitled(JpkiSession, Purpose.COUNTER) as jpki:
        return {which: jpki.make_key_pair(which) for which in JpkiKey if jpki.has_key(which)}


def _rsa(key: keypair.PublicKey) -> rsa.RSAPublicKey:
    if not isinstance(key, rsa.RSAPublicKey):
        raise ProtocolError("the card told a key of another kind than RSA")
    return key
