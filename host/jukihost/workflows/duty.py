"""Who has logged in at a terminal, and for how long that is good."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from jukihost.workflows.errors import NotOnDuty

IDLE: Final = timedelta(minutes=15)
"""How long a terminal may be left alone before its operator has to log in again."""
LONGEST: Final = timedelta(hours=12)
"""How long a log-in lasts at most, however busy it is."""


class Duty:
    """An operator who has logged in, until they log out, or leave the terminal alone too long.

    Whether they may work at this hour, and still have the right, is asked of the ledger at the
    beginning of each procedure; this only knows when the terminal was used last.
    """

    def __init__(
        self,
        operator: str,
        since: datetime,
        *,
        card: bytes | None = None,
        stays: bool = False,
        idle: timedelta = IDLE,
    ) -> None:
        """Begin.

        card: the number of the operator card, None for another way to log in. stays: whether it
        stays in a reader while its operator is on duty (see `card_gone`).
        """
        self.operator, self.since, self.card, self.stays = operator, since, card, stays
        self._idle, self._used, self._over = idle, since, False
        self.locked = False
        """Whether the terminal is locked, until somebody logs in."""

    def used(self, at: datetime) -> None:
        """Note that the terminal is used. NotOnDuty, from then on for good."""
        if self.locked:
            raise NotOnDuty("the terminal is locked; log in again to go on")
        if not self._over and (at - self._used > self._idle or at - self.since > LONGEST):
            self._over = True
        if self._over:
            raise NotOnDuty(
                "nobody is logged in at this terminal any more; log in with operator card and "
                "password"
            )
        self._used = at

    def lock(self) -> None:
        """Lock the terminal: its operator, or another one, logs in before anything goes on."""
        self.locked = True

    def end(self) -> None:
        """Log out."""
        self._over = True

    def __repr__(self) -> str:
        return f"<Duty of {self.operator}>"
