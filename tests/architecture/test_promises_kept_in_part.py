"""Promises of docs/card.md, section 1, kept as far as card and session have a part in them.

What a ledger or a workflow has to do for a promise is not here; the table on that page says so.
It is compared with the tests: every promise is shown, by tests with its number.
"""

from __future__ import annotations

import datetime
import re
from contextlib import suppress
from pathlib import Path

import pytest

from jukicard import Card, issue_card
from jukicard.apdu import Ins
from jukicard.environment import SeededRandom
from jukicard.memory import PersistentMemory, PowerLoss, RamBackend
from jukicard.synthetic.codes import is_resident_code
from jukicard.synthetic.people import draw_person
from jukicard.testing.faults import FaultyBackend
from jukicard.transport.inprocess import LocalReader
from jukihost.channel import build_channel
from jukihost.conversation.refusals import HolderMovedOut, PinNotVerified
from jukihost.errors import PinBlocked, StatusError
from jukihost.keys.issuer import ISSUER_TEST_KEYS
from jukihost.models import Purpose, Residence, ResidentCode
from jukihost.sessions.issuer import IssuerSession, StoreForm
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.sessions.juki import JukiSession
from tests.architecture.test_promises import CUSTODY, PIN, desk, issued, juki
from tests.support.cards.issuer_desk import POINTS
from tests.support.cards.juki_desk import CODE, READ_CODE
from tests.support.naive.terminal import PURPOSES, keys_of

ROOT = Path(__file__).parents[2]
JPKI_AID = "D392F000260100000001"
TEXT_AID = "D3921000310001010408"
COMMON_AID = "D3921000310001010100"
READING = [purpose for purpose in Purpose if purpose is not Purpose.SUSPEND]

# --- P1: each purpose of use checks the holder by a PIN the holder types ---

GUARDED = {
    "the signature certificate": (JPKI_AID, "001B", b"ABC123", "00B0810004"),
    "the four items": (TEXT_AID, "0011", b"1234", "00B0820004"),
    "the individual number": (TEXT_AID, "0011", b"1234", "00B0810004"),
}
"""What is personal on a My Number card outside the Juki application, and the PIN before it."""


def _status(card: Card, *commands: str) -> str:
    answers = [card.transmit(bytes.fromhex(command)).hex().upper() for command in commands]
    return answers[-1][-4:]


def _verify(pin: bytes) -> str:
    return f"00200080{len(pin):02X}{pin.hex()}"


@pytest.mark.parametrize("what", GUARDED)
def test_p1_nothing_personal_is_read_without_the_holders_pin(what: str) -> None:
    aid, pin_file, pin, read = GUARDED[what]
    card = issued(profile="mynumber")
    card.power_on()
    select, name = f"00A4040C0A{aid}", f"00A4020C02{pin_file}"
    assert _status(card, select, read) == "6982"
    assert _status(card, select, name, _verify(bytes((pin[0] ^ 1,)) + pin[1:])) in ("63C2", "63C4")
    assert _status(card, read) == "6982"
    assert _status(card, select, name, _verify(pin)) == "9000"
    assert _status(card, read) == "9000"


@pytest.mark.parametrize("purpose", READING)
def test_p1_every_purpose_needs_the_pin_for_the_code(purpose: Purpose) -> None:
    with juki(issued(), purpose) as session:
        with pytest.raises(PinNotVerified):
            session.read_code()
        session.verify_pin(PIN)
        assert session.read_code() == ResidentCode(CODE)


def test_p1_each_application_has_a_pin_of_its_own() -> None:
    """The PIN of one opens no other, and what one blocks stays open in the others."""
    card = issued(profile="mynumber")
    with LocalReader(card) as connection, JukiSession(build_channel(connection)) as session:
        for wrong in ("0000", "1111", "2222"):
            with pytest.raises(StatusError):
                session.verify_pin(wrong)
        with pytest.raises(PinBlocked):
            session.verify_pin(PIN)
    with LocalReader(card) as connection, JpkiSession(build_channel(connection)) as jpki:
        with pytest.raises(StatusError):
            jpki.certificate(JpkiKey.SIGNATURE)
        jpki.verify_password("ABC123")
        jpki.certificate(JpkiKey.SIGNATURE)
    card.power_on()
    for aid, pin_file in ((TEXT_AID, "0011"), (COMMON_AID, "001C"), (JPKI_AID, "0018")):
        select, name = f"00A4040C0A{aid}", f"00A4020C02{pin_file}"
        assert _status(card, select, name, "00200080") == "63C3"


