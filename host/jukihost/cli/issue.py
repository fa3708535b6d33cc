"""`jukihost issue`: cards for a list of people, one after another or several at a time."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jukihost.cli import output
from jukihost.cli.arguments import Commands, add_command, add_json, add_passphrase, named_address
from jukihost.cli.output import NO_CARD, OK, REFUSED, UNWRITTEN, USAGE, ToldInterrupt, UsageError

if TYPE_CHECKING:
    from jukihost.cli.bulktold import BulkTeller
    from jukihost.cli.counter.at import AtCounter
    from jukihost.errors import CardError
    from jukihost.workflows import Crew, PeopleChecked, PeopleFile, PeopleList, Scheduler

_MAX_PEM: Final = 64 << 10
EPILOG: Final = """\
The list is a CSV file with the column `holder`, the number of a record in the register; nothing
personal stands in it. `jukihost issue --example` prints one. Each row is bound to a card in the
ledger before the card is touched: a run that was cut off is begun again as it was, and goes on.

examples:
  jukihost issue --example > people.csv
  jukihost issue --from people.csv --dry-run --office office.toml --operator-reader 1
  jukihost issue --from people.csv --feed 127.0.0.1:4000 --feed 127.0.0.1:4001 --office office.toml
  jukihost issue --from people.csv --reader 0 --stop-after 3 --office office.toml
  jukihost issue --from people.csv --encoding cp932 --feed 127.0.0.1:4000 --json
  jukihost issue --from people.csv --serve tcp://127.0.0.1:8786 --feed 127.0.0.1:4000
  jukihost issue --from people.csv --scheduler tcp://127.0.0.1:8786

Beside the list, or in the folder of --bins, are left: NAME.done.csv, the rows whose cards are made,
and NAME.errors.csv, the others with the reason. The cards are handed over later, each to its
holder, who types the PIN then.

With --json every line is one JSON object: lines of the type `progress`, then exactly one of the
type `result`, errors too.

exit codes:
  0  each row has its card
  1  some rows have none: they were refused, failed or are left; the errors say why
  2  wrong usage, or a file, list, key store or library that cannot be used; nothing was done
  3  no blank card, no reader, or the connection failed; what was made is made
  4  the files of what is done could not be written; what was made stands in the ledger
"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "issue", "make cards for a list of people", _issue)
    parser.epilog = EPILOG
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--from", dest="people", metavar="FILE", help="the list, a CSV file")
    what.add_argument("--example", action="store_true", help="print a list to begin with, and end")
    parser.add_argument(
        "--encoding", choices=("utf-8", "cp932"), default="utf-8",
        help="what the list is written in (default: %(default)s); Shift_JIS is cp932",
    )  # fmt: skip
    parser.add_argument(
        "--dry-run", action="store_true",
        help="check every row and what issuing needs; touch no card and write no file",
    )  # fmt: skip
    parser.add_argument(
        "--stop-after", metavar="N", type=_count, default=5,
        help="end when so many rows have failed one after another, 0 never (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--bins", metavar="FOLDER", help="where the files of what is done go (default: to the list)"
    )
    _add_cards(parser)
    _add_fleet(parser)
    _add_office(parser)


def _add_cards(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--feed", metavar="HOST:PORT", type=named_address, action="append", default=[],
        help="a program that feeds blank cards (jukicard feed); one for each process",
    )  # fmt: skip
    parser.add_argument("--reader", metavar="R", help="the PC/SC reader into which cards are put")
    parser.add_argument(
        "--feeder", action="store_true", help="a feeder puts cards into the reader: ask nobody"
    )
    parser.add_argument(
        "--wait", metavar="SECONDS", type=float, default=60.0,
        help="how long to wait for a card in the reader (default: %(default)g)",
    )  # fmt: skip
    parser.add_argument(
        "--processes", metavar="N", type=_count, default=0,
        help="how many make cards from feeds at a time (default: one a core, one a feed at most)",
    )  # fmt: skip


