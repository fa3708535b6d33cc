"""Where blank cards come from: a feeder's port, a reader into which somebody puts the next card.

What fits `CardSource` is one: the blank cards of `jukicard` in the same process do by structure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Final, Protocol

from jukihost.channel import build_channel
from jukihost.connection import Connection, translated
from jukihost.errors import CardError, CardRemoved, NoCard, TransportError
from jukihost.models import Awaited
from jukihost.sessions.issuer import IssuerSession
from jukihost.transport.tcp import TcpConnection

_PAUSE: Final = 0.25
"""Seconds between two looks at a reader that still has the card of before."""


class CardSource(Protocol):
    """What gives connections to blank cards, one after the other."""

    def next_card(self) -> AbstractContextManager[Connection] | None:
        """Return what opens a connection to the next blank card; None when there are no more.

        Whatever waits for a card has a bound. TransportError.
        """


class ReturningSource(CardSource, Protocol):
    """A source that also finds a card again that it gave before."""

    def connect(self, number: bytes) -> AbstractContextManager[Connection]:
        """Return what opens a connection to the card of a number, 8 bytes. TransportError."""


class FeedSource:
    """A program that feeds blank cards over TCP, as `jukicard feed` does.

    Every connection gets the next blank card; a card that was begun is reached by its number only.
    `timeout` is how long it may take to answer, in seconds.
    """

    def __init__(self, host: str, port: int, *, timeout: float = 30.0) -> None:
        self._address = (host, port)
        self._timeout = timeout

    def next_card(self) -> AbstractContextManager[Connection] | None:
        """Return the next blank card, opened already; None when the feed has no more.

        Unreachable, CardBusy, ProtocolError.
        """
        connection = TcpConnection(*self._address, timeout=self._timeout)
        try:
            connection.open()
        except CardRemoved:
            return None
        return _opened(connection)

    def connect(self, number: bytes) -> AbstractContextManager[Connection]:
        """Return the card of a number. NoCard where the feed never gave it; Unreachable."""
        return TcpConnection(*self._address, card=number.hex().upper(), timeout=self._timeout)


class Feeds:
    """Several programs that feed blank cards; the next card is the first one's of them.

    Where a program answers one terminal at a time, each process that makes cards has one of its own
    in the first place. A card that was begun is looked for at all of them. Cards that are put aside
    are kept until `close`.
    """

    def __init__(self, addresses: Sequence[tuple[str, int]], *, timeout: float = 30.0) -> None:
        self._feeds = [FeedSource(host, port, timeout=timeout) for host, port in addresses]
        self._aside = ExitStack()

    def next_card(self) -> AbstractContextManager[Connection] | None:
        """Return the next card of the first feed that has one; None. As `FeedSource`."""
        for feed in self._feeds:
            if (card := feed.next_card()) is not None:
                return card
        return None

    @contextmanager
    def connect(self, number: bytes) -> Iterator[Connection]:
        """Return the card of a number, from the feed that has it. NoCard; CardBusy, Unreachable."""
        for feed in self._feeds:
            with ExitStack() as stack:
                try:
                    connection = stack.enter_context(feed.connect(number))
                except NoCard:
                    continue
                yield connection
                return
        raise NoCard(f"no feed has the card {number.hex().upper()}: name the one that gave it")

    def put_aside(self, card: ExitStack) -> None:
        """Keep a card open until all is over, so that it does not come again."""
        self._aside.push(card)

    def close(self) -> None:
        """Let go of what was put aside."""
        self._aside.close()


class ReaderSource:
    """A reader into which somebody, or a feeder, puts the next card.

    ask: told what is wanted and for how many seconds at most, before each card; it returns False
        when there are no more. It may move a feeder.
    connect: makes the connection to the reader, which `wait` seconds may pass on; for example
        `lambda wait: PcscConnection("Reader", wait=wait)`.
    wait: how long a card may take to come, in seconds.

    The card of before is not taken for the next one: it has to come out first.
    """

    def __init__(
        self,
        connect: Callable[[float], Connection],
        ask: Callable[[Awaited], bool],
        *,
        wait: float = 60.0,
    ) -> None:
        self._connect = connect
        self._ask = ask
        self._wait = wait
        self._given: bytes | None = None

    def next_card(self) -> AbstractContextManager[Connection] | None:
        """Return the next card, opened already; None when whoever is asked has no more.

        NoCard when none came in time, and when the card of before was left in.
        """
        return self._awaited(
            "the next blank card", lambda number: number is None or number != self._given
        )

    def connect(self, number: bytes) -> AbstractContextManager[Connection]:
        """Return the card of a number, once it is put in again; another one is not taken.

        NoCard when it does not come in time, or is not to be had.
        """
        found = self._awaited(
            f"the card {number.hex().upper()} again", lambda shown: shown == number
        )
        if found is None:
            raise NoCard(f"the card {number.hex().upper()} was not put in again")
        return found

    def _awaited(
        self, what: str, is_right: Callable[[bytes | None], bool]
    ) -> AbstractContextManager[Connection] | None:
        if not self._ask(Awaited(what, self._wait)):
            return None
        deadline = time.monotonic() + self._wait
        told = False
        while True:
            connection = self._connect(max(0.0, deadline - time.monotonic()))
            _open(connection)
            try:
                number = _number_of(connection)
                if is_right(number):
                    self._given = number
                    return _opened(connection)
            except BaseException:
                connection.close()
                raise
            connection.close()
            left = deadline - time.monotonic()
            if left <= 0:
                raise NoCard(f"another card is in the reader: take it out, and put {what} in")
            if not told:
                told = True
                if not self._ask(Awaited(f"{what}, in place of the one in the reader", left)):
                    return None
            time.sleep(min(_PAUSE, left))


def _open(connection: Connection) -> None:
    """Reach the card of any connection, of this package or not. TransportError."""
    try:
        connection.open()
    except ConnectionError as error:
        raise translated(error) from error


def _number_of(connection: Connection) -> bytes | None:
    """Return a card's number; None for a card that tells none, which others refuse in words."""
    try:
        with IssuerSession(build_channel(connection)) as issuer:
            return issuer.card_number()
    except TransportError:
        raise
    except CardError:
        return None


@contextmanager
def _opened(connection: Connection) -> Iterator[Connection]:
    """Give a connection that is open, and close it behind whoever uses it."""
    try:
        yield connection
    finally:
        with suppress(CardError):
            connection.close()
