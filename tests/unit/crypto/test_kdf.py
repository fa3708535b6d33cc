"""Key derivation against published vectors, and what it refuses."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from jukicard.crypto.kdf import (
    HashName,
    derive_aes,
    derive_counted,
    derive_sp800_108,
    derive_triple_des,
    derive_x963,
    diversify_aes,
    diversify_triple_des,
)
from jukicard.crypto.symmetric import AesKey, BlockKey, TripleDesKey, with_odd_parity
from tests.support.published.vectors import load

h = bytes.fromhex


def prf_key(case: dict[str, Any]) -> BlockKey:
    return (AesKey if "AES" in case["prf"] else TripleDesKey)(h(case["KI"]))


@pytest.mark.parametrize("case", load("crypto/sp800_108_cmac_kdf")["cases"])
def test_sp800_108(case: dict[str, Any]) -> None:
    match case["location"]:
        case "BEFORE_FIXED":
            before, after = b"", h(case["FixedInputData"])
        case "AFTER_FIXED":
            before, after = h(case["FixedInputData"]), b""
        case _:
            before, after = h(case["DataBeforeCtrData"]), h(case["DataAfterCtrData"])
    assert derive_sp800_108(
        prf_key(case),
        case["L"] // 8,
        before,
        after,
        counter_size=case["rlen_bits"] // 8,
    ) == h(case["KO"])


def test_sp800_108_counter_overflow() -> None:
    key = AesKey(bytes(16))
    assert len(derive_sp800_108(key, 255 * 16, b"")) == 255 * 16
    with pytest.raises(ValueError, match="does not reach"):
        derive_sp800_108(key, 255 * 16 + 1, b"")


@pytest.mark.parametrize("case", load("crypto/x963_kdf")["cases"])
def test_x963(case: dict[str, Any]) -> None:
    name: HashName = "sha1" if case["sha"] == "SHA-1" else "sha256"
    expected = h(case["key_data"])
    assert derive_x963(name, h(case["z"]), h(case["shared_info"]), len(expected)) == expected


@pytest.mark.parametrize("case", load("crypto/nxp_an10922_diversification")["cases"])
def test_diversification(case: dict[str, Any]) -> None:
    if case["algorithm"].startswith("AES"):
        derived: BlockKey = diversify_aes(AesKey(h(case["master"])), h(case["input"]))
    else:
        derived = diversify_triple_des(
            TripleDesKey(h(case["master"])), h(case["input"]), int(case["key_version"], 16)
        )
    assert derived.value == h(case["diversified"])
    assert len(derived) == len(h(case["master"]))


def test_diversification_step_by_step() -> None:
    """AN10922, 2.2.1: the input's parts, and K1 for an input that fills two blocks, else K2."""
    case = load("crypto/nxp_an10922_diversification")["cases"][0]
    master, diversifier = AesKey(h(case["master"])), h(case["input"])
    assert diversifier == h(case["uid"] + case["application_id"] + case["system_id"])
    assert master.encrypt_ecb(bytes(16)) == h(case["aes_zero"])
    for given, subkey in (
        (diversifier, "k2"),
        (b"\1", "k2"),
        (diversifier + bytes(13), "k2"),
        (diversifier + bytes(14), "k1"),
    ):
        message = b"\1" + given
        message += b"\x80" * (len(message) < 32)
        first, second = (part.ljust(16, b"\0") for part in (message[:16], message[16:]))
        mixed = master.decrypt_ecb(diversify_aes(master, given).value)
        parts = (mixed, master.encrypt_ecb(first), second)
        found = [a ^ b ^ c for a, b, c in zip(*parts, strict=True)]
        assert bytes(found) == h(case[subkey])


@pytest.mark.parametrize("length", [0, 32, 33])
def test_diversifier_lengths_aes(length: int) -> None:
    with pytest.raises(ValueError, match="diversification"):
        diversify_aes(AesKey(bytes(16)), bytes(length))


@pytest.mark.parametrize("length", [0, 16])
def test_diversifier_lengths_triple_des(length: int) -> None:
    with pytest.raises(ValueError, match="diversification"):
        diversify_triple_des(TripleDesKey(bytes(16)), bytes(length), 0)


def test_every_diversifier_length_gives_another_key() -> None:
    keys = {diversify_aes(AesKey(bytes(16)), bytes(length)).value for length in range(1, 32)}
    assert len(keys) == 31


@pytest.mark.parametrize("length", range(16, 32))
def test_diversification_is_plain_cmac_above_one_block(length: int) -> None:
    master = AesKey(bytes(range(16)))
    message = bytes(range(length))
    assert diversify_aes(master, message).value == master.cmac(b"\1" + message)


def test_project_layout_of_the_reference_example() -> None:
    # a regression value of the project's own input layout, not a published vector
    master = AesKey(h("00112233445566778899AABBCCDDEEFF"))
    common = h("8139200000000123") + h("F0004A554B490101") + b"\1"
    assert diversify_aes(master, common + b"\1").value == h("FEC19A54599D401703510FB9F0C62CDE")
    assert diversify_aes(master, common + b"\2").value == h("3EEF7474FC497329925257C79A04A6B6")


def test_session_keys_of_the_icao_example() -> None:
    steps = load("securemessaging/icao9303_bac")["steps"]
    seed = h(steps["k_seed"])
    assert derive_triple_des(seed, 1).value == h(steps["k_enc"])
    assert derive_triple_des(seed, 2).value == h(steps["k_mac"])
    assert derive_triple_des(h(steps["session_seed"]), 1).value == h(steps["ks_enc"])
    assert derive_triple_des(h(steps["session_seed"]), 2).value == h(steps["ks_mac"])


def test_session_keys_of_the_residence_cards() -> None:
    des, aes = load("securemessaging/jp_isa_mutual_authenticate")["cases"]
    assert derive_triple_des(h(des["k_xor"]), 1).value == with_odd_parity(h(des["ks_enc"]))
    assert derive_aes(h(aes["k_xor"]), 1, 16).value == h(aes["ks_enc"])


@pytest.mark.parametrize("size", [24, 32])
def test_longer_aes_keys_come_from_sha256(size: int) -> None:
    assert derive_aes(b"secret", 2, size).value == hashlib.sha256(b"secret\0\0\0\2").digest()[:size]


def test_a_hash_cannot_give_more_than_it_has() -> None:
    with pytest.raises(ValueError, match="gives 20 bytes"):
        derive_counted("sha1", b"", 1, 21)
