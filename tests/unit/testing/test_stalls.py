"""What is allowed beyond a bound is what a machine was too busy for, and nothing more."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from tests.support import stalls
from tests.support.stalls import SLACK, Stalls, Within

LONG = 2.0


def test_who_takes_longer_than_was_said_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stalls, "_queued", dict)
    monkeypatch.setattr(Stalls, "_look", lambda self: None)
    with pytest.raises(AssertionError, match=r"bound 0\.300 s"), Within(0.1):
        time.sleep(0.15 + SLACK)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who waits")
def test_a_sleep_is_no_wait_for_a_processor() -> None:
    with Stalls() as noted:
        time.sleep(LONG)
    this = str(threading.get_native_id())
    assert noted._after[this] - noted._before[this] < LONG


def test_a_wait_for_a_processor_is_allowed_for(monkeypatch: pytest.MonkeyPatch) -> None:
    queued = iter(({"1": 5.0, "2": 1.0}, {"1": 7.0, "3": 0.5}))
    monkeypatch.setattr(stalls, "_queued", lambda: next(queued))
    monkeypatch.setattr(Stalls, "_look", lambda self: None)
    with Stalls() as noted:
        pass
    assert noted.allowed(0.1) >= 0.1 + SLACK + 2.5


def test_a_machine_that_stands_still_is_noticed_while_the_watch_looks_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = threading.Event()

    def stands_still() -> dict[str, float]:
        if threading.current_thread() is not threading.main_thread() and not looked.is_set():
            time.sleep(0.3)
            looked.set()
        return {}

    monkeypatch.setattr(stalls, "_queued", stands_still)
    with Stalls() as noted:
        assert looked.wait(60)
    assert noted.allowed(0.0) >= 3 * 0.3


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who waits")
def test_a_process_that_was_started_counts_also_when_it_is_gone() -> None:
    waits = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with Stalls() as noted, subprocess.Popen(waits, stdin=subprocess.PIPE) as process:
        until = time.monotonic() + 60
        while str(process.pid) not in noted._after:
            assert time.monotonic() < until
            time.sleep(0.01)
        process.communicate(timeout=60)
    assert str(process.pid) in noted._after
    assert str(process.pid) not in noted._before
