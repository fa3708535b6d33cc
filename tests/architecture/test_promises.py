"""What the cities and the ministry promised of the card, a test for each: docs/card.md, section 1.

Here are the promises that the card itself keeps; each test says in its name which one it is.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from jukicard import PROFILES, Card, issue_card
from jukicard.environment import SeededRandom
from jukicard.profiles.masters import TEST_MASTERS
from jukicard.synthetic.codes import draw_individual_number, draw_resident_code, is_resident_code
from jukicard.synthetic.people import Person, Sex, draw_person
from jukicard.synthetic.places import municipality
from jukicard.testing.applets import ForbiddenApplet, with_forbidden
from jukicard.transport.inprocess import LocalReader
from jukihost.channel import build_channel
from jukihost.conversation.refusals import PinNotVerified, PurposeNotEntitled
from jukihost.errors import (
    AuthenticationRejected,
    CardNotAuthentic,
    PinBlocked,
    PinRejected,
    StatusError,
)
from jukihost.models import CardForm, Purpose, ResidentCode
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.sessions.juki import JukiSession
from jukihost.signing.raw import sign_raw, verify_raw
from tests.support.cards.issuing import issue
from tests.support.cards.juki_desk import CODE, READ_CODE, VERIFY, Desk
from tests.support.host.custody import PublicMasters
from tests.support.naive.terminal import JUKI, PURPOSES, WRONG_KEYS, NaiveTerminal, keys_of

OTHER_CODE = draw_resident_code(SeededRandom("another"))
PIN = "1234"
CUSTODY = PublicMasters()
READ_CODE_RAW = bytes.fromhex("00B2011400")
READERS = [purpose for purpose in Purpose if purpose is not Purpose.SUSPEND]


def issued(**wishes: object) -> Card:
    given = {"seed": 1, "code": CODE, "pin": PIN, **wishes}
    return issue(given.pop("profile", "juki-v1"), **given)


def desk(card: Card) -> Desk:
    """A terminal of its own kind in front of the card, the Juki application selected."""
    card.power_on()
    number = card.transmit(bytes.fromhex("00CA005A00"))[2:10]
    terminal = NaiveTerminal(card.transmit, number)
    assert terminal.select(JUKI).status == 0x9000
    return Desk(card, terminal)


@contextmanager
def juki(card: Card, purpose: Purpose | None = None) -> Iterator[JukiSession]:
    """A session of the host library, authenticated for a purpose."""
    with LocalReader(card) as connection, JukiSession(build_channel(connection)) as session:
        if purpose is not None:
            session.authenticate(purpose, CUSTODY)
        yield session


# --- P2: card and system confirm each other's legitimacy, for each purpose of use ---


@pytest.mark.parametrize("number", PURPOSES)
def test_p2_the_card_takes_only_a_system_that_proves_its_own_purpose(number: int) -> None:
    place = desk(issued())
    wrong = [WRONG_KEYS]
    wrong += [
        keys_of(place.terminal.card_number, name)
        for other, name in PURPOSES.items()
        if other != number
    ]
    for keys in wrong:
        place.terminal.get_challenge()
        answer = place.terminal.mutual_authenticate(keys, 0x80 | number)
        assert answer.status & 0xFFF0 == 0x63C0
        assert not answer.data
        place.terminal.authenticate(number)  # and takes the right one, which gives the tries back


@pytest.mark.parametrize("purpose", Purpose)
def test_p2_the_system_takes_only_a_card_that_proves_itself(purpose: Purpose) -> None:
    forged: Any = ForgedCard(issued())
    with juki(forged) as session, pytest.raises(CardNotAuthentic):
        session.authenticate(purpose, CUSTODY)


class ForgedCard:
    """Passes for a card, but for the proof: its answer to MUTUAL AUTHENTICATE is changed."""

    def __init__(self, card: Card) -> None:
        self._card = card

    def __getattr__(self, name: str) -> Any:
        return getattr(self._card, name)

    def transmit(self, raw: bytes) -> bytes:
        answer = self._card.transmit(raw)
        return answer if raw[1] != 0x82 else bytes((answer[0] ^ 1,)) + answer[1:]


# --- P3: purposes are independent, a firewall inside the card limits use ---


@pytest.mark.parametrize("number", PURPOSES)
def test_p3_what_is_proven_for_one_application_counts_for_no_other(number: int) -> None:
    card = issued(profile=with_forbidden(PROFILES["juki-v1"]))
    forbidden = ForbiddenApplet.on(card)
    place = desk(card)
    place.terminal.authenticate(number)
    assert place.terminal.protected(VERIFY).status == 0x9000
    others = {it.type_name: it.aid for it in card.applications if it.aid != JUKI}
    assert others.pop("forbidden")
    assert others.keys() >= {"issuer-juki", "jpki"}
    for aid in others.values():
        assert place.terminal.select(aid).status == 0x9000
        assert place.terminal.select(JUKI).status == 0x9000
        assert place.status(READ_CODE_RAW.hex()) == 0x6982, "left, and nothing is proven"
    forbidden.check()


def test_p3_a_purpose_opens_only_what_is_its_own() -> None:
    with juki(issued(), Purpose.SUSPEND) as session:
        session.verify_pin(PIN)
        with pytest.raises(PurposeNotEntitled):
            session.read_code()
    for purpose in set(Purpose) - {Purpose.COUNTER}:
        with juki(issued(), purpose) as session:
            session.verify_pin(PIN)
            for act in (session.unblock_pin, session.move_out):
                with pytest.raises((PurposeNotEntitled, PinNotVerified)):
                    act()


# --- P5: three different wrong PINs stop the card's function for the time being ---


def test_p5_three_different_wrong_pins_stop_the_card_until_the_counter_sets_it_free() -> None:
    card = issued()
    with juki(card, Purpose.RESIDENT_IDENTIFICATION) as session:
        for wrong, left in (("0000", 2), ("1111", 1)):
            with pytest.raises(PinRejected) as caught:
                session.verify_pin(wrong)
            assert caught.value.retries_left == left
        with pytest.raises((PinRejected, PinBlocked)):
            session.verify_pin("2222")
    card.power_off()
    for purpose in READERS:
        with juki(card, purpose) as session:
            with pytest.raises(PinBlocked):
                session.verify_pin(PIN)
            with pytest.raises(PinNotVerified):
                session.read_code()
    with juki(card, Purpose.COUNTER) as session:
        session.unblock_pin()
    with juki(card, Purpose.RESIDENT_IDENTIFICATION) as session:
        session.verify_pin(PIN)
        assert session.read_code() == ResidentCode(CODE)


def test_p5_a_right_pin_in_between_gives_the_tries_back() -> None:
    with juki(issued(), Purpose.RESIDENT_IDENTIFICATION) as session:
        for _ in range(3):
            for wrong in ("0000", "1111"):
                with pytest.raises(PinRejected):
                    session.verify_pin(wrong)
            session.verify_pin(PIN)
        assert session.pin_retries() == 3


# --- P6: no access from a system that is not set in the card ---


@pytest.mark.parametrize("purpose", Purpose)
def test_p6_a_system_that_is_not_set_in_the_card_has_no_access(purpose: Purpose) -> None:
    others = {name: key for name, key in TEST_MASTERS.items() if name != purpose.name}
    card = issued(masters=others)
    with juki(card) as session, pytest.raises(StatusError):
        session.authenticate(purpose, CUSTODY)
    for other in set(READERS) - {purpose}:
        with juki(card, other) as session:
            session.verify_pin(PIN)
            assert session.read_code() == ResidentCode(CODE)
    with juki(issued()) as session, pytest.raises(AuthenticationRejected):
        session.authenticate(purpose, PublicMasters(others=b"\x01" * 16))


def test_p6_without_a_system_the_pin_opens_nothing() -> None:
    place = desk(issued())
    assert place.status("0020009C0431323334") == 0x9000
    for read in ("00B2011400", "00B0830000", "00B2021400"):
        assert place.card.transmit(bytes.fromhex(read)) == b"\x69\x82"


# --- P7: a lost or stolen card is suspended ---


@pytest.mark.parametrize("purpose", [Purpose.SUSPEND, Purpose.COUNTER])
def test_p7_the_next_terminal_suspends_a_lost_card_and_only_the_counter_resumes_it(
    purpose: Purpose,
) -> None:
    card = issued()
    with juki(card, purpose) as session:
        session.suspend()
    card.power_off()
    place = desk_of_suspended(card)
    for command in ("0020009C0431323334", "00B2011400", "00B0830000", "0020009C"):
        assert place.status(command) == 0x6985
    for number in PURPOSES:
        keys = keys_of(place.terminal.card_number, PURPOSES[number])
        place.terminal.select(JUKI)
        place.terminal.get_challenge()
        answer = place.terminal.mutual_authenticate(keys, 0x80 | number)
        assert (answer.status == 0x9000) == (PURPOSES[number] == "COUNTER")
    with (
        LocalReader(card) as connection,
        JukiSession(build_channel(connection), allow_suspended=True) as session,
    ):
        session.authenticate(Purpose.COUNTER, CUSTODY)
        session.resume()
    with juki(card, Purpose.RESIDENT_IDENTIFICATION) as session:
        session.verify_pin(PIN)
        assert session.read_code() == ResidentCode(CODE)


def desk_of_suspended(card: Card) -> Desk:
    card.power_on()
    number = card.transmit(bytes.fromhex("00CA005A00"))[2:10]
    terminal = NaiveTerminal(card.transmit, number)
    terminal.select(JUKI)
    return Desk(card, terminal)


# --- P8: the only personal data in the card is the resident record code ---

MARKED = dataclasses.replace(
    draw_person(SeededRandom("P8"), issued=datetime.date(2003, 8, 25)),
    family="霧島",
    given="標",
    family_kana="キリシマ",
    given_kana="シルベ",
    sex=Sex.FEMALE,
    birth=datetime.date(1957, 11, 23),
    municipality=municipality("13221"),
    street="架空町九丁目８番７号",
    resident_code=CODE,
    individual_number="123456789018",
    security_code="9371",
)
UNLIKE: dict[str, dict[str, object]] = {
    "name": {"family": "山川", "given": "二", "family_kana": "ヤマカワ", "given_kana": "ニ"},
    "address": {"street": "別町一丁目"},
    "birth date": {"birth": datetime.date(1980, 1, 2)},
    "sex": {"sex": Sex.MALE},
    "individual number": {"individual_number": draw_individual_number(SeededRandom(2))},
    "security code": {"security_code": "0000"},
}
"""For every item of a person but the code: the same person with another."""


def juki_partition(person: Person) -> dict[str, bytes]:
    """Every byte that the Juki application keeps of a card issued to a person."""
    card = issue_card("juki-v1", seed=8, person=person)
    return dict(card.environment.memory.partition(f"application {JUKI}").items())


@pytest.mark.parametrize("item", UNLIKE)
def test_p8_no_byte_of_the_juki_application_depends_on(item: str) -> None:
    other = dataclasses.replace(MARKED, **UNLIKE[item])  # type: ignore[arg-type]
    assert juki_partition(other) == juki_partition(MARKED)


def test_p8_the_code_is_the_only_personal_data_and_lies_in_one_place() -> None:
    here = juki_partition(MARKED)
    there = juki_partition(dataclasses.replace(MARKED, resident_code=OTHER_CODE))
    assert here.keys() == there.keys()
    changed = [key for key in here if here[key] != there[key]]
    assert len(changed) == 1
    (key,) = changed
    assert here[key].count(CODE.encode()) == 1
    assert here[key].replace(CODE.encode(), OTHER_CODE.encode()) == there[key]


def test_p8_nothing_else_of_the_person_is_found_in_any_spelling() -> None:
    texts = [MARKED.family, MARKED.given, MARKED.reading, MARKED.street, MARKED.address]
    encodings = ("utf-8", "utf-16-be", "utf-16-le", "shift_jis", "euc_jp")
    spellings = [text.encode(name) for text in texts for name in encodings]
    digits = ["19571123", "3321123", "571123", "321123", MARKED.individual_number, "9371"]
    spellings += [text.encode() for text in digits]
    spellings += [bytes.fromhex(text) for text in digits if len(text) % 2 == 0 and len(text) > 6]
    assert CODE.encode() in b"|".join(juki_partition(MARKED).values())
    everything = b"|".join(juki_partition(MARKED).values())
    assert [spelling for spelling in spellings if spelling in everything] == []


# --- P9: the card lasts ten years, the certificate three, or to the card's end ---


@pytest.mark.parametrize("day", [datetime.date(2003, 8, 25), datetime.date(2012, 2, 29)])
def test_p9_the_card_holds_ten_years_and_the_certificate_no_more_than_three(
    day: datetime.date,
) -> None:
    card = issued(issued=day)
    with juki(card, Purpose.RESIDENT_IDENTIFICATION) as session:
        info = session.card_info()
    assert info.issued == day
    ten_years = day.replace(year=day.year + 10, day=min(day.day, 28))
    assert abs(info.expires - ten_years) <= datetime.timedelta(days=1)
    assert not info.expired(info.expires)
    assert info.expired(info.expires + datetime.timedelta(days=1))
    with LocalReader(card) as connection, JpkiSession(build_channel(connection)) as jpki:
        jpki.verify_password("ABC123")
        certificate = jpki.certificate(JpkiKey.SIGNATURE)
    ends = (certificate.not_valid_after_utc + datetime.timedelta(hours=9)).date()
    assert day < ends <= info.expires
    assert ends <= day + datetime.timedelta(days=3 * 366)


# --- P10: two faces, no difference in service ---


def service(card: Card) -> list[object]:
    """All that is done with a card at a counter, and what came of it."""
    done: list[object] = []
    with juki(card, Purpose.RESIDENT_IDENTIFICATION) as session:
        with pytest.raises(PinRejected) as caught:
            session.verify_pin("0000")
        done.append(caught.value.retries_left)
        session.verify_pin(PIN)
        done.append(session.read_code())
        session.change_pin("4321")
        done.append(dataclasses.replace(session.card_info(), form=CardForm.WITH_PHOTO))
    with juki(card, Purpose.COUNTER) as session:
        session.unblock_pin("5678")
        session.move_out()
        done.append(session.residence())
        moved = session.continue_use("27217")
        done.append(dataclasses.replace(moved, form=CardForm.WITH_PHOTO))
    with juki(card, Purpose.WIDE_AREA_ISSUANCE) as session:
        session.verify_pin("5678")
        done.append(session.read_code())
    return done


def test_p10_both_forms_get_the_same_service() -> None:
    with juki(issued(form=1), Purpose.MOVE_IN) as session:
        assert session.card_info().form is CardForm.NAME_ONLY
    assert service(issued(form=1)) == service(issued(form=2))


def test_p10_the_forms_differ_in_one_byte_of_the_juki_application() -> None:
    first, second = (
        dict(issued(form=form).environment.memory.partition(f"application {JUKI}").items())
        for form in (1, 2)
    )
    assert first.keys() == second.keys()
    changed = [(first[key], second[key]) for key in first if first[key] != second[key]]
    assert len(changed) == 1
    ((one, two),) = changed
    assert len(one) == len(two)
    assert [pair for pair in zip(one, two, strict=True) if pair[0] != pair[1]] in (
        [(1, 2)],
        [(0x31, 0x32)],
    )


# --- P14: private keys live in the card ---


def primes(card: Card, modulus: int) -> list[bytes]:
    """The primes of a key as they lie in the card's memory, wherever that is."""
    size = (modulus.bit_length() + 15) // 16
    found = set()
    for name in card.environment.memory.partitions():
        for _, value in card.environment.memory.partition(name).items():
            for start in range(len(value) - size + 1):
                part = value[start : start + size]
                if part[0] & 0x80 and part[-1] & 1 and modulus % int.from_bytes(part, "big") == 0:
                    found.add(part)
    return sorted(found)


