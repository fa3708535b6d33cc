"""The application firewall: capabilities instead of checks, grants instead of references.

An application holds its own partition of memory and nothing else. What it may have of another is a
service that one offers it by name and AID; bytes go in and bytes come out, never an object. What
Python itself cannot stop is written in docs/architecture.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final

from jukicard.apdu.aid import Aid
from jukicard.apdu.command import MAX_NE
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.errors import IsoError
from jukicard.runtime.events import Events, FirewallDenial

DENIED: Final = StatusWord.CONDITIONS_NOT_SATISFIED
"""What every denial answers, whatever was reached for (docs/architecture.md)."""

Service = Callable[[bytes], bytes]


class AppletMisbehavedError(Exception):
    """An application broke the contract: no answer, an oversized one, or too many steps."""


class StepBudget:
    """Counts the lines of Python an application runs and stops it at a limit.

    Used for applications that come from elsewhere: it slows them, and it stops loops of Python
    statements, not one endless call into C.
    """

    __slots__ = ("_left", "_steps")

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._left = steps

    def run(self, work: Callable[[], Any]) -> Any:
        """Return what `work` returns; AppletMisbehavedError when it takes too many steps."""
        before = sys.gettrace()
        self._left = self._steps
        sys.settrace(self._trace)
        try:
            return work()
        finally:
            sys.settrace(before)

    def _trace(self, frame: FrameType, event: str, arg: object) -> Any:
        self._left -= 1
        if self._left < 0:
            raise AppletMisbehavedError(f"more than {self._steps} steps in one command")
        return self._trace


class Grants:
    """Which application lets which other use a service; everything else is denied."""

    __slots__ = ("_events", "_services")

    def __init__(self, events: Events) -> None:
        self._events = events
        self._services: dict[tuple[Aid, str, Aid], Service] = {}

    def share(self, owner: Aid, name: str, service: Service, to: Aid) -> None:
        """Let one application use a service of `owner`; sharing again replaces it."""
        self._services[owner, name, to] = service

    def withdraw(self, owner: Aid) -> None:
        """End every grant of an application and to it, as when it is deleted."""
        for key in [key for key in self._services if owner in (key[0], key[2])]:
            del self._services[key]

    def call(self, client: Aid, owner: Aid, name: str, data: bytes) -> bytes:
        """Use a service of another application; IsoError when it is not granted or fails."""
        service = self._services.get((owner, name, client))
        what = f"service {name!r} of {owner}"
        if service is None:
            raise self.denial(client, what, "not granted")
        answer = service(bytes(data))
        if type(answer) is not bytes:
            raise self.denial(client, what, "it answered no bytes")
        return answer

    def denial(self, client: Aid, what: str, why: str) -> IsoError:
        """Report a denial and return the refusal it becomes."""
        if self._events.observers:
            self._events.emit(FirewallDenial(client, what, why))
        return IsoError(DENIED, f"firewall: {client} may not use {what}: {why}")


def guarded(work: Callable[[], ResponseApdu], budget: StepBudget) -> ResponseApdu:
    """Let an application from elsewhere answer: within its steps, and with an answer only.

    AppletMisbehavedError when it takes too many steps or what comes back is no answer.
    """
    response = budget.run(work)
    check_answer(response)
    return response  # type: ignore[no-any-return]


def check_answer(response: object) -> None:
    """Refuse what an application may not answer: no ResponseApdu, or more than fits one."""
    if type(response) is not ResponseApdu or type(response.data) is not bytes:
        raise AppletMisbehavedError("what the application answered is no response")
    if len(response.data) > MAX_NE:
        raise AppletMisbehavedError(f"an answer of more than {MAX_NE} bytes")
    if type(response.status) is not StatusWord:
        raise AppletMisbehavedError("what the application answered has no status word")
