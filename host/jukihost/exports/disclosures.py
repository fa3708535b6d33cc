"""A resident's disclosure, made by an operator who may read the log, and logged."""

from __future__ import annotations

from jukihost.database import Database
from jukihost.exports.asking import Asked, logged
from jukihost.ledger import By, Right, running
from jukihost.log import DISCLOSURE, Disclosure, PseudonymKey, disclose_stored
from jukihost.models import ResidentCode


def read_disclosure(
    database: Database, key: PseudonymKey, code: ResidentCode, *, operator: str, body: str
) -> Disclosure:
    """Make a resident's disclosure (`disclose_stored`), for an operator with the right `READ_LOG`.

    body: on whose behalf. A refusal is an entry of the resident's own too. OperatorRefused,
    WordsRefused, Stopped, NotPublished, NoLog, DatabaseError.
    """
    by = By.at_terminal(database, operator)
    asked = Asked(by, Right.READ_LOG, DISCLOSURE, body, key, code)
    with logged(database, asked), running(database) as connection:
        asked.check(connection)
        return disclose_stored(
            connection,
            key,
            code,
            at=by.at,
            operator=operator,
            terminal=by.terminal,
            body=body,
        )
