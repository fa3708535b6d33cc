"""`jukicard demo`: the main job told as a story, with the APDUs of every step beside it."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from typing import Final

from jukicard.apdu.aid import Aid
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.status import StatusWord
from jukicard.cli.cards import DEFAULT_PROFILE
from jukicard.cli.demoterminal import tell_of_the_terminal
from jukicard.cli.story import Story, hexadecimal

EXAMPLES: Final = """  jukicard demo
  jukicard demo --seed 7"""

_JUKI: Final = Aid("D3921000310001010401")
_PIN_FILE: Final = b"\x00\x1c"
_WRONG_PINS: Final = (b"0000", b"1111", b"2222")


def add_demo_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what `demo` takes."""
    parser.add_argument("--seed", default="1", help="which card is issued (default: 1)")


def demo(arguments: argparse.Namespace) -> int:
    """Tell the story of one card; 0 when every step went as it should."""
    from rich.console import Console

    from jukicard.profiles import issue_card

    console = Console(highlight=False, soft_wrap=True, emoji=False)
    story = Story(console, issue_card(DEFAULT_PROFILE, seed=arguments.seed))
    for chapter in (_issued, _selected, _closed, _blocked, _still_blocked):
        chapter(story)
    tell_of_the_terminal(story)
    return story.finish(_next_steps(arguments.seed))


def _next_steps(seed: str) -> str:
    """Say how this very card is put into a reader, with the program as it was started."""
    serve = f"{_program()} serve --profile {DEFAULT_PROFILE} --seed {shlex.quote(seed)}"
    return (
        "Next: put this card into a reader that every PC/SC program sees. That needs pcscd and the "
        "driver of the\nvirtual reader (Debian: pcscd and vsmartcard-vpcd):\n"
        f"  {serve} --vpcd localhost:35963\n"
        f"Without them, on a port of its own:\n  {serve} --tcp 127.0.0.1:4000"
    )


def _program() -> str:
    """Return what to type for this program: its name, its path, or Python and the module."""
    started = sys.argv[0]
    if os.path.basename(started) == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m jukicard"
    found = shutil.which("jukicard")
    if os.path.basename(started) != "jukicard" or (
        found is not None and os.path.realpath(found) == os.path.realpath(started)
    ):
        return "jukicard"
    return shlex.quote(started)


def _verify(pin: bytes = b"") -> CommandApdu:
    return CommandApdu(0x00, Ins.VERIFY, 0x00, 0x80, pin)


def _issued(story: Story) -> None:
    story.chapter(
        "1. A card is issued",
        "A municipality issues a Juki card to a synthetic resident. It gets power and answers.",
    )
    atr = story.card.power_on()
    story.console.print(f"  [green]← {hexadecimal(atr):<44}[/] answer to reset: T=1, a Juki card")


def _selected(story: Story) -> None:
    story.chapter(
        "2. A terminal finds the Juki application",
        "It selects the application by its name, then the PIN, and asks how many tries are left.\n"
        "Asking costs nothing.",
    )
    story.send(CommandApdu(0x00, Ins.SELECT, 0x04, 0x0C, _JUKI), StatusWord.OK)
    story.send(CommandApdu(0x00, Ins.SELECT, 0x02, 0x0C, _PIN_FILE), StatusWord.OK)
    story.send(_verify(), 0x63C3)


def _closed(story: Story) -> None:
    story.chapter(
        "3. The resident record code stays closed",
        "Record 1 of file 0002 holds the eleven-digit code. This terminal has not proven that it\n"
        "is allowed to: it may select the file, and not read it.",
    )
    story.send(CommandApdu(0x00, Ins.SELECT, 0x02, 0x0C, b"\x00\x02"), StatusWord.OK)
    story.send(
        CommandApdu(0x00, Ins.READ_RECORD, 0x01, 0x04, ne=256),
        StatusWord.SECURITY_STATUS_NOT_SATISFIED,
    )


def _blocked(story: Story) -> None:
    story.chapter(
        "4. Somebody guesses",
        "Three different wrong PINs, one after the other. The card counts before it compares, so\n"
        "pulling it out in between would not help.",
    )
    story.send(CommandApdu(0x00, Ins.SELECT, 0x02, 0x0C, _PIN_FILE), StatusWord.OK)
    for left, pin in zip((2, 1, 0), _WRONG_PINS, strict=True):
        story.send(_verify(pin), StatusWord.retries(left))


def _still_blocked(story: Story) -> None:
    story.chapter(
        "5. The card is blocked, and stays so",
        "Now even the right PIN (1234 on synthetic cards) is refused, without being compared. The\n"
        "card is pulled out and put back: still blocked. Only the counter in the town hall helps.",
    )
    story.send(_verify(b"1234"), StatusWord.REFERENCE_DATA_NOT_USABLE)
    story.card.power_off()
    story.card.power_on()
    story.send(CommandApdu(0x00, Ins.SELECT, 0x04, 0x0C, _JUKI), StatusWord.OK)
    story.send(CommandApdu(0x00, Ins.SELECT, 0x02, 0x0C, _PIN_FILE), StatusWord.OK)
    story.send(_verify(b"1234"), StatusWord.REFERENCE_DATA_NOT_USABLE)
    story.send(_verify(), 0x63C0)
