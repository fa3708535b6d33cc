"""A reader in the same process: the fastest way to a card, and what most tests hold."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from jukicard.transport import CardNotPresent, CardPort


class LocalReader:
    """A reader with one slot; the terminal library takes it for a connection by its structure.

    `open` gives the card power, `close` takes it. After `remove` and `insert` the reader must be
    opened again, as with PC/SC: nobody goes on with a new card, or with one that lost its state,
    by mistake. What the card raises comes through unchanged. For one thread at a time.
    """

    def __init__(self, card: CardPort | None = None, *, description: str = "local reader") -> None:
        self._card = card
        self._ready = False
        self.description = description

    def __repr__(self) -> str:
        card = "no card" if self._card is None else "card"
        return f"<LocalReader {self.description!r} {card}, {'open' if self._ready else 'closed'}>"

    def __enter__(self) -> Self:
        if not self._ready:
            self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def occupied(self) -> bool:
        """Whether a card is in the reader."""
        return self._card is not None

    @property
    def atr(self) -> bytes:
        """The card's ATR; CardNotPresent unless the reader is open with its card in."""
        return self._ready_card().atr

    def open(self) -> None:
        """Give the card power (cold reset, also when it was open); CardNotPresent without one."""
        if self._card is None:
            raise CardNotPresent("no card in the reader")
        self.close()
        self._card.power_on()
        self._ready = True

    def close(self) -> None:
        """Take the card's power; nothing happens when the reader is not open."""
        if self._ready and self._card is not None:
            self._ready = False
            self._card.power_off()

    def transmit(self, command: bytes) -> bytes:
        """Give one command APDU to the card, return its response; CardNotPresent."""
        return self._ready_card().transmit(command)

    def reset(self) -> bytes:
        """Reset the card (warm reset), return the ATR; CardNotPresent."""
        return self._ready_card().reset()

    def insert(self, card: CardPort) -> None:
        """Put a card in; `open` gives it power. RuntimeError when one is in already."""
        if self._card is not None:
            raise RuntimeError("there is a card in the reader already")
        self._card = card

    def remove(self) -> CardPort:
        """Take the card out, which takes its power, and return it; CardNotPresent without one."""
        card = self._card
        if card is None:
            raise CardNotPresent("no card in the reader")
        self.close()
        self._card = None
        return card

    def _ready_card(self) -> CardPort:
        if self._ready and self._card is not None:
            return self._card
        raise CardNotPresent(
            "no card in the reader" if self._card is None else "the card has no power: open first"
        )
