"""The card's outside: who may hold a card (CardPort), what a reader reports, and what goes wrong.

One module per way in: `inprocess` (a reader in the same process), `vpcd` (the virtual reader
driver of pcscd) and `tcp` (this project's own protocol). They frame bytes and know no ISO 7816-4;
they are not imported here, so that a program loads only the one it uses.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import ClassVar, NamedTuple, Protocol


class CardPort(Protocol):
    """What a reader needs of a card; `jukicard.runtime.card.Card` fits by structure."""

    @property
    def atr(self) -> bytes:
        """The Answer-to-Reset, 2 to 33 bytes (ISO/IEC 7816-3:2006, 8.2); needs no power."""
        ...

    def power_on(self) -> bytes:
        """Give power (cold reset) and return the ATR."""
        ...

    def reset(self) -> bytes:
        """Reset a card that has power (warm reset) and return the ATR."""
        ...

    def power_off(self) -> None:
        """Take the power away; nothing happens when there is none."""
        ...

    def transmit(self, command: bytes, /) -> bytes:
        """Give a command APDU to a card that has power; return the response APDU."""
        ...


class CardNotPresent(ConnectionError):
    """There is no card in the reader, or not the one that was given power.

    `fault` says in a word what a terminal takes it for, here and in the classes below: `removed`,
    `mute`, `busy`, `reset`, or `closed` for a reader that is not open.
    """

    fault: ClassVar[str] = "removed"


class CardWithoutPower(CardNotPresent):
    """The card in the reader has no power: it failed, and nobody has reset it since."""

    fault = "mute"


class ReaderNotOpen(CardNotPresent):
    """The reader was not opened, or not again since the card was put in."""

    fault = "closed"


class CardFault(ConnectionError):
    """The card stopped without an answer: it raised, or its power failed.

    The text names the kind of exception and where it came from, never its text: that may hold
    what the command held. `told` is what the operator reads: the same, or, where the card's file
    failed, the sentence about the file, which whoever is connected has no business to see.
    """

    fault: ClassVar[str] = "mute"
    told: str

    def __init__(self, text: str = "the card failed", told: str = "") -> None:
        super().__init__(text)
        self.told = told or text


class CardInUse(CardFault):
    """Another program holds the card for itself; nothing reached it."""

    fault = "busy"


class CardWasReset(CardFault):
    """Another program has reset the card; nothing reaches it until it is reset or opened again."""

    fault = "reset"


class SlotState(Enum):
    """What a slot that serves a card to a reader has to tell."""

    WAITING = "waiting"
    """No reader answers yet; the slot keeps trying. Told once, not at every attempt."""
    CONNECTED = "connected"
    """A reader is there and can use the card."""
    LOST = "lost"
    """The reader is gone; the card has no power; the slot tries again."""
    INSERTED = "inserted"
    """A card was put into the slot."""
    REMOVED = "removed"
    """The card was taken out of the slot."""
    WORKING = "working"
    """The card still works on a command; closing waits until it is done, `detail` says how long."""
    FAULT = "fault"
    """The card failed; its power is off and the reader was told by a closed connection."""


class SlotStatus(NamedTuple):
    """One report of a slot: `slot` counts from 0, `address` is `host:port` of the reader's side.

    `detail` says why, for people; it never holds data of a command.
    """

    slot: int
    state: SlotState
    address: str
    detail: str = ""


StatusCallback = Callable[[SlotStatus], None]
"""Called in the slot's own thread; it must not block and must not raise."""


def log_status(status: SlotStatus) -> None:
    """Report to the logger `jukicard.transport`: faults as warnings, the rest as information."""
    import logging  # a served card starts faster without it

    level = logging.WARNING if status.state is SlotState.FAULT else logging.INFO
    logging.getLogger(__name__).log(
        level,
        "slot %d at %s: %s %s",
        status.slot,
        status.address,
        status.state.value,
        status.detail,
    )
