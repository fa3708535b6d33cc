"""docs/attacks.md and the tests say the same: every attack has tests that carry its number."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\d+) \|.*\|([^|]+)\|$", re.MULTILINE)
FILE = re.compile(r"`(tests/[^`]+)`")
NUMBERED = re.compile(r"^def test_(\d+)_", re.MULTILINE)
COUNT = 15
OF_TERMINALS = re.compile(r"^\| T(\d+) \|.*\|([^|]+)\|$", re.MULTILINE)
SHOWN = re.compile(r"`(tests/[^`]+)`: ((?:`test_\w+`(?:, )?)+)")


def listed() -> dict[int, list[str]]:
    """The files of tests that the page names for each attack."""
    page = (ROOT / "docs" / "attacks.md").read_text("utf-8")
    return {int(number): FILE.findall(files) for number, files in ROW.findall(page)}


def numbered() -> dict[int, set[str]]:
    """The files that have a test with each number."""
    found: dict[int, set[str]] = {}
    for path in sorted((ROOT / "tests" / "unit" / "security").glob("test_*.py")):
        for number in NUMBERED.findall(path.read_text("utf-8")):
            found.setdefault(int(number), set()).add(path.relative_to(ROOT).as_posix())
    return found


def test_every_attack_is_listed_once_and_in_order() -> None:
    page = (ROOT / "docs" / "attacks.md").read_text("utf-8")
    assert [int(number) for number, _ in ROW.findall(page)] == list(range(1, COUNT + 1))


@pytest.mark.parametrize("number", range(1, COUNT + 1))
def test_an_attack_names_the_tests_that_carry_its_number(number: int) -> None:
    carrying = numbered()[number]
    assert carrying
    assert carrying <= set(listed()[number])


def test_no_test_carries_a_number_that_is_not_listed() -> None:
    assert set(numbered()) == set(listed())


@pytest.mark.parametrize("number", range(1, COUNT + 1))
def test_every_file_that_is_named_exists_and_has_tests(number: int) -> None:
    for name in listed()[number]:
        text = (ROOT / name).read_text("utf-8")
        assert re.search(r"^ *def test_|TestCase$|\.TestCase\b", text, re.MULTILINE), name


# -- the terminal's half ---------------------------------------------------------------------------


def of_terminals() -> list[tuple[str, str]]:
    """Number and last column of each row."""
    return OF_TERMINALS.findall((ROOT / "docs" / "attacks.md").read_text("utf-8"))


def test_attacks_on_a_terminal_are_numbered_in_order() -> None:
    assert [int(number) for number, _ in of_terminals()] == list(range(1, len(of_terminals()) + 1))
    assert len(of_terminals()) > 15


@pytest.mark.parametrize(("number", "shown"), of_terminals())
def test_an_attack_on_a_terminal_names_tests_that_there_are(number: str, shown: str) -> None:
    found = SHOWN.findall(shown)
    assert found, f"T{number} names no test"
    assert SHOWN.sub("", shown).strip(" ;") == "", f"T{number} names a file without its tests"
    for file, tests in found:
        text = (ROOT / file).read_text("utf-8")
        for test in re.findall(r"`(\w+)`", tests):
            assert re.search(rf"^def {test}\(", text, re.MULTILINE), f"{file} has no {test}"
