"""Where cards of a list are made: an office opened for a process, its feeds or reader, the list."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from jukihost.cli import output
from jukihost.cli.counter.opening import opened_office
from jukihost.cli.counter.settings import Settings
from jukihost.cli.output import UsageError
from jukihost.errors import NoCard
from jukihost.issuing import Feeds, ReaderSource, ReturningSource
from jukihost.texts import said
from jukihost.workflows import Bench, Desk, Duty, PeopleFile, StationClosed

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from jukihost.connection import Connection
    from jukihost.models import Awaited


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Who has logged in, as another process of the same terminal is told."""

    operator: str
    since: datetime
    card: bytes | None

    def duty(self) -> Duty:
        """Return the duty; each procedure asks the ledger for right, hours and card anew."""
        return Duty(self.operator, self.since, card=self.card)


@dataclass(frozen=True, slots=True)
class OfficeStation:
    """What a process of this terminal opens: it gets passphrases in memory, and no keys."""

    settings: Settings
    passphrases: dict[str, str] = field(repr=False)
    on_duty: OnDuty
    people: PeopleFile
    feeds: tuple[tuple[str, int], ...]
    first: int = 0

    @contextmanager
    def opened(self, place: int) -> Iterator[Bench]:
        """Open the office, take the feed of this place first, and read the list."""
        arguments = argparse.Namespace(passphrase_file=None, keys=None, kept=self.passphrases)
        mine = (self.first + place) % len(self.feeds)
        with ExitStack() as stack:
            try:
                office = stack.enter_context(opened_office(arguments, self.settings, quiet=True))
            except UsageError as why:
                raise StationClosed(str(why)) from None
            people = self.people.read()
            cards = stack.enter_context(closing(Feeds(self.feeds[mine:] + self.feeds[:mine])))
            yield Bench(Desk(office, self.on_duty.duty()), cards, people)


@contextmanager
def cards_of(arguments: argparse.Namespace) -> Iterator[ReturningSource]:
    """Give the feeds or the reader that the arguments name."""
    if arguments.reader:
        yield reader_source(arguments)
        return
    with closing(Feeds([(host, port) for host, port, _ in arguments.feed])) as feeds:
        yield feeds


def reader_source(arguments: argparse.Namespace) -> ReturningSource:
    """Return the reader into which somebody, or a feeder, puts the next card."""
    from jukihost.transport.pcsc.connection import AtClose, PcscConnection

    wanted = arguments.reader
    reader: Any = int(wanted) if wanted.isascii() and wanted.isdigit() else wanted

    def connect(wait: float) -> Connection:
        return PcscConnection(reader, wait=wait, at_close=AtClose.POWER_OFF)

    if not attended(arguments):
        return Feeder(connect, lambda awaited: True, wait=arguments.wait)
    return ReaderSource(connect, _ask, wait=arguments.wait)


def attended(arguments: argparse.Namespace) -> bool:
    """Tell whether somebody stands at the reader, who can be asked for a card."""
    return bool(arguments.reader) and not arguments.feeder and sys.stdin.isatty()


def desk_of(arguments: argparse.Namespace, desk: Desk) -> Desk:
    """Return the desk at which cards are made: where nobody stands at it, it asks nobody.

    A card that is gone half-way is then left, and made whole when it comes again.
    """
    return desk if attended(arguments) else Desk(desk.office, desk.duty)


class Feeder(ReaderSource):
    """A reader with a feeder, or a pile beside it: a card that was begun comes when it comes."""

    def connect(self, number: bytes) -> AbstractContextManager[Connection]:
        """Say that it is made when it comes. NoCard."""
        raise NoCard(
            f"the card {number.hex().upper()} was begun for this row: it is made when it comes, "
            "now or in another run"
        )


def _ask(awaited: Awaited) -> bool:
    """Have a person put a card in; False where they have no more, or nobody types."""
    from jukihost.cli.bounded import NothingCame, bounded

    output.say(f"{awaited}. {said('Put it in and press Enter, or type q where there is none: ')}")
    try:
        with bounded():
            return input().strip() == ""
    except (EOFError, UnicodeDecodeError, NothingCame):
        return False
