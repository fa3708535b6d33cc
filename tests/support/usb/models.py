"""Five USB readers made up for the tests, as their descriptors tell a driver (CCID 1.1, 5.1)."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from jukicard.transport.ccid import MAX_MESSAGE, ExchangeLevel

VENDOR: Final = 0x1209
"""pid.codes; its products 0001 to 0010 are for private tests."""
_TPDU: Final = 0x00010230
_SHORT: Final = 0x000204BA
_EXTENDED: Final = 0x000404BA
_LONG: Final = 10 + 65_544
_ANY_VOLTAGE: Final = 0x07


class UsbModel(NamedTuple):
    """A reader's descriptors, as far as they differ.

    product: idProduct. features: dwFeatures. level: what that says of XfrBlock. max_message:
    dwMaxCCIDMessageLength. pin_support: bPINSupport, 1 verify and 2 modify. voltage:
    bVoltageSupport, 0 for what has no contacts.
    """

    name: str
    product: int
    features: int
    level: ExchangeLevel
    max_message: int = MAX_MESSAGE
    pin_support: int = 0
    voltage: int = _ANY_VOLTAGE

    @property
    def device(self) -> bytes:
        """The device descriptor (USB 2.0, 9.6.1)."""
        return struct.pack(
            "<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0, 0, 0, 64, VENDOR, self.product, 0x0100, 0, 0, 0, 1
        )

    @property
    def configuration(self) -> bytes:
        """The configuration with its interface, class and endpoint descriptors (9.6.3 to 9.6.6)."""
        rest = struct.pack("<9B", 9, 4, 0, 0, 3, 0x0B, 0, 0, 0) + self._ccid()
        for address, kind, size, interval in ((0x01, 2, 64, 0), (0x82, 2, 64, 0), (0x83, 3, 8, 24)):
            rest += struct.pack("<BBBBHB", 7, 5, address, kind, size, interval)
        return struct.pack("<BBHBBBBB", 9, 2, 9 + len(rest), 1, 1, 0, 0x80, 50) + rest

    def _ccid(self) -> bytes:
        head = struct.pack("<BBHBBI", 54, 0x21, 0x0110, 0, self.voltage, 3)  # T=0 and T=1
        clock = struct.pack("<IIBIIB", 4000, 4000, 0, 10_753, 344_086, 0)
        card = struct.pack("<IIIII", 254, 0, 0, self.features, self.max_message)
        return head + clock + card + struct.pack("<BBHBB", 0xFF, 0xFF, 0, self.pin_support, 1)


TPDU: Final = UsbModel("TPDU", 1, _TPDU, ExchangeLevel.TPDU)
PIN_PAD: Final = UsbModel("Pad", 2, _TPDU, ExchangeLevel.TPDU, pin_support=3)
SHORT: Final = UsbModel("Short", 3, _SHORT, ExchangeLevel.SHORT)
EXTENDED: Final = UsbModel("Extended", 4, _EXTENDED, ExchangeLevel.EXTENDED)
CONTACTLESS: Final = UsbModel("Contactless", 5, _EXTENDED, ExchangeLevel.EXTENDED, _LONG, voltage=0)
MODELS: Final = (TPDU, PIN_PAD, SHORT, EXTENDED, CONTACTLESS)
