"""Elliptic curves where the cryptography package stops: points, sums and domain parameters.

Key agreement and signatures are that package's. PACE also needs the sum of two points and the
product of a number with any point, and certificates spell out domain parameters; both are here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec

RandomSource = Callable[[int], bytes]
"""Returns that many random bytes."""


class PointError(ValueError):
    """The bytes are no usable point of the curve."""


class Point(NamedTuple):
    """A point other than infinity, by its affine coordinates."""

    x: int
    y: int


@dataclass(frozen=True)
class Curve:
    """A curve y² = x³ + ax + b over a prime field, of prime order, with its base point."""

    name: str
    algorithm: ec.EllipticCurve
    p: int
    a: int
    b: int
    base: Point
    order: int

    @property
    def size(self) -> int:
        """Bytes of a coordinate."""
        return (self.p.bit_length() + 7) // 8

    @property
    def order_size(self) -> int:
        """Bytes of a scalar, half of a raw signature."""
        return (self.order.bit_length() + 7) // 8

    def encode(self, point: Point) -> bytes:
        """Return 04, x, y (BSI TR-03111, 3.2.1)."""
        return b"\x04" + point.x.to_bytes(self.size, "big") + point.y.to_bytes(self.size, "big")

    def decode(self, raw: bytes) -> Point:
        """Read an uncompressed point; PointError unless it lies on the curve."""
        if len(raw) != 1 + 2 * self.size or raw[0] != 0x04:
            raise PointError(f"a point of {self.name} is 04 and {2 * self.size} bytes")
        point = Point(
            int.from_bytes(raw[1 : 1 + self.size], "big"),
            int.from_bytes(raw[1 + self.size :], "big"),
        )
        self._check(point)
        return point

    def coordinate(self, value: int) -> bytes:
        """Return a coordinate in full length: what TR-03110 calls the compressed key."""
        return value.to_bytes(self.size, "big")

    def public_key(self, point: Point) -> ec.EllipticCurvePublicKey:
        """Return the package's key for a point; PointError unless it lies on the curve."""
        self._check(point)
        return ec.EllipticCurvePublicNumbers(point.x, point.y, self.algorithm).public_key()

    def private_key(self, scalar: int) -> ec.EllipticCurvePrivateKey:
        """Return the package's key for a scalar of 1 to order - 1; ValueError otherwise."""
        return ec.derive_private_key(scalar, self.algorithm)

    def random_scalar(self, random: RandomSource) -> int:
        """Draw a scalar of 1 to order - 2, without a bias worth the name (64 extra bits)."""
        return int.from_bytes(random(self.order_size + 8), "big") % (self.order - 2) + 1

    def agree(self, scalar: int, point: Point) -> bytes:
        """Return the x coordinate of scalar times point, in full length (ECKA-DH).

        PointError when the point is not on the curve.
        """
        return self.private_key(scalar).exchange(ec.ECDH(), self.public_key(point))

    def multiply(self, scalar: int, point: Point) -> Point:
        """Return scalar times any point, for scalars of 1 to order - 2.

        The package gives x coordinates only. With those of kP and (k+1)P, y follows from the
        formula of addition, because (k+1)P is kP + P (Okeya and Sakurai, CHES 2001).
        """
        p = self.p
        x = int.from_bytes(self.agree(scalar, point), "big")
        x_next = int.from_bytes(self.agree(scalar + 1, point), "big")
        squares = x**3 + self.a * x + self.b + point.y**2
        y = (squares - (x_next + x + point.x) * (x - point.x) ** 2) * pow(2 * point.y, -1, p) % p
        product = Point(x, y)
        self._check(product)
        return product

    def add(self, left: Point, right: Point) -> Point:
        """Return the sum of two points; PointError when it is infinity."""
        p = self.p
        if left.x == right.x and (left.y + right.y) % p == 0:
            raise PointError("the sum is the point at infinity")
        if left == right:
            slope = (3 * left.x**2 + self.a) * pow(2 * left.y, -1, p) % p
        else:
            slope = (right.y - left.y) * pow(right.x - left.x, -1, p) % p
        x = (slope**2 - left.x - right.x) % p
        return Point(x, (slope * (left.x - x) - left.y) % p)

    def _check(self, point: Point) -> None:
        x, y = point
        if not (0 <= x < self.p and 0 <= y < self.p) or (
            (y * y - (x**3 + self.a * x + self.b)) % self.p
        ):
            raise PointError(f"the point is not on {self.name}")


def point_of(key: ec.EllipticCurvePublicKey) -> Point:
    """Return the coordinates of the package's public key."""
    numbers = key.public_numbers()
    return Point(numbers.x, numbers.y)


def curve_of(key: ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey) -> Curve:
    """Return the curve of the package's key; PointError when it is none of `CURVES`."""
    for curve in CURVES:
        if curve.algorithm.name == key.curve.name:
            return curve
    raise PointError(f"{key.curve.name} is not used here")


def _curve(
    algorithm: ec.EllipticCurve, p: str, a: str, b: str, x: str, y: str, order: str
) -> Curve:
    numbers = [int(value, 16) for value in (p, a, b, x, y, order)]
    return Curve(
        algorithm.name,
        algorithm,
        numbers[0],
        numbers[1],
        numbers[2],
        Point(numbers[3], numbers[4]),
        numbers[5],
    )


