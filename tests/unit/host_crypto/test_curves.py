"""Curve arithmetic against schoolbook formulas, the cryptography package, and invalid points."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings, strategies as st

from jukihost.crypto.curves import (
    BRAINPOOL_P256R1,
    CURVES,
    P256,
    STANDARDIZED_PARAMETERS,
    Curve,
    Point,
    PointError,
    curve_of,
    point_of,
)
from tests.support import soak
from tests.support.naive import curve as naive_curve
from tests.support.published.vectors import load

PACE = load("securemessaging/icao9303_pace_ecdh_gm_aes128")["steps"]
BSI_PACE = load("securemessaging/bsi_eac2_worked_example")["steps"]["pace"]


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_the_table_is_that_of_the_package(curve: Curve) -> None:
    """The package's own points lie on the curve, and end where the order says."""
    for scalar in (1, 2, 3, curve.order - 1):
        point = point_of(ec.derive_private_key(scalar, curve.algorithm).public_key())
        assert curve.decode(curve.encode(point)) == point
        if scalar in (1, curve.order - 1):
            assert point.x == curve.base.x
            assert (point.y == curve.base.y) == (scalar == 1)
    assert naive_curve.multiply(curve.p, curve.a, curve.order, curve.base) is None
    assert curve.algorithm.key_size == curve.p.bit_length()


@settings(max_examples=soak.times(20, soak=1_000))
@given(st.sampled_from(CURVES), st.data())
def test_products_are_those_of_the_schoolbook(curve: Curve, data: st.DataObject) -> None:
    start = data.draw(st.integers(1, curve.order - 1))
    scalar = data.draw(st.integers(1, curve.order - 2))
    point = point_of(curve.private_key(start).public_key())
    product = curve.multiply(scalar, point)
    assert product == naive_curve.multiply(curve.p, curve.a, scalar, point)
    assert curve.agree(scalar, point) == curve.coordinate(product.x)


@settings(max_examples=soak.times(30, soak=1_500))
@given(st.sampled_from(CURVES), st.integers(1, 60), st.integers(1, 60))
def test_sums_are_those_of_the_schoolbook(curve: Curve, left: int, right: int) -> None:
    points = [point_of(curve.private_key(scalar).public_key()) for scalar in (left, right)]
    assert curve.add(*points) == naive_curve.add(curve.p, curve.a, *points)


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_small_and_large_scalars(curve: Curve) -> None:
    for scalar in (1, 2, 3, curve.order - 3, curve.order - 2):
        expected = point_of(curve.private_key(scalar).public_key())
        assert curve.multiply(scalar, curve.base) == expected
    for scalar in (0, curve.order - 1, curve.order, -1):
        with pytest.raises(ValueError):  # noqa: PT011 - the text is the package's
            curve.multiply(scalar, curve.base)


def test_the_sum_that_is_infinity_is_refused() -> None:
    mirrored = Point(P256.base.x, P256.p - P256.base.y)
    with pytest.raises(PointError, match="infinity"):
        P256.add(P256.base, mirrored)


def _wrong_points(curve: Curve) -> dict[str, bytes]:
    good = curve.encode(curve.base)
    size = curve.size
    other = P256 if curve is not P256 else BRAINPOOL_P256R1
    beyond = curve.base.x + curve.p
    return {
        "empty": b"",
        "infinity": b"\x00",
        "too short": good[:-1],
        "too long": good + b"\0",
        "compressed": bytes((2 | good[-1] & 1,)) + good[1 : 1 + size],
        "hybrid": bytes((6 | good[-1] & 1,)) + good[1:],
        "zeros": b"\x04" + bytes(2 * size),
        "y off by one": good[:-1] + bytes((good[-1] ^ 1,)),
        "x and y swapped": b"\x04" + good[1 + size :] + good[1 : 1 + size],
        "x not reduced": b"\x04" + beyond.to_bytes(size + 1, "big")[-size:] + good[1 + size :],
        "all ones": b"\x04" + b"\xff" * 2 * size,
        "another curve": other.encode(other.base),
    }


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_what_is_no_point_of_the_curve_is_refused(curve: Curve) -> None:
    for name, raw in _wrong_points(curve).items():
        with pytest.raises(PointError):
            pytest.fail(f"{name} was taken as {curve.decode(raw)}")
    for point in (
        Point(curve.base.x, curve.base.y + 1),
        Point(curve.base.x + curve.p, 1),
        Point(-1, 1),
        Point(0, 0),
    ):
        with pytest.raises(PointError):
            curve.agree(2, point)


@pytest.mark.parametrize("vector", [PACE, BSI_PACE], ids=["ICAO", "BSI"])
def test_published_points(vector: dict[str, str]) -> None:
    curve = STANDARDIZED_PARAMETERS[13]

    def scalar(name: str) -> int:
        return int(vector[name], 16)

    def point(name: str) -> Point:
        return curve.decode(bytes.fromhex(vector[name]))

    assert curve.multiply(scalar("map_terminal_private"), curve.base) == point(
        "map_terminal_public"
    )
    shared = curve.multiply(scalar("map_terminal_private"), point("map_chip_public"))
    assert shared == point("shared_h")
    generator = curve.add(curve.multiply(scalar("nonce_s"), curve.base), shared)
    assert generator == point("mapped_generator")
    for side in ("terminal", "chip"):
        product = curve.multiply(scalar(f"eph_{side}_private"), generator)
        assert product == point(f"eph_{side}_public")
    agreed = curve.agree(scalar("eph_terminal_private"), point("eph_chip_public"))
    assert agreed == bytes.fromhex(vector["shared_k"])


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_random_scalars_are_in_range(curve: Curve) -> None:
    size = curve.order_size + 8
    for raw in (
        bytes(size),
        b"\xff" * size,
        (curve.order - 2).to_bytes(size, "big"),
        (curve.order - 3).to_bytes(size, "big"),
        os.urandom(size),
    ):
        scalar = curve.random_scalar({size: raw}.__getitem__)
        assert 1 <= scalar <= curve.order - 2


def test_a_curve_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(PointError, match="secp256k1"):
        curve_of(ec.generate_private_key(ec.SECP256K1()))
    assert curve_of(ec.generate_private_key(ec.SECP256R1())) is P256
