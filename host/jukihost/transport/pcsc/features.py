"""What a reader says that it can do besides carrying commands (PC/SC part 10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from jukihost.errors import ProtocolError

GET_FEATURE_REQUEST: Final = 3400
"""The number of the request for all features, before the system makes its control code of it."""
NO_FEATURES: Final = frozenset(
    {
        0x00000001,  # Windows, ERROR_INVALID_FUNCTION
        0x00000032,  # Windows, ERROR_NOT_SUPPORTED
        0x80100004,  # SCARD_E_INVALID_PARAMETER
        0x80100011,  # SCARD_E_INVALID_VALUE
        0x80100016,  # SCARD_E_NOT_TRANSACTED: pcsc-lite, for whatever the driver does not know
        0x8010001F,  # SCARD_E_UNSUPPORTED_FEATURE, also SCARD_E_UNEXPECTED
        0x80100022,  # Windows, SCARD_E_UNSUPPORTED_FEATURE
    }
)
"""Codes of PC/SC with which a driver says that it has no features."""
Control = Callable[[int, bytes], bytes]
"""Sends a control code with data to the reader and returns its answer, empty when it has none."""


class Feature(IntEnum):
    """The features of part 10, 2.3, by their tags."""

    VERIFY_PIN_START = 0x01
    VERIFY_PIN_FINISH = 0x02
    MODIFY_PIN_START = 0x03
    MODIFY_PIN_FINISH = 0x04
    GET_KEY_PRESSED = 0x05
    VERIFY_PIN_DIRECT = 0x06
    MODIFY_PIN_DIRECT = 0x07
    MCT_READER_DIRECT = 0x08
    MCT_UNIVERSAL = 0x09
    IFD_PIN_PROPERTIES = 0x0A
    ABORT = 0x0B
    SET_SPE_MESSAGE = 0x0C
    VERIFY_PIN_DIRECT_APP_ID = 0x0D
    MODIFY_PIN_DIRECT_APP_ID = 0x0E
    WRITE_DISPLAY = 0x0F
    GET_KEY = 0x10
    IFD_DISPLAY_PROPERTIES = 0x11
    GET_TLV_PROPERTIES = 0x12
    CCID_ESC_COMMAND = 0x13
    EXECUTE_PACE = 0x20


@dataclass(frozen=True, slots=True)
class PinProperties:
    """FEATURE_IFD_PIN_PROPERTIES (part 10, 2.5.5).

    display: lines in the upper byte, characters a line in the lower one; 0 without a display.
    validation: how an entry ends: 1 at its longest, 2 by a key, 4 by the time-out; a sum of these.
    second_timeout: whether there is one of its own between keys.
    """

    display: int
    validation: int
    second_timeout: bool


@dataclass(frozen=True, slots=True)
class TlvProperties:
    """FEATURE_GET_TLV_PROPERTIES (part 10, 2.5.6): what the reader tells of it, None for the rest.

    shortest_pin, longest_pin: digits that its pad takes. longest_apdu: bytes of a command or an
    answer that it carries. firmware: a text. vendor, product: of its USB device. `other` are the
    values with a tag that is not known here, or of a form that is not that of their tag.
    """

    shortest_pin: int | None = None
    longest_pin: int | None = None
    firmware: str | None = None
    longest_apdu: int | None = None
    vendor: int | None = None
    product: int | None = None
    other: Mapping[int, bytes] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class ReaderFeatures:
    """The control codes of what a reader can do, and its properties where it tells them.

    A feature with a number that part 10 does not know is left out.
    """

    codes: Mapping[Feature, int]
    pin: PinProperties | None = None
    properties: TlvProperties | None = None

    @property
    def verifies(self) -> bool:
        """Whether a PIN can be verified on a pad."""
        return Feature.VERIFY_PIN_DIRECT in self.codes

    @property
    def modifies(self) -> bool:
        """Whether a PIN can be changed on a pad."""
        return Feature.MODIFY_PIN_DIRECT in self.codes


def look_up(control: Control, request: int) -> ReaderFeatures:
    """Ask a reader for its features, and for the properties that it has. ProtocolError."""
    codes = parse_features(control(request, b""))

    def told(feature: Feature) -> bytes:
        return control(codes[feature], b"") if feature in codes else b""

    pin, tlv = told(Feature.IFD_PIN_PROPERTIES), told(Feature.GET_TLV_PROPERTIES)
    return ReaderFeatures(
        MappingProxyType(codes),
        parse_pin_properties(pin) if pin else None,
        parse_tlv_properties(tlv) if tlv else None,
    )


def parse_features(raw: bytes) -> dict[Feature, int]:
    """Read the list of features: tag, 04, control code (big-endian). ProtocolError."""
    known = {feature.value: feature for feature in Feature}
    found = {}
    for tag, value in _objects(raw):
        if len(value) != 4:
            raise _malformed()
        if tag in known:
            found[known[tag]] = int.from_bytes(value, "big")
    return found


def parse_pin_properties(raw: bytes) -> PinProperties:
    """Read PIN_PROPERTIES_STRUCTURE, four bytes. ProtocolError."""
    if len(raw) != 4:
        raise _malformed()
    return PinProperties(int.from_bytes(raw[:2], "little"), raw[2], bool(raw[3]))


_NUMBERS: Final = {
    0x06: ("shortest_pin", 1),
    0x07: ("longest_pin", 1),
    0x0A: ("longest_apdu", 4),
    0x0B: ("vendor", 2),
    0x0C: ("product", 2),
}
_FIRMWARE: Final = 0x08


def parse_tlv_properties(raw: bytes) -> TlvProperties:
    """Read the TLV properties; numbers are little-endian. ProtocolError."""
    numbers: dict[str, int] = {}
    other: dict[int, bytes] = {}
    firmware = None
    for tag, value in _objects(raw):
        name, size = _NUMBERS.get(tag, ("", 0))
        if name and len(value) == size:
            numbers[name] = int.from_bytes(value, "little")
        elif tag == _FIRMWARE:
            firmware = value.decode("ascii", "replace").rstrip("\0")
        else:
            other[tag] = value
    return TlvProperties(firmware=firmware, other=MappingProxyType(other), **numbers)


def _objects(raw: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and value of each object: tag and length have one byte. ProtocolError."""
    while raw:
        size = raw[1] if len(raw) > 1 else len(raw)
        if len(raw) < 2 + size:
            raise _malformed()
        yield raw[0], raw[2 : 2 + size]
        raw = raw[2 + size :]


def _malformed() -> ProtocolError:
    return ProtocolError(
        "what the reader says of its features is malformed; type PINs at the terminal, and see "
        "whether there is a newer driver"
    )
