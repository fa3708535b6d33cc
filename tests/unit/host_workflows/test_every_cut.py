"""Every procedure that touches a card has its table of cuts; some of the tables are here.

A table is a test over `CUTS`, at every exchange with the card, and one over `Trouble`, before every
transaction. They are looked for in the sources of the tests beside this one.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import pytest

import jukihost.workflows
from jukihost.clock import MovableClock
from jukihost.database import Database
from jukihost.errors import CardError
from jukihost.ledger import LedgerState
from jukihost.models import CardState
from jukihost.workflows import (
    CardAtDesk,
    Desk,
    Paper,
    PinUse,
    Presented,
    SignatureForm,
    Task,
    identify,
    log_on,
    recover_card,
    resume_card,
    sign_document,
    suspend_by_telephone,
    unblock_pin,
)
from tests.support.host.counters import Clerk, Counter
from tests.support.host.cuts import CUTS, Cut, Cutting, Killed, Trouble, Watched
from tests.support.host.residents import CALLED
from tests.unit.host_workflows.test_pins import my_number_counter

HERE: Final = Path(__file__).parent
IN_PERSON: Final = Presented(papers=frozenset({Paper.PHOTO}))
WITH_A_CARD: Final = sorted(
    name
    for name in jukihost.workflows.__all__
    if inspect.isfunction(function := getattr(jukihost.workflows, name))
    and {"desk", "hand"} <= inspect.signature(function).parameters.keys()
)
"""Every procedure with a card of a resident in the reader."""
PASSWORD, PIN = "PASSWORD9", "8642"


# --- the tables are there ---


@cache
def tables(over: str) -> frozenset[str]:
    """What the tests that are parametrised over something call, in the end, of a procedure's."""
    found: set[str] = set()
    for path in HERE.glob("test_*.py"):
        module = ast.parse(path.read_text("utf-8"))
        functions = {one.name: one for one in module.body if isinstance(one, ast.FunctionDef)}
        for test in functions.values():
            if test.name.startswith("test_") and over in set(_parameters(test)):
                found |= _reached(test.name, functions)
    return frozenset(found)


def _parameters(test: ast.FunctionDef) -> Iterator[str]:
    """Give the names in a test's `parametrize`."""
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and "parametrize" in ast.unparse(decorator.func):
            yield from _names(decorator)


def _names(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            yield one.id


def _reached(name: str, functions: dict[str, ast.FunctionDef]) -> set[str]:
    """Return every name that a function of a module uses, or a function of it that it uses."""
    reached: set[str] = set()
    todo = [name]
    while todo:
        for one in _names(functions[todo.pop()]):
            if one in functions and one not in reached:
                todo.append(one)
            reached.add(one)
    return reached


@pytest.mark.parametrize("name", WITH_A_CARD)
@pytest.mark.parametrize("over", ["CUTS", "Trouble"])
def test_every_procedure_that_touches_a_card_has_a_table_of_cuts(name: str, over: str) -> None:
    assert name in tables(over), f"write a table over {over} of {name}"


def test_there_are_procedures_that_touch_a_card() -> None:
    assert len(WITH_A_CARD) > 12
    assert "no such procedure" not in tables("CUTS") | tables("Trouble")
    assert tables("nothing") == frozenset()


def test_no_procedure_waits_for_a_witness() -> None:
    """One that is away is in nobody's way: it is asked when the log is published."""
    sources = [*Path(jukihost.workflows.__path__[0]).glob("*.py")]
    assert len(sources) > 20
    assert not any("have_witnessed" in path.read_text("utf-8") for path in sources)


# --- signing and logging in: nothing of the card changes ---


def proving(database: Database, clock: MovableClock, task: Task) -> Cutting:
    """Signing, or logging in, with a My Number card."""
    counter = my_number_counter(database, clock)
    use, secret = (
        (PinUse.SIGNATURE, PASSWORD) if task is Task.SIGN else (PinUse.AUTHENTICATION, PIN)
    )
    with counter.on_desk() as (hand, _):
        unblock_pin(counter.desk(talk=Clerk(secret)), hand, IN_PERSON, use)
    before = counter.ledger()

    def procedure(desk: Desk, hand: CardAtDesk) -> None:
        if task is Task.SIGN:
            sign_document(desk, hand, b"a contract", SignatureForm.RAW)
        else:
            log_on(desk, hand, b"a challenge")

    def check(done: bool) -> None:
        assert counter.ledger() == before

    return Cutting(counter, task, lambda: None, procedure, check, (secret,))


@pytest.mark.parametrize("task", [Task.SIGN, Task.AUTHENTICATE])
@pytest.mark.parametrize("cut", CUTS)
def test_signing_and_logging_in_cut_anywhere_change_nothing(
    database: Database, clock: MovableClock, task: Task, cut: Cut
) -> None:
    """Who puts the card back begins again: a signature is never made twice unasked."""
    cut = replace(cut, puts_back=False)
    assert proving(database, clock, task).at_every_exchange(cut) > 10


@pytest.mark.parametrize("task", [Task.SIGN, Task.AUTHENTICATE])
@pytest.mark.parametrize("trouble", Trouble)
def test_signing_and_logging_in_with_trouble_at_any_transaction(
    database: Database, clock: MovableClock, task: Task, trouble: Trouble
) -> None:
    assert proving(database, clock, task).at_every_transaction(trouble) == 1


# --- recovery is cut itself ---


def recovering(counter: Counter) -> Cutting:
    """Recovering a card whose resuming was cut off between the card and the ledger."""

    def cut_off() -> None:
        _suspended(counter)
        desk = counter.desk()
        desk.office = replace(desk.office, database=Watched(counter.database, 1, _end))
        with counter.on_desk() as (hand, _), pytest.raises(Killed):
            resume_card(desk, hand, IN_PERSON)
        assert counter.undecided() == 1
        assert counter.card_state() is CardState.ACTIVE

    def alike(done: bool) -> None:
        assert counter.ledger().state is LedgerState.ACTIVE
        assert counter.card_state() is CardState.ACTIVE

    return Cutting(counter, Task.RECOVER, cut_off, recover_card, alike, silent=True)


def _end(database: Watched) -> None:
    database.dead = True
    raise Killed


def _suspended(counter: Counter) -> None:
    """Have the card suspended, in the ledger and itself."""
    suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    with counter.on_desk() as (hand, _), pytest.raises(CardError):
        identify(counter.desk(), hand)
    assert counter.card_state() is CardState.SUSPENDED


@pytest.mark.parametrize("cut", CUTS)
def test_recovering_cut_anywhere_is_recovered_by_the_next(counter: Counter, cut: Cut) -> None:
    cut = replace(cut, puts_back=False)
    assert recovering(counter).at_every_exchange(cut) > 5


@pytest.mark.parametrize("trouble", Trouble)
def test_recovering_with_trouble_at_any_transaction(counter: Counter, trouble: Trouble) -> None:
    assert recovering(counter).at_every_transaction(trouble) == 1
