"""The terminal's signature and the card's token, made again from the published keys and texts.

The examples say in words what is signed; here each word stands for the value it names.
"""

from __future__ import annotations

from hashlib import sha1

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

from jukicard.apdu import CommandApdu, Ins, ResponseApdu, Tlv
from jukihost.authentication.eac import (
    EphemeralKey,
    TerminalIdentity,
    authenticate_terminal,
    authentication_token,
)
from jukihost.crypto.curves import BRAINPOOL_P256R1, BRAINPOOL_P512R1, point_of
from jukihost.crypto.cvc import CvCertificate
from jukihost.crypto.primitives import AesCmac
from jukihost.crypto.signatures import ECDSA_SHA512, ecdsa_signer, verify_signature
from tests.support.published.vectors import load

STEPS = load("securemessaging/bsi_eac2_worked_example")["steps"]
BSI_PACE, BSI_TA, BSI_CA = (
    STEPS[name] for name in ("pace", "terminal_authentication", "chip_authentication")
)
CHAINS = load("crypto/cvc_chains")
RSA_TA = CHAINS["rsa_terminal_authentication"]


def _raw(text: str) -> bytes:
    return bytes.fromhex(text)


class _Card:
    """Takes every command and keeps it; its challenge is the published one."""

    def __init__(self, nonce: str) -> None:
        self.nonce = _raw(nonce)
        self.sent: dict[Ins, bytes] = {}

    def transmit(self, command: CommandApdu, /) -> ResponseApdu:
        self.sent[Ins(command.ins)] = command.data
        return ResponseApdu(self.nonce if command.ins == Ins.GET_CHALLENGE else b"")


class _Compressed(EphemeralKey):
    """A key of finite field Diffie-Hellman, of which the protocol signs the SHA-1 hash."""

    def __init__(self, public: bytes) -> None:
        super().__init__(BRAINPOOL_P256R1)
        self.public = public

    @property
    def compressed(self) -> bytes:
        return sha1(self.public).digest()


def test_rsa_terminal_signature_byte_for_byte() -> None:
    """PKCS #1 v1.5 has no randomness: the whole run ends in the published signature."""
    key = load_der_private_key(_raw(RSA_TA["terminal_private_key_pkcs8"]), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    words, _, algorithm = RSA_TA["signed_data"].partition(" (Comp() for DH is SHA-1), ")
    assert algorithm == "signed RSA PKCS#1 v1.5 SHA-1"
    chain = next(case for case in CHAINS["cases"] if "RSA" in case["name"])["certificates"]
    certificates = tuple(CvCertificate.parse(_raw(text)) for text in chain)
    assert certificates[-1].key.resolve(None) == key.public_key()
    messages: list[bytes] = []

    def sign(message: bytes) -> bytes:
        messages.append(message)
        return key.sign(message, padding.PKCS1v15(), hashes.SHA1())

    card = _Card(RSA_TA["nonce_r_picc"])
    identifier = sha1(_raw(RSA_TA["pace_eph_chip_public"])).digest()
    ephemeral = _Compressed(_raw(RSA_TA["ca_terminal_public"]))
    authenticate_terminal(card, TerminalIdentity(certificates, sign), identifier, ephemeral)
    assert card.sent[Ins.MUTUAL_AUTHENTICATE] == _raw(RSA_TA["signature"])
    values = {
        "SHA-1(PACE ephemeral public key of chip)": identifier,
        "r_PICC": card.nonce,
        "SHA-1(CA ephemeral public key of terminal)": ephemeral.compressed,
    }
    assert messages == [b"".join(values[word] for word in words.split(" || "))]


def _bsi_message() -> bytes:
    words, _, meaning = BSI_TA["signed_data"].partition(" [|| auxiliary data, absent]; ")
    assert meaning == (
        "ID_PICC = Comp(ephemeral PACE public key of chip); Comp = x coordinate, 32 bytes"
    )
    values = {
        "ID_PICC": _raw(BSI_PACE["eph_chip_public"])[1:33],
        "r_PICC": _raw(BSI_TA["nonce_r_picc"]),
        "Comp(ephemeral CA public key of terminal)": _raw(BSI_CA["terminal_public"])[1:33],
    }
    return b"".join(values[word] for word in words.split(" || "))


def test_bsi_terminal_signs_what_the_example_says_with_its_key() -> None:
    certificates = tuple(
        CvCertificate.parse(_raw(BSI_TA[name]))
        for name in ("dv_certificate", "terminal_certificate")
    )
    root = CvCertificate.parse(_raw(BSI_TA["cvca_certificate"]))
    oid = _raw(BSI_TA["oid_value"])
    assert certificates[-1].key.oid == oid == ECDSA_SHA512
    assert BSI_TA["hash"] == "SHA-512"
    # ECPrivateKey (RFC 5915) within PKCS #8; its domain parameters are written out
    inner = Tlv.parse(_raw(BSI_TA["terminal_private_key_pkcs8"])).children[2].value
    key = BRAINPOOL_P512R1.private_key(int.from_bytes(Tlv.parse(inner).children[1].value, "big"))
    public = certificates[-1].key.resolve(root.key.curve)
    assert public == key.public_key()
    assert BRAINPOOL_P512R1.encode(point_of(key.public_key())) in _raw(
        BSI_TA["terminal_certificate"]
    )
    scalar = int(BSI_CA["terminal_private"], 16)
    ephemeral = EphemeralKey(BRAINPOOL_P256R1, lambda size: (scalar - 1).to_bytes(size, "big"))
    assert ephemeral.public == _raw(BSI_CA["terminal_public"])
    card = _Card(BSI_TA["nonce_r_picc"])
    identity = TerminalIdentity(certificates, ecdsa_signer(key, oid))
    authenticate_terminal(card, identity, _raw(BSI_PACE["eph_chip_public"])[1:33], ephemeral)
    for signature in (card.sent[Ins.MUTUAL_AUTHENTICATE], _raw(BSI_TA["signature"])):
        verify_signature(oid, public, _bsi_message(), signature)


def test_bsi_token_covers_what_the_example_says() -> None:
    covered, _, rest = BSI_CA["token_input"].partition(", ")
    assert covered == "7F49 L {06 0A oid || 86 41 terminal public}"
    assert rest.startswith("AES-CMAC truncated to 8 bytes; keys = SHA-1(K || r || counter)[0:16]")
    oid, public = _raw(BSI_CA["oid_value"]), _raw(BSI_CA["terminal_public"])
    content = b"\x06\x0a" + oid + b"\x86\x41" + public
    message = b"\x7f\x49" + bytes((len(content),)) + content
    mac = sha1(_raw(BSI_CA["shared_k"] + BSI_CA["nonce_r"]) + b"\0\0\0\2").digest()[:16]
    assert mac == _raw(BSI_CA["k_mac"])
    token = AesCmac(mac)(message)[:8]
    assert token == _raw(BSI_CA["t_picc"]) == authentication_token(mac, oid, public)
    assert authentication_token(mac, oid, public[:-1] + b"\0") != token
