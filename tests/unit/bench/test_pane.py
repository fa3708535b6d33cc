"""The page's second view: looked at while somebody looks, whatever it tells, does or raises."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jukicard import issue_card
from jukicard.cli import main
from jukicard.cli.bench import pane as module
from jukicard.cli.bench.pane import NoView, Pane, find_view
from jukihost.database import upgrade_database
from tests.support.stalls import Within
from tests.unit.bench.conftest import Page, open_page
from tests.unit.bench.test_command import started


class Told:
    """A view that tells what it is made to, and counts."""

    def __init__(self, tell: Callable[[], Any] = dict) -> None:
        self.tell = tell
        self.looks = 0

    def look(self) -> Any:
        self.looks += 1
        return self.tell()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.02)


def soon(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_with_nobody_looking_nothing_is_asked() -> None:
    view = Told()
    with Pane(view) as pane:
        time.sleep(0.1)
        assert view.looks == 0
        pane.begin_looking()
        soon(lambda: view.looks > 2)
        pane.end_looking()
        last = view.looks + 1  # which has begun, on a busy machine
        time.sleep(0.3)
        assert view.looks <= last
    soon(lambda: not pane._thread.is_alive())


def test_a_look_that_hangs_keeps_nobody_from_ending() -> None:
    hangs = threading.Event()
    view = Told(lambda: hangs.wait(60) and {})
    with Within(1), Pane(view) as pane:
        pane.begin_looking()
        soon(lambda: view.looks > 0)
    hangs.set()


def raising(error: BaseException) -> Callable[[], Any]:
    def tell() -> Any:
        raise error

    return tell


@pytest.mark.parametrize(
    "tell",
    [
        raising(ValueError("secret")),
        raising(RecursionError()),
        lambda: None,
        lambda: ["secret"],
        lambda: {"secret": b"secret"},
        lambda: {"secret": float("nan")},
        lambda: {"secret": "x" * 2_000_000},
    ],
)
def test_whatever_a_view_does_is_a_problem_in_words(tell: Callable[[], Any]) -> None:
    with Pane(Told(tell)) as pane:
        found = pane.look()
    assert found.keys() == {"problem"}
    assert "cannot be shown" in found["problem"]["en"]
    assert "secret" not in pane.text
    assert json.loads(pane.text) == found


def test_a_slow_view_is_asked_less_often() -> None:
    ends: list[float] = []
    begins: list[float] = []

    def tell() -> dict[str, object]:
        begins.append(time.monotonic())
        time.sleep(0.05)
        ends.append(time.monotonic())
        return {}

    with Pane(Told(tell)) as pane:
        pane.begin_looking()
        soon(lambda: len(begins) == 3)
    for ended, begun in zip(ends, begins[1:], strict=False):
        assert begun - ended > 9 * 0.05


def test_a_view_that_nobody_offers_is_told() -> None:
    with pytest.raises(NoView, match="no package here offers the view 'nothing'"):
        find_view("nothing", "")


def test_the_ledger_is_offered_by_name() -> None:
    assert type(find_view("ledger", "x")).__module__ == "jukihost.ledgerview"


# -- on the page -----------------------------------------------------------------------------------


@pytest.fixture
def told() -> Told:
    return Told(lambda: {"one": 1})


@pytest.fixture
def page(told: Told) -> Iterator[Page]:
    with Pane(told) as pane, open_page(issue_card("juki-v1", seed=1), pane=pane) as opened:
        yield opened


def test_a_page_is_told_at_once_and_when_it_changes(page: Page, told: Told) -> None:
    with page.stream() as events:
        assert events.until("hello")["ledger"] is True
        assert events.until("ledger") == {"one": 1}
        told.tell = lambda: {"one": 2}
        assert events.until("ledger") == {"one": 2}


def test_a_page_without_a_ledger_is_told_that() -> None:
    with open_page(issue_card("juki-v1", seed=1)) as page, page.stream() as events:
        assert events.until("hello")["ledger"] is False


def test_a_ledger_that_hangs_keeps_no_exchange_waiting(page: Page, told: Told) -> None:
    hangs, ended = threading.Event(), threading.Event()

    def tell() -> dict[str, object]:
        hangs.wait(60)
        ended.set()
        return {}

    told.tell = tell
    try:
        with page.stream() as events:
            soon(lambda: told.looks > 0)
            page.slots[0]._card.power_on()
            events.until("rows")
            assert not ended.is_set()
    finally:
        hangs.set()


# -- as it is typed --------------------------------------------------------------------------------


def test_a_ledger_of_the_command_line_is_served(tmp_path: Path) -> None:
    file = tmp_path / "terminal.db"
    upgrade_database(file)
    with started("--tcp", "127.0.0.1", "--ledger", str(file), "juki-v1:1") as (program, lines):
        assert lines[-1].startswith("the page: ")
        assert str(file) not in "".join(lines)
        program.terminate()
        program.communicate(timeout=60)
        assert program.returncode == 0


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda file: None, "the database is away"),
        (lambda file: file.write_bytes(b"x" * 5000), "no database"),
        (lambda file: file.write_bytes(b""), "no tables of a terminal yet"),
        (lambda file: file.mkdir(), "is a folder"),
    ],
)
def test_a_ledger_that_cannot_be_seen_is_refused_in_words(
    make: Callable[[Path], object], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "terminal.db"
    make(file)
    assert main(["bench", "--tcp", "127.0.0.1", "--ledger", str(file), "juki-v1:1"]) == 1
    captured = capsys.readouterr()
    assert "--ledger: " in captured.err
    assert why in captured.err
    assert "Traceback" not in captured.err
