"""The hazards as a page asks for them: what can be said of each, and one made of what was said."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Final

from jukicard.testing.hazards import HAZARDS, Hazard

_NAMES: Final[dict[str, type[Hazard]]] = {
    kind.__name__: kind for kind in HAZARDS if isinstance(kind, type)
}
_MOST: Final = 1_000_000
"""The largest number that is taken."""


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _MOST:
        raise ValueError(f"a number from 0 to {_MOST}")
    return value


def _or_none(value: object) -> int | None:
    return None if value is None else _whole(value)


def _seconds(value: object) -> float:
    if type(value) not in (int, float) or not isinstance(value, int | float):
        raise ValueError("a number of seconds")
    return float(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _octets(value: object) -> bytes:
    if not isinstance(value, str) or len(value) > 64:
        raise ValueError("hexadecimal digits")
    return bytes.fromhex(value)


_READ: Final[dict[str, Callable[[object], object]]] = {
    "int": _whole,
    "int | None": _or_none,
    "float": _seconds,
    "bool": _flag,
    "bytes": _octets,
}
"""How what is said of a field is read, by its type."""


def hazard_forms() -> list[dict[str, Any]]:
    """Return every kind of hazard: its name, and its fields with type and default."""
    return [
        {
            "name": name,
            "fields": [
                {"name": field.name, "type": str(field.type), "default": _plain(field.default)}
                for field in _fields(kind)
            ],
        }
        for name, kind in _NAMES.items()
    ]


def _fields(kind: type[Hazard]) -> list[dataclasses.Field[Any]]:
    counted = {"ins", "mid_chain"} if kind.__name__ == "PowerCut" else set()
    return [field for field in dataclasses.fields(kind) if field.name not in counted]


def _plain(value: object) -> object:
    return value.hex().upper() if isinstance(value, bytes) else value


def make_hazard(name: str, values: Mapping[str, object]) -> Hazard:
    """Return the hazard of a name, with what was said of its fields. ValueError."""
    kind = _NAMES.get(name)
    if kind is None:
        raise ValueError(f"there is no such hazard; there is {', '.join(_NAMES)}")
    types = {field.name: str(field.type) for field in _fields(kind)}
    said: dict[str, Any] = {}
    for field, value in values.items():
        if field not in types:
            raise ValueError(f"{name} has no such field; it has {', '.join(types)}")
        try:
            said[field] = _READ[types[field]](value)
        except ValueError as error:
            raise ValueError(f"{field} of {name}: {error}") from None
    return kind(**said)
