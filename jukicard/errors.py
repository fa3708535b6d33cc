"""The one exception that becomes a status word; everything in the card may refuse with it."""

from __future__ import annotations

from jukicard.apdu.status import StatusWord


class IsoError(Exception):
    """A refusal: `status` goes over the wire, `reason` stays on the emulator's side.

    `reason` says which rule refused and what was missing, for example `READ RECORD of 0002: needs
    Authenticated(RESIDENT_IDENTIFICATION)`. It never holds a secret or a command's data.
    """

    status: StatusWord
    reason: str

    def __init__(self, status: StatusWord, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.status.hex}: {self.reason}"
