"""Intents: one a card, settled by what the card says, and a gap between card and ledger found."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest
from sqlalchemy import Connection

from jukihost.database import Database
from jukihost.ledger import (
    BY_CARD,
    BY_PERSON,
    REASONS,
    STANDINGS,
    CardAct,
    ChangedMeanwhile,
    Intent,
    IntentOpen,
    IntentState,
    NotAllowed,
    PersonAct,
    Reason,
    ReceiptGap,
    check_receipt,
    find_intent,
    finish_intent,
    leave_uncertain,
    move_card,
    open_intent,
    open_intents,
    settle_intent,
    supersede,
    take_over_card,
    uncertain_purposes,
    undo_intent,
)
from tests.support.host.ledgers import AT, BY, card_that_is, new_card, read_card

ACTIVE: Final = STANDINGS[1]
FIRST: Final = bytes(range(16))
SECOND: Final = bytes(range(16, 32))
NUMBER: Final = bytes(7) + b"\1"


def opened(database: Database, identifier: bytes, changes: int = 1) -> Intent:
    card = read_card(database)
    with database.begin() as connection:
        return open_intent(connection, card, identifier, "change PIN", BY, changes=changes)


def settled(database: Database, receipt: int, identifier: bytes) -> IntentState:
    with database.begin() as connection:
        intent = find_intent(connection, NUMBER)
        assert intent is not None
        return settle_intent(connection, intent, receipt, identifier, BY)


def test_an_intent_is_finished_or_undone_by_what_the_card_carries(database: Database) -> None:
    card_that_is(database, ACTIVE)
    opened(database, FIRST)
    assert settled(database, 0, b"") is IntentState.UNDONE, "a card that never had a receipt"
    opened(database, SECOND)
    assert settled(database, 1, SECOND) is IntentState.FINISHED
    assert read_card(database).receipt == 1
    third = bytes(16)
    opened(database, third)
    with database.read() as connection:
        intent = find_intent(connection, NUMBER)
    assert intent is not None
    assert (intent.receipt, intent.purpose, intent.state) == (2, "change PIN", IntentState.OPEN)
    assert settled(database, 1, SECOND) is IntentState.UNDONE
    assert read_card(database).receipt == 1
    with database.read() as connection:
        assert find_intent(connection, NUMBER) is None
        check_receipt(connection, NUMBER, 1, SECOND)


def test_whatever_else_a_card_carries_is_a_gap(database: Database) -> None:
    card_that_is(database, ACTIVE)
    opened(database, FIRST)
    assert settled(database, 1, FIRST) is IntentState.FINISHED
    others = [(0, b""), (1, SECOND), (2, FIRST), (3, bytes(16)), (2, SECOND), (0, FIRST), (1, b"")]
    for said in others:
        with database.read() as connection, pytest.raises(ReceiptGap, match="Keep the card"):
            check_receipt(connection, NUMBER, *said)
    opened(database, bytes(range(32, 48)))
    for said in others:
        with pytest.raises(ReceiptGap):
            settled(database, *said)
    with database.read() as connection:
        assert find_intent(connection, NUMBER) is not None, "nothing was decided"


def test_a_procedure_of_several_changes_is_done_with_the_last(database: Database) -> None:
    card_that_is(database, ACTIVE)
    opened(database, FIRST, changes=3)
    for wrong in (0, 4):
        with pytest.raises(ReceiptGap):
            settled(database, wrong, FIRST)
    for some in (1, 2):
        assert settled(database, some, FIRST) is IntentState.OPEN
        assert read_card(database).receipt == 0
    assert settled(database, 3, FIRST) is IntentState.FINISHED
    assert (read_card(database).receipt, read_card(database).intent) == (3, FIRST)
    opened(database, SECOND)
    with database.read() as connection:
        intent = find_intent(connection, NUMBER)
    assert intent is not None
    assert (intent.receipt, intent.last) == (4, 4)


def test_a_card_that_was_put_back_carries_more_and_is_as_before(database: Database) -> None:
    card_that_is(database, ACTIVE)
    opened(database, FIRST, changes=2)
    with database.begin() as connection:
        intent = find_intent(connection, NUMBER)
        assert intent is not None
        undo_intent(connection, intent, BY, receipt=2)
    with database.read() as connection:
        check_receipt(connection, NUMBER, 2, FIRST)
        with pytest.raises(ReceiptGap):
            check_receipt(connection, NUMBER, 0, b"")


def test_a_card_from_elsewhere_comes_with_what_it_carries(database: Database) -> None:
    with database.begin() as connection:
        take_over_card(connection, new_card(1), BY, receipt=7, intent=SECOND)
    with database.read() as connection:
        check_receipt(connection, NUMBER, 7, SECOND)
    opened(database, FIRST)
    assert settled(database, 8, FIRST) is IntentState.FINISHED


def test_one_intent_a_card_until_it_is_settled(database: Database) -> None:
    card = card_that_is(database, ACTIVE)
    opened(database, FIRST)
    with pytest.raises(IntentOpen, match="cut off"):
        opened(database, SECOND)
    with database.read() as connection, pytest.raises(IntentOpen):
        check_receipt(connection, NUMBER, 0, b"")
    for act, reason in (
        (PersonAct.MOVE_OUT, Reason.MOVED_OUT),
        (PersonAct.REPORT_DAMAGED, Reason.BROKEN),
    ):
        with pytest.raises(IntentOpen), database.begin() as connection:
            move_card(connection, card, act, reason, BY)
    with database.begin() as connection:
        move_card(connection, card, PersonAct.SUSPEND, Reason.MISSING, BY)
    card = read_card(database)
    with database.begin() as connection:
        move_card(connection, card, PersonAct.ABOLISH, Reason.DIED, BY)
    card = read_card(database)
    with pytest.raises(IntentOpen), database.begin() as connection:
        move_card(connection, card, PersonAct.RETURN, Reason.RECOVERED, BY)


def test_two_terminals_do_not_settle_the_same_intent(database: Database) -> None:
    card_that_is(database, ACTIVE)
    opened(database, FIRST)
    with database.read() as connection:
        intent = find_intent(connection, NUMBER)
    assert intent is not None
    assert settled(database, 1, FIRST) is IntentState.FINISHED
    with pytest.raises(ChangedMeanwhile), database.begin() as connection:
        settle_intent(connection, intent, 1, FIRST, BY)
    with pytest.raises(ChangedMeanwhile), database.begin() as connection:
        undo_intent(connection, intent, BY)


def test_a_card_that_changed_since_it_was_read_gets_no_intent(database: Database) -> None:
    card = card_that_is(database, ACTIVE)
    with database.begin() as connection:
        move_card(connection, card, CardAct.CHANGE, Reason.PIN, BY)
    with pytest.raises(ChangedMeanwhile), database.begin() as connection:
        open_intent(connection, card, FIRST, "change PIN", BY)


def test_intent_and_change_are_one_transaction(database: Database) -> None:
    card_that_is(database, ACTIVE)
    opened(database, FIRST)
    with database.read() as connection:
        intent = find_intent(connection, NUMBER)
    assert intent is not None

    def settle_and_move(connection: Connection) -> None:
        settle_intent(connection, intent, 1, FIRST, BY)
        move_card(connection, read_card(database), CardAct.RESUME, Reason.FOUND, BY)

    with pytest.raises(NotAllowed), database.begin() as connection:
        settle_and_move(connection)
    assert read_card(database).receipt == 0
    with database.read() as connection:
        assert find_intent(connection, NUMBER) is not None


def test_what_was_cut_off_is_listed_the_oldest_first(database: Database) -> None:
    for number in (1, 2):
        card = card_that_is(database, ACTIVE, number)
        with database.begin() as connection:
            open_intent(connection, card, bytes((number,)) * 16, "change", BY)
    with database.read() as connection:
        assert open_intents(connection, AT) == []
        found = open_intents(connection, AT + timedelta(seconds=1))
    assert [intent.card[-1] for intent in found] == [1, 2]


def test_an_intent_has_sixteen_bytes_and_no_fewer_changes_than_none(database: Database) -> None:
    card_that_is(database, ACTIVE)
    for identifier, changes in ((b"", 1), (bytes(15), 1), (bytes(17), 1), (FIRST, -1)):
        with pytest.raises(ValueError, match="16 bytes"):
            opened(database, identifier, changes)


def test_what_no_receipt_counts_leaves_the_number_of_the_card_alone(database: Database) -> None:
    card_that_is(database, ACTIVE)
    intent = opened(database, FIRST, 0)
    with database.begin() as connection:
        finish_intent(connection, intent, BY)
        check_receipt(connection, NUMBER, 0, b"")


def test_what_nobody_can_know_is_uncertain_until_it_is_done_anew(database: Database) -> None:
    card_that_is(database, ACTIVE)
    intent = opened(database, FIRST, 1)
    with database.begin() as connection:
        leave_uncertain(connection, intent, BY)
        with pytest.raises(ChangedMeanwhile):
            leave_uncertain(connection, intent, BY)
        assert uncertain_purposes(connection, NUMBER) == {intent.purpose}
        assert find_intent(connection, NUMBER) is None
        check_receipt(connection, NUMBER, 0, b"")
        supersede(connection, NUMBER, ["another"])
        assert uncertain_purposes(connection, NUMBER) == {intent.purpose}
        supersede(connection, NUMBER, [intent.purpose, "another"])
        assert uncertain_purposes(connection, NUMBER) == frozenset()


def test_an_intent_says_what_follows_once_the_card_has_done_it(database: Database) -> None:
    card = card_that_is(database, ACTIVE)
    with database.begin() as connection:
        made = open_intent(
            connection, card, FIRST, "change PIN", BY, act=CardAct.CHANGE, reason=Reason.PIN
        )
    with database.read() as connection:
        found = find_intent(connection, NUMBER)
        assert [found] == open_intents(connection, AT + timedelta(seconds=1)) == [made]
    assert found is not None
    assert (found.act, found.reason) == (CardAct.CHANGE, Reason.PIN)
    assert settled(database, 0, b"") is IntentState.UNDONE
    opened(database, SECOND)
    with database.read() as connection:
        bare = find_intent(connection, NUMBER)
    assert bare is not None
    assert (bare.act, bare.reason) == (None, None)


@pytest.mark.parametrize("act", [*PersonAct, *CardAct])
def test_every_act_comes_back_from_the_database_as_it_was(
    database: Database, act: PersonAct | CardAct
) -> None:
    reason = next(one for one, rule in REASONS.items() if act in rule.acts)
    table = BY_PERSON[act] if isinstance(act, PersonAct) else BY_CARD[act]
    card = card_that_is(database, next(iter(table)))
    with database.begin() as connection:
        open_intent(connection, card, FIRST, "any", BY, act=act, reason=reason)
    with database.read() as connection:
        found = find_intent(connection, NUMBER)
    assert found is not None
    assert (found.act, found.reason) == (act, reason)


def test_what_cannot_follow_is_refused_before_the_card_is_touched(database: Database) -> None:
    card = card_that_is(database, ACTIVE)
    for act, reason in ((CardAct.RESUME, Reason.FOUND), (CardAct.CHANGE, Reason.FOUND)):
        with pytest.raises(NotAllowed), database.begin() as connection:
            open_intent(connection, card, FIRST, "resume", BY, act=act, reason=reason)
    with pytest.raises(ValueError, match="both or neither"), database.begin() as connection:
        open_intent(connection, card, FIRST, "resume", BY, act=CardAct.CHANGE)
    with pytest.raises(ValueError, match="both or neither"), database.begin() as connection:
        open_intent(connection, card, FIRST, "resume", BY, reason=Reason.PIN)
    with database.read() as connection:
        assert find_intent(connection, NUMBER) is None
