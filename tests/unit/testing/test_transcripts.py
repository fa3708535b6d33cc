"""Sessions held against stored transcripts, and recordings of failed tests that repeat them."""

from __future__ import annotations

import re
import shlex
import stat
from pathlib import Path

import pytest

from jukicard import TraceLevel, read_trace
from jukicard.apdu.trace.record import ApduTrace
from jukicard.cli import main
from jukicard.testing import CardInTest, TranscriptDiffers, card_in, check_transcript, today_in
from jukicard.testing.transcripts import transcript
from jukihost import JukiSession, PublishedKeys, Purpose, build_channel
from jukihost.testing import InProcess

pytest_plugins = ["pytester"]


def recorded(pin: str = "1234", skip: int = 0, asked: int = 1) -> ApduTrace:
    """A protected session; `skip` random bytes are gone before it."""
    card = card_in(pin=pin)
    card.environment.random.take(skip)
    in_test = CardInTest(card, today=today_in("issued"), record=True)
    with InProcess(in_test.reader) as reader, JukiSession(build_channel(reader)) as juki:
        juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublishedKeys())
        juki.verify_pin(pin)
        for _ in range(asked):
            juki.pin_retries()
    assert in_test.recording is not None
    return in_test.recording


@pytest.mark.parametrize("level", TraceLevel)
def test_other_random_numbers_make_the_same_transcript(level: TraceLevel, tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "session.txt"
    check_transcript(recorded(), path, update=True, level=level)
    stored = path.read_text(encoding="utf-8")
    for skip in (1, 2, 3):
        assert transcript(recorded(skip=skip), level) == stored
        check_transcript(recorded(skip=skip), path)


def test_a_transcript_can_be_read() -> None:
    lines = transcript(recorded()).splitlines()
    assert lines[0] == "# juki-v1, state issued, seed None"
    assert lines[1:3] == ["# reset, ATR 3BE000FF8131FE4514 (T=1)", "ATR 3BE000FF8131FE4514"]
    at = lines.index("# > VERIFY, reference 00 of the application [secure messaging]")
    assert lines[at + 1] == "> 0C2000801D" + "??" * 29 + "00"
    assert lines[at + 2 : at + 4] == ["# < <14 bytes> 9000 done", "< " + "??" * 14 + "9000"]
    assert "# PIN: tries left 3" not in lines
    assert "31323334" not in "\n".join(lines)


def test_at_the_full_level_what_is_plain_inside_stays() -> None:
    said = transcript(recorded(), TraceLevel.FULL)
    assert "> 0C2000801D8711" + "01" + "??" * 16 + "8E08" + "??" * 8 + "00" in said
    assert "< 990290008E08" + "??" * 8 + "9000" in said


@pytest.mark.parametrize("change", ["more", "fewer", "stored"])
def test_what_differs_is_said_and_nothing_is_written(change: str, tmp_path: Path) -> None:
    path = tmp_path / "session.txt"
    check_transcript(recorded(), path, update=True)
    if change == "stored":
        path.write_text(path.read_text().replace("63C3", "63C2"))
    stored = path.read_text()
    with pytest.raises(TranscriptDiffers, match="store it with --jukicard-update-transcripts"):
        check_transcript(recorded(asked={"more": 2, "fewer": 0, "stored": 1}[change]), path)
    assert path.read_text() == stored


def test_a_byte_hidden_by_hand_stays_hidden(tmp_path: Path) -> None:
    path = tmp_path / "session.txt"
    check_transcript(recorded(), path, update=True, level=TraceLevel.FULL)
    path.write_text(path.read_text().replace("\n> 00CA005A00", "\n> 00CA00??00"))
    stored = path.read_text()
    check_transcript(recorded(), path, update=True, level=TraceLevel.FULL)
    assert path.read_text() == stored


@pytest.mark.parametrize("content", [b"", b"\xff", b"nonsense", b"# nothing\n"])
def test_a_damaged_transcript_is_told_and_stored_anew(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "session.txt"
    path.write_bytes(content)
    with pytest.raises(TranscriptDiffers):
        check_transcript(recorded(), path)
    check_transcript(recorded(), path, update=True)
    check_transcript(recorded(), path)


# -- with pytest -----------------------------------------------------------------------------------

SUITE = """
import pytest
from jukihost import JukiSession, PublishedKeys, Purpose

@pytest.mark.parametrize("way", ["a/b", "a b"])
def test_it(juki_session, juki_transcript, way):
    juki_session.verify_pin("1234")
    juki_transcript()
    assert juki_session.pin_retries() == {left}
    juki_transcript("asked")
"""


def test_stored_by_a_flag_and_compared(pytester: pytest.Pytester) -> None:
    path = pytester.makepyfile(test_card=SUITE.format(left=3))
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=2)
    said = result.stdout.str()
    assert "nothing is stored there yet" in said
    assert "--jukicard-update-transcripts" in said
    assert not (path.parent / "transcripts").exists()

    pytester.runpytest_subprocess("--jukicard-update-transcripts", "-n", "2").assert_outcomes(
        passed=2
    )
    stored = sorted(file.name for file in (path.parent / "transcripts" / "test_card").iterdir())
    assert len(stored) == 4
    assert all(name.startswith("test_it_a_b-") for name in stored)
    pytester.runpytest_subprocess().assert_outcomes(passed=2)

    path.write_text(path.read_text().replace('verify_pin("1234")', "pin_retries()"))
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["E*the session is not as *test_it_a_b-*.txt has it:"])
    result.stdout.fnmatch_lines(["E*+ > VERIFY: how many tries are left, reference 00*"])
    assert "31323334" not in result.stdout.str()


