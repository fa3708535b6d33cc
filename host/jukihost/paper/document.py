"""A document of headings, paragraphs and fields, as A4 pages in a PDF file, by pyHanko."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from jukihost.paper.glyphs import Glyphs, PaperError, find_font, need_extra, pieces

if TYPE_CHECKING:
    from pyhanko.pdf_utils.writer import PdfFileWriter

_WIDTH, _HEIGHT, _MARGIN = 595.28, 841.89, 56.7  # A4 with margins of 20 mm, in points
_BODY, _HEADING = 10.5, 14.0
_LEADING: Final = 1.6
_LABEL: Final = 120.0
"""How wide the column of labels is, in points."""
MOST_PAGES: Final = 2000
"""The most pages that are made."""
_NOT_FIRST: Final = frozenset("、。，．・：；？！）」』】〕〉》ー々")
"""What does not begin a line (JIS X 4051, 4.3): it stays on the one before."""


class DocumentTooLong(PaperError):
    """The document would have more pages than anybody prints."""


@dataclass(frozen=True)
class Heading:
    """A line in larger type."""

    text: str = field(repr=False)


@dataclass(frozen=True)
class Paragraph:
    """Running text; a line feed begins a line."""

    text: str = field(repr=False)


@dataclass(frozen=True)
class Fields:
    """Labels and their values, in two columns."""

    rows: tuple[tuple[str, str], ...] = field(repr=False)


Block: TypeAlias = Heading | Paragraph | Fields


@dataclass(frozen=True)
class Attachment:
    """A file inside the document, for programs: its name in ASCII, media type, content."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class _Line:
    """What stands on one line: texts, each at its distance from the left margin."""

    size: float
    texts: tuple[tuple[float, str], ...]


def make_pdf(
    title: str,
    blocks: Iterable[Block],
    *,
    at: datetime,
    font: str | Path | None = None,
    attachment: Attachment | None = None,
) -> bytes:
    """Return a PDF file with a title, these blocks, and page numbers.

    at: when it is made, aware. font: see `find_font`; only the glyphs that are used are put in.
    Glyphs are those of the characters with their variation sequences; each text stands in the text
    layer as it was given. PaperError: GlyphMissing, FontMissing, FontUnfit, PaperExtraMissing,
    DocumentTooLong.
    """
    if at.tzinfo is None:
        raise ValueError("the time of a document has a time zone")
    need_extra()
    from pyhanko.pdf_utils.writer import PdfFileWriter

    writer = PdfFileWriter()
    glyphs = Glyphs(writer, find_font(font))
    lines = [*_lines(glyphs, [Heading(title), *blocks])]
    pages = [*_pages(lines)]
    if len(pages) > MOST_PAGES:
        raise DocumentTooLong(f"a document of more than {MOST_PAGES} pages is not made; split it")
    for number, page in enumerate(pages, 1):
        _write(writer, glyphs, page, f"{number} / {len(pages)}")
    glyphs.embed()
    _describe(writer, title, at)
    if attachment:
        _attach(writer, attachment)
    made = io.BytesIO()
    writer.write(made)
    return made.getvalue()


def _lines(glyphs: Glyphs, blocks: Iterable[Block]) -> Iterator[_Line]:
    whole = _WIDTH - 2 * _MARGIN
    for block in blocks:
        match block:
            case Heading(text):
                yield from (
                    _Line(_HEADING, ((0, one),)) for one in _fold(glyphs, text, _HEADING, whole)
                )
            case Paragraph(text):
                for part in text.split("\n"):
                    yield from (
                        _Line(_BODY, ((0, one),)) for one in _fold(glyphs, part, _BODY, whole)
                    )
            case Fields(rows):
                for label, value in rows:
                    left = _fold(glyphs, label, _BODY, _LABEL - _BODY)
                    right = _fold(glyphs, value, _BODY, whole - _LABEL)
                    for at in range(max(len(left), len(right))):
                        texts = ((0.0, left[at : at + 1]), (_LABEL, right[at : at + 1]))
                        yield _Line(_BODY, tuple((x, one[0]) for x, one in texts if one))
        yield _Line(_BODY, ())


def _fold(glyphs: Glyphs, text: str, size: float, width: float) -> list[str]:
    """Return the lines of a text, none wider than `width` points but for one mark at its end."""
    glyphs.check(text)
    lines, line, taken = [], "", 0.0
    for whole in pieces(text):
        too_long = whole.isascii() and glyphs.width(whole) * size > width
        for piece in whole if too_long else (whole,):
            wide = glyphs.width(piece) * size
            over = bool(line) and taken + wide > width
            if over and piece == " ":
                line += piece  # nobody sees it at the end of a line
                continue
            if over and not (piece[0] in _NOT_FIRST and taken <= width):
                lines.append(line.rstrip(" "))
                line, taken = "", 0.0
            line, taken = line + piece, taken + wide
    return [*lines, line.rstrip(" ")]


def _pages(lines: Sequence[_Line]) -> Iterator[list[tuple[float, _Line]]]:
    """Yield pages: each line with how high it stands on its page."""
    page: list[tuple[float, _Line]] = []
    below = _HEIGHT - _MARGIN
    for line in lines:
        high = line.size * _LEADING
        if below - high < _MARGIN + _BODY:
            yield page
            page, below = [], _HEIGHT - _MARGIN
        below -= high
        page.append((below, line))
    if page:
        yield page


def _write(
    writer: PdfFileWriter, glyphs: Glyphs, page: list[tuple[float, _Line]], number: str
) -> None:
    from pyhanko.pdf_utils.generic import DictionaryObject, NameObject, StreamObject
    from pyhanko.pdf_utils.writer import PageObject

    foot = (_MARGIN / 2, _Line(_BODY, ((_WIDTH / 2 - _MARGIN - _BODY, number),)))
    drawn = [
        b"BT /F %g Tf 1 0 0 1 %g %g Tm " % (line.size, _MARGIN + x, y)
        + glyphs.draw(text, line.size)
        + b" ET"
        for y, line in [*page, foot]
        for x, text in line.texts
        if text
    ]
    stream = StreamObject(stream_data=b"\n".join(drawn))
    stream.compress()
    fonts = DictionaryObject({NameObject("/F"): glyphs.resource})
    resources = DictionaryObject({NameObject("/Font"): fonts})
    box: list[Any] = [0, 0, _WIDTH, _HEIGHT]
    writer.insert_page(PageObject(writer.add_object(stream), box, resources))


def _describe(writer: PdfFileWriter, title: str, at: datetime) -> None:
    from pyhanko.pdf_utils.generic import DictionaryObject, NameObject, TextStringObject, pdf_date

    told = {"/Title": TextStringObject(title), "/CreationDate": pdf_date(at)}
    writer.set_info(DictionaryObject({NameObject(name): said for name, said in told.items()}))
    writer.root["/Lang"] = TextStringObject("ja-JP")


def _attach(writer: PdfFileWriter, attachment: Attachment) -> None:
    from pyhanko.pdf_utils.embed import EmbeddedFileObject, FileSpec, embed_file
    from pyhanko.pdf_utils.generic import NameObject

    file = EmbeddedFileObject.from_file_data(
        writer, attachment.content, mime_type=attachment.media_type
    )
    embed_file(
        writer,
        FileSpec(
            attachment.name,
            file_name=attachment.name,
            embedded_data=file,
            af_relationship=NameObject("/Data"),
        ),
    )
