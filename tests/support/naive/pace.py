"""A terminal that does PACE as docs/card.md says, one step at a time, with schoolbook arithmetic.

Each step by itself, so that a test may leave one out, repeat it or send something else.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass

from jukicard.apdu import CommandApdu, ResponseApdu, Tlv
from tests.support.naive import curve as naive_curve
from tests.support.naive.sm_reader import NaiveReader, aes_cbc
from tests.support.naive.terminal import NaiveTerminal, cmac

PACE = bytes.fromhex("04007F00070202040202")
CAN = 2
NUMBER = "123456"
BRAINPOOL = 13
P = 0xA9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377
A = 0x7D5A0975FC2C3057EEF67530417AFFE7FB8055C126DC5C6CE94A4B44F330B5D9
G = (
    0x8BD2AEB9CB7E57CB2C4B482FFC81B7AFB9DE27E1E3BD23C23A4453BD9ACE3262,
    0x547EF835C3DAC4FD97F8461A14611DC9C27745132DED8E545C1D54C72F046997,
)
MAPPING_KEY, AGREEMENT_KEY = 0x1234567890ABCDEF, 0xFEDCBA0987654321


def encode(point: naive_curve.Affine) -> bytes:
    assert point is not None
    return b"\x04" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


def decode(raw: bytes) -> tuple[int, int]:
    assert (len(raw), raw[0]) == (65, 4)
    return int.from_bytes(raw[1:33], "big"), int.from_bytes(raw[33:], "big")


@functools.lru_cache(maxsize=256)
def times(scalar: int, point: naive_curve.Affine) -> naive_curve.Affine:
    return naive_curve.multiply(P, A, scalar, point)


def set_password(
    algorithm: bytes = PACE, reference: int = CAN, *more: Tlv, channel: int = 0
) -> CommandApdu:
    """MSE: SET AT for PACE."""
    objects = Tlv(0x80, algorithm), Tlv(0x83, bytes((reference,))), *more
    data = b"".join(item.encode() for item in objects)
    return CommandApdu(channel, 0x22, 0xC1, 0xA4, data)


@dataclass
class NaivePace:
    """The terminal's end; `steps` does all of it, and the session is the terminal's then."""

    terminal: NaiveTerminal
    number: str = NUMBER
    channel: int = 0

    def step(self, *sent: Tlv, chained: bool = True) -> ResponseApdu:
        data = Tlv(0x7C, sent).encode()
        cla = self.channel | (0x10 if chained else 0)
        return self.terminal.plain(CommandApdu(cla, 0x86, 0, 0, data, 256))

    def take(self, answer: ResponseApdu, tag: int) -> bytes:
        assert answer.status == 0x9000, answer
        self.objects = {item.tag: item.value for item in Tlv.parse(answer.data).children}
        return self.objects[tag]

    def set_password(self, *more: Tlv) -> None:
        answer = self.terminal.plain(set_password(PACE, CAN, *more, channel=self.channel))
        assert answer.status == 0x9000, answer

    def nonce(self) -> None:
        key = hashlib.sha1(self.number.encode() + b"\0\0\0\3").digest()[:16]
        cryptogram = self.take(self.step(), 0x80)
        nonce = aes_cbc(key, bytes(16), cryptogram, decrypt=True)
        self.secret = int.from_bytes(nonce, "big")

    def map(self) -> None:
        own = encode(times(MAPPING_KEY, G))
        shared = times(MAPPING_KEY, decode(self.take(self.step(Tlv(0x81, own)), 0x82)))
        self.generator = naive_curve.add(P, A, times(self.secret, G), shared)

    def agree(self) -> None:
        self.own = encode(times(AGREEMENT_KEY, self.generator))
        self.cards = self.take(self.step(Tlv(0x83, self.own)), 0x84)
        secret = times(AGREEMENT_KEY, decode(self.cards))
        assert secret is not None
        raw = secret[0].to_bytes(32, "big")
        self.enc, self.mac = (hashlib.sha1(raw + bytes((0, 0, 0, n))).digest()[:16] for n in (1, 2))

    def token(self, public: bytes) -> bytes:
        covered = Tlv(0x7F49, [Tlv(0x06, PACE), Tlv(0x86, public)]).encode()
        return cmac(self.mac, covered)[:8]

    def confirm(self) -> ResponseApdu:
        answer = self.step(Tlv(0x85, self.token(self.cards)), chained=False)
        if answer.status == 0x9000:
            assert self.take(answer, 0x86) == self.token(self.own), "the card knows no password"
            self.terminal.sessions[self.channel] = NaiveReader(self.enc, self.mac, 0)
        return answer

    def steps(self, *more: Tlv) -> ResponseApdu:
        """The whole of it, whatever the card answers to the last step."""
        self.set_password(*more)
        self.nonce()
        self.map()
        self.agree()
        return self.confirm()

    @property
    def identifier(self) -> bytes:
        """ID.IC in this session: the x coordinate of the card's ephemeral key."""
        return self.cards[1:33]
