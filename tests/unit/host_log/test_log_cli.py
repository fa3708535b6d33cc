"""`jukihost log`, `backup` and `restore`: what a person does with the log, and is told."""

from __future__ import annotations

import json
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jukihost import cli
from jukihost.database import Clock, open_database
from jukihost.keys.envelope import ScryptCost
from jukihost.ledger import (
    By,
    Operator,
    Reason,
    Role,
    check_receipt,
    enter_card,
    enter_certificate,
    enter_operator,
    follow_card,
    gaps,
    lift_stop,
    note_gap,
    note_refused,
    note_told,
    stop,
    untold_certificates,
)
from jukihost.log import (
    Disclosure,
    InclusionProof,
    KeyKind,
    KeyUse,
    LogKeyError,
    NoteKey,
    Outcome,
    Policy,
    PseudonymKey,
    append_use,
    new_log_key,
    read_log_key,
)
from jukihost.log.entries import Use
from tests.support.host.cli import PASSPHRASE
from tests.support.host.ledgers import ADMIN, ALWAYS, AT, new_card, staffed
from tests.support.host.town import CODES

ORIGIN, WITNESS = "town.example/uses", "prefecture.example"
CHEAP = ScryptCost(1 << 10)


class Desk:
    """A folder with a town's and its witness's files, and the command line in it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.capsys = folder, capsys
        keys = {
            use: new_log_key(folder / f"{use}.key", lambda: PASSPHRASE, use, cost=CHEAP)
            for use in KeyUse
        }
        private = Ed25519PrivateKey.from_private_bytes
        self.log = NoteKey.of(ORIGIN, private(keys[KeyUse.LOG]))
        self.witness = NoteKey.of(WITNESS, private(keys[KeyUse.WITNESS]), KeyKind.WITNESS)
        self.pseudonyms = PseudonymKey(keys[KeyUse.PSEUDONYMS])
        (folder / "code").write_text(f"{CODES[0].reveal()}\n")
        assert self.run("create", self.at("terminal.db"), "--origin", ORIGIN) == ""

    def at(self, name: str) -> str:
        return str(self.folder / name)

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command of `log`, or another that is named whole; return what it says."""
        whole = ("log", *arguments)
        if arguments[0] in ("backup", "restore"):
            whole = (*arguments, "--operator", "admin-1")
        self.capsys.readouterr()
        found = cli.main(list(whole))
        said = self.capsys.readouterr()
        assert found == code, said
        assert PASSPHRASE not in said.out + said.err
        return said.out if code == 0 else said.out + said.err

    def use(self, database: str = "terminal.db") -> Use:
        with (
            open_database(self.at(database), clock=Clock(), terminal="counter-1") as opened,
            opened.begin() as connection,
        ):
            return append_use(
                connection,
                self.pseudonyms,
                at=opened.clock.now(),
                operator="operator-1",
                terminal="counter-1",
                body="the town's counter",
                purpose="copy of the record",
                outcome=Outcome.DONE,
                resident=CODES[0],
            )

    def ask(self, name: str, database: str, *more: str) -> str:
        key, ask = self.at("log.key"), self.at("ask")
        return self.run(name, self.at(database), "--key", key, "--request", ask, *more)

    def answer(self, *more: str, code: int = 0) -> str:
        """Have the witness answer what was asked."""
        key = self.at("witness.key")
        said = self.run(
            "witness", self.at("seen"), self.at("ask"), "--key", key, "--name", WITNESS,
            "--log-key", str(self.log), *more, code=code,
        )  # fmt: skip
        if code == 0:
            (self.folder / "cosigned").write_text(said, encoding="utf-8")
        return said

    def take(self, name: str, database: str, code: int = 0) -> str:
        return self.run(
            name, self.at(database), "--cosigned", self.at("cosigned"), "--witness-key",
            str(self.witness), code=code,
        )  # fmt: skip


@pytest.fixture
def desk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Desk:
    monkeypatch.setenv("JUKIHOST_PASSPHRASE", PASSPHRASE)
    return Desk(tmp_path, capsys)


