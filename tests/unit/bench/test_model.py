"""The bench without its page: what it shows of cards, what it keeps, and what can be done there."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from jukicard import issue_card
from jukicard.cli.bench.bench import NotPossible
from jukicard.cli.bench.hazardforms import hazard_forms, make_hazard
from jukicard.testing import HAZARDS, hazards
from jukicard.transport import CardFault, CardNotPresent
from tests.unit.bench.onbench import (
    READ_CODE,
    SELECT,
    VERIFY,
    WRONG,
    bench_with,
    is_in,
    look,
    pin,
    rows,
)

# -- what is seen ----------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["juki-v1", "juki-v2", "mynumber", "operator"])
def test_every_file_of_every_application_is_shown(profile: str) -> None:
    bench, _ = bench_with(issue_card(profile, seed=1))
    shown = look(bench)
    assert shown["profile"] == profile
    assert not shown["powered"]
    assert shown["channels"] == []
    card = issue_card(profile, seed=1)
    for application, seen in zip(card.applications, shown["applications"], strict=True):
        assert seen["aid"] == str(application.aid)
        assert len(seen["files"]) + len(seen["more"]) == len(application.description)
    assert any(file.get("tries") for one in shown["applications"] for file in one["files"])


def test_tries_channels_and_proofs_are_those_of_now() -> None:
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    slot.card.power_on()
    assert look(bench)["powered"]
    assert slot.card.transmit(SELECT) == b"\x90\x00"
    slot.card.transmit(WRONG)
    assert pin(bench)["left"] == 2
    slot.card.transmit(VERIFY)
    assert slot.card.transmit(b"\x00\x70\x00\x00\x01") == b"\x01\x90\x00"
    shown = look(bench)
    assert pin(bench)["left"] == 3
    first, second = shown["channels"]
    assert (first["number"], first["kind"], first["verified"]) == (0, "juki", ["001C"])
    assert (second["number"], second.get("verified", [])) == (1, [])
    slot.card.power_off()
    assert look(bench)["channels"] == []


def test_nothing_shown_or_kept_holds_pin_code_or_name() -> None:
    card = issue_card("juki-v1", seed=1)
    secrets = {
        value.hex().upper()
        for name, values in card.snapshot().partitions.items()
        for key, value in values.items()
        if name.startswith("application")
        and key.startswith(("content/", "value/"))
        and len(value) > 3
    }
    assert len(secrets) > 5
    bench, [slot] = bench_with(card)
    with bench.looked_at():
        slot.card.power_on()
        for command in (SELECT, WRONG, VERIFY, READ_CODE, b"\x00"):
            slot.card.transmit(command)
    told = json.dumps([rows(bench), look(bench), bench.overview()])
    packed = told.replace(" ", "").upper()
    assert not [secret for secret in secrets if secret in packed]
    assert b"1234".hex() not in packed
    assert b"9999".hex() not in packed
    assert "1234" not in told.replace(" ", "")


def test_an_exchange_is_told_with_its_reason() -> None:
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    with bench.looked_at():
        slot.card.power_on()
        slot.card.transmit(SELECT)
        slot.card.transmit(READ_CODE)
    reset, select, read = rows(bench)
    assert reset["atr"].startswith("3B")
    assert (select["status"], select["refused"]) == ("9000", False)
    assert (read["status"], read["refused"]) == ("6982", True)
    [reason] = [note["text"] for note in read["notes"] if note["kind"] == "refusal"]
    assert "Verified(001C)" in reason


def test_with_nobody_looking_exchanges_are_counted_only() -> None:
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    slot.card.power_on()
    slot.card.transmit(SELECT)
    slot.card.transmit(WRONG)
    assert rows(bench) == []
    assert bench.looks()[1][1] == {}
    with bench.looked_at():
        [row] = rows(bench)
        assert row["notes"] == [{"kind": "unseen", "text": "2 exchanges while nobody looked"}]
        with bench.looked_at():
            pass
        slot.card.transmit(SELECT)
        assert len(rows(bench)) == 2
    slot.card.transmit(SELECT)
    assert len(rows(bench)) == 2


def test_what_is_kept_does_not_grow() -> None:
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    long = bytes.fromhex("00A4040C00") + (60_000).to_bytes(2, "big") + bytes(60_000)
    with bench.looked_at():
        slot.card.power_on()
        for _ in range(5000):
            slot.card.transmit(SELECT)
        assert len(bench.exchanges) == 2000
        texts, gone, last = bench.exchanges.since(0)
        assert (len(texts), gone, last) == (2000, 3001, 5001)
        assert bench.exchanges.since(5000) == (texts[-1:], 0, 5001)
        assert bench.exchanges.since(10**9) == (texts, 3001, 5001)
        assert bench.exchanges.since(0, 10) == (texts[-10:], 4991, 5001)
        for _ in range(20):
            slot.card.transmit(long)
        assert len(bench.exchanges) < 10


def test_a_hazard_that_happens_for_ever_takes_no_memory() -> None:
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    bench.set_hazard(1, "StatusInstead", {"times": None})
    slot.card.power_on()
    for _ in range(1000):
        assert slot.card.transmit(SELECT) == b"\x6f\x00"
    assert look(bench)["happened"] == 100


# -- what is done ----------------------------------------------------------------------------------


def test_pull_insert_and_reset() -> None:
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    with pytest.raises(NotPossible, match="no power"):
        bench.reset(0)
    slot.card.power_on()
    slot.card.transmit(SELECT)
    slot.card.transmit(VERIFY)
    bench.reset(0)
    assert look(bench)["channels"][0]["verified"] == []
    bench.pull(0)
    assert is_in(slot) is False
    with pytest.raises(NotPossible, match="no card"):
        bench.pull(0)
    with pytest.raises(NotPossible, match="no card"):
        bench.reset(0)
    bench.insert(1, 0)
    assert is_in(slot) is True
    assert not slot.powered
    assert [row["notes"][0]["text"] for row in rows(bench)] == [
        "reset by another program",
        "pulled out of slot 0",
        "put into slot 0",
    ]


def test_what_is_done_to_a_card_without_power_is_seen() -> None:
    bench, _ = bench_with(issue_card("juki-v1", seed=1))
    assert look(bench)["state"] == "activated"
    bench.suspend(1)
    assert look(bench)["state"] == "deactivated"
    bench.pull(0)
    bench.resume(1)
    assert look(bench)["state"] == "activated"


def test_suspend_and_resume() -> None:
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    slot.card.power_on()
    bench.suspend(1)
    assert look(bench)["state"] == "deactivated"
    with pytest.raises(CardNotPresent):
        slot.card.transmit(SELECT)  # it was out meanwhile
    slot.card.power_on()
    assert slot.card.transmit(VERIFY) == b"\x69\x85"
    with pytest.raises(NotPossible, match="does not do that"):
        bench.suspend(1)
    bench.resume(1)
    slot.card.power_on()
    slot.card.transmit(SELECT)
    assert slot.card.transmit(VERIFY) == b"\x90\x00"


@pytest.mark.parametrize("form", hazard_forms(), ids=lambda form: form["name"])
def test_every_hazard_can_be_set_with_every_field(form: dict[str, Any]) -> None:
    defaults = {field["name"]: field["default"] for field in form["fields"]}
    assert make_hazard(form["name"], defaults) == make_hazard(form["name"], {})
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    bench.set_hazard(1, form["name"], {} if form["name"] != "Delayed" else {"seconds": 0.0})
    assert form["name"] in look(bench)["hazards"][0]
    with bench.looked_at():
        slot.card.power_on()
        for command in (SELECT, WRONG):
            try:
                slot.card.transmit(command)
            except (CardFault, CardNotPresent):
                break
        noted = [note for row in rows(bench) for note in row["notes"] if note["kind"] == "hazard"]
    if form["name"] not in {"CorruptedMac", "StrippedMac"}:  # they wait for a protected answer
        assert noted
    bench.clear_hazards(1)
    assert look(bench)["hazards"] == []
    bench.insert(1, 0)
    slot.card.power_on()
    assert slot.card.transmit(SELECT) == b"\x90\x00"


def test_a_power_cut_that_was_cleared_does_not_come() -> None:
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    bench.set_hazard(1, "PowerCut", {"at": 2})
    bench.clear_hazards(1)
    bench.set_hazard(1, "PowerCut", {"at": 9})  # there is none any more
    bench.clear_hazards(1)
    slot.card.power_on()
    slot.card.transmit(SELECT)
    for _ in range(20):
        assert slot.card.transmit(VERIFY) == b"\x90\x00"
        slot.card.transmit(WRONG)


@pytest.mark.parametrize("form", hazard_forms(), ids=lambda form: form["name"])
def test_what_is_to_happen_is_told_apart_from_what_has_happened(form: dict[str, Any]) -> None:
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    bench.set_hazard(1, form["name"], {"seconds": 0.0} if form["name"] == "Delayed" else {})
    assert (len(look(bench)["hazards"]), look(bench)["past"]) == (1, [])
    if form["name"] in {"CorruptedMac", "StrippedMac"}:
        return  # they wait for a protected answer
    slot.card.power_on()
    with contextlib.suppress(CardFault, CardNotPresent):
        for command in (SELECT, WRONG):
            slot.card.transmit(command)
    shown = look(bench)
    assert (shown["hazards"], len(shown["past"])) == ([], 1)
    assert shown["past"][0].startswith(form["name"])
    assert shown["happened"] == 1
    assert shown["pulled"] is (form["name"] == "Pulled")
    bench.insert(1, 0)
    assert look(bench)["pulled"] is False
    bench.clear_hazards(1)
    assert (look(bench)["past"], look(bench)["happened"]) == ([], 0)


def test_there_is_a_form_for_every_hazard() -> None:
    assert len(hazard_forms()) == len(HAZARDS)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Earthquake", {}),
        ("__class__", {}),
        ("Pulled", {"where": 1}),
        ("Pulled", {"at": "1"}),
        ("Pulled", {"at": True}),
        ("Pulled", {"at": 0}),
        ("Pulled", {"at": 10**7}),
        ("Pulled", {"done": 1}),
        ("Delayed", {"seconds": 61}),
        ("Delayed", {"seconds": float("nan")}),
        ("Delayed", {"seconds": True}),
        ("StatusInstead", {"status": 0x10000}),
        ("StatusInstead", {"times": -1}),
        ("SelectedByOther", {"name": "zz"}),
        ("SelectedByOther", {"name": "00"}),
        ("SelectedByOther", {"name": 5}),
        ("PowerCut", {"ins": 1}),
    ],
)
def test_a_hazard_that_cannot_be_is_refused(name: str, values: dict[str, object]) -> None:
    bench, _ = bench_with(issue_card("juki-v1", seed=1))
    with pytest.raises(NotPossible):
        bench.set_hazard(1, name, values)
    assert look(bench)["hazards"] == []


def test_a_card_that_a_hazard_pulled_is_put_back() -> None:
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    bench.set_hazard(1, "Pulled", {})
    slot.card.power_on()
    with pytest.raises(CardNotPresent):
        slot.card.transmit(SELECT)
    bench.insert(1, 0)
    slot.card.power_on()
    assert slot.card.transmit(SELECT) == b"\x90\x00"


def test_what_is_not_there_is_told() -> None:
    bench, _ = bench_with(issue_card("juki-v1", seed=1))
    for action in (
        lambda: bench.insert(7, 0),
        lambda: bench.insert(1, 7),
        lambda: bench.insert(1, -1),
        lambda: bench.pull(1),
        lambda: bench.suspend(0),
        bench.fork,
        lambda: bench.fork(card=1, snapshot=1),
        lambda: bench.compare({"card": 1}, {"snapshot": 9}),
        lambda: bench.drop(1),
    ):
        with pytest.raises(NotPossible):
            action()


# -- several at once -------------------------------------------------------------------------------


def test_looking_does_not_wait_for_a_card_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    works, answers = threading.Event(), threading.Event()

    def late(_: float) -> None:
        works.set()
        answers.wait(60)

    monkeypatch.setattr(hazards, "time", SimpleNamespace(sleep=late))
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    slot.card.power_on()
    bench.set_hazard(1, "Delayed", {"seconds": 2.0})
    before = bench.looks()
    worker = threading.Thread(target=slot.card.transmit, args=(SELECT,))
    worker.start()
    assert works.wait(60)
    with bench.looked_at():
        bench.refresh()
        bench.overview()
    assert bench.looks() == before, "it works still"
    answers.set()
    worker.join()
    assert look(bench)["channels"][0]["kind"] == "juki"


def test_threads_that_do_everything_at_once_leave_a_bench_that_works() -> None:
    bench, [slot] = bench_with(issue_card("juki-v1", seed=1))
    wrong: list[BaseException] = []
    end = time.monotonic() + 1.5

    def repeat(work: Any) -> None:
        while time.monotonic() < end:
            try:
                work()
            except (NotPossible, CardNotPresent, CardFault, RuntimeError):
                pass
            except BaseException as error:  # noqa: BLE001 - told below
                wrong.append(error)
                return

    def look_once() -> None:
        with bench.looked_at():
            bench.refresh()
            json.dumps([bench.overview(), bench.looks(), bench.exchanges.since(0)])

    def terminal() -> None:
        slot.card.power_on()
        for command in (SELECT, VERIFY, READ_CODE):
            slot.card.transmit(command)

    def restored() -> None:
        bench.restore(bench.snapshot(1))
        bench.drop(max(one["number"] for one in bench.overview()["snapshots"]))

    works = [terminal, look_once, look_once, restored]
    works += [lambda: bench.pull(0), lambda: bench.insert(1, 0), lambda: bench.suspend(1)]
    works += [lambda: bench.resume(1)]
    threads = [threading.Thread(target=repeat, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not [thread for thread in threads if thread.is_alive()]
    assert not wrong
    with contextlib.suppress(NotPossible):
        bench.pull(0)
    with contextlib.suppress(NotPossible):
        bench.resume(1)
    bench.insert(1, 0)
    slot.card.power_on()
    assert slot.card.transmit(SELECT) == b"\x90\x00"
