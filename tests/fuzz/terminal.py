"""The terminal behind the fuzzed commands: it gets in by right, so that what is behind is reached.

It follows docs/card.md with the means of tests.support alone. Every way in may be refused, because
the sequence before it may have suspended the card or blocked the key; what the card proves on the
way, and every protected answer, must be right.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from jukicard import Card
from jukicard.apdu import Aid, CommandApdu, ResponseApdu, StatusWord
from jukicard.apdu.cla import ClassKind, SecureMessagingIndication
from jukicard.kit.features.keys import Keys
from jukicard.kit.fileapplet import FileApplet
from jukicard.kit.keys import CARD_NUMBER, KeyFile
from jukicard.kit.pin import PinFile
from tests.support.cards.eac_desk import DV_DRAFT, SYSTEM_DRAFT, SYSTEM_KEY, EacTerminal
from tests.support.cards.juki_desk import Desk
from tests.support.naive.cvc_writer import sign
from tests.support.naive.pace import NUMBER, NaivePace, set_password
from tests.support.naive.scp03_host import Host
from tests.support.naive.terminal import JUKI, NaiveTerminal, keys_of

LONGEST: Final = 60_000
"""Bytes of a command's data that still fit into one command when they are protected."""
SESSION_IS_OVER: Final = frozenset({0x6700, 0x6881, 0x6882, 0x6883, 0x6884, 0x6987, 0x6988, 0x6E00})
"""What a card may answer without protection to a protected command: it was not accepted as one."""
PRIVATE: Final = "private"
PLAIN: Final = "plain"
CERTIFICATE: Final = "by certificate"
ISSUER: Final = "issuer"
ISSUER_AID: Final = bytes.fromhex("A0000001510000")
LEVELS: Final = (0x33, 0x01, 0x03, 0x11, 0x13)
"""What a session of the issuer protects."""


class Pin(NamedTuple):
    """A PIN that has a value, and how a command names it once its EF is selected."""

    fid: int
    value: bytes


class Reached(NamedTuple):
    """What was reached: in which kind of session, with which instruction, and the status."""

    session: str
    ins: int
    status: int


@dataclass
class Known:
    """What the terminal knows of a card before it begins: of a card just issued."""

    number: bytes
    keys: list[tuple[Aid, int, str]]
    """Where each is, its reference, and what it is for."""
    pins: dict[bytes, list[Pin]]

    @classmethod
    def of(cls, card: Card) -> Known:
        """Look it up in the original of a card."""
        number, keys, pins = b"", [], {}
        for application in card.applications:
            aid, applet = application.aid, application.applet
            if isinstance(applet, Keys):
                keys += [
                    (aid, reference, ef.spec.right)
                    for reference, ef in applet.keys.references().items()
                    if isinstance(ef.spec, KeyFile)
                ]
            if isinstance(applet, FileApplet):
                root = applet.tree.root
                if isinstance(applet, Keys) and CARD_NUMBER.tag in root.objects:
                    number = number or applet.files.data_object(root, CARD_NUMBER.tag) or b""
                pins[bytes(aid)] = list(_pins(applet))
        assert number
        keys.sort(key=lambda key: key[0] != JUKI)  # a right of the same number on every card
        assert keys[0][0] != JUKI or keys[3][:2] == (JUKI, 4)
        return cls(number, keys, pins)


def _pins(applet: FileApplet[Any]) -> list[Pin]:
    efs = [ef for ef in applet.tree.root.efs.values() if isinstance(ef.spec, PinFile)]
    found = [Pin(ef.fid, applet.files.partition.get(ef.content_key) or b"") for ef in efs]
    return [pin for pin in found if pin.value]


class _Systems(EacTerminal):
    """A system with certificates, in the session that is open or in none."""

    identifier: bytes
    secure: bool

    def _answer(self, command: CommandApdu) -> ResponseApdu:
        return self.terminal.send(command, secure=self.secure)

    def signed(self) -> bytes:
        challenge = self.terminal.get_challenge(secure=self.secure).data
        return sign(SYSTEM_KEY, self.identifier + challenge + self.compressed)


