"""A card that is pulled while it is made, at any exchange, is finished by whoever sees it next."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, timedelta

import pytest

from jukicard.synthetic.people import SPECIMEN
from jukicard.transport.inprocess import LocalReader
from jukihost.channel import build_channel
from jukihost.errors import CardError
from jukihost.issuing import (
    CardKind,
    ContentsRefused,
    IssuedCertificate,
    OperatorOrder,
    RevocationReason,
    Step,
    certificate_standing,
    certificates_of,
    personalise,
    personalise_operator,
    read_card_number,
    set_pins,
)
from jukihost.models import OperatorPurpose
from jukihost.sessions.operator import OperatorSession
from tests.support.host.custody import PublicMasters
from tests.unit.host_issuing.cardorders import means, moment, order_of
from tests.unit.host_issuing.making import (
    ALL,
    Cut,
    blank,
)
from tests.unit.host_issuing.readback import pins_for, read_everything

# -- cut anywhere ---------------------------------------------------------------------------------


class Ledger:
    """What a terminal keeps of certificates before they are written."""

    def __init__(self) -> None:
        self.serials: set[int] = set()

    def __call__(self, issued: tuple[IssuedCertificate, ...]) -> None:
        self.serials |= {one.serial for one in issued}


def cut_and_resumed(profile: str, form: int, at: int, *, acts: bool) -> bool:
    """Cut at an exchange, go on with the same card; tell whether there was such an exchange."""
    order, card, by, ledger = order_of(profile, SPECIMEN, form), blank(profile), means(), Ledger()
    with LocalReader(card) as connection:
        number = read_card_number(connection)
    reader = Cut(card, at, acts=acts)
    with suppress(CardError), reader:
        personalise(reader, order, by, at=moment(profile), on_certified=ledger)
    later = moment(profile) + timedelta(days=1)
    with LocalReader(card) as connection:
        made = personalise(connection, order, by, at=later, number=number, on_certified=ledger)
        set_pins(connection, PublicMasters(), pins_for(profile))
        assert made.now | made.before == ALL[profile]
        assert not made.now & made.before
        read_everything(connection, order, made)
        again = personalise(connection, order, by, at=later, number=number)
    assert (again.now, again.before) == (frozenset(), frozenset(ALL[profile]))
    assert again.certificates == made.certificates == certificates_of(by.authority, number)
    assert {one.serial for one in made.certificates} <= ledger.serials
    for serial in ledger.serials - {one.serial for one in made.certificates}:
        standing = certificate_standing(by.authority, serial)
        assert standing.reason is RevocationReason.SUPERSEDED
    return reader.pulled


@pytest.mark.slow
@pytest.mark.parametrize("acts", [False, True])
@pytest.mark.parametrize("profile", ["juki-v1", "juki-v2"])
def test_a_card_pulled_at_any_exchange_is_finished_later(profile: str, acts: bool) -> None:
    cuts = 0
    while cut_and_resumed(profile, 2, cuts, acts=acts):
        cuts += 1
    assert cuts > 40


@pytest.mark.slow
@pytest.mark.parametrize("acts", [False, True])
@pytest.mark.parametrize("part", range(4))
def test_a_successor_card_pulled_at_any_exchange_is_finished_later(part: int, acts: bool) -> None:
    cuts = 0
    while cut_and_resumed("mynumber", 2, 4 * cuts + part, acts=acts):
        cuts += 1
    assert cuts > 20


# -- operator cards -------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_operator_card_is_made_and_cut_anywhere() -> None:
    at = moment("mynumber")
    order = OperatorOrder(identifier="OP000123", municipality="13221", expires=at.date())
    cuts = 0
    while True:
        card, by = blank("operator"), means()
        with LocalReader(card) as connection:
            number = read_card_number(connection)
        reader = Cut(card, cuts, acts=True)
        with suppress(CardError), reader:
            personalise_operator(reader, order, by, at=at)
        with LocalReader(card) as connection:
            made = personalise_operator(connection, order, by, at=at, number=number)
            assert made.now | made.before == {Step.DOMAIN, Step.OPERATOR}
            assert made.kind is CardKind.OPERATOR
            with OperatorSession(build_channel(connection)) as session:
                session.authenticate(OperatorPurpose.ADMIN, PublicMasters())
                session.unlock("operator-9 x")
                assert session.identity().identifier == "OP000123"
                assert session.certificate().serial_number == made.certificates[0].serial
            with OperatorSession(build_channel(connection)) as session:
                session.authenticate(OperatorPurpose.OPERATOR_LOGIN, PublicMasters())
                session.verify_password("operator-9 x")
        if not reader.pulled:
            break
        cuts += 1
    assert cuts > 20


@pytest.mark.parametrize(
    "order",
    [
        OperatorOrder(identifier="", municipality="13221", expires=date(2030, 1, 1)),
        OperatorOrder(identifier="黒桐", municipality="13221", expires=date(2030, 1, 1)),
        OperatorOrder(identifier="OP1", municipality="1322", expires=date(2030, 1, 1)),
    ],
)
def test_a_wrong_operator_is_refused(order: OperatorOrder) -> None:
    with pytest.raises(ContentsRefused), LocalReader(blank("operator")) as connection:
        personalise_operator(connection, order, means(), at=moment("mynumber"))


def test_each_kind_of_card_has_its_own_way() -> None:
    order = OperatorOrder(identifier="OP1", municipality="13221", expires=date(2030, 1, 1))
    with pytest.raises(ContentsRefused), LocalReader(blank("juki-v1")) as connection:
        personalise_operator(connection, order, means(), at=moment("juki-v1"))
