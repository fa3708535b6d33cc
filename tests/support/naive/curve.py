"""Elliptic curves by the schoolbook formulas: slow, and nothing in common with the product."""

from __future__ import annotations

Affine = tuple[int, int] | None
"""A point; None is infinity."""


def add(p: int, a: int, left: Affine, right: Affine) -> Affine:
    if left is None or right is None:
        return left or right
    if left[0] == right[0]:
        if (left[1] + right[1]) % p == 0:
            return None
        slope = (3 * left[0] * left[0] + a) * pow(2 * left[1], -1, p)
    else:
        slope = (right[1] - left[1]) * pow(right[0] - left[0], -1, p)
    x = (slope * slope - left[0] - right[0]) % p
    return x, (slope * (left[0] - x) - left[1]) % p


def multiply(p: int, a: int, scalar: int, point: Affine) -> Affine:
    result: Affine = None
    for bit in f"{scalar:b}":
        result = add(p, a, result, result)
        if bit == "1":
            result = add(p, a, result, point)
    return result
