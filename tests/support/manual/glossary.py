"""The glossary as it is written: which words mean one thing, and which of them a page links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tests.support.tree import ROOT

_BLOCK: Final = re.compile(r"^```\{glossary\}\n(.*?)^```", re.M | re.S)
_LINK: Final = re.compile(r"\{term\}`(?:[^`<]*<)?([^`<>]+)>?`")
JAPANESE: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True)
class Entry:
    """One thing: what it is called, English first, and what is said of it."""

    names: tuple[str, ...]
    text: str

    def english(self) -> list[str]:
        """Its names without a Japanese character."""
        return [name for name in self.names if not JAPANESE.search(name)]

    def japanese(self) -> list[str]:
        """Its names with one."""
        return [name for name in self.names if JAPANESE.search(name)]


def entries() -> list[Entry]:
    """Return all that stands in docs/glossary.md, in its order."""
    found = []
    for block in _BLOCK.findall((ROOT / "docs/glossary.md").read_text("utf-8")):
        for one in block.strip().split("\n\n"):
            *names, text = one.splitlines()
            assert text.startswith("  "), one
            found.append(Entry(tuple(names), text.strip()))
    return found


def linked(text: str) -> list[str]:
    """Return the words that a text has the glossary explain."""
    return _LINK.findall(text)


def without_links(text: str) -> str:
    """Return the words of a text that nobody explains: no code, no links, no glossary terms."""
    bare = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return re.sub(r"\{term\}`[^`]*`|`[^`]*`|\]\([^)]*\)", " ", bare)
