"""Certificates issued anew: for whom, until when, and what is left where it was cut off."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from jukihost.channel import build_channel
from jukihost.clock import JAPAN, MovableClock
from jukihost.database import Database
from jukihost.errors import CardError, PinBlocked
from jukihost.issuing import (
    AuthorityAway,
    CertificateUse,
    IssueEnded,
    certificates_of as authority_has,
    find_authority,
)
from jukihost.ledger import CertificateState, IntentState, certificates_of
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.signing.raw import verify_raw
from jukihost.workflows import (
    CardAtDesk,
    CardExpired,
    Desk,
    Impossible,
    NoIssuingHere,
    Paper,
    PinUncertain,
    PinUse,
    Presented,
    PresentedBy,
    Reissued,
    SignatureForm,
    SupervisorDecides,
    Task,
    change_pin,
    hand_over,
    log_on,
    recover_card,
    reissue_certificate,
    sign_document,
    unblock_pin,
)
from tests.support.host.counters import Clerk, Counter, Reader
from tests.support.host.cuts import CUTS, Cut, Cutting, Trouble
from tests.support.host.issuing_office import (
    NAME_ONLY,
    NEW,
    Office,
    fresh_keys,
    issued,
    lose,
)
from tests.support.host.residents import RESIDENT

__all__ = ["fresh_keys"]
pytestmark = pytest.mark.usefixtures("fresh_keys")
PASSWORD, PIN = "PASSWORD9", "8642"
PHOTO = Presented(papers=frozenset({Paper.PHOTO}))
SIGNATURE = frozenset({CertificateUse.SIGNATURE})


def ready(counter: Counter, *uses: PinUse) -> Counter:
    """Give a counter an authority, and the holder secrets that they know."""
    counter.office = replace(counter.office, authority=find_authority("test"))
    for use in uses or (PinUse.SIGNATURE,):
        with counter.on_desk() as (hand, _):
            secret = PASSWORD if use is PinUse.SIGNATURE else PIN
            unblock_pin(counter.desk(talk=Clerk(secret)), hand, PHOTO, use)
    return counter


def reissued(counter: Counter, *typed: str, presented: Presented = PHOTO) -> Reissued:
    desk = counter.desk(talk=Clerk(*typed or (PASSWORD,)))
    with counter.on_desk() as (hand, _):
        return reissue_certificate(desk, hand, presented)


def valid(counter: Counter) -> set[int]:
    """The numbers of the certificates that the ledger calls valid; the authority says the same."""
    with counter.database.read() as connection:
        there = certificates_of(connection, counter.number)
    found = {one.serial for one in there if one.state is CertificateState.VALID}
    assert counter.office.authority is not None
    known = authority_has(counter.office.authority, counter.number)
    assert {one.serial for one in known} == found
    return found


def signs(counter: Counter) -> int:
    """Have the card sign, check it with its certificate, and return that one's number."""
    with counter.on_desk() as (hand, _):
        desk = counter.desk(talk=Clerk(PASSWORD))
        made = sign_document(desk, hand, b"a contract", SignatureForm.RAW)
    with Reader(counter.card) as reader, JpkiSession(build_channel(reader)) as jpki:
        jpki.verify_password(PASSWORD)
        certificate = jpki.certificate(JpkiKey.SIGNATURE)
    verify_raw(certificate, b"a contract", made.content)
    return certificate.serial_number


@pytest.mark.parametrize(
    ("stay", "until"),
    [(None, (date(2017, 3, 31), date(2018, 3, 31))), (date(2016, 5, 5), (date(2016, 5, 5),) * 2)],
)
def test_p9_the_old_certificate_is_over_and_the_new_one_lasts_three_years(
    database: Database, clock: MovableClock, stay: date | None, until: tuple[date, date]
) -> None:
    counter = ready(Counter(database, clock, resident=replace(RESIDENT, residence_until=stay)))
    first = reissued(counter)
    counter.clock.move(timedelta(days=365))
    second = reissued(counter)
    assert (first.until, second.until) == ((until[0],), (until[1],))
    assert valid(counter) == set(second.certificates) == {signs(counter)}
    assert counter.told()[-2] == ("reissue_certificate", "done", "signature")
    with counter.on_desk() as (hand, _):
        assert recover_card(counter.desk(), hand) is None


