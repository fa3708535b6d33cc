"""Which way the data of every instruction goes, against a table written from the standards."""

from __future__ import annotations

import pytest

from jukicard.transport.tpdu import TpduCase, tpdu_case

OUT = {0x84, 0xB0, 0xB2, 0xC0, 0xCA, 0x46}
"""Without data in the command: GET CHALLENGE, READ BINARY and RECORD, GET RESPONSE, GET DATA, and
GENERATE ASYMMETRIC KEY PAIR as this card has it. MANAGE CHANNEL with P1-P2 0000 too."""
BOTH = {0x50, 0x86, 0x87, 0x88, 0xA2, 0xB1, 0xB3, 0xCB, 0xF2}
"""With data both ways; SELECT, 82 and PERFORM SECURITY OPERATION depend on their parameters."""
DEPENDS = {0x2A, 0x70, 0x82, 0xA4}


def case(text: str) -> TpduCase:
    return tpdu_case(bytes.fromhex(text))


@pytest.mark.parametrize("ins", sorted(set(range(256)) - DEPENDS))
def test_every_instruction(ins: int) -> None:
    with_p3, without = bytes((0, ins, 1, 1, 9)), bytes((0, ins, 1, 1, 0))
    if ins in OUT:
        assert tpdu_case(with_p3) is tpdu_case(without) is TpduCase.OUTGOING
    else:
        assert tpdu_case(without) is TpduCase.NO_DATA
        assert tpdu_case(with_p3) is (TpduCase.BOTH if ins in BOTH else TpduCase.INCOMING)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("00A4040C0A", TpduCase.INCOMING),  # no answer wanted
        ("00A404000A", TpduCase.BOTH),
        ("00A4040E0A", TpduCase.INCOMING),
        ("00A4040200", TpduCase.NO_DATA),
        ("0070000001", TpduCase.OUTGOING),  # open a channel of the card's choice
        ("0070000000", TpduCase.OUTGOING),
        ("0070000200", TpduCase.NO_DATA),
        ("0070800200", TpduCase.NO_DATA),
        ("0082008128", TpduCase.BOTH),  # MUTUAL AUTHENTICATE
        ("0082000040", TpduCase.INCOMING),  # EXTERNAL AUTHENTICATE
        ("002A9E9A20", TpduCase.BOTH),  # COMPUTE DIGITAL SIGNATURE
        ("802A008033", TpduCase.BOTH),  # the cards' own form of it
        ("002A00BE80", TpduCase.INCOMING),  # VERIFY CERTIFICATE
        ("002A90A020", TpduCase.INCOMING),  # HASH
        ("0CB0000011", TpduCase.BOTH),  # protected: data objects both ways
        ("0CA4040C20", TpduCase.BOTH),
        ("0CC0000020", TpduCase.OUTGOING),
        ("1088000020", TpduCase.INCOMING),  # not the last of its chain
        ("1086000002", TpduCase.BOTH),  # a step of a dialogue
        ("0020008000", TpduCase.NO_DATA),
        ("0020008004", TpduCase.INCOMING),
    ],
)
def test_parameters_decide(header: str, expected: TpduCase) -> None:
    assert case(header) is expected


def test_every_class_byte_has_a_case() -> None:
    for cla in range(256):
        assert tpdu_case(bytes((cla, 0xC0, 0, 0, 1))) is TpduCase.OUTGOING
        assert tpdu_case(bytes((cla, 0xD6, 0, 0, 0))) is TpduCase.NO_DATA
        assert tpdu_case(bytes((cla, 0xD6, 0, 0, 1))) in (TpduCase.INCOMING, TpduCase.BOTH)
