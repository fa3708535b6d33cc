"""A card behind one of the views of `jukicard.transport.tpdu`, for whoever takes a card."""

from __future__ import annotations

from collections.abc import Callable

from jukicard import Card

Exchange = Callable[[bytes], bytes]
"""A command APDU in, its answer out: a reader's end that somebody has opened."""


class Through:
    """Fits CardPort: a card behind one of the views and a reader's end."""

    def __init__(self, card: Card, open_view: Callable[[Card], Exchange]) -> None:
        self.card = card
        self._open_view = open_view
        self._exchange: Exchange | None = None

    @property
    def atr(self) -> bytes:
        return self.card.atr

    def power_on(self) -> bytes:
        self._exchange = self._open_view(self.card)
        return self.card.atr

    def reset(self) -> bytes:
        return self.power_on()

    def power_off(self) -> None:
        self.card.power_off()

    def transmit(self, command: bytes, /) -> bytes:
        assert self._exchange is not None
        return self._exchange(command)
