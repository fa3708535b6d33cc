"""Opening PDF files of strangers for signing and checking, or saying why not."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

from jukihost.signing.key import SigningError

if TYPE_CHECKING:
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.pdf_utils.xref import XRefSectionData

_HEADER: Final = b"%PDF-"
_HEADER_WITHIN: Final = 1024  # ISO 32000-1, annex H.3, note 13


def open_pdf(pdf: bytes, refused: type[SigningError], advice: str) -> PdfFileReader:
    """Return a reader of the file; of `refused`, with `advice` behind the reason, for one that
    cannot be read: no PDF file, damaged, encrypted, or with two contents.
    """
    from pyhanko.pdf_utils.reader import PdfFileReader

    if _HEADER not in pdf[:_HEADER_WITHIN]:
        raise refused("the file is no PDF file; give another one")
    try:
        reader = PdfFileReader(BytesIO(pdf))
        encrypted, hybrid = reader.encrypted, reader.xrefs.hybrid_xrefs_present
        clear = not hybrid or _has_one_content(reader)
        _ = reader.root, reader.root["/Pages"]
    except Exception:  # noqa: BLE001 - of strangers' files anything may come
        raise refused(
            f"the PDF file cannot be read: its structure is not as it should be; {advice}"
        ) from None
    if encrypted:
        raise refused(f"the PDF file is encrypted, and its content is not seen here; {advice}")
    if not clear:
        raise refused(
            "the PDF file has hybrid references (ISO 32000-1, 7.5.8.4) by which older programs see "
            f"another content than newer ones; {advice}"
        )
    if hybrid:
        _accept_hybrid(reader)
    return reader


def _has_one_content(reader: PdfFileReader) -> bool:
    """Tell whether no program sees another object than the others in a file with hybrid references.

    Such a file, as office programs write it, has a table for older programs and, for those that
    know it, a stream with further objects, which the table calls free (ISO 32000-1, 7.5.8.4). The
    same object in both, at two places, has two contents.
    """
    visible: dict[int, tuple[int, int]] = {}
    for revision in range(reader.xrefs.total_revisions):
        section: XRefSectionData = reader.xrefs.get_xref_data(revision)
        visible |= section.standard_xrefs
        hidden = section.hybrid and section.hybrid.xref_data
        if hidden and (
            visible.keys() & (hidden.xrefs_in_objstm.keys() | hidden.freed.keys())
            or any(visible.get(number, at) != at for number, at in hidden.standard_xrefs.items())
        ):
            return False
    return True


def _accept_hybrid(reader: PdfFileReader) -> None:
    """Let the library go on with a file whose references were looked at here.

    It reads and checks them as strictly as all others, and then refuses them all: its switch
    against that would end the strictness everywhere.
    """
    from pyhanko.pdf_utils.xref import XRefCache

    class LookedAt(XRefCache):
        """The references of a file, of which the hybrid ones were looked at."""

        hybrid_xrefs_present: Any = False

    looked_at = LookedAt.__new__(LookedAt)
    vars(looked_at).update(vars(reader.xrefs))
    reader.xrefs = looked_at
