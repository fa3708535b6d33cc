"""Signatures and key agreement against published vectors, and every refusal."""

from __future__ import annotations

import random
from contextlib import suppress
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from jukicard.crypto.asymmetric import (
    EcPrivateKey,
    EcPublicKey,
    KeyFormatError,
    RsaPrivateKey,
    RsaPublicKey,
    SignatureError,
    random_scalar,
)
from jukicard.crypto.curves import BRAINPOOL_P256R1, CURVES, P256, P521, Curve, PointError
from jukicard.crypto.kdf import HashName, digest
from jukicard.crypto.private import load_private_key
from jukicard.crypto.rsa_generation import generate_rsa
from tests.support.published.vectors import load

h = bytes.fromhex
SIGNATURES = load("crypto/wycheproof_signature_sample")
HASHES: tuple[HashName, ...] = ("sha1", "sha256", "sha384", "sha512")
every_curve = pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)


@cache
def rsa_key(bits: int = 1024, seed: int = 1) -> RsaPrivateKey:
    return generate_rsa(bits, random.Random(seed).randbytes)


@cache
def ec_key(curve: Curve) -> EcPrivateKey:
    return EcPrivateKey.generate(curve, random.Random(curve.name).randbytes)


@pytest.mark.parametrize("case", SIGNATURES["cases"]["rsa"], ids=lambda case: case["tcId"])
def test_rsa_verification(case: dict[str, Any]) -> None:
    modulus = int(SIGNATURES["rsa_moduli"][case["modulus_index"]], 16)
    key = RsaPublicKey(modulus, int(case["e"], 16))
    assert case["sha"] == "SHA-256"
    if case["result"] == "valid":
        key.verify("sha256", h(case["msg"]), h(case["sig"]))
    else:  # what is merely acceptable (a missing NULL) is refused as well
        with pytest.raises(SignatureError):
            key.verify("sha256", h(case["msg"]), h(case["sig"]))


@pytest.mark.parametrize("case", SIGNATURES["cases"]["ecdsa_p1363"], ids=lambda case: case["tcId"])
def test_ecdsa_verification(case: dict[str, Any]) -> None:
    key = EcPublicKey(BRAINPOOL_P256R1, h(case["public"]))
    if case["result"] == "valid":
        key.verify("sha256", h(case["msg"]), h(case["sig"]))
    else:
        with pytest.raises(SignatureError):
            key.verify("sha256", h(case["msg"]), h(case["sig"]))


@every_curve
def test_ecdsa_round_trip_and_every_flipped_byte(curve: Curve) -> None:
    key = ec_key(curve)
    for name in HASHES:
        signature = key.sign(name, b"message")
        assert signature == key.sign(name, b"message")
        assert len(signature) == 2 * curve.order_size
        key.public.verify(name, b"message", signature)
        with pytest.raises(SignatureError):
            key.public.verify(name, b"messagf", signature)
    signature = key.sign("sha256", b"message")
    for i in range(len(signature)):
        bad = bytearray(signature)
        bad[i] ^= 0x01
        with pytest.raises(SignatureError):
            key.public.verify("sha256", b"message", bytes(bad))


def test_rfc_6979_nonce() -> None:
    # RFC 6979, A.2.5, P-256, SHA-256, message "sample"
    key = EcPrivateKey(P256, h("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721"))
    assert key.sign("sha256", b"sample") == h(
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
    )


@every_curve
def test_ecdsa_range_of_r_and_s(curve: Curve) -> None:
    size = curve.order_size
    for r in (0, 1, curve.n - 1, curve.n, curve.n + 1):
        for s in (0, 1, curve.n - 1, curve.n, curve.n + 1):
            signature = r.to_bytes(size, "big") + s.to_bytes(size, "big")
            with pytest.raises(SignatureError):
                ec_key(curve).public.verify("sha256", b"message", signature)


@every_curve
def test_agreement(curve: Curve) -> None:
    left, right = ec_key(curve), EcPrivateKey.generate(curve, random.Random(9).randbytes)
    secret = left.agree(right.public.point)
    assert secret == right.agree(left.public.point)
    assert len(secret) == curve.size
    x, _ = curve.multiply(int.from_bytes(left.value, "big"), curve.decode(right.public.point)) or (
        0,
        0,
    )
    assert int.from_bytes(secret, "big") == x


@every_curve
def test_agreement_refuses_what_is_no_point(curve: Curve) -> None:
    key = ec_key(curve)
    good = key.public.point
    off_curve = good[:-1] + bytes((good[-1] ^ 1,))
    compressed = bytes((2,)) + good[1 : 1 + curve.size]
    other = ec_key(P256 if curve is not P256 else P521).public.point
    for raw in (b"", b"\0", bytes(len(good)), off_curve, compressed, good[:-1], good + b"\0"):
        with pytest.raises(PointError):
            key.agree(raw)
    with pytest.raises(PointError):
        key.agree(other)


@every_curve
def test_private_values(curve: Curve) -> None:
    size = curve.order_size
    for value in (0, curve.n, curve.n + 1):
        with pytest.raises(KeyFormatError):
            EcPrivateKey(curve, value.to_bytes(size + 1, "big"))
    for value in (1, 2, curve.n - 1):
        key = EcPrivateKey(curve, value.to_bytes(size, "big"))
        assert key.value == value.to_bytes(size, "big")
        assert curve.decode(key.public.point) == curve.multiply(value, curve.g)
    assert ec_key(curve).public.compressed == ec_key(curve).public.point[1 : 1 + curve.size]


