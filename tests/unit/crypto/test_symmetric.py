"""Ciphers, MACs and padding against published vectors, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from jukicard.crypto.padding import PaddingError, pad_80, pad_length, pad_zero, unpad_80
from jukicard.crypto.symmetric import AesKey, BlockKey, TripleDesKey, equal, with_odd_parity
from tests.support.published.vectors import load

h = bytes.fromhex
BLOCKS = (8, 16)


def key_of(case: dict[str, Any]) -> BlockKey:
    return (AesKey if case["cipher"] == "AES" else TripleDesKey)(h(case["key"]))


@pytest.mark.parametrize("case", load("crypto/cmac")["cases"])
def test_cmac(case: dict[str, Any]) -> None:
    key = key_of(case)
    expected = h(case["mac"])
    for _ in range(2):  # the second call starts from the same fresh context
        assert key.cmac(h(case["message"]))[: len(expected)] == expected


def test_cmac_subkeys() -> None:
    """RFC 4493, 4: what the MAC of one block and of none is made of, K1 and K2 in their places."""
    subkeys = load("crypto/cmac")["subkeys_rfc4493"]
    key = AesKey(h(subkeys["key"]))
    assert key.encrypt_ecb(bytes(16)) == h(subkeys["aes_zero"])
    assert key.decrypt_ecb(key.cmac(bytes(16))) == h(subkeys["k1"])
    mark = 0x80 << 8 * 15
    k2 = int.from_bytes(key.decrypt_ecb(key.cmac(b"")), "big") ^ mark
    assert k2.to_bytes(16, "big") == h(subkeys["k2"])


@pytest.mark.parametrize("case", load("crypto/iso9797_1_mac_alg3")["iso9797_padding2"])
def test_published_padding(case: dict[str, Any]) -> None:
    data, padded, block = h(case["data"]), h(case["padded"]), case["block"]
    assert pad_80(data, block) == padded
    assert unpad_80(padded, block) == data
    for longer in (padded + bytes(block), padded[:-1] + b"\1"):
        with pytest.raises(PaddingError):
            unpad_80(longer, block)


@pytest.mark.parametrize("case", load("crypto/iso9797_1_mac_alg3")["cases"])
def test_retail_mac(case: dict[str, Any]) -> None:
    key = TripleDesKey(h(case["key"]))
    assert key.retail_mac(h(case["data"]), case["padding_method"]) == h(case["mac"])


@pytest.mark.parametrize("case", load("crypto/tdes_cbc_sample")["cases"])
def test_triple_des_cbc(case: dict[str, Any]) -> None:
    key = TripleDesKey(h(case["key"]))
    assert key.encrypt_cbc(h(case["plaintext"]), h(case["iv"])) == h(case["ciphertext"])
    assert key.decrypt_cbc(h(case["ciphertext"]), h(case["iv"])) == h(case["plaintext"])


def test_two_keys_are_three_with_the_first_again() -> None:
    key = h("34A41A8C293176C1B30732ECFE38AE8A")
    block = h("7DD880D2A9AB411C")
    assert TripleDesKey(key).encrypt_ecb(block) == TripleDesKey(key + key[:8]).encrypt_ecb(block)


@given(st.sampled_from((16, 24, 32)), st.data())
def test_aes_cbc_is_ecb_with_a_chain(size: int, data: st.DataObject) -> None:
    key = AesKey(data.draw(st.binary(min_size=size, max_size=size)))
    iv = data.draw(st.binary(min_size=16, max_size=16))
    blocks = data.draw(st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=5))
    chain, expected = iv, b""
    for block in blocks:
        chain = key.encrypt_ecb(bytes(a ^ b for a, b in zip(chain, block, strict=True)))
        expected += chain
    assert key.encrypt_cbc(b"".join(blocks), iv) == expected
    assert key.decrypt_cbc(expected, iv) == b"".join(blocks)
    assert key.decrypt_ecb(key.encrypt_ecb(iv)) == iv


def test_zero_is_the_initial_vector_unless_given() -> None:
    key = AesKey(bytes(16))
    assert key.encrypt_cbc(bytes(32)) == key.encrypt_cbc(bytes(32), bytes(16))
    assert key.decrypt_cbc(bytes(32)) == key.decrypt_cbc(bytes(32), bytes(16))


@pytest.mark.parametrize("length", [0, 1, 15, 17, 31])
def test_only_whole_blocks(length: int) -> None:
    key = AesKey(bytes(16))
    for operation in (key.encrypt_ecb, key.decrypt_ecb, key.encrypt_cbc, key.decrypt_cbc):
        with pytest.raises(ValueError, match="whole number of blocks"):
            operation(bytes(length))
    assert key.encrypt_ecb(bytes(16)) == AesKey(bytes(16)).encrypt_ecb(bytes(16))


@pytest.mark.parametrize("length", [0, 8, 15, 17])
def test_only_a_whole_initial_vector(length: int) -> None:
    key = AesKey(bytes(16))
    for operation in (key.encrypt_cbc, key.decrypt_cbc):
        with pytest.raises(ValueError, match="initial vector"):
            operation(bytes(16), bytes(length))


@pytest.mark.parametrize(("kind", "lengths"), [(AesKey, {16, 24, 32}), (TripleDesKey, {16, 24})])
def test_key_lengths(kind: type[BlockKey], lengths: set[int]) -> None:
    for length in range(65):
        if length in lengths:
            assert len(kind(bytes(length))) == length
        else:
            with pytest.raises(ValueError, match="not"):
                kind(bytes(length))


def test_a_key_shows_nothing_of_itself() -> None:
    value = h("00112233445566778899AABBCCDDEEFF")
    for key in (AesKey(value), TripleDesKey(value)):
        assert repr(key) == f"<{type(key).__name__}, 16 bytes>"
        assert key.value == value
        assert not hasattr(key, "__dict__")


def test_check_values() -> None:
    # GlobalPlatform default test key 40..4F: 504A77 (AES) and 8BAF47 (triple DES) are well known
    value = bytes(range(0x40, 0x50))
    assert AesKey(value).check_value() == h("504A77")
    assert TripleDesKey(value).check_value() == h("8BAF47")


def test_retail_mac_refusals() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        TripleDesKey(bytes(24)).retail_mac(bytes(8))
    with pytest.raises(ValueError, match="padding method"):
        TripleDesKey(bytes(16)).retail_mac(bytes(8), 4)
    for unpadded in (b"", bytes(7), bytes(9)):
        with pytest.raises(ValueError, match="whole number of blocks"):
            TripleDesKey(bytes(16)).retail_mac(unpadded, 0)


def test_parity_of_every_byte() -> None:
    adjusted = with_odd_parity(bytes(range(256)))
    assert len(adjusted) == 256
    for before, after in enumerate(adjusted):
        assert after.bit_count() % 2 == 1
        assert before & 0xFE == after & 0xFE


def test_equal() -> None:
    assert equal(b"same", b"same")
    assert not equal(b"same", b"sama")
    assert not equal(b"same", b"same ")


@given(st.binary(max_size=100), st.sampled_from(BLOCKS))
def test_padding_round_trip(data: bytes, block: int) -> None:
    padded = pad_80(data, block)
    assert len(padded) % block == 0
    assert 1 <= len(padded) - len(data) <= block
    assert unpad_80(padded, block) == data


@given(st.binary(max_size=40), st.sampled_from(BLOCKS))
def test_unpadding_accepts_what_padding_makes_and_nothing_else(data: bytes, block: int) -> None:
    try:
        plain = unpad_80(data, block)
    except PaddingError:
        assert not any(data == pad_80(data[:end], block) for end in range(len(data)))
    else:
        assert pad_80(plain, block) == data


@pytest.mark.parametrize("block", BLOCKS)
def test_every_last_block_of_marks_and_zeros(block: int) -> None:
    for zeros in range(2 * block):
        data = (bytes(2 * block - 1 - zeros) + b"\x80" + bytes(zeros))[-2 * block :]
        if zeros < block:
            assert unpad_80(data, block) == bytes(2 * block - 1 - zeros)
        else:
            with pytest.raises(PaddingError):
                unpad_80(data, block)


@pytest.mark.parametrize("data", ["", "00" * 16, "80" * 15, "FF" * 16, "81" + "00" * 15])
def test_bad_padding(data: str) -> None:
    with pytest.raises(PaddingError):
        unpad_80(h(data), 16)


@pytest.mark.parametrize("block", BLOCKS)
def test_the_other_paddings(block: int) -> None:
    assert pad_zero(b"", block) == bytes(block)
    assert pad_zero(b"\1" * block, block) == b"\1" * block
    assert pad_zero(b"\1" * (block + 1), block) == b"\1" * (block + 1) + bytes(block - 1)
    assert pad_length(b"\1\2", block) == bytes(block - 1) + b"\x10\1\2" + bytes(block - 2)
