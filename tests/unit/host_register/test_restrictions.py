"""Restrictions: whatever shows or sends an address asks, and a supervisor decides."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final

import pytest
from sqlalchemy import Connection

import jukihost.register
from jukihost.database import Database
from jukihost.ledger import By, OperatorRefused, Stopped, stop
from jukihost.register import (
    UNDER_RESTRICTION,
    AddressRestricted,
    Arrival,
    Asking,
    AsReceived,
    Body,
    ChangeReason,
    Item,
    Moving,
    Provided,
    Resident,
    Restricted,
    RestrictionKind,
    TextRefused,
    UnknownResident,
    Use,
    announce_move,
    announced_move,
    answer_inquiry,
    change_resident,
    close_record,
    code_of_record,
    end_old_notices,
    end_restriction,
    enter_mover,
    enter_notice,
    enter_resident,
    find_notice,
    find_open_inquiry,
    former_values,
    inquiries_of,
    known_by_code,
    known_resident,
    last_arrival,
    note_arrival,
    note_call_back,
    note_told,
    notices_of,
    restrict,
    restrictions_of,
    search_residents,
    send_inquiry,
    set_notified,
    show_by_code,
    show_household,
    show_resident,
    untold_arrivals,
    withdraw_move,
)
from tests.support.host.ledgers import ADMIN, AT, BY
from tests.support.host.residents import (
    APPROVED,
    CALLED,
    COUNTER,
    ELSEWHERE,
    MOVING,
    OTHER_TOWN,
    RESIDENT,
    another,
    code,
    entered,
    supervised,
)

SUPERVISOR: Final = By("super-1", "counter-1", AT)
UNTIL: Final = date(2015, 3, 31)
DAY: Final = date(2014, 4, 1)


def arrived(connection: Connection, one: Provided) -> Arrival:
    """Note that the resident moved in."""
    note_arrival(connection, one.resident, OTHER_TOWN, DAY, DAY, BY)
    arrival = last_arrival(connection, one.resident)
    assert arrival is not None
    return arrival


def leaving(connection: Connection, one: Provided) -> None:
    """Note that the resident moves out."""
    announce_move(connection, [one.resident], DAY, BY)


def staying(connection: Connection, one: Provided) -> None:
    """Note that the resident stays after all."""
    leaving(connection, one)
    withdraw_move(connection, one.resident, BY)


def move_of(connection: Connection, one: Provided, asking: Asking) -> Moving:
    """Note that the resident moves out, and ask for it."""
    leaving(connection, one)
    return announced_move(connection, RESIDENT.code, asking)


FUNCTIONS: Final[dict[str, Callable[[Connection, Provided, Asking], object]]] = {
    "announce_move": lambda c, one, _: leaving(c, one),
    "announced_move": move_of,
    "change_resident": lambda c, one, _: change_resident(
        c, one, {}, ChangeReason.CORRECTED, DAY, BY
    ),
    "close_record": lambda c, one, _: close_record(c, one, ChangeReason.DIED, DAY, BY),
    "code_of_record": lambda c, one, _: code_of_record(c, one.resident),
    "end_restriction": lambda c, one, _: end_restriction(
        c, restrictions_of(c, one.resident)[0].number, "asked for", SUPERVISOR
    ),
    "enter_notice": lambda c, one, _: enter_notice(c, one.resident, bytes(8), CALLED, "holder", BY),
    "enter_resident": lambda c, _one, _: enter_resident(
        c, replace(RESIDENT, code=code("third")), BY
    ),
    "find_notice": lambda c, _one, _: find_notice(c, 1),
    "former_values": lambda c, one, asking: former_values(c, one.resident, asking),
    "known_by_code": lambda c, _one, _: known_by_code(c, RESIDENT.code),
    "known_resident": lambda c, one, _: known_resident(c, one.resident),
    "note_call_back": lambda c, _one, _: note_call_back(c, 1, True, BY),
    "notices_of": lambda c, _one, _: notices_of(c, bytes(8)),
    "enter_mover": lambda c, _one, _: enter_mover(c, replace(RESIDENT, code=code("fourth")), BY),
    "last_arrival": lambda c, one, _: arrived(c, one),
    "note_arrival": lambda c, one, _: note_arrival(c, one.resident, OTHER_TOWN, DAY, DAY, BY),
    "note_told": lambda c, one, _: note_told(c, arrived(c, one), BY),
    "restrict": lambda c, one, _: restrict(c, [one.resident], RestrictionKind.OTHER, UNTIL, BY),
    "restrictions_of": lambda c, one, _: restrictions_of(c, one.resident),
    "search_residents": lambda c, _one, _: search_residents(c, "渡辺"),
    "set_notified": lambda c, one, _: set_notified(c, one, True, BY),
    "show_by_code": lambda c, _one, asking: show_by_code(c, RESIDENT.code, asking),
    "show_household": lambda c, _one, asking: show_household(c, RESIDENT.code, asking),
    "show_resident": lambda c, one, asking: show_resident(c, one.resident, asking),
    "untold_arrivals": lambda c, _one, _: untold_arrivals(c),
    "send_inquiry": lambda c, one, _: send_inquiry(c, one.resident, "hand_over", BY),
    "find_open_inquiry": lambda c, one, _: find_open_inquiry(
        c, send_inquiry(c, one.resident, "hand_over", BY).number, one.resident, "hand_over", BY
    ),
    "end_old_notices": lambda c, _one, _: end_old_notices(c, DAY),
    "inquiries_of": lambda c, one, _: inquiries_of(c, one.resident),
    "answer_inquiry": lambda c, one, _: answer_inquiry(
        c, send_inquiry(c, one.resident, "hand_over", BY).number, one.resident, "hand_over", BY
    ),
    "withdraw_move": lambda c, one, _: staying(c, one),
}
"""Every function of the face that takes a connection."""
SHOW: Final = {
    "announced_move",
    "former_values",
    "show_by_code",
    "show_household",
    "show_resident",
}
"""Those that show an address."""


def protected(database: Database, **wishes: Any) -> Provided:
    """Enter the resident and put them under restriction."""
    supervised(database)
    number = entered(database, **wishes)
    with database.begin() as connection:
        record = show_resident(connection, number, COUNTER)
        enter_notice(connection, number, bytes(8), CALLED, "holder", BY)
        restrict(connection, [number], RestrictionKind.VIOLENCE, UNTIL, BY)
    return record


def addresses_in(value: object) -> list[str]:
    """Every text in an answer that has a part of the resident's address, however deep."""
    if isinstance(value, AsReceived):
        return [value.text] if "霞が関" in value.text else []
    if isinstance(value, (list, tuple, set)):
        return [text for one in value for text in addresses_in(one)]
    if isinstance(value, Provided):
        return addresses_in(list(value.values.values()))
    slots = getattr(type(value), "__slots__", ())
    return [text for name in slots for text in addresses_in(getattr(value, name))]


