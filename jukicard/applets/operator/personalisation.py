"""What the operator application is personalised with: who it is, the password, key, certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jukicard.apdu.tlv import Tlv
from jukicard.applets.operator import files as names

if TYPE_CHECKING:
    from jukicard.applets.operator import OperatorApplet
    from jukicard.kit.personalisation import Order


def operator_identifier(serial: str) -> str:
    """Return the identifier of the operator whose card has a number of 15 digits."""
    return f"OP{serial[-6:]}"


def identity(identifier: str, municipality: str) -> bytes:
    """Return EF 0001: the template FF20 with identifier (DF21) and municipality (DF22)."""
    return Tlv(
        0xFF20,
        (Tlv(0xDF21, identifier.encode("ascii")), Tlv(0xDF22, municipality.encode("ascii"))),
    ).encode()


def personalise(applet: OperatorApplet, order: Order) -> None:
    """Write identity, key pair, certificates and password; it is valid from the card's date.

    ValueError for a certificate that does not fit its file.
    """
    files, tree = applet.files, names.TREE
    pair = order.certified_key("operator")
    identifier = operator_identifier(order.serial)
    files.put_content(tree.ef(names.IDENTITY), identity(identifier, order.holder.municipality))
    files.put_content(tree.ef(names.CERTIFICATE), pair.certificate)
    files.put_content(tree.ef(names.AUTHORITY), pair.authority)
    applet.signing.load(tree.ef(names.KEY), pair.key, check=False)
    applet.pins.set_value(tree.ef(names.PASSWORD), order.pin("operator").encode("ascii"))
    applet.renew_password()
