"""`jukihost issue` from feeds: several processes, any of them killed, and the whole run too."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import time
from pathlib import Path
from time import monotonic, sleep

import pytest

from jukihost.cli import main
from jukihost.clock import JAPAN
from jukihost.ledger import By, Hours, change_operator, find_operator, lift_stop, stop
from jukihost.workflows import Outcome, Processes
from jukihost.workflows.bulk.people import EXAMPLE, read_people
from jukihost.workflows.bulk.processes import _Worker
from tests.support.host.bulk_office import PASSPHRASE, BulkOffice, bulk_office, lines
from tests.support.host.issuing_office import quick_keys
from tests.support.host.ledgers import ALWAYS, FIRST

__all__ = ["quick_keys"]
pytestmark = pytest.mark.usefixtures("quick_keys")


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BulkOffice]:
    monkeypatch.setenv("JUKIHOST_PASSPHRASE", PASSPHRASE)
    with bulk_office(tmp_path, people=6, feeds=2) as office:
        yield office


def start_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give no row before every process is ready: on a busy machine one makes all, else."""
    served = Processes._served

    def once_ready(
        self: Processes, workers: list[_Worker], given: Iterator[int]
    ) -> Iterator[Outcome]:
        for worker in workers:
            yield from self._heard(worker)
            assert worker.ready
        for worker in workers:
            self._give(worker, given)
        yield from served(self, workers, given)

    monkeypatch.setattr(Processes, "_served", once_ready)


def test_two_processes_make_the_cards_of_a_list(
    shop: BulkOffice, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    start_together(monkeypatch)
    shop.write("999,photo")
    capsys.readouterr()
    assert shop.run("--dry-run") == 1
    told = lines(capsys.readouterr().out)
    assert told[-1]["result"] == {"rows": 7, "waiting": 6, "before": 0, "refused": 1}
    assert not list(shop.folder.glob("people.*.csv"))
    assert not any(one.states for one in shop.feeds)
    assert shop.run() == 1
    told = lines(capsys.readouterr().out)
    result = told[-1]
    assert (result["type"], result["procedure"], result["done"]) == ("result", "bulk_issue", False)
    assert result["result"] == {"made": 6, "before": 0, "failed": 1, "left": 0}
    rows = [one for one in told[:-1] if "row" in one]
    assert rows[0]["error"]["code"] == "unknown_resident"
    assert {one["row"] for one in rows} == set(range(2, 9))
    assert rows[-1]["seconds_left"] == 0
    assert all(any(s.name == "DONE" for s in one.states.values()) for one in shop.feeds)
    shop.check_each_has_one()
    assert shop.run() == 1
    assert lines(capsys.readouterr().out)[-1]["result"]["before"] == 6


def test_a_process_that_is_killed_costs_no_row(
    shop: BulkOffice, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    killed: list[int | None] = []
    heard = Processes.outcomes

    def outcomes(self: Processes, rows: Iterator[int]) -> Iterator[Outcome]:
        for outcome in heard(self, rows):
            if not killed:
                victim = multiprocessing.active_children()[0]
                victim.kill()
                killed.append(victim.pid)
            yield outcome

    monkeypatch.setattr(Processes, "outcomes", outcomes)
    capsys.readouterr()
    assert shop.run() == 0
    assert len(killed) == 1
    assert lines(capsys.readouterr().out)[-1]["result"]["made"] >= 5
    shop.check_each_has_one()


def stop_everything(shop: BulkOffice) -> None:
    database = shop.counter.database
    with database.begin() as connection:
        stop(connection, By.at_terminal(database, FIRST.identifier), "admin-2", "rehearsal")


def lift_it(shop: BulkOffice) -> None:
    database = shop.counter.database
    with database.begin() as connection:
        lift_stop(connection, By.at_terminal(database, FIRST.identifier), "admin-2", "over")


def end_hours(shop: BulkOffice) -> None:
    today = shop.counter.database.clock.now().astimezone(JAPAN).weekday()
    set_hours(shop, Hours(frozenset({(today + 3) % 7}), time.min, time.min))


def set_hours(shop: BulkOffice, hours: Hours = ALWAYS) -> None:
    database = shop.counter.database
    with database.begin() as connection:
        old = find_operator(connection, shop.clerk.identifier)
        by = By.at_terminal(database, FIRST.identifier)
        change_operator(connection, old, replace(old, hours=hours), by)


@pytest.mark.parametrize(
    ("ends", "mends", "code"),
    [
        (stop_everything, lift_it, "stopped"),
        pytest.param(end_hours, set_hours, "operator_refused", marks=pytest.mark.soak),
    ],
)
def test_p22_p30_a_stop_or_the_end_of_hours_in_the_middle_ends_it_in_every_process(
    shop: BulkOffice,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    ends: Callable[[BulkOffice], None],
    mends: Callable[[BulkOffice], None],
    code: str,
) -> None:
    heard = Processes.outcomes
    done: list[Outcome] = []

    def outcomes(self: Processes, rows: Iterator[int]) -> Iterator[Outcome]:
        for outcome in heard(self, rows):
            if not done:
                ends(shop)
            done.append(outcome)
            yield outcome

    monkeypatch.setattr(Processes, "outcomes", outcomes)
    capsys.readouterr()
    assert shop.run() == 1
    result = lines(capsys.readouterr().out)[-1]
    assert result["type"] == "result"
    assert result["error"]["code"] == code
    assert 0 < result["result"]["made"] < 6
    monkeypatch.setattr(Processes, "outcomes", heard)
    mends(shop)
    assert shop.run() == 0
    assert shop.made() == 6


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.soak) for n in range(2, 20))]
)
def test_killed_at_any_moment_the_same_command_goes_on(shop: BulkOffice, seed: int) -> None:
    instants = random.Random(seed)
    for _ in range(2):
        before = shop.made()
        run = shop.started()
        deadline = monotonic() + 60
        while run.poll() is None and shop.made() == before and monotonic() < deadline:
            sleep(0.02)
        sleep(instants.uniform(0, 0.3))
        run.kill()
        run.communicate()
    said, _ = (last := shop.started()).communicate(timeout=120)
    assert last.returncode == 0, said
    assert shop.made() == 6
    assert len((shop.folder / "people.done.csv").read_text().splitlines()) == 7
    shop.check_each_has_one()


