"""A contactless slot of a CCID reader: class FF is the reader's, the rest is the card's."""

from __future__ import annotations

import pytest

from jukicard import Card, CardEvent, Contactless, ContactlessPort, Exchange, issue_card
from jukicard.transport.ccid import CcidReader, ExchangeLevel
from tests.support.readers.ccid_driver import Driver, lrc

SELECT = "00A4040C0AD3921000310001010401"
SELECT_JPKI = "00A4040C0AD392F000260100000001"


class Heard:
    """Every command that a card got."""

    def __init__(self, card: Card) -> None:
        self.commands: list[bytes] = []
        card.subscribe(self._hear)

    def _hear(self, event: CardEvent) -> None:
        if isinstance(event, Exchange):
            self.commands.append(event.command)


@pytest.mark.parametrize("level", [ExchangeLevel.SHORT, ExchangeLevel.EXTENDED])
def test_a_contactless_slot_answers_class_ff_before_the_card_is_asked(level: ExchangeLevel) -> None:
    inner = issue_card("mynumber", seed=1, contactless=True)
    reader = CcidReader([ContactlessPort(inner)], level=level)
    heard = Heard(inner)
    driver, seen = Driver(reader), []
    for _ in range(3):
        driver.send(0x62)
        seen.append(driver.block("FFCA000000"))
        for refused in ("FF82200006FFFFFFFFFFFF", "FF860000050100000000", "FFB0000010", "FFD60000"):
            assert driver.block(refused) == "6A81"
        assert driver.block("FFCA010000") == "6A81"
        assert driver.block(SELECT_JPKI) == "9000"
        assert driver.block("00A4020C020018") == driver.block("002000800431323334") == "9000"
        driver.send(0x62)  # the warm reset of a card in the field
        assert driver.block("FFCA000000") == seen[-1]
        driver.send(0x63)
    assert {len(uid) for uid in seen} == {12}
    assert len(set(seen)) == 3, "drawn with the field"
    assert len(heard.commands) == 9
    assert not any(command.startswith(b"\xff") for command in heard.commands)


def test_a_contactless_card_comes_and_goes() -> None:
    reader = CcidReader([None], level=ExchangeLevel.SHORT)
    driver = Driver(reader)
    for seed in (1, 2):
        card = issue_card("juki-v1", seed=seed, contactless=True)
        reader.slots[0].insert(ContactlessPort(card, Contactless(bytes([seed] * 4))))
        driver.send(0x65)
        driver.send(0x62)
        assert driver.block("FFCA000004") == f"0{seed}" * 4 + "9000"
        reader.slots[0].remove()
        driver.send(0x65)


@pytest.mark.parametrize("level", [ExchangeLevel.SHORT, ExchangeLevel.EXTENDED])
def test_on_a_contact_slot_class_ff_is_the_card_s(level: ExchangeLevel) -> None:
    driver = Driver(CcidReader([issue_card("juki-v1", seed=1)], level=level))
    driver.send(0x62)
    assert driver.block("FFCA000000") == "6E00"
    tpdu = Driver(CcidReader([issue_card("juki-v1", seed=1)]))
    tpdu.send(0x62)
    assert tpdu.block(lrc("00000F" + SELECT)) == lrc("0000029000")
    assert tpdu.block(lrc("004005FFCA000000")) == lrc("0040026E00")
