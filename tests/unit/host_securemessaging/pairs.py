"""A host's session and the naive card's opposite it, and a cipher that counts its work."""

from __future__ import annotations

from jukicard.apdu import CommandApdu, ResponseApdu
from jukihost.securemessaging import (
    Iso7816Session,
)
from jukihost.securemessaging.session import (
    AesCipher,
    SessionCipher,
    SessionLimit,
    TripleDesCipher,
)
from tests.unit.host_securemessaging.reference_card import CardCipher, CardSession, Handler

K_ENC = bytes(range(16))
K_MAC = bytes(range(16, 32))
READ = CommandApdu(0x00, 0xB0, 0x00, 0x00, ne=256)
READ_ODD = CommandApdu(0x00, 0xB1, 0x00, 0x01, bytes.fromhex("54020100"), 256)
UPDATE = CommandApdu(0x00, 0xD6, 0x00, 0x00, b"0123456789")
CIPHERS = ["AES", "3DES"]


class CountingCipher:
    """A session cipher that counts what it is asked for."""

    def __init__(self, inner: SessionCipher) -> None:
        self._inner = inner
        self.block = inner.block
        self.decrypted = 0
        self.maced = 0

    def encrypt(self, ssc: bytes, padded: bytes, /) -> bytes:
        return self._inner.encrypt(ssc, padded)

    def decrypt(self, ssc: bytes, cryptogram: bytes, /) -> bytes:
        self.decrypted += 1
        return self._inner.decrypt(ssc, cryptogram)

    def mac(self, message: bytes, /) -> bytes:
        self.maced += 1
        return self._inner.mac(message)


def pair(
    name: str, *, limit: SessionLimit | None = None
) -> tuple[Iso7816Session, CardSession, CountingCipher]:
    """A terminal's session with a counting cipher, and the card's."""
    cipher = CountingCipher(
        AesCipher(K_ENC, K_MAC) if name == "AES" else TripleDesCipher(K_ENC, K_MAC)
    )
    return (
        Iso7816Session(cipher, ssc=0x1234, limit=limit),
        CardSession(CardCipher(name, K_ENC, K_MAC), 0x1234),
        cipher,
    )


def echo(command: CommandApdu) -> ResponseApdu:
    return ResponseApdu(command.data)


class Card:
    """A channel to the card's end of a session."""

    def __init__(self, card: CardSession, handler: Handler = echo, *, plain: bool = False) -> None:
        self.card = card
        self.handler = handler
        self.plain = plain
        self.seen: list[CommandApdu] = []

    def transmit(self, command: CommandApdu, /) -> ResponseApdu:
        self.seen.append(command)
        answer = self.handler(self.card.unwrap(command))
        return self.card.wrap(answer, odd=bool(command.ins % 2), plain=self.plain)
