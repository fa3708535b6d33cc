"""The card takes what the published private keys sign, and signs over what the texts name.

The examples say in words what is signed; here each word stands for the value it names. The
terminal's part is the library's alone.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import load_der_private_key

from jukicard.apdu import Tlv
from jukicard.authentication.chip import authentication_token
from jukicard.authentication.terminal import TerminalAuthentication
from jukicard.crypto.curves import BRAINPOOL_P512R1
from jukicard.crypto.cvc import Certificate, trust_anchor
from jukicard.crypto.kdf import digest
from jukicard.crypto.symmetric import AesKey
from jukicard.securemessaging.session import AuthenticationFailed
from jukicard.securemessaging.suites import SessionKeys, Suite
from tests.support.naive.sm_reader import aes_mac
from tests.support.published.vectors import load

h = bytes.fromhex
STEPS = load("securemessaging/bsi_eac2_worked_example")["steps"]
BSI_PACE, BSI_TA, BSI_CA = (
    STEPS[name] for name in ("pace", "terminal_authentication", "chip_authentication")
)
CHAINS = load("crypto/cvc_chains")
RSA_TA = CHAINS["rsa_terminal_authentication"]


def proven(anchor: str, certificates: Iterable[str]) -> tuple[TerminalAuthentication, Certificate]:
    """A card that has accepted a chain, and the terminal's certificate."""
    root = trust_anchor(Certificate.parse(h(anchor)))
    authentication = TerminalAuthentication([root], root.effective)
    certificate = root.certificate
    for certificate in map(Certificate.parse, map(h, certificates)):
        authentication.select_issuer(certificate.issuer)
        authentication.verify_certificate(certificate.content)
    return authentication, certificate


def test_rsa_signature_of_the_published_key() -> None:
    words, _, algorithm = RSA_TA["signed_data"].partition(" (Comp() for DH is SHA-1), ")
    assert algorithm == "signed RSA PKCS#1 v1.5 SHA-1"
    chip, terminal = (
        digest("sha1", h(RSA_TA[name])) for name in ("pace_eph_chip_public", "ca_terminal_public")
    )
    values = {
        "SHA-1(PACE ephemeral public key of chip)": chip,
        "r_PICC": h(RSA_TA["nonce_r_picc"]),
        "SHA-1(CA ephemeral public key of terminal)": terminal,
    }
    message = b"".join(values[word] for word in words.split(" || "))
    key = load_der_private_key(h(RSA_TA["terminal_private_key_pkcs8"]), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    signature = key.sign(message, padding.PKCS1v15(), hashes.SHA1())
    assert signature == h(RSA_TA["signature"])
    other = key.sign(message[::-1], padding.PKCS1v15(), hashes.SHA1())
    chain = next(case for case in CHAINS["cases"] if "RSA" in case["name"])
    authentication, certificate = proven(chain["trust_anchor"], chain["certificates"])
    for given, right in ((other, False), (signature, True)):
        authentication.select_terminal(certificate.holder, certificate.key.algorithm, terminal)
        if right:
            found = authentication.authenticate(given, chip, values["r_PICC"])
            assert found.reference == certificate.holder
        else:
            with pytest.raises(AuthenticationFailed):
                authentication.authenticate(given, chip, values["r_PICC"])


def test_ecdsa_signature_of_the_published_key() -> None:
    words, _, meaning = BSI_TA["signed_data"].partition(" [|| auxiliary data, absent]; ")
    assert meaning == (
        "ID_PICC = Comp(ephemeral PACE public key of chip); Comp = x coordinate, 32 bytes"
    )
    values = {
        "ID_PICC": h(BSI_PACE["eph_chip_public"])[1:33],
        "r_PICC": h(BSI_TA["nonce_r_picc"]),
        "Comp(ephemeral CA public key of terminal)": h(BSI_CA["terminal_public"])[1:33],
    }
    message = b"".join(values[word] for word in words.split(" || "))
    # ECPrivateKey (RFC 5915) within PKCS #8; its domain parameters are written out
    inner = Tlv.parse(h(BSI_TA["terminal_private_key_pkcs8"])).children[2].value
    scalar = int.from_bytes(Tlv.parse(inner).children[1].value, "big")
    key = ec.derive_private_key(scalar, BRAINPOOL_P512R1.library)
    assert BSI_TA["hash"] == "SHA-512"
    numbers = utils.decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA512())))
    signature = b"".join(number.to_bytes(64, "big") for number in numbers)
    authentication, certificate = proven(
        BSI_TA["cvca_certificate"], [BSI_TA["dv_certificate"], BSI_TA["terminal_certificate"]]
    )
    oid, ephemeral = h(BSI_TA["oid_value"]), h(BSI_CA["terminal_public"])[1:33]
    for given in (signature, h(BSI_TA["signature"])):
        authentication.select_terminal(certificate.holder, oid, ephemeral)
        found = authentication.authenticate(given, values["ID_PICC"], values["r_PICC"])
        assert found.ephemeral == ephemeral


def test_the_chips_token_covers_what_the_example_says() -> None:
    covered, _, rest = BSI_CA["token_input"].partition(", ")
    assert covered == "7F49 L {06 0A oid || 86 41 terminal public}"
    assert rest.startswith("AES-CMAC truncated to 8 bytes; keys = SHA-1(K || r || counter)[0:16]")
    oid, public = h(BSI_CA["oid_value"]), h(BSI_CA["terminal_public"])
    content = b"\x06\x0a" + oid + b"\x86\x41" + public
    message = b"\x7f\x49" + bytes((len(content),)) + content
    mac = digest("sha1", h(BSI_CA["shared_k"] + BSI_CA["nonce_r"]) + b"\0\0\0\2")[:16]
    assert aes_mac(mac, message) == h(BSI_CA["t_picc"])
    keys = SessionKeys(Suite.AES128, AesKey(h(BSI_CA["k_enc"])), AesKey(mac), bytes(16))
    assert authentication_token(keys, oid, public) == h(BSI_CA["t_picc"])
    assert authentication_token(keys, oid, public[:-1] + b"\0") != h(BSI_CA["t_picc"])
