"""PDF files with hybrid references, as office programs write them, and as an attacker would.

ISO 32000-1, 7.5.8.4: a table for programs that know no reference streams, in which some objects are
free, and a stream that says where those are. Written by hand, from the standard.
"""

from __future__ import annotations

HIDDEN = 5
"""The object that only the stream knows: structure information, say."""


def hybrid_pdf(*, twice: int | None = None, freed: int | None = None) -> bytes:
    """A PDF file of one empty page, with one object in an object stream.

    The stream also has an entry for every visible object, with the same place, as word processors
    write it. `twice` is a visible object that it has at another place, `freed` one that it has not.
    """
    out = b"%PDF-1.5\n"
    places: dict[int, int] = {}
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R /PieceInfo %d 0 R >>" % HIDDEN,
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
        4: b"<< /Producer (synthetic) >>",
    }
    for number, body in objects.items():
        places[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    other = len(out)
    out += b"%d 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 1 1] >>\nendobj\n" % (twice or 3)
    inside = b"%d 0 << /Synthetic << >> >>" % HIDDEN
    places[6] = len(out)
    out += b"6 0 obj\n<< /Type /ObjStm /N 1 /First 4 /Length %d >>\nstream\n" % len(inside)
    out += inside + b"\nendstream\nendobj\n"
    entries = [b"\x00\x00\x00\xff"]
    for number in range(1, 8):
        place = other if number == twice else places.get(number, len(out))
        if number == freed:
            entries.append(b"\x00\x00\x00\x01")
        elif number == HIDDEN:
            entries.append(b"\x02\x00\x06\x00")
        else:
            entries.append(b"\x01" + place.to_bytes(2, "big") + b"\x00")
    stream = len(out)
    references = b"".join(entries)
    out += b"7 0 obj\n<< /Type /XRef /Size 8 /W [1 2 1] /Length %d >>\nstream\n" % len(references)
    out += references + b"\nendstream\nendobj\n"
    first = len(out)
    out += b"xref\n0 8\n0000000005 65535 f \n"
    for number in range(1, 8):
        out += (
            b"%010d 00000 n \n" % places[number] if number in objects else b"0000000000 65535 f \n"
        )
    trailer = b"/Size 8 /Root 1 0 R /Info 4 0 R"
    out += b"trailer\n<< %s >>\nstartxref\n%d\n%%%%EOF\n" % (trailer, first)
    second = len(out)
    out += b"xref\n0 0\ntrailer\n<< %s /Prev %d /XRefStm %d >>\n" % (trailer, first, stream)
    return out + b"startxref\n%d\n%%%%EOF\n" % second
