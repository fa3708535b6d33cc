"""Who is told of every card that a test gets and of every hazard that comes."""

from __future__ import annotations

from typing import Final, Protocol

from jukicard.runtime.card import Card
from jukicard.testing.hazards import Hazard


class Watcher(Protocol):
    """Is told of what tests use."""

    def has_card(self, card: Card, state: str) -> None:
        """A test has been given a card in this state."""

    def has_hazard(self, hazard: Hazard) -> None:
        """A hazard has come."""


WATCHERS: Final[list[Watcher]] = []
"""Who is told in this process; nobody unless coverage is asked for."""
