"""Mutual authentication of the terminal: published examples, round trips, and every way to lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha1

import pytest

from jukicard.apdu import CommandApdu, ResponseApdu, StatusWord, Tlv
from jukihost.authentication import MutualAuthentication, Suite, authenticate
from jukihost.authentication.mutual import get_challenge
from jukihost.crypto.primitives import (
    RetailMac,
    adjust_parity,
    aes_cbc,
    derive_key,
    pad,
    triple_des_cbc,
    xor,
)
from jukihost.errors import AuthenticationRejected, CardNotAuthentic, ProtocolError, StatusError
from jukihost.securemessaging import AnswerNotAuthentic, Iso7816Session, SecureChannel, SessionOver
from jukihost.securemessaging.session import AesCipher, TripleDesCipher
from tests.support.published.vectors import load
from tests.unit.host_securemessaging.reference_card import ReferenceCard

BAC = load("securemessaging/icao9303_bac")["steps"]
ICAO_SM = load("securemessaging/icao9303_sm_3des")
ISA = {case["cipher"]: case for case in load("securemessaging/jp_isa_mutual_authenticate")["cases"]}
READ = CommandApdu(0x00, 0xB0, 0x00, 0x00, ne=256)
SUITES = list(Suite)
KEY_BYTES = {Suite.MA_AES128: 16, Suite.MA_AES192: 24, Suite.MA_AES256: 32, Suite.MA_3DES: 16}


@dataclass(frozen=True)
class Keys:
    suite: str
    k_enc: bytes
    k_mac: bytes


def _keys(suite: Suite) -> Keys:
    size = KEY_BYTES[suite]
    return Keys(suite, bytes(range(1, size + 1)), bytes(range(101, size + 101)))


def _raw(text: str) -> bytes:
    return bytes.fromhex(text)


def _feed(*values: bytes) -> Callable[[int], bytes]:
    """A source of randomness that returns these values in this order."""
    source: Iterator[bytes] = iter(values)

    def random(size: int) -> bytes:
        value = next(source)
        assert len(value) == size
        return value

    return random


def _vector_run(vector: dict[str, str], suite: Suite) -> MutualAuthentication:
    return MutualAuthentication(
        suite,
        _raw(vector["k_enc"]),
        _raw(vector["k_mac"]),
        random=_feed(_raw(vector["rnd_ifd"]), _raw(vector["k_ifd"])),
    )


def test_icao_appendix_d1_keys() -> None:
    seed = _raw(BAC["k_seed"])
    assert adjust_parity(derive_key(seed, 1, 16)) == _raw(BAC["k_enc"])
    assert adjust_parity(derive_key(seed, 2, 16)) == _raw(BAC["k_mac"])
    session = _raw(BAC["session_seed"])
    assert adjust_parity(derive_key(session, 1, 16)) == _raw(BAC["ks_enc"])
    assert adjust_parity(derive_key(session, 2, 16)) == _raw(BAC["ks_mac"])


def test_icao_appendix_d3_and_the_session_after_it() -> None:
    run = _vector_run(BAC, Suite.MA_3DES)
    assert run.begin(_raw(BAC["rnd_ic"])) == _raw(BAC["e_ifd"] + BAC["m_ifd"])
    answer = ResponseApdu.parse(_raw(BAC["mutual_authenticate_rapdu"]))
    session = run.finish(answer.data)
    assert session._ssc == int(BAC["ssc"], 16)
    for step in ICAO_SM["steps"]:
        command = CommandApdu.parse(_raw(step["capdu_plain"]))
        assert session.protect(command).encode() == _raw(step["capdu_protected"])
        protected = ResponseApdu.parse(_raw(step["rapdu_protected"]))
        assert session.unprotect(protected, command).encode() == _raw(step["rapdu_plain"])


def test_icao_appendix_d_step_by_step() -> None:
    printed = sha1(BAC["mrz_information_ascii"].encode()).digest()
    assert printed == _raw(BAC["sha1_mrz"])
    assert printed[:16] == _raw(BAC["k_seed"])
    card = _Transcript((BAC["get_challenge_capdu"], BAC["get_challenge_rapdu"]))
    assert get_challenge(card) == _raw(BAC["rnd_ic"])
    asked, answered = _raw(BAC["s"]), _raw(BAC["r"])
    assert asked == _raw(BAC["rnd_ifd"] + BAC["rnd_ic"] + BAC["k_ifd"])
    assert answered == _raw(BAC["rnd_ic"] + BAC["rnd_ifd"] + BAC["k_ic"])
    cipher, mac = triple_des_cbc(_raw(BAC["k_enc"])), RetailMac(_raw(BAC["k_mac"]))
    for plain, cryptogram, short in (
        (asked, _raw(BAC["e_ifd"]), BAC["m_ifd"]),
        (answered, _raw(BAC["e_ic"]), BAC["m_ic"]),
    ):
        assert cipher.encrypt(bytes(8), plain) == cryptogram
        assert mac(pad(cryptogram, 8)) == _raw(short)
    assert xor(_raw(BAC["k_ifd"]), _raw(BAC["k_ic"])) == _raw(BAC["session_seed"])
    whole = CommandApdu.parse(_raw(BAC["mutual_authenticate_capdu"]))
    assert whole.data == _raw(BAC["e_ifd"] + BAC["m_ifd"])


@pytest.mark.parametrize(
    ("cipher", "suite"), [("3DES", Suite.MA_3DES), ("AES-128", Suite.MA_AES128)]
)
def test_residence_card_example(cipher: str, suite: Suite) -> None:
    vector = ISA[cipher]
    run = _vector_run(vector, suite)
    message = run.begin(_raw(vector["rnd_icc"]))
    assert message == _raw(vector["e_ifd"] + vector["m_ifd"])
    session = run.finish(_raw(vector["e_icc"] + vector["m_icc"]))
    # The example goes on with a simpler secure messaging of its own, under the same KS.ENC.
    inner = session._cipher
    assert isinstance(inner, AesCipher | TripleDesCipher)
    plain, encrypted = _raw(vector["verify_plain_padded"]), _raw(vector["verify_encrypted"])
    assert inner._cbc.encrypt(bytes(inner.block), plain) == encrypted


@pytest.mark.parametrize("cipher", list(ISA))
def test_residence_card_intermediate_values(cipher: str) -> None:
    vector = ISA[cipher]
    make = triple_des_cbc if cipher == "3DES" else aes_cbc
    block = 8 if cipher == "3DES" else 16
    received = make(_raw(vector["k_enc"])).decrypt(bytes(block), _raw(vector["e_icc"]))
    assert received == _raw(vector["rnd_icc"] + vector["rnd_ifd"] + vector["k_icc"])
    assert received.hex().upper() == vector.get("icc_decrypted", received.hex().upper())
    printed = sha1(vector["card_number_ascii"].encode()).digest()
    assert printed == _raw(vector["sha1_card_number"])
    assert printed[:16] == _raw(vector["k_enc"]) == _raw(vector["k_mac"])
    assert xor(_raw(vector["k_ifd"]), _raw(vector["k_icc"])) == _raw(vector["k_xor"])
    assert derive_key(_raw(vector["k_xor"]), 1, 16) == _raw(vector["ks_enc"])


def test_residence_card_command() -> None:
    vector = ISA["AES-128"]
    expected = CommandApdu.parse(_raw(vector["mutual_authenticate_capdu"]))
    assert _vector_run(vector, Suite.MA_AES128).begin(_raw(vector["rnd_icc"])) == expected.data
    assert sha1(_raw(vector["k_xor"]) + b"\0\0\0\1").digest() == _raw(vector["sha1_session"])
    # its own secure messaging names the encrypted bytes in DO 86; the project's does not
    verify = CommandApdu.parse(_raw(vector["verify_capdu"]))
    assert Tlv.parse(verify.data) == Tlv(0x86, b"\1" + _raw(vector["verify_encrypted"]))


class _Transcript:
    """A channel that insists on exactly these commands, and gives these answers."""

    def __init__(self, *exchanges: tuple[str, str]) -> None:
        self.exchanges = list(exchanges)

    def transmit(self, command: CommandApdu, /) -> ResponseApdu:
        sent, answer = self.exchanges.pop(0)
        assert command.encode().hex().upper() == sent
        return ResponseApdu.parse(_raw(answer))


# A snapshot of what this project's choices give together (key layout, key reference, AES suite):
# it was computed, not published. The published parts of it have tests of their own above.
DERIVED = (
    ("0084000008", "4608F919887022129000"),
    (
        "0082008128DCD31CFB7CED4B0BB208CDE502F260B818113787DF0BFDC75733A32AD99BCDFE01A89AB20B01546128",
        "FB9D650BCDBCD216EDCD206B5F35D0E8CCC387BBB896A04E42836FA96C191F164884F13336C6447B9000",
    ),
    (
        "0CB081000D9701108E081B82252E6E1BE43000",
        "87210119586E33A54005C3CB2D989577BC88EA7A9C0267DD3C4CA46A0A50BC5C980194990290008E081B60FC5B80"
        "09895F9000",
    ),
    (
        "0CD681001D871101F6468750E9E03584E28E251EF11D0BC68E08726304F943E6BDD400",
        "990290008E0831F607A51061A7559000",
    ),
    (
        "0CB100011F8510678D30E92F99B12C1C4D18B6A21E578597010C8E084AC1B3B3F36F6E8500",
        "8510EF2C5E1C182069A56FFF1F53D667B597990290008E08FB707C08A733F8259000",
    ),
    (
        "0CA4020C1D871101A33E32E891B8E454447A9E3CCDC3DDF78E0852D4BB9976DF228100",
        "99026A828E08E2D8F1F39EF6B8D46A82",
    ),
)


def test_transcript_of_an_aes_session() -> None:
    keys = Keys(
        "MA-AES128",
        _raw("FEC19A54599D401703510FB9F0C62CDE"),
        _raw("3EEF7474FC497329925257C79A04A6B6"),
    )
    line = _Transcript(*DERIVED)
    channel = authenticate(line, 1, keys, _feed(_raw(BAC["rnd_ifd"]), _raw(BAC["k_ifd"])))
    answers = [
        channel.transmit(CommandApdu.parse(_raw(command)))
        for command in (
            "00B0810010",
            "00D6810004DEADBEEF",
            "00B1000104540201000C",
            "00A4020C02EEEE",
        )
    ]
    assert [len(answer.data) for answer in answers] == [16, 0, 12, 0]
    assert answers[2].data[:2] == _raw("530A")
    assert [int(answer.status) for answer in answers] == [0x9000, 0x9000, 0x9000, 0x6A82]
    assert line.exchanges == []
    assert channel.alive


def _card(suite: Suite, keys: Keys | None = None) -> ReferenceCard:
    keys = keys or _keys(suite)
    return ReferenceCard(
        suite,
        keys.k_enc,
        keys.k_mac,
        lambda command: ResponseApdu(b"read" if command.ins == 0xB0 else command.data),
    )


@pytest.mark.parametrize("suite", SUITES)
def test_round_trip_with_a_card(suite: Suite) -> None:
    card = _card(suite)
    channel = authenticate(card, 1, _keys(suite))
    assert isinstance(channel, SecureChannel)
    assert channel.transmit(READ).data == b"read"
    for size in (1, 15, 16, 200, 300, 5000):
        command = CommandApdu(0x00, 0xDB, 0x3F, 0xFF, bytes(size), 256)
        assert channel.transmit(command).data == bytes(size)
    assert [command.ins for command in card.seen[:3]] == [0x84, 0x82, 0xB0]
    assert card.seen[1].p2 == 0x81
    assert card.seen[1].ne == len(card.seen[1].data) == 40
    assert all(command.cla.value == 0x0C for command in card.seen[2:])


@pytest.mark.parametrize("suite", SUITES)
def test_two_sessions_with_the_same_card_have_nothing_in_common(suite: Suite) -> None:
    card = _card(suite)
    for _ in range(2):
        authenticate(card, 1, _keys(suite)).transmit(READ)
    assert card.seen[1].data != card.seen[4].data
    assert card.answers[1].data != card.answers[4].data
    assert card.seen[2].data != card.seen[5].data


@pytest.mark.parametrize("suite", SUITES)
def test_flipping_any_byte_of_the_cards_proof_is_refused(suite: Suite) -> None:
    keys = _keys(suite)
    random = _feed(bytes(range(50, 58)), bytes(range(60, 76)))
    card = _card(suite)
    authenticate(card, 1, keys, random)
    proof = card.answers[1].data
    for at in range(len(proof)):
        run = MutualAuthentication(
            suite, keys.k_enc, keys.k_mac, random=_feed(bytes(range(50, 58)), bytes(range(60, 76)))
        )
        assert run.begin(card.rnd_ic) == card.seen[1].data
        run._cbc._decrypt = _no_decryption
        changed = proof[:at] + bytes((proof[at] ^ 0x40,)) + proof[at + 1 :]
        with pytest.raises(CardNotAuthentic, match="MAC"):
            run.finish(changed)
        with pytest.raises(ValueError, match="under way"):
            run.finish(proof)


def _no_decryption(data: object) -> bytes:
    raise AssertionError("decrypted before the MAC was right")


class _Liar:
    """A channel that changes what the card answers to MUTUAL AUTHENTICATE."""

    def __init__(self, card: ReferenceCard, lie: Callable[[bytes, CommandApdu], bytes]) -> None:
        self.card = card
        self.lie = lie

    def transmit(self, command: CommandApdu, /) -> ResponseApdu:
        answer = self.card.transmit(command)
        if command.ins != 0x82:
            return answer
        return ResponseApdu(self.lie(answer.data, command), answer.status)


LIES: dict[str, Callable[[bytes, CommandApdu], bytes]] = {
    "nothing": lambda _proof, _command: b"",
    "too short": lambda proof, _command: proof[:-1],
    "too long": lambda proof, _command: proof + b"\0",
    "cryptogram only": lambda proof, _command: proof[:32],
    "zeros": lambda _proof, _command: bytes(40),
    "the terminal's own message": lambda _proof, command: command.data,
    "the terminal's cryptogram": lambda proof, command: command.data[:32] + proof[32:],
}


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("lie", LIES)
def test_a_card_that_proves_nothing_is_refused(suite: Suite, lie: str) -> None:
    with pytest.raises(CardNotAuthentic):
        authenticate(_Liar(_card(suite), LIES[lie]), 1, _keys(suite))


@pytest.mark.parametrize("suite", SUITES)
def test_the_proof_of_an_earlier_run_is_refused(suite: Suite) -> None:
    card = _card(suite)
    authenticate(card, 1, _keys(suite))
    old = card.answers[1].data
    with pytest.raises(CardNotAuthentic, match="another challenge"):
        authenticate(_Liar(card, lambda _proof, _command: old), 1, _keys(suite))


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("challenge_at", [0, 8], ids=["RND.IC", "RND.IFD"])
def test_each_nonce_in_the_proof_is_checked(suite: Suite, challenge_at: int) -> None:
    """A card with the right keys that answers for another nonce: the MAC is right."""
    card = _card(suite)

    def lie(proof: bytes, _command: CommandApdu) -> bytes:
        block = card.static.block
        plain = bytearray(card.static.decrypt(bytes(block), proof[:32]))
        plain[challenge_at] ^= 1
        cryptogram = card.static.encrypt(bytes(block), bytes(plain))
        return cryptogram + card._mac(cryptogram)

    with pytest.raises(CardNotAuthentic, match="another challenge"):
        authenticate(_Liar(card, lie), 1, _keys(suite))


def test_the_same_nonce_on_both_sides_is_refused() -> None:
    nonce = bytes(range(8))
    run = MutualAuthentication(Suite.MA_AES128, bytes(16), bytes(16), random=_feed(nonce))
    with pytest.raises(ProtocolError, match="same nonce"):
        run.begin(nonce)


def test_one_object_authenticates_once() -> None:
    run = MutualAuthentication(Suite.MA_AES128, bytes(16), bytes(16))
    with pytest.raises(ValueError, match="under way"):
        run.finish(bytes(40))
    run.begin(bytes(8))
    with pytest.raises(ValueError, match="once"):
        run.begin(bytes(8))
    with pytest.raises(CardNotAuthentic):
        run.finish(bytes(40))
    with pytest.raises(ValueError, match="once"):
        run.begin(bytes(8))


@pytest.mark.parametrize("size", [0, 7, 9, 16])
def test_a_challenge_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ProtocolError, match=f"{size} bytes"):
        MutualAuthentication(Suite.MA_AES128, bytes(16), bytes(16)).begin(bytes(size))
    with pytest.raises(ProtocolError, match=f"{size} bytes"):
        authenticate(
            _Transcript(("0084000008", bytes(size).hex() + "9000")), 1, _keys(Suite.MA_AES128)
        )


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("which", ["k_enc", "k_mac"])
def test_a_terminal_with_a_wrong_key_is_told_the_tries_left(suite: Suite, which: str) -> None:
    keys = _keys(suite)
    wrong = Keys(
        suite,
        bytes(reversed(keys.k_enc)) if which == "k_enc" else keys.k_enc,
        bytes(reversed(keys.k_mac)) if which == "k_mac" else keys.k_mac,
    )
    with pytest.raises(AuthenticationRejected) as caught:
        authenticate(_card(suite), 1, wrong)
    assert caught.value.retries_left == 14


@pytest.mark.parametrize("status", [0x6983, 0x6984, 0x6985, 0x6A88, 0x63C0, 0x6D00])
def test_a_refusal_of_the_card_is_a_status_error(status: int) -> None:
    class _Refusing:
        def transmit(self, command: CommandApdu, /) -> ResponseApdu:
            if command.ins == 0x84:
                return ResponseApdu(bytes(8))
            return ResponseApdu(bytes(40), StatusWord(status))

    with pytest.raises(StatusError) as caught:
        authenticate(_Refusing(), 1, _keys(Suite.MA_AES128))
    assert caught.value.status == status


def test_every_key_reference() -> None:
    keys = _keys(Suite.MA_AES128)
    for reference in range(256):
        card = ReferenceCard(
            keys.suite,
            keys.k_enc,
            keys.k_mac,
            lambda _command: ResponseApdu(),
            key_reference=reference,
        )
        if 1 <= reference <= 31:
            authenticate(card, reference, keys)
            assert card.seen[1].p2 == 0x80 + reference
        else:
            with pytest.raises(ValueError, match="1 to 31"):
                authenticate(card, reference, keys)
            assert card.seen == []


@pytest.mark.parametrize("suite", SUITES)
def test_the_suite_fixes_the_length_of_the_keys(suite: Suite) -> None:
    right = KEY_BYTES[suite]
    for size in (0, 8, 15, 16, 17, 24, 32, 33):
        for enc, mac in ((size, right), (right, size)):
            if enc == mac == right:
                MutualAuthentication(suite, bytes(enc), bytes(mac))
            else:
                with pytest.raises(ValueError, match=f"{right} bytes"):
                    MutualAuthentication(suite, bytes(enc), bytes(mac))


def test_a_3des_key_is_never_used_as_an_aes_key_nor_the_other_way() -> None:
    keys = _keys(Suite.MA_AES128)
    for mine, theirs in ((Suite.MA_3DES, Suite.MA_AES128), (Suite.MA_AES128, Suite.MA_3DES)):
        with pytest.raises(AuthenticationRejected):
            authenticate(_card(theirs, keys), 1, Keys(mine, keys.k_enc, keys.k_mac))
    with pytest.raises(ValueError, match="MA-DES"):
        authenticate(_card(Suite.MA_AES128), 1, Keys("MA-DES", bytes(16), bytes(16)))


def test_no_key_is_in_a_repr() -> None:
    run = MutualAuthentication(Suite.MA_AES128, b"SECRETSECRETSECR", b"SECRETSECRETSECR")
    assert repr(run) == "<MutualAuthentication MA-AES128>"


def test_the_session_is_dead_after_a_plain_answer() -> None:
    class _Downgrade(ReferenceCard):
        def transmit(self, command: CommandApdu) -> ResponseApdu:
            answer = super().transmit(command)
            return ResponseApdu() if command.cla.secure else answer

    keys = _keys(Suite.MA_AES128)
    channel = authenticate(
        _Downgrade(keys.suite, keys.k_enc, keys.k_mac, lambda _command: ResponseApdu()), 1, keys
    )
    with pytest.raises(AnswerNotAuthentic, match="9000"):
        channel.transmit(READ)
    with pytest.raises(SessionOver):
        channel.transmit(READ)
    assert isinstance(channel.session, Iso7816Session)
