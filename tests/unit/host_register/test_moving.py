"""Moves: announced here, asked for there, entered once, told as often as it takes; cards along."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest

from jukihost.clock import MovableClock
from jukihost.database import Database, open_database
from jukihost.errors import TerminalError
from jukihost.ledger import (
    STANDINGS,
    By,
    CardAct,
    CardExists,
    IntentOpen,
    LedgerState,
    NotAllowed,
    PersonAct,
    Reason,
    ReceiptGap,
    UnknownCard,
    find_card,
    find_intent,
    gaps,
    move_card,
    open_intent,
    take_over_card,
)
from jukihost.models import ResidentCode
from jukihost.register import (
    AddressRestricted,
    Asking,
    AsReceived,
    Body,
    CardSeen,
    ChangeReason,
    HolderDiffers,
    Item,
    LocalRegisters,
    NotAnnounced,
    ProvisionRefused,
    Registers,
    ResidentExists,
    RestrictionKind,
    UnknownResident,
    Use,
    Used,
    announce_move,
    close_record,
    enter_mover,
    former_values,
    known_resident,
    last_arrival,
    note_arrival,
    note_told,
    restrict,
    show_resident,
    untold_arrivals,
    withdraw_move,
)
from tests.support.host.databases import KINDS, NOON, made
from tests.support.host.ledgers import BY, card_that_is, new_card, read_card
from tests.support.host.residents import (
    APPROVED,
    COUNTER,
    OTHER_TOWN,
    RESIDENT,
    TOWN,
    another,
    code,
    entered,
    supervised,
)

AWAY: Final = By("clerk-9", "osaka-3", NOON)
MOVING: Final = Asking(AWAY, Body.OTHER_TOWN, Use.MOVE_IN, town=OTHER_TOWN)
COPYING: Final = replace(MOVING, use=Use.WIDE_AREA)
SEEING: Final = replace(MOVING, use=Use.CARD_SEEN)
DAY: Final = date(2014, 4, 20)
IDENTIFIER: Final = bytes(range(16))
NUMBER: Final = (1).to_bytes(8, "big")


@dataclass
class Towns:
    """A town, another one, and what was noted at either."""

    here: Database
    there: Database
    registers: LocalRegisters
    noted: list[Used]


def bytes_at(prefecture: Database) -> dict[str, bytes]:
    """Every byte of the prefecture's database: its file, and what lies beside it."""
    place = Path(str(prefecture.engine.url.database))
    return {one.name: one.read_bytes() for one in place.parent.glob(f"{place.name}*")}


@pytest.fixture(params=KINDS)
def towns(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Towns]:
    """Two towns; whatever they tell each other, no byte at the prefecture is another afterwards."""
    with ExitStack() as stack:
        here, there, prefecture = (
            stack.enter_context(
                open_database(
                    stack.enter_context(made(kind, request, tmp_path)),
                    clock=MovableClock(NOON),
                    terminal="counter-1",
                )
            )
            for kind in (request.param, "sqlite", "sqlite")
        )
        noted: list[Used] = []
        registers = LocalRegisters(
            {TOWN: here, OTHER_TOWN: there}, prefecture, lambda _, used: noted.append(used)
        )
        stack.enter_context(prefecture.read())  # so that nobody tidies up meanwhile
        before = bytes_at(prefecture)
        yield Towns(here, there, registers, noted)
        assert bytes_at(prefecture) == before


def test_all_that_goes_from_town_to_town_is_asked_beside_a_watched_prefecture() -> None:
    """Here, but for what `test_registers` asks: copy and record, byte for byte."""
    every = {name for name, _ in inspect.getmembers(Registers, inspect.isfunction)}
    here = set(re.findall(r"registers\.(\w+)\(", Path(__file__).read_text("utf-8")))
    assert {name for name in every if not name.startswith("_")} == here | {
        *("copy_of_record", "moving_record"),
        *("notify", "identity"),  # these are the prefecture's
    }


def family(towns: Towns) -> tuple[int, int, int]:
    """Enter a household of two, and somebody of another one."""
    return (
        entered(towns.here),
        entered(towns.here, **another("wife", relation="妻", born=date(1975, 1, 2))),
        entered(towns.here, **another("neighbour", household=8)),
    )


def announced(towns: Towns, *who: int, day: date = DAY) -> None:
    with towns.here.begin() as connection:
        announce_move(connection, who, day, BY)


# -- announced, and asked for ----------------------------------------------------------------------


