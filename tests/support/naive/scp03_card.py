"""A card's end of SCP03, written from Amendment D as naively as it reads: an oracle for tests.

It uses the cipher library directly and, of the project, only the wire types. It answers commands
inside the session from a function, and draws its challenges from a seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

from jukicard.apdu import CommandApdu, ResponseApdu, StatusWord
from tests.support.naive.sm_reader import aes_cbc, pad

AID = bytes.fromhex("A0000001510000")
Handler = Callable[[CommandApdu], ResponseApdu]


def cmac(key: bytes, message: bytes) -> bytes:
    context = CMAC(algorithms.AES(key))
    context.update(message)
    return context.finalize()


def kdf(key: bytes, constant: int, context: bytes, size: int) -> bytes:
    """Amendment D, 4.1.5: label, separator, length in bits, counter, context."""
    output = b""
    for counter in (1, 2):
        label = bytes(11) + bytes([constant])
        output += cmac(
            key, label + b"\0" + (size * 8).to_bytes(2, "big") + bytes([counter]) + context
        )
    return output[:size]


@dataclass
class Scp03Card:
    """K-ENC, K-MAC of one version; `handler` gets what was asked inside the session."""

    k_enc: bytes = field(repr=False)
    k_mac: bytes = field(repr=False)
    handler: Handler
    variant: int = 0x70
    version: int = 1
    counter: int = 0
    refuses: bool = False
    """Whether it takes no host cryptogram, the right one neither."""
    level: int = -1
    """-1 without a session, -2 between the two commands of the authentication."""
    _context: bytes = b""
    _mac: bytes = bytes(16)
    _commands: int = 0
    _keys: tuple[bytes, bytes, bytes] = (b"", b"", b"")

    @property
    def size(self) -> int:
        return 16 if self.variant & 1 else 8

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        if command.ins == 0x50 and command.cla.value & 0xFC == 0x80:
            return self._initialize(command)
        if self.level == -1 or not command.cla.secure:
            self.level = -1
            return self.handler(command)
        plain = self._unwrap(command)
        if plain is None:
            self.level = -1
            return ResponseApdu(b"", StatusWord(0x6982))
        if self.level == -2:
            return self._external(plain)
        return self._wrap(self.handler(plain))

    def _initialize(self, command: CommandApdu) -> ResponseApdu:
        self.level = -1
        if command.p1 not in (0, self.version):
            return ResponseApdu(b"", StatusWord(0x6A88))
        if len(command.data) != self.size:
            return ResponseApdu(b"", StatusWord(0x6700))
        self.counter += 1
        sequence = self.counter.to_bytes(3, "big")
        challenge = kdf(self.k_enc, 0x02, sequence + AID, self.size)
        self._context = command.data + challenge
        long = len(self.k_enc)
        self._keys = (
            kdf(self.k_enc, 0x04, self._context, long),
            kdf(self.k_mac, 0x06, self._context, long),
            kdf(self.k_mac, 0x07, self._context, long),
        )
        self._mac, self.level, self._commands = bytes(16), -2, 0
        cryptogram = kdf(self._keys[1], 0x00, self._context, self.size)
        told = bytes(10) + bytes([self.version, 3, self.variant]) + challenge + cryptogram
        return ResponseApdu(told + (sequence if self.variant & 0x10 else b""), StatusWord(0x9000))

    def _external(self, plain: CommandApdu) -> ResponseApdu:
        right = kdf(self._keys[1], 0x01, self._context, self.size)
        if self.refuses or plain.ins != 0x82 or plain.data != right:
            self.level = -1
            return ResponseApdu(b"", StatusWord(0x6300))
        self.level, self._commands = plain.p1, 0
        return ResponseApdu(b"", StatusWord(0x9000))

    def _unwrap(self, command: CommandApdu) -> CommandApdu | None:
        """Amendment D, 6.2.4 and 6.2.6; None when the MAC or the padding is wrong."""
        self._commands += 1
        cla = command.cla.value & 0x90 | 0x04
        size = len(command.data)
        length = b"\0" + size.to_bytes(2, "big") if command.extended else bytes([size])
        data, mac = command.data[: -self.size], command.data[-self.size :]
        header = bytes([cla, command.ins, command.p1, command.p2])
        whole = cmac(self._keys[1], self._mac + header + length + data)
        if whole[: self.size] != mac:
            return None
        self._mac = whole
        if data and self.level > 0 and self.level & 0x02:
            iv = aes_cbc(self._keys[0], bytes(16), self._commands.to_bytes(16, "big"))
            padded = aes_cbc(self._keys[0], iv, data, decrypt=True)
            data = padded[: padded.rindex(b"\x80")]
        cla = command.cla.value & (~0x20 if command.cla.value & 0x40 else ~0x04)
        return CommandApdu(
            cla, command.ins, command.p1, command.p2, data, command.ne, extended=command.extended
        )

    def _wrap(self, answer: ResponseApdu) -> ResponseApdu:
        """Amendment D, 6.2.5 and 6.2.7: nothing for an error status."""
        if not self.level & 0x10 or answer.status.sw1 not in (0x90, 0x62, 0x63):
            return answer
        data = answer.data
        if data and self.level & 0x20:
            counter = b"\x80" + self._commands.to_bytes(15, "big")
            iv = aes_cbc(self._keys[0], bytes(16), counter)
            data = aes_cbc(self._keys[0], iv, pad(data, 16))
        mac = cmac(self._keys[2], self._mac + data + answer.status.to_bytes(2, "big"))
        return ResponseApdu(data + mac[: self.size], answer.status)
