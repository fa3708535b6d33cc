"""Which applications are on a card, and how SELECT by name finds one of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, Final

from jukicard.apdu.aid import Aid
from jukicard.apdu.status import StatusWord
from jukicard.environment import CardEnvironment
from jukicard.errors import IsoError
from jukicard.filesystem.commands import Occurrence
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.lifecycle_table import ObjectKind, Operation, check
from jukicard.filesystem.selection import pick_occurrence
from jukicard.memory import MemoryFailureError, Partition, PersistentMemory
from jukicard.runtime.applet import Applet
from jukicard.runtime.application import (
    Application,
    ConfinedApplication,
    OutOfUseApplication,
    Surroundings,
)
from jukicard.runtime.cardstate import CardState
from jukicard.runtime.contents import Contents, Listed
from jukicard.runtime.events import Events
from jukicard.runtime.faulty import FaultyApplication, unloaded
from jukicard.runtime.firewall import AppletMisbehavedError, Grants, StepBudget
from jukicard.runtime.kinds import (
    FaultyAppletError,
    UnknownAppletError,
    find_kind,
    further_kinds,
    is_own,
)
from jukicard.runtime.placement import (
    Entry,
    Placement,
    Privilege,
    entries_from_bytes,
    entries_to_bytes,
)
from jukicard.runtime.quota import Share, Usage, shares

STEP_BUDGET: Final = 1_000_000
"""How many lines of Python an application from elsewhere may run for one command."""
MOST_APPLICATIONS: Final = 64
"""How many applications a card holds."""
_KEY: Final = "applications"
_ASKED: Final[dict[str, tuple[type[Applet[Any]], Aid | None]]] = {}
"""Where kinds said that they usually lie, None for none; each is of the class that was asked."""


@lru_cache(maxsize=64)
def _entries(raw: bytes) -> tuple[Entry, ...]:
    """Return what is on a card; the forks of one card share it."""
    return tuple(entries_from_bytes(raw, is_own))


class Registry:
    """The applications in the order they were installed; the first is selected by default.

    What is on the card is what its memory says, the running transaction's writes made: an
    installation that is rolled back leaves nothing here either.
    """

    __slots__ = (
        "_applications",
        "_budget",
        "_common",
        "_entries",
        "_faults",
        "_memory",
        "_raw",
        "_shares",
        "_surroundings",
        "_takes_over",
        "removals",
        "selected",
    )

    def __init__(
        self, memory: Partition, surroundings: Surroundings, *, takes_over: bool = False
    ) -> None:
        """Read what is on the card, whose own partition `memory` is.

        takes_over: run what an earlier version has kept, so that it can be migrated; else it is out
            of use until that was done.

        UnknownAppletError for a kind or a version that there is not here; ValueError, TypeError,
        KeyError or AttributeError when the memory is damaged.
        """
        self._memory = memory
        self._surroundings = surroundings
        self._budget = StepBudget(STEP_BUDGET)
        self._entries: tuple[Entry, ...] = ()
        self._applications: list[Application] = []
        self._faults: dict[bytes, str] = {}
        self._takes_over = takes_over
        self._raw: bytes | None = None
        self.removals: Counter[bytes] = Counter()
        """How often an application of a name was taken off in this process."""
        self._shares: dict[Aid, Share] = {}
        self._common = Share(surroundings.options.quota, ())
        self.selected: Callable[[], Iterable[Application | None]] = list
        """Returns what is selected on each open channel."""
        self._now()

    def _now(self) -> list[Application]:
        """Return the applications; read anew when anything but the last reading is in memory."""
        raw = self._memory.get(_KEY)
        if raw != self._raw:
            entries = () if raw is None else _entries(raw)
            known = list(zip(self._entries, self._applications, strict=True))
            self._applications = [
                next((one for entry, one in known if _same(entry, wanted)), None)
                or self._make(wanted)
                for wanted in entries
            ]
            self._entries, self._raw = entries, raw
            self._share_out()
        return self._applications

    def _make(self, entry: Entry) -> Application:
        made = self._made(entry)
        if entry.state is LifeCycleState.ACTIVATED:
            return made
        return OutOfUseApplication(made, entry.state)

    def _made(self, entry: Entry) -> Application:
        """Return the application of an entry as if it was activated."""
        placement = entry.placement
        try:
            kind = find_kind(placement.kind, entry.package)
        except FaultyAppletError as problem:
            return unloaded(entry, self._surroundings, problem)
        if entry.version > kind.version:
            raise UnknownAppletError(
                f"the application {placement.aid} ({placement.kind!r}) of this card is of version "
                f"{entry.version}, and version {kind.version} is installed here: update "
                f"{kind.package or 'the package that offers it'}"
            )
        fault = self._faults.get(placement.aid, "")
        if not fault and entry.version < kind.version and not self._takes_over:
            fault = f"{placement.aid} is of version {entry.version}, and was not taken over yet"
        made: Application
        if fault:
            made = FaultyApplication(entry, kind, self._surroundings, fault)
        elif kind.confined:
            made = ConfinedApplication(placement, kind, self._surroundings, self._budget)
        else:
            made = Application(placement, kind, self._surroundings)
            if made.is_issuers:
                made.contents = _Managed(self)
        if entry.after_issue:
            made.room = partial(self._room, placement.aid)
        return made

    def take_out(self, aid: bytes, fault: str) -> None:
        """Have an application answer nothing from now on but that it cannot be run; `fault` why."""
        self._faults[aid] = fault
        self._make_anew()

    def try_again(self) -> None:
        """Forget what was wrong with applications: it is found out anew."""
        if self._faults:
            self._faults.clear()
            self._make_anew()

    def _make_anew(self) -> None:
        self._entries, self._applications, self._raw = (), [], None

    def _share_out(self) -> None:
        """Find who may take how much of the quota; read with the entries, on nobody's steps."""
        memory = self._surroundings.environment.memory
        later = {
            one.aid: (memory.partition(one.partition_name), entry.reserved)
            for entry, one in zip(self._entries, self._applications, strict=True)
            if entry.after_issue
        }
        found, self._common = shares(self._surroundings.options.quota, dict(later.values()))
        self._shares = dict(zip(later, found, strict=True))

    def _room(self, aid: Aid) -> int:
        """Return how many bytes of the quota an application has left: its own, or the common."""
        self._now()
        return self._shares[aid].left()

    def install(
        self,
        placement: Placement,
        *,
        after_issue: bool = False,
        reserved: int | None = None,
        blank: bool = False,
    ) -> Application:
        """Put an application on the card, behind all others, in the running transaction.

        after_issue: it is not selectable before `change` makes it so, and has part in the quota of
            memory; `reserved` is how many bytes of that are its own and all it has, 0 for a share
            in the rest, None for as many as its class says (`reserved_memory`).
        blank: it waits for the contents that its issuer gives it once, see `fill`.

        UnknownAppletError when there is no such kind here, ValueError when the card has an
        application of that name, IsoError 6A84 when it has as many as fit, or when the quota has no
        room for what is to be reserved beside what others have, or have written;
        TransactionError when no transaction runs.
        """
        if self.get(placement.aid) is not None:
            raise ValueError(f"there is an application {placement.aid} on the card already")
        if len(self) >= MOST_APPLICATIONS:
            raise IsoError(
                StatusWord.NOT_ENOUGH_MEMORY, f"a card holds {MOST_APPLICATIONS} applications"
            )
        kind = find_kind(placement.kind)
        own = self._reservation(kind.reserved if reserved is None else reserved, after_issue)
        state = LifeCycleState.INITIALISATION if after_issue else LifeCycleState.ACTIVATED
        entry = Entry(placement, kind.package, state, after_issue, own, kind.version, blank)
        self._faults.pop(placement.aid, None)
        self._write([*self._entries, entry])
        installed = self._now()[-1]
        # what a rollback does not undo (`put_now`) may be left of an installation before
        self._surroundings.environment.memory.drop_partition(installed.partition_name)
        return installed

    def memory(self, aid: bytes) -> Usage | None:
        """Return how much of the quota an application has; None for one from before issue."""
        entry, found = self.entry(aid), self.get(aid)
        if found is None or not entry.after_issue:
            return None
        name = found.partition_name
        return Usage(entry.reserved, self._surroundings.environment.memory.partition(name).count())

    def _reservation(self, wanted: int, after_issue: bool) -> int:
        """Return how many bytes are to be an application's own; IsoError 6A84 without room."""
        if not after_issue:
            return 0
        left = max(0, self._common.left())
        if wanted > left:
            raise IsoError(
                StatusWord.NOT_ENOUGH_MEMORY,
                f"{wanted} bytes are to be its own, and {left} bytes of the quota of memory are "
                "left: delete an application, or say fewer (C8)",
            )
        return wanted

    def outdated(self) -> list[tuple[Application, int]]:
        """Return what an earlier version has kept than is installed here, and which that was."""
        both = zip(self._now(), self._entries, strict=True)
        return [(one, entry.version) for one, entry in both if entry.version < one.version]

    def renew(self, aids: Collection[bytes]) -> None:
        """Remember that these are of the version installed here, in the running transaction."""
        both = zip(self._now(), self._entries, strict=True)
        self._write(
            [
                entry._replace(version=one.version) if one.aid in aids else entry
                for one, entry in both
            ]
        )

    def on(self, copy: PersistentMemory) -> Registry:
        """Return the applications on a copy of the card, those too that are to be migrated.

        Nobody hears them, and none serves another.
        """
        around, own, events = self._surroundings, copy.partition(self._memory.name), Events()
        environment = CardEnvironment(
            random=around.environment.random, clock=around.environment.clock, memory=copy
        )
        grants, state = Grants(events, lambda aid: None), CardState(own, events)
        surroundings = Surroundings(environment, around.options, events, grants, state)
        return Registry(own, surroundings, takes_over=True)

    def _write(self, entries: list[Entry]) -> None:
        self._memory.put(_KEY, entries_to_bytes(entries))

    @property
    def entries(self) -> list[Entry]:
        """What the card remembers of each application, in order."""
        self._now()
        return list(self._entries)

    def entry(self, aid: bytes) -> Entry:
        """Return what the card remembers of one application. IsoError 6A88."""
        for found in self.entries:
            if found.placement.aid == aid:
                return found
        raise IsoError(
            StatusWord.REFERENCED_DATA_NOT_FOUND, f"there is no application {aid.hex().upper()}"
        )

    def change(self, aid: bytes, operation: Operation) -> None:
        """Make an application selectable, lock or unlock it, in the running transaction.

        What was proven to it on any channel is over. IsoError 6A88, and 6985 where the life cycle
        has no such change.
        """
        old = self.entry(aid)
        state = check(ObjectKind.APPLICATION, old.state, operation, str(old.placement.aid))
        self._write([one if one != old else one._replace(state=state) for one in self._entries])
        self._end(old.placement.aid)

    @property
    def blank(self) -> list[Aid]:
        """The applications that still wait for the contents of a holder."""
        return [entry.placement.aid for entry in self.entries if entry.blank]

    def fill(self, aid: bytes) -> None:
        """End that an application is blank, in the running transaction. IsoError 6A88."""
        old = self.entry(aid)
        filled = old._replace(blank=False)
        self._write([filled if one == old else one for one in self._entries])

    def remove(self, aid: bytes) -> None:
        """Take an application off the card with all its memory, in the running transaction.

        IsoError 6A88 when there is none, 6985 while it is selected on a channel.
        """
        old = self.entry(aid)
        found = self.get(aid)
        if found is None or any(one is not None and one.aid == aid for one in self.selected()):
            raise IsoError(
                StatusWord.CONDITIONS_NOT_SATISFIED,
                f"{old.placement.aid} is selected: select another application there, or close the "
                "channel",
            )
        self._surroundings.environment.memory.drop_partition(found.partition_name)
        self.removals[aid] += 1
        self._write([one for one in self._entries if one != old])
        self._end(old.placement.aid)

    def _end(self, aid: Aid) -> None:
        self._surroundings.state.endings.end_all_of(aid)

    def offers(self) -> dict[Aid, dict[str, str]]:
        """Return the kinds that can be installed, by the name under which each usually lies.

        Of each package one, by the package. A kind that says no name is not among them, nor one
        that cannot be loaded. Several packages' claims to one name are not believed by anybody.
        """
        found: dict[Aid, dict[str, str]] = {}
        for name in further_kinds():
            try:
                kind = find_kind(name)
                lies = self._usual_aid(name, kind.load())
            except UnknownAppletError:
                continue
            if lies is not None:
                found.setdefault(lies, {}).setdefault(kind.package, name)
        return found

    def _usual_aid(self, name: str, offered: type[Applet[Any]]) -> Aid | None:
        """Ask a class once a process where it lies: one that never says so costs its steps once.

        Classes are told apart by what they are; no code of theirs compares them.
        """
        asked, lies = _ASKED.get(name, (None, None))
        if asked is not offered:
            try:
                lies = self._budget.run(lambda: offered.usual_aid({}))
            except (AppletMisbehavedError, IsoError, MemoryFailureError):
                lies = None
            lies = lies if type(lies) is Aid else None
            _ASKED[name] = (offered, lies)
        return lies

    def __iter__(self) -> Iterator[Application]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())

    @property
    def default(self) -> Application | None:
        """What is selected after a reset without being asked for."""
        return next(iter(self), None)

    def find(
        self, partial: bytes, occurrence: Occurrence, current: Application | None
    ) -> Application | None:
        """Return the application a full or truncated name selects, None when there is none."""
        matches = [one for one in self if one.aid.startswith(partial) and one.selectable]
        return pick_occurrence(matches, current, occurrence)

    def get(self, aid: bytes) -> Application | None:
        """Return the application with exactly this identifier, or None."""
        return next((found for found in self if found.aid == aid), None)


