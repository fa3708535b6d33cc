"""The emergency stop: two operators, seen by every reader of the ledger, closed when in doubt."""

from __future__ import annotations

import inspect
import itertools
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest
from sqlalchemy import Connection, delete

import jukihost.ledger
from jukihost.clock import MovableClock
from jukihost.database import Database, DatabaseAway, DatabaseError, open_database
from jukihost.ledger import (
    STANDINGS,
    ApplicationState,
    By,
    CardAct,
    CardCertificate,
    CertificateState,
    ChangedMeanwhile,
    Gap,
    LedgerCard,
    Operator,
    OperatorRefused,
    PersonAct,
    Reason,
    Role,
    Stopped,
    WordsRefused,
    applications_of,
    cards_of,
    certificates_of,
    check_receipt,
    check_running,
    claim_card,
    claim_of_card,
    claims_of_holder,
    dismiss_operator,
    drop_application,
    drop_certificates,
    enter_card,
    enter_certificate,
    enter_first_operators,
    enter_operator,
    events_of,
    find_card,
    find_intent,
    finish_claim,
    finish_intent,
    follow_card,
    leave_uncertain,
    lift_stop,
    move_card,
    note_application,
    note_gap,
    note_refused,
    note_told,
    open_intent,
    open_intents,
    running,
    settle_claim,
    settle_gap,
    settle_intent,
    stop,
    supersede,
    take_over_card,
    take_receipt,
    transfer_card,
    turns,
    uncertain_purposes,
    undo_intent,
    was_finished,
)
from jukihost.ledger.tables import switch
from tests.support.host.databases import NOON
from tests.support.host.ledgers import (
    ADMIN,
    AT,
    BY,
    FIRST,
    SECOND,
    card_that_is,
    new_card,
    staffed,
)
from tests.support.host.postgresql import Server

IDENTIFIER: Final = bytes(range(16))
SUPERVISOR: Final = By("super-1", "office", AT)
GAP: Final = Gap(1, bytes(7) + b"\1", 9, IDENTIFIER, 0, b"", AT, "clerk-1", "counter-1")
"""The first gap of a ledger."""
CERTIFICATE: Final = CardCertificate(
    1, bytes(7) + b"\1", "signature", CertificateState.REVOKED, 1, AT, False, None, 2
)


def claimed(connection: Connection) -> bytes:
    """Enter a card, and claim it for a row of a list; its number."""
    card = enter_card(connection, new_card(9), BY)
    claim_card(connection, card, "a list", 2, BY)
    return card.number


ASKS: Final[dict[str, Callable[[Connection, LedgerCard, Any], object]]] = {
    "cards_of": lambda c, card, _: cards_of(c, card.holder),
    "certificates_of": lambda c, card, _: certificates_of(c, card.number),
    "check_receipt": lambda c, card, _: check_receipt(c, card.number, 0, b""),
    "check_running": lambda c, card, _: check_running(c),
    "claim_card": lambda c, card, _: claim_card(c, card, "a list", 2, BY),
    "claim_of_card": lambda c, card, _: claim_of_card(c, card.number),
    "claims_of_holder": lambda c, card, _: claims_of_holder(c, card.holder),
    "finish_claim": lambda c, card, _: finish_claim(c, claimed(c), BY),
    "settle_claim": lambda c, card, _: settle_claim(c, card.number, BY),
    "enter_card": lambda c, card, _: enter_card(c, new_card(9), BY),
    "applications_of": lambda c, card, _: applications_of(c, card.number),
    "note_application": lambda c, card, _: note_application(
        c, card.number, b"\xf0town", ApplicationState.INSTALLED, BY
    ),
    "drop_application": lambda c, card, _: drop_application(c, card.number, b"\xf0town"),
    "was_finished": lambda c, card, _: was_finished(c, card.number, "exchange", AT),
    "drop_certificates": lambda c, card, _: drop_certificates(c, card.number, ["signature"], AT),
    "enter_certificate": lambda c, card, _: enter_certificate(c, card.number, 1, "signature", BY),
    "events_of": lambda c, card, _: events_of(c, card.number),
    "find_card": lambda c, card, _: find_card(c, card.number),
    "find_intent": lambda c, card, _: find_intent(c, card.number),
    "finish_intent": lambda c, card, intent: finish_intent(c, intent, BY),
    "leave_uncertain": lambda c, card, intent: leave_uncertain(c, intent, BY),
    "follow_card": lambda c, card, _: follow_card(c, card.number, Reason.BROKEN, AT),
    "move_card": lambda c, card, _: move_card(c, card, CardAct.CHANGE, Reason.PIN, BY),
    "note_gap": lambda c, card, _: note_gap(c, card.number, 8, bytes(16), BY),
    "note_refused": lambda c, card, _: note_refused(c, CERTIFICATE, "refused"),
    "note_told": lambda c, card, _: note_told(c, CERTIFICATE),
    "open_intent": lambda c, card, _: open_intent(c, card, bytes(16), "change", BY),
    "open_intents": lambda c, card, _: open_intents(c, AT),
    "settle_gap": lambda c, card, _: settle_gap(c, GAP, "a copy", SUPERVISOR),
    "settle_intent": lambda c, card, intent: settle_intent(c, intent, 0, b"", BY),
    "supersede": lambda c, card, _: supersede(c, card.number, ["change"]),
    "take_over_card": lambda c, card, _: take_over_card(c, new_card(9), BY),
    "take_receipt": lambda c, card, _: take_receipt(
        c, enter_card(c, new_card(9), BY), 1, bytes(16)
    ),
    "transfer_card": lambda c, card, _: transfer_card(
        c, move_card(c, card, PersonAct.MOVE_OUT, Reason.MOVED_OUT, BY), "27100", BY
    ),
    "uncertain_purposes": lambda c, card, _: uncertain_purposes(c, card.number),
    "undo_intent": lambda c, card, intent: undo_intent(c, intent, BY),
}
"""Every function of the face that reads or writes cards, called in a way that it takes."""
BESIDE: Final = {
    "any_operators",
    "change_operator",
    "check_lent",
    "find_lent",
    "grant_unlock",
    "list_grants",
    "replace_card",
    "use_grant",
    "check_right",
    "dismiss_operator",
    "enter_first_operators",
    "enter_operator",
    "find_operator",
    "gaps",
    "inspect_card",
    "lend_card",
    "lift_stop",
    "list_lendings",
    "return_card",
    "revoke_card",
    "stop",
    "turns",
    "untold_certificates",
}
"""What is about operators and the switch itself, and goes on: somebody has to lift the stop.

`gaps` and `untold_certificates` too, which are alarms.
"""


