"""Very many cards: forks with and without a frozen heap, and all of them behind one port."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from benchmarks.resident import resident
from benchmarks.timing import Effort
from jukicard import Card, issue_card
from jukicard.transport import CardPort
from jukicard.transport.tcpmany import ManyCardsServer, UnknownCardError
from jukihost import TcpConnection

FORKS: Final = 200_000
SERVED: Final = 10_000
AT_ONCE: Final = 4_000
"""Connections held open at the same time: two ends each, in one process's file descriptors."""
GET_CHALLENGE: Final = bytes.fromhex("0084000008")


class _Forks:
    """Cards by number, forked when they are first asked for."""

    def __init__(self) -> None:
        self._snapshot = issue_card(seed=1).snapshot()
        self._cards: dict[str, Card] = {}

    def open(self, name: str) -> CardPort:
        """Return the card of that number."""
        if not name.isdigit():
            raise UnknownCardError(name)
        if name not in self._cards:
            self._cards[name] = Card.restore(self._snapshot)
        return self._cards[name]

    def release(self, name: str, card: CardPort) -> None:
        """Keep it: it is in memory only."""


def measure(effort: Effort) -> None:
    """Print what a fork and a served card cost when there are very many."""
    count = FORKS // 10 if effort.quick else FORKS
    plain = _forks(count)
    gc.collect()
    gc.freeze()
    frozen = _forks(count)
    gc.unfreeze()
    print(
        f"{count:,} forks kept: {_told(plain)}; under gc.freeze(), collector off: {_told(frozen)}"
    )
    served = SERVED // 10 if effort.quick else SERVED
    _serve(served)


def _told(found: tuple[float, float]) -> str:
    each, longest = found
    return f"{each * 1e6:.0f} µs each, the longest stop {longest * 1e3:.0f} ms"


def _forks(count: int) -> tuple[float, float]:
    """Return seconds a fork when all are kept, and the longest of them."""
    card, kept, longest = issue_card(seed=1), [], 0.0
    frozen = gc.get_freeze_count() > 0
    if frozen:
        gc.disable()
    try:
        begun = before = time.perf_counter()
        for _ in range(count):
            kept.append(card.fork())
            now = time.perf_counter()
            longest, before = max(longest, now - before), now
        return (before - begun) / len(kept), longest
    finally:
        gc.enable()


def _serve(count: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    at_once = min(count, AT_ONCE, max(1, hard // 2 - 200))
    source = _Forks()
    with ManyCardsServer(source, on_status=lambda _: None) as server:
        _ask(server, "0")
        before = resident()
        took = _timed(lambda: _ask_all(server, count))
        print(
            f"{count:,} cards behind one port, one after the other: {took / count * 1e6:.0f} µs to "
            f"connect, choose, power on, ask and leave; {(resident() - before) / count / 1024:.0f} "
            "KiB a card"
        )
        with ExitStack() as stack:
            held = [
                stack.enter_context(TcpConnection(server.host, server.port, card=str(number)))
                for number in range(at_once)
            ]
            took = _timed(lambda: [one.transmit(GET_CHALLENGE) for one in held])
            print(
                f"{at_once:,} clients at once: {took / at_once * 1e6:.0f} µs an exchange, both "
                "ends, one thread for all cards"
            )


def _ask_all(server: ManyCardsServer, count: int) -> None:
    for number in range(count):
        _ask(server, str(number))


def _ask(server: ManyCardsServer, name: str) -> None:
    with TcpConnection(server.host, server.port, card=name) as connection:
        if connection.transmit(GET_CHALLENGE)[-2:] not in {b"\x90\x00", b"\x6d\x00"}:
            raise RuntimeError("the card did not answer")


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
