"""The testers' recipes: all pass with a good terminal, and a hasty one fails where it ought."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

pytest_plugins = ["pytester"]
ROOT: Final = Path(__file__).parents[3]
PAGE: Final = (ROOT / "docs" / "recipes.md").read_text("utf-8")
BLOCKS: Final = re.findall(r"^```\{code-block\} python\n(.*?)^```$", PAGE, flags=re.M | re.S)
RECIPES: Final = re.findall(r"^## (\d+)\. My terminal must .+$", PAGE, flags=re.M)


def run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, terminal: str, *arguments: str
) -> pytest.RunResult:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    module, _, name = terminal.partition(":")
    imported = f"from tests.samples.{module} import {name} as Terminal\n"
    pytester.makepyfile(test_recipes=imported + "\n".join(BLOCKS))
    return pytester.runpytest_subprocess("--strict-markers", "-rA", *arguments)


def test_there_are_twenty() -> None:
    assert [str(number) for number in range(1, 21)] == RECIPES
    assert len(BLOCKS) == 21, "the head, and one for each"
    assert all(re.search(r"^def test_", block, flags=re.M) for block in BLOCKS[1:])


@pytest.mark.parametrize("way", ["in-process", "tcp"])
def test_a_good_terminal_passes_all(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    result = run(pytester, monkeypatch, "kiosk:Kiosk", "--juki-reader", way)
    assert result.ret == pytest.ExitCode.OK
    assert result.parseoutcomes().keys() == {"passed"}


def test_a_hasty_one_fails_most(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(pytester, monkeypatch, "hasty_kiosk:HastyKiosk")
    told = "\n".join(result.outlines)
    failed = set(re.findall(r"^(?:FAILED|ERROR) test_recipes\.py::(test_\w+)", told, flags=re.M))
    print(sorted(failed))
    assert len(failed) >= 12, failed
    assert "31323334" not in told
