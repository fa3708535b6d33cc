"""One command's way through the card, as a list: reading it is reading the card.

bytes      Card.transmit          a command APDU, or 6700
channel    Channels               the class byte names an open channel, or 6E00, 6881
messaging  SecureMessagingLayer   MAC, then decryption; the answer is protected on its way out
boundary   Boundary               one transaction; a refusal becomes a status word
admission  Admission              what a card out of use still does, or 6985
chaining   Chaining               links are collected; GET RESPONSE, 61XX and 6CXX
dispatch   Dispatcher             SELECT by name, MANAGE CHANNEL, else the selected application
applet     Applet.process         a typed command, its handler, files, access, memory
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from jukicard.apdu.cla import ClassByte
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.channel import Chaining, ChannelTable, LogicalChannel
from jukicard.errors import IsoError
from jukicard.memory import PersistentMemory
from jukicard.runtime.admission import Admission
from jukicard.runtime.application import Application
from jukicard.runtime.boundary import Boundary
from jukicard.runtime.cardstate import CardState
from jukicard.runtime.dispatcher import Dispatcher
from jukicard.runtime.events import Events
from jukicard.runtime.options import CardOptions
from jukicard.runtime.protection import SecureMessagingLayer
from jukicard.runtime.registry import Registry

Layer: TypeAlias = Callable[[CommandApdu, LogicalChannel], ResponseApdu]


class Pipeline:
    """The layers of one powered card, put together; made anew at every power-on."""

    __slots__ = ("boundary", "channels", "dispatcher", "process")

    def __init__(
        self,
        registry: Registry,
        memory: PersistentMemory,
        options: CardOptions,
        events: Events,
        on_bug: Callable[[Exception], None],
        card: CardState,
    ) -> None:
        self.channels = ChannelTable(options.channels)
        self.dispatcher = Dispatcher(registry, self.channels, options, events, card, on_bug)
        chaining = Chaining(self.dispatcher.process)
        admission = Admission(chaining.process, card, self.dispatcher.refused)
        settle, endings = self.dispatcher.settle, card.endings
        endings.clear()
        self.boundary = Boundary(admission.process, memory, events, on_bug, endings, settle)
        messaging = SecureMessagingLayer(self.boundary)
        self.process = Channels(self.channels, self.boundary, messaging.process).process
        self.dispatcher.select_default(self.channels.basic)


class Channels:
    """The outermost layer: finds the logical channel that the class byte names."""

    __slots__ = ("_basic", "_boundary", "_next", "_table")

    def __init__(self, table: ChannelTable, boundary: Boundary, inner: Layer) -> None:
        self._table = table
        self._basic = table.basic
        self._boundary = boundary
        self._next = inner

    def process(self, command: CommandApdu) -> ResponseApdu:
        """Answer a command on the channel it names; 6E00 and 6881 when there is none."""
        cla = command.cla
        if cla.value == 0x00:
            channel = self._basic
        else:
            try:
                channel = self._channel(cla)
            except IsoError as refusal:
                return self._boundary.refuse(refusal, command.ins, cla.channel)
        application: Application | None = channel.application
        if application is None:
            return self._next(command, channel)
        return application.around(self._next, command, channel, self._boundary.on_bug)

    def _channel(self, cla: ClassByte) -> LogicalChannel:
        # A0 to BF are as reserved as 20 to 3F: nothing gives them a channel or a chain
        if cla.value & 0x60 == 0x20 or cla.value == 0xFF:
            raise IsoError(StatusWord.CLA_NOT_SUPPORTED, f"class {cla.value:02X} is none")
        return self._table.get(cla.channel)
