"""What an error is to whoever has to do something about it: a code, a meaning, what may help.

Programs read the code and `retry`; people the meaning, which says what to do. Nothing of it is
personal, and no secret is in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from jukihost.errors import (
    AppletNotFound,
    AuthenticationRejected,
    CardError,
    CardNotAuthentic,
    CardTerminated,
    PinBlocked,
    PinFormatError,
    PinRejected,
    ProtocolError,
    TransportError,
)
from jukihost.pinpad import PadError
from jukihost.texts import said_of_error
from jukihost.workflows.errors import Retry, WorkflowError, code_of

INTERFACE: Final = 1
"""The version of what programs are told; it changes when something is taken away or renamed."""


@dataclass(frozen=True, slots=True)
class Explained:
    """An error: its code, what it means and what to do, what may help, and tries that are left.

    said: in a few words, in the language that the environment names; None where there are none.
    """

    code: str
    meaning: str
    retry: Retry
    tries_left: int | None = None
    said: str | None = None

    def told(self) -> dict[str, Any]:
        """Return it for a program, as JSON has it."""
        return {
            "code": self.code,
            "meaning": self.meaning,
            "said": self.said,
            "retry": self.retry.value,
            "tries_left": self.tries_left,
        }


_RETRY: Final[Mapping[type[CardError], Retry]] = {
    PinRejected: Retry.SAME_CARD,
    PinFormatError: Retry.SAME_CARD,
    PadError: Retry.SAME_CARD,
    PinBlocked: Retry.COUNTER,
    CardTerminated: Retry.OTHER_CARD,
    AppletNotFound: Retry.OTHER_CARD,
    AuthenticationRejected: Retry.OTHER_CARD,
    CardNotAuthentic: Retry.OTHER_CARD,
    ProtocolError: Retry.OTHER_CARD,
    TransportError: Retry.SAME_CARD,
}
"""What may help, by kind of error; the first that fits counts, and for all others the counter."""


def explain(error: CardError) -> Explained:
    """Return what an error is to whoever has to do something about it."""
    left = getattr(error, "retries_left", None)
    code = code_of(error)
    return Explained(code, str(error), retry_after(type(error)), left, said_of_error(code))


def retry_after(kind: type[CardError]) -> Retry:
    """Return what may help after an error of a kind."""
    if issubclass(kind, WorkflowError):
        return kind.retry
    return next((what for one, what in _RETRY.items() if issubclass(kind, one)), Retry.COUNTER)
