"""The commands that pages show: found in blocks and between backticks, and held against parsers."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from typing import Final

from jukicard import cli as card_side
from jukihost import cli as host_side

_BLOCK: Final = re.compile(r"^```(?:sh|text)\n(.*?)^```$", re.M | re.S)
_SHOWN: Final = re.compile(r"`((?:jukicard|jukihost) [a-z][^`]*)`")
_TYPED: Final = re.compile(r"(?:^|[|;(] *|&& *|\$ )(?:\.venv/bin/)?((?:jukicard|jukihost) [a-z].*)")
_ENDS: Final = re.compile(r"(?: [|&<>;]| 2>|  +#|  +\S|\)$).*")
"""What stands behind a command: another one, where its words go, and what is said of it."""


def commands(page: str) -> Iterator[str]:
    """Yield the commands of the two programs that a page's text shows."""
    for block in _BLOCK.findall(page):
        for line in block.replace("\\\n", " ").splitlines():
            if found := _TYPED.search(line.strip()):
                yield _ENDS.sub("", re.sub(r" {2,}(?=-)", " ", found[1]))
    yield from _SHOWN.findall(re.sub(r"^```.*?^```$", "", page, flags=re.M | re.S))


def wrong_with(command: str) -> str:
    """Say what a command names that its program does not have; nothing where all is there."""
    program, *words = shlex.split(command)
    parser = parser_of(program, words)
    options: set[str] = {"--help", "-h"}
    for word in words:
        options |= set(parser._option_string_actions)
        choices = _choices(parser)
        if choices is None or not re.fullmatch(r"[a-z][a-z-]*", word):
            continue
        if word not in choices:
            return f"no {word!r} after what stands before it"
        parser = choices[word]
    options |= set(_all_options(parser))
    unknown = [word for word in words if re.match(r"--\w", word)]
    unknown = [word for word in unknown if word.partition("=")[0] not in options]
    return f"no {unknown[0]}" if unknown else ""


def parser_of(program: str, words: list[str]) -> argparse.ArgumentParser:
    """Return what reads the words behind a program's name."""
    if program == "jukicard":
        return card_side._parser()
    return host_side.build_parser(*words[:1])


def _all_options(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield the options of a parser, and of the actions below it where none was named."""
    yield from parser._option_string_actions
    for below in (_choices(parser) or {}).values():
        yield from _all_options(below)


def _choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser] | None:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return None
