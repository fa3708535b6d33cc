"""Scenarios of the tearing suite on a card that keeps receipts: a change and its receipt, together.

Which commands leave a receipt is said here a second time, from docs/card.md alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Final

from jukicard.apdu import CommandApdu, Ins, Tlv
from jukicard.runtime.card import CARD_PARTITION
from tests.support.tearing.access import Plan, Subject
from tests.support.tearing.cuts import Place, Scenario
from tests.support.tearing.issuer import managed, store
from tests.support.tearing.rig import Rig, sends

LAST: Final[Place] = (CARD_PARTITION, "receipt")
TAG: Final = 0xC6
INTENT: Final = bytes(range(1, 17))
LEAVING: Final = frozenset(
    {
        *((0x00, ins) for ins in (0x24, 0x2C, 0x0C, 0x0E, 0x0F, 0xD6, 0xD7, 0xDC, 0xDD)),
        *((0x00, ins) for ins in (0xDA, 0xDB, 0x04, 0x44)),
        *((0x80, ins) for ins in (0x32, 0xF0, 0xE6, 0xE4, 0xD8, 0xE2, 0x2C)),
    }
)
LEAVES_NONE: Final = frozenset({"INSTALL 20", "SET STATUS, end"})
"""What says for which application the next commands are, and what nothing follows."""
_COUNTER: Final = Plan("COUNTER", secure=True)


def with_receipt(cla: int, ins: int, case: Scenario) -> Scenario:
    """Return a scenario as it is on this card: what succeeds leaves a receipt, no more does."""
    if not case.succeeds or (cla, ins) not in LEAVING or case.name in LEAVES_NONE:
        return case
    return dataclasses.replace(case, changes=case.changes | {LAST})


def _one_change(subject: Subject) -> Scenario:
    """One change has been made, and nobody has said that its answer was seen."""

    def edit(rig: Rig) -> None:
        rig.memory.partition(LAST[0]).put(LAST[1], b"\0\0\0\1\0" + INTENT)

    return Scenario(name="", before=subject.proving(_COUNTER), act=sends("00CA00C600"), edit=edit)


def of_the_object(subject: Subject, cla: int, ins: int) -> Iterator[Scenario]:
    """What the object itself is told, and tells."""
    one = _one_change(subject)
    if (cla, ins) == (0x00, Ins.GET_DATA) and subject.keys():
        yield dataclasses.replace(one, name="GET DATA of the receipt")
        yield dataclasses.replace(
            one,
            name="GET DATA of the receipt, as a stranger",
            before=subject.select,
            succeeds=False,
        )
    last = frozenset({LAST})
    told: tuple[tuple[str, bytes, bool, frozenset[Place]], ...] = (
        ("an intent", INTENT, True, frozenset()),
        ("the answer was seen", b"\0\0\0\1", True, last),
        ("another answer was seen", b"\0\0\0\2", False, frozenset()),
        ("no intent", bytes(16), False, frozenset()),
    )
    for what, value, succeeds, changes in told:
        if (cla, ins) == (0x00, Ins.PUT_DATA):
            act = sends(CommandApdu(0x00, ins, 0, TAG, value))
            yield dataclasses.replace(
                one, name=f"PUT DATA, {what}", act=act, succeeds=succeeds, changes=changes
            )
        if (cla, ins) == (0x80, Ins.APPEND_RECORD):
            command = store(0x80, Tlv(TAG, value).encode())
            yield from managed(
                subject, f"STORE DATA, {what}", command, *changes, edit=one.edit, succeeds=succeeds
            )
