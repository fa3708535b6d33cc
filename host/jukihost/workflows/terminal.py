"""A terminal: a desk and its reader, one procedure at a time; and the same for an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, TimeoutError as Late
from contextlib import contextmanager
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from jukihost.connection import Connection
from jukihost.pinpad import PinPad
from jukihost.workflows.asking import Paused, PinWanted, Question, Step
from jukihost.workflows.errors import Cancelled
from jukihost.workflows.hand import CardAtDesk
from jukihost.workflows.office import Desk

PATIENCE: Final = 120.0
"""Seconds that a question of a procedure is waited for."""
P = ParamSpec("P")
T = TypeVar("T")


class Terminal:
    """A desk with a reader; each procedure opens the card anew, and lets go of it at its end::

        terminal = Terminal(desk, lambda: PcscConnection(wait=60))
        terminal.run(resume_card, Presented(papers=frozenset({Paper.PHOTO})))

    Procedures run one after the other, whichever thread asks.
    """

    def __init__(self, desk: Desk, reach: Callable[[], Connection]) -> None:
        """Take the desk, and what makes a connection to its reader, not yet open."""
        self.desk = desk
        self._reach = reach
        self._busy = threading.Lock()

    @contextmanager
    def card(self) -> Iterator[CardAtDesk]:
        """Give the card in the reader; waits as long as the connection does. TransportError."""
        with self._busy:
            self.desk.talk.progress(Step.CARD)
            with self._reach() as connection:
                yield CardAtDesk(connection)

    def run(
        self,
        procedure: Callable[Concatenate[Desk, CardAtDesk, P], T],
        *rest: P.args,
        **named: P.kwargs,
    ) -> T:
        """Run a procedure with the card that is in the reader, or is put in; return its result."""
        with self.card() as hand:
            return procedure(self.desk, hand, *rest, **named)


class AsyncConversation(Protocol):
    """Who stands at the counter, for an event loop; see `Conversation`."""

    async def secret(self, wanted: PinWanted) -> str | PinPad:
        """Return what was typed, or that it is typed on the reader's pad."""

    async def agree(self, question: Question) -> bool:
        """Return whether the person agrees, expressly."""

    async def paused(self, pause: Paused) -> bool:
        """Wait until a card was put back; return whether to go on."""

    async def progress(self, step: Step) -> None:
        """Be told where the procedure is."""


class AsyncTerminal:
    """A terminal for an event loop, which is never blocked: procedures run in a thread of theirs.

    `talk` is asked in the loop; a question that is not answered within `patience` seconds breaks
    the procedure off. Whoever cancels `run` has it broken off at its next question, and `run` ends
    once the card is let go of: a card is never left in the middle of a change.
    """

    def __init__(
        self,
        desk: Desk,
        reach: Callable[[], Connection],
        talk: AsyncConversation,
        *,
        patience: float = PATIENCE,
    ) -> None:
        self._terminal = Terminal(desk, reach)
        self._talk, self._patience = talk, patience
        self._thread = ThreadPoolExecutor(1, "counter")
        self._turn = asyncio.Lock()

    async def run(
        self,
        procedure: Callable[Concatenate[Desk, CardAtDesk, P], T],
        *rest: P.args,
        **named: P.kwargs,
    ) -> T:
        """Run a procedure with the card in the reader; see `Terminal.run`."""
        async with self._turn:
            loop = asyncio.get_running_loop()
            bridge = _Bridge(self._talk, loop, self._patience)
            self._terminal.desk.talk = bridge
            work = loop.run_in_executor(
                self._thread, lambda: self._terminal.run(procedure, *rest, **named)
            )
            try:
                return await asyncio.shield(work)
            except asyncio.CancelledError:
                bridge.break_off()
                await asyncio.wait([work])
                raise

    def close(self) -> None:
        """End the thread, once the procedure in it has ended."""
        self._thread.shutdown()


class _Bridge:
    """A conversation in the procedure's thread, whose questions are asked in the loop."""

    def __init__(
        self, talk: AsyncConversation, loop: asyncio.AbstractEventLoop, patience: float
    ) -> None:
        self._talk, self._loop, self._patience = talk, loop, patience
        self._lock = threading.Lock()
        self._off = False
        self._asked: Future[Any] | None = None

    def break_off(self) -> None:
        """Answer no question any more, the one that is being asked included."""
        with self._lock:
            self._off = True
            asked = self._asked
        if asked is not None:
            asked.cancel()

    def secret(self, wanted: PinWanted) -> str | PinPad:
        return self._ask(self._talk.secret(wanted))

    def agree(self, question: Question) -> bool:
        return self._ask(self._talk.agree(question))

    def paused(self, pause: Paused) -> bool:
        return self._ask(self._talk.paused(pause))

    def progress(self, step: Step) -> None:
        self._loop.call_soon_threadsafe(self._tell, step)

    def _tell(self, step: Step) -> None:
        told = self._loop.create_task(self._talk.progress(step))
        told.add_done_callback(_TOLD.discard)
        _TOLD.add(told)

    def _ask(self, question: Coroutine[Any, Any, T]) -> T:
        with self._lock:
            if self._off:
                question.close()
                raise Cancelled
            asked = self._asked = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            answer: T = asked.result(self._patience)
        except (Late, CancelledError):
            asked.cancel()
            raise Cancelled from None
        return answer


_TOLD: Final[set[asyncio.Task[None]]] = set()
"""What is being told: a loop keeps its tasks weakly."""
