"""Golden transcripts: a session held against the one that is stored, by meaning; and recordings.

A transcript is a dump with comments, so that its changes can be read before they are committed.
What chance decides is hidden in it, and at REDACTED the data of all but harmless commands.
"""

from __future__ import annotations

import os
import re
import shlex
import zlib
from pathlib import Path
from typing import Final

from jukicard.apdu.trace.chance import without_chance
from jukicard.apdu.trace.difference import compare_traces
from jukicard.apdu.trace.dump import write_dump
from jukicard.apdu.trace.formats import read_trace, write_trace
from jukicard.apdu.trace.record import ApduTrace, TraceError, TraceNote, event_lines
from jukicard.apdu.trace.redaction import TraceLevel

_LONGEST_NAME: Final = 100


class TranscriptDiffers(AssertionError):
    """A session is not as it was stored; the text is the difference, without secrets."""


def check_transcript(
    trace: ApduTrace,
    path: str | Path,
    *,
    update: bool = False,
    level: TraceLevel = TraceLevel.REDACTED,
) -> None:
    """Hold a session against the transcript in a file. TranscriptDiffers.

    update: store the session where it differs, or where nothing is stored.
    level: how much of it is stored. FULL has PINs and contents: of synthetic cards only.

    A byte that is hidden in the file (`??`) is any byte, one that was hidden by hand too.
    """
    path = Path(path)
    try:
        lines = compare_traces(read_trace(path.read_bytes()), trace)
    except (FileNotFoundError, TraceError) as error:
        lines = [str(error) if isinstance(error, TraceError) else "nothing is stored there yet"]
    if not lines:
        return
    if not update:
        raise TranscriptDiffers(
            "\n".join(
                [
                    f"the session is not as {path} has it:",
                    *lines,
                    "if it is right as it is, store it with --jukicard-update-transcripts",
                ]
            )
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(transcript(trace, level), encoding="utf-8")


def transcript(trace: ApduTrace, level: TraceLevel = TraceLevel.REDACTED) -> str:
    """Return a session as a dump that says in comments what each line means."""
    shown = trace.at(level)
    lines = [f"# {trace.title}"] if trace.title else []
    meanings = iter(without_chance(shown.events))
    for event, _ in shown.entries:
        if isinstance(event, TraceNote):
            lines += event_lines(event)
            continue
        meaning = next(meanings)
        lines.append(f"# {event_lines(meaning)[0]}")
        lines += write_dump([meaning]).splitlines()
    return "".join(f"{line}\n" for line in lines)


class Transcripts:
    """What the fixture `juki_transcript` is: call it where the session shall be as it is stored.

    It holds all that was said with the test's card so far against
    `transcripts/<module>/<test>.txt` beside the test's file.
    """

    def __init__(self, trace: ApduTrace, file: Path, test: str, *, update: bool) -> None:
        self._trace = trace
        self._folder = file.parent / "transcripts" / file.stem
        self._test = _named(test)
        self._update = update
        self.compared: set[str] = set()
        """The names of the transcripts that were compared."""

    def __call__(self, name: str = "", *, level: TraceLevel = TraceLevel.REDACTED) -> None:
        """Compare, or store with --jukicard-update-transcripts. TranscriptDiffers.

        name: tells several transcripts of one test apart; ValueError for one that was used.
        """
        if name in self.compared:
            raise ValueError("each transcript of a test has a name of its own")
        self.compared.add(name)
        path = self._folder / f"{self._test}{'-' * bool(name)}{_named(name)}.txt"
        check_transcript(self._trace, path, update=self._update, level=level)


def keep_recording(trace: ApduTrace, folder: Path, test: str) -> str:
    """Write a test's recording, its owner's alone, and return the command that repeats it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n", encoding="ascii")  # it holds keys
    path = folder / f"{_named(test)}.json"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with open(os.open(path, flags, 0o600), "wb") as stream:
        stream.write(write_trace(trace, "json"))
    return f"jukicard trace replay {shlex.quote(str(path))}"


def _named(test: str) -> str:
    """Return a name for a file, another one for each test."""
    name = re.sub(r"[^\w.-]+", "_", test, flags=re.ASCII)
    if name == test and len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME].strip('_')}-{zlib.crc32(test.encode(errors='replace')):08x}"