def _add_fleet(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--scheduler", metavar="ADDRESS",
        help="have the machines that serve a Dask scheduler make the cards, tcp:// or tls://",
    )  # fmt: skip
    where.add_argument(
        "--serve", metavar="ADDRESS", help="make cards here for whoever gives a scheduler the rows"
    )
    parser.add_argument("--tls-ca", metavar="FILE", help="of tls://: who certifies the machines")
    parser.add_argument("--tls-cert", metavar="FILE", help="of tls://: this machine's certificate")
    parser.add_argument("--tls-key", metavar="FILE", help="of tls://: its key")


def _add_office(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--office", metavar="FILE", help="the office's file (jukihost counter)")
    parser.add_argument("--operator-reader", metavar="R", help="the reader with the operator card")
    parser.add_argument(
        "--operator-tcp", metavar="HOST:PORT[#CARD]", type=named_address,
        help="an operator card that listens on TCP",
    )  # fmt: skip
    parser.add_argument(
        "--script", metavar="FILE", help="answer what is asked from a file of JSON lines"
    )
    add_passphrase(parser)
    add_json(parser)
    parser.set_defaults(
        tcp=None, vpcd=None, vpcd_dial=None, allow_remote=False, trace=False, record=None,
        record_all=False, second_reader=None, second_tcp=None, pin_entry="auto",
    )  # fmt: skip


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise argparse.ArgumentTypeError("a number, 0 or more")
    return int(text)


def _issue(arguments: argparse.Namespace) -> int:
    from jukihost.cli.bulktold import teller_for

    arguments.teller = teller = teller_for(arguments.json)
    with _telling(arguments, teller) as codes, teller:
        codes.append(_example() if arguments.example else _run(arguments, teller))
    return codes[-1]


def _example() -> int:
    import jukihost.database

    _ = jukihost.database.metadata  # or it says which extra is missing
    from jukihost.workflows.bulk.people import EXAMPLE

    print(EXAMPLE, end="")
    return OK


def _run(arguments: argparse.Namespace, teller: BulkTeller) -> int:
    from jukihost.cli.counter.at import at_counter
    from jukihost.workflows import PeopleFile, check_people

    arguments.kept = {}
    scheduler = _scheduler(arguments)
    file = PeopleFile(Path(arguments.people), arguments.encoding)
    people = file.read()
    _check_cards(arguments)
    with at_counter(arguments) as at:
        at.settings.need("issuer", "authority")
        checked = check_people(at.desk, people)
        if arguments.dry_run:
            teller.checked(checked)
            return REFUSED if checked.refused else OK
        file = PeopleFile(file.path, file.encoding, people.batch)
        if arguments.serve:
            return _serve(arguments, at, people, scheduler)
        return _make(
            arguments, file, checked, teller, _crew(arguments, at, file, people, scheduler)
        )


def _scheduler(arguments: argparse.Namespace) -> Scheduler | None:
    """Return the scheduler that the arguments name. SchedulerRefused, UsageError."""
    from jukihost.workflows import Scheduler

    files = arguments.tls_ca, arguments.tls_cert, arguments.tls_key
    for path, what in zip(files, ("authority's certificate", "certificate", "key"), strict=True):
        if path is not None:
            output.read_file(path, f"the {what}", _MAX_PEM)
    address = arguments.scheduler or arguments.serve
    return None if address is None else Scheduler(address, *files)


def _serve(
    arguments: argparse.Namespace, at: AtCounter, people: PeopleList, scheduler: Scheduler | None
) -> int:
    """Make cards for whoever gives the scheduler rows, until it goes away."""
    from jukihost.cli.station import cards_of, desk_of
    from jukihost.workflows import Bench, serve

    assert scheduler is not None  # noqa: S101 - `--serve` names one
    output.say(f"making cards for {scheduler.address}; end it with Ctrl-C")
    with cards_of(arguments) as cards:
        serve(Bench(desk_of(arguments, at.desk), cards, people), scheduler)
    return OK


def _check_cards(arguments: argparse.Namespace) -> None:
    if arguments.dry_run:
        return
    if arguments.scheduler:
        if arguments.feed or arguments.reader:
            raise UsageError("with --scheduler cards are where --serve is: leave --feed out")
        return
    if bool(arguments.feed) == bool(arguments.reader):
        raise UsageError("say where blank cards come from: --feed, one or more, or --reader")
    if any(card for _, _, card in arguments.feed):
        raise UsageError("--feed names a port; which card comes is the feed's matter")


def _make(
    arguments: argparse.Namespace,
    file: PeopleFile,
    checked: PeopleChecked,
    teller: BulkTeller,
    crew: Crew,
) -> int:
    from jukihost.errors import CardError
    from jukihost.workflows import Bins, Run

    folder = Path(arguments.bins) if arguments.bins else file.path.parent
    with Bins(folder, file.path.stem) as bins:
        run = Run(checked, crew, bins, stop_after=arguments.stop_after, told=teller.outcome)
        teller.begun(checked)
        try:
            result = run.run()
        except CardError as why:
            teller.ended(run.result, why)
            return _code_of(why)
    teller.ended(result, None)
    return OK if result.failed == result.left == 0 else REFUSED


def _crew(
    arguments: argparse.Namespace,
    at: AtCounter,
    file: PeopleFile,
    people: PeopleList,
    scheduler: Scheduler | None,
) -> Crew:
    """Return who makes the cards: this process with a reader, one a feed, or other machines."""
    from jukihost.cli.station import OfficeStation, OnDuty, desk_of, reader_source
    from jukihost.workflows import Alone, Bench, Fleet, Processes

    if scheduler is not None:
        return Fleet(scheduler, people.batch)
    if arguments.reader:
        return Alone(Bench(desk_of(arguments, at.desk), reader_source(arguments), people))
    duty = at.desk.duty
    assert duty is not None  # noqa: S101 - at_counter has had an operator log in
    feeds = tuple((host, port) for host, port, _ in arguments.feed)
    station = OfficeStation(
        at.settings, arguments.kept, OnDuty(duty.operator, duty.since, duty.card), file, feeds
    )
    count = arguments.processes or min(len(feeds), os.cpu_count() or 1)
    return Processes(station, count)


@contextmanager
def _telling(arguments: argparse.Namespace, teller: BulkTeller) -> Iterator[list[int]]:
    """Tell what ended it before anything was made, and keep the exit code."""
    from jukihost.errors import CardError
    from jukihost.workflows import Explained, Retry, explain

    codes: list[int] = []
    try:
        yield codes
    except CardError as why:
        codes.append(_code_of(why))
        teller.failed(explain(why))
    except UsageError as why:
        if not arguments.json:
            raise
        codes.append(USAGE)
        teller.failed(Explained("usage", str(why), Retry.NEVER))
    except KeyboardInterrupt as stop:
        if arguments.json:
            teller.failed(Explained("interrupted", "interrupted", Retry.COUNTER))
        raise ToldInterrupt from stop


def _code_of(why: CardError) -> int:
    from jukihost.database import DatabaseError
    from jukihost.errors import TransportError
    from jukihost.keys import KeyCustodyError

    if isinstance(why, DatabaseError | KeyCustodyError):  # the extra may be what is missing
        return USAGE
    from jukihost.workflows import (
        BinsTaken,
        BinsUnwritable,
        CardsEnded,
        FleetExtraMissing,
        NoneFree,
        PeopleRefused,
        SchedulerRefused,
    )

    if isinstance(why, BinsUnwritable):
        return UNWRITTEN
    if isinstance(why, CardsEnded | NoneFree | TransportError):
        return NO_CARD
    if isinstance(why, PeopleRefused | BinsTaken | FleetExtraMissing | SchedulerRefused):
        return USAGE
    return REFUSED
