"""The sample terminal: twenty lines of a suite find all eight bugs, and say why in words."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

pytest_plugins = ["pytester"]
ROOT: Final = Path(__file__).parents[3]
SAMPLES: Final = ROOT / "tests" / "samples"

FINDINGS: Final = {
    "PIN sent before authentication": (
        "test_the_pin_is_protected",
        "VERIFY carried a PIN in plain",
    ),
    "retry loop that blocks the card": (
        "test_a_pin_is_sent_once",
        "3 wrong PINs were sent, expected: at most 1",
    ),
    "MAC not checked": (
        "test_a_forged_answer_is_noticed",
        "assert 'thank you' == 'it did not w",
        "# hazard: CorruptedMac(",
    ),
    "code cached after removal": (
        "test_nothing_is_shown_without_a_card",
        "== 'put your card in'",
    ),
    "63C0 taken for a wrong PIN": (
        "test_the_last_try_is_told",
        "wrong PIN, tries left: 0",
        "VERIFY 63C0: VERIFY of 001C: wrong value, 0 tries left",
    ),
    "no answer to suspension": (
        "test_a_suspended_card_is_told",
        "assert 'enter your PIN' == 'the card is out of use",
        "card: suspended",
    ),
    "wrong Le handling": (
        "test_the_receipt_has_the_card_number",
        "GET DATA 6C0A: ",
    ),
    "session leaked to the next holder": (
        "test_the_next_holder_begins_anew",
        "== 'enter your PIN first'",
    ),
}
"""Each bug as the sample names it: which test finds it, and what its report says."""


def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, kiosk: str) -> pytest.RunResult:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    suite = (SAMPLES / "kiosk_suite.py").read_text("utf-8")
    pytester.makeconftest((SAMPLES / "kiosk_conftest.py").read_text("utf-8"))
    pytester.makepyfile(test_kiosk=suite)
    return pytester.runpytest_subprocess("--kiosk", f"tests.samples.{kiosk}", "-vv")


def test_the_kiosk_passes(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    run(pytester, monkeypatch, "kiosk:Kiosk").assert_outcomes(passed=len(FINDINGS))


def test_every_planted_bug_is_found_and_said(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(pytester, monkeypatch, "hasty_kiosk:HastyKiosk")
    told = "\n".join(result.outlines)
    heads = re.split(r"^_{3,} (?:ERROR at teardown of )?(test_\w+) _{3,}$", told, flags=re.M)
    reports = dict(zip(heads[1::2], heads[2::2], strict=True))
    assert set(reports) == {test for test, *_ in FINDINGS.values()}
    for bug, (test, *said) in FINDINGS.items():
        words = " ".join(reports[test].split())
        for sentence in said:
            assert sentence in words, (bug, sentence)
        assert "CardInTest juki-v1" in words
        assert "00 20 00 80 04 31" not in words


def test_the_bugs_are_planted_where_they_are_named() -> None:
    hasty = (SAMPLES / "hasty_kiosk.py").read_text("utf-8")
    for bug in FINDINGS:
        assert hasty.count(f"# {bug}") == 1, bug


def test_it_is_as_short_as_it_says_and_written_from_the_manual() -> None:
    kiosk, suite = (
        (SAMPLES / f"{name}.py").read_text("utf-8") for name in ("kiosk", "kiosk_suite")
    )
    tests = [node for node in ast.parse(suite).body if isinstance(node, ast.FunctionDef)]
    assert sum(len(test.body) + len(test.decorator_list) for test in tests) <= 20
    assert len(kiosk.splitlines()) <= 150
    for name in ("kiosk", "hasty_kiosk", "kiosk_suite"):
        text = (SAMPLES / f"{name}.py").read_text("utf-8")
        modules = set(re.findall(r"^from (juki[\w.]+) import", text, flags=re.M))
        assert modules <= {"jukihost", "jukicard.testing"}, name
