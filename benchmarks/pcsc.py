"""A private pcscd with two virtual readers and a card program in each.

The daemon is that of tests/support/interop/pcscd.py.

The cards are processes of their own, as they are in use: a card in this process would share its
interpreter lock with the program that asks it.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.tasks import Transmit
from jukicard.transport.vpcd import DEFAULT_PORT
from tests.support.interop.pcscd import READERS, Pcscd, missing_parts, scard

_HERE: Final = Path(__file__).parent
_SCHEDULED: Final = 2  # with a process, Linux's number of the clock that its threads share
OURS: Final = (
    sys.executable, "-m", "jukicard", "serve", "--profile", "juki-v1", "--seed", "1",
    "--vpcd", "localhost:{port}",
)  # fmt: skip
"""A `juki-v1` card; its PIN is 1234."""
BARE: Final = (sys.executable, str(_HERE / "bare_card.py"), "localhost", "{port}")
VICC: Final = (sys.executable, str(_HERE / "vicc_card.py"), "localhost", "{port}")


class CardProcess:
    """A card in a reader, in a process of its own: called with a command, it answers."""

    def __init__(self, transmit: Transmit, process: int) -> None:
        self._transmit = transmit
        self._clock = ~process << 3 | _SCHEDULED

    def __call__(self, command: bytes) -> bytes:
        return self._transmit(command)

    def processor_seconds(self) -> float:
        """Return how long its process has run so far, in its own code and in the kernel's."""
        return time.clock_gettime(self._clock)


class _NoSlots:
    """In place of the cards that the tests put into the readers from their own process."""

    def start(self) -> None: ...

    def close(self) -> None: ...


@contextlib.contextmanager
def daemon() -> Iterator[Pcscd | None]:
    """Run a pcscd of our own; None where it cannot be, and the reason is printed."""
    missing = missing_parts()
    if missing:
        print(f"not measured over PC/SC, this is missing: {', '.join(missing)}")
        yield None
        return
    with tempfile.TemporaryDirectory() as directory:
        running = Pcscd(Path(directory))
        running.slots = _NoSlots()  # type: ignore[assignment]
        try:
            running.start()
            yield running
        finally:
            running.stop()


@contextlib.contextmanager
def cards(running: Pcscd, *programs: Sequence[str]) -> Iterator[list[CardProcess]]:
    """Put a card program into each reader and return what transmits to each."""
    with contextlib.ExitStack() as stack:
        found = []
        for slot, program in enumerate(programs):
            process = stack.enter_context(_process(running, slot, program))
            running.wait_for_card(slot)
            found.append(CardProcess(stack.enter_context(connected(READERS[slot])), process))
        yield found


@contextlib.contextmanager
def _process(running: Pcscd, slot: int, program: Sequence[str]) -> Iterator[int]:
    command = [part.format(port=DEFAULT_PORT + slot) for part in program]
    process = running.network.run(
        lambda: subprocess.Popen(
            command, cwd=_HERE.parent, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
    )
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait(10)
        running.wait_for_card(slot, present=False)


@contextlib.contextmanager
def connected(reader: str) -> Iterator[Callable[[bytes], bytes]]:
    """Connect to the card in a reader, for this program alone."""
    context = _well(scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM))
    protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
    result, handle, protocol = scard.SCardConnect(
        context, reader, scard.SCARD_SHARE_EXCLUSIVE, protocols
    )
    if result:
        raise RuntimeError(scard.SCardGetErrorMessage(result))
    header = scard.SCARD_PCI_T1 if protocol == scard.SCARD_PROTOCOL_T1 else scard.SCARD_PCI_T0

    def transmit(command: bytes) -> bytes:
        return bytes(_well(scard.SCardTransmit(handle, header, list(command))))

    try:
        yield transmit
    finally:
        scard.SCardDisconnect(handle, scard.SCARD_LEAVE_CARD)
        scard.SCardReleaseContext(context)


def _well(answer: Sequence[Any]) -> Any:
    result, value = answer
    if result:
        raise RuntimeError(scard.SCardGetErrorMessage(result))
    return value
