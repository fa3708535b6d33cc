"""Lets the manual's search find Japanese words too: that language has no spaces to split at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import sphinx.search
from sphinx.search.en import SearchEnglish

_JAPANESE: Final = re.compile(r"[぀-ヿ々㐀-鿿]+")


class SearchBoth(SearchEnglish):
    """English as Sphinx searches it, and Japanese by what it is written in.

    A run of Japanese is one word for the search, which finds what is typed anywhere in a word where
    that has three characters or more. Words of two are therefore words of their own.
    """

    def split(self, input: str) -> list[str]:
        """Return the words of a text."""
        return [*super().split(input), *_pairs(input)]


def _pairs(text: str) -> Iterator[str]:
    for run in _JAPANESE.findall(text):
        yield from (first + second for first, second in pairwise(run))


def use() -> None:
    """Have every page searched so; before Sphinx makes its index."""
    sphinx.search.languages["en"] = SearchBoth
