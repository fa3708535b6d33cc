"""What was promised of operators, beside test_promises.py: docs/card.md, section 1."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509
from sqlalchemy import select

from jukicard import LocalReader, issue_card
from jukicard.synthetic.pki import operator_authority
from jukihost import (
    ISSUER_TEST_KEYS,
    ConditionsNotSatisfied,
    IssuerSession,
    OperatorBlocked,
    OperatorNotEntitled,
    OperatorPurpose,
    OperatorSession,
    PasswordRejected,
    SoftwareCustody,
    Trust,
    UnknownKey,
    build_channel,
    published_master,
)
from jukihost.clock import MovableClock
from jukihost.database import open_database, upgrade_database
from jukihost.exports import export_backup
from jukihost.ledger import RIGHTS, Operator, OperatorRefused, Right, Role, enter_operator
from jukihost.log import Use
from jukihost.log.tables import queue
from tests.support.host.ledgers import ADMIN, ALWAYS, AT, staffed

DAY = datetime.date(2026, 5, 1)


def _office(folder: Path, system: str) -> SoftwareCustody:
    """A key store that has the key of one system and no other."""
    store = SoftwareCustody(folder / f"{system}.keys", lambda: "correct horse battery")
    store.create()
    store.import_key(system, 1, published_master(system))
    return store


def test_p16_operators_log_in_by_card_and_password_and_only_another_office_unlocks(
    tmp_path: Path,
) -> None:
    card = issue_card("operator", seed=1, issued=datetime.date(2026, 4, 1))
    anchor = x509.load_der_x509_certificate(operator_authority().certificate)
    noon = datetime.datetime.combine(DAY, datetime.time(12), datetime.UTC)
    trust = Trust((anchor,), noon)
    ward, centre = _office(tmp_path, "OPERATOR_LOGIN"), _office(tmp_path, "ADMIN")

    with LocalReader(card) as reader, OperatorSession(build_channel(reader)) as operator:
        operator.authenticate(OperatorPurpose.OPERATOR_LOGIN, ward)
        assert operator.log_in("operator-1", trust, today=DAY).identity.identifier
        for wrong in ("wrong-one-1", "wrong-two-2"):
            with pytest.raises(PasswordRejected):
                operator.log_in(wrong, trust, today=DAY)
        with pytest.raises(OperatorBlocked):
            operator.log_in("wrong-three-3", trust, today=DAY)
    with LocalReader(card) as reader, OperatorSession(build_channel(reader)) as operator:
        operator.authenticate(OperatorPurpose.OPERATOR_LOGIN, ward)
        with pytest.raises(OperatorBlocked):
            operator.log_in("operator-1", trust, today=DAY)
        with pytest.raises(OperatorNotEntitled):
            operator.unlock()
        with pytest.raises(UnknownKey):
            operator.authenticate(OperatorPurpose.ADMIN, ward)
    with LocalReader(card) as reader, IssuerSession(build_channel(reader)) as issuer:
        issuer.authenticate(ISSUER_TEST_KEYS)
        with pytest.raises(ConditionsNotSatisfied):
            issuer.unblock_pin(OperatorSession.AID, OperatorSession.PASSWORD)
    with LocalReader(card) as reader, OperatorSession(build_channel(reader)) as operator:
        operator.authenticate(OperatorPurpose.ADMIN, centre)
        operator.unlock()
    with LocalReader(card) as reader, OperatorSession(build_channel(reader)) as operator:
        operator.authenticate(OperatorPurpose.OPERATOR_LOGIN, ward)
        operator.log_in("operator-1", trust, today=DAY)
    ward.close()
    centre.close()


def test_p29_nobody_takes_identity_information_out_without_a_right_of_its_own_and_a_trace(
    tmp_path: Path,
) -> None:
    upgrade_database(tmp_path / "terminal.db")
    clock = MovableClock(AT)
    assert not any(Right.EXPORT in rights for rights in RIGHTS.values())
    with open_database(tmp_path / "terminal.db", clock=clock, terminal="counter-1") as database:
        staffed(database)
        with database.begin() as connection:
            for role in Role:
                enter_operator(connection, Operator(role.value, "係", role, ALWAYS), ADMIN)
            one = Operator("named", "保守", Role.CLERK, ALWAYS, may_export=True)
            enter_operator(connection, one, ADMIN)
        for role in Role:
            with pytest.raises(OperatorRefused):
                export_backup(database, tmp_path / "out", role.value)
            assert not (tmp_path / "out").exists()
        assert export_backup(database, tmp_path / "out", "named")
        with database.read() as connection:
            rows = connection.execute(select(queue.c.entry).order_by(queue.c.id)).scalars()
            uses = [Use.parse(entry) for entry in rows]
    assert [(use.operator, use.outcome.value) for use in uses] == [
        *((role.value, "refused") for role in Role),
        ("named", "done"),
    ]