# --- P4: attacks on the chip are resisted, as far as software can ---


def test_p4_no_instruction_gives_the_code_to_whoever_only_has_the_pin() -> None:
    place = desk(issued())
    secret = (CODE.encode(), bytes.fromhex(f"{CODE}0"), PIN.encode())
    for ins in range(256):
        for p1, p2 in ((0x00, 0x00), (0x01, 0x14), (0x82, 0x00), (0x00, 0x9C), (0x3F, 0xFF)):
            if ins == Ins.VERIFY:
                continue
            place.card.transmit(bytes.fromhex("0020009C0431323334"))
            for tail in (b"", b"\0", b"\x02\x00\x02\0"):
                answer = place.card.transmit(bytes((0x00, ins, p1, p2)) + tail)
                assert not any(text in answer for text in secret), f"INS {ins:02X}"
    assert place.read_code() == b"\x01\x0b" + CODE.encode()


@pytest.mark.parametrize("landed", [False, True])
@pytest.mark.parametrize("cut", [1, 2])
def test_p4_cutting_the_power_gives_no_guess_for_free(cut: int, landed: bool) -> None:
    backend = FaultyBackend(RamBackend(), landed=landed)
    card = issue_card(seed=1, pin=PIN, memory=PersistentMemory(backend))
    select, wrong = "00A4040C0AD3921000310001010401", "0020009C0430303030"
    for _ in range(3):
        card.power_on()
        backend.cut_after = backend.writes + cut
        with suppress(PowerLoss):
            _status(card, select, wrong)
        backend.cut_after = None
    card.power_on()
    never_counted = cut == 1 and not landed  # then nothing was compared either
    assert _status(card, select, "0020009C") == ("63C3" if never_counted else "63C0")
    assert _status(card, select, "00B2011400") == "6982"


def test_p4_the_manual_claims_no_physical_resistance() -> None:
    manual = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert "protection against attacks on the chip" in manual
    assert "has no counterpart in software, and none is claimed" in manual


# --- P11: after moving out only the move-in procedure works; later the card can go on ---

AFTER_MOVING = {Purpose.MOVE_IN, Purpose.COUNTER}


def moved_out() -> Card:
    card = issued(municipality="13221")
    with juki(card, Purpose.COUNTER) as session:
        session.move_out()
    card.power_off()
    return card


@pytest.mark.parametrize("purpose", Purpose)
def test_p11_after_moving_out_only_the_move_in_procedure_works(purpose: Purpose) -> None:
    card = moved_out()
    with juki(card) as session:
        assert session.residence() is Residence.MOVED_OUT
    if purpose in AFTER_MOVING:
        with juki(card, purpose) as session:
            session.verify_pin(PIN)
            assert session.read_code() == ResidentCode(CODE)
    else:
        with juki(card) as session, pytest.raises(HolderMovedOut):
            session.authenticate(purpose, CUSTODY)


@pytest.mark.parametrize("purpose", [one for one in Purpose if one not in AFTER_MOVING])
def test_p11_the_card_itself_refuses_the_other_systems_keys(purpose: Purpose) -> None:
    place = desk(moved_out())
    place.terminal.get_challenge()
    keys = keys_of(place.terminal.card_number, PURPOSES[purpose.value])
    answer = place.terminal.mutual_authenticate(keys, 0x80 | purpose.value)
    assert answer.status == 0x6984
    assert place.terminal.protected(READ_CODE).status != 0x9000


