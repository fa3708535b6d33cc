"""Diversified keys: the application note's values, the project's input layout, and its limits."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given, strategies as st

from jukihost.authentication import MutualAuthentication, Suite
from jukihost.keys.custody import CardKeys, KeyUnfit, WeakKey
from jukihost.keys.diversification import (
    MASTER_BYTES,
    _as_triple_des,
    derive_card_keys,
    diversify_aes,
    diversify_tdea,
)
from tests.support.published.vectors import load

CASES = load("crypto/nxp_an10922_diversification")["cases"]
MASTER = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
CARD_NUMBER = bytes.fromhex("8139200000000123")
AID = bytes.fromhex("F0004A554B490101")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['algorithm']}-{case['input']}")
def test_application_note(case: dict[str, Any]) -> None:
    master, data = bytes.fromhex(case["master"]), bytes.fromhex(case["input"])
    if case["algorithm"].startswith("AES"):
        key = diversify_aes(master, data)
    else:
        key = diversify_tdea(master, data, int(case["key_version"], 16))
    assert key == bytes.fromhex(case["diversified"])


def test_the_notes_first_example_step_by_step() -> None:
    """AN10922, 2.2.1: the input's parts, and K1 for an input that fills two blocks, else K2."""
    case = CASES[0]
    master, parts = bytes.fromhex(case["master"]), ("uid", "application_id", "system_id")
    data = b"".join(bytes.fromhex(case[part]) for part in parts)
    assert data.hex().upper() == case["input"]

    def whole(block: bytes) -> bytes:
        return Cipher(AES(master), ECB()).encryptor().update(block)

    assert whole(bytes(16)) == bytes.fromhex(case["aes_zero"])
    for diversifier, subkey in (
        (data, "k2"),
        (b"\x01", "k2"),
        (data + bytes(13), "k2"),
        (data + bytes(14), "k1"),
    ):
        message = b"\x01" + diversifier + (b"\x80" if len(diversifier) < 31 else b"")
        first, second = message[:16].ljust(16, b"\0"), message[16:].ljust(16, b"\0")
        last = zip(whole(first), second, bytes.fromhex(case[subkey]), strict=True)
        assert diversify_aes(master, diversifier) == whole(bytes(a ^ b ^ c for a, b, c in last))


def test_every_algorithm_of_the_note_has_a_case() -> None:
    assert {case["algorithm"] for case in CASES} == {
        "AES-128",
        "AES-192",
        "AES-256",
        "2TDEA",
        "3TDEA",
    }


def test_the_projects_layout() -> None:
    """A snapshot of this project's choice of input, computed once; nobody published it."""
    keys = derive_card_keys("MA-AES128", MASTER, CARD_NUMBER, AID, 1)
    assert keys.k_enc.hex().upper() == "FEC19A54599D401703510FB9F0C62CDE"
    assert keys.k_mac.hex().upper() == "3EEF7474FC497329925257C79A04A6B6"
    assert (keys.suite, keys.version) == ("MA-AES128", 1)


@given(
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=8, max_size=8),
    st.binary(min_size=5, max_size=16),
    st.integers(1, 255),
)
def test_the_layout_is_card_number_aid_version_and_purpose(
    master: bytes, number: bytes, aid: bytes, version: int
) -> None:
    keys = derive_card_keys("MA-AES128", master, number, aid, version)
    data = number + aid + bytes((version,))
    for key, purpose in ((keys.k_enc, b"\x01"), (keys.k_mac, b"\x02")):
        assert key == diversify_aes(master, data + purpose)
        if 1 + len(data) + 1 > 16:
            # AN10922 is plain CMAC only for inputs of more than one block.
            cmac = CMAC(AES(master))
            cmac.update(b"\x01" + data + purpose)
            assert key == cmac.finalize()


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=1, max_size=15))
def test_short_inputs_differ_from_plain_cmac(master: bytes, data: bytes) -> None:
    cmac = CMAC(AES(master))
    cmac.update(b"\x01" + data)
    assert diversify_aes(master, data) != cmac.finalize()


