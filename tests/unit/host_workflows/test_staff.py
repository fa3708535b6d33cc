"""Operators and their cards as procedures; how an office begins, and goes on after a loss."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jukicard import Printed, issue_card
from jukihost.clock import MovableClock
from jukihost.database import Database
from jukihost.errors import CardError
from jukihost.keys.counted import CountedCustody
from jukihost.ledger import (
    By,
    ChangedMeanwhile,
    Hours,
    Operator,
    OperatorRefused,
    Role,
    find_operator,
    list_lendings,
    revoke_card,
)
from jukihost.workflows import (
    AlreadyFounded,
    CardAndPassword,
    Desk,
    Founder,
    NotApproved,
    Office,
    change_staff,
    dismiss_staff,
    enter_staff,
    found_office,
    inspect_operator_card,
    lend_operator_card,
    log_in,
    replace_administrators_card,
    return_operator_card,
    revoke_operator_card,
)
from tests.support.host.counters import Clerk, Counter, Reader
from tests.support.host.custody import PublicMasters
from tests.support.host.ledgers import ALWAYS, FIRST
from tests.support.host.operators import (
    MADE,
    PASSWORD,
    Person,
    Staff,
    WithoutAdmin,
    person,
    trust,
)
from tests.support.host.residents import TOWN
from tests.support.host.town import ORIGIN, PSEUDONYMS


@pytest.fixture
def staff(counter: Counter) -> Staff:
    """Operators with cards."""
    return Staff(counter)


def told(staff: Staff) -> list[tuple[str, str, str]]:
    """What the log was told beside log-ins."""
    return [one for one in staff.counter.told() if one[0] != "log_in"]


def another_card(one: Person) -> Person:
    """A new card for the same operator."""
    for seed in range(1, 50):
        made = issue_card(
            "operator",
            seed=seed,
            issued=MADE,
            municipality=TOWN,
            printed=Printed(card_number=bytes.fromhex("8139209900000001")),
        )
        new = Person.read(made)
        if new.identifier == one.identifier:
            return new
    raise AssertionError("no seed draws this operator")


def test_operators_are_entered_changed_and_dismissed(staff: Staff) -> None:
    admin = staff.hired(Role.ADMINISTRATOR)
    desk = staff.on_duty(admin)
    clerk = enter_staff(desk, Operator("clerk-9", "窓口", Role.CLERK))
    longer = replace(clerk, hours=ALWAYS, may_export=True)
    change_staff(desk, clerk, longer)
    with pytest.raises(ChangedMeanwhile):
        change_staff(desk, clerk, replace(clerk, role=Role.AUDITOR))
    with staff.counter.database.read() as connection:
        assert find_operator(connection, "clerk-9") == longer
    dismiss_staff(desk, "clerk-9")
    with pytest.raises(OperatorRefused, match="given once"):
        enter_staff(desk, clerk)
    with pytest.raises(OperatorRefused, match="themselves"):
        dismiss_staff(desk, admin.identifier)
    assert told(staff) == [
        ("operators", "done", "enter clerk-9"),
        ("operators", "done", "change clerk-9"),
        ("operators", "refused", "changed_meanwhile; change clerk-9"),
        ("operators", "done", "dismiss clerk-9"),
        ("operators", "refused", "operator_refused; enter clerk-9"),
        ("operators", "refused", f"operator_refused; dismiss {admin.identifier}"),
    ]


def test_a_card_is_lent_inspected_returned_and_lent_again(staff: Staff) -> None:
    admin, one = staff.hired(Role.ADMINISTRATOR), person(40)
    desk = staff.on_duty(admin)
    enter_staff(desk, one.operator(Role.CLERK))
    with Reader(one.card) as reader:
        assert lend_operator_card(desk, reader, one.identifier).operator == one.identifier
        seen = inspect_operator_card(desk, reader)
        assert seen.inspected == staff.counter.clock.now()
        assert return_operator_card(desk, reader).outcome == "returned"
        with pytest.raises(OperatorRefused, match="lent to nobody"):
            inspect_operator_card(desk, reader)
        assert lend_operator_card(desk, reader, one.identifier).ended is None
        with pytest.raises(OperatorRefused, match="take it back first"):
            lend_operator_card(desk, reader, one.identifier)
    revoked = revoke_operator_card(desk, one.identifier)
    assert (revoked.card, revoked.outcome) == (one.number, "revoked")
    with pytest.raises(OperatorRefused, match="no card"):
        revoke_operator_card(desk, one.identifier)
    pseudonym = staff.counter.office.pseudonyms.card(one.number)
    uses = [use for use in staff.counter.uses() if use.purpose == "lend_card"]
    assert [use.card for use in uses] == [pseudonym] * 7 + [None]
    assert [use.outcome.value for use in uses] == [
        "done",
        "done",
        "done",
        "refused",
        "done",
        "refused",
        "done",
        "refused",
    ]


def test_a_card_is_lent_to_whom_it_names_and_to_nobody_else(staff: Staff) -> None:
    admin, one = staff.hired(Role.ADMINISTRATOR), person(40)
    desk = staff.on_duty(admin)
    enter_staff(desk, Operator("clerk-9", "窓口", Role.CLERK))
    with Reader(one.card) as reader, pytest.raises(OperatorRefused, match="names another"):
        lend_operator_card(desk, reader, "clerk-9")
    with Reader(person(41, "13221").card) as reader, pytest.raises(OperatorRefused, match="town"):
        lend_operator_card(desk, reader, "clerk-9")
    with staff.counter.database.read() as connection:
        assert [one.operator for one in list_lendings(connection)] == [admin.identifier]


@pytest.mark.parametrize("procedure", ["inspect", "return", "lend"])
def test_a_cut_at_any_exchange_leaves_the_lendings_as_they_were(
    staff: Staff, procedure: str
) -> None:
    admin, one = staff.hired(Role.ADMINISTRATOR), staff.hired(Role.CLERK)
    desk = staff.on_duty(admin)
    if procedure == "lend":
        with Reader(one.card) as reader:
            return_operator_card(desk, reader)
    with staff.counter.database.read() as connection:
        before = list_lendings(connection)
    for at in range(50):
        known = len(staff.counter.uses())
        with Reader(one.card) as reader:
            reader.pull(at, acts=True)
            try:
                if procedure == "lend":
                    lend_operator_card(desk, reader, one.identifier)
                elif procedure == "return":
                    return_operator_card(desk, reader)
                else:
                    inspect_operator_card(desk, reader)
            except CardError:
                with staff.counter.database.read() as connection:
                    assert list_lendings(connection) == before
            else:
                break
        assert len(staff.counter.uses()) == known + 1
    assert at > 5
    with staff.counter.database.read() as connection:
        assert list_lendings(connection) != before


def lost_admins(staff: Staff) -> tuple[Person, Person, Person]:
    """Two supervisors, and an administrator whose card is lost; no other one can log in."""
    admin = staff.hired(Role.ADMINISTRATOR)
    supervisors = staff.hired(Role.SUPERVISOR), staff.hired(Role.SUPERVISOR)
    by = By.at_terminal(staff.counter.database, FIRST.identifier)
    with staff.counter.database.begin() as connection:
        revoke_card(connection, admin.number, by)
    with pytest.raises(OperatorRefused):
        staff.on_duty(admin)
    return admin, *supervisors


def test_two_supervisors_replace_an_administrators_lost_card(staff: Staff) -> None:
    admin, first, second = lost_admins(staff)
    new = another_card(admin)
    desk = staff.on_duty(first, second)
    desk.talk = Clerk(PASSWORD)
    with staff.method(new) as method:
        lending = replace_administrators_card(desk, method, admin.identifier)
    assert (lending.card, lending.operator) == (new.number, admin.identifier)
    assert desk.supervisor is None
    desk = staff.on_duty(new)
    enter_staff(desk, Operator("clerk-9", "窓口", Role.CLERK))
    with pytest.raises(OperatorRefused, match="revoked"):
        staff.on_duty(admin)
    use = next(one for one in staff.counter.uses() if one.purpose == "replace_administrators_card")
    assert (use.operator, use.outcome.value) == (first.identifier, "done")
    assert use.reason == f"{admin.identifier}, with {second.identifier}"


def test_an_administrators_card_is_replaced_by_two_others_and_for_nobody_else(
    staff: Staff,
) -> None:
    admin, first, second = lost_admins(staff)
    clerk = staff.hired(Role.CLERK)
    new = another_card(admin)

    def replaced(desk: Desk, whom: Person, card: Person, *typed: str) -> None:
        desk.talk = Clerk(*(typed or (PASSWORD,)))
        with staff.method(card) as method:
            replace_administrators_card(desk, method, whom.identifier)

    with pytest.raises(NotApproved):
        replaced(staff.on_duty(first), admin, new)
    with pytest.raises(OperatorRefused, match="right"):
        replaced(staff.on_duty(first, clerk), admin, new)
    with pytest.raises(OperatorRefused, match="right"):
        replaced(staff.on_duty(clerk, first), admin, new)
    with pytest.raises(OperatorRefused, match="two others"):
        replaced(staff.on_duty(first, second), second, second)
    with pytest.raises(OperatorRefused, match="no administrator"):
        replaced(staff.on_duty(first, second), clerk, clerk)
    with pytest.raises(OperatorRefused, match="names another"):
        replaced(staff.on_duty(first, second), admin, clerk)
    with pytest.raises(CardError):
        replaced(staff.on_duty(first, second), admin, new, "wrong-one-1")
    with staff.counter.database.read() as connection:
        assert not [one for one in list_lendings(connection) if one.card == new.number]


def founders(hours: Hours = ALWAYS) -> tuple[list[Person], list[Founder]]:
    """Two administrators of an office that is to be, at one reader each."""
    people = [person(60), person(61)]
    return people, [
        Founder(one.operator(Role.ADMINISTRATOR, hours), CardAndPassword(opened(one), trust))
        for one in people
    ]


def opened(one: Person) -> Reader:
    """A reader with somebody's card."""
    reader = Reader(one.card)
    reader.open()
    return reader


