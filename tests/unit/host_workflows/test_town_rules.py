"""A town's own rules in its office's file: read, refused in words, printed, and kept to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jukihost.cli.counter.settings import read_settings
from jukihost.cli.output import UsageError
from jukihost.workflows import (
    NOBODY_COMES,
    RULES,
    Office,
    Paper,
    PresentedBy,
    Rule,
    Task,
    Verdict,
)
from tests.support.host.counters import Counter
from tests.support.host.shops import Shop, opened_shop, told, town_files

OFFICE = '[office]\nmunicipality = "13101"\ndatabase = "a"\nkeys = "b"\npseudonyms = "c"\n'
IMPOSSIBLE = Rule(Verdict.IMPOSSIBLE, (), "our ordinance")


def written(path: Path, rules: str) -> str:
    path.write_text(OFFICE + rules, "utf-8")
    return str(path)


def as_file(line: tuple[Task, PresentedBy], rule: Rule) -> str:
    """A rule as the file has it."""
    said: dict[str, Any] = {"verdict": rule.verdict.value, "source": rule.source}
    if rule.papers:
        said["papers"] = [sorted(one) for one in rule.papers]
    items = ", ".join(f"{name} = {json.dumps(value)}" for name, value in said.items())
    return f"[rules.{line[0].value}]\n{line[1].value} = {{{items}}}\n"


def test_every_line_of_the_table_can_be_written_into_the_file(tmp_path: Path) -> None:
    for line, rule in RULES.items():
        own = Rule(rule.verdict, rule.papers, "our ordinance")
        path = written(tmp_path / "office.toml", as_file(line, own))
        assert read_settings(path).rules == {line: own}


@pytest.mark.parametrize("line", RULES, ids="/".join)
def test_a_town_forbids_what_it_likes_and_allows_nothing_that_is_forbidden_everywhere(
    line: tuple[Task, PresentedBy], tmp_path: Path
) -> None:
    path = tmp_path / "office.toml"
    assert read_settings(written(path, as_file(line, IMPOSSIBLE))).rules == {line: IMPOSSIBLE}
    for verdict in (Verdict.ALLOWED, Verdict.DECIDED):
        loose = as_file(line, Rule(verdict, (frozenset(Paper),), "our ordinance"))
        if RULES[line].national:
            with pytest.raises(UsageError, match=f"rules.{line[0].value}.*every town"):
                read_settings(written(path, loose))
        else:
            assert read_settings(written(path, loose)).rules[line].verdict is verdict


def test_what_is_forbidden_everywhere_is_impossible_and_has_a_national_source() -> None:
    national = [rule for rule in RULES.values() if rule.national]
    assert len(national) == 5
    for rule in national:
        assert rule.verdict is Verdict.IMPOSSIBLE
        assert "act, " in rule.source or "ministry" in rule.source


RULE = 'verdict = "allowed", papers = [["photo"]], source = "s"'


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("[rules.unblock]\n", ("rules", "'unblock'", "unblock_pin")),
        ("[rules.find_resident]\n", ("rules", "'find_resident'")),
        ("[rules.unblock_pin]\n", ("[rules.unblock_pin]", "household")),
        ("[rules]\nunblock_pin = 1\n", ("[rules.unblock_pin]", "household")),
        (f"[rules.unblock_pin]\nneighbour = {{{RULE}}}\n", ("rules.unblock_pin", "'neighbour'")),
        ("[rules.unblock_pin]\nproxy = 1\n", ("rules.unblock_pin.proxy", "verdict and source")),
        (
            '[rules.unblock_pin]\nproxy = {verdict = "impossible"}\n',
            ("rules.unblock_pin.proxy", "verdict and source"),
        ),
        (
            f"[rules.unblock_pin]\nproxy = {{{RULE}, why = 1}}\n",
            ("rules.unblock_pin.proxy", "nothing else"),
        ),
        (
            '[rules.unblock_pin]\nproxy = {verdict = true, source = "s"}\n',
            ("rules.unblock_pin.proxy.verdict", "str"),
        ),
        (
            '[rules.unblock_pin]\nproxy = {verdict = "maybe", source = "s"}\n',
            ("rules.unblock_pin.proxy.verdict", "'maybe'", "a supervisor decides"),
        ),
        (
            '[rules.unblock_pin]\nproxy = {verdict = "impossible", source = 1}\n',
            ("rules.unblock_pin.proxy.source", "str"),
        ),
        (
            '[rules.unblock_pin]\nproxy = {verdict = "impossible", source = " "}\n',
            ("rules.unblock_pin.proxy", "source is missing"),
        ),
        (
            '[rules.unblock_pin]\nproxy = {verdict = "allowed", papers = "photo", source = "s"}\n',
            ("rules.unblock_pin.proxy.papers", "list"),
        ),
        (
            '[rules.unblock_pin]\nproxy = {verdict="allowed", papers=["photo"], source="s"}\n',
            ("rules.unblock_pin.proxy.papers", "list of sets"),
        ),
        (
            '[rules.unblock_pin]\nproxy = {verdict="allowed", papers=[["purse"]], source="s"}\n',
            ("rules.unblock_pin.proxy.papers", "'purse'", "letter_of_attorney"),
        ),
        (
            '[rules.unblock_pin]\nproxy = {verdict="allowed", papers=[[1]], source="s"}\n',
            ("rules.unblock_pin.proxy.papers", "there is no 1"),
        ),
        (
            '[rules.unblock_pin]\nproxy = {verdict = "allowed", source = "s"}\n',
            ("rules.unblock_pin.proxy", "which papers suffice"),
        ),
        (
            '[rules.unblock_pin]\nproxy = {verdict="impossible", papers=[["photo"]], source="s"}\n',
            ("rules.unblock_pin.proxy", "leave them out"),
        ),
        (
            "[rules.unblock_pin]\n"
            'proxy = {verdict="allowed", papers=[["photo"],["photo","card"]], source="s"}\n',
            ("rules.unblock_pin.proxy", "part of another"),
        ),
    ],
)
def test_a_wrong_rule_is_refused_by_file_and_key(
    rules: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as refused:
        read_settings(written(tmp_path / "office.toml", rules))
    for word in ("the office's file", *words):
        assert word in str(refused.value)


def test_rules_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "office.toml"
    path.write_text("rules = 1\n" + OFFICE)
    with pytest.raises(UsageError, match="are tables"):
        read_settings(str(path))


def test_an_office_has_no_rule_either_that_no_town_may_have(counter: Counter) -> None:
    made = vars(counter.office)
    for line, why in (
        ((Task.DISCLOSE, PresentedBy.HOUSEHOLD), "disclose/household: .*every town"),
        ((next(iter(NOBODY_COMES)), PresentedBy.HOLDER), "nobody comes"),
    ):
        rule = Rule(Verdict.ALLOWED, (frozenset({Paper.PHOTO}),), "our ordinance")
        with pytest.raises(ValueError, match=why):
            Office(**{**made, "rules": {line: rule}})


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with town_files(tmp_path) as folder, opened_shop(folder / "shop") as shop:
        yield shop


def test_the_rules_of_the_file_hold_at_the_counter_and_are_printed(shop: Shop) -> None:
    line = Task.REPORT_LOST, PresentedBy.HOUSEHOLD
    lost = ("report-lost", "--holder", str(shop.counter.holder), "--by", "household")
    shop.towns += as_file(line, IMPOSSIBLE).splitlines()
    shop.write()
    refused = shop.run(*lost, "--paper", "photo")
    assert refused.error == "impossible"
    assert "our ordinance" in refused.result["error"]["meaning"]
    printed = told("counter", "rules", "--json", "--office", str(shop.office)).done["rules"]
    assert {(one["procedure"], one["by"]) for one in printed} == {
        (task.value, by.value) for task, by in RULES
    }
    assert len(printed) == len(RULES)
    assert [(one["procedure"], one["by"], one["verdict"]) for one in printed if one["town"]] == [
        ("report_lost", "household", "impossible")
    ]


def test_a_letter_is_sent_where_the_rules_take_its_answer(shop: Shop) -> None:
    ask = ("inquire", "--holder", str(shop.counter.holder), "--for", "resume")
    refused = shop.run(*ask)
    assert refused.error == "impossible"
    assert "no answer to a letter" in refused.result["error"]["meaning"]
    answered = Rule(Verdict.ALLOWED, (frozenset({Paper.ANSWER, Paper.OTHER}),), "our ordinance")
    shop.towns += as_file((Task.RESUME, PresentedBy.HOLDER), answered).splitlines()
    shop.write()
    assert shop.run(*ask).done["purpose"] == "resume"


def test_rules_are_printed_without_opening_anything(tmp_path: Path) -> None:
    answer = told("counter", "rules", "--office", written(tmp_path / "office.toml", ""))
    assert answer.code == 0
    assert sorted(one.name for one in tmp_path.iterdir()) == ["office.toml"]
