"""MUTUAL AUTHENTICATE against published examples; one failure, whatever was wrong."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from jukicard.apdu import CommandApdu, ResponseApdu, Tlv
from jukicard.authentication.mutual import MutualAuthentication
from jukicard.crypto.kdf import derive_triple_des, digest
from jukicard.crypto.symmetric import AesKey, BlockKey, TripleDesKey, with_odd_parity
from jukicard.errors import IsoError
from jukicard.securemessaging.iso7816 import Iso7816Session
from jukicard.securemessaging.session import AuthenticationFailed
from jukicard.securemessaging.suites import PARAMETERS, SessionKeys, Suite, make_key
from tests.support.naive.sm_reader import aes_cbc, aes_mac, des_cbc, pad, retail_mac
from tests.support.published.vectors import load

h = bytes.fromhex
BAC = load("securemessaging/icao9303_bac")["steps"]
ISA_DES, ISA_AES = load("securemessaging/jp_isa_mutual_authenticate")["cases"]
EVERY_SUITE = tuple(Suite)

RND_IC = h("4608F91988702212")
RND_IFD = h("781723860C06C226")
K_IFD = h("0B795240CB7049B01C19B33E32804F0B")
K_IC = h("0B4F80323EB3191CB04970CB4052790B")


def gives(value: bytes) -> Callable[[int], bytes]:
    """A source of randomness that has exactly one value to give."""
    values = [value]

    def random_bytes(size: int) -> bytes:
        assert size == len(values[0])
        return values.pop()

    return random_bytes


def never(_: int) -> bytes:
    raise AssertionError("randomness was drawn")


def pair(suite: Suite) -> tuple[bytes, bytes]:
    size = PARAMETERS[suite].key_length
    return bytes(range(size)), bytes(range(100, 100 + size))


def engine(suite: Suite) -> MutualAuthentication:
    enc, mac = pair(suite)
    return MutualAuthentication(suite, make_key(suite, enc), make_key(suite, mac))


def seal(suite: Suite, plain: bytes) -> bytes:
    """The terminal's message, made with the library alone."""
    enc, mac = pair(suite)
    if suite is Suite.TRIPLE_DES:
        cryptogram = des_cbc(enc, plain)
        return cryptogram + retail_mac(mac, pad(cryptogram, 8))
    cryptogram = aes_cbc(enc, bytes(16), plain)
    return cryptogram + aes_mac(mac, cryptogram)


def test_icao_bac() -> None:
    keys = TripleDesKey(h(BAC["k_enc"])), TripleDesKey(h(BAC["k_mac"]))
    command = CommandApdu.parse(h(BAC["mutual_authenticate_capdu"]))
    data, session = MutualAuthentication(Suite.TRIPLE_DES, *keys).answer(
        command.data, h(BAC["rnd_ic"]), gives(h(BAC["k_ic"]))
    )
    assert ResponseApdu(data).encode() == h(BAC["mutual_authenticate_rapdu"])
    assert data == h(BAC["e_ic"]) + h(BAC["m_ic"])
    assert session.enc.value == h(BAC["ks_enc"])
    assert session.mac.value == h(BAC["ks_mac"])
    assert session.ssc == h(BAC["ssc"])


def test_icao_bac_step_by_step() -> None:
    """From what is printed to the session's seed; both messages lie open to the card's keys."""
    printed = digest("sha1", BAC["mrz_information_ascii"].encode())
    assert printed == h(BAC["sha1_mrz"])
    assert printed[:16] == h(BAC["k_seed"])
    enc, mac = (derive_triple_des(printed[:16], counter) for counter in (1, 2))
    assert CommandApdu.parse(h(BAC["get_challenge_capdu"])).ne == len(h(BAC["rnd_ic"]))
    assert ResponseApdu.parse(h(BAC["get_challenge_rapdu"])).data == h(BAC["rnd_ic"])
    asked, answered = h(BAC["s"]), h(BAC["r"])
    assert asked == h(BAC["rnd_ifd"] + BAC["rnd_ic"] + BAC["k_ifd"])
    assert answered == h(BAC["rnd_ic"] + BAC["rnd_ifd"] + BAC["k_ic"])
    for plain, cryptogram, short in (
        (asked, BAC["e_ifd"], BAC["m_ifd"]),
        (answered, BAC["e_ic"], BAC["m_ic"]),
    ):
        assert enc.decrypt_cbc(h(cryptogram)) == plain
        assert mac.retail_mac(h(cryptogram), 2) == h(short)
    seed = int(BAC["k_ifd"], 16) ^ int(BAC["k_ic"], 16)
    assert seed.to_bytes(16, "big") == h(BAC["session_seed"])


