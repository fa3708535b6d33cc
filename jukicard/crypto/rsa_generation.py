"""Making RSA keys from passed-in randomness, so that a seeded card makes the same key each time.

The library's own generator cannot be seeded; that is the only reason for this one.
"""

from __future__ import annotations

from math import gcd, isqrt
from typing import Final

from jukicard.crypto.asymmetric import Random, RsaPrivateKey

PUBLIC_EXPONENT: Final = 65537
_WITNESSES: Final = 40
"""Rounds of Miller-Rabin with random bases: an error below 2^-80 even for chosen numbers."""
_WINDOW: Final = 1 << 12
"""How far from a random start the next prime is looked for, before another start is drawn."""


def _sieve(limit: int) -> tuple[int, ...]:
    flags = bytearray([1]) * limit
    for number in range(2, isqrt(limit) + 1):
        if flags[number]:
            flags[number * number :: number] = bytes(len(range(number * number, limit, number)))
    return tuple(number for number in range(3, limit) if flags[number])


_SMALL_PRIMES: Final = _sieve(1 << 13)


def generate_rsa(bits: int, random: Random) -> RsaPrivateKey:
    """Make a key whose modulus has exactly `bits` bits: 1024, 2048, 3072 or 4096.

    # FIPS 186-4, B.3.3: two probable primes above sqrt(2) 2^(bits/2 - 1) that are far apart

    ValueError for other lengths. Takes in the order of a second for 2048 bits.
    """
    if bits not in (1024, 2048, 3072, 4096):
        raise ValueError(f"an RSA key of {bits} bits is not made here")
    p = _prime(bits // 2, random)
    while True:
        q = _prime(bits // 2, random)
        if abs(p - q) >> bits // 2 - 100:
            return RsaPrivateKey.from_primes(max(p, q), min(p, q), PUBLIC_EXPONENT)


def _prime(bits: int, random: Random) -> int:
    """Return a probable prime of `bits` bits whose two highest are set, usable with e."""
    while True:
        start = int.from_bytes(random(bits // 8), "big") | 3 << bits - 2 | 1
        composite = bytearray(_WINDOW)
        for small in _SMALL_PRIMES:
            # the first index i where start + 2i is a multiple of the small prime
            first = -start * pow(2, -1, small) % small
            composite[first::small] = b"\1" * len(range(first, _WINDOW, small))
        for index in range(_WINDOW):
            candidate = start + 2 * index
            if composite[index] or candidate.bit_length() != bits:
                continue
            if gcd(candidate - 1, PUBLIC_EXPONENT) == 1 and _is_prime(candidate, random):
                return candidate


def _is_prime(number: int, random: Random) -> bool:
    """Miller-Rabin (FIPS 186-4, C.3.1) after one round with base 2, which most numbers fail."""
    if not _passes(number, 2):
        return False
    size = (number.bit_length() + 7) // 8
    bases = (int.from_bytes(random(size), "big") % (number - 3) + 2 for _ in range(_WITNESSES))
    return all(_passes(number, base) for base in bases)


def _passes(number: int, base: int) -> bool:
    odd = number - 1
    twos = (odd & -odd).bit_length() - 1
    value = pow(base, odd >> twos, number)
    if value in (1, number - 1):
        return True
    for _ in range(twos - 1):
        value = value * value % number
        if value == number - 1:
            return True
    return False
