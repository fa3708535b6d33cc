"""The reader of a terminal, watched: a card is put in, or taken out; every wait has a bound.

A connection that can be asked whether a card is there (PC/SC) is asked, and nothing reaches the
card. Any other one is opened for a moment, which is the only way to know over TCP and the virtual
reader's protocol.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol, runtime_checkable

from jukihost.connection import Connection, translated
from jukihost.errors import (
    CardBusy,
    CardError,
    CardMute,
    NoCard,
    Unreachable,
)
from jukihost.workflows.errors import Cancelled

EVERY: Final = 0.25
"""Seconds between two looks at a reader."""


@runtime_checkable
class Watched(Protocol):
    """A connection to a reader that says whether a card is in it."""

    def card_present(self) -> bool:
        """Whether a card is in the reader; nothing reaches the card. TransportError."""


def is_card_there(connection: Connection) -> bool:
    """Look once at the reader of a connection that is not open. TransportError.

    A card that another program holds, or that does not answer, is there too.
    """
    if isinstance(connection, Watched):
        return connection.card_present()
    try:
        _opened_once(connection)
    except (NoCard, Unreachable):  # over a network the reader is the program that plays the card
        return False
    except (CardBusy, CardMute):
        return True
    return True


def _opened_once(connection: Connection) -> None:
    try:
        connection.open()
    except ConnectionError as error:
        raise translated(error) from error
    finally:
        with suppress(CardError):
            connection.close()


class Watch:
    """Looks at a reader until it is as it should be.

    reach: makes a connection to the reader, not yet open. alone: held for each look at one that has
    to be opened, so that no procedure is disturbed.
    """

    def __init__(self, reach: Callable[[], Connection], alone: threading.Lock) -> None:
        self._reach, self._alone = reach, alone

    def wait(self, there: bool, seconds: float, stop: threading.Event | None = None) -> bool:
        """Wait until a card is there, or none is; False when `seconds` have passed before.

        The last look may take as long as the connection waits for an answer. Cancelled once `stop`
        is set. TransportError, for example where there is no reader.
        """
        stop = threading.Event() if stop is None else stop
        deadline = time.monotonic() + seconds
        while True:
            if stop.is_set():
                raise Cancelled
            if self._looked(there, deadline, stop):
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            stop.wait(min(EVERY, left))

    def _looked(self, there: bool, deadline: float, stop: threading.Event) -> bool:
        """Look once, where no procedure has the reader; whether it is as it should be."""
        connection = self._reach()
        if isinstance(connection, Watched):
            return connection.card_present() is there
        if not self._have_reader(deadline, stop):
            return False
        try:
            return is_card_there(connection) is there
        finally:
            self._alone.release()

    def _have_reader(self, deadline: float, stop: threading.Event) -> bool:
        """Have the reader alone for a look; False where a procedure has it until time is up."""
        while not stop.is_set():
            left = deadline - time.monotonic()
            if self._alone.acquire(timeout=min(EVERY, max(0.0, left))):
                return True
            if left <= 0:
                return False
        return False
