"""From connection to conversation: a chain of small decorators, each with one concern.

Between a session and the card, from the outside in::

    LogicalChannelChannel   puts the channel number into the class byte
    CommandChaining         cuts long data into a chain
    ResponseChaining        61XX under secure messaging: fetches the rest with a protected command
    SecureChannel           protects every link; its MAC covers the class byte (securemessaging)
    ResponseChaining        61XX: fetches the rest with GET RESPONSE
    RightLength             6CXX: asks once more with the right length
    Tracing                 shows the exchange to an observer
    PlainChannel            commands to bytes, bytes to answers

All but SecureChannel remember nothing between commands: what fails in the middle leaves no
half-changed state.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Protocol, Self

from jukicard.apdu import (
    ClassByte,
    CommandApdu,
    Ins,
    MalformedApduError,
    ResponseApdu,
    StatusWord,
)
from jukicard.apdu.command import MAX_NC, MAX_NE
from jukicard.apdu.trace import TraceObserver
from jukihost.connection import Capabilities, Connection, translated
from jukihost.errors import CardError, ProtocolError, check
from jukihost.pinpad import PadEntry

MAX_ROUNDS: Final = 1024
"""How many GET RESPONSE one answer may take: 65536 bytes in pieces of 64."""
SHORT_DATA: Final = 255
"""The most data a command with short length fields carries, in bytes."""


class ApduChannel(Protocol):
    """Something that takes a command to the card and returns the card's answer."""

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """Send one command; CardError when no answer came or it cannot be trusted.

        A refusal of the card is an answer, not an error.
        """

    def transaction(self) -> AbstractContextManager[None]:
        """Keep every other program away from the card for the length of a `with` block.

        On a connection that has one user by its nature there is nothing to hold.
        """

    def forget(self) -> bytes | None:
        """Make the card forget what was proven to it.

        Return the ATR of the reset that this took, None when it took none. TransportError when it
        fails: the connection is closed then, which takes the power.
        """

    def pin_entry(self, entry: PadEntry) -> Callable[[CommandApdu], bytes]:
        """Return what has an entry typed on the reader and sent with a command that has no data.

        It returns the answer as the driver gives it. NotOffered without a pad, PadNotUsable where
        the command would have to be protected; nothing was sent then.
        """


