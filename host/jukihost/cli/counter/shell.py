"""`jukihost counter shell`: one log-in, then a command a line; how a line is read."""

from __future__ import annotations

import argparse
import io
import shlex
import sys
from collections.abc import Callable, Iterator
from typing import Final, NoReturn

from jukihost.cli.counter.commands import ACTIONS, SHELL_ACTIONS
from jukihost.cli.counter.commands.arguments import add_second
from jukihost.cli.counter.helping import in_language
from jukihost.cli.output import OK, UsageError
from jukihost.cli.parser import Parser

_PROMPT: Final = "counter> "
Do = Callable[[argparse.Namespace], int]
"""Does a command, or refuses it; returns its exit code."""


def run_lines(arguments: argparse.Namespace, do: Do, refuse: Callable[[UsageError], int]) -> int:
    """Do what each line of standard input says; return the worst exit code.

    A line that says nothing that can be done is refused like a command, and the next one is read.
    """
    parser = line_parser()
    worst = OK
    for line in _lines():
        try:
            words = shlex.split(line, comments=True)
            _check_files(words)
            said = parser.parse_args(words, argparse.Namespace(**vars(arguments)))
        except ValueError:
            worst = max(worst, refuse(UsageError("a quotation mark of this line has no partner")))
        except UsageError as error:
            worst = max(worst, refuse(error))
        else:
            worst = max(worst, do(said))
    return worst


def _check_files(words: list[str]) -> None:
    """Refuse `-` for a file: standard input has the lines, and standard output the results."""
    if any(word == "-" or word.endswith("=-") for word in words):
        raise UsageError("a line of the shell names its files; - is the shell's own")


def line_parser() -> Parser:
    """Return what reads a line: a command, with its options that are not about the office."""
    parser = LineParser(prog="", add_help=False)
    actions = parser.add_subparsers(required=True, metavar="PROCEDURE")
    for action in (*ACTIONS, *SHELL_ACTIONS):
        one = actions.add_parser(action.name, add_help=False)
        action.add(one)
        add_second(one)
        in_language(one)
        one.set_defaults(action=action)
    return parser


class LineParser(Parser):
    """Says what is wrong with a line, and lets the next one be read."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError in the place of ending."""
        raise UsageError(self.worded(message))


def _lines() -> Iterator[str]:
    """Give the lines of standard input that say something; a person is prompted.

    What is no text in the terminal's encoding is refused where a name or an address is read.
    """
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
    while True:
        if sys.stdin.isatty():
            print(_PROMPT, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip() and not line.lstrip().startswith("#"):
            yield line
