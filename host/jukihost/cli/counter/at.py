"""A desk for one command, or for a shell of them: the office opened, and an operator logged in."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from socket import gethostname
from typing import TYPE_CHECKING, cast

from jukihost.cli import output, prompts
from jukihost.cli.counter.conversing import MAX_SCRIPT, Scripted, Typed
from jukihost.cli.counter.settings import EXAMPLE, VARIABLE, Settings, read_settings
from jukihost.cli.output import UsageError
from jukihost.cli.reach import watched
from jukihost.clock import Clock, machine_time, readable
from jukihost.database import open_database
from jukihost.keys import KeyCustody
from jukihost.keys.counted import CountedCustody
from jukihost.log import KeyUse, PseudonymKey, read_log_key
from jukihost.workflows import (
    CardAndPassword,
    CardAtDesk,
    Desk,
    Office,
    Step,
    log_in,
    log_out,
)

if TYPE_CHECKING:
    from jukihost.cli.counter.told import Teller
    from jukihost.connection import Connection


class AtCounter:
    """What a command of the counter works with: a desk, its reader, and who is told.

    teller: of the command that runs now.
    """

    def __init__(self, desk: Desk, arguments: argparse.Namespace, teller: Teller) -> None:
        self.desk, self.arguments, self.teller = desk, arguments, teller

    @contextmanager
    def card(self) -> Iterator[CardAtDesk]:
        """Give the card in the reader that the arguments name. TransportError."""
        self.desk.talk.progress(Step.CARD)
        with watched(self.arguments) as (connection, _):
            yield CardAtDesk(connection)

    def tell(self, step: Step) -> None:
        """Tell where the procedure is."""
        self.teller.progress(step)


@contextmanager
def at_counter(arguments: argparse.Namespace) -> Iterator[AtCounter]:
    """Open the office that the arguments name, and have an operator log in. UsageError."""
    path = arguments.office or os.environ.get(VARIABLE)
    if path is None:
        raise UsageError(
            f"name the office's file with --office or {VARIABLE}; it looks like this\n\n{EXAMPLE}"
        )
    settings = read_settings(path)
    at: AtCounter | None = None

    def tell(step: Step) -> None:
        if at is not None:
            at.tell(step)

    talk = _talk(arguments, tell)
    with ExitStack() as stack:
        keys = stack.enter_context(prompts.custody(arguments, settings.keys))
        passphrase = prompts.passphrase(arguments, settings.pseudonyms)
        secret = read_log_key(Path(settings.pseudonyms), passphrase, KeyUse.PSEUDONYMS)
        name = settings.terminal or gethostname() or "counter"
        database = stack.enter_context(
            open_database(settings.database, clock=_clock(settings.rehearsal), terminal=name)
        )
        office = Office(
            settings.municipality,
            database,
            CountedCustody(cast(KeyCustody, keys)),
            PseudonymKey(secret),
            key_floor=settings.key_floor,
        )
        desk = Desk(office, talk=talk)
        at = AtCounter(desk, arguments, arguments.teller)
        _log_in(desk, arguments, settings)
        try:
            yield at
        finally:
            if desk.duty is not None:
                log_out(desk)
        if isinstance(talk, Scripted):
            talk.finish()


def _clock(behind: int) -> Clock:
    """Return the machine's clock, or one that is some days behind, which is said."""
    if not behind:
        return Clock()
    clock = Clock(lambda: machine_time() - timedelta(days=behind))
    output.say(f"this is a rehearsal: the clock says {readable(clock.now())}")
    return clock


def _talk(arguments: argparse.Namespace, tell: Callable[[Step], None]) -> Typed | Scripted:
    if arguments.script is None:
        return Typed(tell)
    raw = output.read_file(arguments.script, "the script", MAX_SCRIPT)
    try:
        return Scripted(raw.decode("utf-8"), tell)
    except UnicodeDecodeError:
        raise UsageError("the script is no text in UTF-8") from None


def _log_in(desk: Desk, arguments: argparse.Namespace, settings: Settings) -> None:
    from jukihost.cli.verify import certificates_of
    from jukihost.signing.validity import Trust

    if not settings.anchors:
        raise UsageError(
            "the office's file names nobody who certifies operators: write them as `anchors`"
        )
    anchors = tuple(one for path in settings.anchors for one in certificates_of(path, "an anchor"))
    with _operators_card(arguments) as connection:
        log_in(desk, CardAndPassword(connection, lambda at: Trust(anchors, at)))


@contextmanager
def _operators_card(arguments: argparse.Namespace) -> Iterator[Connection]:
    """Give the operator card, where the arguments say it is."""
    reader, tcp = arguments.operator_reader, arguments.operator_tcp
    if reader is None and tcp is None:
        raise UsageError("say where the operator card is: --operator-reader or --operator-tcp")
    there = {"reader": reader, "tcp": tcp, "vpcd": None, "vpcd_dial": None}
    with watched(argparse.Namespace(**{**vars(arguments), **there})) as (connection, _):
        yield connection
