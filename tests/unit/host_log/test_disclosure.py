"""Disclosures: the library and the verifier that needs only Python and cryptography find every lie.

The library's `check` and `examples/verify_disclosure.py` share no code; both judge every case here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from jukihost.log import (
    Day,
    Disclosure,
    DisclosureError,
    LogError,
    Outcome,
    Policy,
    Use,
    check_consistency,
    described,
    leaf_hash,
    prove_consistency,
    root_of,
)
from tests.architecture.test_repository import code_lines
from tests.support.host.judging import VERIFIER, VERIFY, WRONG, judged, refused
from tests.support.host.town import (
    BEGUN,
    CODES,
    LOG_KEY,
    POLICY,
    PSEUDONYMS,
    WITNESS_KEY,
    Town,
    salt,
    town,
)

JAPAN = timezone(timedelta(hours=9))


def test_what_was_done_is_shown() -> None:
    made = town()
    for code, count in zip(CODES, (4, 2, 0), strict=True):
        data = bytes(made.disclosure(code))
        found = judged(data, code)
        assert [use.number for use in found.uses] == [*range(1, count + 1)]
        assert (found.erased, found.covered, found.checkpoint.size) == (0, count, 8)
        assert bytes(Disclosure.parse(data, code)) == data
        assert code.reveal().encode() not in data


def test_nothing_in_it_is_of_anybody_else() -> None:
    made = town()
    data = bytes(made.disclosure(CODES[0]))
    for index, entry in made.of(CODES[1]):
        use = Use.parse(entry)
        for told in (PSEUDONYMS.resident(CODES[1]), use.salt, PSEUDONYMS.opening(CODES[1])):
            assert told.hex().encode() not in data
        assert f"index {index}\\n".encode() not in data


def test_uses_after_the_day_are_shown_and_not_called_complete() -> None:
    made = town()
    made.use(CODES[0])
    found = judged(bytes(made.disclosure(CODES[0])), CODES[0])
    assert (len(found.uses), found.covered) == (5, 4)
    text = described(found, JAPAN)
    assert "1 are newer" in text
    assert "1. 2015-04-01 09:00+09:00  the town's counter: copy of the record (done)" in text
    assert "prefecture.example saw this log at" in text
    made.use(CODES[2])
    found = judged(bytes(made.disclosure(CODES[2])), CODES[2])
    assert (len(found.uses), found.covered) == (1, 0)


@pytest.mark.parametrize("shown", [0, 1, 3])
def test_what_was_pruned_is_counted_with_the_pruning(shown: int) -> None:
    made = town()
    gone = made.of(CODES[0])[3 - shown][0]
    pruned = made.prune(gone + 1)
    data = bytes(made.disclosure(CODES[0], made.of(CODES[0])[4 - shown :], (gone, pruned)))
    found = judged(data, CODES[0])
    assert (len(found.uses), found.erased) == (shown, 4 - shown)
    assert f"{4 - shown} older ones are not shown" in described(found, JAPAN)


@pytest.mark.parametrize("shown", [0, 1, 2, 3])
def test_the_oldest_left_out_with_nothing_that_pruned_them_are_found(shown: int) -> None:
    made = town()
    kept = made.of(CODES[0])[4 - shown :]
    words = refused(bytes(made.disclosure(CODES[0], kept)))
    assert f"{4 - shown} older ones are left out, and nothing shows" in words


@pytest.mark.parametrize(
    "said",
    [
        {"below": 4},  # the last that is not shown stands at 4
        {"below": 20},  # above itself
        {"until": date(2008, 4, 1)},  # the term ends with that day
        {"at": BEGUN + timedelta(days=4), "until": date(2008, 4, 1)},  # after it was witnessed
        {"at": datetime(2023, 3, 1, tzinfo=JAPAN), "until": date(2016, 2, 29)},
        {"until": date(9999, 12, 31)},
    ],
)
def test_a_pruning_that_did_not_pass_them_in_time_is_found(said: dict[str, Any]) -> None:
    made = town()
    pruned = made.prune(**{"below": 5, **said})
    kept = made.of(CODES[0])[3:]
    words = refused(bytes(made.disclosure(CODES[0], kept, (4, pruned))))
    assert "the pruning that it names did not pass them" in words


def test_the_place_of_what_was_pruned_and_the_pruning_are_proven() -> None:
    made = town()
    pruned = made.prune(8)
    own = made.of(CODES[0])
    for place in (3, 5, 6):  # others of this resident's, somebody else's, one that is shown
        refused(bytes(made.disclosure(CODES[0], own[3:], (place, pruned))))
    refused(bytes(made.disclosure(CODES[0], own[3:], (4, 7))))  # the day's end, no pruning
    refused(bytes(made.disclosure(CODES[0], own, (4, pruned))))  # nothing is left out
    data = json.loads(bytes(made.disclosure(CODES[0], own[3:], (4, pruned))))
    judged(json.dumps(data).encode(), CODES[0])
    data["erased"]["pruned"]["entry"] = data["erased"]["pruned"]["entry"].replace("2008", "2007")
    refused(json.dumps(data).encode())
    data["erased"] = None
    refused(json.dumps(data).encode())


# -- a town that cheats ----------------------------------------------------------------------------


@pytest.mark.parametrize("left_out", [{1}, {2}, {3}, {1, 2}, {0, 2}, {2, 3}, {1, 2, 3}])
def test_an_entry_left_out_is_found(left_out: set[int]) -> None:
    made = town()
    kept = [one for at, one in enumerate(made.of(CODES[0])) if at not in left_out]
    words = refused(bytes(made.disclosure(CODES[0], kept)))
    assert "left out" in words


def test_entries_in_another_order_or_twice_are_found() -> None:
    made = town()
    own = made.of(CODES[0])
    for wrong in (own[::-1], [own[0], own[2], own[1], own[3]], [*own, own[3]]):
        assert "does not follow" in refused(bytes(made.disclosure(CODES[0], wrong)))


def test_an_entry_of_somebody_else_is_found() -> None:
    made = town()
    own, others = made.of(CODES[0]), made.of(CODES[1])
    assert "another resident" in refused(bytes(made.disclosure(CODES[0], others)))
    refused(bytes(made.disclosure(CODES[0], [*own, *others])))
    assert "another resident" in refused(bytes(made.disclosure(CODES[0])), CODES[1])


@pytest.mark.parametrize("index", [0, 3, 4, 6])
def test_an_entry_changed_after_it_was_signed_is_found(index: int) -> None:
    """By the old checkpoint that somebody has: a tree that has it changed does not continue it."""
    made = town()
    signed, old = made.checkpoint(), made.nodes()
    use = Use.parse(made.entries[index])
    made.entries[index] = bytes(replace(use, purpose="something harmless"))
    data = json.loads(bytes(made.disclosure(CODES[0])))
    for proven in (*data["entries"], data["day"]):
        proven["proof"] = proven["proof"].partition("\n\n")[0] + "\n\n" + bytes(signed).decode()
    assert "not in the tree" in refused(json.dumps(data).encode())
    changed = made.nodes()
    with pytest.raises(LogError, match="two histories"):
        check_consistency(8, root_of(old, 8), 8, root_of(changed, 8), ())


def rewritten(made: Town, lies: Callable[[list[Use]], list[Use]]) -> Town:
    """Write the whole log again, each resident's entries linked anew, and end the day again."""
    again = Town()
    for use in lies([Use.parse(entry) for entry in made.entries[:-1]]):
        last = again.lasts.get(use.resident) if use.resident else None
        count, before = (last.count, last.leaf) if last else (0, bytes(32))
        number = count + 1 if use.resident else 0
        again.append(replace(use, number=number, before=before))
    again.end_day()
    return again


