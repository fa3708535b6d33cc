"""A reader in the same process: the fastest way to a card, and what most tests hold."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Self

from jukicard.memory import ImageError, MemoryFailureError, PowerLoss
from jukicard.transport import (
    CardFault,
    CardNotPresent,
    CardPort,
    CardWithoutPower,
    ReaderNotOpen,
)
from jukicard.transport.contactless import Contactless, ContactlessPort
from jukicard.transport.slot import describe


class LocalReader:
    """A reader with one slot; the terminal library takes it for a connection by its structure.

    `open` gives the card power, `close` takes it. After `remove` and `insert` the reader must be
    opened again, as with PC/SC: nobody goes on with a new card, or with one that lost its state,
    by mistake. For one thread at a time.

    A card whose power fails in the middle of a command (PowerLoss) stops without an answer, as it
    does in any reader: CardFault, then CardWithoutPower until `reset` or `open`. An exchange that
    is interrupted (KeyboardInterrupt) closes the reader. What a card raises besides comes through
    unchanged.

    `contactless`: it is a contactless reader, which answers class FF itself (the card's UID); every
    card put in must be a contactless one then, else ValueError.
    """

    def __init__(
        self,
        card: CardPort | None = None,
        *,
        description: str = "local reader",
        contactless: Contactless | None = None,
    ) -> None:
        self._contactless = contactless
        self._card = None if card is None else self._found(card)
        self._ready = False
        self._powered = False
        self.description = description

    def __repr__(self) -> str:
        card = "no card" if self._card is None else "card"
        return f"<LocalReader {self.description!r} {card}, {'open' if self._ready else 'closed'}>"

    def __enter__(self) -> Self:
        if not self._ready:
            self.open()
        return self

    def __exit__(self, *_: object) -> None:
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
        """Give the card power (cold reset, also when it was open).

        CardNotPresent without one, CardFault when its power failed or its memory cannot be read.
        """
        if self._card is None:
            raise CardNotPresent("no card in the reader")
        self.close()
        self._work(self._card.power_on)
        self._ready = self._powered = True

    def close(self) -> None:
        """Take the card's power; nothing happens when the reader is not open."""
        powered, self._ready, self._powered = self._powered, False, False
        if powered and self._card is not None:
            self._card.power_off()

    def transmit(self, command: bytes) -> bytes:
        """Give one command APDU to the card, return its response; CardNotPresent, CardFault."""
        card = self._ready_card()
        if not self._powered:
            raise CardWithoutPower("the card has no power: reset it")
        return self._work(card.transmit, command)

    def reset(self) -> bytes:
        """Reset the card (warm, cold when it lost its power), return the ATR.

        CardNotPresent, CardFault.
        """
        card = self._ready_card()
        atr = self._work(card.reset if self._powered else card.power_on)
        self._powered = True
        return atr

    def insert(self, card: CardPort) -> None:
        """Put a card in; `open` gives it power. RuntimeError when one is in already."""
        if self._card is not None:
            raise RuntimeError("there is a card in the reader already")
        self._card = self._found(card)

    def remove(self) -> CardPort:
        """Take the card out, which takes its power, and return it; CardNotPresent without one."""
        card = self._card
        if card is None:
            raise CardNotPresent("no card in the reader")
        self.close()
        self._card = None
        return card.card if isinstance(card, ContactlessPort) and self._contactless else card

    def _found(self, card: CardPort) -> CardPort:
        return ContactlessPort(card, self._contactless) if self._contactless else card

    def _ready_card(self) -> CardPort:
        if self._card is None:
            raise CardNotPresent("no card in the reader")
        if not self._ready:
            raise ReaderNotOpen("the card has no power: open first")
        return self._card

    def _work(self, work: Callable[..., bytes], *command: bytes) -> bytes:
        """Have the card work, and take its power where it stops in the middle of that."""
        try:
            return work(*command)
        except (ImageError, MemoryFailureError) as failure:
            self._fail()
            told = f"the card failed: {failure}"
            raise CardFault(f"the card failed: {describe(failure)}", told) from None
        except PowerLoss as loss:
            self._fail()
            raise CardFault(f"the card failed: its power was cut ({describe(loss)})") from None
        except Exception:
            raise
        except BaseException:
            self._fail()
            self._ready = False
            raise

    def _fail(self) -> None:
        """Take the power; a card that fails even here has none all the same."""
        self._powered = False
        if self._card is not None:
            with contextlib.suppress(BaseException):
                self._card.power_off()
