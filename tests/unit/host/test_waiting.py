"""Ctrl-C reaches who waits for a call, whichever thread the system gives the signal to."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jukihost.waiting import Caller, Late, call_once
from tests.support.stalls import Within

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "pthread_kill"), reason="no signals for a thread here"
)
PATIENCE = 30.0


@contextmanager
def ctrl_c_interrupts() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_that_another_thread_got_interrupts_who_waits() -> None:
    """As it may be where a process goes on after it stood still, or the wait has just begun."""
    gate, begun = threading.Event(), threading.Event()

    def work() -> bool:
        begun.set()
        return gate.wait(PATIENCE)

    def press() -> None:
        assert begun.wait(PATIENCE)
        time.sleep(0.2)
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    presser = threading.Thread(target=press)
    caller = Caller("waits")
    with ctrl_c_interrupts():
        presser.start()
        with Within(0.4), pytest.raises(KeyboardInterrupt):
            caller.call(work, PATIENCE)
        presser.join()
    assert caller.busy
    gate.set()
    left = caller.end(lambda: None)
    assert left is not None
    assert left.wait(PATIENCE)


def test_the_threads_of_calls_take_no_signal_that_asks_a_program_to_end() -> None:
    masked = call_once("looks", lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()), PATIENCE)
    assert masked >= {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # Python 3.12 on
def test_a_forked_process_waits_for_no_thread_of_its_parent() -> None:
    caller = Caller("parent's")
    caller.call(lambda: None, PATIENCE)
    child = os.fork()
    if not child:
        os._exit(caller.end(lambda: None) is not None)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    left = caller.end(lambda: None)
    assert left is not None
    assert left.wait(PATIENCE)


def test_a_bound_is_one_over_many_looks() -> None:
    gate = threading.Event()
    with Within(0.5) as bound, pytest.raises(Late):
        call_once("waits", lambda: gate.wait(PATIENCE), 0.5)
    assert bound.took >= 0.5
    gate.set()
