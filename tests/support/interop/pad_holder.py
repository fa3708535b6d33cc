"""jukihost in a process of its own, at a reader of another pcscd: what it does there, and says.

Steps are methods of a session; in the place of a PIN `PAD` is a `PinPad` that waits long enough for
a machine that is busy, and `HASTY` one that waits a second, for a holder who does nothing.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Final, NamedTuple

PAD: Final = "<pad>"
HASTY: Final = "<hasty pad>"
PATIENCE: Final = 10
"""Seconds that a holder has who types."""
_SECONDS: Final = 60


class Step(NamedTuple):
    """What became of a step: the error's name, or the type of what was returned, and in words."""

    outcome: str
    words: str


class Holder:
    """The program; `at` does steps in one session, `trace` is all that its observer saw."""

    def __init__(self, socket: str) -> None:
        self._process = ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), _begin, (socket,)
        )
        self.socket = socket
        self.trace: list[str] = []

    def at(
        self, reader: str | int, session: str, *steps: tuple[Any, ...], wait: float = 10
    ) -> list[Step]:
        """Open a connection and a session of `jukihost` and call these methods in it."""
        done, seen = self._process.submit(_work, reader, session, steps, wait).result(_SECONDS)
        self.trace += seen
        return done

    def readers(self) -> list[tuple[int, str, bool]]:
        """Return what `list_readers` says: index, name, whether a card is there."""
        return self._process.submit(_readers).result(_SECONDS)

    def features(self, reader: str) -> tuple[dict[str, int], Any, dict[str, Any]]:
        """Return what `PcscConnection.features` says: codes, PIN properties, the others."""
        return self._process.submit(_features, reader).result(_SECONDS)

    def close(self) -> None:
        """End the program."""
        self._process.shutdown()


def _begin(socket: str) -> None:
    os.environ["PCSCLITE_CSOCK_NAME"] = socket


def _readers() -> list[tuple[int, str, bool]]:
    jukihost: Any = importlib.import_module("jukihost")
    return [(one.index, one.name, one.card_present) for one in jukihost.list_readers()]


def _features(reader: str) -> tuple[dict[str, int], Any, dict[str, Any]]:
    jukihost: Any = importlib.import_module("jukihost")
    with jukihost.PcscConnection(reader, wait=10) as connection:
        told = connection.features()
    names = type(told.properties).__slots__
    others = {name: getattr(told.properties, name) for name in names}
    codes = {feature.name: code for feature, code in told.codes.items()}
    return codes, told.pin, others | {"other": dict(others["other"])}


def _work(
    reader: str | int, session: str, steps: Sequence[tuple[Any, ...]], wait: float
) -> tuple[list[Step], list[str]]:
    jukihost: Any = importlib.import_module("jukihost")
    pad_of = importlib.import_module("jukihost.readers").PinPad
    pads = {PAD: pad_of(timeout=PATIENCE), HASTY: pad_of(timeout=1)}
    done, seen = [], _Seen()
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(jukihost.PcscConnection(reader, wait=wait))
        channel = jukihost.build_channel(connection, observer=seen)
        opened = stack.enter_context(getattr(jukihost, session)(channel))
        for name, *arguments in steps:
            given = [pads.get(each, each) for each in arguments]
            try:
                result = getattr(opened, name)(*given)
            except jukihost.CardError as error:
                done.append(Step(type(error).__name__, str(error)))
            else:
                done.append(Step(type(result).__name__, repr(result)))
    return done, seen.lines


class _Seen:
    """Fits TraceObserver: hex of all that the channel shows, hidden from nobody."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def command(self, raw: bytes) -> None:
        self.lines.append(raw.hex().upper())

    response = reset = command