# NIST SP 800-186, 3.2.1.3
P256: Final = _curve(
    ec.SECP256R1(),
    "FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF",
    "FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFC",
    "5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B",
    "6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296",
    "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5",
    "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
)

# NIST SP 800-186, 3.2.1.4
P384: Final = _curve(
    ec.SECP384R1(),
    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFF"
    "0000000000000000FFFFFFFF",
    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFF"
    "0000000000000000FFFFFFFC",
    "B3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D"
    "8A2ED19D2A85C8EDD3EC2AEF",
    "AA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25D"
    "BF55296C3A545E3872760AB7",
    "3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE"
    "1D7E819D7A431D7C90EA0E5F",
    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB2"
    "48B0A77AECEC196ACCC52973",
)

# NIST SP 800-186, 3.2.1.5
P521: Final = _curve(
    ec.SECP521R1(),
    "01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
    "01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC",
    "0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E15619"
    "3951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00",
    "00C6858E06B70404E9CD9E3ECB662395B4429C648139053FB521F828AF606B4D3DBAA14B"
    "5E77EFE75928FE1DC127A2FFA8DE3348B3C1856A429BF97E7E31C2E5BD66",
    "011839296A789A3BC0045C8A5FB42C7D1BD998F54449579B446817AFBD17273E662C97EE"
    "72995EF42640C550B9013FAD0761353C7086A272C24088BE94769FD16650",
    "01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA5186"
    "8783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409",
)

# RFC 5639, 3.4
BRAINPOOL_P256R1: Final = _curve(
    ec.BrainpoolP256R1(),
    "A9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377",
    "7D5A0975FC2C3057EEF67530417AFFE7FB8055C126DC5C6CE94A4B44F330B5D9",
    "26DC5C6CE94A4B44F330B5D9BBD77CBF958416295CF7E1CE6BCCDC18FF8C07B6",
    "8BD2AEB9CB7E57CB2C4B482FFC81B7AFB9DE27E1E3BD23C23A4453BD9ACE3262",
    "547EF835C3DAC4FD97F8461A14611DC9C27745132DED8E545C1D54C72F046997",
    "A9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7",
)

# RFC 5639, 3.6
BRAINPOOL_P384R1: Final = _curve(
    ec.BrainpoolP384R1(),
    "8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B412B1DA197FB71123ACD3A729"
    "901D1A71874700133107EC53",
    "7BC382C63D8C150C3C72080ACE05AFA0C2BEA28E4FB22787139165EFBA91F90F8AA5814A"
    "503AD4EB04A8C7DD22CE2826",
    "04A8C7DD22CE28268B39B55416F0447C2FB77DE107DCD2A62E880EA53EEB62D57CB43902"
    "95DBC9943AB78696FA504C11",
    "1D1C64F068CF45FFA2A63A81B7C13F6B8847A3E77EF14FE3DB7FCAFE0CBD10E8E826E034"
    "36D646AAEF87B2E247D4AF1E",
    "8ABE1D7520F9C2A45CB1EB8E95CFD55262B70B29FEEC5864E19C054FF99129280E464621"
    "7791811142820341263C5315",
    "8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B31F166E6CAC0425A7CF3AB6AF"
    "6B7FC3103B883202E9046565",
)

# RFC 5639, 3.7
BRAINPOOL_P512R1: Final = _curve(
    ec.BrainpoolP512R1(),
    "AADD9DB8DBE9C48B3FD4E6AE33C9FC07CB308DB3B3C9D20ED6639CCA703308717D4D9B00"
    "9BC66842AECDA12AE6A380E62881FF2F2D82C68528AA6056583A48F3",
    "7830A3318B603B89E2327145AC234CC594CBDD8D3DF91610A83441CAEA9863BC2DED5D5A"
    "A8253AA10A2EF1C98B9AC8B57F1117A72BF2C7B9E7C1AC4D77FC94CA",
    "3DF91610A83441CAEA9863BC2DED5D5AA8253AA10A2EF1C98B9AC8B57F1117A72BF2C7B9"
    "E7C1AC4D77FC94CADC083E67984050B75EBAE5DD2809BD638016F723",
    "81AEE4BDD82ED9645A21322E9C4C6A9385ED9F70B5D916C1B43B62EEF4D0098EFF3B1F78"
    "E2D0D48D50D1687B93B97D5F7C6D5047406A5E688B352209BCB9F822",
    "7DDE385D566332ECC0EABFA9CF7822FDF209F70024A57B1AA000C55B881F8111B2DCDE49"
    "4A5F485E5BCA4BD88A2763AED1CA2B2FA8F0540678CD1E0F3AD80892",
    "AADD9DB8DBE9C48B3FD4E6AE33C9FC07CB308DB3B3C9D20ED6639CCA70330870553E5C41"
    "4CA92619418661197FAC10471DB1D381085DDADDB58796829CA90069",
)

CURVES: Final = (P256, P384, P521, BRAINPOOL_P256R1, BRAINPOOL_P384R1, BRAINPOOL_P512R1)
"""Every curve this package knows."""

STANDARDIZED_PARAMETERS: Final = {
    12: P256,
    13: BRAINPOOL_P256R1,
    15: P384,
    16: BRAINPOOL_P384R1,
    17: BRAINPOOL_P512R1,
    18: P521,
}
"""Curves by their parameter identifier (ICAO Doc 9303-11, 9.5.1)."""