def test_a_gap_between_card_and_ledger_is_an_alarm(desk: Desk) -> None:
    with (
        open_database(desk.at("terminal.db"), clock=Clock(), terminal="counter-1") as opened,
        opened.begin() as connection,
    ):
        by = By.at_terminal(opened, "clerk-1")
        enter_card(connection, new_card(7), by)
        note_gap(connection, new_card(7).number, 3, bytes(16), by)
    said = desk.run("status", desk.at("terminal.db"), code=1)
    assert said.startswith("gap 1: card 0000000000000007 carries change 3, of another procedure")
    assert "settled by a supervisor" in said
    told = json.loads(desk.run("status", desk.at("terminal.db"), "--json", code=1))
    assert told == {"late": [], "gaps": [said.rstrip("\n")], "untold": []}
    with open_database(desk.at("terminal.db"), clock=Clock(), terminal="office") as opened:
        staffed(opened)
        with opened.begin() as connection:
            one = Operator("super-1", "係長", Role.SUPERVISOR, ALWAYS)
            enter_operator(connection, one, By("admin-1", "office", AT))
    settle = ("settle", desk.at("terminal.db"), "1", "--why", "a copied card", "--operator")
    assert "has not the right 'decide'" in desk.run(*settle, "admin-2", code=2)
    assert "control character" in desk.run(*settle, "super-1", "--why", "a\x1bb", code=2)
    assert desk.run(*settle, "super-1", "--accept") == ""
    assert "no gap of this number" in desk.run(*settle, "super-1", code=2)
    assert desk.run("status", desk.at("terminal.db")) == "nothing is late\n"
    with (
        open_database(desk.at("terminal.db"), clock=Clock(), terminal="office") as opened,
        opened.read() as connection,
    ):
        [settled] = gaps(connection, settled=True)
        check_receipt(connection, new_card(7).number, 3, bytes(16))
    assert (settled.settled_by, settled.why, settled.accepted) == ("super-1", "a copied card", True)


def test_what_an_authority_is_still_to_be_told_of_a_certificate_is_an_alarm(desk: Desk) -> None:
    """Until it was told, with what it answered; also while everything is stopped."""
    at, place = datetime(2014, 4, 1, 3, tzinfo=UTC), desk.at("terminal.db")
    by, number = By("clerk-1", "counter-1", at), new_card(7).number
    with open_database(place, clock=Clock(), terminal="counter-1") as opened:
        staffed(opened)
        with opened.begin() as connection:
            enter_card(connection, new_card(7), by)
            enter_certificate(connection, number, 4711, "signature", by)
        assert desk.run("status", place) == "nothing is late\n"
        with opened.begin() as connection:
            follow_card(connection, number, Reason.NOT_FOUND, at)
        said = (
            "certificate 4711 on card 0000000000000007 is revoked since 2014-04-01 12:00:00 JST, "
            "and its authority "
        )
        assert desk.run("status", place, code=1) == f"{said}has not been told\n"
        with opened.begin() as connection:
            [untold] = untold_certificates(connection)
            note_refused(connection, untold, "certificate_unknown")
            stop(connection, ADMIN, "admin-2", why="a leak")
        told = json.loads(desk.run("status", place, "--json", code=1))
        assert told == {
            "late": [],
            "gaps": [],
            "untold": [f"{said}refused to hear it (certificate_unknown)"],
        }
        with opened.begin() as connection:
            lift_stop(connection, ADMIN, "admin-2", why="checked")
            [untold] = untold_certificates(connection)
            note_told(connection, untold)
        assert desk.run("status", place) == "nothing is late\n"


@pytest.fixture
def witnessed(desk: Desk) -> Desk:
    """A use, the end of a day, a cosigned checkpoint: entries 0 and 1."""
    desk.use()
    desk.ask("publish", "terminal.db")
    desk.answer("--create")
    assert desk.take("publish", "terminal.db") == ""
    return desk


def test_a_key_is_drawn_and_its_public_half_printed(desk: Desk) -> None:
    said = desk.run("key", desk.at("new.key"), "--for", "log", "--name", ORIGIN)
    key = read_log_key(Path(desk.at("new.key")), lambda: PASSPHRASE, KeyUse.LOG)
    made = NoteKey.of(ORIGIN, Ed25519PrivateKey.from_private_bytes(key))
    assert said == f"{made}\n"
    for wrong, why in (
        (("key", desk.at("new.key"), "--for", "pseudonyms"), "there already"),
        (("key", desk.at("other.key"), "--for", "log"), "give --name"),
        (("key", desk.at("other.key"), "--for", "pseudonyms", "--name", "x"), "none for pseud"),
    ):
        assert why in desk.run(*wrong, code=2)
    with pytest.raises(LogKeyError, match="no key for witness"):
        read_log_key(Path(desk.at("new.key")), lambda: PASSPHRASE, KeyUse.WITNESS)


