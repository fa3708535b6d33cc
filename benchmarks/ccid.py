"""A card behind libccid and a serial reader: commands beside vpcd's, and how soon pcscd has it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import pcsc, tasks
from benchmarks.timing import Effort, micro, ratio, table, verdict
from jukicard import issue_card
from jukicard.transport.ccid.messages import Kind
from jukicard.transport.ccid.models import MODELS
from jukicard.transport.ccid.place import reader_entry
from jukicard.transport.ccid.serial import SerialReader
from tests.support.interop.ccid import CcidDaemon, missing_parts
from tests.support.interop.ccidreader import SHORT_APDU, door_to

OF_VPCD = 1.5
READY = 0.100
CARD = ("--profile", "juki-v1", "--seed", "1")
LEVELS = {"TPDU": 0, "APDU": SHORT_APDU}


def measure(effort: Effort) -> None:
    """Measure exchanges of both readers in turn, and starts of pcscd for each model."""
    if missing := missing_parts():
        print(f"not measured over libccid, this is missing: {', '.join(missing)}")
        return
    effort = Effort(rounds=3 * effort.rounds, seconds=effort.seconds / 3)
    _exchanges(effort)
    for model in MODELS:
        _readiness(model, max(3, effort.rounds // 3))


def _exchanges(effort: Effort) -> None:
    rows = []
    with contextlib.ExitStack() as stack:
        running = stack.enter_context(pcsc.daemon())
        assert running is not None
        [vpcd] = stack.enter_context(pcsc.cards(running, pcsc.OURS))
        cards: dict[str, Callable[[bytes], bytes]] = {"vpcd": vpcd}
        for level, options in LEVELS.items():
            cards[level] = stack.enter_context(_serial(options))
        for task in tasks.OURS:
            found = effort.compare({name: task.start(card) for name, card in cards.items()})
            best = {name: measured.best for name, measured in found.items()}
            for level in LEVELS:
                rows.append(
                    (
                        f"{task.name}, {level}",
                        micro(best[level]),
                        micro(best["vpcd"]),
                        ratio(best[level], best["vpcd"]),
                        verdict(best[level] <= OF_VPCD * best["vpcd"], f"{OF_VPCD} x"),
                    )
                )
    table(
        "Over PC/SC, the time that passes, best of the rounds",
        ("command", "libccid, serial", "vpcd", "serial / vpcd", "target"),
        rows,
    )


@contextlib.contextmanager
def _serial(options: int) -> Iterator[Callable[[bytes], bytes]]:
    """Serve a card in a process of its own, with a pcscd that has found it."""
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "line"
        command = [sys.executable, "-m", "jukicard", "serve", *CARD, "--ccid", str(link)]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        ) as served:
            try:
                while not link.exists():
                    if served.poll() is not None:
                        raise RuntimeError("no reader is served")
                    time.sleep(0.01)
                entry = {"Serial": reader_entry("Serial", str(link), "GemPCTwin")}
                with CcidDaemon(Path(folder), entry, options=options) as daemon:
                    daemon.terminal.wait_for(daemon.readers[0], present=True)
                    with door_to(daemon):
                        connection = pcsc.connected(daemon.readers[0])
                        transmit = connection.__enter__()
                    try:
                        yield transmit
                    finally:
                        connection.__exit__(None, None, None)
            finally:
                served.terminate()


def _readiness(model: str, starts: int) -> None:
    """Time pcscd from its start to the first card's power, and say what of it is the reader's."""
    found = [_start(model) for _ in range(starts)]
    whole, driver, own = (f"{min(times) * 1000:.1f} ms" for times in zip(*found, strict=True))
    met = verdict(min(times[0] for times in found) <= READY, f"{READY * 1000:.0f} ms")
    print(
        f"\n  {model} ready {whole} after pcscd was started, {driver} after its driver's first byte"
        f" (best of {starts}); the reader's own part {own}; {met}"
    )


def _start(model: str) -> tuple[float, float, float]:
    """Return the seconds from the start of the process, from the first message, and within ours.

    A reader that is ready is told to give its card power.
    """
    first = ready = own = 0.0
    with tempfile.TemporaryDirectory() as folder:
        link = str(Path(folder) / "line")
        with SerialReader(issue_card("juki-v1", seed=1), link, model=MODELS[model]) as reader:
            handle = reader.reader.handle

            def timed(message: bytes, more_time: Callable[[], None]) -> bytes:
                nonlocal first, ready, own
                now = time.perf_counter()
                first = first or now
                if message[0] == Kind.POWER_ON:
                    ready = ready or now
                answer = handle(message, more_time)
                own += 0 if ready else time.perf_counter() - now
                return answer

            reader.reader.handle = timed  # type: ignore[method-assign, assignment]
            daemon = CcidDaemon(Path(folder), {model: reader_entry(model, link, model)})
            begun = time.perf_counter()
            with daemon:
                daemon.terminal.wait_for(daemon.readers[0], present=True)
    return ready - begun, ready - first, own
