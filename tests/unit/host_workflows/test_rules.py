"""Who may come for what: every procedure has a line for everybody, and the manual has them all."""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from jukihost.workflows import (
    NOBODY_COMES,
    RULES,
    Impossible,
    Paper,
    Presented,
    PresentedBy,
    Rule,
    Task,
    Verdict,
    report_lost,
)
from tests.support.host.counters import Counter

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "docs"))

import tablepages  # noqa: E402 - it stands beside the manual's configuration

MANUAL = ROOT / "docs" / "rules.md"


def test_every_procedure_says_of_everybody_whether_they_may_come() -> None:
    asked = set(product(set(Task) - NOBODY_COMES, PresentedBy))
    assert asked == RULES.keys()


@pytest.mark.parametrize(
    ("line", "rule"), RULES.items(), ids=lambda one: getattr(one, "source", "")
)
def test_a_line_has_a_source_and_papers_where_somebody_may_come(
    line: tuple[Task, PresentedBy], rule: Rule
) -> None:
    assert rule.source
    assert bool(rule.papers) == (rule.verdict is not Verdict.IMPOSSIBLE)
    for one, other in product(rule.papers, rule.papers):
        assert not one < other, "what needs less makes the other set idle"


def test_nobody_acts_for_another_without_showing_that_they_may() -> None:
    shows = {Paper.LETTER_OF_ATTORNEY, Paper.PROOF_OF_OFFICE, Paper.CARD}
    beyond = {Task.SUSPEND, Task.MOVE_OUT, Task.WIDE_AREA}  # protects, or is for the household
    for (task, by), rule in RULES.items():
        if by in (PresentedBy.PROXY, PresentedBy.LEGAL_REPRESENTATIVE) and task not in beyond:
            assert all(papers & shows for papers in rule.papers), task


def test_a_town_overrides_single_lines(counter: Counter) -> None:
    line = Task.REPORT_LOST, PresentedBy.HOUSEHOLD
    office = counter.office
    counter.office = replace(office, rules={line: Rule(Verdict.IMPOSSIBLE, (), "our ordinance")})
    household = Presented(PresentedBy.HOUSEHOLD, frozenset(Paper))
    with pytest.raises(Impossible, match="our ordinance"):
        report_lost(counter.desk(), counter.holder, household)
    counter.office = office
    report_lost(counter.desk(), counter.holder, household)


def test_the_manual_prints_the_rules_as_they_are() -> None:
    _, _, printed = MANUAL.read_text("utf-8").partition("keeps them so.\n\n")
    assert printed == tablepages.rules(), (
        f"the rules have changed: put this behind the head of docs/rules.md\n\n{tablepages.rules()}"
    )
