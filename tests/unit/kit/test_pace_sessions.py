"""Sessions that PACE has opened: what they give, and certificates and keys in them.

# docs/card.md, section 4; BSI TR-03110-3, B.3
"""

from __future__ import annotations

from typing import Final

from jukicard.apdu import CommandApdu, ResponseApdu, Tlv
from tests.support.cards.eac_desk import (
    DV_DRAFT,
    ROOT,
    ROOT_DRAFT,
    SYSTEM_DRAFT,
    SYSTEM_KEY,
    TERMINAL_TYPE,
    EacTerminal,
    certificate,
)
from tests.support.cards.juki_desk import CODE_RECORD, READ_CODE, READ_DATA, VERIFY, desk, issued
from tests.support.cards.pace_desk import opened, pace_desk, with_certificates
from tests.support.naive.cvc_writer import key, sign
from tests.support.naive.pace import (
    NUMBER,
    NaivePace,
    set_password,
)
from tests.support.naive.terminal import JUKI, WRONG_KEYS

h = bytes.fromhex

# -- what the session gives ------------------------------------------------------------------------


def test_nothing_is_proven_in_the_session() -> None:
    there = pace_desk()
    pace = opened(there)
    for refused in (READ_CODE, READ_DATA):
        assert there.terminal.protected(refused).status == 0x6982
    suspend = CommandApdu(0x00, 0x04, 0, 0, h("3F00"))
    assert there.terminal.protected(suspend).status == 0x6982
    assert there.terminal.protected(set_password()).status == 0x6985, "PACE comes first"
    assert there.terminal.protected(VERIFY).status == 0x9000
    assert there.terminal.protected(READ_CODE).status == 0x6982, "number and PIN are no purpose"
    assert there.terminal.sessions[0].enc == pace.enc, "the session has gone on"


def test_it_forgets_what_was_proven_before() -> None:
    there = pace_desk()
    assert there.terminal.plain(VERIFY).status == 0x9000
    query = CommandApdu(0x00, 0x20, 0x00, 0x9C)
    assert there.terminal.plain(query).status == 0x63C3
    change = CommandApdu(0x00, 0x24, 0x01, 0x9C, b"5678")
    opened(there)
    assert there.terminal.protected(change).status == 0x6982
    assert there.terminal.protected(VERIFY).status == 0x9000
    assert there.terminal.protected(change).status == 0x9000, "the holder, unheard by others"


def test_a_plain_command_ends_it() -> None:
    there = pace_desk()
    opened(there)
    session = there.terminal.sessions[0]
    assert there.status("00CA005A00") == 0x9000
    assert there.card.transmit(session.protect(VERIFY).encode()) == h("6988")


def test_a_purpose_is_proven_in_it_and_takes_its_place() -> None:
    there = pace_desk()
    pace = opened(there)
    there.terminal.authenticate(1, secure=True)
    assert there.terminal.sessions[0].enc != pace.enc
    assert there.terminal.protected(VERIFY).status == 0x9000
    assert there.terminal.protected(READ_CODE).data == CODE_RECORD


def test_a_wrong_key_in_it_ends_it() -> None:
    there = pace_desk()
    opened(there)
    assert there.terminal.get_challenge(secure=True).status == 0x9000
    session = there.terminal.sessions[0]
    assert there.terminal.mutual_authenticate(WRONG_KEYS, 0x81, secure=True).status == 0x63CE
    assert there.card.transmit(session.protect(VERIFY).encode()) == h("6988")


def test_suspended_and_used_up_cards_offer_none() -> None:
    there = pace_desk()
    there.terminal.authenticate(5)
    assert there.terminal.protected(CommandApdu(0x00, 0x04, 0, 0, h("3F00"))).status == 0x9000
    there.card.power_off()
    there.card.power_on()
    there.terminal.select(JUKI)
    assert there.terminal.plain(set_password()).status == 0x6985
    assert NaivePace(there.terminal).step().status == 0x6985


# -- certificates in it ----------------------------------------------------------------------------


