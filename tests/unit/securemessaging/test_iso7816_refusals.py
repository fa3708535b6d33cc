"""What ISO secure messaging refuses, with which status, and that nothing is decrypted before."""

from __future__ import annotations

import itertools

import pytest

from jukicard.apdu import CommandApdu, StatusWord
from jukicard.apdu.cla import CLASS_BYTES, SecureMessagingIndication
from jukicard.errors import IsoError
from jukicard.securemessaging.suites import Suite
from tests.support.naive.sm_reader import pad, tlv
from tests.support.naive.sm_setup import (
    COMMANDS,
    INCORRECT,
    MISSING,
    READ,
    SELECT,
    UPDATE,
    UPDATE_ODD,
    every_suite,
    setup,
    with_data,
)

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
