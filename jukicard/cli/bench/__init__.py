"""`jukicard bench`: cards in readers, and one local page that shows what is said to them.

The page needs the extra `web`; its modules are imported when the command runs.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from jukicard.cli.problems import UsageProblem, UserError
from jukicard.cli.serve import (
    add_card_arguments,
    add_place_arguments,
    card_sources,
    say,
    serve_tcp,
    serve_vpcd,
)

if TYPE_CHECKING:
    from jukicard.cli.bench.bench import Bench
    from jukicard.cli.bench.pane import Pane
    from jukicard.environment import RandomSource
    from jukicard.runtime.card import Card

EXAMPLES: Final = """\
  jukicard bench                              a juki-v1 card for pcscd with vsmartcard-vpcd
  jukicard bench --tcp 127.0.0.1:4000 juki-v1:1
                                              without pcscd: jukihost status --tcp 127.0.0.1:4000
  jukicard bench --tcp 127.0.0.1:4000 juki-v1:1 mynumber:1 operator:1
                                              three cards in three slots, each behind a port
  jukicard bench --image card.juki --port 8765
                                              a card from a file; the page is at this port
  jukicard bench --ledger terminal.db         with the ledger of a terminal beside the cards
open the link that it shows, in a browser of this machine; it is another one each time
"""


def add_bench_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `bench`."""
    add_card_arguments(command)
    add_place_arguments(command, default="localhost")
    command.add_argument(
        "--port",
        metavar="PORT",
        type=_port,
        default=0,
        help="the port of the page on 127.0.0.1 (default: any free one)",
    )
    command.add_argument(
        "--watch",
        action="store_true",
        help="keep exchanges also while no page is open (by default they are counted only)",
    )
    command.add_argument(
        "--ledger",
        metavar="ADDRESS",
        help="show the ledger of a terminal too, read only: the path of its database, or "
        "postgresql://USER@HOST/NAME (needs the extra `terminal`)",
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65_536):
        raise argparse.ArgumentTypeError("a port is a number from 1 to 65535")
    return int(text)


def bench(arguments: argparse.Namespace) -> int:
    """Serve the cards and the page until told to end."""
    _check_installed()
    from jukicard.cli.bench.bench import Bench
    from jukicard.cli.ending import ended_by_signals
    from jukicard.environment import CardEnvironment
    from jukicard.transport.contactless import as_found

    with ended_by_signals() as ending, contextlib.ExitStack() as stack:
        pane = None if arguments.ledger is None else _open_ledger(arguments.ledger, stack)
        sources = card_sources(arguments)
        cards: list[tuple[str, Card]] = [
            (source.label, source.make(arguments, stack)) for source in sources
        ]
        made = Bench(cards) if arguments.tcp is None else Bench(cards, as_found)
        if arguments.watch:
            made.begin_looking()
        _serve_cards(made, [label for label, _ in cards], arguments, stack)
        _serve_page(made, CardEnvironment().random, arguments.port, stack, pane)
        ending.wait()
    return 0


def _check_installed() -> None:
    """Say what to install where the extra is missing. UserError."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise UserError(
            "the page needs further libraries; install them with pip install 'jukicard[web]'"
        ) from None


def _serve_cards(
    made: Bench,
    labels: Sequence[str],
    arguments: argparse.Namespace,
    stack: contextlib.ExitStack,
) -> None:
    from jukicard.transport import SlotStatus
    from jukicard.transport.desk import Desk

    on_tcp = arguments.tcp is not None
    desk = Desk(labels, say, waiting="listening at {address}") if on_tcp else Desk(labels, say)

    def tell(status: SlotStatus) -> None:
        made.tell(status)
        desk.tell(status)

    start = serve_tcp if on_tcp else serve_vpcd
    made.serve(start(stack, made.ports, arguments, tell))


def _open_ledger(address: str, stack: contextlib.ExitStack) -> Pane:
    """Return the view of a ledger, which was seen once. UserError where it cannot be seen now."""
    from jukicard.cli.bench.pane import NoView, Pane, find_view

    try:
        pane = Pane(find_view("ledger", address))
    except NoView as error:
        raise UserError(f"--ledger: {error}") from None
    problem = pane.look().get("problem")
    if problem is not None:
        raise UserError(f"--ledger: {problem['en']}")
    return stack.enter_context(pane)


def _serve_page(
    made: Bench,
    random: RandomSource,
    port: int,
    stack: contextlib.ExitStack,
    pane: Pane | None,
) -> None:
    from jukicard.cli.bench.server import BenchServer

    server = BenchServer(made, random, port, pane)
    try:
        stack.enter_context(server)
    except OSError as error:
        raise UserError(
            f"the page cannot be at port {port}: {error.strerror or error}; choose another --port"
        ) from None
    except ValueError as error:
        raise UsageProblem(str(error)) from None
    say(f"the page: {server.link}")
    say("who has this link has the cards: it is for you, and ends with this program (Ctrl-C)")
