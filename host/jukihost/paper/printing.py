"""Brings a document to a printer: by a command that an office has chosen, never to a file."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from typing import Final

from jukihost.paper.glyphs import PaperError

_PATIENCE: Final = 60.0
"""Seconds that the command has."""
_OURS: Final = ("JUKIHOST_", "PG")


class NotPrinted(PaperError):
    """The command that prints did not take the document; it was made, and is not kept."""


def print_document(command: Sequence[str], document: bytes) -> None:
    """Give a PDF file to the standard input of a command, such as `("lp", "-d", "counter")`.

    Nothing of the document is written anywhere here, and the command gets no passphrase of this
    program's environment. NotPrinted.
    """
    try:
        ended = subprocess.run(  # noqa: S603 - of the office's file, no shell
            tuple(command),
            input=document,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotPrinted(_failed(f"it has not ended within {_PATIENCE:g} s")) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it cannot be started"
        raise NotPrinted(_failed(why)) from None
    if ended.returncode:
        raise NotPrinted(_failed(f"it ended with {ended.returncode}"))


def _environment() -> dict[str, str]:
    """Return what the command may know: nothing that is for this program or its database."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}


def _failed(why: str) -> str:
    return (
        f"the command that prints did not take the document: {why}. What was made is in the log; "
        "have the printer looked at, and do the procedure again"
    )
