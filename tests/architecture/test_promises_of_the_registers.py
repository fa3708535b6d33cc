"""What was promised of registers, ledger and operators: docs/card.md, section 1."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

import jukihost.ledger
import jukihost.register
from jukihost.clock import MovableClock
from jukihost.database import Database, NotProtected, open_database, read_address, upgrade_database
from jukihost.ledger import (
    REASONS,
    RIGHTS,
    STANDINGS,
    By,
    CardAct,
    CertificateEffect,
    LedgerState,
    NotAllowed,
    OperatorRefused,
    PersonAct,
    Reason,
    Right,
    Stopped,
    after,
    check_right,
    find_card,
    lift_stop,
    move_card,
    running,
    stop,
)
from jukihost.register import (
    SEVEN,
    Body,
    Item,
    LocalRegisters,
    NotNotified,
    ProvisionRefused,
    Use,
    Used,
    show_by_code,
    show_resident,
)
from tests.support.host.databases import NOON
from tests.support.host.ledgers import ADMIN, AT, BY, card_that_is, read_card, staffed
from tests.support.host.residents import (
    COUNTER,
    ELSEWHERE,
    MOVING,
    RESIDENT,
    TOWN,
    entered,
    supervised,
)

ACTIVE: Final = STANDINGS[1]


@pytest.fixture
def databases(tmp_path: Path) -> Iterator[tuple[Database, Database]]:
    """The databases of a town and of its prefecture."""
    with ExitStack() as stack:
        made = []
        for name in ("town", "prefecture"):
            (tmp_path / name).mkdir()
            upgrade_database(tmp_path / name / "terminal.db")
            opened = open_database(
                tmp_path / name / "terminal.db", clock=MovableClock(NOON), terminal="counter-1"
            )
            made.append(stack.enter_context(opened))
        yield made[0], made[1]


@pytest.fixture
def town(databases: tuple[Database, Database]) -> Database:
    """The database of a town."""
    return databases[0]


def test_p7_the_ledger_suspends_at_once_by_telephone(town: Database) -> None:
    card = card_that_is(town, ACTIVE)
    with running(town) as connection:
        move_card(connection, card, PersonAct.SUSPEND, Reason.MISSING, BY)
    assert read_card(town).state is LedgerState.SUSPENDED
    assert REASONS[Reason.MISSING].effect is CertificateEffect.HOLD


def test_p11_after_moving_out_only_continued_use_goes_on(town: Database) -> None:
    card = card_that_is(town, STANDINGS[4])
    assert card.state is LedgerState.MOVED_OUT
    with pytest.raises(NotAllowed):
        after(card.standing, CardAct.CHANGE, Reason.PIN)
    assert after(card.standing, CardAct.CONTINUE_USE, Reason.MOVED_IN) == ACTIVE


def test_p12_a_copy_elsewhere_is_without_family_register_items(town: Database) -> None:
    entered(town)
    with town.read() as connection:
        copy = show_by_code(connection, RESIDENT.code, ELSEWHERE)
    assert Item.ADDRESS in copy.values
    assert not {Item.DOMICILE, Item.FAMILY_HEAD} & copy.values.keys()


def test_p13_the_new_town_is_told_the_whole_record(town: Database) -> None:
    entered(town)
    with town.read() as connection:
        record = show_by_code(connection, RESIDENT.code, MOVING)
    assert record.values.keys() == set(Item)


def test_p19_a_change_of_the_code_voids_the_card(town: Database) -> None:
    card = card_that_is(town, ACTIVE)
    with running(town) as connection:
        move_card(connection, card, PersonAct.ABOLISH, Reason.CODE_CHANGED, BY)
    assert read_card(town).state is LedgerState.ABOLISHED


def test_p20_identity_information_is_seven_items(town: Database) -> None:
    names = ["name", "address", "sex", "born", "code", "reason", "changed"]
    assert [item.value for item in SEVEN] == names
    number = entered(town)
    with town.read() as connection:
        record = show_resident(connection, number, COUNTER)
    assert [record[item] for item in SEVEN] == [getattr(RESIDENT, name) for name in names]


def test_p21_the_register_has_alias_and_residence_period(town: Database) -> None:
    number = entered(town)
    with town.read() as connection:
        record = show_resident(connection, number, COUNTER)
    assert (record[Item.ALIAS], record[Item.RESIDENCE_UNTIL]) == (
        RESIDENT.alias,
        RESIDENT.residence_until,
    )


def test_p22_one_switch_of_two_operators_stops_everything_until_they_lift_it(
    town: Database,
) -> None:
    card = card_that_is(town, ACTIVE)
    number = entered(town)
    staffed(town)
    with pytest.raises(OperatorRefused), town.begin() as connection:
        stop(connection, ADMIN, "admin-1", "alone")
    with town.begin() as connection:
        stop(connection, ADMIN, "admin-2", "漏えいの疑い")
    with town.read() as connection:
        with pytest.raises(Stopped):
            find_card(connection, card.number)
        with pytest.raises(Stopped):
            show_resident(connection, number, COUNTER)
    with pytest.raises(Stopped), running(town):
        pytest.fail("it was let in")
    with town.begin() as connection:
        lift_stop(connection, ADMIN, "admin-2", "確認済み")
    assert read_card(town) == card


def test_p23_who_asked_not_to_be_notified_is_not_sent_to_the_prefecture(
    databases: tuple[Database, Database],
) -> None:
    town, prefecture = databases
    number = entered(town, notified=False)
    registers = LocalRegisters({TOWN: town}, prefecture, lambda connection, used: None)
    with pytest.raises(NotNotified):
        registers.notify(TOWN, number, BY)


def test_p25_a_provision_outside_the_table_is_refused_and_noted(
    databases: tuple[Database, Database],
) -> None:
    town, prefecture = databases
    entered(town)
    noted: list[Used] = []
    registers = LocalRegisters({TOWN: town}, prefecture, lambda _, used: noted.append(used))
    refused = 0
    for body, use in itertools.product(Body, Use):
        asking = replace(ELSEWHERE, body=body, use=use)
        if (body, use) == (Body.OTHER_TOWN, Use.WIDE_AREA):
            continue
        with pytest.raises(ProvisionRefused):
            registers.copy_of_record(TOWN, RESIDENT.code, asking)
        refused += 1
    assert len(noted) == refused == len(Body) * len(Use) - 1
    assert not any(used.done for used in noted)


def test_p26_a_copy_goes_from_town_to_town_and_never_touches_the_prefecture(
    databases: tuple[Database, Database], tmp_path: Path
) -> None:
    town, prefecture = databases
    entered(town)
    registers = LocalRegisters({TOWN: town}, prefecture, lambda connection, used: None)
    registers.copy_of_record(TOWN, RESIDENT.code, ELSEWHERE)
    registers.moving_record(TOWN, RESIDENT.code, MOVING)
    kept = {path.parent.name: b"" for path in tmp_path.glob("*/*")}
    for path in tmp_path.glob("*/*"):
        kept[path.parent.name] += path.read_bytes()
    name = RESIDENT.name.text.encode()
    assert name in kept["town"]
    assert name not in kept["prefecture"]
    assert RESIDENT.code.reveal().encode() not in kept["prefecture"]


def test_p27_the_private_sector_gets_nothing_by_the_code(town: Database) -> None:
    entered(town)
    for use in Use:
        with town.read() as connection, pytest.raises(ProvisionRefused):
            show_by_code(connection, RESIDENT.code, replace(ELSEWHERE, body=Body.PRIVATE, use=use))
    assert RESIDENT.code.reveal() not in f"{RESIDENT.code!r} {RESIDENT.code} {RESIDENT!r}"


def test_p28_another_machine_is_reached_only_where_both_prove_themselves() -> None:
    for mode in ("disable", "allow", "prefer", "require", "verify-ca"):
        with pytest.raises(NotProtected):
            read_address(f"postgresql://terminal@db.example/town?sslmode={mode}")


def test_p29_nobody_exports_by_role_and_nothing_here_writes_to_a_path() -> None:
    assert not any(Right.EXPORT in rights for rights in RIGHTS.values())
    files = [
        path
        for package in (jukihost.ledger, jukihost.register)
        for path in Path(package.__path__[0]).glob("*.py")
    ]
    assert len(files) > 15
    for path in files:
        source = path.read_text("utf-8")
        assert not re.search(
            r"(?<!def )\bopen\(|write_(text|bytes)|\bPath\b|\bpathlib\b|\bio\b", source
        )


def test_p30_operators_work_at_their_hours(town: Database) -> None:
    supervised(town)
    with town.read() as connection:
        check_right(connection, "clerk-2", Right.COUNTER, AT)
        with pytest.raises(OperatorRefused, match="hours"):
            check_right(connection, "clerk-2", Right.COUNTER, AT + timedelta(hours=6))
    assert By.at_terminal(town, "clerk-2").at == NOON
