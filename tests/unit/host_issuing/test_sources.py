"""Blank cards from a feed over TCP, and from a reader into which somebody puts the next one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from jukicard import Card, issue_card
from jukicard.transport.inprocess import LocalReader
from jukihost.connection import Connection
from jukihost.errors import CardRemoved, NoCard, TransportError, Unreachable
from jukihost.issuing import (
    CardSource,
    FeedSource,
    NotOurCard,
    ReaderSource,
    ReturningSource,
    examine_card,
    personalise,
    read_card_number,
)
from jukihost.keys.issuer import ISSUER_TEST_KEYS
from jukihost.models import Awaited
from jukihost.transport.pcsc.connection import PcscConnection
from jukihost.transport.tcp import GREETING
from tests.support.host.fake_scard import FakeReader, FakeScard
from tests.support.host.fakes import JUKI_ATR
from tests.support.ports import kept_port
from tests.unit.host_issuing.cardorders import means, moment, order_of


def blank(seed: int) -> Card:
    return issue_card("juki-v1", seed=seed, blank=True)


def number_of(card: Card) -> bytes:
    with LocalReader(card) as connection:
        return read_card_number(connection)


# -- a feed ---------------------------------------------------------------------------------------


@contextmanager
def feeding(*cards: Card) -> Iterator[tuple[str, int]]:
    """A feed as docs/transports.md says it: each connection gets the next card, or one by name."""
    left, by_name = list(cards), {number_of(card).hex().upper(): card for card in cards}

    def frame(kind: int, payload: bytes = b"") -> bytes:
        return bytes((kind,)) + len(payload).to_bytes(4, "big") + payload

    def serve(stream: socket.socket) -> None:
        file, chosen, reader = stream.makefile("rb"), None, None
        stream.sendall(GREETING)
        file.read(8)
        while head := file.read(5):
            payload = file.read(int.from_bytes(head[1:], "big"))
            if head[0] == 5:
                chosen = by_name.get(payload.decode())
                answer = frame(0xFF, b"no card") if chosen is None else frame(0x85)
            elif head[0] == 1:
                card = chosen or (left.pop(0) if left else None)
                if card is None:
                    answer = frame(0xFF, b"no card")
                else:
                    reader = LocalReader(card)
                    reader.open()
                    answer = frame(0x81, reader.atr)
            elif head[0] == 3 and reader is not None:
                answer = frame(0x83, reader.transmit(payload))
            else:
                answer = frame(0x84)
            stream.sendall(answer)

    def accept(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                stream, _ = server.accept()
                with stream, suppress(OSError):
                    serve(stream)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=accept, args=(server,), daemon=True)
        thread.start()
        yield server.getsockname()
        server.shutdown(socket.SHUT_RDWR)
    thread.join(60)


def test_a_feed_gives_card_after_card_and_then_none() -> None:
    cards = [blank(1), blank(2)]
    seen = []
    with feeding(*cards) as address:
        source: CardSource = FeedSource(*address, timeout=60)
        while (card := source.next_card()) is not None:
            with card as connection:
                standing = examine_card(connection, lambda _: ISSUER_TEST_KEYS)
                assert standing.untouched
                seen.append(standing.number)
        again: ReturningSource = FeedSource(*address, timeout=60)
        with again.connect(seen[0]) as connection:
            assert read_card_number(connection) == seen[0]
        with pytest.raises(NoCard), again.connect(b"12345678"):
            pass
    assert seen == [number_of(card) for card in cards]


def test_a_feed_that_is_not_there() -> None:
    with kept_port() as port, pytest.raises(Unreachable):
        FeedSource("127.0.0.1", port, timeout=0.5).next_card()


# -- a reader -------------------------------------------------------------------------------------


class Desk:
    """A reader, and somebody who does what is asked: at each asking the next of `puts` comes."""

    def __init__(self, *puts: Card | None) -> None:
        self.puts, self.asked = list(puts), list[Awaited]()
        self.card: Card | None = None

    def ask(self, awaited: Awaited) -> bool:
        self.asked.append(awaited)
        if not self.puts:
            return False
        self.card = self.puts.pop(0)
        return True

    def connect(self, _: float) -> Connection:
        if self.card is None:
            raise NoCard("no card came")
        return LocalReader(self.card)

    def source(self, wait: float = 5.0) -> ReaderSource:
        return ReaderSource(self.connect, self.ask, wait=wait)


def test_a_reader_gives_the_cards_that_are_put_in() -> None:
    cards = [blank(1), blank(2)]
    desk = Desk(*cards)
    source, seen = desk.source(), []
    while (card := source.next_card()) is not None:
        with card as connection:
            seen.append(read_card_number(connection))
    assert seen == [number_of(card) for card in cards]
    assert all(asked == "the next blank card" and asked.seconds == 5 for asked in desk.asked)


def test_a_card_left_in_is_not_the_next_one() -> None:
    first, second = blank(1), blank(2)
    desk = Desk(first, first, second)
    source = desk.source()
    for card in (first, second):
        found = source.next_card()
        assert found is not None
        with found as connection:
            assert read_card_number(connection) == number_of(card)
    assert "in place of the one in the reader" in desk.asked[2]


def test_waiting_for_the_next_card_has_an_end() -> None:
    first = blank(1)
    source = Desk(first, first, first).source(wait=0.3)
    found = source.next_card()
    assert found is not None
    with found:
        pass
    with pytest.raises(NoCard, match="take it out"):
        source.next_card()
    with pytest.raises(NoCard):
        Desk(None).source().next_card()


def test_the_same_card_is_taken_again_and_no_other() -> None:
    first, second = blank(1), blank(2)
    source = Desk(first, second, first).source()
    found = source.next_card()
    assert found is not None
    with found:
        pass
    with source.connect(number_of(first)) as connection:
        assert read_card_number(connection) == number_of(first)
    with pytest.raises(NoCard, match="was not put in again"):
        source.connect(number_of(first))


def test_a_reader_that_fails_says_so() -> None:
    class Gone(LocalReader):
        def open(self) -> None:
            raise ConnectionError("pulled while it was powered")

    source = ReaderSource(lambda _: Gone(blank(1)), lambda _: True, wait=0.2)
    with pytest.raises(CardRemoved):
        source.next_card()


def test_a_foreign_card_is_handed_out_and_refused_in_words() -> None:
    class Foreign:
        """A card that knows nothing."""

        description, atr = "foreign", JUKI_ATR

        def open(self) -> None: ...

        def close(self) -> None: ...

        def reset(self) -> bytes:
            return self.atr

        def transmit(self, _: bytes) -> bytes:
            return b"\x6a\x82"

        def __enter__(self) -> Foreign:
            return self

        def __exit__(self, *_: object) -> None: ...

    found = ReaderSource(lambda _: Foreign(), lambda _: True, wait=0.2).next_card()
    assert found is not None
    with found as connection, pytest.raises(NotOurCard, match="nothing was changed"):
        read_card_number(connection)
    with pytest.raises(NotOurCard, match="nothing was changed"):
        examine_card(Foreign(), lambda _: ISSUER_TEST_KEYS)
    assert issubclass(NoCard, TransportError)


class SlowHand:
    """Somebody at a PC/SC reader: takes a card out when asked, and puts the next in later."""

    def __init__(self, *cards: Card) -> None:
        self.cards, self.looks = list(cards), 0
        self.reader = FakeReader("Reader 0", power=self.power, answer=self.answer)
        self.scard = FakeScard([self.reader], on_look=self.look)
        self.card: Card | None = None
        self.waited: list[str] = []

    def ask(self, awaited: Awaited) -> bool:
        self.waited.append(awaited)
        self.reader.atr, self.looks = None, 0
        return bool(self.cards)

    def look(self) -> None:
        self.looks += 1
        if self.looks == 3 and self.cards:
            self.card = self.cards.pop(0)
            self.reader.atr, self.reader.powered = self.card.power_on(), True

    def power(self, disposition: int) -> None:
        if self.card is not None:
            self.card.power_off()
            self.card.power_on()

    def answer(self, command: bytes) -> bytes:
        assert self.card is not None
        return self.card.transmit(command)

    def connect(self, wait: float) -> PcscConnection:
        return PcscConnection("Reader 0", wait=wait, scard=self.scard)


def test_cards_put_into_a_pcsc_reader_become_somebodys() -> None:
    hand = SlowHand(blank(1), blank(2))
    source, made, by = ReaderSource(hand.connect, hand.ask, wait=20), [], means()
    order = order_of("juki-v1")
    while (card := source.next_card()) is not None:
        with card as connection:
            made.append(personalise(connection, order, by, at=moment("juki-v1")).number)
    assert made == [number_of(blank(1)), number_of(blank(2))]
    assert len(hand.waited) == 3
    assert (hand.scard.connected, hand.scard.contexts) == (0, 0)
