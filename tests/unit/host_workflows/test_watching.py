"""A terminal's reader, watched: cards that come and go, time that is up, and breaking off."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from jukicard import LocalReader
from jukicard.transport import CardNotPresent
from jukihost.connection import Connection
from jukihost.errors import CardBusy, NoReader
from jukihost.ledger import LedgerState
from jukihost.transport.pcsc.connection import PcscConnection
from jukihost.workflows import (
    AsyncTerminal,
    Cancelled,
    Paper,
    Paused,
    Presented,
    Step,
    Terminal,
    resume_card,
    suspend_by_telephone,
)
from jukihost.workflows.errors import OtherCard
from tests.support.host.counters import PIN, Clerk, Counter
from tests.support.host.fake_scard import FakeReader, FakeScard
from tests.support.host.residents import CALLED
from tests.support.interop.rigs import LocalRig, Rig, TcpRig, VpcdListeningRig, VpcdRig
from tests.support.stalls import Within
from tests.unit.host_workflows.test_terminal import Person, checked, see

IN_PERSON = Presented(papers=frozenset({Paper.PHOTO}))
ATR = bytes.fromhex("3BE000FF8131FE4514")


def short_waiting(stack: ExitStack) -> Rig:
    """A card that dials in; its reader waits a second for it at each look, not ten."""
    rig = VpcdRig(stack)
    rig.connection._wait = 1.0  # type: ignore[attr-defined]
    return rig


WAYS: dict[str, Callable[[ExitStack], Rig]] = {
    "in-process": lambda stack: LocalRig(),
    "tcp": TcpRig,
    "vpcd": short_waiting,
    "vpcd listening": VpcdListeningRig,
}


@pytest.fixture(params=WAYS)
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    with ExitStack() as stack:
        yield WAYS[request.param](stack)


@contextmanager
def later(seconds: float, act: Callable[[], object]) -> Iterator[None]:
    timer = threading.Timer(seconds, act)
    timer.start()
    try:
        yield
    finally:
        timer.join()


def test_a_card_is_seen_to_come_and_to_go(counter: Counter, rig: Rig) -> None:
    talk = Clerk(PIN)
    terminal = Terminal(counter.desk(talk=talk), lambda: rig.connection)
    assert not terminal.await_card(0.0)
    with later(0.3, lambda: rig.insert(counter.card)):
        assert terminal.await_card(20)
    assert not terminal.await_removal(0.0)
    assert terminal.run(checked) == "checked", "it is not spoilt by being looked at"
    with later(0.3, rig.remove):
        assert terminal.await_removal(20)
    assert talk.steps[0] is Step.CARD
    assert talk.steps[-1] is Step.REMOVAL


def test_time_is_up(counter: Counter) -> None:
    terminal = Terminal(counter.desk(), LocalReader)
    with Within(1.0) as bound:
        assert not terminal.await_card(0.4)
    assert bound.took >= 0.4
    assert terminal.await_removal(0.4)


def test_who_stops_it_is_obeyed_at_once(counter: Counter) -> None:
    terminal = Terminal(counter.desk(), LocalReader)
    stop = threading.Event()
    with Within(1.0), later(0.2, stop.set), pytest.raises(Cancelled):
        terminal.await_card(60, stop=stop)
    with pytest.raises(Cancelled):
        terminal.await_card(60, stop=stop)


def in_reader(*readers: FakeReader) -> tuple[FakeScard, Callable[[], Connection]]:
    scard = FakeScard(list(readers))
    return scard, lambda: PcscConnection("desk", scard=scard)


def test_over_pcsc_the_reader_is_asked_and_the_card_left_alone(counter: Counter) -> None:
    reader = FakeReader("the desk", None)
    scard, reach = in_reader(FakeReader("another", ATR), reader)
    terminal = Terminal(counter.desk(), reach)
    assert not terminal.await_card(0.0)
    with later(0.3, lambda: setattr(reader, "atr", ATR)):
        assert terminal.await_card(10)
    assert not terminal.await_removal(0.0)
    assert not {name for name, *_ in scard.calls} & {"SCardConnect", "SCardTransmit"}
    assert scard.contexts == 0, "nothing is left open"


def test_a_reader_that_is_not_there_is_told(counter: Counter) -> None:
    _, reach = in_reader(FakeReader("another", ATR))
    terminal = Terminal(counter.desk(), reach)
    with pytest.raises(NoReader, match="no reader fits 'desk'; attached: 0: another"):
        terminal.await_card(10)
    with pytest.raises(NoReader):
        terminal.await_removal(10)


class Held:
    """A connection that another program has, or that fails, as one that is not of this package."""

    def __init__(self, fault: str) -> None:
        self.error = CardNotPresent("no")
        self.error.fault = fault  # type: ignore[misc]

    def open(self) -> None:
        raise self.error

    def close(self) -> None:
        pass


@pytest.mark.parametrize(("fault", "there"), [("busy", True), ("mute", True), ("removed", False)])
def test_a_card_that_others_hold_is_there(counter: Counter, fault: str, there: bool) -> None:
    reach: Callable[[], Connection] = lambda: Held(fault)  # type: ignore[assignment, return-value]  # noqa: E731
    terminal = Terminal(counter.desk(), reach)
    assert terminal.await_card(0.0) is there
    assert terminal.await_removal(0.0) is not there


def test_a_procedure_is_not_disturbed_and_not_waited_for_without_end(counter: Counter) -> None:
    reader = LocalReader(counter.card)
    terminal = Terminal(counter.desk(), lambda: reader, patience=0.3)
    with terminal.card() as hand:
        with Within(2.0):
            assert not terminal.await_card(0.3), "a procedure has it"
            with pytest.raises(CardBusy, match="another procedure has had this terminal's reader"):
                terminal.run(checked)
        with hand.session(terminal.desk) as juki:
            assert juki.card_number() == counter.number
    assert terminal.await_card(5)


# -- a card that was pulled, and put back ----------------------------------------------------------


class PutsBack(Clerk):
    """Who is asked for the card again: first another one is put in, then the same."""

    def __init__(self, rig: Rig, counter: Counter) -> None:
        super().__init__(puts_back=True)
        self._rig, self._counter = rig, counter
        self.causes: list[type[Exception]] = []

    def paused(self, pause: Paused) -> bool:
        self.causes.append(type(pause.cause))
        assert pause.number == self._counter.number
        if pause.attempt == 1:  # the card was pulled, and another one is put in
            other, _ = self._counter.issued_card(
                self._counter.another_resident("other"), "20000000001"
            )
            self._rig.insert(other)
        else:
            self._rig.remove()
            self._rig.insert(self._counter.card)
        return super().paused(pause)


class Cut:
    """A connection whose card is pulled at one of its exchanges, once."""

    def __init__(self, connection: Connection, at: int, pull: Callable[[], None]) -> None:
        self._connection, self._left, self._pull = connection, at, pull

    def __getattr__(self, name: str) -> object:
        return getattr(self._connection, name)

    def __enter__(self) -> Cut:
        self._connection.open()
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def transmit(self, command: bytes) -> bytes:
        self._left -= 1
        if self._left == 0:
            self._pull()
        return self._connection.transmit(command)


def test_it_goes_on_with_the_same_card_and_with_no_other(counter: Counter, rig: Rig) -> None:
    rig.insert(counter.card)
    suspend_by_telephone(counter.desk(), counter.holder, Presented(), CALLED)
    see(counter)
    talk = PutsBack(rig, counter)
    reach: Callable[[], Connection] = lambda: Cut(rig.connection, 12, rig.remove)  # type: ignore[assignment, return-value]  # noqa: E731
    terminal = Terminal(counter.desk(talk=talk), reach)
    resumed = terminal.run(resume_card, IN_PERSON)
    assert str(resumed.standing) == "active"
    assert counter.ledger().state is LedgerState.ACTIVE
    assert len(talk.causes) == 2
    assert talk.causes[1] is OtherCard


# -- an event loop ---------------------------------------------------------------------------------


async def turns_while(work: asyncio.Task[object]) -> float:
    """Return how often a second the loop came round meanwhile."""
    begun, turns = time.monotonic(), 0
    while not work.done():
        await asyncio.sleep(0.01)
        turns += 1
    return turns / (time.monotonic() - begun)


class Slow:
    """A reader whose card takes its time for everything, and blocks who asks."""

    def __init__(self, reader: LocalReader, seconds: float) -> None:
        self._reader, self._seconds = reader, seconds
        self.description = "a slow reader"

    @property
    def atr(self) -> bytes:
        return self._reader.atr

    def open(self) -> None:
        time.sleep(self._seconds)
        self._reader.open()

    def close(self) -> None:
        self._reader.close()

    def reset(self) -> bytes:
        return self._reader.reset()

    def transmit(self, command: bytes) -> bytes:
        time.sleep(self._seconds)
        return self._reader.transmit(command)

    def __enter__(self) -> Slow:
        self.open()
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


TAKES = 0.5
"""What the slow card takes for one exchange, in seconds."""


def test_an_event_loop_is_never_blocked_by_a_slow_card(counter: Counter) -> None:
    async def main() -> None:
        reader = LocalReader(counter.card)
        person = Person(PIN)
        terminal = AsyncTerminal(counter.desk(), lambda: Slow(reader, TAKES), person)
        for work in (terminal.await_card(30), terminal.run(checked), terminal.await_removal(0.5)):
            task: asyncio.Task[object] = asyncio.create_task(work)
            assert await turns_while(task) > 2 / TAKES, "one that is blocked comes round once"
            assert await task in (True, "checked", False)
        terminal.close()
        assert person.steps[0] is Step.CARD
        assert person.steps[-1] is Step.REMOVAL

    asyncio.run(main())


def test_who_cancels_a_watch_has_it_stopped(counter: Counter) -> None:
    async def main() -> None:
        terminal = AsyncTerminal(counter.desk(), LocalReader, Person())
        work = asyncio.create_task(terminal.await_card(60))
        await asyncio.sleep(0.3)
        with Within(1.0):
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
        assert await terminal.await_removal(1)
        terminal.close()

    asyncio.run(main())
    assert not [one for one in threading.enumerate() if one.name.startswith("counter")]


def test_who_is_asked_for_the_card_again_may_watch_the_reader(counter: Counter) -> None:
    """Over PC/SC nothing reaches the card, so the reader is looked at in the middle of a pause."""
    reader = FakeReader("the desk", None)
    _, reach = in_reader(reader)
    terminal = Terminal(counter.desk(), reach)
    terminal._busy.acquire()  # as a procedure has it
    with later(0.3, lambda: setattr(reader, "atr", ATR)):
        assert terminal.await_card(10)
    terminal._busy.release()
