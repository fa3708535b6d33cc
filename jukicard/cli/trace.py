"""`jukicard trace`: a recorded session shown, written otherwise, compared, and repeated."""

from __future__ import annotations

import argparse
import contextlib
import os
from typing import TYPE_CHECKING, Final

from jukicard.cli import serve
from jukicard.cli.cards import DEFAULT_PROFILE, add_issue_arguments, image_source, issue
from jukicard.cli.problems import UsageProblem, UserError
from jukicard.cli.readfile import read_file
from jukicard.cli.subcommands import add_subcommand

if TYPE_CHECKING:
    from collections.abc import Callable

    from jukicard.apdu.trace.record import ApduTrace
    from jukicard.runtime.card import Card
    from jukicard.transport import CardPort, SlotStatus

EXAMPLES: Final = """\
  jukicard trace show session.json
  jukicard trace convert session.json session.html       a page; .pcapng is for Wireshark
  jukicard trace diff before.json after.json             other random numbers are no difference
  jukicard trace replay failed.json                      to the card that the recording holds
  jukicard trace replay real.json --tcp 127.0.0.1:4000   the recording is the card
"""
_SHOW: Final = """\
  jukicard trace show session.json
  jukicard trace show transcript.txt
  jukicard trace show --all session.json     PINs and keys too: synthetic cards only
"""
_CONVERT: Final = """\
  jukicard trace convert session.json session.pcapng     for Wireshark
  jukicard trace convert session.json session.html       a page for a browser
  jukicard trace convert --all session.json session.txt  a dump that can be replayed
"""
_DIFF: Final = """\
  jukicard trace diff before.json after.json
"""
_REPLAY: Final = """\
  jukicard trace replay failed.json                      to the card that the recording holds
  jukicard trace replay session.json --profile juki-v2 --seed 7
  jukicard trace replay session.json --image card.juki   to a copy, the card stays as it is
  jukicard trace replay real.json --tcp 127.0.0.1:4000   the recording is a card at this port
"""
_LINGER: Final = 1.0
"""How long a recording that was played to its end is served on, in seconds."""


def add_trace_arguments(command: argparse.ArgumentParser) -> None:
    """Add the actions of `trace` and their arguments."""
    actions = command.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, summary, examples, run, add in (
        ("show", "show a session, without its secrets", _SHOW, _show, _add_show),
        ("convert", "write a session in another form", _CONVERT, _convert, _add_convert),
        ("diff", "compare what two sessions mean", _DIFF, _diff, _add_diff),
        (
            "replay",
            "send a session to a card again, or play the card",
            _REPLAY,
            _replay,
            _add_replay,
        ),
    ):
        action = add_subcommand(actions, name, summary, examples)
        add(action)
        action.set_defaults(action=run)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    action: Callable[[argparse.Namespace], int] = arguments.action
    return action(arguments)


def _add_file(command: argparse.ArgumentParser, *names: str) -> None:
    for name in names:
        command.add_argument(name, metavar=name.upper(), help="a trace: JSON, or a dump")


def _add_all(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--all", action="store_true", help="with everything that is in it, PINs and keys too"
    )


def _add_show(command: argparse.ArgumentParser) -> None:
    _add_file(command, "file")
    _add_all(command)


def _add_convert(command: argparse.ArgumentParser) -> None:
    _add_file(command, "file")
    command.add_argument(
        "out", metavar="OUT", help="a new file: .json, .txt (a dump), .text, .html or .pcapng"
    )
    command.add_argument("--force", action="store_true", help="replace OUT where it exists")
    _add_all(command)


def _add_diff(command: argparse.ArgumentParser) -> None:
    _add_file(command, "left", "right")


def _add_replay(command: argparse.ArgumentParser) -> None:
    _add_file(command, "file")
    command.add_argument(
        "--image", metavar="FILE[#CARD]", type=image_source, help="send it to a copy of this card"
    )
    add_issue_arguments(command)
    serve.add_place_arguments(command, default=None)


def _read(path: str) -> ApduTrace:
    from jukicard.apdu.trace.formats import MAX_BYTES, read_trace
    from jukicard.apdu.trace.record import TraceError

    try:
        return read_trace(read_file(path, "the trace", MAX_BYTES))
    except TraceError as error:
        raise UserError(f"{path} cannot be read as a trace: {error}") from None


