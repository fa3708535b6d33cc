"""The application firewall: capabilities instead of checks, grants instead of references.

An application holds its own partition of memory and nothing else. What it may have of another is a
service that one offers it by name and AID; bytes go in and bytes come out, never an object. What
Python itself cannot stop is written in docs/architecture.md.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, TypeAlias

from jukicard.apdu.aid import Aid
from jukicard.apdu.command import MAX_NE
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.memory import MemoryFailureError, PowerLoss
from jukicard.runtime.events import Events, FirewallDenial

DENIED: Final = StatusWord.CONDITIONS_NOT_SATISFIED
"""What every denial answers, whatever was reached for (docs/architecture.md)."""

Service = Callable[[bytes], bytes]
Services: TypeAlias = dict[tuple[str, Aid], Service]
"""What an application shares, by the name of the service and whom it is for."""

_NEVER_STOPPED: Final = sys.stdlib_module_names | {"jukicard", "construct", "cryptography"}
"""Code that may be in the middle of something for all; it goes back to the application soon."""
_LEFT_TO_THE_CARD: Final = 1_000_000
"""So many lines more the card's code may run to its end; what says longer that it is, is not."""
_CALLS_OUT: Final = frozenset(
    {"jukicard.memory.persistent", "jukicard.runtime.boundary", "jukicard.runtime.events"}
)
"""What calls backends, listeners and `on_bug`: code of whoever runs the card, not applications."""


class AppletMisbehavedError(Exception):
    """An application broke the contract: no answer, an oversized one, or too many steps."""


class _Stop(BaseException):
    """Ends an application that used up its steps; no `except Exception` in it holds it up."""


class _Collector:
    """Holds the garbage collector back while applications from elsewhere run, on any thread.

    Whatever the collector calls would run on an application's steps. So it is switched off for the
    process while there is a holder, and the first one's finding is put back by the last. What is
    due meanwhile the holders collect themselves, where no step is counted.
    """

    __slots__ = ("_collects", "_holders", "_lock", "_off")

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a clean-up that runs in between may use a card itself
        self._holders: set[StepBudget] = set()
        self._off = False
        self._collects = False

    def hold(self, holder: StepBudget) -> None:
        """Switch the collector off until this holder, and every other one, lets go."""
        with self._lock:
            self._forget_the_dead()
            if not self._off:
                self._collects = gc.isenabled()
                self._off = True
                gc.disable()
            self._holders.add(holder)

    def release(self, holder: StepBudget) -> None:
        """Let go; the collector is as it was when nobody else holds it."""
        with self._lock:
            self._holders.discard(holder)
            self._forget_the_dead()
            if self._off and not self._holders:
                self._off = False
                if self._collects:
                    gc.enable()
        self.collect_if_due()

    def _forget_the_dead(self) -> None:
        """Drop whoever was interrupted by a signal before it could let go."""
        self._holders = {holder for holder in self._holders if holder.running}

    def collect_if_due(self) -> None:
        """Do what the collector would have done by now, had it not been held back."""
        if not (self._holders and self._collects):
            return
        counts, limits = gc.get_count(), gc.get_threshold()
        if limits[0] and counts[0] > limits[0]:
            gc.collect(max(age for age in range(3) if counts[age] > limits[age]))


_COLLECTOR: Final = _Collector()
_STEPS_BETWEEN_COLLECTIONS: Final = 512
"""After so many steps it is looked whether a collection is due; a power of two."""


class StepBudget:
    """Counts the lines of Python an application runs and stops it at a limit.

    Used for applications that come from elsewhere, one budget a card: what one of them has another
    do is counted as its own. It slows them, and it stops loops of Python statements, not one
    endless call into C, and not code that catches every BaseException in a loop. While it runs,
    the trace function of a debugger or of coverage is set aside; afterwards it is back. So is the
    garbage collector: what it calls (its callbacks, other objects' clean-up) is not the
    application's code, and a stop raised in there would be swallowed. What the application leaves
    behind is collected between two of its steps.
    """

    __slots__ = ("_left", "_running", "_steps", "_stopped")

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._left = steps
        self._running = False
        self._stopped = False

    @property
    def running(self) -> bool:
        """Whether an application runs on these steps now."""
        return self._running

    def run(self, work: Callable[[], Any]) -> Any:
        """Return what `work` returns; inside another `run` it draws on the same steps.

        AppletMisbehavedError when it takes too many, and when it raises anything but a refusal or
        that the memory failed; what it raised is its cause. PowerLoss and KeyboardInterrupt pass.
        """
        if self._running:
            return self._counted(work)
        before = sys.gettrace()
        self._left = self._steps
        try:
            self._running, self._stopped = True, False
            _COLLECTOR.hold(self)
            return self._counted(work)
        finally:
            self._running = False
            sys.settrace(before)
            _COLLECTOR.release(self)

    def run_apart(self, work: Callable[[], Any]) -> Any:
        """Do as `run`, with steps of its own that no other work is short of afterwards."""
        left, self._left = self._left, self._steps
        try:
            return self.run(work)
        finally:
            self._left = left

    def _counted(self, work: Callable[[], Any]) -> Any:
        sys.settrace(self._trace)
        try:
            result = work()
        except (PowerLoss, KeyboardInterrupt):
            raise
        except BaseException as error:
            sys.settrace(self._trace)  # again: Python ends the tracing when it stops somebody
            self._check_stopped()
            raise _made_anew(error).with_traceback(sys.exc_info()[2]) from error
        self._check_stopped()
        return result

    def _check_stopped(self) -> None:
        """Turn a stop, even one that the application swallowed, into what the card answers."""
        if self._stopped:
            self._stopped = False
            raise AppletMisbehavedError(f"more than {self._steps} steps in one command") from None

    def _trace(self, frame: FrameType, event: str, arg: object) -> Any:
        self._left -= 1
        if not self._left % _STEPS_BETWEEN_COLLECTIONS:
            _COLLECTOR.collect_if_due()  # Python traces nothing that a trace function calls
        if self._left < 0 and (self._left < -_LEFT_TO_THE_CARD or _may_be_stopped(frame)):
            self._stopped, self._left = True, -1
            raise _Stop
        return self._trace


