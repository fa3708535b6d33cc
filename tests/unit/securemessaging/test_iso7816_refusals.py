"""What ISO secure messaging refuses, with which status, and that nothing is decrypted before."""

from __future__ import annotations

import gc
import itertools
from dataclasses import dataclass

import pytest

from jukicard.apdu import CommandApdu, ResponseApdu, StatusWord
from jukicard.apdu.cla import CLASS_BYTES, SecureMessagingIndication
from jukicard.crypto.symmetric import AesKey, TripleDesKey
from jukicard.errors import IsoError
from jukicard.securemessaging.ciphers import SessionCipher, session_cipher
from jukicard.securemessaging.iso7816 import MAX_COMMANDS, Iso7816Session
from jukicard.securemessaging.session import ProtectionLevel
from jukicard.securemessaging.suites import SessionKeys, Suite, make_key
from tests.support.sm_reader import NaiveReader, pad, tlv

MISSING = StatusWord.SECURE_MESSAGING_OBJECTS_MISSING
INCORRECT = StatusWord.SECURE_MESSAGING_OBJECTS_INCORRECT
ENC, MAC = bytes(range(16)), bytes(range(16, 32))
SUITES = (Suite.TRIPLE_DES, Suite.AES128)
every_suite = pytest.mark.parametrize("suite", SUITES)

READ = CommandApdu(0x00, 0xB0, 0, 0, ne=16)
UPDATE = CommandApdu(0x00, 0xD6, 0, 0, bytes(range(20)))
UPDATE_ODD = CommandApdu(0x00, 0xD7, 0, 0, b"\x54\x01\x00\x53\x02\xab\xcd", 7)
SELECT = CommandApdu(0x00, 0xA4, 4, 0, b"\xa0\0\0\0\1", 256)
LONG = CommandApdu(0x00, 0xD6, 0, 0, bytes(300), 1000)
COMMANDS = (READ, UPDATE, UPDATE_ODD, SELECT, LONG)


class CountingCipher:
    """A session cipher that counts what it is asked to do."""

    def __init__(self, cipher: SessionCipher) -> None:
        self._cipher = cipher
        self.block = cipher.block
        self.ssc_length = cipher.ssc_length
        self.max_bytes = cipher.max_bytes
        self.macs = self.encryptions = self.decryptions = 0

    def mac(self, message: bytes) -> bytes:
        self.macs += 1
        return self._cipher.mac(message)

    def encrypt(self, ssc: bytes, data: bytes) -> bytes:
        self.encryptions += 1
        return self._cipher.encrypt(ssc, data)

    def decrypt(self, ssc: bytes, cryptogram: bytes) -> bytes:
        self.decryptions += 1
        return self._cipher.decrypt(ssc, cryptogram)


@dataclass
class Setup:
    cipher: CountingCipher
    session: Iso7816Session
    reader: NaiveReader

    def refuses(self, command: CommandApdu, status: StatusWord) -> None:
        """The refusal kills the session, and no byte was decrypted for it."""
        before = self.cipher.decryptions
        with pytest.raises(IsoError) as refused:
            self.session.unprotect(command)
        assert refused.value.status is status, refused.value
        assert not self.session.alive
        assert self.session.level is ProtectionLevel.NONE
        assert self.cipher.decryptions == before


def setup(suite: Suite, ssc: int = 0) -> Setup:
    enc, mac = make_key(suite, ENC), make_key(suite, MAC)
    size = 8 if suite is Suite.TRIPLE_DES else 16
    keys = SessionKeys(suite, enc, mac, ssc.to_bytes(size, "big"))
    cipher = CountingCipher(session_cipher(keys))
    return Setup(
        cipher,
        Iso7816Session(cipher, keys.ssc),
        NaiveReader(ENC, MAC, ssc, des=suite is Suite.TRIPLE_DES),
    )


def with_data(command: CommandApdu, data: bytes) -> CommandApdu:
    return CommandApdu(
        command.cla, command.ins, command.p1, command.p2, data, command.ne,
        extended=command.extended,
    )  # fmt: skip


# -- every changed byte and bit ------------------------------------------------------------------


@every_suite
@pytest.mark.parametrize("plain", COMMANDS, ids=repr)
def test_every_changed_byte_of_the_objects(suite: Suite, plain: CommandApdu) -> None:
    protected = setup(suite).reader.protect(plain)
    for position in range(len(protected.data)):
        for mask in (0x01, 0x80, 0xFF):
            bad = bytearray(protected.data)
            bad[position] ^= mask
            case = setup(suite)
            with pytest.raises(IsoError) as refused:
                case.session.unprotect(with_data(protected, bytes(bad)))
            assert refused.value.status in (MISSING, INCORRECT)
            assert not case.session.alive
            assert case.cipher.decryptions == 0


