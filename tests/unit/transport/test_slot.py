"""The slot that servers share: no power left behind, no secret told, and any thread may use it."""

from __future__ import annotations

import pytest
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jukicard.transport import CardFault, CardNotPresent
from jukicard.transport.slot import CardSlot, describe
from tests.support.readers.echo_card import EchoCard


class SlotModel(RuleBasedStateMachine):
    """The slot beside its model: which card is in, and whether it has power."""

    def __init__(self) -> None:
        super().__init__()
        self.slot = CardSlot()
        self.card: EchoCard | None = None
        self.power = False

    @rule()
    def insert(self) -> None:
        card = EchoCard()
        if self.card is None:
            self.slot.insert(card)
            self.card, self.power = card, False
        else:
            with pytest.raises(RuntimeError):
                self.slot.insert(card)

    @precondition(lambda self: self.card is None)
    @rule()
    def everything_is_refused_without_a_card(self) -> None:
        for work in (
            self.slot.remove,
            self.slot.power_on,
            self.slot.reset,
            lambda: self.slot.transmit(b"\0\0\0\0"),
            lambda: self.slot.atr,
        ):
            with pytest.raises(CardNotPresent):
                work()

    @precondition(lambda self: self.card is not None)
    @rule()
    def remove(self) -> None:
        card, self.card, self.power = self.card, None, False
        assert self.slot.remove() is card
        assert card is not None
        assert not card.powered

    @precondition(lambda self: self.card is not None)
    @rule()
    def power_on(self) -> None:
        assert self.slot.power_on() == self.slot.atr
        self.power = True

    @precondition(lambda self: self.card is not None)
    @rule()
    def reset(self) -> None:
        assert self.slot.reset() == self.slot.atr
        self.power = True

    @rule()
    def power_off(self) -> None:
        self.slot.power_off()
        self.power = False

    @precondition(lambda self: self.card is not None)
    @rule()
    def transmit(self) -> None:
        if self.power:
            assert self.slot.transmit(b"\0\1\2\3") == b"\0\1\2\3\x90\x00"
        else:
            with pytest.raises(CardNotPresent, match="no power"):
                self.slot.transmit(b"\0\1\2\3")

    @precondition(lambda self: self.power)
    @rule()
    def fail(self) -> None:
        with pytest.raises(CardFault):
            self.slot.transmit(b"\xee\0\0\0")
        self.power = False

    @invariant()
    def agrees(self) -> None:
        assert self.slot.occupied is (self.card is not None)
        assert self.slot.powered is self.power
        assert self.card is None or self.card.powered is self.power


TestSlotModel = SlotModel.TestCase


class BrokenCard(EchoCard):
    """Fails at everything."""

    def power_on(self) -> bytes:
        raise ValueError("secret")

    def power_off(self) -> None:
        raise ValueError("secret")


def test_a_card_that_fails_at_power_on_and_off_is_a_fault_and_can_be_removed() -> None:
    card = BrokenCard()
    slot = CardSlot(card)
    with pytest.raises(CardFault, match=r"ValueError at test_slot\.py:\d+") as caught:
        slot.power_on()
    assert "secret" not in str(caught.value)
    assert slot.remove() is card


def test_a_reset_that_fails_takes_the_power() -> None:
    class NoReset(EchoCard):
        def reset(self) -> bytes:
            raise KeyError("secret")

    card = NoReset()
    slot = CardSlot(card)
    slot.power_on()
    with pytest.raises(CardFault, match="KeyError"):
        slot.reset()
    assert not slot.powered
    assert not card.powered


def test_an_exception_never_raised_has_no_place() -> None:
    assert describe(ValueError("secret")) == "ValueError"


def test_repr() -> None:
    slot = CardSlot(EchoCard())
    slot.power_on()
    assert repr(slot) == "<CardSlot card, power on>"
