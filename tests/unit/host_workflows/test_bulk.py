"""Bulk issue in one process: bad rows, rows bound to cards, and every place where it is cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from jukicard.testing import BlankCards
from jukihost.cli.station import Feeder
from jukihost.connection import Connection
from jukihost.errors import TransportError
from jukihost.issuing import IssueEnded
from jukihost.ledger import (
    By,
    LedgerState,
    OperatorRefused,
    PersonAct,
    Reason,
    Stopped,
    cards_of,
    claims_of_holder,
    move_card,
    stop,
)
from jukihost.register import RestrictionKind, restrict
from jukihost.workflows import (
    Alone,
    Bench,
    Bins,
    BinsTaken,
    BinsUnwritable,
    BulkIssued,
    CardAtDesk,
    CardsEnded,
    Desk,
    NotOnDuty,
    Outcome,
    PeopleList,
    Run,
    TooManyFailures,
    check_people,
    hand_over,
    read_people,
)
from tests.support.host.counters import AUDITOR, CLERK, Clerk, Counter, Reader
from tests.support.host.issuing_office import NEW, PHOTO, WORD, Office, office, quick_keys
from tests.support.host.ledgers import FIRST

__all__ = ["office", "quick_keys"]
pytestmark = pytest.mark.usefixtures("quick_keys")


class Tray:
    """Blank cards in this process, whose connections are cut where a test wants it."""

    def __init__(self, count: int, seed: str = "tray") -> None:
        self.blanks = BlankCards("juki-v1", count, seed=seed)
        self.cut_at: int | None = None
        self.acts = False
        self.error: BaseException | None = None
        self.given: list[str] = []
        self.aside = ExitStack()

    def put_aside(self, card: ExitStack) -> None:
        self.aside.push(card)

    def next_card(self) -> AbstractContextManager[Connection] | None:
        number = self.blanks.next_name()
        if number is None:
            return None
        self.given.append(number)
        return self._in_reader(number)

    def connect(self, number: bytes) -> AbstractContextManager[Connection]:
        self.given.append(number.hex().upper())
        return self._in_reader(number.hex().upper())

    @contextmanager
    def _in_reader(self, number: str) -> Iterator[Connection]:
        card = self.blanks.open(number)
        try:
            reader = Reader(card)  # type: ignore[arg-type]
            if self.cut_at is not None:
                error = self.error
                reader.pull(
                    self.cut_at, acts=self.acts, error=None if error is None else lambda: error
                )
            with reader:
                yield reader
        finally:
            self.blanks.release(number, card)


class Shift:
    """A run over a list in a town's office."""

    def __init__(self, counter: Counter, folder: Path, count: int = 3) -> None:
        self.counter, self.folder = counter, folder
        self.holders = [
            counter.holder,
            *(counter.another_resident(f"p{n}") for n in range(count - 1)),
        ]
        self.tray = Tray(count + 3)
        self.outcomes: list[Outcome] = []

    def people(self, *lines: str, head: str = "holder,papers") -> PeopleList:
        rows = lines or tuple(f"{one},photo" for one in self.holders)
        return read_people("\n".join((head, *rows)).encode(), self.folder)

    def run(
        self,
        people: PeopleList | None = None,
        *,
        operator: str = CLERK,
        name: str = "people",
        **how: int,
    ) -> BulkIssued:
        people = people or self.people()
        desk = self.counter.desk(operator)
        checked = check_people(desk, people)
        self.outcomes = []
        with Bins(self.folder, name) as bins, self.tray.aside:
            crew = Alone(Bench(desk, self.tray, people))
            told = lambda progress: self.outcomes.append(progress.outcome)  # noqa: E731
            return Run(checked, crew, bins, told=told, **how).run()

    def done(self, name: str = "people") -> list[str]:
        return (self.folder / f"{name}.done.csv").read_text().splitlines()[1:]

    def errors(self, name: str = "people") -> list[str]:
        return (self.folder / f"{name}.errors.csv").read_text().splitlines()[1:]

    def check_each_has_one(self) -> None:
        """Each holder has one card, whole, claimed and done, that tells their code to their PIN."""
        numbers = set()
        for holder in self.holders:
            with self.counter.database.read() as connection:
                [card] = [
                    one for one in cards_of(connection, holder) if one.state is LedgerState.ISSUING
                ]
                claims = [one for one in claims_of_holder(connection, holder) if one.done]
            assert [one.card for one in claims] == [card.number]
            numbers.add(card.number)
            with self.tray.blanks.connect(card.number) as reader:
                desk = self.counter.desk(talk=Clerk(NEW, WORD))
                hand_over(desk, CardAtDesk(reader), PHOTO)
        assert len(numbers) == len(self.holders)
        made = [one for one in self.counter.told() if one[0] == "issue" and one[1] == "done"]
        assert len(made) == len(self.holders)


@pytest.fixture
def shift(office: Office, tmp_path: Path) -> Shift:
    return Shift(office.counter, tmp_path)


