"""The certificate of a card's own key, and wrong ones, made by `cvc_writer` from docs/card.md."""

from __future__ import annotations

from jukicard.apdu import Tlv
from tests.support.cards.eac_desk import CHIP_KEY, certificate
from tests.support.naive.cvc_writer import Draft, key

CARD_TYPE = bytes.fromhex("88370102")
NUMBER = bytes.fromhex("8139200000000123")
OTHER_NUMBER = bytes.fromhex("8139200000000124")
ISSUER = b"JPCARDS00001"
ISSUER_KEY = key(31)
ISSUER_DRAFT = Draft(
    ISSUER, ISSUER, ISSUER_KEY, ISSUER_KEY, b"\xc0", "150101", "391231", parameters=True,
    terminal_type=CARD_TYPE,
)  # fmt: skip
CARD_DRAFT = Draft(
    ISSUER, b"8139200000000123", CHIP_KEY, ISSUER_KEY, b"\0", "160104", "260103",
    terminal_type=CARD_TYPE,
)  # fmt: skip
LONG_DRAFT = CARD_DRAFT.with_(extra=(Tlv(0x65, [Tlv(0x73, [Tlv(0x80, bytes(300))])]),))
"""A certificate with an extension: longer than one short answer."""

CERTIFICATE, LONG = certificate(CARD_DRAFT), certificate(LONG_DRAFT)
