"""A terminal's ledger beside the cards of a bench, for a real browser."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from jukicard import issue_card
from jukicard.cli.bench.pane import Pane
from jukihost.clock import MovableClock
from jukihost.database import Database, open_database, upgrade_database
from jukihost.ledger import STANDINGS, By, find_card, open_intent
from jukihost.ledgerview import LedgerView
from tests.support.host.databases import NOON
from tests.support.host.ledgers import card_that_is, staffed
from tests.support.host.storedtown import StoredTown
from tests.support.host.town import CODES
from tests.unit.bench.conftest import Page, open_page

SCRIPT: Final = "<img src=x onerror=hit=1><script>hit=1</script>\"'`--><svg/onload=hit=1>{0}"


@dataclass
class Office:
    """A page with the ledger of a terminal on it, and the terminal's own hand on that ledger."""

    page: Page
    file: Path
    database: Database

    def intent(self, number: int, purpose: str, terminal: str = "counter-1") -> None:
        """Begin something on a card, and be cut off."""
        by = By("clerk-1", terminal, NOON)
        with self.database.begin() as connection:
            card = find_card(connection, number.to_bytes(8))
            open_intent(connection, card, number.to_bytes(16), purpose, by)


@contextlib.contextmanager
def open_office(folder: Path, terminal: str = "counter-1") -> Iterator[Office]:
    """Serve a page for two cards and a ledger with one card in each state, and a log."""
    file = folder / "terminal.db"
    upgrade_database(file)
    clock = MovableClock(NOON)
    with contextlib.ExitStack() as stack:
        database = stack.enter_context(open_database(file, clock=clock, terminal=terminal))
        staffed(database)
        for number, standing in enumerate(STANDINGS, 0x2A01):
            card_that_is(database, standing, number)
        town = StoredTown(database, clock, folder / "witness.json")
        town.use(*CODES)
        town.publish()
        clock.move(timedelta(minutes=5))
        town.use(CODES[0])
        pane = stack.enter_context(Pane(LedgerView(str(file))))
        cards = issue_card("juki-v1", seed=1), issue_card("mynumber", seed=1)
        yield Office(stack.enter_context(open_page(*cards, pane=pane)), file, database)
