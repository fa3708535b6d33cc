"""Drawing from lists and ranges with the card's randomness, each outcome as likely as meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from jukicard.environment import RandomSource

T = TypeVar("T")


def below(random: RandomSource, limit: int) -> int:
    """Return a number from 0 to `limit` - 1, each equally likely. ValueError when limit < 1."""
    if limit < 1:
        raise ValueError("there is no number to draw")
    size = ((limit - 1).bit_length() + 7) // 8 or 1
    fair = (1 << 8 * size) // limit * limit
    while True:
        number = int.from_bytes(random.take(size), "big")
        if number < fair:
            return number % limit


def between(random: RandomSource, low: int, high: int) -> int:
    """Return a number from `low` to `high`, both included."""
    return low + below(random, high - low + 1)


def choice(random: RandomSource, items: Sequence[T]) -> T:
    """Return one of the items; ValueError when there is none."""
    return items[below(random, len(items))]


def chance(random: RandomSource, percent: int) -> bool:
    """Return True in `percent` of a hundred cases."""
    return below(random, 100) < percent


def weighted(random: RandomSource, items: Sequence[tuple[T, int]]) -> T:
    """Return one of the items, as often as its weight says; ValueError when all weigh nothing."""
    point = below(random, sum(weight for _, weight in items))
    for item, weight in items:
        if point < weight:
            return item
        point -= weight
    raise AssertionError("the point lies below the sum of the weights")
