"""The bench's page: what it costs an exchange, and how soon an exchange is seen.

With nobody looking an exchange is measured beside a card that no bench knows. With a page open in a
real browser, exchanges come at a thousand a second, and each is timed from before it is sent until
the browser draws the frame that has it.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable
from typing import Any, Final

from benchmarks.timing import Effort, micro, table, verdict
from jukicard import Card, issue_card
from jukicard.cli.bench.bench import Bench

SELECT: Final = bytes.fromhex("00A4040C0AD3921000310001010401")
COMMANDS: Final = {
    "SELECT": SELECT,
    "VERIFY, tries": bytes.fromhex("00200080"),
    "READ RECORD, refused": bytes.fromhex("00B2011400"),
}
RATES: Final = (10, 1000)
"""Exchanges a second."""
_CALLS: Final = 50
SHOWN_WITHIN: Final = 0.1
"""Seconds within which an exchange is to be seen."""
_WATCH: Final = """() => {
  window.seen = [];
  const rows = document.getElementById("rows");
  new MutationObserver(() => requestAnimationFrame(() => {
    const first = rows.firstElementChild;
    if (first !== null) {
      window.seen.push([Number(first.dataset.number), performance.timeOrigin + performance.now()]);
    }
  })).observe(rows, { childList: true });
}"""


def measure(effort: Effort) -> None:
    """Measure both."""
    _costs(effort)
    _seen(3.0 if effort.quick else 30.0)


def _costs(effort: Effort) -> None:
    """Compare processor time in many short rounds in turn: what else runs is not in it."""
    rows = []
    for name, command in COMMANDS.items():
        works = {
            "alone": _ready(issue_card("juki-v1", seed=1)),
            "again": _ready(issue_card("juki-v1", seed=1)),
            "unseen": _on_bench(watched=False),
            "seen": _on_bench(watched=True),
        }
        found = _in_turn(works, command, 60 * effort.rounds)
        alone = found["alone"]
        above = statistics.median(
            one - base for one, base in zip(found["unseen"], alone, strict=True)
        )
        ratios = (
            statistics.median(one / base for one, base in zip(found[way], alone, strict=True))
            for way in ("again", "unseen", "seen")
        )
        shown = (f"{one:.2f} x" for one in ratios)
        rows.append((name, micro(statistics.median(alone)), *shown, micro(above)))
    table(
        "What the bench costs an exchange: processor time, medians of the rounds",
        ("command", "no bench", "no bench, again", "nobody looks", "page open", "nobody looks, +"),
        rows,
    )


def _in_turn(
    works: dict[str, Callable[[bytes], bytes]], command: bytes, rounds: int
) -> dict[str, list[float]]:
    """Return the processor seconds of one call in each round, by the way it was called."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, send in works.items():
            begun = time.thread_time()
            for _ in range(_CALLS):
                send(command)
            found[name].append((time.thread_time() - begun) / _CALLS)
    return found


def _ready(card: Card) -> Callable[[bytes], bytes]:
    card.power_on()
    assert card.transmit(SELECT) == b"\x90\x00"
    return card.transmit


def _on_bench(*, watched: bool) -> Callable[[bytes], bytes]:
    bench = Bench([("card", issue_card("juki-v1", seed=1))])
    if watched:
        bench.begin_looking()
    [port] = bench.ports
    port.power_on()
    assert port.transmit(SELECT) == b"\x90\x00"
    return port.transmit


# -- how soon it is seen ---------------------------------------------------------------------------


def _seen(seconds: float) -> None:
    found = shutil.which("chromium")
    if found is None:
        print("\nchromium is not installed: how soon an exchange is seen is not measured")
        return
    rows = [_row(rate, seconds, _delays(found, rate, seconds)) for rate in RATES]
    head = ("a second", "exchanges", "median", "99 of 100", "longest", "later", "target")
    table("How soon the page shows an exchange", head, rows)


def _delays(chromium: str, rate: int, seconds: float) -> list[float]:
    """Return how long each exchange took to be seen, in seconds, in their order of length."""
    from playwright.sync_api import sync_playwright

    from tests.unit.bench.conftest import open_page

    with sync_playwright() as playwright, open_page(issue_card("juki-v1", seed=1)) as page:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        tab = browser.new_page()
        tab.goto(page.server.link)
        tab.locator("#connection.connected").wait_for()
        tab.evaluate(_WATCH)
        sent = _talk(page.slots[0]._card, page.bench, rate, seconds)
        tab.wait_for_timeout(500)
        shown: list[list[Any]] = tab.evaluate("() => window.seen")
        browser.close()
    delays, before = [], 0
    for number, at in shown:
        delays += [at / 1000 - sent[one] for one in range(before + 1, number + 1) if one in sent]
        before = max(before, number)
    return sorted(delays) or [float("inf")]


def _talk(card: Any, bench: Bench, rate: int, seconds: float) -> dict[int, float]:
    """Send at the rate; return when each exchange was sent, by its number."""
    card.power_on()
    sent: dict[int, float] = {}
    begun = time.monotonic()
    while (now := time.monotonic() - begun) < seconds:
        while len(sent) < now * rate:
            at = time.time()
            card.transmit(COMMANDS["READ RECORD, refused"])
            sent[bench.exchanges.last] = at
        time.sleep(0.001)
    return sent


def _row(rate: int, seconds: float, delays: list[float]) -> tuple[str, ...]:
    late = sum(delay > SHOWN_WITHIN for delay in delays)
    longest = statistics.median(delays), delays[int(0.99 * len(delays))], delays[-1]
    return (
        f"{rate:,}",
        f"{len(delays):,}",
        *(f"{1000 * one:,.0f} ms" for one in longest),
        f"{100 * late / len(delays):.1f} %",
        verdict(not late, f"{1000 * SHOWN_WITHIN:.0f} ms"),
    )
