"""Each hazard over each connection: which error the terminal gets, and that it gets nothing else.

The table is the one that the manual prints; `conversation` is what the terminal does meanwhile.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import operator
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings

from jukicard import (
    Card,
    CardPort,
    LocalReader,
    PersistentMemory,
    RamBackend,
    T0Card,
    T1Card,
    TcpServer,
    issue_card,
)
from jukicard.testing import FaultyBackend, HazardousCard
from jukicard.testing.hazards import (
    HAZARDS,
    CorruptedMac,
    Delayed,
    Hazard,
    InUse,
    MoreTime,
    Mute,
    PowerCut,
    Pulled,
    ResetByOther,
    SelectedByOther,
    StatusInstead,
    StrippedMac,
    Truncated,
    draw_hazards,
)
from jukicard.testing.strategies import hazards
from jukicard.transport import CardNotPresent
from jukihost import (
    CardError,
    CardMute,
    CardRemoved,
    CardReset,
    CommandApdu,
    Connection,
    JukiSession,
    Purpose,
    TcpConnection,
    build_channel,
)
from tests.support.host.custody import PublicMasters

PAGE: Final = Path(__file__).parents[3] / "docs" / "testing.md"
TIMEOUT: Final = 0.3
LONG: Final = CommandApdu(0x00, 0xD6, 0x00, 0x00, bytes(600))
SELECT: Final = CommandApdu(0x00, 0xA4, 0x04, 0x0C, JukiSession.AID)

ROWS: Final[tuple[tuple[str, Hazard], ...]] = (
    ("pulled out", Pulled(at=2)),
    ("pulled out while it works", Pulled(ins=0x20, done=True)),
    ("pulled out in the middle of a chain", Pulled(at=2, mid_chain=True)),
    ("mute", Mute(at=2)),
    ("mute once it has worked", Mute(ins=0x20, done=True)),
    ("late", Delayed(at=2, seconds=2 * TIMEOUT)),
    ("more time", MoreTime(at=2, requests=3, seconds=2 * TIMEOUT)),
    ("another status word", StatusInstead(at=2, status=0x6F00)),
    ("the same, until the card is reset", StatusInstead(at=2, status=0x6581, times=None)),
    ("the same, under secure messaging", StatusInstead(ins=0x20, status=0x6F00)),
    ("a MAC with a wrong bit", CorruptedMac()),
    ("no MAC", StrippedMac()),
    ("one byte of an answer", Truncated(at=2)),
    ("no byte of an answer", Truncated(at=2, keep=0)),
    ("reset by another program", ResetByOther(at=2)),
    ("another application selected by another program", SelectedByOther(at=2)),
    ("the same, under secure messaging", SelectedByOther(ins=0x20)),
    ("held by another program", InUse(at=2)),
    ("the power cut at a write, which did not land", PowerCut(at=1)),
    ("the power cut at a write, which landed", PowerCut(at=2, landed=True)),
)
"""What is tried, in the order of the manual."""


@contextlib.contextmanager
def in_process(card: CardPort) -> Iterator[Connection]:
    yield LocalReader(card)


@contextlib.contextmanager
def over_tcp(card: CardPort) -> Iterator[Connection]:
    waits = any(isinstance(one, Delayed | MoreTime) for one in getattr(card, "hazards", ()))
    with TcpServer(card, on_status=lambda status: None) as server:
        yield TcpConnection(server.host, server.port, timeout=TIMEOUT if waits else 30)


CONNECTIONS: Final = {"in process": in_process, "TCP": over_tcp}


@pytest.fixture(scope="module")
def issued() -> Card:
    return issue_card("juki-v1", seed=1)


def conversation(connection: Connection) -> None:
    """What a terminal does with a card: exchanges, a secure session, writes, a chain."""
    channel = build_channel(connection)
    with JukiSession(channel) as juki:
        juki.authenticate(Purpose.COUNTER, PublicMasters())
        juki.verify_pin("1234")
        juki.read_code()
        juki.change_pin("5678")
    channel.transmit(LONG)


def outcome(card: CardPort, way: str) -> str:
    """Have the conversation; return the name of the error that ended it."""
    with CONNECTIONS[way](card) as connection:
        connection.open()
        try:
            conversation(connection)
        except CardError as error:
            return type(error).__name__
        finally:
            connection.close()
    return "none"


def table(issued: Card) -> str:
    """The manual's table, made from what happens."""
    lines = ["| what happens | hazard | in process | TCP |", "|---|---|---|---|"]
    for said, hazard in ROWS:
        seen = [outcome(HazardousCard(issued.fork(), hazard), way) for way in CONNECTIONS]
        shown = [name if name == "none" else f"`{name}`" for name in seen]
        lines.append(f"| {said} | `{one_line(hazard)}` | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def one_line(hazard: Hazard) -> str:
    """A hazard as it is written: what differs from the default only."""
    plain, shown = type(hazard)(), []
    for each in dataclasses.fields(hazard):
        value = getattr(hazard, each.name)
        if value != getattr(plain, each.name):
            in_hex = each.name in {"ins", "status"}
            shown.append(f"{each.name}={f'0x{value:02X}' if in_hex else repr(value)}")
    return f"{type(hazard).__name__}({', '.join(shown)})"


def test_the_manual_prints_what_happens(issued: Card) -> None:
    assert table(issued) in PAGE.read_text("utf-8")


def test_every_kind_of_hazard_is_in_the_table() -> None:
    assert {type(hazard) for _, hazard in ROWS} == set(HAZARDS)


def test_without_a_hazard_nothing_happens(issued: Card) -> None:
    for way in CONNECTIONS:
        assert outcome(HazardousCard(issued.fork()), way) == "none"


@pytest.mark.parametrize("way", CONNECTIONS)
def test_every_exchange_may_be_the_one(issued: Card, way: str) -> None:
    """Whatever it is and whenever it comes before the session closes, which never fails."""
    for kind in (Pulled, Mute, Truncated, ResetByOther, InUse):
        for at in range(1, 10):
            card = HazardousCard(issued.fork(), kind(at=at))
            assert outcome(card, way) != "none", kind(at=at)
            assert card.happened == (kind(at=at),)


@given(hazards(longest_delay=0.0))
@settings(max_examples=60)
def test_no_hazard_ends_in_anything_but_an_error_of_the_host(hazard: Hazard) -> None:
    outcome(HazardousCard(_forked(), hazard), "in process")


_ISSUED: list[Card] = []


def _forked() -> Card:
    if not _ISSUED:
        _ISSUED.append(issue_card("juki-v1", seed=1))
    return _ISSUED[0].fork()


@pytest.mark.parametrize("way", CONNECTIONS)
def test_a_card_that_was_pulled_stays_out_until_it_is_put_back(issued: Card, way: str) -> None:
    card = HazardousCard(issued.fork(), Pulled(at=2))
    with CONNECTIONS[way](card) as connection:
        connection.open()
        with pytest.raises(CardRemoved):
            conversation(connection)
        with pytest.raises((CardRemoved, CardNotPresent)):
            connection.open()
        card.put_back()
        connection.close()
        connection.open()
        conversation(connection)
        connection.close()


def test_a_card_put_back_has_no_power_until_the_reader_is_opened(issued: Card) -> None:
    card = HazardousCard(issued.fork(), Pulled())
    with LocalReader(card) as connection:
        channel = build_channel(connection)
        with pytest.raises(CardRemoved):
            channel.transmit(SELECT)
        card.put_back()
        with pytest.raises(CardRemoved):
            channel.transmit(SELECT)
        with pytest.raises(CardNotPresent):
            connection.reset()
        connection.open()
        assert channel.transmit(SELECT).status == 0x9000


@pytest.mark.parametrize("way", CONNECTIONS)
@pytest.mark.parametrize(("hazard", "error"), [(Mute(), CardMute), (ResetByOther(), CardReset)])
def test_what_lasts_lasts_until_a_reset(
    issued: Card, way: str, hazard: Hazard, error: type[CardError]
) -> None:
    with CONNECTIONS[way](HazardousCard(issued.fork(), hazard)) as connection:
        connection.open()
        channel = build_channel(connection)
        for _ in range(3):
            with pytest.raises(error):
                channel.transmit(SELECT)
        connection.reset()
        assert channel.transmit(SELECT).status == 0x9000
        connection.close()


@pytest.mark.parametrize(("times", "seen"), [(1, 1), (2, 2), (None, 5)])
def test_a_status_comes_once_twice_or_until_a_reset(
    issued: Card, times: int | None, seen: int
) -> None:
    card = HazardousCard(issued.fork(), StatusInstead(at=2, status=0x6300, times=times))
    with LocalReader(card) as connection:
        channel = build_channel(connection)
        assert channel.transmit(SELECT).status == 0x9000
        answers = [channel.transmit(SELECT).status for _ in range(5)]
        assert answers == [0x6300] * seen + [0x9000] * (5 - seen)
        connection.reset()
        assert channel.transmit(SELECT).status == 0x9000


@pytest.mark.parametrize("done", [False, True])
def test_done_says_whether_the_card_has_worked(issued: Card, done: bool) -> None:
    card = issued.fork()
    with LocalReader(HazardousCard(card, Mute(ins=0x20, done=done))) as connection:
        with pytest.raises(CardMute), JukiSession(build_channel(connection)) as juki:
            juki.verify_pin("0000")
        connection.open()
        with JukiSession(build_channel(connection)) as juki:
            assert juki.pin_retries() == (2 if done else 3)


def test_hazards_compose_and_count_each_for_itself(issued: Card) -> None:
    card = HazardousCard(issued.fork(), StatusInstead(status=0x6F00), Mute(at=2))
    card = HazardousCard(card, Pulled(at=4))
    with LocalReader(card) as connection:
        channel = build_channel(connection)
        assert channel.transmit(SELECT).status == 0x6F00
        assert channel.transmit(SELECT).status == 0x9000  # the first for the one behind
        with pytest.raises(CardMute):
            channel.transmit(SELECT)
        connection.reset()
        with pytest.raises(CardRemoved):
            channel.transmit(SELECT)


def test_a_hazard_set_later_counts_from_there(issued: Card) -> None:
    card = HazardousCard(issued.fork())
    with LocalReader(card) as connection:
        channel = build_channel(connection)
        channel.transmit(SELECT)
        card.add(StatusInstead(at=2, status=0x6F00))
        assert [channel.transmit(SELECT).status for _ in range(2)] == [0x9000, 0x6F00]
    assert card.hazards == (StatusInstead(at=2, status=0x6F00),)


@pytest.mark.parametrize("landed", [False, True])
def test_a_power_cut_leaves_what_has_landed(issued: Card, landed: bool) -> None:
    card = HazardousCard(issued.fork(), PowerCut(at=1, landed=landed))
    with LocalReader(card) as connection:
        with pytest.raises(CardMute), JukiSession(build_channel(connection)) as juki:
            juki.verify_pin("0000")
        connection.reset()
        with JukiSession(build_channel(connection)) as juki:
            assert juki.pin_retries() == (2 if landed else 3)
    assert card.happened == (PowerCut(at=1, landed=landed),)


def test_a_power_cut_uses_the_faulty_backend_that_is_there() -> None:
    backend = FaultyBackend(RamBackend())
    card = issue_card("juki-v1", seed=1, memory=PersistentMemory(backend))
    HazardousCard(card, PowerCut(at=3))
    assert backend.cut_after == backend.writes + 3


def test_a_power_cut_needs_the_card_itself_and_comes_alone(issued: Card) -> None:
    with pytest.raises(ValueError, match="the card itself"):
        HazardousCard(LocalReader(), PowerCut())  # type: ignore[arg-type]
    kept = issue_card("juki-v1", seed=1, memory=PersistentMemory(RamBackend()))
    with pytest.raises(ValueError, match="FaultyBackend"):
        HazardousCard(kept, PowerCut())
    with pytest.raises(ValueError, match="one at a time"):
        HazardousCard(issued.fork(), PowerCut(), PowerCut(2))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Pulled(at=0),
        lambda: StatusInstead(times=0),
        lambda: InUse(times=-1),
        lambda: StatusInstead(status=0x10000),
        lambda: Delayed(seconds=61),
        lambda: MoreTime(seconds=61),
        lambda: MoreTime(requests=0),
        lambda: CorruptedMac(bit=64),
        lambda: Truncated(keep=-1),
        lambda: SelectedByOther(name=b"\xd3"),
        lambda: PowerCut(ins=0x20),
    ],
)
def test_what_cannot_happen_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        wrong()  # type: ignore[operator]


