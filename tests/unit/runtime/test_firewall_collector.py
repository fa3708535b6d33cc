"""The garbage collector and applications from elsewhere: never on their steps, never lost."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from jukicard.apdu import ResponseApdu
from jukicard.runtime import firewall
from jukicard.runtime.firewall import AppletMisbehavedError, StepBudget
from tests.support.applets.hostile import ATTACK, HOSTILE, HostileApplet, World, world

PATIENCE = 60
"""Seconds after which a thread that should have gone on is taken for hung."""


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Collect often, as on every machine alike; afterwards everything is as before."""
    thresholds, enabled, callbacks = gc.get_threshold(), gc.isenabled(), list(gc.callbacks)
    gc.enable()
    gc.set_threshold(10, 10, 10)
    gc.freeze()  # what all the other tests hold need not be looked through each time
    yield
    gc.unfreeze()
    gc.callbacks[:] = callbacks
    gc.set_threshold(*thresholds)
    (gc.enable if enabled else gc.disable)()
    HostileApplet.plan.clear()
    HostileApplet.kept.clear()


def make_garbage(rings: int = 2000) -> None:
    for _ in range(rings):
        ring: list[object] = []
        ring.append(ring)


class Collections(list[str]):
    """The collections that there were; each takes as many lines of Python as it is told to."""

    def __init__(self, lines: int = 0) -> None:
        super().__init__()
        self.lines = lines
        gc.callbacks.append(self.called)

    def called(self, phase: str, info: dict[str, int]) -> None:
        for _ in range(self.lines):
            pass
        self.append(f"{phase} {info['generation']}")


def test_what_the_collector_calls_is_not_counted() -> None:
    """A stop raised in there would be swallowed, and the application's loop go on for ever."""
    collections = Collections(lines=1_000)

    def work() -> None:
        collections.clear()  # what there was before its first step is not its matter
        make_garbage()
        assert len(collections) > 1, "nothing was collected: this shows nothing"

    StepBudget(10_000).run(work)
    assert gc.isenabled()


def test_a_stop_ends_a_loop_whatever_is_collected_meanwhile() -> None:
    collections = Collections(lines=100)

    def endless() -> None:
        while True:
            make_garbage(10)

    with pytest.raises(AppletMisbehavedError, match="more than 20000 steps"):
        StepBudget(20_000).run(endless)
    assert collections
    assert gc.isenabled()


def test_the_collector_stays_off_where_it_was_off() -> None:
    gc.disable()
    collections = Collections()
    StepBudget(100_000).run(make_garbage)
    assert not gc.isenabled()
    assert collections == []


def test_with_a_threshold_of_zero_nothing_is_collected() -> None:
    gc.set_threshold(0)
    collections = Collections()
    StepBudget(100_000).run(make_garbage)
    assert collections == []


class Ring:
    """Refers to itself, so that only the collector frees it."""

    alive = most = 0

    def __init__(self) -> None:
        self.itself = self
        Ring.alive += 1
        Ring.most = max(Ring.most, Ring.alive)

    def __del__(self) -> None:
        Ring.alive -= 1


def test_a_long_work_does_not_keep_what_it_has_dropped() -> None:
    def work() -> None:
        for _ in range(100_000):
            Ring()

    gc.collect()
    Ring.alive = Ring.most = 0
    StepBudget(1_000_000).run(work)
    assert 0 < Ring.most < 5_000, "of 100000 that nobody holds any more"


def make_rings(applet: HostileApplet) -> object:
    for _ in range(3_000):
        Ring()
    return ResponseApdu()


def test_an_application_on_a_card_does_not_either() -> None:
    here = world()
    assert here.select(HOSTILE) == b"\x90\x00"
    HostileApplet.plan["process"] = make_rings
    gc.collect()
    Ring.alive = Ring.most = 0
    assert here.send(ATTACK)[-2:] == b"\x90\x00"
    assert 0 < Ring.most < 1_000
    assert gc.isenabled()
    here.forbidden.check()


