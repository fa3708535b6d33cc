"""Curve parameters against the library's arithmetic, points at the edge, own arithmetic."""

from __future__ import annotations

import random

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from jukicard.crypto.curves import (
    BRAINPOOL_P256R1,
    CURVES,
    P256,
    Curve,
    PointError,
    curve_of_id,
    curve_of_parameters,
)

h = bytes.fromhex
every_curve = pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)


def library_point(curve: Curve, scalar: int) -> tuple[int, int]:
    numbers = ec.derive_private_key(scalar, curve.library).public_key().public_numbers()
    return numbers.x, numbers.y


@every_curve
def test_parameters_are_the_librarys(curve: Curve) -> None:
    # generator, order, and a and b through three points that fix both
    assert library_point(curve, 1) == curve.g
    x, y = library_point(curve, curve.n - 1)
    assert (x, curve.p - y) == curve.g
    with pytest.raises(ValueError, match="out of range"):
        ec.derive_private_key(curve.n, curve.library)
    for scalar in (2, 3, 4):
        x, y = library_point(curve, scalar)
        assert (y * y - x * x * x - curve.a * x - curve.b) % curve.p == 0


@every_curve
def test_arithmetic_is_the_librarys(curve: Curve) -> None:
    chosen = random.Random(curve.name)
    for scalar in (2, 3, curve.n - 2, *(chosen.randrange(1, curve.n) for _ in range(3))):
        assert curve.multiply(scalar, curve.g) == library_point(curve, scalar)
    left, right = library_point(curve, 5), library_point(curve, 7)
    assert curve.add(left, right) == library_point(curve, 12)
    assert curve.add(left, left) == library_point(curve, 10)


@every_curve
def test_infinity(curve: Curve) -> None:
    x, y = curve.g
    assert curve.add(curve.g, (x, curve.p - y)) is None
    assert curve.add(None, curve.g) == curve.g == curve.add(curve.g, None)
    assert curve.multiply(0, curve.g) is None
    assert curve.multiply(curve.n, curve.g) is None
    assert curve.multiply(5, None) is None
    with pytest.raises(PointError):
        curve.encode(None)


@every_curve
def test_encoding_round_trip(curve: Curve) -> None:
    raw = curve.encode(curve.g)
    assert len(raw) == 1 + 2 * curve.size
    assert curve.decode(raw) == curve.g
    assert curve.compress(raw) == raw[1 : 1 + curve.size]


@every_curve
def test_what_is_no_point(curve: Curve) -> None:
    good = curve.encode(curve.g)
    x, y = curve.g
    size = curve.size
    bad = [
        b"",
        b"\0",  # the point at infinity
        bytes(len(good)),
        b"\x04" + bytes(2 * size),
        good[:-1],
        good + b"\0",
        b"\2" + good[1 : 1 + size],  # compressed
        b"\3" + good[1 : 1 + size],
        b"\6" + good[1:],  # hybrid
        good[:-1] + bytes((good[-1] ^ 1,)),
        b"\x04" + x.to_bytes(size, "big") + (y + 1).to_bytes(size, "big"),
        b"\x04" + b"\xff" * (2 * size),
    ]
    for raw in bad:
        with pytest.raises(PointError):
            curve.decode(raw)
        with pytest.raises(PointError):
            curve.compress(raw)


def test_coordinates_are_reduced() -> None:
    # brainpoolP256r1 leaves room above p: x + p is the same residue and must not pass
    x, y = BRAINPOOL_P256R1.multiply(2, BRAINPOOL_P256R1.g) or (0, 0)
    found = 0
    for scalar in range(1, 60):
        x, y = BRAINPOOL_P256R1.multiply(scalar, BRAINPOOL_P256R1.g) or (0, 0)
        if x + BRAINPOOL_P256R1.p < 1 << 256:
            found += 1
            raw = (x + BRAINPOOL_P256R1.p).to_bytes(32, "big") + y.to_bytes(32, "big")
            with pytest.raises(PointError):
                BRAINPOOL_P256R1.decode(b"\x04" + raw)
    assert found


def test_lookup() -> None:
    assert [curve.parameter_id for curve in CURVES] == [12, 13, 15, 16, 17, 18]
    for curve in CURVES:
        assert curve_of_id(curve.parameter_id) is curve
        assert curve_of_parameters(curve.p, curve.a, curve.b, curve.g, curve.n) is curve


def test_nothing_but_known_parameters() -> None:
    # FIPS P-256 with another generator is the trick of CVE-2020-0601
    p, a, b, n = P256.p, P256.a, P256.b, P256.n
    other = P256.multiply(3, P256.g) or (0, 0)
    for parameters in (
        (p, a, b, other, n),
        (p, a, b + 1, P256.g, n),
        (p, a + 1, b, P256.g, n),
        (p, a, b, P256.g, n - 2),
        (p + 2, a, b, P256.g, n),
    ):
        with pytest.raises(KeyError):
            curve_of_parameters(*parameters)
    for number in (*range(12), 14, 17 + 2, 32):
        with pytest.raises(KeyError):
            curve_of_id(number)