EXTRA = Use(
    at=Use.parse(town().entries[0]).at,
    operator="operator-1",
    terminal="counter-1",
    body="the town's counter",
    purpose="added later",
    outcome=Outcome.DONE,
    salt=salt(99),
)
LIES: list[Callable[[list[Use]], list[Use]]] = [
    lambda uses: uses[1:],
    lambda uses: [*uses[:3], *uses[4:]],
    lambda uses: uses[:-1],
    lambda uses: [uses[1], uses[0], *uses[2:]],
    lambda uses: [*uses[:2], EXTRA, *uses[2:]],
    lambda uses: [replace(uses[0], reason="another"), *uses[1:]],
    lambda uses: [*uses[:-1], replace(uses[-1], resident=None, number=0, before=bytes(32))],
]


@pytest.mark.parametrize("lies", LIES, ids=range(len(LIES)))
def test_a_history_written_anew_is_no_continuation(lies: Callable[[list[Use]], list[Use]]) -> None:
    """Within itself it is perfect: an older checkpoint, anybody's, or the witness's, finds it."""
    made = town()
    again = rewritten(made, lies)
    again.use(CODES[2])
    again.use(CODES[2])
    judged(bytes(again.disclosure(CODES[0])), CODES[0])
    size = len(again.entries)
    with pytest.raises(LogError, match="two histories"):
        check_consistency(
            8,
            root_of(made.nodes(), 8),
            size,
            root_of(again.nodes(), size),
            prove_consistency(again.nodes(), 8, size),
        )


def test_a_day_that_counts_too_few_is_found() -> None:
    """The town signs a day's root without a resident's last entry: the shown ones do not fit it."""
    made = town()
    honest = made.entries.pop()
    resident = PSEUDONYMS.resident(CODES[0])
    third = Use.parse(made.of(CODES[0])[2][1])
    kept = made.lasts.pop(resident)
    made.end_day()
    refused(bytes(made.disclosure(CODES[0])))
    made.entries.pop()
    made.lasts[resident] = replace(kept, count=3, leaf=leaf_hash(bytes(third)))
    made.end_day()
    refused(bytes(made.disclosure(CODES[0])))
    judged(bytes(made.disclosure(CODES[0], made.of(CODES[0])[:3])), CODES[0])  # the fourth shows up
    assert made.entries[-1] != honest
    Day.parse(made.entries[-1])


