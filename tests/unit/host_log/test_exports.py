"""What leaves a database: who is asked, what is refused, and what the log says of it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import select

import jukihost
from jukihost.database import (
    AddressError,
    Database,
    DatabaseFull,
    backup_database,
    open_database,
    upgrade_database,
)
from jukihost.exports import (
    BACKUP,
    RESTORE,
    export_backup,
    read_disclosure,
    restore_backup,
)
from jukihost.ledger import (
    Operator,
    OperatorRefused,
    Role,
    Stopped,
    WordsRefused,
    dismiss_operator,
    enter_operator,
    stop,
)
from jukihost.log import DISCLOSURE, NotPublished, Outcome, Use
from jukihost.log.tables import queue
from tests.support.host.ledgers import ADMIN, ALWAYS, staffed
from tests.support.host.storedtown import StoredTown
from tests.support.host.town import CODES, PSEUDONYMS

MAY: Final = {
    "clerk-1": Operator("clerk-1", "係", Role.CLERK, ALWAYS),
    "super-1": Operator("super-1", "係長", Role.SUPERVISOR, ALWAYS),
    "audit-1": Operator("audit-1", "監査", Role.AUDITOR, ALWAYS),
    "export-1": Operator("export-1", "保守", Role.CLERK, ALWAYS, may_export=True),
}
ENTERED: Final = (*MAY, "admin-1", "gone-1", "nobody")


def with_operators(database: Database) -> None:
    staffed(database)
    with database.begin() as connection:
        for operator in MAY.values():
            enter_operator(connection, operator, ADMIN)
        gone = Operator("gone-1", "元", Role.AUDITOR, ALWAYS, may_export=True)
        enter_operator(connection, gone, ADMIN)
        dismiss_operator(connection, "gone-1", ADMIN)


def queued(database: Database) -> list[Use]:
    with database.read() as connection:
        found = connection.execute(select(queue.c.entry).order_by(queue.c.id)).scalars()
        return [Use.parse(entry) for entry in found]


def said(use: Use) -> tuple[str, str, str]:
    return use.operator, use.purpose, use.outcome.value


def disclosed(stored: StoredTown, operator: str) -> object:
    return read_disclosure(
        stored.database, PSEUDONYMS, CODES[0], operator=operator, body="the town's counter"
    )


@pytest.mark.parametrize("who", ENTERED)
def test_only_who_may_export_makes_a_backup(stored: StoredTown, tmp_path: Path, who: str) -> None:
    with_operators(stored.database)
    place = tmp_path / "backup"
    if who == "export-1":
        assert export_backup(stored.database, place, who) > 5
        assert place.exists()
        [use] = queued(stored.database)
        assert said(use) == (who, BACKUP, "done")
        return
    with pytest.raises(OperatorRefused):
        export_backup(stored.database, place, who)
    assert list(tmp_path.glob("backup*")) == []
    [use] = queued(stored.database)
    assert said(use) == (who, BACKUP, "refused")
    assert use.reason


@pytest.mark.parametrize("who", ENTERED)
def test_only_who_may_read_the_log_makes_a_disclosure(stored: StoredTown, who: str) -> None:
    with_operators(stored.database)
    stored.use(CODES[0])
    stored.end_day()
    if who == "audit-1":
        assert disclosed(stored, who)
    else:
        with pytest.raises(OperatorRefused):
            disclosed(stored, who)
    [use] = queued(stored.database)
    assert said(use) == (who, DISCLOSURE, "done" if who == "audit-1" else "refused")
    assert (use.resident, use.number) == (PSEUDONYMS.resident(CODES[0]), 2)
    assert use.body == "the town's counter"


@pytest.mark.parametrize("who", ENTERED)
def test_only_who_may_export_brings_a_backup_back(
    in_file: StoredTown, tmp_path: Path, who: str
) -> None:
    with_operators(in_file.database)
    place, new = tmp_path / "backup", tmp_path / "new.db"
    backup_database(in_file.database, place)

    def restore() -> int:
        return restore_backup(place, new, who, clock=in_file.clock, terminal="office")

    if who != "export-1":
        with pytest.raises(OperatorRefused):
            restore()
        assert list(tmp_path.glob("new.db*")) == []
        return
    assert restore() > 5
    with open_database(new, clock=in_file.clock, terminal="office") as back:
        [use] = queued(back)
    assert (*said(use), use.terminal) == (who, RESTORE, "done", "office")


def test_a_right_holds_in_the_operators_hours_only(stored: StoredTown, tmp_path: Path) -> None:
    staffed(stored.database)
    with stored.database.begin() as connection:
        day = Operator("export-1", "保守", Role.CLERK, may_export=True)
        enter_operator(connection, day, ADMIN)
    stored.clock.move(timedelta(hours=9))
    with pytest.raises(OperatorRefused, match="hours"):
        export_backup(stored.database, tmp_path / "backup", "export-1")
    stored.clock.move(timedelta(hours=15))
    assert export_backup(stored.database, tmp_path / "backup", "export-1")


def test_while_there_are_no_operators_nobody_is_asked_and_all_is_logged(
    stored: StoredTown, tmp_path: Path
) -> None:
    stored.use(CODES[0])
    stored.end_day()
    export_backup(stored.database, tmp_path / "backup", "whoever")
    disclosed(stored, "whoever")
    assert [said(one) for one in queued(stored.database)] == [
        ("whoever", BACKUP, "done"),
        ("whoever", DISCLOSURE, "done"),
    ]


def test_a_database_without_a_log_keeps_the_entries_until_it_has_one(
    database: Database, tmp_path: Path
) -> None:
    with_operators(database)
    with pytest.raises(OperatorRefused):
        export_backup(database, tmp_path / "first", "clerk-1")
    export_backup(database, tmp_path / "backup", "export-1")
    assert [use.outcome for use in queued(database)] == [Outcome.REFUSED, Outcome.DONE]


def test_nothing_leaves_while_everything_is_stopped(stored: StoredTown, tmp_path: Path) -> None:
    with_operators(stored.database)
    stored.use(CODES[0])
    stored.end_day()
    with stored.database.begin() as connection:
        stop(connection, ADMIN, "admin-2", "suspicion of a leak")
    with pytest.raises(Stopped):
        export_backup(stored.database, tmp_path / "backup", "export-1")
    with pytest.raises(Stopped):
        disclosed(stored, "audit-1")
    assert list(tmp_path.glob("backup*")) == []
    assert [said(one) for one in queued(stored.database)] == [
        ("export-1", BACKUP, "refused"),
        ("audit-1", DISCLOSURE, "refused"),
    ]


def test_the_stop_turned_during_a_backup_undoes_it(
    stored: StoredTown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_operators(stored.database)

    def turned(
        database: Database, file: Path, *, before: Callable[[], object] | None = None
    ) -> int:
        assert before is not None

        def late() -> None:
            with stored.database.begin() as connection:
                stop(connection, ADMIN, "admin-2", "suspicion of a leak")
            before()

        return backup_database(database, file, before=late)

    monkeypatch.setattr("jukihost.exports.backups.backup_database", turned)
    with pytest.raises(Stopped):
        export_backup(stored.database, tmp_path / "backup", "export-1")
    assert list(tmp_path.glob("backup*")) == []
    assert [use.outcome for use in queued(stored.database)] == [Outcome.REFUSED]


def test_what_fails_is_logged_as_failed(
    stored: StoredTown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_operators(stored.database)
    place = tmp_path / "backup"
    place.write_bytes(b"mine")
    with pytest.raises(AddressError):
        export_backup(stored.database, place, "export-1")
    assert place.read_bytes() == b"mine"
    with pytest.raises(NotPublished):
        disclosed(stored, "audit-1")

    def full(connection: object, clock: object) -> None:
        raise DatabaseFull("SQLITE_FULL")

    monkeypatch.setattr("jukihost.database.backup._stop_log", full)
    with pytest.raises(DatabaseFull):
        export_backup(stored.database, tmp_path / "other", "export-1")
    uses = queued(stored.database)
    assert [(use.outcome, use.reason) for use in uses] == [
        (Outcome.FAILED, "AddressError"),
        (Outcome.FAILED, "NotPublished"),
        (Outcome.FAILED, "DatabaseFull"),
    ]


def test_who_cannot_be_written_down_gets_nothing(stored: StoredTown, tmp_path: Path) -> None:
    with pytest.raises(WordsRefused):
        export_backup(stored.database, tmp_path / "backup", "12345678901")
    with pytest.raises(WordsRefused):
        disclosed(stored, "a\nb")
    assert list(tmp_path.glob("backup*")) == []
    assert queued(stored.database) == []


def test_a_restored_database_lands_with_its_entry_or_not_at_all(
    in_file: StoredTown, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_operators(in_file.database)
    place, new = tmp_path / "backup", tmp_path / "new.db"
    backup_database(in_file.database, place)
    monkeypatch.setattr("jukihost.exports.asking.append_use", _fails)
    with pytest.raises(DatabaseFull):
        restore_backup(place, new, "export-1", clock=in_file.clock, terminal="office")
    assert list(tmp_path.glob("new.db*")) == []


def _fails(*arguments: object, **named: object) -> None:
    raise DatabaseFull("SQLITE_FULL")


def test_nothing_else_of_the_host_takes_these_ways() -> None:
    """Whoever is not asked cannot be refused: only who asks first calls what asks nobody.

    That is `exports`, and the procedures, which ask the right before they begin.
    """
    guarded = {"backup_database", "restore_database", "disclose_stored", "make_disclosure"}
    folder = Path(jukihost.__file__).parent
    callers = {
        (path.relative_to(folder).parts[0], node.func.id)
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in guarded
    }
    assert callers == {
        ("exports", "backup_database"),
        ("exports", "restore_database"),
        ("exports", "disclose_stored"),
        ("log", "make_disclosure"),  # `disclose_stored` itself
        ("workflows", "backup_database"),
        ("workflows", "make_disclosure"),
    }


def test_a_new_database_has_nobody_to_ask(tmp_path: Path, in_file: StoredTown) -> None:
    place = tmp_path / "fresh.db"
    upgrade_database(place)
    with open_database(place, clock=in_file.clock, terminal="office") as fresh:
        assert export_backup(fresh, tmp_path / "backup", "whoever") > 0
        assert [use.outcome for use in queued(fresh)] == [Outcome.DONE]
