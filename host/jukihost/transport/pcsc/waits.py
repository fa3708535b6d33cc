"""What is waited for over PC/SC, in words, and what it is called when it does not come."""

from __future__ import annotations

from typing import Final

from jukihost.errors import (
    AmbiguousReader,
    AnswerTimeout,
    CardBusy,
    CardBusyOrSilent,
    CardHeldHere,
    CardMute,
    CardRemoved,
    CardReset,
    NoCard,
    NoReader,
    PcscUnavailable,
    ReaderGone,
    ServiceNotRunning,
    TransportError,
)

OTHERS: Final = "another program to let go of the card"
ANSWER: Final = "the card to answer"
TYPING: Final = "the holder to type on the reader's pad"
SERVICE: Final = "the PC/SC service to answer"
# What `open` waits for when it meets one of these; the first that fits counts. None: no use.
_AWAITED: Final[tuple[tuple[type[TransportError], str | None], ...]] = (
    (AmbiguousReader, None),
    (CardHeldHere, None),
    (AnswerTimeout, None),
    (ServiceNotRunning, "the PC/SC service to start"),
    (NoReader, "a reader"),
    (ReaderGone, "a reader"),
    (NoCard, "a card"),
    (CardRemoved, "a card"),
    (CardReset, "a card"),
    (CardMute, "a card that answers"),
    (CardBusy, OTHERS),
)


def awaited_after(error: TransportError) -> str | None:
    """Return what has to come, for `open` to succeed; None where waiting is of no use."""
    return next((what for kind, what in _AWAITED if isinstance(error, kind)), None)


def late(seconds: float, *, alone: bool) -> TransportError:
    """Return the error for no answer in `seconds`; `alone`: in a transaction of one's own."""
    if alone:
        return AnswerTimeout(
            f"the card has not answered for {seconds:g} s; reconnect, and check what it did"
        )
    return CardBusyOrSilent(
        f"no answer for {seconds:g} s: another program holds the card for itself, or the card is "
        "silent; end that program, or put the card in again, then reconnect"
    )


def service_hangs(seconds: float) -> PcscUnavailable:
    """Return the error for a service that has not answered for `seconds`."""
    return PcscUnavailable(
        f"the PC/SC service has not answered for {seconds:g} s; see whether pcscd hangs, and "
        "restart it"
    )
