"""What the Juki application is personalised with: PIN, resident record code and card data."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jukicard.apdu.tlv import Tlv, encode_simple
from jukicard.applets.juki.commands import ResidenceState
from jukicard.applets.juki.files import (
    CARD_DATA,
    CHIP_CERTIFICATE,
    CODE,
    PIN,
    RESIDENCE,
    TREE,
)

if TYPE_CHECKING:
    from jukicard.applets.juki import JukiApplet
    from jukicard.kit.personalisation import Order

CODE_TAG = 0x01
"""The SIMPLE-TLV tag of record 1 of EF 0002."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardData:
    """EF 0003: what the card says about itself; nothing in it is personal.

    municipality: five digits (JIS X 0401 and 0402). form: 1 the card with the name only, 2 the
    one with photo and four items.
    """

    municipality: str
    form: int
    issued: datetime.date
    expires: datetime.date

    def encode(self) -> bytes:
        """Return the template FF20 with its objects DF21 to DF24, dates as YYYYMMDD."""
        return Tlv(
            0xFF20,
            (
                Tlv(0xDF21, self.municipality.encode("ascii")),
                Tlv(0xDF22, str(self.form).encode("ascii")),
                Tlv(0xDF23, self.issued.strftime("%Y%m%d").encode("ascii")),
                Tlv(0xDF24, self.expires.strftime("%Y%m%d").encode("ascii")),
            ),
        ).encode()


def code_record(code: str) -> bytes:
    """Return record 1 of EF 0002: `01 0B` and the eleven digits."""
    if len(code) != 11 or not code.isascii() or not code.isdigit():
        raise ValueError("a resident record code has eleven digits")
    return encode_simple(CODE_TAG, code.encode("ascii"))


def prepare(applet: JukiApplet, order: Order) -> None:
    """Write the residence state, which is that of nobody who has moved, the chip's certificate."""
    files = applet.files
    files.put_data_object(TREE.root, RESIDENCE, bytes((ResidenceState.RESIDENT,)))
    if order.chip_certificate is not None:
        files.put_data_object(TREE.root, CHIP_CERTIFICATE, order.chip_certificate)


def personalise(applet: JukiApplet, order: Order) -> None:
    """Write PIN, resident record code and card data. ValueError when the code is none."""
    files = applet.files
    data = CardData(
        municipality=order.holder.municipality,
        form=order.form,
        issued=order.issued,
        expires=order.expires,
    )
    applet.pins.set_value(TREE.ef(PIN), order.pin("juki").encode("ascii"))
    files.put_records(TREE.ef(CODE), [code_record(order.numbers().resident_code)])
    files.put_content(TREE.ef(CARD_DATA), data.encode())
