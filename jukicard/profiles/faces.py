"""What is written into the applications about the card's face: surface, text and common."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from jukicard.applets.counter import COUNTER
from jukicard.profiles.catalogue import Generation
from jukicard.profiles.order import Order

if TYPE_CHECKING:
    from jukicard.applets.certificates import RecordSigner
    from jukicard.applets.surface.personalisation import JukiSurfaceContents, SurfaceContents
    from jukicard.crypto.asymmetric import RsaPrivateKey
    from jukicard.synthetic.pki import PublishedKey

_ROOT = "6000031"
"""The number of the test root that certifies the authority's key; it is on no card."""
_AUTHORITY = "6000033"
"""The number of the test authority that certifies the municipalities' keys."""


def _private(key: PublishedKey) -> RsaPrivateKey:
    from jukicard.crypto.asymmetric import RsaPrivateKey

    return RsaPrivateKey(key.private_der, check=False)


@cache
def record_signer(municipality: str) -> RecordSigner:
    """Return the test issuer's key that signs a municipality's records, and its certificate."""
    from jukicard.applets.certificates import (
        CertificateBody,
        CvCertificate,
        KeyIdentifier,
        RecordSigner,
    )
    from jukicard.synthetic.pki import issuer_key
    from jukicard.synthetic.pki.keys import published_key

    own = _private(issuer_key())
    body = CertificateBody(
        KeyIdentifier(_AUTHORITY), KeyIdentifier(f"{municipality}21", "000"), own.public
    )
    return RecordSigner(own, CvCertificate.issue(body, _private(published_key("cv-authority"))))


@cache
def card_certificates(municipality: str) -> dict[int, bytes]:
    """Return the issuer domain's objects about who signs a municipality's records, by tag.

    The root certifies the authority (upper), the authority the municipality (lower).
    """
    from jukicard.apdu.tlv import Tlv
    from jukicard.applets.certificates import CertificateBody, CvCertificate, KeyIdentifier
    from jukicard.applets.issuer import files
    from jukicard.synthetic.pki.keys import published_key

    authority = KeyIdentifier(_AUTHORITY)
    body = CertificateBody(KeyIdentifier(_ROOT), authority, published_key("cv-authority").public)
    upper = CvCertificate.issue(body, _private(published_key("cv-root")))
    lower = record_signer(municipality).certificate
    return {
        files.AUTHORITY_KEY: authority.encode(),
        files.UPPER_CERTIFICATE: Tlv.parse(upper.encode()).value,
        files.LOWER_CERTIFICATE: Tlv.parse(lower.encode()).value,
    }


def _card_key(order: Order, place: int) -> RsaPrivateKey:
    from jukicard.synthetic.pki.keys import card_key

    order.keys.take(2048)  # drawn and not used: what a seed gives besides depends on it
    return _private(card_key(order.card_number, 2048, place))


def common(applet: Any, order: Order) -> None:
    """The common application: the card's number, municipality and expiry, and its PIN."""
    from jukicard.applets.common.personalisation import CommonContents, personalise
    from jukicard.applets.names import COMMON as AID

    personalise(
        applet,
        CommonContents(
            card_number=order.card_number,
            serial=order.serial,
            municipality=order.person.municipality.code,
            expires=order.expires,
            pin=order.pins.common,
            card_key=_card_key(order, 0),
            counter=order.keys_for(AID, COUNTER),
        ),
    )


def text(applet: Any, order: Order) -> None:
    """The text application: individual number and four items, signed by the test issuer."""
    from jukicard.applets.names import TEXT as AID
    from jukicard.applets.text.personalisation import TextContents, personalise

    person = order.person
    personalise(
        applet,
        TextContents(
            card_number=order.card_number,
            my_number=person.individual_number,
            name=person.name,
            address=person.address,
            birth=person.birth,
            sex=str(int(person.sex)),
            expires=order.expires,
            security_code=person.security_code,
            pin=order.pins.text,
            signer=record_signer(person.municipality.code),
            card_key=_card_key(order, 1),
            session_key=_card_key(order, 2).public,
            counter=order.keys_for(AID, COUNTER),
            gregorian=person.is_foreign,
        ),
    )


def surface(applet: Any, order: Order) -> None:
    """The surface application: what is printed on the card, as images, signed."""
    from jukicard.applets.surface.personalisation import personalise

    successor = order.profile.generation is Generation.MY_NUMBER
    personalise(applet, _successor_face(order) if successor else _juki_face(order))


def _successor_face(order: Order) -> SurfaceContents:
    from jukicard.applets.names import SURFACE as AID
    from jukicard.applets.surface.personalisation import SurfaceContents
    from jukicard.synthetic import portraits

    person = order.person
    return SurfaceContents(
        card_number=order.card_number,
        municipality=person.municipality.code,
        my_number=person.individual_number,
        birth=person.birth,
        sex=str(int(person.sex)),
        expires=order.expires,
        security_code=person.security_code,
        name_image=portraits.name_image(person),
        address_image=portraits.address_image(person),
        photo=portraits.draw_face(order.random, person, order.issued),
        number_image=portraits.individual_number_image(person),
        code_image=portraits.security_code_image(person),
        signer=record_signer(person.municipality.code),
        card_key=_card_key(order, 3),
        counter=order.keys_for(AID, COUNTER),
        gregorian=person.is_foreign,
    )


def _juki_face(order: Order) -> JukiSurfaceContents:
    from jukicard.applets.names import SURFACE as AID
    from jukicard.applets.surface.personalisation import JukiPhoto, JukiSurfaceContents
    from jukicard.synthetic import portraits

    person = order.person
    face = None
    if order.form == 2:
        face = JukiPhoto(
            birth=person.birth,
            sex=str(int(person.sex)),
            name_image=portraits.name_image(person),
            address_image=portraits.address_image(person),
            photo=portraits.draw_face(order.random, person, order.issued),
            gregorian=person.is_foreign,
        )
    return JukiSurfaceContents(
        card_number=order.card_number,
        municipality=person.municipality.code,
        expires=order.expires,
        signer=record_signer(person.municipality.code),
        face=face,
        counter=order.keys_for(AID, COUNTER),
    )
