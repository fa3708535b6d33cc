"""COMPUTE DIGITAL SIGNATURE to the byte, and key pairs that the card makes itself.

Signatures are checked with the `cryptography` library against the certificate in the card or the
public key that the card has answered.
"""

from __future__ import annotations

import hashlib
from typing import Final

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15

from jukicard import Card
from jukicard.apdu import CommandApdu
from tests.support.cards.jpki_worlds import (
    AUTHENTICATION,
    JPKI,
    LAYOUTS,
    SELECT,
    SIGNATURE,
    WORLDS,
    Credential,
    Desk,
    World,
    public_of,
    selected,
    verifying,
)
from tests.support.published.transcript import play, send, status

SHA256_INFO: Final = bytes.fromhex("3031300D060960864801650304020105000420")
SHA1_INFO: Final = bytes.fromhex("3021300906052B0E03021A05000414")
MESSAGE: Final = b"a document"
HASH: Final = hashlib.sha256(MESSAGE).digest()
EACH: Final = [
    pytest.param(world, credential, id=f"{world.name}-{credential.fid:04X}")
    for world in LAYOUTS
    for credential in world.credentials
]
each_key = pytest.mark.parametrize(("world", "credential"), EACH)


def ready(world: World, credential: Credential) -> tuple[Card, rsa.RSAPublicKey]:
    """A card with the PIN verified and the key current, and the key of its certificate."""
    desk = Desk(world)
    desk.verify(credential)
    public = public_of(desk.certificate(credential))
    desk.choose(credential.key)
    return desk.card, public


def signed(card: Card, data: bytes, p1: int = 0, p2: int = 0x80) -> bytes:
    """The card's signature of `data`; it must give one."""
    answer = card.transmit(CommandApdu(0x80, 0x2A, p1, p2, data, 256).encode())
    assert answer[-2:] == b"\x90\x00", answer[-2:].hex()
    return answer[:-2]


def block_in(public: rsa.RSAPublicKey, signature: bytes) -> bytes:
    """What was padded and signed (PKCS#1 v1.5, block type 1); InvalidSignature otherwise."""
    return public.recover_data_from_signature(signature, PKCS1v15(), None)


# -- what is signed --------------------------------------------------------------------------------


@each_key
def test_a_digest_info_is_padded_and_signed(world: World, credential: Credential) -> None:
    card, public = ready(world, credential)
    by_sfi = 0x80 | credential.key
    for p2 in (0x80, by_sfi):
        signature = signed(card, SHA256_INFO + HASH, p2=p2)
        assert len(signature) == world.bits // 8
        public.verify(signature, MESSAGE, PKCS1v15(), hashes.SHA256())
        sha1 = SHA1_INFO + hashlib.sha1(MESSAGE, usedforsecurity=False).digest()
        public.verify(signed(card, sha1, p2=p2), MESSAGE, PKCS1v15(), hashes.SHA1())


@each_key
def test_any_data_of_1_byte_to_11_less_than_the_modulus(
    world: World, credential: Credential
) -> None:
    card, public = ready(world, credential)
    most = world.bits // 8 - 11
    for size in range(1, most + 1):
        data = bytes(range(1, 256))[:size]
        assert block_in(public, signed(card, data)) == data
    for size in (most + 1, most + 2, most + 11, most + 12, 255):
        command = CommandApdu(0x80, 0x2A, 0, 0x80, bytes(min(size, 255)), 256)
        assert card.transmit(command.encode()) == b"\x67\x00"
    longer = CommandApdu(0x80, 0x2A, 0, 0x80, bytes(300), 256, extended=True)
    assert card.transmit(longer.encode()) == b"\x67\x00"
    for none in ("802A0080", "802A008000", "802A0080000000", "802A00800130"):
        play(card, f"{none} -> 6700")