def test_good_rows_are_issued_and_bad_ones_are_told(shift: Shift) -> None:
    counter = shift.counter
    quiet = counter.another_resident("quiet", notified=False)
    hidden = counter.another_resident("hidden", household=99)
    young = counter.another_resident("young", born=date(2005, 1, 1))
    has = counter.another_resident("has")
    counter.issued_card(has, "12345678903")
    gone = counter.another_resident("gone", residence_until=date(2014, 3, 1))
    with counter.database.begin() as connection:
        by = counter.desk().by()
        restrict(connection, [hidden], RestrictionKind.VIOLENCE, date(2015, 1, 1), by)
    first = shift.holders[0]
    people = shift.people(
        *(f"{one},photo" for one in shift.holders),
        f"{quiet},photo",
        f"{hidden},photo",
        f"{young},photo",
        f"{has},photo",
        f"{gone},photo",
        "999,photo",
        f"{first},photo",
        "12345678903,photo,more",
        "渡邉,photo",
        f"{first + 5000},nonsense",
        "",
        f"{first + 6000},",
    )
    assert shift.run(people) == BulkIssued(made=3, before=0, failed=11, left=0)
    codes = {int(line.split(",")[0]): line.split(",")[2] for line in shift.errors()}
    assert codes == {
        5: "not_notified", 6: "address_restricted", 7: "impossible", 8: "has_card",
        9: "impossible", 10: "unknown_resident", 11: "row_refused", 12: "row_refused",
        13: "row_refused", 14: "row_refused", 16: "unknown_resident",
    }  # fmt: skip
    left = "\n".join(shift.errors() + shift.done())
    assert "渡邉" not in left
    assert "12345678903" not in left
    assert "nonsense" not in left
    assert shift.done() == [f"{row},{one},now" for row, one in enumerate(shift.holders, 2)]
    shift.check_each_has_one()


def test_a_run_again_makes_nothing_twice(shift: Shift) -> None:
    assert shift.run().made == 3
    assert shift.run() == BulkIssued(made=0, before=3, failed=0, left=0)
    assert [line.rpartition(",")[2] for line in shift.done()] == ["before"] * 3
    shift.check_each_has_one()
    assert shift.run() == BulkIssued(made=0, before=3, failed=0, left=0)  # handed over since
    other = shift.people(*(f"{one},photo" for one in reversed(shift.holders)))
    assert shift.run(other) == BulkIssued(made=0, before=0, failed=3, left=0)


CUTS = range(0, 60, 7)


@pytest.mark.parametrize("acts", [False, True])
@pytest.mark.parametrize("cut", CUTS)
def test_cut_anywhere_the_next_run_goes_on_with_the_same_card(
    shift: Shift, cut: int, acts: bool
) -> None:
    shift.tray.cut_at, shift.tray.acts = cut, acts
    begun = shift.run(stop_after=0)
    assert begun.made + begun.failed + begun.left == 3
    with shift.counter.database.read() as connection:
        bound = {one: claims_of_holder(connection, one) for one in shift.holders}
    shift.tray.cut_at = None
    shift.run()
    with shift.counter.database.read() as connection:
        for holder, claims in bound.items():
            if claims:
                assert claims_of_holder(connection, holder)[0].card == claims[0].card
    shift.check_each_has_one()


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("cut", CUTS)
def test_killed_anywhere_the_card_that_comes_again_is_its_rows(shift: Shift, cut: int) -> None:
    shift.tray.cut_at, shift.tray.error = cut, Killed()
    for _ in range(3):
        try:
            shift.run()
        except Killed:
            continue
    shift.tray.cut_at = None
    backwards = shift.people(*(f"{one},photo" for one in reversed(shift.holders)))
    assert shift.run(backwards).failed == 0  # the cards come in another order than the rows
    shift.check_each_has_one()


def test_a_card_of_another_list_or_of_the_counter_is_put_aside(shift: Shift) -> None:
    shift.tray.cut_at = 12
    other = shift.people(f"{shift.counter.another_resident('else')},photo")
    shift.run(other, name="other")
    shift.tray.cut_at = None

    assert shift.run().made == 3
    shift.check_each_has_one()
    assert shift.run(other, name="other").made == 1


def test_after_some_failures_in_a_row_it_stops(shift: Shift) -> None:
    shift.tray.cut_at = 3
    with pytest.raises(TooManyFailures, match="2 rows failed"):
        shift.run(stop_after=2)
    assert len(shift.outcomes) == 2
    shift.tray.cut_at = None
    assert shift.run().made == 3


def test_without_cards_it_ends_in_words_and_goes_on_later(shift: Shift) -> None:
    shift.tray = Tray(2)
    with pytest.raises(CardsEnded, match="no more blank cards"):
        shift.run()
    assert len(shift.done()) == 2
    shift.tray.blanks._count = 9
    assert shift.run() == BulkIssued(made=1, before=2, failed=0, left=0)


def test_the_reader_goes_away(shift: Shift) -> None:
    def gone() -> None:
        raise TransportError("the reader is gone")

    shift.tray.next_card = gone  # type: ignore[method-assign]
    with pytest.raises(CardsEnded, match="the reader is gone"):
        shift.run()


