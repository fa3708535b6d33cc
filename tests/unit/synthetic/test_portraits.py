"""Images of the card's surface: PNGs decode to the dots of the font, faces are grey JPEG 2000."""

from __future__ import annotations

import dataclasses
import datetime
import zlib
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

import jukicard.synthetic
from jukicard.applets.surface.personalisation import ADDRESS_COLUMNS, NAME_COLUMNS
from jukicard.environment import SeededRandom
from jukicard.synthetic.characters import letters
from jukicard.synthetic.codes import grouped
from jukicard.synthetic.datafiles import load_bytes, load_json
from jukicard.synthetic.glyphs import SIZE, glyph
from jukicard.synthetic.people import SPECIMEN, Sex, draw_person
from jukicard.synthetic.portraits import (
    FACE_SIZE,
    MARGIN,
    SCALE,
    draw_face,
    text_image,
)

DATA = Path(jukicard.synthetic.__file__).parent / "data"
FACES = sorted(path.name for path in (DATA / "faces").glob("*.jp2"))
DAY = datetime.date(2020, 1, 1)


def decode(png: bytes) -> list[list[int]]:
    """Return the rows of pixels, 1 for black; every chunk and checksum is checked."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = [], 8
    while at < len(png):
        size = int.from_bytes(png[at : at + 4], "big")
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert int.from_bytes(png[at + 8 + size : at + 12 + size], "big") == zlib.crc32(kind + data)
        chunks.append((kind, data))
        at += 12 + size
    assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    header = chunks[0][1]
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    assert header[8:] == bytes((1, 0, 0, 0, 0))  # one bit, grey, no interlacing
    raw = zlib.decompress(chunks[1][1])
    stride = (width + 7) // 8 + 1
    assert len(raw) == stride * height
    rows = []
    for y in range(height):
        assert raw[y * stride] == 0  # no filter
        line = raw[y * stride + 1 : (y + 1) * stride]
        rows.append([1 - (line[x // 8] >> 7 - x % 8 & 1) for x in range(width)])
    return rows


def dots(rows: list[list[int]], column: int, line: int = 0) -> tuple[int, ...]:
    """Return one character's rows as numbers, each dot read from all of its pixels."""
    found = []
    for y in range(SIZE):
        bits = ""
        for x in range(SIZE):
            top = (MARGIN + line * SIZE + y) * SCALE
            left = (MARGIN + column * SIZE + x) * SCALE
            square = {rows[top + dy][left + dx] for dy in range(SCALE) for dx in range(SCALE)}
            assert len(square) == 1
            bits += str(square.pop())
        found.append(int(bits, 2))
    return tuple(found)