def test_every_function_of_the_register_is_asked_here() -> None:
    found = {
        name
        for name in jukihost.register.__all__
        if inspect.isfunction(function := getattr(jukihost.register, name))
        and "connection" in inspect.signature(function).parameters
    }
    assert found == FUNCTIONS.keys()


def test_whatever_shows_an_address_asks(database: Database) -> None:
    record = protected(database)

    def answer(name: str, asking: Asking) -> object:
        with database.begin() as connection:
            found = FUNCTIONS[name](connection, record, asking)
            connection.rollback()
        return found

    for name in FUNCTIONS:
        if name in SHOW:
            with pytest.raises(AddressRestricted, match="supervisor decides"):
                answer(name, COUNTER)
            assert addresses_in(answer(name, APPROVED)), "a supervisor decided: it is shown"
        else:
            assert not addresses_in(answer(name, COUNTER)), name
    with database.begin() as connection:
        end_restriction(connection, 1, "asked for", SUPERVISOR)
    for name in SHOW:
        assert addresses_in(answer(name, COUNTER))


def test_the_search_for_addresses_finds_one() -> None:
    assert addresses_in([RESIDENT]) == [RESIDENT.address.text]
    assert Resident.__slots__


@pytest.mark.parametrize("use", Use)
def test_each_use_says_what_becomes_of_it(use: Use) -> None:
    wanted = {"wide_area": "REFUSED", "move_in": "CARRIED", "notice": "CARRIED"}
    assert UNDER_RESTRICTION[use] is Restricted[wanted.get(use.value, "DECIDED")]


