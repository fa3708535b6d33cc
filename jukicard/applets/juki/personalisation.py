"""How the Juki application gets its contents before the card is handed out."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field

from jukicard.apdu.tlv import Tlv, encode_simple
from jukicard.applets.counter import CARD_NUMBER
from jukicard.applets.juki import JukiApplet
from jukicard.applets.juki.commands import ResidenceState
from jukicard.applets.juki.files import (
    CARD_DATA,
    CHIP_CERTIFICATE,
    CODE,
    KEYS,
    PIN,
    PURPOSES,
    RESIDENCE,
    TREE,
)
from jukicard.filesystem.store import FileStore
from jukicard.kit.keys import KeyPair

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


@dataclass(frozen=True, slots=True, kw_only=True)
class JukiContents:
    """All that the Juki application is personalised with.

    `chip_certificate` is the value of DO 7F21, None when there is no certificate.
    """

    card_number: bytes
    data: CardData
    code: str = field(repr=False)
    pin: str = field(repr=False)
    keys: Mapping[str, KeyPair] = field(repr=False)
    chip_certificate: bytes | None = field(default=None, repr=False)


def code_record(code: str) -> bytes:
    """Return record 1 of EF 0002: `01 0B` and the eleven digits."""
    if len(code) != 11 or not code.isascii() or not code.isdigit():
        raise ValueError("a resident record code has eleven digits")
    return encode_simple(CODE_TAG, code.encode("ascii"))


def personalise(applet: JukiApplet, contents: JukiContents) -> None:
    """Write the contents, inside a transaction of the card's memory.

    A purpose without a key gets none: no key in the card, no access. IsoError when the PIN is
    none, ValueError when the code is none, WeakKeyError for a key no system may have.
    """
    files: FileStore = applet.files
    for reference, purpose in PURPOSES.items():
        pair = contents.keys.get(purpose)
        if pair is not None:
            applet.keys.set_value(TREE.ef(KEYS + reference), pair)
    files.put_data_object(TREE.root, RESIDENCE, bytes((ResidenceState.RESIDENT,)))
    applet.pins.set_value(TREE.ef(PIN), contents.pin.encode("ascii"))
    files.put_records(TREE.ef(CODE), [code_record(contents.code)])
    files.put_content(TREE.ef(CARD_DATA), contents.data.encode())
    files.put_data_object(TREE.root, CARD_NUMBER.tag, contents.card_number)
    if contents.chip_certificate is not None:
        files.put_data_object(TREE.root, CHIP_CERTIFICATE, contents.chip_certificate)
