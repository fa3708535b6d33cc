"""The commands of `rules_keyed` as a naive terminal, and the issuer beside it, send them."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from jukicard.apdu import Aid, CommandApdu, ResponseApdu
from tests.support.cards.issuer_desk import ISSUER, delete, install, put_key
from tests.support.naive.scp03_host import Host
from tests.support.naive.terminal import WRONG_KEYS, keys_of
from tests.support.oracle.juki_commands import Player
from tests.support.oracle.keyed_model import NO_DAY
from tests.support.oracle.rules import Command, Level
from tests.support.oracle.rules_keyed import ISSUERS

ISSUED_ON: Final = datetime.date(2026, 4, 1)
"""The day from which the rules count."""
_Make = Callable[[Command], CommandApdu]


@dataclass(frozen=True)
class Subject:
    """An application: its AID, the right of each key by reference, the file and values of its PIN.

    commands: how what its table names is sent. no_gift: a file that not even the issuer writes.
    """

    aid: Aid
    rights: Mapping[int, str]
    pin_file: int
    pins: tuple[bytes, bytes]
    commands: Mapping[str, _Make]
    no_gift: int


def _apdu(ins: int, p1: int, p2: int, data: bytes = b"", ne: int = 0, *, cla: int = 0) -> _Make:
    return lambda command: CommandApdu(cla | command.channel, ins, p1, p2, data, ne)


def _number(ins: int, size: int) -> _Make:
    return lambda c: CommandApdu(0x80 | c.channel, ins, 0, 0, c.arg.to_bytes(size), 256)


def day_of(number: int) -> bytes:
    """A day of the rules in eight digits."""
    return f"{ISSUED_ON + datetime.timedelta(number):%Y%m%d}".encode()


def _day(command: Command) -> CommandApdu:
    day = b"20260431" if command.arg == NO_DAY else day_of(command.arg)
    return CommandApdu(command.channel, 0xDA, 0, 0xC2, day)


def _file(name: str, fid: int, size: int) -> dict[str, _Make]:
    """Read a transparent file by its short identifier; write the last byte again as it is."""
    p1, last = 0x80 | fid, min(size - 1, 0xFF)
    return {
        f"read {name}": _apdu(0xB0, p1, 0, ne=1),
        f"update {name}": _apdu(0xD6, p1, last, b"\xff"),
        f"write {name}": _apdu(0xD0, p1, last, b"\xff"),
    }


def _life(name: str, fid: int) -> dict[str, _Make]:
    kinds = {"activate": 0x44, "deactivate": 0x04, "terminate": 0xE8}
    return {f"{do} {name}": _apdu(ins, 0, 0, fid.to_bytes(2)) for do, ins in kinds.items()}


def _pin(fid: int, pins: tuple[bytes, bytes]) -> dict[str, _Make]:
    p2 = 0x80 | fid

    def with_pin(ins: int, p1: int, before: bytes = b"") -> _Make:
        return lambda c: CommandApdu(c.channel, ins, p1, p2, before + pins[c.arg])

    return {
        "pin tries": _apdu(0x20, 0, p2),
        "verify": with_pin(0x20, 0),
        "change pin": with_pin(0x24, 1),
        "change pin from": with_pin(0x24, 0, pins[0]),
        "unblock": _apdu(0x2C, 3, p2),
        "unblock with pin": with_pin(0x2C, 2),
    }


_EVERYWHERE: Final[dict[str, _Make]] = {
    "open": lambda c: CommandApdu(c.channel, 0x70, 0, c.arg),
    "unknown": _apdu(0x56, 0, 0),
    **{name: _apdu(0xCA, 0, 0x5A, ne=256) for name in ("get number", "wrong mac", "header open")},
    "get state": _apdu(0xCA, 0, 0x8A, ne=256),
    "suspend": _apdu(0x04, 0, 0, b"\x3f\x00"),
    "resume": _apdu(0x44, 0, 0, b"\x3f\x00"),
    "end": _apdu(0xFE, 0, 0),
}
_PASSWORDS: Final = (b"operator-1", b"another one 2")
OPERATOR: Final = Subject(
    aid=Aid("F04F50455241544F5201"),
    rights={6: "OPERATOR_LOGIN", 7: "ADMIN"},
    pin_file=0x001B,
    pins=_PASSWORDS,
    commands={
        **_EVERYWHERE,
        **_file("identity", 1, 64),
        **_file("certificate", 2, 2048),
        **_file("authority", 3, 2048),
        **_pin(0x1B, _PASSWORDS),
        "read key": _apdu(0xB0, 0x9A, 0, ne=1),
        "read password": _apdu(0xB0, 0x9B, 0, ne=1),
        "sign": _apdu(0x2A, 2, 0x9A, bytes(range(32)), 256, cla=0x80),
        "make key pair": _apdu(0x46, 0x80, 0x9A, ne=256),
        "read public key": _apdu(0x46, 0x81, 0x9A, ne=256),
        "get day": _apdu(0xCA, 0, 0xC2, ne=256),
        "put day": _day,
        "get last day": _apdu(0xCA, 0, 0xC3, ne=256),
        "put last day": _apdu(0xDA, 0, 0xC3, b"20991231"),
        **_life("identity", 1),
        **_life("certificate", 2),
        **_life("authority", 3),
        **_life("key", 0x1A),
        **_life("password", 0x1B),
        **_life("login", 0x0106),
        **_life("admin", 0x0107),
    },
    no_gift=0x0001,
)
_PINS: Final = (b"4711", b"0815")
POINTS: Final = Subject(
    aid=Aid("F0504F494E5453"),
    rights={1: "POINTS_CREDIT", 2: "POINTS_DEBIT", 3: "POINTS_DESK"},
    pin_file=0x0003,
    pins=_PINS,
    commands={
        **_EVERYWHERE,
        **_file("points", 1, 2),
        **_file("bookings", 4, 4),
        **_pin(3, _PINS),
        "read points": _apdu(0xB0, 0x81, 0, ne=2),
        "read pin": _apdu(0xB0, 0x83, 0, ne=1),
        "read log": _apdu(0xB2, 1, 0x14, ne=256),
        "update log": _apdu(0xDC, 1, 0x14, bytes(9)),
        "append log": _apdu(0xE2, 0, 0x10, bytes(9)),
        "credit": _number(0x40, 2),
        "debit": _number(0x42, 2),
    },
    no_gift=0x0001,
)


class KeyedPlayer(Player):
    """A terminal in front of an application, and its issuer; subclasses say which application."""

    subject: Subject
    answered = b""
    """What came with the last answer."""

    def status(self, command: Command) -> int:
        """Send a command; AssertionError when an answer leaks or does not prove itself."""
        if command.do.startswith(ISSUERS):
            return self._issue(command.do.removeprefix(ISSUERS), command.arg)
        if command.do in ("power", "get challenge") or command.do.startswith("authenticate"):
            return super().status(command)
        if command.do == "select":
            aid = self.subject.aid if command.arg else Aid(ISSUER)
            apdu = CommandApdu(command.channel, 0xA4, 4, 0x0C, aid)
        else:
            apdu = self.subject.commands[command.do](command)
        if command.do in ("wrong mac", "header open"):
            return self._broken(command, apdu)
        answer = self.terminal.send(
            apdu, secure=command.level is not Level.PLAIN, readable=command.level is Level.MAC
        )
        self.answered = answer.data
        self._after(command, answer)
        return int(answer.status)

    def _authenticate(self, command: Command) -> ResponseApdu:
        right = self.subject.rights.get(command.arg, "nobody")
        keys = keys_of(self.terminal.card_number, right, self.subject.aid)
        if command.do == "authenticate wrongly":
            keys = WRONG_KEYS
        secure = command.level is not Level.PLAIN
        return self.terminal.mutual_authenticate(
            keys, 0x80 | command.arg, command.channel, secure=secure
        )

    # -- the issuer ------------------------------------------------------------------------------

    def _issue(self, do: str, arg: int) -> int:
        """Open a session on channel 0 and do something in it; the status that ended it."""
        self.terminal.sessions.pop(0, None)
        self.terminal.challenges.pop(0, None)
        self.apps[0] = 0
        self._transmit(bytes.fromhex(f"00A4040C07{ISSUER}"))
        host = Host(self._transmit)
        status = host.initialize()
        if status == b"\x90\0":
            status = host.transmit(host.external())
        for raw in self._orders(do, arg, host) if status == b"\x90\0" else ():
            status = bytes.fromhex(host.send(raw)[-4:])
            if status != b"\x90\0":
                break
        self._transmit(bytes.fromhex("00CA005A00"))  # a plain command ends the session
        return int.from_bytes(status)

    def _orders(self, do: str, arg: int, host: Host) -> Iterator[bytes]:
        aid = self.subject.aid
        states = {"suspend card": 0x7F, "resume card": 0x0F, "end card": 0xFF}
        locks = {"lock": 0x80, "unlock": 0x07, "terminate": 0xFF}
        installs = {"install": 0x04, "make selectable": 0x08, "install for use": 0x0C}
        if do in states:
            yield bytes((0x80, 0xF0, 0x80, states[do]))
        elif do in locks:
            yield bytes((0x80, 0xF0, 0x40, locks[do], len(aid))) + aid
        elif do in installs:
            yield install(installs[do], module=aid, aid=aid)
        elif do == "delete":
            yield delete(aid)
        else:
            yield install(0x20, aid=aid)
            yield self._order_to_it(do, arg, host)

    def _order_to_it(self, do: str, arg: int, host: Host) -> bytes:
        """What goes to the application itself, once it was named."""
        if do == "give key":
            pair = keys_of(self.terminal.card_number, self.subject.rights[arg], self.subject.aid)
            return put_key(host, (pair.enc, pair.mac), 1, first=arg)
        if do in ("renew key", "renew pin"):
            fid = 0x0100 + arg if do == "renew key" else self.subject.pin_file
            return bytes((0x80, 0x2C, 3, 0, 2)) + fid.to_bytes(2)
        file, value = self.subject.pin_file, self.subject.pins[0]
        if do == "give contents":
            file, value = self.subject.no_gift, b"\xff"
        group = file.to_bytes(2) + bytes((len(value),)) + value
        return bytes((0x80, 0xE2, 0x88, 0, len(group))) + group


def player_of(subject: Subject) -> type[KeyedPlayer]:
    """Return the kind of player that knows an application."""
    return type("SubjectPlayer", (KeyedPlayer,), {"subject": subject})
