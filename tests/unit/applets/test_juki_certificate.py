"""The certificate of the chip's key in the Juki application: who reads it how, who gets none."""

from __future__ import annotations

import pytest

from jukicard import Printed, ProfileError, issue_card
from jukicard.apdu import CommandApdu, Tlv
from jukicard.memory import MemorySnapshot
from tests.support.cards.card_certificates import (
    CARD_DRAFT,
    CERTIFICATE,
    ISSUER_DRAFT,
    LONG,
    NUMBER,
    OTHER_NUMBER,
)
from tests.support.cards.eac_desk import (
    CHIP_KEY,
    DV_DRAFT,
    ROOT_DRAFT,
    TERMINAL_TYPE,
    EacTerminal,
    certificate,
    der,
)
from tests.support.cards.issuing import issue
from tests.support.cards.juki_desk import CODE, Desk, desk, issued
from tests.support.naive.cvc_writer import key
from tests.support.naive.pace import NUMBER as ACCESS_NUMBER, NaivePace
from tests.support.naive.terminal import ISSUER, JUKI

GET = CommandApdu(0x00, 0xCA, 0x7F, 0x21, ne=256)
GET_ALL = CommandApdu(0x00, 0xCA, 0x7F, 0x21, ne=65536, extended=True)
BY_TAG_LIST = CommandApdu(0x00, 0xCB, 0x3F, 0xFF, bytes.fromhex("5C027F21"), 256)


def made(raw: bytes = CERTIFICATE, **more: object) -> MemorySnapshot:
    return issued(card_number=NUMBER, chip_key=der(CHIP_KEY), chip_certificate=raw, **more)


def _collected(there: Desk, command: CommandApdu) -> bytes:
    """All of an answer in parts, as 61XX announces them."""
    answer = there.terminal.plain(command)
    data = answer.data
    while answer.status & 0xFF00 == 0x6100:
        answer = there.terminal.plain(
            CommandApdu(0x00, 0xC0, 0, 0, ne=(answer.status & 0xFF) or 256)
        )
        data += answer.data
    assert answer.status == 0x9000
    return data


def test_anybody_reads_it() -> None:
    there = desk(made())
    assert len(CERTIFICATE) < 256 < len(LONG)
    for command in (GET, GET_ALL, BY_TAG_LIST):
        answer = there.terminal.plain(command)
        assert (answer.data, answer.status) == (CERTIFICATE, 0x9000)
    assert there.terminal.plain(CommandApdu(0x00, 0xCA, 0x00, 0x5A, ne=256)).data[2:] == NUMBER


def test_a_long_one_comes_in_parts_or_at_once() -> None:
    there = desk(made(LONG))
    assert there.terminal.plain(GET_ALL).data == LONG
    first = there.terminal.plain(GET)
    assert len(first.data) == 256
    assert first.status == 0x6100, "256 bytes or more are left"
    for command in (GET, BY_TAG_LIST):
        assert _collected(there, command) == LONG


def test_a_length_too_short() -> None:
    there = desk(made())
    answer = there.terminal.plain(CommandApdu(0x00, 0xCA, 0x7F, 0x21, ne=16))
    assert (answer.data, answer.status) == (b"", 0x6C00 | len(CERTIFICATE))
    assert there.terminal.plain(CommandApdu(0x00, 0xCA, 0x7F, 0x21)).status == 0x6700


def test_a_card_without_one() -> None:
    for snapshot in (issued(), issued(chip_key=der(CHIP_KEY))):
        there = desk(snapshot)
        for command in (GET, GET_ALL, BY_TAG_LIST):
            answer = there.terminal.plain(command)
            assert (answer.data, answer.status) == (b"", 0x6A88)


def test_it_is_in_this_application_only() -> None:
    there = desk(made())
    assert there.terminal.select(ISSUER).status == 0x9000
    assert there.terminal.plain(GET).status == 0x6A88


def test_nobody_writes_it() -> None:
    there = desk(made())
    value = Tlv.parse(certificate(CARD_DRAFT.with_(expires="991231"))).value
    put = CommandApdu(0x00, 0xDA, 0x7F, 0x21, value)
    put_odd = CommandApdu(0x00, 0xDB, 0x3F, 0xFF, Tlv(0x7F21, value).encode())
    for reference in (None, 1, 4):
        if reference is not None:
            there.terminal.authenticate(reference)
        for command in (put, put_odd):
            answer = there.terminal.send(command, secure=reference is not None)
            assert answer.status == 0x6A88
    assert there.terminal.plain(GET).data == CERTIFICATE


@pytest.mark.parametrize("raw", [CERTIFICATE, LONG])
def test_under_secure_messaging(raw: bytes) -> None:
    """In a purpose's session and in one that PACE has opened."""
    there = desk(made(raw, access_number=ACCESS_NUMBER))
    there.terminal.authenticate(1)
    for _ in range(2):
        data, command = b"", GET
        while True:
            answer = there.terminal.protected(command)
            data += answer.data
            if answer.status == 0x9000:
                break
            assert answer.status & 0xFF00 == 0x6100
            command = CommandApdu(0x00, 0xC0, 0, 0, ne=(answer.status & 0xFF) or 256)
        assert data == raw
        there.terminal.sessions.clear()
        assert there.terminal.select(JUKI).status == 0x9000
        assert NaivePace(there.terminal).steps().status == 0x9000


