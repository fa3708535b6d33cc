"""The demo tells its story to the end, and every answer in it is as told."""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Mapping
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from typing import Final

import pytest

from jukicard import issue_card
from jukicard.cli import _parser, main
from jukicard.cli.demo import _program
from jukicard.cli.serve import card_sources

SEED: Final = "a [bold] :card: seed"


@pytest.fixture(scope="module")
def said() -> str:
    """What `jukicard demo` prints; run once, it starts a terminal several times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_COLOR", "1")
        patch.setenv("COLUMNS", "200")
        stream = io.StringIO()
        with redirect_stdout(stream):
            code = main(["demo", "--seed", SEED])
    assert code == 0, stream.getvalue()
    return stream.getvalue()


def test_every_chapter_is_told(said: str) -> None:
    assert re.findall(r"^(\d+)\. ", said, re.MULTILINE) == [str(n) for n in range(1, 11)]
    assert "Every answer was as expected." in said


def chapter(said: str, number: int) -> str:
    """Return what is told in one chapter; the last one ends with the story."""
    _, begins, rest = said.partition(f"\n{number}. ")
    assert begins
    return rest.partition(f"\n{number + 1}. ")[0].partition("\nEvery answer")[0]


MAY_READ = "RESIDENT_IDENTIFICATION or WIDE_AREA_ISSUANCE or MOVE_IN or COUNTER"
REFUSALS = {
    1: [],
    2: [],
    3: [
        f"READ RECORD of 0002: needs Authenticated({MAY_READ}), Verified(001C), "
        "SecureMessaging(ENCRYPTED); has authenticated nothing; PIN verified: no; "
        "secure messaging: none"
    ],
    4: [f"VERIFY of 001C: wrong value, {left} left" for left in ("2 tries", "1 try", "0 tries")],
    5: ["VERIFY of 001C: blocked"] * 2,
    6: [],
    7: [],
    8: [
        "authentication with key 0101 failed, 14 tries left",
        f"READ RECORD of 0002: needs Authenticated({MAY_READ}); "
        "has authenticated SUSPEND; PIN verified: 001C; secure messaging: encrypted",
    ],
    9: [],  # what a suspended card answers is no refusal
    10: [
        "authentication with key 0101 failed, 13 tries left",
        "a protected command, and no session is open on this channel",
    ],
}
"""Why the card refused, in each chapter."""


@pytest.mark.parametrize("number", REFUSALS)
def test_each_refusal_says_why_where_it_happens(said: str, number: int) -> None:
    assert re.findall(r"^ +why: (.*)", chapter(said, number), re.MULTILINE) == REFUSALS[number]


def test_every_refusal_is_in_a_chapter(said: str) -> None:
    assert said.count("why: ") == sum(map(len, REFUSALS.values())) > 0


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (1, "← 3B E0 00 FF 81 31 FE 45 14"),
        (2, "← 63 C3 +failed, 3 tries left"),
        (3, "← 69 82 +security status not satisfied"),
        (4, "← 63 C2 +failed, 2 tries left"),
        (4, "← 63 C1 +failed, 1 try left"),
        (4, "← 63 C0 +failed, 0 tries left"),
        (5, "← 69 84 +reference data not usable"),
        (5, "← 63 C0 +failed, 0 tries left"),
        (6, "the PIN has its tries back and a new value"),
        (7, r"READ RECORD: record 1 \[secure messaging\]"),
        (8, "← 63 CE +failed, 14 tries left"),
        (8, r"jukihost: the terminal's purpose does not include this; .*answered 6982"),
        (9, "the card is suspended$"),
        (9, r"jukihost: the card is suspended; it can be resumed .*answered 6283"),
        (9, "the card is in use again"),
        (10, "← 63 CD +failed, 13 tries left"),
        (10, "← 69 88 +secure messaging objects incorrect"),
    ],
)
def test_what_it_shows(said: str, number: int, line: str) -> None:
    assert re.search(rf"^ .*{line}", chapter(said, number), re.MULTILINE)


class Terminal(io.StringIO):
    """What Python takes for a terminal."""

    def isatty(self) -> bool:
        return True


GREEN, YELLOW = "\x1b[32m", "\x1b[33m"
COLOUR = re.compile(r"\x1b\[[\d;]*3\d[\d;]*m")


def first_half(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, environment: Mapping[str, str]
) -> str:
    """Return what is printed before another process joins in."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "200", **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("jukicard.cli.demo.tell_of_the_terminal", lambda story: None)
    with redirect_stdout(stream):
        assert main(["demo"]) == 0
    return stream.getvalue()


@pytest.mark.parametrize(
    ("stream", "environment"),
    [(Terminal, {}), (io.StringIO, {"FORCE_COLOR": "1"})],
    ids=["terminal", "forced"],
)
def test_it_is_coloured_for_who_sees_colours(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], environment: dict[str, str]
) -> None:
    shown = first_half(monkeypatch, stream(), environment)
    assert f"{GREEN}← 90 00" in shown
    assert f"{YELLOW}← 63 C2" in shown
    assert f"{YELLOW}← 69 82" in shown
    plain = re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert plain == first_half(monkeypatch, io.StringIO(), {}), "colours change no word"


@pytest.mark.parametrize(
    ("stream", "environment"),
    [(io.StringIO, {}), (Terminal, {"NO_COLOR": "1"}), (Terminal, {"TERM": "dumb"})],
    ids=["file", "unwanted", "dumb"],
)
def test_it_is_not_for_who_does_not(
    monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO], environment: dict[str, str]
) -> None:
    shown = first_half(monkeypatch, stream(), environment)
    assert "← 63 C2" in shown
    assert COLOUR.search(shown) is None


def test_the_code_is_read_once_and_no_pin_is_shown(said: str) -> None:
    assert len(re.findall(r"^  \d{11}$", said, re.MULTILINE)) == 1
    for pin in ("31 32 33 34", "30 30 30 30"):
        assert pin not in said


def test_the_commands_at_the_end_are_understood_and_serve_this_very_card(said: str) -> None:
    # started as a module, as pytest may have been, the program is three words
    commands = re.findall(r"^  \S+(?: -m jukicard)? (serve .*)$", said, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        arguments = _parser().parse_args(shlex.split(command))
        [source] = card_sources(arguments)
        with ExitStack() as stack:
            served = source.make(arguments, stack)
        assert served.snapshot() == issue_card(seed=SEED).snapshot()
    assert "That needs pcscd" in said


@pytest.mark.parametrize(
    ("started", "in_path", "typed"),
    [
        ("{folder}/jukicard", True, "jukicard"),
        ("{folder}/jukicard", False, "{folder}/jukicard"),
        ("/some/where/jukicard/__main__.py", True, f"{sys.executable} -m jukicard"),
        ("/usr/bin/pytest", True, "jukicard"),
    ],
)
def test_the_program_is_called_as_it_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, started: str, in_path: bool, typed: str
) -> None:
    program = tmp_path / "jukicard"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path if in_path else tmp_path / "none"))
    monkeypatch.setattr(sys, "argv", [started.format(folder=tmp_path)])
    assert _program() == typed.format(folder=tmp_path)
