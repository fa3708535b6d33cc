"""Documents on paper (PDF) with Japanese names exactly as they are. Needs the extra `paper`.

    >>> from jukihost.paper import Fields, Heading
    >>> Fields((("Name", "Synthetic"),)).rows
    (('Name', 'Synthetic'),)

The names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jukihost.paper.document import (
        Attachment as Attachment,
        Block as Block,
        DocumentTooLong as DocumentTooLong,
        Fields as Fields,
        Heading as Heading,
        Paragraph as Paragraph,
        make_pdf as make_pdf,
    )
    from jukihost.paper.glyphs import (
        FontMissing as FontMissing,
        FontUnfit as FontUnfit,
        GlyphMissing as GlyphMissing,
        PaperError as PaperError,
        PaperExtraMissing as PaperExtraMissing,
        find_font as find_font,
    )
    from jukihost.paper.printing import (
        NotPrinted as NotPrinted,
        print_document as print_document,
    )

_HOMES: Final = {
    "jukihost.paper.document": "Attachment Block DocumentTooLong Fields Heading Paragraph make_pdf",
    "jukihost.paper.glyphs": "FontMissing FontUnfit GlyphMissing PaperError PaperExtraMissing "
    "find_font",
    "jukihost.paper.printing": "NotPrinted print_document",
}
"""Where the names are at home."""
_HOME: Final = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)  # noqa: PLE0605 - names, all of them


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'jukihost.paper' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
