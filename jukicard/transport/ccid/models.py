"""Which serial readers there are: what each claims to be, and what its maker's commands answer."""

from __future__ import annotations

from typing import Final, NamedTuple

from jukicard.transport.ccid.messages import NOT_SUPPORTED, CcidError
from jukicard.transport.ccid.reader import CcidReader
from jukicard.transport.ccid.slot import ExchangeLevel

_FIRMWARE: Final = b"\x02"
_MOVEMENT: Final = b"\x01\x01\x01"
_APDU_MODE: Final = b"\x1f\x02"
_STRINGS: Final = bytes.fromhex("B2A000")


class SerialModel(NamedTuple):
    """A model of libccid's serial driver.

    name: what stands after the colon of DEVICENAME. firmware: what it says of itself.
    echoes: whether it sends every frame back before it answers. pin_pad: whether it has keys.
    indexes: how many bMsgIndex its driver sends with a modification; None: as CCID says.
    """

    name: str
    firmware: bytes
    echoes: bool
    pin_pad: bool
    indexes: int | None = None

    def escape(self, reader: CcidReader, data: bytes) -> bytes:
        """Answer PC_to_RDR_Escape; short APDUs instead of TPDUs are chosen by one. CcidError."""
        if data == _FIRMWARE:
            return self.firmware
        if data == _MOVEMENT:
            return b""
        if data == _APDU_MODE:
            reader.level = ExchangeLevel.SHORT
            return b""
        if self.pin_pad and data.startswith(_STRINGS):
            return b""  # what its display shall say
        raise CcidError(NOT_SUPPORTED)


GEMPC_TWIN: Final = SerialModel("GemPCTwin", b"jukicard 1.00\0", echoes=True, pin_pad=False)
GEMPC_PINPAD: Final = SerialModel(
    "GemPCPinPad", b"jukicard 1.00\0", echoes=True, pin_pad=True, indexes=3
)
MODELS: Final = {model.name: model for model in (GEMPC_TWIN, GEMPC_PINPAD)}
"""The models by name."""