def every_answer(transmit: Callable[[bytes], bytes]) -> Iterator[bytes]:
    """What the JPKI application says to whoever reads all it can, with the password verified."""
    yield transmit(bytes.fromhex("00A4040C0AD392F000260100000001"))
    yield transmit(bytes.fromhex("00A4020C02001B"))
    yield transmit(bytes.fromhex("0020008006414243313233"))
    for identifier in range(0x40):
        yield transmit(bytes.fromhex("00A4020C02") + identifier.to_bytes(2, "big"))
        for read in ("00B00000000000", "00B2010400", "00B2010400", "00CB3FFF00", "00CA010000"):
            yield transmit(bytes.fromhex(read))
        yield transmit(bytes((0x00, 0x46, 0x81, identifier)) + bytes.fromhex("000000"))


def test_p14_the_card_signs_and_its_key_never_leaves_it() -> None:
    card = issued()
    with LocalReader(card) as connection, JpkiSession(build_channel(connection)) as jpki:
        with pytest.raises(StatusError):
            jpki.sign(JpkiKey.SIGNATURE, b"\x30" * 35)
        jpki.verify_password("ABC123")
        key = jpki.signing_key(JpkiKey.SIGNATURE)
        signature = sign_raw(key, b"an application to the city")
        verify_raw(key.certificate, b"an application to the city", signature)
    public = key.certificate.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    secret = primes(card, public.public_numbers().n)
    assert len(secret) == 2, "the key lies in the card"
    card.power_on()
    heard = list(every_answer(card.transmit))
    assert any(answer.endswith(b"\x90\x00") and len(answer) > 256 for answer in heard)
    for answer in heard:
        for prime in secret:
            assert prime[:16] not in answer
            assert prime[-16:] not in answer


