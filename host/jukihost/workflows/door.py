"""Procedures of who is not on duty yet, or not any more: first it is proven who that is."""

from __future__ import annotations

from sqlalchemy import Connection

from jukihost.ledger import (
    By,
    Operator,
    OperatorRefused,
    Right,
    check_hours,
    find_lent,
    find_operator,
)
from jukihost.ledger.words import check_words
from jukihost.workflows.errors import NotOnDuty
from jukihost.workflows.office import Desk
from jukihost.workflows.procedure import NOBODY, Procedure
from jukihost.workflows.tasks import Task


class AtTheDoor(Procedure):
    """A procedure of somebody who logs in, out, or changes their password.

    It asks for nobody's right. Who it is about is in the log from when they are `named`.
    """

    def __init__(self, desk: Desk, task: Task, who: str | None = None) -> None:
        super().__init__(desk, task)
        self._operator = who or NOBODY

    @property
    def by(self) -> By:
        """Who does it, as of now. NotOnDuty before it is known."""
        if self._operator == NOBODY:
            raise NotOnDuty("nobody has logged in at this terminal")
        return super().by

    def named(self, operator: str, card: bytes | None) -> None:
        """Take down who it says it is, and refuse who is not let in. OperatorRefused, Stopped.

        operator: their identifier. card: the number of their card, None for another way to log in.
        A method to log in calls it before a password is typed.
        """
        check_words("operator's identifier", operator)
        self._operator = operator
        if card is not None:
            self.about(card=card)
        with self.desk.database.read() as connection:
            self.admitted(connection, operator, card)

    def admitted(self, connection: Connection, operator: str, card: bytes | None) -> Operator:
        """Return an operator who is let in now. OperatorRefused, Stopped.

        Who may turn the emergency stop is let in at any hour, and while it is on; everything else
        asks the hours again.
        """
        found = find_operator(connection, operator)
        if card is not None and find_lent(connection, card).identifier != operator:
            raise OperatorRefused(
                "this operator card was lent to another operator than it names; keep it"
            )
        self.concerns(connection, found)
        if Right.STOP not in found.rights:
            check_hours(found, self.by.at)
        return found

    def _begin(self, connection: Connection) -> None:
        """Ask nothing yet: nobody is known."""
