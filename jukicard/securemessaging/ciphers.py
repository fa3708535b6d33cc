"""The two ciphers of ISO secure messaging, behind one protocol so that another can be put in."""

from __future__ import annotations

from typing import Protocol

from jukicard.crypto.symmetric import AesKey, TripleDesKey
from jukicard.securemessaging.suites import MAC_LENGTH, PARAMETERS, SessionKeys


class SessionCipher(Protocol):
    """Encryption and MAC of one session, for data of whole blocks of `block` bytes.

    `ssc` is the send sequence counter of the command or answer, one block.
    """

    block: int
    max_bytes: int | None

    def mac(self, message: bytes) -> bytes:
        """Return the MAC, 8 bytes."""
        ...

    def encrypt(self, ssc: bytes, data: bytes) -> bytes:
        """Encrypt padded data."""
        ...

    def decrypt(self, ssc: bytes, cryptogram: bytes) -> bytes:
        """Decrypt to padded data."""
        ...


class AesSessionCipher:
    """AES-CBC with the encrypted counter as initial vector, CMAC of 8 bytes.

    # ICAO Doc 9303-11, 9.8.6.1
    """

    __slots__ = ("_enc", "_mac", "block", "max_bytes")

    def __init__(self, enc: AesKey, mac: AesKey, max_bytes: int | None = None) -> None:
        self._enc = enc
        self._mac = mac
        self.block = AesKey.block
        self.max_bytes = max_bytes

    def mac(self, message: bytes) -> bytes:
        """Return the MAC, 8 bytes."""
        return self._mac.cmac(message)[:MAC_LENGTH]

    def encrypt(self, ssc: bytes, data: bytes) -> bytes:
        """Encrypt padded data."""
        return self._enc.encrypt_cbc(data, self._enc.encrypt_ecb(ssc))

    def decrypt(self, ssc: bytes, cryptogram: bytes) -> bytes:
        """Decrypt to padded data."""
        return self._enc.decrypt_cbc(cryptogram, self._enc.encrypt_ecb(ssc))


class TripleDesSessionCipher:
    """Two-key triple DES in CBC mode with initial vector zero, retail MAC.

    # ICAO Doc 9303-11, 9.8.6.2
    """

    __slots__ = ("_enc", "_mac", "block", "max_bytes")

    def __init__(self, enc: TripleDesKey, mac: TripleDesKey, max_bytes: int | None = None) -> None:
        self._enc = enc
        self._mac = mac
        self.block = TripleDesKey.block
        self.max_bytes = max_bytes

    def mac(self, message: bytes) -> bytes:
        """Return the MAC, 8 bytes."""
        return self._mac.retail_mac(message, 0)

    def encrypt(self, ssc: bytes, data: bytes) -> bytes:
        """Encrypt padded data; the counter does not enter."""
        return self._enc.encrypt_cbc(data)

    def decrypt(self, ssc: bytes, cryptogram: bytes) -> bytes:
        """Decrypt to padded data; the counter does not enter."""
        return self._enc.decrypt_cbc(cryptogram)


def session_cipher(keys: SessionKeys) -> SessionCipher:
    """Return the cipher of the keys' suite."""
    limit = PARAMETERS[keys.suite].max_bytes
    if isinstance(keys.enc, AesKey) and isinstance(keys.mac, AesKey):
        return AesSessionCipher(keys.enc, keys.mac, limit)
    if isinstance(keys.enc, TripleDesKey) and isinstance(keys.mac, TripleDesKey):
        return TripleDesSessionCipher(keys.enc, keys.mac, limit)
    raise TypeError("a session takes two keys of one cipher")
