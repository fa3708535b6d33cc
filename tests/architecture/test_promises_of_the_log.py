"""What was promised of the log of uses, beside test_promises.py: docs/card.md, section 1."""

from __future__ import annotations

import json
import runpy
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from jukihost.clock import JAPAN, MovableClock
from jukihost.database import open_database, upgrade_database
from jukihost.log import TooEarly, Use, prune_log
from tests.support.host.storedtown import StoredTown
from tests.support.host.town import CODES, LOG_KEY, POLICY, WITNESS_KEY

ROOT = Path(__file__).parents[2]
APRIL = datetime(2015, 4, 1, 10, tzinfo=JAPAN)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[StoredTown]:
    """A town whose counter has used the data of two residents, a day ago."""
    clock = MovableClock(APRIL)
    upgrade_database(tmp_path / "terminal.db")
    with open_database(tmp_path / "terminal.db", clock=clock, terminal="counter-1") as database:
        made = StoredTown(database, clock, tmp_path / "witness.json")
        made.use(CODES[0], CODES[1], CODES[0])
        made.end_day()
        yield made


def test_p17_who_when_and_which_terminal_is_on_record_audited_and_kept_seven_years(
    town: StoredTown,
) -> None:
    use = Use.parse(town.entries()[0])
    assert (use.operator, use.terminal, use.at) == ("operator-1", "counter-1", APRIL)
    assert town.verify().problems == ()
    with pytest.raises(TooEarly):
        prune_log(town.database, years=6)
    town.clock.put(datetime(2022, 4, 1, 23, 59, tzinfo=JAPAN))
    assert prune_log(town.database) is None
    assert set(town.entries()) == {0, 1, 2, 3}
    town.clock.move(timedelta(minutes=1))
    assert prune_log(town.database)
    assert set(town.entries()) == {3, 4}  # the day's root, and that it was pruned
    town.publish()
    assert town.verify().problems == ()
    town.spoil("DELETE FROM log_entries WHERE leaf_index = 3")
    assert town.verify().problems == (
        "4 entries below 4 are gone, and the prunings say 3: removed",
    )


def test_p18_a_resident_who_asks_is_told_who_was_given_their_data(town: StoredTown) -> None:
    told = bytes(town.disclosure(CODES[0]))
    verify = runpy.run_path(str(ROOT / "examples" / "verify_disclosure.py"))["check"]
    said = verify(json.loads(told), CODES[0].reveal(), str(LOG_KEY), str(WITNESS_KEY))
    assert (
        said[:2]
        == ["2015-04-01T01:00:00.000000Z the town's counter: copy of the record (done)"] * 2
    )
    assert any("Nothing queued when" in line for line in said)
    assert len(town.disclosure(CODES[1]).check(CODES[1], POLICY).uses) == 1
    town.publish()
    uses = town.disclosure(CODES[0]).check(CODES[0], POLICY).uses
    assert [use.purpose for use in uses][2:] == ["disclosure of the log to the resident"]
