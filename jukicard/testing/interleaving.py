"""Two programs before one card: every order in which their exchanges may come, or many of them.

    >>> from jukicard.testing import card_in, interleave
    >>> interleave(card_in, one_program, another)  # doctest: +SKIP

A program is a callable that takes a reader, which is a connection to the card that both share, as
over PC/SC: who resets the card is not told, the other is, and whoever holds a transaction has it
alone. Each program runs in a thread, one at a time and from one exchange to the next, so that an
order is a list of choices and comes again the same.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final, NamedTuple, Self, TypeAlias, TypeVar

from jukicard.apdu.trace import Trace
from jukicard.environment import SeededRandom
from jukicard.memory import PowerLoss
from jukicard.transport import CardFault, CardPort, CardWasReset, ReaderNotOpen
from jukicard.transport.slot import describe

Program: TypeAlias = Callable[[Any], object]
"""Takes a reader, open or not; what it raises breaks the order it is in."""
_T = TypeVar("_T")
_LONGEST: Final = 400


class InterleavingBroken(AssertionError):
    """An order of exchanges broke what must hold; the text has what was said, and by which."""


class ProgramHangs(RuntimeError):
    """A program did not come to its next exchange in time; its thread is left to itself."""


class Interleavings(NamedTuple):
    """How many orders were tried, and whether those were all there are."""

    tried: int
    all: bool


def interleave(
    make: Callable[[], CardPort],
    first: Program,
    second: Program,
    *,
    invariant: Callable[[Any], object] | None = None,
    most: int = 1000,
    seed: int | str | bytes = 1,
    transactions: bool = True,
    seconds: float = 10.0,
) -> Interleavings:
    """Run two programs before one card in every order of their exchanges.

    make: returns a new card for each order, `card_in` for example.
    invariant: told the card after every exchange; what it raises, or a False that it returns,
        breaks the order.
    most: where there are more orders than this, so many are drawn from `seed` instead.
    transactions: whether a program may keep the other away, as over PC/SC, which sessions of
        `jukihost` do; without, every exchange may be anybody's.
    seconds: how long a program may take from one exchange to the next.

    InterleavingBroken at the first order that breaks; ProgramHangs; ValueError for `most` below 1.
    """
    if most < 1:
        raise ValueError("at least one order is tried")
    run = partial(_Run, make, (first, second), invariant, transactions, seconds)
    begun = run(_Given([]))
    begun.play()
    if math.comb(sum(begun.turns), begun.turns[0]) > most:
        for number in range(1, most):
            run(_Drawn(SeededRandom(f"{seed!r} {number}"))).play()
        return Interleavings(most, all=False)
    tried, choices = 1, begun.choices.following()
    while choices is not None and tried < most:
        next_run = run(_Given(choices))
        next_run.play()
        tried, choices = tried + 1, next_run.choices.following()
    return Interleavings(tried, all=choices is None)


class _Given:
    """Choices that are given at first, and then the first program as long as it may."""

    def __init__(self, begin: list[int]) -> None:
        self._begin = begin
        self._made: list[tuple[int, int]] = []  # what was chosen, of how many

    def among(self, count: int) -> int:
        place = len(self._made)
        chosen = self._begin[place] if place < len(self._begin) else 0
        self._made.append((chosen, count))
        return chosen

    def following(self) -> list[int] | None:
        """Return the next choices in order, None behind the last."""
        made = list(self._made)
        while made:
            chosen, count = made.pop()
            if chosen + 1 < count:
                return [*(one for one, _ in made), chosen + 1]
        return None


class _Drawn(_Given):
    """Choices of a seed."""

    def __init__(self, random: SeededRandom) -> None:
        super().__init__([])
        self._random = random

    def among(self, count: int) -> int:
        return self._random.take(1)[0] % count


class _Abandoned(BaseException):
    """Ends a program whose order is over already; nothing that it raises now counts."""


class _Player:
    """One program: its thread, and where it waits."""

    def __init__(self, number: int, work: Program, back: threading.Semaphore) -> None:
        self.number = number
        self.name = getattr(work, "__name__", f"program {number + 1}")
        self.go = threading.Semaphore(0)
        self.ended = False
        self.error: BaseException | None = None
        self._work = work
        self._back = back
        self.thread: threading.Thread | None = None

    def start(self, reader: SharedReader) -> None:
        self.thread = threading.Thread(
            target=self._run, args=(reader,), name=f"interleaved {self.name}", daemon=True
        )
        self.thread.start()

    def _run(self, reader: SharedReader) -> None:
        try:
            self._work(reader)
        except _Abandoned:
            pass
        except BaseException as error:  # noqa: BLE001 - told by whoever plays it
            self.error = error
        self.ended = True
        self._back.release()


class _Run:
    """One order: two programs, a card, and what was said."""

    def __init__(
        self,
        make: Callable[[], CardPort],
        works: tuple[Program, Program],
        invariant: Callable[[Any], object] | None,
        transactions: bool,
        seconds: float,
        choices: _Given,
    ) -> None:
        self.card = make()
        self.choices = choices
        self.turns = [0, 0]
        self.holder: int | None = None
        self.users: set[int] = set()
        self.told_reset: set[int] = set()
        self._invariant = invariant
        self._seconds = seconds
        self._trace = Trace(keep=_LONGEST)
        self._back = threading.Semaphore(0)
        self._over = False
        self._broken: Exception | None = None
        self._players = [_Player(number, work, self._back) for number, work in enumerate(works)]
        kind = TransactingReader if transactions else SharedReader
        self._readers = [kind(self, player.number) for player in self._players]

    # -- from the thread that plays ----------------------------------------------------------------

    def play(self) -> None:
        """Play to the end, and end the threads. InterleavingBroken, ProgramHangs."""
        try:
            for player, reader in zip(self._players, self._readers, strict=True):
                player.start(reader)
                self._wait_for(player)
            while ready := [one for one in self._players if self._may_go(one)]:
                player = ready[self.choices.among(len(ready))] if len(ready) > 1 else ready[0]
                player.go.release()
                self._wait_for(player)
        finally:
            self._end()

    def _may_go(self, player: _Player) -> bool:
        return not player.ended and self.holder in (None, player.number)

    def _wait_for(self, player: _Player) -> None:
        """Wait until a program waits at its next exchange, or is over."""
        if not self._back.acquire(timeout=self._seconds):
            raise ProgramHangs(
                f"{player.name} did nothing for {self._seconds:g} s: it waits for something that "
                f"is not the card\n{self._trace.text}"
            )
        if self._broken is not None:
            raise InterleavingBroken(
                f"after this exchange of {player.name}: {self._broken}\n{self._trace.text}"
            ) from self._broken
        if player.ended and self.holder == player.number:
            self.holder = None
        if player.error is not None:
            raise InterleavingBroken(
                f"{player.name} raised {type(player.error).__name__}: {player.error}\n"
                f"{self._trace.text}"
            ) from player.error

    def _end(self) -> None:
        self._over = True
        for player in self._players:
            player.go.release()
        for player in self._players:
            if player.thread is not None:
                player.thread.join(self._seconds)
        with contextlib.suppress(PowerLoss):
            self.card.power_off()

    # -- from a program's thread -------------------------------------------------------------------

    def exchange(self, number: int, work: Callable[[], _T], *, command: bytes = b"") -> _T:
        """Wait for this program's turn, then do its exchange. What the card raises."""
        player = self._players[number]
        self._stop_if_over()
        self._back.release()
        player.go.acquire()
        self._stop_if_over()
        self.turns[number] += self.holder != number  # what a transaction holds is one turn
        self._trace.comment(f"{player.name}:")
        if command:
            self._trace.command(command)
        try:
            answer = work()
        except Exception as error:
            self._trace.comment(f"no answer: {type(error).__name__}")
            raise
        if command and isinstance(answer, bytes):
            self._trace.response(answer)
        self._check()
        return answer

    def _stop_if_over(self) -> None:
        if self._over:
            raise _Abandoned

    def _check(self) -> None:
        if self._invariant is None:
            return
        try:
            if self._invariant(self.card) is False:
                raise AssertionError("what must hold does not hold any more")
        except Exception as broken:  # noqa: BLE001 - whatever it is, it ends the order
            self._broken, self._over = broken, True
            raise _Abandoned from None

    def say(self, what: str) -> None:
        """Put a remark into what was said."""
        self._trace.comment(what)


