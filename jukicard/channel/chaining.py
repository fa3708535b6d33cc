"""Command chaining in, response chaining out: 61XX and 6CXX live here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from jukicard.apdu.command import MAX_NC, CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.apdu.tlv import Tlv, TlvError
from jukicard.channel.logical import LogicalChannel
from jukicard.errors import IsoError

CHAINABLE: Final = frozenset(
    {
        Ins.PERFORM_SECURITY_OPERATION,
        Ins.GENERAL_AUTHENTICATE,
        Ins.GENERAL_AUTHENTICATE_ODD,
        Ins.MUTUAL_AUTHENTICATE,
        Ins.INTERNAL_AUTHENTICATE,
        Ins.GENERATE_ASYMMETRIC_KEY_PAIR,
        Ins.PUT_DATA,
        Ins.PUT_DATA_ODD,
        Ins.UPDATE_BINARY,
        Ins.UPDATE_BINARY_ODD,
        Ins.WRITE_BINARY,
        Ins.WRITE_BINARY_ODD,
        Ins.UPDATE_RECORD,
        Ins.UPDATE_RECORD_ODD,
        Ins.WRITE_RECORD,
        Ins.APPEND_RECORD,
        Ins.PUT_KEY,
    }
)
"""Instructions whose data may come in several commands; any other answers 6884."""

REPEATABLE: Final = frozenset(
    {
        Ins.READ_RECORD,
        Ins.READ_RECORD_ODD,
        Ins.GET_DATA,
        Ins.GET_DATA_ODD,
        Ins.SEARCH_RECORD,
    }
)
"""Reading instructions that may be told to come again with the right Le (6CXX)."""

_STEPS: Final = frozenset({0x81, 0x83, 0x85})
"""What a terminal sends in the steps of PACE; in the first of them, nothing."""


class Chaining:
    """The layer that puts chained commands together and takes long answers apart."""

    __slots__ = ("_next",)

    def __init__(self, inner: Callable[[CommandApdu, LogicalChannel], ResponseApdu]) -> None:
        self._next = inner

    def process(self, command: CommandApdu, channel: LogicalChannel) -> ResponseApdu:
        """Answer a link of a chain, GET RESPONSE, or what the layers inside answer.

        A step of a dialogue is chained and goes inside all the same: it has an answer of its own.
        """
        if channel.chain is not None or command.cla.chained:
            if not command.cla.chained:
                command = self._complete(command, channel)
            elif channel.chain is not None or not _is_step(command):
                return self._collect(command, channel)
        if channel.waiting:
            waiting, channel.waiting = channel.waiting, b""
            if command.ins == 0xC0:
                return self._get_response(command, channel, waiting)
        elif command.ins == 0xC0:
            return self._get_response(command, channel, b"")
        response = self._next(command, channel)
        size = len(response.data)
        if size > command.ne or size > channel.limit:
            return self._fit(response, command, channel)
        return response

    def _collect(self, command: CommandApdu, channel: LogicalChannel) -> ResponseApdu:
        """Take one link that is not the last (ISO/IEC 7816-4:2020, 5.3.3)."""
        channel.waiting = b""
        if command.ins not in CHAINABLE:
            channel.chain = None
            raise IsoError(
                StatusWord.CHAINING_NOT_SUPPORTED,
                "this instruction's data does not come in a chain",
            )
        channel.chain = self._joined(command, channel)
        return ResponseApdu()

    def _complete(self, command: CommandApdu, channel: LogicalChannel) -> CommandApdu:
        """Return the whole command of which this link is the last."""
        whole = self._joined(command, channel)
        channel.chain = None
        return whole

    @staticmethod
    def _joined(command: CommandApdu, channel: LogicalChannel) -> CommandApdu:
        chain, channel.chain = channel.chain, None
        if chain is None:
            return command
        same = (
            chain.ins == command.ins
            and chain.p1 == command.p1
            and chain.p2 == command.p2
            and chain.cla.replace(chained=False) is command.cla.replace(chained=False)
        )
        if not same:
            raise IsoError(
                StatusWord.LAST_COMMAND_EXPECTED,
                "another command came inside a chain; the chain is dropped",
            )
        if len(chain.data) + len(command.data) > MAX_NC:
            raise IsoError(StatusWord.WRONG_LENGTH, f"the chain is longer than {MAX_NC} bytes")
        return command.replace(data=chain.data + command.data)

    @staticmethod
    def _fit(response: ResponseApdu, command: CommandApdu, channel: LogicalChannel) -> ResponseApdu:
        """Answer with what Ne allows and keep the rest, or refuse with the right Le."""
        size = len(response.data)
        room = min(command.ne, channel.limit)
        if 0 < command.ne < 256 and size <= min(256, channel.limit) and command.ins in REPEATABLE:
            raise IsoError(
                StatusWord.right_length(size),
                f"the answer has {size} bytes and Le asks for {command.ne}: send it with Le {size}",
            )
        channel.waiting = response.data[room:]
        return ResponseApdu(response.data[:room], StatusWord.more_data(len(channel.waiting)))

    @staticmethod
    def _get_response(
        command: CommandApdu, channel: LogicalChannel, waiting: bytes
    ) -> ResponseApdu:
        """GET RESPONSE (ISO/IEC 7816-4:2020, 11.8.1)."""
        if command.p1 or command.p2:
            raise IsoError(StatusWord.INCORRECT_P1_P2, "GET RESPONSE has P1-P2 0000")
        if command.data or not command.ne:
            raise IsoError(StatusWord.WRONG_LENGTH, "GET RESPONSE has an Le field and no data")
        if not waiting:
            raise IsoError(StatusWord.CONDITIONS_NOT_SATISFIED, "no answer waits to be fetched")
        room = min(command.ne, channel.limit)
        part, channel.waiting = waiting[:room], waiting[room:]
        if channel.waiting:
            return ResponseApdu(part, StatusWord.more_data(len(channel.waiting)))
        return ResponseApdu(part)


def _is_step(command: CommandApdu) -> bool:
    """Tell a step of a dialogue (PACE) from a part of long data, by its data field.

    ISO/IEC 7816-4:2020, 11.6.5: the commands of one authentication may be linked by their class
    byte. Such a step is one whole object 7C, and in it none or one object of those that have their
    answer in the same step (BSI TR-03110-3, B.1); a part of long data has neither.
    """
    if command.ins != Ins.GENERAL_AUTHENTICATE or not command.cla.interindustry:
        return False
    try:
        found = Tlv.parse(command.data)
        return found.tag == 0x7C and all(item.tag in _STEPS for item in found.children)
    except TlvError:
        return False