def test_another_town_gets_no_copy_and_the_move_is_told(database: Database) -> None:
    protected(database)
    with database.read() as connection:
        for asking in (ELSEWHERE, replace(ELSEWHERE, approved_by="super-1")):
            with pytest.raises(AddressRestricted, match="their own town"):
                show_by_code(connection, RESIDENT.code, asking)
        given = show_by_code(connection, RESIDENT.code, MOVING)
    assert given.restricted, "the new town has to know, and has it asked for again"


def test_only_another_person_who_is_a_supervisor_decides(database: Database) -> None:
    record = protected(database)
    own = Asking(SUPERVISOR, Body.COUNTER, Use.PROCEDURE, approved_by="super-1")
    for asking, error in (
        (own, AddressRestricted),
        (replace(COUNTER, approved_by="clerk-2"), OperatorRefused),
        (replace(COUNTER, approved_by="admin-1"), OperatorRefused),
        (replace(COUNTER, approved_by="nobody"), OperatorRefused),
    ):
        with database.read() as connection, pytest.raises(error):
            show_resident(connection, record.resident, asking)


def test_who_lives_at_the_same_address_is_asked_for_too(database: Database) -> None:
    protected(database)
    member = entered(database, **another("child", relation="子"))
    stranger = entered(database, **another("stranger", household=8))
    with database.read() as connection:
        with pytest.raises(AddressRestricted):
            show_resident(connection, member, COUNTER)
        assert not show_resident(connection, stranger, COUNTER).restricted


def test_it_lasts_to_its_last_day_in_japan(database: Database) -> None:
    record = protected(database)
    midnight = AT.replace(year=2015, month=3, day=31, hour=15)
    for at, restricted in ((midnight - timedelta(microseconds=1), True), (midnight, False)):
        asking = replace(COUNTER, by=replace(BY, at=at))
        with database.read() as connection:
            if restricted:
                with pytest.raises(AddressRestricted):
                    show_resident(connection, record.resident, asking)
            else:
                assert not show_resident(connection, record.resident, asking).restricted


def test_it_ends_on_moving_out(database: Database) -> None:
    record = protected(database)
    with database.begin() as connection:
        close_record(connection, record, ChangeReason.MOVED_OUT, DAY, BY)
        (ended,) = restrictions_of(connection, record.resident)
        with pytest.raises(UnknownResident):
            restrict(connection, [record.resident], RestrictionKind.OTHER, UNTIL, BY)
    assert (ended.ended, ended.why_ended, ended.kind) == (
        DAY,
        "moved_out",
        RestrictionKind.VIOLENCE,
    )
    again = entered(database, **another("again", household=RESIDENT.household))
    with database.read() as connection:
        assert not show_resident(connection, again, COUNTER).restricted


def test_a_supervisor_ends_it_early_and_nobody_else(database: Database) -> None:
    record = protected(database)
    for by in (BY, ADMIN):
        with pytest.raises(OperatorRefused), database.begin() as connection:
            end_restriction(connection, 1, "asked for", by)
    for why in (" ", "\ud800", "a\0", "a" * 100_000):
        with pytest.raises(TextRefused), database.begin() as connection:
            end_restriction(connection, 1, why, SUPERVISOR)
    with database.begin() as connection:
        end_restriction(connection, 1, "asked for", SUPERVISOR)
        with pytest.raises(UnknownResident):
            end_restriction(connection, 1, "asked for", SUPERVISOR)
        assert show_resident(connection, record.resident, COUNTER)[Item.ADDRESS]


def test_whatever_reads_or_writes_the_register_sees_the_emergency_stop(database: Database) -> None:
    record = protected(database)
    with database.begin() as connection:
        stop(connection, ADMIN, "admin-2", "漏えいの疑い")
    for name, function in FUNCTIONS.items():
        if name == "code_of_record":  # for the log, which is written then too
            continue
        with database.begin() as connection, pytest.raises(Stopped):
            function(connection, record, APPROVED)
