"""Which versions of a key a card may have: the newest, then older ones, down to a floor."""

from __future__ import annotations

from typing import Final

from jukihost.keys.custody import KeyCustody, KeyInfo, UnknownKey, check_version

_BY_STRENGTH: Final = ("MA-3DES", "MA-AES128", "MA-AES192", "MA-AES256")


def versions_to_try(
    custody: KeyCustody, system: str, *, floor: int | None = None
) -> tuple[int, ...]:
    """Return the versions of a system's key that a card may be asked for, the newest first.

    floor: the oldest one; a card whose key is older is a foreign one. Unless it is given, that is
    the one before the newest: a card counts failed authentications, and each version costs one.
    A version that is for a weaker suite than the newest is left out. UnknownKey when the custody
    has none, or none that is not below the floor; KeyUnfit for a floor that is no version.
    """
    newest = custody.newest_version(system)
    if floor is not None and newest < check_version(floor):
        raise UnknownKey(f"the newest key of {system} has version {newest}, below the floor")
    there = {one.version: one for one in custody.inventory() if one.system == system}
    older = sorted((one for one in there if one < newest), reverse=True)
    wanted = older[:1] if floor is None else [one for one in older if one >= floor]
    least = _strength(there[newest]) if newest in there else 0
    return newest, *(one for one in wanted if _strength(there[one]) >= least)


def _strength(key: KeyInfo) -> int:
    return _BY_STRENGTH.index(key.suite)
