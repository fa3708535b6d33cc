"""The second act of the demo: it is told to its end, fast, and shows nothing that it should not."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from tests.support.tree import ROOT

SCRIPT: Final = ROOT / "examples" / "resident_life.py"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What it prints; run once, from a folder that is not its own."""
    folder = tmp_path_factory.mktemp("elsewhere")
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "error", str(SCRIPT)],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "TMPDIR": str(folder), "PYTHONIOENCODING": "utf-8"},
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert time.monotonic() - begun < 60
    assert [*Path(folder).iterdir()] == [], "it leaves nothing behind"
    return done.stdout


def test_ten_years_are_told_on_a_moved_clock(said: str) -> None:
    assert "The terminal's clock is moved" in said
    days = re.findall(r"^(\d{4}-\d{2}-\d{2})  ", said, re.MULTILINE)
    assert days == sorted(days)
    assert (days[0][:4], days[-1][:4]) == ("2014", "2024")


@pytest.mark.parametrize(
    "line",
    [
        "handed over; valid until 2024-04-02",
        "identified: the card has the code",
        "signed: 128 bytes",
        "refused: the PIN is blocked",
        "unblocked at the counter",
        "refused: the ledger says that this card is suspended",
        "the ledger says: active",
        "refused: the card has expired",
        "the ledger says: returned",
        "is signed, witnessed and verified",
        "Signed by prefecture.example at 2024-04-05",
        "Everything came as told.",
    ],
)
def test_what_happens(said: str, line: str) -> None:
    assert line in said


def test_the_disclosure_has_every_use_in_its_order(said: str) -> None:
    uses = re.findall(r"Z : (\w+) \((\w+)\)$", said, re.MULTILINE)
    assert [" ".join(one) for one in uses] == [
        "issue done",
        "hand_over done",
        "identify done",
        "sign done",
        "identify refused",
        "unblock_pin done",
        "suspend done",
        "suspend_on_sight done",
        "identify refused",
        "resume done",
        "identify refused",
        "return done",
    ]


def test_no_code_no_pin_and_no_name_is_shown(said: str) -> None:
    said = re.sub(r"T\d\d:\d\d:\d\d\.\d{6}Z", "", said)
    assert not re.search(r"\d{11}", said)
    for secret in ("2580", "1379", "ABC123", "0000", "住基", "霞が関"):
        assert secret not in said


def test_make_demo_tells_both_acts() -> None:
    told = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert re.search(r"jukicard demo\n.*python examples/resident_life\.py", told)
    assert "[terminal]" in (ROOT / "Makefile").read_text("utf-8")
