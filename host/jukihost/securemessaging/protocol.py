"""What every secure messaging scheme offers to the channel above it."""

from __future__ import annotations

from typing import Protocol

from jukicard.apdu import CommandApdu, ResponseApdu


class SecureMessagingSession(Protocol):
    """One session at the terminal's end: keys, counters and what may still be done with them.

    `protect` and `unprotect` are called in turn, for every command and its answer, refusals
    included. A session that ended keeps no key and never comes back.
    """

    @property
    def alive(self) -> bool:
        """False when the session has ended and its keys are gone."""

    @property
    def short_data(self) -> int:
        """How many bytes of data fit one command with short length fields when protected."""

    def protect(self, command: CommandApdu, *, encrypt: bool = True) -> CommandApdu:
        """Return the protected command; authentic, and encrypted unless told otherwise.

        SecureMessagingError when the session is over.
        """

    def unprotect(self, answer: ResponseApdu, command: CommandApdu) -> ResponseApdu:
        """Return the plain form of the answer to `command`, the one protected last.

        SecureMessagingError when the answer does not prove itself: the session has ended then.
        """

    def end(self, reason: str = "it was ended") -> None:
        """End the session and drop its keys; harmless when it has ended already."""
