"""An application that cannot be run here: it alone is out of use, and what it keeps stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.runtime.applet import Applet, ApplicationState, BasicState
from jukicard.runtime.application import Application, Surroundings
from jukicard.runtime.kinds import FaultyAppletError, Kind
from jukicard.runtime.placement import Entry

FAULTY: Final = StatusWord.NO_PRECISE_DIAGNOSIS
"""What it answers, SELECT too: the same that an application answers whose code fails."""


class FaultyApplication(Application):
    """An application whose package fails, or cannot take over what an earlier version has kept.

    No code of it runs. Its issuer can lock and remove it; nobody writes to it, so that a mended
    package finds what was there. `fault` says what is wrong, and what to do.
    """

    __slots__ = ("_fault",)

    def __init__(self, entry: Entry, kind: Kind, surroundings: Surroundings, fault: str) -> None:
        super().__init__(entry.placement, kind, surroundings)
        self._fault = fault

    @property
    def fault(self) -> str:
        """Why it is out of use."""
        return self._fault

    @property
    def applet(self) -> Applet[Any]:
        """There is no object. IsoError."""
        self._refuse()

    @property
    def seen(self) -> None:
        """There is no object."""

    def check_kept(self) -> None:
        """Ask nothing: nobody uses it here."""

    def run(self, work: Callable[[], None]) -> None:
        """Refuse: what is written to it now would be in nobody's format. IsoError."""
        self._refuse()

    def new_state(self) -> ApplicationState:
        """Return a state in which nothing can be proven."""
        return BasicState()

    def select(self, command: CommandApdu, state: ApplicationState) -> ResponseApdu:
        """Refuse to be selected. IsoError."""
        self._refuse()

    def select_inside(self, command: CommandApdu, state: ApplicationState) -> None:
        """Find nothing inside."""

    def process(self, command: CommandApdu, state: ApplicationState) -> ResponseApdu:
        """Refuse. IsoError."""
        self._refuse()

    def deselect(self, state: ApplicationState) -> None:
        """Leave it alone."""

    def refused(self, command: CommandApdu, state: ApplicationState) -> None:
        """Leave it alone."""

    @property
    def description(self) -> list[tuple[str, str]]:
        """Why it is out of use."""
        return [("out of use", self._fault)]

    def _refuse(self) -> NoReturn:
        raise IsoError(FAULTY, self._fault)


def unloaded(entry: Entry, surroundings: Surroundings, fault: FaultyAppletError) -> Application:
    """Return the application of an entry whose class cannot be had."""
    placement = entry.placement

    def load() -> NoReturn:
        raise fault

    kind = Kind(placement.kind, True, entry.package, load, entry.version)
    said = f"the application {placement.aid} of this card is out of use: {fault}"
    return FaultyApplication(entry, kind, surroundings, said)
