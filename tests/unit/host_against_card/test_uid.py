"""The UID of a card: what a contactless reader tells of it, over every way to a card."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from jukicard import (
    Contactless,
    ContactlessPort,
    ImageCards,
    LocalReader,
    ManyCardsServer,
    TcpServer,
    create_card,
    issue_card,
)
from jukicard.cli.serve import serve_tcp
from jukihost.errors import CardRemoved, ConnectionNotOpen, NotOffered, ProtocolError
from jukihost.transport.contactless import read_uid
from jukihost.transport.pcsc.connection import PcscConnection
from jukihost.transport.tcp import TcpConnection
from tests.support.host.fake_scard import FakeReader, FakeScard
from tests.support.host.fakes import JUKI_ATR


@contextmanager
def over_pcsc(answer: str) -> Iterator[PcscConnection]:
    reader = FakeReader("reader", JUKI_ATR, answer=lambda command: bytes.fromhex(answer))
    with PcscConnection(scard=FakeScard([reader])) as connection:
        yield connection


@pytest.mark.parametrize("pads", [True, False])
def test_in_process_and_over_tcp(pads: bool) -> None:
    card, told = issue_card("mynumber", seed=1, contactless=True), Contactless(pads=pads)
    with LocalReader(card, contactless=told) as reader:
        first = read_uid(reader)
        assert len(first) == 4
        assert read_uid(reader) == first
    with TcpServer(ContactlessPort(card, told)) as server:
        assert server.port
        with TcpConnection("127.0.0.1", server.port) as connection:
            assert len(connection.uid()) == 4
            assert connection.uid() != first, "drawn anew with the field"


@pytest.mark.parametrize("contactless", [True, False])
def test_where_nobody_answers_for_the_card(contactless: bool) -> None:
    card = issue_card("juki-v1", seed=1, contactless=contactless)
    with LocalReader(card) as reader, pytest.raises(NotOffered, match=r"6E00.*no identity"):
        read_uid(reader)
    with pytest.raises(ConnectionNotOpen):
        read_uid(LocalReader(card))
    with pytest.raises(CardRemoved):
        read_uid(LocalReader())


def test_over_pcsc() -> None:
    with over_pcsc("AABBCCDD9000") as connection:
        assert connection.uid() == bytes.fromhex("AABBCCDD")
    with over_pcsc("08AABBCC6282") as connection:
        assert connection.uid() == bytes.fromhex("08AABBCC")
    for answer in ("6E00", "6A81", "6C04", "6700"):
        with over_pcsc(answer) as connection, pytest.raises(NotOffered, match=answer):
            connection.uid()
    for answer in ("9000", "00" * 11 + "9000", "90"):
        with over_pcsc(answer) as connection, pytest.raises(ProtocolError):
            connection.uid()


def test_as_served_by_the_command_line(tmp_path: Path) -> None:
    card = issue_card("mynumber", seed=1, contactless=True)
    where = argparse.Namespace(tcp="127.0.0.1", allow_remote=False)
    with ExitStack() as stack:
        [slot] = serve_tcp(stack, [card], where, lambda status: None)
        with TcpConnection("127.0.0.1", slot.port) as one:
            assert len(one.uid()) == 4
    path = tmp_path / "cards.juki"
    create_card(path, "7", card.environment.memory.snapshot())
    with (
        ManyCardsServer(ImageCards(path)) as server,
        TcpConnection("127.0.0.1", server.port, card="7") as many,
    ):
        assert len(many.uid()) == 4