def empty(database: Database, *typed: str) -> Desk:
    """The first desk of an office that is to be."""
    office = Office(TOWN, database, CountedCustody(PublicMasters()), PSEUDONYMS)
    return Desk(office, talk=Clerk(*typed))


def test_an_office_begins_with_two_administrators_once(
    database: Database, clock: MovableClock
) -> None:
    people, both = founders()
    desk = empty(database, PASSWORD, PASSWORD, PASSWORD)
    founded = found_office(desk, ORIGIN, *both)
    assert founded.operators == (people[0].identifier, people[1].identifier)
    assert log_in(desk, both[0].method).card == people[0].number
    enter_staff(desk, Operator("clerk-1", "窓口", Role.CLERK))
    with pytest.raises(AlreadyFounded, match="new database"):
        found_office(empty(database, PASSWORD, PASSWORD), "other.example/uses", *both)
    with database.read() as connection:
        assert {one.card for one in list_lendings(connection)} == {one.number for one in people}


def test_an_office_that_could_not_begin_has_nothing(database: Database) -> None:
    _, both = founders()
    clerk = Founder(replace(both[1].operator, role=Role.CLERK), both[1].method)
    for second, typed in (
        (both[0], (PASSWORD, PASSWORD)),
        (clerk, (PASSWORD, PASSWORD)),
        (Founder(replace(both[1].operator, identifier="admin-2"), both[1].method), (PASSWORD,)),
        (both[1], (PASSWORD, "wrong-one-1")),
    ):
        with pytest.raises(CardError):
            found_office(empty(database, *typed), ORIGIN, both[0], second)
    bare = empty(database, PASSWORD, PASSWORD)

    class NoKeys(WithoutAdmin):
        def newest_version(self, system: str) -> int:
            return super().newest_version("ADMIN")

    bare.office = replace(bare.office, custody=CountedCustody(NoKeys()))
    with pytest.raises(CardError):
        found_office(bare, ORIGIN, *both)
    found_office(empty(database, PASSWORD, PASSWORD), ORIGIN, *both)
