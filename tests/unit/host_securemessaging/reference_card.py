"""A plain card end for round trips: slow, direct, one new cipher object for every operation.

It shares no line with the terminal's code, so both would have to make the same mistake.
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, Hash

from jukicard.apdu import CommandApdu, ResponseApdu, StatusWord, Tlv
from tests.support.host.fakes import OneUser

Handler = Callable[[CommandApdu], ResponseApdu]


def _method_2(data: bytes, block: int) -> bytes:
    data += b"\x80"
    while len(data) % block:
        data += b"\x00"
    return data


def _digest(data: bytes, size: int) -> bytes:
    digest = Hash(SHA1() if size == 16 else SHA256())
    digest.update(data)
    return digest.finalize()[:size]


class CardCipher:
    """Cipher and MAC of one suite; `name` is AES or 3DES."""

    def __init__(self, name: str, k_enc: bytes, k_mac: bytes) -> None:
        self.name = name
        self.k_enc = k_enc
        self.k_mac = k_mac
        self.block = 8 if name == "3DES" else 16

    def _cipher(self, iv: bytes) -> Cipher[modes.CBC]:
        if self.name == "3DES":
            return Cipher(TripleDES(self.k_enc + self.k_enc[:8]), modes.CBC(iv))
        return Cipher(AES(self.k_enc), modes.CBC(iv))

    def encrypt(self, iv: bytes, data: bytes) -> bytes:
        encryptor = self._cipher(iv).encryptor()
        return encryptor.update(data) + encryptor.finalize()

    def decrypt(self, iv: bytes, data: bytes) -> bytes:
        decryptor = self._cipher(iv).decryptor()
        return decryptor.update(data) + decryptor.finalize()

    def mac(self, data: bytes) -> bytes:
        """The MAC of `data` as it is; the retail MAC takes whole blocks."""
        if self.name == "AES":
            cmac = CMAC(AES(self.k_mac))
            cmac.update(data)
            return cmac.finalize()[:8]
        left, right = self.k_mac[:8], self.k_mac[8:]
        value = bytes(8)
        for at in range(0, len(data), 8):
            block = bytes(a ^ b for a, b in zip(value, data[at : at + 8], strict=True))
            value = self._des(left, block, forward=True)
        return self._des(left, self._des(right, value, forward=False), forward=True)

    @staticmethod
    def _des(key: bytes, block: bytes, *, forward: bool) -> bytes:
        cipher = Cipher(TripleDES(key * 3), modes.CBC(bytes(8)))
        return (cipher.encryptor() if forward else cipher.decryptor()).update(block)


class CardSession:
    """Secure messaging as the card does it; any irregularity is an AssertionError."""

    def __init__(self, cipher: CardCipher, ssc: int = 0) -> None:
        self.cipher = cipher
        self.ssc = ssc

    def _iv(self) -> bytes:
        if self.cipher.name == "3DES":
            return bytes(8)
        return self.cipher.encrypt(bytes(16), self._counter())

    def _counter(self) -> bytes:
        return self.ssc.to_bytes(self.cipher.block, "big")

    def unwrap(self, command: CommandApdu) -> CommandApdu:
        block = self.cipher.block
        self.ssc += 1
        objects = Tlv.parse_all(command.data)
        tags = [tlv.tag for tlv in objects]
        data_tags = (0x85, 0xB3) if command.ins % 2 else (0x87, 0x81)
        wanted = [tag for tag in (*data_tags, 0x97, 0x8E) if tag in tags]
        assert tags == wanted
        assert command.cla.value & 0x0C == 0x0C or command.cla.channel >= 4
        covered = b"".join(tlv.encode() for tlv in objects[:-1])
        message = self._counter() + _method_2(command.header, block)
        if covered:
            message = _method_2(message + covered, block)
        assert objects[-1].tag == 0x8E
        assert objects[-1].value == self.cipher.mac(message)
        data, ne, extended = b"", 0, False
        for tlv in objects[:-1]:
            if tlv.tag == 0x97:
                assert len(tlv.value) in (1, 2)
                extended = len(tlv.value) == 2
                ne = int.from_bytes(tlv.value, "big") or (65_536 if extended else 256)
            elif tlv.tag in (0x81, 0xB3):
                data = tlv.value
            else:
                cryptogram = tlv.value
                if tlv.tag == 0x87:
                    assert cryptogram[0] == 1
                    cryptogram = cryptogram[1:]
                padded = self.cipher.decrypt(self._iv(), cryptogram)
                data = padded[: padded.rindex(b"\x80")]
                assert _method_2(data, block) == padded
        return CommandApdu(
            command.cla.replace(secure=False),
            command.ins,
            command.p1,
            command.p2,
            data,
            ne,
            extended=extended,
        )

    def wrap(self, answer: ResponseApdu, *, odd: bool, plain: bool = False) -> ResponseApdu:
        self.ssc += 1
        body = b""
        if answer.data and plain:
            body = Tlv(0xB3 if odd else 0x81, answer.data).encode()
        elif answer.data:
            padded = _method_2(answer.data, self.cipher.block)
            cryptogram = self.cipher.encrypt(self._iv(), padded)
            body = Tlv(0x85 if odd else 0x87, (b"" if odd else b"\x01") + cryptogram).encode()
        return self.seal(body + b"\x99\x02" + answer.status.to_bytes(2, "big"), answer.status)

    def seal(self, body: bytes, status: StatusWord) -> ResponseApdu:
        """Append a right MAC for the present counter to any body."""
        mac = self.cipher.mac(_method_2(self._counter() + body, self.cipher.block))
        return ResponseApdu(body + b"\x8e\x08" + mac, status)


class ReferenceCard(OneUser):
    """A channel that ends in a card with one key, one challenge and one secure session."""

    def __init__(
        self,
        suite: str,
        k_enc: bytes,
        k_mac: bytes,
        handler: Handler,
        *,
        key_reference: int = 1,
        rnd_ic: bytes = bytes(range(8)),
        k_ic: bytes = bytes(range(16, 32)),
    ) -> None:
        self.name = "3DES" if suite == "MA-3DES" else "AES"
        self.static = CardCipher(self.name, k_enc, k_mac)
        self.handler = handler
        self.key_reference = key_reference
        self.rnd_ic = rnd_ic
        self.k_ic = k_ic
        self.challenge: bytes | None = None
        self.session: CardSession | None = None
        self.seen: list[CommandApdu] = []
        self.answers: list[ResponseApdu] = []

    def transmit(self, command: CommandApdu) -> ResponseApdu:
        self.seen.append(command)
        answer = self._answer(command)
        self.answers.append(answer)
        return answer

    def _answer(self, command: CommandApdu) -> ResponseApdu:
        if command.cla.secure:
            assert self.session is not None
            plain = self.session.unwrap(command)
            return self.session.wrap(self.handler(plain), odd=bool(command.ins % 2))
        if command.ins == 0x84:
            self.challenge = self.rnd_ic[: command.ne]
            return ResponseApdu(self.challenge)
        if command.ins == 0x82:
            return self._mutual_authenticate(command)
        return self.handler(command)

    def _mutual_authenticate(self, command: CommandApdu) -> ResponseApdu:
        challenge, self.challenge = self.challenge, None
        if challenge is None:
            return ResponseApdu(b"", StatusWord.CONDITIONS_NOT_SATISFIED)
        if command.p2 != 0x80 | self.key_reference:
            return ResponseApdu(b"", StatusWord.REFERENCED_DATA_NOT_FOUND)
        cryptogram, mac = command.data[:32], command.data[32:]
        plain = self.static.decrypt(bytes(self.static.block), cryptogram)
        if mac != self._mac(cryptogram) or plain[8:16] != challenge:
            return ResponseApdu(b"", StatusWord.retries(14))
        rnd_ifd, k_ifd = plain[:8], plain[16:]
        answer = self.static.encrypt(bytes(self.static.block), challenge + rnd_ifd + self.k_ic)
        secret = bytes(a ^ b for a, b in zip(k_ifd, self.k_ic, strict=True))
        size = len(self.static.k_enc)
        cipher = CardCipher(
            self.name, _digest(secret + b"\0\0\0\1", size), _digest(secret + b"\0\0\0\2", size)
        )
        ssc = int.from_bytes(challenge[4:] + rnd_ifd[4:], "big") if self.name == "3DES" else 0
        self.session = CardSession(cipher, ssc)
        return ResponseApdu(answer + self._mac(answer))

    def _mac(self, cryptogram: bytes) -> bytes:
        return self.static.mac(_method_2(cryptogram, 8) if self.name == "3DES" else cryptogram)
