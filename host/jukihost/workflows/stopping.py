"""The emergency stop: two operators at one desk stop every procedure of every terminal, or lift."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from jukihost.ledger import By, lift_stop, stop, turns
from jukihost.workflows.errors import NotApproved
from jukihost.workflows.office import Desk
from jukihost.workflows.procedure import Procedure, check_card
from jukihost.workflows.tasks import Task

_Turn = Callable[[Connection, By, str, str], None]


@dataclass(frozen=True, slots=True)
class SwitchTurned:
    """The switch as it then is, when it was turned, and by which two."""

    running: bool
    at: datetime
    first: str
    second: str


def stop_everything(desk: Desk, why: str) -> SwitchTurned:
    """Stop every procedure at every terminal of this ledger, at once.

    It needs who is on duty and a second operator beside them (`call_second`), both with the right
    `STOP`, at any hour. why: is kept with the turn. NotApproved, ChangedMeanwhile (it is stopped
    already), OperatorRefused, WordsRefused.
    """
    return _turned(desk, Task.STOP, stop, why)


def lift_everything(desk: Desk, why: str) -> SwitchTurned:
    """Let procedures go on; as `stop_everything`. ChangedMeanwhile where nothing is stopped."""
    return _turned(desk, Task.LIFT_STOP, lift_stop, why)


def _turned(desk: Desk, task: Task, turn: _Turn, why: str) -> SwitchTurned:
    with Procedure(desk, task) as run:
        second = second_at(desk)
        run.remark(f"with {second}")
        with run.finish() as connection:
            turn(connection, run.by, second, why)
            last = turns(connection)[-1]
    desk.supervisor = None
    return SwitchTurned(last.running, last.at, last.first, last.second)


def second_at(desk: Desk) -> str:
    """Return the second operator at a desk, whose log-in is then used.

    NotApproved, NotOnDuty, OperatorRefused.
    """
    second = desk.supervisor
    if second is None:
        raise NotApproved("two operators do this together: let a second one log in here")
    second.used(desk.database.clock.now())
    with desk.database.read() as connection:
        check_card(connection, second)
    return second.operator
