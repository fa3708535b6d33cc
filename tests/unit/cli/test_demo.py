"""The demo tells its story to the end, and every answer in it is as told."""

from __future__ import annotations

import re

import pytest

from jukicard.cli import main


@pytest.fixture(scope="module")
def said() -> str:
    """What `jukicard demo` prints; run once, it starts a terminal several times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_COLOR", "1")
        patch.setenv("COLUMNS", "200")
        import io
        from contextlib import redirect_stdout

        stream = io.StringIO()
        with redirect_stdout(stream):
            code = main(["demo", "--seed", "demo"])
    assert code == 0, stream.getvalue()
    return stream.getvalue()


def test_every_chapter_is_told(said: str) -> None:
    assert re.findall(r"^(\d+)\. ", said, re.MULTILINE) == [str(n) for n in range(1, 11)]
    assert "Every answer was as expected." in said


@pytest.mark.parametrize(
    "line",
    [
        "3B E0 00 FF 81 31 FE 45 14",
        "63 C2",
        "63 C1",
        "63 C0",
        "why: VERIFY of 001C: blocked",
        "needs Authenticated(RESIDENT_IDENTIFICATION",
        "has authenticated SUSPEND; PIN verified: 001C; secure messaging: encrypted",
        "the card is suspended",
        "the card is in use again",
        "READ RECORD: record 1 [secure messaging]",
        "a protected command, and no session is open on this channel",
    ],
)
def test_what_it_shows(said: str, line: str) -> None:
    assert line in said


def test_the_code_is_read_once_and_no_pin_is_shown(said: str) -> None:
    assert len(re.findall(r"^  \d{11}$", said, re.MULTILINE)) == 1
    for pin in ("31 32 33 34", "30 30 30 30"):
        assert pin not in said
