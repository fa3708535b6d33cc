"""`jukihost database`: made once, brought to this version, looked at; each refusal in words."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import alembic.command
import pytest
from alembic.config import Config
from sqlalchemy import text

from jukihost.cli import main
from jukihost.clock import Clock, ClockRanBackwards, MovableClock
from jukihost.database import Database, open_database
from jukihost.database.schema import versions
from tests.support.host.cli import as_json


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """The exit code of a command, and what it said."""
    code = main(["database", *arguments])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return code, " ".join((said.out + said.err).split())


def test_a_file_is_made_once_and_is_its_owners_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "terminal.db"
    code, said = run(capsys, "check", str(file))
    assert code == 2
    assert not file.exists(), "looking makes nothing"
    assert run(capsys, "create", str(file)) == (0, "the database is made")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run(capsys, "check", str(file)) == (0, "the tables are of this version")
    before = file.read_bytes()
    code, said = run(capsys, "create", str(file))
    assert (code, file.read_bytes()) == (2, before)
    assert "database already; it is left" in said
    assert main(["database", "check", str(file), "--json"]) == 0
    assert as_json(capsys) == {"done": True}


def test_tables_of_every_version_are_brought_to_this_one_or_refused(
    address: str, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    def put(version: str) -> None:
        with database.begin() as connection:
            connection.execute(
                text("UPDATE database_history SET version_num = :found"), {"found": version}
            )

    assert run(capsys, "upgrade", address) == (0, "the tables are of this version already")
    for command in ("check", "upgrade", "create"):
        put("9999")
        code, said = run(capsys, command, address)
        assert code == 2
        assert "later version (9999)" in said
        assert "install that version" in said
    put(versions()[0])
    for command in ("check", "create"):
        code, said = run(capsys, command, address)
        assert code == 2
        assert "earlier version" in said
        assert "jukihost database upgrade" in said


def test_an_earlier_version_is_upgraded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(tmp_path / "terminal.db")
    upgrade = alembic.command.upgrade

    def to_the_first(config: Config, _: str) -> None:
        upgrade(config, versions()[0])

    with monkeypatch.context() as earlier:
        earlier.setattr(alembic.command, "upgrade", to_the_first)
        assert run(capsys, "create", file)[0] == 0
    assert run(capsys, "check", file)[0] == 2
    assert run(capsys, "upgrade", file) == (0, "the tables are of this version now")
    assert run(capsys, "check", file)[0] == 0


def test_a_clock_that_was_ahead_is_accepted_once_somebody_says_so(
    address: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "counter-1")
    ahead = MovableClock(datetime.now(UTC) + timedelta(days=1))
    with open_database(address, clock=ahead, terminal="counter-1") as database, database.begin():
        pass

    def goes_on() -> None:
        with open_database(address, clock=Clock(), terminal="counter-1") as now, now.begin():
            pass

    code, said = run(capsys, "accept-clock", address)
    assert (code, "use --yes" in said) == (2, True), "nobody was asked"
    code, said = run(capsys, "accept-clock", address, "--yes", "--terminal", "counter-9")
    assert (code, "'counter-9' is known" in said) == (2, True)
    code, said = run(capsys, "accept-clock", address, "--yes", "--terminal", "a\udcff")
    assert (code, "plain characters" in said) == (2, True)
    with pytest.raises(ClockRanBackwards, match="jukihost database accept-clock"):
        goes_on()
    code, said = run(capsys, "accept-clock", address, "--yes")
    assert (code, said) == (0, "the clock of counter-1 is accepted as it is")
    goes_on()


@pytest.mark.parametrize("command", ["create", "upgrade", "check", "accept-clock"])
@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("mysql://db/town", "postgresql"),
        ("postgresql://terminal:geheim@db.example/town", "sslcert"),
        ("/nowhere/at/all/terminal.db", ""),
    ],
)
def test_what_cannot_be_addressed_is_refused_in_words(
    capsys: pytest.CaptureFixture[str], command: str, address: str, says: str
) -> None:
    yes = ["--yes"] if command == "accept-clock" else []
    code, said = run(capsys, command, address, *yes)
    assert code == 2
    assert len(said) > 30
    assert says in said
    assert "geheim" not in said
