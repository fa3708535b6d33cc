"""What servers of cards have in common: where they are, what they tell, how they end.

They end within a bound, with a word when a card takes long, and at once on Ctrl-C.
"""

from __future__ import annotations

import contextlib
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Final, Self

from jukicard.transport import CardNotPresent, CardPort, SlotState, SlotStatus, StatusCallback
from jukicard.transport.address import format_address
from jukicard.transport.slot import CardSlot

CLOSE_SECONDS: Final = 5.0
"""How long closing a server waits for a command that runs."""
AT_ONCE: Final = 0.03
"""The same in seconds, for a program that was interrupted."""
_TELL_AFTER: Final = 1.0


class Server(ABC):
    """Serves cards as long as a `with` block lasts, or from `start` to `close`."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        interrupted = error is not None and not isinstance(error, Exception)
        self._close(AT_ONCE if interrupted else CLOSE_SECONDS)

    @abstractmethod
    def start(self) -> None:
        """Listen or connect, and serve; return at once."""

    def close(self) -> None:
        """Cut all readers off, take the cards' power, end the threads; again does nothing.

        A command that still runs is waited for, for `CLOSE_SECONDS`; then it is left to itself.
        """
        self._close(CLOSE_SECONDS)

    @abstractmethod
    def _close(self, seconds: float) -> None:
        """Do what `close` says, within this time."""


class Told:
    """Something at an address that tells what happens there."""

    def __init__(self, host: str, port: int, on_status: StatusCallback, index: int = 0) -> None:
        self.host, self.port = host, port
        self.index = index
        self._on_status = on_status

    @property
    def address(self) -> str:
        """`host:port` of the reader's side."""
        return format_address(self.host, self.port)

    def _tell(self, state: SlotState, detail: str = "") -> None:
        with contextlib.suppress(Exception):  # whoever listens must not end the server
            self._on_status(SlotStatus(self.index, state, self.address, detail))


class ServedSlot(Told, ABC):
    """A slot with its card behind an address; `insert`, `remove` and `reset` while it is served."""

    def __init__(
        self, host: str, port: int, on_status: StatusCallback, index: int, card: CardPort | None
    ) -> None:
        super().__init__(host, port, on_status, index)
        self._card = CardSlot(card)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.index} at {self.address}, {self._card!r}>"

    @property
    def occupied(self) -> bool:
        """Whether a card is in."""
        return self._card.occupied

    @property
    @abstractmethod
    def connected(self) -> bool:
        """Whether a reader is there."""

    @property
    def powered(self) -> bool:
        """Whether the card has power."""
        return self._card.powered

    def insert(self, card: CardPort) -> None:
        """Put a card in; RuntimeError when one is in."""
        self._card.insert(card)
        self._tell(SlotState.INSERTED)

    @abstractmethod
    def remove(self) -> CardPort:
        """Take the card out and return it; CardNotPresent when there is none."""

    def reset(self) -> None:
        """Reset the card behind the reader's back, as another program would.

        Nothing happens to a card without power. CardNotPresent, CardFault.
        """
        if self._card.powered:
            self._card.reset()
        elif not self._card.occupied:
            raise CardNotPresent("no card in the slot")


def join(threads: Iterable[threading.Thread], seconds: float, tell: Callable[[str], None]) -> bool:
    """Wait until the threads have ended; tell whether they have.

    `tell` is called once when it takes long, with how long it may take. A thread that goes on is
    a daemon: it takes its card's power when its command is done, and holds up no end of a program.
    """
    begun = time.monotonic()
    told = seconds <= _TELL_AFTER
    waiting = [one for one in threads if one.ident and one is not threading.current_thread()]
    for thread in waiting:
        if not told:
            thread.join(max(0.0, begun + _TELL_AFTER - time.monotonic()))
            if thread.is_alive():
                told = True
                tell(f"{seconds:g} s")
        thread.join(max(0.0, begun + seconds - time.monotonic()))
    return not any(thread.is_alive() for thread in waiting)
