"""The watch over every `ForbiddenApplet` in a test: it tells, and gives no false alarm."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from jukicard import Card
from jukicard.testing.applets import FORBIDDEN_AID, ForbiddenApplet, ForbiddenReachedError
from tests.support.applets.forbidden import KEPT, Watch, watching
from tests.support.cards.juki_desk import desk, issued

SNAPSHOT = issued()


def _selects(card: Card) -> None:
    with pytest.raises(ForbiddenReachedError):
        card.transmit(bytes.fromhex(f"00A4040C0A{FORBIDDEN_AID}"))


def _writes(card: Card) -> None:
    card.environment.memory.partition(f"application {FORBIDDEN_AID}").put_now("new", b"x")


def _reached(reach: Callable[[Card], None], more: int) -> Callable[[], None]:
    """Reach one of several cards; what is returned ends the watch."""
    stack = ExitStack()
    watch = stack.enter_context(watching())
    fork = desk(SNAPSHOT).card.fork().fork()
    fork.power_on()
    reach(fork)
    for _ in range(more):
        desk(SNAPSHOT)
    assert watch.seen == more + 3
    return stack.close


@pytest.mark.parametrize("reach", [_selects, _writes])
@pytest.mark.parametrize("more", [0, KEPT])
@pytest.mark.usefixtures("forbidden_is_reached")
def test_it_tells_of_every_card(reach: Callable[[Card], None], more: int) -> None:
    """Whichever of many it was, a fork of a fork too."""
    made = _reached(reach, more)
    with pytest.raises(ForbiddenReachedError):
        made()


def test_it_gives_no_false_alarm() -> None:
    with watching() as watch:
        card = desk(SNAPSHOT).card
        ForbiddenApplet.on(card).check()
        fork = card.fork()  # its bait is there already
        ForbiddenApplet.on(fork).check()
        card.fork()
    assert watch.seen == 3
    assert not watch.violations


@pytest.mark.usefixtures("forbidden_is_reached")
def test_who_expects_it_is_not_told() -> None:
    with watching() as watch:
        watch.expected = True
        _selects(desk(SNAPSHOT).card)
    assert watch.violations


def test_every_test_has_one(forbidden: Watch) -> None:
    desk(SNAPSHOT)
    assert forbidden.seen == 1