def test_a_digest_info_that_is_none_is_signed_as_it_is() -> None:
    """The card only pads (docs/card.md): what it is given is the terminal's business."""
    card, public = ready(WORLDS["mynumber"], AUTHENTICATION)
    for data in (SHA256_INFO + HASH[:-1], SHA256_INFO + HASH + b"\0", HASH, bytes(16)):
        signature = signed(card, data)
        assert block_in(public, signature) == data
        with pytest.raises(InvalidSignature):
            public.verify(signature, MESSAGE, PKCS1v15(), hashes.SHA256())


def pss(length: int) -> PSS:
    return PSS(MGF1(hashes.SHA256()), length)


@each_key
def test_each_p1_signs_what_it_says(world: World, credential: Credential) -> None:
    card, public = ready(world, credential)
    assert block_in(public, signed(card, MESSAGE, 0)) == MESSAGE
    assert block_in(public, signed(card, MESSAGE, 1)) == HASH
    public.verify(signed(card, HASH, 2), MESSAGE, PKCS1v15(), hashes.SHA256())
    public.verify(signed(card, MESSAGE, 3), MESSAGE, PKCS1v15(), hashes.SHA256())
    first, second = signed(card, HASH, 4), signed(card, MESSAGE, 5)
    assert first != second, "a salt of its own each time"
    for signature in (first, second):
        public.verify(signature, MESSAGE, pss(32), hashes.SHA256())
    for p1 in (2, 4):
        for size in (1, 20, 31, 33, 48, 64):
            answer = send(card, f"802A{p1:02X}80{size:02X}{bytes(size).hex()}00")
            assert answer == "6985", "not a SHA-256 hash"
    for p1 in (1, 3, 5):
        long = CommandApdu(0x80, 0x2A, p1, 0x80, bytes(3000), 256, extended=True)
        assert card.transmit(long.encode())[-2:] == b"\x90\x00", "the card hashes any length"


@pytest.mark.parametrize("current", [0, AUTHENTICATION.key, SIGNATURE.key, 0x06, 0x18, 0x10])
def test_all_p1_and_p2(current: int) -> None:
    """With the authentication PIN verified, the password not; a file current or none."""
    world = WORLDS["mynumber"]
    card = selected(world)
    card.transmit(verifying(AUTHENTICATION).encode())
    play(card, f"{SELECT} -> 9000")  # leaves no current file, and the PIN verified
    choose = bytes.fromhex(f"00A4020C02{current:04X}" if current else SELECT)
    data = b"\x33" + SHA256_INFO + HASH + b"\x00"
    for p1 in range(256):
        for p2 in range(256):
            card.transmit(choose)
            answer = card.transmit(bytes((0x80, 0x2A, p1, p2)) + data)[-2:].hex()
            sfi = p2 & 0x1F
            if p1 > 5 or p2 & 0xE0 != 0x80 or sfi == 0x1F:
                wanted = "6a86"
            else:
                wanted = _with_key(world, sfi or current, p1)
            assert answer == wanted, f"{p1:02X}{p2:02X}"


def _with_key(world: World, fid: int, p1: int) -> str:
    if not fid:
        return "6986"
    if fid not in world.files:
        return "6a82"
    if fid not in world.keys:
        return "6981"
    if fid == SIGNATURE.key:
        return "6982"
    return "6985" if p1 in (2, 4) else "9000"  # 51 bytes are no hash


# -- who may sign ----------------------------------------------------------------------------------


@each_key
def test_a_pin_opens_its_own_key_for_any_number_of_signatures(
    world: World, credential: Credential
) -> None:
    card = selected(world)
    for other in world.credentials:
        if other != credential:
            card.transmit(verifying(other).encode())
    signing = f"802A00{0x80 | credential.key:02X}33{(SHA256_INFO + HASH).hex()}00"
    play(card, f"{signing} -> 6982")
    card.transmit(verifying(credential).encode())
    first = send(card, signing)
    assert [send(card, signing) for _ in range(20)] == [first] * 20
    play(
        card,
        f"""
        {SELECT}                       -> 9000   # the same application: what was verified stays
        00A4020C02{credential.key:04X} -> 9000
        802A00803330{"30" * 50}00      -> *9000
        00A4020C02{credential.fid:04X} -> 9000
        00200080                       -> 63C{credential.tries}
        {signing}                      -> {first}
        00A4040C0AD3921000310001010401 -> 9000
        {SELECT}                       -> 9000
        {signing}                      -> 6982
        """,
    )


