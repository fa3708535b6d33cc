"""Which application answers: SELECT by name and MANAGE CHANNEL here, the rest to the selected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import is_valid_ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.channel import ChannelTable, LogicalChannel
from jukicard.channel.management import CloseChannel, parse_manage_channel
from jukicard.errors import IsoError
from jukicard.filesystem.commands import Occurrence, parse_select
from jukicard.filesystem.lifecycle_table import ObjectKind, Operation, outcome
from jukicard.runtime.applet import ApplicationState
from jukicard.runtime.application import Application
from jukicard.runtime.boundary import report
from jukicard.runtime.cardstate import CardState
from jukicard.runtime.endings import Ended
from jukicard.runtime.events import ApplicationSelected, Events
from jukicard.runtime.options import CardOptions
from jukicard.runtime.registry import Registry

_INVALID_INS: Final = frozenset(value for value in range(256) if not is_valid_ins(value))


class Dispatcher:
    """The innermost layer: finds the application and hands it the command."""

    __slots__ = ("_card", "_channels", "_events", "_on_bug", "_options", "_registry")

    def __init__(
        self,
        registry: Registry,
        channels: ChannelTable,
        options: CardOptions,
        events: Events,
        card: CardState,
        on_bug: Callable[[Exception], None],
    ) -> None:
        self._registry = registry
        self._channels = channels
        self._options = options
        self._events = events
        self._card = card
        self._on_bug = on_bug
        registry.selected = lambda: [one.application for one in channels.open_channels]

    def process(self, command: CommandApdu, channel: LogicalChannel) -> ResponseApdu:
        """Answer a whole command."""
        ins = command.ins
        state: ApplicationState | None = channel.state
        if ins == 0xA4 and command.p1 == 0x04 and command.cla.interindustry:
            return self._select(command, channel)
        if ins == 0x70 and command.cla.interindustry:
            return self._manage_channel(command, channel)
        application: Application | None = channel.application
        if ins in _INVALID_INS:
            # ISO/IEC 7816-3:2006, 10.3.3
            raise IsoError(StatusWord.INS_NOT_SUPPORTED, f"INS {ins:02X} is invalid")
        if application is None or state is None:
            raise IsoError(StatusWord.CONDITIONS_NOT_SATISFIED, "no application is selected")
        return application.process(command, state)

    def settle(self, by: LogicalChannel, *, certain: bool) -> None:
        """Have every channel lose what ended with the command that came on channel `by`.

        certain: False when the power went in the middle of it.
        """
        ended = self._card.endings.take(certain=certain)
        for channel in self._channels.open_channels:
            application: Application | None = channel.application
            try:
                if self._loses(channel, application, ended, by):
                    channel.drop_transfers()
            except Exception as bug:  # noqa: BLE001 - what fails to lose it is taken off instead
                channel.drop_transfers()
                channel.application = channel.state = None
                report(bug, self._on_bug)

    def _loses(
        self,
        channel: LogicalChannel,
        application: Application | None,
        ended: Ended,
        by: LogicalChannel,
    ) -> bool:
        """Take from one channel what ended; tell whether that was anything."""
        other = channel is not by
        if application is None or channel.state is None:
            return other and ended.everything
        aid = application.aid
        if other and (ended.everything or aid in ended.applications):
            application.forget(channel.state)
            if self._registry.get(aid) is not application:  # locked, unlocked or removed
                channel.application = channel.state = None
            return True
        lost = [
            application.lose(channel.state, of)
            for owner, of in (ended.blocked | ended.written if other else ended.blocked)
            if owner == aid
        ]
        return any(lost)

    def refused(self, command: CommandApdu, channel: LogicalChannel) -> None:
        """Have the selected application forget what a command forgets that the card refuses.

        One that fails to is taken off the channel.
        """
        application: Application | None = channel.application
        if application is None or channel.state is None:
            return
        try:
            application.refused(command, channel.state)
        except Exception as bug:  # noqa: BLE001 - the command is refused all the same
            channel.application = channel.state = None
            report(bug, self._on_bug)

    def _select(self, command: CommandApdu, channel: LogicalChannel) -> ResponseApdu:
        """SELECT by DF name, full or truncated (ISO/IEC 7816-4:2020, 11.2.2)."""
        parsed = parse_select(command)
        current: Application | None = channel.application
        found = self._registry.find(parsed.reference, parsed.occurrence, current)
        if found is None and current is not None and parsed.occurrence is Occurrence.FIRST:
            inside = current.select_inside(command, channel.state)
            if inside is not None:
                return inside
        if found is None:
            name = parsed.reference.hex().upper() or "(empty)"
            raise IsoError(
                StatusWord.FILE_NOT_FOUND,
                f"SELECT: no {parsed.occurrence.name.lower()} application {name}",
            )
        again = found is current and self._options.reselect_keeps_status
        if not again:
            self.leave(channel)
            channel.state = found.new_state()
            channel.application = found
        try:
            response = found.select(command, channel.state)
        except BaseException:
            self.leave(channel)
            raise
        if self._events.listeners:
            self._events.emit(ApplicationSelected(channel.number, found.aid, again))
        if response.status == StatusWord.OK and not self._card.usable:
            cell = outcome(ObjectKind.CARD, self._card.now, Operation.SELECT)
            return ResponseApdu(response.data, cell.status)
        return response

    def leave(self, channel: LogicalChannel) -> None:
        """Take the application off a channel; its volatile state is gone whatever it does."""
        application: Application | None = channel.application
        state: ApplicationState | None = channel.state
        channel.application = channel.state = None
        if application is None or state is None:
            return
        try:
            application.deselect(state)
        except Exception as bug:  # noqa: BLE001 - being left is not something to refuse
            report(bug, self._on_bug)

    def select_default(self, channel: LogicalChannel) -> None:
        """Select what is selected without being asked for, on a fresh channel."""
        application = self._registry.default
        if application is None:
            return
        try:
            channel.state = application.new_state()
        except Exception as bug:  # noqa: BLE001 - the card answers to reset with nothing selected
            report(bug, self._on_bug)
        else:
            channel.application = application

    def _manage_channel(self, command: CommandApdu, channel: LogicalChannel) -> ResponseApdu:
        """MANAGE CHANNEL (ISO/IEC 7816-4:2020, 11.1.2)."""
        parsed = parse_manage_channel(command)
        if isinstance(parsed, CloseChannel):
            self.leave(self._channels.close(parsed.number))
            return ResponseApdu()
        opened = self._channels.open(parsed.number)
        # 11.1.2 lets a channel start where the one it was opened from stands; here every channel
        # starts at the default application: proofs never move between channels
        self.select_default(opened)
        return ResponseApdu(bytes((opened.number,)) if parsed.number is None else b"")