def test_everything_holds_and_can_be_shown(witnessed: Desk) -> None:
    desk, database, log = witnessed, witnessed.at("terminal.db"), str(witnessed.log)
    kept = desk.at("cosigned")
    desk.use()
    assert desk.run("publish", database, "--key", desk.at("log.key")).startswith(f"{ORIGIN}\n3\n")
    said = desk.run("verify", database, "--log-key", log, "--since", kept)
    assert "3 entries, 3 of them in checkpoints that hold" in said
    assert "all of it holds" in said
    found = json.loads(desk.run("verify", database, "--log-key", log, "--json"))
    assert found == {"size": 3, "signed": 3, "pruned": 0, "checkpoints": 2, "problems": []}
    assert len(desk.run("check", database, "--since", kept, "--log-key", log).split()) == 1
    proof = InclusionProof.parse(desk.run("prove", database, "2"))
    assert proof.index == 2
    assert "entry 7 is not in it" in desk.run("prove", database, "7", code=2)
    assert "no use is over its term" in desk.run("prune", database, "--yes")
    assert "7 years at least" in desk.run("prune", database, "--yes", "--years", "2", code=2)
    assert desk.run("status", database) == "nothing is late\n"


def test_what_was_changed_is_told_with_the_exit_code_of_what_is_not_authentic(
    witnessed: Desk,
) -> None:
    desk, database = witnessed, witnessed.at("terminal.db")
    with open_database(database, clock=Clock(), terminal="x") as opened, opened.begin() as one:
        one.exec_driver_sql("UPDATE log_entries SET entry = x'00' WHERE leaf_index = 0")
    said = desk.run("verify", database, "--log-key", str(desk.log), code=1)
    assert "entry 0 is not what was hashed: it was changed" in said
    wrong = str(NoteKey.of(ORIGIN, Ed25519PrivateKey.generate()))
    assert "not signed by the log" in desk.run("verify", database, "--log-key", wrong, code=1)
    assert "no key of a log" in desk.run("verify", database, "--log-key", "nonsense", code=1)


def test_a_resident_is_told_and_the_file_holds(witnessed: Desk) -> None:
    desk = witnessed
    said = desk.run(
        "disclose", desk.at("terminal.db"), "--pseudonyms", desk.at("pseudonyms.key"),
        "--operator", "operator-1", "--body", "the town's counter", "--out", desk.at("told.json"),
        "--log-key", str(desk.log), "--code-file", desk.at("code"),
    )  # fmt: skip
    assert "Uses of your data: 1" in said
    assert "No witness whose key was given has seen this log" in said
    said = desk.run(
        "disclose", desk.at("terminal.db"), "--pseudonyms", desk.at("pseudonyms.key"),
        "--operator", "operator-1", "--body", "the town's counter", "--out", desk.at("told.json"),
        "--log-key", str(desk.log), "--witness-key", str(desk.witness),
        "--code-file", desk.at("code"), "--force",
    )  # fmt: skip
    assert f"{desk.witness.name} saw this log at " in said
    assert "No witness" not in said
    content = Path(desk.at("told.json")).read_bytes()
    policy = Policy(desk.log, (desk.witness,), 1)
    assert Disclosure.parse(content, CODES[0]).check(CODES[0], policy).covered == 1
    (desk.folder / "code").write_text("1234\n")
    for changed, why in (((), "11 digits"), (("--pseudonyms", desk.at("log.key")), "no key for")):
        assert why in desk.run(
            "disclose", desk.at("terminal.db"), "--pseudonyms", desk.at("pseudonyms.key"),
            "--operator", "operator-1", "--body", "b", "--out", desk.at("other.json"),
            "--log-key", str(desk.log), "--code-file", desk.at("code"), *changed, code=2,
        )  # fmt: skip


def test_a_witness_refuses_what_it_does_not_know_and_another_history(witnessed: Desk) -> None:
    desk = witnessed
    (desk.folder / "ask").write_text("old 0\n\nx\n2\ny\n\n\u2014 x AAAAAAAA\n", encoding="utf-8")
    assert "does not know this log" in desk.answer(code=1)
    assert "give --key to sign" in desk.run("publish", desk.at("terminal.db"), code=2)
    said = desk.run("publish", desk.at("terminal.db"), "--cosigned", desk.at("ask"), code=2)
    assert "--witness-key" in said


