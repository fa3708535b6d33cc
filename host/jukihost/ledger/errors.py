"""What the ledger refuses, in words that say what to do; no resident's data in them."""

from __future__ import annotations

from jukihost.errors import TerminalError


class LedgerError(TerminalError):
    """The ledger refuses; the transaction in which it did is undone."""


class NotAllowed(LedgerError):
    """The card is not in a state, or the reason not one, that allows this."""


class UnknownCard(LedgerError):
    """The ledger has no such card."""

    def __str__(self) -> str:
        return "the ledger has no card of this number: it is another town's, or not genuine"


class CardExists(LedgerError):
    """The ledger has a card of this number already."""

    def __str__(self) -> str:
        return "the ledger has a card of this number already; take another blank card"


class CertificateElsewhere(LedgerError):
    """The ledger has a certificate of this number on another card."""

    def __str__(self) -> str:
        return (
            "the ledger has a certificate of this number on another card; no authority gives one "
            "twice: ask whoever looks after it"
        )


class HasCard(LedgerError):
    """The holder has a valid card already, or one that is being issued."""

    def __str__(self) -> str:
        return (
            "the holder has a card already, and nobody may have two; "
            "abolish it or take it back first, in the same transaction if you like"
        )


class ChangedMeanwhile(LedgerError):
    """Another terminal changed the same thing since it was read."""

    def __str__(self) -> str:
        return "another terminal has changed this meanwhile; read it again and decide anew"


class Stopped(LedgerError):
    """The emergency stop is on, or cannot be asked for: no procedure goes on."""

    def __str__(self) -> str:
        return (
            "everything is stopped in an emergency; whoever is responsible for the system lifts "
            "it, two operators together"
        )


class IntentOpen(LedgerError):
    """A procedure on this card was cut off, and has to be finished or undone first."""

    def __str__(self) -> str:
        return (
            "a procedure on this card was cut off; read the card's receipt, and finish or undo "
            "it first"
        )


class ReceiptGap(LedgerError):
    """The card has been through a procedure that the ledger does not know."""

    def __str__(self) -> str:
        return (
            "the card has been through a procedure that the ledger does not know, or the ledger "
            "one that the card does not: an entry is lost, or the card is a copy. Keep the card, "
            "and tell a supervisor"
        )


class OperatorRefused(LedgerError):
    """The operator may not do this, or not now, or is not known."""


class WordsRefused(LedgerError):
    """A free text cannot be kept so; which one and why is in the text, nothing of it is."""
