"""The issuer domain from both sides: every level, variant, key size and length, and the attacks.

Each side passed the published sessions alone before it met the other here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product

import pytest

from jukicard import PROFILES, Card, CardKeys
from jukicard.runtime.boundary import raise_bug
from jukicard.testing.applets import with_forbidden
from jukicard.transport.inprocess import LocalReader
from jukihost import (
    ISSUER_TEST_KEYS,
    CardNotAuthentic,
    ChannelNotOffered,
    CommandApdu,
    IssuerKeys,
    IssuerNotAuthenticated,
    IssuerSession,
    Recognition,
    ReferenceNotFound,
    SecurityLevel,
    build_channel,
    open_logical_channel,
)
from tests.support.cards.issuing import issue

VARIANTS = (0x60, 0x70, 0x71)
SIZES = (16, 24, 32)
NAMES = tuple(PROFILES)


def key_set(size: int, version: int = 0, start: int = 0) -> IssuerKeys:
    k_enc, k_mac, k_dek = (bytes(range(start + n, start + n + size)) for n in (1, 60, 120))
    return IssuerKeys(k_enc, k_mac, k_dek, version)


def issued(name: str = "juki-v1", variant: int = 0x70, keys: IssuerKeys = ISSUER_TEST_KEYS) -> Card:
    profile = replace(with_forbidden(PROFILES[name]), secure_channel=variant)
    return issue(profile, seed=1, on_bug=raise_bug, keys=CardKeys(issuer=keys.keys))


@contextmanager
def issuer(card: Card, **options: bool) -> Iterator[IssuerSession]:
    with LocalReader(card) as connection, IssuerSession(build_channel(connection)) as session:
        yield session


def long_exchanges(session: IssuerSession) -> None:
    """Commands and answers of every length that short length fields have, one session for all."""
    for size in range(1, session.short_data + 1):
        # an object that there is not: refused, and the session goes on
        command = CommandApdu(0x80, 0xCA, 0x00, 0x66, bytes(size), 256)
        assert session.transmit(command).status != 0x9000
    assert session.authenticated


@pytest.mark.parametrize(("variant", "size"), list(product(VARIANTS, SIZES)))
@pytest.mark.parametrize("level", SecurityLevel)
def test_every_level_variant_and_key_size(level: SecurityLevel, variant: int, size: int) -> None:
    keys = key_set(size)
    with issuer(issued(variant=variant, keys=keys)) as session:
        assert session.recognition() == Recognition("2.3.1", ((3, variant),))
        told = session.key_information(), session.production_data()
        session.authenticate(keys, level=level)
        assert session.authenticated
        assert (session.key_information(), session.production_data()) == told
        assert [(key.version, key.length) for key in told[0]] == [(1, size)] * 3
        long_exchanges(session)
        assert session.production_data() == told[1]


@pytest.mark.parametrize("name", NAMES)
def test_test_keys_open_every_profile(name: str) -> None:
    with issuer(issue(PROFILES[name], seed=1, on_bug=raise_bug)) as session:
        session.authenticate(ISSUER_TEST_KEYS)
        assert session.card_number()
        assert session.authenticated


@pytest.mark.parametrize("variant", VARIANTS)
def test_no_challenge_comes_twice(variant: int) -> None:
    with LocalReader(issued(variant=variant)) as connection:
        update = bytes((0x80, 0x50, 0, 0, 16 if variant & 1 else 8))
        update += bytes(16 if variant & 1 else 8) + b"\0"
        offers = {connection.transmit(update) for _ in range(100)}
    assert len(offers) == 100


def test_wrong_keys_and_versions() -> None:
    card = issued()
    with issuer(card) as session:
        with pytest.raises(CardNotAuthentic):
            session.authenticate(key_set(16))
        with pytest.raises(ReferenceNotFound):
            session.authenticate(IssuerKeys(*ISSUER_TEST_KEYS.keys, version=2))
        with pytest.raises(ChannelNotOffered, match="i = 70"):
            session.authenticate(ISSUER_TEST_KEYS, variant=0x60)
        for variant in (0x61, 0x71):
            with pytest.raises(ChannelNotOffered, match="challenge of 16 bytes"):
                session.authenticate(ISSUER_TEST_KEYS, variant=variant)
            assert not session.authenticated
        with pytest.raises(ChannelNotOffered):
            session.authenticate(ISSUER_TEST_KEYS, variant=0x10)
        session.authenticate(ISSUER_TEST_KEYS)
        assert session.authenticated


@pytest.mark.parametrize("channel", [1, 4, 19])
def test_on_every_kind_of_logical_channel(channel: int) -> None:
    with (
        LocalReader(issued()) as connection,
        open_logical_channel(build_channel(connection), channel) as further,
        IssuerSession(further) as session,
    ):
        session.authenticate(ISSUER_TEST_KEYS)
        assert session.key_information()
        assert session.authenticated


def test_a_plain_command_on_the_way_ends_the_session() -> None:
    card = issued()
    with issuer(card) as session:
        session.authenticate(ISSUER_TEST_KEYS)
        card.transmit(bytes.fromhex("80CA006600"))
        with pytest.raises(IssuerNotAuthenticated, match="6882"):
            session.key_information()
        assert not session.authenticated


@pytest.mark.parametrize("level", SecurityLevel)
def test_no_protected_command_is_taken_twice(level: SecurityLevel) -> None:
    card = issued()
    seen: list[bytes] = []

    class Watched(LocalReader):
        def transmit(self, command: bytes) -> bytes:
            seen.append(command)
            return super().transmit(command)

    with Watched(card) as connection, IssuerSession(build_channel(connection)) as session:
        session.authenticate(ISSUER_TEST_KEYS, level=level)
        session.key_information()
        assert card.transmit(seen[-1])[-2:] == b"\x69\x82"
        with pytest.raises(IssuerNotAuthenticated):
            session.key_information()
