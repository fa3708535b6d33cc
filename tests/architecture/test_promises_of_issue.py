"""What was promised of the making of cards: docs/card.md, section 1."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from jukicard import Card, issue_card
from jukicard.transport.inprocess import LocalReader
from jukihost.channel import build_channel
from jukihost.issuing import (
    CardOrder,
    IssueEnded,
    NewPins,
    Personalised,
    examine_card,
    personalise,
    set_pins,
)
from jukihost.models import Purpose
from jukihost.sessions.juki import JukiSession
from tests.support.host.custody import PublicMasters
from tests.unit.host_issuing.cardorders import means, order_of

LAST = datetime(2015, 12, 28, 3, tzinfo=UTC)
ENDS = date(2025, 12, 28)


def _make(card: Card, order: CardOrder, at: datetime) -> Personalised:
    with LocalReader(card) as connection:
        made = personalise(connection, order, means(), at=at)
        set_pins(connection, PublicMasters(), NewPins(juki="1357"))
    return made


def test_p24_juki_cards_are_made_until_28_december_2015_and_live_on() -> None:
    plain = replace(order_of("juki-v1"), with_certificates=False)
    order = replace(plain, info=replace(plain.info, issued=LAST.date(), expires=ENDS))
    late = LAST + timedelta(days=1)
    with pytest.raises(IssueEnded, match="until 2015-12-28, and it is 2015-12-29"):
        _make(issue_card("juki-v1", seed=1, blank=True), order, late)
    after = replace(order, info=replace(order.info, issued=late.date()))
    card = issue_card("juki-v1", seed=1, blank=True)
    with pytest.raises(IssueEnded), LocalReader(card) as connection:
        personalise(connection, after, means(), at=LAST)
    with LocalReader(card) as connection:
        assert examine_card(connection, means().issuer).untouched, "nothing was written"
    _make(card, order, LAST)
    with LocalReader(card) as connection, JukiSession(build_channel(connection)) as juki:
        juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublicMasters())
        juki.verify_pin("1357")
        assert juki.read_code() == order.code
        info = juki.card_info()
    assert not info.expired(ENDS), "ten years after the last day it is still valid"
    assert info.expired(ENDS + timedelta(days=1))
