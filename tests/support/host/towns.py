"""Two towns for tests, each with a counter, a log and a database, and their prefecture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from jukihost.clock import MovableClock
from jukihost.database import Database, open_database
from jukihost.register import LocalRegisters
from jukihost.workflows import noting
from tests.support.host.counters import Counter
from tests.support.host.databases import made
from tests.support.host.residents import OTHER_TOWN, RESIDENT, TOWN, another
from tests.support.host.town import PSEUDONYMS


@dataclass
class Towns:
    """A town with a resident and their card, another town, and what the prefecture has."""

    here: Counter
    there: Counter
    prefecture: Database
    registers: LocalRegisters

    def visited(self) -> Counter:
        """The other town's counter, at which the resident stands with their card."""
        visited = copy(self.there)
        visited.card, visited.number = self.here.card, self.here.number
        return visited


@contextmanager
def two_towns(
    request: pytest.FixtureRequest, folder: Path, clock: MovableClock, kind: str, **profile: Any
) -> Iterator[Towns]:
    """Make two towns whose counters reach each other; both have databases of a kind."""
    with ExitStack() as stack:
        here, there, prefecture = (
            stack.enter_context(
                open_database(
                    stack.enter_context(made(each, request, folder)),
                    clock=clock,
                    terminal=terminal,
                )
            )
            for each, terminal in (
                (kind, "counter-1"),
                (kind, "osaka-3"),
                ("sqlite", "prefecture-1"),
            )
        )
        registers = LocalRegisters(
            {TOWN: here, OTHER_TOWN: there},
            prefecture,
            noting(dict.fromkeys((TOWN, OTHER_TOWN, ""), PSEUDONYMS)),
        )
        neighbour = replace(RESIDENT, **another("of the other town"), municipality=OTHER_TOWN)
        towns = Towns(
            Counter(here, clock, **profile),
            Counter(there, clock, town=OTHER_TOWN, resident=neighbour, **profile),
            prefecture,
            registers,
        )
        for counter in (towns.here, towns.there):
            counter.office = replace(counter.office, registers=registers)
        yield towns
