"""What every procedure is wrapped in: who may do it, and one entry in the log whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date
from types import TracebackType
from typing import Final, Self

from sqlalchemy import Connection

from jukihost.database import DatabaseError, day_in_japan
from jukihost.errors import CardError, TransportError
from jukihost.ledger import (
    By,
    Intent,
    Operator,
    OperatorRefused,
    Right,
    check_right,
    check_running,
    find_lent,
    untold_certificates,
)
from jukihost.log import Outcome, append_derivations, append_use
from jukihost.models import ResidentCode
from jukihost.register import answer_inquiry, code_of_record
from jukihost.workflows.certificates import tell_authority
from jukihost.workflows.duty import Duty
from jukihost.workflows.errors import NotApproved, code_of
from jukihost.workflows.office import Desk
from jukihost.workflows.tasks import DESPITE_STOP, RIGHT_FOR, Task

NOBODY: Final = "nobody"
"""Who is named in the log where nobody was on duty."""


class Procedure:
    """A procedure under way, in a `with` block::

        with Procedure(desk, Task.SUSPEND) as run:
            run.about(holder=card.holder, card=card.number)
            with run.finish() as connection:
                move_card(connection, card, PersonAct.SUSPEND, Reason.MISSING, run.by)

    At its beginning the operator's right, hours and log-in are checked, and the emergency stop.
    `finish` gives its last transaction, in which the entry of the log lands too. Whatever leaves
    the block before is an entry of its own: refused, failed, or unknown where an intent is open.
    """

    def __init__(self, desk: Desk, task: Task) -> None:
        self.desk, self.task = desk, task
        self.intent: Intent | None = None
        self.undecided = False
        """Whether what was begun is open elsewhere: in another town, or on an operator card."""
        self.answered: tuple[int, int] | None = None
        """The inquiry letter whose answer was brought and is not used up yet, and whose it is."""
        self._card: bytes | None = None
        self._resident: ResidentCode | None = None
        self._remark = ""
        self._noted = False
        self._operator = desk.duty.operator if desk.duty else NOBODY

    @property
    def by(self) -> By:
        """Who does it, as of now; what has begun is finished though their hours end meanwhile."""
        return By.at_terminal(self.desk.database, self._operator)

    @property
    def day(self) -> date:
        """The day that it is in Japan."""
        return day_in_japan(self.by.at)

    def about(
        self,
        *,
        card: bytes | None = None,
        holder: int | None = None,
        resident: ResidentCode | None = None,
    ) -> None:
        """Say whom and what the entry of the log is about, as soon as it is known.

        card: its number. holder: a record's number, or `resident` the code itself.
        """
        if card is not None:
            self._card = card
        if holder is not None:
            with self.desk.database.read() as connection:
                resident = code_of_record(connection, holder)
        if resident is not None:
            self._resident = resident

    def remark(self, text: str) -> None:
        """Say in a word or two what the entry should tell beside its outcome; no personal data.

        What was said before is kept, once.
        """
        said = self._remark.split("; ") if self._remark else []
        self._remark = "; ".join(dict.fromkeys([*said, text]))

    def approved(self) -> str:
        """Return the supervisor who decided, another person than who is on duty. NotApproved."""
        decided = self.desk.supervisor
        by = self.by
        if decided is None or decided.operator == by.operator:
            raise NotApproved(
                "a supervisor has to decide this: let another operator with that right log in here"
            )
        decided.used(by.at)
        with self.desk.database.read() as connection:
            check_right(connection, decided.operator, Right.DECIDE, by.at)
            check_card(connection, decided)
        self.remark(f"decided by {decided.operator}")
        return decided.operator

    @contextmanager
    def step(self) -> Iterator[Connection]:
        """Give a transaction that writes and is not the last; not while everything is stopped."""
        with self.desk.database.begin() as connection:
            if self.task not in DESPITE_STOP:
                check_running(connection)
            yield connection

    @contextmanager
    def finish(self) -> Iterator[Connection]:
        """Give the last transaction; the procedure is done, and in the log, when it has landed.

        What follows for certificates is told to the authority then, or later where it is away.
        """
        if self._noted:
            raise RuntimeError("a procedure is finished once")
        with self._logged(Outcome.DONE) as connection:
            if self.task not in DESPITE_STOP:
                check_running(connection)
            self._use_answer(connection)
            yield connection
            left = untold_certificates(connection)
        self._noted, self.intent = True, None
        if left and self.desk.office.authority is not None:
            with suppress(CardError):  # what is not told now is told later
                tell_authority(self.desk.office)

    @contextmanager
    def opening(self) -> Iterator[Connection]:
        """Give the transaction after which a card is touched: for its intent.

        The answer to an inquiry letter is used up in it, so that nothing is refused behind that.
        InquiryRefused.
        """
        with self.step() as connection:
            self._use_answer(connection)
            yield connection
        self.answered = None

    def _use_answer(self, connection: Connection) -> None:
        if self.answered is not None:
            number, holder = self.answered
            answer_inquiry(connection, number, holder, self.task.value, self.by)

    def concerns(self, connection: Connection, operator: Operator) -> None:
        """Check that nothing is stopped, unless the operator it is done for may lift that. Stopped.

        For what is `ABOUT_OPERATORS`, in its last transaction.
        """
        if Right.STOP not in operator.rights:
            check_running(connection)

    def _begin(self, connection: Connection) -> None:
        """Check that nothing is stopped, and that who is on duty may do this now."""
        if self.task not in DESPITE_STOP:
            check_running(connection)
        by = self.desk.by()
        self._operator = by.operator
        check_right(connection, by.operator, RIGHT_FOR[self.task], by.at)
        if self.desk.duty is not None:
            check_card(connection, self.desk.duty)

    def admit(self) -> None:
        """Check whether it may begin; a refusal is an entry of the log. What entering it does."""
        with self.noting(), self.desk.database.read() as connection:
            self._begin(connection)

    @contextmanager
    def noting(self, *, but: type[CardError] | None = None) -> Iterator[None]:
        """Note what is raised in the block, `but` apart, as an entry of the log.

        For what comes before a procedure, or ends with nothing to do and no entry.
        """
        try:
            yield
        except BaseException as error:
            if but is None or not isinstance(error, but):
                self._note(error)
            raise

    def __enter__(self) -> Self:
        self.admit()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None and not self._noted:
            error = RuntimeError("a procedure ended without `finish`")
            self._note(error)
            raise error
        if error is not None and not self._noted:
            self._note(error)

    def _note(self, error: BaseException) -> None:
        """Write the entry of what did not come to its end; the error is raised all the same."""
        said = "; ".join(one for one in (code_of(error), self._remark) if one)
        try:
            with self._logged(self._outcome(error), said):
                pass
        except CardError as unwritten:
            error.add_note(f"it could not be noted in the log: {unwritten}")
        else:
            self._noted = True

    def _outcome(self, error: BaseException) -> Outcome:
        if self.intent is not None or self.undecided:
            return Outcome.UNKNOWN
        failed = isinstance(error, TransportError | DatabaseError) or not isinstance(
            error, CardError
        )
        return Outcome.FAILED if failed else Outcome.REFUSED

    @contextmanager
    def _logged(self, outcome: Outcome, reason: str | None = None) -> Iterator[Connection]:
        office = self.desk.office
        at = office.database.clock.now()
        with office.custody.taken() as counts, office.database.begin() as connection:
            yield connection
            append_derivations(connection, counts, at=at, terminal=office.database.terminal)
            append_use(
                connection,
                office.pseudonyms,
                at=at,
                operator=self._operator,
                terminal=office.database.terminal,
                body="",
                purpose=self.task.value,
                outcome=outcome,
                reason=self._remark if reason is None else reason,
                card=self._card,
                resident=self._resident,
            )


def check_card(connection: Connection, duty: Duty) -> None:
    """Check that the card of a log-in is still lent to who logged in with it. OperatorRefused."""
    if duty.card is not None and find_lent(connection, duty.card).identifier != duty.operator:
        raise OperatorRefused("the card of this log-in was lent to another operator since")
