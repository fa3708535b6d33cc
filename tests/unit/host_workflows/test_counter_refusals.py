"""What the counter's command line refuses: one result line, a code, no traceback, nothing lost.

Every procedure of the face has a command, and every command is refused here at least once.
"""

from __future__ import annotations

import argparse
import ast
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import jukihost.cli
import jukihost.workflows
from jukicard import issue_card as make_card
from jukihost.cli.counter.commands import (
    applications,
    ending,
    identifying,
    issuing,
    looking,
    moving,
    pins,
    recording,
    suspending,
)
from jukihost.database.errors import DatabaseAway
from jukihost.log import Outcome
from tests.support.host.shops import Shop, opened_shop, told, town_files
from tests.support.ports import kept_port

PHOTO: Final = ("--paper", "photo")
NOBODY: Final = ("--holder", "4711")
CALL: Final = ("--caller", "a", "--relation", "b", "--reached", "c", "--asked", "born")
THERE: Final = ("--town", "27230", "--born", "1970-02-28", "--name", "a")
CARD: Final = ("--card", "8139200000000099")
RESIDENT: Final = "{holder}"
REFUSED: Final[list[tuple[tuple[str, ...], str]]] = [
    (("find", "--name", "\ud800"), "text_refused"),
    (("cards", *NOBODY), "unknown_resident"),
    (("inquire", *NOBODY), "unknown_resident"),
    (("issue", *NOBODY, *PHOTO), "unknown_resident"),
    (("issue", "--holder", RESIDENT, *PHOTO), "impossible"),
    (("hand-over", *PHOTO), "impossible"),
    (("reissue",), "impossible"),
    (("exchange", *PHOTO), "issue_ended"),
    (("identify", "--by", "proxy"), "impossible"),
    (("copy",), "usage"),
    (("copy-by-document", *THERE), "usage"),
    (("move-in", "--moved", "2014-04-01", "--address", "a"), "usage"),
    (("announce-by-post", *NOBODY, "--day", "2014-04-01"), "unknown_resident"),
    (("continue-use",), "impossible"),
    (("stay",), "impossible"),
    (("change-pin", "--by", "proxy"), "impossible"),
    (("change-pin", "--use", "text"), "impossible"),
    (("unblock-pin",), "impossible"),
    (("unblock-pin", "--paper", "other", "--paper", "answer"), "impossible"),
    (("unblock-pin", "--paper", "other", "--paper", "answer", "--inquiry", "9"), "inquiry_refused"),
    (("suspend", *NOBODY, *CALL), "unknown_resident"),
    (("suspend", *NOBODY, *CALL, "--caller", " "), "usage"),
    (("call-back", "--notice", "9", "--answered"), "unknown_notice"),
    (("show-notices", *CARD), "unknown_card"),
    (("resume", *PHOTO), "not_allowed"),
    (("abolish", "--holder", RESIDENT), "impossible"),
    (("abolish", "--holder", RESIDENT, "--reason", "expired"), "impossible"),
    (("report-lost", *NOBODY), "unknown_resident"),
    (("report-damaged", "--holder", RESIDENT), "impossible"),
    (("return", *PHOTO), "usage"),
    (("return-unreadable", *CARD, *PHOTO), "unknown_card"),
    (("change-code", "--holder", RESIDENT, "--paper", "other"), "impossible"),
    (
        ("change-record", "--holder", RESIDENT, "--reason", "name_changed", "--new", "\ue123",
         "--day", "2014-04-01", *PHOTO),
        "usage",
    ),
    (
        ("change-record", "--holder", RESIDENT, "--reason", "name_changed", "--new", "a",
         "--day", "2030-04-01", *PHOTO),
        "impossible",
    ),
    (("remove-application", "--aid", "F0504F494E545302", *PHOTO), "no_such_application"),
    (("install-application", "--application", "none.toml"), "usage"),
    (("restrict", "--holder", RESIDENT, "--kind", "other", "--until", "2014-06-01"),
     "operator_refused"),
    (("lift-restriction", "--holder", RESIDENT, "--number", "1", "--why", "a"), "operator_refused"),
]  # fmt: skip
OURS: Final = (
    *looking.ACTIONS, *issuing.ACTIONS, *identifying.ACTIONS, *moving.ACTIONS, *pins.ACTIONS,
    *suspending.ACTIONS, *ending.ACTIONS, *recording.ACTIONS, *applications.ACTIONS,
)  # fmt: skip
"""The commands about a holder or their card."""
NO_COMMAND: Final = {
    "card_gone": "who watches the reader of the operator card says so; a command watches none",
}
"""Procedures that no command does, and why."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with (
        town_files(tmp_path_factory.mktemp("town")) as folder,
        opened_shop(folder / "shop") as shop,
    ):
        yield shop


@pytest.mark.parametrize(("words", "code"), REFUSED, ids=lambda one: " ".join(one)[:60])
def test_a_command_is_refused_in_one_line_and_changes_nothing(
    shop: Shop, words: tuple[str, ...], code: str
) -> None:
    before, card = shop.counter.ledger(), shop.counter.card_state()
    told = shop.run(*(one.format(holder=shop.counter.holder) for one in words))
    assert told.error == code, told.lines
    assert told.result["error"]["meaning"]
    assert told.code == (2 if code == "usage" else 1)
    assert (shop.counter.ledger(), shop.counter.card_state()) == (before, card)
    assert "Traceback" not in told.errors
    if code != "usage":
        assert {use.outcome for use in shop.counter.uses()[-2:-1]} == {Outcome.REFUSED}


def test_every_command_about_a_holder_is_refused_here() -> None:
    assert {words[0] for words, _ in REFUSED} == {action.name for action in OURS}


def test_p29_no_command_about_a_holder_takes_a_file_to_write_to() -> None:
    read = {"office", "script", "passphrase_file", "photo", "application"}
    for action in OURS:
        parser = argparse.ArgumentParser()
        action.add(parser)
        files = {one.dest for one in parser._actions if one.metavar == "FILE"}
        assert files <= read, action.name


def test_every_procedure_has_a_command() -> None:
    procedures = {
        name
        for name in jukihost.workflows.__all__
        if inspect.isfunction(function := getattr(jukihost.workflows, name))
        and "desk" in inspect.signature(function).parameters
    }
    folder = Path(inspect.getfile(jukihost.cli)).parent
    used = {
        alias.name
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "jukihost.workflows"
        for alias in node.names
    }
    assert procedures - used == NO_COMMAND.keys()


def wrong(text: str, *words: str) -> Any:
    return pytest.param(words, text, id=" ".join(words)[:50])


@pytest.mark.parametrize(
    ("words", "text"),
    [
        wrong("written in digits", "cards", "--holder", "9" * 60),
        wrong("written in digits", "cards", "--holder", str(2**63)),
        wrong("written in digits", "cards", "--holder", "-1"),
        wrong("written in digits", "cards", "--holder", "0"),
        wrong("written in digits", "cards", "--holder", "１"),
        wrong("written in digits", "call-back", "--notice", "x", "--answered"),
        wrong("required", "call-back", "--notice", "1"),
        wrong("required", "issue"),
        wrong("YYYY-MM-DD", "find", "--born", "2014-02-30"),
        wrong("YYYY-MM-DD", "find", "--born", "1/4/2014"),
        wrong("YYYY-MM-DD", "find", "--born", "20140401"),
        wrong("16 digits", "show-notices", "--card", "81392000"),
        wrong("16 digits", "show-notices", "--card", "zz39200000000001"),
        wrong("five digits", "copy-by-document", "--town", "2723", "--born", "2000-01-01"),
        wrong("in hexadecimal", "remove-application", "--aid", "F050"),
        wrong("no option --code", "copy-by-document", *THERE, "--code=12345678903"),
        wrong("an argument too many", "identify", "4711"),
        wrong("no such procedure", "identifi"),
    ],
)
def test_wrong_usage_is_the_result_and_not_repeated(words: tuple[str, ...], text: str) -> None:
    answer = told("counter", *words, "--json")
    assert (answer.code, answer.error) == (2, "usage")
    assert text in answer.result["error"]["meaning"]
    said = answer.result["error"]["meaning"]
    assert not [one for one in words[2:] if one in said]


@pytest.mark.parametrize(
    ("without", "words"),
    [
        ("issuer", ("issue", "--holder", "1")),
        ("authority", ("hand-over",)),
        ("authority", ("reissue",)),
        ("issuer", ("remove-application", "--aid", "F0504F494E545302")),
        ("towns", ("copy",)),
        ("printer", ("copy-by-document", *THERE)),
        ("towns", ("move-in", "--moved", "2014-04-01", "--address", "a")),
    ],
)
def test_what_the_offices_file_lacks_is_named(
    shop: Shop, without: str, words: tuple[str, ...]
) -> None:
    with shop.changed(without=without):
        answer = shop.run(*words)
    assert answer.error == "usage"
    assert without in answer.result["error"]["meaning"]


@pytest.mark.parametrize("name", ["nobody", "../test"])
def test_an_authority_that_is_not_there_is_said_to_be(shop: Shop, name: str) -> None:
    with shop.changed(f'authority = "{name}"'):
        answer = shop.run("find", "--name", "x")
    assert (answer.code, answer.error) == (2, "authority_missing")


def test_files_that_are_no_such_are_said_to_be(shop: Shop, tmp_path: Path) -> None:
    for place, what in ((tmp_path, "the photo"), (tmp_path / "none", "the photo")):
        answer = shop.run("issue", "--holder", "1", "--photo", str(place))
        assert answer.error == "usage"
        assert what in answer.result["error"]["meaning"]
    for line in (
        'keys = "../operators.pem"', 'database = "none.db"', 'pseudonyms = "../x"',
        'issuer = "none.keys"', 'anchors = ["../town.keys"]', 'authority_register = "."',
    ):  # fmt: skip
        with shop.changed(line):
            answer = shop.run("find", "--name", "x")
        assert answer.code == 2, (line, answer.lines)
        assert answer.result["error"]["meaning"]


def test_where_no_card_is_nothing_is_done(shop: Shop) -> None:
    script = shop.folder / "said.jsonl"
    script.write_text("")
    words = ("identify", "--office", str(shop.office), "--script", str(script), "--json")
    with kept_port() as port:
        place = f"127.0.0.1:{port}"
        answer = told("counter", *words, "--operator-tcp", place, "--tcp", place, "--wait", "1")
    assert answer.code == 3
    assert answer.result["error"]["retry"] == "same_card"
    answer = told("counter", *words)
    assert (answer.code, "--operator-reader" in answer.result["error"]["meaning"]) == (2, True)


NO_READERS = ("pcsc_unavailable", "service_not_running", "no_reader")
"""What may be said on a machine: without pyscard, without a daemon, with one that has others."""


def test_where_no_reader_is_that_is_told(shop: Shop) -> None:
    script = shop.folder / "said.jsonl"
    script.write_text("")
    words = ("identify", "--office", str(shop.office), "--script", str(script), "--json")
    answer = told("counter", *words, "--operator-reader", "nobody calls a reader so", "--wait", "0")
    assert answer.code == 3
    assert answer.result["error"]["code"] in NO_READERS


def test_a_card_of_another_kind_is_no_traceback(shop: Shop) -> None:
    from tests.support.host.operators import person

    answer = shop.run("identify", card=person(77).card)
    assert (answer.code, answer.error) == (1, "applet_not_found")
    alien = make_card("juki-v2", seed=5, municipality="27230")
    assert shop.run("identify", card=alien).error == "foreign_town"


def test_the_card_gone_in_the_middle_is_told_and_put_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jukihost.errors import CardRemoved
    from jukihost.sessions.juki import JukiSession

    def gone(*_: object) -> None:
        raise CardRemoved("the card is gone")

    with monkeypatch.context() as patch:
        patch.setattr(JukiSession, "unblock_pin", gone)
        typed: list[dict[str, Any]] = [{"secret": "2580"}, {"paused": False}]
        answer = shop.run("unblock-pin", *PHOTO, said=typed)
    assert (answer.code, answer.error) == (3, "cut_off")
    assert answer.result["error"]["retry"] == "same_card"
    assert shop.run("recover").done == {"result": "undone"}
    assert shop.counter.undecided() == 0


def test_a_script_that_is_not_asked_or_asked_for_more_is_refused(shop: Shop) -> None:
    code = {"secret": "12345678904", "use": "code"}
    shop.neighbour("27230", shop.folder)
    shop.neighbour("prefecture", shop.folder)
    answer = shop.run("copy-by-document", *THERE, said=[code])
    shop.towns = []
    shop.write()
    assert (answer.code, answer.error) == (2, "usage")
    assert "check digit" in answer.result["error"]["meaning"]
    assert "12345678904" not in str(answer)


def test_what_is_left_over_or_fails_at_the_end_is_no_second_result(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = shop.run("find", "--name", "x", said=[{"secret": "4711"}])
    assert answer.done == {"found": []}
    assert "the script was not asked for: 2" in answer.errors
    assert "4711" not in answer.errors

    def fails(_: object) -> None:
        raise DatabaseAway("the database cannot be reached")

    monkeypatch.setattr("jukihost.cli.counter.at.log_out", fails)
    answer = shop.run("find", "--name", "x")
    assert answer.done == {"found": []}
    assert "could not be noted" in answer.errors


HOSTILE: Final = (
    "\ud800",
    "a\x00b",
    "\x1b[2J",
    "x" * 5000,
    " ",
    "",
    "'; drop table x; --",
    "\u202e",
)
TEXTS: Final = {
    "find": ("find", "--name", "{text}"),
    "caller": ("suspend", *NOBODY, *CALL, "--caller", "{text}"),
    "relation": ("suspend", *NOBODY, *CALL, "--relation", "{text}"),
    "reached": ("suspend", *NOBODY, *CALL, "--reached", "{text}"),
    "new": ("change-record", *NOBODY, "--reason", "name_changed", "--day", "2014-04-01",
            "--new", "{text}"),
    "origin": ("change-record", *NOBODY, "--reason", "name_changed", "--day", "2014-04-01",
               "--new", "\ue123", "--origin", "{text}"),
    "why": ("lift-restriction", *NOBODY, "--number", "1", "--why", "{text}"),
}  # fmt: skip


def hostile() -> Iterator[Any]:
    """Every text for every option; a short run has a third of them, each of both among it."""
    for one, (name, words) in enumerate(TEXTS.items()):
        for other, text in enumerate(HOSTILE):
            marks = [pytest.mark.soak] if (one + other) % 3 else []
            yield pytest.param(words, text, id=f"{name} {text[:9]!r}", marks=marks)


@pytest.mark.parametrize(("words", "text"), list(hostile()))
def test_hostile_text_gets_an_answer(shop: Shop, words: tuple[str, ...], text: str) -> None:
    assert words[-1] == "{text}"
    operator = shop.supervisor if words[0] == "lift-restriction" else None
    before = shop.counter.ledger()
    answer = shop.run(*words[:-1], text, operator=operator)
    assert shop.counter.ledger() == before
    assert answer.code in {0, 1, 2}
    assert answer.result
    assert "\x1b" not in answer.errors
