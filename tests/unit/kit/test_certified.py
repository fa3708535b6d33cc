"""What a step with certificates takes away when it is refused, and what it leaves.

# docs/card.md, section 3: not begun, nothing is forgotten but the challenge; failed, everything
"""

from __future__ import annotations

from jukicard.apdu import CommandApdu, Tlv
from tests.support.cards.eac_desk import ROOT, eac_desk, point
from tests.support.cards.juki_desk import READ_CODE, VERIFY
from tests.support.naive.cvc_writer import key

NO_SIGNATURE = CommandApdu(0x00, 0x82, 0x00, 0x00, bytes(64))


def test_a_signature_that_nobody_asked_for_leaves_the_session() -> None:
    there = eac_desk()
    there.terminal.authenticate(4)
    assert there.terminal.protected(VERIFY).status == 0x9000
    named = CommandApdu(0x00, 0x22, 0x81, 0xB6, Tlv(0x83, ROOT).encode())
    assert there.terminal.protected(named).status == 0x9000
    there.terminal.get_challenge(secure=True)
    assert there.terminal.protected(NO_SIGNATURE).status == 0x6985
    assert there.terminal.protected(READ_CODE).status == 0x9000


def test_an_agreement_without_its_protocol_leaves_the_proven_terminal() -> None:
    there = eac_desk()
    there.prove_terminal()
    assert there.general_authenticate() == 0x6985
    assert there.set_chip() == 0x9000
    assert there.general_authenticate() == 0x9000


def test_an_agreement_that_failed_leaves_nothing() -> None:
    there = eac_desk()
    there.prove_terminal()
    assert there.set_chip() == 0x9000
    assert there.general_authenticate(point(key(20))) == 0x6300
    assert there.set_chip() == 0x6985
    assert there.general_authenticate() == 0x6985
