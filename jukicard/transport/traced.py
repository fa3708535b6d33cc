"""A card whose exchanges are watched: stands between a reader and the card and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jukicard.apdu.trace.redaction import observed
from jukicard.transport import CardPort

if TYPE_CHECKING:
    from jukicard.apdu.trace import TraceObserver


class TracedCard:
    """Fits CardPort; tells `observer` of every reset, command and answer.

    What is shown of them, and that secrets are not, is the observer's matter: see
    `jukicard.apdu.trace.Trace`. Of what was typed on a reader's pad it gets zeros as data.
    """

    def __init__(self, card: CardPort, observer: TraceObserver) -> None:
        self.card = card
        self.observer = observer

    def __repr__(self) -> str:
        return f"<TracedCard {self.card!r}>"

    @property
    def atr(self) -> bytes:
        """The card's ATR; asking for it is no reset and is not told."""
        return self.card.atr

    def power_on(self) -> bytes:
        """Give power; tell of the reset."""
        atr = self.card.power_on()
        self.observer.reset(atr)
        return atr

    def reset(self) -> bytes:
        """Reset; tell of it."""
        atr = self.card.reset()
        self.observer.reset(atr)
        return atr

    def power_off(self) -> None:
        """Take the power; nothing is told."""
        self.card.power_off()

    def transmit(self, command: bytes, /) -> bytes:
        """Give a command; tell of it before, and of the answer when there is one."""
        self.observer.command(observed(command))
        answer = self.card.transmit(command)
        self.observer.response(observed(command, answer))
        return answer
