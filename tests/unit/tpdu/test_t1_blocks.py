"""Every PCB, node address and length of T=1, and what answers to reset say of it."""

from __future__ import annotations

import pytest

from jukicard.apdu import Atr
from jukicard.transport.tpdu import CRC, LRC, Edc, T1Parameters
from jukicard.transport.tpdu.t1_blocks import (
    PCBS,
    Block,
    BlockError,
    IBlock,
    InvalidBlock,
    RBlock,
    SBlock,
    Supervision,
    decode,
    encode,
    is_valid_nad,
    swapped,
)


def expected_meaning(value: int) -> str:
    """Say what ISO/IEC 7816-3:2006, 11.3.2.2 says of a PCB, bit by bit."""
    bits = f"{value:08b}"
    if bits in ("00000000", "00100000", "01000000", "01100000"):
        return f"I({bits[1]},{bits[2]})"
    if bits[:3] == "100" and bits[4:] in ("0000", "0001", "0010"):
        return f"R({bits[3]})"
    kinds = {"00000": "RESYNCH", "00001": "IFS", "00010": "ABORT", "00011": "WTX"}
    if bits[:2] == "11" and bits[3:] in kinds:
        return f"S({kinds[bits[3:]]} {'response' if bits[2] == '1' else 'request'})"
    return "reserved"


def meaning(value: int) -> str:
    match PCBS[value]:
        case IBlock() as pcb:
            return f"I({pcb.number},{pcb.more:d})"
        case RBlock() as pcb:
            return f"R({pcb.number})"
        case SBlock() as pcb:
            return f"S({pcb.kind.name} {'response' if pcb.response else 'request'})"
        case None:
            return "reserved"


def test_every_pcb() -> None:
    assert len(PCBS) == 256
    assert [meaning(value) for value in range(256)] == [expected_meaning(v) for v in range(256)]
    assert sum(pcb is None for pcb in PCBS) == 256 - 4 - 6 - 8


def lengths_of(value: int) -> range:
    """Say which LEN a PCB allows with an IFS of 32."""
    kind = expected_meaning(value)
    if kind == "reserved":
        return range(0)
    if kind[0] == "I":
        return range(33)
    return range(1, 2) if "IFS" in kind or "WTX" in kind else range(1)


@pytest.mark.parametrize("edc", [LRC, CRC])
def test_every_pcb_with_every_length(edc: Edc) -> None:
    for value in range(256):
        for length in range(256):
            raw = edc.seal(bytes((0, value, length)) + b"\x07" * length)
            if length in lengths_of(value):
                block = decode(raw, nad=0, edc=edc, ifs=32)
                assert (block.pcb, block.inf) == (value, b"\x07" * length)
                assert encode(block, 0, edc) == raw
            else:
                with pytest.raises(InvalidBlock) as invalid:
                    decode(raw, nad=0, edc=edc, ifs=32)
                assert invalid.value.error is BlockError.OTHER


@pytest.mark.parametrize("size", range(256))
def test_every_ifs(size: int) -> None:
    raw = LRC.seal(bytes((0, 0xC1, 1, size)))
    if size in (0x00, 0xFF):
        with pytest.raises(InvalidBlock):
            decode(raw, nad=0, edc=LRC, ifs=32)
    else:
        assert decode(raw, nad=0, edc=LRC, ifs=32).inf == bytes((size,))


def test_every_node_address() -> None:
    for nad in range(256):
        dad, sad = nad >> 4 & 7, nad & 7
        assert is_valid_nad(nad) == (nad == 0 or (nad & 0x88 == 0 and dad != sad))
        assert swapped(nad) == sad << 4 | dad
        raw = LRC.seal(bytes((nad, 0x00, 0)))
        for mine in (0x00, 0x21):
            if nad == mine:
                assert decode(raw, nad=mine, edc=LRC, ifs=32) == Block(IBlock(0))
            else:
                with pytest.raises(InvalidBlock):
                    decode(raw, nad=mine, edc=LRC, ifs=32)


@pytest.mark.parametrize("edc", [LRC, CRC])
def test_cut_long_and_damaged_blocks(edc: Edc) -> None:
    raw = edc.seal(bytes((0, 0x40, 5)) + b"hello")
    for size in range(len(raw)):
        with pytest.raises(InvalidBlock) as invalid:
            decode(raw[:size], nad=0, edc=edc, ifs=32)
        assert invalid.value.error is BlockError.OTHER
    with pytest.raises(InvalidBlock):
        decode(raw + b"\0", nad=0, edc=edc, ifs=32)
    for place in range(len(raw)):
        for bit in range(8):
            wrong = bytearray(raw)
            wrong[place] ^= 1 << bit
            with pytest.raises(InvalidBlock) as invalid:
                decode(bytes(wrong), nad=0, edc=edc, ifs=32)
            # a wrong LEN is a block of another length, all else is found by the code
            assert invalid.value.error is (BlockError.OTHER if place == 2 else BlockError.EDC)


@pytest.mark.parametrize(
    ("atr", "ifsc"),
    [
        ("3BE000FF8131FE4514", 0xFE),  # Juki card
        ("3BDA13FF8131FB468012392F31C173C601C03B", 0xFB),  # its successor
        ("3B888001000014E0B38191005E", 32),  # T=0 and T=1, nothing said
    ],
)
def test_parameters_of_real_answers_to_reset(atr: str, ifsc: int) -> None:
    assert T1Parameters.from_atr(Atr.parse(bytes.fromhex(atr))) == T1Parameters(ifsc, LRC)


def test_parameters_come_from_the_first_bytes_for_t1_after_the_second_level() -> None:
    def of(protocols: tuple[int, ...], **values: int) -> T1Parameters:
        return T1Parameters.from_atr(Atr.build(protocols=protocols, interface_bytes=values))

    assert of((1,)) == T1Parameters(32, LRC)
    # TA2 and TC2 are not specific to T=1
    assert of((1,), TA2=1, TC2=1) == T1Parameters(32, LRC)
    assert of((1, 1), TA3=100) == T1Parameters(100, LRC)
    assert of((1, 1), TA3=100, TC3=1) == T1Parameters(100, CRC)
    assert of((0, 1), TC3=0xFE) == T1Parameters(32, LRC)
    assert of((0, 1, 1), TA3=100, TA4=7) == T1Parameters(100, LRC)
    assert of((0, 0, 1), TA3=100, TA4=7) == T1Parameters(7, LRC)
    for ifsc in range(256):
        if ifsc in (0, 255):
            with pytest.raises(ValueError, match="IFSC"):
                of((1, 1), TA3=ifsc)
        else:
            assert of((1, 1), TA3=ifsc).ifsc == ifsc
    with pytest.raises(ValueError, match="T=1"):
        of((0,))


def test_a_block_shows_no_data() -> None:
    secret = Block(IBlock(0), b"1234")
    assert "1234" not in repr(secret)
    assert "31323334" not in repr(secret)
    assert Supervision(3).name == "WTX"
