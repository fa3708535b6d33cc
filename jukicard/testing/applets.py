"""Applications for tests of what applications may not do: one that nothing may ever reach.

profile = with_forbidden(PROFILES["juki-v1"])
card = issue_card(profile, seed=1)
forbidden = ForbiddenApplet.on(card)
...  # whatever is tested
forbidden.check()
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final, NoReturn

from jukicard.apdu.aid import Aid
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.response import ResponseApdu
from jukicard.profiles.catalogue import Profile
from jukicard.runtime.applet import Applet, AppletContext, BasicState
from jukicard.runtime.application import Application
from jukicard.runtime.card import Card
from jukicard.runtime.events import CardEvent, MemoryCommitted
from jukicard.runtime.kinds import offer_applet
from jukicard.runtime.placement import Placement

FORBIDDEN_AID: Final = Aid("F0464F5242494444454E")
"""Where the application lies; a terminal that selects it has reached it."""
SERVICE: Final = "forbidden"
"""The name of its service, which it grants to nobody but itself."""
_BAIT: Final = {"bait": b"nobody reads this", "counter": b"\x03"}


class ForbiddenReachedError(AssertionError):
    """Something reached the application that nothing may reach; the text says how."""


class ForbiddenApplet(Applet[BasicState]):
    """Records how it was reached and raises, so that the card answers 6F00 and `check` fails.

    It counts as reached when it is selected, gets a command, is left, when its service is used, and
    when its memory changes, whoever changed it.
    """

    type_name = "forbidden"

    def __init__(self, context: AppletContext) -> None:
        super().__init__(context)
        self.violations: list[str] = []
        self._contents: Mapping[str, bytes] = dict(context.memory.items())
        context.share(SERVICE, self._serve, context.aid)

    @classmethod
    def on(cls, card: Card) -> ForbiddenApplet:
        """Return the application on a card, its memory baited and watched from now on.

        LookupError when the card's profile has none: see `with_forbidden`.
        """
        found: Application | None = card.applications.get(FORBIDDEN_AID)
        applet = None if found is None else found.applet
        if not isinstance(applet, cls):
            raise LookupError("no ForbiddenApplet is on this card: issue it of with_forbidden()")
        for key, value in _BAIT.items():
            applet.context.memory.put_now(key, value)
        applet._contents = dict(applet.context.memory.items())
        card.subscribe(applet._watch)
        return applet

    def check(self) -> None:
        """Raise ForbiddenReachedError when anything has reached the application."""
        if dict(self.context.memory.items()) != self._contents:
            self.violations.append("its memory has changed")
        if self.violations:
            raise ForbiddenReachedError("; ".join(dict.fromkeys(self.violations)))

    def new_state(self) -> BasicState:
        """Selection begins here."""
        self._reached("a state was asked for")

    def select(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        """Be selected."""
        self._reached("it was selected")

    def process(self, command: CommandApdu, state: BasicState) -> ResponseApdu:
        """Get a command."""
        self._reached(f"it got a command, INS {command.ins:02X}")

    def deselect(self, state: BasicState) -> None:
        """Be left."""
        self._reached("it was left")

    def _serve(self, data: bytes) -> bytes:
        self._reached("its service was used")

    def _watch(self, event: CardEvent) -> None:
        if isinstance(event, MemoryCommitted) and self.context.memory.name in event.partitions:
            self.violations.append("its memory was written")

    def _reached(self, how: str) -> NoReturn:
        self.violations.append(how)
        raise ForbiddenReachedError(how)


offer_applet(ForbiddenApplet, trusted=True)


def with_forbidden(profile: Profile) -> Profile:
    """Return a profile whose cards also have a `ForbiddenApplet`, behind all others."""
    forbidden = Placement(FORBIDDEN_AID, ForbiddenApplet.type_name)
    return dataclasses.replace(profile, applications=(*profile.applications, forbidden))
