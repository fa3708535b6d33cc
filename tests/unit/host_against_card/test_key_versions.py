"""A town's key has got new versions; cards with older ones go on, and those of others do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jukicard import Card
from jukicard.transport.inprocess import LocalReader
from jukihost import (
    AuthenticationRejected,
    JukiSession,
    PinRejected,
    Purpose,
    SoftwareCustody,
    UnknownKey,
    build_channel,
    published_master,
)
from jukihost.conversation.refusals import ForeignCard
from jukihost.keys.envelope import ScryptCost
from tests.support.cards.issuing import issue

PASSPHRASE = "correct horse"
ACCESS_NUMBER = "123456"


@pytest.fixture
def custody(tmp_path: Path) -> Iterator[SoftwareCustody]:
    """Keys in versions 1, which cards have, to 4."""
    made = SoftwareCustody(tmp_path / "keys", lambda: PASSPHRASE, cost=ScryptCost(1 << 10))
    made.create()
    with made:
        made.import_key("COUNTER", 1, published_master("COUNTER"))
        yield made


@contextmanager
def session(card: Card) -> Iterator[JukiSession]:
    with LocalReader(card) as connection, JukiSession(build_channel(connection)) as juki:
        yield juki


def proven(card: Card, custody: SoftwareCustody, floor: int | None = None) -> int:
    with session(card) as juki:
        version = juki.authenticate(Purpose.COUNTER, custody, floor=floor)
        assert juki.purposes == {Purpose.COUNTER}
        return version


def test_the_newest_then_the_one_before_then_none(custody: SoftwareCustody) -> None:
    card = issue(seed=1)
    assert proven(card, custody) == 1
    custody.rotate("COUNTER")
    assert proven(card, custody) == 1
    custody.rotate("COUNTER")
    with pytest.raises(ForeignCard) as refused:
        proven(card, custody)
    assert isinstance(refused.value, AuthenticationRejected)
    assert "none of the versions" in str(refused.value)
    assert proven(card, custody, floor=1) == 1
    with pytest.raises(ForeignCard):
        proven(card, custody, floor=2)
    with pytest.raises(AuthenticationRejected) as alone:
        proven(card, custody, floor=3)
    assert not isinstance(alone.value, ForeignCard)
    with pytest.raises(UnknownKey, match="below the floor"):
        proven(card, custody, floor=4)


def test_a_card_with_an_older_key_is_not_worn_out(custody: SoftwareCustody) -> None:
    """Its tries come back with the version that is right."""
    card = issue(seed=1)
    custody.rotate("COUNTER")
    custody.rotate("COUNTER")
    assert {proven(card, custody, floor=1) for _ in range(30)} == {1}


def test_a_weaker_key_is_never_gone_back_to(custody: SoftwareCustody) -> None:
    card = issue(seed=1)
    custody.rotate("COUNTER", suite="MA-AES256")
    with pytest.raises(AuthenticationRejected):
        proven(card, custody, floor=1)
    with session(card) as juki:  # whoever means it says so
        assert juki.authenticate(Purpose.COUNTER, custody, version=1) == 1


def refused_pin(juki: JukiSession) -> None:
    with pytest.raises(PinRejected):
        juki.verify_pin("0000")


def only_once(juki: JukiSession) -> None:
    """Nothing is left of an earlier, successful authentication."""
    assert juki.purposes == frozenset()
    assert not juki.authenticated


@pytest.mark.parametrize("before", [refused_pin, only_once])
def test_what_a_session_is_after_all_were_refused(
    custody: SoftwareCustody, before: Callable[[JukiSession], None]
) -> None:
    card = issue(seed=1)
    with session(card) as juki:
        juki.authenticate(Purpose.COUNTER, custody)
        custody.rotate("COUNTER")
        custody.rotate("COUNTER")
        with pytest.raises(ForeignCard):
            juki.authenticate(Purpose.COUNTER, custody)
        before(juki)
        assert juki.authenticate(Purpose.COUNTER, custody, floor=1) == 1


def test_a_private_session_tries_one(custody: SoftwareCustody) -> None:
    card = issue(seed=1, access_number=ACCESS_NUMBER)
    custody.rotate("COUNTER")
    with session(card) as juki:
        juki.begin_private(ACCESS_NUMBER)
        with pytest.raises(AuthenticationRejected) as refused:
            juki.authenticate(Purpose.COUNTER, custody)
        assert not isinstance(refused.value, ForeignCard)
        juki.begin_private(ACCESS_NUMBER)
        assert juki.authenticate(Purpose.COUNTER, custody, version=1) == 1
