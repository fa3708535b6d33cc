"""`jukicard serve`: cards in readers until told to end, and the operator's commands meanwhile.

Modules are imported where they are used: a tenth of a second after the process started the card
is in the reader, so nothing is loaded that this run does not need.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, TextIO

from jukicard.cli.cards import (
    DEFAULT_PROFILE,
    CardSource,
    add_issue_arguments,
    image_source,
    profile_source,
)
from jukicard.cli.output import going_on
from jukicard.cli.problems import UsageProblem, UserError
from jukicard.cli.serve_ccid import (
    WAITING,
    add_ccid_arguments,
    keypad,
    refuse_without_ccid,
    serve_ccid,
)

if TYPE_CHECKING:
    from jukicard.cli.ending import Ending
    from jukicard.runtime.card import Card
    from jukicard.transport import CardPort, StatusCallback
    from jukicard.transport.desk import Desk
    from jukicard.transport.serving import ServedSlot

EXAMPLES: Final = """\
  jukicard serve                              a juki-v1 card for pcscd with vsmartcard-vpcd
  jukicard serve juki-v1:1 juki-v1:2          two cards in two slots, the same ones every time
  jukicard serve --profile juki-v2 --compat   what OpenSC binds: it asks for the second key pair
  jukicard serve --image card.juki --trace    a card from a file, and what is said to it
  jukicard serve juki-v1:1 --record all.json  keeps what is said, for jukicard trace
  jukicard serve --tcp 127.0.0.1:4000         without pcscd
  jukicard serve --tcp 127.0.0.1:4000 --many cards.juki
                                              very many: jukihost status --tcp 127.0.0.1:4000#17
  jukicard serve --ccid desk --write-reader-conf /etc/reader.conf.d mynumber:1
                                              a card reader on a serial line, for pcscd with libccid
  jukicard serve --ccid /tmp/desk --keypad --protocol 0 juki-v1:1
                                              with keys, in a window; a card that speaks T=0
"""


def add_serve_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `serve`."""
    add_card_arguments(command)
    add_ccid_arguments(command, add_place_arguments(command, default="localhost"))
    command.add_argument(
        "--many",
        metavar="FILE",
        help="every card of a file behind the one port of --tcp: a terminal names its card",
    )
    command.add_argument("--trace", action="store_true", help="show every exchange, secrets hidden")
    command.add_argument(
        "--record",
        metavar="FILE",
        help="keep the session and the card in a new file, with all keys and PINs, so that jukicard"
        " trace replay repeats it",
    )
    command.add_argument(
        "--control",
        action="store_true",
        help="read commands from standard input though it is no terminal: "
        "insert, remove, reset, status, quit",
    )


def add_card_arguments(command: argparse.ArgumentParser) -> None:
    """Add what says which cards there are: issued ones, and those in files."""
    command.add_argument(
        "positional",
        nargs="*",
        type=profile_source,
        metavar="PROFILE[:SEED]",
        help="a card to issue; several fill several slots",
    )
    command.add_argument(
        "--card",
        dest="cards",
        action="append",
        type=profile_source,
        metavar="PROFILE[:SEED]",
        help="the same, may be repeated",
    )
    command.add_argument(
        "--image",
        dest="cards",
        action="append",
        type=image_source,
        metavar="FILE[#CARD]",
        help="a card kept in a file, may be repeated",
    )
    add_issue_arguments(command)


def add_place_arguments(
    command: argparse.ArgumentParser, default: str | None
) -> argparse._MutuallyExclusiveGroup:
    """Add where cards are served and return the ways to add more to them.

    `default` is the driver's address where nothing is said.
    """
    where = command.add_mutually_exclusive_group()
    where.add_argument(
        "--vpcd",
        metavar="HOST[:PORT]",
        default=default,
        help="connect to a reader driver that listens (default localhost:35963); "
        "slot n uses PORT + n",
    )
    where.add_argument(
        "--vpcd-listen", metavar="HOST[:PORT]", help="wait for a reader driver that connects"
    )
    where.add_argument(
        "--tcp",
        metavar="HOST[:PORT]",
        help="jukicard's own protocol instead (no port: any free one)",
    )
    command.add_argument(
        "--allow-remote",
        action="store_true",
        help="listen where other machines reach it, without any protection",
    )
    return where


