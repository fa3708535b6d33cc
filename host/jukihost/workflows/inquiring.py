"""An inquiry letter to a holder's address (照会書), whose answer is brought to the counter."""

from __future__ import annotations

from jukihost.register import Inquiry, Provided, send_inquiry, show_resident
from jukihost.workflows.errors import Impossible
from jukihost.workflows.office import Desk
from jukihost.workflows.presenting import asking_here
from jukihost.workflows.procedure import Procedure
from jukihost.workflows.rules import Paper, PresentedBy, rule_for
from jukihost.workflows.tasks import Task


def inquire(desk: Desk, holder: int, task: Task) -> Inquiry:
    """Send an inquiry letter to a holder's address, for who has no document with a photo.

    task: what its answer is for. Impossible where this town's rules take none for it, or an address
    is under restriction and no supervisor decides.
    """
    with Procedure(desk, Task.INQUIRE) as run:
        run.about(holder=holder)
        run.remark(task.value)
        _check_serves(run, task)
        shown_record(run, holder)
        with run.finish() as connection:
            return send_inquiry(connection, holder, task.value, run.by)


def _check_serves(run: Procedure, task: Task) -> None:
    """Check that this town's rules take the answer to a letter for a procedure. Impossible."""
    rules = [rule_for(task, by, run.desk.office.rules) for by in PresentedBy]
    if not any(Paper.ANSWER in papers for rule in rules for papers in rule.papers):
        raise Impossible("the rules of this town take no answer to a letter for this procedure")


def shown_record(run: Procedure, holder: int) -> Provided:
    """Return what is known of a resident, the address too; a supervisor decides on restrictions."""
    asking = asking_here(run)
    with run.desk.database.read() as connection:
        return show_resident(connection, holder, asking)
