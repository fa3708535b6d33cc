"""What a page is told as it happens: server-sent events (HTML Living Standard, 9.2).

A page has no queue here. It has a place among the exchanges that the bench keeps, and the number of
each card's look that it was told: whoever reads slowly, or comes back late, is told what is there
then, and how much is not any more. So a page that is left open, or hangs, costs no memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from jukicard.cli.bench.bench import Bench
from jukicard.cli.bench.hazardforms import hazard_forms
from jukicard.cli.bench.pane import Pane

TICK: Final = 0.025
"""How often a page is told what is new, in seconds."""
LOOK: Final = 0.1
"""How often cards are looked at, at most, in seconds."""
SHARE: Final = 5
"""After a look that took long, so many times as long passes before the next one,"""
LONGEST: Final = 1.0
"""but no more than so many seconds."""
QUIET: Final = 10.0
"""After so many seconds without anything new a page is told that the connection is there."""
STALLED: Final = 30.0
"""A page that takes nothing for so many seconds is given up."""
LINGER: Final = 5.0
"""So many seconds after the last page has left, exchanges are told on: it may be coming back."""
MOST_PAGES: Final = 16
MOST_ROWS: Final = 500
"""How many exchanges a page is told at once; of more, the last ones."""


class Stream:
    """Tells pages of a bench; used by one event loop.

    boot: a word for this run, so that a page that was open before it starts anew.
    pane: the second view, where there is one.
    """

    def __init__(self, bench: Bench, boot: str, pane: Pane | None = None) -> None:
        self.bench = bench
        self.boot = boot
        self.pane = pane
        self.pages = 0
        """How many pages are open."""
        self.ending = asyncio.Event()
        self._seen: object = None
        self._next_look = 0.0
        self._looking = asyncio.Lock()
        self._overview = ""
        self._looks: dict[int, tuple[int, str]] = {}

    @property
    def full(self) -> bool:
        """Whether there are as many pages as there may be."""
        return self.pages >= MOST_PAGES

    @contextlib.contextmanager
    def _open(self) -> Iterator[None]:
        self.pages += 1
        self.bench.begin_looking()
        if self.pane is not None:
            self.pane.begin_looking()
        try:
            yield
        finally:
            self.pages -= 1
            if self.pane is not None:
                self.pane.end_looking()
            asyncio.get_running_loop().call_later(LINGER, self.bench.end_looking)

    async def serve(self, scope: Scope, receive: Receive, send: Send, last: str) -> None:
        """Tell one page until it leaves, stalls, or all is over; `last` is the last id it had."""
        with self._open():
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [(b"content-type", b"text/event-stream; charset=utf-8")],
                }
            )
            gone = asyncio.ensure_future(_left(receive))
            try:
                with contextlib.suppress(OSError, TimeoutError):
                    await self._tell(_Page(self, last), gone, send)
            finally:
                gone.cancel()

    async def _tell(self, page: _Page, gone: asyncio.Future[None], send: Send) -> None:
        told = time.monotonic()
        text = page.greeting()
        while not gone.done() and not self.ending.is_set():
            await self._look()
            text += page.news()
            if not text and time.monotonic() - told > QUIET:
                text = ":\n\n"
            if text:
                async with asyncio.timeout(STALLED):
                    await send(
                        {"type": "http.response.body", "body": text.encode(), "more_body": True}
                    )
                told, text = time.monotonic(), ""
            await asyncio.wait([gone], timeout=TICK)
        await send({"type": "http.response.body", "body": b"event: end\ndata: {}\n\n"})

    async def _look(self) -> None:
        """Look at what has changed, for all pages at once."""
        now = time.monotonic()
        seen = self.bench.marks()
        if seen == self._seen or now < self._next_look or self._looking.locked():
            return
        async with self._looking:
            self._seen = seen
            done = await run_in_threadpool(self._looked)
            if not done:
                self._seen = None  # a card was at work: look again
            took = time.monotonic() - now
            self._next_look = now + took + max(LOOK, min(SHARE * took, LONGEST))

    def _looked(self) -> bool:
        done = self.bench.refresh()
        self._overview = json.dumps(self.bench.overview(), separators=(",", ":"))
        looks = self.bench.looks()
        kept = {}
        for number, (count, look) in looks.items():
            before = self._looks.get(number)
            if before is None or before[0] != count:
                text = json.dumps({"number": number, "look": look}, separators=(",", ":"))
                before = (count, text)
            kept[number] = before
        self._looks = kept
        return done


class _Page:
    """What one page was told."""

    def __init__(self, stream: Stream, last: str) -> None:
        self._stream = stream
        self._overview = ""
        self._pane = ""
        self._looks: dict[int, int] = {}
        boot, _, text = last.partition("-")
        said = text.isascii() and text.isdecimal() and len(text) < 18
        number = int(text) if said else -1
        self._again = boot == stream.boot and 0 <= number <= stream.bench.exchanges.last
        self._number = number if self._again else 0

    def greeting(self) -> str:
        view = self._stream.pane is not None
        hello = {"again": self._again, "hazards": hazard_forms(), "ledger": view}
        return f"retry: 1000\n{_event('hello', json.dumps(hello))}"

    def news(self) -> str:
        """Return what this page does not know yet, as events."""
        stream, texts = self._stream, []
        if stream._overview != self._overview:
            self._overview = stream._overview
            texts.append(_event("bench", self._overview))
        for number, (count, text) in stream._looks.items():
            if self._looks.get(number) != count:
                self._looks[number] = count
                texts.append(_event("card", text))
        if stream.pane is not None and stream.pane.text != self._pane:
            self._pane = stream.pane.text
            texts.append(_event("ledger", self._pane))
        exchanges = stream.bench.exchanges
        if exchanges.last != self._number:
            rows, gone, self._number = exchanges.since(self._number, MOST_ROWS)
            data = f'{{"gone":{gone},"rows":[{",".join(rows)}]}}'
            texts.append(f"id: {stream.boot}-{self._number}\n{_event('rows', data)}")
        return "".join(texts)


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
