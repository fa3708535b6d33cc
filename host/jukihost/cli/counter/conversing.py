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
from jukihost.texts import said
from jukihost.workflows import Cancelled, Paused, PinUse, PinWanted, Question, Step

MAX_SCRIPT: Final = 1 << 20
_NAMES: Final = {
    PinUse.JUKI: "PIN of the card",
    PinUse.SIGNATURE: "signature password",
    PinUse.AUTHENTICATION: "PIN for authentication",
    PinUse.TEXT: "PIN for reading the text",
    PinUse.MUNICIPAL: "PIN of the municipal application",
    PinUse.OPERATOR: "operator's password",
}
_QUESTIONS: Final = {
    Question.LAST_TRY: "One try is left: a wrong one blocks it.",
    Question.END_CARD: "The card is ended for good.",
}


class Typed:
    """A person at a terminal: secrets are not shown, and what cannot be undone is agreed to."""

    def __init__(self, tell: Callable[[Step], None]) -> None:
        self.progress = tell

    def secret(self, wanted: PinWanted) -> str | PinPad:
        """Ask for a secret; a new one twice. Cancelled where nothing is typed."""
        name = said(_NAMES[PinUse(wanted.use.value.removeprefix("new_"))])
        if wanted.tries is not None:
            return _hidden(f"{name} ({said('tries left')}: {wanted.tries}): ")
        while True:
            typed = _hidden(f"{said('new')}: {name}: ")
            if _hidden(f"{said('again')}: {name}: ") == typed:
                return typed
            output.say(said("the two are not the same; type it anew"))

    def agree(self, question: Question) -> bool:
        """Ask for an express yes."""
        return _line(f"{said(_QUESTIONS[question])} {said('Type yes to go on: ')}") == "yes"

    def paused(self, pause: Paused) -> bool:
        """Say what happened, and wait until the card was put back."""
        output.say(str(pause.cause))
        text = said("Put the same card back and press Enter, or type q to break off: ")
        return _line(text) == ""


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

    `{"secret": "1234", "use": "juki"}`, `{"agree": true, "question": "last_try"}`,
    `{"paused": true}`; what names the question is compared where it is there.
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
                or len(answer.keys() & {"secret", "agree", "paused"}) != 1
            ):
                raise UsageError(f"line {number} of the script is no answer; see the manual")
            self._lines.append((number, answer))

    def secret(self, wanted: PinWanted) -> str | PinPad:
        """Return the next answer, which is a secret. UsageError."""
        answer = self._next("secret", str, use=wanted.use.value)
        return str(answer)

    def agree(self, question: Question) -> bool:
        """Return the next answer, which says yes or no. UsageError."""
        return bool(self._next("agree", bool, question=question.value))

    def paused(self, pause: Paused) -> bool:
        """Return the next answer: whether the card is back. UsageError."""
        return bool(self._next("paused", bool))

    def finish(self) -> None:
        """Check that nothing is left. UsageError."""
        if self._lines:
            raise UsageError(f"line {self._lines[0][0]} of the script was not asked for")

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
