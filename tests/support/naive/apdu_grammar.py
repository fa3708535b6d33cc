"""A second, independent reading of ISO/IEC 7816-3:2006, 12.1: the oracle for the APDU codec.

Declared with construct and derived from the standard's tables 11 to 13 alone. It knows nothing of
`jukicard.apdu`; slow and plain, because its only use is to disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from construct import (
    Bytes,
    Check,
    Const,
    ConstructError,
    Int8ub,
    Int16ub,
    Struct,
    Terminated,
    this,
)

_HEADER: Final = Bytes(4)

# ISO/IEC 7816-3:2006, table 12: the seven cases; each must fill the whole command.
_CASE_1: Final = Struct("header" / _HEADER, Terminated)
_CASE_2S: Final = Struct("header" / _HEADER, "le" / Int8ub, Terminated)
_CASE_3S: Final = Struct(
    "header" / _HEADER, "lc" / Int8ub, Check(this.lc > 0), "data" / Bytes(this.lc), Terminated
)
_CASE_4S: Final = Struct(
    "header" / _HEADER,
    "lc" / Int8ub,
    Check(this.lc > 0),
    "data" / Bytes(this.lc),
    "le" / Int8ub,
    Terminated,
)
_CASE_2E: Final = Struct("header" / _HEADER, Const(b"\0"), "le" / Int16ub, Terminated)
_CASE_3E: Final = Struct(
    "header" / _HEADER,
    Const(b"\0"),
    "lc" / Int16ub,
    Check(this.lc > 0),
    "data" / Bytes(this.lc),
    Terminated,
)
_CASE_4E: Final = Struct(
    "header" / _HEADER,
    Const(b"\0"),
    "lc" / Int16ub,
    Check(this.lc > 0),
    "data" / Bytes(this.lc),
    "le" / Int16ub,
    Terminated,
)
CASES: Final = {
    "1": _CASE_1,
    "2S": _CASE_2S,
    "3S": _CASE_3S,
    "4S": _CASE_4S,
    "2E": _CASE_2E,
    "3E": _CASE_3E,
    "4E": _CASE_4E,
}


@dataclass(frozen=True)
class OracleApdu:
    """What the grammar reads: the case, the header, the data, and Ne as a number."""

    case: str
    header: bytes
    data: bytes
    ne: int


def read(raw: bytes) -> OracleApdu | None:
    """Return the one reading of `raw`, None when no case fits; two readings are an error."""
    readings = [
        reading
        for case, grammar in CASES.items()
        if (reading := _read_case(case, grammar, raw)) is not None
    ]
    assert len(readings) <= 1, "the grammar is ambiguous"
    return readings[0] if readings else None


def write(case: str, header: bytes, data: bytes, ne: int) -> bytes:
    """Return the encoding of a command in a case; the oracle's own way back."""
    modulus = 256 if case.endswith("S") else 65_536
    raw: bytes = CASES[case].build(
        {"header": header, "lc": len(data), "data": data, "le": ne % modulus}
    )
    return raw


def _read_case(case: str, grammar: Struct, raw: bytes) -> OracleApdu | None:
    try:
        parsed = grammar.parse(raw)
    except ConstructError:
        return None
    ne = 0
    if "le" in parsed:
        ne = parsed.le or (256 if case.endswith("S") else 65_536)
    return OracleApdu(case, bytes(parsed.header), bytes(parsed.get("data", b"")), ne)
