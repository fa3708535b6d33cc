"""GlobalPlatform's secure channel protocol 03 against published sessions, on the card's side."""

from __future__ import annotations

from typing import Any, Final

import pytest

from jukicard.apdu import CommandApdu, ResponseApdu, StatusWord
from jukicard.authentication.scp03 import KeySet, Opening, Variant, card_challenge
from jukicard.crypto.kdf import derive_sp800_108
from jukicard.crypto.symmetric import AesKey
from jukicard.errors import IsoError
from jukicard.securemessaging.scp03 import Scp03Session
from jukicard.securemessaging.session import AuthenticationFailed
from tests.support.published.vectors import load

h = bytes.fromhex
DOCUMENT: Final = load("securemessaging/gp_scp03")
CASES: Final = DOCUMENT["cases"]
VARIANTS: Final = {"S8": Variant(0x70), "S16": Variant(0x71)}
DOMAINS: Final = {
    "pySim": h("A0000005591010FFFFFFFF8900000100"),
    "kaoh": h("A000000151000000"),
}
"""The names of the domains in those sessions whose challenges come from the sequence counter."""

every_session = pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])


def opening(case: dict[str, Any]) -> tuple[Opening, bytes, bytes]:
    """What INITIALIZE UPDATE of a session begins, its cryptogram, and what follows that."""
    asked = CommandApdu.parse(h(case["initialize_update_capdu"]))
    answer = h(case["initialize_update_rdata"])
    variant = VARIANTS[case["mode"]]
    assert len(asked.data) == variant.size
    challenge, rest = answer[13 : 13 + variant.size], answer[13 + variant.size :]
    keys = KeySet(answer[10], *(AesKey(h(case[key])) for key in ("k_enc", "k_mac", "k_dek")))
    return (
        Opening(keys, variant, asked.data, challenge),
        rest[: variant.size],
        rest[variant.size :],
    )


def opened(case: dict[str, Any]) -> Scp03Session:
    command = CommandApdu.parse(h(case["external_authenticate_capdu"]))
    assert command.p1 == int(case["security_level"], 16)
    session, _, _ = opening(case)
    return session.confirm(session.unprotect(command))


@every_session
def test_the_card_proves_itself(case: dict[str, Any]) -> None:
    assert opening(case)[0].card_cryptogram == opening(case)[1]


@every_session
def test_the_host_is_believed(case: dict[str, Any]) -> None:
    assert opened(case).alive


@every_session
def test_every_flipped_bit_of_the_proof_is_refused(case: dict[str, Any]) -> None:
    raw = h(case["external_authenticate_capdu"])
    for place in range(5, len(raw)):
        wrong = bytearray(raw)
        wrong[place] ^= 0x01
        session, _, _ = opening(case)
        with pytest.raises(AuthenticationFailed):
            session.confirm(CommandApdu.parse(bytes(wrong)))
        assert not session.alive
    for level in {0x01, 0x03, 0x11, 0x13, 0x33} - {raw[2]}:
        session, _, _ = opening(case)
        with pytest.raises(AuthenticationFailed):
            session.confirm(CommandApdu.parse(raw[:2] + bytes((level,)) + raw[3:]))


@every_session
def test_every_exchange_comes_out(case: dict[str, Any]) -> None:
    session = opened(case)
    for exchange in case["exchanges"]:
        plain = session.unprotect(CommandApdu.parse(h(exchange["capdu_protected"])))
        if "capdu_plain" in exchange:
            expected = CommandApdu.parse(h(exchange["capdu_plain"]))
            # Le stands outside of the protection: left out, it counts as 00
            assert plain == expected.replace(ne=expected.ne or 256), exchange["name"]
        else:
            assert plain.cla.value == 0x80
            assert plain.data.hex() == "4f00"
        if "rdata_plain" not in exchange:
            continue
        response = ResponseApdu(h(exchange["rdata_plain"]), StatusWord(int(exchange["sw"], 16)))
        answer = session.protect(response).data
        if exchange.get("extra_zero_padding_block"):
            # the recorded card padded by a block more: the counter is its, the padding is not
            assert len(answer) + 16 == len(h(exchange["rdata_protected"]))
        else:
            assert answer == h(exchange["rdata_protected"]), exchange["name"]


@every_session
def test_an_exchange_that_was_changed_ends_the_session(case: dict[str, Any]) -> None:
    for exchange in case["exchanges"][:1]:
        raw = h(exchange["capdu_protected"])
        end = 5 + raw[4]
        for place in [*range(1, 4), *range(5, end)]:
            wrong = bytearray(raw)
            wrong[place] ^= 0x01
            session = opened(case)
            with pytest.raises(IsoError) as refusal:
                session.unprotect(CommandApdu.parse(bytes(wrong)))
            assert refusal.value.status == 0x6982
            assert not session.alive


def test_published_session_keys() -> None:
    cases = [case for case in CASES if "s_enc" in case]
    assert len(cases) == 2
    for case in cases:
        session, _, _ = opening(case)
        assert session._keys is not None
        found = [key.value for key in session._keys]
        assert found == [h(case["s_enc"]), h(case["s_mac"]), h(case["s_rmac"])]


def test_a_challenge_follows_from_the_counter_and_the_name_of_the_domain() -> None:
    counted = [case for case in CASES if case["name"].split()[0] in DOMAINS]
    assert len(counted) == 14
    for case in counted:
        answer = h(case["initialize_update_rdata"])
        session_keys = KeySet(1, *(AesKey(h(case[key])) for key in ("k_enc", "k_mac", "k_dek")))
        counter = int.from_bytes(opening(case)[2], "big")
        name = DOMAINS[case["name"].split()[0]]
        assert card_challenge(session_keys, Variant(0x70), counter, name) == answer[13:21]
        assert card_challenge(session_keys, Variant(0x70), counter + 1, name) != answer[13:21]


def test_published_derivation_and_check_values() -> None:
    [case] = DOCUMENT["kdf_cases"]
    assert case["construction"].startswith("AES-CMAC(master, i(1) || constant || KDD)")
    found = derive_sp800_108(AesKey(h(case["master"])), 32, b"", h(case["constant"] + case["kdd"]))
    assert found == h(case["output"])
    for check in DOCUMENT["kcv_cases"]:
        assert AesKey(h(check["key"])).check_value() == h(check["kcv"])
