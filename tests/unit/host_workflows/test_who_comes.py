"""Every procedure for which somebody comes asks the rules who that may be, before anything is done.

They are found on the face. A town's rules say here that nobody comes at all, so that a procedure
which asks nobody is seen to do something.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest

import jukihost.workflows
from jukihost.clock import MovableClock
from jukihost.ledger import LedgerCard, Reason, cards_of
from jukihost.models import ResidentCode
from jukihost.register import AsReceived, ChangeReason
from jukihost.workflows import (
    NOBODY_COMES,
    CardAtDesk,
    Desk,
    Impossible,
    Paper,
    Presented,
    PresentedBy,
    Rule,
    Shown,
    Task,
    Verdict,
)
from tests.support.host.counters import AUDITOR, PIN, Clerk, Counter
from tests.support.host.issuing_office import NAME_ONLY, Office, issued, lose, quick_keys
from tests.support.host.movers import HOME, announced, moved
from tests.support.host.residents import CALLED, RESIDENT, TOWN
from tests.support.host.towns import Towns, two_towns
from tests.unit.host_workflows.test_every_card import CALLS

__all__ = ["quick_keys"]
pytestmark = pytest.mark.usefixtures("quick_keys")

CLOSED: Final = {
    line: Rule(Verdict.IMPOSSIBLE, (), "our ordinance: nobody")
    for line in product(set(Task) - NOBODY_COMES, PresentedBy)
}
PROCEDURES: Final = sorted(
    name
    for name in jukihost.workflows.__all__
    if inspect.isfunction(function := getattr(jukihost.workflows, name))
    and {"desk", "presented"} <= inspect.signature(function).parameters.keys()
)
"""Every procedure for which somebody comes."""
ALL_PAPERS: Final = Presented(papers=frozenset(Paper) - {Paper.ANSWER})


@pytest.fixture
def towns(request: pytest.FixtureRequest, tmp_path: Path, clock: MovableClock) -> Iterator[Towns]:
    """Two towns on SQLite; where they stand makes no difference to what is walked here."""
    with two_towns(request, tmp_path, clock, "sqlite") as towns:
        yield towns


def own(towns: Towns) -> Counter:
    return towns.here


def visiting(towns: Towns) -> Counter:
    return towns.visited()


def announces(towns: Towns) -> Counter:
    announced(towns)
    return towns.visited()


def has_moved(towns: Towns) -> Counter:
    announced(towns)
    moved(towns)
    return towns.visited()


def has_left(towns: Towns) -> Counter:
    announced(towns)
    return towns.here


def blank(towns: Towns) -> Counter:
    lose(towns.here)
    Office(towns.here).blank()
    return towns.here


def issuing(towns: Towns) -> Counter:
    Office(towns.here)
    return towns.here


def waiting(towns: Towns) -> Counter:
    blank(towns)
    issued(towns.here, NAME_ONLY)
    return towns.here


STANDS: Final[dict[str, Callable[[Towns], Counter]]] = {
    "continue_use": has_moved,
    "copy_by_card": visiting,
    "copy_by_document": visiting,
    "hand_over": waiting,
    "issue_card": blank,
    "move_in": announces,
    "reissue_certificate": issuing,
    "stay": has_left,
}
"""At which counter somebody stands with what card, where it is not their own, with one in use."""
ELSEWHERE: Final = {"exchange_card": "test_exchanging.py, test_who_may_exchange_a_card"}
"""What takes two kinds of cards, and where it is shown."""


def arguments(counter: Counter, code: ResidentCode) -> dict[str, Any]:
    """Whatever a procedure is called with, beside the desk and the card."""
    return {
        "presented": ALL_PAPERS,
        "holder": counter.holder,
        "members": [counter.holder],
        "day": date(2014, 4, 1),
        "notice": CALLED,
        "reason": Reason.SURRENDERED,
        "new": AsReceived("渡邉 一郎"),
        "number": counter.number,
        "town": TOWN,
        "code": code,
        "shown": Shown(RESIDENT.name, RESIDENT.born),
        "home": HOME,
        "wish": NAME_ONLY,
        "document": b"a",
        "challenge": b"a",
    }


def ledger(towns: Towns) -> list[LedgerCard]:
    """What both ledgers say of the cards of the first resident of each."""
    found = []
    for counter in (towns.here, towns.there):
        with counter.database.read() as connection:
            found += cards_of(connection, counter.holder)
    return found


def call(name: str, desk: Desk, counter: Counter, code: ResidentCode) -> None:
    """Call a procedure for somebody with every paper, the card in the reader where it takes one."""
    procedure = getattr(jukihost.workflows, name)
    known = arguments(counter, code)
    if name == "change_record":
        known["reason"] = ChangeReason.NAME_CHANGED
    parameters = inspect.signature(procedure).parameters
    given = {one: known[one] for one in parameters if one in known}
    if "hand" not in parameters:
        procedure(desk, **given)
        return
    with counter.on_desk() as (hand, _):
        if name in CALLS and not set(given) >= set(parameters) - {"desk", "hand", "use", "uses"}:
            CALLS[name][0](desk, hand, counter.holder)
        else:
            procedure(desk, CardAtDesk(hand.connection), **given)


@pytest.mark.parametrize("name", [one for one in PROCEDURES if one not in ELSEWHERE])
def test_a_procedure_refuses_whom_the_rules_do_not_let_come(towns: Towns, name: str) -> None:
    counter = STANDS.get(name, own)(towns)
    code = towns.here.code
    counter.office = replace(counter.office, rules=CLOSED)
    desk = counter.desk(talk=Clerk(*[PIN] * 4))
    if name == "disclose_uses":
        desk = counter.desk(AUDITOR)
    before = ledger(towns)
    with pytest.raises(Impossible, match="our ordinance"):
        call(name, desk, counter, code)
    assert counter.told()[-1][1] == "refused"
    assert ledger(towns) == before


def test_the_walk_is_over_what_there_is() -> None:
    assert len(PROCEDURES) > 25
    assert set(PROCEDURES) >= STANDS.keys() | ELSEWHERE.keys()
