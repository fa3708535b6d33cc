"""The manual leads its readers: by who they are, and from the first page to every other."""

from __future__ import annotations

import re
import sys
from typing import Final

from jukicard.apdu import StatusWord
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
    "日本語",
]
FIRST: Final = {
    "For programmers of terminals": "start-terminal",
    "For testers": "start-tester",
    "For authors of an application": "start-application",
    "For whoever works on this": "start-working",
}
"""The page of ten minutes with which each reader begins."""


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
    pages = [path.relative_to("docs") for path in tracked() if path.is_relative_to("docs")]
    written = [str(path.with_suffix("")) for path in pages if path.suffix == ".md"]
    written.remove("index")
    made = [f"reference/{name}" for name in apipages.pages()]
    assert sorted(listed) == sorted(written + made)


def test_the_first_page_leads_to_the_readme() -> None:
    """And has it in the manual: a link out of the manual would be none where only that is."""
    assert "Start with [the README](readme.md)" in INDEX
    assert groups()["For everybody"][0] == "readme"


def test_each_reader_begins_with_ten_minutes_and_looks_things_up_last() -> None:
    for caption, page in FIRST.items():
        first, *rest = groups()[caption]
        assert first == page
        assert f"]({page}.md)" in INDEX.split("```{toctree}")[0], "the entrance leads there"
        printed = [name.startswith("reference/") for name in rest]
        assert printed == sorted(printed), f"{caption}: the reference comes last"
    assert groups()["日本語"][1:] == [f"ja/{page}" for page in FIRST.values()]


def test_every_face_has_a_page() -> None:
    """A face is a package whose names are told to the type checker and found when asked for."""
    lazy = {
        path.parent.relative_to("host" if path.is_relative_to("host") else ".")
        for path in tracked()
        if path.name == "__init__.py"
        and path.parts[0] in {"jukicard", "host"}
        and re.search(r"^_HOMES?\b", (ROOT / path).read_text("utf-8"), re.M)
    }
    assert {".".join(path.parts) for path in lazy} == set(apipages.FACES)


def test_every_status_word_is_printed() -> None:
    told = apipages.pages()["status-words"]
    named = [name for name in StatusWord.__annotations__ if name.isupper()]
    assert len(named) >= 40
    for name in named:
        status = getattr(StatusWord, name)
        assert f"| `{status.hex}` | {status.meaning} |" in told
    for family in ("61XX", "63CX", "6CXX"):
        assert f"| `{family}` |" in told
    for page, anchor in re.findall(r"\]\((errors)\.md#([\w-]+)\)", told):
        assert f"({anchor})=" in apipages.pages()[page]


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


def test_no_page_tells_of_plans() -> None:
    """The manual says what is; what somebody has in mind is in no page of it."""
    words = re.compile(
        r"\((?:planned|next)\)|\bnot there yet\b|\bwhole plan\b|\bcoming soon\b|\bTODO\b", re.I
    )
    pages = [path for path in tracked() if path.suffix == ".md" and path.name != "CHANGELOG.md"]
    assert len(pages) > 50
    found = [
        (str(path), one)
        for path in pages
        for one in words.findall((ROOT / path).read_text("utf-8"))
    ]
    assert not found


def test_no_two_pages_offer_the_same_kind_of_application() -> None:
    """Their blocks may run in one process, in which a kind is one class."""
    offered = [
        (kind, path.name)
        for path in (ROOT / "docs").glob("*.md")
        for kind in set(re.findall(r'^    type_name = "([^"]+)"$', path.read_text("utf-8"), re.M))
    ]
    assert len(offered) >= 4, "nothing was looked at"
    kinds = [kind for kind, _ in offered]
    assert len(kinds) == len(set(kinds)), sorted(offered)


def test_pages_of_the_root_are_shown_as_they_are() -> None:
    for page, source in (
        ("readme", "README"),
        ("security", "SECURITY"),
        ("contributing", "CONTRIBUTING"),
        ("changelog", "CHANGELOG"),
        ("ja/readme", "README.ja"),
    ):
        text = (ROOT / f"docs/{page}.md").read_text("utf-8")
        up = "../" * (page.count("/") + 1)
        assert text == f"```{{include}} {up}{source}.md\n```\n"
