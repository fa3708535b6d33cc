"""Signatures as certificates have them: the published ones, and forgeries of every kind."""

from __future__ import annotations

from hashlib import sha1
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from jukihost.crypto.curves import BRAINPOOL_P256R1, CURVES, P256, curve_of
from jukihost.crypto.cvc import CvCertificate
from jukihost.crypto.signatures import (
    ECDSA_SHA256,
    ECDSA_SHA512,
    ID_TA,
    CertificateError,
    ecdsa_signer,
    verify_signature,
)
from jukihost.errors import CardError
from tests.support.published.vectors import load

WYCHEPROOF = load("crypto/wycheproof_signature_sample")
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.RSAPublicNumbers(0x10001, int(WYCHEPROOF["rsa_moduli"][0], 16)).public_key()


@pytest.mark.parametrize("case", WYCHEPROOF["cases"]["rsa"], ids=lambda case: str(case["tcId"]))
def test_rsa_signature(case: dict[str, Any]) -> None:
    assert (case["sha"], case["e"], case["modulus_index"]) == ("SHA-256", "010001", 0)
    _check_signature(ID_TA + b"\x01\x02", RSA_KEY, case)


@pytest.mark.parametrize(
    "case", WYCHEPROOF["cases"]["ecdsa_p1363"], ids=lambda case: str(case["tcId"])
)
def test_ecdsa_signature(case: dict[str, Any]) -> None:
    point = BRAINPOOL_P256R1.decode(bytes.fromhex(case["public"]))
    key = BRAINPOOL_P256R1.public_key(point)
    _check_signature(ECDSA_SHA256, key, case)


def _check_signature(oid: bytes, key: Any, case: dict[str, Any]) -> None:
    message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
    if case["result"] == "valid":
        verify_signature(oid, key, message, signature)
        return
    # "acceptable" (a missing NULL in the ASN.1) is not accepted here.
    with pytest.raises(CertificateError):
        verify_signature(oid, key, message, signature)


def test_bsi_terminal_signature_verifies() -> None:
    steps = load("securemessaging/bsi_eac2_worked_example")["steps"]
    vector = steps["terminal_authentication"]
    root = CvCertificate.parse(bytes.fromhex(vector["cvca_certificate"]))
    terminal = CvCertificate.parse(bytes.fromhex(vector["terminal_certificate"]))
    key = terminal.key.resolve(root.key.curve)
    signed = bytes.fromhex(
        steps["pace"]["eph_chip_public"][2:66]
        + vector["nonce_r_picc"]
        + steps["chip_authentication"]["terminal_public"][2:66]
    )
    verify_signature(ECDSA_SHA512, key, signed, bytes.fromhex(vector["signature"]))
    with pytest.raises(CertificateError, match="wrong"):
        verify_signature(ECDSA_SHA256, key, signed, bytes.fromhex(vector["signature"]))


def test_rsa_terminal_signature_verifies() -> None:
    vectors = load("crypto/cvc_chains")
    vector = vectors["rsa_terminal_authentication"]
    terminal = CvCertificate.parse(bytes.fromhex(vectors["cases"][3]["certificates"][1]))
    signed = (
        sha1(bytes.fromhex(vector["pace_eph_chip_public"])).digest()
        + bytes.fromhex(vector["nonce_r_picc"])
        + sha1(bytes.fromhex(vector["ca_terminal_public"])).digest()
    )
    signature = bytes.fromhex(vector["signature"])
    verify_signature(terminal.key.oid, terminal.key.resolve(None), signed, signature)
    with pytest.raises(CertificateError):
        verify_signature(terminal.key.oid, terminal.key.resolve(None), signed + b"x", signature)


def test_rsa_pss_signature_verifies() -> None:
    key = rsa.generate_private_key(65537, 2048)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    signature = key.sign(b"message", pss, hashes.SHA256())
    verify_signature(ID_TA + b"\x01\x04", key.public_key(), b"message", signature)
    for oid in (ID_TA + b"\x01\x02", ID_TA + b"\x01\x06", ID_TA + b"\x01\x03"):
        with pytest.raises(CertificateError, match="wrong"):
            verify_signature(oid, key.public_key(), b"message", signature)


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_raw_signatures_have_one_length_and_nothing_out_of_range(curve: Any) -> None:
    key = curve.private_key(12345)
    size = curve.order_size
    signature = ecdsa_signer(key)(b"message")
    assert len(signature) == 2 * size
    verify_signature(ECDSA_SHA256, key.public_key(), b"message", signature)
    r, s = signature[:size], signature[size:]
    zero, order = bytes(size), curve.order.to_bytes(size, "big")
    for wrong in (
        b"",
        r,
        signature[:-1],
        signature + b"\0",
        b"\0" + signature,
        zero + s,
        r + zero,
        zero + zero,
        order + s,
        r + order,
        s + r,
        b"\xff" * 2 * size,
    ):
        with pytest.raises(CertificateError):
            verify_signature(ECDSA_SHA256, key.public_key(), b"message", wrong)


def test_keys_and_algorithms_that_do_not_fit_are_refused() -> None:
    ec_key = EC_KEY.public_key()
    for oid, key in (
        (ID_TA + b"\x01\x02", ec_key),
        (ID_TA + b"\x01\x04", ec_key),
        (ECDSA_SHA256, RSA_KEY),
    ):
        with pytest.raises(CertificateError, match="not for"):
            verify_signature(oid, key, b"", bytes(64))
    for oid in (ID_TA + b"\x02\x01", ID_TA + b"\x01\x02"):
        with pytest.raises(CertificateError, match="SHA-2"):
            ecdsa_signer(EC_KEY, oid)
    with pytest.raises(CertificateError, match="not known"):
        ecdsa_signer(EC_KEY, b"\x00")
    assert issubclass(CertificateError, CardError)
    assert curve_of(EC_KEY) is P256
