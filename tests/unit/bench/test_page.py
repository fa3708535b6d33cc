"""What the page says: both languages the same things, and a rule for every status word."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

import jukicard.cli.bench
from jukicard.apdu import Ins
from jukicard.apdu.status import StatusWord
from jukicard.cli.bench.actions import ACTIONS
from jukicard.cli.bench.hazardforms import hazard_forms
from jukicard.filesystem.files import InternalKind, RecordStructure
from jukicard.filesystem.lifecycle import LifeCycleState
from jukihost.cli import main
from jukihost.ledger import CardAct, LedgerState, PersonAct

PAGE: Final = Path(jukicard.cli.bench.__file__).parent / "page"
DOCS: Final = Path(__file__).parents[3] / "docs"
JAPANESE: Final = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
WORD: Final = re.compile(r'^    (?:"([^"]+)"|(\w+)): "((?:[^"\\]|\\.)*)",$', re.M)

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


def rules() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text("rules.json"))
    return found


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
    made = (
        "field.",
        "state.",
        "note.",
        "help.",
        "reader.",
        "power.",
        "ledgerstate.",
        "act.",
        "kind.",
    )
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


def test_every_kind_of_file_has_a_word() -> None:
    kinds = [kind.value for kind in InternalKind]
    kinds += [one.name.lower().replace("_", " ") for one in RecordStructure]
    assert {f"kind.{kind}" for kind in (*kinds, "transparent", "file")} == {
        key for key in words("en") if key.startswith("kind.")
    }


def test_every_hazard_is_described_in_both_languages() -> None:
    entry = re.compile(r'^  (\w+): \{\n    en: "(.+)",\n    ja: "(.+)",\n  \},$', re.M)
    found = {name: said for name, *said in entry.findall(text("hazardwords.js"))}
    assert found.keys() == {form["name"] for form in hazard_forms()}
    for english, japanese in found.values():
        assert not JAPANESE.search(english)
        assert JAPANESE.search(japanese)


SENTENCE: Final = re.compile(r'^  \[/(\^.+\$)/s?, "(.+)"\],$', re.M)
SAYS: Final = {
    "cli/bench/bench.py": {"NotPossible", "say", "_change"},
    "cli/bench/server.py": {"NotPossible"},
    "cli/bench/watched.py": {"Note"},
    "cli/bench/hazardforms.py": {"ValueError"},
    "testing/hazards.py": {"ValueError"},
    "testing/hazardous.py": {"ValueError"},
}
"""Where the server says sentences of its own to the page, and in what."""
OF_A_FIELD: Final = ("a number from", "a number of seconds", "true or false", "hexadecimal digits")
"""The beginnings of what stands behind the name of a field."""


def server_sentences() -> set[str]:
    """Return each sentence that the server says by itself, with 7 for every value in it."""
    found = set()
    for name, callees in SAYS.items():
        for call in ast.walk(ast.parse((PAGE.parents[2] / name).read_text("utf-8"))):
            if not isinstance(call, ast.Call) or not call.args:
                continue
            kind = getattr(call.args[0], "value", None)
            if getattr(call.func, "id", getattr(call.func, "attr", "")) not in callees or (
                callees == {"Note"} and kind not in {"fault", "unseen"}
            ):
                continue
            said = with_sevens(call.args[-1])
            found.add(f"bit of Mac: {said}" if said.startswith(OF_A_FIELD) else said)
    return found - {"", "7 of 7: 7"}  # what is another's, or a frame around one of these


def with_sevens(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(getattr(part, "value", 7)) for part in map(filled, node.values))
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def filled(part: ast.expr) -> ast.expr:
    return ast.Constant(7) if isinstance(part, ast.FormattedValue) else part


def test_every_sentence_of_the_server_is_known_in_japanese() -> None:
    known = SENTENCE.findall(text("sentences.js"))
    assert len(known) == text("sentences.js").count("  [/") > 40
    said = server_sentences()
    assert {"suspended at another desk", "no answer: 7", "bit of Mac: true or false"} <= said
    assert len(said) > 40
    for sentence in said:
        assert any(re.search(pattern, sentence) for pattern, _ in known), sentence
    for pattern, japanese in known:
        assert JAPANESE.search(japanese), pattern
        gaps = {int(gap) for gap in re.findall(r"\{(\d)\}", japanese)}
        assert gaps <= set(range(re.compile(pattern).groups)), pattern


def test_every_state_and_act_of_the_ledger_has_a_word() -> None:
    states = {f"ledgerstate.{state.value}" for state in LedgerState}
    acts = {f"act.{act.value}" for act in (*PersonAct, *CardAct)} | {"act.enter"}
    known = words("en").keys()
    assert states == {key for key in known if key.startswith("ledgerstate.")}
    assert acts == {key for key in known if key.startswith("act.")}


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
    rule = rules()[status]
    assert rule.keys() == {"en", "ja", "manual"}
    (title, todo), (japanese, japanese_todo), manual = rule["en"], rule["ja"], rule["manual"]
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


SHORT: Final = re.compile(r"\b(?:[A-Z][A-Z0-9]{1,2}|L[ce])\b")
"""What looks like a short word of the field, or like two digits of a byte."""
COMMANDS: Final = {word for ins in Ins for word in ins.name.split("_")}
CLEAR: Final = {"PIN", "PC", "SC"} | COMMANDS
"""Those that everybody knows who looks at this page, and the names of commands."""


def explained() -> list[tuple[re.Pattern[str], str, str]]:
    """Return each entry of the page's glossary: where it is shown, and both its meanings."""
    entry = re.compile(
        r'pattern: /(.+)/,\n    en: \["[^"]+", "([^"]+)"\],\n    ja: \["[^"]+", "([^"]+)"\],\n'
    )
    found = entry.findall(text("glossary.js"))
    assert len(found) == text("glossary.js").count("pattern:") > 10
    return [(re.compile(pattern, re.A), english, japanese) for pattern, english, japanese in found]


def test_every_short_word_of_rules_and_exchanges_is_explained_in_both_languages() -> None:
    said = text("rules.json") + text("rules.js").split("const TERMS")[1]
    short = {
        word for word in SHORT.findall(said) if not re.fullmatch(r"[0-9A-F]*\d[0-9A-F]*", word)
    }
    assert {"Lc", "Le", "MAC", "P2", "AID"} <= short
    for word in (short - CLEAR) | {"ATR", "DF", "EF", "SFI", "channel", "class byte", "reference"}:
        assert any(pattern.search(word) for pattern, _, _ in explained()), word
    for pattern, english, japanese in explained():
        assert not JAPANESE.search(english), pattern
        assert JAPANESE.search(japanese), pattern


def test_the_page_tells_of_secrets_in_the_order_in_which_the_program_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = {"holder: PIN: ": "1234", "passphrase of the key store: ": "correct horse battery"}
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return typed[prompt]

    make, read = re.findall(r'^  "jukihost (.+)",$', text("rules.js"), re.M)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUKIHOST_PASSPHRASE", typed["passphrase of the key store: "])
    assert main(make.split()) == 0
    monkeypatch.delenv("JUKIHOST_PASSPHRASE")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", ask)
    assert main(read.replace("HOST:PORT", "127.0.0.1:1").split()) != 0  # nobody is there
    assert asked == list(typed)
    for first, then in (
        ("asks for the PIN", "then for that passphrase"),
        ("まず暗証番号", "そのパスフレーズを入力"),
    ):
        assert -1 < text("rules.js").find(first) < text("rules.js").find(then)