def test_who_moves_together_is_told_together_each_in_the_log(towns: Towns) -> None:
    head, wife, _ = family(towns)
    announced(towns, head, wife)
    moving = towns.registers.announced_move(TOWN, code("wife"), MOVING)
    assert moving.announced == DAY
    assert [one.resident for one in moving.members] == [wife, head]
    assert moving.members[0].values.keys() == set(Item)
    both = sorted((code("wife"), RESIDENT.code), key=ResidentCode.reveal)
    assert [used.code for used in towns.noted] == both, "in the order of their codes"
    assert {(used.what, used.town) for used in towns.noted} == {("announced_move", TOWN)}


def test_a_move_is_announced_anew_or_withdrawn(towns: Towns) -> None:
    head, wife, _ = family(towns)
    announced(towns, head, wife)
    later = date(2014, 5, 1)
    announced(towns, wife, day=later)
    moving = towns.registers.announced_move(TOWN, code("wife"), MOVING)
    assert (moving.announced, len(moving.members)) == (later, 1)
    assert len(towns.registers.announced_move(TOWN, RESIDENT.code, MOVING).members) == 1
    with towns.here.begin() as connection:
        withdraw_move(connection, wife, BY)
    with pytest.raises(NotAnnounced, match="on paper"):
        towns.registers.announced_move(TOWN, code("wife"), MOVING)
    with towns.here.begin() as connection, pytest.raises(NotAnnounced):
        withdraw_move(connection, wife, BY)


@pytest.mark.parametrize("who", [(), (1, 3), (1, 99), (4,)])
def test_only_one_household_moves_together(towns: Towns, who: tuple[int, ...]) -> None:
    family(towns)
    closed = entered(towns.here, **another("closed"))
    with towns.here.begin() as connection:
        record = show_resident(connection, closed, COUNTER)
        close_record(connection, record, ChangeReason.DIED, DAY, BY)
    with pytest.raises(UnknownResident):
        announced(towns, *who)
    with pytest.raises(NotAnnounced):
        towns.registers.announced_move(TOWN, RESIDENT.code, MOVING)


def test_who_died_meanwhile_does_not_move(towns: Towns) -> None:
    head, wife, _ = family(towns)
    announced(towns, head, wife)
    with towns.here.begin() as connection:
        record = show_resident(connection, wife, COUNTER)
        close_record(connection, record, ChangeReason.DIED, DAY, BY)
    moving = towns.registers.announced_move(TOWN, RESIDENT.code, MOVING)
    assert [one.resident for one in moving.members] == [head]


def test_a_restriction_is_told_along_and_ends_in_the_old_town(towns: Towns) -> None:
    supervised(towns.here)
    head, wife, _ = family(towns)
    with towns.here.begin() as connection:
        restrict(connection, [wife], RestrictionKind.VIOLENCE, date(2015, 3, 31), BY)
    announced(towns, head, wife)
    moving = towns.registers.announced_move(TOWN, RESIDENT.code, MOVING)
    assert all(one.restricted for one in moving.members)
    with pytest.raises(AddressRestricted, match="own town"):
        towns.registers.household_copy(TOWN, RESIDENT.code, COPYING)


# -- moved in --------------------------------------------------------------------------------------


def test_the_old_town_is_told_as_often_as_it_takes_and_closes_once(towns: Towns) -> None:
    head, _, _ = family(towns)
    announced(towns, head)
    for _ in range(3):
        towns.registers.moved_in(TOWN, RESIDENT.code, DAY, MOVING)
    with towns.here.read() as connection:
        assert known_resident(connection, head).closed == DAY
    assert [used.done for used in towns.noted] == [True] * 3
    for wrong in (RESIDENT.code, code("nobody")):
        with pytest.raises(UnknownResident):
            towns.registers.moved_in(TOWN, wrong, date(2014, 4, 21), MOVING)
    with pytest.raises(NotAnnounced), towns.here.begin() as connection:
        withdraw_move(connection, head, BY)


def test_who_comes_back_has_their_record_opened_again(towns: Towns) -> None:
    head, _, _ = family(towns)
    towns.registers.moved_in(TOWN, RESIDENT.code, DAY, MOVING)
    back = replace(
        RESIDENT,
        address=AsReceived("東京都千代田区永田町一丁目"),
        household=77,
        changed=date(2014, 6, 1),
        domicile=None,
        family_head=None,
    )
    with towns.here.begin() as connection:
        assert enter_mover(connection, back, BY) == head
    supervised(towns.here)
    with towns.here.read() as connection:
        record = show_resident(connection, head, COUNTER)
        history = former_values(connection, head, APPROVED)
    assert (record[Item.ADDRESS], record[Item.DOMICILE]) == (back.address, None)
    assert [one[Item.REASON] for _, one in history] == [
        ChangeReason.MOVED_IN,
        ChangeReason.MOVED_OUT,
        ChangeReason.MOVED_IN,
    ]
    with towns.here.begin() as connection, pytest.raises(ResidentExists):
        enter_mover(connection, back, BY)


