"""Who answers a procedure's questions on the command line: a person who types, or a script."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any, Final

from jukihost.cli import output, prompts
from jukihost.cli.bounded import NothingCame, bounded
from jukihost.cli.output import UsageError
from jukihost.pinpad import PinPad
from jukihost.texts import said, said_of_word
from jukihost.workflows import Cancelled, Paused, PinUse, PinWanted, Question, Step

MAX_SCRIPT: Final = 1 << 20
_NAMES: Final = {
    PinUse.JUKI: "PIN of the card",
    PinUse.SIGNATURE: "signature password",
    PinUse.AUTHENTICATION: "PIN for authentication",
    PinUse.TEXT: "PIN for reading the text",
    PinUse.COMMON: "PIN of the common application",
    PinUse.MUNICIPAL: "PIN of the municipal application",
    PinUse.OPERATOR: "password of the card",
}
_QUESTIONS: Final = {
    Question.LAST_TRY: "One try is left: a wrong one blocks it.",
    Question.END_CARD: "The card is ended for good.",
}
_OPERATORS: Final = (PinUse.OPERATOR, PinUse.NEW_OPERATOR)
_ON_PAD: Final = "type it on the reader's keys, and press its OK key"
_SECONDS_ON_PAD: Final = 60
_JAPANESE, _ENGLISH = 0x0411, 0x0409
_PRIVATE: Final = {
    "code": "resident record code",
    "my_number": "individual number",
    "security_code": "security code of the card",
}
_TEXTS: Final = {
    "name": "name",
    "address": "address",
    "new": "what it is now",
    "caller": "who calls",
    "relation": "their relation to the holder",
    "reached": "where they can be called back",
}


ENTRIES: Final = ("auto", "keyboard", "pad")
"""Where a holder types; see `Typed`."""


class Typed:
    """A person at a terminal: secrets are not shown, and what cannot be undone is agreed to.

    entry: where a holder types. `auto`: on the reader's keys, where it has some and they serve, but
    for a signature password, which may have letters; `keyboard`: here; `pad`: on the reader's keys,
    a signature password too, and what cannot be typed there is refused. Operators type here.
    """

    def __init__(self, tell: Callable[[Step], None], entry: str = "auto") -> None:
        self.progress = tell
        self._entry = entry

    def secret(self, wanted: PinWanted) -> str | PinPad:
        """Ask for a secret; a new one twice. Cancelled where nothing is typed; UsageError."""
        name = _name(wanted)
        if self._on_pad(wanted):
            output.say(f"{name} ({said('tries left')}: {wanted.tries}): {said(_ON_PAD)}")
            self.progress(Step.PAD)
            return PinPad(timeout=_SECONDS_ON_PAD, language=_language())
        if wanted.tries is not None:
            return _hidden(f"{name} ({said('tries left')}: {wanted.tries}): ")
        while True:
            typed = _hidden(f"{name} ({said('new')}): ")
            if _hidden(f"{name} ({said('again')}): ") == typed:
                return typed
            output.say(said("the two are not the same; type it anew"))

    def _on_pad(self, wanted: PinWanted) -> bool:
        """Tell whether it is typed on the reader's keys. UsageError where it had to be."""
        if wanted.use in _OPERATORS or self._entry == "keyboard":
            return False
        if self._entry == "pad" and not wanted.pad:
            raise UsageError(
                "this cannot be typed on the reader: it has no keys for it, or it is a secret that "
                "goes to the card protected; leave --pin-entry pad out"
            )
        return wanted.pad and (self._entry == "pad" or wanted.use is not PinUse.SIGNATURE)

    def agree(self, question: Question) -> bool:
        """Ask for an express yes."""
        return _line(f"{said(_QUESTIONS[question])} {said('Type yes to go on: ')}") == "yes"

    def paused(self, pause: Paused) -> bool:
        """Say what happened, and wait until the card was put back."""
        output.say(str(pause.cause))
        output.say(f"{said_of_word('card')}: {pause.number.hex().upper()}")
        text = said("Put the same card back and press Enter, or type q to break off: ")
        return _line(text) == ""

    def private(self, what: str) -> str:
        """Ask for something that is not shown, and is no PIN. Cancelled where nothing is typed."""
        return _hidden(f"{said_of_word('holder')}: {said(_PRIVATE[what])}: ")

    def text(self, what: str) -> str:
        """Ask for a name or an address, which is shown. Cancelled where nothing is typed."""
        if not (typed := _line(f"{said(_TEXTS[what])}: ")):
            raise Cancelled
        return typed


