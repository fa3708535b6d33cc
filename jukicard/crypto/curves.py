"""Elliptic curves by name, by standardised number and by their explicit parameters.

Explicit parameters are only ever compared with known curves, never computed with: a curve that
is not in the table is refused, and with it every invalid-curve trick.

The arithmetic at the end is for the one protocol that needs more than ECDH and ECDSA: the
generic mapping of PACE. It is plain Python and not constant time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec


class PointError(ValueError):
    """The bytes are no point of the curve that may be used; says nothing about the bytes."""


Point = tuple[int, int] | None
"""Affine coordinates; None is the point at infinity."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve y^2 = x^3 + ax + b over GF(p) with a generator of prime order n, cofactor 1."""

    name: str
    parameter_id: int
    """The number of standardised domain parameters (BSI TR-03110-3, A.2.1.1, table 4)."""
    library: ec.EllipticCurve
    p: int
    a: int
    b: int
    g: tuple[int, int]
    n: int

    @property
    def size(self) -> int:
        """The length of a coordinate, in bytes."""
        return (self.p.bit_length() + 7) // 8

    @property
    def order_size(self) -> int:
        """The length of a private key and of each half of a signature, in bytes."""
        return (self.n.bit_length() + 7) // 8

    def encode(self, point: Point) -> bytes:
        """Return 04 || x || y; PointError for the point at infinity.

        # BSI TR-03111, 3.2.1, uncompressed encoding
        """
        if point is None:
            raise PointError("the point at infinity has no encoding here")
        return b"\x04" + b"".join(value.to_bytes(self.size, "big") for value in point)

    def decode(self, raw: bytes) -> tuple[int, int]:
        """Read 04 || x || y; PointError for another form or length or a point off the curve."""
        if len(raw) != 1 + 2 * self.size or raw[0] != 0x04:
            raise PointError(f"not an uncompressed point of {self.name}")
        x = int.from_bytes(raw[1 : 1 + self.size], "big")
        y = int.from_bytes(raw[1 + self.size :], "big")
        if x >= self.p or y >= self.p or (y * y - (x * x + self.a) * x - self.b) % self.p:
            raise PointError(f"the point is not on {self.name}")
        return x, y

    def compress(self, raw: bytes) -> bytes:
        """Return Comp(point), its x coordinate; PointError as in `decode`.

        # BSI TR-03110-3, A.2.2.3
        """
        self.decode(raw)
        return raw[1 : 1 + self.size]

    def add(self, left: Point, right: Point) -> Point:
        """Return the sum of two points of the curve."""
        if left is None:
            return right
        if right is None:
            return left
        (x1, y1), (x2, y2) = left, right
        if x1 == x2:
            if (y1 + y2) % self.p == 0:
                return None
            slope = (3 * x1 * x1 + self.a) * pow(2 * y1, -1, self.p)
        else:
            slope = (y2 - y1) * pow(x2 - x1, -1, self.p)
        x3 = (slope * slope - x1 - x2) % self.p
        return x3, (slope * (x1 - x3) - y1) % self.p

    def multiply(self, scalar: int, point: Point) -> Point:
        """Return scalar times a point of the curve."""
        result: Point = None
        for bit in bin(scalar % self.n)[2:]:
            result = self.add(result, result)
            if bit == "1":
                result = self.add(result, point)
        return result


def _curve(name: str, number: int, library: ec.EllipticCurve, *values: str) -> Curve:
    p, a, b, x, y, n = (int(value, 16) for value in values)
    return Curve(name, number, library, p, a, b, (x, y), n)


