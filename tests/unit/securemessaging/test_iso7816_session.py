"""A session over time: counters, limits and its end; levels, answers and their lengths."""

from __future__ import annotations

import gc
import itertools

import pytest

from jukicard.apdu import CommandApdu, ResponseApdu, StatusWord
from jukicard.apdu.tlv import encode_length
from jukicard.crypto.symmetric import AesKey, TripleDesKey
from jukicard.securemessaging.ciphers import session_cipher
from jukicard.securemessaging.iso7816 import MAX_COMMANDS, Iso7816Session
from jukicard.securemessaging.session import ProtectionLevel
from jukicard.securemessaging.suites import SessionKeys, Suite
from tests.support.naive.sm_reader import NaiveReader, tlv
from tests.support.naive.sm_setup import (
    ENC,
    INCORRECT,
    MAC,
    READ,
    SUITES,
    UPDATE,
    UPDATE_ODD,
    every_suite,
    setup,
    with_data,
)

# -- counters, replay, end -----------------------------------------------------------------------


@every_suite
def test_replayed_swapped_and_dropped_commands(suite: Suite) -> None:
    recorder = setup(suite).reader
    recorded = []
    for _ in range(3):
        recorded.append(recorder.protect(READ))
        recorder.ssc += 1
    for order in itertools.product(range(3), repeat=3):
        case = setup(suite)
        for expected, number in enumerate(order):
            if number != expected:
                case.refuses(recorded[number], INCORRECT)
                break
            case.session.unprotect(recorded[number])
            case.session.protect(ResponseApdu(bytes(16)))


@every_suite
def test_a_dead_session_stays_dead(suite: Suite) -> None:
    case = setup(suite)
    good = case.reader.protect(READ)
    case.refuses(with_data(good, good.data[:-1] + b"\0"), INCORRECT)
    case.refuses(good, INCORRECT)
    with pytest.raises(RuntimeError):
        case.session.protect(ResponseApdu())
    with pytest.raises(RuntimeError):
        case.session.max_plain_length(100)
    case.session.end()
    assert repr(case.session) == "<Iso7816Session ended, 0 commands>"


@pytest.mark.parametrize("kind", [AesKey, TripleDesKey])
def test_the_end_of_a_session_drops_its_keys(kind: type[AesKey] | type[TripleDesKey]) -> None:
    suite = Suite.AES128 if kind is AesKey else Suite.TRIPLE_DES
    marks = bytes(range(0xA0, 0xB0)), bytes(range(0xB0, 0xC0))
    size = 16 if kind is AesKey else 8
    session = Iso7816Session.start(SessionKeys(suite, kind(marks[0]), kind(marks[1]), bytes(size)))

    def held() -> int:
        gc.collect()
        return sum(type(item) is kind and item.value in marks for item in gc.get_objects())

    assert held() == 2
    session.end()
    assert held() == 0


@every_suite
def test_an_answer_needs_a_command(suite: Suite) -> None:
    case = setup(suite)
    with pytest.raises(RuntimeError):
        case.session.protect(ResponseApdu())
    case.session.unprotect(case.reader.protect(READ))
    case.session.protect(ResponseApdu())
    with pytest.raises(RuntimeError):
        case.session.protect(ResponseApdu())


