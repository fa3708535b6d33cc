"""Any two commands, one directly after the other, from a card in each of a handful of states.

The walks of `test_access_walk` have every pair of those commands that touch the same rules, in
every state; here nothing is left out that has to do with nothing.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import pairwise, product
from typing import Any

import pytest

from jukicard.memory import MemorySnapshot
from tests.stateful.access_pairs import COMMANDS, WAYS, Pairs, de_bruijn
from tests.support import soak
from tests.support.cards.juki_desk import issued
from tests.support.oracle.conversation import Disagreement, Stage
from tests.support.oracle.rules import Command, Level, Oracle, Rules

pytestmark = pytest.mark.xdist_group("access pairs")

RecordProperty = Callable[[str, object], None]


@cache
def snapshot() -> MemorySnapshot:
    return issued()


@cache
def walked(name: str) -> Pairs:
    walk = Pairs(Stage(snapshot()), WAYS[name], list(WAYS).index(name))
    walk.go()
    return walk


@pytest.mark.parametrize("name", WAYS)
def test_every_two_commands(name: str, record_property: RecordProperty) -> None:
    walk = walked(name)
    assert len(walk.said) >= len(COMMANDS) ** 2 // (1 if soak.ASKED else soak.SHARES)
    record_property("access pairs", len(walk.said))
    record_property("access checks", walk.checks)


def test_every_pair_came_from_several_states() -> None:
    """Also where each state has a share of them only."""
    came = Counter(pair for name in WAYS for pair in walked(name).said)
    assert len(came) == len(COMMANDS) ** 2
    assert min(came.values()) >= 3


def test_all_the_commands_are_there() -> None:
    assert len(COMMANDS) == len(set(COMMANDS)) >= 120


def test_the_order_has_every_pair_once() -> None:
    for count in range(8):
        commands = [Command("verify", number) for number in range(count)]
        said = list(pairwise(de_bruijn(commands)))
        assert sorted(said) == sorted(product(commands, repeat=2))


WRONG: dict[str, Any] = {
    "purpose 5": {"plain_ends_session": False},
    "purpose 1": {"wrong_pin_forgets": False},
    "moved out": {"leaving_forgets": False},
    "two channels": {"taking_rights_away_ends_other_channels": False},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_is_noticed(name: str) -> None:
    wrong = Oracle(dataclasses.replace(Rules(), **WRONG[name]))
    few = [command for command in COMMANDS if command.do in ("read code", "select", "verify")]
    few += [Command("suspend", 0, Level.ENC), Command("read code", 0, Level.ENC, 1)]
    with pytest.raises(Disagreement):
        Pairs(Stage(snapshot(), wrong), WAYS[name]).go(few)
