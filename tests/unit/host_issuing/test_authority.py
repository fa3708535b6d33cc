"""Terminals order certificates: of the test authorities, and of those that answer wrongly."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings, strategies as st

from jukicard.synthetic.people import SPECIMEN
from jukicard.synthetic.pki.ordering import CertificateDesk
from jukihost.issuing import (
    AuthorityAway,
    AuthorityBroken,
    AuthorityRefused,
    CardKind,
    CertificateAuthority,
    CertificateRequest,
    CertificateUnknown,
    CertificateUse,
    CertificateWrong,
    IssueEnded,
    RevocationReason,
    certificate_standing,
    certify,
    hold_certificate,
    release_certificate,
    revocation_list,
    revoke_certificate,
)
from jukihost.signing.certificates import CertificateKind, holder_of, kind_of
from jukihost.signing.validity import CertificateRevoked, RevocationUnknown, Trust
from tests.unit.host_issuing.orders import JUKI_NOW, NOW, operators_order, order

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
USES = (CertificateUse.SIGNATURE, CertificateUse.AUTHENTICATION)
SINCE = NOW + DAY


def loaded(der: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(der)


# -- orders ---------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(1, 100_000),
    use=st.sampled_from(USES),
    what=st.sampled_from(
        [(CardKind.JUKI, 1024), (CardKind.JUKI, 2048), (CardKind.MY_NUMBER, 2048)]
    ),
)
def test_a_drawn_holder_gets_the_certificate_that_was_ordered(
    seed: int, use: CertificateUse, what: tuple[CardKind, int]
) -> None:
    card, bits = what
    asked = order(seed, use, card, bits=bits)
    desk: CertificateAuthority = CertificateDesk()
    issued = certify(desk, asked)
    found = loaded(issued.der)
    assert found.serial_number == issued.serial
    assert issued.first == asked.issued
    ends = issued.last.astimezone(UTC) + timedelta(hours=9)
    assert (ends.date(), ends.strftime("%H%M%S")) == (asked.last_day, "235959")
    assert found.issuer == loaded(issued.authority).subject
    holder = holder_of(found)
    if use is CertificateUse.AUTHENTICATION:
        assert holder is None
        # a governor's has the one policy that there is for Juki cards
        assert (kind_of(found) is CertificateKind.AUTHENTICATION) is (card is CardKind.MY_NUMBER)
        assert asked.name == ""
    else:
        assert kind_of(found) is CertificateKind.SIGNATURE
        assert holder is not None
        assert (holder.birth, holder.sex.value) == (asked.birth, asked.sex)
        assert holder.birth_text[0] == "0" or not asked.foreign
    assert certify(desk, asked) == issued
    assert certify(desk, replace(asked, issued=asked.issued + DAY)) == issued


def test_an_operator_gets_a_certificate_of_a_key_on_p_256() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    key = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    issued = certify(CertificateDesk(), operators_order(key, date(2029, 3, 2)))
    assert "CN=OP000123" in loaded(issued.der).subject.rfc4514_string()


def test_what_is_ordered_shows_nobody() -> None:
    asked = order(1, person=SPECIMEN)
    for secret in (SPECIMEN.family, SPECIMEN.street, "1980"):
        assert secret not in repr(asked)


def wrong_orders() -> list[tuple[str, CertificateRequest]]:
    good = order(1)
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = curve.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return [
        ("another municipality", replace(good, municipality="99999")),
        ("a key that is none", replace(good, public_key=b"\x30\x00")),
        ("a key on a curve", replace(good, public_key=point)),
        ("a short card number", replace(good, card_number=b"\1")),
        ("no birth date", replace(good, birth=None)),
        ("a sex that is none", replace(good, sex=7)),
        ("no name", replace(good, name="")),
        ("an endless address", replace(good, address="あ" * 201)),
        ("a day that is over", replace(good, last_day=NOW.date() - DAY)),
        ("a day that the authority does not see", replace(good, last_day=date(2099, 1, 1))),
        ("no zone", replace(good, issued=NOW.replace(tzinfo=None), card=CardKind.OPERATOR)),
        ("an operator's on another card", replace(good, use=CertificateUse.OPERATOR)),
        ("a short key", replace(order(1, bits=1024), card=CardKind.MY_NUMBER)),
    ]


@pytest.mark.parametrize(("what", "asked"), wrong_orders(), ids=[w for w, _ in wrong_orders()])
def test_an_order_that_cannot_be_is_refused_in_words(what: str, asked: CertificateRequest) -> None:
    with pytest.raises(AuthorityRefused) as refused:
        certify(CertificateDesk(), asked)
    text = str(refused.value)
    assert "did not say why" not in text
    assert not asked.name or asked.name not in text
    assert asked.address not in text


def test_a_key_is_certified_for_one_holder_only() -> None:
    desk = CertificateDesk()
    certify(desk, order(1))
    with pytest.raises(AuthorityRefused, match="another key pair"):
        certify(desk, replace(order(1), address="東京都清瀬市観布子"))


@pytest.mark.parametrize("later", ["revoked", "held", "ended"])
def test_a_key_whose_certificate_is_over_gets_no_further_one(later: str) -> None:
    desk, asked = CertificateDesk(), order(1)
    issued = certify(desk, asked)
    if later == "revoked":
        revoke_certificate(desk, issued.serial, RevocationReason.SUPERSEDED, SINCE)
    elif later == "held":
        hold_certificate(desk, issued.serial, SINCE)
    else:
        after = issued.last + DAY
        asked = replace(asked, issued=after, last_day=after.date() + DAY)
    with pytest.raises(AuthorityRefused, match="another key pair"):
        certify(desk, asked)


def test_no_juki_certificate_is_ordered_on_todays_clock() -> None:
    asked = replace(order(1, card=CardKind.JUKI), issued=NOW)
    with pytest.raises(IssueEnded):
        certify(CertificateDesk(), asked)


# -- what is revoked ------------------------------------------------------------------------------


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    ("card", "bits"), [(CardKind.JUKI, 1024), (CardKind.JUKI, 2048), (CardKind.MY_NUMBER, 2048)]
)
def test_the_check_of_validity_takes_the_lists(
    use: CertificateUse, card: CardKind, bits: int
) -> None:
    desk = CertificateDesk()
    now = JUKI_NOW if card is CardKind.JUKI else NOW
    issued = certify(desk, order(1, use, card, bits=bits))
    other = certify(desk, order(2, use, card, bits=bits))
    certificate = loaded(issued.der)

    def check(at: datetime, crl: bytes | None) -> None:
        Trust(
            (loaded(issued.authority),),
            at,
            crls=() if crl is None else (crl,),
            require_revocation=True,
            historic=bits == 1024,
        ).check(certificate)

    def listed(at: datetime) -> bytes:
        return revocation_list(desk, issued.serial, at)

    moments = [now + n * DAY for n in range(6)]
    with pytest.raises(RevocationUnknown):
        check(moments[0], None)
    check(moments[0], listed(moments[0]))
    hold_certificate(desk, issued.serial, moments[1])
    check(moments[0], listed(moments[0]))  # the list of the day before says nothing of it
    with pytest.raises(CertificateRevoked):
        check(moments[1] + HOUR, listed(moments[1]))
    release_certificate(desk, issued.serial)
    check(moments[2], listed(moments[2]))
    revoke_certificate(desk, issued.serial, RevocationReason.KEY_COMPROMISE, moments[3])
    with pytest.raises(CertificateRevoked):
        check(moments[4], listed(moments[4]))
    assert certificate_standing(desk, other.serial).valid


def test_what_becomes_of_a_certificate_is_a_table() -> None:
    hold, final = RevocationReason.CERTIFICATE_HOLD, RevocationReason.AFFILIATION_CHANGED

    def at(state: str) -> tuple[CertificateDesk, int]:
        desk = CertificateDesk()
        serial = certify(desk, order(1)).serial
        if state == "held":
            hold_certificate(desk, serial, SINCE)
        if state == "revoked":
            revoke_certificate(desk, serial, final, SINCE)
        return desk, serial

    later = SINCE + DAY
    acts: dict[str, Callable[[CertificateAuthority, int], None]] = {
        "hold": lambda desk, serial: hold_certificate(desk, serial, later),
        "release": release_certificate,
        "revoke": lambda desk, serial: revoke_certificate(
            desk, serial, RevocationReason.SUPERSEDED, later
        ),
    }
    table = {
        ("valid", "hold"): (later, hold),
        ("valid", "release"): (None, None),
        ("valid", "revoke"): (later, RevocationReason.SUPERSEDED),
        ("held", "hold"): (SINCE, hold),
        ("held", "release"): (None, None),
        ("held", "revoke"): (later, RevocationReason.SUPERSEDED),
        ("revoked", "hold"): (SINCE, final),
        ("revoked", "release"): AuthorityRefused,
        ("revoked", "revoke"): (SINCE, final),
    }
    for (state, act), expected in table.items():
        desk, serial = at(state)
        if isinstance(expected, type):
            with pytest.raises(expected, match="for good"):
                acts[act](desk, serial)
            continue
        acts[act](desk, serial)
        standing = certificate_standing(desk, serial)
        assert (standing.since, standing.reason) == expected, (state, act)
        assert standing.held is (expected[1] is hold)
        assert standing.valid is (expected[0] is None)


@pytest.mark.parametrize("serial", [-1, 0, 12345, 1 << 200])
def test_a_number_that_nobody_has_is_unknown(serial: int) -> None:
    desk = CertificateDesk()
    calls: list[Callable[[], object]] = [
        partial(hold_certificate, desk, serial, SINCE),
        partial(release_certificate, desk, serial),
        partial(certificate_standing, desk, serial),
        partial(revocation_list, desk, serial, SINCE),
        partial(revoke_certificate, desk, serial, RevocationReason.UNSPECIFIED, SINCE),
    ]
    for call in calls:
        with pytest.raises(CertificateUnknown):
            call()


def test_a_moment_needs_a_zone_and_a_hold_its_own_function() -> None:
    desk = CertificateDesk()
    serial = certify(desk, order(1)).serial
    naive = SINCE.replace(tzinfo=None)
    with pytest.raises(ValueError, match="time zone"):
        hold_certificate(desk, serial, naive)
    with pytest.raises(AuthorityRefused, match="time zone"):
        revocation_list(desk, serial, naive)
    with pytest.raises(ValueError, match="hold_certificate"):
        revoke_certificate(desk, serial, RevocationReason.CERTIFICATE_HOLD, SINCE)


# -- the register in a file -----------------------------------------------------------------------


def test_a_register_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "register"
    first = certify(CertificateDesk(path), order(1))
    hold_certificate(CertificateDesk(path), first.serial, SINCE)
    again = CertificateDesk(path)
    standing = certificate_standing(again, first.serial)
    assert (standing.since, standing.held) == (SINCE, True)
    numbers = []
    for _ in range(2):
        listed = x509.load_der_x509_crl(revocation_list(CertificateDesk(path), first.serial, SINCE))
        numbers.append(listed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number)
        assert [entry.serial_number for entry in listed] == [first.serial]
    assert numbers == [1, 2]
    assert path.stat().st_mode & 0o777 == 0o600


_ANOTHER = """
import sys
from tests.unit.host_issuing.orders import order
from jukihost.issuing import certify, find_authority
desk = find_authority("test", sys.argv[1])
for seed in range(int(sys.argv[2]), int(sys.argv[3])):
    print(certify(desk, order(seed)).serial, flush=True)
    if seed == int(sys.argv[4]):
        with desk._register.changing() as register:
            register.revoke(1, None, None)
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)
"""


def started(path: Path, begin: int, end: int, dies_at: int = -1) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _ANOTHER, str(path), str(begin), str(end), str(dies_at)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


def test_processes_share_a_register_and_one_that_dies_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "register"
    running = [started(path, 1, 13), started(path, 7, 19), started(path, 13, 25, dies_at=20)]
    said = [
        [int(line) for line in process.communicate(timeout=120)[0].split()] for process in running
    ]
    assert [process.returncode for process in running] == [0, 0, -9]
    assert [len(serials) for serials in said] == [12, 12, 8]
    assert said[0][6:] == said[1][:6]  # ordered by two, issued once
    assert said[1][6:] == said[2][:6]
    desk = CertificateDesk(path)
    serials = set().union(*said)
    assert len(serials) == 20
    assert all(certificate_standing(desk, serial).valid for serial in serials)
    assert certify(desk, order(20)).serial == said[2][-1]


def test_threads_share_a_register_in_memory() -> None:
    desk = CertificateDesk()
    with ThreadPoolExecutor(4) as pool:
        serials = list(pool.map(lambda seed: certify(desk, order(seed % 6 + 1)).serial, range(24)))
    assert len(set(serials)) == 6


def test_another_file_is_left_as_it_is(tmp_path: Path) -> None:
    for name, content in (
        ("text", b"a letter, not a register, and long enough to be one\n" * 40),
        ("no", b"x"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(OSError, match=r"register of certificates"):
            CertificateDesk(path)
        assert path.read_bytes() == content
    import sqlite3

    other = tmp_path / "other"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    before = other.read_bytes()
    with pytest.raises(OSError, match="no register"):
        CertificateDesk(other)
    assert other.read_bytes() == before


def test_a_register_whose_folder_went_away_is_said_in_words(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "register"
    path.parent.mkdir()
    desk = CertificateDesk(path)
    path.unlink()
    path.parent.rmdir()
    with pytest.raises(AuthorityAway, match="ask again later"):
        certify(desk, order(1))
    with pytest.raises(OSError, match="register"):
        CertificateDesk(path)


# -- authorities that answer wrongly --------------------------------------------------------------


class Strange(CertificateDesk):
    """An authority of which one method is replaced."""

    def __init__(self, **methods: Callable[..., object]) -> None:
        super().__init__()
        for name, method in methods.items():
            setattr(self, name, method)


def raises(error: BaseException) -> Callable[..., object]:
    def method(*_: object) -> object:
        raise error

    return method


def test_what_was_not_ordered_is_found() -> None:
    asked, other = order(1), order(2)
    honest = CertificateDesk()

    def instead(**changed: object) -> Callable[..., object]:
        return lambda request: CertificateDesk.issue(honest, replace(request, **changed))

    for change, why in (
        ({"public_key": other.public_key}, "another key"),
        ({"last_day": asked.last_day + DAY}, "lasts longer"),
        ({"issued": NOW + timedelta(hours=2)}, "not valid yet"),
        ({"sex": 9}, "another holder"),
        ({"address": asked.address + "１"}, "another holder"),
        ({"name": asked.name[::-1]}, "another holder"),
        ({"birth": date(1950, 1, 1)}, "another holder"),
        ({"use": CertificateUse.AUTHENTICATION}, "another holder"),
    ):
        honest = CertificateDesk()
        strange = Strange(issue=instead(**change), authority=honest.authority)
        with pytest.raises(CertificateWrong, match=why):
            certify(strange, asked)
    honest = CertificateDesk()
    auth = order(3, CertificateUse.AUTHENTICATION)
    filled = instead(use=CertificateUse.SIGNATURE, name="甲", address="乙", birth=date(1990, 1, 1))
    with pytest.raises(CertificateWrong, match="another holder"):
        certify(Strange(issue=filled, authority=honest.authority), auth)


def test_a_wrong_authority_certificate_is_found() -> None:
    asked = order(1)
    foreign = certify(CertificateDesk(), order(2, CertificateUse.AUTHENTICATION)).authority
    with pytest.raises(CertificateWrong, match="does not verify"):
        certify(Strange(authority=lambda _: foreign), asked)


def test_what_is_no_certificate_or_list_is_refused() -> None:
    with pytest.raises(CertificateWrong):
        certify(Strange(issue=lambda _: b"\x30\x03abc"), order(1))
    with pytest.raises(AuthorityBroken):
        certify(Strange(issue=lambda _: "text"), order(1))
    strange = Strange(crl=lambda *_: b"no list")
    with pytest.raises(AuthorityBroken):
        revocation_list(strange, certify(strange, order(1)).serial, NOW)


@pytest.mark.parametrize(
    ("error", "kind"),
    [(ValueError, AuthorityRefused), (OSError, AuthorityAway), (KeyError, CertificateUnknown)],
)
def test_an_authority_that_talks_of_the_holder_is_not_repeated(
    error: type[Exception], kind: type[Exception]
) -> None:
    asked = order(1)
    with pytest.raises(kind) as told:
        certify(Strange(issue=raises(error(f"what, {asked.name}, of {asked.address}?"))), asked)
    assert asked.name not in str(told.value)
    assert "did not say why" in str(told.value)
    assert told.value.__cause__ is None
    with pytest.raises(kind, match="quiet"):
        certify(Strange(issue=raises(error("quiet\x1b[2J"))), asked)
