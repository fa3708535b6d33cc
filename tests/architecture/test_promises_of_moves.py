"""What was promised of cards that move, and of who holds them: docs/card.md, section 1."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import pytest

from jukihost.clock import MovableClock
from jukihost.ledger import LedgerState
from jukihost.models import CardForm
from jukihost.paper import Fields
from jukihost.register import AsReceived, Item
from jukihost.workflows import (
    CardExpired,
    Identified,
    Impossible,
    MovedOut,
    NewHome,
    Paper,
    Presented,
    announce_by_post,
    continue_use,
    copy_by_card,
    identify,
    move_in,
)
from tests.support.host.counters import PIN, Clerk, Counter
from tests.support.host.databases import clock, postgresql_server, sqlite_template
from tests.support.host.residents import OTHER_TOWN, RESIDENT, TOWN, code
from tests.support.host.towns import Towns, two_towns

__all__ = ["clock", "postgresql_server", "sqlite_template"]

TODAY: Final = date(2014, 4, 1)
LETTER: Final = Presented(papers=frozenset({Paper.PHOTO}))


@pytest.fixture
def towns(request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock) -> Iterator[Towns]:
    """Two towns, of which the first has the resident with a card."""
    with two_towns(request, tmp_path, clock, "sqlite") as towns:
        yield towns


def identified(counter: Counter) -> Identified:
    """Identify who has typed the PIN of the card at a counter."""
    with counter.on_desk() as (hand, _):
        return identify(counter.desk(talk=Clerk(PIN)), hand)


def moves(towns: Towns, visited: Counter, holder: int, day: date = TODAY) -> None:
    """Let the holder announce by post, and move in on the card."""
    announce_by_post(towns.here.desk(), [holder], day, LETTER)
    home = NewHome(AsReceived("大阪府交野市私部一丁目1番1号"), day)
    with visited.on_desk() as (hand, _):
        move_in(visited.desk(talk=Clerk(PIN)), hand, home)


def goes_on(visited: Counter) -> None:
    """Let the card go on in the other town."""
    with visited.on_desk() as (hand, _):
        continue_use(visited.desk(talk=Clerk(PIN)), hand)


def card_of(towns: Towns, seed: str, form: CardForm = CardForm.WITH_PHOTO) -> tuple[Counter, int]:
    """Give a Japanese resident a card; return the other town's counter with it, and the holder."""
    holder = towns.here.another_resident(seed, residence_until=None, alias=None, household=99)
    card, number = towns.here.issued_card(holder, code(seed).reveal(), form=form)
    visited = towns.visited()
    visited.card, visited.number = card, number
    return visited, holder


def test_p9_the_terminal_takes_a_card_for_ten_years_and_no_day_longer(
    towns: Towns, clock: MovableClock
) -> None:
    visited, _ = card_of(towns, "ten years")
    last = date(2024, 3, 31)
    clock.move(timedelta(days=(last - TODAY).days))
    assert identified(visited).expires == last
    clock.move(timedelta(days=1))
    with pytest.raises(CardExpired):
        identified(visited)


@pytest.mark.parametrize("form", CardForm)
def test_p10_both_forms_pass_the_same_procedures(
    towns: Towns, monkeypatch: pytest.MonkeyPatch, form: CardForm
) -> None:
    monkeypatch.setattr("jukihost.workflows.copying.make_pdf", lambda *_, **__: b"%PDF-")
    visited, holder = card_of(towns, "a face", form)
    assert identified(visited).form is form
    with visited.on_desk() as (hand, _):
        assert copy_by_card(visited.desk(talk=Clerk(PIN)), hand).pdf
    moves(towns, visited, holder)
    goes_on(visited)
    assert identified(visited).form is form


def test_p11_after_moving_out_only_moving_in_works_and_then_the_card_goes_on(
    towns: Towns, clock: MovableClock
) -> None:
    visited, holder = card_of(towns, "moves")
    moves(towns, visited, holder)
    for _ in range(2):
        with pytest.raises(MovedOut):
            identified(visited)
    clock.move(timedelta(days=90))
    goes_on(visited)
    assert identified(visited).town == OTHER_TOWN
    assert towns.here.ledger(visited.number).state is LedgerState.TRANSFERRED


def test_p11_after_90_days_it_does_not(towns: Towns, clock: MovableClock) -> None:
    visited, holder = card_of(towns, "is late")
    moves(towns, visited, holder)
    clock.move(timedelta(days=91))
    with pytest.raises(Impossible, match="90 days"):
        goes_on(visited)


def test_p12_a_copy_in_another_town_by_card_and_pin_without_family_register(
    towns: Towns, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []

    def draw(_: str, blocks: list[object], **__: object) -> bytes:
        shown.extend(text for one in blocks if isinstance(one, Fields) for _, text in one.rows)
        return b"%PDF-"

    monkeypatch.setattr("jukihost.workflows.copying.make_pdf", draw)
    visited = towns.visited()
    with visited.on_desk() as (hand, _):
        copy = copy_by_card(visited.desk(talk=Clerk(PIN)), hand)
    assert copy.town == TOWN
    assert RESIDENT.name.text in shown
    assert not {Item.DOMICILE, Item.FAMILY_HEAD, Item.CODE} & copy.members[0].values.keys()


@pytest.mark.parametrize(("late", "goes"), [(14, True), (15, False)])
def test_p13_a_letter_and_one_visit_with_the_card(
    towns: Towns, clock: MovableClock, late: int, goes: bool
) -> None:
    visited, holder = card_of(towns, "writes")
    announce_by_post(towns.here.desk(), [holder], TODAY, LETTER)
    clock.move(timedelta(days=late))
    home = NewHome(AsReceived("大阪府交野市私部一丁目1番1号"), TODAY)
    with visited.on_desk() as (hand, _):
        if goes:
            arrived = move_in(visited.desk(talk=Clerk(PIN)), hand, home)
            assert (arrived.origin, arrived.untold) == (TOWN, False)
        else:
            with pytest.raises(Impossible, match="14 days"):
                move_in(visited.desk(talk=Clerk(PIN)), hand, home)


def test_p21_a_foreign_residents_card_is_good_to_the_last_day_of_their_stay(
    towns: Towns, clock: MovableClock
) -> None:
    last = RESIDENT.residence_until
    assert last is not None
    clock.move(timedelta(days=(last - TODAY).days))
    for counter in (towns.here, towns.visited()):
        assert identified(counter).expires == last
    clock.move(timedelta(days=1))
    for counter in (towns.here, towns.visited()):
        with pytest.raises(CardExpired):
            identified(counter)


def test_p26_no_byte_of_it_is_at_the_prefecture(
    towns: Towns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jukihost.workflows.copying.make_pdf", lambda *_, **__: b"%PDF-")
    file = Path(str(towns.prefecture.engine.url.database))
    visited = towns.visited()
    with towns.prefecture.read():
        before = {one.name: one.read_bytes() for one in file.parent.glob(f"{file.name}*")}
        with visited.on_desk() as (hand, _):
            copy_by_card(visited.desk(talk=Clerk(PIN)), hand)
        moves(towns, visited, towns.here.holder)
        goes_on(visited)
        after = {one.name: one.read_bytes() for one in file.parent.glob(f"{file.name}*")}
    assert after == before
    assert RESIDENT.name.text.encode() not in b"".join(after.values())
