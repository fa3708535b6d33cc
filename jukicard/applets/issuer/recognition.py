"""What a card says of itself to programs that manage cards: the card recognition data."""

from __future__ import annotations

from typing import Final

from jukicard.apdu.tlv import Tlv

# GlobalPlatform Card Specification 2.3.1, H.2, table H-1: object identifiers below 1.2.840.114283
_GLOBALPLATFORM: Final = "2A864886FC6B"


def _identifier(arcs: str) -> Tlv:
    return Tlv(0x06, bytes.fromhex(_GLOBALPLATFORM + arcs))


def recognition(i: int) -> bytes:
    """Return the value of object 66, for a domain that speaks SCP03 with this i.

    Tags 65 to 68 are optional: there is nothing to say of a chip.
    """
    objects = (
        # 1.2.840.114283.1: this is card recognition data, GlobalPlatform has allotted the tags
        _identifier("01"),
        # 1.2.840.114283.2.2.3.1: card management as in GlobalPlatform 2.3.1
        Tlv(0x60, (_identifier("02 02 03 01"),)),
        # 1.2.840.114283.3: objects 42 and 45 together name one card and no other
        Tlv(0x63, (_identifier("03"),)),
        # 1.2.840.114283.4.3.i: the secure channel of the domain is SCP03
        Tlv(0x64, (_identifier(f"04 03 {i:02X}"),)),
    )
    return Tlv(0x73, objects).encode()