def stopped(database: Database) -> None:
    staffed(database)
    with database.begin() as connection:
        stop(connection, ADMIN, "admin-2", "漏えいの疑い")


def test_every_function_of_the_ledger_is_asked_here() -> None:
    found = {
        name
        for name in jukihost.ledger.__all__
        if inspect.isfunction(function := getattr(jukihost.ledger, name))
        and "connection" in inspect.signature(function).parameters
    }
    assert found == ASKS.keys() | BESIDE


def test_whatever_reads_or_writes_cards_sees_the_stop(database: Database) -> None:
    card = card_that_is(database, STANDINGS[1])
    other = card_that_is(database, STANDINGS[1], 2)
    with database.begin() as connection:
        intent = open_intent(connection, other, IDENTIFIER, "change", BY)
        assert note_gap(connection, card.number, 9, IDENTIFIER, BY) == GAP
        enter_first_operators(connection, FIRST, SECOND)
        enter_operator(connection, Operator("super-1", "係長", Role.SUPERVISOR), ADMIN)

    def goes_on(name: str) -> None:
        with database.begin() as connection:
            ASKS[name](connection, card, intent)
            connection.rollback()

    for name in ASKS:
        goes_on(name)
    with database.begin() as connection:
        stop(connection, ADMIN, "admin-2", "漏えいの疑い")
    for name, transaction in itertools.product(ASKS, (database.begin, database.read)):
        with transaction() as connection, pytest.raises(Stopped, match="two operators"):
            ASKS[name](connection, card, intent)
    with database.begin() as connection:
        lift_stop(connection, By("admin-2", "office", AT), "admin-1", "確認済み")
    for name in ASKS:
        goes_on(name)


def test_no_procedure_begins_while_it_is_stopped(database: Database) -> None:
    with running(database) as connection:
        assert connection.in_transaction()
    stopped(database)
    with pytest.raises(Stopped), running(database):
        pytest.fail("it was let in")


@pytest.mark.parametrize("turn", [stop, lift_stop])
def test_one_operator_does_not_turn_it(database: Database, turn: Any) -> None:
    stopped(database)
    if turn is stop:
        with database.begin() as connection:
            lift_stop(connection, ADMIN, "admin-2", "over")
    with database.begin() as connection:
        enter_operator(connection, Operator("clerk-1", "係", Role.CLERK), ADMIN)
        enter_operator(connection, Operator("gone-1", "元", Role.ADMINISTRATOR), ADMIN)
        dismiss_operator(connection, "gone-1", ADMIN)
    for by, second, why in (
        (ADMIN, "admin-1", "x"),
        (ADMIN, "clerk-1", "x"),
        (BY, "admin-1", "x"),
        (ADMIN, "gone-1", "x"),
        (ADMIN, "nobody", "x"),
    ):
        with pytest.raises(OperatorRefused), database.begin() as connection:
            turn(connection, by, second, why)
    with pytest.raises(WordsRefused, match="say the reason"), database.begin() as connection:
        turn(connection, ADMIN, "admin-2", " ")
    with database.begin() as connection:
        turn(connection, ADMIN, "admin-2", "x")
    with pytest.raises(ChangedMeanwhile), database.begin() as connection:
        turn(connection, ADMIN, "admin-2", "x")