def test_on_another_channel_and_after_power_off() -> None:
    there = desk(made())
    assert there.status("00700001") == 0x9000
    assert there.terminal.select(JUKI, 1).status == 0x9000
    assert there.terminal.plain(CommandApdu(0x01, 0xCA, 0x7F, 0x21, ne=256)).data == CERTIFICATE
    there.card.power_off()
    there.card.power_on()
    assert there.terminal.select(JUKI).status == 0x9000
    assert there.terminal.plain(GET).data == CERTIFICATE


def test_a_suspended_card_says_its_number_and_no_more() -> None:
    there = desk(made())
    there.terminal.authenticate(5)
    suspend = CommandApdu(0x00, 0x04, 0, 0, bytes.fromhex("3F00"))
    assert there.terminal.protected(suspend).status == 0x9000
    for command in (GET, BY_TAG_LIST):
        assert there.terminal.plain(command).status == 0x6985


def test_reading_it_is_no_step_of_the_protocol() -> None:
    """It may be read first, or between certificates, and the system gets in; it costs nothing."""
    there = EacTerminal(desk(made(trust_anchors=[certificate(ROOT_DRAFT)])))
    assert there.terminal.plain(GET).data == CERTIFICATE
    assert there.present(DV_DRAFT) == 0x9000
    assert there.terminal.plain(GET).data == CERTIFICATE
    there.establish()


def test_a_cards_certificate_is_no_systems() -> None:
    """Not even where the issuer of cards is trusted as an authority of systems by mistake."""
    there = EacTerminal(desk(made(trust_anchors=[certificate(ISSUER_DRAFT)])))
    middle = DV_DRAFT.with_(
        issuer=ISSUER_DRAFT.holder, signer=ISSUER_DRAFT.key, terminal_type=CARD_DRAFT.terminal_type,
        effective="160104", expires="260103",
    )  # fmt: skip
    card = CARD_DRAFT.with_(issuer=middle.holder, signer=middle.key)
    assert there.present(CARD_DRAFT) == 0x6985, "an authority's root certifies authorities"
    assert there.present(middle, card) == 0x9000
    assert there.set_terminal(card.holder) == 0x9000
    assert there.external_authenticate(there.signature(CHIP_KEY)) == 0x6985


GOOD = {"card_number": NUMBER, "chip_key": der(CHIP_KEY)}
REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "no key": ({"card_number": NUMBER, "chip_certificate": CERTIFICATE}, "give chip_key too"),
    "no certificate": ({**GOOD, "chip_certificate": b""}, "of no use"),
    "not one object": ({**GOOD, "chip_certificate": CERTIFICATE + b"\0"}, "of no use"),
    "cut off": ({**GOOD, "chip_certificate": CERTIFICATE[:-1]}, "of no use"),
    "without its tag": ({**GOOD, "chip_certificate": CARD_DRAFT.content()}, "of no use"),
    "another key": (
        {**GOOD, "chip_certificate": CERTIFICATE, "chip_key": der(key(77))},
        "for another key",
    ),
    "no key at all": ({**GOOD, "chip_certificate": CERTIFICATE, "chip_key": b"1"}, "private key"),
    "another card's": (
        {**GOOD, "chip_certificate": CERTIFICATE, "card_number": OTHER_NUMBER},
        "another card's: its holder is not the number 8139200000000124",
    ),
    "a drawn number": (
        {"chip_key": der(CHIP_KEY), "chip_certificate": CERTIFICATE},
        "another card",
    ),
    "a system's": (
        {**GOOD, "chip_certificate": certificate(CARD_DRAFT.with_(terminal_type=TERMINAL_TYPE))},
        "type 2.999.1.2",
    ),
    "an issuer's": ({**GOOD, "chip_certificate": certificate(ISSUER_DRAFT)}, "type 2.999.1.2"),
    "its own parameters": (
        {**GOOD, "chip_certificate": certificate(CARD_DRAFT.with_(parameters=True))},
        "domain parameters",
    ),
    "a short number": ({**GOOD, "card_number": NUMBER[1:]}, "eight bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_issued(name: str) -> None:
    given, why = REFUSED[name]
    with pytest.raises(ProfileError, match=why):
        issue(seed=1, code=CODE, **given)


def test_the_number_is_drawn_unless_given() -> None:
    drawn = issue_card(seed=1)
    drawn.power_on()
    number = drawn.transmit(bytes.fromhex("00CA005A00"))[2:10]
    same = issue_card(seed=1, printed=Printed(card_number=number))
    assert same.snapshot().export_with_keys() == issue_card(seed=1).snapshot().export_with_keys()
