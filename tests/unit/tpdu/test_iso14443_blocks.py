"""Every PCB and prologue of ISO/IEC 14443-4, written again from the standard."""

from __future__ import annotations

import pytest

from jukicard.transport.tpdu.iso14443_blocks import (
    PCBS,
    BlockKind,
    PiccBlock,
    frame_size,
    parse,
)


def expected_meaning(value: int) -> str:
    """Say what ISO/IEC 14443-4:2018, 7.1.2.1 says of a PCB: bit 8 first."""
    bits = f"{value:08b}"
    cid, nad = " cid" if bits[4] == "1" else "", " nad" if bits[5] == "1" else ""
    if bits[:3] == "000" and bits[6] == "1":
        return f"I{bits[7]}{' more' if bits[3] == '1' else ''}{cid}{nad}"
    if bits[:3] == "101" and bits[5:7] == "01":
        return f"{'NAK' if bits[3] == '1' else 'ACK'}{bits[7]}{cid}"
    if bits[:2] == "11" and bits[5:] == "010" and bits[2:4] in ("00", "11"):
        return f"{'DESELECT' if bits[2:4] == '00' else 'WTX'}{cid}"
    return "-"


def meaning(value: int) -> str:
    pcb = PCBS[value]
    if pcb is None:
        return "-"
    name = {BlockKind.INFORMATION: "I"}.get(pcb.kind, pcb.kind.name)
    number = "" if pcb.kind in (BlockKind.DESELECT, BlockKind.WTX) else str(pcb.number)
    return name + number + " more" * pcb.more + " cid" * pcb.cid + " nad" * pcb.nad


def test_every_pcb() -> None:
    assert len(PCBS) == 256
    assert [meaning(value) for value in range(256)] == [expected_meaning(v) for v in range(256)]
    assert sum(pcb is None for pcb in PCBS) == 256 - 16 - 8 - 4


def test_every_pcb_with_every_short_rest() -> None:
    for value in range(256):
        said = expected_meaning(value)
        prologue = " cid" in said, " nad" in said
        for size in range(6):
            block = parse(bytes((value,)) + b"\x05" * size)
            inf = size - sum(prologue)
            fits = {"I": inf >= 0, "W": inf == 1, "-": False}.get(said[0], inf == 0)
            assert (block is not None) == fits, f"{value:02X} and {size} bytes"
            if block is not None:
                assert block.inf == b"\x05" * inf
                assert (block.cid is not None, block.nad is not None) == prologue
                assert block.encode() == bytes((value,)) + b"\x05" * size


def test_every_cid_byte_and_every_node_address() -> None:
    for value in range(256):
        # 7.1.2.2: power level 00 and bits 6 and 5 0 from the reader; 15 is reserved
        assert (parse(bytes((0x0A, value, 0x11))) is not None) == (value <= 14)
        # 7.1.2.3: bits 8 and 4 are 0
        assert (parse(bytes((0x06, value, 0x11))) is not None) == (value & 0x88 == 0)


def test_nothing_is_no_block() -> None:
    assert parse(b"") is None


@pytest.mark.parametrize("code", range(16))
def test_every_frame_size(code: int) -> None:
    sizes = [16, 24, 32, 40, 48, 64, 96, 128, 256, 512, 1024, 2048, 4096, 4096, 4096, 4096]
    assert frame_size(code) == sizes[code]


def test_a_block_shows_no_data() -> None:
    assert "1234" not in repr(PiccBlock(BlockKind.INFORMATION, 0, b"1234"))
