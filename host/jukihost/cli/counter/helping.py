"""What the help of the counter's commands says, in the language of who reads it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from jukihost.texts import said

if TYPE_CHECKING:
    from jukihost.cli.counter.commands import Action

COMMON: Final = """\
The office's file (--office, or the environment variable JUKIHOST_OFFICE) says what the terminals of
an office stand on; `jukihost counter office` prints one to begin with.

With --json every line is one JSON object: lines of the type `progress`, then exactly one of the
type `result`, errors too; `retry` says what may help: same_card, other_card, counter, never.

exit codes:
  0  done
  1  refused, and in the log; the text says what to do
  2  wrong usage, or a file, key store or library that cannot be used; nothing was done
  3  no reader, no card, the connection failed, or the card was gone in the middle
  4  the output could not be written; what was asked for may have been done
"""
_EXAMPLES: Final = """\
  jukihost counter office > office.toml
  jukihost counter rules --office office.toml
  jukihost counter resume --paper photo --office office.toml --operator-reader 1 --reader 0
  jukihost counter recover --office office.toml --tcp 127.0.0.1:35999 --json
  jukihost counter shell --office office.toml
  jukihost counter resume --paper photo --script said.jsonl --json
"""


def epilog() -> str:
    """Return the end of the group's help."""
    return f"{said('examples:')}\n{_EXAMPLES}\n{said(COMMON)}"


def epilog_of(action: Action) -> str:
    """Return the end of a command's help: its own examples, and what holds for all."""
    used = "".join(f"  jukihost counter {one} --office office.toml\n" for one in action.examples)
    return f"{said('examples:')}\n{used}\n{said(COMMON)}" if used else said(COMMON)


def epilog_of_shell() -> str:
    """Return the end of the shell's help: what a line may say that no other command does."""
    from jukihost.cli.counter.commands import SHELL_ACTIONS

    further = "".join(f"  {one.name:<8}  {said(one.text)}\n" for one in SHELL_ACTIONS)
    return f"{said('further commands, in a line of the shell only:')}\n{further}\n{epilog()}"


def in_language(parser: argparse.ArgumentParser) -> None:
    """Let a command's help be in the language of who reads it, where there are words for it."""
    parser.description = said(parser.description or "")
    for option in parser._actions:
        if option.help:
            option.help = said(option.help)