def _shown(arguments: argparse.Namespace) -> ApduTrace:
    from jukicard.apdu.trace.redaction import TraceLevel

    trace = _read(arguments.file)
    return trace if arguments.all else trace.at(TraceLevel.REDACTED)


def _show(arguments: argparse.Namespace) -> int:
    for line in _shown(arguments).lines:
        print(line)
    return 0


def _convert(arguments: argparse.Namespace) -> int:
    from jukicard.apdu.trace.formats import format_of, write_trace

    form = format_of(arguments.out)
    if form is None:
        raise UsageProblem(
            f"{arguments.out} does not say by its name what it shall be: end it with .json, .txt, "
            ".text, .html or .pcapng"
        )
    content = write_trace(_shown(arguments), form)
    try:
        flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if arguments.force else os.O_EXCL)
        with open(os.open(arguments.out, flags, 0o600 if arguments.all else 0o666), "wb") as stream:
            stream.write(content)
    except FileExistsError:
        raise UserError(f"{arguments.out} exists; --force replaces it") from None
    except OSError as error:
        raise UserError(f"{arguments.out} cannot be written: {error.strerror}") from None
    return 0


def _diff(arguments: argparse.Namespace) -> int:
    from jukicard.apdu.trace.difference import compare_traces

    lines = compare_traces(_read(arguments.left), _read(arguments.right))
    if lines:
        print("\n".join(lines), flush=True)
        raise UserError("the sessions differ")
    return 0


def _replay(arguments: argparse.Namespace) -> int:
    trace = _read(arguments.file)
    if arguments.vpcd or arguments.vpcd_listen or arguments.tcp:
        _play_the_card(trace, arguments)
    else:
        _play_the_terminal(trace, arguments)
    return 0


def _play_the_terminal(trace: ApduTrace, arguments: argparse.Namespace) -> None:
    """Send it to a card; UserError where the card answers otherwise."""
    from jukicard.testing.recording import repeat_session

    with contextlib.ExitStack() as stack:
        try:
            done = repeat_session(trace, _card(trace, arguments, stack))
        except ConnectionError as error:
            raise UserError(f"the card gives no answer where there was one: {error}") from None
    if done.problem:
        first, *rest = done.problem
        print("\n".join(rest), flush=True)
        raise UserError(first)
    answered = "1 command was" if done.sent == 1 else f"{done.sent} commands were"
    print(f"{answered} answered as then")


def _card(trace: ApduTrace, arguments: argparse.Namespace, stack: contextlib.ExitStack) -> Card:
    from jukicard.testing.recording import recorded_card

    if arguments.image is not None:
        serve.refuse_issuing(arguments, arguments.image.label)
        card: Card = arguments.image.make(arguments, stack)
        return card.fork()
    if not serve.issuing(arguments):
        if not trace.card:
            raise UsageProblem(
                f"{arguments.file} holds no card: say which to send it to, with --profile and "
                "--seed or --image, or where it shall be a card itself, with --tcp or --vpcd"
            )
        return recorded_card(trace)
    return issue(arguments.profile or DEFAULT_PROFILE, arguments.seed, arguments)


def _play_the_card(trace: ApduTrace, arguments: argparse.Namespace) -> None:
    """Be the card until the terminal has done all of it, or strays. UserError."""
    from jukicard.cli.ending import ended_by_signals
    from jukicard.transport.recorded import RecordedCard

    for option in ["--image"] * bool(arguments.image) + serve.issuing(arguments):
        raise UsageProblem(f"{option} names a card, and here the trace is the card: leave it out")
    card = RecordedCard(trace)
    cards: list[CardPort] = [card]
    start = serve.serve_tcp if arguments.tcp else serve.serve_vpcd
    with ended_by_signals() as ending, contextlib.ExitStack() as stack:
        [server] = start(stack, cards, arguments, _ignore)
        serve.say(f"{arguments.file}: a card at {server.address}")
        while not (card.finished or card.problem):
            ending.wait(0.05)
        ending.wait(_LINGER)
    if card.problem:
        raise UserError(card.problem)
    if not card.finished:
        raise UserError(f"ended before the session was: {card.progress} were played")
    serve.say("the session was played to its end")


def _ignore(status: SlotStatus) -> None:
    """Tell nothing: what matters the card itself says."""
