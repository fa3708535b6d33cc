"""Refusals that a session can explain better than the status word alone."""

from __future__ import annotations

from typing import Self

from jukicard.apdu import StatusWord
from jukihost.errors import (
    AuthenticationRejected,
    CardError,
    CardFull,
    CardSuspended,
    ConditionsNotSatisfied,
    FileNotFound,
    PinBlocked,
    PinRejected,
    ReferenceNotFound,
    ReferenceNotUsable,
    SecurityStatusNotSatisfied,
)


class TerminalNotAuthenticated(SecurityStatusNotSatisfied):
    """The terminal must authenticate first, and its secure session must still be alive.

    `sent` is False when the terminal itself refused: the card was not asked then.
    """

    what = "the terminal is not authenticated"
    advice = "authenticate for a purpose first, then verify the PIN, then try again"

    sent: bool = True

    @classmethod
    def before_sending(cls, ins: int) -> Self:
        """Return the refusal of a command that was not sent; `status` is what a card would say."""
        refusal = cls(StatusWord.SECURITY_STATUS_NOT_SATISFIED, ins)
        refusal.sent = False
        return refusal

    def __str__(self) -> str:
        if self.sent:
            return super().__str__()
        return f"{self.what}; {self.advice} (nothing was sent to the card)"


class PinNotVerified(SecurityStatusNotSatisfied):
    """The card wants a PIN, password or number of the holder first, in the same session."""

    what = "the holder's PIN, password or number is not verified"
    advice = "verify it in this session, and after its authentication if it needs one"


class PurposeNotEntitled(SecurityStatusNotSatisfied):
    """The purpose that the terminal authenticated for does not include this."""

    what = "the terminal's purpose does not include this"
    advice = "authenticate for another purpose; what the counter does needs the counter's key"


class HolderMovedOut(ReferenceNotUsable):
    """The key is out of use because the holder has moved out."""

    what = "the holder has moved out, the card does not serve this purpose any more"
    advice = "only the move-in procedure works; continued use is set at the new counter"


class IssuerNotAuthenticated(TerminalNotAuthenticated):
    """The issuer's secure channel must be open first, and still be alive."""

    what = "no secure channel with the issuer domain is open"
    advice = "authenticate with the domain's keys first"


class UnlockFirst(CardSuspended):
    """The card is locked: it lets the issuer change and read its state, and nothing else."""

    advice = "unlock it first; while it is locked only its state can be changed and listed"


class NoSuchKeySet(ReferenceNotFound):
    """The issuer domain has no keys of the version that was named."""

    what = "the issuer domain has no key set of this version"
    advice = "see in its key information which it has"


class StillInUse(ConditionsNotSatisfied):
    """What should be deleted is still used, or is the card's last of its kind."""

    what = "the card does not let go of it"
    advice = "leave what uses it first; the issuer domain itself and its last key set always stay"


class StateForbids(ConditionsNotSatisfied):
    """What should be changed is in a state that does not allow it."""

    what = "its state does not allow this"
    advice = "see in the registry in which state it is"


class ModuleNotOffered(ReferenceNotFound):
    """The card has nothing of this name that an application could be made of."""

    what = "the card offers nothing of this name to make an application of"
    advice = "see in the registry which packages it offers, or install the one that brings it"


class KeysAlreadyThere(ConditionsNotSatisfied):
    """Keys would be added where there are some."""

    what = "the card has these keys already, in this or another version"
    advice = "name the version that the new ones take the place of, or give them another"


class NoRoomForKeys(CardFull):
    """The issuer domain has as many key sets as it can hold."""

    what = "the card has no room for another key set"
    advice = "delete one that is not used any more, or replace it"


class ForeignCard(AuthenticationRejected):
    """The card takes a system's keys in none of the versions that it may have."""

    what = "the card takes the system's keys in none of the versions that were tried"
    advice = "it is another system's card, or older than the floor; each version has cost one try"


class WrongAccessNumber(AuthenticationRejected):
    """The number on the card was another one; no try was used."""

    what = "the access number is wrong"
    advice = "it is the six digits on this card; no try was used"


class PrivacyNotOffered(ReferenceNotFound):
    """The card has no access number, so it offers no private session."""

    what = "this card offers no private session"
    advice = "go on without the access number"


class OnlyTheCounter(CardSuspended):
    """The card is suspended, and the terminal is one that may go on with it."""

    advice = "authenticate for COUNTER, which resumes or ends the card; nothing else works now"


class PasswordRejected(PinRejected):
    """The password of the signature key was wrong."""

    what = "the password is wrong"


class PasswordBlocked(PinBlocked):
    """No try is left for the password of the signature key."""

    what = "the password is blocked"


class NoKeyPair(FileNotFound):
    """The card has no pair of this kind; Juki cards have one pair, the signature's."""

    what = "the card has no key pair of this kind"
    advice = "a Juki card has the signature pair only"


class NoCertificate(CardError):
    """The card has room for a certificate, and none in it."""
