"""Makes card verifiable certificates, right and wrong ones, for tests of those who read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jukicard.apdu import Tlv

ECDSA_SHA256 = bytes.fromhex("04007F00070202020203")
TERMINAL_TYPE = bytes.fromhex("0603551D0F")  # any identifier will do

# RFC 5639, 3.4
P256R1 = tuple(
    bytes.fromhex(value)
    for value in (
        "A9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377",
        "7D5A0975FC2C3057EEF67530417AFFE7FB8055C126DC5C6CE94A4B44F330B5D9",
        "26DC5C6CE94A4B44F330B5D9BBD77CBF958416295CF7E1CE6BCCDC18FF8C07B6",
        "048BD2AEB9CB7E57CB2C4B482FFC81B7AFB9DE27E1E3BD23C23A4453BD9ACE3262"
        "547EF835C3DAC4FD97F8461A14611DC9C27745132DED8E545C1D54C72F046997",
        "A9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7",
    )
)


def digits(date: str) -> bytes:
    return bytes(int(digit) for digit in date)


@dataclass(frozen=True)
class Draft:
    """A certificate to be: every part can be replaced, and whole data objects as well."""

    issuer: bytes
    holder: bytes
    key: ec.EllipticCurvePrivateKey
    signer: ec.EllipticCurvePrivateKey
    mask: bytes
    effective: str = "260401"
    expires: str = "270331"
    parameters: bool = False
    profile: bytes = b"\0"
    terminal_type: bytes = TERMINAL_TYPE
    algorithm: bytes = ECDSA_SHA256
    point: bytes | None = None
    extra: Sequence[Tlv] = ()

    def with_(self, **changes: object) -> Draft:
        return replace(self, **changes)  # type: ignore[arg-type]

    def key_object(self) -> Tlv:
        point = self.point or self.key.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )
        items = [Tlv(0x06, self.algorithm)]
        if self.parameters:
            items += [Tlv(0x81 + i, value) for i, value in enumerate(P256R1)]
        items.append(Tlv(0x86, point))
        if self.parameters:
            items.append(Tlv(0x87, b"\1"))
        return Tlv(0x7F49, items)

    def items(self) -> list[Tlv]:
        return [
            Tlv(0x5F29, self.profile),
            Tlv(0x42, self.issuer),
            self.key_object(),
            Tlv(0x5F20, self.holder),
            Tlv(0x7F4C, [Tlv(0x06, self.terminal_type), Tlv(0x53, self.mask)]),
            Tlv(0x5F25, digits(self.effective)),
            Tlv(0x5F24, digits(self.expires)),
            *self.extra,
        ]

    def content(self, items: Sequence[Tlv] | None = None) -> bytes:
        """DO 7F4E and DO 5F37, signed by the signer."""
        body = Tlv(0x7F4E, self.items() if items is None else items).encode()
        return body + Tlv(0x5F37, sign(self.signer, body)).encode()


def sign(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def key(number: int) -> ec.EllipticCurvePrivateKey:
    """The test key of a number."""
    return ec.derive_private_key(number, ec.BrainpoolP256R1())
