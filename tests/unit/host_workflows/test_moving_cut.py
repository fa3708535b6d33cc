"""Moves on a card, two at once and cut everywhere: in no town never, in two ledgers never."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jukicard import Card
from jukihost.clock import MovableClock
from jukihost.ledger import (
    CardExists,
    LedgerState,
)
from jukihost.register import (
    CardThere,
)
from jukihost.workflows import (
    Task,
    continue_use,
    copy_by_card,
    move_in,
)
from tests.support.host.counters import PIN, Clerk
from tests.support.host.cuts import CUTS, Cut, Cutting, Trouble
from tests.support.host.movers import (
    HOME,
    Mover,
    announced,
    continued,
    moved,
)
from tests.support.host.residents import RESIDENT
from tests.support.host.towns import Towns

# -- two at once, and time that passes in the middle -----------------------------------------------


def test_of_two_terminals_with_one_card_number_one_goes_on(towns: Towns) -> None:
    """The second has a copy of the card, and is between the two ledgers while the first goes on."""
    announced(towns)
    moved(towns)
    copy = Card.restore(towns.here.card.snapshot())

    class Slow:
        """Registers through which the other terminal overtakes."""

        def __getattr__(self, name: str) -> Any:
            return getattr(towns.registers, name)

        def give_up_card(self, *args: Any) -> CardThere:
            there = towns.registers.give_up_card(*args)
            continued(towns)
            return there

    desk = towns.there.desk(talk=Clerk(PIN))
    desk.office = replace(desk.office, registers=Slow())
    with towns.there.on_desk(copy) as (hand, _), pytest.raises(CardExists):
        continue_use(desk, hand)
    assert towns.there.ledger(towns.here.number).state is LedgerState.ACTIVE
    outcomes = [one for one in towns.there.told() if one[0] == "continued_use"]
    assert sorted(outcome for _, outcome, _ in outcomes) == ["done", "refused"]


def test_an_operator_whose_log_in_ends_in_the_middle_finishes(
    towns: Towns, clock: MovableClock
) -> None:
    announced(towns)

    class Long(Clerk):
        """A holder who needs an hour to remember."""

        def secret(self, wanted: Any) -> str:
            clock.move(timedelta(hours=1))
            return super().secret(wanted)

    with towns.there.on_desk(towns.here.card) as (hand, _):
        assert not move_in(towns.there.desk(talk=Long(PIN)), hand, HOME).untold
    with towns.there.on_desk(towns.here.card) as (hand, _):
        assert continue_use(towns.there.desk(talk=Long(PIN)), hand).card == towns.here.number


# -- every cut -------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", CUTS)
def test_moving_in_cut_anywhere_leaves_nobody_in_no_town(towns: Towns, cut: Cut) -> None:
    mover = Mover(towns)
    if cut.puts_back:  # nothing of the card is changed: who puts it back begins again
        cut = replace(cut, puts_back=False)
    cutting = Cutting(
        mover.counter,
        Task.MOVE_IN,
        mover.announce,
        lambda desk, hand: move_in(desk, hand, HOME),
        mover.moved_in,
        (PIN,),
    )
    assert cutting.at_every_exchange(cut) > 10


@pytest.mark.parametrize("trouble", Trouble)
def test_moving_in_with_trouble_at_any_transaction(towns: Towns, trouble: Trouble) -> None:
    mover = Mover(towns)
    cutting = Cutting(
        mover.counter,
        Task.MOVE_IN,
        mover.announce,
        lambda desk, hand: move_in(desk, hand, HOME),
        mover.moved_in,
        (PIN,),
    )
    cutting.at_every_transaction(trouble)


@pytest.mark.parametrize("receipts", [True, False])
@pytest.mark.parametrize("cut", CUTS)
def test_p11_going_on_cut_anywhere_is_in_one_ledger(towns: Towns, cut: Cut, receipts: bool) -> None:
    mover = Mover(towns, receipts=receipts)
    cutting = Cutting(
        mover.counter, Task.CONTINUE_USE, mover.arrive, continue_use, mover.continued, (PIN, PIN)
    )
    assert cutting.at_every_exchange(cut) > 10


@pytest.mark.parametrize("trouble", Trouble)
def test_going_on_with_trouble_at_any_transaction(towns: Towns, trouble: Trouble) -> None:
    mover = Mover(towns)
    cutting = Cutting(
        mover.counter, Task.CONTINUE_USE, mover.arrive, continue_use, mover.continued, (PIN, PIN)
    )
    assert cutting.at_every_transaction(trouble) >= 3


# -- never through the prefecture ------------------------------------------------------------------


def test_p26_neither_copy_nor_move_nor_card_goes_through_the_prefecture(
    towns: Towns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jukihost.workflows.copying.make_pdf", lambda *_, **__: b"%PDF-")
    file = Path(str(towns.prefecture.engine.url.database))

    def theirs() -> bytes:
        return b"".join(one.read_bytes() for one in sorted(file.parent.glob(f"{file.name}*")))

    with towns.prefecture.read():
        before = theirs()
        with towns.there.on_desk(towns.here.card) as (hand, _):
            copy_by_card(towns.there.desk(talk=Clerk(PIN)), hand, household=True)
        announced(towns)
        moved(towns)
        continued(towns)
        assert theirs() == before
    for secret in (RESIDENT.code.reveal().encode(), RESIDENT.name.text.encode(), towns.here.number):
        assert secret not in before
