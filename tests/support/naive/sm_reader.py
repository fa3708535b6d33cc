"""The reader's end of ISO secure messaging, written as naively as the rules read.

An oracle for tests: it uses the cipher library directly and none of the card's code beyond the
wire types. It can also be told to do things wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from jukicard.apdu import CommandApdu, ResponseApdu, Tlv


def pad(data: bytes, block: int) -> bytes:
    data += b"\x80"
    while len(data) % block:
        data += b"\0"
    return data


def aes_cbc(key: bytes, iv: bytes, data: bytes, *, decrypt: bool = False) -> bytes:
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv))
    return (cipher.decryptor() if decrypt else cipher.encryptor()).update(data)


def des_cbc(key: bytes, data: bytes, *, decrypt: bool = False) -> bytes:
    full = {8: key * 3, 16: key + key[:8], 24: key}[len(key)]
    cipher = Cipher(TripleDES(full), modes.CBC(bytes(8)))
    return (cipher.decryptor() if decrypt else cipher.encryptor()).update(data)


def retail_mac(key: bytes, padded: bytes) -> bytes:
    mac = des_cbc(key[:8], padded)[-8:]
    return des_cbc(key[:8], des_cbc(key[8:], mac, decrypt=True))


def aes_mac(key: bytes, message: bytes) -> bytes:
    context = CMAC(algorithms.AES(key))
    context.update(message)
    return context.finalize()[:8]


def tlv(tag: int, value: bytes) -> bytes:
    if len(value) < 0x80:
        length = bytes([len(value)])
    elif len(value) < 0x100:
        length = bytes([0x81, len(value)])
    else:
        length = b"\x82" + len(value).to_bytes(2, "big")
    return bytes([tag]) + length + value


@dataclass
class NaiveReader:
    """KS.ENC, KS.MAC and the counter before the next command; AES or two-key triple DES."""

    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    ssc: int
    des: bool = False

    @property
    def block(self) -> int:
        return 8 if self.des else 16

    def counter(self) -> bytes:
        return self.ssc.to_bytes(self.block, "big")

    def encrypt(self, padded: bytes) -> bytes:
        if self.des:
            return des_cbc(self.enc, padded)
        return aes_cbc(self.enc, aes_cbc(self.enc, bytes(16), self.counter()), padded)

    def decrypt(self, cryptogram: bytes) -> bytes:
        if self.des:
            return des_cbc(self.enc, cryptogram, decrypt=True)
        iv = aes_cbc(self.enc, bytes(16), self.counter())
        return aes_cbc(self.enc, iv, cryptogram, decrypt=True)

    def code(self, header: bytes, objects: bytes) -> bytes:
        message = self.counter()
        if header:
            message += pad(header, self.block)
        if objects:
            message += pad(objects, self.block)
        return retail_mac(self.mac, message) if self.des else aes_mac(self.mac, message)

    def protected_class(self, cla: int) -> int:
        return cla | (0x20 if cla & 0x40 else 0x0C)

    def objects(self, plain: CommandApdu, *, readable: bool = False) -> list[bytes]:
        found = []
        if plain.data and readable:
            found.append(tlv(0xB3 if plain.ins & 1 else 0x81, plain.data))
        elif plain.data and plain.ins & 1:
            found.append(tlv(0x85, self.encrypt(pad(plain.data, self.block))))
        elif plain.data:
            found.append(tlv(0x87, b"\x01" + self.encrypt(pad(plain.data, self.block))))
        if plain.ne and plain.extended:
            found.append(tlv(0x97, (plain.ne & 0xFFFF).to_bytes(2, "big")))
        elif plain.ne:
            found.append(tlv(0x97, (plain.ne & 0xFF).to_bytes(1, "big")))
        return found

    def protect(self, plain: CommandApdu, *, readable: bool = False) -> CommandApdu:
        self.ssc += 1
        return self.assemble(plain, self.objects(plain, readable=readable))

    def assemble(
        self, plain: CommandApdu, objects: Sequence[bytes], *, cla: int | None = None
    ) -> CommandApdu:
        """Put a MAC under any objects at all; the counter is not moved."""
        cla = self.protected_class(plain.cla.value) if cla is None else cla
        header = bytes([cla, plain.ins, plain.p1, plain.p2])
        body = b"".join(objects)
        data = body + tlv(0x8E, self.code(header, body))
        extended = plain.extended or len(data) > 255
        return CommandApdu(
            cla, plain.ins, plain.p1, plain.p2, data, 65536 if extended else 256, extended=extended
        )

    def unprotect(self, answer: ResponseApdu) -> ResponseApdu:
        self.ssc += 1
        objects = Tlv.parse_all(answer.data)
        assert [item.tag for item in objects[-2:]] == [0x99, 0x8E]
        covered = b"".join(item.encode() for item in objects[:-1])
        assert objects[-1].value == self.code(b"", covered), "wrong MAC"
        assert objects[-2].value == answer.status.to_bytes(2, "big"), "wrong status"
        if len(objects) == 2:
            return ResponseApdu(b"", answer.status)
        first = objects[0]
        assert len(objects) == 3
        assert first.tag in (0x85, 0x87)
        if first.tag == 0x87:
            assert first.value[0] == 1
        cryptogram = first.value[1:] if first.tag == 0x87 else first.value
        plain = self.decrypt(cryptogram)
        marker = plain.rindex(b"\x80")
        assert pad(plain[:marker], self.block) == plain
        return ResponseApdu(plain[:marker], answer.status)