def serve(arguments: argparse.Namespace) -> int:
    """Serve the cards until told to end."""
    from jukicard.cli.ending import ended_by_signals

    refuse_without_ccid(arguments)
    if arguments.many is not None:
        _serve_many(arguments)
        return 0
    with ended_by_signals() as ending, contextlib.ExitStack() as stack:
        sources = card_sources(arguments)
        made = [source.make(arguments, stack) for source in sources]
        for slot, card in enumerate(made):
            for application in card.applications:
                if application.fault:
                    say(f"slot {slot}: {application.fault}")
            if sources[slot].image:
                _tell_of_memory(card, slot)
        cards: list[CardPort] = list(made)
        if arguments.record:
            cards = [_recorded(made, arguments.record, stack)]
        if arguments.trace:
            cards = [_traced(made[slot], card, slot) for slot, card in enumerate(cards)]
        desk = _desk([source.label for source in sources], arguments)
        pad = None
        if arguments.ccid is not None:
            pad = stack.enter_context(keypad(arguments, len(cards), say))
            desk.slots = serve_ccid(stack, cards, arguments, desk.tell, say, pad)
        else:
            start = serve_vpcd if arguments.tcp is None else serve_tcp
            desk.slots = start(stack, cards, arguments, desk.tell)
        typed = (
            ending.lines(sys.stdin) if pad is None or not sys.stdin.isatty() else pad.lines(ending)
        )
        _work(desk, typed, ending, control=arguments.control)
    return 0


def _desk(labels: Sequence[str], arguments: argparse.Namespace) -> Desk:
    from jukicard.transport.desk import Desk

    if arguments.ccid is not None:
        return Desk(labels, say, waiting=WAITING)
    if arguments.tcp is not None:
        return Desk(labels, say, waiting="listening at {address}")
    return Desk(labels, say)


def card_sources(arguments: argparse.Namespace) -> list[CardSource]:
    """Return the cards that were named, or the one to issue; UsageProblem when they do not fit."""
    sources: list[CardSource] = [*arguments.positional, *(arguments.cards or [])]
    issued = [source for source in sources if not source.image]
    if sources and not issued:
        refuse_issuing(arguments, sources[0].image)
    if issued and arguments.profile:
        raise UsageProblem("--profile names the only card; name several as --card PROFILE:SEED")
    if issued and arguments.seed is not None and all(source.seed for source in issued):
        raise UsageProblem("--seed is of no use: every card to be issued has a seed of its own")
    for source in issued:
        _refuse_file(source.profile)
    return sources or [
        CardSource(profile=arguments.profile or DEFAULT_PROFILE, seed=arguments.seed)
    ]


def refuse_issuing(arguments: argparse.Namespace, image: str) -> None:
    """Say what is of no use for a card that has been issued already. UsageProblem."""
    for option in issuing(arguments):
        raise UsageProblem(
            f"{option} is for issuing a card, and the card in {image} has been issued: leave it out"
        )


def issuing(arguments: argparse.Namespace) -> list[str]:
    """Return the options of issuing a card that were given."""
    options = argparse.ArgumentParser(add_help=False)
    add_issue_arguments(options)
    unused = vars(options.parse_args([]))
    given = [name for name in unused if getattr(arguments, name) != unused[name]]
    return [f"--{name.replace('_', '-')}" for name in given]


def _refuse_file(profile: str) -> None:
    """Say how a file is served, where somebody has given one for a profile."""
    from jukicard.profiles import PROFILES

    looks_like_a_file = os.sep in profile or profile.endswith(".juki") or os.path.exists(profile)
    if profile not in PROFILES and looks_like_a_file:
        raise UsageProblem(
            f"{profile} is no profile; a card in a file is served with --image {profile}"
        )


def _tell_of_memory(card: Card, slot: int) -> None:
    """Tell the operator that a card cannot be written any more, once, and when it can again."""
    from jukicard.apdu.status import StatusWord
    from jukicard.runtime.events import CardEvent, MemoryCommitted, Refusal

    failing = False

    def hear(event: CardEvent) -> None:
        nonlocal failing
        if isinstance(event, Refusal) and event.status == StatusWord.MEMORY_FAILURE:
            if not failing:
                why = event.reason.removeprefix("nothing was changed: ")
                say(f"slot {slot}: the card cannot be written: {why}")
            failing = True
        elif isinstance(event, MemoryCommitted) and failing:
            failing = False
            say(f"slot {slot}: the card is written again")

    card.subscribe(hear)


def _recorded(cards: Sequence[Card], path: str, stack: contextlib.ExitStack) -> CardPort:
    """Return the only card behind a recording, which is written when all is over. UserError."""
    from jukicard.apdu.trace.formats import write_trace
    from jukicard.testing.recording import RecordingCard, recording_of

    if len(cards) > 1:
        raise UsageProblem("--record keeps the session of one card: name one")
    [card] = cards
    recording = recording_of(card, f"{card.profile}, served", card.environment.clock.today())
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UserError(f"{path} cannot be made: {error.strerror}; choose another name") from None
    file = stack.enter_context(os.fdopen(number, "wb"))

    def write() -> None:
        try:
            file.write(write_trace(recording, "json"))
            file.flush()
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}") from None

    stack.callback(write)
    return RecordingCard(card, recording)