def test_random_scalars_skip_what_is_out_of_range() -> None:
    n = BRAINPOOL_P256R1.n
    draws = iter([bytes(32), n.to_bytes(32, "big"), b"\xff" * 32, (n - 1).to_bytes(32, "big")])
    assert random_scalar(BRAINPOOL_P256R1, lambda _: next(draws)) == n - 1
    # P-521 draws 66 bytes and uses 521 bits of them
    assert random_scalar(P521, lambda size: b"\x80" + bytes(size - 1)) == 1 << 520


@pytest.mark.parametrize("bits", [1024, 2048])
def test_rsa_round_trip(bits: int) -> None:
    key = rsa_key(bits)
    assert key.public.modulus.bit_length() == bits
    for name in HASHES:
        signature = key.sign(name, b"message")
        assert len(signature) == bits // 8
        key.public.verify(name, b"message", signature)
        for other in set(HASHES) - {name}:
            with pytest.raises(SignatureError):
                key.public.verify(other, b"message", signature)


def test_rsa_refuses_every_flipped_byte_and_other_length() -> None:
    key = rsa_key()
    signature = key.sign("sha256", b"message")
    for i in range(len(signature)):
        bad = bytearray(signature)
        bad[i] ^= 0x01
        with pytest.raises(SignatureError):
            key.public.verify("sha256", b"message", bytes(bad))
    for bad_length in (b"", signature[:-1], signature + b"\0", b"\0" + signature):
        with pytest.raises(SignatureError):
            key.public.verify("sha256", b"message", bad_length)


@pytest.mark.parametrize("length", [0, 1, 35, 36, 51, 116, 117])
def test_sign_block_pads_and_signs_what_it_is_given(length: int) -> None:
    key = rsa_key()
    block = bytes(range(length))
    signature = key.sign_block(block)
    opened = pow(int.from_bytes(signature, "big"), key.public.exponent, key.public.modulus)
    expected = b"\0\1" + b"\xff" * (128 - 3 - length) + b"\0" + block
    assert opened.to_bytes(128, "big") == expected


def test_sign_block_of_a_digest_info_is_a_signature() -> None:
    key = rsa_key()
    prefix = h("3031300D060960864801650304020105000420")
    assert key.sign_block(prefix + digest("sha256", b"m")) == key.sign("sha256", b"m")


def test_sign_block_is_bounded() -> None:
    with pytest.raises(ValueError, match="too many"):
        rsa_key().sign_block(bytes(118))


def test_rsa_key_round_trip_and_repr() -> None:
    key = rsa_key()
    assert RsaPrivateKey(key.der).der == key.der
    assert repr(key) == "<RsaPrivateKey, 1024 bits>"
    assert repr(key.public) == "<RsaPublicKey, 1024 bits>"
    assert repr(ec_key(P256)) == "<EcPrivateKey P-256>"
    assert repr(ec_key(P256).public) == "<EcPublicKey P-256>"


def test_rsa_numbers_that_make_no_key() -> None:
    modulus = rsa_key().public.modulus
    for number, exponent in (
        (modulus >> 1, 65537),
        (0, 65537),
        (-modulus, 65537),
        (1 << 4097, 65537),
        (modulus, 1),
        (modulus, 2),
        (modulus, 0),
        (modulus, -3),
        (modulus, (1 << 65) + 1),
    ):
        with pytest.raises(KeyFormatError):
            RsaPublicKey(number, exponent)
    with pytest.raises(KeyFormatError):
        RsaPrivateKey.from_primes(4, 6)
    with pytest.raises(KeyFormatError):
        RsaPrivateKey(b"no DER")


def test_a_key_of_another_kind_is_no_rsa_key() -> None:
    der = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )
    with pytest.raises(KeyFormatError):
        RsaPrivateKey(der)


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80])
def test_a_changed_private_key_is_another_key_or_none(flip: int) -> None:
    """The library has several exceptions for it, one for each part of the structure."""
    ec_der = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )
    refused = 0
    for der in (rsa_key().der, ec_der):
        for at in range(len(der)):
            changed = der[:at] + bytes((der[at] ^ flip,)) + der[at + 1 :]
            try:
                load_private_key(changed, check=False)
            except KeyFormatError:
                refused += 1
            with suppress(KeyFormatError):
                RsaPrivateKey(changed, check=False)
    assert refused > 50


def test_generation_is_repeatable_and_depends_on_the_randomness() -> None:
    again = generate_rsa(1024, random.Random(1).randbytes)
    assert again.der == rsa_key().der
    assert rsa_key(seed=2).public.modulus != rsa_key().public.modulus


def test_generated_keys_have_the_exact_length() -> None:
    for seed in range(5):
        assert rsa_key(seed=seed).public.modulus.bit_length() == 1024
        assert rsa_key(seed=seed).public.exponent == 65537


@pytest.mark.parametrize("bits", [0, 512, 1023, 1025, 8192])
def test_generation_refuses_other_lengths(bits: int) -> None:
    with pytest.raises(ValueError, match="not made here"):
        generate_rsa(bits, bytes)


def test_public_keys_compare_by_value() -> None:
    public = ec_key(P256).public
    assert public == EcPublicKey(P256, public.point)
    assert hash(public) == hash(EcPublicKey(P256, public.point))
    assert public != ec_key(P521).public
    assert public != "key"
    rsa = rsa_key().public
    assert rsa == RsaPublicKey(rsa.modulus, rsa.exponent)
    assert hash(rsa) == hash(RsaPublicKey(rsa.modulus, rsa.exponent))
    assert rsa != rsa_key(seed=2).public
    assert rsa != "key"
