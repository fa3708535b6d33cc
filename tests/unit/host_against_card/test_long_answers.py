"""Answers too long for one response under secure messaging: every part is fetched in the session.

The card's rule is docs/card.md, section 3: 61XX inside the session, then a protected GET RESPONSE.
The certificate of the chip's key is the one long thing that the Juki application holds.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jukicard import Card, CardKeys, Printed, issue_card
from jukicard.apdu import CommandApdu, Ins, Tlv
from jukicard.profiles.masters import SUITES
from jukicard.runtime.boundary import raise_bug
from jukicard.transport.inprocess import LocalReader
from jukicard.transport.tpdu import T0Card, T1Card
from jukihost.channel import build_channel, open_logical_channel
from jukihost.models import Purpose
from jukihost.sessions.juki import JukiSession
from tests.support.cards.card_certificates import CARD_DRAFT, NUMBER
from tests.support.cards.eac_desk import CHIP_KEY, certificate, der
from tests.support.host.custody import PublicMasters
from tests.support.naive.cvc_writer import Draft
from tests.support.readers.card_views import Exchange, Through
from tests.support.readers.t0_reader import T0Reader
from tests.support.readers.t1_reader import T1Reader

ACCESS_NUMBER = "271828"


def _padded(size: int) -> Draft:
    """A certificate with an extension of so many bytes."""
    return CARD_DRAFT.with_(extra=(Tlv(0x65, [Tlv(0x73, [Tlv(0x80, bytes(size))])]),))


def _card(size: int, suite: str = "MA-AES128") -> tuple[Card, bytes]:
    raw = certificate(_padded(size))
    card = issue_card(
        seed=1,
        on_bug=raise_bug,
        keys=CardKeys(chip_key=der(CHIP_KEY), chip_certificate=raw, suites=suite),
        printed=Printed(card_number=NUMBER, access_number=ACCESS_NUMBER),
    )
    return card, raw


class Watch:
    """Notes what goes over the wire."""

    def __init__(self) -> None:
        self.sent: list[CommandApdu] = []
        self.statuses: list[int] = []

    def command(self, raw: bytes) -> None:
        self.sent.append(CommandApdu.parse(raw))

    def response(self, raw: bytes) -> None:
        self.statuses.append(int.from_bytes(raw[-2:], "big"))

    def reset(self, atr: bytes) -> None:
        """Of no interest."""


@pytest.mark.parametrize("suite", SUITES)
def test_every_part_is_protected(suite: str) -> None:
    """A handful of lengths around each step: one part, two, three and more."""
    for size in (0, 1, 100, 199, 200, 201, 215, 216, 217, 231, 232, 400, 700, 1500):
        card, raw = _card(size, suite)
        watch = Watch()
        with (
            LocalReader(card) as connection,
            JukiSession(build_channel(connection, observer=watch)) as juki,
        ):
            juki.authenticate(Purpose.MOVE_IN, PublicMasters(suite=suite))
            start = len(watch.sent)
            assert juki.card_certificate().encode() == raw, size
            parts = watch.sent[start:]
            assert all(command.cla.secure for command in parts)
            assert [command.ins for command in parts[1:]] == [0xC0] * (len(parts) - 1)
            assert watch.statuses[-1] == 0x9000
            assert juki.card_info().municipality, "the session goes on"
            if size > 100:
                assert len(parts) > 1
                assert watch.statuses[start] >> 8 == 0x61


def t0(card: Card) -> Exchange:
    """A reader that leaves GET RESPONSE and 6CXX to the program, as PC/SC says."""
    view = T0Card(card)
    view.power_on()
    reader = T0Reader(view.feed)

    def transmit(raw: bytes) -> bytes:
        command = CommandApdu.parse(raw)
        header, data = raw[:4], command.data
        p3 = len(data) if data else command.ne & 0xFF
        incoming = 0 if data else command.ne
        answer, status = reader.tpdu(header + bytes((p3,)), data, incoming)
        return answer + status.to_bytes(2, "big")

    return transmit


def t1(card: Card) -> Exchange:
    view = T1Card(card)
    view.power_on()
    return T1Reader(view.receive).transmit


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("open_view", [t0, t1])
def test_through_views(open_view: Callable[[Card], Exchange], private: bool) -> None:
    for size in (0, 216, 700):
        card, raw = _card(size)
        with (
            LocalReader(Through(card, open_view)) as connection,
            JukiSession(build_channel(connection)) as juki,
        ):
            assert juki.card_certificate().encode() == raw, "in plain"
            if private:
                juki.begin_private(ACCESS_NUMBER)
            else:
                juki.authenticate(Purpose.COUNTER, PublicMasters())
            assert juki.card_certificate().encode() == raw
            assert len(juki.card_number()) == 8


def test_on_a_logical_channel() -> None:
    card, raw = _card(700)
    watch = Watch()
    with LocalReader(card) as connection:
        channel = build_channel(connection, observer=watch)
        with open_logical_channel(channel) as other, JukiSession(other) as juki:
            juki.begin_private(ACCESS_NUMBER)
            assert juki.card_certificate().encode() == raw
            fetched = [it for it in watch.sent if it.ins == Ins.GET_RESPONSE]
            assert len(fetched) > 2
            assert all(it.cla.secure and it.cla.channel == other.number for it in fetched)
