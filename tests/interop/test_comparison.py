"""What docs/comparison.md says was measured: its commands, done, and what they answer."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Final

import pytest

from benchmarks import vicc_card
from jukicard import issue_card
from tests.support.interop.missing import require
from tests.support.tree import ROOT

pytestmark = pytest.mark.interop
PAGE: Final = (ROOT / "docs/comparison.md").read_text("utf-8")
STATUS: Final = re.compile(r"\b(?:6[0-9A-F]{3}|9000)\b")


def said() -> Iterator[tuple[str, list[str], list[str]]]:
    """What was asked, and which status words the page has from this project and from vicc."""
    table = PAGE.split("What it answers, where a terminal would notice")[1].split("```")[0]
    for row in re.findall(r"^\| ([A-Z][^|]+)\|([^|]+)\|([^|]+)\|$", table, re.M):
        yield row[0].strip(), STATUS.findall(row[1]), STATUS.findall(row[2])


def commands(line: str) -> list[str]:
    """The APDUs of the command of the page that begins so."""
    [found] = re.findall(rf"^.*{re.escape(line)}.*$", PAGE, re.M)
    return [word for word in shlex.split(found) if re.fullmatch(r"(?:[0-9A-F]{2}){4,}", word)]


def test_vicc_answers_as_the_page_says() -> None:
    require("vicc", [] if vicc_card.find() else ["vsmartcard-vpicc"])
    script = str(ROOT / "benchmarks/vicc_card.py")
    done = subprocess.run(
        [sys.executable, script, "ask", *commands("vicc_card.py ask")],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    answers = [line.split()[1] for line in done.stdout.splitlines()]
    assert answers == [status for _, _, others in said() for status in others]


def test_this_projects_card_answers_as_the_page_says() -> None:
    card = issue_card("juki-v1", seed=1)
    card.power_on()
    _, wrong, *others = (bytes.fromhex(one) for one in commands("jukicard inspect card.juki"))
    card.transmit(bytes.fromhex(commands("jukicard inspect card.juki")[0]))
    expected = [ours for _, ours, _ in said()]
    assert [card.transmit(wrong)[-2:].hex().upper() for _ in range(3)] == expected[0]
    assert [[card.transmit(one)[-2:].hex().upper()] for one in others] == expected[1:]


def test_the_page_measures_with_what_there_is() -> None:
    from benchmarks.__main__ import PARTS

    asked = set(re.findall(r"-m benchmarks (\w+)", PAGE))
    assert {"comparison", "inprocess"} == asked <= set(PARTS)
