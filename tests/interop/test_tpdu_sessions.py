"""Real cards behind every view: a session through bytes, blocks or frames is the session itself.

Each command goes to a card through the view, with a reader's end that is a second opinion, and to
its twin directly; the answers have to be the same, byte by byte.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from jukicard import PROFILES, Card, Printed, issue_card
from jukicard.transport.inprocess import LocalReader
from jukicard.transport.tpdu import Iso14443Card, Iso14443TypeACard, T0Card, T1Card
from jukihost.channel import build_channel
from jukihost.conversation.issuerdata import RegistryPart
from jukihost.errors import PinRejected
from jukihost.keys.issuer import ISSUER_TEST_KEYS
from jukihost.models import Purpose
from jukihost.securemessaging.scp03 import SecurityLevel
from jukihost.sessions.issuer import IssuerSession
from jukihost.sessions.juki import JukiSession
from tests.support.cards.issuer_desk import POINTS
from tests.support.host.certificates import CHIP_KEY, identity, trust
from tests.support.host.custody import PublicMasters
from tests.support.naive.scp03_host import Host, without_le
from tests.support.readers.card_views import Exchange, Through
from tests.support.readers.iso14443_reader import Pcd, Type
from tests.support.readers.t0_reader import T0Reader
from tests.support.readers.t1_reader import T1Reader

CODE = "12345678903"
JUKI = "00A4040C0AD3921000310001010401"
JPKI = "00A4040C0AD392F000260100000001"

SESSION = [
    "00A4040C0AD39210003100010104FF",  # no such application
    JUKI, "00A4020C02001C", "00200080", "002000800439393939", "00200080",
    "002000800431323334", "00200080", "00B2011400", "00A4020C020002", "00B2010400",
    "00A4040000", "00A4040008A000000151000000", "00A4040008A00000015100000000",
    JPKI, "00A4020C020006", "00B0000020", "00B0000000", "00B0000014", "00B0001000",
    "00A4020C020001", "00B0000004", "00A4020C020002", "00B0000007", "00B0000000", "00B0010000",
    "00B000000000000000", "00B00000000200", "00B0FFFF01",
    "00A4020C02001B", "00200080",
    "0070000001", "01A4040C0AD3921000310001010401", "01A4020C02001C", "01200080", "00708001",
    "0084000008", "0084000000", "00CA006600", "00CA004200",
    "00FF000000", "FE00000000", "00B2", "00", "00A4040C0BD3921000310001010401",
    "00A4040C000010" + "D3" * 16, "00D6000000012C" + "00" * 300,
    "00C0000010", "1086000001FF", "0086000002FFFF00",
]  # fmt: skip
"""Every case and both lengths; selection, PIN, files, channels, challenges, what is malformed."""


def t1(card: Card) -> Exchange:
    view = T1Card(card, announced_ifsc=100, wait=lambda command: len(command) % 3)
    reader = T1Reader(view.receive, ifsc=view.ifsc)
    view.power_on()
    assert reader.change_ifsd(254)
    return reader.transmit


def t1_with_small_blocks(card: Card) -> Exchange:
    view = T1Card(card)
    reader = T1Reader(view.receive, ifsc=5)  # a reader may send less than the card takes
    view.power_on()
    assert reader.change_ifsd(3)
    return reader.transmit


def type_b(card: Card) -> Exchange:
    view = Iso14443Card(card, wait=lambda command: 1)
    pcd = Pcd(view.receive, fsd_code=8, cid=1)
    view.power_on()
    assert pcd.activate()
    return pcd.transmit


def type_a(card: Card) -> Exchange:
    view = Iso14443TypeACard(card)
    pcd = Pcd(view.receive, kind=Type.A, fsd_code=0)
    view.power_on()
    assert pcd.activate()
    return pcd.transmit


def t0(card: Card) -> Exchange:
    view = T0Card(card, wait=lambda command: 1)
    view.power_on()
    return T0Reader(view.feed).transmit


BLOCKS = [t1, t1_with_small_blocks, type_b, type_a]


@pytest.mark.parametrize("open_view", BLOCKS)
@pytest.mark.parametrize("profile", ["juki-v1", "juki-v2"])
def test_blocks_and_frames_carry_the_session_unchanged(
    open_view: Callable[[Card], Exchange], profile: str
) -> None:
    card = issue_card(profile, seed=1, pin="1234", contactless=open_view in (type_a, type_b))
    twin = card.fork()
    twin.power_on()
    exchange = open_view(card)
    told = [exchange(bytes.fromhex(command)).hex() for command in SESSION]
    assert told == [twin.transmit(bytes.fromhex(command)).hex() for command in SESSION]
    assert card.snapshot().export_with_keys() == twin.snapshot().export_with_keys()


NOT_FOR_T0 = {
    "00B2", "00", "00A4040C0BD3921000310001010401",  # no command APDU at all
    "00FF000000", "FE00000000", "00A4040000",  # look like case 1, which answers nothing
    "00B000000000000000", "00B00000000200",  # no Le above 256: the card reads 256 bytes
}  # fmt: skip
"""What T=0 cannot carry as it is (docs/transports.md)."""


def test_bytes_carry_the_session() -> None:
    card = issue_card("juki-v1", seed=1, pin="1234")
    twin = card.fork()
    twin.power_on()
    exchange = t0(card)
    assert set(SESSION) > NOT_FOR_T0
    for command in SESSION:
        if command not in NOT_FOR_T0:
            raw = bytes.fromhex(command)
            assert exchange(raw).hex() == twin.transmit(raw).hex(), command
    assert card.snapshot().export_with_keys() == twin.snapshot().export_with_keys()


@pytest.mark.parametrize("open_view", [*BLOCKS, t0])
def test_the_terminal_library_talks_through_every_view(
    open_view: Callable[[Card], Exchange],
) -> None:
    card = issue_card("juki-v1", seed=1, pin="1234", contactless=open_view in (type_a, type_b))
    with (
        LocalReader(Through(card, open_view)) as connection,
        JukiSession(build_channel(connection)) as juki,
    ):
        with pytest.raises(PinRejected):
            juki.verify_pin("9999")
        assert juki.pin_retries() == 2
        juki.verify_pin("1234")
        assert juki.pin_retries() == 3


@pytest.mark.parametrize("by_certificate", [False, True])
@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("open_view", [*BLOCKS, t0])
def test_the_code_is_read_through_every_view(
    open_view: Callable[[Card], Exchange], private: bool, by_certificate: bool
) -> None:
    through_air = open_view in (type_a, type_b)
    card = issue_card(
        "juki-v1",
        seed=1,
        code=CODE,
        contactless=through_air,
        printed=Printed(access_number="123456"),
    )
    trust(card)
    with (
        LocalReader(Through(card, open_view)) as connection,
        JukiSession(build_channel(connection)) as juki,
    ):
        if private:
            juki.begin_private("123456")
        if by_certificate:
            juki.authenticate_by_certificate(identity(Purpose.MOVE_IN), CHIP_KEY)
        else:
            juki.authenticate(Purpose.MOVE_IN, PublicMasters())
        juki.verify_pin("1234")
        assert juki.read_code().reveal() == CODE


@pytest.mark.parametrize("level", SecurityLevel)
@pytest.mark.parametrize("variant", [0x70, 0x71])
@pytest.mark.parametrize("open_view", [*BLOCKS, t0])
def test_the_issuer_manages_the_card_through_every_view(
    open_view: Callable[[Card], Exchange], variant: int, level: SecurityLevel
) -> None:
    profile = dataclasses.replace(PROFILES["juki-v1"], secure_channel=variant)
    card = issue_card(profile, seed=1, contactless=open_view in (type_a, type_b))
    with (
        LocalReader(Through(card, open_view)) as connection,
        IssuerSession(build_channel(connection)) as issuer,
    ):
        issuer.authenticate(ISSUER_TEST_KEYS, level=level)
        issuer.install(POINTS, POINTS, POINTS)
        there = issuer.registry(RegistryPart.APPLICATIONS)
        assert POINTS in [entry.aid for entry in there]
        issuer.put_keys(dataclasses.replace(ISSUER_TEST_KEYS, version=2))
        assert {key.version for key in issuer.key_information()} == {1, 2}
        issuer.delete(POINTS)
        assert issuer.registry(RegistryPart.APPLICATIONS, POINTS) == ()


@pytest.mark.parametrize("open_view", [*BLOCKS, t0])
def test_a_host_that_leaves_le_out_is_answered_through_every_view(
    open_view: Callable[[Card], Exchange],
) -> None:
    card = issue_card("juki-v1", seed=1, contactless=open_view in (type_a, type_b))
    host = Host(without_le(open_view(card), 256)).open()
    for command in ("80CA005A00", "80CA9F7F00", "80F24002024F0000"):
        answer = host.send(command)
        assert answer[-4:] == "9000"
        assert len(answer) > 10
