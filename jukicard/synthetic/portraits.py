"""What the card's surface shows, as images: texts in 1-bit PNG and a drawn face in JPEG 2000.

The faces were drawn from circles and lines; nobody was photographed.
"""

from __future__ import annotations

import datetime
import zlib
from typing import Final

from jukicard.environment import RandomSource
from jukicard.synthetic.characters import letters
from jukicard.synthetic.datafiles import load_bytes
from jukicard.synthetic.draws import choice
from jukicard.synthetic.glyphs import SIZE, glyph
from jukicard.synthetic.person import Person, Sex

SCALE: Final = 2
"""How many pixels wide and high a dot of the font is drawn."""
MARGIN: Final = 4
"""White pixels around a text, in dots of the font."""
FACE_SIZE: Final = (180, 225)
"""Width and height of a face in pixels."""
_YOUNG_UNTIL: Final = 35
_OLD_FROM: Final = 65
_KINDS: Final = {Sex.MALE: "man", Sex.FEMALE: "woman", Sex.NOT_APPLICABLE: "person"}
_PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def text_image(text: str, columns: int) -> bytes:
    """Return a text in lines of at most `columns` characters, black on white, as a 1-bit PNG.

    ValueError for an empty text or fewer than one column.
    """
    characters = [character for character, _ in letters(text)]
    if not characters or columns < 1:
        raise ValueError("an image of a text has at least one character and one column")
    lines = [characters[at : at + columns] for at in range(0, len(characters), columns)]
    width = (max(len(line) for line in lines) * SIZE + 2 * MARGIN) * SCALE
    blank = [0] * (MARGIN * SCALE)
    rows = list(blank)
    for line in lines:
        rows += _line_rows(line, width)
    return _png(width, rows + blank)


def _line_rows(line: list[str], width: int) -> list[int]:
    """Return the rows of pixels of one line, black 1, the leftmost pixel the highest bit."""
    glyphs = [glyph(character) for character in line]
    rows = []
    for y in range(SIZE):
        dots = "".join(f"{rows_of_one[y]:016b}" for rows_of_one in glyphs)
        row = "0" * MARGIN * SCALE + "".join(dot * SCALE for dot in dots)
        rows += [int(row.ljust(width, "0"), 2)] * SCALE
    return rows


def _png(width: int, rows: list[int]) -> bytes:
    """Return a greyscale PNG of one bit a pixel (ISO/IEC 15948, 11.2); 1 is black in `rows`."""
    size = (width + 7) // 8
    white = (1 << width) - 1
    padding = 8 * size - width
    data = b"".join(b"\0" + ((white ^ row) << padding).to_bytes(size, "big") for row in rows)
    header = width.to_bytes(4, "big") + len(rows).to_bytes(4, "big") + bytes((1, 0, 0, 0, 0))
    return (
        _PNG_SIGNATURE
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(data, 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return len(data).to_bytes(4, "big") + kind + data + checksum.to_bytes(4, "big")


def draw_face(random: RandomSource, person: Person, day: datetime.date) -> bytes:
    """Return a face for a person of that sex and age: grey, 8 bits, a JP2 file (ISO/IEC 15444-1).

    The random source chooses between two of a kind. At most 8 KB.
    """
    age = person.age(day)
    span = "young" if age < _YOUNG_UNTIL else "middle" if age < _OLD_FROM else "old"
    return load_bytes(f"faces/{_KINDS[person.sex]}-{span}-{choice(random, (1, 2))}.jp2")
