"""A card's session beside a naive reader, with a cipher between that counts what it is asked."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from jukicard.apdu import CommandApdu, StatusWord
from jukicard.errors import IsoError
from jukicard.securemessaging.ciphers import SessionCipher, session_cipher
from jukicard.securemessaging.iso7816 import Iso7816Session
from jukicard.securemessaging.session import ProtectionLevel
from jukicard.securemessaging.suites import SessionKeys, Suite, make_key
from tests.support.naive.sm_reader import NaiveReader

MISSING = StatusWord.SECURE_MESSAGING_OBJECTS_MISSING
INCORRECT = StatusWord.SECURE_MESSAGING_OBJECTS_INCORRECT
ENC, MAC = bytes(range(16)), bytes(range(16, 32))
SUITES = (Suite.TRIPLE_DES, Suite.AES128)
every_suite = pytest.mark.parametrize("suite", SUITES)

READ = CommandApdu(0x00, 0xB0, 0, 0, ne=16)
UPDATE = CommandApdu(0x00, 0xD6, 0, 0, bytes(range(20)))
UPDATE_ODD = CommandApdu(0x00, 0xD7, 0, 0, b"\x54\x01\x00\x53\x02\xab\xcd", 7)
SELECT = CommandApdu(0x00, 0xA4, 4, 0, b"\xa0\0\0\0\1", 256)
LONG = CommandApdu(0x00, 0xD6, 0, 0, bytes(300), 1000)
COMMANDS = (READ, UPDATE, UPDATE_ODD, SELECT, LONG)


class CountingCipher:
    """A session cipher that counts what it is asked to do."""

    def __init__(self, cipher: SessionCipher) -> None:
        self._cipher = cipher
        self.block = cipher.block
        self.max_bytes = cipher.max_bytes
        self.macs = self.encryptions = self.decryptions = 0

    def mac(self, message: bytes) -> bytes:
        self.macs += 1
        return self._cipher.mac(message)

    def encrypt(self, ssc: bytes, data: bytes) -> bytes:
        self.encryptions += 1
        return self._cipher.encrypt(ssc, data)

    def decrypt(self, ssc: bytes, cryptogram: bytes) -> bytes:
        self.decryptions += 1
        return self._cipher.decrypt(ssc, cryptogram)


@dataclass
class Setup:
    cipher: CountingCipher
    session: Iso7816Session
    reader: NaiveReader

    def refuses(self, command: CommandApdu, status: StatusWord) -> None:
        """The refusal kills the session, and no byte was decrypted for it."""
        before = self.cipher.decryptions
        with pytest.raises(IsoError) as refused:
            self.session.unprotect(command)
        assert refused.value.status is status, refused.value
        assert not self.session.alive
        assert self.session.level is ProtectionLevel.NONE
        assert self.cipher.decryptions == before


def setup(suite: Suite, ssc: int = 0) -> Setup:
    enc, mac = make_key(suite, ENC), make_key(suite, MAC)
    size = 8 if suite is Suite.TRIPLE_DES else 16
    keys = SessionKeys(suite, enc, mac, ssc.to_bytes(size, "big"))
    cipher = CountingCipher(session_cipher(keys))
    return Setup(
        cipher,
        Iso7816Session(cipher, keys.ssc),
        NaiveReader(ENC, MAC, ssc, des=suite is Suite.TRIPLE_DES),
    )


def with_data(command: CommandApdu, data: bytes) -> CommandApdu:
    return CommandApdu(
        command.cla, command.ins, command.p1, command.p2, data, command.ne,
        extended=command.extended,
    )  # fmt: skip
