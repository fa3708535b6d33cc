"""The abstract commands of the oracle, as a naive terminal sends them to a real card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jukicard import Card
from jukicard.apdu import CommandApdu, ResponseApdu
from tests.support.cards.juki_desk import CODE_RECORD, Desk
from tests.support.naive.sm_reader import NaiveReader
from tests.support.naive.terminal import ISSUER, JUKI, PURPOSES, WRONG_KEYS, keys_of
from tests.support.oracle.rules import Command, Level

PINS = (b"1234", b"8765")
"""The two values the PIN has in these tests; the first is the one it is issued with."""

_Make = Callable[[Command], CommandApdu]


def _apdu(ins: int, p1: int, p2: int, data: bytes = b"", ne: int = 0) -> _Make:
    return lambda command: CommandApdu(command.channel, ins, p1, p2, data, ne)


def _select(command: Command) -> CommandApdu:
    return CommandApdu(command.channel, 0xA4, 0x04, 0x0C, (ISSUER, JUKI)[command.arg])


def _select_ef(command: Command) -> CommandApdu:
    return CommandApdu(command.channel, 0xA4, 0x02, 0x0C, command.arg.to_bytes(2, "big"))


def _with_pin(ins: int, p1: int, p2: int) -> _Make:
    return lambda command: CommandApdu(command.channel, ins, p1, p2, PINS[command.arg])


_COMMANDS: dict[str, _Make] = {
    "select": _select,
    "select unknown": _apdu(0xA4, 0x04, 0x0C, bytes.fromhex("F000000000FF")),
    "select ef": _select_ef,
    "open": lambda command: CommandApdu(command.channel, 0x70, 0x00, command.arg),
    "close": lambda command: CommandApdu(command.channel, 0x70, 0x80, command.arg),
    "get state": _apdu(0xCA, 0x00, 0x8A, ne=256),
    "get number": _apdu(0xCA, 0x00, 0x5A, ne=256),
    "get residence": _apdu(0xCA, 0x00, 0xC1, ne=256),
    "put residence": lambda c: CommandApdu(c.channel, 0xDA, 0x00, 0xC1, bytes((c.arg,))),
    "get challenge": _apdu(0x84, 0, 0, ne=8),
    "name key": lambda c: CommandApdu(c.channel, 0x22, 0xC1, 0xA4, bytes((0x83, 1, c.arg))),
    "suspend": _apdu(0x04, 0, 0, b"\x3f\x00"),
    "resume": _apdu(0x44, 0, 0, b"\x3f\x00"),
    "end": _apdu(0xFE, 0, 0),
    "unknown": _apdu(0x56, 0, 0),
    "read code": _apdu(0xB2, 0x01, 0x14, ne=256),
    "update code": _apdu(0xDC, 0x01, 0x14, CODE_RECORD),
    "read data": _apdu(0xB0, 0x83, 0x00, ne=64),
    "update data": _apdu(0xD6, 0x83, 0x3F, b"\xff"),
    "verify": _with_pin(0x20, 0x00, 0x9C),
    "pin tries": _apdu(0x20, 0x00, 0x9C),
    "change pin": _with_pin(0x24, 0x01, 0x9C),
    "unblock": _apdu(0x2C, 0x03, 0x9C),
    "unblock with pin": _with_pin(0x2C, 0x02, 0x9C),
    "current read code": _apdu(0xB2, 0x01, 0x04, ne=256),
    "current update code": _apdu(0xDC, 0x01, 0x04, CODE_RECORD),
    "current read data": _apdu(0xB0, 0x00, 0x00, ne=64),
    "current update data": _apdu(0xD6, 0x00, 0x3F, b"\xff"),
    "current verify": _with_pin(0x20, 0x00, 0x80),
    "current pin tries": _apdu(0x20, 0x00, 0x80),
    "wrong mac": _apdu(0xCA, 0x00, 0x5A, ne=256),
    "header open": _apdu(0xCA, 0x00, 0x5A, ne=256),
}


@dataclass(frozen=True)
class Memory:
    """What a terminal knows at one point of a conversation, by channel; it never changes."""

    sessions: tuple[tuple[int, tuple[bytes, bytes, int]], ...] = ()
    challenges: tuple[tuple[int, bytes], ...] = ()
    apps: tuple[tuple[int, int], ...] = ()
    more: object = ()


class Player:
    """Sends abstract commands from one terminal and says which status came back."""

    def __init__(self, desk: Desk) -> None:
        self.card: Card = desk.card
        self.terminal = desk.terminal
        self.terminal.raw = self._transmit
        self.apps: dict[int, int] = {}
        self.exchanged: list[tuple[bytes, bytes]] = []
        """What went to the card and came back; power goes as no bytes at all."""

    def _transmit(self, sent: bytes) -> bytes:
        answer = self.card.transmit(sent)
        self.exchanged.append((sent, answer))
        return answer

    def remember(self) -> Memory:
        """What the terminal knows now."""
        return Memory(
            tuple((n, (at.enc, at.mac, at.ssc)) for n, at in self.terminal.sessions.items()),
            tuple(self.terminal.challenges.items()),
            tuple(self.apps.items()),
            self._more(),
        )

    def recall(self, memory: Memory) -> None:
        """Know what was known then, and nothing else."""
        self.terminal.sessions = {n: NaiveReader(*at) for n, at in memory.sessions}
        self.terminal.challenges = dict(memory.challenges)
        self.apps = dict(memory.apps)
        self._recall_more(memory.more)

    def _more(self) -> object:
        """What a terminal of another kind knows beside that; it never changes."""
        return ()

    def _recall_more(self, more: object) -> None:
        """Know that as well."""

    def status(self, command: Command) -> int:
        """Send a command; AssertionError when an answer leaks or does not prove itself."""
        if command.do == "power":
            return self._power()
        if command.do.startswith("authenticate"):
            return int(self._authenticate(command).status)
        if command.do == "get challenge":
            secure = command.level is not Level.PLAIN
            return int(self.terminal.get_challenge(command.channel, secure=secure).status)
        apdu = _COMMANDS[command.do](command)
        if command.do in ("wrong mac", "header open"):
            return self._broken(command, apdu)
        answer = self.terminal.send(
            apdu, secure=command.level is not Level.PLAIN, readable=command.level is Level.MAC
        )
        self._after(command, answer)
        return int(answer.status)

    def _power(self) -> int:
        self.exchanged.append((b"", self.card.power_on()))
        self.terminal.sessions.clear()
        self.terminal.challenges.clear()
        self.apps.clear()
        return 0x9000

    def _authenticate(self, command: Command) -> ResponseApdu:
        keys = keys_of(self.terminal.card_number, PURPOSES.get(command.arg, "nobody"))
        if command.do == "authenticate wrongly":
            keys = WRONG_KEYS
        p2 = 0x00 if command.do == "authenticate named" else 0x80 | command.arg
        return self.terminal.mutual_authenticate(
            keys, p2, command.channel, secure=command.level is not Level.PLAIN
        )

    def _broken(self, command: Command, apdu: CommandApdu) -> int:
        """A command whose MAC is wrong, or which says that its header is not covered."""
        session = self.terminal.sessions.pop(command.channel, None)
        session = session or NaiveReader(bytes(16), bytes(16), 0)
        raw = bytearray(session.protect(apdu).encode())
        if command.do == "wrong mac":
            raw[-2] ^= 0x01  # the last byte is Le
        else:
            raw[0] = raw[0] & 0xF3 | 0x08
        answer = ResponseApdu.parse(self.terminal.raw(bytes(raw)))
        assert not answer.data
        return int(answer.status)

    def _after(self, command: Command, answer: ResponseApdu) -> None:
        """What a terminal knows after an answer; nothing comes with a refusal."""
        assert answer.status == 0x9000 or not answer.data, "data with a refusal"
        if answer.status != 0x9000:
            if command.do == "select" and answer.status in (0x6283, 0x6285):
                self._selected(command)
        elif command.do == "select":
            self._selected(command)
        elif command.do in ("open", "close"):
            number = command.arg or command.channel
            self.terminal.sessions.pop(number, None)
            self.terminal.challenges.pop(number, None)
            self.apps.pop(number, None)
        elif command.do.endswith("read code"):
            assert answer.data == CODE_RECORD
        elif command.do.endswith("read data"):
            assert b"13221" in answer.data

    def _selected(self, command: Command) -> None:
        """A session ends when another application is selected under it."""
        if self.apps.get(command.channel, 0) != command.arg:
            self.terminal.sessions.pop(command.channel, None)
        self.apps[command.channel] = command.arg