@each_key
def test_a_signature_comes_with_any_lengths_and_in_links(
    world: World, credential: Credential
) -> None:
    card, public = ready(world, credential)
    info = SHA256_INFO + HASH
    wanted = signed(card, info)
    size = world.bits // 8
    data = info.hex()
    for command in (
        f"802A0080{len(info):02X}{data}00",
        f"802A0080{len(info):02X}{data}{size % 256:02X}",
        f"802A008000{len(info):04X}{data}0000",
        f"802A008000{len(info):04X}{data}{size:04X}",
        f"802A008000{len(info):04X}{data}0100",
    ):
        assert send(card, command) == wanted.hex().upper() + "9000"
    public.verify(wanted, MESSAGE, PKCS1v15(), hashes.SHA256())
    for cut in (1, 16, 50):
        play(
            card,
            f"""
            902A0080{cut:02X}{data[: 2 * cut]}                 -> 9000
            802A0080{len(info) - cut:02X}{data[2 * cut :]}00   -> {wanted.hex().upper()}9000
            """,
        )
    rest = size - 16
    play(card, f"802A0080{len(info):02X}{data}10 -> {wanted[:16].hex().upper()}61{rest:02X}")
    assert send(card, f"00C00000{rest:02X}") == wanted[16:].hex().upper() + "9000"


def test_an_interrupted_chain_leaves_nothing_to_sign() -> None:
    card, public = ready(WORLDS["mynumber"], AUTHENTICATION)
    play(card, "902A0080023030 -> 9000\n00A4020C020017 -> 6883")
    assert block_in(public, signed(card, b"\x31")) == b"\x31"


def test_a_key_that_was_never_written_does_not_sign() -> None:
    world = WORLDS["mynumber"]
    desk = Desk(world)
    application = desk.card.applications.get(JPKI)
    assert application is not None
    memory = desk.card.environment.memory
    with memory.transaction():
        memory.partition(application.partition_name).delete(f"content/{AUTHENTICATION.key:04X}")
    desk.verify(AUTHENTICATION)
    for command in ("802A0097013000", "0046819700"):
        assert status(desk.card, command) == "6984"


# -- key pairs made in the card --------------------------------------------------------------------

GENERATED: Final = [
    pytest.param(WORLDS[name], credential, id=f"{name}-{credential.key:04X}")
    for name in (
        "juki-v1-1024",
        "juki-v2-1024-compat-air",
        "juki-v1-2048-air",
        "juki-v2-2048-compat",
        "mynumber",
        "mynumber-air",
    )
    for credential in WORLDS[name].credentials
]


def template(bits: int) -> bytes:
    """How 7F49 begins, up to the modulus (ISO/IEC 7816-8:2021, 9.2)."""
    return bytes.fromhex("7F4982010981820100" if bits == 2048 else "7F4981888181 80")


def public_key(answer: bytes, bits: int) -> rsa.RSAPublicKey:
    """The key in template 7F49, to the byte: 81 modulus, 82 exponent 65537."""
    head, size = template(bits), bits // 8
    assert answer[: len(head)] == head
    assert answer[len(head) + size :] == bytes.fromhex("8203010001")
    modulus = int.from_bytes(answer[len(head) : len(head) + size], "big")
    assert modulus.bit_length() == bits
    return rsa.RSAPublicNumbers(65537, modulus).public_key()


def kept(card: Card) -> dict[str, bytes]:
    """What the application keeps, but its counters of tries."""
    application = card.applications.get(JPKI)
    assert application is not None
    return dict(card.environment.memory.partition(application.partition_name).items())


