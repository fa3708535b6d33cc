"""SCP03 of the terminal: the published sessions, byte by byte, and what is offered in their place.

The published sessions vouch for S8 with levels 11, 03 and 33, and for S16 with level 33.
"""

from __future__ import annotations

from typing import Any

import pytest

from jukicard.apdu import CommandApdu, ResponseApdu, StatusWord
from jukihost.authentication.scp03 import (
    CardOffer,
    ChannelNotOffered,
    authenticate,
    derive_session,
)
from jukihost.crypto.primitives import AesCmac, check_value, derive_in_counter_mode
from jukihost.errors import AuthenticationRejected, CardNotAuthentic, ReferenceNotFound
from jukihost.keys.issuer import IssuerKeys
from jukihost.securemessaging.scp03 import Scp03Session, SecurityLevel
from tests.support.host.fakes import AnswerChannel, ScriptedConnection, answers
from tests.support.published.vectors import load

SCP03 = load("securemessaging/gp_scp03")
SCP02 = load("securemessaging/gp_scp02")["steps"]
SESSIONS = SCP03["cases"]
KDF = [
    case
    for case in load("crypto/sp800_108_cmac_kdf")["cases"]
    if case["location"] == "MIDDLE_FIXED" and case["rlen_bits"] == 8 and "AES" in case["prf"]
]


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


def keys_of(case: dict[str, Any]) -> IssuerKeys:
    version = raw(case["initialize_update_capdu"])[2]
    return IssuerKeys(raw(case["k_enc"]), raw(case["k_mac"]), raw(case["k_dek"]), version)


def level_of(case: dict[str, Any]) -> SecurityLevel:
    return SecurityLevel(int(case["security_level"], 16))


def opened(case: dict[str, Any]) -> Scp03Session:
    """The session that the terminal opens with the recorded card."""
    update = CommandApdu.parse(raw(case["initialize_update_capdu"]))
    script = ScriptedConnection(
        (case["initialize_update_capdu"], case["initialize_update_rdata"] + "9000"),
        (case["external_authenticate_capdu"], "9000"),
    )

    class Recorded:
        def transmit(self, command: CommandApdu) -> ResponseApdu:
            return ResponseApdu.parse(script.transmit(command.encode()))

    session = authenticate(
        Recorded(),
        keys_of(case),
        level=level_of(case),
        variant=raw(case["initialize_update_rdata"])[12],
        random=lambda size: update.data if size == len(update.data) else b"",
    )
    script.check_finished()
    return session


@pytest.mark.parametrize("case", SESSIONS, ids=lambda case: case["name"])
def test_published_session(case: dict[str, Any]) -> None:
    session = opened(case)
    assert session.mac_bytes == {"S8": 8, "S16": 16}[case["mode"]]
    for exchange in case["exchanges"]:
        recorded = CommandApdu.parse(raw(exchange["capdu_protected"]))
        plain = exchange.get("capdu_plain")
        # OpenSCP names its commands only: GET STATUS with 4F00, see the notes of the file
        command = (
            CommandApdu(0x80, recorded.ins, recorded.p1, recorded.p2, b"\x4f\x00")
            if plain is None
            else CommandApdu.parse(raw(plain))
        )
        assert session.protect(command).encode() == recorded.encode()
        if "rdata_protected" in exchange:
            answer = ResponseApdu(
                raw(exchange["rdata_protected"]), StatusWord(int(exchange["sw"], 16))
            )
            assert session.unprotect(answer, command).data == raw(exchange["rdata_plain"])
        else:
            session._pending = None  # the answer was not published; the next command goes on


def test_an_answer_padded_by_a_block_too_many_is_taken() -> None:
    assert any(
        exchange.get("extra_zero_padding_block")
        for case in SESSIONS
        for exchange in case["exchanges"]
    )


@pytest.mark.parametrize(
    "case", [case for case in SESSIONS if "s_enc" in case], ids=lambda case: case["name"]
)
def test_published_session_keys(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[bytes, ...]] = []
    monkeypatch.setattr(
        "jukihost.authentication.scp03.Scp03Session", lambda *keys, mac_bytes: made.append(keys)
    )
    update = CommandApdu.parse(raw(case["initialize_update_capdu"]))
    offer = CardOffer.parse(raw(case["initialize_update_rdata"]), 0x70)
    derive_session(keys_of(case), update.data, offer.challenge)
    assert made == [(raw(case["s_enc"]), raw(case["s_mac"]), raw(case["s_rmac"]))]


@pytest.mark.parametrize("case", KDF)
def test_derivation_as_published(case: dict[str, Any]) -> None:
    derived = derive_in_counter_mode(
        raw(case["KI"]),
        raw(case["DataBeforeCtrData"]),
        raw(case["DataAfterCtrData"]),
        case["L"] // 8,
    )
    assert derived == raw(case["KO"])


@pytest.mark.parametrize("case", SCP03["kdf_cases"], ids=lambda case: case["name"])
def test_a_master_key_gives_the_published_card_key(case: dict[str, Any]) -> None:
    assert case["construction"].startswith("AES-CMAC(master, i(1) || constant || KDD)")
    mac = AesCmac(raw(case["master"]))
    blocks = (mac(bytes((i,)) + raw(case["constant"]) + raw(case["kdd"])) for i in (1, 2))
    assert b"".join(blocks) == raw(case["output"])


