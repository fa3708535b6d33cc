"""What a procedure asks of the person at the counter, and tells them: one protocol for all faces.

A window, a command line or a recorded script answers; a procedure never knows which.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from jukicard.apdu import Ins, StatusWord
from jukihost.conversation.secrets import Secret
from jukihost.conversation.session import AppletSession
from jukihost.errors import CardError, PinBlocked, PinRejected
from jukihost.pinpad import PadEntry, PinPad
from jukihost.sessions.juki import JukiSession
from jukihost.workflows.errors import Cancelled


class PinUse(StrEnum):
    """Which secret is asked for."""

    JUKI = "juki"
    NEW_JUKI = "new_juki"
    """A new one, which is typed twice."""
    SIGNATURE = "signature"
    NEW_SIGNATURE = "new_signature"
    AUTHENTICATION = "authentication"
    NEW_AUTHENTICATION = "new_authentication"
    TEXT = "text"
    NEW_TEXT = "new_text"
    COMMON = "common"
    NEW_COMMON = "new_common"
    MUNICIPAL = "municipal"
    NEW_MUNICIPAL = "new_municipal"
    OPERATOR = "operator"
    NEW_OPERATOR = "new_operator"


class Question(StrEnum):
    """What has to be agreed to expressly."""

    LAST_TRY = "last_try"
    """One try is left: if it is wrong, the PIN is blocked."""
    END_CARD = "end_card"
    """The card is ended for good."""


class Step(StrEnum):
    """Where a long procedure is."""

    CARD = "card"
    REMOVAL = "removal"
    """The card is to be taken out."""
    PIN = "pin"
    PAD = "pad"
    """Something is to be typed on the reader's keys."""
    LEDGER = "ledger"
    WRITING = "writing"
    KEYS = "keys"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class PinWanted:
    """A secret that is to be typed; `tries` is how many are left, None for a new one.

    operator: whose password it is, as their card names them; None where it is the holder's secret.
    second: the operator is one who decides, or does it, beside who is on duty. pad: the reader has
    keys, on which it may be typed (`PinPad`); a signature password only where it has digits alone.
    """

    use: PinUse
    tries: int | None
    operator: str | None = None
    second: bool = False
    pad: bool = False


@dataclass(frozen=True, slots=True)
class Paused:
    """The card is gone, and the procedure waits for the same one.

    cause: what happened. number: the card's, 8 bytes. attempt: how often it was asked for, from 1.
    """

    cause: CardError
    number: bytes
    attempt: int


class Conversation(Protocol):
    """Who stands at the counter, as a procedure sees it."""

    def secret(self, wanted: PinWanted) -> str | PinPad:
        """Return what was typed, or that it is typed on the reader's pad. Cancelled.

        Whoever implements this has a new one typed twice, until both are alike.
        """

    def agree(self, question: Question) -> bool:
        """Return whether the person agrees, expressly; silence is no."""

    def paused(self, pause: Paused) -> bool:
        """Wait, with a bound, until a card was put back; return whether to go on."""

    def progress(self, step: Step) -> None:
        """Be told where the procedure is; returns at once."""


class Nobody:
    """A conversation with nobody: what needs a person is broken off."""

    def secret(self, wanted: PinWanted) -> str | PinPad:
        """Break off. Cancelled."""
        raise Cancelled

    def agree(self, question: Question) -> bool:
        """Agree to nothing."""
        return False

    def paused(self, pause: Paused) -> bool:
        """Wait for no card."""
        return False

    def progress(self, step: Step) -> None:
        """Take no notice."""


def verify_pin(talk: Conversation, juki: JukiSession) -> None:
    """Have the holder type the PIN until it is right, none is left, or they break off.

    As `verify_secret`.
    """
    verify_secret(talk, PinUse.JUKI, juki.pin_retries, juki.verify_pin)


def verify_secret(
    talk: Conversation,
    use: PinUse,
    retries: Callable[[], int],
    verify: Callable[[str | PinPad], None],
    *,
    pad: bool = False,
) -> None:
    """Have the holder type a secret until it is right, none is left, or they break off.

    The tries are shown before each, and the last one is agreed to expressly. What was typed is sent
    once. pad: it may be typed on the reader's keys (`takes_typed`). PinBlocked, PinFormatError,
    Cancelled, TransportError; PadError, PadOutcomeUnknown of what was typed there.
    """
    while tries := retries():
        if tries == 1 and not talk.agree(Question.LAST_TRY):
            raise Cancelled
        try:
            verify(talk.secret(PinWanted(use, tries, pad=pad)))
        except PinRejected:
            continue
        return
    raise PinBlocked(StatusWord.REFERENCE_DATA_NOT_USABLE, Ins.VERIFY)


def takes_typed(session: AppletSession, kind: type[Secret]) -> bool:
    """Tell whether a secret may be typed on the reader's keys in a session; the card is not asked.

    A reader that cannot be asked has none: what is wrong with it, the next command says.
    """
    if kind.DIGITS is None:
        return False
    with suppress(CardError):
        session.pin_entry(PadEntry(PinPad(), *kind.DIGITS))
        return True
    return False