def _may_be_stopped(frame: FrameType) -> bool:
    """Tell an application's code from the card's, and from the listeners and backends it calls."""
    module = _module(frame)
    if module.partition(".")[0] in _NEVER_STOPPED or module.startswith("namedtuple_"):
        return False  # the last: what the standard library makes for the card's named tuples
    caller = frame.f_back
    while caller is not None and not _module(caller).startswith("jukicard."):
        caller = caller.f_back
    return caller is None or _module(caller) not in _CALLS_OUT


def _module(frame: FrameType) -> str:
    """Return the name of the module that code is of; what calls itself so and is not, has none.

    Code that the standard library makes for named tuples is of no module, and keeps its name.
    """
    name = dict.get(frame.f_globals, "__name__")
    if type(name) is not str:
        return ""
    module = sys.modules.get(name)
    if module is None:
        return name if name.startswith("namedtuple_") else ""
    return name if getattr(module, "__dict__", None) is frame.f_globals else ""


def _made_anew(error: BaseException) -> Exception:
    """Return what the card makes of something that an application raised.

    A refusal, and that the memory failed, made anew of exact values; all else is its misbehaviour,
    with the place where it happened.
    """
    kind = type(error)
    if kind is IsoError and isinstance(error, IsoError):
        status, reason = error.status, error.reason
        if type(status) is StatusWord and type(reason) is str and not status.is_ok:
            return IsoError(status, reason)
        return AppletMisbehavedError("what the application raised is no refusal")
    if kind is MemoryFailureError or kind is AppletMisbehavedError:
        said = error.args
        return kind(*said) if all(type(one) is str for one in said) else kind("it says no text")
    name = str.__str__(type.__dict__["__name__"].__get__(kind))
    return AppletMisbehavedError(f"the application raised {name}")


def _is(value: object, kind: type) -> bool:
    """Tell whether a value is of exactly this type: a subclass could compare as it likes."""
    return type(value) is kind


def _can_be_called(value: object) -> bool:
    return callable(value)


class Grants:
    """Which application lets which other use a service; everything else is denied.

    services_of: what the application of an AID shares, None when the card has none of that name.
    """

    __slots__ = ("_events", "_services_of")

    def __init__(self, events: Events, services_of: Callable[[Aid], Services | None]) -> None:
        self._events = events
        self._services_of = services_of

    def check(self, owner: Aid, name: object, service: object, to: object) -> None:
        """Refuse what is no name, no service or no AID; IsoError, a denial."""
        if not (_is(name, str) and _is(to, Aid) and _can_be_called(service)):
            raise self.denial(owner, "a service to share", "no name, no service or no AID")

    def call(self, client: Aid, owner: Aid, name: str, data: bytes) -> bytes:
        """Use a service of another application; IsoError when it is not granted or fails.

        What the service refuses with reaches the client as it is; any other failure is a denial.
        """
        if not (_is(name, str) and _is(owner, Aid) and _is(data, bytes)):
            raise self.denial(client, "a service", "no name, no AID or no bytes")
        what = f"service {name[:40]!r} of {owner}"
        service = (self._services_of(owner) or {}).get((name, client))
        if service is None:
            raise self.denial(client, what, "not granted")
        try:
            answer = service(data)
        except (IsoError, MemoryFailureError):
            raise
        except Exception as failure:  # noqa: BLE001 - another's bug is no bug of the client
            raise self.denial(client, what, f"it failed: {type(failure).__name__}") from None
        if not _is(answer, bytes) or len(answer) > MAX_NE:
            raise self.denial(client, what, f"it answered no bytes, or more than {MAX_NE}")
        return answer

    def denial(self, client: Aid, what: str, why: str) -> IsoError:
        """Report a denial and return the refusal it becomes."""
        if self._events.listeners:
            self._events.emit(FirewallDenial(client, what, why))
        return IsoError(DENIED, f"firewall: {client} may not use {what}: {why}")


def check_answer(response: object) -> ResponseApdu:
    """Return what an application answered, made anew of exact values.

    AppletMisbehavedError when it is no response, or more than fits one.
    """
    if type(response) is not ResponseApdu or type(response.data) is not bytes:
        raise AppletMisbehavedError("what the application answered is no response")
    if len(response.data) > MAX_NE:
        raise AppletMisbehavedError(f"an answer of more than {MAX_NE} bytes")
    if type(response.status) is not StatusWord:
        raise AppletMisbehavedError("what the application answered has no status word")
    return ResponseApdu(response.data, response.status)
