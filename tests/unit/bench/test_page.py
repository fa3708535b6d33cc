"""What the page says: both languages the same things, and a rule for every status word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

import jukicard.cli.bench
from jukicard.apdu.status import StatusWord
from jukicard.cli.bench.actions import ACTIONS
from jukicard.cli.bench.hazardforms import hazard_forms
from jukicard.filesystem.lifecycle import LifeCycleState

PAGE: Final = Path(jukicard.cli.bench.__file__).parent / "page"
DOCS: Final = Path(__file__).parents[3] / "docs"
JAPANESE: Final = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
WORD: Final = re.compile(r'^    (?:"([^"]+)"|(\w+)): "((?:[^"\\]|\\.)*)",$', re.M)
RULE: Final = re.compile(
    r'^  "?(\w{4})"?: \{\n    en: \["(.+?)", "(.+)"\],\n    ja: \["(.+?)", "(.+)"\],\n'
    r'    manual: "(\S+)",\n  \},$',
    re.M,
)

BANNED: Final = (
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "eval(",
    "DOMParser",
    "srcdoc",
    "new Function",
    'setTimeout("',
    "javascript:",
)
"""What makes markup or code of a text."""


def text(name: str) -> str:
    return (PAGE / name).read_text("utf-8")


def words(language: str) -> dict[str, str]:
    part = text("words.js").split(f"  {language}: {{\n")[1].split("\n  },")[0] + "\n"
    return {quoted or bare: said for quoted, bare, said in WORD.findall(part)}


def scripts() -> str:
    return "".join(path.read_text("utf-8") for path in sorted(PAGE.glob("*.js")))


def rules() -> dict[str, tuple[str, ...]]:
    return {found[0]: found[1:] for found in RULE.findall(text("rules.js"))}


def test_both_languages_have_the_same_words_with_the_same_gaps() -> None:
    english, japanese = words("en"), words("ja")
    assert len(english) > 100
    assert english.keys() == japanese.keys()
    for key, said in english.items():
        gaps = [sorted(re.findall(r"\{\d\}", one)) for one in (said, japanese[key])]
        assert gaps[0] == gaps[1], key
        assert JAPANESE.search(japanese[key]) or key == "rule.title", key
        assert not JAPANESE.search(said), key


def test_every_word_that_is_asked_for_is_there_and_none_is_left_over() -> None:
    known = words("en").keys()
    asked = set(re.findall(r'data-t="([^"]+)"', text("index.html")))
    asked |= set(re.findall(r'\bt\("([^"]+)"', scripts()))
    assert asked
    assert not asked - known
    quoted = set(re.findall(r'"([\w. ]+)"', scripts().replace(text("words.js"), ""))) | asked
    made = ("field.", "state.", "note.", "help.", "reader.", "power.")
    assert not {key for key in known - quoted if not key.startswith(made)}


def test_every_value_of_the_cards_has_a_word() -> None:
    known = words("en").keys()
    assert not {f"state.{state.name.lower()}" for state in LifeCycleState} - known
    fields = {f"field.{field['name']}" for form in hazard_forms() for field in form["fields"]}
    assert not fields - known
    source = (PAGE.parent / "watched.py").read_text("utf-8")
    kinds = set(re.findall(r'Note\("([a-z ]+)"', source)) | {"bench"}
    assert {"refusal", "hazard"} <= kinds
    assert not {f"note.{kind}" for kind in kinds} - known


def test_there_is_a_button_for_every_action() -> None:
    asked = set(re.findall(r'\bdo: "([^"]+)"', scripts()))
    assert asked == set(ACTIONS)


def named_statuses() -> set[str]:
    fixed = {
        value.hex
        for value in vars(StatusWord).values()
        if isinstance(value, StatusWord) and value != StatusWord.OK
    }
    return fixed | {"61XX", "63CX", "6CXX"}


def test_there_is_a_rule_for_every_status_word_and_no_other() -> None:
    assert len(named_statuses()) > 30
    assert rules().keys() == named_statuses()


@pytest.mark.parametrize("status", sorted(named_statuses()))
def test_a_rule_says_what_to_do_in_both_languages_and_where_the_manual_has_it(status: str) -> None:
    title, todo, japanese, japanese_todo, manual = rules()[status]
    assert len(todo) > 20
    assert not JAPANESE.search(title + todo)
    assert JAPANESE.search(japanese)
    assert JAPANESE.search(japanese_todo)
    assert (DOCS / manual).is_file()


def test_nothing_is_put_into_the_page_but_as_text() -> None:
    for banned in BANNED:
        assert banned not in scripts(), banned
    markup = text("index.html")
    assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?! type=\"module\" src=)", markup)
    assert not re.search(r"https?:|//", markup.replace("<!DOCTYPE html>", ""))
    assert not re.search(r"@import|url\(", text("bench.css"))
    assert not re.search(r"https?://", scripts())
