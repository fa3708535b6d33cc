"""Card and oracle agree on certificates, PACE, rare commands and keys that are used up.

As in `test_access_walk`, over the plans of `eac_walk`; and the rules are on trial here too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any
from unittest import mock

import pytest

from jukicard.crypto.curves import Curve
from tests.stateful.eac_walk import PLANS, walk_of
from tests.support.oracle.access_walk import Walk
from tests.support.oracle.rules import (
    COUNTER,
    MOVE_IN,
    RESIDENT_IDENTIFICATION,
    Command,
    Level,
    Rule,
)
from tests.support.oracle.rules_eac import EacOracle, EacRules
from tests.support.oracle.told import Told, explains, told

pytestmark = pytest.mark.xdist_group("access certificates")
_multiply = cache(Curve.multiply)


@pytest.fixture(autouse=True)
def multiplied_once() -> Iterator[None]:
    """A conversation is repeated to the byte, and so is the card's slow arithmetic."""
    with mock.patch.object(Curve, "multiply", _multiply):
        yield


@cache
def walked(name: str) -> Walk:
    walk = walk_of(name)
    walk.go()
    return walk


@cache
def said(name: str) -> Told:
    return told(walked(name).runs)


@pytest.mark.parametrize("name", PLANS)
def test_card_and_oracle_agree_everywhere(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    walk = walked(name)
    record_property("access states", len(walk.paths))
    record_property("access pairs", walk.pairs)
    record_property("access checks", walk.checks)
    assert walk.pairs == len(walk.commands) ** 2, "two commands never came directly after another"


def test_the_walks_see_all_there_is() -> None:
    answers = {
        (command.do, status)
        for name in PLANS
        for run in walked(name).runs
        for command, status in run
    }
    assert answers >= {
        ("show", 0x9000), ("show", 0x6300), ("show", 0x6985), ("show", 0x6A80), ("show", 0x6A88),
        ("name issuer", 0x6A88), ("set terminal", 0x6985), ("set terminal", 0x6A88),
        ("set terminal strangely", 0x6A80), ("prove", 0x9000), ("prove", 0x6985),
        ("prove wrongly", 0x6300), ("set chip", 0x6985), ("agree", 0x9000), ("agree", 0x6985),
        ("agree otherwise", 0x6300), ("pace confirm", 0x9000), ("pace confirm wrongly", 0x6300),
        ("pace map wrongly", 0x6300), ("pace set", 0x6985), ("authenticate", 0x6983),
        ("authenticate wrongly", 0x63C0), ("authenticate wrongly", 0x6983),
        ("authenticate named", 0x6983), ("internal authenticate", 0x6D00),
        ("get response", 0x9000), ("get response", 0x6985), ("search record", 0x9000),
    }  # fmt: skip
    states = {state for name in PLANS for state in walked(name).paths}
    assert {state.on(0).pace for state in states} == {0, 1, 2, 3, 4}
    assert {state.on(0).rights for state in states} >= {None, frozenset(), frozenset({COUNTER})}


# -- the rules got wrong on purpose --------------------------------------------------------------

NEW = [part for part in dataclasses.fields(EacRules) if part.name in EacRules.__annotations__]
RIGHT = EacRules()


def _mutants() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for part in NEW:
        right = getattr(RIGHT, part.name)
        if isinstance(right, bool):
            yield part.name, {part.name: not right}
        elif isinstance(right, Rule):
            for purpose in (RESIDENT_IDENTIFICATION, COUNTER):
                wrong = right._replace(purposes=(right.purposes or frozenset()) ^ {purpose})
                yield f"{part.name}: purpose {purpose}", {part.name: wrong}
            yield f"{part.name}: PIN", {part.name: right._replace(pin=not right.pin)}
    for do in RIGHT.closed:
        yield f"open: {do}", {"closed": RIGHT.closed - {do}}
    yield "no counters", {"certificate_rights": RIGHT.certificate_rights - {COUNTER}}
    for purpose in (RESIDENT_IDENTIFICATION, COUNTER):
        changed = RIGHT.moved_out_rights ^ {purpose}
        yield f"moved out: {purpose}", {"moved_out_rights": changed}
    for do in ("name issuer", "set chip strangely", "pace set", "erase binary", "append record"):
        allowed = RIGHT.answers_while_suspended | {do}
        yield f"while suspended: {do}", {"answers_while_suspended": allowed}
    yield "keys never blocked", {"blocked_key": 0x6984}


MUTANTS = dict(_mutants())


@pytest.mark.parametrize("mutant", sorted(MUTANTS))
def test_a_wrong_rule_is_noticed(mutant: str) -> None:
    wrong = EacOracle(dataclasses.replace(RIGHT, **MUTANTS[mutant]))
    assert not all(explains(wrong, said(name), walked(name).stage.first) for name in PLANS)


def test_every_new_rule_has_a_wrong_one() -> None:
    changed = {name for change in MUTANTS.values() for name in change}
    assert changed >= {part.name for part in NEW}
    assert len(MUTANTS) > 50
    assert {MOVE_IN, COUNTER} == RIGHT.moved_out_rights


@pytest.mark.parametrize("name", PLANS)
def test_the_right_rules_explain_everything(name: str) -> None:
    assert explains(EacOracle(), said(name), walked(name).stage.first)


def test_commands_are_sent_in_the_open_and_protected() -> None:
    sent = {(command.do, command.level) for name in PLANS for command in PLANS[name]().commands}
    for do in ("name issuer", "show", "set terminal", "prove", "set chip", "agree", "pace nonce"):
        assert {(do, Level.PLAIN), (do, Level.ENC)} <= sent, do
    assert Command("authenticate wrongly", COUNTER) in PLANS["used up keys"]().commands
