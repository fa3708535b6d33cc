"""What operators may do, as data: the rights of each role. The manual prints it from here."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class Right(Enum):
    """What an operator may be asked for."""

    COUNTER = "counter"
    """To do residents' procedures."""
    DECIDE = "decide"
    """To decide where a procedure stops for a supervisor: an address under restriction, say."""
    STOP = "stop"
    """To turn the emergency stop, with a second operator."""
    OPERATORS = "operators"
    """To enter and dismiss operators, and to lend, inspect and revoke their cards."""
    READ_LOG = "read_log"
    EXPORT = "export"
    """To write identity information to a place of one's own choosing: no role has it."""


class Role(Enum):
    """What an operator works as."""

    CLERK = "clerk"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


RIGHTS: Final[Mapping[Role, frozenset[Right]]] = {
    Role.CLERK: frozenset({Right.COUNTER}),
    Role.SUPERVISOR: frozenset({Right.COUNTER, Right.DECIDE, Right.STOP}),
    Role.ADMINISTRATOR: frozenset({Right.OPERATORS, Right.STOP}),
    Role.AUDITOR: frozenset({Right.READ_LOG}),
}
"""The rights of each role. `EXPORT` is given to one operator by name, or to nobody."""
