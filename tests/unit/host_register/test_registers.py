"""Other bodies' registers: who is given what, by which way it goes, and what is noted of it."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Connection, func, select

from jukihost import log
from jukihost.clock import MovableClock
from jukihost.database import Database, DatabaseError, open_database
from jukihost.errors import TerminalError
from jukihost.ledger import LedgerError, Stopped, stop
from jukihost.log import Outcome, append_use, create_log, sequence_log
from jukihost.log.stored import entry_at
from jukihost.register import (
    PROVISIONS,
    SEVEN,
    AddressRestricted,
    Asking,
    AsReceived,
    Body,
    ChangeReason,
    Item,
    LocalRegisters,
    NotNotified,
    Provided,
    ProvisionRefused,
    Registers,
    RestrictionKind,
    UnknownResident,
    Use,
    Used,
    change_resident,
    enter_resident,
    restrict,
    set_notified,
    show_by_code,
    show_resident,
)
from jukihost.register.tables import identities
from tests.support.host.databases import KINDS, NOON, made
from tests.support.host.ledgers import ADMIN, BY
from tests.support.host.residents import (
    APPROVED,
    COUNTER,
    ELSEWHERE,
    MOVING,
    OTHER_TOWN,
    RESIDENT,
    TOWN,
    another,
    code,
    entered,
    supervised,
)
from tests.support.host.town import PSEUDONYMS

NOTICE: Final = Asking(BY, Body.CENTRE, Use.NOTICE)
PENSION: Final = Asking(BY, Body.AGENCY, Use.PENSION)
DAY: Final = date(2014, 4, 1)


@dataclass
class Bodies:
    """Two towns and their prefecture, a database each, and what each noted."""

    town: Database
    other: Database
    prefecture: Database
    noted: list[Used]
    registers: Registers


def bodies_at(addresses: list[str], stack: ExitStack) -> Bodies:
    databases = [
        stack.enter_context(open_database(one, clock=MovableClock(NOON), terminal="counter-1"))
        for one in addresses
    ]
    town, other, prefecture = databases
    noted: list[Used] = []
    registers = LocalRegisters(
        {TOWN: town, OTHER_TOWN: other}, prefecture, lambda _, used: noted.append(used)
    )
    return Bodies(town, other, prefecture, noted, registers)


@pytest.fixture(params=KINDS)
def bodies(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bodies]:
    """Two towns and their prefecture; the second town has a file, whatever the others have."""
    with ExitStack() as stack:
        kinds = (request.param, "sqlite", request.param)
        yield bodies_at(
            [stack.enter_context(made(kind, request, tmp_path)) for kind in kinds], stack
        )


# -- who is given what (P25, P27) ------------------------------------------------------------------

# Written by hand from what the law is for; whatever is not here is refused.
GIVEN: Final = {
    ("counter", "procedure"): "name address sex born code reason changed alias household relation "
    "residence_until domicile family_head",
    ("other_town", "wide_area"): "name address sex born reason changed alias relation "
    "residence_until",
    ("other_town", "move_in"): "name address sex born code reason changed alias household relation "
    "residence_until domicile family_head",
    ("prefecture", "notice"): "name address sex born code reason changed",
    ("centre", "notice"): "name address sex born code reason changed",
    ("prefecture", "passport"): "name address sex born",
    ("agency", "pension"): "name address sex born code reason changed",
    ("agency", "qualification"): "name address sex born",
}


def test_every_body_and_every_purpose_is_given_what_the_table_says(bodies: Bodies) -> None:
    resident = entered(bodies.town)
    bodies.registers.notify(TOWN, resident, BY)
    for body, use in itertools.product(Body, Use):
        asking = Asking(BY, body, use, approved_by="super-1")
        wanted = GIVEN.get((body.value, use.value))
        with bodies.town.read() as connection:
            if wanted is None:
                with pytest.raises(ProvisionRefused, match="nothing for the purpose"):
                    show_by_code(connection, RESIDENT.code, asking)
                with pytest.raises(ProvisionRefused):
                    show_by_code(connection, code("nobody"), asking)
                with pytest.raises(ProvisionRefused):
                    bodies.registers.identity(RESIDENT.code, asking)
                continue
            given = show_by_code(connection, RESIDENT.code, asking)
        assert {item.value for item in given.values} == set(wanted.split())
        for item in set(Item) - given.values.keys():
            with pytest.raises(ProvisionRefused, match="not given"):
                given[item]
        if {Item(name) for name in wanted.split()} <= set(SEVEN):
            there = bodies.registers.identity(RESIDENT.code, asking)
            assert dict(there.values) == dict(given.values)
        else:
            with pytest.raises(ProvisionRefused):
                bodies.registers.identity(RESIDENT.code, asking)


def test_the_table_has_no_line_for_the_private_sector() -> None:
    assert {(body.value, use.value) for body, use in PROVISIONS} == set(GIVEN)
    assert Body.PRIVATE not in {body for body, _ in PROVISIONS}


# -- from town to town (P26) -----------------------------------------------------------------------


def test_a_copy_elsewhere_has_nothing_of_the_family_register_and_no_code(bodies: Bodies) -> None:
    entered(bodies.town)
    copy = bodies.registers.copy_of_record(TOWN, RESIDENT.code, ELSEWHERE)
    assert copy[Item.NAME] == RESIDENT.name
    assert not {Item.DOMICILE, Item.FAMILY_HEAD, Item.CODE} & copy.values.keys()
    (used,) = bodies.noted
    assert (used.what, used.done, used.asking, used.code) == (
        "copy_of_record",
        True,
        ELSEWHERE,
        RESIDENT.code,
    )
    assert RESIDENT.code.reveal() not in repr(used)


def test_who_moves_is_entered_there_and_closed_here(bodies: Bodies) -> None:
    entered(bodies.town)
    record = bodies.registers.moving_record(TOWN, RESIDENT.code, MOVING)
    moved = replace(
        RESIDENT,
        **{item.value: record[item] for item in Item if item is not Item.ADDRESS},
        municipality=OTHER_TOWN,
        address=AsReceived("大阪市北区中之島一丁目"),
    )
    with bodies.other.begin() as connection:
        there = enter_resident(connection, moved, BY)
    bodies.registers.moved_in(TOWN, RESIDENT.code, DAY, MOVING)
    with pytest.raises(UnknownResident):
        bodies.registers.moving_record(TOWN, RESIDENT.code, MOVING)
    with bodies.other.read() as connection:
        assert show_resident(connection, there, COUNTER)[Item.FAMILY_HEAD] == RESIDENT.family_head
    assert [(used.what, used.done) for used in bodies.noted] == [
        ("moving_record", True),
        ("moved_in", True),
        ("moving_record", False),
    ]


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every byte of a database's files: the file itself, and what lies beside it while open."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_what_goes_from_town_to_town_never_touches_the_prefecture(
    tmp_path: Path, sqlite_template: Path
) -> None:
    for name in ("town", "other", "prefecture"):
        (tmp_path / name).mkdir()
        shutil.copyfile(sqlite_template, tmp_path / name / "terminal.db")
    texts = [
        one.text
        for one in (RESIDENT.name, RESIDENT.address, RESIDENT.alias, RESIDENT.domicile)
        if one is not None
    ]
    secrets = [RESIDENT.code.reveal(), *texts]
    needles = [text.encode(codec) for text in secrets for codec in ("utf-8", "utf-16-le")]
    with ExitStack() as stack:
        addresses = [
            str(tmp_path / name / "terminal.db") for name in ("town", "other", "prefecture")
        ]
        bodies = bodies_at(addresses, stack)
        resident = entered(bodies.town)
        with bodies.prefecture.read():
            before = bytes_of(tmp_path / "prefecture")
            assert "terminal.db-wal" in before, "open, and looked at whole"
            bodies.registers.copy_of_record(TOWN, RESIDENT.code, ELSEWHERE)
            record = bodies.registers.moving_record(TOWN, RESIDENT.code, MOVING)
            values = {item.value: record[item] for item in Item}
            with bodies.other.begin() as connection:
                enter_resident(connection, replace(RESIDENT, **values, municipality=OTHER_TOWN), BY)
            assert bytes_of(tmp_path / "prefecture") == before
            for found in before.values():
                assert not [one for one in needles if one in found]
        # What finds nothing there finds it where it is, and where a notice brings it.
        ours = b"".join(bytes_of(tmp_path / "town").values())
        assert all(text.encode() in ours for text in secrets)
        bodies.registers.notify(TOWN, resident, BY)
        theirs = b"".join(bytes_of(tmp_path / "prefecture").values())
        assert RESIDENT.name.text.encode() in theirs
        for beside in (RESIDENT.domicile, RESIDENT.family_head, RESIDENT.alias):
            assert beside is not None
            assert beside.text.encode() not in theirs, "a notice has the seven items and no more"


# -- the prefecture --------------------------------------------------------------------------------


def change(bodies: Bodies, resident: int, new: dict[Item, object]) -> None:
    with bodies.town.begin() as connection:
        record = show_resident(connection, resident, COUNTER)
        change_resident(connection, record, new, ChangeReason.CORRECTED, DAY, BY)  # type: ignore[arg-type]


def test_the_prefecture_has_what_the_last_notice_said(bodies: Bodies) -> None:
    resident = entered(bodies.town)
    with pytest.raises(UnknownResident):
        bodies.registers.identity(RESIDENT.code, NOTICE)
    bodies.registers.notify(TOWN, resident, BY)
    given = bodies.registers.identity(RESIDENT.code, NOTICE)
    assert [given[item] for item in SEVEN] == [getattr(RESIDENT, item.value) for item in SEVEN]
    change(bodies, resident, {Item.NAME: AsReceived("渡辺 花子"), Item.CODE: code("new")})
    assert bodies.registers.identity(RESIDENT.code, NOTICE)[Item.NAME] == RESIDENT.name
    bodies.registers.notify(TOWN, resident, BY)
    assert bodies.registers.identity(code("new"), NOTICE)[Item.NAME].text == "渡辺 花子"
    with pytest.raises(UnknownResident):
        bodies.registers.identity(RESIDENT.code, NOTICE)


def test_who_asked_not_to_be_notified_is_not(bodies: Bodies) -> None:
    resident = entered(bodies.town, notified=False)
    with pytest.raises(NotNotified, match="withdraw"):
        bodies.registers.notify(TOWN, resident, BY)
    with pytest.raises(UnknownResident):
        bodies.registers.identity(RESIDENT.code, NOTICE)
    with bodies.town.begin() as connection:
        set_notified(connection, show_resident(connection, resident, COUNTER), True, BY)
    bodies.registers.notify(TOWN, resident, BY)
    assert bodies.registers.identity(RESIDENT.code, NOTICE)[Item.NAME] == RESIDENT.name


def test_a_restriction_goes_along_with_the_notice(bodies: Bodies) -> None:
    supervised(bodies.prefecture)
    resident = entered(bodies.town)
    with bodies.town.begin() as connection:
        restrict(connection, [resident], RestrictionKind.STALKING, date(2015, 3, 31), BY)
    bodies.registers.notify(TOWN, resident, BY)
    with pytest.raises(AddressRestricted):
        bodies.registers.identity(RESIDENT.code, PENSION)
    with pytest.raises(LedgerError):
        bodies.registers.identity(RESIDENT.code, replace(PENSION, approved_by="clerk-2"))
    given = bodies.registers.identity(RESIDENT.code, replace(PENSION, approved_by="super-1"))
    assert given.restricted
    with pytest.raises(AddressRestricted):
        bodies.registers.copy_of_record(TOWN, RESIDENT.code, ELSEWHERE)


# -- what is noted, and what stops it --------------------------------------------------------------


def every_use(
    bodies: Bodies, town: str, asking: Asking
) -> Iterator[tuple[str, Callable[[], object]]]:
    registers, who = bodies.registers, RESIDENT.code
    yield "copy_of_record", lambda: registers.copy_of_record(town, who, asking)
    yield "moving_record", lambda: registers.moving_record(town, who, asking)
    yield "moved_in", lambda: registers.moved_in(town, who, DAY, asking)
    yield "identity", lambda: registers.identity(who, asking)


def test_a_refusal_is_noted_with_what_was_said(bodies: Bodies) -> None:
    supervised(bodies.town)
    entered(bodies.town)
    for asking in (
        replace(ELSEWHERE, body=Body.PRIVATE),
        replace(MOVING, body=Body.AGENCY),
        APPROVED,
        replace(ELSEWHERE, use=Use.PASSPORT),
    ):
        for what, use in every_use(bodies, TOWN, asking):
            bodies.noted.clear()
            with pytest.raises(TerminalError) as raised:
                use()
            (used,) = bodies.noted
            assert (used.what, used.done, used.why) == (what, False, str(raised.value))
            assert used.asking == asking
    for what, use in every_use(bodies, "99999", MOVING):
        if what != "identity":
            with pytest.raises(UnknownResident):
                use()


def test_a_use_is_in_the_log_of_the_body_that_was_asked(bodies: Bodies) -> None:
    """The log is of the same database, so use and entry land together, refused ones alone."""
    supervised(bodies.town)
    entered(bodies.town)
    with bodies.town.begin() as connection:
        create_log(connection, "town.example/uses")

    def note(connection: Connection, used: Used) -> None:
        append_use(
            connection,
            PSEUDONYMS,
            at=used.asking.by.at,
            operator=used.asking.by.operator,
            terminal=used.asking.by.terminal,
            body=used.asking.body.value,
            purpose=f"{used.what}, {used.asking.use.value}",
            outcome=Outcome.DONE if used.done else Outcome.REFUSED,
            reason=used.why,
            resident=used.code,
        )

    registers = LocalRegisters({TOWN: bodies.town}, bodies.prefecture, note)
    registers.copy_of_record(TOWN, RESIDENT.code, ELSEWHERE)
    with pytest.raises(ProvisionRefused):
        registers.copy_of_record(TOWN, RESIDENT.code, replace(ELSEWHERE, use=Use.PASSPORT))
    sequence_log(bodies.town)
    with bodies.town.read() as connection:
        found = [entry_at(connection, index) or b"" for index in (0, 1)]
    done, refused = map(log.Use.parse, found)
    assert (done.outcome, done.number, done.reason) == (Outcome.DONE, 1, "")
    assert (refused.outcome, refused.number) == (Outcome.REFUSED, 2)
    assert "this is given for" in refused.reason
    assert done.resident == refused.resident == PSEUDONYMS.resident(RESIDENT.code)
    assert done.purpose == "copy_of_record, wide_area"


def test_what_cannot_be_noted_is_not_done(bodies: Bodies) -> None:
    resident = entered(bodies.town)

    def full(connection: Connection, used: Used) -> None:
        raise DatabaseError("the log is full")

    deaf = LocalRegisters({TOWN: bodies.town}, bodies.prefecture, full)
    for use in (
        lambda: deaf.copy_of_record(TOWN, RESIDENT.code, ELSEWHERE),
        lambda: deaf.moving_record(TOWN, RESIDENT.code, MOVING),
        lambda: deaf.moved_in(TOWN, RESIDENT.code, DAY, MOVING),
        lambda: deaf.notify(TOWN, resident, BY),
    ):
        with pytest.raises(DatabaseError, match="full"):
            use()
    with bodies.town.read() as connection:
        assert isinstance(show_resident(connection, resident, COUNTER), Provided)
    with bodies.prefecture.read() as connection:
        assert connection.execute(select(func.count()).select_from(identities)).scalar() == 0
    bodies.registers.notify(TOWN, resident, BY)
    with pytest.raises(DatabaseError, match="full"):
        deaf.identity(RESIDENT.code, NOTICE)


def test_the_emergency_stop_of_a_body_stops_what_others_ask_of_it(bodies: Bodies) -> None:
    resident = entered(bodies.town)
    supervised(bodies.prefecture)
    supervised(bodies.town)
    with bodies.prefecture.begin() as connection:
        stop(connection, ADMIN, "admin-2", "攻撃")
    for step in (
        lambda: bodies.registers.identity(RESIDENT.code, NOTICE),
        lambda: bodies.registers.notify(TOWN, resident, BY),
    ):
        with pytest.raises(Stopped):
            step()
    bodies.registers.copy_of_record(TOWN, RESIDENT.code, ELSEWHERE)
    with bodies.town.begin() as connection:
        stop(connection, ADMIN, "admin-2", "攻撃")
    for asking, what in itertools.product((ELSEWHERE, MOVING), ("copy", "moving", "moved")):
        uses = {name.partition("_")[0]: use for name, use in every_use(bodies, TOWN, asking)}
        with pytest.raises(Stopped):
            uses[what]()


def test_two_people_of_one_name_are_told_apart_by_code(bodies: Bodies) -> None:
    entered(bodies.town)
    entered(bodies.town, **another("twin", born=date(1971, 1, 1), household=9))
    copy = bodies.registers.copy_of_record(TOWN, code("twin"), ELSEWHERE)
    assert copy[Item.BORN] == date(1971, 1, 1)
