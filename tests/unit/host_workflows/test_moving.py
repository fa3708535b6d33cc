"""Moves on a card: by post, one visit, and going on in the new town; every cut of it, both ways."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest

from jukicard import Card
from jukihost.clock import MovableClock
from jukihost.database.errors import DatabaseAway
from jukihost.errors import PinBlocked, TerminalError
from jukihost.ledger import (
    By,
    CardAct,
    CardExists,
    HasCard,
    LedgerState,
    NewCard,
    PersonAct,
    Reason,
    enter_card,
    gaps,
    move_card,
)
from jukihost.models import CardForm, Residence
from jukihost.register import (
    Asking,
    AsReceived,
    Body,
    CardThere,
    Item,
    NotAnnounced,
    RestrictionKind,
    UnknownResident,
    Use,
    announce_move,
    enter_mover,
    known_by_code,
    note_arrival,
    restrict,
    show_by_code,
    untold_arrivals,
    withdraw_move,
)
from jukihost.workflows import (
    CardExpired,
    CardStopped,
    Continued,
    Impossible,
    MovedIn,
    MovedOut,
    NewHome,
    Paper,
    Presented,
    PresentedBy,
    SupervisorDecides,
    Task,
    announce_by_post,
    continue_use,
    copy_by_card,
    identify,
    move_in,
    tell_old_towns,
)
from tests.support.host.counters import CLERK, PIN, SUPERVISOR, Clerk, Counter
from tests.support.host.cuts import CUTS, Cut, Cutting, Trouble
from tests.support.host.residents import OTHER_TOWN, RESIDENT, TOWN, code
from tests.support.host.towns import Towns

TODAY: Final = date(2014, 4, 1)
LETTER: Final = Presented(papers=frozenset({Paper.PHOTO}))
ADDRESS: Final = AsReceived("大阪府交野市私部一丁目1番1号")
HOME: Final = NewHome(ADDRESS, TODAY)
_seeds: Final = count()


def announced(towns: Towns, *members: int, day: date = TODAY) -> None:
    announce_by_post(towns.here.desk(), members or (towns.here.holder,), day, LETTER)


def moved(towns: Towns, home: NewHome = HOME, *, pin: str = PIN, **wishes: Any) -> MovedIn:
    with towns.there.on_desk(towns.here.card) as (hand, _):
        return move_in(towns.there.desk(talk=Clerk(pin, pin, pin)), hand, home, **wishes)


def continued(towns: Towns, *, pin: str = PIN, **wishes: Any) -> Continued:
    with towns.there.on_desk(towns.here.card) as (hand, _):
        return continue_use(towns.there.desk(talk=Clerk(pin, pin, pin)), hand, **wishes)


def days(clock: MovableClock, number: int) -> None:
    clock.move(timedelta(days=number))


def residence(counter: Counter, card: Card) -> tuple[str, Residence]:
    """What a card itself says: the town in it, and whether its holder lives there."""
    with counter.on_desk(card) as (hand, _), hand.session(counter.desk()) as juki:
        return juki.card_info().municipality, juki.residence()


def is_open(counter: Counter, who: str | None = None) -> bool:
    """Whether a town has an open record of the mover."""
    with counter.database.read() as connection:
        try:
            known_by_code(connection, RESIDENT.code if who is None else code(who))
        except UnknownResident:
            return False
    return True


# -- by post ---------------------------------------------------------------------------------------


def test_p13_a_move_is_announced_by_post_and_the_card_moves_out(towns: Towns) -> None:
    wife = towns.here.another_resident("wife", relation="妻")
    announced(towns, towns.here.holder, wife)
    assert towns.here.ledger().state is LedgerState.MOVED_OUT
    assert towns.here.told() == [("move_out", "done", "")]
    assert residence(towns.here, towns.here.card) == (TOWN, Residence.RESIDENT)
    for _ in range(2):
        with towns.here.on_desk() as (hand, _), pytest.raises(MovedOut):
            identify(towns.here.desk(talk=Clerk(PIN)), hand)
        assert residence(towns.here, towns.here.card) == (TOWN, Residence.MOVED_OUT)


def test_a_suspended_card_moves_out_too_where_another_is_in_use(towns: Towns) -> None:
    wife = towns.here.another_resident("wife", relation="妻")
    _, number = towns.here.issued_card(wife, code("wife").reveal())
    by = By.at_terminal(towns.here.database, CLERK)
    with towns.here.database.begin() as connection:
        move_card(connection, towns.here.ledger(), PersonAct.SUSPEND, Reason.MISSING, by)
    announced(towns, towns.here.holder, wife)
    assert str(towns.here.ledger().standing) == "suspended, returns to moved_out"
    assert towns.here.ledger(number).state is LedgerState.MOVED_OUT


@pytest.mark.parametrize(
    ("by", "papers", "error"),
    [
        (PresentedBy.HOLDER, {Paper.OTHER}, None),
        (PresentedBy.HOUSEHOLD, {Paper.PHOTO}, None),
        (PresentedBy.HOLDER, set(), Impossible),
        (PresentedBy.PROXY, {Paper.LETTER_OF_ATTORNEY}, SupervisorDecides),
    ],
)
def test_who_may_write(
    towns: Towns, by: PresentedBy, papers: set[Paper], error: type[TerminalError] | None
) -> None:
    presented = Presented(by, frozenset(papers))
    if error is None:
        announce_by_post(towns.here.desk(), [towns.here.holder], TODAY, presented)
        return
    with pytest.raises(error):
        announce_by_post(towns.here.desk(), [towns.here.holder], TODAY, presented)
    assert towns.here.ledger().state is LedgerState.ACTIVE


def test_without_a_card_in_use_a_move_needs_paper(towns: Towns) -> None:
    alone = towns.here.another_resident("alone", household=9)
    for members in ([alone], []):
        with pytest.raises(Impossible):
            announce_by_post(towns.here.desk(), members, TODAY, LETTER)
    moved_card = towns.here.ledger()
    by = By.at_terminal(towns.here.database, CLERK)
    with towns.here.database.begin() as connection:
        move_card(connection, moved_card, PersonAct.REPORT_LOST, Reason.NOT_FOUND, by)
    with pytest.raises(Impossible, match="on paper"):
        announced(towns)


def test_a_letter_of_who_is_protected_is_decided_about(towns: Towns) -> None:
    by = By.at_terminal(towns.here.database, CLERK)
    with towns.here.database.begin() as connection:
        restrict(connection, [1], RestrictionKind.VIOLENCE, date(2015, 3, 31), by)
    with pytest.raises(SupervisorDecides):
        announced(towns)
    desk = towns.here.desk()
    desk.supervisor = towns.here.desk(SUPERVISOR).duty
    announce_by_post(desk, [towns.here.holder], TODAY, LETTER)
    assert towns.here.told()[-1] == ("move_out", "done", f"decided by {SUPERVISOR}")
    assert moved(towns).restricted, "it does not move along, and is told"
    asking = Asking(By.at_terminal(towns.there.database, CLERK), Body.COUNTER, Use.PROCEDURE)
    with towns.there.database.read() as connection:
        assert not show_by_code(connection, RESIDENT.code, asking).restricted


# -- moving in -------------------------------------------------------------------------------------


def test_p13_one_visit_with_the_card_of_one_moves_the_household(towns: Towns) -> None:
    wife = towns.here.another_resident("wife", relation="妻", residence_until=None)
    towns.here.another_resident("son who stays", relation="子")
    announced(towns, wife, towns.here.holder)
    arrived = moved(towns)
    assert (arrived.origin, len(arrived.members), arrived.restricted, arrived.untold) == (
        TOWN,
        2,
        False,
        False,
    )
    asking = Asking(By.at_terminal(towns.there.database, CLERK), Body.COUNTER, Use.PROCEDURE)
    with towns.there.database.read() as connection:
        head, her = (show_by_code(connection, one, asking) for one in (RESIDENT.code, code("wife")))
        assert untold_arrivals(connection) == []
    for item in (Item.NAME, Item.BORN, Item.ALIAS, Item.DOMICILE, Item.RESIDENCE_UNTIL):
        assert head[item] == getattr(RESIDENT, item.value)
    assert head[Item.ADDRESS] == her[Item.ADDRESS] == ADDRESS
    assert head[Item.HOUSEHOLD] == her[Item.HOUSEHOLD] != RESIDENT.household
    assert (head.municipality, head[Item.CHANGED]) == (OTHER_TOWN, TODAY)
    assert [is_open(towns.here, who) for who in (None, "wife", "son who stays")] == [
        False,
        False,
        True,
    ]
    assert towns.there.told() == [("move_in", "done", "")]


def test_who_joins_a_household_says_so(towns: Towns) -> None:
    announced(towns)
    moved(towns, NewHome(ADDRESS, TODAY, household=7, relation="同居人"))
    asking = Asking(By.at_terminal(towns.there.database, CLERK), Body.COUNTER, Use.PROCEDURE)
    with towns.there.database.read() as connection:
        record = show_by_code(connection, RESIDENT.code, asking)
    assert (record[Item.HOUSEHOLD], record[Item.RELATION]) == (7, "同居人")


@pytest.mark.parametrize(
    ("since_moving", "since_announced", "goes"),
    [(14, 30, True), (0, 0, True), (15, 15, False), (14, 31, False), (-1, 5, False), (3, -5, True)],
)
def test_p13_within_14_days_of_moving_and_30_of_the_announced_day(
    towns: Towns, clock: MovableClock, since_moving: int, since_announced: int, goes: bool
) -> None:
    announced(towns, day=TODAY + timedelta(days=40 - since_announced))
    days(clock, 40)
    home = NewHome(ADDRESS, TODAY + timedelta(days=40 - since_moving))
    if goes:
        assert moved(towns, home).members
    else:
        with pytest.raises(Impossible):
            moved(towns, home)
        assert is_open(towns.here)
        assert not is_open(towns.there)


def test_without_an_announcement_nobody_moves_on_a_card(towns: Towns) -> None:
    with pytest.raises(NotAnnounced, match="on paper"):
        moved(towns)
    announced(towns)
    with towns.here.database.begin() as connection:
        withdraw_move(connection, 1, By.at_terminal(towns.here.database, CLERK))
    with pytest.raises(NotAnnounced):
        moved(towns)


def test_a_wrong_pin_moves_nobody(towns: Towns) -> None:
    announced(towns)
    with pytest.raises(PinBlocked):
        moved(towns, pin="0000")
    assert not is_open(towns.there)


def test_a_card_is_of_another_town_or_it_moves_nobody_in(towns: Towns) -> None:
    announced(towns)
    with towns.here.on_desk() as (hand, _), pytest.raises(Impossible, match="has not left"):
        move_in(towns.here.desk(talk=Clerk(PIN)), hand, HOME)


@pytest.mark.parametrize("presented", [Presented(), Presented(PresentedBy.PROXY)])
def test_who_moves_in_on_a_card_shows_it(towns: Towns, presented: Presented) -> None:
    announced(towns)
    with pytest.raises(Impossible):
        moved(towns, presented=presented)


def test_twice_is_once(towns: Towns) -> None:
    announced(towns)
    moved(towns)
    with pytest.raises(TerminalError):
        moved(towns)
    assert len(towns.there.told()) == 2
    assert is_open(towns.there)
    assert not is_open(towns.here)


def test_an_old_town_out_of_reach_is_told_later(towns: Towns) -> None:
    announced(towns)
    there = towns.visited()

    class Deaf:
        """Registers whose `moved_in` comes to nobody."""

        def __getattr__(self, name: str) -> Any:
            return getattr(towns.registers, name)

        def moved_in(self, *_: object) -> None:
            raise DatabaseAway

    desk = there.desk(talk=Clerk(PIN))
    desk.office = replace(desk.office, registers=Deaf())
    with there.on_desk() as (hand, _):
        assert move_in(desk, hand, HOME).untold
    assert is_open(towns.here), "in both, never in none"
    assert is_open(towns.there)
    assert len(tell_old_towns(desk)) == 1
    assert tell_old_towns(there.desk()) == ()
    assert not is_open(towns.here)
    assert tell_old_towns(there.desk()) == ()


# -- the card goes on ------------------------------------------------------------------------------


@pytest.mark.parametrize("seen", [False, True])
def test_p11_the_card_goes_on_in_the_new_town(towns: Towns, seen: bool) -> None:
    announced(towns)
    if seen:
        with towns.here.on_desk() as (hand, _), pytest.raises(MovedOut):
            identify(towns.here.desk(talk=Clerk(PIN)), hand)
    moved(towns)
    for at in (towns.here, towns.there):
        with at.on_desk(towns.here.card) as (hand, _), pytest.raises(MovedOut):
            identify(at.desk(talk=Clerk(PIN)), hand)
    gone_on = continued(towns)
    assert (gone_on.card, gone_on.origin) == (towns.here.number, TOWN)
    assert residence(towns.there, towns.here.card) == (OTHER_TOWN, Residence.RESIDENT)
    assert towns.here.ledger().state is LedgerState.TRANSFERRED
    card = towns.there.ledger(towns.here.number)
    assert (card.state, card.municipality, card.expires) == (
        LedgerState.ACTIVE,
        OTHER_TOWN,
        gone_on.expires,
    )
    for at in (towns.there, towns.here):
        with at.on_desk(towns.here.card) as (hand, _):
            found = identify(at.desk(talk=Clerk(PIN)), hand)
        assert (found.town, found.code) == (OTHER_TOWN, RESIDENT.code)
    for counter in (towns.here, towns.there):
        with counter.database.read() as connection:
            assert gaps(connection) == []
    with pytest.raises(Impossible, match="in use already"):
        continued(towns)


@pytest.mark.parametrize(("later", "goes"), [(90, True), (91, False)])
def test_p11_a_card_goes_on_for_90_days_after_the_notification(
    towns: Towns, clock: MovableClock, later: int, goes: bool
) -> None:
    announced(towns)
    moved(towns)
    days(clock, later)
    if goes:
        assert continued(towns).card == towns.here.number
    else:
        with pytest.raises(Impossible, match="90 days"):
            continued(towns)
        assert towns.here.ledger().state is LedgerState.MOVED_OUT


@pytest.mark.parametrize(
    ("since_moving", "since_announced", "goes"), [(14, 30, True), (15, 30, False), (14, 31, False)]
)
def test_p11_who_gave_notice_too_late_does_not_go_on(
    towns: Towns, since_moving: int, since_announced: int, goes: bool
) -> None:
    """As for who moved in with the certificate on paper, which is noted all the same."""
    announced(towns)
    home = replace(RESIDENT, municipality=OTHER_TOWN)
    by = By.at_terminal(towns.there.database, CLERK)
    with towns.there.database.begin() as connection:
        number = enter_mover(connection, home, by)
        note_arrival(
            connection,
            number,
            TOWN,
            TODAY - timedelta(days=since_moving),
            TODAY - timedelta(days=since_announced),
            by,
        )
    if goes:
        assert continued(towns).card == towns.here.number
    else:
        with pytest.raises(Impossible, match="days have passed"):
            continued(towns)


def test_p11_without_notice_a_card_does_not_go_on(towns: Towns) -> None:
    announced(towns)
    with pytest.raises(UnknownResident):
        continued(towns)
    with towns.there.database.begin() as connection:
        by = By.at_terminal(towns.there.database, CLERK)
        enter_mover(connection, replace(RESIDENT, municipality=OTHER_TOWN), by)
    with pytest.raises(Impossible, match="notice"):
        continued(towns)


def test_p11_a_card_whose_pin_does_not_match_does_not_go_on(towns: Towns) -> None:
    announced(towns)
    moved(towns)
    with pytest.raises(PinBlocked):
        continued(towns, pin="0000")
    assert towns.here.ledger().state is LedgerState.MOVED_OUT


def test_p11_a_card_that_its_town_still_has_in_use_does_not_go_on(towns: Towns) -> None:
    with pytest.raises(Impossible, match="does not know"):
        continued(towns)


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (PersonAct.SUSPEND, Reason.MISSING),
        (PersonAct.ABOLISH, Reason.SURRENDERED),
        (PersonAct.REPORT_LOST, Reason.NOT_FOUND),
    ],
)
def test_p11_a_card_that_is_suspended_or_over_does_not_go_on(
    towns: Towns, act: PersonAct, reason: Reason
) -> None:
    announced(towns)
    moved(towns)
    by = By.at_terminal(towns.here.database, CLERK)
    with towns.here.database.begin() as connection:
        move_card(connection, towns.here.ledger(), act, reason, by)
    with pytest.raises(CardStopped):
        continued(towns)


def test_p11_a_card_that_has_expired_does_not_go_on(towns: Towns, clock: MovableClock) -> None:
    days(clock, (date(2016, 4, 20) - TODAY).days)
    announced(towns, day=date(2016, 4, 20))
    moved(towns, NewHome(ADDRESS, date(2016, 4, 20)))
    days(clock, 16)
    with pytest.raises(CardExpired):
        continued(towns)


def test_p11_who_moved_on_before_the_card_went_on_has_lost_it(towns: Towns) -> None:
    announced(towns)
    moved(towns)
    by = By.at_terminal(towns.there.database, CLERK)
    with towns.there.database.begin() as connection:
        number = known_by_code(connection, RESIDENT.code).resident
        note_arrival(connection, number, "01202", TODAY, TODAY, by)
    with pytest.raises(Impossible, match="moved on"):
        continued(towns)


def test_a_holder_with_another_card_keeps_that(towns: Towns) -> None:
    announced(towns)
    number = moved(towns).members[0]
    by = By.at_terminal(towns.there.database, CLERK)
    new = NewCard(bytes(8), number, CardForm.NAME_ONLY, OTHER_TOWN, TODAY, date(2024, 3, 31))
    with towns.there.database.begin() as connection:
        card = enter_card(connection, new, by)
        move_card(connection, card, CardAct.HAND_OVER, Reason.APPLICATION, by)
    with pytest.raises(HasCard):
        continued(towns)
    assert towns.here.ledger().state is LedgerState.MOVED_OUT, "it is not given up for nothing"


def test_there_and_back_again(towns: Towns, clock: MovableClock) -> None:
    announced(towns)
    moved(towns)
    continued(towns)
    days(clock, 100)
    then = TODAY + timedelta(days=100)
    with towns.there.database.read() as connection:
        number = known_by_code(connection, RESIDENT.code).resident
    announce_by_post(towns.there.desk(), [number], then, LETTER)
    with towns.here.on_desk() as (hand, _):
        desk = towns.here.desk(talk=Clerk(PIN))
        arrived = move_in(desk, hand, NewHome(AsReceived("東京都千代田区永田町一丁目"), then))
    assert arrived.members == (towns.here.holder,), "the closed record is opened again"
    with towns.here.on_desk() as (hand, _):
        continue_use(towns.here.desk(talk=Clerk(PIN)), hand)
    assert towns.here.ledger().state is LedgerState.ACTIVE
    assert towns.there.ledger(towns.here.number).state is LedgerState.TRANSFERRED
    assert residence(towns.here, towns.here.card) == (TOWN, Residence.RESIDENT)


def test_a_card_that_goes_on_is_lost_in_its_new_town(towns: Towns) -> None:
    announced(towns)
    number = moved(towns).members[0]
    continued(towns)
    by = By.at_terminal(towns.there.database, CLERK)
    with towns.there.database.begin() as connection:
        card = towns.there.ledger(towns.here.number)
        assert card.holder == number
        move_card(connection, card, PersonAct.SUSPEND, Reason.MISSING, by)
    with towns.here.on_desk() as (hand, _), pytest.raises(CardStopped):
        identify(towns.here.desk(talk=Clerk(PIN)), hand)
    assert towns.there.undecided() == 0


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


class Mover:
    """Somebody new who moves, for each cut; the counter of the other town has their card."""

    def __init__(self, towns: Towns, **profile: Any) -> None:
        self.towns, self.profile = towns, profile
        self.counter = towns.visited()
        self.seed = ""

    def announce(self) -> None:
        """Let somebody with a card announce that they move."""
        self.seed = f"mover {next(_seeds)}"
        here = self.towns.here
        holder = here.another_resident(self.seed, residence_until=None, household=next(_seeds) + 99)
        card, number = here.issued_card(holder, code(self.seed).reveal(), **self.profile)
        self.counter.card, self.counter.number = card, number
        by = By.at_terminal(here.database, CLERK)
        with here.database.begin() as connection:
            announce_move(connection, [holder], TODAY, by)
            move_card(connection, here.ledger(number), PersonAct.MOVE_OUT, Reason.MOVED_OUT, by)

    def arrive(self) -> None:
        """Let them have moved in, but for the card."""
        self.announce()
        self.move_in()

    def move_in(self) -> None:
        with self.counter.on_desk() as (hand, _):
            move_in(self.counter.desk(talk=Clerk(PIN)), hand, HOME)

    def moved_in(self, done: bool) -> None:
        """Check that they are in one town in the end, and never in none."""
        here, there = is_open(self.towns.here, self.seed), is_open(self.towns.there, self.seed)
        assert there if done else here or there
        if not there:
            self.move_in()
        tell_old_towns(self.counter.desk())
        assert not is_open(self.towns.here, self.seed)
        assert is_open(self.towns.there, self.seed)

    def continued(self, done: bool) -> None:
        """Check that the card is in one ledger at most, and in the new one in the end."""
        number = self.counter.number
        here = self.towns.here.ledger(number).state
        try:
            there: LedgerState | None = self.towns.there.ledger(number).state
        except TerminalError:
            there = None
        assert (here, there) in {
            (LedgerState.MOVED_OUT, None),
            (LedgerState.TRANSFERRED, None),
            (LedgerState.TRANSFERRED, LedgerState.MOVED_OUT),
            (LedgerState.TRANSFERRED, LedgerState.ACTIVE),
        }
        assert not done or there is LedgerState.ACTIVE
        if there is not LedgerState.ACTIVE:
            with self.counter.on_desk() as (hand, _):
                continue_use(self.counter.desk(talk=Clerk(PIN)), hand)
        assert residence(self.counter, self.counter.card) == (OTHER_TOWN, Residence.RESIDENT)
        assert self.towns.there.ledger(number).state is LedgerState.ACTIVE
        with self.counter.on_desk() as (hand, _):
            assert identify(self.counter.desk(talk=Clerk(PIN)), hand).code == code(self.seed)
        with self.towns.there.database.read() as connection:
            assert gaps(connection) == []


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