@every_suite
@pytest.mark.parametrize("room", range(4))
def test_the_counter_never_overflows(suite: Suite, room: int) -> None:
    top = (1 << (64 if suite is Suite.TRIPLE_DES else 128)) - 1
    case = setup(suite, ssc=top - room)
    for _ in range(room // 2):
        case.session.unprotect(case.reader.protect(READ))
        case.reader.unprotect(case.session.protect(ResponseApdu(b"\1")))
    command = NaiveReader(ENC, MAC, 0).protect(READ)
    case.refuses(command, StatusWord.CONDITIONS_NOT_SATISFIED)


def test_a_session_ends_with_the_answer_to_its_last_command() -> None:
    case = setup(Suite.AES128)
    answer = ResponseApdu()
    for number in range(MAX_COMMANDS):
        assert case.session.alive, number
        case.session.unprotect(case.reader.protect(READ))
        answer = case.session.protect(ResponseApdu())
        case.reader.ssc += 1
    assert not case.session.alive
    case.reader.ssc -= 1
    assert case.reader.unprotect(answer) == ResponseApdu()
    case.refuses(case.reader.protect(READ), INCORRECT)


@pytest.mark.parametrize("direction", ["command", "answer"])
def test_triple_des_ends_after_a_mebibyte(direction: str) -> None:
    chunk = bytes(32768)
    case = setup(Suite.TRIPLE_DES)
    for number in range(32):
        assert case.session.alive, number
        if direction == "command":
            case.session.unprotect(
                case.reader.protect(CommandApdu(0, 0xD6, 0, 0, chunk, extended=True))
            )
            answer = ResponseApdu()
        else:
            case.session.unprotect(case.reader.protect(READ))
            answer = ResponseApdu(chunk)
        assert case.reader.unprotect(case.session.protect(answer)) == answer
    assert not case.session.alive


def test_aes_has_no_limit_of_bytes() -> None:
    case = setup(Suite.AES128)
    for _ in range(40):
        case.session.unprotect(case.reader.protect(READ))
        case.session.protect(ResponseApdu(bytes(32768)))
        case.reader.ssc += 1
    assert case.session.alive


# -- levels, lengths -----------------------------------------------------------------------------


@every_suite
def test_levels(suite: Suite) -> None:
    case = setup(suite)
    assert case.session.level is ProtectionLevel.NONE
    for plain, readable, level in (
        (UPDATE, False, ProtectionLevel.ENC),
        (UPDATE, True, ProtectionLevel.MAC),
        (UPDATE_ODD, False, ProtectionLevel.ENC),
        (UPDATE_ODD, True, ProtectionLevel.MAC),
        (READ, True, ProtectionLevel.ENC),  # no data that could be readable
        (CommandApdu(0, 0x44, 0, 0), False, ProtectionLevel.ENC),
    ):
        protected = case.reader.protect(plain, readable=readable)
        assert case.session.unprotect(protected) == plain
        assert case.session.level is level
        case.reader.unprotect(case.session.protect(ResponseApdu()))
    assert ProtectionLevel.NONE < ProtectionLevel.MAC < ProtectionLevel.ENC


@every_suite
def test_readable_data_needs_no_decryption(suite: Suite) -> None:
    case = setup(suite)
    case.session.unprotect(case.reader.protect(UPDATE, readable=True))
    assert (case.cipher.macs, case.cipher.decryptions) == (1, 0)


@every_suite
def test_ber_tlv_data_may_be_readable_under_an_even_instruction(suite: Suite) -> None:
    case = setup(suite)
    case.reader.ssc += 1
    command = case.reader.assemble(UPDATE, [tlv(0xB3, b"\x83\x01\x01")])
    assert case.session.unprotect(command).data == b"\x83\x01\x01"
    assert case.session.level is ProtectionLevel.MAC


@every_suite
def test_the_answer_follows_the_instruction(suite: Suite) -> None:
    case = setup(suite)
    for plain, tag in ((READ, 0x87), (UPDATE_ODD, 0x85), (READ, 0x87)):
        case.session.unprotect(case.reader.protect(plain))
        answer = case.session.protect(ResponseApdu(b"data"))
        assert answer.data[0] == tag
        assert case.reader.unprotect(answer) == ResponseApdu(b"data")


@every_suite
def test_every_status_is_protected(suite: Suite) -> None:
    case = setup(suite)
    for value in (0x9000, 0x6282, 0x6A82, 0x6982, 0x63C2, 0x6110, 0x6C10, 0x6F00, 0x0000, 0xFFFF):
        case.session.unprotect(case.reader.protect(READ))
        answer = case.session.protect(ResponseApdu(b"", StatusWord(value)))
        assert answer.status == value
        assert answer.data[:4] == b"\x99\x02" + value.to_bytes(2, "big")
        assert len(answer.data) == 14 == overhead(suite, 0)
        assert case.reader.unprotect(answer).status == value


def overhead(suite: Suite, length: int, *, odd: bool = False) -> int:
    """By how many bytes protection lengthens an answer: DO 99 and DO 8E, and around data DO 87,
    of an odd instruction DO 85."""
    if not length:
        return 14
    block = 8 if suite is Suite.TRIPLE_DES else 16
    value = (length // block + 1) * block + (not odd)
    return 14 + 1 + len(encode_length(value)) + value - length


@every_suite
@pytest.mark.parametrize("plain", [READ, UPDATE_ODD], ids=repr)
def test_overhead_of_every_length(suite: Suite, plain: CommandApdu) -> None:
    case = setup(suite)
    for length in (*range(300), 65_000, 65_500):
        case.session.unprotect(case.reader.protect(plain))
        answer = case.session.protect(ResponseApdu(bytes(length)))
        assert len(answer.data) == length + overhead(suite, length, odd=plain is UPDATE_ODD)
        case.reader.ssc += 1
        if suite is Suite.TRIPLE_DES and length > 60_000:
            case = setup(suite)


@every_suite
@pytest.mark.parametrize("plain", [READ, UPDATE_ODD], ids=repr)
def test_the_longest_answer_that_fits(suite: Suite, plain: CommandApdu) -> None:
    case = setup(suite)
    case.session.unprotect(case.reader.protect(plain))
    for ne in (*range(1, 600), 4096, 65_534, 65_535, 65_536):
        most = case.session.max_plain_length(ne)
        assert most >= 0
        if most:
            assert most + overhead(suite, most, odd=plain is UPDATE_ODD) <= ne
        assert most + 1 + overhead(suite, most + 1, odd=plain is UPDATE_ODD) > ne


def test_the_usual_longest_read() -> None:
    case = setup(Suite.AES128)
    case.session.unprotect(case.reader.protect(READ))
    assert case.session.max_plain_length(256) == 223
    assert case.session.max_plain_length(0) == 0


def test_aes_hides_equal_reads_and_triple_des_does_not() -> None:
    seen = {}
    for suite in SUITES:
        case = setup(suite)
        answers = []
        for _ in range(2):
            case.session.unprotect(case.reader.protect(READ))
            answers.append(case.session.protect(ResponseApdu(bytes(16))).data[:-14])
            case.reader.ssc += 1
        seen[suite] = answers[0] == answers[1]
    assert seen == {Suite.AES128: False, Suite.TRIPLE_DES: True}


def test_a_counter_of_another_length() -> None:
    cipher = session_cipher(SessionKeys(Suite.AES128, AesKey(ENC), AesKey(MAC), bytes(16)))
    with pytest.raises(ValueError, match="counter"):
        Iso7816Session(cipher, bytes(8))
