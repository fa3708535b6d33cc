"""States of cards on a bench: kept, given back, forked and compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from jukicard import Card, issue_card
from jukicard.cli.bench.bench import MOST_CARDS, MOST_SNAPSHOTS, NotPossible
from jukicard.environment import CardEnvironment
from jukicard.memory import PersistentMemory, SqliteBackend, create_cards
from jukicard.transport import CardFault
from tests.unit.bench.onbench import (
    READ_CODE,
    SELECT,
    VERIFY,
    WRONG,
    bench_with,
    look,
    pin,
    rows,
)


def test_snapshot_restore_and_compare() -> None:
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    kept = bench.snapshot(1, "before")
    slot.card.power_on()
    slot.card.transmit(SELECT)
    slot.card.transmit(WRONG)
    assert bench.compare({"snapshot": kept}, {"card": 1}) == [
        {
            "place": "application D3921000310001010401",
            "what": "tries/001C",
            "before": "3 left",
            "after": "2 left",
        }
    ]
    bench.restore(kept)
    assert bench.compare({"snapshot": kept}, {"card": 1}) == []
    assert pin(bench)["left"] == 3
    slot.card.power_on()
    slot.card.transmit(SELECT)
    assert slot.card.transmit(VERIFY) == b"\x90\x00"
    bench.drop(kept)
    with pytest.raises(NotPossible, match="no such snapshot"):
        bench.restore(kept)


def test_a_comparison_shows_no_value_but_tries_and_states() -> None:
    bench, _ = bench_with(issue_card("juki-v1", seed=1), issue_card("juki-v1", seed=2))
    found = bench.compare({"card": 1}, {"card": 2})
    assert len(found) > 10
    for row in found:
        for said in (row["before"], row["after"]):
            words = said.removesuffix(", other ones").split()
            assert said == "nothing" or words[1] in {"byte", "bytes", "left"}


def test_a_restored_card_is_watched_on() -> None:
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    with bench.looked_at():
        bench.restore(bench.snapshot(1))
        slot.card.power_on()
        slot.card.transmit(SELECT)
        slot.card.transmit(READ_CODE)
    assert any(note["kind"] == "refusal" for note in rows(bench)[-1]["notes"])


def test_a_card_in_a_file_is_restored_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "card.juki"
    create_cards(path, [("card", issue_card("juki-v1", seed=1).environment.memory.snapshot())])
    backend = SqliteBackend(path, "card")
    bench, [slot] = bench_with(Card(CardEnvironment(memory=PersistentMemory(backend))))
    kept = bench.snapshot(1)
    slot.card.power_on()
    slot.card.transmit(SELECT)
    slot.card.transmit(WRONG)
    bench.restore(kept)
    slot.card.power_on()
    slot.card.transmit(SELECT)
    slot.card.transmit(bytes.fromhex("0020009C04") + b"8888")
    bench.suspend(1)
    backend.close()
    found = Card(CardEnvironment(memory=PersistentMemory(SqliteBackend(path, "card"))))
    assert found.state.description == "suspended"
    other, _ = bench_with(found)
    assert pin(other)["left"] == 2


@pytest.mark.parametrize("landed", [False, True])
def test_a_card_whose_power_went_at_a_write_is_seen_and_kept_as_it_landed(landed: bool) -> None:
    for act in ("look", "snapshot", "fork", "suspend", "compare"):
        bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
        bench.set_hazard(1, "PowerCut", {"landed": landed})
        slot.card.power_on()
        slot.card.transmit(SELECT)
        with pytest.raises(CardFault):
            slot.card.transmit(WRONG)
        if act == "suspend":
            bench.suspend(1)
        number = bench.fork(snapshot=bench.snapshot(1)) if act == "snapshot" else 1
        number = bench.fork(card=1) if act == "fork" else number
        if act == "compare":
            assert bench.compare({"card": 1}, {"card": 1}) == []
        assert pin(bench, number)["left"] == (2 if landed else 3), act


@pytest.mark.parametrize("landed", [False, True])
def test_power_that_goes_while_the_bench_itself_writes_is_told(landed: bool) -> None:
    bench, _ = bench_with(issue_card("juki-v1", seed=1))
    bench.set_hazard(1, "PowerCut", {"landed": landed})
    with pytest.raises(NotPossible, match="the power went"):
        bench.suspend(1)
    assert look(bench)["state"] == ("deactivated" if landed else "activated")
    assert look(bench)["hazards"] == []


def test_forks_lie_on_the_bench_and_go_their_own_way() -> None:
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    kept = bench.snapshot(1)
    slot.card.power_on()
    slot.card.transmit(SELECT)
    slot.card.transmit(WRONG)
    of_now, of_then = bench.fork(card=1), bench.fork(snapshot=kept)
    assert (pin(bench, of_now)["left"], pin(bench, of_then)["left"]) == (2, 3)
    with pytest.raises(NotPossible, match="pull it first"):
        bench.insert(of_now, 0)
    bench.pull(0)
    bench.insert(of_then, 0)
    with pytest.raises(NotPossible, match="pull it first"):
        bench.take_away(of_then)
    slot.card.power_on()
    slot.card.transmit(SELECT)
    slot.card.transmit(WRONG)
    slot.card.transmit(WRONG)
    assert [pin(bench, one)["left"] for one in (1, of_now, of_then)] == [2, 2, 1]
    bench.snapshot(of_now)
    bench.take_away(of_now)
    assert [one["number"] for one in bench.overview()["cards"]] == [1, of_then]
    assert [one["card"] for one in bench.overview()["snapshots"]] == [1]
    with pytest.raises(NotPossible, match="it stays"):
        bench.take_away(1)


def test_cards_and_snapshots_have_a_bound() -> None:
    bench, _ = bench_with(issue_card("juki-v1", seed=1))
    for _ in range(MOST_CARDS - 1):
        bench.fork(card=1)
    with pytest.raises(NotPossible, match="take one away"):
        bench.fork(card=1)
    for _ in range(MOST_SNAPSHOTS):
        bench.snapshot(1)
    with pytest.raises(NotPossible, match="drop one"):
        bench.snapshot(1)
    bench.drop(1)
    with pytest.raises(NotPossible, match="characters"):
        bench.snapshot(1, "x" * 61)
