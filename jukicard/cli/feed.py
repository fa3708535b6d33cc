"""`jukicard feed`: blank cards for a terminal that issues them, the next for each connection."""

from __future__ import annotations

import argparse
import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Final

from jukicard.cli.cards import DEFAULT_PROFILE, add_factory_arguments, issue
from jukicard.cli.image import card_count
from jukicard.cli.place import check_name
from jukicard.cli.serve import address_of, listening, say

if TYPE_CHECKING:
    from jukicard.runtime.card import Card
    from jukicard.testing.blankcards import BlankCards, FeedState

EXAMPLES: Final = """\
  jukicard feed --tcp 127.0.0.1:4000 --image cards.juki --count 100
      a hundred blank cards of juki-v1: every connection gets the next one
  jukicard feed --tcp 127.0.0.1:4000 --image cards.juki --count 100
      the same again goes on where it stopped
  jukicard feed --tcp 127.0.0.1:4000 --image cards.juki --count 20 --profile mynumber --seed 7
  jukicard serve --tcp 127.0.0.1:4001 --image cards.juki#8139200011223344
      one that was issued, by its number
  jukicard serve --tcp 127.0.0.1:4001 --many cards.juki
      all of them: jukihost status --tcp 127.0.0.1:4001#8139200011223344
a card on which nothing of a person was written comes again as the next; one on which an
application was personalised never does: with all of them it is done, with some it is kept apart,
for the terminal that names it (127.0.0.1:4000#NUMBER)
"""


def add_feed_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `feed`."""
    command.add_argument(
        "--tcp",
        metavar="HOST[:PORT]",
        required=True,
        help="where terminals connect, in jukicard's own protocol (no port: any free one)",
    )
    command.add_argument(
        "--image",
        metavar="FILE",
        required=True,
        help="the file that keeps the cards, each under its number; made unless it is there",
    )
    command.add_argument(
        "--count",
        metavar="N",
        type=card_count,
        required=True,
        help="how many cards there are to be, those in the file among them",
    )
    command.add_argument(
        "--allow-remote",
        action="store_true",
        help="listen where other machines reach it, without any protection",
    )
    add_factory_arguments(command)
    command.set_defaults(blank=True, pin_file=None, application=[], form=None, municipality=None)


def feed(arguments: argparse.Namespace) -> int:
    """Feed until told to end."""
    from jukicard.memory import create_cards

    check_name(arguments.image)
    issue(arguments.profile or DEFAULT_PROFILE, arguments.seed, arguments)  # can there be such?
    create_cards(arguments.image, [])
    _feed(arguments)
    return 0


def _feed(arguments: argparse.Namespace) -> None:
    from jukicard.cli.ending import ended_by_signals
    from jukicard.transport import SlotState, SlotStatus
    from jukicard.transport.tcpmany import ManyCardsServer

    host, port = address_of(arguments.tcp, 0)
    told = _Told(arguments.count)
    cards = _cards(arguments, told)

    def next_name() -> str | None:
        name = cards.next_name()
        if name is None:
            told.none_left()
        return name

    def tell(status: SlotStatus) -> None:
        if status.state is SlotState.FAULT:
            say(status.detail)

    with ended_by_signals() as ending, contextlib.ExitStack() as stack:
        stack.callback(told.all_together)
        server = ManyCardsServer(
            cards,
            host,
            port,
            allow_remote=arguments.allow_remote,
            on_status=tell,
            unnamed=next_name,
        )
        with listening():
            stack.enter_context(server)
        say(f"blank cards, {arguments.count} in {arguments.image}: listening at {server.address}")
        ending.wait()


def _cards(arguments: argparse.Namespace, told: _Told) -> BlankCards:
    from jukicard.testing.blankcards import BlankCards

    class Cards(BlankCards):
        """Made as the command line says."""

        def make(self, place: int) -> Card:
            seed = None if arguments.seed is None else f"{arguments.seed}-{place}"
            return issue(arguments.profile or DEFAULT_PROFILE, seed, arguments)

    return Cards(count=arguments.count, file=arguments.image, on_change=told.change)


class _Told:
    """What the operator is told: what becomes of each card, and what of all."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._states: dict[str, FeedState] = {}
        self._ended = False

    def change(self, number: str, state: FeedState) -> None:
        """Tell of one card."""
        from jukicard.testing.blankcards import FeedState

        self._states[number] = state
        done = sum(one is FeedState.DONE for one in self._states.values())
        counted = f" ({done} of {self._count})" if state is FeedState.DONE else ""
        say(f"card {number}: {state.value}{counted}")

    def none_left(self) -> None:
        """Tell once that no blank card is left."""
        if not self._ended:
            self._ended = True
            say("no blank card is left: raise --count, or end this; each is served by its number")

    def all_together(self) -> None:
        """Tell how many cards are in which state, of those that were looked at."""
        counted = Counter(self._states.values())
        if counted:
            say(", ".join(f"{number} {state.name.lower()}" for state, number in counted.items()))
