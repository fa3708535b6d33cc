"""The life cycle of card, application, file, key, key pair and PIN: one table decides.

ISO/IEC 7816-4:2020, 7.4.10 names the states, 7816-9:2017 the commands; where they leave the answer
open the table below is this project's choice. docs/lifecycle.md is printed from it.
"""

from __future__ import annotations

from enum import Enum
from itertools import product
from types import MappingProxyType
from typing import Final, NamedTuple

from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.filesystem.lifecycle import LifeCycleState


class ObjectKind(Enum):
    """What has a life cycle."""

    CARD = "card"
    APPLICATION = "application"
    FILE = "file"
    KEY = "key"
    KEY_PAIR = "key pair"
    PIN = "PIN"


class Operation(Enum):
    """What one may try on it. `USE` is everything that is not one of the others."""

    SELECT = "select"
    READ_STATE = "read state"
    USE = "use"
    ACTIVATE = "activate"
    DEACTIVATE = "deactivate"
    TERMINATE = "terminate"


class Outcome(NamedTuple):
    """What an operation gets: `status`, and the state after it when it was allowed.

    A warning (6283, 6285) is allowed, an error is not.
    """

    status: StatusWord
    state: LifeCycleState | None = None

    @property
    def allowed(self) -> bool:
        """True when the operation is carried out."""
        return not self.status.is_error


_S: Final = LifeCycleState
STATES: Final = (_S.INITIALISATION, _S.ACTIVATED, _S.DEACTIVATED, _S.TERMINATED)
"""The states an object of an issued card can be in; initialisation: never personalised."""

_OK: Final = StatusWord.OK
_NOT_NOW: Final = StatusWord.CONDITIONS_NOT_SATISFIED
_NOT_USABLE: Final = StatusWord.REFERENCE_DATA_NOT_USABLE
_HOLD_A_VALUE: Final = (ObjectKind.KEY, ObjectKind.KEY_PAIR, ObjectKind.PIN)


def _use(kind: ObjectKind, state: LifeCycleState) -> Outcome:
    if state is _S.ACTIVATED:
        return Outcome(_OK, state)
    if kind is ObjectKind.KEY and state is _S.INITIALISATION:
        return Outcome(StatusWord.REFERENCED_DATA_NOT_FOUND)  # it is not there yet
    if kind in _HOLD_A_VALUE:
        return Outcome(_NOT_USABLE)
    return Outcome(_NOT_NOW)


def _select(state: LifeCycleState) -> Outcome:
    # ISO/IEC 7816-4:2020, 11.2.2: the file is selected all the same, with a warning
    if state is _S.DEACTIVATED:
        return Outcome(StatusWord.SELECTED_FILE_DEACTIVATED, state)
    if state is _S.TERMINATED:
        return Outcome(StatusWord.SELECTED_FILE_TERMINATED, state)
    return Outcome(_OK, state)


def _change(state: LifeCycleState, operation: Operation) -> Outcome:
    # ISO/IEC 7816-9:2017, 6: deactivation can be undone, termination never
    moves = {
        (Operation.ACTIVATE, _S.INITIALISATION): _S.ACTIVATED,
        (Operation.ACTIVATE, _S.DEACTIVATED): _S.ACTIVATED,
        (Operation.ACTIVATE, _S.ACTIVATED): _S.ACTIVATED,
        (Operation.DEACTIVATE, _S.ACTIVATED): _S.DEACTIVATED,
        (Operation.DEACTIVATE, _S.DEACTIVATED): _S.DEACTIVATED,
        (Operation.TERMINATE, _S.INITIALISATION): _S.TERMINATED,
        (Operation.TERMINATE, _S.ACTIVATED): _S.TERMINATED,
        (Operation.TERMINATE, _S.DEACTIVATED): _S.TERMINATED,
    }
    target = moves.get((operation, state))
    return Outcome(_NOT_NOW) if target is None else Outcome(_OK, target)


def _cell(kind: ObjectKind, state: LifeCycleState, operation: Operation) -> Outcome:
    if operation is Operation.READ_STATE:
        return Outcome(_OK, state)
    if operation is Operation.SELECT:
        return _select(state)
    if operation is Operation.USE:
        return _use(kind, state)
    if operation is Operation.ACTIVATE and state is _S.INITIALISATION and kind in _HOLD_A_VALUE:
        return Outcome(_NOT_USABLE)  # there is no value to make usable
    if (kind, state, operation) == (ObjectKind.CARD, _S.DEACTIVATED, Operation.DEACTIVATE):
        return Outcome(_NOT_NOW)  # a suspended card listens to who resumes or ends it only
    return _change(state, operation)


TABLE: Final = MappingProxyType(
    {cell: _cell(*cell) for cell in product(ObjectKind, STATES, Operation)}
)
"""Every cell: (kind, state, operation) and its outcome."""


def outcome(kind: ObjectKind, state: LifeCycleState, operation: Operation) -> Outcome:
    """Return the cell; states of creation count as initialisation."""
    if state is _S.CREATION:
        state = _S.INITIALISATION
    return TABLE[kind, state, operation]


def check(
    kind: ObjectKind, state: LifeCycleState, operation: Operation, what: str
) -> LifeCycleState:
    """Return the state after an operation; IsoError with the cell's status when refused."""
    cell = outcome(kind, state, operation)
    if not cell.allowed or cell.state is None:
        raise IsoError(
            cell.status, f"{operation.value} of {kind.value} {what}: it is {state.name.lower()}"
        )
    return cell.state
