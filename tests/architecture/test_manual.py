"""The manual leads its readers: by who they are, and from the first page to every other."""

from __future__ import annotations

import re
import sys
from typing import Final

from tests.support.tree import ROOT, tracked

sys.path.insert(0, str(ROOT / "docs"))

import apipages

INDEX: Final = (ROOT / "docs/index.md").read_text("utf-8")
READERS: Final = [
    "For everybody",
    "For programmers of terminals",
    "For testers",
    "For authors of an application",
    "For whoever works on this",
]


def groups() -> dict[str, list[str]]:
    """The pages of each group of the first page, by its caption, in their order."""
    found = {}
    for body in re.findall(r"```\{toctree\}\n(.*?)```", INDEX, re.S):
        caption = re.search(r"^:caption: (.+)$", body, re.M)
        assert caption, "a group says whom it is for"
        found[caption[1]] = re.findall(r"^[\w/.-]+$", body, re.M)
    return found


def test_pages_are_ordered_by_their_readers() -> None:
    assert list(groups()) == READERS
    assert ":glob:" not in INDEX, "alphabet is no order"
    assert all(groups().values())


def test_every_page_is_in_one_group() -> None:
    listed = [page for pages in groups().values() for page in pages]
    written = [path.stem for path in tracked() if path.match("docs/*.md") and path.stem != "index"]
    made = [f"reference/{name}" for name in apipages.pages()]
    assert sorted(listed) == sorted(written + made)


def test_the_first_page_leads_to_the_readme() -> None:
    """And has it in the manual: a link out of the manual would be none where only that is."""
    assert "Start with [the README](readme.md)" in INDEX
    assert groups()["For everybody"][0] == "readme"


def test_the_examples_declarations_are_printed_with_the_reason_of_each_waiver() -> None:
    told = apipages.pages()["examples-tables"]
    rows = {row.split(" | ")[0].strip("| "): row for row in told.splitlines() if row[:1] == "|"}
    packages = {path.parent.name for path in (ROOT / "examples").glob("*/pyproject.toml")}
    assert packages == set(rows) - {"package", "---"}
    for package in packages:
        [declared] = (ROOT / "examples" / package / "src").glob("*/__init__.py")
        text = declared.read_text("utf-8")
        waived = re.search(r'^NO_PIN = "(.+)"$', text, re.M)
        assert (f"none: {waived[1]} |" if waived else "in EF 000") in rows[package]
        purposes = re.findall(r"^    ([A-Z_]+) = (\d+)$", text, re.M)
        assert purposes
        assert all(f"{name}={number}" in rows[package] for name, number in purposes)


def test_pages_of_the_root_are_shown_as_they_are() -> None:
    for page, source in (
        ("readme", "README"),
        ("security", "SECURITY"),
        ("contributing", "CONTRIBUTING"),
        ("changelog", "CHANGELOG"),
    ):
        text = (ROOT / f"docs/{page}.md").read_text("utf-8")
        assert text == f"```{{include}} ../{source}.md\n```\n"
