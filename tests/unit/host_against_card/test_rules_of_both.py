"""Rules that the card and the terminal each keep on their own: they say the same, everywhere.

Neither side imports the other, so each of these rules is written twice. What is finite is compared
whole: every day of the calendar, every character at every place, every number of a list.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jukicard import PROFILES, Pins, Printed, ProfileError, issue_card
from jukicard.applets.common import files as common_files
from jukicard.applets.jpki import files as jpki_files
from jukicard.applets.juki import files as juki_files
from jukicard.applets.juki.commands import ResidenceState
from jukicard.applets.juki.personalisation import CardData, code_record
from jukicard.applets.surface import files as surface_files
from jukicard.applets.text import files as text_files
from jukicard.crypto import cvc as card_cvc
from jukicard.environment import SeededRandom
from jukicard.errors import IsoError
from jukicard.filesystem.files import FileTree
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.kit import eras as card_eras
from jukicard.kit.features.certificates import TERMINAL_TYPE
from jukicard.kit.keys import WeakKeyError, check_random
from jukicard.kit.pin import PinFile
from jukicard.kit.signing import SignatureScheme
from jukicard.kit.verification import birth_digits, juki_number, number_b
from jukicard.profiles.chipcertificate import CARD_TYPE
from jukicard.profiles.masters import SUITES
from jukicard.synthetic import codes, eras as card_dates
from jukicard.synthetic.people import draw_person
from jukicard.synthetic.person import Sex
from jukihost import models
from jukihost.authentication.mutual import Suite
from jukihost.conversation import jukifiles, secrets
from jukihost.conversation.probe import KNOWN_APPLICATIONS
from jukihost.conversation.secrets import (
    AccessNumber,
    BirthPin,
    NumberA,
    NumberB,
    Pin,
    Secret,
    SignaturePassword,
    era_date,
    written_date,
)
from jukihost.crypto import cardcertificate, cvc as host_cvc
from jukihost.crypto.signatures import CertificateError
from jukihost.errors import PinFormatError
from jukihost.keys.custody import WeakKey
from jukihost.keys.software import check_master
from jukihost.sessions import common, jpki, juki, surface, text

DAY = datetime.date
ONE = datetime.timedelta(days=1)


def days(first: DAY, last: DAY) -> Iterator[DAY]:
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        yield DAY.fromordinal(ordinal)


# -- calendars ------------------------------------------------------------------------------------


def test_every_day_has_the_same_six_digits_on_both_sides() -> None:
    for day in days(DAY(1868, 10, 23), DAY(2117, 12, 31)):
        assert era_date(day) == birth_digits(day), day
        assert BirthPin.of_date(day) == BirthPin(birth_digits(day)), day
        gregorian = BirthPin(birth_digits(day, gregorian=True))
        assert BirthPin.of_date(day, foreign=True) == gregorian, day


def test_every_day_is_written_alike_on_both_sides() -> None:
    narrow = {ord("０") + digit: ord("0") + digit for digit in range(10)}
    for day in days(DAY(1868, 10, 23), DAY(2117, 12, 31)):
        assert written_date(day) == card_dates.written(day).translate(narrow), day
        common = card_dates.written_gregorian(day).translate(narrow)
        assert written_date(day, foreign=True) == common, day


def test_no_day_before_the_first_era_has_any() -> None:
    for day in days(DAY(1867, 1, 1), DAY(1868, 10, 22)):
        with pytest.raises(ValueError, match="Meiji"):
            era_date(day)
        assert written_date(day) == written_date(day, foreign=True)
        with pytest.raises(ValueError, match="no era"):
            birth_digits(day)


def test_both_sides_have_the_same_eras() -> None:
    assert {era.first: era.name for era in card_eras.ERAS} == secrets._ERAS


@pytest.mark.parametrize("foreign", [False, True])
def test_drawn_holders_have_the_same_numbers_on_both_sides(foreign: bool) -> None:
    random = SeededRandom("numbers of both")
    for _ in range(2000):
        person = draw_person(random, issued=DAY(2024, 4, 1), foreign=foreign, minimum_age=0)
        born, code = person.birth, person.security_code
        expires = born + 366 * 100 * ONE
        assert NumberB.of_face(born, expires.year, code, foreign=foreign) == NumberB(
            number_b(born, expires, code, gregorian=foreign)
        )
        for shown in (None, born):
            assert NumberB.of_juki_card(expires, shown, foreign=foreign) == NumberB(
                juki_number(expires, shown, gregorian=foreign)
            )


def test_every_date_of_a_certificate_is_written_and_read_the_same() -> None:
    for day in days(DAY(2000, 1, 1), DAY(2099, 12, 31)):
        assert card_cvc._read_date(host_cvc._date_bytes(day)) == day


def test_what_is_no_date_in_a_certificate_is_none_on_either_side() -> None:
    for value in (b"", bytes(5), bytes(7), bytes(6), b"\2\1\1\3\0\1", b"\2\3\0\2\2\x0a", b"240401"):
        with pytest.raises(ValueError, match=r"digits|range|month|day"):
            card_cvc._read_date(value)
        with pytest.raises(CertificateError):
            host_cvc._date(value)


# -- numbers with check digits --------------------------------------------------------------------


def _is_code(text: str) -> bool:
    try:
        models.ResidentCode(text)
    except ValueError:
        return False
    return True


def test_check_digits_are_the_same_for_every_place_digit_and_remainder() -> None:
    for place in range(10):
        for digit in "0123456789":
            body = "0" * place + digit + "0" * (9 - place)
            assert str(models.check_digit(body)) == codes.check_digit(body)
    random = SeededRandom("bodies of both")
    for _ in range(20_000):
        body = codes.random_digits(random, 10)
        assert str(models.check_digit(body)) == codes.check_digit(body)


def test_a_code_is_one_on_both_sides_or_on_none() -> None:
    random = SeededRandom("codes of both")
    found = {True: 0, False: 0}
    for _ in range(3000):
        code = codes.random_digits(random, 11)
        assert _is_code(code) is codes.is_resident_code(code)
        found[_is_code(code)] += 1
    assert min(found.values()) > 200
    for none in ("", "1" * 10, "1" * 12, "１２３４５６７８９０３", "1234567890³", " 2345678903"):
        assert not _is_code(none)
        assert not codes.is_resident_code(none)


def test_every_individual_number_is_a_verification_number_a() -> None:
    random = SeededRandom("individual numbers")
    spec = pin_file(text_files.TREE, text_files.NUMBER_A)
    for _ in range(1000):
        number = NumberA(codes.draw_individual_number(random))
        spec.check_value(number.encode())


# -- PINs, passwords and numbers: characters and lengths -------------------------------------------


def pin_file(tree: FileTree, fid: int) -> PinFile:
    spec = tree.ef(fid).spec
    assert isinstance(spec, PinFile)
    return spec


_SUCCESSOR = surface_files.TREES["mynumber"]
_JUKI = surface_files.TREES["juki"]
KEPT: dict[str, tuple[type[Secret] | type[Pin], PinFile]] = {
    "Juki PIN": (Pin, pin_file(juki_files.TREE, juki_files.PIN)),
    "text PIN": (Pin, pin_file(text_files.TREE, text_files.PIN)),
    "common PIN": (Pin, pin_file(common_files.TREE, common_files.PIN)),
    **{
        f"authentication PIN, {name}": (Pin, pin_file(tree, jpki_files.AUTH_PIN))
        for name, tree in jpki_files.TREES.items()
        if jpki_files.AUTH_PIN in tree.root.efs
    },
    "text number A": (NumberA, pin_file(text_files.TREE, text_files.NUMBER_A)),
    "surface number A": (NumberA, pin_file(_SUCCESSOR, surface_files.NUMBER_A)),
    "birth number": (BirthPin, pin_file(_SUCCESSOR, surface_files.BIRTH_CODE)),
    "birth number, Juki": (BirthPin, pin_file(_JUKI, surface_files.BIRTH_CODE)),
}
"""Secrets of a fixed length: what the terminal takes is what the card may hold, no more, no less.