def test_a_new_mover_is_entered_as_anybody(towns: Towns) -> None:
    with towns.there.begin() as connection:
        number = enter_mover(connection, replace(RESIDENT, municipality=OTHER_TOWN), BY)
    with towns.there.read() as connection:
        assert show_resident(connection, number, COUNTER)[Item.FAMILY_HEAD] == RESIDENT.family_head


def test_an_arrival_is_untold_until_it_was_told(towns: Towns) -> None:
    head, _, _ = family(towns)
    with towns.here.begin() as connection:
        assert last_arrival(connection, head) is None
        note_arrival(connection, head, OTHER_TOWN, DAY, date(2014, 4, 10), BY)
    with towns.here.begin() as connection:
        (arrival,) = untold_arrivals(connection)
        assert (arrival.origin, arrival.moved, arrival.announced) == (
            OTHER_TOWN,
            DAY,
            date(2014, 4, 10),
        )
        assert (arrival.code, arrival.notified) == (RESIDENT.code, date(2014, 4, 1))
        assert RESIDENT.code.reveal() not in repr(arrival)
        note_told(connection, arrival, BY)
        note_told(connection, arrival, BY)
        assert untold_arrivals(connection) == []
        assert last_arrival(connection, head) == replace(arrival, told=True)


# -- copies elsewhere ------------------------------------------------------------------------------


def test_a_household_copy_is_of_the_same_household_alone_without_family_items(
    towns: Towns,
) -> None:
    head, wife, _ = family(towns)
    copy = towns.registers.household_copy(TOWN, code("wife"), COPYING)
    assert [one.resident for one in copy] == [wife, head]
    for one in copy:
        assert not {Item.DOMICILE, Item.FAMILY_HEAD, Item.CODE} & one.values.keys()
    assert {used.code for used in towns.noted} == {RESIDENT.code, code("wife")}
    with pytest.raises(ProvisionRefused):
        towns.registers.household_copy(TOWN, RESIDENT.code, MOVING)


# -- cards -----------------------------------------------------------------------------------------


def card_here(towns: Towns, standing: str = "active", **wishes: Any) -> int:
    """Enter the resident, and their card as it should be."""

    (wanted,) = (one for one in STANDINGS if str(one) == standing)
    holder = entered(towns.here, **wishes)
    card_that_is(towns.here, wanted)
    assert holder == 1
    return holder


def test_a_card_is_told_of_and_nothing_of_its_holder(towns: Towns) -> None:
    card_here(towns, residence_until=None)
    there = towns.registers.card_seen(TOWN, CardSeen(NUMBER, False, 0), SEEING)
    assert (there.state, there.municipality, there.undecided) == (LedgerState.ACTIVE, TOWN, False)
    assert there.expires == date(2024, 3, 31)
    assert not there.expired(date(2024, 3, 31))
    assert there.expired(date(2024, 4, 1))
    (used,) = towns.noted
    assert (used.card, used.code, used.town) == (NUMBER, RESIDENT.code, TOWN)


def test_an_unknown_card_is_refused_and_noted(towns: Towns) -> None:
    with pytest.raises(UnknownCard):
        towns.registers.card_seen(TOWN, CardSeen(NUMBER, False), SEEING)
    (used,) = towns.noted
    assert (used.done, used.card, used.code) == (False, NUMBER, None)


@pytest.mark.parametrize(
    "asking",
    [
        MOVING,
        COPYING,
        replace(SEEING, town=""),
        *(replace(SEEING, body=body) for body in Body if body is not Body.OTHER_TOWN),
    ],
)
def test_what_a_ledger_says_is_for_other_towns_and_this_purpose(
    towns: Towns, asking: Asking
) -> None:
    card_here(towns, "moved_out")
    registers = towns.registers
    uses: list[Callable[[], object]] = [
        lambda: registers.card_seen(TOWN, CardSeen(NUMBER, False, 0), asking),
        lambda: registers.check_holder(TOWN, NUMBER, RESIDENT.code, asking),
        lambda: registers.begin_stop(TOWN, NUMBER, IDENTIFIER, asking),
        lambda: registers.give_up_card(TOWN, NUMBER, RESIDENT.code, asking),
    ]
    for use in uses:
        with pytest.raises(ProvisionRefused):
            use()
    assert [used.done for used in towns.noted] == [False] * len(uses)


def test_a_gap_seen_elsewhere_is_an_alarm_at_home(towns: Towns) -> None:
    card_here(towns)
    for _ in range(2):
        with pytest.raises(ReceiptGap):
            towns.registers.card_seen(TOWN, CardSeen(NUMBER, False, 9, IDENTIFIER), SEEING)
    with towns.here.read() as connection:
        (gap,) = gaps(connection)
    assert (gap.card, gap.said_receipt, gap.operator) == (NUMBER, 9, "clerk-9")


