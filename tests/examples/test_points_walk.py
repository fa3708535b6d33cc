"""The points do what their README says, in every state that can be reached, and so does the issuer.

Installed in this process, where the walk looks at them: keys, PIN, purse and log; locked, removed
and installed again; and every rule got wrong on purpose is noticed.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

from jukicard import PROFILES, issue_card
from jukicard.runtime import kinds
from jukicard.runtime.boundary import raise_bug
from jukicard.testing.applets import with_forbidden
from tests.support import soak
from tests.support.cards.declared import declared
from tests.support.oracle.conversation import Disagreement
from tests.support.oracle.keyed_commands import ISSUED_ON, POINTS as SUBJECT
from tests.support.oracle.keyed_machine import run_conversations
from tests.support.oracle.keyed_mutants import Walks, wrong_rules
from tests.support.oracle.keyed_tables import POINTS, POINTS_FIRST
from tests.support.oracle.keyed_walk import plans_of

pytestmark = pytest.mark.xdist_group("points walk")

# What no terminal can tell apart. Passwords that run out and key pairs are the operator card's; and
# to suspend a card the issuer ends what a holder has proven, so nothing is left to be forgotten.
SAME = {"refused_pin_forgets", "new_key_pair_ends_other_channels", "password_runs_out",
        "change_renews", "unblocking_alone_renews", "time_goes_forward"}  # fmt: skip
WRONG = wrong_rules(POINTS)
CHOSEN = soak.sample(WRONG.keys() - SAME, 30)


@pytest.fixture(scope="module")
def walks(installed: Path) -> Iterator[Walks]:
    """The walks of a card that was issued with the points; the package is here until the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(installed))
        card = issue_card(
            with_forbidden(PROFILES["juki-v1"]),
            seed=1,
            issued=ISSUED_ON,
            applications=["town-points"],
            pins={"points": "4711"},
            on_bug=raise_bug,
        )
        # found by its entry point once; every fork and every INSTALL would look for it again
        package = importlib.import_module("pointscard.card")
        patch.setitem(kinds._OFFERED, "town-points", package.PointsApplet)
        patch.setattr(metadata, "entry_points", cache(metadata.entry_points))
        yield Walks(POINTS, SUBJECT, POINTS_FIRST, card.snapshot())
    for name in [name for name in sys.modules if name.partition(".")[0] == "pointscard"]:
        del sys.modules[name]


@pytest.mark.parametrize("name", plans_of(POINTS))
def test_card_and_rules_agree_in_every_state(
    walks: Walks, name: str, record_property: Callable[[str, object], None]
) -> None:
    walk = walks.walk(name)
    record_property("access states", len(walk.paths))
    record_property("access checks", walk.checks)
    assert len(walk.paths) >= 20


def test_long_conversations(walks: Walks) -> None:
    run_conversations(walks, examples=soak.times(40, soak=2_000), steps=50)


@pytest.mark.parametrize("wrong", CHOSEN)
def test_a_wrong_rule_is_noticed(
    walks: Walks, wrong: str, record_property: Callable[[str, object], None]
) -> None:
    by = walks.noticed_by(WRONG[wrong])
    record_property("noticed by", by)
    assert by, f"no walk notices that this is wrong: {wrong}"


@pytest.mark.soak
@pytest.mark.parametrize("wrong", sorted(SAME))
def test_what_nobody_can_tell_apart(walks: Walks, wrong: str) -> None:
    assert not walks.noticed_by(WRONG[wrong])


def test_every_rule_that_the_package_declares_has_its_row(walks: Walks) -> None:
    rows = {
        "0001 read": "read points", "0002 read": "read log", "0003 change": "change pin",
        "0003 unblock": "unblock", "0004 read": "read bookings", "5A read": "get number",
    }  # fmt: skip
    tree = importlib.import_module("pointscard.card").PointsApplet.tree
    assert declared(tree) == rows.keys()
    assert set(rows.values()) <= POINTS.table.keys()


def test_a_wrong_package_is_noticed(walks: Walks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A till that needs no PIN."""
    package = importlib.import_module("pointscard.card")
    monkeypatch.setattr(package, "TILL", package.SHOP)
    with pytest.raises(Disagreement, match=r"(?s)debit .*answered 6A80, expected 6982"):
        Walks(POINTS, SUBJECT, POINTS_FIRST, walks.card).walk("contents")
