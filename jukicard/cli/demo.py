"""`jukicard demo`: the main job told as a story, with the APDUs of every step beside it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

from jukicard.apdu.aid import Aid
from jukicard.apdu.command import CommandApdu
from jukicard.apdu.describe import describe
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord

if TYPE_CHECKING:
    from rich.console import Console

    from jukicard.runtime.card import Card

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

    story = _Story(Console(highlight=False, soft_wrap=True), issue_card(seed=arguments.seed))
    for chapter in (_issued, _selected, _closed, _blocked, _still_blocked):
        chapter(story)
    return story.finish()


class _Story:
    """Prints what is said and sent; remembers whether the card answered as told."""

    def __init__(self, console: Console, card: Card) -> None:
        self.console = console
        self.card = card
        self.surprises = 0

    def chapter(self, title: str, text: str) -> None:
        self.console.print(f"\n[bold cyan]{title}[/]")
        self.console.print(text)

    def send(self, command: CommandApdu, expected: int) -> ResponseApdu:
        """Send a command, show both sides and what they mean; note an unexpected status."""
        response = ResponseApdu.parse(self.card.transmit(command.encode()))
        self.console.print(f"  [blue]→ {_shown(command):<44}[/] {describe(command)}")
        colour = "green" if response.status.is_ok else "yellow"
        answer = " ".join(part for part in (_hex(response.data), _hex_status(response)) if part)
        self.console.print(f"  [{colour}]← {answer:<44}[/] {response.status.meaning}")
        refusal = self.card.last_refusal
        if response.status.is_error and refusal is not None:
            self.console.print(f"    [dim]why: {refusal.reason}[/]")
        if response.status != expected:
            self.surprises += 1
            self.console.print(f"    [bold red]expected {expected:04X}[/]")
        return response

    def finish(self) -> int:
        if self.surprises:
            self.console.print(f"\n[bold red]{self.surprises} answers were not as expected.[/]")
            return 1
        self.console.print(
            "\n[bold green]Every answer was as expected.[/] Next: put this card into a reader that "
            "every PC/SC program sees,\n  jukicard serve --profile juki-v1 --seed 1 "
            "--vpcd localhost:35963"
        )
        return 0


def _shown(command: CommandApdu) -> str:
    """Return the command in hexadecimal, the data of a PIN command as dots."""
    raw = command.encode()
    if command.ins == Ins.VERIFY and command.data:
        return f"{_hex(raw[:5])} {' '.join('··' for _ in command.data)}"
    return _hex(raw)


def _hex(raw: bytes) -> str:
    return raw.hex(" ").upper()


def _hex_status(response: ResponseApdu) -> str:
    return _hex(int(response.status).to_bytes(2, "big"))


def _verify(pin: bytes = b"") -> CommandApdu:
    return CommandApdu(0x00, Ins.VERIFY, 0x00, 0x80, pin)


def _issued(story: _Story) -> None:
    story.chapter(
        "1. A card is issued",
        "A municipality issues a Juki card to a synthetic resident. It gets power and answers.",
    )
    atr = story.card.power_on()
    story.console.print(f"  [green]← {_hex(atr):<44}[/] answer to reset: T=1, a Juki card")


def _selected(story: _Story) -> None:
    story.chapter(
        "2. A terminal finds the Juki application",
        "It selects the application by its name, then the PIN, and asks how many tries are left.\n"
        "Asking costs nothing.",
    )
    story.send(CommandApdu(0x00, Ins.SELECT, 0x04, 0x0C, _JUKI), StatusWord.OK)
    story.send(CommandApdu(0x00, Ins.SELECT, 0x02, 0x0C, _PIN_FILE), StatusWord.OK)
    story.send(_verify(), 0x63C3)


def _closed(story: _Story) -> None:
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


def _blocked(story: _Story) -> None:
    story.chapter(
        "4. Somebody guesses",
        "Three different wrong PINs, one after the other. The card counts before it compares, so\n"
        "pulling it out in between would not help.",
    )
    story.send(CommandApdu(0x00, Ins.SELECT, 0x02, 0x0C, _PIN_FILE), StatusWord.OK)
    for left, pin in zip((2, 1, 0), _WRONG_PINS, strict=True):
        story.send(_verify(pin), StatusWord.retries(left))


def _still_blocked(story: _Story) -> None:
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