def test_p11_in_the_new_town_the_card_goes_on() -> None:
    card = moved_out()
    with juki(card, Purpose.COUNTER) as session:
        info = session.continue_use("27127")
    assert info.municipality == "27127"
    for purpose in READING:
        with juki(card, purpose) as session:
            assert session.residence() is Residence.RESIDENT
            assert session.card_info().municipality == "27127"
            session.verify_pin(PIN)
            assert session.read_code() == ResidentCode(CODE)


# --- P12, P13: anywhere in the country, and at the move-in ---


@pytest.mark.parametrize("town", ["13221", "27127"])
def test_p12_a_card_of_any_town_shows_its_code_for_issuance_anywhere(town: str) -> None:
    with juki(issued(municipality=town), Purpose.WIDE_AREA_ISSUANCE) as session:
        with pytest.raises(PinNotVerified):
            session.read_code()
        session.verify_pin(PIN)
        assert session.read_code() == ResidentCode(CODE)
        assert session.card_info().municipality == town


def test_p13_the_visit_at_move_in_identifies_the_holder_by_the_card() -> None:
    with juki(moved_out(), Purpose.MOVE_IN) as session:
        assert session.card_info().municipality == "13221", "the town that was left"
        session.verify_pin(PIN)
        assert session.read_code() == ResidentCode(CODE)


# --- P15: municipal services by ordinance ---


def test_p15_a_service_comes_to_the_card_after_issue_and_goes_without_a_trace() -> None:
    card = issued()
    before = card.snapshot().partitions.keys()
    with LocalReader(card) as reader:
        with IssuerSession(build_channel(reader)) as issuer:
            issuer.authenticate(ISSUER_TEST_KEYS)
            issuer.install(POINTS, POINTS, POINTS)
            issuer.personalise(POINTS, bytes.fromhex("0001 08 4142434445464748"), StoreForm.GROUPS)
        assert _status(card, f"00A4040C08{POINTS}", "00B0810000") == "9000"
        with IssuerSession(build_channel(reader)) as issuer:
            issuer.authenticate(ISSUER_TEST_KEYS)
            issuer.delete(POINTS)
        assert _status(card, f"00A4040C08{POINTS}") == "6A82"
    assert card.snapshot().partitions.keys() == before


# --- P21: foreign residents hold a code and a card too ---


@pytest.mark.parametrize("seed", range(4))
def test_p21_a_foreign_resident_holds_a_card_until_the_residence_ends(seed: int) -> None:
    day = datetime.date(2014, 6, 1)
    person = draw_person(SeededRandom(seed), issued=day, foreign=True)
    assert is_resident_code(person.resident_code)
    assert (person.alias is None) or f"（{person.alias}）" in person.name
    card = issue_card("juki-v2", seed=seed, person=person, issued=day, pin=PIN)
    with juki(card, Purpose.RESIDENT_IDENTIFICATION) as session:
        session.verify_pin(PIN)
        assert session.read_code() == ResidentCode(person.resident_code)
        expires = session.card_info().expires
    ten_years = datetime.date(2024, 6, 1)
    ends = person.residence_until
    limit = ten_years if ends is None else min(ends, ten_years)
    assert abs(expires - limit) <= datetime.timedelta(days=1)
    assert expires <= limit


# --- the table ---

PROMISE = re.compile(r"^\| P(\d+) \|.*\| ([^|]+) \|$", re.MULTILINE)


def promises() -> dict[int, str]:
    """What the last column of the table says of each promise."""
    page = (ROOT / "docs" / "card.md").read_text("utf-8")
    section = page.partition("## 1. ")[2].partition("\n## 2. ")[0]
    return {int(number): standing for number, standing in PROMISE.findall(section)}


def numbers_in_tests() -> set[int]:
    sources = [path.read_text("utf-8") for path in Path(__file__).parent.glob("test_promises*.py")]
    return {
        int(number) for text in sources for number in re.findall(r"^def test_p(\d+)_", text, re.M)
    }


def test_the_table_has_every_promise_and_says_of_each_that_it_is_shown() -> None:
    assert promises() == dict.fromkeys(range(1, 32), "shown")


def test_a_test_names_each_promise_and_no_other() -> None:
    assert numbers_in_tests() == promises().keys()