def test_each_part_of_the_input_makes_another_key() -> None:
    found = [
        derive_card_keys("MA-AES128", master, number, aid, version)
        for master, number, aid, version in (
            (MASTER, CARD_NUMBER, AID, 1),
            (MASTER[::-1], CARD_NUMBER, AID, 1),
            (MASTER, CARD_NUMBER[::-1], AID, 1),
            (MASTER, CARD_NUMBER, AID[::-1], 1),
            (MASTER, CARD_NUMBER, AID, 2),
        )
    ]
    keys = [key for pair in found for key in (pair.k_enc, pair.k_mac)]
    assert len(set(keys)) == len(keys) == 10


@pytest.mark.parametrize("suite", list(Suite))
def test_every_suite_gets_keys_it_can_use(suite: Suite) -> None:
    size = MASTER_BYTES[suite]
    keys = derive_card_keys(suite, bytes(range(size)), CARD_NUMBER, AID, 7)
    MutualAuthentication(Suite(keys.suite), keys.k_enc, keys.k_mac)
    if suite is Suite.MA_3DES:
        for key in (keys.k_enc, keys.k_mac):
            assert all(byte.bit_count() % 2 == 1 for byte in key)


def test_the_suites_are_those_of_secure_messaging() -> None:
    assert set(MASTER_BYTES) == set(Suite)


@pytest.mark.parametrize(
    ("number", "aid", "version"),
    [
        (7, 8, 1),
        (9, 8, 1),
        (0, 8, 1),
        (8, 4, 1),
        (8, 17, 1),
        (8, 0, 1),
        (8, 8, 0),
        (8, 8, 256),
        (8, 8, -1),
    ],
)
def test_lengths_and_versions_outside_the_layout_are_refused(
    number: int, aid: int, version: int
) -> None:
    with pytest.raises(KeyUnfit):
        derive_card_keys("MA-AES128", MASTER, bytes(number), bytes(aid), version)


@pytest.mark.parametrize("suite", ["", "MA-DES", "ma-aes128"])
def test_unknown_suites_are_refused(suite: str) -> None:
    with pytest.raises(KeyUnfit):
        derive_card_keys(suite, MASTER, CARD_NUMBER, AID, 1)


@pytest.mark.parametrize("suite", list(MASTER_BYTES))
def test_masters_of_another_length_are_refused(suite: str) -> None:
    for size in {0, 8, 15, 16, 17, 24, 32} - {MASTER_BYTES[suite]}:
        with pytest.raises(KeyUnfit):
            derive_card_keys(suite, bytes(size), CARD_NUMBER, AID, 1)


def test_inputs_outside_two_blocks_are_refused() -> None:
    for size in (16, 24, 32):
        assert len(diversify_aes(bytes(size), bytes(31))) == size
        assert diversify_aes(bytes(size), bytes(31)) != diversify_aes(bytes(size), bytes(30))
        for length in (0, 32, 100):
            with pytest.raises(KeyUnfit):
                diversify_aes(bytes(size), bytes(length))
    for size in (16, 24):
        master = bytes(range(size))
        assert len(diversify_tdea(master, bytes(15), 0)) == size
        for length in (0, 16):
            with pytest.raises(KeyUnfit):
                diversify_tdea(master, bytes(length), 0)
        for version in (-1, 256):
            with pytest.raises(KeyUnfit):
                diversify_tdea(master, bytes(15), version)
    for size in (0, 8, 17):
        with pytest.raises(KeyUnfit):
            diversify_aes(bytes(size), b"data")
        with pytest.raises(KeyUnfit):
            diversify_tdea(bytes(size), b"data", 0)


def test_derived_keys_that_are_of_no_use_are_refused() -> None:
    with pytest.raises(WeakKey, match="the same"):
        CardKeys("MA-AES128", 1, MASTER, MASTER)
    with pytest.raises(WeakKey, match="halves"):
        _as_triple_des(bytes(8) + b"\x01" * 8)  # the same but for parity


def test_keys_of_a_card_are_not_in_its_repr() -> None:
    keys = CardKeys("MA-AES128", 1, b"SECRETENCRYPTION", b"SECRETMACMACMACM")
    assert "SECRET" not in repr(keys)
    assert pickle.loads(pickle.dumps(keys)) == keys
