"""What the issuer domain is personalised with: card-level data objects, nothing personal."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from jukicard.apdu.tlv import Tlv
from jukicard.applets.issuer import files as names
from jukicard.applets.issuer.recognition import recognition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jukicard.applets.issuer import IssuerApplet
    from jukicard.kit.personalisation import Order


def prepare(applet: IssuerApplet, order: Order) -> None:
    """Write what every card says of itself from the day it is made."""
    _put(
        applet,
        {
            names.ISSUER_IDENTIFICATION: names.ISSUER_NUMBER,
            names.CARD_IDENTIFICATION: order.serial.encode("ascii"),
            names.CARD_NUMBER: order.card_number,
            names.CARD_RECOGNITION: recognition(applet.variant.i),
            names.CONTACT_ATR: order.contact_atr[1:],
            names.PRODUCTION: _production(order.issued, order.card_number),
        },
    )


def personalise(applet: IssuerApplet, order: Order) -> None:
    """Write whose town issued the card, and until when."""
    _put(
        applet,
        {
            names.MUNICIPALITY: order.holder.municipality.encode("ascii"),
            names.EXPIRY: order.expires.strftime("%Y%m%d").encode("ascii"),
        },
    )


def _production(day: datetime.date, number: bytes) -> bytes:
    """Return the card production life cycle: no maker that there is, each step on one day.

    # GlobalPlatform Card Specification 2.3.1, H.6 names the object; its 18 fields are those that
    # cards of the field have: maker, chip and system, then who did what on which day, with what.
    """
    date = bytes.fromhex(f"{day.year % 10}{day:%j}")
    made = bytes(10) + date + number[-4:] + bytes(2)
    assembled = (bytes(2) + date) * 2
    return made + assembled + (bytes(2) + date + bytes(4)) * 2


def personalise_successor(applet: IssuerApplet, order: Order) -> None:
    """Write who signs the municipality's records too.

    The root certifies the authority (upper), the authority the municipality (lower).
    """
    from jukicard.applets.certificates import AUTHORITY, authority_certificate, record_signer

    personalise(applet, order)
    lower = record_signer(order).certificate
    _put(
        applet,
        {
            names.AUTHORITY_KEY: AUTHORITY.encode(),
            names.UPPER_CERTIFICATE: Tlv.parse(authority_certificate(order).encode()).value,
            names.LOWER_CERTIFICATE: Tlv.parse(lower.encode()).value,
        },
    )


def _put(applet: IssuerApplet, objects: Mapping[int, bytes]) -> None:
    for tag, value in objects.items():
        applet.files.put_data_object(applet.tree.root, tag, value)
