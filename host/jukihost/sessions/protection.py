"""Where secure messaging goes in a chain of channels, whatever the chain is made of."""

from __future__ import annotations

from jukihost.channel import ApduChannel, CommandChaining, LogicalChannelChannel
from jukihost.securemessaging import Iso7816Session, SecureChannel


def protected(channel: ApduChannel, session: Iso7816Session) -> ApduChannel:
    """Return `channel` with secure messaging at its place in it.

    Below the channel number, because the MAC covers the class byte; below the chaining of long
    data, because every link is protected by itself; above all else.
    """
    if isinstance(channel, LogicalChannelChannel):
        return LogicalChannelChannel(protected(channel.inner, session), channel.number)
    return CommandChaining(SecureChannel(channel, session), session.short_data)
