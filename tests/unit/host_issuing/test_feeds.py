"""Cards of a feed, in this process and over TCP, become card after card somebody's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from jukicard.testing import BlankCards
from jukihost.connection import Connection
from jukihost.errors import CardError, CardRemoved
from jukihost.issuing import (
    FeedSource,
    IssuingMeans,
    ReturningSource,
    examine_card,
    personalise,
    set_pins,
)
from tests.support.host.custody import PublicMasters
from tests.unit.host_issuing.cardorders import drawn, means, moment, order_of
from tests.unit.host_issuing.readback import pins_for, read_everything

PROFILE = "juki-v2"


@contextmanager
def fed(path: Path, count: int) -> Iterator[FeedSource]:
    """`jukicard feed` in a process of its own, as its terminal sees it."""
    program = subprocess.Popen(
        [sys.executable, "-m", "jukicard", "feed", "--tcp", "127.0.0.1", "--image", str(path),
         "--count", str(count), "--seed", "7", "--profile", PROFILE],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    with program:
        try:
            assert program.stdout is not None
            host, _, port = program.stdout.readline().strip().rsplit(" ", 1)[1].rpartition(":")
            yield FeedSource(host, int(port))
            program.send_signal(signal.SIGINT)
            program.communicate(timeout=60)
        finally:
            program.kill()


def issue_all(source: ReturningSource, by: IssuingMeans) -> int:
    """Make every card of a source somebody's, the second one in two goes; read each back."""
    made = 0
    while (card := source.next_card()) is not None:
        made += 1
        order = order_of(PROFILE, drawn(PROFILE, made))
        with card as connection:
            number = examine_card(connection, by.issuer).number
            if made == 2:
                cut(connection, by, made)
            else:
                personalise(connection, order, by, at=moment(PROFILE))
        with source.connect(number) as connection:
            standing = examine_card(connection, by.issuer)
            assert not standing.untouched
            assert standing.done is (made != 2)
            result = personalise(connection, order, by, at=moment(PROFILE), number=number)
            assert bool(result.now) is (made == 2)
            set_pins(connection, PublicMasters(), pins_for(PROFILE))
            read_everything(connection, order, result)
    return made


def cut(connection: Connection, by: IssuingMeans, seed: int) -> None:
    """Begin a card, and let go of it when JPKI is written and the surface is not."""
    order = order_of(PROFILE, drawn(PROFILE, seed))
    whole, installs = connection.transmit, 0

    def transmit(command: bytes) -> bytes:
        nonlocal installs
        installs += command[:2] == bytes.fromhex("84E6")  # INSTALL [for personalization]
        if installs == 2:
            raise CardRemoved("let go of")
        return whole(command)

    connection.transmit = transmit  # type: ignore[method-assign]
    with suppress(CardError):
        personalise(connection, order, by, at=moment(PROFILE))
    assert installs == 2


def test_blank_cards_in_this_process_are_a_source() -> None:
    cards: ReturningSource = BlankCards(PROFILE, count=3, seed=7)
    assert issue_all(cards, means()) == 3


@pytest.mark.usefixtures("real_keys")
def test_a_feed_over_tcp_is_a_source(tmp_path: Path) -> None:
    with fed(tmp_path / "cards.juki", 3) as source:
        assert issue_all(source, means()) == 3
        assert source.next_card() is None