@every_suite
def test_every_changed_byte_of_a_value_is_6988(suite: Suite) -> None:
    protected = setup(suite).reader.protect(UPDATE)
    tags = {0, 2 + protected.data[1]}  # DO 87 and DO 8E
    for position in set(range(len(protected.data))) - tags - {1, 3 + protected.data[1]}:
        bad = bytearray(protected.data)
        bad[position] ^= 0x10
        setup(suite).refuses(with_data(protected, bytes(bad)), INCORRECT)


@every_suite
@pytest.mark.parametrize("plain", COMMANDS, ids=repr)
def test_every_bit_of_the_mac(suite: Suite, plain: CommandApdu) -> None:
    protected = setup(suite).reader.protect(plain)
    for bit in range(64):
        bad = bytearray(protected.data)
        bad[-8 + bit // 8] ^= 1 << bit % 8
        setup(suite).refuses(with_data(protected, bytes(bad)), INCORRECT)


@every_suite
@pytest.mark.parametrize("plain", COMMANDS, ids=repr)
def test_every_bit_of_the_header(suite: Suite, plain: CommandApdu) -> None:
    protected = setup(suite).reader.protect(plain)
    for bit in range(32):
        header = bytearray(protected.header)
        header[bit // 8] ^= 1 << bit % 8
        cla, ins, p1, p2 = header
        bad = CommandApdu(
            cla, ins, p1, p2, protected.data, protected.ne, extended=protected.extended
        )
        case = setup(suite)
        with pytest.raises(IsoError):
            case.session.unprotect(bad)
        assert not case.session.alive
        assert case.cipher.decryptions == 0


@every_suite
@pytest.mark.parametrize("plain", COMMANDS, ids=repr)
def test_every_truncation(suite: Suite, plain: CommandApdu) -> None:
    protected = setup(suite).reader.protect(plain)
    for length in range(len(protected.data)):
        case = setup(suite)
        with pytest.raises(IsoError) as refused:
            case.session.unprotect(with_data(protected, protected.data[:length]))
        assert refused.value.status in (MISSING, INCORRECT)
        assert case.cipher.decryptions == 0


# -- which objects, in which order ---------------------------------------------------------------


@every_suite
def test_no_objects(suite: Suite) -> None:
    setup(suite).refuses(CommandApdu(0x0C, 0xB0, 0, 0, ne=256), MISSING)


@every_suite
def test_every_order_and_selection_of_objects(suite: Suite) -> None:
    """All sequences of up to three objects under a right MAC: only the right order passes."""
    oracle = setup(suite).reader
    oracle.ssc += 1
    do87, do97 = oracle.objects(SELECT)
    parts = {0x87: do87, 0x97: do97, 0x81: tlv(0x81, b"\1"), 0x8E: tlv(0x8E, bytes(8))}
    accepted = set()
    for count in range(4):
        for tags in itertools.product(parts, repeat=count):
            command = oracle.assemble(SELECT, [parts[tag] for tag in tags])
            case = setup(suite)
            if tags in {(), (0x87,), (0x97,), (0x81,), (0x87, 0x97), (0x81, 0x97)}:
                case.session.unprotect(command)
                accepted.add(tags)
            else:
                case.refuses(command, MISSING)
    assert len(accepted) == 6


@every_suite
def test_every_other_tag_is_refused(suite: Suite) -> None:
    oracle = setup(suite).reader
    oracle.ssc += 1
    for plain, known in ((UPDATE, {0x87, 0x81, 0xB3}), (UPDATE_ODD, {0x85, 0xB3})):
        for tag in set(range(256)) - known - {0x97, 0x8E}:
            command = oracle.assemble(plain, [tlv(tag, bytes(16))])
            setup(suite).refuses(command, MISSING)


@every_suite
def test_objects_after_the_mac(suite: Suite) -> None:
    protected = setup(suite).reader.protect(READ)
    for more in (b"\x97\x01\x00", b"\x8e\x08" + protected.data[-8:], b"\0", b"\x87\x01\x01"):
        setup(suite).refuses(with_data(protected, protected.data + more), MISSING)


@every_suite
def test_without_mac(suite: Suite) -> None:
    protected = setup(suite).reader.protect(SELECT)
    setup(suite).refuses(with_data(protected, protected.data[:-10]), MISSING)


@every_suite
@pytest.mark.parametrize("size", [0, 1, 4, 7, 9, 16])
def test_mac_of_another_length(suite: Suite, size: int) -> None:
    oracle = setup(suite).reader
    oracle.ssc += 1
    (body,) = oracle.objects(READ)
    mac = (oracle.code(b"\x0c\xb0\0\0", body) * 2)[:size]
    command = CommandApdu(0x0C, 0xB0, 0, 0, body + tlv(0x8E, mac), 256)
    setup(suite).refuses(command, INCORRECT)


# -- right MAC over something wrong --------------------------------------------------------------


@every_suite
@pytest.mark.parametrize("value", [b"", b"\0\0\0", bytes(4)])
def test_length_of_do_97(suite: Suite, value: bytes) -> None:
    oracle = setup(suite).reader
    oracle.ssc += 1
    setup(suite).refuses(oracle.assemble(READ, [tlv(0x97, value)]), INCORRECT)


@every_suite
def test_indicator(suite: Suite) -> None:
    oracle = setup(suite).reader
    oracle.ssc += 1
    cryptogram = oracle.encrypt(pad(UPDATE.data, oracle.block))
    for indicator in range(256):
        command = oracle.assemble(UPDATE, [tlv(0x87, bytes((indicator,)) + cryptogram)])
        if indicator == 1:
            assert setup(suite).session.unprotect(command).data == UPDATE.data
        else:
            setup(suite).refuses(command, INCORRECT)


@every_suite
@pytest.mark.parametrize("plain", [UPDATE, UPDATE_ODD], ids=repr)
def test_cryptograms_of_every_short_length(suite: Suite, plain: CommandApdu) -> None:
    oracle = setup(suite).reader
    oracle.ssc += 1
    tag, prefix = (0x85, b"") if plain.ins & 1 else (0x87, b"\1")
    for size in range(2 * oracle.block):
        value = prefix + bytes(size)
        if size == oracle.block:
            continue
        setup(suite).refuses(oracle.assemble(plain, [tlv(tag, value)]), INCORRECT)


@every_suite
@pytest.mark.parametrize("tag", [0x87, 0x81, 0xB3])
def test_empty_objects(suite: Suite, tag: int) -> None:
    oracle = setup(suite).reader
    oracle.ssc += 1
    setup(suite).refuses(oracle.assemble(UPDATE, [tlv(tag, b"")]), INCORRECT)


@every_suite
@pytest.mark.parametrize("bad", ["no mark", "mark too early", "FF", "nothing inside"])
def test_padding(suite: Suite, bad: str) -> None:
    oracle = setup(suite).reader
    oracle.ssc += 1
    block = oracle.block
    padded = {
        "no mark": bytes(block),
        "mark too early": b"\x80" + bytes(2 * block - 1),
        "FF": b"\xff" * block,
        "nothing inside": b"\x80" + bytes(block - 1),
    }[bad]
    command = oracle.assemble(UPDATE, [tlv(0x87, b"\1" + oracle.encrypt(padded))])
    case = setup(suite)
    with pytest.raises(IsoError) as refused:
        case.session.unprotect(command)
    assert refused.value.status is INCORRECT
    assert not case.session.alive
    # the one refusal after decryption: only whoever holds KS.MAC can get here
    assert (case.cipher.macs, case.cipher.decryptions) == (1, 1)


@every_suite
@pytest.mark.parametrize(
    "length", [b"\x80", b"\x81\x05", b"\x82\x00\x05", b"\x84\xff\xff\xff\xff", b"\x85", b"\x7f"]
)
def test_lengths_that_lie(suite: Suite, length: bytes) -> None:
    data = b"\x87" + length + b"\1" + bytes(16) + tlv(0x8E, bytes(8))
    setup(suite).refuses(CommandApdu(0x0C, 0xD6, 0, 0, data, 256), INCORRECT)


# -- class bytes ---------------------------------------------------------------------------------


@every_suite
def test_every_class_byte(suite: Suite) -> None:
    """Protection as `NaiveReader` would make it for each class; only authenticated headers pass."""
    passed = 0
    for cla in CLASS_BYTES:
        case = setup(suite)
        case.reader.ssc += 1
        command = case.reader.assemble(READ, case.reader.objects(READ), cla=cla.value)
        match cla.secure_messaging:
            case SecureMessagingIndication.HEADER_AUTHENTICATED:
                plain = case.session.unprotect(command)
                assert plain.cla is cla.replace(secure=False)
                assert (plain.cla.channel, plain.cla.chained) == (cla.channel, cla.chained)
                assert not plain.cla.secure
                passed += 1
            case SecureMessagingIndication.NONE:
                case.refuses(command, MISSING)
            case _:
                case.refuses(command, StatusWord.SECURE_MESSAGING_NOT_SUPPORTED)
    # 4 + 16 channels, chained or not, interindustry or proprietary; FF is no class
    assert passed == 2 * 2 * (4 + 16) - 1


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
    for measure in (case.session.overhead, case.session.max_plain_length):
        with pytest.raises(RuntimeError):
            measure(100)
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
        assert len(answer.data) == 14 == case.session.overhead(0)
        assert case.reader.unprotect(answer).status == value


@every_suite
@pytest.mark.parametrize("plain", [READ, UPDATE_ODD], ids=repr)
def test_overhead_of_every_length(suite: Suite, plain: CommandApdu) -> None:
    case = setup(suite)
    for length in (*range(300), 65_000, 65_500):
        case.session.unprotect(case.reader.protect(plain))
        answer = case.session.protect(ResponseApdu(bytes(length)))
        assert len(answer.data) == length + case.session.overhead(length)
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
            assert most + case.session.overhead(most) <= ne
        assert most + 1 + case.session.overhead(most + 1) > ne


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