class PlainChannel:
    """The innermost channel: encodes commands for a connection and parses its answers."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._capabilities = Capabilities.of(connection)

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """Send one command as it is. TransportError, ProtocolError for an answer too short."""
        try:
            raw = self.connection.transmit(command.encode())
        except ConnectionError as error:
            raise translated(error) from error
        try:
            return ResponseApdu.parse(raw)
        except MalformedApduError:
            raise ProtocolError(
                f"the card answered {len(raw)} bytes, which is no status; "
                "check the reader and try again"
            ) from None

    def transaction(self) -> AbstractContextManager[None]:
        """Keep other programs away from the card, where they could come near it."""
        return self._capabilities.transaction()

    def forget(self) -> bytes | None:
        """Make the card forget what was proven to it, see `jukihost.connection.Capabilities`."""
        return self._capabilities.forget()

    def pin_entry(self, entry: PadEntry) -> Callable[[CommandApdu], bytes]:
        """Return what has an entry typed on the reader and sent. NotOffered."""
        enter = self._capabilities.pin_entry(entry)
        return lambda command: enter(command.replace(data=b"", ne=0).encode())


class ChannelDecorator:
    """A channel around another one; does nothing by itself."""

    def __init__(self, inner: ApduChannel) -> None:
        self.inner = inner

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """Pass the command on."""
        return self.inner.transmit(command)

    def transaction(self) -> AbstractContextManager[None]:
        """Keep other programs away from the card."""
        return self.inner.transaction()

    def forget(self) -> bytes | None:
        """Make the card forget what was proven to it."""
        return self.inner.forget()

    def pin_entry(self, entry: PadEntry) -> Callable[[CommandApdu], bytes]:
        """Return what has an entry typed on the reader and sent. NotOffered, PadNotUsable."""
        return self.inner.pin_entry(entry)


class Tracing(ChannelDecorator):
    """Shows every command and every answer to an observer, as they are on the wire."""

    def __init__(self, inner: ApduChannel, observer: TraceObserver) -> None:
        super().__init__(inner)
        self.observer = observer

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """Pass the command on, watched."""
        self.observer.command(command.encode())
        response = self.inner.transmit(command)
        self.observer.response(response.encode())
        return response

    def pin_entry(self, entry: PadEntry) -> Callable[[CommandApdu], bytes]:
        """Pass it on, watched: the command shows without what is typed."""
        enter = super().pin_entry(entry)

        def watched(command: CommandApdu) -> bytes:
            self.observer.command(command.encode())
            answer = enter(command)
            if len(answer) >= 2:
                self.observer.response(answer)
            return answer

        return watched

    def forget(self) -> bytes | None:
        """Pass it on, watched: a reset shows."""
        atr = super().forget()
        if atr is not None:
            self.observer.reset(atr)
        return atr


class RightLength(ChannelDecorator):
    """6CXX: repeats the command once with Le = XX, 00 for 256 (ISO/IEC 7816-4:2020, 5.6)."""

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """Send the command, and once more when the card names the right length."""
        response = self.inner.transmit(command)
        if response.status.sw1 != 0x6C:
            return response
        return self.inner.transmit(command.replace(ne=response.status.sw2 or 256))


class ResponseChaining(ChannelDecorator):
    """61XX: fetches what is left with GET RESPONSE (ISO/IEC 7816-4:2020, 5.3.4 and 11.8.1).

    The answer holds all data and the last status. ProtocolError when the card makes no progress,
    needs more than MAX_ROUNDS, or sends more than 65536 bytes.

    A protected answer that is whole, whose own status is 61XX, is left to the ResponseChaining
    above secure messaging: a plain GET RESPONSE would end the session.
    """

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """Send the command and return its whole answer."""
        response = self.inner.transmit(command)
        if response.status.sw1 != 0x61 or _is_whole(command, response.data, response.status):
            return response
        return self._collect(command, response)

    def _collect(self, command: CommandApdu, response: ResponseApdu) -> ResponseApdu:
        # The instruction is interindustry: of the class, only the channel stays.
        cla = ClassByte.build(channel=command.cla.channel)
        data = bytearray(response.data)
        for _ in range(MAX_ROUNDS):
            rest = CommandApdu(cla, Ins.GET_RESPONSE, 0, 0, ne=response.status.sw2 or 256)
            response = self.inner.transmit(rest)
            data += response.data
            if len(data) > MAX_NE:
                raise ProtocolError(f"the card sends more than {MAX_NE} bytes in one answer")
            status = response.status
            if status.sw1 != 0x61 or _is_whole(command, bytes(data), status):
                return ResponseApdu(bytes(data), status)
            if not response.data:
                raise ProtocolError("the card says that data waits and sends none")
        raise ProtocolError(f"one answer of the card takes more than {MAX_ROUNDS} GET RESPONSE")


def _is_whole(command: CommandApdu, data: bytes, status: StatusWord) -> bool:
    """Tell whether this is all of a protected answer: it ends in its status and a MAC.

    ISO/IEC 7816-4:2020, 10.3: DO 99 with the status that came outside as well, DO 8E.
    """
    if not command.cla.secure:
        return False
    return data[-14:-8] == b"\x99\x02" + status.to_bytes(2, "big") + b"\x8e\x08"


class CommandChaining(ChannelDecorator):
    """Cuts data longer than `limit` bytes into a chain of commands (ISO/IEC 7816-4:2020, 5.3.3).

    A link that is not answered 9000 ends the chain, and its answer is the answer. A command that
    is itself marked as part of a chain passes as it is.
    """

    def __init__(self, inner: ApduChannel, limit: int = SHORT_DATA) -> None:
        """`limit`: the most data of one command in bytes, 1 to 65535. ValueError."""
        super().__init__(inner)
        if not 1 <= limit <= MAX_NC:
            raise ValueError(f"the limit is 1 to {MAX_NC} bytes, not {limit}")
        self.limit = limit

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """Send the command, in pieces when its data is over the limit."""
        if len(command.data) <= self.limit or command.cla.chained:
            return self.inner.transmit(command)
        last = (len(command.data) - 1) // self.limit * self.limit
        link = command.cla.replace(chained=True)
        for start in range(0, last, self.limit):
            piece = command.data[start : start + self.limit]
            response = self.inner.transmit(
                command.replace(cla=link, data=piece, ne=0, extended=False)
            )
            if response.status != StatusWord.OK:
                return response
        return self.inner.transmit(command.replace(data=command.data[last:], extended=False))


class LogicalChannelChannel(ChannelDecorator):
    """Sends every command on one logical channel, 1 to 19; closing it ends the channel.

    Secure messaging belongs below it, because its MAC covers the class byte. See
    `open_logical_channel`.
    """

    def __init__(self, inner: ApduChannel, number: int) -> None:
        """For a channel the card has opened; ValueError unless `number` is 1 to 19."""
        super().__init__(inner)
        if not 1 <= number <= 19:
            raise ValueError(f"a further logical channel is 1 to 19, not {number}")
        self.number = number
        self.closed = False

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        """Send the command on this channel.

        ValueError when its class has no channel number or already names another channel, and
        after `close`: all three are mistakes of the program.
        """
        return self.inner.transmit(self._numbered(command))

    def pin_entry(self, entry: PadEntry) -> Callable[[CommandApdu], bytes]:
        """Return what has an entry typed and sent on this channel. ValueError as `transmit`."""
        enter = super().pin_entry(entry)
        return lambda command: enter(self._numbered(command))

    def _numbered(self, command: CommandApdu) -> CommandApdu:
        if self.closed:
            raise ValueError(f"logical channel {self.number} is closed")
        cla = command.cla
        if cla.channel not in (0, self.number):
            raise ValueError(f"the command names channel {cla.channel}, this is {self.number}")
        return command.replace(cla=cla.replace(channel=self.number))

    def close(self) -> None:
        """Close the channel on the card; closing twice is allowed. StatusError, TransportError.

        A card that does not know the channel any more (6881) was reset: then it is closed too.
        """
        if self.closed:
            return
        # ISO/IEC 7816-4:2020, 11.1.2: P1 = 80 closes the channel named in P2.
        command = CommandApdu(0x00, Ins.MANAGE_CHANNEL, 0x80, self.number)
        status = self.inner.transmit(command).status
        if status != StatusWord.CHANNEL_NOT_SUPPORTED:
            check(command, status)
        self.closed = True

    def forget(self) -> bytes | None:
        """Close the channel, and what was proven on it is gone; the card's other channels stay."""
        self.close()
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close; what already went wrong is not hidden by a channel that cannot be closed."""
        try:
            self.close()
        except CardError:
            if error is None:
                raise


def open_logical_channel(inner: ApduChannel, number: int | None = None) -> LogicalChannelChannel:
    """Ask the card for a further logical channel: any, or the one with `number` (1 to 19).

    ISO/IEC 7816-4:2020, 11.1.2. StatusError (ChannelNotSupported, NotSupported) when the card has
    none to give, ProtocolError when it names an impossible one.
    """
    if number is not None:
        channel = LogicalChannelChannel(inner, number)
        command = CommandApdu(0x00, Ins.MANAGE_CHANNEL, 0x00, number)
        check(command, inner.transmit(command).status)
        return channel
    command = CommandApdu(0x00, Ins.MANAGE_CHANNEL, 0x00, 0x00, ne=1)
    response = inner.transmit(command)
    check(command, response.status)
    if len(response.data) != 1 or not 1 <= response.data[0] <= 19:
        raise ProtocolError("the card opened a logical channel and named none of 1 to 19")
    return LogicalChannelChannel(inner, response.data[0])


def build_channel(
    connection: Connection, *, observer: TraceObserver | None = None, data_limit: int = SHORT_DATA
) -> ChannelDecorator:
    """Put the usual channel on a connection, in the right order; sends nothing.

    `observer` sees every exchange on the wire. `data_limit` is the most data in one command,
    longer data is chained: 255 suits every card, 65535 sends extended lengths instead.
    """
    channel: ApduChannel = PlainChannel(connection)
    if observer is not None:
        channel = Tracing(channel, observer)
    return CommandChaining(ResponseChaining(RightLength(channel)), data_limit)