def _name(wanted: PinWanted) -> str:
    """Return whose secret it is, and which."""
    name = said(_NAMES[PinUse(wanted.use.value.removeprefix("new_"))])
    if wanted.use not in _OPERATORS:
        return f"{said_of_word('holder')}: {name}"
    whose = said("second operator") if wanted.second else said_of_word("operator")
    return f"{whose} {wanted.operator or ''}".rstrip() + f": {name}"


def _language() -> int:
    """Return the language of a reader's display, as Windows numbers it."""
    return _JAPANESE if said(_ON_PAD) != _ON_PAD else _ENGLISH


def _hidden(prompt: str) -> str:
    typed = prompts.hidden(prompt, "use --script")
    if not typed:
        raise Cancelled
    return typed


def _line(prompt: str) -> str | None:
    """Return what was typed; None where nobody can type, or nothing came."""
    if not sys.stdin.isatty():
        return None
    output.say(prompt)
    try:
        with bounded():
            return input().strip()
    except (EOFError, UnicodeDecodeError, NothingCame):
        return None


class Scripted:
    """A recorded conversation: one JSON object a line, each the answer to the next question.

    `{"secret": "1234", "use": "juki"}`, or `{"pad": true, "use": "authentication"}` where the
    holder types it on the reader's keys; `{"agree": true, "question": "last_try"}`,
    `{"paused": true}`, `{"text": "渡辺", "use": "name"}`; what names the question is compared
    where it is there.
    """

    def __init__(self, text: str, tell: Callable[[Step], None]) -> None:
        """Read it. UsageError, without the line that is wrong: it may hold a secret."""
        self.progress = tell
        self._lines: list[tuple[int, dict[str, Any]]] = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            try:
                answer = json.loads(line)
            except ValueError:
                answer = None
            if (
                not isinstance(answer, dict)
                or len(answer.keys() & {"secret", "pad", "agree", "paused", "text"}) != 1
            ):
                raise UsageError(f"line {number} of the script is no answer; see the manual")
            self._lines.append((number, answer))

    def secret(self, wanted: PinWanted) -> str | PinPad:
        """Return the next answer, which is a secret, or that it is typed on keys. UsageError."""
        if self._lines and self._lines[0][1].get("pad") is True:
            number, _ = self._lines[0]
            self._next("pad", bool, use=wanted.use.value)
            if not wanted.pad:
                raise UsageError(
                    f"line {number} of the script has it typed on the reader, which has no keys "
                    "for it, or it is a secret that goes to the card protected"
                )
            self.progress(Step.PAD)
            return PinPad(timeout=_SECONDS_ON_PAD, language=_language())
        return str(self._next("secret", str, use=wanted.use.value))

    def agree(self, question: Question) -> bool:
        """Return the next answer, which says yes or no. UsageError."""
        return bool(self._next("agree", bool, question=question.value))

    def paused(self, pause: Paused) -> bool:
        """Return the next answer: whether the card is back. UsageError."""
        return bool(self._next("paused", bool))

    def private(self, what: str) -> str:
        """Return the next answer, which is a secret and no PIN. UsageError."""
        return str(self._next("secret", str, use=what))

    def text(self, what: str) -> str:
        """Return the next answer, which is a name or an address. UsageError."""
        return str(self._next("text", str, use=what))

    def warn_of_rest(self) -> None:
        """Say whether something is left; what was done is done."""
        if self._lines:
            line = said("a line of the script was not asked for")
            output.say(f"jukihost: {line}: {self._lines[0][0]}")

    def _next(self, what: str, kind: type, **named: str) -> object:
        if not self._lines:
            raise UsageError(f"the script has ended, and {what!r} is asked for")
        number, answer = self._lines.pop(0)
        wrong = any(name in answer and answer[name] != value for name, value in named.items())
        if not isinstance(answer.get(what), kind) or wrong:
            asked = " ".join((what, *named.values()))
            raise UsageError(f"line {number} of the script is no answer to {asked!r}")
        value: object = answer[what]
        return value
