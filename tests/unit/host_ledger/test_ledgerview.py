"""What may be seen of a ledger without any right: what is told, what never is, and what is away."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text

from jukihost.clock import MovableClock
from jukihost.database import Database, DatabaseReadOnly, open_database
from jukihost.ledger import (
    STANDINGS,
    By,
    PersonAct,
    Reason,
    Standing,
    find_card,
    lift_stop,
    move_card,
    note_gap,
    open_intent,
    stop,
)
from jukihost.ledgerview import LedgerView
from tests.support.host.databases import NOON
from tests.support.host.ledgers import ADMIN, BY, card_that_is, staffed
from tests.support.host.storedtown import StoredTown
from tests.support.host.town import CODES, ORIGIN

NUMBER: Final = bytes.fromhex("0123456789ABCDEF")
RESIDENT: Final = CODES[0]
HOLDER: Final = 987654321
IDENTIFIER: Final = bytes(range(0x30, 0x40))


def look(address: str | Path) -> dict[str, Any]:
    """Look as a page would: through JSON."""
    found: dict[str, Any] = json.loads(json.dumps(LedgerView(str(address)).look()))
    return found


def problem(address: str | Path) -> str:
    said = look(address)
    assert said.keys() == {"problem"}, said
    assert said["problem"].keys() == {"code", "en", "ja"}
    return str(said["problem"]["en"])


@pytest.fixture
def file(sqlite_template: Path, tmp_path: Path) -> Path:
    """The file of a terminal's database with nothing in it."""
    path = tmp_path / "terminal.db"
    shutil.copyfile(sqlite_template, path)
    return path


@pytest.fixture
def in_file(file: Path, clock: MovableClock) -> Any:
    """The same, open at a terminal."""
    with open_database(file, clock=clock, terminal="counter-1") as database:
        yield database


def test_cards_are_counted_and_told_by_the_end_of_their_number(
    database: Database, address: str
) -> None:
    for number, standing in enumerate(STANDINGS, 1):
        card_that_is(database, standing, number)
    said = look(address)
    assert {(one["state"], one["returns_to"]): one["count"] for one in said["counts"]} == {
        (one.state.value, one.returns_to.value if one.returns_to else None): 1 for one in STANDINGS
    }
    assert {one["card"] for one in said["cards"]} == {
        f"…{number:04X}" for number in range(1, len(STANDINGS) + 1)
    }
    assert said["intents"] == {"count": 0, "rows": []}
    assert said["gaps"] == 0
    assert said["log"] is None
    assert said["kind"] == database.dialect


def test_an_intent_is_told_until_it_is_settled_and_a_gap_counted(
    in_file: Database, file: Path
) -> None:
    card = card_that_is(in_file, Standing(STANDINGS[1].state), 7)
    with in_file.begin() as connection:
        open_intent(connection, card, IDENTIFIER, "unblock_pin", BY)
        note_gap(connection, card.number, 9, IDENTIFIER, BY)
    said = look(file)
    [intent] = said["intents"]["rows"]
    assert intent == {
        "card": "…0007",
        "purpose": "unblock_pin",
        "opened": "2014-04-01 12:00:00 JST",
        "terminal": "counter-1",
    }
    assert said["intents"]["count"] == said["gaps"] == 1


def test_more_cards_than_are_listed_are_counted_and_the_newest_listed(
    in_file: Database, file: Path
) -> None:
    for number in range(1, 104):
        card_that_is(in_file, STANDINGS[0], number)
    later = By("clerk-1", "counter-2", BY.at + timedelta(days=1))
    with in_file.begin() as connection:
        card = find_card(connection, (5).to_bytes(8))
        move_card(connection, card, PersonAct.ABOLISH, Reason.SURRENDERED, later)
    said = look(file)
    assert sum(one["count"] for one in said["counts"]) == 103
    assert len(said["cards"]) == 100
    assert said["cards"][0] | {"at": ""} == {
        "card": "…0005",
        "form": 1,
        "state": "abolished",
        "returns_to": None,
        "expires": "2024-03-31",
        "act": "abolish",
        "at": "",
        "terminal": "counter-2",
    }


def test_the_log_is_told_by_what_it_publishes(
    in_file: Database, file: Path, clock: MovableClock, tmp_path: Path
) -> None:
    town = StoredTown(in_file, clock, tmp_path / "witness.json")
    town.use(RESIDENT, RESIDENT)
    log = look(file)["log"]
    assert (log["origin"], log["size"], log["queued"]) == (ORIGIN, 0, 2)
    assert log["checkpoint"] is None
    note = town.publish()
    log = look(file)["log"]
    assert (log["size"], log["queued"], log["queued_since"]) == (2, 0, None)
    assert log["root"] == note.text.split("\n")[2]
    checkpoint = log["checkpoint"]
    assert checkpoint["size"] == 2
    assert checkpoint["signatures"] == 1
    assert checkpoint["witnesses"] == [name for name, _ in note.signatures if name != ORIGIN]
    assert len(checkpoint["witnesses"]) == 1
    assert checkpoint["witnessed"] == checkpoint["signed"] == "2014-04-01 12:00:00 JST"


