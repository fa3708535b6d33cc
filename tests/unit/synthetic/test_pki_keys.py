"""The published keys: each is a valid key, none is there twice, and they sign what they should."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from cryptography.x509 import SubjectKeyIdentifier

from jukicard import issue_card
from jukicard.crypto.asymmetric import RsaPublicKey, SignatureError
from jukicard.environment import SeededRandom
from jukicard.synthetic.datafiles import load_json
from jukicard.synthetic.pki import issuer_key, pick_key, sign_pkcs1_sha256
from jukicard.synthetic.pki.keys import (
    card_key,
    key_identifier,
    pool,
    public_key_info,
    published_key,
)
from tests.support.cards.residents import RESIDENTS

NAMES = tuple(load_json("rsa_keys.json")["keys"])


def loaded(public: RsaPublicKey) -> rsa.RSAPublicKey:
    key = load_der_public_key(public_key_info(public))
    assert isinstance(key, rsa.RSAPublicKey)
    return key


@pytest.mark.parametrize("name", NAMES)
def test_every_key_is_one(name: str) -> None:
    """The library checks the primes and all that follows from them when it reads the DER."""
    ours = published_key(name)
    private = load_der_private_key(ours.private_der, password=None)
    assert isinstance(private, rsa.RSAPrivateKey)
    assert private.key_size == ours.bits == (1024 if "-1024-" in name else 2048)
    numbers = private.public_key().public_numbers()
    assert (numbers.n, numbers.e) == (ours.public.modulus, 65537)
    signature = ours.sign("sha256", b"message")
    private.public_key().verify(signature, b"message", PKCS1v15(), hashes.SHA256())


def test_no_prime_is_there_twice() -> None:
    primes = [prime for pair in load_json("rsa_keys.json")["keys"].values() for prime in pair]
    assert len(set(primes)) == len(primes) == 2 * len(NAMES)


@pytest.mark.parametrize("bits", [1024, 2048])
def test_the_pool_is_large_enough_and_used_whole(bits: int) -> None:
    assert len(pool(bits)) >= 16
    random = SeededRandom(bits)
    picked = [pick_key(random, bits) for _ in range(300)]
    assert {key.name for key in picked} == set(pool(bits))
    assert {key.bits for key in picked} == {bits}
    again = SeededRandom(bits)
    assert [pick_key(again, bits) for _ in range(300)] == picked


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="1024 and of 2048"):
        pick_key(SeededRandom(1), 4096)
    with pytest.raises(ValueError, match="no published key"):
        published_key("user-2048-99")


def test_the_issuer_signs_with_sha_256() -> None:
    key = issuer_key()
    signature = sign_pkcs1_sha256(key, b"DF31")
    assert len(signature) == 256
    key.public.verify("sha256", b"DF31", signature)
    with pytest.raises(SignatureError):
        key.public.verify("sha256", b"DF32", signature)
    assert key.name not in {*pool(1024), *pool(2048)}


def test_public_keys_are_written_as_the_library_writes_them() -> None:
    public = published_key("issuer").public
    theirs = loaded(public)
    assert public_key_info(public) == theirs.public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    assert key_identifier(public) == SubjectKeyIdentifier.from_public_key(theirs).digest


def test_the_repr_shows_the_name_only() -> None:
    assert repr(published_key("sign-1")) == "<PublishedKey sign-1>"


@pytest.mark.parametrize("bits", [1024, 2048])
def test_no_holder_has_a_key_that_cards_prove_themselves_with(bits: int) -> None:
    """What a card signs for everybody verifies with no holder's certificate of any card."""
    own = {card_key(number.to_bytes(8, "big"), bits, place)
           for number in range(50) for place in range(4)}  # fmt: skip
    assert {key.bits for key in own} == {bits}
    moduli = {key.public.modulus for key in own}
    assert not moduli & {published_key(name).public.modulus for name in pool(bits)}
    for number in range(50):
        places = {card_key(number.to_bytes(8, "big"), bits, place).name for place in range(4)}
        assert len(places) == 4, "the keys of one card differ"
    with pytest.raises(ValueError, match="1024 and of 2048"):
        card_key(bytes(8), 4096)


@pytest.mark.parametrize("profile", RESIDENTS)
def test_what_a_card_holds_for_itself_is_no_holders(profile: str) -> None:
    names = {published_key(name).private_der: name for name in load_json("rsa_keys.json")["keys"]}
    found: dict[str, set[str]] = {}
    for seed in range(6):
        for application in (card := issue_card(profile, seed=seed)).applications:
            memory = card.environment.memory.partition(application.partition_name)
            for _, raw in memory.items():
                for der, name in names.items():
                    if der in raw:
                        kind = found.setdefault(application.type_name, set())
                        kind.add(name.rstrip("0123456789"))
    assert found["jpki"] <= {"user-1024-", "user-2048-"}
    assert len(found) > 1
    for name in found.keys() - {"jpki"}:
        assert found[name] <= {"card-1024-", "card-2048-"}, name
