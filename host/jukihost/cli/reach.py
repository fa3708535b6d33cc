"""From the arguments to a card: the connection that was asked for, and the channel on it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jukihost.cli import output

if TYPE_CHECKING:
    from jukihost.channel import ApduChannel
    from jukihost.models import Awaited
    from jukihost.transport.base import BaseConnection


@contextmanager
def connected(
    arguments: argparse.Namespace,
    *,
    verifies: bool = True,
) -> Iterator[tuple[BaseConnection, ApduChannel]]:
    """Open the connection that was asked for and the channel on it.

    `verifies` is False where nothing is proven: the card is left as it was found then.
    """
    from jukihost.channel import build_channel

    trace = None
    if arguments.trace:
        from jukicard.apdu.trace import Trace

        trace = Trace(write=output.say)
    with _connection(arguments, verifies=verifies) as connection:
        if trace is not None:
            trace.reset(connection.atr)
        yield connection, build_channel(connection, observer=trace)


def _connection(arguments: argparse.Namespace, *, verifies: bool) -> BaseConnection:
    """Make the connection that was asked for; who verified nothing leaves the card powered."""
    if arguments.tcp:
        from jukihost.transport.tcp import TcpConnection

        host, port, card = arguments.tcp
        return TcpConnection(host, port, card=card, on_wait=say_waiting)
    if arguments.vpcd or arguments.vpcd_dial:
        from jukihost.transport.stream import AddressNotLocal
        from jukihost.transport.vpcd import VpcdConnection

        if arguments.vpcd_dial:
            return VpcdConnection(*arguments.vpcd_dial, listening=False, on_wait=say_waiting)
        virtual = VpcdConnection(
            *arguments.vpcd,
            wait=arguments.wait,
            allow_remote=arguments.allow_remote,
            on_wait=say_waiting,
        )
        try:
            virtual.listen()
        except AddressNotLocal as error:
            raise output.UsageError(f"{error} (--allow-remote)") from None
        return virtual
    from jukihost.transport.pcsc.connection import AtClose, PcscConnection

    wanted = arguments.reader
    return PcscConnection(
        int(wanted) if wanted and wanted.isascii() and wanted.isdigit() else wanted,
        wait=arguments.wait,
        at_close=AtClose.POWER_OFF if verifies else AtClose.LEAVE,
        on_wait=say_waiting,
    )


def say_waiting(what: Awaited) -> None:
    """Tell the user what is waited for, and for how long at most."""
    output.say(f"waiting {what.seconds:g} s for {what} ...")
