"""A desk for one command, or for a shell of them: the office opened, and an operator logged in."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from jukihost.cli import output
from jukihost.cli.counter.conversing import MAX_SCRIPT, Scripted, Typed
from jukihost.cli.counter.opening import opened_office
from jukihost.cli.counter.settings import EXAMPLE, VARIABLE, Settings, read_settings
from jukihost.cli.output import UsageError
from jukihost.cli.reach import watched
from jukihost.errors import CardError
from jukihost.texts import said
from jukihost.workflows import (
    CardAndPassword,
    CardAtDesk,
    Desk,
    Duty,
    Step,
    call_second,
    log_in,
    log_out,
)

if TYPE_CHECKING:
    from jukihost.cli.counter.told import Teller
    from jukihost.connection import Connection
    from jukihost.models import ResidentCode
    from jukihost.register import AsReceived
    from jukihost.signing.validity import Trust


class AtCounter:
    """What a command of the counter works with: a desk, its reader, and who is told.

    teller: of the command that runs now. settings: what the office's file says.
    """

    def __init__(
        self,
        desk: Desk,
        talk: Typed | Scripted,
        settings: Settings,
        arguments: argparse.Namespace,
        teller: Teller,
    ) -> None:
        self.desk, self.settings, self.arguments, self.teller = desk, settings, arguments, teller
        self._talk = talk

    def trust(self, at: datetime) -> Trust:
        """Return what certificates of operators are checked against at a moment. UsageError."""
        from jukihost.cli.verify import certificates_of
        from jukihost.crypto.foreign import ForeignDataError
        from jukihost.signing.validity import Trust

        places = self.settings.anchors
        if not places:
            raise UsageError(
                "the office's file names nobody who certifies operators: write them as `anchors`"
            )
        try:
            anchors = [one for place in places for one in certificates_of(place, "an anchor")]
        except ForeignDataError as error:
            raise UsageError(f"anchors in the office's file: {error}") from None
        return Trust(tuple(anchors), at)

    def log_in(self) -> Duty:
        """Have an operator log in, in place of whoever was on duty. UsageError without a card."""
        with self.operators_card(self.arguments) as connection:
            return log_in(self.desk, CardAndPassword(connection, self.trust))

    @contextmanager
    def operators_card(
        self, arguments: argparse.Namespace, whose: str = "operator"
    ) -> Iterator[Connection]:
        """Give the card of who is on duty, or of a `second` operator.

        UsageError where the arguments do not say where it is.
        """
        there = {name: getattr(arguments, f"{whose}_{name}") for name in ("reader", "tcp")}
        if set(there.values()) == {None}:
            raise UsageError(f"say where the operator card is: --{whose}-reader or --{whose}-tcp")
        there |= {"vpcd": None, "vpcd_dial": None}
        with watched(argparse.Namespace(**{**vars(arguments), **there})) as (connection, _):
            yield connection

    @contextmanager
    def card(self) -> Iterator[CardAtDesk]:
        """Give the card in the reader that the arguments name. TransportError."""
        self.desk.talk.progress(Step.CARD)
        with watched(self.arguments) as (connection, _):
            yield CardAtDesk(connection)

    @contextmanager
    def old_card(self, arguments: argparse.Namespace) -> Iterator[CardAtDesk | None]:
        """Give the card in a further reader, where the arguments name one. TransportError."""
        if arguments.old_reader is None and arguments.old_tcp is None:
            yield None
            return
        there = {"reader": arguments.old_reader, "tcp": arguments.old_tcp}
        there |= {"vpcd": None, "vpcd_dial": None}
        with watched(argparse.Namespace(**{**vars(arguments), **there})) as (connection, _):
            yield CardAtDesk(connection)

    @contextmanager
    def second(self, arguments: argparse.Namespace) -> Iterator[None]:
        """Have a second operator log in for one command, where the arguments name their card."""
        if arguments.second_reader is None and arguments.second_tcp is None:
            yield
            return
        with self.operators_card(arguments, "second") as connection:
            call_second(self.desk, CardAndPassword(connection, self.trust, second=True))
        try:
            yield
        finally:
            self.desk.supervisor = None

    def text(self, what: str, given: str | None) -> str:
        """Return a text that was given on the command line, or is asked for now. Cancelled."""
        return self._talk.text(what) if given is None else given

    def received(self, what: str, given: str | None, origin: str) -> AsReceived:
        """Return such a text as a name or an address. UsageError, Cancelled."""
        from jukihost.register import AsReceived, TextRefused

        text = self.text(what, given)
        try:
            return AsReceived(text, origin)
        except TextRefused as refused:
            raise UsageError(str(refused)) from None

    def private(self, what: str) -> str:
        """Return something that is asked for without showing it. Cancelled."""
        return self._talk.private(what)

    def code(self) -> ResidentCode:
        """Return a resident record code that is asked for without showing it. UsageError."""
        from jukihost.models import ResidentCode

        try:
            return ResidentCode(self.private("code").strip())
        except ValueError as error:
            raise UsageError(str(error)) from None

    def print_out(self, document: bytes) -> None:
        """Print a PDF file where the office's file says. NotPrinted."""
        from jukihost.paper import print_document

        print_document(self.settings.printer, document)

    def tell(self, step: Step) -> None:
        """Tell where the procedure is."""
        self.teller.progress(step)


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Read the office's file that the arguments or the environment name. UsageError."""
    path = arguments.office or os.environ.get(VARIABLE)
    if path is None:
        raise UsageError(
            f"name the office's file with --office or {VARIABLE}; it looks like this\n\n{EXAMPLE}"
        )
    return read_settings(path)


@contextmanager
def at_counter(arguments: argparse.Namespace, *, at_the_door: bool = False) -> Iterator[AtCounter]:
    """Open the office that the arguments name, and have an operator log in. UsageError.

    at_the_door: nobody has to be logged in for what follows.
    """
    settings = settings_of(arguments)
    at: AtCounter | None = None

    def tell(step: Step) -> None:
        if at is not None:
            at.tell(step)

    talk = _talk(arguments, tell)
    with opened_office(arguments, settings) as office:
        desk = Desk(office, talk=talk)
        at = AtCounter(desk, talk, settings, arguments, arguments.teller)
        at.trust(office.database.clock.now())  # what is missing is said before anybody types
        if not at_the_door:
            at.log_in()
        try:
            yield at
        finally:
            _go(desk)
        if isinstance(talk, Scripted):
            talk.warn_of_rest()


def _go(desk: Desk) -> None:
    """Log out whoever is on duty; what was done is told, whatever keeps that from being noted."""
    if desk.duty is not None:
        try:
            log_out(desk)
        except CardError as error:
            output.say(f"jukihost: {said('the log-out could not be noted')}: {error}")


def _talk(arguments: argparse.Namespace, tell: Callable[[Step], None]) -> Typed | Scripted:
    if arguments.script is None:
        return Typed(tell, arguments.pin_entry)
    if arguments.pin_entry != "auto":
        raise UsageError("the script says what is typed on the reader: leave --pin-entry out")
    raw = output.read_file(arguments.script, "the script", MAX_SCRIPT)
    try:
        return Scripted(raw.decode("utf-8"), tell)
    except UnicodeDecodeError:
        raise UsageError("the script is no text in UTF-8") from None
