"""Which application answers: SELECT by name and MANAGE CHANNEL here, the rest to the selected."""

from __future__ import annotations

from typing import Final

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import is_valid_ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.channel import ChannelTable, LogicalChannel
from jukicard.errors import IsoError
from jukicard.filesystem.commands import parse_select
from jukicard.runtime.commands import CloseChannel, parse_manage_channel
from jukicard.runtime.events import ApplicationSelected, Events
from jukicard.runtime.options import CardOptions
from jukicard.runtime.registry import Application, Registry

_INVALID_INS: Final = frozenset(value for value in range(256) if not is_valid_ins(value))


class Dispatcher:
    """The innermost layer: finds the application and hands it the command."""

    __slots__ = ("_channels", "_events", "_options", "_registry")

    def __init__(
        self, registry: Registry, channels: ChannelTable, options: CardOptions, events: Events
    ) -> None:
        self._registry = registry
        self._channels = channels
        self._options = options
        self._events = events

    def process(self, command: CommandApdu, channel: LogicalChannel) -> ResponseApdu:
        """Answer a whole command."""
        ins = command.ins
        if ins == 0xA4 and command.p1 == 0x04 and command.cla.interindustry:
            return self._select(command, channel)
        if ins == 0x70 and command.cla.interindustry:
            return self._manage_channel(command, channel)
        application: Application | None = channel.application
        if application is None:
            self._check_ins(command)
            raise IsoError(StatusWord.CONDITIONS_NOT_SATISFIED, "no application is selected")
        if ins in _INVALID_INS:
            self._check_ins(command)
        return application.applet.process(command, channel.state)

    @staticmethod
    def _check_ins(command: CommandApdu) -> None:
        if command.ins in _INVALID_INS:
            # ISO/IEC 7816-3:2006, 10.3.3
            raise IsoError(StatusWord.INS_NOT_SUPPORTED, f"INS {command.ins:02X} is invalid")

    def _select(self, command: CommandApdu, channel: LogicalChannel) -> ResponseApdu:
        """SELECT by DF name, full or truncated (ISO/IEC 7816-4:2020, 11.2.2)."""
        parsed = parse_select(command)
        current: Application | None = channel.application
        found = self._registry.find(parsed.reference, parsed.occurrence, current)
        if found is None:
            name = parsed.reference.hex().upper() or "(empty)"
            raise IsoError(
                StatusWord.FILE_NOT_FOUND,
                f"SELECT: no {parsed.occurrence.name.lower()} application {name}",
            )
        again = found is current and self._options.reselect_keeps_status
        if not again:
            self.leave(channel)
            channel.state = found.applet.new_state()
            channel.application = found
        try:
            response = found.applet.select(command, channel.state)
        except BaseException:
            self.leave(channel)
            raise
        if self._events.observers:
            self._events.emit(ApplicationSelected(channel.number, found.aid, again))
        return response

    @staticmethod
    def leave(channel: LogicalChannel) -> None:
        """Take the application off a channel; its volatile state is gone whatever it does."""
        application, state = channel.application, channel.state
        channel.application = channel.state = channel.messaging = None
        if application is not None:
            application.applet.deselect(state)

    def select_default(self, channel: LogicalChannel) -> None:
        """Select what is selected without being asked for, on a fresh channel."""
        application = self._registry.default
        if application is not None:
            channel.application = application
            channel.state = application.applet.new_state()

    def _manage_channel(self, command: CommandApdu, channel: LogicalChannel) -> ResponseApdu:
        """MANAGE CHANNEL (ISO/IEC 7816-4:2020, 11.1.2)."""
        parsed = parse_manage_channel(command)
        if isinstance(parsed, CloseChannel):
            self.leave(self._channels.close(parsed.number))
            return ResponseApdu()
        opened = self._channels.open(parsed.number)
        # a channel opened from another than the basic one starts where that one stands; here it
        # always starts at the default application: proofs never move between channels
        self.select_default(opened)
        return ResponseApdu(bytes((opened.number,)) if parsed.number is None else b"")