@pytest.mark.parametrize("case", SCP03["kcv_cases"], ids=lambda case: case["key"][:4])
def test_published_check_values(case: dict[str, Any]) -> None:
    assert check_value(raw(case["key"])) == raw(case["kcv"])


# -- refused ---------------------------------------------------------------------------------------

CASE = SESSIONS[2]
UPDATE = raw(CASE["initialize_update_capdu"])[5:13]


def ask(channel: AnswerChannel, keys: IssuerKeys | None = None, **options: Any) -> Scp03Session:
    return authenticate(channel, keys or keys_of(CASE), random=lambda _: UPDATE, **options)


def test_scp02_is_not_spoken() -> None:
    """Its answers are predictable to who watches (Avoine and Ferreira 2018); nothing is proven."""
    channel = answers(SCP02["initialize_update_rdata"] + "9000")
    keys = IssuerKeys(raw(SCP02["k_enc"]), raw(SCP02["k_mac"]), raw(SCP02["k_dek"]), 0x20)
    with pytest.raises(ChannelNotOffered, match="SCP02"):
        ask(channel, keys)
    [sent] = channel.seen
    assert sent.ins == raw(SCP02["initialize_update_capdu"])[1]
    later = [SCP02["external_authenticate_capdu"]]
    later += [exchange["capdu_protected"] for exchange in SCP02["exchanges"]]
    assert sent.encode().hex().upper() not in later
    assert all(exchange["capdu_plain"].startswith("80") for exchange in SCP02["exchanges"])


OFFER = raw(CASE["initialize_update_rdata"])


@pytest.mark.parametrize("bit", range(8 * 16), ids=str)
def test_a_card_that_does_not_prove_itself_gets_no_proof(bit: int) -> None:
    """Each bit of its challenge and cryptogram."""
    changed = bytearray(OFFER)
    changed[13 + bit // 8] ^= 1 << bit % 8
    channel = answers((bytes(changed) + b"\x90\x00").hex())
    with pytest.raises(CardNotAuthentic, match="nothing was proven"):
        ask(channel)
    assert len(channel.seen) == 1


@pytest.mark.parametrize("size", range(len(OFFER) + 16))
def test_an_offer_of_another_length_is_refused(size: int) -> None:
    channel = answers((OFFER + bytes(16))[:size].hex() + "9000")
    if size == len(OFFER):
        with pytest.raises(StopIteration):
            ask(channel)  # it goes on to EXTERNAL AUTHENTICATE
        return
    with pytest.raises(ChannelNotOffered):
        ask(channel)
    assert len(channel.seen) == 1


@pytest.mark.parametrize("offered", range(256))
def test_another_variant_than_asked_is_refused(offered: int) -> None:
    changed = OFFER[:12] + bytes((offered,)) + OFFER[13:]
    channel = answers(changed.hex() + "9000", "9000")
    if offered == 0x70:
        assert ask(channel).level is SecurityLevel.FULL
        return
    with pytest.raises(ChannelNotOffered, match=f"i = {offered:02X}"):
        ask(channel)
    assert len(channel.seen) == 1


@pytest.mark.parametrize("offered", range(256))
def test_another_key_version_than_asked_is_refused(offered: int) -> None:
    changed = OFFER[:10] + bytes((offered,)) + OFFER[11:]
    channel = answers(changed.hex() + "9000", "9000")
    if offered == 0x30:
        assert ask(channel).alive
        return
    with pytest.raises(ChannelNotOffered, match=f"version {offered}, 48 was asked"):
        ask(channel)
    assert len(channel.seen) == 1


@pytest.mark.parametrize("level", SecurityLevel)
@pytest.mark.parametrize("variant", range(256))
def test_a_level_that_the_variant_has_not_is_refused_before_anything_is_sent(
    level: SecurityLevel, variant: int
) -> None:
    # Amendment D, table 5-1: 01 S16, 10 pseudo-random, 20 R-MAC, 60 R-MAC and R-ENCRYPTION
    known = variant in {a | b | c for a in (0, 1) for b in (0, 0x10) for c in (0, 0x20, 0x60)}
    answered = {0x00: 0, 0x10: 1, 0x30: 2}[level & 0x30]
    can = {0x00: 0, 0x20: 1, 0x60: 2}.get(variant & 0x60, 0)
    channel = answers()
    error: type[Exception] = StopIteration if known and answered <= can else ChannelNotOffered
    with pytest.raises(error):
        ask(channel, level=level, variant=variant)
    assert len(channel.seen) == (error is StopIteration)


def test_what_the_card_refuses_is_told() -> None:
    with pytest.raises(ReferenceNotFound):
        ask(answers("6A88"))
    channel = answers(CASE["initialize_update_rdata"] + "9000", "6300")
    with pytest.raises(AuthenticationRejected):
        ask(channel)
    assert len(channel.seen) == 2
    with pytest.raises(AuthenticationRejected):
        ask(answers(CASE["initialize_update_rdata"] + "9000", "63C3"))


def test_nothing_of_a_key_is_shown() -> None:
    session = opened(CASE)
    shown = repr(keys_of(CASE)) + repr(session) + repr(session._keys)
    for name in ("k_enc", "k_mac", "k_dek"):
        assert CASE[name].lower() not in shown.lower()
        assert repr(raw(CASE[name])) not in shown