class PrivateTerminal(EacTerminal):
    """Does in the session of PACE what a terminal with a certificate does in plain."""

    pace: NaivePace

    def open(self, *more: Tlv) -> NaivePace:
        self.pace = opened(self.desk, *more)
        return self.pace

    def _answer(self, command: CommandApdu) -> ResponseApdu:
        return self.terminal.protected(command)

    def signed(self, identifier: bytes) -> bytes:
        challenge = self.terminal.get_challenge(secure=True).data
        return sign(SYSTEM_KEY, identifier + challenge + self.compressed)

    def prove_terminal(self) -> None:
        assert self.present(DV_DRAFT, SYSTEM_DRAFT) == 0x9000
        assert self.set_terminal() == 0x9000
        assert self.external_authenticate(self.signed(self.pace.identifier)) == 0x9000


def _private() -> PrivateTerminal:
    return PrivateTerminal(desk(with_certificates()))


def _rights(mask: int) -> Tlv:
    return Tlv(0x7F4C, [Tlv(0x06, TERMINAL_TYPE), Tlv(0x53, bytes((mask,)))])


UPDATE_DATA: Final = CommandApdu(0x00, 0xD6, 0x83, 0x3F, b"\xff")


def _established(there: PrivateTerminal) -> int:
    there.prove_terminal()
    assert there.set_chip() == 0x9000
    return there.general_authenticate()


def test_certificates_in_the_session() -> None:
    there = _private()
    pace = there.open()
    assert set(pace.objects) == {0x86}, "no rights asked for, no authorities named"
    assert _established(there) == 0x9000
    assert there.terminal.sessions[0].enc != pace.enc
    assert there.terminal.protected(UPDATE_DATA).status == 0x9000


def test_the_signature_is_for_this_session() -> None:
    for identifier in ("card number", "another run"):
        there = _private()
        before = there.open().identifier
        there.desk.status("00CA005A00")
        there.open()
        wrong = before if identifier == "another run" else there.terminal.card_number
        assert there.present(DV_DRAFT, SYSTEM_DRAFT) == 0x9000
        assert there.set_terminal() == 0x9000
        assert there.external_authenticate(there.signed(wrong)) == 0x6300
        assert there.set_chip() == 0x6985
        there.prove_terminal()  # the session has gone on
        assert there.set_chip() == 0x9000


def test_the_rights_wanted_narrow_those_of_the_certificate() -> None:
    for mask, status in ((0b01000, 0x9000), (0b11111, 0x9000), (0b10111, 0x6982), (0, 0x6982)):
        there = _private()
        assert there.open(_rights(mask)).objects[0x87] == ROOT
        assert _established(there) == 0x9000
        assert there.terminal.protected(UPDATE_DATA).status == status, mask


def test_rights_of_another_type_are_no_rights() -> None:
    there = _private()
    there.open(Tlv(0x7F4C, [Tlv(0x06, h("883702")), Tlv(0x53, b"\x1f")]))
    assert _established(there) == 0x9000
    assert there.terminal.protected(UPDATE_DATA).status == 0x6982


def test_the_limit_goes_with_its_session() -> None:
    there = _private()
    there.open(_rights(0))
    there.desk.status("00CA005A00")
    there.open()
    assert _established(there) == 0x9000
    assert there.terminal.protected(UPDATE_DATA).status == 0x9000


def test_the_newest_authorities_are_named() -> None:
    drafts = [
        ROOT_DRAFT.with_(
            issuer=name, holder=name, key=key(number), signer=key(number), effective=f"26{day}01"
        )
        for number, day, name in (
            (31, "01", b"JPOLD00001"),
            (33, "03", b"JPNEW00003"),
            (32, "02", b"JPMID00002"),
        )
    ]
    there = desk(issued(access_number=NUMBER, trust_anchors=[certificate(d) for d in drafts]))
    objects = opened(there, _rights(0)).objects
    assert (objects[0x87], objects[0x88]) == (b"JPNEW00003", b"JPMID00002")


def test_terminal_authentication_outside_it_is_for_the_card_number() -> None:
    there = EacTerminal(desk(with_certificates()))
    there.establish()
    assert there.terminal.protected(UPDATE_DATA).status == 0x9000


def test_a_refused_point_takes_the_pin_but_not_the_session() -> None:
    there = _private()
    there.open()
    there.prove_terminal()
    assert there.set_chip() == 0x9000
    assert there.terminal.protected(VERIFY).status == 0x9000
    assert there.general_authenticate(b"\x04" + bytes(64)) == 0x6300
    change = CommandApdu(0x00, 0x24, 0x01, 0x9C, b"5678")
    assert there.terminal.protected(change).status == 0x6982
    assert there.terminal.protected(VERIFY).status == 0x9000, "the session has gone on"