@dataclass
class FuzzTerminal:
    """Authenticates, and sends what it is given as its session would have it."""

    card: Card
    known: Known
    naive: NaiveTerminal = field(init=False)
    reached: Counter[Reached] = field(default_factory=Counter)
    application: bytes = bytes(JUKI)
    issuer: Host | None = None
    """The session of the issuer that is open, on the basic channel."""
    _identifier: bytes = b""
    _session: str = PLAIN

    def __post_init__(self) -> None:
        self.naive = _Tolerant(self.card.transmit, self.known.number)

    def forget(self) -> None:
        """Know of no session any more: the card has lost its power, or was reset."""
        self.naive.sessions.clear()
        self.naive.challenges.clear()
        self.issuer = None

    @property
    def session(self) -> str:
        """In which kind of session commands on the basic channel are sent."""
        if self.issuer is not None:
            return ISSUER
        return self._session if 0 in self.naive.sessions else PLAIN

    # -- ways in -----------------------------------------------------------------------------------

    def authenticate(self, argument: int) -> None:
        """Mutual authentication with a right key; the upper bit asks to stay in the session."""
        aid, reference, purpose = self.known.keys[(argument & 0x7F) % len(self.known.keys)]
        secure = bool(argument & 0x80) and 0 in self.naive.sessions
        if not self._select(aid, secure=secure):
            return
        if self.naive.get_challenge(secure=secure).status != StatusWord.OK:
            return
        keys = keys_of(self.known.number, purpose, aid)
        answer = self.naive.mutual_authenticate(keys, 0x80 | reference, secure=secure)
        if answer.status == StatusWord.OK:
            self._session = purpose

    def open_private(self) -> None:
        """PACE with the number on the card, where it has one."""
        if not self._select(JUKI) or self.naive.plain(set_password()).status != StatusWord.OK:
            return
        pace = NaivePace(self.naive, NUMBER)
        pace.nonce()
        pace.map()
        pace.agree()
        assert pace.confirm().status == StatusWord.OK
        self._session, self._identifier = PRIVATE, pace.identifier

    def show_certificates(self, argument: int) -> None:
        """Certificates; with the lowest bits 1 terminal authentication, with 2 and 3 all of it."""
        system = _Systems(Desk(self.card, self.naive))
        system.secure = 0 in self.naive.sessions
        system.identifier = self._identifier if self.session == PRIVATE else self.known.number
        if not system.secure and not self._select(JUKI):
            return
        if system.present(DV_DRAFT, SYSTEM_DRAFT) != StatusWord.OK or not argument & 3:
            return
        if system.set_terminal() != StatusWord.OK:
            return
        if system.external_authenticate(system.signed()) != StatusWord.OK or not argument & 2:
            return
        if system.set_chip() == StatusWord.OK and system.general_authenticate() == StatusWord.OK:
            self._session = CERTIFICATE

    def open_issuer(self, argument: int) -> None:
        """SCP03 with the keys that every synthetic card is issued with."""
        if not self._select(ISSUER_AID):
            return
        host = Host(self.card.transmit, level=LEVELS[argument % len(LEVELS)])
        try:
            opened = host.initialize() == b"\x90\0"
        except AssertionError:
            return  # a PUT KEY before has given the card other keys
        if opened and self.card.transmit(host.external()) == b"\x90\0":
            self.issuer = host

    def verify(self, argument: int) -> None:
        """VERIFY with a right PIN of the application that was selected last."""
        pins = self.known.pins.get(self.application)
        if not pins:
            return
        pin = pins[argument % len(pins)]
        self.exchange(CommandApdu(0x00, 0xA4, 0x02, 0x0C, pin.fid.to_bytes(2, "big")))
        self.exchange(CommandApdu(0x00, 0x20, 0x00, 0x80, pin.value))

    def _leave_issuer(self, channel: int = 0) -> None:
        """A command that is not the issuer's ends the issuer's session on its channel."""
        if channel == 0:
            self.issuer = None

    def _select(self, aid: bytes, *, secure: bool = False) -> bool:
        self._leave_issuer()
        status = self.naive.select(aid, secure=secure).status
        if not status.is_error:
            self.application = bytes(aid)
        return not status.is_error

    # -- what is sent then -------------------------------------------------------------------------

    def send(self, raw: bytes) -> bytes:
        """Send bytes: a command that has no protection yet gets the one that its session asks for.

        The answer is returned in plain form, data and status.
        """
        command = _parsed(raw)
        if command is None:
            return self.card.transmit(raw)
        if self.issuer is not None and _fits_issuer(command):
            return self._as_issuer(self.issuer, command)
        if self._is_protected(command):
            return self.exchange(command).encode()
        return self.send_plain(raw)

    def _as_issuer(self, host: Host, command: CommandApdu) -> bytes:
        """Send a command in the issuer's session, which a refused MAC and a SELECT end."""
        plain = command.replace(ne=0, extended=False)
        answer = host.unwrap(self.card.transmit(host.wrap(plain.encode())))
        selected = command.ins == 0xA4 and answer[-2] in (0x90, 0x61, 0x62)
        if selected or answer[-2:] == b"\x68\x82":
            self.issuer = None
        self._note(
            PLAIN if answer[-2:] == b"\x68\x82" else ISSUER, command, ResponseApdu.parse(answer)
        )
        return answer

    def send_plain(self, raw: bytes) -> bytes:
        """Send bytes as they are; they may end the session, which shows with the next command."""
        answer = self.card.transmit(raw)
        command = _parsed(raw)
        if command is not None:
            self._leave_issuer(command.cla.channel)
            self._note(PLAIN, command, ResponseApdu.parse(answer))
            if _may_be_protected(command):
                self.naive.sessions.pop(command.cla.channel, None)
        return answer

    def exchange(self, command: CommandApdu) -> ResponseApdu:
        """Send a command, protected where a session is open."""
        self._leave_issuer(command.cla.channel)
        secure, session = self._is_protected(command), self.session
        answer = self.naive.send(command, secure=secure, readable=secure and _is_odd_one(command))
        over = secure and command.cla.channel not in self.naive.sessions
        self._note(PLAIN if over else session, command, answer)
        return answer

    def _is_protected(self, command: CommandApdu) -> bool:
        return _may_be_protected(command) and command.cla.channel in self.naive.sessions

    def _note(self, session: str, command: CommandApdu, answer: ResponseApdu) -> None:
        if answer.data or not command.cla.chained:  # a link of a chain is only kept otherwise
            self.reached[Reached(session, command.ins, int(answer.status))] += 1
        if command.ins == 0xA4 and command.p1 == 0x04 and not answer.status.is_error:
            self.application = command.data


