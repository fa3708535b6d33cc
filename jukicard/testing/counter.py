"""The counter's system in front of a synthetic card: what it takes to bring a card into a state.

A terminal of tests and of nobody else: it trusts the card, sends what it must, and looks at the
status words only. Terminal software uses `jukihost`.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Final, NamedTuple

from jukicard.apdu.aid import Aid
from jukicard.apdu.cla import ClassByte
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.tlv import encode_length
from jukicard.applets.counter import COUNTER
from jukicard.applets.juki.files import PURPOSES
from jukicard.applets.names import JUKI, OPERATOR
from jukicard.applets.operator.files import ADMIN, PURPOSES as OPERATORS
from jukicard.crypto.padding import pad_80
from jukicard.profiles.systems import SystemKeys
from jukicard.securemessaging.ciphers import SessionCipher, session_cipher
from jukicard.securemessaging.suites import SessionKeys, Suite, make_key, short_mac
from jukicard.transport import CardPort

_RND_IFD: Final = bytes(range(8))
_K_IFD: Final = bytes(16)


class StateNotReached(RuntimeError):
    """The card refused what should have brought it into a state; the text says what and why."""


class Desk(NamedTuple):
    """The application that a card is managed through: its purposes by the reference of their keys.

    manager: the purpose that suspends and ends the card. guessed: whose key is guessed away.
    pin: P2 of VERIFY; pin_name: what the PIN is called when a card is issued.
    """

    aid: Aid
    purposes: Mapping[int, str]
    manager: str
    guessed: int
    pin: int
    pin_name: str


JUKI_DESK: Final = Desk(JUKI, PURPOSES, COUNTER, 1, 0x9C, "juki")
OPERATOR_DESK: Final = Desk(OPERATOR, OPERATORS, ADMIN, 6, 0x9B, "operator")


class Counter:
    """Speaks to an application of a powered card, of whose systems it has the keys.

    issued: the day the card was issued.
    """

    def __init__(
        self, card: CardPort, systems: SystemKeys, desk: Desk, issued: datetime.date
    ) -> None:
        self.desk, self.issued = desk, issued
        self._card = card
        self._systems = systems
        self._cipher: SessionCipher | None = None
        self._ssc = 0
        self.plain(CommandApdu(0x00, Ins.SELECT, 0x04, 0x0C, desk.aid))
        answer = self.plain(CommandApdu(0x00, Ins.GET_DATA, 0x00, 0x5A, ne=256))
        self._number = answer.data[2:10]

    def plain(self, command: CommandApdu, *, expect: int = 0x9000) -> ResponseApdu:
        """Send a command as it is; StateNotReached unless it is answered `expect`."""
        answer = ResponseApdu.parse(self._card.transmit(command.encode()))
        if answer.status != expect:
            raise StateNotReached(
                f"{Ins(command.ins).name} was answered {answer.status.hex}, not {expect:04X}"
            )
        return answer

    def guess_key(self, *, expect: int) -> None:
        """Authenticate with a key that no card has."""
        reference = self.desk.guessed
        self.plain(CommandApdu(0x00, Ins.GET_CHALLENGE, 0x00, 0x00, ne=8))
        self.plain(
            CommandApdu(0x00, Ins.MUTUAL_AUTHENTICATE, 0x00, 0x80 | reference, bytes(40), 40),
            expect=expect,
        )

    def authenticate(self) -> None:
        """Prove who manages the card and begin secure messaging; StateNotReached, also without a
        master for that purpose."""
        desk, purpose = self.desk, self.desk.manager
        pair = self._systems.pair(purpose, self._number, desk.aid)
        if pair is None:
            raise StateNotReached(f"the card was issued without a master for {purpose}: give one")
        enc, mac = (make_key(pair.suite, value) for value in (pair.enc, pair.mac))
        challenge = self.plain(CommandApdu(0x00, Ins.GET_CHALLENGE, 0x00, 0x00, ne=8)).data
        cryptogram = enc.encrypt_cbc(_RND_IFD + challenge + _K_IFD)
        reference = 0x80 | next(it for it, name in desk.purposes.items() if name == purpose)
        message = cryptogram + short_mac(mac, cryptogram)
        command = CommandApdu(0x00, Ins.MUTUAL_AUTHENTICATE, 0x00, reference, message, 40)
        opened = enc.decrypt_cbc(self.plain(command).data[:32])
        secret = bytes(a ^ b for a, b in zip(_K_IFD, opened[16:], strict=True))
        triple_des = pair.suite is Suite.TRIPLE_DES
        keys = SessionKeys.derive(
            pair.suite, secret, challenge[4:] + _RND_IFD[4:] if triple_des else None
        )
        self._cipher, self._ssc = session_cipher(keys), int.from_bytes(keys.ssc, "big")

    def protected(self, command: CommandApdu) -> None:
        """Send a command without Le in the session; StateNotReached unless it succeeds."""
        cipher = self._cipher
        if cipher is None:
            raise StateNotReached("nobody has authenticated")
        ssc = (self._ssc + 1).to_bytes(cipher.block, "big")
        self._ssc += 2
        objects = b""
        if command.data:
            cryptogram = b"\x01" + cipher.encrypt(ssc, pad_80(command.data, cipher.block))
            objects = b"\x87" + encode_length(len(cryptogram)) + cryptogram
        secured = command.replace(cla=ClassByte(command.cla.value | 0x0C))
        covered = ssc + pad_80(secured.header, cipher.block)
        covered += pad_80(objects, cipher.block) if objects else b""
        data = objects + b"\x8e\x08" + cipher.mac(covered)
        self.plain(secured.replace(data=data, ne=256))