@given(
    st.text(st.sampled_from("黒桐　幹也０１２髙﨑𠮷AZ7"), min_size=1, max_size=30),
    st.integers(1, 12),
)
def test_a_text_is_drawn_dot_by_dot(text: str, columns: int) -> None:
    rows = decode(text_image(text, columns))
    lines = -(-len(text) // columns)
    assert len(rows) == (lines * SIZE + 2 * MARGIN) * SCALE
    assert len(rows[0]) == (min(len(text), columns) * SIZE + 2 * MARGIN) * SCALE
    for index, character in enumerate(text):
        assert dots(rows, index % columns, index // columns) == glyph(character)
    margin = MARGIN * SCALE
    assert not any(any(row) for row in (*rows[:margin], *rows[-margin:]))
    assert not any(any(row[:margin]) or any(row[-margin:]) for row in rows)


def test_the_surface_shows_the_persons_texts() -> None:
    person = dataclasses.replace(SPECIMEN, family="髙﨑")
    name = decode(text_image(person.name, NAME_COLUMNS))
    assert [dots(name, column) for column in range(5)] == [glyph(c) for c in "髙﨑　幹也"]
    address = decode(text_image(person.address, ADDRESS_COLUMNS))
    assert dots(address, 17) == glyph("２")
    code = decode(text_image(person.security_code, 4))
    assert [dots(code, column) for column in range(4)] == [glyph("0")] * 4
    number = decode(text_image(grouped(person.individual_number), 14))
    assert [dots(number, column) for column in range(14)] == [
        glyph(character) for character in "5376 8667 7188"
    ]


def test_a_variant_by_selector_is_one_character() -> None:
    assert text_image("葛\U000e0100城", 5) == text_image("葛城", 5)


@pytest.mark.parametrize(("text", "columns"), [("", 3), ("\ufe00", 3), ("黒", 0)])
def test_an_image_of_nothing_is_refused(text: str, columns: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        text_image(text, columns)


# -- the font -------------------------------------------------------------------------------------


def test_every_kanji_of_the_standard_has_a_glyph_of_its_own() -> None:
    kanji = []
    for row in range(0xB0, 0xF5):
        for column in range(0xA1, 0xFF):
            try:
                kanji.append(bytes((row, column)).decode("euc_jp"))
            except UnicodeDecodeError:
                continue
    assert len(kanji) == 2965 + 3390
    geta = glyph("〓")
    assert any(geta)
    drawn = {glyph(character) for character in kanji}
    assert geta not in drawn
    assert len(drawn) == len(kanji)


def test_every_character_that_can_be_drawn_has_a_glyph() -> None:
    geta = glyph("〓")
    data = load_json("people.json")
    texts = [row[0] for key in ("families", "families_with_variants") for row in data[key]]
    texts += [
        row[0] for by_year in data["given"].values() for rows in by_year.values() for row in rows
    ]
    texts += data["towns"] + data["towns_with_variants"] + data["buildings"]
    texts += [
        "ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ０１２３４５６７８９－（）丁目番号番地"
    ]
    texts += [
        person.address for person in (draw_person(SeededRandom(n), issued=DAY) for n in range(300))
    ]
    for text in texts:
        for character, _ in letters(text):
            assert character == "　" or (any(glyph(character)) and glyph(character) != geta), text


@pytest.mark.parametrize("character", ["ｱ", "𪚲", "é", "丂"])
def test_what_the_font_does_not_have_is_a_geta(character: str) -> None:
    assert glyph(character) == glyph("〓")


def test_shapes_are_recognised() -> None:
    """The vertical stroke of 土 and the box of 口: the bits are the right way round."""
    earth = glyph("土")
    assert sum(row >> 7 & 1 for row in earth) >= 14
    mouth = [row for row in glyph("口") if row]
    assert mouth[0].bit_count() > 8
    assert all(row.bit_count() == 2 for row in mouth[3:-4])
    assert glyph("A") == glyph("Ａ")
    assert not any(glyph("　"))


# -- faces ----------------------------------------------------------------------------------------


def boxes(raw: bytes) -> dict[bytes, bytes]:
    """The boxes of a JP2 file (ISO/IEC 15444-1, I.4), the last one to its end."""
    found, at = {}, 0
    while at < len(raw):
        size, kind = int.from_bytes(raw[at : at + 4], "big"), raw[at + 4 : at + 8]
        end = len(raw) if size == 0 else at + size
        assert at + 8 <= end <= len(raw)
        found[kind] = raw[at + 8 : end]
        at = end
    return found


@pytest.mark.parametrize("name", FACES)
def test_a_face_is_a_small_grey_jpeg_2000(name: str) -> None:
    raw = load_bytes(f"faces/{name}")
    assert len(raw) <= 8192
    outer = boxes(raw)
    assert outer[b"jP  "] == b"\r\n\x87\n"
    assert outer[b"ftyp"][:4] == b"jp2 "
    inner = boxes(outer[b"jp2h"])
    height, width = (int.from_bytes(inner[b"ihdr"][at : at + 4], "big") for at in (0, 4))
    assert (width, height) == FACE_SIZE
    assert int.from_bytes(inner[b"ihdr"][8:10], "big") == 1  # one component
    assert inner[b"ihdr"][10:12] == b"\x07\x07"  # 8 bits, JPEG 2000
    assert int.from_bytes(inner[b"colr"][3:7], "big") == 17  # grey
    stream = outer[b"jp2c"]
    assert stream[:4] == b"\xff\x4f\xff\x51"  # start of codestream, image and tile size
    assert b"\xff\x93" in stream  # start of data
    assert stream[-2:] == b"\xff\xd9"  # end of codestream


@pytest.mark.parametrize("sex", Sex)
def test_every_sex_and_age_has_faces(sex: Sex) -> None:
    random = SeededRandom(1)
    seen = set()
    for year in (2010, 1970, 1920):
        person = dataclasses.replace(SPECIMEN, sex=sex, birth=datetime.date(year, 6, 1))
        of_age = {draw_face(random, person, DAY) for _ in range(30)}
        assert len(of_age) == 2
        seen |= of_age
    assert len(seen) == 6


def test_all_faces_are_chosen_from() -> None:
    random = SeededRandom(2)
    drawn = {draw_face(random, draw_person(random, issued=DAY), DAY) for _ in range(500)}
    drawn |= {
        draw_face(random, draw_person(random, issued=DAY, sex=Sex.NOT_APPLICABLE), DAY)
        for _ in range(300)
    }
    assert drawn == {load_bytes(f"faces/{name}") for name in FACES}
    assert len(FACES) == 18
