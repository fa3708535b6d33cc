"""A terminal: a desk and its reader, one procedure at a time; and the same for an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, TimeoutError as Late
from contextlib import contextmanager
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

from jukihost.connection import Connection
from jukihost.errors import CardBusy
from jukihost.pinpad import PinPad
from jukihost.workflows.asking import Paused, PinWanted, Question, Step
from jukihost.workflows.errors import Cancelled
from jukihost.workflows.hand import CardAtDesk
from jukihost.workflows.office import Desk
from jukihost.workflows.watching import Watch

PATIENCE: Final = 120.0
"""Seconds that a question of a procedure is waited for, and a procedure for the one before."""
AWAITED: Final = 60.0
"""Seconds that a card is waited for, to come or to go, unless said otherwise."""
P = ParamSpec("P")
T = TypeVar("T")


class Terminal:
    """A desk with a reader; each procedure opens the card anew, and lets go of it at its end::

        terminal = Terminal(desk, lambda: PcscConnection(wait=60))
        terminal.run(resume_card, Presented(papers=frozenset({Paper.PHOTO})))
        terminal.await_removal()

    Procedures run one after the other, whichever thread asks; one that waits for the one before
    longer than `patience` seconds is CardBusy.
    """

    def __init__(
        self, desk: Desk, reach: Callable[[], Connection], *, patience: float = PATIENCE
    ) -> None:
        """Take the desk, and what makes a connection to its reader, not yet open."""
        self.desk = desk
        self._reach = reach
        self._busy = threading.Lock()
        self._patience = patience
        self._watch = Watch(reach, self._busy)

    def await_card(self, seconds: float = AWAITED, *, stop: threading.Event | None = None) -> bool:
        """Wait until a card is in the reader; whether one came in time. TransportError, Cancelled.

        `stop`, once it is set, breaks it off (Cancelled). Over PC/SC nothing reaches the card, so
        that a conversation may wait in `paused` for a card to be put back. Any other reader is
        opened for each look, which takes as long as its connection waits for a card (give it no
        `wait`), and not looked at while a procedure has it.
        """
        self.desk.talk.progress(Step.CARD)
        return self._watch.wait(True, seconds, stop)

    def await_removal(
        self, seconds: float = AWAITED, *, stop: threading.Event | None = None
    ) -> bool:
        """Wait until no card is in the reader; whether it was taken in time. As `await_card`."""
        self.desk.talk.progress(Step.REMOVAL)
        return self._watch.wait(False, seconds, stop)

    @contextmanager
    def card(self) -> Iterator[CardAtDesk]:
        """Give the card in the reader; waits as long as the connection does. TransportError."""
        if not self._busy.acquire(timeout=self._patience):
            raise CardBusy(
                f"another procedure has had this terminal's reader for {self._patience:g} s: have "
                "it finished or broken off, then begin again"
            )
        try:
            self.desk.talk.progress(Step.CARD)
            with self._reach() as connection:
                yield CardAtDesk(connection)
        finally:
            self._busy.release()

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
        self._watch = self._terminal._watch
        self._talk, self._patience = talk, patience
        self._thread = ThreadPoolExecutor(1, "counter")
        self._watcher = ThreadPoolExecutor(1, "counter-watch")
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

    async def await_card(self, seconds: float = AWAITED) -> bool:
        """Wait until a card is in the reader; see `Terminal.await_card`. Cancelling stops it."""
        await self._talk.progress(Step.CARD)
        return await self._watched(True, seconds)

    async def await_removal(self, seconds: float = AWAITED) -> bool:
        """Wait until no card is in the reader; see `Terminal.await_removal`."""
        await self._talk.progress(Step.REMOVAL)
        return await self._watched(False, seconds)

    async def _watched(self, there: bool, seconds: float) -> bool:
        stop = threading.Event()
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._watcher, self._watch.wait, there, seconds, stop)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait([work])
            raise

    def close(self) -> None:
        """End the threads, once the procedure and the watch in them have ended."""
        self._thread.shutdown()
        self._watcher.shutdown()


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
