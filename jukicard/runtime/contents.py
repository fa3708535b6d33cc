"""What the issuer does with the applications of a card: sees, installs, locks, writes, removes.

A capability, handed to an application with `Privilege.APPLICATIONS` only. It never gives away an
application's memory or objects: what is to be written goes in, nothing comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from jukicard.apdu.aid import Aid
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.lifecycle_table import Operation


class Listed(NamedTuple):
    """One application as the issuer sees it; `blank`: it waits for its contents."""

    aid: Aid
    state: LifeCycleState
    manages_card: bool
    blank: bool = False


class Contents(Protocol):
    """The applications of a card, for who may manage them.

    IsoError wherever one is not there (6A88), and with what else is said.
    """

    def applications(self) -> list[Listed]:
        """Return all applications in the order they were installed."""

    def offers(self) -> list[Aid]:
        """Return under which names applications can be installed that are there beside the card."""

    def install(
        self,
        module: bytes,
        aid: Aid,
        parameters: Mapping[str, str],
        reserved: int | None = None,
    ) -> None:
        """Put an application on the card, not selectable yet: the one offered as `module`.

        `reserved` bytes of the quota of memory are its own, and all it has; with 0 it shares the
        rest. None: as many as the application says.

        6A88 when nothing is, 6A89 when `aid` is on the card, 6A84 when the card is full or its
        memory is, 6A80 when the application cannot be made, with these parameters or at all.
        """

    def change(self, aid: bytes, operation: Operation) -> None:
        """Make an application selectable, lock or unlock it; 6985 as the life cycle says."""

    def state(self, aid: bytes) -> LifeCycleState:
        """Return in which state an application is."""

    def remove(self, aid: bytes) -> None:
        """Take an application off the card with all it has written; 6985 while it is selected."""

    def removals(self, aid: bytes) -> int:
        """Return how often an application of that name was taken off since the card has power.

        So that whoever goes on with one knows that it is still the same.
        """

    def is_further(self, aid: bytes) -> bool:
        """Tell whether an application came to the card after it was issued."""

    def is_blank(self, aid: bytes) -> bool:
        """Tell whether an application of a blank card still waits for its contents."""

    def fill(self, aid: bytes) -> None:
        """End that an application is blank, in the running transaction; 6985 while it lacks any."""

    def administer(self, aid: bytes, work: Callable[[Any], None]) -> None:
        """Have an application do what its issuer asks of it, as it does everything."""
