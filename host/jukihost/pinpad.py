"""A PIN that the holder types on the reader: what stands for it, and what can become of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from jukicard.apdu import StatusWord
from jukicard.apdu.status import tries
from jukihost.errors import CardError


@dataclass(frozen=True, slots=True)
class PinPad:
    """Stands for a PIN, or a number of digits, that is typed on the reader's own pad::

        jpki.verify_pin(PinPad())

    The digits go from the reader to the card and are never in this computer. They go in plain, past
    a secure session: so a pad serves where nothing is protected, and is refused within a session.

    timeout: seconds until the reader gives up, 1 to 255.
    language: of the messages on the reader's display, a Windows language identifier; 0411 is
        Japanese, 0409 English. Many readers have one language and take no notice.

    ValueError outside these.
    """

    timeout: int = 30
    language: int = 0x0411

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not (1 <= self.timeout <= 0xFF and 0 <= self.language <= 0xFFFF):
            raise ValueError("a pad waits 1 to 255 seconds, and a language has 16 bits")


@dataclass(frozen=True, slots=True)
class PadEntry:
    """What a pad is asked for: `shortest` to `longest` digits; a `new` value is typed twice."""

    pad: PinPad
    shortest: int
    longest: int
    new: bool = False


class PadNotUsable(CardError):
    """A pad cannot serve here, whatever the reader; nothing was sent."""


class _Asked(CardError):
    """What came of an entry on a pad, after which the card was asked how many tries are left."""

    def __init__(self, text: str, retries_left: int | None = None) -> None:
        super().__init__(text)
        self.retries_left = retries_left


def _left(retries_left: int | None) -> str:
    if retries_left is None:
        return "the card does not say how many tries are left"
    return f"{tries(retries_left)} left now"


class PadOutcomeUnknown(_Asked):
    """The reader gave no status: nobody knows whether the card took what was typed.

    `retries_left` is what the card says afterwards, None when it says nothing any more.
    """

    @classmethod
    def after(cls, what: str, retries_left: int | None) -> Self:
        """Return the error for what happened, with what the card says afterwards."""
        return cls(
            f"{what}: nobody knows whether the card took what was typed; {_left(retries_left)}; "
            "type again with care, or close the session",
            retries_left,
        )


class PadError(_Asked):
    """A reader's own answer in the place of the card's: it says that it sent the card nothing.

    A card that answers with the same value cannot be told from the reader, and it may have counted.
    So it is asked: `retries_left` is what it says afterwards, None when it does not.
    """

    what: ClassVar[str] = "the reader did not take the entry"


class PadTimedOut(PadError):
    """Nobody typed in time."""

    what = "nothing was typed on the reader in time; try again"


class PadCancelled(PadError):
    """The holder pressed cancel; some readers also say so of two entries that differ."""

    what = "the entry was cancelled on the reader; try again if the holder wants to"


class PadEntriesDiffer(PadError):
    """The two entries of a new PIN differ."""

    what = "the two entries of the new PIN are not the same; type it anew"


class PadWrongLength(PadError):
    """Too few or too many digits were typed."""

    what = "the entry has too few or too many digits; type it anew"


class PadRefused(PadError):
    """The reader does not take what it was asked for."""

    what = "this reader's pad cannot take such an entry; type it at the terminal instead"


# PC/SC part 10, 2.5.2 and 2.5.3
_OF_THE_READER: Final[Mapping[int, type[PadError]]] = {
    0x6400: PadTimedOut,
    0x6401: PadCancelled,
    0x6402: PadEntriesDiffer,
    0x6403: PadWrongLength,
    0x6B80: PadRefused,
}


def pad_error(status: StatusWord, ask: Callable[[], int | None]) -> PadError | None:
    """Return what a reader means by an answer of its own; None for an answer of the card.

    ask: asks the card how many tries are left; None when it does not say.
    """
    kind = _OF_THE_READER.get(status)
    if kind is None:
        return None
    left = ask()
    whose = f"{status.hex} of the reader, or the card's own"
    return kind(f"{kind.what}; {_left(left)} ({whose})", left)
