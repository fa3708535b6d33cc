"""A program gets exactly one result line, wherever a command of the counter is interrupted."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from jukihost import cli
from jukihost.cli.counter import at
from tests.support.host.shops import Shop, Told, opened_shop, told, town_files

INTERRUPTED = 130


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with (
        town_files(tmp_path_factory.mktemp("town")) as folder,
        opened_shop(folder / "shop") as shop,
    ):
        yield shop


def press(*_: object, **__: object) -> None:
    """Somebody presses Ctrl-C."""
    raise KeyboardInterrupt


def interrupted(answer: Told, procedure: str) -> None:
    assert answer.code == INTERRUPTED
    assert answer.error == "interrupted"
    assert answer.result["procedure"] == procedure
    assert answer.errors.endswith("jukihost: interrupted\n")


@pytest.mark.parametrize(
    "where",
    [
        "jukihost.cli.build_parser",
        "jukihost.cli.counter._telling",
        "jukihost.cli.counter.at.log_in",
    ],
)
def test_before_anything_is_done(shop: Shop, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where, press)
    interrupted(shop.run("identify"), "identify")


def test_while_it_is_done(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jukihost.workflows.identify", press)
    interrupted(shop.run("identify"), "identify")


def test_behind_the_result_nothing_more_is_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at, "log_out", press)
    answer = shop.run("cards", "--holder", str(shop.counter.holder))
    assert answer.code == INTERRUPTED
    *before, last = answer.lines
    assert last["done"] is True
    assert {one["type"] for one in before} <= {"progress"}


def test_a_line_of_the_shell_has_one_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jukihost.workflows.show_cards", press)
    monkeypatch.setattr("sys.stdin", io.StringIO("cards --holder 1\ncards --holder 2\n"))
    interrupted(shop.run("shell"), "cards")


@pytest.mark.parametrize("where", ["jukihost.cli.build_parser", "jukihost.cli.issue._run"])
def test_bulk_issue_has_one_too(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(where, press)
    interrupted(told("issue", "--from", "people.csv", "--json"), "bulk_issue")


def test_bulk_issue_says_what_wrong_usage_is() -> None:
    answer = told("issue", "--json")
    assert (answer.code, answer.error) == (2, "usage")
    assert answer.result["procedure"] == "bulk_issue"


@pytest.mark.parametrize("words", [("identify",), ("counter", "office"), ("status", "--json")])
def test_who_waits_for_no_line_gets_none(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "_run", press)
    assert cli.main(words) == INTERRUPTED
    assert capsys.readouterr() == ("", "jukihost: interrupted\n")


def test_a_key_of_a_log_that_is_none_is_wrong_usage(shop: Shop) -> None:
    """Exit code 1 says that it is in the log: what is seen before anybody logs in is not."""
    known = len(shop.counter.uses())
    answer = shop.run("disclose", "--holder", "1", "--out", "x.json", "--log-key", "none")
    assert (answer.code, answer.error) == (2, "usage")
    assert len(shop.counter.uses()) == known
