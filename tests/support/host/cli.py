"""What tests of the host's command line share: standard input, and reading what was printed."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., int]
"""Runs a command on a card: its arguments, `typed` for standard input, `terminal` if it is one."""
PASSPHRASE = "correct horse battery"
CODE = "12345678903"


class Typed(io.TextIOWrapper):
    """Standard input with this text in it."""

    def __init__(self, text: str, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(text.encode()))
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def as_json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)
