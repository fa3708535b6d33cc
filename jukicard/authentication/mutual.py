"""MUTUAL AUTHENTICATE with a shared pair of keys: the card's part of the three passes.

# ISO/IEC 9798-2:2019, 7.3.3, three pass authentication; ISO/IEC 11770-2, mechanism 6;
# ICAO Doc 9303-11, 4.3.3 has the same messages with triple DES.

The engine is pure. What belongs to the caller, in this order, because a power cut may come at any
point between two of these steps:

1. state checks: 6985 no challenge, 6A88 no key, 6984 key deactivated, 6983 key blocked;
2. take the challenge away, so that it counts once;
3. decrement the key's retry counter in persistent memory, at once (`put_now`);
4. `MutualAuthentication.answer`; on `AuthenticationFailed` answer 63CX and stop;
5. restore the retry counter, start a session from the keys returned, answer.
"""

from __future__ import annotations

from typing import Final

from jukicard.crypto.asymmetric import Random
from jukicard.crypto.symmetric import BlockKey, equal
from jukicard.securemessaging.session import AuthenticationFailed
from jukicard.securemessaging.suites import (
    MAC_LENGTH,
    SessionKeys,
    Suite,
    check_key,
    short_mac,
)

CHALLENGE_LENGTH: Final = 8
"""The length of RND.IC and RND.IFD, in bytes."""
KEY_PART_LENGTH: Final = 16
"""The length of K.IFD and K.IC, in bytes."""
MESSAGE_LENGTH: Final = 2 * CHALLENGE_LENGTH + KEY_PART_LENGTH + MAC_LENGTH
"""The length of the command's and of the answer's data: 40 bytes, in every suite."""


class MutualAuthentication:
    """A key object's suite and keys, ready to answer; the repr shows the suite only.

    `k_enc` and `k_mac` should differ; personalisation refuses a pair that does not, this engine
    does not, because a published example has one.
    """

    __slots__ = ("_enc", "_mac", "suite")

    suite: Suite

    def __init__(self, suite: Suite, k_enc: BlockKey, k_mac: BlockKey) -> None:
        """Take the keys; TypeError when one is not of the suite's cipher and length."""
        check_key(suite, k_enc)
        check_key(suite, k_mac)
        self.suite = suite
        self._enc = k_enc
        self._mac = k_mac

    def answer(
        self, command_data: bytes, challenge: bytes, random: Random
    ) -> tuple[bytes, SessionKeys]:
        """Check E.IFD || M.IFD against the challenge RND.IC; return E.IC || M.IC and the keys.

        AuthenticationFailed, one for all reasons and after the same cipher operations: wrong
        length, wrong MAC, another challenge, RND.IFD equal to RND.IC (reflection). `random` is
        asked for K.IC (16 bytes) only after success. ValueError when `challenge` has not 8 bytes.
        """
        if len(challenge) != CHALLENGE_LENGTH:
            raise ValueError(f"a challenge has {CHALLENGE_LENGTH} bytes")
        rnd_ifd, k_ifd = self._open(command_data, challenge)
        k_ic = random(KEY_PART_LENGTH)
        cryptogram = self._enc.encrypt_cbc(challenge + rnd_ifd + k_ic)
        response = cryptogram + short_mac(self._mac, cryptogram)
        secret = bytes(a ^ b for a, b in zip(k_ifd, k_ic, strict=True))
        return response, SessionKeys.derive(self.suite, secret, self._counter(challenge, rnd_ifd))

    def _open(self, command_data: bytes, challenge: bytes) -> tuple[bytes, bytes]:
        """Return RND.IFD and K.IFD of an authentic message; no step is skipped on the way."""
        right_length = len(command_data) == MESSAGE_LENGTH
        message = command_data if right_length else bytes(MESSAGE_LENGTH)
        cryptogram, mac = message[:-MAC_LENGTH], message[-MAC_LENGTH:]
        right_mac = equal(short_mac(self._mac, cryptogram), mac)
        plain = self._enc.decrypt_cbc(cryptogram)
        rnd_ifd, rnd_ic, k_ifd = plain[:8], plain[8:16], plain[16:]
        right_challenge = equal(rnd_ic, challenge)
        reflected = equal(rnd_ifd, challenge)
        if not (right_length & right_mac & right_challenge & (not reflected)):
            raise AuthenticationFailed
        return rnd_ifd, k_ifd

    def _counter(self, rnd_ic: bytes, rnd_ifd: bytes) -> bytes | None:
        # ICAO Doc 9303-11, 9.8.6.3 (triple DES); AES counts from zero
        return rnd_ic[4:] + rnd_ifd[4:] if self.suite is Suite.TRIPLE_DES else None

    def __repr__(self) -> str:
        return f"<MutualAuthentication {self.suite.value}>"
