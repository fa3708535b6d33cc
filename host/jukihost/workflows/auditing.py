"""What the log is for: a resident is told who used their data; old uses end; backups, and only so.

A backup is the only thing that a procedure writes to a place of an operator's choosing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from jukihost.database import backup_database
from jukihost.ledger import untold_certificates
from jukihost.log import Disclosed, Disclosure, Policy, Pruned, make_disclosure
from jukihost.log.entries import YEARS
from jukihost.log.retention import clean_removed, first_kept, remove_old
from jukihost.models import ResidentCode
from jukihost.register import end_old_notices
from jukihost.workflows.office import Desk
from jukihost.workflows.presenting import Presented, check_who_came
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.tasks import Task


@dataclass(frozen=True, slots=True)
class UsesDisclosed:
    """A resident's disclosure, which proves itself; for them alone."""

    resident: int
    disclosure: Disclosure = field(repr=False)
    _code: ResidentCode = field(repr=False)

    def check(self, policy: Policy) -> Disclosed:
        """Check all of it, as the resident can; return what it shows. See `Disclosure.check`."""
        return self.disclosure.check(self._code, policy)


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
    return UsesDisclosed(holder, made, known.code)


def tell_of_certificates(desk: Desk) -> int:
    """Tell the certificate authority what it does not know yet; return how much is left.

    Every procedure does it at its end; this is for what was left by one whose authority was away.
    """
    with Procedure(desk, Task.RECOVER) as run:
        run.remark("certificates")
        with run.finish():
            pass
    with desk.database.read() as connection:
        return len(untold_certificates(connection))


def end_old_uses(desk: Desk, *, years: int = YEARS, compact: bool = True) -> Pruned | None:
    """Remove the uses from the log whose term is over; return what it says of it, None for nothing.

    The notices by telephone of the same age go with them, but of cards that are suspended still.
    See `prune_log` for `years` and `compact`. That they went is in the log with it, or nothing
    went; where the file could not be cleaned behind that, it is called again. TooEarly, NoLog.
    """
    with Procedure(desk, Task.RETENTION) as run:
        now = run.by.at
        with run.finish() as connection:
            made = remove_old(connection, now, years)
            calls = end_old_notices(connection, first_kept(now, years))
            run.remark(f"{0 if made is None else made.count} uses")
            if calls:
                run.remark(f"{calls} notices")
    clean_removed(desk.database, compact=compact)
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