@pytest.mark.parametrize("after", [0, 1, 2])
def test_p22_an_emergency_stop_ends_it_and_it_goes_on_after(shift: Shift, after: int) -> None:
    counter = shift.counter
    people = shift.people()
    desk = counter.desk()
    checked = check_people(desk, people)
    seen: list[Outcome] = []

    def told(progress: object) -> None:
        seen.append(progress.outcome)  # type: ignore[attr-defined]
        if len(seen) == after:
            turn()

    def turn() -> None:
        with counter.database.begin() as connection:
            by = By.at_terminal(counter.database, FIRST.identifier)
            stop(connection, by, "admin-2", "rehearsal")

    if not after:
        turn()
    with Bins(shift.folder, "people") as bins, pytest.raises(Stopped):
        Run(checked, Alone(Bench(desk, shift.tray, people)), bins, told=told).run()
    assert len(seen) == after
    with pytest.raises(Stopped):
        shift.run()
    from jukihost.ledger import lift_stop

    with counter.database.begin() as connection:
        by = By.at_terminal(counter.database, FIRST.identifier)
        lift_stop(connection, by, "admin-2", "over")
    shift.run()
    shift.check_each_has_one()


def test_p24_after_their_time_no_juki_card_is_issued(shift: Shift) -> None:
    shift.counter.clock.put(datetime(2015, 12, 29, 1, tzinfo=UTC))
    with pytest.raises(IssueEnded, match="2015"):
        shift.run()
    assert not list(shift.folder.glob("*.csv"))


def test_p30_without_an_operator_who_may_nothing_is_done(shift: Shift) -> None:
    with pytest.raises(OperatorRefused):
        shift.run(operator=AUDITOR)
    with pytest.raises(NotOnDuty):
        check_people(Desk(shift.counter.office), shift.people())
    assert shift.tray.given == []


def test_a_broken_card_is_reported_damaged_and_the_row_gets_another(shift: Shift) -> None:
    shift.tray.cut_at = 20
    with pytest.raises(TooManyFailures):
        shift.run(stop_after=1)
    shift.tray.cut_at = None
    counter = shift.counter
    with counter.database.begin() as connection:
        cards = cards_of(connection, shift.holders[0])
        [broken] = [one for one in cards if one.state is LedgerState.ISSUING]
        by = counter.desk().by()
        move_card(connection, broken, PersonAct.REPORT_DAMAGED, Reason.BROKEN, by)
    assert shift.run().made >= 2


def test_two_runs_do_not_write_the_same_files_and_do_not_make_a_card_twice(shift: Shift) -> None:
    with Bins(shift.folder, "people"), pytest.raises(BinsTaken):
        shift.run()
    desk, people = shift.counter.desk(), shift.people()
    crews = [iter(Alone(Bench(desk, shift.tray, people)).outcomes((2, 3, 4))) for _ in range(2)]
    outcomes = [next(crew) for _ in range(3) for crew in crews]
    assert [one.made for one in outcomes] == [True] * 6
    assert [one.before for one in outcomes] == [False, True] * 3
    shift.check_each_has_one()


def test_a_file_of_something_else_is_left_alone(shift: Shift) -> None:
    other = shift.folder / "people.errors.csv"
    other.write_text("precious")
    with pytest.raises(BinsUnwritable, match=r"people\.errors\.csv"):
        shift.run()
    assert other.read_text() == "precious"
    assert shift.tray.given == []


def test_a_full_disk_ends_it_and_nothing_is_lost(
    shift: Shift, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import os

    from jukihost.workflows.bulk import bins

    written = bins._write

    def full(descriptor: int, cells: tuple[object, ...]) -> None:
        if cells[0] == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written(descriptor, cells)

    monkeypatch.setattr(bins, "_write", full)
    with pytest.raises(BinsUnwritable, match="No space left"):
        shift.run()
    assert len(shift.outcomes) == 2
    monkeypatch.undo()
    shift.run()
    assert len(shift.done()) == 3
    shift.check_each_has_one()


def test_cards_are_put_into_a_reader_in_any_order(shift: Shift) -> None:
    """One that was begun is made for its row when it comes, whichever row waits."""
    blanks = shift.tray.blanks
    shift.tray.cut_at = 20
    with pytest.raises(TooManyFailures):
        shift.run(stop_after=1)
    begun = shift.tray.given[0]
    shift.tray.aside.close()
    names = [str(blanks.next_name()) for _ in range(3)]
    assert names[0] == begun
    pile = [blanks.open(names[place]) for place in (1, 0, 2)]

    def put_in(wait: float) -> Reader:
        return Reader(pile.pop(0) if len(pile) > 1 else pile[0])  # type: ignore[arg-type]

    source = Feeder(put_in, lambda awaited: True, wait=0.0)
    desk, people = shift.counter.desk(), shift.people()
    with Bins(shift.folder, "people") as bins:
        found = Run(check_people(desk, people), Alone(Bench(desk, source, people)), bins).run()
    assert (found.made, found.failed, found.left) == (3, 0, 0)
