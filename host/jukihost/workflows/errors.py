"""What a procedure refuses, in words that say what to do, and whether the same card helps."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import ClassVar, Final

from jukihost.errors import CardError, TerminalError

_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Retry(StrEnum):
    """What may help after an error."""

    SAME_CARD = "same_card"
    """Put the same card back, or type again: the procedure goes on."""
    OTHER_CARD = "other_card"
    COUNTER = "counter"
    """Something has to be done at a counter first."""
    NEVER = "never"


class WorkflowError(TerminalError):
    """A procedure refuses, or was cut off; `retry` says what may help."""

    retry: ClassVar[Retry] = Retry.COUNTER


class NotOnDuty(WorkflowError):
    """Nobody has logged in at this terminal, or not any more."""


class NotApproved(WorkflowError):
    """A supervisor has to decide, and none did, or it was no other person's decision."""


class Impossible(WorkflowError):
    """The rules do not allow this, whoever decides."""

    retry = Retry.NEVER


class SupervisorDecides(WorkflowError):
    """The rules stop here: a supervisor decides, and is named in the log."""


class Cancelled(WorkflowError):
    """The person at the counter broke it off; nothing was changed since the last question."""

    def __str__(self) -> str:
        return "it was broken off at the counter; begin again when the person wants to"


class PinUncertain(WorkflowError):
    """A change of the PIN was cut off, on a card that cannot say what became of it."""

    def __str__(self) -> str:
        return (
            "a change of the PIN was cut off on this card, and nobody knows whether the old one or "
            "the new one is right. Try none; the holder chooses a new one (unblock the PIN), then "
            "this goes on"
        )


class CardStopped(WorkflowError):
    """The ledger says that this card is not to be used: it was reported lost, or is over."""


class CardExpired(WorkflowError):
    """The card's last day has passed."""

    def __str__(self) -> str:
        return "the card has expired; take it back, and issue a new one"


class MovedOut(WorkflowError):
    """The card's holder has moved out: it is good for moving in, and nothing else."""

    def __str__(self) -> str:
        return (
            "the holder of this card has moved out: it is good for moving in, and for going on in "
            "the new town; nothing else is done with it"
        )


class ForeignTown(WorkflowError):
    """The card is another town's, and this procedure is for cards of this one."""

    def __str__(self) -> str:
        return "the card is not in this town's ledger: its own town does this, or it is not genuine"


class OtherCard(WorkflowError):
    """Another card was put back than the one that was taken out."""

    retry = Retry.SAME_CARD

    def __str__(self) -> str:
        return "this is another card; put back the one that was in the reader before"


class NotMade(WorkflowError):
    """The card was begun and is not made whole yet."""

    retry = Retry.SAME_CARD

    def __str__(self) -> str:
        return "the card was not made whole: issue it once more, with the same card, then hand over"


class NotHandedOver(WorkflowError):
    """The card waits for its holder: it is nobody's before it is handed over."""

    def __str__(self) -> str:
        return (
            "the card was never handed over, and nothing is done with it before that: hand it over "
            "to its holder, or abolish it where nobody collects it"
        )


class NoIssuingHere(WorkflowError):
    """This office has no keys of an issuer, or nobody who certifies."""

    def __str__(self) -> str:
        return "this office issues no cards: it has no issuer's keys, or no certificate authority"


class ApplicationThere(WorkflowError):
    """The card has this municipal application already."""

    def __str__(self) -> str:
        return (
            "the card has this application already, and it was left as it is; to begin it anew, "
            "remove it first"
        )


class NoSuchApplication(WorkflowError):
    """The card has no such municipal application."""

    retry = Retry.NEVER

    def __str__(self) -> str:
        return "the card has no such application: there is nothing to remove"


class ApplicationNotOffered(WorkflowError):
    """This card has nothing that the municipal application could be made of."""

    retry = Retry.OTHER_CARD

    def __str__(self) -> str:
        return (
            "this kind of card does not offer the application, and is as it was; the service needs "
            "another card"
        )


class ApplicationDoesNotFit(WorkflowError):
    """The card has no room for the municipal application."""

    def __str__(self) -> str:
        return (
            "the application does not fit on this card, which is as it was: remove one that its "
            "holder does not use any more, then install it"
        )


class CutOff(WorkflowError):
    """The card was gone before its answer came; what it did is not known yet."""

    retry = Retry.SAME_CARD

    def __str__(self) -> str:
        return (
            "the card was gone before its answer came. Put the same card into a reader: any "
            "terminal finishes or undoes what was begun; until then nothing else is done with it"
        )


class UnlockUnknown(WorkflowError):
    """An operator card was gone before it answered that it is unlocked; the grant is used up."""

    def __str__(self) -> str:
        return (
            "the card was gone before its answer came, and its grant is used up. Log in with it: "
            "if it is still locked, an administrator grants the unlocking anew"
        )


class AnotherOffice(WorkflowError):
    """Another office does this: the one that has the key of `ADMIN`."""

    def __str__(self) -> str:
        return (
            "this office has not the key of ADMIN: operator cards are unlocked by another office, "
            "which has it"
        )


class AlreadyFounded(WorkflowError):
    """The database has operators, cards or residents: an office has begun in it."""

    retry = Retry.NEVER

    def __str__(self) -> str:
        return (
            "an office has begun in this database: its administrators enter others, and their "
            "cards are replaced as the manual says; a new office has a new database"
        )


def code_of(error: BaseException) -> str:
    """Return the name of an error that programs, and the log, know it by: `pin_rejected`."""
    kind = type(error)
    if not isinstance(error, CardError):
        return "interrupted" if isinstance(error, KeyboardInterrupt) else "fault"
    return _WORDS.sub("_", kind.__name__).lower()