@pytest.mark.parametrize(("world", "credential"), GENERATED)
def test_the_counter_has_the_card_make_a_new_pair(world: World, credential: Credential) -> None:
    desk = Desk(world)
    desk.verify(credential)
    certificate = desk.certificate(credential)
    old = public_of(certificate)
    before = kept(desk.card)
    desk.authenticate()
    desk.choose(credential.key)
    answer = desk.send(CommandApdu(0, 0x46, 0x80, 0x80, ne=65536))
    assert answer.status == 0x9000
    new = public_key(answer.data, world.bits)
    assert new.public_numbers() != old.public_numbers()

    # the private key is another, the counter key counts its tries, and nothing else has changed
    after = kept(desk.card)
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert changed == {f"content/{credential.key:04X}"}
    assert not any(before[f"content/{credential.key:04X}"] in value for value in after.values())

    card = desk.card
    card.power_off()
    card.power_on()
    play(card, f"{SELECT} -> 9000")
    signing = f"802A00{0x80 | credential.key:02X}33{(SHA256_INFO + HASH).hex()}00"
    play(card, f"{signing} -> 6982")
    later = Desk(world, card=card)
    later.verify(credential)
    signature = signed(card, SHA256_INFO + HASH, p2=0x80 | credential.key)
    new.verify(signature, MESSAGE, PKCS1v15(), hashes.SHA256())
    with pytest.raises(InvalidSignature):
        old.verify(signature, MESSAGE, PKCS1v15(), hashes.SHA256())
    assert later.certificate(credential) == certificate
    reading = CommandApdu(0, 0x46, 0x81, 0x80 | credential.key, ne=65536)
    assert later.send(reading).data == answer.data


def test_two_pairs_are_two() -> None:
    desk = Desk(WORLDS["juki-v1-1024"], counter=True)
    make = CommandApdu(0, 0x46, 0x80, 0x80 | SIGNATURE.key, ne=65536)
    first, second = desk.send(make), desk.send(make)
    assert first.status == second.status == 0x9000
    assert first.data != second.data


def test_a_pin_is_not_the_counter() -> None:
    desk = Desk(WORLDS["mynumber"])
    before = kept(desk.card)
    for credential in (SIGNATURE, AUTHENTICATION):
        desk.verify(credential)
    for credential in (SIGNATURE, AUTHENTICATION):
        play(desk.card, f"004680{0x80 | credential.key:02X}00 -> 6982")
    desk.authenticate()
    play(desk.card, "0046809700 -> 6982")  # a plain command ends the session
    assert desk.status(CommandApdu(0, 0x46, 0x80, 0x97, ne=65536)) == 0x6988
    assert kept(desk.card) == before


def test_all_p1_and_p2_of_the_making_of_keys() -> None:
    world = WORLDS["mynumber"]
    card = selected(world)
    for p1 in range(256):
        for p2 in range(256):
            card.transmit(bytes.fromhex("00A4020C020017"))
            answer = status(card, f"0046{p1:02X}{p2:02X}000000")
            assert answer == _made(world, p1, p2), f"{p1:02X}{p2:02X}"
    for body in ("", "0130", "013000", "00000130", "000001300000"):
        for p1 in (0x80, 0x81):
            assert status(card, f"0046{p1:02X}97{body}") == "6700"


def _made(world: World, p1: int, p2: int) -> str:
    sfi = p2 & 0x1F
    if p1 not in (0x80, 0x81) or p2 & 0x60 or sfi == 0x1F:
        return "6A86"
    if p2 and not p2 & 0x80:
        return "6A88"
    fid = sfi or AUTHENTICATION.key
    if fid not in world.files:
        return "6A82"
    if fid not in world.keys:
        return "6981"
    return "9000" if p1 == 0x81 and fid == AUTHENTICATION.key else "6982"
