"""A bench without its page: its slots have no reader, and what it shows is read as a page would."""

from __future__ import annotations

import json
from typing import Any

from jukicard import Card
from jukicard.cli.bench.bench import Bench
from jukicard.transport.slot import CardSlot
from jukicard.transport.tcp import TcpServer
from jukihost import TcpConnection
from tests.unit.bench.conftest import Page

SELECT = bytes.fromhex("00A4040C0AD3921000310001010401")
VERIFY = bytes.fromhex("0020009C04") + b"1234"
WRONG = bytes.fromhex("0020009C04") + b"9999"
READ_CODE = bytes.fromhex("00B2011400")


def said(page: Page, *commands: bytes) -> list[bytes]:
    """What the card in the first slot of a page answers to a terminal on TCP."""
    with TcpConnection("127.0.0.1", page.slots[0].port) as terminal:
        return [terminal.transmit(command) for command in commands]


class Slot(TcpServer):
    """A slot that nobody connects to: what the bench does is done without a reader."""

    def start(self) -> None:
        pass

    @property
    def card(self) -> CardSlot:
        return self._card


def bench_with(*cards: Card) -> tuple[Bench, list[Slot]]:
    bench = Bench([(f"card {at}", card) for at, card in enumerate(cards)])
    slots = [Slot(port, index=at, on_status=bench.tell) for at, port in enumerate(bench.ports)]
    bench.serve(slots)
    return bench, slots


def is_in(slot: Slot) -> bool:
    return slot.occupied


def rows(bench: Bench, since: int = 0) -> list[dict[str, Any]]:
    return [json.loads(text) for text in bench.exchanges.since(since)[0]]


def look(bench: Bench, card: int = 1) -> dict[str, Any]:
    bench.refresh()
    found: dict[str, Any] = json.loads(json.dumps(bench.looks()[card][1]))
    return found


def pin(bench: Bench, card: int = 1) -> dict[str, Any]:
    [juki] = [one for one in look(bench, card)["applications"] if one["kind"] == "juki"]
    return next(one for one in juki["files"] if one["fid"] == "001C")
