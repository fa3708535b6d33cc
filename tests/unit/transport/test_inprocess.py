"""The reader in the same process: power, and no going on with a card that was taken out."""

from __future__ import annotations

from functools import partial

import pytest

from jukicard.memory import ImageError, ImageProblem, MemoryFailureError
from jukicard.transport import CardFault, CardInUse, CardNotPresent, CardWasReset
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


FAULTS: list[tuple[Exception, type[ConnectionError]]] = [
    (ImageError(ImageProblem.DAMAGED, "a sentence about the file"), CardFault),
    (MemoryFailureError("a sentence about the file"), CardFault),
    (CardNotPresent("pulled out"), CardNotPresent),
    (CardInUse("in use"), CardInUse),
    (CardWasReset("reset"), CardWasReset),
]


@pytest.mark.parametrize("step", ["power_on", "reset", "transmit"])
@pytest.mark.parametrize(("error", "kind"), FAULTS)
def test_a_card_that_cannot_start_is_a_connection_error(
    monkeypatch: pytest.MonkeyPatch, step: str, error: Exception, kind: type[ConnectionError]
) -> None:
    card = EchoCard()
    reader = LocalReader(card)
    if step != "power_on":
        reader.open()

    def fail(*_: object) -> bytes:
        raise error

    monkeypatch.setattr(card, step, fail)
    does = {"power_on": reader.open, "reset": reader.reset}
    with pytest.raises(ConnectionError) as met:
        does.get(step, partial(reader.transmit, bytes(4)))()
    assert type(met.value) is kind
    assert "sentence" not in str(met.value), "whoever is connected need not know the file"
    if not isinstance(error, ConnectionError):
        assert isinstance(met.value, CardFault)
        assert met.value.told == f"the card failed: {error}"


def test_card_not_present_is_a_connection_error() -> None:
    assert issubclass(CardNotPresent, ConnectionError)


def test_repr_shows_no_card() -> None:
    reader = LocalReader(EchoCard(), description="counter 1")
    assert repr(reader) == "<LocalReader 'counter 1' card, closed>"
    assert reader.description == "counter 1"
