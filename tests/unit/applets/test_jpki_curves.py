"""Keys of elliptic curves, where the key object holds one: loaded, made, read out and signed with.

Signatures are r || s, each as long as the curve's order, checked with the `cryptography` library.
"""

from __future__ import annotations

import hashlib
from typing import Final

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from jukicard import Card
from jukicard.apdu import CommandApdu
from jukicard.applets.jpki import JpkiApplet
from jukicard.crypto.asymmetric import KeyFormatError
from jukicard.environment import SeededRandom
from jukicard.filesystem.access import ALWAYS
from jukicard.filesystem.commands import FileReference
from jukicard.filesystem.files import DedicatedFile, FileTree
from jukicard.filesystem.selection import Selection
from jukicard.filesystem.store import FileStore
from jukicard.kit.signing import KeyAlgorithm, SignatureScheme, SigningKeyFile, SigningKeys
from jukicard.memory import PersistentMemory
from tests.support.cards.jpki_worlds import AUTHENTICATION, JPKI, WORLDS, selected, verifying
from tests.support.published.transcript import send

CURVES: Final[tuple[ec.EllipticCurve, ...]] = (
    ec.SECP256R1(),
    ec.SECP384R1(),
    ec.SECP521R1(),
    ec.BrainpoolP256R1(),
    ec.BrainpoolP384R1(),
    ec.BrainpoolP512R1(),
)
HASHES: Final[dict[int, hashes.HashAlgorithm]] = {
    20: hashes.SHA1(),
    32: hashes.SHA256(),
    48: hashes.SHA384(),
    64: hashes.SHA512(),
}
"""What a hash of a length is taken for."""
MESSAGE: Final = b"a document of a length that is no hash's"
HASH: Final = hashlib.sha256(MESSAGE).digest()
VERBATIM, BARE_HASH, PREHASHED, HASHED, PREHASHED_PSS, HASHED_PSS = range(6)

every_curve = pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)


def der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def card_with(key: ec.EllipticCurvePrivateKey) -> Card:
    """A card whose authentication key is this one, its PIN verified."""
    card = selected(WORLDS["mynumber"])
    application = card.applications.get(JPKI)
    assert application is not None
    applet = application.applet
    assert isinstance(applet, JpkiApplet)
    with card.environment.memory.transaction():
        applet.signing.load(applet.tree.root.efs[AUTHENTICATION.key], der(key))
    assert card.transmit(verifying(AUTHENTICATION).encode()) == b"\x90\x00"
    return card


def sign(card: Card, p1: int, data: bytes) -> bytes:
    """The answer to COMPUTE DIGITAL SIGNATURE with the authentication key."""
    command = CommandApdu(0x80, 0x2A, p1, 0x80 | AUTHENTICATION.key, data, 65536)
    return card.transmit(command.encode())


def check(
    public: ec.EllipticCurvePublicKey, answer: bytes, digest: bytes, name: hashes.HashAlgorithm
) -> None:
    """The answer is 9000 and a signature of the hash; InvalidSignature otherwise."""
    assert answer[-2:] == b"\x90\x00", answer.hex()
    half = (public.key_size + 7) // 8
    assert len(answer) == 2 * half + 2
    r, s = int.from_bytes(answer[:half], "big"), int.from_bytes(answer[half:-2], "big")
    public.verify(encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(name)))


@every_curve
def test_a_hash_is_signed_as_it_comes_and_a_message_is_hashed(curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    public = key.public_key()
    card = card_with(key)
    for size, name in HASHES.items():
        digest = hashlib.sha512(MESSAGE).digest()[:size]
        check(public, sign(card, VERBATIM, digest), digest, name)
    check(public, sign(card, PREHASHED, HASH), HASH, hashes.SHA256())
    for scheme in (BARE_HASH, HASHED):
        for message in (MESSAGE, b"\x00", bytes(3000)):
            digest = hashlib.sha256(message).digest()
            check(public, sign(card, scheme, message), digest, hashes.SHA256())
    with pytest.raises(InvalidSignature):
        check(public, sign(card, HASHED, HASH), HASH, hashes.SHA256())


@every_curve
def test_another_length_is_no_hash(curve: ec.EllipticCurve) -> None:
    card = card_with(ec.generate_private_key(curve))
    for size in range(1, 256):
        answer = sign(card, VERBATIM, bytes(range(1, 256))[:size])
        assert (answer == b"\x69\x85") is (size not in HASHES), size
        answer = sign(card, PREHASHED, bytes(range(1, 256))[:size])
        assert (answer == b"\x69\x85") is (size != 32), size
    assert sign(card, VERBATIM, bytes(300)) == b"\x69\x85"
    for scheme in (PREHASHED_PSS, HASHED_PSS):
        assert sign(card, scheme, HASH) == b"\x6a\x86", "PSS is of RSA keys"
    assert sign(card, 6, HASH) == b"\x6a\x86"
    assert send(card, "802A009700") == "6700"


@every_curve
def test_the_public_key_is_a_point_in_7f49(curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    card = card_with(key)
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    size = len(point)
    length = f"{size:02X}" if size < 0x80 else f"81{size:02X}"
    inner = bytes.fromhex(f"86{length}") + point
    outer = f"{len(inner):02X}" if len(inner) < 0x80 else f"81{len(inner):02X}"
    wanted = bytes.fromhex(f"7F49{outer}") + inner
    answer = card.transmit(CommandApdu(0, 0x46, 0x81, 0x97, ne=65536).encode())
    assert answer == wanted + b"\x90\x00"


@every_curve
def test_without_the_pin_it_does_not_sign(curve: ec.EllipticCurve) -> None:
    card = card_with(ec.generate_private_key(curve))
    card.power_off()
    card.power_on()
    send(card, f"00A4040C0A{JPKI.hex()}")
    for scheme in range(6):
        assert sign(card, scheme, HASH) == b"\x69\x82"


def test_a_curve_that_the_card_does_not_know_is_not_loaded() -> None:
    with pytest.raises(KeyFormatError):
        card_with(ec.generate_private_key(ec.SECP256K1()))


MADE: Final = {
    KeyAlgorithm.P256: ec.SECP256R1(),
    KeyAlgorithm.P384: ec.SECP384R1(),
}


@pytest.mark.parametrize("algorithm", MADE, ids=lambda algorithm: algorithm.name)
def test_a_pair_is_made_where_the_key_object_says_so(algorithm: KeyAlgorithm) -> None:
    spec = SigningKeyFile(
        fid=0x17, use=ALWAYS, generate=ALWAYS, read_public=ALWAYS, algorithm=algorithm
    )
    tree = FileTree(DedicatedFile(name=JPKI, files=(spec,)))
    memory = PersistentMemory()
    keys = SigningKeys(FileStore(tree, memory.partition("keys")), SeededRandom("curves"))
    key, selection = FileReference(fid=0x17), Selection(tree.root)
    points = []
    for _ in range(2):
        with memory.transaction():
            answer = keys.generate(selection, key)
        assert keys.public(selection, key) == answer
        half = MADE[algorithm].key_size // 8
        point = answer[-2 * half - 1 :]
        assert answer[: -2 * half - 1] == bytes.fromhex(
            f"7F49{2 * half + 3:02X}86{2 * half + 1:02X}"
        )
        public = ec.EllipticCurvePublicKey.from_encoded_point(MADE[algorithm], point)
        signature = keys.sign(selection, key, SignatureScheme.HASHED, MESSAGE)
        check(public, signature + b"\x90\x00", HASH, hashes.SHA256())
        points.append(point)
    assert points[0] != points[1]
