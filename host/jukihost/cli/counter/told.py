"""How a command of the counter tells what goes on: to a person, or to a program as JSON lines.

A program gets progress lines, then exactly one line with the result, errors too; each says the
version of this interface.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, Protocol

from jukihost.cli import output
from jukihost.texts import said
from jukihost.workflows import INTERFACE, Explained, Step


class Teller(Protocol):
    """Tells somebody how a procedure goes."""

    def progress(self, step: Step) -> None:
        """Tell where it is."""

    def done(self, result: object) -> None:
        """Tell what came of it."""

    def failed(self, error: Explained) -> None:
        """Tell why nothing, or not all, came of it."""


class ForPeople:
    """Tells a person: the result on standard output, all else on the other."""

    def progress(self, step: Step) -> None:
        """Tell where it is."""
        output.say(said(_STEPS[step]))

    def done(self, result: object) -> None:
        """Print the result, a line an item."""
        for name, value in plain(result).items():
            print(f"{name}: {output.shown(_as_text(value))}")

    def failed(self, error: Explained) -> None:
        """Say what it means, and the code under which the manual has more."""
        if error.said is not None:
            output.say(f"jukihost: {error.said}")
        output.say(f"jukihost: {error.meaning} [{error.code}]")


class ForPrograms:
    """Tells a program: JSON lines on standard output, the last one the result."""

    def __init__(self, procedure: str) -> None:
        self._procedure = procedure

    def progress(self, step: Step) -> None:
        """Tell where it is."""
        self._line("progress", step=step.value)

    def done(self, result: object) -> None:
        """Tell the result."""
        self._line("result", done=True, result=plain(result))

    def failed(self, error: Explained) -> None:
        """Tell the error, in the place of a result."""
        self._line("result", done=False, error=error.told())

    def _line(self, kind: str, **said: Any) -> None:
        line = {"api": INTERFACE, "type": kind, "procedure": self._procedure, **said}
        print(json.dumps(line, ensure_ascii=False), flush=True)


_STEPS: dict[Step, str] = {
    Step.CARD: "waiting for the card",
    Step.PIN: "waiting for the PIN",
    Step.LEDGER: "writing the ledger",
    Step.WRITING: "writing the card",
    Step.KEYS: "making keys",
    Step.DONE: "done",
}


def plain(result: object) -> dict[str, Any]:
    """Return a result of a procedure as JSON has it: bytes in hexadecimal, days as ISO 8601."""
    if not is_dataclass(result):
        return {} if result is None else {"result": _plain(result)}
    return {one.name: _plain(getattr(result, one.name)) for one in fields(result)}


def _plain(value: object) -> Any:
    match value:
        case None | bool() | int():
            return value
        case Enum():
            return value.value
        case bytes():
            return value.hex().upper()
        case date() | datetime():
            return value.isoformat()
        case Mapping():
            return {str(_plain(key)): _plain(one) for key, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(one) for one in value]
        case _ if is_dataclass(value) and type(value).__str__ is object.__str__:
            return plain(value)
        case _:
            return str(value)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
