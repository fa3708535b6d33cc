"""Wrong arguments: no word of them is repeated, in whatever place, and what is wrong has words.

Both programs, every parser of theirs and every argument of each, found by enumeration: what was
typed may be a PIN or a resident record code in the wrong place, and a terminal's log keeps it.
"""

from __future__ import annotations

import argparse
import ast
import io
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Final

import pytest

from jukicard.cli import _parser as card_parser
from jukihost.cli import build_parser, main
from jukihost.cli.counter.shell import line_parser
from jukihost.cli.output import UsageError
from jukihost.texts import catalogue, said_of_usage

SECRETS: Final = ("90210047113", "Himitsu9")
ALL: Final = "90210047113 Himitsu9 --himitsu9"
ROOT: Final = Path(__file__).parents[3] / "host/jukihost"
PROGRAMS: Final = {
    "jukihost": lambda: build_parser("counter"),
    "shell": line_parser,
    "jukicard": card_parser,
}


def leaves(
    parser: argparse.ArgumentParser, before: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    """Each parser of a program, with the words that lead to it."""
    yield before, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, one in action.choices.items():
                yield from leaves(one, (*before, name))


def wrong_lines(parser: argparse.ArgumentParser, secret: str) -> Iterator[list[str]]:
    """What a person may type by mistake: the secret at every place that there is."""
    yield [secret]
    yield [secret, secret]
    yield [f"--{secret}"]
    yield [f"--no-such-option={secret}"]
    yield ["--no-such-option", secret]
    for action in parser._actions:
        for option in action.option_strings:
            yield [option, secret]
            yield [f"{option}={secret}"]
            yield [f"{option[:-1]}={secret}"]


def told(parser: argparse.ArgumentParser, words: list[str]) -> str:
    """What is said of the arguments; nothing is run."""
    heard = io.StringIO()
    with redirect_stdout(heard), redirect_stderr(heard):
        try:
            parser.parse_args(words)
        except UsageError as error:
            return str(error) + heard.getvalue()
        except SystemExit:
            pass
    return heard.getvalue()


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_argument_is_repeated_wherever_it_stands(
    program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = PROGRAMS[program]()
    for _, one in leaves(top):
        monkeypatch.setattr(one, "format_usage", lambda: "")  # which costs more than all else
    tried = 0
    for path, one in leaves(top):
        for words in wrong_lines(one, ALL):
            text = told(one, words)
            tried += 1
            assert not any(part in text for part in ALL.split()), (path, words)
    assert tried > 300


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "words",
    [
        ["counter", "resume", "--paper"],
        ["counter", "cards", "--json", "--holder"],
        ["counter", "--json"],
        ["counter"],
        [],
        ["pin", "verify", "--wait"],
        ["code", "read", "--purpose"],
        ["pin"],
    ],
)
@pytest.mark.parametrize("language", ["C", "ja"])
def test_nor_is_it_on_the_command_line(
    words: list[str],
    secret: str,
    language: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LANGUAGE", language)
    catalogue.cache_clear()
    assert main([*words, secret]) == 2
    catalogue.cache_clear()
    said = "".join(capsys.readouterr())
    assert secret not in said
    assert (language == "ja") is any(ord(one) > 0x3000 for one in said)


def test_a_mistyped_option_is_named_all_the_same() -> None:
    assert "there is no option --pin-fil" in told(build_parser(), ["pin", "verify", "--pin-fil=1"])
    assert "there is no option --peper" in told(
        build_parser(), ["counter", "resume", "--peper", "photo"]
    )
    assert "there is no option --sed" in told(card_parser(), ["serve", "juki", "--sed", "1"])


def test_what_there_is_is_said() -> None:
    text = told(build_parser(), ["counter", "resume", "--paper", "4711"])
    assert "argument --paper: there is no such value; there is photo, other, answer" in text


# --- in words ---


_SHARED: Final = ("arguments", "output", "parser", "prompts", "reach")
FILES: Final = [
    *sorted((ROOT / "cli/counter").rglob("*.py")),
    *(ROOT / f"cli/{name}.py" for name in _SHARED),
    ROOT / "workflows/rules.py",
]
"""Where what is wrong with arguments and files of the counter is said."""
RAISES: Final = {"UsageError", "ArgumentTypeError", "ArgumentError", "ValueError"}


def template(node: ast.expr) -> str | None:
    """A text with `{}` for what is filled in; None for what is somebody else's text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values
        )
    return None


def texts() -> set[str]:
    """Every text on wrong usage, where it is raised, or is what is read."""
    found = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            at = {"read_file": 1, "ArgumentError": 1}.get(name, 0)
            if name in RAISES | {"read_file"} and len(node.args) > at:
                found.add(template(node.args[at]))
    return {one for one in found if one is not None and any(map(str.isalpha, one))}


@pytest.mark.parametrize("text", sorted(texts()))
def test_what_is_wrong_is_said_in_japanese(text: str) -> None:
    filled = text.replace("{}", "4711")
    words = said_of_usage(filled, "ja")
    assert words, f'write it into jukihost.po, msgctxt "usage", and run `make texts`: {text}'
    assert words.count("4711") == text.count("{}")
    assert any(ord(one) > 0x3000 for one in words)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["counter", "cards"], "次の引数が必要です: --holder"),
        (["counter", "cards", "--holder"], "引数 --holder: 値を一つ書いてください"),
        (["counter", "find", "--reader", "1", "--tcp", "a:1"], "一緒には使えません"),
        (["counter", "find", "--json=1"], "値を取らないオプション"),
        (["counter", "call-back", "--notice", "1"], "どれか一つが必要です"),
        (["counter"], "次の引数が必要です: PROCEDURE"),
    ],
)
def test_so_is_what_the_parser_itself_says(
    words: list[str],
    part: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LANGUAGE", "ja")
    catalogue.cache_clear()
    with suppress(SystemExit):
        main(words)
    catalogue.cache_clear()
    assert part in capsys.readouterr().err


def test_what_is_filled_in_is_said_in_the_language_too() -> None:
    assert said_of_usage("cannot read the script: it has more than 1 MiB", "ja") == (
        "会話の記録を読めません: 大きさが 1 MiB を超えています"
    )
    assert said_of_usage("cannot read {}: {}", "C") is None
    assert said_of_usage("nothing of the kind", "ja") is None