def test_a_my_number_card_gets_both_or_the_one_that_is_asked_for(
    database: Database, clock: MovableClock
) -> None:
    clock.put(datetime(2016, 4, 1, 3, tzinfo=UTC))
    counter = ready(
        Counter(database, clock, profile="mynumber"), PinUse.SIGNATURE, PinUse.AUTHENTICATION
    )
    both = reissued(counter, PASSWORD, PIN)
    assert len(both.certificates) == 2
    with counter.on_desk() as (hand, _):
        one = reissue_certificate(counter.desk(talk=Clerk(PASSWORD)), hand, PHOTO, SIGNATURE)
    assert valid(counter) == {one.certificates[0], both.certificates[1]}
    assert signs(counter) == one.certificates[0]
    with counter.on_desk() as (hand, _):
        log_on(counter.desk(talk=Clerk(PIN)), hand, b"a challenge")


@pytest.mark.parametrize(("late", "error"), [(0, None), (1, IssueEnded)])
def test_p24_juki_cards_got_certificates_until_22_december_2015_17_00(
    database: Database, clock: MovableClock, late: int, error: type[CardError] | None
) -> None:
    clock.put(datetime(2015, 12, 22, 16, tzinfo=JAPAN))
    counter = ready(Counter(database, clock))
    clock.put(datetime(2015, 12, 22, 17, 0, late, tzinfo=JAPAN))
    if error is None:
        reissued(counter)
        assert len(valid(counter)) == 1
        return
    before = counter.card.environment.memory.snapshot().copies()
    with pytest.raises(error, match="2015-12-22"):
        reissued(counter)
    assert counter.card.environment.memory.snapshot().copies() == before


def test_p9_a_certificate_does_not_outlast_the_card(
    database: Database, clock: MovableClock
) -> None:
    clock.put(datetime(2006, 4, 1, 3, tzinfo=UTC))
    citizen = replace(RESIDENT, residence_until=None)
    counter = ready(Counter(database, clock, resident=citizen))
    clock.move(timedelta(days=365 * 8))
    database.accept_clock()
    assert reissued(counter).until == (counter.ledger().expires,)


def test_p9_an_expired_card_gets_no_certificate(counter: Counter) -> None:
    ready(counter)
    counter.clock.move(timedelta(days=3653))
    counter.database.accept_clock()
    with pytest.raises(CardExpired):
        reissued(counter)


@pytest.mark.parametrize(
    ("presented", "error"),
    [
        (Presented(), Impossible),
        (Presented(papers=frozenset({Paper.OTHER})), Impossible),
        (Presented(PresentedBy.HOUSEHOLD, frozenset(Paper)), Impossible),
        (Presented(PresentedBy.PROXY, frozenset(Paper)), SupervisorDecides),
        (Presented(PresentedBy.LEGAL_REPRESENTATIVE, frozenset(Paper)), SupervisorDecides),
    ],
)
def test_who_may_have_a_certificate_issued_anew(
    counter: Counter, presented: Presented, error: type[CardError]
) -> None:
    ready(counter)
    with pytest.raises(error):
        reissued(counter, presented=presented)
    assert valid(counter) == set()


