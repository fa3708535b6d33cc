"""Where a command begins and ends: one transaction, and the one place a refusal gets a status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.channel import LogicalChannel
from jukicard.errors import IsoError
from jukicard.memory import ImageError, MemoryFailureError, PersistentMemory
from jukicard.runtime.endings import Endings
from jukicard.runtime.events import Events, Refusal


class Settle(Protocol):
    """Has the channels lose what ended with a command on one of them."""

    def __call__(self, by: LogicalChannel, *, certain: bool) -> None: ...


def log_bug(bug: Exception) -> None:
    """Log an exception that no rule explains: its type and where it happened, never its text.

    The text may hold a command's data.
    """
    import logging  # a card without a bug starts faster without them
    import traceback

    frames = "".join(traceback.format_tb(bug.__traceback__))
    logging.getLogger("jukicard.bug").error("a bug in the card: %s\n%s", type(bug).__name__, frames)


def report(bug: Exception, on_bug: Callable[[Exception], None]) -> None:
    """Tell of a bug from here: what `on_bug` does is not counted as an application's steps."""
    on_bug(bug)


def raise_bug(bug: Exception) -> None:
    """Raise the exception again: what a test wants instead of a 6F00."""
    raise bug


class Boundary:
    """The layer that opens the transaction and answers whatever is raised inside.

    An IsoError is a refusal: nothing of the command lands, its status goes out, its reason goes to
    the listeners. Any other exception is a bug: nothing lands, `on_bug` is told, 6F00 goes out.
    When all is over, however it ended, `settle` has the channels lose what rested on what the
    command took away.
    """

    __slots__ = ("_endings", "_events", "_memory", "_next", "_settle", "last_refusal", "on_bug")

    def __init__(
        self,
        inner: Callable[[CommandApdu, LogicalChannel], ResponseApdu],
        memory: PersistentMemory,
        events: Events,
        on_bug: Callable[[Exception], None],
        endings: Endings,
        settle: Settle,
    ) -> None:
        self._next = inner
        self._endings = endings
        self._settle = settle
        self._memory = memory
        self._events = events
        self.on_bug = on_bug
        self.last_refusal: Refusal | None = None

    def process(self, command: CommandApdu, channel: LogicalChannel) -> ResponseApdu:
        """Answer a command; never an exception but `on_bug`'s own and a power loss."""
        memory = self._memory
        try:
            memory.begin()
            response = self._next(command, channel)
            memory.commit()
        except IsoError as refusal:
            memory.rollback()
            response = self.refuse(refusal, command.ins, channel.number)
        except MemoryFailureError as failure:
            memory.rollback()
            self._forget(channel)
            full = IsoError(StatusWord.MEMORY_FAILURE, f"nothing was changed: {failure}")
            response = self.refuse(full, command.ins, channel.number)
        except Exception as bug:  # noqa: BLE001 - the one place where any bug gets its answer
            self._take_back()
            self._forget(channel)
            self._settle(channel, certain=True)
            self.on_bug(bug)
            response = ResponseApdu(b"", StatusWord.NO_PRECISE_DIAGNOSIS)
        except BaseException:
            self._settle(channel, certain=False)
            raise
        if self._endings.pending:
            self._settle(channel, certain=True)
        return response

    def _take_back(self) -> None:
        """Roll back, and find out what landed where the bug came in the middle of a write."""
        self._memory.rollback()
        try:
            self._memory.recover()
        except (ImageError, MemoryFailureError):
            return  # the memory refuses every command until it can be read again

    @staticmethod
    def _forget(channel: LogicalChannel) -> None:
        """Start anew: after a write that failed nobody knows what the volatile state rests on.

        All of it goes, rights, session and half-done authentication; the application stays selected
        unless it cannot even give a fresh state.
        """
        channel.drop_transfers()
        if channel.application is None:
            return
        try:
            channel.state = channel.application.new_state()
        except Exception:  # noqa: BLE001 - the answer is about the command before this
            channel.application = channel.state = None

    def refuse(self, refusal: IsoError, ins: int, channel: int) -> ResponseApdu:
        """Return the answer to a refused command and tell the listeners why."""
        event = self.last_refusal = Refusal(channel, ins, refusal.status, refusal.reason)
        if self._events.listeners:
            self._events.emit(event)
        return ResponseApdu(b"", refusal.status)
