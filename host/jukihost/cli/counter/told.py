"""How a command of the counter tells what goes on: to a person, or to a program as JSON lines.

A program gets progress lines, then exactly one line with the result, errors too; each says the
version of this interface.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any, Protocol
from unicodedata import category

from jukihost.cli import output
from jukihost.clock import JAPAN
from jukihost.ledger import Standing
from jukihost.texts import said, said_of_word
from jukihost.workflows import INTERFACE, Explained, Step


class Teller(Protocol):
    """Tells somebody how a procedure goes."""

    def progress(self, step: Step) -> None:
        """Tell where it is."""

    def done(self, result: object) -> None:
        """Tell what came of it."""

    def failed(self, error: Explained) -> None:
        """Tell why nothing, or not all, came of it."""


@dataclass(frozen=True, slots=True)
class Text:
    """A result that a person reads as a text of its own, where a program gets `told`."""

    text: str
    told: Mapping[str, object]


class ForPeople:
    """Tells a person: the result on standard output, all else on the other."""

    def progress(self, step: Step) -> None:
        """Tell where it is."""
        output.say(said(_STEPS[step]))

    def done(self, result: object) -> None:
        """Print the result, a line an item, or that it is done where there is none.

        In the language of who reads it.
        """
        if isinstance(result, Text):
            lines = iter(result.text.splitlines())
        else:
            lines = _lines(plain(result, said_of_word), "")
        if result is None:
            print(said(_STEPS[Step.DONE]))
        for line in lines:
            print(visible(line, sys.stdout.encoding))

    def failed(self, error: Explained) -> None:
        """Say what it means, and the code under which the manual has more."""
        if error.said is not None:
            output.say(f"jukihost: {error.said}")
        output.say(f"jukihost: {error.meaning} [{error.code}]")


class ForPrograms:
    """Tells a program: JSON lines on standard output, the last one the result."""

    def __init__(self, procedure: str) -> None:
        self._procedure, self._ended = procedure, False

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
        """Print a line; nothing more behind the result, whatever happens then."""
        if self._ended:
            return
        self._ended = kind == "result"
        line = {"api": INTERFACE, "type": kind, "procedure": self._procedure, **said}
        text = json.dumps(line, ensure_ascii=False)
        try:
            text.encode(sys.stdout.encoding or "utf-8")
        except UnicodeEncodeError:
            text = json.dumps(line)
        print(text, flush=True)


_STEPS: dict[Step, str] = {
    Step.CARD: "waiting for the card",
    Step.REMOVAL: "waiting for the card to be taken out",
    Step.PIN: "waiting for the PIN",
    Step.PAD: "waiting for the reader's keys",
    Step.LEDGER: "writing the ledger",
    Step.WRITING: "writing the card",
    Step.KEYS: "making keys",
    Step.DONE: "done",
}


def plain(result: object, word: Callable[[str], str] = str) -> dict[str, Any]:
    """Return a result of a procedure as JSON has it: bytes in hexadecimal, days as ISO 8601,
    moments in Japan's time.

    What its `repr` is not to show is left out. word: how fixed words are said.
    """
    if isinstance(result, Text):
        return plain(result.told, word)
    if isinstance(result, Mapping):
        return {str(_plain(name, str)): _plain(one, word) for name, one in result.items()}
    if not is_dataclass(result):
        return {} if result is None else {"result": _plain(result, word)}
    shown = [one.name for one in fields(result) if one.repr]
    return {name: _plain(getattr(result, name), word) for name in shown}


def _plain(value: object, word: Callable[[str], str]) -> Any:
    match value:
        case None | bool():
            return value
        case Enum():
            return word(value.value if isinstance(value.value, str) else value.name.lower())
        case int():
            return value
        case bytes():
            return value.hex().upper()
        case datetime():
            return value.astimezone(JAPAN).isoformat()
        case date():
            return value.isoformat()
        case Standing():
            return _standing(value, word)
        case list() | tuple() | set() | frozenset():
            return [_plain(one, word) for one in _ordered(value)]
        case Mapping():
            return plain(value, word)
        case _ if is_dataclass(value) and type(value).__str__ is object.__str__:
            return plain(value, word)
        case _:
            return str(value)


def _ordered(several: Collection[object]) -> Iterable[object]:
    """Return them in one order always."""
    return sorted(several, key=str) if isinstance(several, Set) else several


def _standing(standing: Standing, word: Callable[[str], str]) -> str:
    returns = standing.returns_to
    also = "" if returns is None else f", {word('returns to')} {word(returns.value)}"
    return word(standing.state.value) + also


def _lines(items: Mapping[str, Any], before: str) -> Iterator[str]:
    """Give a result as lines for a person: what is inside something else stands behind spaces."""
    for name, value in items.items():
        yield from _lines_of(f"{before}{said_of_word(name)}:", value, before + "  ")


def _lines_of(name: str, value: Any, before: str) -> Iterator[str]:
    match value:
        case {"text": str(text), "origin": _}:
            yield f"{name} {text}"
        case dict():
            yield name
            yield from _lines(value, before)
        case [dict(), *_]:
            for one in value:
                yield from _lines_of(name, one, before)
        case list():
            yield f"{name} {', '.join(map(str, value)) or said_of_word('none')}"
        case bool() | None:
            yield f"{name} {said_of_word(str(value).lower())}"
        case _:
            yield f"{name} {value}"


def visible(text: str, encoding: str | None) -> str:
    """Return text as a terminal may get it; what it cannot show is 〓 with its code point.

    Private-use characters are among that: what a terminal shows for them is anybody's.
    """
    return "".join(_visible(one, encoding or "utf-8") for one in output.shown(text))


def _visible(one: str, encoding: str) -> str:
    private = category(one) in ("Co", "Cn")
    try:
        one.encode(encoding)
    except UnicodeEncodeError:
        private = True
    return f"〓(U+{ord(one):04X})" if private else one