class SharedReader:
    """One program's connection to the card that two have; a connection by its structure.

    The first to open gives the card its power, the last to close takes it. Another's reset is told
    at the next exchange and from then on, until this program resets or opens it itself.
    """

    def __init__(self, run: _Run, number: int) -> None:
        self._run = run
        self._number = number

    @property
    def description(self) -> str:
        """What this reader is called."""
        return f"a card that two programs share, reader of program {self._number + 1}"

    @property
    def atr(self) -> bytes:
        """The card's ATR; ReaderNotOpen."""
        self._check_open()
        return self._run.card.atr

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Connect to the card; what the card raises."""
        run = self._run
        if not run.users:
            run.card.power_on()
        run.users.add(self._number)
        run.told_reset.discard(self._number)

    def close(self) -> None:
        """Let go of the card; again does nothing."""
        run = self._run
        if self._number in run.users:
            run.users.discard(self._number)
            if not run.users:
                run.card.power_off()

    def transmit(self, command: bytes) -> bytes:
        """Exchange one command when it is this program's turn. CardWasReset, ReaderNotOpen."""
        self._check_open()
        return self._run.exchange(self._number, lambda: self._send(command), command=command)

    def _send(self, command: bytes) -> bytes:
        run = self._run
        if self._number in run.told_reset:
            raise CardWasReset("another program has reset the card")
        return _guarded(partial(run.card.transmit, command))

    def reset(self) -> bytes:
        """Reset the card when it is this program's turn; the other is told. ReaderNotOpen."""
        self._check_open()
        return self._run.exchange(self._number, self._reset)

    def _reset(self) -> bytes:
        run = self._run
        run.say("resets the card")
        atr = _guarded(run.card.reset)
        run.told_reset = run.users - {self._number}
        return atr

    def _check_open(self) -> None:
        if self._number not in self._run.users:
            raise ReaderNotOpen("the reader is not open: open it first")


class TransactingReader(SharedReader):
    """A connection that can be kept from the other program, as over PC/SC."""

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Have the card alone for the length of a `with` block; one inside another counts once."""
        run = self._run
        outermost = run.holder != self._number
        if outermost:
            run.exchange(self._number, self._take)
        try:
            yield
        finally:
            if outermost:
                run.holder = None

    def _take(self) -> None:
        self._run.holder = self._number
        self._run.say("has the card alone")


def _guarded(work: Callable[[], bytes]) -> bytes:
    """Have the card work; a failure that is no ConnectionError is one that a reader would tell."""
    try:
        return work()
    except ConnectionError:
        raise
    except _Abandoned:
        raise
    except BaseException as error:
        raise CardFault(f"the card failed: {describe(error)}") from error
