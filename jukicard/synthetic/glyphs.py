"""A bitmap font of 16 dots: every character of JIS X 0208, and the variants that names here have.

The font is Shinonome (東雲), which its authors put into the public domain; see data/README.md.
"""

from __future__ import annotations

import zlib
from functools import cache
from typing import Final

from jukicard.synthetic.characters import GETA, cell, full_width
from jukicard.synthetic.datafiles import load_bytes

SIZE: Final = 16
"""Width and height of a character, in dots."""
_BYTES: Final = SIZE * SIZE // 8
_CELLS: Final = 94

_VARIANTS: Final = {
    "髙": "00807FFF041007F0041007F0041000003FFE200227F22412241227F220022006",
    "﨑": "0020102017FE550454885488559857FF540455E4552455247DE400040004000C",
    "𠮷": "0080008000801FFC0080008000807FFF000000000FF80808080808080FF80000",
    "𡈽": "0080008000800080008000801FFC00800090008800840080008000807FFF0000",
    "德": "0840084017FF104027FC46940A9413FC300057FE104012281284148218881078",
    "桒": "01001FFC0100010008107FBF0810091001007FFF0380054009203118C1060100",
}
"""Characters of names that JIS X 0208 does not have, drawn after those that it has."""


@cache
def _font() -> bytes:
    return zlib.decompress(load_bytes("jisx0208-16.zlib"))


def glyph(character: str) -> tuple[int, ...]:
    """Return the 16 rows of a character as 16-bit numbers, the leftmost dot the highest bit.

    ASCII is drawn in full width. A character that the font does not have is drawn as 〓.
    """
    variant = _VARIANTS.get(character)
    if variant is not None:
        return _rows(bytes.fromhex(variant))
    code = cell(full_width(character))
    if code is None or len(code) != 2:
        return glyph(GETA)
    start = ((code[0] - 0xA1) * _CELLS + code[1] - 0xA1) * _BYTES
    return _rows(_font()[start : start + _BYTES].ljust(_BYTES, b"\0"))


def _rows(raw: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(raw[at : at + 2], "big") for at in range(0, _BYTES, 2))
