"""`jukihost completion`: commands, options, readers and files at the tab key, by argcomplete."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, cast

from jukihost.cli.arguments import Commands, add_command
from jukihost.cli.output import OK, UsageError

SHELLS: Final = ("bash", "zsh", "fish")
_ASKED: Final = "_ARGCOMPLETE"
"""Set by a shell in whose line the tab key was pressed."""
_PATIENCE: Final = 2.0
"""Seconds that the list of readers is waited for."""
EPILOG: Final = """\
examples:
  source <(jukihost completion bash)            in this shell; from ~/.bashrc, in every one
  source <(jukihost completion zsh)             after compinit
  jukihost completion fish | source

The shell then asks this program for what may come next, which needs the extra completion:
pip install 'jukicard[completion]'
"""


def add(commands: Commands) -> None:
    """Add the command of this module."""
    parser = add_command(
        commands, "completion", "print what a shell needs for its tab key", _completion
    )
    parser.epilog = EPILOG
    parser.add_argument("shell", choices=SHELLS, help="which shell")


def _completion(arguments: argparse.Namespace) -> int:
    try:
        from argcomplete.shell_integration import shellcode
    except ImportError:
        raise UsageError(
            "the extra completion is not installed: pip install 'jukicard[completion]'"
        ) from None
    print(shellcode(["jukihost"], use_defaults=False, shell=arguments.shell))
    return OK


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks what may come next, and end; return where none has asked."""
    if _ASKED not in os.environ:
        return
    with suppress(ImportError):
        from argcomplete import autocomplete

        autocomplete(parser, default_completer=cast(Any, _values))


def _values(*, prefix: str, action: argparse.Action, **_: object) -> Iterable[str]:
    """Return what an argument may be: names of files and of readers, and nothing for the rest."""
    if isinstance(action.metavar, str) and action.metavar.endswith("FILE"):
        from argcomplete.completers import FilesCompleter

        found: Iterable[str] = FilesCompleter()(prefix)
        return found
    if any(name.endswith("reader") for name in action.option_strings):
        return _readers()
    return ()


def _readers() -> list[str]:
    from jukihost.errors import CardError
    from jukihost.transport.pcsc.connection import list_readers

    try:
        return [one.name for one in list_readers(timeout=_PATIENCE)]
    except CardError:
        return []
