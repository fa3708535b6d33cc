"""The building blocks against published examples, and against new contexts for each message."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from hypothesis import given, strategies as st

from jukihost.crypto.primitives import (
    AesCmac,
    CbcCipher,
    PaddingError,
    RetailMac,
    adjust_parity,
    aes_cbc,
    derive_key,
    pad,
    triple_des_cbc,
    unpad,
    xor,
)
from tests.support.published.vectors import load

CMAC_CASES = [case for case in load("crypto/cmac")["cases"] if case["cipher"] == "AES"]
TWO_KEY_CASES = [
    case for case in load("crypto/tdes_cbc_sample")["cases"] if case["key"][:16] == case["key"][32:]
]
RETAIL_MAC_CASES = load("crypto/iso9797_1_mac_alg3")["cases"]
PADDING_CASES = load("crypto/iso9797_1_mac_alg3")["iso9797_padding2"]
KDF_CASES = [
    case
    for case in load("crypto/x963_kdf")["cases"]
    if not case["shared_info"] and case["sha"] in ("SHA-1", "SHA-256")
]


def test_the_vector_files_have_cases_for_this_side() -> None:
    assert len(CMAC_CASES) >= 12
    assert len(TWO_KEY_CASES) >= 5
    assert {case["sha"] for case in KDF_CASES} == {"SHA-1", "SHA-256"}


@pytest.mark.parametrize("case", CMAC_CASES, ids=lambda case: f"{len(case['key']) * 4}")
def test_cmac(case: dict[str, Any]) -> None:
    mac = AesCmac(bytes.fromhex(case["key"]))
    for _ in range(2):
        assert mac(bytes.fromhex(case["message"])) == bytes.fromhex(case["mac"])


def test_cmac_subkeys() -> None:
    """RFC 4493, 4: a message of one whole block takes K1, an empty one, padded, K2."""
    subkeys = load("crypto/cmac")["subkeys_rfc4493"]
    key = bytes.fromhex(subkeys["key"])
    mac, cipher, zero = AesCmac(key), aes_cbc(key), bytes(16)
    assert cipher.encrypt(zero, zero) == bytes.fromhex(subkeys["aes_zero"])
    assert cipher.decrypt(zero, mac(zero)) == bytes.fromhex(subkeys["k1"])
    assert xor(cipher.decrypt(zero, mac(b"")), pad(b"", 16)) == bytes.fromhex(subkeys["k2"])


@pytest.mark.parametrize("case", TWO_KEY_CASES, ids=lambda case: case["iv"])
def test_two_key_triple_des(case: dict[str, Any]) -> None:
    cipher = triple_des_cbc(bytes.fromhex(case["key"][:32]))
    iv, plain = bytes.fromhex(case["iv"]), bytes.fromhex(case["plaintext"])
    cryptogram = bytes.fromhex(case["ciphertext"])
    for _ in range(2):
        assert cipher.encrypt(iv, plain) == cryptogram
        assert cipher.decrypt(iv, cryptogram) == plain


def _padded(data: bytes, method: int) -> bytes:
    """Padding methods of ISO/IEC 9797-1; 0 is none. Only method 2 is in the product."""
    zeros = bytes(-len(data) % 8)
    if method == 3:
        return (8 * len(data)).to_bytes(8, "big") + data + zeros
    return pad(data, 8) if method == 2 else data + zeros


@pytest.mark.parametrize(
    "case", RETAIL_MAC_CASES, ids=lambda case: f"{case['mac']}-method{case['padding_method']}"
)
def test_retail_mac(case: dict[str, Any]) -> None:
    mac = RetailMac(bytes.fromhex(case["key"]))
    message = _padded(bytes.fromhex(case["data"]), case["padding_method"])
    for _ in range(2):
        assert mac(message) == bytes.fromhex(case["mac"])


def test_retail_mac_of_one_block_is_triple_des_of_it() -> None:
    key = bytes(range(16))
    assert RetailMac(key)(b"12345678") == triple_des_cbc(key).encrypt(bytes(8), b"12345678")


@pytest.mark.parametrize("case", PADDING_CASES, ids=lambda case: case["padded"])
def test_padding(case: dict[str, Any]) -> None:
    data, padded = bytes.fromhex(case["data"]), bytes.fromhex(case["padded"])
    assert pad(data, case["block"]) == padded
    assert unpad(padded, case["block"]) == data


@pytest.mark.parametrize(
    "padded",
    [
        "",
        "00" * 8,
        "80",
        "80" + "00" * 8,
        "11" * 8,
        "80" + "00" * 15,
        "11" * 8 + "00" * 8,
        "80" * 7 + "81",
        "8000000000000001",
    ],
)
def test_wrong_padding_is_refused(padded: str) -> None:
    with pytest.raises(PaddingError):
        unpad(bytes.fromhex(padded), 8)


@given(st.binary(max_size=70), st.sampled_from([8, 16]))
def test_padding_is_reversible_and_shortest(data: bytes, block: int) -> None:
    padded = pad(data, block)
    assert len(padded) % block == 0
    assert 1 <= len(padded) - len(data) <= block
    assert unpad(padded, block) == data


@pytest.mark.parametrize("case", KDF_CASES, ids=lambda case: f"{case['sha']}-{case['count']}")
def test_key_derivation_is_the_first_block_of_x963(case: dict[str, Any]) -> None:
    key_data = bytes.fromhex(case["key_data"])[:16]
    size = 16 if case["sha"] == "SHA-1" else 32
    assert derive_key(bytes.fromhex(case["z"]), 1, size)[:16] == key_data


def test_key_derivation_lengths() -> None:
    assert [len(derive_key(b"secret", 2, size)) for size in (16, 24, 32)] == [16, 24, 32]
    for size in (0, 8, 20, 33):
        with pytest.raises(ValueError, match="16, 24 or 32"):
            derive_key(b"secret", 2, size)


def test_parity_is_odd_in_all_256_bytes() -> None:
    adjusted = adjust_parity(bytes(range(256)))
    assert all(byte.bit_count() % 2 == 1 for byte in adjusted)
    assert all(byte >> 1 == value >> 1 for value, byte in enumerate(adjusted))


def test_xor() -> None:
    assert xor(b"\x00\xff\x0f", b"\x01\xff\xf0") == b"\x01\x00\xff"
    with pytest.raises(ValueError, match="same length"):
        xor(b"12", b"1")


_MESSAGES = st.lists(
    st.tuples(
        st.booleans(),
        st.binary(min_size=16, max_size=16),
        st.integers(1, 5),
        st.binary(min_size=80, max_size=80),
    ),
    max_size=8,
)


def _check_against_new_contexts(
    cipher: CbcCipher,
    algorithm: BlockCipherAlgorithm,
    block: int,
    messages: list[tuple[bool, bytes, int, bytes]],
) -> None:
    for encrypt, start, blocks, content in messages:
        iv, data = start[:block], content[: blocks * block]
        fresh = Cipher(algorithm, modes.CBC(iv))
        if encrypt:
            assert cipher.encrypt(iv, data) == fresh.encryptor().update(data)
        else:
            assert cipher.decrypt(iv, data) == fresh.decryptor().update(data)


@given(st.sampled_from([16, 24, 32]), _MESSAGES)
def test_a_used_aes_context_does_what_a_new_one_does(
    size: int, messages: list[tuple[bool, bytes, int, bytes]]
) -> None:
    key = bytes(range(size))
    _check_against_new_contexts(aes_cbc(key), AES(key), 16, messages)


@given(_MESSAGES)
def test_a_used_triple_des_context_does_what_a_new_one_does(
    messages: list[tuple[bool, bytes, int, bytes]],
) -> None:
    key = bytes(range(16))
    _check_against_new_contexts(triple_des_cbc(key), TripleDES(key + key[:8]), 8, messages)


@pytest.mark.parametrize(("iv", "data"), [(16, 0), (16, 15), (16, 17), (8, 16), (0, 16)])
def test_cbc_takes_whole_blocks_only_and_goes_on_after_refusing(iv: int, data: int) -> None:
    cipher = aes_cbc(bytes(16))
    expected = aes_cbc(bytes(16)).encrypt(bytes(16), bytes(16))
    for operation in (cipher.encrypt, cipher.decrypt):
        with pytest.raises(ValueError, match="whole blocks"):
            operation(bytes(iv), bytes(data))
    assert cipher.encrypt(bytes(16), bytes(16)) == expected


@pytest.mark.parametrize("size", [0, 8, 15, 17, 24])
def test_wrong_key_lengths_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        triple_des_cbc(bytes(size))
    with pytest.raises(ValueError, match="16 bytes"):
        RetailMac(bytes(size))
    if size != 24:
        with pytest.raises(ValueError, match="key size"):
            aes_cbc(bytes(size))
        with pytest.raises(ValueError, match="key size"):
            AesCmac(bytes(size))


def test_no_key_is_in_a_repr() -> None:
    key = b"SECRETKEYSECRETK"
    for thing in (aes_cbc(key), triple_des_cbc(key), AesCmac(key), RetailMac(key)):
        assert "SECRET" not in repr(thing)
        assert key.hex() not in repr(thing).lower()
