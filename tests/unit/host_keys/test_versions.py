"""Which versions of a key a card is asked for, against the rule written down once more."""

from __future__ import annotations

from contextlib import suppress
from itertools import product

import pytest

from jukihost import KeyCustodyError, KeyInfo, PublishedKeys, UnknownKey
from jukihost.keys import SoftwareCustody
from jukihost.keys.counted import CountedCustody
from jukihost.keys.custody import CardKeys, KeyUnfit
from jukihost.keys.versions import versions_to_try

SUITES = ("MA-3DES", "MA-AES128", "MA-AES192", "MA-AES256")
AID = b"an aid of its own"[:16]


class Keys:
    """A custody of nothing but an inventory, with another system's keys in it."""

    def __init__(self, suites: dict[int, str]) -> None:
        self._keys = {("COUNTER", version): suite for version, suite in suites.items()}
        self._keys["SUSPEND", 9] = "MA-AES256"

    def inventory(self) -> tuple[KeyInfo, ...]:
        return tuple(KeyInfo(*key, suite, b"") for key, suite in self._keys.items())

    def newest_version(self, system: str) -> int:
        return max(version for name, version in self._keys if name == system)

    def derive_card_keys(
        self, system: str, card_number: bytes, aid: bytes, version: int
    ) -> CardKeys:
        raise NotImplementedError


@pytest.mark.parametrize("suites", [*product((None, *SUITES), repeat=3)][1:])
@pytest.mark.parametrize("floor", [None, 1, 2, 3, 5])
def test_every_set_of_three_versions(suites: tuple[str | None, ...], floor: int | None) -> None:
    there = {at: suite for at, suite in zip((1, 3, 5), suites, strict=True) if suite}
    newest = max(there)
    if floor is not None and newest < floor:
        with pytest.raises(UnknownKey, match="below the floor"):
            versions_to_try(Keys(there), "COUNTER", floor=floor)
        return
    expected = []
    for version in (5, 3, 1):
        if version not in there:
            continue
        below = version < (floor or 1)
        second = sum(one > version for one in there) > 1
        weaker = SUITES.index(there[version]) < SUITES.index(there[newest])
        if not below and not weaker and not (floor is None and second):
            expected.append(version)
    assert list(versions_to_try(Keys(there), "COUNTER", floor=floor)) == expected


def test_what_there_is_nothing_to_choose_of() -> None:
    assert versions_to_try(PublishedKeys(), "COUNTER") == (1,)
    for floor in (0, 256):
        with pytest.raises(KeyUnfit):
            versions_to_try(PublishedKeys(), "COUNTER", floor=floor)


def test_what_is_handed_out_is_counted_once(custody: SoftwareCustody) -> None:
    counted = CountedCustody(custody)
    custody.generate("FIRE")
    custody.rotate("FIRE")
    same = custody.derive_card_keys("FIRE", bytes(8), AID, 2)
    for version in (1, 2, 2, 7):
        try:
            keys = counted.derive_card_keys("FIRE", bytes(8), AID, version)
        except KeyCustodyError:
            assert version == 7
        else:
            assert (keys == same) == (version == 2)
    assert (counted.newest_version("FIRE"), counted.inventory()) == (2, custody.inventory())
    with suppress(OSError), counted.taken() as lost:
        counted.derive_card_keys("FIRE", bytes(8), AID, 1)
        raise OSError
    assert lost == {("FIRE", 1): 1, ("FIRE", 2): 2, ("FIRE", 7): 1}
    with counted.taken() as told:
        assert told == {("FIRE", 1): 2, ("FIRE", 2): 2, ("FIRE", 7): 1}
    with counted.taken() as told:
        assert not told