def test_hazards_of_a_seed_are_the_same() -> None:
    assert draw_hazards(7, 20) == draw_hazards(7, 20)
    assert draw_hazards(7, 20) != draw_hazards(8, 20)
    assert all(re.fullmatch(r"\w+\(.*\)", repr(one)) for one in draw_hazards(7, 20))


def test_more_time_is_asked_for_on_a_line(issued: Card) -> None:
    card = HazardousCard(issued.fork(), MoreTime(at=2, ins=0xA4, requests=3))
    t0 = T0Card(card, wait=card.waits)
    t0.power_on()
    header, name = SELECT.encode()[:5], SELECT.encode()[5:]
    nulls = []
    for _ in range(3):
        assert t0.feed(header) == b"\xa4"
        nulls.append(t0.feed(name).count(0x60))
    assert nulls == [0, 3, 0]
    assert card.happened == (MoreTime(at=2, ins=0xA4, requests=3),)


def test_more_time_is_asked_for_in_blocks(issued: Card) -> None:
    card = HazardousCard(issued.fork(), MoreTime(requests=2))
    t1 = T1Card(card, wait=card.waits)
    t1.power_on()
    request = bytes.fromhex("0000050084000008")
    request += bytes((xor(request),))
    answer, asked = t1.receive(request), 0
    while answer[1] == 0xC3:
        asked += 1
        reply = bytes((0x00, 0xE3, 0x01)) + answer[3:4]
        answer = t1.receive(reply + bytes((xor(reply),)))
    assert asked == 2
    assert answer[1] & 0x80 == 0, "an I-block: the answer itself"


def xor(block: bytes) -> int:
    return functools.reduce(operator.xor, block)
