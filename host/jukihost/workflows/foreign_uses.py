"""What other bodies ask of a register is kept in the log of the body that was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from jukihost.log import Outcome, PseudonymKey, append_use
from jukihost.log.entries import LONGEST_TEXT
from jukihost.register import Used


def noting(pseudonyms: Mapping[str, PseudonymKey]) -> Callable[[Connection, Used], None]:
    """Return the `note` of `LocalRegisters`: one entry in the log of who was asked, for each use.

    pseudonyms: the log's key of each town by its five-digit code, the prefecture's under "".
    """

    def note(connection: Connection, used: Used) -> None:
        by, asking = used.asking.by, used.asking
        append_use(
            connection,
            pseudonyms[used.town],
            at=by.at,
            operator=by.operator,
            terminal=by.terminal,
            body=f"{asking.body.value} {asking.town}".strip(),
            purpose=f"{used.what}, {asking.use.value}",
            outcome=Outcome.DONE if used.done else Outcome.REFUSED,
            reason=used.why[:LONGEST_TEXT],
            card=used.card,
            resident=used.code,
        )

    return note
