"""A host of GlobalPlatform's SCP03, written from Amendment D alone, for cards in tests.

It asserts what it expects of the card's proofs and MACs, and keeps all that a test may want to
change: the level that is claimed, the counter, the chaining value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB
from cryptography.hazmat.primitives.cmac import CMAC

from jukicard.apdu import CommandApdu

TEST_KEYS = (bytes.fromhex("404142434445464748494A4B4C4D4E4F"),) * 3
Transmit = Callable[[bytes], bytes]


def cmac(key: bytes, data: bytes) -> bytes:
    context = CMAC(AES(key))
    context.update(data)
    return context.finalize()


def encrypt(key: bytes, data: bytes, vector: bytes = bytes(16)) -> bytes:
    return Cipher(AES(key), CBC(vector)).encryptor().update(data)


def derive(key: bytes, constant: int, bits: int, context: bytes) -> bytes:
    label = bytes(11) + bytes([constant]) + b"\0" + bits.to_bytes(2, "big")
    found = b"".join(cmac(key, label + bytes([i]) + context) for i in (1, 2))
    return found[: bits // 8]


def check_value(key: bytes) -> bytes:
    return Cipher(AES(key), ECB()).encryptor().update(b"\1" * 16)[:3]


def pad(data: bytes) -> bytes:
    return (data + b"\x80").ljust((len(data) // 16 + 1) * 16, b"\0")


def without_le(transmit: Transmit, piece: int) -> Transmit:
    """Send what has data without Le, and fetch the answer in pieces of so many bytes."""

    def send(raw: bytes) -> bytes:
        command = CommandApdu.parse(raw)
        if command.data:
            raw = command.replace(ne=0, extended=False).encode()
        answer = transmit(raw)
        data = answer[:-2]
        while answer[-2] == 0x61:
            wanted = min(piece, answer[-1] or 256)
            answer = transmit(bytes((0x00, 0xC0, 0x00, 0x00, wanted & 0xFF)))
            data += answer[:-2]
        return data + answer[-2:]

    return send


@dataclass
class Host:
    """One session: `open` it, then `send` plain commands of class 80 or 00."""

    transmit: Transmit
    keys: tuple[bytes, bytes, bytes] = TEST_KEYS
    level: int = 0x33
    version: int = 0
    size: int = 8
    channel: int = 0
    challenge: bytes = bytes(range(8))
    answer: bytes = b""
    chaining: bytes = bytes(16)
    counter: int = 0
    session: tuple[bytes, bytes, bytes] = field(default=(b"", b"", b""))

    def initialize(self) -> bytes:
        """INITIALIZE UPDATE; the status, after the card has proven itself."""
        challenge = self.challenge.ljust(self.size, b"\x55")
        command = bytes([0x80 | self.channel, 0x50, self.version, 0, self.size]) + challenge + b"\0"
        raw = self.transmit(command)
        if raw[-2:] != b"\x90\0":
            return raw[-2:]
        self.answer = raw[:-2]
        context = challenge + self.answer[13 : 13 + self.size]
        bits = 8 * len(self.keys[0])
        self.session = (
            derive(self.keys[0], 4, bits, context),
            derive(self.keys[1], 6, bits, context),
            derive(self.keys[1], 7, bits, context),
        )
        proof = derive(self.session[1], 0, 8 * self.size, context)
        assert self.answer[13 + self.size :][: self.size] == proof
        self.proof = derive(self.session[1], 1, 8 * self.size, context)
        return raw[-2:]

    def external(self) -> bytes:
        """EXTERNAL AUTHENTICATE as it would be sent."""
        self.chaining, self.counter = bytes(16), 0
        return self.with_mac(0x84, 0x82, self.level, 0, self.proof)

    def open(self) -> Host:
        assert self.initialize() == b"\x90\0"
        assert self.transmit(self.external()) == b"\x90\0"
        return self

    def with_mac(
        self, cla: int, ins: int, p1: int, p2: int, data: bytes, *, extended: bool = False
    ) -> bytes:
        length = len(data) + self.size
        head = bytes([cla, ins, p1, p2]) + length.to_bytes(3 if extended else 1)
        self.chaining = cmac(self.session[1], self.chaining + head + data)
        on_channel = bytes([cla | self.channel])
        return on_channel + head[1:] + data + self.chaining[: self.size]

    def wrap(self, command: str | bytes, *, extended: bool = False) -> bytes:
        """Protect a short command, with the longest Le behind it always."""
        raw = bytes.fromhex(command) if isinstance(command, str) else command
        cla, ins, p1, p2 = raw[:4]
        data = raw[5 : 5 + raw[4]] if len(raw) > 5 else b""
        self.counter += 1
        if self.level & 2 and data:
            data = encrypt(self.session[0], pad(data), self._vector(0))
        whole = self.with_mac(cla | 4, ins, p1, p2, data, extended=extended)
        return whole + (b"\0\0" if extended else b"\0")

    def _vector(self, first: int) -> bytes:
        block = bytes([first]) + self.counter.to_bytes(15, "big")
        return Cipher(AES(self.session[0]), ECB()).encryptor().update(block)

    def unwrap(self, raw: bytes) -> bytes:
        """The plain answer, its status behind it."""
        data, status = raw[:-2], raw[-2:]
        protected = status[0] in (0x90, 0x61, 0x62, 0x63) and self.level & 0x10
        if not protected:
            return raw
        data, mac = data[: -self.size], data[-self.size :]
        assert cmac(self.session[2], self.chaining + data + status)[: self.size] == mac
        if self.level & 0x20 and data:
            cipher = Cipher(AES(self.session[0]), CBC(self._vector(0x80)))
            data = cipher.decryptor().update(data).rstrip(b"\0")[:-1]
        return data + status

    def send(self, command: str | bytes, *, extended: bool = False) -> str:
        """Send a plain command protected; the plain answer in hexadecimal digits."""
        return self.unwrap(self.transmit(self.wrap(command, extended=extended))).hex().upper()

    def key_block(self, key: bytes, dek: bytes | None = None) -> bytes:
        """A key as PUT KEY has it (Amendment D, 7.2): type, lengths, encrypted, check value."""
        filled = key.ljust(-(-len(key) // 16) * 16, b"\xa5")
        hidden = encrypt(dek or self.keys[2], filled)
        head = bytes([0x88, len(hidden) + 1, len(key)])
        return head + hidden + b"\3" + check_value(key)