# RFC 5639, 3.4, 3.6, 3.7; FIPS 186-4, D.1.2.3 to D.1.2.5
BRAINPOOL_P256R1: Final = _curve(
    "brainpoolP256r1",
    13,
    ec.BrainpoolP256R1(),
    "A9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377",
    "7D5A0975FC2C3057EEF67530417AFFE7FB8055C126DC5C6CE94A4B44F330B5D9",
    "26DC5C6CE94A4B44F330B5D9BBD77CBF958416295CF7E1CE6BCCDC18FF8C07B6",
    "8BD2AEB9CB7E57CB2C4B482FFC81B7AFB9DE27E1E3BD23C23A4453BD9ACE3262",
    "547EF835C3DAC4FD97F8461A14611DC9C27745132DED8E545C1D54C72F046997",
    "A9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7",
)
BRAINPOOL_P384R1: Final = _curve(
    "brainpoolP384r1",
    16,
    ec.BrainpoolP384R1(),
    "8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B412B1DA197FB71123ACD3A729901D1A7187470013"
    "3107EC53",
    "7BC382C63D8C150C3C72080ACE05AFA0C2BEA28E4FB22787139165EFBA91F90F8AA5814A503AD4EB04A8C7DD"
    "22CE2826",
    "04A8C7DD22CE28268B39B55416F0447C2FB77DE107DCD2A62E880EA53EEB62D57CB4390295DBC9943AB78696"
    "FA504C11",
    "1D1C64F068CF45FFA2A63A81B7C13F6B8847A3E77EF14FE3DB7FCAFE0CBD10E8E826E03436D646AAEF87B2E2"
    "47D4AF1E",
    "8ABE1D7520F9C2A45CB1EB8E95CFD55262B70B29FEEC5864E19C054FF99129280E4646217791811142820341"
    "263C5315",
    "8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B31F166E6CAC0425A7CF3AB6AF6B7FC3103B883202"
    "E9046565",
)
BRAINPOOL_P512R1: Final = _curve(
    "brainpoolP512r1",
    17,
    ec.BrainpoolP512R1(),
    "AADD9DB8DBE9C48B3FD4E6AE33C9FC07CB308DB3B3C9D20ED6639CCA703308717D4D9B009BC66842AECDA12A"
    "E6A380E62881FF2F2D82C68528AA6056583A48F3",
    "7830A3318B603B89E2327145AC234CC594CBDD8D3DF91610A83441CAEA9863BC2DED5D5AA8253AA10A2EF1C9"
    "8B9AC8B57F1117A72BF2C7B9E7C1AC4D77FC94CA",
    "3DF91610A83441CAEA9863BC2DED5D5AA8253AA10A2EF1C98B9AC8B57F1117A72BF2C7B9E7C1AC4D77FC94CA"
    "DC083E67984050B75EBAE5DD2809BD638016F723",
    "81AEE4BDD82ED9645A21322E9C4C6A9385ED9F70B5D916C1B43B62EEF4D0098EFF3B1F78E2D0D48D50D1687B"
    "93B97D5F7C6D5047406A5E688B352209BCB9F822",
    "7DDE385D566332ECC0EABFA9CF7822FDF209F70024A57B1AA000C55B881F8111B2DCDE494A5F485E5BCA4BD8"
    "8A2763AED1CA2B2FA8F0540678CD1E0F3AD80892",
    "AADD9DB8DBE9C48B3FD4E6AE33C9FC07CB308DB3B3C9D20ED6639CCA70330870553E5C414CA9261941866119"
    "7FAC10471DB1D381085DDADDB58796829CA90069",
)
P256: Final = _curve(
    "P-256",
    12,
    ec.SECP256R1(),
    "FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF",
    "FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFC",
    "5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B",
    "6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296",
    "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5",
    "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
)
P384: Final = _curve(
    "P-384",
    15,
    ec.SECP384R1(),
    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFF00000000000000"
    "00FFFFFFFF",
    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFF00000000000000"
    "00FFFFFFFC",
    "B3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8ED"
    "D3EC2AEF",
    "AA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E38"
    "72760AB7",
    "3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C"
    "90EA0E5F",
    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196A"
    "CCC52973",
)
P521: Final = _curve(
    "P-521",
    18,
    ec.SECP521R1(),
    "01" + 65 * "FF",
    "01" + 64 * "FF" + "FC",
    "0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652"
    "C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00",
    "00C6858E06B70404E9CD9E3ECB662395B4429C648139053FB521F828AF606B4D3DBAA14B5E77EFE75928FE1D"
    "C127A2FFA8DE3348B3C1856A429BF97E7E31C2E5BD66",
    "011839296A789A3BC0045C8A5FB42C7D1BD998F54449579B446817AFBD17273E662C97EE72995EF42640C550"
    "B9013FAD0761353C7086A272C24088BE94769FD16650",
    "01" + 32 * "FF" + "FA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409",
)
CURVES: Final = (P256, BRAINPOOL_P256R1, P384, BRAINPOOL_P384R1, BRAINPOOL_P512R1, P521)
"""Every curve this card computes with."""
_BY_ID: Final = {curve.parameter_id: curve for curve in CURVES}
_BY_PARAMETERS: Final = {(c.p, c.a, c.b, c.g, c.n): c for c in CURVES}


def curve_of_id(parameter_id: int) -> Curve:
    """Return the curve of a standardised number; KeyError when the card has none of it."""
    return _BY_ID[parameter_id]


def curve_of_parameters(p: int, a: int, b: int, g: tuple[int, int], n: int) -> Curve:
    """Return the known curve with exactly these parameters; KeyError when there is none."""
    return _BY_PARAMETERS[p, a, b, g, n]
