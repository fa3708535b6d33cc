"""JPKI cards, and a desk of strangers' programs at the reader of a real pcscd."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from jukicard import Card, issue_card
from jukicard.runtime.boundary import raise_bug
from tests.support.cards.issuing import issue
from tests.support.cards.jpki_terminal import Certificates, certificates_of
from tests.support.interop.clients import Desk
from tests.support.interop.pcscd import Pcscd

# Real programs look at the real date: the certificates began last week and last for years.
LAST_WEEK = datetime.date.today() - datetime.timedelta(days=7)

ISSUE: dict[str, Callable[[], Card]] = {
    # OpenSC does not know this ATR: it recognises the card by its application.
    "mynumber": partial(issue_card, "mynumber", seed=1, issued=LAST_WEEK, on_bug=raise_bug),
    # OpenSC knows this ATR. It binds to cards with both pairs, and takes all keys for 2048 bits.
    "juki-v2": partial(issue, "juki-v2", seed=1, compat=True, rsa_bits=2048, on_bug=raise_bug),
}
"""The kinds of card that OpenSC's driver works with."""


@pytest.fixture
def desk(pcscd: Pcscd, tmp_path: Path) -> Desk:
    """The programs; the readers are empty."""
    return Desk(pcscd, tmp_path)


@pytest.fixture
def card() -> Card:
    """A My Number card, not inserted yet."""
    return ISSUE["mynumber"]()


@pytest.fixture(params=sorted(ISSUE))
def each_card(request: pytest.FixtureRequest) -> Card:
    """A card of each kind, not inserted yet."""
    return ISSUE[request.param]()


@pytest.fixture
def certificates(request: pytest.FixtureRequest) -> Certificates:
    """The certificates of the test's card."""
    name = "each_card" if "each_card" in request.fixturenames else "card"
    return certificates_of(request.getfixturevalue(name))
