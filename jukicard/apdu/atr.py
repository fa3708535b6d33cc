"""Answer to reset: what a card says of itself before the first command, read strictly."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from functools import reduce
from operator import xor
from types import MappingProxyType
from typing import Final

MAX_ATR_BYTES: Final = 33
"""TS and at most 32 characters after it (ISO/IEC 7816-3:2006, 8.2.1)."""
MAX_HISTORICAL_BYTES: Final = 15
"""K is four bits of T0 (ISO/IEC 7816-3:2006, 8.2.2)."""
GLOBAL_TYPE: Final = 15
"""T=15 is no protocol: it introduces global interface bytes (ISO/IEC 7816-3:2006, 8.2.3)."""

_LETTERS: Final = ("TA", "TB", "TC")
_EMPTY: Final[Mapping[str, int]] = MappingProxyType({})


class AtrError(ValueError):
    """The bytes are no answer to reset (or no ATQB); the text says what is wrong with them."""


class Convention(Enum):
    """How bits travel on the contact; the value is TS, the initial character.

    ISO/IEC 7816-3:2006, 8.1. The bytes after TS are the same in both: readers hand over decoded
    bytes.
    """

    DIRECT = 0x3B
    INVERSE = 0x3F


class Atr:
    """One answer to reset; made by `parse`, `build`, `contactless_a` or `contactless_b`.

    `raw` is the whole of it, 2 to 33 bytes. `convention` is what TS says. `types` holds the T of
    each TD byte as it stands, repetitions and T=15 included; it is empty when there is no TD1.
    `interface_bytes` holds TA1 to the last TD by name, in the order on the wire.
    `historical_bytes` are 0 to 15 bytes. Values of interface bytes are kept, not judged: a
    reserved bit rate is the reader's business, not a malformed answer.

    Not changed after it was made; two answers are equal when their bytes are.
    """

    __slots__ = ("convention", "historical_bytes", "interface_bytes", "raw", "types")

    raw: bytes
    convention: Convention
    types: tuple[int, ...]
    interface_bytes: Mapping[str, int]
    historical_bytes: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Atr:
        """Read an answer to reset that fills `raw`; AtrError when it is not well-formed.

        Checked are TS, the chain of TD, the order of the types, the number of historical bytes
        and TCK, which is present and right exactly where it must be.
        """
        if not 2 <= len(raw) <= MAX_ATR_BYTES:
            raise AtrError(f"an ATR has 2 to {MAX_ATR_BYTES} bytes, not {len(raw)}")
        self = object.__new__(cls)
        self.raw = bytes(raw)
        self.convention = _convention(raw[0])
        interface_bytes, position = _read_interface_bytes(self.raw)
        self.interface_bytes = MappingProxyType(interface_bytes)
        self.types = tuple(
            byte & 0x0F for name, byte in interface_bytes.items() if name.startswith("TD")
        )
        _check_order(self.types)
        end = position + (raw[1] & 0x0F)
        self.historical_bytes = self.raw[position:end]
        _check_end(self.raw, end, tck_expected=self.has_tck)
        return self

    @classmethod
    def build(
        cls,
        *,
        protocols: Sequence[int] = (),
        historical_bytes: bytes = b"",
        interface_bytes: Mapping[str, int] = _EMPTY,
        convention: Convention = Convention.DIRECT,
    ) -> Atr:
        """Build an answer to reset; AtrError when there is none with these parts.

        `protocols` is the T of each TD byte, in order: none for a card that speaks T=0 by default,
        `(1, 1)` for a T=1 card whose interface bytes reach the third level. `interface_bytes` are
        TA, TB and TC by name (`{"TA3": 0xFE}`); level n+1 needs n protocols. T0, TD and TCK are
        computed.

        >>> values = {"TB1": 0x00, "TC1": 0xFF, "TA3": 0xFE, "TB3": 0x45}
        >>> Atr.build(protocols=(1, 1), interface_bytes=values)
        Atr('3BE000FF8131FE4514')
        """
        if len(historical_bytes) > MAX_HISTORICAL_BYTES:
            raise AtrError(
                f"at most {MAX_HISTORICAL_BYTES} historical bytes, not {len(historical_bytes)}"
            )
        if not all(0 <= value <= 15 for value in protocols):
            raise AtrError("a protocol type T is 0 to 15")
        chain = _write_interface_bytes(tuple(protocols), interface_bytes, len(historical_bytes))
        body = chain + bytes(historical_bytes)
        tck = bytes((reduce(xor, body),)) if _needs_tck(protocols) else b""
        return cls.parse(bytes((convention.value,)) + body + tck)

    @classmethod
    def contactless_a(cls, historical_bytes: bytes = b"") -> Atr:
        """Return the ATR that a reader makes up for a Type A card with these historical bytes.

        PC/SC part 3, 3.1.3.2.3.1, table 3-5: `historical_bytes` are those of the answer to select
        (ISO/IEC 14443-4), 0 to 15 bytes. AtrError when there are more.
        """
        return cls.build(protocols=(0, 1), historical_bytes=historical_bytes)

    @classmethod
    def contactless_b(cls, atqb: Atqb, mbli: int = 0) -> Atr:
        """Return the ATR that a reader makes up for a Type B card.

        PC/SC part 3, 3.1.3.2.3.1, table 3-5: application data, protocol info (three bytes of it)
        and, in the upper half of the eighth byte, `mbli`: the maximum buffer length index, 0 to
        15, from the card's answer to ATTRIB. AtrError when `mbli` is outside.
        """
        if not 0 <= mbli <= 15:
            raise AtrError(f"MBLI is 0 to 15, not {mbli}")
        return cls.contactless_a(
            atqb.application_data + atqb.protocol_info[:3] + bytes((mbli << 4,))
        )

    @property
    def protocols(self) -> tuple[int, ...]:
        """The protocols offered, each once, the preferred one first; `(0,)` without TD1.

        T=15 is left out: it is no protocol (ISO/IEC 7816-3:2006, 8.2.3).
        """
        return tuple(dict.fromkeys(t for t in self.types or (0,) if t != GLOBAL_TYPE))

    @property
    def has_tck(self) -> bool:
        """True when a check character ends the answer: whenever anything but T=0 is indicated."""
        return _needs_tck(self.types)

    @property
    def specific_mode(self) -> int | None:
        """The protocol that the card insists on without negotiation, None when it negotiates.

        ISO/IEC 7816-3:2006, 6.3.1 and 8.3: TA2 present means specific mode.
        """
        ta2 = self.interface_bytes.get("TA2")
        return None if ta2 is None else ta2 & 0x0F

    @property
    def hex(self) -> str:
        """All bytes as upper-case hexadecimal digits."""
        return self.raw.hex().upper()

    def __bytes__(self) -> bytes:
        return self.raw

    def __reduce__(self) -> tuple[Callable[[bytes], Atr], tuple[bytes]]:
        return Atr.parse, (self.raw,)

    def __eq__(self, other: object) -> bool:
        return self.raw == other.raw if isinstance(other, Atr) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"Atr('{self.hex}')"

    def __str__(self) -> str:
        return self.hex


class Atqb:
    """A Type B card's answer to a request (ISO/IEC 14443-3:2018, 7.9), without its CRC.

    `pupi` is the pseudo-unique identifier, 4 bytes; `application_data` 4 bytes; `protocol_info`
    3 bytes, 4 in the extended form. AtrError when a part has another length.
    """

    __slots__ = ("application_data", "protocol_info", "pupi")

    pupi: bytes
    application_data: bytes
    protocol_info: bytes

    def __init__(self, *, pupi: bytes, application_data: bytes, protocol_info: bytes) -> None:
        if len(pupi) != 4 or len(application_data) != 4 or len(protocol_info) not in (3, 4):
            raise AtrError(
                "an ATQB has a PUPI of 4 bytes, application data of 4 and protocol info of 3 or 4"
            )
        self.pupi = bytes(pupi)
        self.application_data = bytes(application_data)
        self.protocol_info = bytes(protocol_info)

    @classmethod
    def parse(cls, raw: bytes) -> Atqb:
        """Read an ATQB of 12 bytes, or 13 in the extended form; AtrError otherwise."""
        if len(raw) not in (12, 13):
            raise AtrError(f"an ATQB has 12 or 13 bytes, not {len(raw)}")
        if raw[0] != 0x50:
            raise AtrError(f"an ATQB begins with 50, not {raw[0]:02X}")
        return cls(pupi=raw[1:5], application_data=raw[5:9], protocol_info=raw[9:])

    def encode(self) -> bytes:
        """Return the bytes on the wire, without the CRC."""
        return b"\x50" + self.pupi + self.application_data + self.protocol_info

    def __eq__(self, other: object) -> bool:
        return self.encode() == other.encode() if isinstance(other, Atqb) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.encode())

    def __repr__(self) -> str:
        return (
            f"<Atqb PUPI {self.pupi.hex().upper()}, "
            f"application data {self.application_data.hex().upper()}, "
            f"protocol info {self.protocol_info.hex().upper()}>"
        )


def _convention(ts: int) -> Convention:
    try:
        return Convention(ts)
    except ValueError:
        raise AtrError(f"TS is 3B or 3F, not {ts:02X}") from None


# ISO/IEC 7816-3:2006, 8.2.2 and 8.2.3: Y1 in T0 and Yi+1 in TDi say which of TA, TB, TC, TD follow.
def _read_interface_bytes(raw: bytes) -> tuple[dict[str, int], int]:
    """Return TA1 to the last TD by name, and where the historical bytes begin."""
    found: dict[str, int] = {}
    position = 2
    level = 1
    present = raw[1] >> 4
    while True:
        for bit, letters in enumerate((*_LETTERS, "TD")):
            if present >> bit & 1:
                if position >= len(raw):
                    raise AtrError(f"{letters}{level} is announced and missing")
                found[f"{letters}{level}"] = raw[position]
                position += 1
        if not present & 0x08:
            return found, position
        present = found[f"TD{level}"] >> 4
        level += 1


# ISO/IEC 7816-3:2006, 8.2.3: ascending order, T=0 first, T=15 last and never in TD1.
def _check_order(types: tuple[int, ...]) -> None:
    if types[:1] == (GLOBAL_TYPE,):
        raise AtrError("T=15 in TD1 is invalid")
    if list(types) != sorted(types):
        raise AtrError(f"the types {', '.join(f'T={t}' for t in types)} are not in ascending order")


# ISO/IEC 7816-3:2006, 8.2.5: TCK is absent when T=0 alone is indicated, present in all other cases.
def _needs_tck(types: Sequence[int]) -> bool:
    return any(types)


def _check_end(raw: bytes, end: int, *, tck_expected: bool) -> None:
    """Check that the historical bytes are all there, and TCK exactly when it is expected."""
    size = end + tck_expected
    if len(raw) < size:
        raise AtrError(f"the ATR is cut short: {size} bytes announced, {len(raw)} there")
    if len(raw) > size:
        raise AtrError(f"{len(raw) - size} bytes follow the ATR")
    if tck_expected and reduce(xor, raw[1:]):
        raise AtrError(f"TCK is {raw[-1]:02X}, it should be {reduce(xor, raw[1:-1]):02X}")


def _write_interface_bytes(
    protocols: tuple[int, ...], given: Mapping[str, int], historical: int
) -> bytes:
    """Return T0 and all interface bytes, TD included; AtrError for a name without a place."""
    rest = dict(given)
    out = bytearray()
    low = historical
    for level, following in enumerate((*protocols, None), start=1):
        present = 0x08 if following is not None else 0
        bytes_here = bytearray()
        for name, bit in _names_of(level):
            value = rest.pop(name, None)
            if value is not None:
                if not 0 <= value <= 255:
                    raise AtrError(f"{name} is a byte, 0 to 255, not {value}")
                present |= bit
                bytes_here.append(value)
        out.append(present << 4 | low)
        out += bytes_here
        low = following or 0
    if rest:
        raise AtrError(f"no place for {', '.join(sorted(rest))} with {len(protocols)} protocols")
    return bytes(out)


def _names_of(level: int) -> Iterator[tuple[str, int]]:
    """Yield TAi, TBi, TCi with their bit in Yi."""
    for position, letters in enumerate(_LETTERS):
        yield f"{letters}{level}", 1 << position
