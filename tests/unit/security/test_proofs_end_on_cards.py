"""On issued cards: what a holder or a system has proven ends with what it rested on."""

from __future__ import annotations

from typing import Final

import pytest

from jukicard import Card, issue_card
from jukicard.apdu import Aid, CommandApdu, Tlv
from jukicard.kit.features.certificates import Certificates
from jukicard.kit.features.privacy import Privacy
from jukicard.memory import PersistentMemory, PowerLoss
from jukicard.memory.backend import RamBackend
from jukicard.runtime.boundary import raise_bug
from jukicard.testing.faults import FaultyBackend
from tests.support.cards.eac_desk import CHIP_KEY, der, eac_desk
from tests.support.cards.juki_desk import CODE_RECORD, PIN, READ_CODE, VERIFY, Desk, desk
from tests.support.cards.pace_desk import opened, pace_desk
from tests.support.naive.pace import NaivePace
from tests.support.naive.terminal import ISSUER, JUKI, WRONG_KEYS, NaiveTerminal, keys_of
from tests.support.published.transcript import play, status

JPKI: Final = Aid("D392F000260100000001")
PASSWORD: Final = b"ABC123"
OTHER: Final = b"EVIL0000"
DIGEST_INFO: Final = bytes.fromhex("3021300906052B0E03021A05000414") + bytes(20)
SIGN: Final = f"802A009A {len(DIGEST_INFO):02X} {DIGEST_INFO.hex()} 00"
SET_PASSWORD: Final = CommandApdu(0x01, 0x2C, 2, 0x9B, OTHER)
NEW_PAIR: Final = CommandApdu(0x01, 0x46, 0x80, 0x9A, ne=65536)


def holder(*, contactless: bool = False, memory: PersistentMemory | None = None) -> Card:
    """A Juki card on which channel 0 has verified the password, and channel 1 nothing."""
    card = issue_card(seed=1, on_bug=raise_bug, contactless=contactless, memory=memory)
    card.power_on()
    play(
        card,
        f"""
        0070000001 -> 019000
        00A4040C0A{JPKI} -> 9000
        01A4040C0A{JPKI} -> 9000
        0020009B06{PASSWORD.hex()} -> 9000
        """,
    )
    return card


def block(card: Card) -> None:
    """Block the password on channel 1."""
    for left in (4, 3, 2, 1, 0):
        play(card, f"0120009B06{b'WRONG1'.hex()} -> 63C{left}")
    play(card, f"0120009B06{PASSWORD.hex()} -> 6984")


def counter(card: Card) -> NaiveTerminal:
    """The counter in its session on channel 1."""
    number = card.transmit(bytes.fromhex("01CA005A00"))[2:10]
    terminal = NaiveTerminal(card.transmit, number)
    assert terminal.get_challenge(1).status == 0x9000
    assert terminal.mutual_authenticate(keys_of(number, "COUNTER", JPKI), 0x84, 1).status == 0x9000
    return terminal


def test_the_holder_could_have_signed() -> None:
    assert status(holder(), SIGN) == "9000"


@pytest.mark.parametrize("contactless", [False, True])
def test_a_blocked_password_signs_no_more(contactless: bool) -> None:
    card = holder(contactless=contactless)
    block(card)
    if contactless:
        card.reset()
    assert status(card, SIGN) == "6982"
    assert status(card, "0020009B") == "63C0"


def test_a_reset_keeps_a_password_that_is_as_it_was() -> None:
    card = holder(contactless=True)
    play(card, f"0120009B06{b'WRONG1'.hex()} -> 63C4")
    card.reset()
    assert status(card, SIGN) == "9000"


@pytest.mark.parametrize("acts", [(SET_PASSWORD,), (NEW_PAIR,), (SET_PASSWORD, NEW_PAIR)])
@pytest.mark.parametrize("contactless", [False, True])
def test_a_new_password_or_key_pair_signs_for_who_knows_it(
    acts: tuple[CommandApdu, ...], contactless: bool
) -> None:
    card = holder(contactless=contactless)
    terminal = counter(card)
    for act in acts:
        assert terminal.protected(act).status == 0x9000
    if contactless:
        card.reset()
    assert status(card, SIGN) == "6982"
    assert status(card, f"0024019B08{OTHER.hex()}") == "6982"
    value = OTHER if SET_PASSWORD in acts else PASSWORD
    assert status(card, f"0020009B{len(value):02X}{value.hex()}") == "9000"
    assert status(card, SIGN) == "9000"


def test_half_a_signature_is_not_fetched_any_more() -> None:
    card = holder()
    assert status(card, SIGN[:-2] + "10")[:2] == "61", "the rest waits"
    assert counter(card).protected(NEW_PAIR).status == 0x9000
    assert status(card, "00C0000000") == "6985"


# -- systems and their sessions -------------------------------------------------------------------


