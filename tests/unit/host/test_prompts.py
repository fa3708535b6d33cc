"""Whoever asks for a secret says whose it is, in the language of who reads it: at every place."""

from __future__ import annotations

import ast
import getpass
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from jukihost.cli import prompts
from jukihost.cli.counter.conversing import Typed
from jukihost.texts import catalogue, said, said_of_word
from jukihost.workflows import PinUse, PinWanted
from tests.support.host.cli import Typed as Keyboard

CLI: Final = sorted((Path(__file__).parents[3] / "host/jukihost/cli").rglob("*.py"))
ASKS: Final = {
    "hidden", "_hidden", "_ask", "pins", "secrets", "entry", "new_pin", "asked", "_passwords",
    "_new_password", "ask", "getpass",
}  # fmt: skip
"""What asks for a secret, by its name; the first of them is the only one that reads it."""
SAYS: Final = {"said", "said_of_word"}
WHOSE: Final = ("holder", "operator", "of the key", "of the new key", "of the token", "office")


def calls(tree: ast.AST, names: set[str]) -> Iterator[ast.Call]:
    """The calls of functions or methods with one of these names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in names:
                yield node


def bare(node: ast.AST) -> Iterator[str]:
    """The words in an expression that stand outside of what translates them."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in SAYS:
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from bare(child)


def test_a_secret_is_read_at_one_place_alone() -> None:
    places = [
        path.name for path in CLI for call in calls(ast.parse(path.read_text("utf-8")), {"getpass"})
    ]
    assert places == ["prompts.py"]


def test_no_prompt_for_a_secret_is_in_english_alone() -> None:
    asked = [
        (path.name, call.lineno, word)
        for path in CLI
        for call in calls(ast.parse(path.read_text("utf-8")), ASKS)
        for argument in call.args
        for word in bare(argument)
        if any(one.isalpha() for one in word) and not word.startswith(("use --", "04X"))
    ]
    assert asked == []


def test_every_prompt_for_a_secret_says_whose_it_is() -> None:
    texts = {
        call.args[0].value
        for path in CLI
        for node in calls(ast.parse(path.read_text("utf-8")), ASKS)
        for argument in node.args
        for call in calls(argument, {"said"})
        if isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    } - {"again", "new", "tries left"}
    assert len(texts) > 12
    assert [one for one in texts if not any(whose in one for whose in WHOSE)] == []
    assert [one for one in texts if said(one, "ja") == one] == []


def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have 4711 typed whatever is asked; what was."""
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "4711"

    monkeypatch.setattr(getpass, "getpass", ask)
    monkeypatch.setattr("sys.stdin", Keyboard("", terminal=True))
    return asked


@pytest.fixture(params=["C", "ja"])
def language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("LANGUAGE", request.param)
    catalogue.cache_clear()
    yield request.param
    catalogue.cache_clear()


@pytest.mark.parametrize("use", PinUse)
@pytest.mark.parametrize("second", [False, True])
def test_the_counter_says_whose_secret_it_asks_for(
    use: PinUse, second: bool, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = typed(monkeypatch)
    of_operator = use in (PinUse.OPERATOR, PinUse.NEW_OPERATOR)
    tries = None if use.value.startswith("new_") else 3
    wanted = PinWanted(use, tries, "OP048392" if of_operator else None, second and of_operator)
    assert Typed(lambda step: None).secret(wanted) == "4711"
    whose = said_of_word("holder")
    if of_operator:
        whose = (said("second operator") if second else said_of_word("operator")) + " OP048392"
    assert len(asked) == (2 if tries is None else 1)
    assert all(one.startswith(f"{whose}: ") for one in asked)
    assert (language == "ja") is any(ord(one) > 0x3000 for one in asked[0])


def test_a_name_that_a_card_says_does_nothing_to_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = typed(monkeypatch)
    prompts.hidden("operator \x1b[2J: ", "use --script")
    assert asked == ["operator \\u001b[2J: "]
