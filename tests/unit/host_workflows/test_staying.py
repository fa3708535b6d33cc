"""A move that did not take place is taken back: the card is in use again; cut everywhere."""

from __future__ import annotations

import pytest

from jukihost.ledger import LedgerState, gaps
from jukihost.models import Residence
from jukihost.register import NotAnnounced
from jukihost.workflows import (
    Continued,
    Impossible,
    MovedOut,
    Task,
    announce_by_post,
    identify,
    stay,
)
from tests.support.host.counters import PIN, Clerk, Counter
from tests.support.host.cuts import CUTS, Cut, Cutting, Trouble
from tests.support.host.movers import LETTER, TODAY, announced, moved, residence
from tests.support.host.residents import TOWN
from tests.support.host.towns import Towns


def stayed(counter: Counter) -> Continued:
    with counter.on_desk() as (hand, _):
        return stay(counter.desk(talk=Clerk(PIN)), hand)


@pytest.mark.parametrize("seen", [False, True])
def test_who_stays_has_their_card_in_use_again(towns: Towns, seen: bool) -> None:
    announced(towns)
    if seen:
        with towns.here.on_desk() as (hand, _), pytest.raises(MovedOut):
            identify(towns.here.desk(talk=Clerk(PIN)), hand)
    assert stayed(towns.here).origin == TOWN
    assert towns.here.ledger().state is LedgerState.ACTIVE
    assert residence(towns.here, towns.here.card) == (TOWN, Residence.RESIDENT)
    with towns.here.on_desk() as (hand, _):
        assert identify(towns.here.desk(talk=Clerk(PIN)), hand).code == towns.here.code
    with pytest.raises(NotAnnounced):
        moved(towns)
    with pytest.raises(Impossible, match="in use already"):
        stayed(towns.here)


def test_who_has_moved_in_elsewhere_does_not_stay(towns: Towns) -> None:
    announced(towns)
    moved(towns)
    with pytest.raises(Impossible, match="elsewhere"):
        stayed(towns.here)
    assert towns.here.ledger().state is LedgerState.MOVED_OUT


def cutting(counter: Counter) -> Cutting:
    """Staying, announced anew before each cut, and finished after it."""

    def prepare() -> None:
        if counter.ledger().state is LedgerState.ACTIVE:
            announce_by_post(counter.desk(), [counter.holder], TODAY, LETTER)

    def check(done: bool) -> None:
        assert not done or counter.ledger().state is LedgerState.ACTIVE
        if counter.ledger().state is not LedgerState.ACTIVE:
            stayed(counter)
        assert residence(counter, counter.card) == (TOWN, Residence.RESIDENT)
        with counter.database.read() as connection:
            assert gaps(connection) == []

    return Cutting(counter, Task.CONTINUE_USE, prepare, stay, check, (PIN, PIN))


@pytest.mark.parametrize("cut", CUTS)
def test_staying_cut_anywhere_is_finished_or_begun_again(counter: Counter, cut: Cut) -> None:
    assert cutting(counter).at_every_exchange(cut) > 10


@pytest.mark.parametrize("trouble", Trouble)
def test_staying_with_trouble_at_any_transaction(counter: Counter, trouble: Trouble) -> None:
    assert cutting(counter).at_every_transaction(trouble) >= 3
