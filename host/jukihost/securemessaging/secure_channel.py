"""A channel that protects every command and believes no answer that does not prove itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NoReturn, Protocol, runtime_checkable

from jukicard.apdu import CommandApdu, ResponseApdu
from jukihost.connection import Forgetting, Transactional
from jukihost.errors import NotOffered
from jukihost.pinpad import PadEntry, PadNotUsable
from jukihost.securemessaging.protocol import SecureMessagingSession


class Transmitter(Protocol):
    """What a command can be given to; every `jukihost.channel.ApduChannel` is one."""

    def transmit(self, command: CommandApdu, /) -> ResponseApdu:
        """Send one command and return its answer."""


@runtime_checkable
class _Capable(Transactional, Forgetting, Protocol):
    """A channel that can do what its connection can."""


class SecureChannel:
    """A channel around another one, under one secure session.

    Command chaining belongs above it, with `session.short_data` as its limit, and so does the
    GET RESPONSE of long answers: every part is protected by itself. GET RESPONSE of a transport
    that gives a protected answer in parts, and the class byte's channel number, belong below and
    above it as `jukihost.channel` says.
    """

    def __init__(
        self,
        inner: Transmitter,
        session: SecureMessagingSession,
        *,
        encrypt: Callable[[CommandApdu], bool] | None = None,
    ) -> None:
        """`encrypt` tells of each command whether it is encrypted or only authenticated.

        Without it everything is encrypted.
        """
        self.inner = inner
        self.session = session
        self._encrypt = encrypt

    @property
    def alive(self) -> bool:
        """True while the secure session goes on."""
        return self.session.alive

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """Send one command protected and return the plain form of its proven answer.

        SecureMessagingError when the answer does not prove itself, or the session is over. Any
        failure on the way ends the session too: nobody knows how far the card has counted.
        """
        encrypt = self._encrypt is None or self._encrypt(command)
        protected = self.session.protect(command, encrypt=encrypt)
        try:
            answer = self.inner.transmit(protected)
        except BaseException:
            self.session.end("an exchange was cut off")
            raise
        return self.session.unprotect(answer, command)

    def replace_session(self, session: SecureMessagingSession) -> None:
        """Go on under a new secure session; the old one is over."""
        self.session.end("another session took its place")
        self.session = session

    def end(self) -> None:
        """End the session and forget its keys; sends nothing."""
        self.session.end()

    def transaction(self) -> AbstractContextManager[None]:
        """Keep other programs away from the card. NotOffered where the channel below cannot."""
        return self._below().transaction()

    def forget(self) -> bytes | None:
        """End the session and make the card forget the rest too; return the ATR of a reset.

        NotOffered where the channel below cannot.
        """
        below = self._below()
        self.session.end("the card was made to forget it")
        return below.forget()

    def pin_entry(self, entry: PadEntry) -> NoReturn:
        """Refuse: a pad sends in plain. PadNotUsable; the session goes on."""
        raise PadNotUsable(
            "a secure session protects this, and what is typed on the reader would go past it in "
            "plain and end it: have it typed at the terminal; nothing was sent to the card"
        )

    def _below(self) -> _Capable:
        if not isinstance(self.inner, _Capable):
            raise NotOffered(
                "this session stands on a channel that only carries commands: put it on one of "
                "build_channel"
            )
        return self.inner

    def __repr__(self) -> str:
        return f"<SecureChannel, {self.session!r}>"