def identified() -> Desk:
    """On channel 0 a terminal that reads the code, with key 1 and the holder's PIN."""
    there = desk()
    assert there.status("0070000001") == 0x9000
    assert there.terminal.select(JUKI, channel=1).status == 0x9000
    there.terminal.authenticate(1)
    assert there.terminal.protected(VERIFY).status == 0x9000
    assert there.terminal.protected(READ_CODE).data == CODE_RECORD
    return there


def block_pin(there: Desk) -> None:
    for _ in range(3):
        assert there.status(f"0120009C04{b'0000'.hex()}") & 0xFFF0 == 0x63C0


def block_key(there: Desk) -> None:
    for _ in range(15):
        assert there.terminal.get_challenge(1).status == 0x9000
        answer = there.terminal.mutual_authenticate(WRONG_KEYS, 0x81, 1)
        assert answer.status & 0xFFF0 == 0x63C0
    assert there.terminal.get_challenge(1).status == 0x9000
    assert there.terminal.mutual_authenticate(WRONG_KEYS, 0x81, 1).status == 0x6983


def test_a_blocked_pin_reads_no_code() -> None:
    there = identified()
    block_pin(there)
    assert there.terminal.protected(READ_CODE).status == 0x6982, "the session goes on, the PIN not"


def test_a_blocked_key_has_no_session() -> None:
    there = identified()
    block_key(there)
    assert there.terminal.protected(READ_CODE).status == 0x6988
    assert there.status("00B2011400") == 0x6982


def test_both() -> None:
    there = identified()
    block_pin(there)
    block_key(there)
    assert there.status("00B2011400") == 0x6982
    assert there.status(f"0020009C04{PIN.hex()}") == 0x6984


def test_another_access_number_ends_the_private_session() -> None:
    there = pace_desk()
    assert there.status("0070000001") == 0x9000
    opened(there)
    found = there.card.applications.get(JUKI)
    assert found is not None
    assert isinstance(found.applet, Privacy)
    get_number = CommandApdu(0, 0xCA, 0, 0x5A, ne=256)
    assert there.terminal.protected(get_number).status == 0x9000
    with there.card.environment.memory.transaction():
        found.applet.passwords.set(b"654321")
    assert there.terminal.select(ISSUER, channel=1).status == 0x9000
    assert there.terminal.protected(get_number).status == 0x6988


@pytest.mark.parametrize("done", range(1, 5))
def test_another_access_number_ends_what_was_begun_with_the_old_one(done: int) -> None:
    there = pace_desk()
    assert there.status("0070000001") == 0x9000
    pace = NaivePace(there.terminal)
    steps = [pace.set_password, pace.nonce, pace.map, pace.agree]
    for step in steps[:done]:
        step()
    found = there.card.applications.get(JUKI)
    assert found is not None
    assert isinstance(found.applet, Privacy)
    with there.card.environment.memory.transaction():
        found.applet.passwords.set(b"654321")
    assert there.terminal.select(ISSUER, channel=1).status == 0x9000
    sent = (Tlv(0x81, b"x"), Tlv(0x83, b"x"), Tlv(0x85, bytes(8)))[done - 2 : done - 1]
    assert pace.step(*sent, chained=done < 4).status == 0x6985, "no PACE is under way"


def test_another_chip_key_ends_what_it_has_agreed() -> None:
    there = eac_desk()
    assert there.desk.status("0070000001") == 0x9000
    there.establish()
    found = there.desk.card.applications.get(JUKI)
    assert found is not None
    assert isinstance(found.applet, Certificates)
    read = CommandApdu(0, 0xB0, 0x83, 0, ne=64)
    assert there.terminal.protected(read).status == 0x9000
    with there.desk.card.environment.memory.transaction():
        found.applet.trust.set_chip_key(der(CHIP_KEY))
    assert there.terminal.select(ISSUER, channel=1).status == 0x9000
    assert there.terminal.protected(read).status == 0x6988


# -- power ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("landed", [False, True])
def test_where_the_power_goes_a_pin_is_either_good_or_gone(landed: bool) -> None:
    """At no write of the last wrong guess is a PIN left proven whose counter is 0."""
    cuts = blocked = 0
    for cut in range(1, 4):
        backend = FaultyBackend(RamBackend(), landed=landed)
        card = holder(contactless=True, memory=PersistentMemory(backend))
        for left in (4, 3, 2, 1):
            play(card, f"0120009B06{b'WRONG1'.hex()} -> 63C{left}")
        backend.cut_after = backend.writes + cut
        try:
            card.transmit(bytes.fromhex(f"0120009B06{b'WRONG1'.hex()}"))
        except PowerLoss:
            cuts += 1
        card.reset()
        if status(card, "0020009B") == "63C0":
            blocked += 1
            assert status(card, SIGN) == "6982"
    assert cuts
    assert blocked
