"""What every secure messaging scheme offers to the layers of the card."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum
from typing import Generic, Protocol, TypeVar

from jukicard.apdu import CommandApdu, ResponseApdu
from jukicard.errors import IsoError

_Keys = TypeVar("_Keys")


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


class KeyedSession(ABC, Generic[_Keys]):
    """What a session of every scheme does alike: at the first thing that is wrong it has ended.

    Its keys are gone then, and it never comes back; see `SecureMessagingSession`.
    """

    __slots__ = ("_answers", "_keys", "_level")

    def __init__(self, keys: _Keys) -> None:
        self._keys: _Keys | None = keys
        self._level = ProtectionLevel.NONE
        self._answers = False

    @property
    def alive(self) -> bool:
        """False when the session has ended and its keys are gone."""
        return self._keys is not None

    @property
    def level(self) -> ProtectionLevel:
        """The protection of the command that was unprotected last; NONE before the first."""
        return self._level

    def end(self) -> None:
        """End the session and drop its keys; harmless when it has ended already."""
        self._keys = None
        self._level = ProtectionLevel.NONE
        self._answers = False

    def unprotect(self, command: CommandApdu) -> CommandApdu:
        """Verify a protected command and return the plain one; IsoError ends the session."""
        try:
            return self._unprotect(command)
        except IsoError:
            self.end()
            raise

    @abstractmethod
    def _unprotect(self, command: CommandApdu) -> CommandApdu:
        """Verify a command, note its level and that it will be answered. IsoError."""

    def _to_answer(self) -> _Keys:
        """Return the keys for the one answer to a command; RuntimeError when there is none."""
        keys = self._keys
        if keys is None or not self._answers:
            raise RuntimeError("there is no command of this session to answer")
        self._answers = False
        return keys
