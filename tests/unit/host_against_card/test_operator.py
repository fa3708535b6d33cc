"""OperatorSession against the operator card: log-in, locked and unlocked, expired, and lied to."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cryptography import x509

from jukicard import PROFILES, Card, LocalReader, TcpServer, issue_card
from jukicard.applets import names
from jukicard.applets.operator import files
from jukicard.crypto.asymmetric import EcPrivateKey
from jukicard.crypto.curves import P256, P384
from jukicard.environment import SeededRandom
from jukicard.synthetic import pki
from jukicard.testing import CorruptedMac, HazardousCard, card_in, today_in
from jukicard.testing.applets import with_forbidden
from jukihost import (
    AuthenticationRejected,
    CardError,
    CardNotAuthentic,
    CardSuspended,
    CertificateExpired,
    CertificateNotTrusted,
    CertificateNotValid,
    DateBehind,
    NoCertificate,
    NotThisOperator,
    OperatorBlocked,
    OperatorNotEntitled,
    OperatorPurpose,
    OperatorSession,
    PasswordExpired,
    PasswordRejected,
    PinFormatError,
    PinNotVerified,
    ProtocolError,
    PublishedKeys,
    SecureMessagingError,
    SoftwareCustody,
    TcpConnection,
    TerminalNotAuthenticated,
    Trust,
    UnknownKey,
    build_channel,
    check_login,
    signed_challenge,
)
from jukihost.conversation.secrets import OperatorPassword

LOGIN, ADMIN = OperatorPurpose.OPERATOR_LOGIN, OperatorPurpose.ADMIN
ISSUED = datetime.date(2026, 4, 1)
TODAY = datetime.date(2026, 5, 1)
LATE = datetime.date(2026, 7, 1)
WORD = "operator-1"
PLACE = f"application {OperatorSession.AID}"


def trust(at: datetime.date = TODAY, anchor: bytes | None = None) -> Trust:
    root = pki.operator_authority().certificate if anchor is None else anchor
    moment = datetime.datetime.combine(at, datetime.time(12), datetime.UTC)
    return Trust((x509.load_der_x509_certificate(root),), moment)


@pytest.fixture
def card() -> Card:
    return issue_card(
        with_forbidden(PROFILES["operator"]), seed=1, issued=ISSUED, municipality="13221"
    )


@contextmanager
def session(card: Card, purpose: OperatorPurpose | None = LOGIN) -> Iterator[OperatorSession]:
    with LocalReader(card) as reader, OperatorSession(build_channel(reader)) as operator:
        if purpose is not None:
            operator.authenticate(purpose, PublishedKeys())
        yield operator


def test_the_files_and_purposes_of_both_sides_are_the_same() -> None:
    assert {one.value: one.name for one in OperatorPurpose} == files.PURPOSES
    assert OperatorSession.PASSWORD == files.PASSWORD
    assert bytes(OperatorSession.AID) == bytes(names.OPERATOR)


def test_an_operator_logs_in(card: Card) -> None:
    with session(card) as operator:
        assert operator.password_retries() == 3
        found = operator.log_in(WORD, trust(), today=TODAY)
        assert operator.card_date() == TODAY
        number = operator.card_number()
    assert found.identity.municipality == "13221"
    assert found.identity.identifier.startswith("OP")
    assert found.password_until == datetime.date(2026, 6, 30)
    digest = signed_challenge(number, found.challenge)
    check_login(found.certificate, digest, found.signature)
    with pytest.raises(CardNotAuthentic):
        check_login(found.certificate, signed_challenge(number, bytes(32)), found.signature)


def test_each_log_in_has_a_challenge_of_its_own(card: Card) -> None:
    challenges = set()
    for _ in range(3):
        with session(card) as operator:
            challenges.add(operator.log_in(WORD, trust(), today=TODAY).challenge)
    assert len(challenges) == 3


def test_over_tcp(card: Card) -> None:
    with (
        TcpServer(card) as server,
        TcpConnection(server.host, server.port) as connection,
        OperatorSession(build_channel(connection)) as operator,
    ):
        operator.authenticate(LOGIN, PublishedKeys())
        assert operator.log_in(WORD, trust(), today=TODAY).identity.municipality == "13221"


def test_nothing_is_sent_before_the_card_has_proven_itself(card: Card) -> None:
    asked: list[Callable[[OperatorSession], object]] = [
        OperatorSession.identity,
        OperatorSession.certificate,
        OperatorSession.card_date,
        OperatorSession.password_until,
        OperatorSession.unlock,
        lambda operator: operator.verify_password(WORD),
        lambda operator: operator.tell_date(TODAY),
        lambda operator: operator.change_password(WORD, "another-1", today=TODAY),
        lambda operator: operator.log_in(WORD, trust(), today=TODAY),
    ]
    with session(card, None) as operator:
        for ask in asked:
            with pytest.raises(TerminalNotAuthenticated) as refused:
                ask(operator)
            assert not refused.value.sent
        assert operator.password_retries() == 3
        assert operator.authority_certificate() == trust().anchors[0]


def test_three_wrong_ones_lock_and_only_admin_unlocks(card: Card) -> None:
    with session(card) as operator:
        for left in (2, 1):
            with pytest.raises(PasswordRejected) as refused:
                operator.log_in("not-this-1", trust(), today=TODAY)
            assert refused.value.retries_left == left
        with pytest.raises(OperatorBlocked):
            operator.log_in("not-this-1", trust(), today=TODAY)
        with pytest.raises(OperatorBlocked, match="ADMIN"):
            operator.log_in(WORD, trust(), today=TODAY)
        with pytest.raises(OperatorNotEntitled, match="the key of ADMIN"):
            operator.unlock()
        assert operator.password_retries() == 0
    with session(card, ADMIN) as operator:
        operator.unlock()
        assert operator.password_retries() == 3
        with pytest.raises(OperatorNotEntitled):
            operator.log_in(WORD, trust(), today=TODAY)
    with session(card) as operator:
        operator.log_in(WORD, trust(), today=TODAY)


def test_a_ward_has_no_key_of_admin(card: Card, tmp_path: object) -> None:
    store = SoftwareCustody(f"{tmp_path}/ward.keys", lambda: "correct horse battery")
    store.create(["OPERATOR_LOGIN"])
    with session(card, None) as operator:
        with pytest.raises(UnknownKey):
            operator.authenticate(ADMIN, store)
        with pytest.raises(AuthenticationRejected):
            operator.authenticate(LOGIN, store)  # drawn here, so another card's
    store.close()


def test_admin_sets_a_new_password(card: Card) -> None:
    with session(card, ADMIN) as operator:
        operator.tell_date(LATE)
        operator.unlock("a new one 7")
    with session(card) as operator:
        with pytest.raises(PasswordRejected):
            operator.verify_password(WORD)
        found = operator.log_in("a new one 7", trust(LATE), today=LATE)
    assert found.password_until == LATE + datetime.timedelta(90)


def test_a_password_that_is_over_is_changed_first(card: Card) -> None:
    with session(card) as operator:
        with pytest.raises(PasswordExpired, match="until 2026-06-30; change it") as refused:
            operator.log_in(WORD, trust(LATE), today=LATE)
        assert refused.value.last_day == datetime.date(2026, 6, 30)
        until = operator.change_password(WORD, "changed-99", today=LATE)
        assert until == LATE + datetime.timedelta(90)
        operator.log_in("changed-99", trust(LATE), today=LATE)


def test_the_card_keeps_it_too_that_a_password_is_over(card: Card) -> None:
    """A terminal whose clock goes wrong back is told by the card."""
    with session(card) as operator:
        operator.tell_date(LATE)
        with pytest.raises(DateBehind, match="set this terminal's clock"):
            operator.log_in(WORD, trust(), today=TODAY)
    with session(card, ADMIN) as operator:
        operator.tell_date(TODAY)
    with session(card) as operator:
        operator.log_in(WORD, trust(), today=TODAY)


@pytest.mark.parametrize(
    "word", ["short-1", "x" * 17, "tab\there-1", "パスワード1234", "line\n1234", ""]
)
def test_what_is_no_password_is_not_sent(card: Card, word: str) -> None:
    with session(card) as operator:
        with pytest.raises(PinFormatError) as refused:
            operator.log_in(word, trust(), today=TODAY)
        assert not word or word not in str(refused.value)
        assert operator.password_retries() == 3


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("onlyletters", "a letter, something that is no letter"),
        ("1234567890", "a letter, something that is no letter"),
        ("aaaa1111", "5 different"),
        (WORD, "is the present one"),
    ],
)
def test_a_bad_new_password_is_not_sent(card: Card, word: str, said: str) -> None:
    with session(card) as operator:
        with pytest.raises(PinFormatError, match=said):
            operator.change_password(WORD, word, today=TODAY)
        operator.log_in(WORD, trust(), today=TODAY)


def test_a_password_shows_nowhere(card: Card) -> None:
    assert WORD not in repr(OperatorPassword(WORD))
    with session(card) as operator, pytest.raises(PasswordRejected) as refused:
        operator.log_in("not-this-1", trust(), today=TODAY)
    assert "not-this" not in f"{refused.value!r} {refused.value}"


def test_who_has_not_verified_is_told_so(card: Card) -> None:
    with session(card) as operator, pytest.raises(PinNotVerified):
        operator._sign(bytes(32), TODAY)


@pytest.mark.parametrize("state", ["suspended", "pin_blocked", "key_blocked"])
def test_a_card_in_a_state_lets_nobody_in(state: str) -> None:
    expected = {"suspended": CardSuspended, "pin_blocked": OperatorBlocked}
    card = card_in(state, profile="operator", issued=ISSUED)
    with pytest.raises(expected.get(state, CardError)), session(card) as operator:
        operator.log_in(WORD, trust(), today=TODAY)


def test_a_terminal_finds_the_password_over_in_its_state() -> None:
    given: dict[str, Any] = {"profile": "operator", "issued": ISSUED}
    card = card_in("password_expired", pins={"operator": WORD}, **given)
    today = today_in("password_expired", **given)
    with session(card) as operator, pytest.raises(PasswordExpired):
        operator.log_in(WORD, trust(), today=today)


# -- cards that lie -------------------------------------------------------------------------------


def lying(card: Card, key: str, value: bytes) -> Card:
    """The card with a value in its memory that no issuer wrote."""
    with card.environment.memory.transaction():
        card.environment.memory.partition(PLACE).put(key, value)
    return card


def _certified(name: str, curve_key: EcPrivateKey, authority: pki.Authority) -> bytes:
    return pki.operator_certificate(
        name, "13221", curve_key.public, authority=authority, issued=ISSUED,
        expires=datetime.date(2029, 3, 31), random=SeededRandom(7),
    ).der  # fmt: skip


OTHER = EcPrivateKey.generate(P256, SeededRandom("other").take)
LARGER = EcPrivateKey.generate(P384, SeededRandom("larger").take)
_AUTHORITY = pki.operator_authority()
_STRANGER = pki.signature_authority(ISSUED)
LIES: dict[str, tuple[str, bytes, type[CardError]]] = {
    "another key": ("content/001A", OTHER.der, CardNotAuthentic),
    "a key of another curve": ("content/001A", LARGER.der, CardNotAuthentic),
    "another operator's certificate": (
        "content/0002", _certified("OP000000", OTHER, _AUTHORITY), NotThisOperator,
    ),
    "a stranger's certificate": (
        "content/0002", _certified("OP000000", OTHER, _STRANGER), CertificateNotTrusted,
    ),
    "its authority's certificate": ("content/0002", _AUTHORITY.certificate, CertificateNotValid),
    "no certificate": ("content/0002", b"\xff" * 16, NoCertificate),
    "what is no certificate": ("content/0002", b"\x30\x03abc", ProtocolError),
    "no identity": ("content/0001", b"\xff" * 16, ProtocolError),
    "half an identity": ("content/0001", bytes.fromhex("FF2007DF21044F503132"), ProtocolError),
    "an identity with a control character": (
        "content/0001", bytes.fromhex("FF200FDF21041B5B3132DF22053133323231"), ProtocolError,
    ),
    "a last day that is none": ("object//C3", b"20261399", ProtocolError),
    "a last day of letters": ("object//C3", b"tomorrow", ProtocolError),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_found(card: Card, lie: str) -> None:
    key, value, expected = LIES[lie]
    partition = card.environment.memory.partition(PLACE)
    assert partition.get(key) is not None, "it is told in the right place"
    with session(lying(card, key, value)) as operator, pytest.raises(expected):
        operator.log_in(WORD, trust(), today=TODAY)


def test_a_certificate_that_is_over_is_not_taken(card: Card) -> None:
    with session(card) as operator:
        late = datetime.date(2029, 4, 2)
        operator.change_password(WORD, "changed-99", today=late)
        with pytest.raises(CertificateExpired):
            operator.log_in("changed-99", trust(late), today=late)


def test_another_anchor_does_not_vouch_for_it(card: Card) -> None:
    with session(card) as operator, pytest.raises(CertificateNotTrusted):
        operator.log_in(WORD, trust(anchor=_STRANGER.certificate), today=TODAY)


@pytest.mark.parametrize("at", range(5, 19, 2))
def test_an_answer_with_a_damaged_mac_ends_it(card: Card, at: int) -> None:
    hazardous = HazardousCard(card, CorruptedMac(at=at))
    with LocalReader(hazardous) as reader, OperatorSession(build_channel(reader)) as operator:
        operator.authenticate(LOGIN, PublishedKeys())
        with pytest.raises(SecureMessagingError):
            operator.log_in(WORD, trust(), today=TODAY)
        assert not operator.authenticated
