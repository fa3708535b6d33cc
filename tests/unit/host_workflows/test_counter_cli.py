"""`jukihost counter`: an office from its file, operators over TCP, people and programs told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from jukicard import TcpServer
from jukihost.cli import main
from jukihost.cli.counter.conversing import Scripted
from jukihost.cli.counter.settings import EXAMPLE, TEST, read_settings
from jukihost.cli.output import UsageError
from jukihost.clock import Clock, machine_time
from jukihost.database import open_database, upgrade_database
from jukihost.ledger import LedgerState, Role
from jukihost.workflows import PinUse, PinWanted, Question
from tests.support.host.counters import Counter
from tests.support.host.operators import ANCHOR, PASSWORD, Person, Staff

SYSTEMS = ("COUNTER", "OPERATOR_LOGIN", "RESIDENT_IDENTIFICATION")
BEHIND = timedelta(days=(machine_time().date() - date(2014, 4, 1)).days)
PASSPHRASE = "correct horse battery"
CALLED = ["--caller", "花子", "--relation", "妻", "--reached", "03-0000-0001", "--asked", "born"]


class Shop:
    """A counter whose office is in a file, and whose cards are served on TCP."""

    def __init__(self, folder: Path, counter: Counter, clerk: Person) -> None:
        self.folder, self.counter, self.clerk = folder, counter, clerk
        self.office = folder / "office.toml"
        self.office.write_text(
            '[office]\nmunicipality = "13101"\ndatabase = "terminal.db"\nkeys = "town.keys"\n'
            'pseudonyms = "town.pseudonyms"\nanchors = ["operators.pem"]\nterminal = "counter-9"\n'
            f"rehearsal = {BEHIND.days}\n"
        )

    def run(
        self, *words: str, script: list[dict[str, Any]] | None = None, json_: bool = True
    ) -> int:
        with (
            TcpServer(self.clerk.card, port=0) as clerk,
            TcpServer(self.counter.card, port=0) as card,
        ):
            answers = [{"secret": PASSWORD, "use": "operator"}] if script is None else script
            said = self.folder / "said.jsonl"
            said.write_text("\n".join(json.dumps(one) for one in answers))
            where = [
                "--office", str(self.office), "--script", str(said),
                "--operator-tcp", f"127.0.0.1:{clerk.port}",
                "--tcp", f"127.0.0.1:{card.port}",
                *(["--json"] if json_ else []),
            ]  # fmt: skip
            return main(["counter", *words, *where])


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("JUKIHOST_PASSPHRASE", PASSPHRASE)
    upgrade_database(tmp_path / "terminal.db")
    systems = [word for one in SYSTEMS for word in ("--system", one)]
    assert main(["keys", "new", "--test", *systems, str(tmp_path / "town.keys")]) == 0
    assert main(["log", "key", str(tmp_path / "town.pseudonyms"), "--for", "pseudonyms"]) == 0
    (tmp_path / "operators.pem").write_bytes(ANCHOR.public_bytes(Encoding.PEM))
    clock = Clock(lambda: machine_time() - BEHIND)
    with open_database(tmp_path / "terminal.db", clock=clock, terminal="office") as database:
        counter = Counter(database, database.clock)  # type: ignore[arg-type]
        clerk = Staff(counter).hired(Role.CLERK)
        yield Shop(tmp_path, counter, clerk)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_program_gets_progress_then_one_result(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert shop.run("suspend", "--holder", str(shop.counter.holder), *CALLED) == 0
    *_, result = lines(capsys)
    assert (result["api"], result["type"], result["procedure"]) == (1, "result", "suspend")
    assert result["done"] is True
    assert result["result"]["card"] == shop.counter.number.hex().upper()
    assert shop.counter.ledger().state is LedgerState.SUSPENDED
    assert shop.run("resume", "--paper", "photo") == 0
    told = lines(capsys)
    assert {one["type"] for one in told[:-1]} == {"progress"}
    assert told[-1]["result"]["standing"] == "active"
    assert shop.run("recover") == 0


def test_an_error_is_the_result_with_what_may_help(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert shop.run("resume", "--paper", "photo") == 1
    result = lines(capsys)[-1]
    assert result["done"] is False
    assert result["error"]["code"] == "not_allowed"
    assert result["error"]["retry"] == "counter"
    assert shop.run("resume", script=[{"secret": "wrong-one-1"}]) == 1
    error = lines(capsys)[-1]["error"]
    assert (error["code"], error["tries_left"], error["retry"]) == (
        "password_rejected",
        2,
        "same_card",
    )
    assert shop.run("resume", script=[]) == 2
    assert lines(capsys)[-1]["error"]["code"] == "usage"


def test_a_person_is_told_in_their_language(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from jukihost.texts import catalogue

    monkeypatch.setenv("LANGUAGE", "ja")
    catalogue.cache_clear()
    capsys.readouterr()
    assert shop.run("resume", "--paper", "photo", json_=False) == 1
    said = capsys.readouterr().err
    assert "カードを待っています" in said
    assert "[not_allowed]" in said
    catalogue.cache_clear()


def test_a_shell_logs_in_once(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    holder = shop.counter.holder
    typed = (
        f"suspend --holder {holder} {' '.join(CALLED)}\n\n# a remark\nresume --paper photo\nnone\n"
    )
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    capsys.readouterr()
    assert shop.run("shell") == 2
    results = [one for one in lines(capsys) if one["type"] == "result"]
    assert [(one["procedure"], one["done"]) for one in results] == [
        ("suspend", True),
        ("resume", True),
        ("shell", False),
    ]


def broken(change: Callable[[str], str]) -> str:
    return change(EXAMPLE)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (EXAMPLE.replace("13101", "1310"), "five digits"),
        (EXAMPLE.replace("municipality", "town"), "does not say: municipality"),
        (EXAMPLE + "colour = 1\n", "'colour'"),
        (EXAMPLE.replace('"13101"', "13101"), "municipality"),
        (EXAMPLE.replace("[office]", "[bureau]"), "one table"),
        (EXAMPLE + "key_floor = true\n", "key_floor"),
        (EXAMPLE.replace('["operators.pem"]', "[1]"), "anchors"),
        ("nonsense", "no TOML"),
        (EXAMPLE + "[office.more]\n", "'more'"),
        (EXAMPLE + "[town]\n", "one table"),
        (EXAMPLE.replace("# rehearsal = 4000", "rehearsal = 99999999999"), "rehearsal"),
        (EXAMPLE.replace("# rehearsal = 4000", "rehearsal = -1"), "rehearsal"),
        (EXAMPLE.replace('# printer = ["lp"', 'printer = [1, "lp"'), "printer"),
        (EXAMPLE + "[towns]\n27230 = 1\n", "towns.27230"),
        (EXAMPLE + "[towns.2723]\n", "five digits"),
        (EXAMPLE + "[towns.13101]\n", "other town"),
        (EXAMPLE + '[towns.27230]\ndatabase = "a"\n', "database and pseudonyms"),
        (EXAMPLE + '[towns.27230]\ndatabase = "a"\npseudonyms = 1\n', "text only"),
        (EXAMPLE + '[towns.27230]\ndatabase = "a"\npseudonyms = "b"\n', "prefecture"),
        (
            'towns = 1\n[office]\nmunicipality = "13101"\ndatabase = "a"\nkeys = "b"\n'
            'pseudonyms = "c"\n',
            "are tables",
        ),
    ],
)
def test_an_office_file_that_is_wrong_is_said_to_be(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "office.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=why):
        read_settings(str(path))


def test_places_are_beside_the_file_unless_they_are_addresses(tmp_path: Path) -> None:
    path = tmp_path / "office.toml"
    path.write_text(EXAMPLE)
    found = read_settings(str(path))
    assert found.database == str(tmp_path / "terminal.db")
    path.write_text(EXAMPLE.replace('"terminal.db"', '"postgresql://u@h/n"'))
    assert read_settings(str(path)).database == "postgresql://u@h/n"


def test_the_example_names_everything_that_there_is(tmp_path: Path) -> None:
    path = tmp_path / "office.toml"
    path.write_text(re.sub(r"^# (?=\[|\w+ =)", "", EXAMPLE, flags=re.MULTILINE))
    found = read_settings(str(path))
    assert all(getattr(found, one.name) for one in fields(found))
    assert found.issuer == str(tmp_path / "issuer.keys")
    assert found.authority_register == str(tmp_path / "ca.db")
    assert found.towns["27230"].database == str(tmp_path / "katano.db")
    path.write_text(EXAMPLE.replace('# issuer = "issuer.keys"', 'issuer = "test"'))
    assert read_settings(str(path)).issuer == TEST
    with pytest.raises(UsageError, match="printer"):
        read_settings(str(path)).need("issuer", "printer")


@pytest.mark.parametrize(
    "line", ["", "1", "[]", "{}", '{"secret": "1", "agree": true}', "secret: 1"]
)
def test_a_script_that_is_none_is_refused_without_what_it_says(line: str) -> None:
    if line:
        with pytest.raises(UsageError) as refused:
            Scripted(f'{{"secret": "4711"}}\n{line}', lambda step: None)
        assert "line 2" in str(refused.value)
        assert "4711" not in str(refused.value)


def test_a_script_answers_what_is_asked_and_nothing_else() -> None:
    script = Scripted(
        '{"secret": "4711", "use": "juki"}\n{"agree": true, "question": "last_try"}\n'
        '{"secret": "1"}\n',
        lambda step: None,
    )
    assert script.secret(PinWanted(PinUse.JUKI, 3)) == "4711"
    assert script.agree(Question.LAST_TRY)
    with pytest.raises(UsageError, match="line 3"):
        script.agree(Question.END_CARD)
    with pytest.raises(UsageError, match="ended"):
        script.secret(PinWanted(PinUse.JUKI, 3))


def test_an_office_file_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["counter", "office"]) == 0
    assert capsys.readouterr().out == EXAMPLE
