"""What the counter's command line reads, prints and shows: files, paper, characters, help."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Final, cast

import pytest

from jukihost.cli.counter import told as telling
from jukihost.cli.counter.at import AtCounter
from jukihost.cli.counter.commands import (
    ACTIONS,
    applications,
    arguments as words_of,
    ending,
    issuing,
    pins,
    recording,
    suspending,
)
from jukihost.cli.output import UsageError
from jukihost.clock import JAPAN, Clock
from jukihost.issuing import CertificateUse
from jukihost.ledger import Reason
from jukihost.models import CardForm
from jukihost.paper import NotPrinted, print_document
from jukihost.register import Asked, ChangeReason, RestrictionKind
from jukihost.workflows import EX_OFFICIO, NOBODY_COMES, Paper, PinUse, PresentedBy, Task
from tests.support.host.shops import Shop, Told, opened_shop, told, town_files

NOBODY: Final = ("--holder", "4711")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with (
        town_files(tmp_path_factory.mktemp("town")) as folder,
        opened_shop(folder / "shop") as shop,
    ):
        yield shop


def test_what_may_be_said_is_what_procedures_know() -> None:
    assert set(words_of.BY) == {one.value for one in PresentedBy}
    assert set(words_of.PAPERS) == {one.value for one in Paper}
    assert set(suspending._ASKED) == {one.value for one in Asked}
    assert set(ending.REASONS[1:]) == {one.value for one in EX_OFFICIO}
    assert ending.REASONS[0] == Reason.SURRENDERED.value
    assert set(recording.KINDS) == {one.value for one in RestrictionKind}
    assert {ChangeReason(one) for one in recording.CHANGES}
    assert {CardForm[one] for one in issuing.FORMS.values()} == set(CardForm)
    assert (
        set(issuing.PAIRS)
        == {"signature", "authentication"}
        <= {one.value for one in CertificateUse}
    )
    assert {PinUse(one) for one in pins.USES}
    assert [Task(one) for one in words_of.PROCEDURES] == [
        task for task in Task if task not in NOBODY_COMES
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "one table"),
        ("[other]", "one table"),
        ("application = 1", "one table"),
        ("[application", "no TOML"),
        ("[application]", "does not say: aid"),
        ("[application]\naid = 1", "aid"),
        ('[application]\naid = "F050"', "5 to 16 bytes"),
        ('[application]\naid = "F0504F494E545302"\ncolour = 1', "'colour'"),
        ('[application]\naid = "F0504F494E545302"\npin = true', "pin"),
        ('[application]\naid = "F0504F494E545302"\npin = 70000', "pin"),
        ('[application]\naid = "F0504F494E545302"\npin = -1', "pin"),
        ('[application]\naid = "F0504F494E545302"\nfiles = { x = "00" }', "hexadecimal"),
        ('[application]\naid = "F0504F494E545302"\nfiles = { 0001 = "0" }', "hexadecimal"),
        ('[application]\naid = "F0504F494E545302"\nfiles = { 0001 = 1 }', "hexadecimal"),
        ('[application]\naid = "F0504F494E545302"\nobjects = { 00C1C1C1 = "" }', "a place"),
        ('[application]\naid = "F0504F494E545302"\nsystems = { X = "1" }', "systems"),
        ('[application]\naid = "F0504F494E545302"\nsystems = { X = 99 }', "1 to 31"),
        ('[application]\naid = "F0504F494E545302"\nkey_version = 0', "1 to 127"),
        ('[application]\naid = "F0504F494E545302"\nreserve = -1', "reserves"),
        (f'[application]\naid = "F0504F494E545302"\nfiles = {{ 0001 = "{"00" * 33000}" }}', "most"),
    ],
    ids=range(20),
)
def test_an_applications_file_that_is_wrong_is_said_to_be(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        applications._parsed(text.encode())
    with pytest.raises(UsageError, match="UTF-8"):
        applications._parsed(b"\xff")


def test_the_example_of_an_application_is_one() -> None:
    assert applications._parsed(applications._EXAMPLE.encode()).systems == {"BUS_DESK": 1}


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("none-of-that",), "No such file"),
        ((sys.executable, "-c", "import sys; sys.exit(3)"), "ended with 3"),
        (("a\0b",), "cannot be started"),
        ((str(Path(__file__).parent),), "denied"),
    ],
)
def test_a_printer_that_takes_nothing_is_said_to(command: tuple[str, ...], why: str) -> None:
    with pytest.raises(NotPrinted, match=why):
        print_document(command, b"%PDF-")


def test_a_printer_is_told_no_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    look = (
        "import os, sys; sys.exit(any(one.startswith(('JUKIHOST_', 'PG')) for one in os.environ))"
    )
    monkeypatch.setenv("JUKIHOST_PASSPHRASE", "correct horse")
    monkeypatch.setenv("PGPASSWORD", "correct horse")
    print_document((sys.executable, "-c", look), b"%PDF-")


def test_a_printer_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    print_document((sys.executable, "-c", "pass"), b"x" * 300_000)
    monkeypatch.setattr("jukihost.paper.printing._PATIENCE", 0.2)
    with pytest.raises(NotPrinted, match=r"within 0\.2 s"):
        print_document((sys.executable, "-c", "import time; time.sleep(30)"), b"%PDF-")


@pytest.mark.parametrize(("day", "asked"), [((2015, 12, 28), False), ((2015, 12, 29), True)])
def test_numbers_are_asked_for_once_my_number_cards_are_issued(
    day: tuple[int, int, int], asked: bool
) -> None:
    clock = Clock(lambda: datetime(*day, 12, tzinfo=JAPAN))
    at = SimpleNamespace(desk=SimpleNamespace(database=SimpleNamespace(clock=clock)))
    assert issuing._my_number_now(cast(AtCounter, at)) is asked


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "渡邉\U000e0101 𠮷〓(U+E123)"),
        ("cp932", "渡邉〓(U+E0101) 〓(U+20BB7)〓(U+E123)"),
    ],
)
def test_what_a_terminal_cannot_show_stands_by_its_code_point(encoding: str, shown: str) -> None:
    assert telling.visible("渡邉\U000e0101 𠮷\ue123", encoding) == shown
    assert "\x1b" not in telling.visible("\x1b[2J", encoding)


def test_a_program_gets_every_character_in_any_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding in ("ascii", "cp932", "utf-8"):
        raw = io.BytesIO()
        out = io.TextIOWrapper(raw, encoding=encoding, errors="replace")
        monkeypatch.setattr(sys, "stdout", out)
        telling.ForPrograms("find").done({"name": "渡邉\U000e0101𠮷\ue123"})
        out.flush()
        line = raw.getvalue().decode(encoding)
        assert json.loads(line)["result"]["name"] == "渡邉\U000e0101𠮷\ue123"


def test_what_is_not_to_be_shown_is_not_told() -> None:
    from jukihost.models import ResidentCode
    from jukihost.workflows import Identified, RecordCopy

    code = ResidentCode("12345678903")
    who = Identified(bytes(8), "13101", CardForm.NAME_ONLY, datetime(2014, 4, 1).date(), 1, code)
    assert telling.plain(who).keys() == {"card", "town", "form", "expires", "resident"}
    assert telling.plain(RecordCopy("13101", (), b"%PDF")) == {"town": "13101", "members": []}


def people(capsys: pytest.CaptureFixture[str], answer: Told) -> list[str]:
    return [one["line"] for one in answer.lines]


def test_a_clerk_reads_results_in_japanese(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from jukihost.texts import catalogue

    monkeypatch.setenv("LANGUAGE", "ja")
    catalogue.cache_clear()
    try:
        found = shop.run("find", "--name", "渡辺", json_=False)
        cards = shop.run("cards", "--holder", str(shop.counter.holder), json_=False)
        refused = shop.run("report-lost", *NOBODY, json_=False)
        help_text = told("counter", "issue", "--help")
    finally:
        catalogue.cache_clear()
    assert people(capsys, found)[:3] == [
        "該当者:", f"  記録の番号: {shop.counter.holder}", "  氏名: 渡邉\U000e0101 𠮷之助",
    ]  # fmt: skip
    assert "  状態: 使用中" in people(capsys, cards)
    assert "  様式: 様式第二(写真付き)" in people(capsys, cards)
    assert "[unknown_resident]" in refused.errors
    assert re.search("[ぁ-ん]", refused.errors)
    text = "\n".join(one["line"] for one in help_text.lines)
    assert "白紙のカードを名義人のカードとして作成する" in text
    assert "使用例:" in text
    assert "--photo taro.jp2" in text


@pytest.mark.parametrize("action", ACTIONS, ids=lambda one: one.name)
def test_the_examples_of_a_help_are_read(action: words_of.Action) -> None:
    import shlex

    from jukihost.cli import build_parser

    assert action.examples
    for line in action.examples:
        said = build_parser().parse_args(["counter", *shlex.split(line)])
        assert said.action.name == action.name
