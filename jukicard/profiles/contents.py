"""What is written into each application of a card that is being made, by kind of application."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from jukicard.applets import names
from jukicard.applets.counter import COUNTER
from jukicard.applets.issuer import JukiIssuerApplet, files as issuer_files
from jukicard.applets.issuer.files import ISSUER_NUMBER
from jukicard.applets.issuer.recognition import RECOGNITION
from jukicard.applets.juki import JukiApplet
from jukicard.applets.juki.files import PURPOSES
from jukicard.applets.juki.personalisation import (
    CardData,
    JukiContents,
    personalise as personalise_juki,
)
from jukicard.kit.fileapplet import FileApplet
from jukicard.profiles import faces
from jukicard.profiles.catalogue import Generation
from jukicard.profiles.order import Order

_TOKENS: Final = {Generation.JUKI: "JPKIAPICCTOKEN", Generation.MY_NUMBER: "JPKIAPICCTOKEN2"}


def issuer(applet: FileApplet[Any], order: Order) -> None:
    """The successor's issuer domain: card-level data objects, nothing personal."""
    _put_card_data(
        applet, {**_card_data(order), **faces.card_certificates(order.person.municipality.code)}
    )


def juki_issuer(applet: JukiIssuerApplet, order: Order) -> None:
    """A Juki card's issuer domain: data objects without certificates, and the card's own key."""
    _put_card_data(applet, _card_data(order))
    from jukicard.synthetic.pki.keys import card_key

    key = card_key(order.card_number, order.rsa_bits)
    applet.signing.load(applet.tree.ef(issuer_files.CARD_KEY), key.private_der, check=False)


def _card_data(order: Order) -> dict[int, bytes]:
    return {
        issuer_files.ISSUER_IDENTIFICATION: ISSUER_NUMBER,
        issuer_files.CARD_IDENTIFICATION: order.serial.encode("ascii"),
        issuer_files.CARD_NUMBER: order.card_number,
        issuer_files.CARD_RECOGNITION: RECOGNITION,
        issuer_files.MUNICIPALITY: order.person.municipality.code.encode("ascii"),
        issuer_files.EXPIRY: order.expires.strftime("%Y%m%d").encode("ascii"),
        issuer_files.CONTACT_ATR: order.profile.contact_atr[1:],
    }


def _put_card_data(applet: FileApplet[Any], objects: Mapping[int, bytes]) -> None:
    for tag, value in objects.items():
        applet.files.put_data_object(applet.tree.root, tag, value)


def juki(applet: JukiApplet, order: Order) -> None:
    """The Juki application: PIN, code, card data and the keys of the purposes of use."""
    pairs = {purpose: order.keys_for(names.JUKI, purpose) for purpose in PURPOSES.values()}
    personalise_juki(
        applet,
        JukiContents(
            card_number=order.card_number,
            chip_certificate=order.chip_certificate,
            data=CardData(
                municipality=order.person.municipality.code,
                form=order.form,
                issued=order.issued,
                expires=order.expires,
            ),
            code=order.person.resident_code,
            pin=order.pins.juki,
            keys={purpose: pair for purpose, pair in pairs.items() if pair is not None},
        ),
    )


def jpki(applet: Any, order: Order) -> None:
    """The JPKI application: test certificates for keys of the published pool."""
    from jukicard.applets.jpki.personalisation import CertifiedKey, JpkiContents, personalise
    from jukicard.synthetic import pki

    successor = order.profile.generation is Generation.MY_NUMBER
    if successor:
        expires = pki.certificate_expiry(order.person, order.issued, order.expires)
        signing_authority = pki.signature_authority(order.issued)
        other_authority = pki.authentication_authority(order.issued)
    else:
        expires = pki.juki_certificate_expiry(order.issued, order.expires)
        hash_name: Any = "sha1" if order.rsa_bits == 1024 else "sha256"
        signing_authority = other_authority = pki.governor_authority(
            order.person.municipality.prefecture, hash_name
        )

    def pair(
        issue: Callable[..., pki.Certificate], authority: pki.Authority, pin: str
    ) -> CertifiedKey:
        key = order.keys.take(order.rsa_bits)
        certificate = issue(
            order.person,
            key.public,
            authority=authority,
            issued=order.issued,
            expires=expires,
            random=order.random,
        )
        return CertifiedKey(
            certificate=certificate.der,
            authority=authority.certificate,
            key=key.private_der,
            pin=pin,
            check=False,
        )

    personalise(
        applet,
        JpkiContents(
            token=_TOKENS[order.profile.generation],
            card_number=order.card_number,
            signature=pair(pki.signature_certificate, signing_authority, order.pins.signature),
            authentication=pair(
                pki.authentication_certificate, other_authority, order.pins.authentication
            )
            if successor or order.compat
            else None,
            counter=order.keys_for(names.JPKI, COUNTER),
        ),
    )


PERSONALISERS: Final[Mapping[str, Callable[[Any, Order], None]]] = {
    "issuer": issuer,
    "issuer-juki": juki_issuer,
    "juki": juki,
    "jpki": jpki,
    "surface": faces.surface,
    "text": faces.text,
    "common": faces.common,
}
"""By kind of application; one that is not here is installed empty."""
LAST: Final = frozenset({"issuer-juki"})
"""The kinds that come last: a Juki card's own key is one that the holder's have left over."""
