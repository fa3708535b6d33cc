"""Which glyph each character has, by HarfBuzz: the one that was meant, or an error, never another.

A name with a variation sequence (Unicode Standard, 23.4; UTS #37) is another name without it. A
shaper that does not find the sequence in the font draws the character without it and says nothing,
so it is asked here for every one.
"""

from __future__ import annotations

import importlib.util
import io
import os
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from jukihost.errors import TerminalError

if TYPE_CHECKING:
    from pyhanko.pdf_utils.writer import PdfFileWriter

FONT_VARIABLE: Final = "JUKIHOST_FONT"
"""The environment variable that says where the font is."""
_PLACES: Final = ("/usr/share/fonts/truetype/ipamj/ipamjm.ttf",)
_EXTRA: Final = ("fontTools", "pyhanko", "uharfbuzz")
_LARGEST: Final = 128 << 20
_SELECTORS: Final = (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))


class PaperError(TerminalError):
    """A document was not made. No text of it is in the error, but code points."""


class PaperExtraMissing(PaperError):
    """The libraries of the extra `paper` are not installed."""


class FontMissing(PaperError):
    """There is no font that has the names of Japan's registers."""


class FontUnfit(PaperError):
    """The file is no font in TrueType or OpenType, or it forbids to be put into a document."""


class GlyphMissing(PaperError):
    """The font has no glyph for a character, or not for its variation; nothing was made."""


def need_extra() -> None:
    """Check that the libraries of the extra `paper` are there. PaperExtraMissing."""
    if any(importlib.util.find_spec(name) is None for name in _EXTRA):
        raise PaperExtraMissing(
            "documents need further libraries; install them with pip install 'jukicard[paper]' "
            "(in a clone of the project '.[paper]')"
        )


def find_font(path: str | Path | None = None) -> Path:
    """Return where the font is: `path`, JUKIHOST_FONT, or IPAmj Mincho of Debian's package.

    FontMissing, with where it comes from.
    """
    named = path or os.environ.get(FONT_VARIABLE)
    for place in [named] if named else _PLACES:
        if Path(place).is_file():
            return Path(place)
    raise FontMissing(
        "there is no font for names as they are; install IPAmj Mincho (Debian's package "
        "fonts-ipamj-mincho, or from the Character Information Technology Promotion Council), or "
        f"say in {FONT_VARIABLE} where one is that has its variation sequences"
    )


class Glyphs:
    """One font at work in one document: checks, measures and draws text, horizontally."""

    def __init__(self, writer: PdfFileWriter, path: Path) -> None:
        """FontUnfit, FontMissing when it cannot be read."""
        self._engine, self._font = _load(writer, path)
        self.width = lru_cache(maxsize=1 << 16)(self._width)

    def check(self, text: str) -> None:
        """GlyphMissing unless each character has its own glyph, variations too."""
        for base, selector in _sequences(text):
            code = ord(base)
            if selector:
                found = self._font.get_variation_glyph(code, ord(selector))
            elif unicodedata.category(base) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
                found = None
            else:
                found = self._font.get_nominal_glyph(code)
            if not found:
                points = " ".join(f"U+{ord(one):04X}" for one in base + selector)
                raise GlyphMissing(
                    f"the font has no glyph for {points}, and another is not put in its place; "
                    f"name a font in {FONT_VARIABLE} that has it"
                )

    def _width(self, text: str) -> float:
        """Return how wide a text is, in ems."""
        return float(self._engine.shape(text, with_actual_text=False).x_advance)

    def draw(self, text: str, size: float) -> bytes:
        """Return the operators that draw a checked text of this size where the pen is."""
        self._engine.font_size = size
        return bytes(self._engine.shape(text).graphics_ops)

    @property
    def resource(self) -> Any:
        """The font as a page refers to it."""
        return self._engine.as_resource()

    def embed(self) -> None:
        """Put the glyphs that were drawn into the document."""
        self._engine.prepare_write()


def pieces(text: str) -> Iterator[str]:
    """Yield what a line is not broken in: words of Latin letters, characters with their marks."""
    piece = ""
    for one in text:
        marks = ord(one) in _SELECTORS or unicodedata.combining(one)
        word = piece and piece[-1].isascii() and one.isascii() and " " not in piece[-1] + one
        if piece and not (marks or word):
            yield piece
            piece = ""
        piece += one
    if piece:
        yield piece


def _sequences(text: str) -> Iterator[tuple[str, str]]:
    """Yield each character with the variation selector behind it; a stray selector is a base."""
    at = 0
    while at < len(text):
        selector = text[at + 1 : at + 2]
        if not selector or ord(selector) not in _SELECTORS or ord(text[at]) in _SELECTORS:
            selector = ""
        yield text[at], selector
        at += 1 + len(selector)


def _load(writer: PdfFileWriter, path: Path) -> tuple[Any, Any]:
    from fontTools.ttLib import TTLibError
    from pyhanko.pdf_utils.font.opentype import GlyphAccumulator

    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise FontMissing(f"the font cannot be read: {error.strerror}") from None
    try:
        engine = GlyphAccumulator(
            writer, io.BytesIO(content), 10, bcp47_lang_code="ja-JP", writing_direction="ltr"
        )
        forbidden = engine.tt["OS/2"].fsType & 0x0002  # OpenType, OS/2: restricted licence
    except (TTLibError, KeyError, ValueError, NotImplementedError, EOFError, AssertionError):
        raise FontUnfit("the file is no font in TrueType or OpenType that can be used") from None
    if forbidden or len(content) > _LARGEST:
        raise FontUnfit("the font's licence forbids to put it into documents, or it is too large")
    return engine, engine.hb_font
