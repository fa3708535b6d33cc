"""Asks an operator's right before something leaves a database, and logs what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import Connection

from jukihost.database import Database, DatabaseError
from jukihost.ledger import (
    By,
    OperatorRefused,
    Right,
    Stopped,
    any_operators,
    check_right,
)
from jukihost.log import LogError, Outcome, PseudonymKey, append_use
from jukihost.models import ResidentCode


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for what: a right, and how the log calls it.

    body: on whose behalf. key, resident: of whom it tells, and the key of the pseudonyms for it.
    """

    by: By
    right: Right
    purpose: str
    body: str = ""
    key: PseudonymKey | None = None
    resident: ResidentCode | None = None

    def check(self, connection: Connection) -> None:
        """Check that the operator may now, where there are any operators. OperatorRefused."""
        if any_operators(connection):
            check_right(connection, self.by.operator, self.right, self.by.at)

    def enter(self, connection: Connection, outcome: Outcome, reason: str = "") -> None:
        """Queue the entry of the log in this transaction."""
        append_use(
            connection,
            self.key,
            at=self.by.at,
            operator=self.by.operator,
            terminal=self.by.terminal,
            body=self.body,
            purpose=self.purpose,
            outcome=outcome,
            reason=reason,
            resident=self.resident,
        )


@contextmanager
def logged(database: Database, asked: Asked) -> Iterator[None]:
    """Log a refusal or a failure of what is done within, which logs itself when it is done."""
    try:
        yield
    except (OperatorRefused, Stopped) as refused:
        _enter(database, asked, Outcome.REFUSED, str(refused))
        raise
    except BaseException as error:
        _enter(database, asked, Outcome.FAILED, type(error).__name__)
        raise


def _enter(database: Database, asked: Asked, outcome: Outcome, reason: str) -> None:
    with suppress(DatabaseError, LogError), database.begin() as connection:  # the cause says more
        asked.enter(connection, outcome, reason)
