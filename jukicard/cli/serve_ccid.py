"""`jukicard serve --ccid`: readers that pcscd takes for hardware on a serial line."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jukicard.cli.problems import UsageProblem, UserError

if TYPE_CHECKING:
    from jukicard.cli.keypad import TerminalKeypad
    from jukicard.transport import CardPort, StatusCallback
    from jukicard.transport.serving import ServedSlot

WAITING: Final = "a card reader at {address}, waiting for pcscd"
"""What the desk says of a line that no driver has opened."""
_MODELS: Final = ("GemPCTwin", "GemPCPinPad")
_PROCESS: Final = Path("/run/pcscd/pcscd.pid")


def add_ccid_arguments(
    command: argparse.ArgumentParser, where: argparse._MutuallyExclusiveGroup
) -> None:
    """Add `--ccid` to the ways of serving, and what belongs to it."""
    where.add_argument(
        "--ccid",
        metavar="NAME",
        help="be a serial CCID reader for pcscd with libccid: a link /run/jukicard-NAME (for others"
        " than root in XDG_RUNTIME_DIR), or where a path says; a further card is in NAME-1",
    )
    command.add_argument(
        "--model",
        choices=_MODELS,
        help=f"of --ccid (default {_MODELS[0]}); {_MODELS[1]} has keys, and asks here for PINs",
    )
    command.add_argument(
        "--keypad",
        action="store_true",
        default=None,
        help=f"a {_MODELS[1]} whose keys are shown in a window of this terminal",
    )
    command.add_argument(
        "--write-reader-conf",
        metavar="DIR",
        help="put the entry for pcscd into this folder (Debian: /etc/reader.conf.d) while it runs",
    )
    command.add_argument(
        "--ccid-driver", metavar="FILE", help="libccidtwin.so, where it is not where Debian has it"
    )


def refuse_without_ccid(arguments: argparse.Namespace) -> None:
    """Say what is of use with `--ccid` only. UsageProblem."""
    for name in ("model", "keypad", "write_reader_conf", "ccid_driver"):
        if arguments.ccid is None and getattr(arguments, name) is not None:
            raise UsageProblem(f"--{name.replace('_', '-')} is for --ccid NAME: name the reader")


@contextlib.contextmanager
def keypad(
    arguments: argparse.Namespace, cards: int, say: Callable[[str], None]
) -> Iterator[TerminalKeypad | None]:
    """Open the terminal as the pad of the reader, if it has one. UserError, UsageProblem."""
    from jukicard.cli.keypad import pad_at_terminal

    if arguments.keypad and arguments.model == _MODELS[0]:
        raise UsageProblem(f"a {_MODELS[0]} has no keys: leave --model out")
    if arguments.keypad and cards > 1:
        raise UsageProblem("--keypad is for one reader at a terminal: name one card")
    with contextlib.ExitStack() as stack:
        pad = None
        try:
            if cards == 1 and _model(arguments) == _MODELS[1]:
                pad = stack.enter_context(pad_at_terminal(window=bool(arguments.keypad)))
        except UserError:
            if arguments.keypad:
                raise
        if pad is None and _model(arguments) == _MODELS[1]:
            say("nobody can type on the reader's keys: that takes a terminal, and one card")
        yield pad


def _model(arguments: argparse.Namespace) -> str:
    return str(arguments.model or _MODELS[bool(arguments.keypad)])


def serve_ccid(
    stack: contextlib.ExitStack,
    cards: Sequence[CardPort],
    arguments: argparse.Namespace,
    tell: StatusCallback,
    say: Callable[[str], None],
    pad: TerminalKeypad | None = None,
) -> Sequence[ServedSlot]:
    """Serve each card in a reader of its own, and say what pcscd has to be told. UserError."""
    from jukicard.transport.ccid.models import MODELS
    from jukicard.transport.ccid.pinpad import PinPad
    from jukicard.transport.ccid.place import DRIVER, link_of, reader_entry
    from jukicard.transport.ccid.serial import SerialReader

    model = MODELS[_model(arguments)]
    secure = None if pad is None else PinPad(pad, indexes=model.indexes)
    driver = Path(arguments.ccid_driver or DRIVER)
    _check_driver(driver)
    _refuse_contactless(cards, model.name)
    slots: list[ServedSlot] = []
    entries = {}
    for index, card in enumerate(cards):
        name = arguments.ccid + (f"-{index}" if index else "")
        with _refused(UsageProblem):
            link = link_of(name)
        reader = SerialReader(card, link, model=model, secure=secure, index=index, on_status=tell)
        stack.push(reader)  # its end is certain before it begins
        with _refused(UserError):
            reader.start()
        entries[link] = reader_entry(os.path.basename(name), link, model.name, index, driver)
        slots += reader.slots
    _announce(entries, arguments.write_reader_conf, stack, say)
    return slots


def _announce(
    entries: dict[str, str],
    folder: str | None,
    stack: contextlib.ExitStack,
    say: Callable[[str], None],
) -> None:
    """Write the entries for pcscd or say them, and say what comes next. UserError."""
    from jukicard.transport.ccid.place import remove_entry, write_entry

    if folder is None:
        say("pcscd finds it by this, in a file of /etc/reader.conf.d (or by --write-reader-conf):")
        for entry in entries.values():
            say(entry)
    else:
        for link, entry in entries.items():
            stack.callback(remove_entry, folder, link, entry)
            with _refused(UserError):
                say(f"{write_entry(folder, link, entry)} tells pcscd where it is")
    running = _running_pcscd()
    if running is None:
        say("pcscd looks for serial readers when it starts, and then only: start it now")
    else:
        say(
            f"pcscd runs already (process {running}) and looks for serial readers only when it "
            "starts: restart it now, for example with systemctl restart pcscd"
        )


def _check_driver(driver: Path) -> None:
    if not driver.is_file():
        raise UserError(
            f"there is no reader driver at {driver}: install libccid (Debian: apt install libccid)"
            ", or say with --ccid-driver where its libccidtwin.so is"
        )


def _refuse_contactless(cards: Sequence[CardPort], model: str) -> None:
    from jukicard.transport.contactless import as_found

    for slot, card in enumerate(cards):
        if as_found(card) is not card:
            raise UsageProblem(
                f"{model} has contacts, and the card for slot {slot} is read through the air: "
                "issue one without --contactless, or serve it with --tcp or --vpcd"
            )


@contextlib.contextmanager
def _refused(problem: type[UserError]) -> Iterator[None]:
    """What a line or an entry cannot be is the user's matter."""
    from jukicard.transport.ccid.place import LineRefused

    try:
        yield
    except LineRefused as refusal:
        raise problem(str(refusal)) from None


def _running_pcscd() -> int | None:
    """Return the number of the process, if pcscd runs and says so where Debian's does."""
    try:
        number = int(_PROCESS.read_text())
    except (OSError, ValueError):
        return None
    try:
        os.kill(number, 0)
    except PermissionError:
        return number  # another user's
    except OSError:
        return None
    return number
