"""What the log is for: a resident is told who used their data; old uses end; backups, and only so.

A backup is the only thing that a procedure writes to a place of an operator's choosing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from jukihost.database import backup_database
from jukihost.log import Disclosure, Pruned, make_disclosure, prune_log
from jukihost.log.entries import YEARS
from jukihost.workflows.office import Desk
from jukihost.workflows.presenting import Presented, check_who_came
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task


@dataclass(frozen=True, slots=True)
class UsesDisclosed:
    """A resident's disclosure, which proves itself (`Disclosure.check`); for them alone."""

    resident: int
    disclosure: Disclosure = field(repr=False)


@dataclass(frozen=True, slots=True)
class BackupMade:
    """A backup, and how many rows are in it."""

    file: Path
    rows: int


def disclose_uses(desk: Desk, holder: int, presented: Presented) -> UsesDisclosed:
    """Tell a resident every use of their data that the log has, up to its latest checkpoint.

    holder: the number of the record. That it was told is a use itself, in the log and in the next
    disclosure. NotPublished, NoLog, UnknownResident, Impossible.
    """
    with Procedure(desk, Task.DISCLOSE) as run:
        run.about(holder=holder)
        known = check_who_came(run, holder, presented)
        with run.finish() as connection:
            made = make_disclosure(connection, desk.office.pseudonyms, known.code)
    return UsesDisclosed(holder, made)


def end_old_uses(desk: Desk, *, years: int = YEARS, compact: bool = True) -> Pruned | None:
    """Remove the uses from the log whose term is over; return what it says of it, None for nothing.

    See `prune_log` for `years` and `compact`. TooEarly, NoLog.
    """
    with Procedure(desk, Task.RETENTION) as run:
        made = prune_log(desk.database, years=years, compact=compact)
        run.remark(f"{0 if made is None else made.count} uses")
        with run.finish():
            return made


def make_backup(desk: Desk, file: Path) -> BackupMade:
    """Copy the whole database into a new file, for who has the right `EXPORT`: no role has it.

    The entry in the log lands before the file is whole, and no file is left where it does not.
    See `backup_database`. AddressError.
    """
    with Procedure(desk, Task.EXPORT) as run:

        def enter() -> None:
            with run.finish():
                pass

        return BackupMade(file, backup_database(desk.database, file, before=enter))
