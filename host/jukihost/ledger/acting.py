"""Who does something, at which terminal, and when: what every change of the ledger is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from jukihost.database import Database


@dataclass(frozen=True, slots=True)
class By:
    """An operator at a terminal, at a moment of the terminal's clock."""

    operator: str
    terminal: str
    at: datetime

    @classmethod
    def at_terminal(cls, database: Database, operator: str) -> Self:
        """Return an operator at the terminal whose database this is, now. ClockRanBackwards."""
        return cls(operator, database.terminal, database.clock.now())