def test_what_is_refused_leaves_the_old_one_as_it_is(counter: Counter) -> None:
    with counter.on_desk() as (hand, _), pytest.raises(NoIssuingHere):
        reissue_certificate(counter.desk(), hand, PHOTO)
    ready(counter)
    first = reissued(counter)
    with pytest.raises(PinBlocked):
        reissued(counter, *["WRONG123"] * 5)
    with counter.on_desk() as (hand, _):
        unblock_pin(counter.desk(talk=Clerk(PASSWORD)), hand, PHOTO, PinUse.SIGNATURE)
    only = frozenset({CertificateUse.AUTHENTICATION})
    with counter.on_desk() as (hand, _), pytest.raises(Impossible, match="no such key pair"):
        reissue_certificate(counter.desk(talk=Clerk(PIN)), hand, PHOTO, only)
    assert valid(counter) == set(first.certificates) == {signs(counter)}
    assert counter.undecided() == 0


def test_a_card_made_without_certificates_gets_its_first_once_a_password_is_chosen(
    counter: Counter,
) -> None:
    lose(counter)
    Office(counter).blank("juki-v1")
    issued(counter, replace(NAME_ONLY, with_certificates=False))
    with counter.on_desk() as (hand, _):
        hand_over(counter.desk(talk=Clerk(NEW)), hand, PHOTO)
    with pytest.raises(PinBlocked):
        reissued(counter)
    with counter.on_desk() as (hand, _):
        unblock_pin(counter.desk(talk=Clerk(PASSWORD)), hand, PHOTO, PinUse.SIGNATURE)
    assert valid(counter) == set()
    made = reissued(counter)
    assert valid(counter) == set(made.certificates) == {signs(counter)}


def test_a_password_that_nobody_knows_is_not_tried(counter: Counter) -> None:
    ready(counter)
    for at in range(200):
        with counter.on_desk() as (hand, reader), suppress(CardError):
            reader.pull(at, acts=True)
            desk = counter.desk(talk=Clerk(PASSWORD, "OTHER123"))
            change_pin(desk, hand, PHOTO, PinUse.SIGNATURE)
        if counter.undecided():
            break
    with counter.on_desk() as (hand, _):
        assert recover_card(counter.desk(), hand) is IntentState.UNCERTAIN
    with pytest.raises(PinUncertain):
        reissued(counter)


def test_an_authority_that_goes_away_behind_the_new_pair_leaves_no_certificate(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(counter)
    reissued(counter)

    def away(*_: object) -> object:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(type(counter.office.authority), "issue", away)
        with pytest.raises(AuthorityAway):
            reissued(counter)
    assert counter.undecided() == 0
    assert valid(counter) == set()
    with pytest.raises(Impossible, match="revoked"):
        signs(counter)
    again = reissued(counter)
    assert valid(counter) == set(again.certificates) == {signs(counter)}


# --- what is cut off ---


@pytest.mark.parametrize("receipts", [True, False])
@pytest.mark.parametrize("cut", CUTS)
def test_a_reissue_cut_at_any_exchange_leaves_no_certificate_whose_key_is_gone(
    database: Database, clock: MovableClock, cut: Cut, receipts: bool
) -> None:
    counter = Counter(database, clock, profile="juki-v1", receipts=receipts)
    assert renewing(ready(counter)).at_every_exchange(cut) > 30


@pytest.mark.parametrize("trouble", Trouble)
def test_trouble_before_any_transaction_of_a_reissue(
    database: Database, clock: MovableClock, trouble: Trouble
) -> None:
    counter = Counter(database, clock, profile="juki-v1")
    assert renewing(ready(counter)).at_every_transaction(trouble) >= 3


def renewing(counter: Counter) -> Cutting:
    """Issuing a certificate anew on a card that has one."""

    def certified() -> None:
        if not valid(counter):
            reissued(counter)

    def renew(desk: Desk, hand: CardAtDesk) -> None:
        reissue_certificate(desk, hand, PHOTO)

    def good(done: bool) -> None:
        there = valid(counter)
        assert there or not done
        if there:
            assert there == {signs(counter)}

    return Cutting(counter, Task.REISSUE_CERTIFICATE, certified, renew, good, (PASSWORD,))
