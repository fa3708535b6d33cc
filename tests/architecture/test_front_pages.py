"""What stands at the root for strangers: it names only what is there."""

from __future__ import annotations

import ast
import datetime
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from jukicard import issue_card
from jukicard.profiles import builder
from tests.support.tree import ROOT, tracked

PAGES: Final = ("README.md", "README.ja.md", "CONTRIBUTING.md", "SECURITY.md", "NOTICE")
TOP: Final = r"LICENSE|Makefile|NOTICE|[A-Z]+\.md|constraints\.txt|pyproject\.toml"
PATH: Final = re.compile(
    rf"(?<![\w./-])(?:(?:{TOP})(?![\w/])"
    r"|(?:benchmarks|docs|examples|host|jukicard|tests|vectors)/[\w./-]*\w)"
)


SERVE: Final = re.compile(r' (?P<profile>[\w-]+):(?P<seed>\d+) --issued "\$\((?P<day>date.*)\)" &$')
BUILT: Final = Path("docs/_build/html")
"""What `make docs` makes."""


def read(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_it_names_is_there(page: str) -> None:
    named = {Path(name) for name in PATH.findall(read(page))}
    assert named, f"{page} names no file: nothing was looked at"
    there = {place for path in tracked() for place in (path, *path.parents)}
    assert not {path for path in named - there if not path.is_relative_to(BUILT)}


@pytest.mark.parametrize("page", [page for page in PAGES if page != "SECURITY.md"])
def test_every_make_target_that_it_names_is_there(page: str) -> None:
    named = set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", read(page), re.M))
    targets = set(re.findall(r"^([a-z-]+):(?!=)", read("Makefile"), re.M))
    assert named, f"{page} names no target: nothing was looked at"
    assert not named - targets


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md"])
def test_no_address_is_invented(page: str) -> None:
    """Nobody can promise that a mailbox or a site is read wherever a copy of the tree is."""
    assert not re.findall(r"\S+@\S+\.\w|https?://\S+|www\.\S+", read(page))


def issued_in_the_readme() -> list[tuple[str, int, datetime.date]]:
    """Profile, seed and day of every card that the README makes, in Python and in the shell."""
    found = []
    for block in re.findall(r"^```python\n(.*?)^```", read("README.md"), re.M | re.S):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "issue_card":
                given = {word.arg: ast.unparse(word.value) for word in node.keywords}
                assert given["issued"] == "date.today()"
                profile = ast.literal_eval(node.args[0])
                found.append((profile, int(given["seed"]), datetime.date.today()))
    for block in re.findall(r"^```sh\n(.*?)^```", read("README.md"), re.M | re.S):
        for line in re.findall(r"^.*jukicard serve .*$", block, re.M):
            said = re.search(
                r' (?P<profile>[\w-]+):(?P<seed>\d+) --issued "\$\((date.*)\)" &$', line
            )
            assert said, f"on which day is that card issued? {line}"
            day = subprocess.run(said[3].split(), capture_output=True, text=True, check=True)
            today = datetime.date.fromisoformat(day.stdout.strip())
            found.append((said["profile"], int(said["seed"]), today))
    return found


@pytest.fixture
def expiry(monkeypatch: pytest.MonkeyPatch) -> list[datetime.date]:
    """The last day of each card that is issued, in their order."""
    found: list[datetime.date] = []

    def told(*arguments: Any) -> datetime.date:
        found.append(rule(*arguments))
        return found[-1]

    rule = builder._expiry
    monkeypatch.setattr(builder, "_expiry", told)
    return found


def test_the_readmes_own_card_has_not_expired(expiry: list[datetime.date]) -> None:
    cards = issued_in_the_readme()
    assert len(cards) >= 2, "nothing was looked at"
    assert len({(profile, seed) for profile, seed, _ in cards}) == 1, "it is one card"
    for profile, seed, day in cards:
        issue_card(profile, seed=seed, issued=day)
    assert len(expiry) == len(cards)
    assert min(expiry) > datetime.date.today()


def test_the_cards_that_it_speaks_of_as_expired_have(expiry: list[datetime.date]) -> None:
    for profile in ("juki-v1", "juki-v2"):
        issue_card(profile, seed=1)
    assert len(expiry) == 2
    assert max(expiry) < datetime.date.today()


def test_the_readme_leads_to_them() -> None:
    for page in PAGES[1:]:
        assert page in read("README.md"), page
