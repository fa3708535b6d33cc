"""Cards in the ledger: one valid one a person, no change lost between terminals, expiry by date."""

from __future__ import annotations

import multiprocessing
import random
from datetime import date
from typing import Final

import pytest

from jukihost.clock import MovableClock
from jukihost.database import Database, DatabaseLocked, open_database
from jukihost.ledger import (
    STANDINGS,
    By,
    CardAct,
    CardExists,
    ChangedMeanwhile,
    HasCard,
    LedgerCard,
    LedgerState,
    PersonAct,
    Reason,
    UnknownCard,
    cards_of,
    enter_card,
    events_of,
    find_card,
    move_card,
    take_over_card,
)
from tests.support.host.databases import NOON
from tests.support.host.ledgers import BY, card_that_is, new_card, read_card

ACTIVE: Final = STANDINGS[1]
SPAWN: Final = multiprocessing.get_context("spawn")


def test_a_card_is_found_as_it_was_entered(database: Database) -> None:
    with database.begin() as connection:
        card = enter_card(connection, new_card(7, holder=3), BY)
    assert card == read_card(database, 7)
    assert (card.number, card.holder, card.state) == (bytes(7) + b"\7", 3, LedgerState.ISSUING)
    assert not card.expired(date(2024, 3, 31))
    assert card.expired(date(2024, 4, 1))
    with database.read() as connection:
        assert cards_of(connection, 3) == [card]
        assert cards_of(connection, 3, valid=True) == cards_of(connection, 4) == []
        with pytest.raises(UnknownCard, match="another town"):
            find_card(connection, bytes(8))
        (event,) = events_of(connection, card.number)
    assert (event.act, event.operator, event.at) == ("enter", "clerk-1", NOON)


def test_a_number_is_entered_once(database: Database) -> None:
    card_that_is(database, ACTIVE)
    with pytest.raises(CardExists, match="another blank card"), database.begin() as connection:
        enter_card(connection, new_card(1, holder=99), BY)


@pytest.mark.parametrize("standing", STANDINGS, ids=str)
def test_nobody_has_two_valid_cards(database: Database, standing: object) -> None:
    """Of every state that a first card may be in: those that count leave room for no second."""
    first = card_that_is(database, standing)  # type: ignore[arg-type]
    valid = str(standing).split(",")[0] in {"active", "suspended", "moved_out"}

    def bring(connection: object) -> LedgerCard:
        return take_over_card(connection, new_card(2, holder=1), BY)  # type: ignore[arg-type]

    def issue(connection: object) -> LedgerCard:
        card = enter_card(connection, new_card(3, holder=1), BY)  # type: ignore[arg-type]
        move = (CardAct.HAND_OVER, Reason.APPLICATION, BY)
        return move_card(connection, card, *move)  # type: ignore[arg-type]

    for way in (bring, issue):
        if valid or (way is issue and first.state is LedgerState.ISSUING):
            with (
                pytest.raises(HasCard, match="nobody may have two"),
                database.begin() as connection,
            ):
                way(connection)
        else:
            with database.begin() as connection:
                second = way(connection)
                assert cards_of(connection, 1, valid=True) == [second]
                move_card(connection, second, PersonAct.ABOLISH, Reason.SURRENDERED, BY)


def test_a_new_card_is_made_while_the_old_one_is_used_and_handed_over_for_it(
    database: Database,
) -> None:
    old = card_that_is(database, ACTIVE)
    with database.begin() as connection:
        new = enter_card(connection, new_card(2, holder=1), BY)
    with pytest.raises(HasCard), database.begin() as connection:
        move_card(connection, new, CardAct.HAND_OVER, Reason.APPLICATION, BY)
    with pytest.raises(HasCard), database.begin() as connection:
        enter_card(connection, new_card(3, holder=1), BY)
    with database.begin() as connection:
        move_card(connection, old, CardAct.TAKE_BACK, Reason.EXPIRED, BY)
        move_card(connection, new, CardAct.HAND_OVER, Reason.APPLICATION, BY)
    assert read_card(database, 1).state is LedgerState.RETURNED
    assert read_card(database, 2).state is LedgerState.ACTIVE


def test_of_two_that_decided_on_the_same_state_one_is_refused(database: Database) -> None:
    card = card_that_is(database, ACTIVE)
    with database.begin() as connection:
        move_card(connection, card, CardAct.CHANGE, Reason.PIN, BY)
    with pytest.raises(ChangedMeanwhile, match="read it again"), database.begin() as connection:
        move_card(connection, card, PersonAct.ABOLISH, Reason.DIED, BY)
    assert read_card(database).state is LedgerState.ACTIVE


def move_about(address: str, terminal: str, times: int, seed: int) -> None:
    """Do what the tables allow, again and again, to the few cards that others move too."""
    draw = random.Random(seed)
    steps: list[tuple[PersonAct | CardAct, Reason]] = [
        (PersonAct.SUSPEND, Reason.MISSING),
        (CardAct.RESUME, Reason.FOUND),
        (CardAct.CHANGE, Reason.PIN),
        (CardAct.DEACTIVATE, Reason.MOVED_OUT),
        (CardAct.CONTINUE_USE, Reason.MOVED_IN),
    ]
    with open_database(address, clock=MovableClock(NOON), terminal=terminal) as database:
        done = 0
        by = By("clerk-1", terminal, NOON)
        while done < times:
            number = draw.randrange(1, 4).to_bytes(8, "big")
            act, reason = draw.choice(steps)
            with database.read() as connection:
                card = find_card(connection, number)
            try:
                with database.begin(durable=False) as connection:
                    move_card(connection, card, act, reason, by)
            except (ChangedMeanwhile, DatabaseLocked):
                continue
            except Exception as error:
                if type(error).__name__ != "NotAllowed":
                    raise
                continue
            done += 1


def test_several_processes_lose_no_change(address: str, database: Database) -> None:
    for number in (1, 2, 3):
        card_that_is(database, ACTIVE, number)
    workers = [SPAWN.Process(target=move_about, args=(address, f"t{n}", 25, n)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    total = 0
    terminals = set()
    for number in (1, 2, 3):
        card = read_card(database, number)
        with database.read() as connection:
            events = events_of(connection, card.number)
        assert len(events) == card.version
        assert events[-1].standing == card.standing
        total += len(events) - 2
        terminals |= {event.terminal for event in events}
    assert total == 75
    assert terminals == {"counter-1", "t0", "t1", "t2"}


def enter_for_one(address: str, terminal: str, number: int) -> None:
    """Bring another card for the same holder; only one of all who do comes through."""
    with open_database(address, clock=MovableClock(NOON), terminal=terminal) as database:
        try:
            with database.begin() as connection:
                take_over_card(connection, new_card(number, holder=1), By("x", terminal, NOON))
        except HasCard:
            return


def test_of_several_processes_one_gives_a_person_a_card(address: str, database: Database) -> None:
    workers = [SPAWN.Process(target=enter_for_one, args=(address, f"t{n}", n)) for n in (1, 2, 3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    with database.read() as connection:
        assert len(cards_of(connection, 1)) == len(cards_of(connection, 1, valid=True)) == 1
