"""Cards here make their keys quickly, unless a test asks for the real way."""

from __future__ import annotations

from contextlib import suppress
from itertools import count

import pytest

from jukicard.crypto.asymmetric import RsaPrivateKey
from jukicard.synthetic.pki.keys import published_key


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Let cards take published keys for those they make: that takes seconds, and is tested once."""
    if "real_keys" in request.fixturenames:
        return
    numbers = count()

    def take(bits: int, _: object) -> RsaPrivateKey:
        names = [name for n in range(40) if known(name := f"user-{bits}-{n}")]
        return RsaPrivateKey(published_key(names[next(numbers) % len(names)]).private_der)

    monkeypatch.setattr("jukicard.crypto.rsa_generation.generate_rsa", take)


def known(name: str) -> bool:
    with suppress(ValueError):
        published_key(name)
        return True
    return False


@pytest.fixture
def real_keys() -> None:
    """The card makes its keys itself."""
