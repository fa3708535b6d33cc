"""A terminal that follows docs/card.md and nothing else: the third opinion on the protocols.

It uses the cipher library directly and, of the project, only the wire types: a mistake that card
and host library share would show against it. One terminal speaks to one card, on all its channels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

from jukicard.apdu import Aid, CommandApdu, ResponseApdu
from tests.support.naive.sm_reader import NaiveReader, aes_cbc, aes_mac

JUKI = Aid("D3921000310001010401")
ISSUER = Aid("A0000001510000")
PURPOSES = {
    1: "RESIDENT_IDENTIFICATION",
    2: "WIDE_AREA_ISSUANCE",
    3: "MOVE_IN",
    4: "COUNTER",
    5: "SUSPEND",
}
RND_IFD = bytes.fromhex("781723860C06C226")
K_IFD = bytes.fromhex("0B795240CB7049B01C19B33E32804F0B")


def cmac(key: bytes, message: bytes) -> bytes:
    context = CMAC(algorithms.AES(key))
    context.update(message)
    return context.finalize()


def test_master(purpose: str) -> bytes:
    """The public master of synthetic cards for a purpose of use."""
    return hashlib.sha256(f"jukicard test master key: {purpose}".encode()).digest()[:16]


test_master.__test__ = False  # type: ignore[attr-defined]  # a helper, whatever its name says


def card_key(master: bytes, card_number: bytes, aid: bytes, use: int, version: int = 1) -> bytes:
    """AN10922 for AES-128; with 17 to 32 bytes behind the constant it is a plain CMAC."""
    message = b"\x01" + card_number + aid + bytes((version, use))
    assert 17 <= len(message) <= 32
    return cmac(master, message)


@dataclass(frozen=True)
class KeyPair:
    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)

    def message(self, challenge: bytes, rnd_ifd: bytes = RND_IFD, k_ifd: bytes = K_IFD) -> bytes:
        """E.IFD || M.IFD, the data of MUTUAL AUTHENTICATE."""
        cryptogram = aes_cbc(self.enc, bytes(16), rnd_ifd + challenge + k_ifd)
        return cryptogram + aes_mac(self.mac, cryptogram)

    def session(self, challenge: bytes, answer: bytes) -> NaiveReader:
        """The session that E.IC || M.IC starts, when it is the right answer."""
        cryptogram, mac = answer[:32], answer[32:]
        assert mac == aes_mac(self.mac, cryptogram), "the card's MAC is wrong"
        plain = aes_cbc(self.enc, bytes(16), cryptogram, decrypt=True)
        assert plain[:16] == challenge + RND_IFD, "the card answers another challenge"
        secret = bytes(a ^ b for a, b in zip(K_IFD, plain[16:], strict=True))
        enc, mac_key = (hashlib.sha1(secret + bytes((0, 0, 0, n))).digest()[:16] for n in (1, 2))
        return NaiveReader(enc, mac_key, 0)


def keys_of(card_number: bytes, purpose: str, aid: bytes = JUKI) -> KeyPair:
    """The pair of one card for a purpose, from the public test master."""
    master = test_master(purpose)
    return KeyPair(card_key(master, card_number, aid, 1), card_key(master, card_number, aid, 2))


WRONG_KEYS = KeyPair(bytes(range(16)), bytes(range(16, 32)))
"""Keys that no card has."""


class NaiveTerminal:
    """What a terminal remembers of a card: its number, challenges and sessions by channel."""

    def __init__(self, transmit: Callable[[bytes], bytes], card_number: bytes) -> None:
        self.raw = transmit
        self.card_number = card_number
        self.challenges: dict[int, bytes] = {}
        self.sessions: dict[int, NaiveReader] = {}

    def plain(self, command: CommandApdu) -> ResponseApdu:
        """Send a command as it is; a session on its channel is over then."""
        self.sessions.pop(command.cla.channel, None)
        return ResponseApdu.parse(self.raw(command.encode()))

    def protected(self, command: CommandApdu, *, readable: bool = False) -> ResponseApdu:
        """Send a command under its channel's session, or under one that the card does not have."""
        session = self.sessions.get(command.cla.channel) or NaiveReader(bytes(16), bytes(16), 0)
        answer = ResponseApdu.parse(self.raw(session.protect(command, readable=readable).encode()))
        return self.opened(answer, command.cla.channel)

    def opened(self, answer: ResponseApdu, channel: int) -> ResponseApdu:
        """The plain form of a protected answer; 6882, 6987 and 6988 come plain and end it."""
        session = self.sessions.get(channel)
        if session is None or (answer.status in (0x6987, 0x6988, 0x6882) and not answer.data):
            assert not answer.data, "an answer to nobody"
            self.sessions.pop(channel, None)
            return answer
        return session.unprotect(answer)

    def send(
        self, command: CommandApdu, *, secure: bool = False, readable: bool = False
    ) -> ResponseApdu:
        return self.protected(command, readable=readable) if secure else self.plain(command)

    # -- the steps of docs/card.md ---------------------------------------------------------------

    def select(self, aid: bytes, channel: int = 0, *, secure: bool = False) -> ResponseApdu:
        answer = self.send(CommandApdu(channel, 0xA4, 0x04, 0x0C, aid), secure=secure)
        if answer.status != 0x6A82:
            # under secure messaging the answer was the last of its session if another was selected
            self.challenges.pop(channel, None)
        return answer

    def get_challenge(self, channel: int = 0, *, secure: bool = False) -> ResponseApdu:
        answer = self.send(CommandApdu(channel, 0x84, 0, 0, ne=8), secure=secure)
        if answer.status == 0x9000:
            self.challenges[channel] = answer.data
        return answer

    def mutual_authenticate(
        self,
        keys: KeyPair,
        p2: int,
        channel: int = 0,
        *,
        secure: bool = False,
    ) -> ResponseApdu:
        """MUTUAL AUTHENTICATE with the newest challenge seen; success starts a session."""
        challenge = self.challenges.get(channel, bytes(8))
        command = CommandApdu(channel, 0x82, 0, p2, keys.message(challenge), 40)
        answer = self.send(command, secure=secure)
        if answer.status == 0x9000:
            self.sessions[channel] = keys.session(challenge, answer.data)
        elif answer.status & 0xFFF0 == 0x63C0:
            self.sessions.pop(channel, None)  # a new authentication has begun, and failed
        return answer

    def authenticate(self, reference: int, channel: int = 0, *, secure: bool = False) -> None:
        """GET CHALLENGE and MUTUAL AUTHENTICATE with the right key; AssertionError otherwise."""
        assert self.get_challenge(channel, secure=secure).status == 0x9000
        keys = keys_of(self.card_number, PURPOSES[reference])
        answer = self.mutual_authenticate(keys, 0x80 | reference, channel, secure=secure)
        assert answer.status == 0x9000, answer
