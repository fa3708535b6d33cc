"""Every cell of the life-cycle table, through APDUs where a card can be brought there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from jukicard import Card
from jukicard.apdu import StatusWord, Tlv
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.lifecycle_table import (
    STATES,
    TABLE,
    ObjectKind,
    Operation,
    Outcome,
    outcome,
)
from tests.support.applets.lifecycle_applet import (
    AID,
    FILE,
    ISSUER,
    KEY,
    KEY_PAIR,
    PIN,
    life_cycle_card,
    put_state,
)
from tests.support.published.transcript import send, status

MANUAL: Final = Path(__file__).parents[3] / "docs" / "lifecycle.md"
S = LifeCycleState
INIT, ACTIVE, OFF, ENDED = S.INITIALISATION, S.ACTIVATED, S.DEACTIVATED, S.TERMINATED

# Written from ISO/IEC 7816-4, 7816-9 and the manual, not from the code: for each state the status
# of select, read state, use, activate, deactivate, terminate.
GENERAL: Final = {
    INIT: "9000 9000 6985 9000 6985 9000",
    ACTIVE: "9000 9000 9000 9000 9000 9000",
    OFF: "6283 9000 6985 9000 9000 9000",
    ENDED: "6285 9000 6985 6985 6985 6985",
}
WANTED: Final = {
    # of a suspended card nothing is heard but its resumption and its end
    ObjectKind.CARD: {**GENERAL, OFF: "6283 9000 6985 9000 6985 9000"},
    ObjectKind.APPLICATION: GENERAL,
    ObjectKind.FILE: GENERAL,
    ObjectKind.KEY: {
        INIT: "9000 9000 6A88 6984 6985 9000",
        ACTIVE: GENERAL[ACTIVE],
        OFF: "6283 9000 6984 9000 9000 9000",
        ENDED: "6285 9000 6984 6985 6985 6985",
    },
    ObjectKind.KEY_PAIR: {
        INIT: "9000 9000 6984 6984 6985 9000",
        ACTIVE: GENERAL[ACTIVE],
        OFF: "6283 9000 6984 9000 9000 9000",
        ENDED: "6285 9000 6984 6985 6985 6985",
    },
    ObjectKind.PIN: {
        INIT: "9000 9000 6984 6984 6985 9000",
        ACTIVE: GENERAL[ACTIVE],
        OFF: "6283 9000 6984 9000 9000 9000",
        ENDED: "6285 9000 6984 6985 6985 6985",
    },
}
AFTER: Final = {
    Operation.ACTIVATE: ACTIVE,
    Operation.DEACTIVATE: OFF,
    Operation.TERMINATE: ENDED,
}
CELLS: Final = [
    (kind, state, operation, WANTED[kind][state].split()[position])
    for kind in ObjectKind
    for state in STATES
    for position, operation in enumerate(Operation)
]


def test_every_cell_is_looked_at() -> None:
    assert len(CELLS) == len(TABLE) == 6 * 4 * 6
    assert {cell[:3] for cell in CELLS} == set(TABLE)


@pytest.mark.parametrize(("kind", "state", "operation", "wanted"), CELLS)
def test_the_table(
    kind: ObjectKind, state: LifeCycleState, operation: Operation, wanted: str
) -> None:
    cell = outcome(kind, state, operation)
    assert cell.status.hex == wanted
    if cell.allowed:
        assert cell.state is AFTER.get(operation, state)
    else:
        assert cell.state is None


EFS: Final = {
    ObjectKind.FILE: FILE,
    ObjectKind.PIN: PIN,
    ObjectKind.KEY: KEY,
    ObjectKind.KEY_PAIR: KEY_PAIR,
}
USE: Final = {
    ObjectKind.FILE: "00B0810001",
    ObjectKind.APPLICATION: "00B0810001",
    ObjectKind.CARD: "00B0810001",
    ObjectKind.PIN: "0020008204 31323334",
    ObjectKind.KEY_PAIR: "0088008404 00000000 00",
}
CHANGE: Final = {Operation.ACTIVATE: "44", Operation.DEACTIVATE: "04", Operation.TERMINATE: "E8"}


def card_in(kind: ObjectKind, state: LifeCycleState) -> Card:
    """A card on which an object of the kind is in the state, its application selected."""
    unset = state is INIT and kind in (ObjectKind.PIN, ObjectKind.KEY, ObjectKind.KEY_PAIR)
    card = life_cycle_card(with_values=not unset)
    if not unset and state is not ACTIVE:
        place = -1 if kind is ObjectKind.CARD else EFS.get(kind)
        put_state(card, place, state)
    send(card, f"00A4040C0A{AID}")
    return card


def carry_out(card: Card, kind: ObjectKind, operation: Operation) -> str:
    """Try an operation on an object and return the status word."""
    fid = EFS.get(kind)
    if operation is Operation.SELECT:
        ef = kind in EFS
        return status(card, f"00A4020C02{fid:04X}" if ef else f"00A4040C0A{AID}")
    if operation is Operation.READ_STATE:
        return read_state(card, kind)[-4:]
    if operation is Operation.USE:
        return use(card, kind)
    if kind is ObjectKind.CARD:
        ended = operation is Operation.TERMINATE
        return status(card, "00FE0000" if ended else f"00{CHANGE[operation]}0000023F00")
    if kind is ObjectKind.APPLICATION:
        ins = "E6" if operation is Operation.TERMINATE else CHANGE[operation]
        return status(card, f"00{ins}0000")
    return status(card, f"00{CHANGE[operation]}000002{fid:04X}")


def use(card: Card, kind: ObjectKind) -> str:
    """Use an object; a key that is used at all refuses a wrong message with 63CX."""
    if kind is not ObjectKind.KEY:
        return status(card, USE[kind])
    send(card, "0084000008")
    answer = status(card, f"0082008128{'00' * 40}28")
    return "9000" if answer.startswith("63C") else answer


def read_state(card: Card, kind: ObjectKind) -> str:
    """Ask for a state as a terminal does: GET DATA of tag 8A, or control information."""
    if kind is ObjectKind.CARD:
        send(card, f"00A4040C07{ISSUER}")
        return send(card, "00CA008A00")
    send(card, f"00A4040C0A{AID}")
    if kind is ObjectKind.APPLICATION:
        return send(card, f"00A404040A{AID}00")
    return send(card, f"00A4020402{EFS[kind]:04X}00")


def state_of(card: Card, kind: ObjectKind) -> LifeCycleState:
    """Return the state that the card tells, whatever status comes with it."""
    answer = Tlv.parse(bytes.fromhex(read_state(card, kind))[:-2])
    found = answer if kind is ObjectKind.CARD else answer.find(0x8A)
    assert found is not None
    assert found.tag == 0x8A
    return LifeCycleState.from_byte(found.value[0])


@pytest.mark.parametrize(("kind", "state", "operation", "wanted"), CELLS)
def test_the_card(
    kind: ObjectKind, state: LifeCycleState, operation: Operation, wanted: str
) -> None:
    card = card_in(kind, state)
    if operation is Operation.READ_STATE and kind is not ObjectKind.CARD:
        wanted = WANTED[kind][state].split()[0]  # told by a selection, with that one's warning
    assert carry_out(card, kind, operation) == wanted
    expected = AFTER.get(operation, state) if int(wanted, 16) >> 12 == 9 else state
    assert state_of(card, kind) is expected
    card.power_off()
    card.power_on()
    assert state_of(card, kind) is expected, "it survives power-off"


@pytest.mark.parametrize("state", LifeCycleState)
def test_a_card_in_any_state_says_it_in_words(state: LifeCycleState) -> None:
    card = card_in(ObjectKind.CARD, state)
    assert card.state.now is state
    assert card.state.description
    assert status(card, USE[ObjectKind.CARD]) == ("9000" if state is ACTIVE else "6985")


def as_markdown() -> str:
    """Return the table as docs/lifecycle.md prints it: a section for each kind of object."""
    parts = []
    for kind in ObjectKind:
        head = " | ".join(operation.value for operation in Operation)
        rows = [
            f"## {kind.value[0].upper()}{kind.value[1:]}",
            "",
            f"| state | {head} |",
            "| --- |" + " --- |" * len(Operation),
        ]
        for state in STATES:
            cells = " | ".join(
                _as_text(TABLE[kind, state, operation], state) for operation in Operation
            )
            rows.append(f"| {state.name.lower()} | {cells} |")
        parts.append("\n".join(rows))
    return "\n\n".join(parts) + "\n"


def _as_text(cell: Outcome, state: LifeCycleState) -> str:
    if not cell.allowed:
        return cell.status.hex
    moved = cell.state is not None and cell.state is not state
    text = f"→ {cell.state.name.lower()}" if moved and cell.state is not None else "yes"
    return text if cell.status == StatusWord.OK else f"{text}, {cell.status.hex}"


def test_the_manual_is_printed_from_the_table() -> None:
    assert MANUAL.read_text(encoding="utf-8").endswith("\n\n" + as_markdown()), (
        f"the table has changed: put this behind the head of docs/lifecycle.md\n\n{as_markdown()}"
    )
