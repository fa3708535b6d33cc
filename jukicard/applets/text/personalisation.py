"""What the text application is personalised with: the individual number and the four items."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jukicard.applets.certificates import KeyIdentifier, record_signer
from jukicard.applets.text import files as names
from jukicard.applets.text.objects import (
    Attributes,
    BasicInformation,
    IndividualNumber,
    IntegrityRecord,
    SessionPublicKey,
    SignedPublicKey,
)
from jukicard.crypto.asymmetric import RsaPrivateKey
from jukicard.kit.verification import number_a, number_b

if TYPE_CHECKING:
    from jukicard.applets.text import TextApplet
    from jukicard.kit.personalisation import Order

NAMED_KEY = KeyIdentifier("6000034")
"""The key that EF 0005 names, that of a test hierarchy; what it is for is not known."""


def personalise(applet: TextApplet, order: Order) -> None:
    """Write the files, signed by the test issuer, the PIN and the numbers."""
    holder, number = order.holder, order.numbers().individual_number
    card_key = applet.signing.rsa_public(names.TREE.ef(names.CARD_KEY))
    session_key = RsaPrivateKey(order.own_key(2), check=False).public
    files, signer = applet.files, record_signer(order)
    attributes = Attributes(holder.name, holder.address, holder.birth, holder.sex)
    number_ef = names.TREE.ef(names.INDIVIDUAL_NUMBER)
    files.put_content(number_ef, IndividualNumber(number).encode())
    for fid, written in (
        (names.ATTRIBUTES, attributes),
        (names.INTEGRITY, IntegrityRecord.issue(files.content(number_ef), attributes, signer)),
        (names.CERTIFICATE, signer.certificate),
        (names.BASIC_INFORMATION, BasicInformation(NAMED_KEY)),
        (names.SESSION_KEY, SessionPublicKey(session_key)),
        (names.SIGNED_KEY, SignedPublicKey.issue(card_key, signer)),
    ):
        files.put_content(names.TREE.ef(fid), written.encode())
    verified = number_b(
        holder.birth, order.expires, holder.security_code, gregorian=holder.gregorian
    )
    for fid, value in (
        (names.PIN, order.pin("text")),
        (names.NUMBER_A, number_a(number)),
        (names.NUMBER_B, verified),
    ):
        applet.pins.set_value(names.TREE.ef(fid), value.encode("ascii"))
