"""The card does what the oracle says, in every abstract state and after every pair of commands.

The oracle itself is on trial as well: each of its rules, got wrong on purpose, must be noticed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from jukicard.memory import MemorySnapshot
from tests.support.cards.juki_desk import issued
from tests.support.oracle.access_walk import PLANS, Walk, walk_of
from tests.support.oracle.conversation import Disagreement
from tests.support.oracle.rules import ALL, Level, Oracle, Rule, Rules, State
from tests.support.oracle.told import Told, explains, told

pytestmark = pytest.mark.xdist_group("access walk")


@cache
def snapshot() -> MemorySnapshot:
    return issued()


@cache
def walked(name: str) -> Walk:
    walk = walk_of(name, snapshot())
    walk.go()
    return walk


@pytest.mark.parametrize("name", PLANS)
def test_card_and_oracle_agree_everywhere(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    walk = walked(name)
    record_property("access states", len(walk.paths))
    record_property("access pairs", walk.pairs)
    record_property("access checks", walk.checks)
    assert len(walk.paths) >= 20
    assert walk.pairs == len(walk.commands) ** 2, "two commands never came directly after another"


def test_the_walks_see_all_there_is() -> None:
    """Every status, level and state that the rules speak of was met."""
    runs = [run for name in PLANS for run in walked(name).runs]
    sent = {(command.do, command.level) for run in runs for command, _ in run}
    for do in ("read code", "update code", "read data", "update data", "change pin", "unblock",
               "put residence", "suspend", "resume", "end"):  # fmt: skip
        assert {level for name, level in sent if name == do} == set(Level), do
    answered = {status for run in runs for _, status in run}
    assert answered >= {
        0x9000, 0x6283, 0x6285, 0x63C0, 0x63C1, 0x63C2, 0x63CE, 0x6881, 0x6882, 0x6981, 0x6982,
        0x6984, 0x6985, 0x6986, 0x6988, 0x6A80, 0x6A81, 0x6A82, 0x6A88, 0x6D00,
    }  # fmt: skip


# -- the rules got wrong on purpose --------------------------------------------------------------


@cache
def said(name: str) -> Told:
    return told(walked(name).runs)


def explains_all(oracle: Oracle, names: Iterable[str] = PLANS) -> bool:
    return all(explains(oracle, said(name), State()) for name in names)


RULE_NAMES = [part.name for part in dataclasses.fields(Rules) if part.type == "Rule"]
FLAGS = [part.name for part in dataclasses.fields(Rules) if part.type == "bool"]
SENT = {
    command.do.removeprefix("current ") for plan in PLANS.values() for command in plan().commands
}
NAMES = sorted(SENT - {"power", "wrong mac", "header open"})


def _wrong_rules(rule: Rule) -> Iterator[tuple[str, Rule]]:
    for purpose in sorted(ALL):
        if rule.purposes is not None:
            yield f"purpose {purpose}", rule._replace(purposes=rule.purposes ^ {purpose})
    yield "anybody", rule._replace(purposes=None if rule.purposes is not None else ALL)
    yield "PIN", rule._replace(pin=not rule.pin)
    for level in Level:
        if level is not rule.level:
            yield level.name, rule._replace(level=level)


def _mutants() -> Iterator[tuple[str, Mapping[str, Any]]]:
    right = Rules()
    for name in RULE_NAMES:
        for what, rule in _wrong_rules(getattr(right, name)):
            yield f"{name}: {what}", {name: rule}
    for name in FLAGS:
        yield name, {name: not getattr(right, name)}
    for name in ("while_suspended", "after_moving_out"):
        for purpose in sorted(ALL):
            yield f"{name}: {purpose}", {name: getattr(right, name) ^ {purpose}}
    for name in ("answers_while_suspended", "answers_when_ended"):
        for do in NAMES:
            yield f"{name}: {do}", {name: getattr(right, name) ^ {do}}
    for do in sorted(right.free_objects):
        yield f"not free: {do}", {"free_objects": right.free_objects - {do}}
    for fid, kind in right.files.items():
        if fid in (0x0002, 0x0003, 0x001C, 0x0101):
            others = {name: kind for name, kind in right.files.items() if name != fid}
            yield f"no file {fid:04X}", {"files": others}
        if kind == "internal" and fid == 0x0101:
            yield f"file {fid:04X} is readable", {"files": {**right.files, fid: "binary"}}
    for tries in (2, 4):
        yield f"{tries} tries", {"pin_tries": tries}
    yield "blocked PIN answers 6983", {"blocked_pin": 0x6983}
    yield "blocked key answers 6984", {"blocked_key": 0x6984}


# What no terminal can tell apart, and why. A right is proven inside a session only and a plain
# command ends it: who asks for a right need not ask for a MAC. And a command without data has
# nothing that could be readable: with a MAC it is as good as encrypted. The PIN can be changed in a
# session only, and that is anybody's who has a key.
SAME = {
    "change_pin: anybody",
    *(f"{name}: PLAIN" for name in ("update_data", "put_residence", "suspend", "resume", "end")),
    "read_code: PLAIN", "read_code: MAC", "read_data: MAC", "read_data: ENC", "end: ENC",
}  # fmt: skip
SAME_ON = ("contents", "channels")
MUTANTS = dict(_mutants())


@pytest.mark.parametrize("mutant", sorted(MUTANTS))
def test_a_wrong_rule_is_noticed(mutant: str) -> None:
    wrong = Oracle(dataclasses.replace(Rules(), **MUTANTS[mutant]))
    noticed = not explains_all(wrong, PLANS if mutant not in SAME else SAME_ON)
    assert noticed is (mutant not in SAME)


def test_there_are_wrong_rules_of_every_kind() -> None:
    assert len(MUTANTS) > 150
    assert MUTANTS.keys() > SAME
    changed = {name for change in MUTANTS.values() for name in change}
    assert changed == {part.name for part in dataclasses.fields(Rules)}


@pytest.mark.parametrize("name", PLANS)
def test_the_right_rules_explain_everything(name: str) -> None:
    assert explains_all(Oracle(), [name])


def test_a_walk_with_wrong_rules_stops_and_tells_the_way() -> None:
    wrong = Oracle(dataclasses.replace(Rules(), read_code=Rule(ALL, pin=True, level=Level.ENC)))
    with pytest.raises(Disagreement, match=r"(?s)authenticate 5 .*read code .*expected 9000"):
        walk_of("contents", snapshot(), wrong).go()


def test_a_wrong_card_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A challenge that outlives the next command, as it would be without the rule."""
    monkeypatch.setattr("jukicard.runtime.protection._continues", lambda channel: True)
    with pytest.raises(Disagreement, match=r"authenticate .*9000\nanswered 9000, expected 6985"):
        walk_of("contents", snapshot()).go()
