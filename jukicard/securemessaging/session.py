"""What every secure messaging scheme offers to the layers of the card."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

from jukicard.apdu import CommandApdu, ResponseApdu


class ProtectionLevel(IntEnum):
    """How a command was protected; more protection compares greater."""

    NONE = 0
    """A plain command."""
    MAC = 1
    """Authentic, with readable data."""
    ENC = 2
    """Authentic, and its data, if it has any, encrypted."""


class AuthenticationFailed(Exception):
    """The other side did not prove what it had to; never says which part was wrong.

    The caller makes a status word of it (63CX or 6300) and counts the failure.
    """


class OutOfOrder(Exception):
    """A step of an authentication was asked for before the one that it needs (6985)."""


class SecureMessagingSession(Protocol):
    """One session: keys, counters and what may still be done with them.

    The card calls `unprotect` and `protect` in turn, for every command and its answer, refusals
    included. A session that ended keeps no key and never comes back.
    """

    @property
    def alive(self) -> bool:
        """False when the session has ended and its keys are gone."""
        ...

    @property
    def level(self) -> ProtectionLevel:
        """The protection of the command that was unprotected last; NONE before the first."""
        ...

    def unprotect(self, command: CommandApdu) -> CommandApdu:
        """Verify a protected command and return the plain one inside.

        IsoError (6987, 6988 or what the scheme says) when it is not authentic or not well-formed:
        the session has ended then, and the refusal goes out plain.
        """
        ...

    def protect(self, response: ResponseApdu) -> ResponseApdu:
        """Return the protected answer to the command that was unprotected last.

        RuntimeError when there is none to answer or the session has ended: a bug of the caller.
        """
        ...

    def max_plain_length(self, ne: int) -> int:
        """Return how many data bytes an answer may have that fits `ne` bytes when protected."""
        ...

    def end(self) -> None:
        """End the session and drop its keys; harmless when it has ended already."""
        ...
