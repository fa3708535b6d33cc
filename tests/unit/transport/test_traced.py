"""The watched card: the same answers, and everything told once, in order."""

from __future__ import annotations

import pytest

from jukicard.apdu.trace import Trace
from jukicard.transport.traced import TracedCard
from tests.support.readers.echo_card import EchoCard


def test_the_card_is_not_changed_and_every_exchange_is_told() -> None:
    told: list[tuple[str, bytes]] = []

    class Observer:
        def command(self, raw: bytes) -> None:
            told.append(("command", raw))

        def response(self, raw: bytes) -> None:
            told.append(("response", raw))

        def reset(self, atr: bytes) -> None:
            told.append(("reset", atr))

    card = EchoCard()
    traced = TracedCard(card, Observer())
    assert traced.power_on() == traced.atr == card.atr
    assert traced.transmit(b"\0\1\2\3") == b"\0\1\2\3\x90\x00"
    assert traced.reset() == card.atr
    with pytest.raises(ValueError, match="secret"):
        traced.transmit(b"\xee\0\0\0")
    traced.power_off()
    assert card.journal == ["on", "reset", "off"]
    assert told == [
        ("reset", card.atr),
        ("command", b"\0\1\2\3"),
        ("response", b"\0\1\2\3\x90\x00"),
        ("reset", card.atr),
        ("command", b"\xee\0\0\0"),
    ]


def test_a_pin_is_not_shown() -> None:
    lines: list[str] = []
    traced = TracedCard(EchoCard(), Trace(write=lines.append))
    traced.power_on()
    traced.transmit(bytes.fromhex("0020008004") + b"1234")
    shown = "\n".join(lines)
    assert "VERIFY" in shown
    assert "31323334" not in shown.replace(" ", "")
    assert "1234" not in shown