def test_the_holder_is_compared_at_home(towns: Towns) -> None:
    card_here(towns)
    towns.registers.check_holder(TOWN, NUMBER, RESIDENT.code, SEEING)
    with pytest.raises(HolderDiffers, match="keep the card"):
        towns.registers.check_holder(TOWN, NUMBER, code("other"), SEEING)


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("did", [True, False])
def test_a_stop_elsewhere_is_settled_by_what_the_card_says(
    towns: Towns, keeps: bool, did: bool
) -> None:
    card_here(towns, "suspended, returns to active")
    towns.registers.begin_stop(TOWN, NUMBER, IDENTIFIER, SEEING)
    with pytest.raises(IntentOpen):
        towns.registers.begin_stop(TOWN, NUMBER, bytes(16), SEEING)
    receipt = (1, IDENTIFIER) if did else (0, b"")
    seen = CardSeen(NUMBER, did, *receipt) if keeps else CardSeen(NUMBER, did)
    there = towns.registers.card_seen(TOWN, seen, SEEING)
    assert (there.undecided, there.state) == (False, LedgerState.SUSPENDED)
    assert there.receipt == (1 if did else 0)
    with towns.here.read() as connection:
        assert find_intent(connection, NUMBER) is None


def test_an_active_card_is_not_stopped_from_elsewhere(towns: Towns) -> None:
    card_here(towns)
    with pytest.raises(NotAllowed):
        towns.registers.begin_stop(TOWN, NUMBER, IDENTIFIER, SEEING)


def test_what_its_own_town_began_is_not_settled_elsewhere(towns: Towns) -> None:
    card_here(towns, "moved_out")
    with towns.here.begin() as connection:
        card = find_card(connection, NUMBER)
        open_intent(connection, card, IDENTIFIER, "move_out", BY)
    there = towns.registers.card_seen(TOWN, CardSeen(NUMBER, False, 1, IDENTIFIER), SEEING)
    assert there.undecided
    with pytest.raises(IntentOpen):
        towns.registers.give_up_card(TOWN, NUMBER, RESIDENT.code, SEEING)


def test_a_card_is_given_up_once_and_to_one_town(towns: Towns) -> None:
    card_here(towns, "moved_out")
    for _ in range(3):
        there = towns.registers.give_up_card(TOWN, NUMBER, RESIDENT.code, SEEING)
        assert (there.state, there.municipality) == (LedgerState.TRANSFERRED, OTHER_TOWN)
    with pytest.raises(NotAllowed):
        towns.registers.give_up_card(TOWN, NUMBER, RESIDENT.code, replace(SEEING, town="14100"))
    card = read_card(towns.here)
    for act in (*PersonAct, *CardAct):
        if act is not PersonAct.TAKE_OVER:
            with towns.here.begin() as connection, pytest.raises(NotAllowed):
                move_card(connection, card, act, Reason.MOVED_IN, BY)


@pytest.mark.parametrize("standing", ["active", "suspended, returns to moved_out", "lost"])
def test_only_a_card_that_moved_out_is_given_up(towns: Towns, standing: str) -> None:
    card_here(towns, standing)
    with pytest.raises(NotAllowed):
        towns.registers.give_up_card(TOWN, NUMBER, RESIDENT.code, SEEING)


def test_a_card_is_given_up_for_its_holder_alone(towns: Towns) -> None:
    card_here(towns, "moved_out")
    with pytest.raises(HolderDiffers):
        towns.registers.give_up_card(TOWN, NUMBER, code("other"), SEEING)
    assert read_card(towns.here).state is LedgerState.MOVED_OUT


def test_a_card_comes_back_into_the_ledger_that_had_given_it_up(towns: Towns) -> None:
    holder = card_here(towns, "moved_out")
    towns.registers.give_up_card(TOWN, NUMBER, RESIDENT.code, SEEING)
    with towns.here.begin() as connection:
        back = take_over_card(connection, new_card(1, holder), BY, receipt=7, intent=IDENTIFIER)
    assert (back.state, back.municipality, back.receipt) == (LedgerState.MOVED_OUT, TOWN, 7)
    assert read_card(towns.here) == back
    with towns.here.begin() as connection, pytest.raises(CardExists):
        take_over_card(connection, new_card(1, holder), BY)


def test_a_town_that_is_not_known_has_nothing(towns: Towns) -> None:
    uses: list[Callable[[], object]] = [
        lambda: towns.registers.announced_move("99999", RESIDENT.code, MOVING),
        lambda: towns.registers.card_seen("99999", CardSeen(NUMBER, False), SEEING),
    ]
    for use in uses:
        with pytest.raises(TerminalError):
            use()