# --- P19: the code is 11 digits, random, changed on request, never chosen ---


def test_p19_codes_are_eleven_random_digits_with_a_check_digit() -> None:
    codes = {draw_resident_code(SeededRandom(number)) for number in range(200)}
    assert len(codes) == 200
    assert all(len(code) == 11 and code.isdigit() and is_resident_code(code) for code in codes)
    for place in range(10):
        assert {code[place] for code in codes} == set("0123456789")


def test_p19_the_card_changes_its_code_at_the_counter_only() -> None:
    new = ResidentCode(OTHER_CODE)
    for purpose in set(Purpose) - {Purpose.COUNTER}:
        with juki(issued(), purpose) as session:
            session.verify_pin(PIN)
            with pytest.raises((PurposeNotEntitled, PinNotVerified)):
                session.write_code(new)
    card = issued()
    with juki(card, Purpose.COUNTER) as session:
        session.write_code(new)
        session.verify_pin(PIN)
        assert session.read_code() == new
    place = desk(card)
    place.terminal.authenticate(1)
    assert place.terminal.protected(VERIFY).status == 0x9000
    assert place.terminal.protected(READ_CODE).data == b"\x01\x0b" + OTHER_CODE.encode()


def test_p19_a_card_is_not_issued_with_a_number_that_is_no_code() -> None:
    for wrong in ("11111111111", CODE[:-1], CODE[:-1] + str((int(CODE[-1]) + 1) % 10)):
        with pytest.raises(ValueError, match="code"):
            issued(code=wrong)