@pytest.mark.parametrize("vector", [ISA_DES, ISA_AES], ids=lambda vector: vector["cipher"])
def test_residence_card_step_by_step(vector: dict[str, str]) -> None:
    printed = digest("sha1", vector["card_number_ascii"].encode())
    assert printed == h(vector["sha1_card_number"])
    assert printed[:16] == h(vector["k_enc"]) == h(vector["k_mac"])
    enc = (TripleDesKey if vector["cipher"] == "3DES" else AesKey)(printed[:16])
    plain = h(vector["rnd_icc"] + vector["rnd_ifd"] + vector["k_icc"])
    assert (
        enc.decrypt_cbc(h(vector["e_icc"])) == plain == h(vector.get("icc_decrypted", plain.hex()))
    )
    asked = h(vector["rnd_ifd"] + vector["rnd_icc"] + vector["k_ifd"])
    assert enc.decrypt_cbc(h(vector["e_ifd"])) == asked


def test_residence_card_session_key_is_the_head_of_the_published_hash() -> None:
    assert digest("sha1", h(ISA_AES["k_xor"]) + b"\0\0\0\1") == h(ISA_AES["sha1_session"])
    # its own secure messaging names the encrypted bytes in DO 86; the project's does not
    verify = CommandApdu.parse(h(ISA_AES["verify_capdu"]))
    assert Tlv.parse(verify.data) == Tlv(0x86, b"\1" + h(ISA_AES["verify_encrypted"]))
    session = Iso7816Session.start(SessionKeys.derive(Suite.AES128, h(ISA_AES["k_xor"]), None))
    with pytest.raises(IsoError):
        session.unprotect(verify)
    assert not session.alive


def test_residence_card_first_generation() -> None:
    keys = TripleDesKey(h(ISA_DES["k_enc"])), TripleDesKey(h(ISA_DES["k_mac"]))
    data, session = MutualAuthentication(Suite.TRIPLE_DES, *keys).answer(
        h(ISA_DES["e_ifd"]) + h(ISA_DES["m_ifd"]),
        h(ISA_DES["rnd_icc"]),
        gives(h(ISA_DES["k_icc"])),
    )
    assert data == h(ISA_DES["e_icc"]) + h(ISA_DES["m_icc"])
    # the published key is without parity adjustment, which the cipher ignores
    assert session.enc.value == with_odd_parity(h(ISA_DES["ks_enc"]))
    plain, encrypted = h(ISA_DES["verify_plain_padded"]), h(ISA_DES["verify_encrypted"])
    assert session.enc.encrypt_cbc(plain) == encrypted


def test_residence_card_second_generation() -> None:
    keys = AesKey(h(ISA_AES["k_enc"])), AesKey(h(ISA_AES["k_mac"]))
    command = CommandApdu.parse(h(ISA_AES["mutual_authenticate_capdu"]))
    data, session = MutualAuthentication(Suite.AES128, *keys).answer(
        command.data, h(ISA_AES["rnd_icc"]), gives(h(ISA_AES["k_icc"]))
    )
    assert data == h(ISA_AES["e_icc"]) + h(ISA_AES["m_icc"])
    assert session.enc.value == h(ISA_AES["ks_enc"])
    assert session.ssc == bytes(16)
    plain, encrypted = h(ISA_AES["verify_plain_padded"]), h(ISA_AES["verify_encrypted"])
    assert session.enc.encrypt_cbc(plain) == encrypted


