"""An operator logs in over PC/SC, is locked out and let in by ADMIN, and changes the password."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509

from jukicard import issue_card
from jukicard.synthetic.pki import operator_authority
from jukihost import (
    OperatorBlocked,
    OperatorNotEntitled,
    OperatorPurpose,
    OperatorSession,
    PasswordExpired,
    PasswordRejected,
    PcscConnection,
    PublishedKeys,
    Trust,
    build_channel,
)
from tests.support.interop.pcscd import Pcscd

LOGIN, ADMIN = OperatorPurpose.OPERATOR_LOGIN, OperatorPurpose.ADMIN
ISSUED, TODAY, LATE = (datetime.date(2026, month, 1) for month in (4, 5, 8))


def trust(at: datetime.date) -> Trust:
    moment = datetime.datetime.combine(at, datetime.time(12), datetime.UTC)
    return Trust((x509.load_der_x509_certificate(operator_authority().certificate),), moment)


@pytest.mark.interop
@pytest.mark.xdist_group("pcscd")
def test_a_working_life_in_a_reader(pcscd: Pcscd) -> None:
    pcscd.insert(issue_card("operator", seed=1, issued=ISSUED))
    keys = PublishedKeys()
    with PcscConnection(pcscd.readers[0]) as connection:
        channel = build_channel(connection)
        with OperatorSession(channel) as operator:
            operator.authenticate(LOGIN, keys)
            operator.log_in("operator-1", trust(TODAY), today=TODAY)
        with OperatorSession(channel) as operator:
            operator.authenticate(LOGIN, keys)
            with pytest.raises(OperatorNotEntitled):
                operator.unlock()
            for _ in range(2):
                with pytest.raises(PasswordRejected):
                    operator.log_in("not-this-1", trust(TODAY), today=TODAY)
            with pytest.raises(OperatorBlocked):
                operator.log_in("not-this-1", trust(TODAY), today=TODAY)
        with OperatorSession(channel) as operator:
            operator.authenticate(ADMIN, keys)
            operator.unlock()
        with OperatorSession(channel) as operator:
            operator.authenticate(LOGIN, keys)
            with pytest.raises(PasswordExpired):
                operator.log_in("operator-1", trust(LATE), today=LATE)
            operator.change_password("operator-1", "changed-99", today=LATE)
            operator.log_in("changed-99", trust(LATE), today=LATE)
