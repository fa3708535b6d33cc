"""Reading XML documents of strangers for signing and checking: bounded, and nothing but themselves.

The canonical form takes time that grows with the square of what stands in one place; a small file
can keep a computer busy for hours.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from jukihost.signing.key import SigningError
from jukihost.signing.report import need_extra

MAX_BYTES: Final = 32 << 20
"""The largest document, in bytes."""
MAX_PARTS: Final = 300_000
"""Elements and attributes together."""
MAX_ATTRIBUTES: Final = 256
"""Of one element."""
MAX_NAMESPACES: Final = 64
"""Declared around one element, and in it."""
_OPTIONS: Final[dict[str, Any]] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
}


class XmlNotSignable(SigningError):
    """The file is no XML document that can be signed; nothing was signed."""


def parse_document(xml: bytes) -> Any:
    """Return the root of a document; XmlNotSignable. No entities, no network, no document type."""
    need_extra()
    from lxml import etree

    if len(xml) > MAX_BYTES:
        raise _too_large()
    try:
        _check_size(xml)
        root = etree.fromstring(xml, etree.XMLParser(**_OPTIONS))
    except (etree.XMLSyntaxError, ValueError):
        raise XmlNotSignable(
            "the file is no well-formed XML, or has longer texts or deeper nesting than are taken "
            "here"
        ) from None
    if root.getroottree().docinfo.doctype:
        raise XmlNotSignable(
            "the XML document has a document type, which could change what it says; remove it"
        )
    return root


def _check_size(xml: bytes) -> None:
    """Refuse what would take very long. XmlNotSignable, and what the library raises."""
    from lxml import etree

    parts = namespaces = 0
    events = ("start", "start-ns", "end-ns")
    for event, found in etree.iterparse(BytesIO(xml), events=events, **_OPTIONS):
        if event == "start":
            parts += 1 + len(found.attrib)
            if parts > MAX_PARTS or len(found.attrib) > MAX_ATTRIBUTES:
                raise _too_large()
        else:
            namespaces += 1 if event == "start-ns" else -1
            if namespaces > MAX_NAMESPACES:
                raise _too_large()


def _too_large() -> XmlNotSignable:
    return XmlNotSignable(
        "the XML document is larger, or has more attributes or namespaces in one place, than is "
        "taken here; use a CMS signature beside it"
    )
