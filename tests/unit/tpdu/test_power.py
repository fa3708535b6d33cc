"""What all views do with power, and with a card that fails: the same for each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jukicard import issue_card
from jukicard.transport import CardNotPresent, CardPort
from jukicard.transport.tpdu import CRC_A, CRC_B, Iso14443Card, Iso14443TypeACard, T0Card, T1Card
from tests.support.readers.echo_card import EchoCard, PowerCut
from tests.support.readers.t1_reader import lrc

CONTACTLESS = bytes.fromhex("3B888001000014E0B38191005E")


def t1_block(command: bytes) -> bytes:
    body = bytes((0, 0, len(command))) + command
    return body + lrc(body)


class View:
    """One view, what gets it ready for a command, and a command in its form."""

    def __init__(
        self,
        make: Callable[[CardPort], T0Card | T1Card | Iso14443Card | Iso14443TypeACard],
        ready: list[bytes],
        wrap: Callable[[bytes], bytes],
    ) -> None:
        self.make, self.ready, self.wrap = make, ready, wrap


def send(card: object, data: bytes) -> bytes:
    return card.feed(data) if isinstance(card, T0Card) else card.receive(data)  # type: ignore[attr-defined]


WUPB, ATTRIB = CRC_B.seal(bytes.fromhex("050008")), CRC_B.seal(bytes.fromhex("1D0000000000080100"))
RATS = CRC_A.seal(bytes.fromhex("E080"))
VIEWS = {
    "T=0": View(T0Card, [], lambda command: command[:4] + b"\0"),
    "T=1": View(T1Card, [], t1_block),
    "Type B": View(Iso14443Card, [WUPB, ATTRIB], lambda c: CRC_B.seal(b"\x02" + c)),
    "Type A": View(Iso14443TypeACard, [RATS], lambda c: CRC_A.seal(b"\x02" + c)),
}
EVERY_VIEW = pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)


@EVERY_VIEW
def test_nothing_without_power(view: View) -> None:
    card = view.make(EchoCard(CONTACTLESS))
    assert card.atr == CONTACTLESS
    card.power_off()
    for _ in range(2):
        with pytest.raises(CardNotPresent, match="power_on"):
            send(card, b"\x00" * 5)
        card.power_on()
        card.power_off()


@EVERY_VIEW
def test_power_on_twice_is_a_cold_reset(view: View) -> None:
    port = EchoCard(CONTACTLESS)
    card = view.make(port)
    assert card.power_on() == card.power_on() == CONTACTLESS
    assert port.journal == ["on", "off", "on"]


@EVERY_VIEW
@pytest.mark.parametrize(("command", "error"), [("EE000000", ValueError), ("EF000000", PowerCut)])
def test_a_card_that_fails_is_mute_until_it_is_powered_on_again(
    view: View, command: str, error: type[BaseException]
) -> None:
    port = EchoCard(CONTACTLESS)
    card = view.make(port)
    for _ in range(2):
        card.power_on()
        for frame in view.ready:
            assert send(card, frame)
        with pytest.raises(error):
            send(card, view.wrap(bytes.fromhex(command)))
        for data in (*view.ready, view.wrap(bytes.fromhex("00112233"))):
            assert send(card, data) == b""


@pytest.mark.parametrize("make", [T0Card, T1Card])
def test_a_reset_wakes_a_card_that_failed(make: type[T0Card] | type[T1Card]) -> None:
    port = EchoCard(CONTACTLESS)
    card = make(port)
    wrap = VIEWS["T=0" if make is T0Card else "T=1"].wrap
    card.power_on()
    with pytest.raises(ValueError, match="secret"):
        send(card, wrap(bytes.fromhex("EE000000")))
    assert send(card, wrap(bytes.fromhex("00112233"))) == b""
    assert card.reset() == CONTACTLESS
    assert port.journal == ["on", "off", "on"]  # a warm reset is for a card that runs
    assert send(card, wrap(bytes.fromhex("00112233")))
    assert card.reset() == CONTACTLESS
    assert port.journal[3:] == ["reset"]
    card.power_off()
    with pytest.raises(CardNotPresent):
        card.reset()


@EVERY_VIEW
def test_a_view_shows_no_data(view: View) -> None:
    card = view.make(EchoCard(CONTACTLESS))
    card.power_on()
    for frame in view.ready:
        send(card, frame)
    send(card, view.wrap(b"12341234"))
    for text in (repr(card), repr(vars(card))):
        assert "1234" not in text.replace("0x", "")
        assert "31323334" not in text


def test_a_view_of_a_real_card_needs_no_more_than_a_card_port() -> None:
    card = issue_card("juki-v1", seed=1)
    view = T1Card(card)
    assert view.power_on() == card.atr
    assert card.powered
    view.power_off()
    assert not card.powered
