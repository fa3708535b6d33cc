"""Transcripts of the manual, as text: the blocks of a page, what is typed in them, what comes."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_BLOCK: Final = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
_STAGE: Final = re.compile(r"^% (\w+): (.+)$", re.M)
ASKS_CODE: Final = "echo $?"
ANYTHING: Final = "…"
"""In an output: text that is another one each time."""


class NoTranscript(Exception):
    """A page of the manual is written in another way than transcripts are; the text says how."""


@dataclass
class Step:
    """A command of a transcript: its line, what it is given to read, and what it prints.

    at: where its output stands in the page, in characters from the beginning.
    """

    line: str
    given: str | None
    output: str
    at: tuple[int, int]

    @property
    def words(self) -> list[str]:
        """The command as a shell would split it."""
        return shlex.split(self.line)

    def prints(self, text: str) -> bool:
        """Whether this is the output that the page has, but for what differs each time."""
        parts = (re.escape(part) for part in self.output.split(ANYTHING))
        return re.fullmatch("[^\n]+".join(parts), text) is not None


@dataclass(frozen=True)
class Direction:
    """What is prepared or changed between two blocks, unseen: `% at: 2014-04-02 10:00`."""

    name: str
    value: str


@dataclass
class Page:
    """A page with transcripts, in its order."""

    path: Path
    text: str
    steps: list[Step | Direction] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path) -> Page:
        """Read a page. NoTranscript."""
        page = cls(path, path.read_text("utf-8"))
        found: list[tuple[int, Direction | re.Match[str]]] = [
            (one.start(), Direction(one[1], one[2])) for one in _STAGE.finditer(page.text)
        ]
        found += [(one.start(), one) for one in _BLOCK.finditer(page.text)]
        for _, one in sorted(found, key=lambda it: it[0]):
            page.steps += [one] if isinstance(one, Direction) else _steps(one[1], one.start(1))
        return page

    def runs(self) -> list[tuple[list[str], str, int]]:
        """Every command: its words, its output, and the exit code that the page says it has."""
        commands = [one for one in self.steps if isinstance(one, Step)]
        after = [*commands[1:], None]
        return [
            (one.words, one.output, int(told.output) if told and told.line == ASKS_CODE else 0)
            for one, told in zip(commands, after, strict=True)
            if one.line != ASKS_CODE
        ]

    def rewritten(self, outputs: list[tuple[Step, str]]) -> str:
        """The page with other outputs in the place of those that it has."""
        text = self.text
        for step, output in reversed(outputs):
            text = text[: step.at[0]] + output + text[step.at[1] :]
        return text


def _steps(block: str, start: int) -> list[Step]:
    """The commands of a block: `$ ` begins one, `> ` goes on with it, the rest is its output."""
    made: list[Step] = []
    lines = block.splitlines(keepends=True)
    if not lines or not lines[0].startswith("$ "):
        raise NoTranscript("a block begins with a command")
    for line in lines:
        after = start + len(line)
        if line.startswith("$ "):
            made.append(Step(line[2:].rstrip("\n"), None, "", (after, after)))
        elif line.startswith("> ") and not made[-1].output:
            _go_on(made[-1], line[2:])
            made[-1].at = (after, after)
        else:
            made[-1].output += line
            made[-1].at = (made[-1].at[0], after)
        start = after
    for one in made:
        _end(one)
    return made


def _go_on(step: Step, line: str) -> None:
    """Take the next line of a command: of its text behind `<<.`, or after a backslash."""
    if step.given is not None or step.line.endswith("<<."):
        step.given = (step.given or "") + line
    elif step.line.endswith("\\"):
        step.line = step.line[:-1] + line.strip()
    else:
        raise NoTranscript(f"nothing is gone on with here: {line!r}")


def _end(step: Step) -> None:
    if not step.line.endswith("<<."):
        return
    text = step.given or ""
    if not text.endswith(".\n"):
        raise NoTranscript(f"the text that is typed does not end with a point: {step.line}")
    step.line, step.given = step.line.removesuffix("<<.").strip(), text.removesuffix(".\n")
