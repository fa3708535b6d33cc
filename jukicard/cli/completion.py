"""`jukicard completion`: commands, options, profiles and files at the tab key, by argcomplete."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, cast

from jukicard.cli.problems import UsageProblem

SHELLS: Final = ("bash", "zsh", "fish")
_ASKED: Final = "_ARGCOMPLETE"
"""Set by a shell in whose line the tab key was pressed."""
EXAMPLES: Final = """\
  source <(jukicard completion bash)            in this shell; from ~/.bashrc, in every one
  source <(jukicard completion zsh)             after compinit
  jukicard completion fish | source
the shell then asks this program for what may come next, which needs the extra completion:
pip install 'jukicard[completion]'"""


def add_completion_arguments(parser: argparse.ArgumentParser) -> None:
    """Add which shell."""
    parser.add_argument("shell", choices=SHELLS, help="which shell")


def completion(arguments: argparse.Namespace) -> int:
    """Print what the shell needs; return the exit code."""
    try:
        from argcomplete.shell_integration import shellcode
    except ImportError:
        raise UsageProblem(
            "the extra completion is not installed: pip install 'jukicard[completion]'"
        ) from None
    print(shellcode(["jukicard"], use_defaults=False, shell=arguments.shell))
    return 0


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks what may come next, and end; return where none has asked."""
    if _ASKED not in os.environ:
        return
    with suppress(ImportError):
        from argcomplete import autocomplete

        autocomplete(parser, default_completer=cast(Any, _values))


def _values(*, prefix: str, action: argparse.Action, **_: object) -> Iterable[str]:
    """Return what an argument may be: names of files and of profiles, and nothing for the rest."""
    shown = action.metavar if isinstance(action.metavar, str) else ""
    if shown.startswith("FILE") or shown.endswith("FILE"):
        from argcomplete.completers import FilesCompleter

        found: Iterable[str] = FilesCompleter()(prefix)
        return found
    if shown.startswith("PROFILE") or "--profile" in action.option_strings:
        from jukicard.profiles import PROFILES

        return tuple(PROFILES)
    return ()