def test_a_backup_goes_on_after_the_witness_was_asked(witnessed: Desk) -> None:
    desk, key = witnessed, witnessed.at("log.key")
    assert "rows are in the backup" in desk.run("backup", desk.at("terminal.db"), desk.at("b"))
    assert [one.name for one in desk.folder.glob("b*")] == ["b"]
    assert Path(desk.at("b")).stat().st_mode & 0o777 == 0o600
    assert "there already" in desk.run("backup", desk.at("terminal.db"), desk.at("b"), code=2)
    assert "adopt it now" in desk.run("restore", desk.at("b"), desk.at("new.db"))
    assert "holds something already" in desk.run("restore", desk.at("b"), desk.at("new.db"), code=2)
    desk.use("new.db")
    assert "log adopt" in desk.run("publish", desk.at("new.db"), "--key", key, code=2)
    assert "waits for `log adopt`" in desk.run("status", desk.at("new.db"), code=1)
    assert "before the backup came back" in desk.take("adopt", "new.db", code=1)
    desk.ask("adopt", "new.db")
    time.sleep(1)  # a cosignature says its second
    desk.answer()
    desk.take("adopt", "new.db")
    assert desk.run("publish", desk.at("new.db"), "--key", key).startswith(f"{ORIGIN}\n4\n")


def test_an_old_backup_does_not_go_on_under_its_name(witnessed: Desk) -> None:
    desk = witnessed
    desk.run("backup", desk.at("terminal.db"), desk.at("b"))
    desk.use()
    desk.ask("publish", "terminal.db")
    desk.answer()
    desk.run("restore", desk.at("b"), desk.at("new.db"))
    desk.ask("adopt", "new.db")
    assert "last cosigned 4 entries" in desk.answer(code=1)
    key = ("--key", desk.at("log.key"), "--request", desk.at("ask"), "--old", "4")
    assert "an old copy" in desk.run("adopt", desk.at("new.db"), *key, code=1)
    desk.run("adopt", desk.at("new.db"), "--anew", "town.example/uses-2")
    said = desk.run("publish", desk.at("new.db"), "--key", desk.at("log.key"))
    assert said.startswith("town.example/uses-2\n3\n")


def test_what_a_newer_program_wrote_is_refused_in_words(witnessed: Desk) -> None:
    desk = witnessed
    desk.run("backup", desk.at("terminal.db"), desk.at("b"))
    with sqlite3.connect(desk.at("b")) as file:
        file.execute("UPDATE database_history SET version_num = '9999'")
    file.close()
    assert "later version (9999)" in desk.run("restore", desk.at("b"), desk.at("new.db"), code=2)


@pytest.mark.parametrize("command", ["log verify", "log adopt", "backup", "restore"])
def test_the_help_has_examples_and_exit_codes(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command.split(), "--help"]) == 0
    said = capsys.readouterr().out
    assert "examples:\n  jukihost " in said
    assert f"  jukihost {command}" in said
    assert "exit codes:" in said


def test_the_command_line_asks_the_operators_right(witnessed: Desk) -> None:
    desk = witnessed
    with open_database(desk.at("terminal.db"), clock=Clock(), terminal="office") as opened:
        staffed(opened)
        with opened.begin() as connection:
            for one in (
                Operator("audit-1", "監査", Role.AUDITOR, ALWAYS),
                Operator("export-1", "保守", Role.CLERK, ALWAYS, may_export=True),
            ):
                enter_operator(connection, one, By("admin-1", "office", AT))
    said = desk.run("backup", desk.at("terminal.db"), desk.at("b"), code=2)
    assert "has not the right 'export'" in said
    assert not Path(desk.at("b")).exists()
    told = (
        "disclose", desk.at("terminal.db"), "--pseudonyms", desk.at("pseudonyms.key"), "--body",
        "b", "--out", desk.at("told.json"), "--log-key", str(desk.log), "--code-file",
        desk.at("code"), "--operator",
    )  # fmt: skip
    assert "has not the right 'read_log'" in desk.run(*told, "export-1", code=2)
    assert not Path(desk.at("told.json")).exists()
    assert "Uses of your data: 1" in desk.run(*told, "audit-1")
    assert cli.main(["backup", desk.at("terminal.db"), desk.at("b"), "--operator", "export-1"]) == 0
    assert "has not the right" in desk.run("restore", desk.at("b"), desk.at("new.db"), code=2)
    assert not Path(desk.at("new.db")).exists()


@pytest.mark.parametrize("number", ["9" * 19, "0" * 20 + "9" * 23, "9" * 5000, "-1", "1.5", "１"])
def test_a_number_that_counts_nothing_is_wrong_usage(desk: Desk, number: str) -> None:
    for action in (
        ["prove", "{}", number],
        ["settle", "{}", number, "--operator", "a", "--why", "b"],
        ["prune", "{}", "--yes", "--years", number],
        ["publish", "{}", "--old", number],
    ):
        words = [desk.at("terminal.db") if one == "{}" else one for one in action]
        assert cli.main(["log", *words]) == 2
