"""Lines are folded where a line may end: not in a word, not between a character and its marks."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from jukihost.paper.document import Fields, Heading, Paragraph, _fold, _lines, _pages
from jukihost.paper.glyphs import pieces

SELECTOR = "\U000e0110"
CHARACTERS = st.sampled_from(["ab", "a", " ", "、", "々", f"邉{SELECTOR}", "𠮷", "か\u3099", "邉"])
TEXT = st.lists(CHARACTERS, max_size=60).map("".join)


class Ems:
    """A font whose every character is an em wide, and which has all of them."""

    def check(self, text: str) -> None:
        """Take it."""

    def width(self, text: str) -> float:
        return float(sum(one != SELECTOR for one in text))


EMS: Any = Ems()


def test_what_is_kept_together() -> None:
    text = f"山邉{SELECTOR}か\u3099 Ab-1 c、"
    assert [*pieces(text)] == ["山", f"邉{SELECTOR}", "か\u3099", " ", "Ab-1", " ", "c", "、"]


@given(TEXT, st.integers(2, 12))
def test_nothing_is_lost_and_nothing_too_wide(text: str, width: int) -> None:
    lines = _fold(EMS, text, 1.0, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    for line in lines:
        hanging = line[:-1].rstrip(" ") if line[-1:] in ("、", "々") else line
        assert EMS.width(hanging) <= width or len([*pieces(hanging)]) == 1
    for before, after in pairwise(lines):
        assert after[:1] not in (SELECTOR, "\u3099")
        assert after[:1] not in ("、", "々") or before[-1] in ("、", "々")


@pytest.mark.parametrize("rows", [1, 50, 500])
def test_every_line_stands_on_one_page_within_its_margins(rows: int) -> None:
    fields = Fields(tuple((f"{at}", "値" * 90) for at in range(rows)))
    lines = [*_lines(EMS, [Heading("題"), fields, Paragraph("終わり")])]
    pages = [*_pages(lines)]
    assert [line for page in pages for _, line in page] == lines
    for page in pages:
        heights = [at for at, _ in page]
        assert heights == sorted(heights, reverse=True)
        assert min(heights) > 56.7
        assert max(heights) < 841.89 - 56.7
    assert (len(pages) > 1) == (rows > 10)
