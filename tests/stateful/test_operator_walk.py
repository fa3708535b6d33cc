"""The operator card does what the rules of the manual say, in every state that can be reached.

Password, tries, unlocking with ADMIN only, expiry, who is told the identifier, the signing key; the
card and the application through all their states; and every rule got wrong on purpose is noticed.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from functools import cache

import pytest

from jukicard import PROFILES, issue_card
from jukicard.applets.operator import OperatorApplet
from jukicard.runtime.boundary import raise_bug
from jukicard.testing.applets import with_forbidden
from tests.support import soak
from tests.support.cards.declared import declared
from tests.support.oracle.conversation import Disagreement
from tests.support.oracle.keyed_commands import ISSUED_ON, OPERATOR as SUBJECT
from tests.support.oracle.keyed_machine import run_conversations
from tests.support.oracle.keyed_mutants import Walks, wrong_rules
from tests.support.oracle.keyed_tables import OPERATOR, OPERATOR_FIRST
from tests.support.oracle.keyed_walk import plans_of

pytestmark = pytest.mark.xdist_group("operator walk")

# What no terminal can tell apart. A right is proven inside a session only, so who asks for one need
# not ask for a MAC; and an operator application that was removed comes back by no INSTALL.
SAME = {"get day: its neighbour's", "put day: its neighbour's", "installed_is_found",
        "removal_leaves_nothing", "points_stay_in_bounds"}  # fmt: skip
WRONG = wrong_rules(OPERATOR)
CHOSEN = soak.sample(WRONG.keys() - SAME, 50)


@cache
def walks() -> Walks:
    profile = with_forbidden(PROFILES["operator"])
    card = issue_card(profile, seed=1, issued=ISSUED_ON, on_bug=raise_bug)
    return Walks(OPERATOR, SUBJECT, OPERATOR_FIRST, card.snapshot())


@pytest.mark.parametrize("name", plans_of(OPERATOR))
def test_card_and_rules_agree_in_every_state(
    name: str, record_property: Callable[[str, object], None]
) -> None:
    walk = walks().walk(name)
    record_property("access states", len(walk.paths))
    record_property("access checks", walk.checks)
    assert len(walk.paths) >= 20


def test_long_conversations() -> None:
    run_conversations(walks(), examples=soak.times(40, soak=2_000), steps=50)


@pytest.mark.parametrize("wrong", CHOSEN)
def test_a_wrong_rule_is_noticed(
    wrong: str, record_property: Callable[[str, object], None]
) -> None:
    by = walks().noticed_by(WRONG[wrong])
    record_property("noticed by", by)
    assert by, f"no walk notices that this is wrong: {wrong}"


@pytest.mark.soak
@pytest.mark.parametrize("wrong", sorted(SAME))
def test_what_nobody_can_tell_apart(wrong: str) -> None:
    assert not walks().noticed_by(WRONG[wrong])


def test_every_rule_that_the_card_declares_has_its_row() -> None:
    rows = {
        "001A use": "sign", "001A generate": "make key pair", "001A read_public": "read public key",
        "001B change": "change pin", "001B unblock": "unblock", "5A read": "get number",
        "C2 read": "get day", "C2 write": "put day", "C3 read": "get last day",
        "C3 write": "put last day", "card deactivate": "suspend", "card activate": "resume",
        "card terminate": "end",
    }  # fmt: skip
    for fid, name in ((1, "identity"), (2, "certificate"), (3, "authority")):
        for right in ("read", "update", "write", "activate", "deactivate", "terminate"):
            rows[f"{fid:04X} {right}"] = f"{right} {name}"
    assert declared(OperatorApplet.tree, OperatorApplet.card_rules) <= rows.keys()
    assert set(rows.values()) <= OPERATOR.table.keys()


def test_a_wrong_card_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password that is never over."""
    monkeypatch.setattr(OperatorApplet, "last_day", datetime.date.max)
    with pytest.raises(Disagreement, match=r"(?s)put day .*sign .*answered 9000, expected 6985"):
        Walks(OPERATOR, SUBJECT, OPERATOR_FIRST, walks().card).walk("days")
