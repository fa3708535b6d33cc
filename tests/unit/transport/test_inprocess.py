"""The reader in the same process: power, and no going on with a card that was taken out."""

from __future__ import annotations

import pytest

from jukicard.transport import CardNotPresent
from jukicard.transport.inprocess import LocalReader
from tests.support.readers.echo_card import EchoCard, PowerCut


def test_open_gives_power_and_close_takes_it() -> None:
    card = EchoCard()
    with LocalReader(card) as reader:
        assert reader.atr == card.atr
        assert reader.transmit(b"\x00\xa4\x04\x00") == b"\x00\xa4\x04\x00\x90\x00"
        assert reader.reset() == card.atr
    assert card.journal == ["on", "reset", "off"]


def test_close_twice_takes_power_once() -> None:
    card = EchoCard()
    reader = LocalReader(card)
    reader.close()
    reader.open()
    reader.close()
    reader.close()
    assert card.journal == ["on", "off"]


def test_open_again_is_a_cold_reset() -> None:
    card = EchoCard()
    reader = LocalReader(card)
    reader.open()
    reader.open()
    assert card.journal == ["on", "off", "on"]


def test_a_closed_reader_answers_nothing() -> None:
    reader = LocalReader(EchoCard())
    with pytest.raises(CardNotPresent, match="open first"):
        reader.transmit(b"\0\0\0\0")
    with pytest.raises(CardNotPresent, match="open first"):
        reader.reset()
    with pytest.raises(CardNotPresent, match="open first"):
        _ = reader.atr


def test_an_empty_reader_does_not_open() -> None:
    reader = LocalReader()
    with pytest.raises(CardNotPresent, match="no card"):
        reader.open()
    with pytest.raises(CardNotPresent, match="no card"):
        reader.remove()


def test_a_removed_card_has_no_power_and_the_next_one_needs_open() -> None:
    first, second = EchoCard(), EchoCard(atr=b"\x3b\x00")
    reader = LocalReader(first)
    reader.open()
    assert reader.remove() is first
    assert not first.powered
    with pytest.raises(CardNotPresent, match="no card"):
        reader.transmit(b"\0\0\0\0")
    reader.insert(second)
    with pytest.raises(CardNotPresent, match="open first"):
        reader.transmit(b"\0\0\0\0")
    reader.open()
    assert reader.atr == second.atr
    assert first.journal == ["on", "off"]


def test_a_reader_takes_one_card() -> None:
    reader = LocalReader(EchoCard())
    with pytest.raises(RuntimeError, match="already"):
        reader.insert(EchoCard())


@pytest.mark.parametrize(("command", "error"), [(b"\xee", ValueError), (b"\xef", PowerCut)])
def test_what_the_card_raises_comes_through(command: bytes, error: type[BaseException]) -> None:
    with LocalReader(EchoCard()) as reader, pytest.raises(error):
        reader.transmit(command + b"\0\0\0")


def test_card_not_present_is_a_connection_error() -> None:
    assert issubclass(CardNotPresent, ConnectionError)


def test_repr_shows_no_card() -> None:
    reader = LocalReader(EchoCard(), description="counter 1")
    assert repr(reader) == "<LocalReader 'counter 1' card, closed>"
    assert reader.description == "counter 1"
