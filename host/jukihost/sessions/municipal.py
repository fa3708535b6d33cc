"""A municipality's own application: what sessions with such applications share.

docs/card.md, section 6, "Municipal"; the applications under `examples/` have theirs.
"""

from __future__ import annotations

from jukicard.apdu import CommandApdu, Ins
from jukihost.conversation import pinfile
from jukihost.conversation.holder import WithPin
from jukihost.conversation.secrets import Pin
from jukihost.errors import RecordNotFound
from jukihost.pinpad import PinPad

_MAX_RECORDS = 254


class MunicipalSession(WithPin):
    """A conversation with a municipality's application; derive from it and say `AID`, and `PIN`.

    `AID` is the application's name, `PIN` the EF of its PIN; one that waives the PIN says none and
    leaves alone what is named after it. Its systems prove themselves with `authenticate`, for a
    purpose of an `IntEnum` of one's own, and with the right that its rules ask for they unblock the
    PIN too::

        class SealSession(MunicipalSession):
            AID, PIN = Aid("F05345414C303031"), 0x0002
    """

    def change_pin(self, new: Pin | str | PinPad) -> None:
        """Replace the PIN, after `verify_pin`. PinFormatError, SecurityStatusNotSatisfied."""
        pinfile.change(self, self.PIN, Pin.entered(new))

    def records(self, identifier: int) -> list[bytes]:
        """Return all records of an EF, number 1 first. FileNotFound, SecurityStatusNotSatisfied."""
        self.select_file(identifier)
        found: list[bytes] = []
        try:
            for number in range(1, _MAX_RECORDS + 1):
                found.append(
                    self.ask(CommandApdu(0x00, Ins.READ_RECORD, number, 0x04, ne=256)).data
                )
        except RecordNotFound:
            pass
        return found

    def write(self, identifier: int, content: bytes, offset: int = 0) -> None:
        """Write a part of a transparent EF, from an offset on. SecurityStatusNotSatisfied."""
        self.select_file(identifier)
        self.ask(CommandApdu(0x00, Ins.UPDATE_BINARY, offset >> 8, offset & 0xFF, content))

    def own(self, ins: int, data: bytes = b"", *, ne: int = 256) -> bytes:
        """Send a command of the application's own (class 80); return what it answers. StatusError.

        `ne` is how many bytes it answers at most, 0 for none.
        """
        return self.ask(CommandApdu(0x80, ins, 0x00, 0x00, data, ne)).data
