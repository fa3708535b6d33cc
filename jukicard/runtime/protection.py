"""The secure messaging layer: a protected command in, a protected answer out, or no session."""

from __future__ import annotations

from typing import Final

from jukicard.apdu.cla import SecureMessagingIndication
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.channel import LogicalChannel
from jukicard.channel.logical import NO_LIMIT
from jukicard.errors import IsoError
from jukicard.filesystem.access import MessagingLevel
from jukicard.runtime.applet import ApplicationState
from jukicard.runtime.boundary import Boundary
from jukicard.securemessaging.session import ProtectionLevel, SecureMessagingSession

_LEVELS: Final = tuple(MessagingLevel)
_SHORT: Final = 256


class SecureMessagingLayer:
    """Unprotects a command of an open session and protects its answer; without one, passes on.

    A session belongs to an application's state on one channel. It ends, and everything proven
    with it, at the first command that is not authentic and at the first plain command. Here too
    ends a challenge that the command after it did not answer, whatever became of that command.
    """

    __slots__ = ("_boundary", "_next")

    def __init__(self, boundary: Boundary) -> None:
        self._next = boundary.process
        self._boundary = boundary

    def process(self, command: CommandApdu, channel: LogicalChannel) -> ResponseApdu:
        """Answer a command that may be protected."""
        state: ApplicationState | None = channel.state
        if state is None:
            return self._without_session(command, channel)
        held = state.challenge
        if state.messaging is not None:
            response = self._in_session(command, channel, state, state.messaging)
        elif not command.cla.secure:
            response = self._next(command, channel)
        else:
            response = self._without_session(command, channel)
        if held and state.challenge is held and not _continues(channel):
            state.challenge = b""  # protocols: a challenge is for the very next command
        return response

    def _without_session(self, command: CommandApdu, channel: LogicalChannel) -> ResponseApdu:
        if not command.cla.secure:
            return self._next(command, channel)
        if channel.state is not None:
            _forget(channel.state, channel)
        return self._boundary.refuse(_no_session(command), command.ins, channel.number)

    def _in_session(
        self,
        command: CommandApdu,
        channel: LogicalChannel,
        state: ApplicationState,
        session: SecureMessagingSession,
    ) -> ResponseApdu:
        if not command.cla.secure:
            if not _fetches_opening(command, channel, session):
                # a plain command ends the session and is judged by what a stranger may do
                _forget(state, channel)
            return self._next(command, channel)
        try:
            plain = session.unprotect(command)
        except IsoError as refusal:
            _forget(state, channel)
            return self._boundary.refuse(refusal, command.ins, channel.number)
        room = command.ne or _SHORT
        state.security.messaging = _LEVELS[session.level]
        if channel.chain is not None:  # a chain is protected as its least protected link
            state.security.messaging = min(state.security.messaging, channel.chain_level)
        channel.chain_level = state.security.messaging
        channel.limit = session.max_plain_length(room)
        try:
            response = self._next(plain, channel)
        finally:
            state.security.messaging = MessagingLevel.NONE
            channel.limit = NO_LIMIT
        answer = session.protect(response)
        if not session.alive and state.messaging is session:
            _forget(state, channel)  # a limit was reached: what was proven goes with the session
        elif channel.state is not state or state.messaging is not session:
            session.end()
        return answer


def _forget(state: ApplicationState, channel: LogicalChannel) -> None:
    """End the session and drop all that was proven and all that is half transferred."""
    if state.messaging is not None:
        state.messaging.end()
    state.forget()
    channel.drop_transfers()


def _fetches_opening(
    command: CommandApdu, channel: LogicalChannel, session: SecureMessagingSession
) -> bool:
    """Tell whether it fetches the rest of the answer that opened the session, which came plain.

    A terminal that leaves Le out is told 61XX. No command was protected yet.
    """
    opened = session.level is ProtectionLevel.NONE
    return opened and command.ins == Ins.GET_RESPONSE and bool(channel.waiting)


def _continues(channel: LogicalChannel) -> bool:
    """Tell whether the answer to a challenge has come in part and will go on: it is one command."""
    return channel.chain is not None and channel.chain.ins == Ins.MUTUAL_AUTHENTICATE


def _no_session(command: CommandApdu) -> IsoError:
    if command.cla.secure_messaging is SecureMessagingIndication.HEADER_AUTHENTICATED:
        return IsoError(
            StatusWord.SECURE_MESSAGING_OBJECTS_INCORRECT,
            "a protected command, and no session is open on this channel",
        )
    return IsoError(
        StatusWord.SECURE_MESSAGING_NOT_SUPPORTED,
        "secure messaging without an authenticated header",
    )