# --- two threads, each with a card ---


def in_threads(*works: Callable[[], object]) -> None:
    """Run each work on a thread of its own; what one raises is raised here."""
    failures: list[BaseException] = []

    def guarded(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as failure:  # noqa: BLE001 - raised again below
            failures.append(failure)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), "hung"
    for failure in failures:
        raise failure


@pytest.mark.parametrize("first_ends_first", [True, False])
def test_the_collector_is_off_while_anybody_runs_and_on_when_nobody_does(
    first_ends_first: bool,
) -> None:
    begun = threading.Event(), threading.Event()
    ended = threading.Event(), threading.Event()
    seen: list[bool] = []

    def one(number: int, *, outlives: bool) -> None:
        def work() -> None:
            begun[number].set()
            assert begun[1 - number].wait(PATIENCE)
            if outlives:
                assert ended[1 - number].wait(PATIENCE)
            seen.append(gc.isenabled())

        if number:
            assert begun[0].wait(PATIENCE)
        StepBudget(10_000).run(work)
        ended[number].set()

    in_threads(
        partial(one, 0, outlives=not first_ends_first), partial(one, 1, outlives=first_ends_first)
    )
    assert seen == [False, False]
    assert gc.isenabled(), "on again, whoever was last"


def test_no_race_of_two_threads_leaves_the_collector_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One looks whether it is on, the other ends, the first switches it off: for ever."""
    looked, ended = threading.Event(), threading.Event()
    is_enabled = gc.isenabled
    late: list[threading.Thread] = []

    def slowly() -> bool:
        found = is_enabled()
        if threading.current_thread() in late:
            looked.set()
            assert ended.wait(PATIENCE)
        return found

    def early_one() -> None:
        StepBudget(1_000).run(lambda: looked.wait(1))
        ended.set()

    def late_one() -> None:
        late.append(threading.current_thread())
        StepBudget(1_000).run(lambda: None)

    with monkeypatch.context() as patched:
        patched.setattr(gc, "isenabled", slowly)
        in_threads(early_one, late_one)
    assert gc.isenabled()


def test_many_short_works_on_two_threads_leave_it_as_it_was() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def many() -> None:
        budget = StepBudget(1_000)
        for _ in range(2_000):
            budget.run(lambda: None)

    try:
        in_threads(many, many)
    finally:
        sys.setswitchinterval(interval)
    assert gc.isenabled()


def test_works_that_overlap_without_end_do_not_put_collecting_off() -> None:
    """No moment without an application that runs: what is due is collected all the same."""
    begun, over = threading.Event(), threading.Event()

    def outlives() -> None:
        begun.set()
        assert over.wait(PATIENCE)

    def many_short_ones() -> None:
        assert begun.wait(PATIENCE)
        gc.collect()
        Ring.alive = Ring.most = 0
        budget = StepBudget(100)
        for _ in range(5_000):
            budget.run(Ring)
        over.set()

    in_threads(lambda: StepBudget(1_000).run(outlives), many_short_ones)
    assert 0 < Ring.most < 1_000


def test_two_cards_on_two_threads() -> None:
    """Each answers as alone, and the collector is on afterwards."""

    cards = [world(), world()]
    HostileApplet.plan["process"] = make_rings

    def use(card: World) -> None:
        assert card.select(HOSTILE) == b"\x90\x00"
        for _ in range(5):
            assert card.send(ATTACK) == b"\x90\x00"
        card.forbidden.check()

    in_threads(*(partial(use, card) for card in cards))
    assert gc.isenabled()


def test_whoever_was_interrupted_holds_the_collector_no_longer() -> None:
    """A signal's exception may come anywhere, also where the collector was about to be let go."""

    firewall._COLLECTOR.hold(StepBudget(1_000))  # its end came, and it never let go
    assert not gc.isenabled()
    StepBudget(1_000).run(lambda: None)
    assert gc.isenabled(), "the next one puts it back"
