"""A disclosure on paper: what it shows as text, and in the same file what proves it."""

from __future__ import annotations

from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final

from jukihost.log.disclosure import Disclosed, Disclosure, described
from jukihost.paper import Attachment, Paragraph, make_pdf

ATTACHED: Final = "disclosure.json"
"""What the attachment is called, which `examples/verify_disclosure.py` checks."""


def print_disclosure(
    disclosure: Disclosure,
    found: Disclosed,
    zone: tzinfo,
    *,
    at: datetime,
    font: str | Path | None = None,
) -> bytes:
    """Return a disclosure as a PDF file for its reader; `found` is what its check has shown.

    The proofs are in the file, as the attachment `disclosure.json`. zone: of the times that are
    shown; at: when it is printed. PaperError, see `jukihost.paper.make_pdf`.
    """
    title, _, text = described(found, zone).partition("\n")
    proofs = Paragraph(f"What proves this is in this file, in the attachment {ATTACHED}.")
    attached = Attachment(ATTACHED, "application/json", bytes(disclosure))
    blocks = (Paragraph(text.strip("\n")), proofs)
    return make_pdf(title, blocks, at=at, font=font, attachment=attached)