def test_two_runs_at_one_list_make_each_card_once(shop: BulkOffice) -> None:
    bins = shop.folder / "second"
    bins.mkdir()
    runs = [shop.started(), shop.started("--bins", str(bins))]
    said = [run.communicate(timeout=120)[0] for run in runs]
    print("\n".join(said))
    assert [run.returncode for run in runs] == [0, 0]
    counts = [lines(one)[-1]["result"] for one in said]
    assert sum(one["made"] for one in counts) == 6
    shop.check_each_has_one()


def test_a_feed_that_ends_early_leaves_rows(
    shop: BulkOffice, capsys: pytest.CaptureFixture[str]
) -> None:
    for feed in shop.feeds:
        feed._count = 2
    capsys.readouterr()
    assert shop.run() == 3
    result = lines(capsys.readouterr().out)[-1]
    assert result["result"] == {"made": 4, "before": 0, "failed": 0, "left": 2}
    assert result["error"]["code"] == "cards_ended"
    for feed in shop.feeds:
        feed._count = 9
    assert shop.run() == 0
    shop.check_each_has_one()


def test_without_a_feed_or_with_a_wrong_list_nothing_is_begun(
    shop: BulkOffice, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.ports = [1]
    capsys.readouterr()
    assert shop.run() == 3
    assert lines(capsys.readouterr().out)[-1]["error"]["code"] == "cards_ended"
    assert shop.run("--reader", "0") == 2
    shop.list.write_bytes(b"holder\n\x8e\x5a\n")
    assert shop.run() == 2
    assert "--encoding cp932" in lines(capsys.readouterr().out)[-1]["error"]["meaning"]
    assert shop.made() == 0


def test_an_example_is_printed_and_is_a_list(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["issue", "--example"]) == 0
    printed = capsys.readouterr().out
    assert printed == EXAMPLE
    found = read_people(printed.encode(), tmp_path)
    assert not found.bad
    assert len(found.people) == 3
