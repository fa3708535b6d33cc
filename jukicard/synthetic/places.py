"""Where synthetic residents live: prefectures (JIS X 0401) and municipalities (JIS X 0402)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

from jukicard.synthetic.datafiles import load_json

REGIONS: Final = {
    "北海道": range(1, 2),
    "東北": range(2, 8),
    "関東": range(8, 15),
    "中部": range(15, 24),
    "近畿": range(24, 31),
    "中国": range(31, 36),
    "四国": range(36, 40),
    "九州": range(40, 48),
}
"""The eight regions and the numbers of their prefectures."""


@dataclass(frozen=True, slots=True)
class Prefecture:
    """A prefecture: code of two digits, name, and the romanised name that certificates use."""

    code: str
    name: str
    romanised: str


@dataclass(frozen=True, slots=True)
class Municipality:
    """A municipality: code of five digits, name as in an address, romanised name, prefecture."""

    code: str
    name: str
    romanised: str
    prefecture: Prefecture


@cache
def prefectures() -> Mapping[str, Prefecture]:
    """Return the 47 prefectures by code."""
    rows = load_json("municipalities.json")["prefectures"]
    return MappingProxyType({row[0]: Prefecture(*row) for row in rows})


@cache
def municipalities() -> Mapping[str, Municipality]:
    """Return the municipalities that are known here by code: a selection, from all prefectures."""
    rows = load_json("municipalities.json")["municipalities"]
    return MappingProxyType(
        {
            code: Municipality(code, name, romanised, prefectures()[code[:2]])
            for code, name, romanised in rows
        }
    )


def municipality(code: str) -> Municipality:
    """Return a municipality by its code; ValueError when it is not among those known here."""
    found = municipalities().get(code)
    if found is None:
        raise ValueError(f"no municipality {code!r} is known here; 13221 is one of those that are")
    return found
