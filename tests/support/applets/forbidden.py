"""Watches every `ForbiddenApplet` that any card gets while a test runs, forks included.

`tests/conftest.py` has it do so around every test: the makers of cards with several applications
put the applet on them, and a test in which something reached it fails.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest import mock

from jukicard import Card
from jukicard.runtime.application import Application
from jukicard.runtime.placement import Placement
from jukicard.runtime.registry import Registry
from jukicard.testing.applets import FORBIDDEN_AID, ForbiddenApplet, ForbiddenReachedError

KEPT: Final = 50
"""How many of them are held for the last look at their memory; an older one has had it."""


class _Violations(list[str]):
    """What one of them records, noted in the watch as well: it may be gone when the test ends."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def append(self, violation: str) -> None:
        super().append(violation)
        self._watch.violations.append(violation)


class Watch:
    """What was made and what was reached; `expected` is for tests that reach it on purpose."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.expected = False
        self.seen = 0
        self._held: deque[ForbiddenApplet] = deque()

    def add(self, applet: ForbiddenApplet) -> None:
        """Watch one more."""
        applet.violations = _Violations(self)
        self.seen += 1
        self._held.append(applet)
        if len(self._held) > KEPT:
            self._look(self._held.popleft())

    def finish(self) -> None:
        """Raise ForbiddenReachedError when any of them was reached, and that was not expected."""
        while self._held:
            self._look(self._held.popleft())
        if self.violations and not self.expected:
            raise ForbiddenReachedError("; ".join(dict.fromkeys(self.violations)))

    def _look(self, applet: ForbiddenApplet) -> None:
        try:
            applet.check()
        except ForbiddenReachedError as reached:
            self.violations.append(str(reached))


@contextmanager
def watching() -> Iterator[Watch]:
    """Watch all that are made meanwhile; ForbiddenReachedError at the end."""
    watch = Watch()
    make_applet, make_card = ForbiddenApplet.__init__, Card.__init__
    install = Registry.install

    def applet_made(self: ForbiddenApplet, *arguments: Any) -> None:
        make_applet(self, *arguments)
        watch.add(self)

    def card_made(self: Card, *arguments: Any, **named: Any) -> None:
        make_card(self, *arguments, **named)
        found = self.applications.get(FORBIDDEN_AID)
        if found is not None:
            found.applet  # noqa: B018 - made now: later its memory might have been changed

    @functools.wraps(install)
    def installed(self: Registry, placement: Placement, **named: bool) -> Application:
        application = install(self, placement, **named)
        if placement.aid == FORBIDDEN_AID:
            application.applet  # noqa: B018 - as above
        return application

    with (
        mock.patch.object(Registry, "install", installed),
        mock.patch.object(ForbiddenApplet, "__init__", applet_made),
        mock.patch.object(Card, "__init__", card_made),
    ):
        yield watch
    watch.finish()