def test_transcript_of_the_reference() -> None:
    """A regression transcript of the project's own protocol page, not a published vector."""
    authentication = MutualAuthentication(
        Suite.AES128,
        AesKey(h("FEC19A54599D401703510FB9F0C62CDE")),
        AesKey(h("3EEF7474FC497329925257C79A04A6B6")),
    )
    command = CommandApdu.parse(
        h(
            "0082008128DCD31CFB7CED4B0BB208CDE502F260B818113787DF0BFDC75733A32AD99BCDFE01A89AB20B"
            "01546128"
        )
    )
    data, keys = authentication.answer(command.data, RND_IC, gives(K_IC))
    assert ResponseApdu(data).encode() == h(
        "FB9D650BCDBCD216EDCD206B5F35D0E8CCC387BBB896A04E42836FA96C191F164884F13336C6447B9000"
    )
    assert keys.enc.value == h("969EC03B1CBFE9DDD11AB1FED206EBE4")
    assert keys.mac.value == h("F0CA1E1EB5ADF208816B88DD579CC1F8")
    session = Iso7816Session.start(keys)
    # plain command, protected command, plain answer, protected answer
    exchanges = (
        (
            "00B0810010",
            "0CB081000D9701108E081B82252E6E1BE43000",
            None,
            "87210119586E33A54005C3CB2D989577BC88EA7A9C0267DD3C4CA46A0A50BC5C98019499029000"
            "8E081B60FC5B8009895F9000",
        ),
        (
            "00D6810004DEADBEEF",
            "0CD681001D871101F6468750E9E03584E28E251EF11D0BC68E08726304F943E6BDD400",
            "9000",
            "990290008E0831F607A51061A7559000",
        ),
        (
            "00B1000104540201000C",
            "0CB100011F8510678D30E92F99B12C1C4D18B6A21E578597010C8E084AC1B3B3F36F6E8500",
            None,
            "8510EF2C5E1C182069A56FFF1F53D667B597990290008E08FB707C08A733F8259000",
        ),
        (
            "00A4020C02EEEE",
            "0CA4020C1D871101A33E32E891B8E454447A9E3CCDC3DDF78E0852D4BB9976DF228100",
            "6A82",
            "99026A828E08E2D8F1F39EF6B8D46A82",
        ),
    )
    for i, (plain, protected, answer, protected_answer) in enumerate(exchanges):
        assert session.unprotect(CommandApdu.parse(h(protected))) == CommandApdu.parse(h(plain))
        if answer is None:  # the transcript gives the content in its protected form only
            enc = keys.enc
            iv = enc.encrypt_ecb((2 * i + 2).to_bytes(16, "big"))
            raw = h(protected_answer)
            cryptogram = raw[3 : 1 + 1 + raw[1]] if raw[0] == 0x87 else raw[2 : 2 + raw[1]]
            padded = enc.decrypt_cbc(cryptogram, iv)
            response = ResponseApdu(padded[: padded.rindex(b"\x80")])
            assert len(response.data) == (16 if i == 0 else 12)
            assert i == 0 or response.data.startswith(h("530A"))
        else:
            response = ResponseApdu.parse(h(answer))
        assert session.protect(response).encode() == h(protected_answer)


@pytest.mark.parametrize("suite", EVERY_SUITE)
def test_every_suite_with_a_naive_terminal(suite: Suite) -> None:
    data, keys = engine(suite).answer(seal(suite, RND_IFD + RND_IC + K_IFD), RND_IC, gives(K_IC))
    assert data == seal(suite, RND_IC + RND_IFD + K_IC)
    secret = bytes(a ^ b for a, b in zip(K_IFD, K_IC, strict=True))
    expected = SessionKeys.derive(suite, secret, keys.ssc)
    assert (keys.enc.value, keys.mac.value) == (expected.enc.value, expected.mac.value)
    if suite is Suite.TRIPLE_DES:
        assert keys.ssc == RND_IC[4:] + RND_IFD[4:]
    else:
        assert keys.ssc == bytes(16)


def wrong_messages(suite: Suite) -> dict[str, bytes]:
    good = seal(suite, RND_IFD + RND_IC + K_IFD)
    other = bytes(8)
    return {
        "wrong MAC": good[:-1] + bytes((good[-1] ^ 1,)),
        "wrong cryptogram": bytes((good[0] ^ 1,)) + good[1:],
        "everything wrong": bytes(40),
        "old challenge": seal(suite, RND_IFD + other + K_IFD),
        "challenge wrong in its last bit": seal(
            suite, RND_IFD + RND_IC[:-1] + bytes((RND_IC[-1] ^ 1,)) + K_IFD
        ),
        "reflected": seal(suite, RND_IC + RND_IC + K_IFD),
        "the card's own answer": seal(suite, RND_IC + RND_IFD + K_IC),
        "empty": b"",
        "too short": good[:-1],
        "too long": good + b"\0",
        "without MAC": good[:32],
    }


