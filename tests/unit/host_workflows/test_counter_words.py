"""`jukihost counter` in Japanese: each command, option and item of a result has its words.

Found by enumeration: a new command, or a new field of what a procedure returns, is asked here.
"""

from __future__ import annotations

import argparse
import inspect
import types
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final, get_args, get_type_hints

import pytest

import jukihost.workflows
from jukihost.cli import build_parser
from jukihost.cli.counter import conversing, told
from jukihost.cli.counter.commands import ACTIONS, SHELL_ACTIONS
from jukihost.cli.counter.helping import COMMON
from jukihost.ledger import Standing
from jukihost.texts import catalogue, said
from jukihost.workflows import RULES, Paper, PinUse, PresentedBy, Question, Step, Verdict

PROCEDURES: Final = [
    function
    for name in jukihost.workflows.__all__
    if inspect.isfunction(function := getattr(jukihost.workflows, name))
    and "desk" in inspect.signature(function).parameters
]
SAME: Final = {"none", "PDF"}


def parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each command of the counter."""
    [top] = [one for one in build_parser()._actions if isinstance(one, argparse._SubParsersAction)]
    [group] = [
        one
        for one in top.choices["counter"]._actions
        if isinstance(one, argparse._SubParsersAction)
    ]
    return dict(group.choices)


def helps() -> set[str]:
    """What the help of any command says of it, and of its options."""
    found = {action.text for action in (*ACTIONS, *SHELL_ACTIONS)}
    for parser in parsers().values():
        found |= {str(option.help) for option in parser._actions if option.help}
        found.add(str(parser.description))
    return found | {COMMON}


def within(kind: Any) -> Iterator[Any]:
    """The types in a type: those in a union, and in what has items."""
    yield kind
    for one in get_args(kind):
        yield from within(one)


def words_of(kind: Any, seen: set[Any]) -> Iterator[str]:
    """The names of a result's items, and its fixed words."""
    for one in within(kind):
        if not inspect.isclass(one) or one in seen or isinstance(one, types.GenericAlias):
            continue
        seen.add(one)
        if issubclass(one, Enum):
            values = [each.value for each in one]
            yield from (
                each.value if isinstance(each.value, str) else each.name.lower() for each in one
            )
            assert values
        elif is_dataclass(one):
            hints = get_type_hints(one)
            for item in fields(one):
                if not item.repr:
                    continue
                if one is not Standing:
                    yield item.name
                yield from words_of(hints[item.name], seen)


def words() -> set[str]:
    """The names of all items that a procedure returns, and all fixed words."""
    seen: set[Any] = set()
    found = {"returns to", "none", "true", "false", "municipality"}
    for kind in (PresentedBy, Paper, Verdict):  # of `counter rules`
        found |= {one.value for one in kind}
    found |= {task.value for task, _ in RULES}
    for procedure in PROCEDURES:
        found |= set(words_of(get_type_hints(procedure)["return"], seen))
    return found


@pytest.mark.parametrize("text", sorted(helps()))
def test_every_help_is_in_japanese(text: str) -> None:
    assert said(text, "ja") != text, "write it into jukihost.po, and run `make texts`"


@pytest.mark.parametrize("word", sorted(words()))
def test_every_item_of_a_result_is_in_japanese(word: str) -> None:
    assert catalogue("ja").pgettext("word", word) != word, f"msgctxt word, msgid {word}"


def test_a_translated_help_keeps_what_is_filled_in() -> None:
    for text in helps():
        for mark in ("%(default)s", "%(default)g"):
            assert text.count(mark) == said(text, "ja").count(mark), text


def test_everything_that_is_asked_and_told_has_words() -> None:
    assert conversing._NAMES.keys() == {one for one in PinUse if not one.value.startswith("new_")}
    assert conversing._QUESTIONS.keys() == set(Question)
    assert told._STEPS.keys() == set(Step)
    for table in (conversing._NAMES, conversing._QUESTIONS, conversing._PRIVATE, conversing._TEXTS):
        for text in table.values():
            assert said(text, "ja") != text, text
