"""What applications keep, brought to the versions that are installed here: of each all, or none."""

from __future__ import annotations

from collections.abc import Callable

from jukicard.errors import IsoError
from jukicard.memory import PersistentMemory, PowerLoss
from jukicard.runtime.application import Application
from jukicard.runtime.boundary import report
from jukicard.runtime.firewall import AppletMisbehavedError
from jukicard.runtime.registry import Registry


class CannotTakeOverError(Exception):
    """A version cannot take over what an earlier one has kept; the text says why."""


def migrate(
    registry: Registry, memory: PersistentMemory, on_bug: Callable[[Exception], None]
) -> None:
    """Have applications of earlier versions rewrite what they keep, and write all of it at once.

    Each works on a copy of the card, of which its own part alone is taken, with what it writes at
    once (`put_now`). So a power cut leaves the card as it was or as it is to be. One that fails is
    out of use, alone, and what it keeps stays as it was; `on_bug` is told when that is a bug.

    MemoryFailureError.
    """
    registry.try_again()
    waiting = registry.outdated()
    if not waiting:
        return
    copy = PersistentMemory.restore(memory.snapshot())
    faults: dict[bytes, CannotTakeOverError] = {}
    for application, before in registry.on(copy).outdated():
        kept = copy.partition(application.partition_name).items()
        try:
            with copy.transaction():
                _migrate(application, before)
        except CannotTakeOverError as problem:
            faults[application.aid] = problem
            _fill(copy, application.partition_name, kept)  # others share memory with it
    renewed = [one for one, _ in waiting if one.aid not in faults]
    if renewed:
        with memory.transaction():
            for one in renewed:
                _put(memory, one.partition_name, copy.partition(one.partition_name).items())
            registry.renew({one.aid for one in renewed})
    for application, before in waiting:
        if application.aid in faults:
            registry.take_out(application.aid, _told(application, before, faults[application.aid]))
    for fault in faults.values():
        if isinstance(fault.__cause__, Exception):
            report(fault.__cause__, on_bug)


def _fill(memory: PersistentMemory, name: str, kept: list[tuple[str, bytes]]) -> None:
    with memory.transaction():
        _put(memory, name, kept)


def _put(memory: PersistentMemory, name: str, kept: list[tuple[str, bytes]]) -> None:
    """Have a part of the memory hold this and nothing else, in the running transaction."""
    memory.drop_partition(name)
    for key, value in kept:
        memory.partition(name).put(key, value)


def _migrate(application: Application, before: int) -> None:
    """Have one do it, with what a card checks afterwards. CannotTakeOverError."""
    answered: list[object] = []
    try:
        application.run(lambda: answered.append(_taken_over(application, before)))
        application.check_migrated()
    except IsoError as refusal:
        raise CannotTakeOverError(refusal.reason) from None
    except AppletMisbehavedError as failure:
        raise CannotTakeOverError(str(failure)) from failure
    except (Exception, PowerLoss) as bug:  # the copy has no power to lose
        raise CannotTakeOverError(f"it raised {type(bug).__name__}") from bug
    if any(one is not None for one in answered):
        raise CannotTakeOverError(
            "`migrate` returned something: it is to write, and return nothing"
        )


def _taken_over(application: Application, before: int) -> object:
    """Return what its own code returns, which may be anything."""
    take_over: Callable[[int], object] = application.applet.migrate
    return take_over(before)


def _told(application: Application, before: int, fault: CannotTakeOverError) -> str:
    package = application.package or "the package that offers it"
    why = str(fault)
    said = why if why.isprintable() else repr(why)
    return (
        f"the application {application.aid} ({application.type_name!r}) of this card is out of use:"
        f" it is of version {before}, and version {application.version}, which is installed here, "
        f"cannot take it over: {said[:200]}; what it keeps is as it was: update {package}, or use "
        f"the card where version {before} is installed"
    )
