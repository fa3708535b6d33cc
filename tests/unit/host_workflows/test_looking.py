"""Looking up at the counter: whom the register has, what the ledger has, and that all is told."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from jukihost.ledger import LedgerState, OperatorRefused
from jukihost.register import AsReceived, UnknownResident
from jukihost.workflows import Impossible, find_residents, show_cards
from jukihost.workflows.looking import MOST_SHOWN
from tests.support.host.counters import AUDITOR, Counter
from tests.support.host.issuing_office import lose
from tests.support.host.residents import RESIDENT, code
from tests.support.host.town import PSEUDONYMS


def named(counter: Counter, *seeds: str, **wishes: Any) -> list[int]:
    name = AsReceived("住基\u3000花子")
    return [counter.another_resident(seed, name=name, **wishes) for seed in seeds]


def test_who_is_found_is_told_of_it(counter: Counter) -> None:
    one, other = named(counter, "one", "other", alias=None, born=date(1980, 5, 1))
    before = len(counter.uses())
    found = find_residents(counter.desk(), "住基")
    assert [who.resident for who in found] == [one, other]
    uses = counter.uses()[before:]
    assert {use.resident for use in uses} == {
        PSEUDONYMS.resident(code(seed)) for seed in ("one", "other")
    }
    assert {use.purpose for use in uses} == {"find_resident"}
    assert [who.resident for who in find_residents(counter.desk(), "住基", date(1980, 5, 2))] == []
    assert counter.told()[-1] == ("find_resident", "done", "0 found")


def test_variants_are_found_and_shown_without_an_address(counter: Counter) -> None:
    [found] = find_residents(counter.desk(), "渡辺")
    assert (found.name, found.born) == (RESIDENT.name, RESIDENT.born)
    assert RESIDENT.name.text not in repr(found)
    assert not hasattr(found, "address")
    assert not hasattr(found, "code")


def test_nobody_leafs_through_the_register(counter: Counter) -> None:
    named(counter, *(str(number) for number in range(MOST_SHOWN)))
    assert len(find_residents(counter.desk(), "住")) == MOST_SHOWN
    named(counter, "one more")
    with pytest.raises(Impossible, match="day of birth"):
        find_residents(counter.desk(), "住")
    assert counter.told()[-1][:2] == ("find_resident", "refused")
    assert find_residents(counter.desk(), "") == ()


def test_the_cards_of_a_holder_are_shown_with_those_that_are_over(counter: Counter) -> None:
    [card] = show_cards(counter.desk(), counter.holder)
    assert (card.number, card.state) == (counter.number, LedgerState.ACTIVE)
    lose(counter)
    [card] = show_cards(counter.desk(), counter.holder)
    assert card.state is LedgerState.DAMAGED
    assert counter.uses()[-1].resident == PSEUDONYMS.resident(counter.code)
    with pytest.raises(UnknownResident):
        show_cards(counter.desk(), 4711)


def test_who_reads_the_log_does_not_look_up_residents(counter: Counter) -> None:
    with pytest.raises(OperatorRefused):
        find_residents(counter.desk(AUDITOR), "渡辺")
    with pytest.raises(OperatorRefused):
        show_cards(counter.desk(AUDITOR), counter.holder)
