"""What the views share: the card behind the protocol, its power, and how long it thinks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from jukicard.transport import CardNotPresent, CardPort

WaitPolicy = Callable[[bytes], int]
"""Says for a command APDU how often the card asks for more time before it answers.

It is given the bytes of the command, so that it may be slow for a signature only; it must not keep
them. Zero or less is no request.
"""

MAX_COMMAND_BYTES = 4 + 3 + 65_535 + 2
"""The longest command APDU there is: case 4E (ISO/IEC 7816-3:2006, 12.1.3)."""


def never(command: bytes, /) -> int:
    """Return 0: the card is fast enough for every command."""
    return 0


class PoweredCard:
    """A card, whether it has power, and whether it has stopped.

    A card that raises has stopped: what it raised goes on to the caller once, and after that it
    answers nothing until it is reset, as a chip that hangs.
    """

    __slots__ = ("_port", "_powered", "_stopped")

    def __init__(self, port: CardPort) -> None:
        self._port = port
        self._powered = False
        self._stopped = False

    @property
    def atr(self) -> bytes:
        """The answer to reset; needs no power."""
        return self._port.atr

    @property
    def answers(self) -> bool:
        """False when the card has stopped; CardNotPresent when it has no power at all."""
        if not self._powered:
            raise CardNotPresent("the card has no power: call power_on() first")
        return not self._stopped

    def power_on(self) -> bytes:
        """Cold reset, also of a card that had power; return the ATR."""
        self.power_off()
        atr = self._port.power_on()
        self._powered, self._stopped = True, False
        return atr

    def reset(self) -> bytes:
        """Warm reset; return the ATR. CardNotPresent without power."""
        alive = self.answers
        atr = self._port.reset() if alive else self.power_on()
        self._stopped = False
        return atr

    def power_off(self) -> None:
        """Take the power; nothing happens when there is none."""
        if self._powered:
            self._powered = False
            self._port.power_off()

    def transmit(self, command: bytes) -> bytes:
        """Let the card execute a command; whatever it raises stops it and goes on."""
        self._stopped = True
        answer = self._port.transmit(command)
        self._stopped = False
        return answer


class ContactView(ABC):
    """A card that a reader resets, and whose protocol begins anew with that.

    A `PoweredCard` is shared with whoever gives it: two views of one card then have one power.
    """

    def __init__(self, card: CardPort) -> None:
        self._card = card if isinstance(card, PoweredCard) else PoweredCard(card)
        self.start()

    @property
    def atr(self) -> bytes:
        """The answer to reset; needs no power."""
        return self._card.atr

    def power_on(self) -> bytes:
        """Cold reset; return the ATR. The protocol begins anew."""
        self.start()
        return self._card.power_on()

    def reset(self) -> bytes:
        """Warm reset; return the ATR. The protocol begins anew. CardNotPresent without power."""
        self.start()
        return self._card.reset()

    def power_off(self) -> None:
        """Take the power; nothing happens when there is none."""
        self.start()
        self._card.power_off()

    @abstractmethod
    def start(self) -> None:
        """Set everything to what it is after an answer to reset."""
