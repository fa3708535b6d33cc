"""Where secure messaging goes in a chain of channels, and what must not go without it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, Final, NoReturn, ParamSpec, Protocol, TypeVar

from jukicard.apdu import CommandApdu
from jukihost.channel import (
    ApduChannel,
    ChannelDecorator,
    CommandChaining,
    LogicalChannelChannel,
    ResponseChaining,
)
from jukihost.pinpad import PadEntry
from jukihost.securemessaging import SecureChannel, SecureMessagingSession, SessionOver

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class Protection:
    """A secure session at its place in a chain of channels: `channel` is that under it."""

    def __init__(self, plain: ApduChannel, session: SecureMessagingSession) -> None:
        self.session: Final = session
        self.channel: Final = protected(plain, session)

    def protects(self, channel: ApduChannel) -> bool:
        """Tell whether `channel` speaks under this session, and the session is alive."""
        return channel is self.channel and self.session.alive


def protected(channel: ApduChannel, session: SecureMessagingSession) -> ApduChannel:
    """Return `channel` with secure messaging at its place in it; every command is encrypted.

    Below the channel number, because the MAC covers the class byte; below the chaining of long
    data and of long answers, because every part is protected by itself; above all else.
    """
    if isinstance(channel, LogicalChannelChannel):
        return LogicalChannelChannel(protected(channel.inner, session), channel.number)
    whole = ResponseChaining(SecureChannel(channel, session))
    return CommandChaining(whole, session.short_data)


class PrivateSessionOver(SessionOver):
    """What was to stay private would go in plain now; nothing was sent."""


class Silent(ChannelDecorator):
    """A channel on which nothing is said: a private session was wanted on it, and none is alive."""

    def transmit(self, command: CommandApdu) -> NoReturn:
        """Send nothing. PrivateSessionOver."""
        self._refuse()

    def pin_entry(self, entry: PadEntry) -> NoReturn:
        """Have nothing typed. PrivateSessionOver."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise PrivateSessionOver(
            "no private session protects this any more, and nothing was sent: call begin_private "
            "again, or open() to go on in plain"
        )


class Authenticating(Protocol):
    """A session in which the terminal proves a purpose."""

    def require_authenticated(self, ins: int) -> None:
        """TerminalNotAuthenticated unless a live secure session is there; `ins` is refused."""


_Session = TypeVar("_Session", bound=Authenticating)


def under_purpose(
    ins: int,
) -> Callable[
    [Callable[Concatenate[_Session, _Arguments], _Result]],
    Callable[Concatenate[_Session, _Arguments], _Result],
]:
    """Mark a method whose rule names a purpose: refused without one, before anything is sent.

    `ins` is the command that the purpose is for. TerminalNotAuthenticated.
    """

    def mark(
        method: Callable[Concatenate[_Session, _Arguments], _Result],
    ) -> Callable[Concatenate[_Session, _Arguments], _Result]:
        @functools.wraps(method)
        def checked(
            session: _Session, /, *arguments: _Arguments.args, **options: _Arguments.kwargs
        ) -> _Result:
            session.require_authenticated(ins)
            return method(session, *arguments, **options)

        return checked

    return mark