@pytest.mark.parametrize("suite", EVERY_SUITE)
@pytest.mark.parametrize("name", wrong_messages(Suite.AES128))
def test_refusals(suite: Suite, name: str) -> None:
    with pytest.raises(AuthenticationFailed) as failed:
        engine(suite).answer(wrong_messages(suite)[name], RND_IC, never)
    assert failed.value.args == ()


@pytest.mark.parametrize("suite", EVERY_SUITE)
def test_every_flipped_bit_is_refused(suite: Suite) -> None:
    authentication = engine(suite)
    good = seal(suite, RND_IFD + RND_IC + K_IFD)
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(AuthenticationFailed):
            authentication.answer(bytes(bad), RND_IC, never)
    authentication.answer(good, RND_IC, gives(K_IC))


@pytest.mark.parametrize("suite", EVERY_SUITE)
def test_the_same_cipher_operations_whatever_was_wrong(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()

    def count(kind: type[AesKey] | type[TripleDesKey], name: str) -> None:
        original = getattr(kind, name)

        def counted(self: BlockKey, data: bytes, *rest: object) -> bytes:
            calls[f"{name} {len(data)}"] += 1
            result: bytes = original(self, data, *rest)
            return result

        monkeypatch.setattr(kind, name, counted)

    for kind in (AesKey, TripleDesKey):
        for method in ("encrypt_ecb", "decrypt_ecb", "encrypt_cbc", "decrypt_cbc", "cmac"):
            count(kind, method)
    count(TripleDesKey, "retail_mac")
    seen = {}
    for name, message in wrong_messages(suite).items():
        calls.clear()
        with pytest.raises(AuthenticationFailed):
            engine(suite).answer(message, RND_IC, never)
        seen[name] = dict(calls)
    first = next(iter(seen.values()))
    assert first["decrypt_cbc 32"] == 1
    assert first["retail_mac 32" if suite is Suite.TRIPLE_DES else "cmac 32"] == 1
    assert all(operations == first for operations in seen.values()), seen


def test_a_challenge_has_eight_bytes() -> None:
    for size in (0, 7, 9, 16):
        with pytest.raises(ValueError, match="challenge"):
            engine(Suite.AES128).answer(bytes(40), bytes(size), never)


@pytest.mark.parametrize("suite", EVERY_SUITE)
@pytest.mark.parametrize("other", EVERY_SUITE)
def test_a_key_serves_its_own_suite_only(suite: Suite, other: Suite) -> None:
    own, foreign = engine_key(suite), engine_key(other)
    if suite is other:
        MutualAuthentication(suite, own, foreign)
        return
    for keys in ((own, foreign), (foreign, own), (foreign, foreign)):
        with pytest.raises(TypeError):
            MutualAuthentication(suite, *keys)
        with pytest.raises(TypeError):
            SessionKeys(suite, *keys, bytes(PARAMETERS[suite].key_type.block))


def engine_key(suite: Suite) -> BlockKey:
    return make_key(suite, bytes(PARAMETERS[suite].key_length))


@pytest.mark.parametrize("suite", EVERY_SUITE)
def test_key_lengths_are_the_suites(suite: Suite) -> None:
    for size in range(40):
        if size != PARAMETERS[suite].key_length:
            with pytest.raises(ValueError, match="has"):
                make_key(suite, bytes(size))


def test_three_key_triple_des_is_no_suite() -> None:
    key = TripleDesKey(bytes(24))
    with pytest.raises(TypeError):
        MutualAuthentication(Suite.TRIPLE_DES, key, key)


def test_counter_lengths_are_the_suites() -> None:
    key = AesKey(bytes(16))
    for size in (0, 8, 15, 17):
        with pytest.raises(ValueError, match="counter"):
            SessionKeys(Suite.AES128, key, key, bytes(size))


def test_nothing_secret_shows() -> None:
    keys = SessionKeys.derive(Suite.AES128, b"secret")
    assert repr(keys) == f"SessionKeys(suite={Suite.AES128!r})"
    assert repr(engine(Suite.AES128)) == "<MutualAuthentication AES128>"


def test_two_sessions_differ() -> None:
    message = seal(Suite.AES128, RND_IFD + RND_IC + K_IFD)
    source = random.Random(1).randbytes
    first = engine(Suite.AES128).answer(message, RND_IC, source)
    second = engine(Suite.AES128).answer(message, RND_IC, source)
    assert first[0] != second[0]
    assert first[1].enc.value != second[1].enc.value