Number B is not here: a terminal does not know which card it is of.
"""
OTHERS = "".join(map(chr, range(0x180))) + "０１９ＡＺａ٠٣²½Ⅷ一〇\ud800\U0001d7ce"
"""Everything up to Latin Extended-A, and digits and letters of other scripts."""


def _taken(kind: Callable[[str], Any], value: str) -> bytes | None:
    try:
        return bytes(kind(value).encode())
    except PinFormatError:
        return None


def _held(spec: PinFile, value: bytes) -> bool:
    try:
        spec.check_value(value)
    except IsoError:
        return False
    return True


def _as_bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("name", KEPT)
def test_a_terminal_takes_every_value_that_a_card_may_hold_and_no_other(name: str) -> None:
    kind, spec = KEPT[name]
    right = "1" * spec.min_length
    assert spec.min_length == spec.max_length
    values = ["1" * length for length in range(20)]
    for place in range(len(right)):
        values += [right[:place] + one + right[place + 1 :] for one in OTHERS]
    for value in values:
        taken = _taken(kind, value)
        assert (taken is not None) is _held(spec, _as_bytes(value)), repr(value)
        assert taken in (None, _as_bytes(value))


@pytest.mark.parametrize("tree", [_SUCCESSOR, _JUKI, text_files.TREE], ids=["new", "juki", "text"])
def test_a_verification_number_b_that_a_card_may_hold_is_taken(tree: FileTree) -> None:
    fid = text_files.NUMBER_B if tree is text_files.TREE else surface_files.NUMBER_B
    spec = pin_file(tree, fid)
    for length in (8, 14):
        value = "1" * length
        assert _taken(NumberB, value) == value.encode()
        assert _held(spec, value.encode()) is (length == 14 or tree is _JUKI)
        for one in OTHERS:
            changed = one + value[1:]
            if _held(spec, _as_bytes(changed)) or _taken(NumberB, changed) is not None:
                assert one in "0123456789"


@pytest.mark.parametrize("name", jpki_files.TREES)
def test_a_new_password_of_a_terminal_is_one_that_the_card_keeps(name: str) -> None:
    """The terminal turns small letters into capitals, and wants a letter and a digit besides."""
    spec = pin_file(jpki_files.TREES[name], jpki_files.SIGN_PIN)

    def new(value: str) -> bytes | None:
        try:
            password = SignaturePassword(value)
            password.check_new()
        except PinFormatError:
            return None
        return password.encode()

    for length in range(20):
        value = ("A1" * 10)[:length]
        assert (new(value) is not None) is _held(spec, value.encode()), length
    for place in range(6):
        for one in OTHERS:
            value = "AAA111"[:place] + one + "AAA111"[place + 1 :]
            kept = _held(spec, _as_bytes(value))
            assert (new(value) is not None) is (kept or (one.isascii() and one.islower()))
            assert new(value) in (None, value.upper().encode("ascii", "replace"))
    for value in ("AAAAAA", "111111", "ABCDEFGH12345678"):
        assert _taken(SignaturePassword, value) == value.encode()
        assert _held(spec, value.encode())


NAMES_OF_PINS = ("juki", "authentication", "text", "common")
PINS = ("", "1", "12345", *(one + "234" for one in OTHERS if one.isdigit()), "12 4", "-123")
PASSWORDS = (
    "", "ABC12", "ABC123", "ABCDEFGH12345678", "ABCDEFGH123456789", "ABC 123", "ÄBC123",
)  # fmt: skip
ACCESS_NUMBERS = ("", "27182", "2718281", "27182８", "271 28", "²71828", "271828")


@pytest.mark.parametrize("name", NAMES_OF_PINS)
def test_a_card_is_made_with_the_pins_that_a_terminal_takes(name: str) -> None:
    for value in PINS:
        try:
            issue_card("mynumber", seed=1, pins=Pins(**{name: value}))
            made = True
        except ProfileError:
            made = False
        assert made is (_taken(Pin, value) is not None), repr(value)


def test_a_card_is_made_with_the_passwords_and_access_numbers_that_a_terminal_takes() -> None:
    for value in PASSWORDS:
        try:
            issue_card("juki-v1", seed=1, pins=Pins(signature=value))
            made = True
        except ProfileError:
            made = False
        taken = _taken(SignaturePassword, value)
        assert made is (taken is not None and len(taken) >= secrets.SHORTEST_PASSWORD), value
    for value in ACCESS_NUMBERS:
        try:
            issue_card("juki-v1", seed=1, printed=Printed(access_number=value))
            made = True
        except ProfileError:
            made = False
        assert made is (_taken(AccessNumber, value) is not None), value


# -- keys -----------------------------------------------------------------------------------------


def _weak_for_the_card(key: bytes) -> bool:
    try:
        check_random(key)
    except WeakKeyError:
        return True
    return False


def _weak_for_the_terminal(suite: str, key: bytes) -> bool:
    try:
        check_master(suite, key)
    except WeakKey:
        return True
    return False


def test_a_master_key_that_a_key_store_takes_is_one_that_a_card_is_made_with() -> None:
    random = SeededRandom("masters")
    printable = b"SUICA-FOR-ALL-OF-US-2015-AND-2016"
    weak = [bytes((byte,)) * 32 for byte in range(256)]
    weak += [bytes((byte, byte ^ 1)) * 16 for byte in range(256)]
    weak += [printable, b"0123456789ABCDEF" * 2, b"19800217" * 4, bytes(range(0x40, 0x60))]
    drawn = [random.take(32) for _ in range(500)]
    for suite, size in (("MA-AES128", 16), ("MA-AES192", 24), ("MA-AES256", 32), ("MA-3DES", 16)):
        for key in weak:
            assert _weak_for_the_terminal(suite, key[:size]), key[:size]
        for key in drawn:
            assert not _weak_for_the_terminal(suite, key[:size])
            assert not _weak_for_the_card(key[:size])
        for key in (*weak, *drawn):
            taken = not _weak_for_the_terminal(suite, key[:size])
            assert not (taken and _weak_for_the_card(key[:size]))


# -- lists of numbers -----------------------------------------------------------------------------


def names(kind: Any) -> dict[str, int]:
    return {one.name: int(one.value) for one in kind}


def test_lists_of_numbers_are_the_same() -> None:
    assert names(models.Purpose) == {name: n for n, name in juki_files.PURPOSES.items()}
    assert names(models.Residence) == names(ResidenceState)
    assert names(models.Sex) == names(Sex)
    assert sorted(names(jpki.SignatureVariant).values()) == sorted(names(SignatureScheme).values())
    assert {state.name: state.value for state in models.CardState} == {
        "ACTIVE": LifeCycleState.ACTIVATED.byte,
        "SUSPENDED": LifeCycleState.DEACTIVATED.byte,
        "TERMINATED": LifeCycleState.TERMINATED.byte,
    }
    assert set(SUITES) == {str(suite) for suite in Suite}
    assert juki.TERMINAL_TYPE == TERMINAL_TYPE
    assert cardcertificate.CARD_TYPE == CARD_TYPE


SAME_NUMBERS = {
    "juki": (
        (juki.JukiSession.PIN, juki_files.PIN),
        (juki.EF_CODE, juki_files.CODE),
        (juki.EF_CARD_INFO, juki_files.CARD_DATA),
        (juki.LIFE_CYCLE, juki_files.CARD_STATE),
        (juki.RESIDENCE, juki_files.RESIDENCE),
        (juki.CHIP_CERTIFICATE, juki_files.CHIP_CERTIFICATE),
    ),
    "jpki": (
        (jpki.EF_TOKEN, jpki_files.TOKEN),
        (jpki.EF_AVAILABILITY, jpki_files.AVAILABILITY),
        (jpki.TOKEN_BYTES, jpki_files.TOKEN_SIZE),
        (jpki.JpkiKey.SIGNATURE.ef_certificate, jpki_files.SIGN_CERTIFICATE),
        (jpki.JpkiKey.SIGNATURE.ef_authority, jpki_files.SIGN_CA_CERTIFICATE),
        (jpki.JpkiKey.SIGNATURE.ef_key, jpki_files.SIGN_KEY),
        (jpki.JpkiKey.SIGNATURE.ef_pin, jpki_files.SIGN_PIN),
        (jpki.JpkiKey.AUTHENTICATION.ef_certificate, jpki_files.AUTH_CERTIFICATE),
        (jpki.JpkiKey.AUTHENTICATION.ef_authority, jpki_files.AUTH_CA_CERTIFICATE),
        (jpki.JpkiKey.AUTHENTICATION.ef_key, jpki_files.AUTH_KEY),
        (jpki.JpkiKey.AUTHENTICATION.ef_pin, jpki_files.AUTH_PIN),
    ),
    "surface": (
        (surface.EF_BIRTH, surface_files.BIRTH),
        (surface.EF_FACE, surface_files.FACE),
        (surface.EF_BASIC_INFO, surface_files.BASIC_INFORMATION),
        (surface.SurfaceSession.CERTIFICATE, surface_files.CERTIFICATE),
        (surface.EF_NUMBER_IMAGE, surface_files.NUMBER_IMAGE),
        (surface.EF_BIRTH_PIN, surface_files.BIRTH_CODE),
        (surface.SurfaceSession.NUMBER_A, surface_files.NUMBER_A),
        (surface.SurfaceSession.NUMBER_B, surface_files.NUMBER_B),
    ),
    "text": (
        (text.EF_MY_NUMBER, text_files.INDIVIDUAL_NUMBER),
        (text.MY_NUMBER_FILE_BYTES, text_files.TREE.ef(text_files.INDIVIDUAL_NUMBER).size),
        (text.EF_ATTRIBUTES, text_files.ATTRIBUTES),
        (text.EF_SIGNATURE, text_files.INTEGRITY),
        (text.TextSession.CERTIFICATE, text_files.CERTIFICATE),
        (text.EF_BASIC_INFO, text_files.BASIC_INFORMATION),
        (text.TextSession.PIN, text_files.PIN),
        (text.TextSession.NUMBER_A, text_files.NUMBER_A),
        (text.TextSession.NUMBER_B, text_files.NUMBER_B),
    ),
    "common": (
        (common.EF_CARD, common_files.CARD_INFORMATION),
        (common.EF_KEY_REFERENCE, common_files.KEY_REFERENCE),
        (common.CommonSession.PIN, common_files.PIN),
        (common.AUTHENTICATION_KEY, common_files.CARD_KEY),
    ),
}


@pytest.mark.parametrize("name", SAME_NUMBERS)
def test_files_have_the_same_numbers(name: str) -> None:
    assert [host for host, _ in SAME_NUMBERS[name]] == [card for _, card in SAME_NUMBERS[name]]


def test_applications_have_the_same_names() -> None:
    known = {name: bytes(aid) for name, _, aid in KNOWN_APPLICATIONS}
    placed = {
        placement.kind.removesuffix("-juki"): bytes(placement.aid)
        for profile in PROFILES.values()
        for placement in profile.applications
    }
    assert known == placed
    for session in (juki.JukiSession, jpki.JpkiSession, surface.SurfaceSession, text.TextSession,
                    common.CommonSession):  # fmt: skip
        assert bytes(session.AID) in placed.values()


# -- contents -------------------------------------------------------------------------------------


def test_card_data_and_codes_are_written_alike() -> None:
    random = SeededRandom("contents of both")
    for form in (1, 2):
        for number in range(200):
            person = draw_person(random, issued=DAY(2015, 4, 1))
            issued = DAY(2003, 8, 25) + number * 20 * ONE
            expires = issued + 3652 * ONE
            written = CardData(
                municipality=person.municipality.code, form=form, issued=issued, expires=expires
            ).encode()
            read = jukifiles.parse_card_info(written + b"\xff" * (number % 3))
            assert jukifiles.encode_card_info(read) == written
            assert (read.issued, read.expires, read.form.value) == (issued, expires, form)
            record = code_record(person.resident_code)
            code = jukifiles.parse_code(record)
            assert jukifiles.encode_code(code) == record
            assert code.reveal() == person.resident_code