def test_a_transcript_that_is_never_compared_fails(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        def test_nothing(juki_transcript): pass
        def test_failed(juki_transcript): assert False
        def test_twice(juki_transcript):
            juki_transcript("x")
            juki_transcript("x")
    """)
    result = pytester.runpytest_subprocess("--jukicard-update-transcripts")
    result.assert_outcomes(passed=1, failed=2, errors=1)
    said = result.stdout.str()
    why = "juki_transcript compared nothing: call it in the test"
    assert said.splitlines().count(why) == 1
    assert "a name of its own" in said


FAILING = """
import pytest
from jukicard.testing import Pulled
from jukihost import PublishedKeys, Purpose

@pytest.mark.jukicard(seed=7, pin="7777", hazards=[Pulled(ins=0xB2)])
def test_code(juki_session):
    juki_session.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublishedKeys())
    juki_session.verify_pin("7777")
    juki_session.read_code()

def test_two(juki_card, mynumber_card):
    mynumber_card.reader.open()
    assert mynumber_card.reader.transmit(bytes.fromhex("00A4040000")) == b""

def test_passes(juki_session):
    assert juki_session.pin_retries() == 3
"""


def test_the_report_says_how_to_repeat_it(
    pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    pytester.makepyfile(test_card=FAILING)
    result = pytester.runpytest_subprocess("--jukicard-record", "-n", "2")
    result.assert_outcomes(passed=1, failed=2)
    commands = re.findall(r"repeat it:\n  jukicard (trace replay .*)", result.stdout.str())
    assert len(commands) == 3
    assert "37373737" not in result.stdout.str()
    for command in commands:
        *_, file = arguments = shlex.split(command)
        assert Path(file).parent == pytester.path / "jukicard-recordings"
        assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600
        if read_trace(Path(file).read_bytes()).events:
            assert main(arguments) == 0
            said = capsys.readouterr().out
            assert re.search(r"^\d+ commands? w\w+ answered as then$", said, re.MULTILINE)
    assert (pytester.path / "jukicard-recordings" / ".gitignore").read_text() == "*\n"


def test_nothing_is_kept_without_being_asked_for(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_card=FAILING)
    result = pytester.runpytest_subprocess()
    assert "repeat it" not in result.stdout.str()
    assert not (pytester.path / "jukicard-recordings").exists()


def test_another_place(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_card=FAILING)
    pytester.runpytest_subprocess("--jukicard-record", "--jukicard-record-dir", "kept here")
    assert len([*(pytester.path / "kept here").glob("*.json")]) == 3