def test_nothing_of_a_person_and_no_entry_is_told(
    in_file: Database, file: Path, clock: MovableClock, tmp_path: Path
) -> None:
    town = StoredTown(in_file, clock, tmp_path / "witness.json")
    town.use(RESIDENT, purpose="a purpose of the log")
    town.publish()
    staffed(in_file)
    card = card_that_is(in_file, STANDINGS[1], int.from_bytes(NUMBER))
    with in_file.begin() as connection:
        connection.execute(text("UPDATE ledger_cards SET holder = :n"), {"n": HOLDER})
        open_intent(connection, card, IDENTIFIER, "resume", BY)
    told = json.dumps(look(file), ensure_ascii=False)
    assert "…CDEF" in told
    hidden = (
        NUMBER.hex().upper(), str(HOLDER), IDENTIFIER.hex(), "12345678903", "管理", "clerk-1",
        "admin-1", "operator-1", "a purpose of the log", "application", str(file),
    )  # fmt: skip
    for secret in hidden:
        assert secret not in told, secret
        assert secret.lower() not in told.lower(), secret


def test_in_an_emergency_no_card_is_told(in_file: Database, file: Path) -> None:
    staffed(in_file)
    card_that_is(in_file, STANDINGS[1], 3)
    with in_file.begin() as connection:
        stop(connection, ADMIN, "admin-2", "a drill of which nobody is told")
    said = look(file)
    assert said["stopped"] == "2014-04-01 12:00:00 JST"
    assert not said.keys() & {"counts", "cards", "intents", "gaps"}
    assert "drill" not in str(said)
    with in_file.begin() as connection:
        lift_stop(connection, ADMIN, "admin-2", "over")
    assert look(file)["cards"]
    with in_file.begin() as connection:
        connection.execute(text("UPDATE ledger_switch SET id = 2"))
    assert look(file)["stopped"] == ""
    assert "cards" not in look(file)


# -- read only -------------------------------------------------------------------------------------


def test_nothing_is_written_whatever_is_asked(
    database: Database, address: str, clock: MovableClock
) -> None:
    card_that_is(database, STANDINGS[1], 3)
    with open_database(address, clock=clock, terminal="view", read_only=True) as view:
        with pytest.raises(DatabaseReadOnly), view.begin() as connection:
            connection.execute(text("DELETE FROM ledger_events"))
        with pytest.raises(DatabaseReadOnly), view.begin():
            pytest.fail("a transaction that may write was given")
    assert look(address)["cards"]


def test_looking_changes_no_byte_and_nobodys_clock(file: Path) -> None:
    before = file.read_bytes()
    for _ in range(3):
        assert look(file)["cards"] == []
    assert file.read_bytes() == before
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT * FROM database_clocks").fetchall() == []
    connection.close()


# -- what stands in the way ------------------------------------------------------------------------


def test_a_database_that_goes_away_and_comes_back_is_seen_again(file: Path, tmp_path: Path) -> None:
    assert "cards" in look(file)
    aside = tmp_path / "aside.db"
    file.rename(aside)
    assert "the database is away" in problem(file)
    assert not file.exists(), "a look makes no file"
    aside.rename(file)
    assert "cards" in look(file)


def test_one_that_was_replaced_is_the_one_that_is_seen(
    file: Path, sqlite_template: Path, clock: MovableClock
) -> None:
    view = LedgerView(str(file))
    assert view.look()["cards"] == []
    file.unlink()
    shutil.copyfile(sqlite_template, file)
    with open_database(file, clock=clock, terminal="counter-1") as database:
        card_that_is(database, STANDINGS[1], 3)
        assert len(view.look()["cards"]) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE database_history SET version_num = '0001'", "of an earlier version"),
        ("UPDATE database_history SET version_num = '9999'", "of a later version"),
        ("DROP TABLE database_history", "no tables of a terminal yet"),
    ],
)
def test_tables_of_another_version_are_told(file: Path, change: str, words: str) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute(change)
    connection.close()
    assert words in problem(file)


def test_a_file_that_is_no_database_is_told(file: Path) -> None:
    file.write_bytes(b"<script>" * 1000)
    assert "no database" in problem(file)


def test_one_that_another_program_holds_is_told(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jukihost.database.engine.WAIT", 0.2)
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    holder.execute("INSERT INTO database_clocks VALUES ('other', 0)")
    try:
        assert "another program holds the database" in problem(file)
    finally:
        holder.close()
    assert "cards" in look(file)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("mysql://somebody:secret@host/name", "is not offered"),
        ("postgresql://somebody:secret@192.0.2.1/name", "must see this terminal's certificate"),
        ("postgresql://host:port/name", "cannot be read"),
        ("/nowhere/terminal.db", "make it first"),
    ],
)
def test_an_address_that_cannot_be_used_is_told_without_it(address: str, words: str) -> None:
    said = look(address)["problem"]
    assert words in said["en"]
    assert "secret" not in str(said) + repr(LedgerView(address))


def test_what_is_written_badly_in_the_log_is_a_problem_and_no_traceback(
    in_file: Database, file: Path, clock: MovableClock, tmp_path: Path
) -> None:
    StoredTown(in_file, clock, tmp_path / "witness.json").publish()
    with in_file.begin() as connection:
        connection.execute(text("UPDATE log_checkpoints SET note = x'00'"))
    assert "no signed note" in problem(file)


def test_operators_and_terminals_may_be_called_anything(file: Path, clock: MovableClock) -> None:
    script = "<script>alert(1)</script>"
    with open_database(file, clock=clock, terminal=script) as database:
        card_that_is(database, STANDINGS[1], 3)
        with database.begin() as connection:
            card = find_card(connection, (3).to_bytes(8))
            move_card(connection, card, PersonAct.SUSPEND, Reason.MISSING, By("x", script, NOON))
    assert look(file)["cards"][0]["terminal"] == script
