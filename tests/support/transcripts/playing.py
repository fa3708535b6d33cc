"""Plays a page's transcripts on a stage, and compares each output whole."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Final, Protocol

import pytest

from jukicard.cli import main as jukicard
from jukihost.cli import main as jukihost
from jukihost.texts import catalogue
from tests.support.host.cli import Typed
from tests.support.transcripts.reading import ASKS_CODE, Direction, NoTranscript, Page, Step

_PROGRAMS: Final[dict[str, Callable[[list[str]], int]]] = {
    "jukihost": jukihost,
    "jukicard": jukicard,
}
_SET: Final = re.compile(r"(\w+)=(.*)")


class Stage(Protocol):
    """What commands of a transcript work on."""

    folder: Path

    def real(self, text: str) -> str:
        """A command's word, with the addresses that there are today."""

    def shown(self, text: str) -> str:
        """An output, with the addresses that the manual has."""

    def settle(self) -> None:
        """Wait until the command before has let go of everything."""

    def direct(self, name: str, value: str) -> None:
        """Change something between two blocks. NoTranscript."""


class Player:
    """Plays pages; keeps what was printed, so that a page can be written anew."""

    def __init__(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stage, self._patch = stage, monkeypatch
        self.outputs: list[tuple[Step, str]] = []
        self._code = 0

    def play(self, page: Page) -> None:
        """Do what the page does."""
        for step in page.steps:
            if isinstance(step, Direction):
                self.stage.direct(step.name, step.value)
                continue
            if step.line != ASKS_CODE:
                self._show_code()
            self.stage.settle()
            self.outputs.append((step, self.stage.shown(self._do(step))))
        self._show_code()

    def _show_code(self) -> None:
        """Let an exit code that nobody asked for stand behind what was printed."""
        if self._code:
            step, said = self.outputs.pop()
            self.outputs.append((step, f"{said}$ {ASKS_CODE}\n{self._code}\n"))
        self._code = 0

    def wrong(self) -> list[tuple[Step, str]]:
        """What was printed that the page has in another way."""
        return [(step, said) for step, said in self.outputs if not step.prints(said)]

    def _do(self, step: Step) -> str:
        words = step.words
        if step.line == ASKS_CODE:
            code, self._code = self._code, 0
            return f"{code}\n"
        into = self._into(words)
        with self._environment(words):
            said = self._run(words, step.given)
        if into is None:
            return said
        into.write_text(said, "utf-8")
        return ""

    def _into(self, words: list[str]) -> Path | None:
        """Take `> FILE` off the end of a command."""
        if len(words) < 3 or words[-2] != ">":
            return None
        name = words.pop()
        words.pop()
        return self.stage.folder / name

    @contextmanager
    def _environment(self, words: list[str]) -> Iterator[None]:
        """Take `NAME=VALUE` off the beginning of a command, and let it hold meanwhile."""
        with self._patch.context() as patch:
            while found := _SET.fullmatch(words[0]):
                patch.setenv(found[1], found[2])
                words.pop(0)
            catalogue.cache_clear()
            yield
        catalogue.cache_clear()

    def _run(self, words: list[str], given: str | None) -> str:
        program, *rest = words
        if program == "cat":
            return (given or "") if not rest else (self.stage.folder / rest[0]).read_text("utf-8")
        if program not in _PROGRAMS:
            raise NoTranscript(f"transcripts show this project's programs, not {program}")
        said = io.StringIO()
        with self._patch.context() as patch, redirect_stdout(said), redirect_stderr(said):
            patch.setattr("sys.stdin", Typed(given or ""))
            self._code = _PROGRAMS[program]([self.stage.real(word) for word in rest])
        return said.getvalue()


def rewrite_asked_for() -> bool:
    """Whether outputs are to be written into the manual anew: JUKICARD_TRANSCRIPTS=1."""
    return os.environ.get("JUKICARD_TRANSCRIPTS") == "1"
