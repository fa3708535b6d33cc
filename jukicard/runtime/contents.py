"""What the issuer does with the applications of a card: sees, installs, locks, writes, removes.

A capability, handed to an application with `Privilege.APPLICATIONS` only. It never gives away an
application's memory or objects: what is to be written goes in, nothing comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from jukicard.apdu.aid import Aid
from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.lifecycle_table import Operation
from jukicard.runtime.firewall import AppletMisbehavedError
from jukicard.runtime.placement import Placement, Privilege

if TYPE_CHECKING:
    from jukicard.runtime.applet import Applet
    from jukicard.runtime.registry import Registry


class Listed(NamedTuple):
    """One application as the issuer sees it."""

    aid: Aid
    state: LifeCycleState
    manages_card: bool


class Contents:
    """The applications of a card, for who may manage them.

    IsoError wherever one is not there (6A88), and with what else is said.
    """

    __slots__ = ("_registry",)

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def applications(self) -> list[Listed]:
        """Return all applications in the order they were installed."""
        return [
            Listed(one.placement.aid, one.state, Privilege.CARD in one.placement.privileges)
            for one in self._registry.entries
        ]

    def offers(self) -> list[Aid]:
        """Return under which names applications can be installed that are there beside the card."""
        return sorted(self._registry.offers())

    def install(
        self, module: bytes, aid: Aid, parameters: Mapping[str, str], reserved: int = 0
    ) -> None:
        """Put an application on the card, not selectable yet: the one offered as `module`.

        `reserved` bytes of the quota of memory are its own, with 0 it shares the rest.

        6A88 when nothing is, 6A89 when `aid` is on the card, 6A84 when the card is full, 6A80 when
        the application cannot be made, with these parameters or at all.
        """
        offered = self._registry.offers()
        kind = next((kind for lies, kind in offered.items() if lies == module), None)
        if kind is None:
            raise IsoError(
                StatusWord.REFERENCED_DATA_NOT_FOUND,
                f"no application is offered as {module.hex().upper()}: install its package",
            )
        if self._registry.get(aid) is not None:
            raise IsoError(StatusWord.FILE_ALREADY_EXISTS, f"there is an application {aid} already")
        self._registry.install(
            Placement(aid, kind, parameters), after_issue=True, reserved=reserved
        )
        try:
            self.administer(aid, lambda applet: None)  # made now: later it would only fail
        except (AppletMisbehavedError, LookupError, TypeError, ValueError):
            raise IsoError(
                StatusWord.INCORRECT_DATA, f"{kind} cannot be made with these parameters"
            ) from None

    def change(self, aid: bytes, operation: Operation) -> None:
        """Make an application selectable, lock or unlock it; 6985 as the life cycle says."""
        self._registry.change(aid, operation)

    def state(self, aid: bytes) -> LifeCycleState:
        """Return in which state an application is."""
        return self._registry.entry(aid).state

    def remove(self, aid: bytes) -> None:
        """Take an application off the card with all it has written; 6985 while it is selected."""
        self._registry.remove(aid)

    def is_further(self, aid: bytes) -> bool:
        """Tell whether an application came to the card after it was issued."""
        return self._registry.entry(aid).after_issue

    def administer(self, aid: bytes, work: Callable[[Applet[Any]], None]) -> None:
        """Have an application do what its issuer asks of it, as it does everything."""
        self._registry.entry(aid)
        application = self._registry.get(aid)
        if application is not None:
            application.run(lambda: work(application.applet))
