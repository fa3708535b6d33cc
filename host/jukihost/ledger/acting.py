"""Who does something, at which terminal, and when: what every change of the ledger is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from jukihost.database import Database
from jukihost.ledger.words import check_words


@dataclass(frozen=True, slots=True)
class By:
    """An operator at a terminal, at a moment of the terminal's clock. WordsRefused."""

    operator: str
    terminal: str
    at: datetime

    def __post_init__(self) -> None:
        check_words("operator", self.operator)
        check_words("terminal", self.terminal)

    @classmethod
    def at_terminal(cls, database: Database, operator: str) -> Self:
        """Return an operator at the terminal whose database this is, now. ClockRanBackwards."""
        return cls(operator, database.terminal, database.clock.now())
