"""A slot that several threads may touch: the card in it, its power, and what happens when it fails.

The readers for other processes (vpcd, tcp) share it: a card that raises must not end the server.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Final

from jukicard.apdu.command import Typed
from jukicard.memory import ImageError, MemoryFailureError
from jukicard.transport import (
    CardFault,
    CardInUse,
    CardNotPresent,
    CardPort,
    CardWasReset,
    CardWithoutPower,
)

_TOLD: Final[dict[type[BaseException], str]] = {
    CardNotPresent: "no card in the slot",
    CardInUse: "busy: another program has the card",
    CardWasReset: "reset: another program has reset the card",
}
"""What a card that stands for the way to it may say of itself, and what is told of that."""

WORKING_SECONDS: Final = 10.0
"""How long whoever wants the card waits for a command that runs."""


class CardWorking(RuntimeError):
    """The card is still working on a command: it can be neither taken out nor reset."""


class CardSlot:
    """Holds one card or none; every method may be called from any thread.

    A card is worked on by one thread at a time: `remove` and the others wait until a running
    command is done, and raise CardWorking after `WORKING_SECONDS`. A card just inserted has no
    power, so nobody goes on with it by mistake.
    """

    def __init__(self, card: CardPort | None = None) -> None:
        self._card = card
        self._powered = False
        self._left = False  # whoever used the card is gone
        self._typed = False
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        card = "no card" if self._card is None else "card"
        return f"<{type(self).__name__} {card}, power {'on' if self._powered else 'off'}>"

    @property
    def occupied(self) -> bool:
        """Whether a card is in the slot."""
        return self._card is not None

    @property
    def powered(self) -> bool:
        """Whether the card in the slot has power."""
        return self._powered

    @property
    def atr(self) -> bytes:
        """The card's ATR; needs no power. CardNotPresent without a card."""
        with self._alone():
            card = self._present()
            return self._guarded(lambda: card.atr)

    def insert(self, card: CardPort) -> None:
        """Put a card in; RuntimeError when one is in already."""
        with self._alone():
            if self._card is not None:
                raise RuntimeError("there is a card in the slot already")
            self._card = card
            self._powered = False

    def remove(self) -> CardPort:
        """Take the card out, which takes its power; CardNotPresent without a card."""
        with self._alone():
            card = self._present()
            self._off()
            self._card = None
            return card

    def power_on(self) -> bytes:
        """Cold reset: take the power, give it again, return the ATR. CardNotPresent, CardFault."""
        with self._alone():
            card = self._present()
            self._off()
            atr = self._guarded(card.power_on)
            self._powered = True
            return atr

    def reset(self) -> bytes:
        """Warm reset, or a cold one when there was no power. CardNotPresent, CardFault."""
        with self._alone():
            card = self._present()
            atr = self._guarded(card.reset if self._powered else card.power_on)
            self._powered = True
            return atr

    def power_off(self) -> None:
        """Take the power; nothing happens without a card or without power."""
        with self._alone():
            self._off()

    def leave(self) -> None:
        """Take the power once the card does nothing: soon, or when whoever has it is done.

        Waits as `power_off` does, and never raises: the reader is gone, and nobody hears it.
        """
        self._left = True
        with contextlib.suppress(CardWorking), self._alone():
            pass

    def transmit(self, command: bytes) -> bytes:
        """Give one command to the card. CardNotPresent (also without power), CardFault."""
        if not self._lock.acquire(blocking=False):
            self._take_turn()
        try:
            card = self._present()
            if not self._powered:
                raise CardWithoutPower("the card has no power")
            try:
                typed, self._typed = self._typed, False
                return card.transmit(Typed(command) if typed else command)
            except BaseException as error:  # noqa: BLE001 - the card's bug must not end the server
                raise self._failed(error) from None
        finally:
            if self._left:
                self._end()
            self._lock.release()

    def expect_typed(self) -> None:
        """Keep the data of the next command from every trace: it was typed on the reader's pad."""
        self._typed = True

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        self._take_turn()
        try:
            yield
        finally:
            if self._left:
                self._end()
            self._lock.release()

    def _end(self) -> None:
        self._left = False
        self._off()

    def _take_turn(self) -> None:
        """Wait until the card does nothing. CardWorking."""
        if not self._lock.acquire(timeout=WORKING_SECONDS):
            raise CardWorking(
                f"the card has been working on a command for {WORKING_SECONDS:g} s: wait until it "
                "is done, or end the program that plays it"
            )

    def _present(self) -> CardPort:
        if self._card is None:
            raise CardNotPresent("no card in the slot")
        return self._card

    def _guarded(self, work: Callable[[], bytes]) -> bytes:
        try:
            return work()
        except BaseException as error:  # noqa: BLE001 - the card's bug must not end the server
            raise self._failed(error) from None

    def _failed(self, error: BaseException) -> ConnectionError:
        """Take the failed card's power; return what may be told about the failure.

        A card in use, or reset by another program, has its power still.
        """
        passed_on = _TOLD.get(type(error))
        if isinstance(error, (CardNotPresent, CardFault)) and passed_on is not None:
            if isinstance(error, CardNotPresent):
                self._off()
            return type(error)(passed_on)
        about_its_file = isinstance(error, (ImageError, MemoryFailureError))
        told = f"the card failed: {error}" if about_its_file else ""
        fault = CardFault(f"the card failed: {describe(error)}", told)
        self._off()
        return fault

    def _off(self) -> None:
        """Take the power; a card that fails even here has none all the same."""
        card, was_powered = self._card, self._powered
        self._powered = False
        if card is None or not was_powered:
            return
        with contextlib.suppress(BaseException):  # it has no power now, whatever it says
            card.power_off()


def describe(error: BaseException) -> str:
    """Return the kind of an exception and the file and line it came from, nothing of its text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    name = trace.tb_frame.f_code.co_filename.rpartition("/")[2]
    return f"{type(error).__name__} at {name}:{trace.tb_lineno}"
