"""How many ways lead up from a certificate: strangers can lay out more than anybody can follow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from cryptography import x509

MAX_STEPS: Final = 300
"""Steps of all ways up together. A chain has two or three; with cross certificates, a dozen."""
MAX_STARTS: Final = 64
"""Certificates that one signature may bring along."""


def can_be_followed(starts: Iterable[x509.Certificate], above: Iterable[x509.Certificate]) -> bool:
    """Tell whether all ways up from each of `starts` can be tried in a moment.

    A chain is looked for by names, from issuer to subject (RFC 4158, 2.4): of certificates that all
    have one name, every order is a way, and a dozen of them keep a computer busy for days.
    """
    pool = list(dict.fromkeys(above))
    named: defaultdict[x509.Name, list[int]] = defaultdict(list)
    for index, certificate in enumerate(pool):
        named[certificate.subject].append(index)
    first = list(dict.fromkeys(starts))
    return len(first) <= MAX_STARTS and all(_few_ways(start, pool, named) for start in first)


def _few_ways(
    start: x509.Certificate, pool: list[x509.Certificate], named: dict[x509.Name, list[int]]
) -> bool:
    steps = 0
    ways: list[tuple[x509.Name, frozenset[int]]] = [(start.issuer, frozenset())]
    while ways:
        issuer, used = ways.pop()
        for index in named.get(issuer, ()):
            if index in used or pool[index] == start:
                continue
            steps += 1
            if steps > MAX_STEPS:
                return False
            ways.append((pool[index].issuer, used | {index}))
    return True
