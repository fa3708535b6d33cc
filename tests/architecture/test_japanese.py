"""The Japanese pages say what the English ones say, line for line, with the same code.

The rule: a page has a line for each line of the other; headings have the same levels, paragraphs,
tables and lists the same places. What is between backticks in a line is the same, paths to another
page of the same language aside, and so is where its links lead and what the glossary is asked.
Blocks are the same byte for byte, but for comments and docstrings, which are in Japanese.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Final

import pytest

from tests.support.manual.glossary import JAPANESE, entries, linked, without_links
from tests.support.tree import ROOT

sys.path.insert(0, str(ROOT / "docs"))

import languages
from searching import SearchBoth

FIRST: Final = sorted(path.name for path in (ROOT / "docs").glob("start-*.md"))
PAIRS: Final = {
    "README.md": "README.ja.md",
    **{f"docs/{name}": f"docs/ja/{name}" for name in FIRST},
}
KANA: Final = re.compile(r"[\u3040-\u30ffー・、]+")
"""How a Japanese word is read begins with this; a word of kana needs no more."""


def read(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def pairs() -> list[tuple[str, str]]:
    """Both texts of each page."""
    return [(read(english), read(japanese)) for english, japanese in PAIRS.items()]


def fenced(text: str) -> list[tuple[str, str]]:
    """How each block begins, and what is in it."""
    return re.findall(r"^(```[^\n]+|<!---[^\n]+)\n(.*?)^(?:```|-->)$", text, re.M | re.S)


def prose(text: str) -> list[str]:
    """The lines of a page outside its blocks, which stand as one line each."""
    return re.sub(r"^(```|<!---)[^\n]*\n.*?^(?:```|-->)$", "BLOCK", text, flags=re.M | re.S).split(
        "\n"
    )


def code_of(kind: str, text: str) -> object:
    """A block without what is said to people in it: comments, and in Python docstrings."""
    if "python" in kind:
        options = re.match(r"(?::\w+: .*\n)*", text)
        assert options
        return options[0], python(text[options.end() :])
    if kind.endswith("sh"):
        return [re.sub(r"\s+#.*", "", line) for line in text.splitlines()]
    return text


def python(code: str) -> list[str]:
    """The tokens that count: no comment, no layout, no docstring."""
    spoken = {
        (body[0].lineno, body[0].col_offset)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        for body in (node.body,)
        if ast.get_docstring(node) is not None
    }
    return [
        token.string
        for token in tokenize.generate_tokens(io.StringIO(code).readline)
        if token.type not in (tokenize.COMMENT, tokenize.NL) and token.start not in spoken
    ]


def test_every_page_has_its_twin() -> None:
    there = {f"docs/ja/{path.name}" for path in (ROOT / "docs/ja").glob("*.md")}
    assert there == {*PAIRS.values()} - {"README.ja.md"} | {"docs/ja/readme.md"}
    assert len(FIRST) == 4


@pytest.mark.parametrize("page", PAIRS)
def test_blocks_are_the_same_but_for_what_is_said_in_them(page: str) -> None:
    english, japanese = fenced(read(page)), fenced(read(PAIRS[page]))
    assert english, "nothing was looked at"
    assert [kind for kind, _ in english] == [kind for kind, _ in japanese]
    for (kind, one), (_, other) in zip(english, japanese, strict=True):
        assert code_of(kind, one) == code_of(kind, other)


@pytest.mark.parametrize("page", PAIRS)
def test_there_is_a_line_for_each_line(page: str) -> None:
    english, japanese = prose(read(page)), prose(read(PAIRS[page]))
    shapes = [[shape(line) for line in lines] for lines in (english, japanese)]
    assert shapes[0] == shapes[1]
    for one, other in zip(english, japanese, strict=True):
        assert asked(one, japanese=False) == asked(other, japanese=True), (one, other)


def shape(line: str) -> str:
    """What kind of line it is: heading of a level, row of a table, item, text, nothing."""
    begins = re.match(r"#+ |\| |- |BLOCK$|\|---|$", line)
    return begins[0] if begins else "text"


def asked(line: str, *, japanese: bool) -> tuple[list[str], list[str], list[tuple[str, ...]]]:
    """What a line shows as code, where it leads, and what it has the glossary explain."""
    code = [english(one) for one in re.findall(r"`([^`]+)`", re.sub(r"\{term\}`[^`]*`", "", line))]
    leads = re.findall(r"\]\(([^)]+)\)", line)
    if japanese:
        leads = [one.removeprefix("../") for one in leads]
    names = {name: entry.names for entry in entries() for name in entry.names}
    return sorted(code), sorted(leads), sorted(names[term] for term in linked(line))


def english(code: str) -> str:
    """A path to a page that there is in both languages, as the English one; else what it is."""
    if code in {"README.md", "README.ja.md"}:
        return "README"
    return re.sub(r"^docs/ja/", "docs/", code)


@pytest.mark.parametrize("page", PAIRS.values())
def test_it_is_in_japanese(page: str) -> None:
    for line in prose(read(page)):
        if len(line) > 30 and shape(line) == "text":
            assert len(JAPANESE.findall(line)) > len(line) / 5, line
            assert line.rstrip().endswith("。"), line


@pytest.mark.parametrize("page", PAIRS)
def test_readers_are_addressed_alike(page: str) -> None:
    """です・ます everywhere: no sentence ends plainly."""
    for sentence in sentences(read(PAIRS[page])):
        assert re.search(
            r"(です|ます|ません|でした|ました|ましょう|ください|でしょうか)。$", sentence
        ), sentence


def sentences(text: str) -> Iterator[str]:
    for line in prose(text):
        if shape(line) == "text":
            plain = re.sub(r"（[^（）]*）", "", line)
            yield from (one for one in re.findall(r"[^。]+。", plain) if len(one) > 2)


@pytest.mark.parametrize(("page", "language"), [("ja/start-tester", "ja"), ("start-tester", "en")])
def test_a_page_says_in_which_language_it_is(page: str, language: str) -> None:
    told: dict[str, object] = {}
    app = SimpleNamespace(connect=lambda name, work: told.update({name: work}))
    languages.setup(app)  # type: ignore[arg-type]
    context = {"language": "en"}
    told["html-page-context"](app, page, "page.html", context, None)  # type: ignore[operator]
    assert context["language"] == language


@pytest.mark.parametrize("typed", ["閉塞", "交付", "暗証番号", "セキュア"])
def test_it_is_found_by_what_somebody_types(typed: str) -> None:
    """The search looks a word up as it is, and in the middle of words from three characters on."""
    words = {word.lower() for word in SearchBoth({}).split(f"カードの{typed}を、APDU で")}
    assert typed in words or (len(typed) > 2 and any(typed in word for word in words))
    assert "apdu" in words


# -- the glossary ----------------------------------------------------------------------------------


def test_entries_are_in_both_languages_and_one_line() -> None:
    found = entries()
    assert len(found) > 50
    names = [name for entry in found for name in entry.names]
    assert len(names) == len(set(names)), "one word, one meaning"
    for entry in found:
        assert entry.english(), entry
        assert entry.text.endswith("."), entry
        for name in entry.japanese():
            assert KANA.fullmatch(name) or KANA.match(entry.text), f"how is {name} read?"


@pytest.mark.parametrize("page", FIRST)
def test_the_first_pages_explain_their_terms(page: str) -> None:
    """Each term of the glossary that a first page uses, it links once."""
    for folder, names in (("docs", "english"), ("docs/ja", "japanese")):
        text = read(f"{folder}/{page}")
        known = set(linked(text))
        assert known, "nothing was looked at"
        for entry in entries():
            if known & set(entry.names):
                continue
            for name in getattr(entry, names)():
                bare = without_links(text)
                pattern = rf"\b{re.escape(name)}s?\b" if names == "english" else re.escape(name)
                assert not re.search(pattern, bare), f"{folder}/{page} does not explain {name}"