def test_it_is_turned_at_any_hour_and_kept_who_did(database: Database) -> None:
    staffed(database)
    night = By("admin-1", "office", AT + timedelta(hours=12))
    with database.begin() as connection:
        stop(connection, night, "admin-2", "火災")
        lift_stop(connection, night, "admin-2", "鎮火")
    with database.read() as connection:
        first, second = turns(connection)
    assert (first.running, second.running) == (False, True)
    assert (first.first, first.second, first.why) == ("admin-1", "admin-2", "火災")
    assert (first.terminal, first.at) == ("office", night.at)


def test_who_turns_it_sees_it_turned_in_the_same_transaction(database: Database) -> None:
    """Also where it was asked before: a transaction is told once, until the switch is its own."""
    staffed(database)
    with database.begin() as connection:
        check_running(connection)
        stop(connection, ADMIN, "admin-2", "漏えいの疑い")
        with pytest.raises(Stopped):
            check_running(connection)
        lift_stop(connection, ADMIN, "admin-2", "確認済み")
        check_running(connection)


def test_without_its_row_everything_is_stopped(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(delete(switch))
    with pytest.raises(Stopped), running(database):
        pytest.fail("it was let in")


def test_out_of_reach_nothing_goes_on(
    tmp_path: Any, sqlite_template: Any, clock: MovableClock
) -> None:
    file = tmp_path / "terminal.db"
    file.write_bytes(sqlite_template.read_bytes())
    with open_database(file, clock=clock, terminal="counter-1") as database:
        with running(database):
            pass
        database.engine.dispose()
        for name in tmp_path.iterdir():
            name.rename(tmp_path / f"away-{name.name}")
        with pytest.raises(DatabaseAway), running(database):
            pytest.fail("it was let in")


def test_once_it_is_stopped_nothing_lands_that_began_before(
    address: str, database: Database
) -> None:
    """A procedure is half through when the stop is asked for: it ends first, and is the last."""
    staffed(database)
    card = card_that_is(database, STANDINGS[1])
    order: list[str] = []

    def press() -> None:
        with open_database(address, clock=MovableClock(NOON), terminal="office") as other:
            asking.set()
            with other.begin() as connection:
                stop(connection, ADMIN, "admin-2", "漏えいの疑い")
        order.append("stopped")

    asking = threading.Event()
    presser = threading.Thread(target=press)
    with running(database) as connection:
        presser.start()
        assert asking.wait(60)
        presser.join(0.3)
        assert presser.is_alive(), "the stop waits for what is under way"
        move_card(connection, card, CardAct.CHANGE, Reason.PIN, BY)
        order.append("landed")
    presser.join(60)
    assert order == ["landed", "stopped"]
    with pytest.raises(Stopped), running(database):
        pytest.fail("it was let in")


def test_who_waits_behind_the_stop_sees_it(address: str, database: Database) -> None:
    staffed(database)
    found: list[type[BaseException]] = []

    def begin() -> None:
        with open_database(address, clock=MovableClock(NOON), terminal="counter-2") as other:
            asking.set()
            try:
                with running(other):
                    pass
            except (Stopped, DatabaseError) as error:
                found.append(type(error))

    asking = threading.Event()
    waiter = threading.Thread(target=begin)
    with database.begin() as connection:
        stop(connection, ADMIN, "admin-2", "漏えいの疑い")
        waiter.start()
        assert asking.wait(60)
        waiter.join(0.3)
        assert waiter.is_alive(), "it waits to hear whether there is a stop"
    waiter.join(60)
    assert found == [Stopped]


@pytest.mark.interop
@pytest.mark.xdist_group("postgresql")
def test_a_writer_that_hangs_does_not_keep_the_stop_from_being_turned(
    postgresql_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ended by the server, in the midst of what it does, and nothing of that lands."""
    monkeypatch.setattr("jukihost.database.address.WAIT", 1)
    monkeypatch.setattr("jukihost.database.address.LONGEST_IDLE", 3)
    monkeypatch.setattr("jukihost.ledger.switching.PATIENCE", 20)
    found: list[DatabaseError] = []
    holds, ends = threading.Event(), threading.Event()

    def hang(database: Database, card: LedgerCard) -> None:
        try:
            with running(database) as connection:
                move_card(connection, card, CardAct.CHANGE, Reason.PIN, BY)
                holds.set()
                ends.wait(60)
        except DatabaseError as error:
            found.append(error)

    address = postgresql_server.make("hangs", "jukihost_template")
    with open_database(address, clock=MovableClock(NOON), terminal="hangs") as hanging:
        staffed(hanging)
        card = card_that_is(hanging, STANDINGS[1])
        hanger = threading.Thread(target=hang, args=(hanging, card))
        hanger.start()
        assert holds.wait(60)
        with open_database(address, clock=MovableClock(NOON), terminal="office") as office:
            with office.begin() as connection:
                stop(connection, ADMIN, "admin-2", "x")
            ends.set()
            hanger.join(60)
            assert [type(error) for error in found] == [DatabaseAway]
            with office.begin() as connection:
                lift_stop(connection, ADMIN, "admin-2", "x")
            with office.read() as connection:
                assert find_card(connection, card.number) == card
    postgresql_server.drop("hangs")