class _Tolerant(NaiveTerminal):
    """Goes on where the card, by right, did not accept a protected command as one."""

    def opened(self, answer: ResponseApdu, channel: int) -> ResponseApdu:
        if answer.status in SESSION_IS_OVER and not answer.data:
            self.sessions.pop(channel, None)
            return answer
        return super().opened(answer, channel)


def _parsed(raw: bytes) -> CommandApdu | None:
    try:
        return CommandApdu.parse(raw)
    except ValueError:
        return None


def _fits_issuer(command: CommandApdu) -> bool:
    """Tell whether a command is one that goes in the issuer's session, short enough to protect."""
    return command.cla.value in (0x00, 0x80) and len(command.data) <= 220


def _may_be_protected(command: CommandApdu) -> bool:
    """Tell whether a command is one that a session could protect: plain, and short enough."""
    cla = command.cla
    known = cla.kind not in (ClassKind.RESERVED, ClassKind.INVALID)
    is_plain = cla.secure_messaging is SecureMessagingIndication.NONE
    return known and is_plain and len(command.data) <= LONGEST


def _is_odd_one(command: CommandApdu) -> bool:
    """Tell whether a command is sent under a MAC only: every fourth, by what it says."""
    return (command.ins + command.p1 + command.p2 + len(command.data)) % 4 == 3
