"""New key pairs and certificates on a card that is somebody's, whatever cuts it off."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from jukicard import Card, issue_card
from jukicard.synthetic.people import SPECIMEN
from jukicard.transport.inprocess import LocalReader
from jukihost.channel import build_channel
from jukihost.conversation.refusals import TerminalNotAuthenticated
from jukihost.errors import CardError
from jukihost.issuing import (
    AuthorityAway,
    CardOrder,
    CertificateAuthority,
    IssuedCertificate,
    IssueEnded,
    IssuingMeans,
    NewPins,
    Personalised,
    RevocationReason,
    certificate_standing,
    certificates_of,
    personalise,
    renew_certificates,
    set_pins,
)
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.signing.certificates import holder_of
from tests.support.host.custody import PublicMasters
from tests.unit.host_issuing.cardorders import means, moment, order_of
from tests.unit.host_issuing.making import Cut, blank, make
from tests.unit.host_issuing.readback import read_everything, read_jpki

YEAR = timedelta(days=365)


def renew(
    card: LocalReader, order: CardOrder, by: IssuingMeans, at: datetime, **more: object
) -> tuple[IssuedCertificate, ...]:
    return renew_certificates(
        card,
        order.holder,
        order.info,
        custody=by.custody,
        authority=by.authority,
        at=at,
        **more,  # type: ignore[arg-type]
    )


def at_of(profile: str) -> datetime:
    return moment(profile) + (YEAR if profile == "mynumber" else timedelta(days=90))


def somebodys(profile: str) -> tuple[Card, CardOrder, IssuingMeans, Personalised]:
    order, card, by = order_of(profile, SPECIMEN), blank(profile), means()
    return card, order, by, make(card, profile, order, by)


@pytest.mark.parametrize("profile", ["juki-v1", "juki-v2", "mynumber"])
def test_a_card_gets_other_certificates(profile: str) -> None:
    card, order, by, made = somebodys(profile)
    moved = replace(order, holder=replace(order.holder, address="東京都清瀬市観布子北１"))
    with LocalReader(card) as connection:
        issued = renew(connection, moved, by, at_of(profile))
        assert len(issued) == len(made.certificates)
        read_jpki(connection, moved, replace(made, certificates=issued))
    assert certificates_of(by.authority, made.number) == issued
    for one in made.certificates:
        standing = certificate_standing(by.authority, one.serial)
        assert (standing.reason, standing.since) == (
            RevocationReason.SUPERSEDED,
            at_of(profile),
        )
    with LocalReader(card) as connection, JpkiSession(build_channel(connection)) as jpki:
        jpki.verify_password("ABC123")
        holder = holder_of(jpki.certificate(JpkiKey.SIGNATURE))
        assert holder is not None
        assert holder.address == "東京都清瀬市観布子北１"


def test_one_pair_may_be_renewed_alone() -> None:
    card, order, by, made = somebodys("mynumber")
    with LocalReader(card) as connection:
        issued = renew(connection, order, by, at_of("mynumber"), keys=[JpkiKey.AUTHENTICATION])
        both = (made.certificates[0], *issued)
        assert [one.use.value for one in both] == ["signature", "authentication"]
        read_jpki(connection, order, replace(made, certificates=both))
    assert certificate_standing(by.authority, made.certificates[0].serial).valid


def test_a_card_of_another_maker_gets_certificates_too() -> None:
    card, by = issue_card("mynumber", seed=1, person=SPECIMEN), means()
    order = order_of("mynumber", SPECIMEN)
    with LocalReader(card) as connection:
        issued = renew(connection, order, by, at_of("mynumber"))
        with JpkiSession(build_channel(connection)) as jpki:
            read = jpki.certificate(JpkiKey.AUTHENTICATION)
    assert read.serial_number == issued[1].serial


@pytest.mark.slow
@pytest.mark.parametrize("acts", [False, True])
@pytest.mark.parametrize("profile", ["juki-v1", "mynumber"])
def test_a_renewal_cut_at_any_exchange_is_done_again(profile: str, acts: bool) -> None:
    cuts = int(acts)
    while True:
        card, order, by, made = somebodys(profile)
        reader = Cut(card, cuts, acts=acts)
        with suppress(CardError), reader:
            renew(reader, order, by, at_of(profile))
        if not reader.pulled:
            break
        cuts += 1 if profile == "juki-v1" else 4
        with LocalReader(card) as connection:
            issued = renew(connection, order, by, at_of(profile))
            read_everything(connection, order, replace(made, certificates=issued))
        assert certificates_of(by.authority, made.number) == issued
    assert cuts > 15


def works_still(card: Card, order: CardOrder, made: Personalised) -> None:
    with LocalReader(card) as connection:
        read_jpki(connection, order, made)


def test_juki_cards_get_certificates_until_22_december_2015() -> None:
    card, order, by, made = somebodys("juki-v1")
    last = datetime(2015, 12, 22, 8, 0, tzinfo=UTC)  # 17:00 in Japan
    with LocalReader(card) as connection, pytest.raises(IssueEnded, match="17:00:00 JST"):
        renew(connection, order, by, last + timedelta(seconds=1))
    works_still(card, order, made)
    with LocalReader(card) as connection:
        renew(connection, order, by, last)


def test_a_card_that_is_over_gets_none() -> None:
    card, order, by, made = somebodys("mynumber")
    with LocalReader(card) as connection, pytest.raises(IssueEnded, match="last day"):
        renew(connection, order, by, moment("mynumber") + 20 * YEAR)
    works_still(card, order, made)


def test_an_authority_that_is_away_costs_no_key() -> None:
    card, order, by, made = somebodys("juki-v1")

    class Away:
        def __getattr__(self, _: str) -> Callable[..., object]:
            def away(*_: object) -> object:
                raise OSError("no line")

            return away

    gone = replace(by, authority=cast("CertificateAuthority", Away()))
    with LocalReader(card) as connection, pytest.raises(AuthorityAway):
        renew(connection, order, gone, at_of("juki-v1"))
    works_still(card, order, made)


def test_nobody_but_the_counter_makes_keys_or_writes_certificates() -> None:
    card, _, _, _ = somebodys("juki-v1")
    with LocalReader(card) as connection, JpkiSession(build_channel(connection)) as jpki:
        with pytest.raises(TerminalNotAuthenticated):
            jpki.make_key_pair(JpkiKey.SIGNATURE)
        with pytest.raises(TerminalNotAuthenticated):
            jpki.write_certificates(JpkiKey.SIGNATURE, b"", b"")


def test_certificates_come_later_onto_a_card_that_was_made_without() -> None:
    order, card, by = order_of("juki-v1", SPECIMEN), blank("juki-v1"), means()
    plain = replace(order, with_certificates=False)
    with LocalReader(card) as connection:
        made = personalise(connection, plain, by, at=moment("juki-v1"))
        later = personalise(connection, order, by, at=at_of("juki-v1"), number=made.number)
        assert {step.value for step in later.now} == {"jpki"}

    with LocalReader(card) as connection:
        set_pins(connection, PublicMasters(), NewPins(juki="1357", signature="abc123"))
        read_everything(connection, order, later)
