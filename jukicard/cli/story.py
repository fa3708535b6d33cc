"""How a demo is printed: what is said, what goes over the wire, and whether it was as told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu

if TYPE_CHECKING:
    from rich.console import Console

    from jukicard.runtime.card import Card

_SHOWN: Final = 16
"""How many bytes of a command or an answer are shown before the rest is left out."""


class Story:
    """Prints what is said and sent; remembers whether the card answered as told."""

    def __init__(self, console: Console, card: Card) -> None:
        self.console = console
        self.card = card
        self.surprises = 0

    def chapter(self, title: str, text: str) -> None:
        """Begin a chapter."""
        self.console.print(f"\n[bold cyan]{title}[/]")
        self.console.print(text)

    def send(self, command: CommandApdu, expected: int) -> ResponseApdu:
        """Send a command, show both sides and what they mean; note an unexpected status."""
        response = ResponseApdu.parse(self.card.transmit(command.encode()))
        refusal = self.card.last_refusal
        asked = response.status.is_ok or (response.status.is_warning and not command.data)
        why = "" if asked or refusal is None else refusal.reason
        self.exchange(command, response, why)
        if response.status != expected:
            self.surprise(f"expected {expected:04X}")
        return response

    def exchange(self, command: CommandApdu, response: ResponseApdu, why: str) -> None:
        """Show a command and its answer, and why it was refused."""
        from rich.markup import escape

        from jukicard.apdu.trace.describe import describe

        words = escape(describe(command))
        self.console.print(f"  [blue]→ {shown(command):<44}[/] {words}")
        colour = "green" if response.status.is_ok else "yellow"
        answer = f"{shortened(response.data)} {status_bytes(response)}".strip()
        self.console.print(f"  [{colour}]← {answer:<44}[/] {response.status.meaning}")
        if why:
            self.console.print(f"    [dim]why: {why}[/]")

    def surprise(self, what: str) -> None:
        """Note that something was not as told."""
        self.surprises += 1
        self.console.print(f"    [bold red]{what}[/]")

    def finish(self, next_steps: str) -> int:
        """Say how it went, and what to do next; 0 when everything was as told."""
        if self.surprises:
            answers = "1 answer was" if self.surprises == 1 else f"{self.surprises} answers were"
            self.console.print(f"\n[bold red]{answers} not as expected.[/]")
            return 1
        self.console.print("\n[bold green]Every answer was as expected.[/]")
        self.console.print(next_steps, markup=False)
        return 0


def shown(command: CommandApdu) -> str:
    """Return the command in hexadecimal, a PIN as dots, and of a long one the beginning."""
    raw = command.encode()
    if command.ins == Ins.VERIFY and command.data and not command.cla.secure:
        return f"{hexadecimal(raw[:5])} {' '.join('··' for _ in command.data)}"
    return shortened(raw)


def shortened(raw: bytes) -> str:
    """Return bytes in hexadecimal, of many the first and how many there are."""
    if len(raw) <= _SHOWN:
        return hexadecimal(raw)
    return f"{hexadecimal(raw[: _SHOWN - 4])} … {len(raw)} bytes"


def hexadecimal(raw: bytes) -> str:
    """Return bytes as upper-case pairs of digits."""
    return raw.hex(" ").upper()


def status_bytes(response: ResponseApdu) -> str:
    """Return the status word as two bytes in hexadecimal."""
    return hexadecimal(int(response.status).to_bytes(2, "big"))