def _traced(card: Card, outer: CardPort, slot: int) -> CardPort:
    """Return the card behind a trace that also says why a command was refused."""
    from jukicard.apdu.trace import Trace
    from jukicard.runtime.events import CardEvent, Refusal
    from jukicard.transport.traced import TracedCard

    trace = Trace(write=lambda line: say(f"[{slot}] {line}"))

    def explain(event: CardEvent) -> None:
        if isinstance(event, Refusal):
            trace.comment(f"why: {event}")

    card.subscribe(explain)
    return TracedCard(outer, trace)


def serve_vpcd(
    stack: contextlib.ExitStack,
    cards: Sequence[CardPort],
    arguments: argparse.Namespace,
    tell: StatusCallback,
) -> Sequence[ServedSlot]:
    """Serve cards to the driver that the arguments name, a slot each. UserError."""
    from jukicard.transport.vpcd import DEFAULT_PORT, VpcdServer

    waits = arguments.vpcd_listen is not None
    host, port = address_of(arguments.vpcd_listen if waits else arguments.vpcd, DEFAULT_PORT)
    server = VpcdServer(
        cards, host, port, listen=waits, allow_remote=arguments.allow_remote, on_status=tell
    )
    with listening():
        stack.enter_context(server)
    if waits:
        for slot in server.slots:
            say(f"slot {slot.index}: waiting for a reader driver at {slot.address}")
    return server.slots


def serve_tcp(
    stack: contextlib.ExitStack,
    cards: Sequence[CardPort],
    arguments: argparse.Namespace,
    tell: StatusCallback,
) -> Sequence[ServedSlot]:
    """Serve cards over TCP, a port each. UserError."""
    from jukicard.transport.address import port_of_slot
    from jukicard.transport.contactless import as_found
    from jukicard.transport.tcp import TcpServer

    host, port = address_of(arguments.tcp, 0)
    with listening():
        ports = [port_of_slot(port, index) for index in range(len(cards))]
    servers = [
        TcpServer(
            as_found(card),
            host,
            ports[index],
            index=index,
            on_status=tell,
            allow_remote=arguments.allow_remote,
        )
        for index, card in enumerate(cards)
    ]
    for server in servers:
        with listening():
            stack.enter_context(server)
    return servers


def _serve_many(arguments: argparse.Namespace) -> None:
    """Serve all cards of a file behind one port until told to end."""
    from jukicard.cli.ending import ended_by_signals
    from jukicard.memory import list_cards
    from jukicard.memory.imagefile import ImageFile
    from jukicard.transport import SlotState, SlotStatus
    from jukicard.transport.tcpmany import ImageCards, ManyCardsServer

    if arguments.tcp is None:
        raise UsageProblem("--many puts its cards behind one port: name it with --tcp HOST[:PORT]")
    rest = (arguments.cards, arguments.trace, arguments.control, arguments.record)
    if arguments.positional or any(rest):
        raise UsageProblem("--many serves the cards of its file as they are: leave the rest out")
    refuse_issuing(arguments, arguments.many)
    host, port = address_of(arguments.tcp, 0)

    def tell(status: SlotStatus) -> None:
        if status.state is SlotState.FAULT:
            say(status.detail)

    with ended_by_signals() as ending, contextlib.ExitStack() as stack:
        with ImageFile.open(arguments.many, timeout=5.0):
            count = len(list_cards(arguments.many))
        server = ManyCardsServer(
            ImageCards(arguments.many, tell=say),
            host,
            port,
            allow_remote=arguments.allow_remote,
            on_status=tell,
        )
        with listening():
            stack.enter_context(server)
        say(f"{count} cards of {arguments.many}: listening at {server.address}")
        ending.wait()


def address_of(text: str, default_port: int) -> tuple[str, int]:
    """Read HOST[:PORT]. UsageProblem."""
    from jukicard.transport.address import parse_address

    try:
        return parse_address(text, default_port)
    except ValueError as error:
        raise UsageProblem(str(error)) from None


@contextlib.contextmanager
def listening() -> Iterator[None]:
    """A port that is taken or that cannot be, or a host that is not ours, is the user's matter."""
    from jukicard.transport.address import AddressRefused

    try:
        yield
    except AddressRefused:
        raise
    except ValueError as error:
        raise UsageProblem(str(error)) from None
    except OSError as error:
        raise UserError(
            f"cannot listen there: {error.strerror or error}; choose another address or port"
        ) from None


def _work(desk: Desk, lines: Iterable[str], ending: Ending, *, control: bool) -> None:
    """Obey typed commands until `quit` or the end of input, or wait for a signal."""
    if control or _is_in_front(sys.stdin):
        try:
            return desk.run(lines)
        except OSError:  # put into the background: nobody types any more
            pass
    ending.wait()


def _is_in_front(stream: TextIO) -> bool:
    """Tell whether somebody can type into it: a terminal, and this program in its foreground."""
    try:
        if not hasattr(os, "tcgetpgrp"):  # there is no background there
            return stream.isatty()
        return stream.isatty() and os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except OSError:
        return False


def say(line: str) -> None:
    """Tell the operator; the cards are served on where nothing can be told."""
    with going_on():
        print(line, flush=True)
