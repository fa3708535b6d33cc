"""Which characters a certificate can hold, and what stands in for the others.

Certificates hold JIS X 0208 (levels 1 and 2) and JIS X 0212. A name may be written with another
character, or with a variant that Unicode marks with a selector; a substitute takes its place, and
one digit for each character tells where (0 as it is, 1 substitute).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

GETA: Final = "〓"
"""What printers have always set for a character that they do not have."""

SUBSTITUTES: Final = {
    "髙": "高",
    "﨑": "崎",
    "𠮷": "吉",
    "𡈽": "土",
    "德": "徳",
    "栁": "柳",
    "瀨": "瀬",
    "黑": "黒",
    "橫": "横",
}
"""Substitutes by the character they stand for; every other one becomes `GETA`."""

# The table that Python uses for EUC-JP has other code points for these cells of JIS X 0208.
_SAME_CELL: Final = str.maketrans("－～∥￠￡￢", "−〜‖¢£¬")
_SELECTORS: Final = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))


@dataclass(frozen=True, slots=True, repr=False)
class CertificateText:
    """A name or an address as a certificate holds it: the text, and a digit for each character."""

    text: str
    flags: str

    def __repr__(self) -> str:
        return f"<CertificateText, {len(self.text)} characters>"


def cell(character: str) -> bytes | None:
    """Return a character's code in EUC-JP: two bytes in JIS X 0208, three (from 8F) in JIS X 0212.

    None for every other character, ASCII and half-width katakana included.
    """
    try:
        code = character.translate(_SAME_CELL).encode("euc_jp")
    except UnicodeEncodeError:
        return None
    return None if len(code) == 1 or code[0] == 0x8E else code


def is_selector(character: str) -> bool:
    """Tell whether a character only selects a variant of the one before it."""
    return any(ord(character) in selectors for selectors in _SELECTORS)


def letters(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each character and whether a selector of a variant follows it."""
    for index, character in enumerate(text):
        if not is_selector(character):
            yield character, is_selector(text[index + 1 : index + 2] or "-")


def certificate_text(text: str) -> CertificateText:
    """Return a text with substitutes for what a certificate cannot hold, and where they stand."""
    shown, flags = "", ""
    for character, is_variant in letters(text):
        fits = cell(character) is not None
        shown += character if fits else SUBSTITUTES.get(character, GETA)
        flags += "0" if fits and not is_variant else "1"
    return CertificateText(shown, flags)


def full_width(text: str) -> str:
    """Return a text with the full-width form of every ASCII character: A becomes Ａ."""
    return text.translate(_FULL_WIDTH)


_FULL_WIDTH: Final = {code: code - 0x20 + 0xFF00 for code in range(0x21, 0x7F)} | {0x20: 0x3000}