def _same(kept: Entry, wanted: Entry) -> bool:
    """Tell whether an application goes on as it is: getting its contents makes no other of it."""
    return kept._replace(blank=wanted.blank) == wanted


class _Managed(Contents):
    """What `Contents` says, done by the registry, of which nothing else is handed out."""

    __slots__ = ("_registry",)

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def applications(self) -> list[Listed]:
        return [
            Listed(
                one.placement.aid,
                one.state,
                Privilege.CARD in one.placement.privileges,
                one.blank,
            )
            for one in self._registry.entries
        ]

    def offers(self) -> list[Aid]:
        return sorted(lies for lies, kinds in self._registry.offers().items() if len(kinds) == 1)

    def install(
        self,
        module: bytes,
        aid: Aid,
        parameters: Mapping[str, str],
        reserved: int | None = None,
    ) -> None:
        kind = self._offered(module)
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

    def _offered(self, module: bytes) -> str:
        """Return the kind that is offered under a name; IsoError 6A88 for none, and for several."""
        offered = self._registry.offers()
        kinds: dict[str, str] = next((it for lies, it in offered.items() if lies == module), {})
        if len(kinds) == 1:
            return next(iter(kinds.values()))
        name = module.hex().upper()
        why = f"no application is offered as {name}: install its package"
        if kinds:
            said = " and ".join(package or "this process" for package in kinds)
            why = f"applications of {said} are offered as {name}: uninstall all but one"
        raise IsoError(StatusWord.REFERENCED_DATA_NOT_FOUND, why)

    def change(self, aid: bytes, operation: Operation) -> None:
        self._registry.change(aid, operation)

    def state(self, aid: bytes) -> LifeCycleState:
        return self._registry.entry(aid).state

    def remove(self, aid: bytes) -> None:
        self._registry.remove(aid)

    def removals(self, aid: bytes) -> int:
        return self._registry.removals[aid]

    def is_further(self, aid: bytes) -> bool:
        return self._registry.entry(aid).after_issue

    def is_blank(self, aid: bytes) -> bool:
        return self._registry.entry(aid).blank

    def fill(self, aid: bytes) -> None:
        self.administer(aid, lambda applet: applet.check_filled())
        self._registry.fill(aid)

    def administer(self, aid: bytes, work: Callable[[Any], None]) -> None:
        self._registry.entry(aid)
        application = self._registry.get(aid)
        if application is not None:
            application.run(lambda: work(application.applet))
