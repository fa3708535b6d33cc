"""From the arguments to a card: the connection that was asked for, and the channel on it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jukihost.cli import output

if TYPE_CHECKING:
    from jukicard.apdu.trace import TraceObserver
    from jukihost.channel import ApduChannel
    from jukihost.models import Awaited
    from jukihost.transport.base import BaseConnection


class _Watchers:
    """Several observers of a connection as one."""

    def __init__(self, observers: Sequence[TraceObserver]) -> None:
        self._observers = observers

    def command(self, raw: bytes) -> None:
        for observer in self._observers:
            observer.command(raw)

    def response(self, raw: bytes) -> None:
        for observer in self._observers:
            observer.response(raw)

    def reset(self, atr: bytes) -> None:
        for observer in self._observers:
            observer.reset(atr)


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

    with watched(arguments, verifies=verifies) as (connection, observer):
        yield connection, build_channel(connection, observer=observer)


@contextmanager
def watched(
    arguments: argparse.Namespace, *, verifies: bool = True
) -> Iterator[tuple[BaseConnection, TraceObserver | None]]:
    """Open the connection that was asked for, and say who watches what is sent, if anybody."""
    observers: list[TraceObserver] = []
    if arguments.trace:
        from jukicard.apdu.trace import Trace

        observers.append(Trace(write=output.say))
    with _recorded(arguments, observers), _connection(arguments, verifies=verifies) as connection:
        observer = _Watchers(observers) if observers else None
        if observer is not None:
            observer.reset(connection.atr)
        yield connection, observer


@contextmanager
def _recorded(arguments: argparse.Namespace, observers: list[TraceObserver]) -> Iterator[None]:
    """Write what is said into the file that was asked for, also where it ends in an error."""
    if not arguments.record:
        if arguments.record_all:
            raise output.UsageError("--record-all says how much --record FILE writes: name a file")
        yield
        return
    from jukicard.apdu.trace import TraceLevel
    from jukicard.apdu.trace.formats import write_trace
    from jukicard.apdu.trace.record import ApduTrace
    from jukihost.clock import machine_time

    level = TraceLevel.FULL if arguments.record_all else TraceLevel.REDACTED
    trace = ApduTrace(level, clock=machine_time)
    try:
        number = os.open(arguments.record, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise output.UsageError("the file for the recording is there already") from None
    except OSError as error:
        raise output.UsageError(f"cannot write the recording: {error.strerror}") from None
    observers.append(trace)
    with os.fdopen(number, "wb") as file:
        try:
            yield
        finally:
            file.write(write_trace(trace, "json"))


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
