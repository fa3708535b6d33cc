"""Which applications are on a card, and how SELECT by name finds one of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from jukicard.apdu.aid import Aid
from jukicard.filesystem.commands import Occurrence
from jukicard.filesystem.selection import pick_occurrence
from jukicard.memory import Partition
from jukicard.runtime.applet import Applet, ApplicationState
from jukicard.runtime.firewall import AppletMisbehavedError, StepBudget

ENTRY_POINTS: Final = "jukicard.applets"
"""The entry-point group in which other distributions offer applications."""
PRIVILEGE: Final = "privilege"
"""The parameter that gives an application a privilege: `card`, to suspend, resume and end it."""
STEP_BUDGET: Final = 1_000_000
"""How many lines of Python an application from elsewhere may run for one command."""
_KEY: Final = "applications"
_OWN: Final = {
    "common": "jukicard.applets.common:CommonApplet",
    "issuer": "jukicard.applets.issuer:IssuerApplet",
    "issuer-juki": "jukicard.applets.issuer:JukiIssuerApplet",
    "jpki": "jukicard.applets.jpki:JpkiApplet",
    "juki": "jukicard.applets.juki:JukiApplet",
    "surface": "jukicard.applets.surface:SurfaceApplet",
    "text": "jukicard.applets.text:TextApplet",
}
_OFFERED: Final[dict[str, type[Applet[Any]]]] = {}
_TRUSTED: Final[set[str]] = set()


class UnknownAppletError(LookupError):
    """The card holds a kind of application that is not installed here; the text says which."""


def offer_applet(offered: type[Applet[Any]], *, trusted: bool = False) -> type[Applet[Any]]:
    """Make a kind of application known in this process, by its `type_name`; a class decorator.

    For applications that no installed distribution offers as an entry point: a card whose profile
    names the kind can then be issued and restored. ValueError when another class has the name.

    trusted: run it as one of the project's own, without a budget of steps, so that a debugger and
        coverage see it; for an application that whoever runs the process wrote.
    """
    name = offered.type_name
    if name in _OWN or _OFFERED.get(name, offered) is not offered:
        raise ValueError(f"there is another kind of application {name!r}: choose another name")
    _OFFERED[name] = offered
    if trusted:
        _TRUSTED.add(name)
    return offered


def applet_class(type_name: str) -> type[Applet[Any]]:
    """Return the class of a kind of application: ours, an offered one, or an entry point's.

    UnknownAppletError when there is none.
    """
    offered = _OFFERED.get(type_name)
    if offered is not None:
        return offered
    own = _OWN.get(type_name)
    if own is not None:
        module, _, name = own.partition(":")
        found = getattr(import_module(module), name)
    else:
        from importlib import metadata

        points = list(metadata.entry_points(group=ENTRY_POINTS, name=type_name))
        if not points:
            raise UnknownAppletError(
                f"this card has an application of the kind {type_name!r}, which is not installed "
                f"here: install the package that offers it in the group {ENTRY_POINTS!r}"
            )
        found = points[0].load()
    if not (isinstance(found, type) and issubclass(found, Applet)):
        raise UnknownAppletError(f"{type_name!r} in the group {ENTRY_POINTS!r} is no application")
    return found


@dataclass(slots=True, eq=False)
class Application:
    """One application on this card: its name, its kind, and the object that answers."""

    aid: Aid
    type_name: str
    parameters: Mapping[str, str]
    make: Callable[[Application], Applet[Any]]
    made: Applet[Any] | None = None
    budget: StepBudget | None = None

    @property
    def applet(self) -> Applet[Any]:
        """The object that answers; made when it is first needed."""
        if self.made is None:
            self.made = self.make(self)
        return self.made

    def run(self, work: Callable[[], Any]) -> Any:
        """Return what the application's code returns; within its budget, if it has one."""
        return work() if self.budget is None else self.budget.run(work)

    def new_state(self) -> ApplicationState:
        """Return fresh volatile state. AppletMisbehavedError when the application gives none."""
        applet = self.applet
        if self.budget is None:
            return applet.new_state()  # type: ignore[no-any-return]
        state: ApplicationState | None = self.budget.run_apart(
            lambda: applet.new_state()  # noqa: PLW0108 - looking it up is its code too
        )
        if state is None:
            raise AppletMisbehavedError("the application gave no state")
        return state

    @property
    def privileged(self) -> bool:
        """True when this application may change the state of the card as a whole."""
        return self.parameters.get(PRIVILEGE) == "card"

    @property
    def partition_name(self) -> str:
        """The name of this application's partition of memory."""
        return f"application {self.aid}"

    def __repr__(self) -> str:
        return f"<Application {self.type_name} {self.aid}>"


class Registry:
    """The applications in the order they were installed; the first is selected by default."""

    __slots__ = ("_applications",)

    def __init__(self, applications: list[Application]) -> None:
        self._applications = applications

    def __iter__(self) -> Iterator[Application]:
        return iter(self._applications)

    def __len__(self) -> int:
        return len(self._applications)

    @property
    def default(self) -> Application | None:
        """What is selected after a reset without being asked for."""
        return self._applications[0] if self._applications else None

    def find(
        self, partial: bytes, occurrence: Occurrence, current: Application | None
    ) -> Application | None:
        """Return the application a full or truncated name selects, None when there is none."""
        matches = [
            application for application in self._applications if application.aid.startswith(partial)
        ]
        return pick_occurrence(matches, current, occurrence)

    def get(self, aid: bytes) -> Application | None:
        """Return the application with exactly this identifier, or None."""
        return next((found for found in self._applications if found.aid == aid), None)


def read_applications(memory: Partition, make: Callable[[Application], Applet[Any]]) -> Registry:
    """Return the registry that `write_applications` wrote."""
    entries = json.loads(memory.get(_KEY) or b"[]")
    budget = StepBudget(STEP_BUDGET)
    ours = _OWN.keys() | _TRUSTED
    return Registry(
        [
            Application(
                Aid(entry["aid"]),
                entry["type"],
                entry["parameters"],
                make,
                budget=None if entry["type"] in ours else budget,
            )
            for entry in entries
        ]
    )


def write_applications(
    memory: Partition, entries: list[tuple[Aid, str, Mapping[str, str]]]
) -> None:
    """Write which applications the card has: identifier, kind and parameters of each."""
    memory.put(
        _KEY,
        json.dumps(
            [
                {"aid": str(aid), "type": type_name, "parameters": dict(parameters)}
                for aid, type_name, parameters in entries
            ]
        ).encode(),
    )
