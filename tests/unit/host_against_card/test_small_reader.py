"""A reader that cannot take 256 bytes of an answer: what is read through it comes whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from jukicard import Card, issue_card
from jukicard.apdu import CommandApdu
from jukihost.channel import build_channel
from jukihost.conversation.session import AppletSession
from jukihost.errors import CardMute, StatusError
from jukihost.sessions.common import CommonSession
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.sessions.surface import SurfaceSession
from jukihost.sessions.text import TextSession
from jukihost.transport.pcsc.connection import PcscConnection
from tests.support.host.fake_scard import FakeReader, FakeScard

LOST = 0x80100016
READS: dict[str, Callable[[AppletSession], object]] = {
    "a certificate": lambda jpki: jpki.certificate(JpkiKey.AUTHENTICATION),  # type: ignore[attr-defined]
    "all files": lambda jpki: [jpki.read_object(each) for each in (0x000A, 0x000B, 0x0002)],
    "to a limit": lambda jpki: jpki.read_binary(0x000A, 700),
}


class Small:
    """A reader that takes `most` bytes of data, and what was sent through it."""

    def __init__(self, most: int, *, refuses: bool, le: bool = False) -> None:
        self.card: Card = issue_card("mynumber", seed=1)
        self.card.power_on()
        self.most, self.refuses, self.le = most, refuses, le
        self.sent: list[CommandApdu] = []
        self.scard = LosingScard([FakeReader("Small", self.card.atr, answer=self._answer)])

    def _answer(self, raw: bytes) -> bytes:
        command = CommandApdu.parse(raw)
        self.sent.append(command)
        if self.le and command.ne > self.most:  # looks before it asks the card
            return self._cannot()
        answer = self.card.transmit(raw)
        return answer if len(answer) - 2 <= self.most else self._cannot()

    def _cannot(self) -> bytes:
        if self.refuses:
            return bytes.fromhex("6700")
        raise LostError

    def connection(self) -> PcscConnection:
        return PcscConnection(scard=self.scard)


class LostError(Exception):
    """The answer does not fit."""


class LosingScard(FakeScard):
    """What PC/SC makes of that, in libccid's words."""

    def SCardTransmit(
        self, card: FakeReader, protocol: int, command: Sequence[int]
    ) -> tuple[int, Sequence[int]]:
        try:
            return super().SCardTransmit(card, protocol, command)
        except LostError:
            return LOST, []


@pytest.mark.parametrize("refuses", [True, False])
@pytest.mark.parametrize("most", [128, 200, 254, 255, 256])
@pytest.mark.parametrize("read", READS)
def test_what_is_read_is_whole_and_one_command_is_sent_twice(
    most: int, refuses: bool, read: str
) -> None:
    results, counts = [], []
    for reader in (Small(256, refuses=refuses), Small(most, refuses=refuses)):
        with reader.connection() as connection, JpkiSession(build_channel(connection)) as jpki:
            results.append(READS[read](jpki))
        asked = [command.ne for command in reader.sent if command.ins == 0xB0]
        counts.append(sum(ne > 128 for ne in asked))
    assert results[0] == results[1]
    assert counts[1] == (counts[0] if most == 256 else 1), "it is found out once"


@pytest.mark.parametrize("refuses", [True, False])
def test_a_reader_that_looks_at_le_gets_every_object(refuses: bool) -> None:
    reader = Small(200, refuses=refuses, le=True)
    reader.most = 256  # SELECT asks for 256 and gets less: no reader minds
    with reader.connection() as connection:
        channel = build_channel(connection)
        with TextSession(channel) as text:
            reader.most = 200
            text.verify_pin("1234")
            assert text.attributes().name
        reader.most = 256
        with CommonSession(channel) as common:
            reader.most = 200
            assert common.read_record(0x0001, 1)
        reader.most = 256
        with SurfaceSession(channel) as surface:
            reader.most = 200
            assert surface.read_object(0x0004)


@pytest.mark.parametrize("status", ["6700", "6982", "6F00"])
def test_what_the_card_refuses_stays_refused(status: str) -> None:
    reader = Small(256, refuses=True)
    with reader.connection() as connection, JpkiSession(build_channel(connection)) as jpki:
        jpki.select_file(0x000A)
        reader.scard.readers[0].answer = lambda command: bytes.fromhex(status)
        with pytest.raises(StatusError, match=status):
            jpki._read_block(0, 256)


def test_a_card_that_is_mute_is_told_as_it_was_first() -> None:
    reader = Small(256, refuses=True)
    with reader.connection() as connection, JpkiSession(build_channel(connection)) as jpki:
        reader.scard.fail["SCardTransmit"] = [0, 0x80100066, 0x80100068]
        with pytest.raises(CardMute, match="80100066"):
            jpki.read_object(0x000A)
        reader.scard.fail["SCardTransmit"] = []
        reader.sent.clear()
        assert jpki.read_object(0x000A)
        assert reader.sent[1].ne == 256, "that was no reader that takes less"
