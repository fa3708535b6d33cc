"""What the register refuses, in words that say what to do; no resident's data in them."""

from __future__ import annotations

from jukihost.errors import TerminalError


class RegisterError(TerminalError):
    """The register refuses; the transaction in which it did is undone."""


class TextRefused(RegisterError):
    """A name or address cannot be kept as it was received; the text says why."""


class UnknownResident(RegisterError):
    """The register has no such resident, or no longer."""

    def __str__(self) -> str:
        return "the register has no such resident, or the record is closed"


class UnknownNotice(RegisterError):
    """The register has no notice by telephone of this number."""

    def __str__(self) -> str:
        return "there is no notice by telephone of this number; look it up by the card"


class ResidentExists(RegisterError):
    """The register has a resident with this code."""

    def __str__(self) -> str:
        return "the register has a resident with this code already; correct that record instead"


class RecordChanged(RegisterError):
    """Another terminal changed the record since it was read."""

    def __str__(self) -> str:
        return "another terminal has changed this record meanwhile; read it again, decide anew"


class ProvisionRefused(RegisterError):
    """The law gives this body nothing for this purpose, or not this item."""


class AddressRestricted(RegisterError):
    """The resident, or somebody in the household, is protected by a restriction (支援措置)."""


class NotNotified(RegisterError):
    """The resident asked not to be notified to the prefecture."""

    def __str__(self) -> str:
        return (
            "the resident asked not to be notified to the prefecture: nothing is sent, and there "
            "is no card; they may withdraw that at the counter"
        )


class NotAnnounced(RegisterError):
    """Nobody with this code has announced that they move out, or the move is over."""

    def __str__(self) -> str:
        return (
            "no move was announced there under this code: the notification of moving out is made "
            "first, or the certificate of moving out is brought on paper"
        )


class HolderDiffers(RegisterError):
    """The resident record code in the card is not its holder's."""

    def __str__(self) -> str:
        return (
            "the resident record code in the card is not that of its holder in the register: keep "
            "the card, and tell a supervisor"
        )


class InquiryRefused(RegisterError):
    """There is no letter that this could be the answer to, or no longer."""

    def __str__(self) -> str:
        return (
            "there is no inquiry letter of this number to this resident for this procedure that "
            "can still be answered; send another one"
        )
