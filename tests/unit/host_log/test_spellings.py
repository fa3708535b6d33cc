"""An entry has one spelling: whoever reads a disclosure takes no other for it, nor half of one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from jukihost.log import leaf_hash
from tests.support.host.judging import judged, refused
from tests.support.host.town import CODES, PSEUDONYMS, Town, town

# Each is what a town could write into its log: hashed, signed and linked like any other entry.
ANOTHER_USE: dict[str, Callable[[str], str]] = {
    "a field twice": lambda one: one.replace("outcome done\n", "outcome failed\noutcome done\n"),
    "the other way": lambda one: one.replace("purpose copy", "purpose hidden\npurpose copy"),
    "a field less": lambda one: one.replace("outcome done\n", ""),
    "a field more": lambda one: f"{one}note x\n",
    "another order": lambda one: one.replace("at 2015", "ta 2015"),
    "another kind": lambda one: one.replace("use@v1", "use@v2"),
    "no end": lambda one: one[:-1],
    "two ends": lambda one: f"{one}\n",
    "another end of lines": lambda one: one.replace("\n", "\r\n"),
    "another outcome": lambda one: one.replace("outcome done", "outcome won"),
    "no such month": lambda one: one.replace("at 2015-04", "at 2015-13"),
    "no such hour": lambda one: one.replace("T00:", "T24:"),
    "no zone": lambda one: one.replace("Z\n", "\n"),
    "another zone": lambda one: one.replace("Z\n", "+00:00\n"),
    "fewer digits of a second": lambda one: one.replace("000Z", "Z"),
    "a zero in front": lambda one: one.replace("number 4", "number 04"),
    "a sign": lambda one: one.replace("number 4", "number +4"),
    "a digit of another script": lambda one: one.replace("number 4", "number \uff14"),
    "capitals": lambda one: one.replace("before ", "before A").replace("A0", "A"),
    "a short salt": lambda one: one[:-3] + "\n",
    "an odd salt": lambda one: one[:-2] + "\n",
    "a short card": lambda one: one.replace("card \n", f"card {'ab' * 31}\n"),
    "an escape": lambda one: one.replace("counter\n", "counter\x1b[2J\n"),
    "a line of Unicode": lambda one: one.replace("counter\n", "counter\u2028x\n"),
    "like a code": lambda one: one.replace("reason ", f"reason {CODES[1].reveal()}"),
    "like a code of other digits": lambda one: one.replace("reason ", "reason " + "\u0661" * 11),
    "long": lambda one: one.replace("reason ", "reason " + "x" * 201),
}
ANOTHER_DAY: dict[str, Callable[[str], str]] = {
    "a zero in front": lambda one: one.replace("residents ", "residents 0"),
    "no such day": lambda one: one.replace("04-01", "04-31"),
    "a short day": lambda one: one.replace("04-01", "4-1"),
    "a field more": lambda one: one.replace("residents", "day 2016-01-01\nresidents"),
    "another kind": lambda one: one.replace("day@v1", "day@v2"),
    "no end": lambda one: one[:-1],
}
ANOTHER_PRUNING: dict[str, Callable[[str], str]] = {
    "a field twice": lambda one: one.replace("below 5", "below 1\nbelow 5"),
    "a sign": lambda one: one.replace("below 5", "below +5"),
    "no such day": lambda one: one.replace("2008-03-31", "2008-02-31"),
    "another zone": lambda one: one.replace("Z\n", "+00:00\n"),
    "a field more": lambda one: f"{one}note x\n",
}


def spoiled(made: Town, index: int, change: Callable[[str], str]) -> bytes:
    """Write another entry in place of one, and return it."""
    before = made.entries[index].decode()
    made.entries[index] = change(before).encode()
    assert made.entries[index] != before.encode()
    return made.entries[index]


@pytest.mark.parametrize("how", ANOTHER_USE)
def test_a_use_in_another_spelling_is_none(how: str) -> None:
    made = town()
    made.entries.pop()
    resident = PSEUDONYMS.resident(CODES[0])
    entry = spoiled(made, 6, ANOTHER_USE[how])
    made.lasts[resident] = replace(made.lasts[resident], leaf=leaf_hash(entry))
    made.end_day()
    refused(bytes(made.disclosure(CODES[0], [*made.of(CODES[0])[:3], (6, entry)])))


@pytest.mark.parametrize("before", ["00" * 32, "0b" * 32])
def test_the_first_entry_has_none_before_it(before: str) -> None:
    made = town()
    made.entries.pop()
    index = made.use(CODES[2])
    resident = PSEUDONYMS.resident(CODES[2])
    honest = before == "00" * 32
    if not honest:
        entry = spoiled(
            made, index, lambda one: one.replace("before " + "00" * 32, f"before {before}")
        )
        made.lasts[resident] = replace(made.lasts[resident], leaf=leaf_hash(entry))
    made.end_day()
    data = bytes(made.disclosure(CODES[2]))
    if honest:
        judged(data, CODES[2])
    else:
        refused(data, CODES[2])


@pytest.mark.parametrize("how", ANOTHER_DAY)
def test_a_day_in_another_spelling_is_none(how: str) -> None:
    made = town()
    spoiled(made, 7, ANOTHER_DAY[how])
    refused(bytes(made.disclosure(CODES[0])))


@pytest.mark.parametrize("how", ANOTHER_PRUNING)
def test_a_pruning_in_another_spelling_is_none(how: str) -> None:
    made = town()
    pruned = made.prune(5)
    shown = made.of(CODES[0])[3:]
    judged(bytes(made.disclosure(CODES[0], shown, (4, pruned))), CODES[0])
    spoiled(made, pruned, ANOTHER_PRUNING[how])
    refused(bytes(made.disclosure(CODES[0], shown, (4, pruned))))
