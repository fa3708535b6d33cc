"""What applications keep, brought to the versions that are installed here: all of it, or none."""

from __future__ import annotations

from jukicard.errors import IsoError
from jukicard.memory import PersistentMemory
from jukicard.runtime.application import Application
from jukicard.runtime.firewall import AppletMisbehavedError
from jukicard.runtime.kinds import UnknownAppletError
from jukicard.runtime.registry import Registry


def migrate(registry: Registry, memory: PersistentMemory) -> None:
    """Have applications of earlier versions rewrite what they keep, and write all of it at once.

    Each works on a copy of the card, of which its own part alone is taken, with what it writes at
    once (`put_now`). So a power cut leaves the card as it was or as it is to be, and a migration
    that fails leaves it as it was.

    UnknownAppletError when one cannot be done, MemoryFailureError.
    """
    waiting = registry.outdated()
    if not waiting:
        return
    copy = PersistentMemory.restore(memory.snapshot())
    trial = registry.on(copy)
    for application, before in trial.outdated():
        with copy.transaction():
            _migrate(application, before)
    with memory.transaction():
        for application, _ in waiting:
            name = application.partition_name
            memory.drop_partition(name)
            for key, value in copy.partition(name).items():
                memory.partition(name).put(key, value)
        registry.renew()


def _migrate(application: Application, before: int) -> None:
    try:
        application.run(lambda: application.applet.migrate(before))
        application.check_kept()
    except IsoError as refusal:
        raise _cannot(application, before, refusal.reason) from None
    except AppletMisbehavedError as failure:
        raise _cannot(application, before, str(failure)) from failure
    except Exception as bug:
        raise _cannot(application, before, f"it raised {type(bug).__name__}") from bug


def _cannot(application: Application, before: int, why: str) -> UnknownAppletError:
    package = application.package or "the package that offers it"
    said = why if why.isprintable() else repr(why)
    return UnknownAppletError(
        f"the application {application.aid} ({application.type_name!r}) of this card is of version "
        f"{before}, and version {application.version}, which is installed here, cannot take it "
        f"over: {said[:200]}; the card is as it was: update {package}, or use the card where "
        f"version {before} is installed"
    )