def test_two_checkpoints_in_one_disclosure_are_two_histories() -> None:
    made = town()
    data = json.loads(bytes(made.disclosure(CODES[0])))
    made.use(CODES[1])
    other = json.loads(bytes(made.disclosure(CODES[0])))
    data["entries"][1] = other["entries"][1]
    refused(json.dumps(data).encode())


def test_without_the_witness_it_does_not_count() -> None:
    made = town()
    data = bytes(made.disclosure(CODES[0])).decode()
    start = data.index("\u2014 prefecture")
    line = data[start : data.index("\\n", start) + 2]
    changed = data.replace(line, "").encode()
    assert "0 of the witnesses" in refused(changed)
    assert Disclosure.parse(changed, CODES[0]).check(CODES[0], Policy(LOG_KEY)).witnessed == {}


# -- a file that was changed -----------------------------------------------------------------------

DATA = bytes(town().disclosure(CODES[0]))
SHOWN = VERIFY(json.loads(DATA), CODES[0].reveal(), str(LOG_KEY), str(WITNESS_KEY))


@given(st.integers(0, len(DATA) - 1), st.sampled_from([1, 2, 4, 8, 16, 32, 64, 128]))
def test_no_bit_of_what_it_says_can_be_changed(at: int, bit: int) -> None:
    """What a changed file says is what it said, or it is refused."""
    changed = DATA[:at] + bytes([DATA[at] ^ bit]) + DATA[at + 1 :]
    try:
        said = json.loads(changed)
    except ValueError:
        said = None
    if said == json.loads(DATA):
        return
    with pytest.raises(LogError):
        Disclosure.parse(changed, CODES[0]).check(CODES[0], POLICY)
    try:
        shown = VERIFY(json.loads(changed), CODES[0].reveal(), str(LOG_KEY), str(WITNESS_KEY))
    except WRONG:
        return
    assert shown == SHOWN, "another spelling of what was there, in words that prove nothing"


def values(said: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value."""
    if isinstance(said, dict):
        return [path, *(one for key in said for one in values(said[key], (*path, key)))]
    if isinstance(said, list):
        return [path, *(one for at in range(len(said)) for one in values(said[at], (*path, at)))]
    return [path]


@pytest.mark.parametrize("wrong", [None, 1, -1, "", "x", [], {}, [[]], True])
def test_whatever_stands_for_a_value_only_the_declared_error_comes_out(wrong: Any) -> None:
    for path in values(json.loads(DATA)):
        if not path:
            continue
        said = json.loads(DATA)
        inside = said
        for key in path[:-1]:
            inside = inside[key]
        if inside[path[-1]] == wrong:
            continue
        inside[path[-1]] = wrong
        with pytest.raises(LogError):
            Disclosure.parse(json.dumps(said).encode(), CODES[0]).check(CODES[0], POLICY)


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"format": 1}'])
def test_what_is_no_disclosure_is_said(data: bytes) -> None:
    with pytest.raises(DisclosureError, match="no disclosure"):
        Disclosure.parse(data, CODES[0])


def test_a_secret_of_the_resident_is_not_shown() -> None:
    made = town().disclosure(CODES[0])
    assert PSEUDONYMS.opening(CODES[0]).hex() not in repr(made)
    assert repr(PSEUDONYMS.opening(CODES[0])) not in repr(made)


# -- the verifier as a resident runs it ------------------------------------------------------------


def run(tmp_path: Path, data: bytes, code: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "disclosure.json"
    file.write_bytes(data)
    return subprocess.run(
        [sys.executable, "-I", VERIFIER, file, str(LOG_KEY), str(WITNESS_KEY)],
        input=code + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_verifier_says_what_holds_and_what_it_cannot_know(tmp_path: Path) -> None:
    done = run(tmp_path, DATA, CODES[0].reveal())
    assert done.returncode == 0
    assert "copy of the record (done)" in done.stdout
    assert "Nothing queued when 2015-04-01 ended was left out." in done.stdout
    assert "Signed by prefecture.example at 2015-04-02 00:00:00+00:00." in done.stdout
    assert "What no file can tell you" in done.stdout
    assert done.stderr == ""


def test_the_verifier_says_what_does_not_hold(tmp_path: Path) -> None:
    for data, code in ((DATA, CODES[1].reveal()), (DATA[:-9], CODES[0].reveal()), (b"", "")):
        done = run(tmp_path, data, code)
        assert done.returncode == 1
        assert done.stderr.startswith("THIS DOES NOT HOLD: ")
        assert "Traceback" not in done.stderr


def test_the_verifier_is_short_and_needs_one_library() -> None:
    source = VERIFIER.read_text("utf-8")
    assert code_lines(VERIFIER) < 100
    assert "juki" not in "".join(line for line in source.splitlines() if "import" in line)
