"""The second half of `jukicard demo`: a real terminal, in a process of its own, meets the card.

The terminal is the command line of jukihost. Card and terminal share nothing but a TCP connection,
as card and reader share nothing but the contacts.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jukicard.apdu.command import CommandApdu
from jukicard.apdu.ins import Ins
from jukicard.apdu.response import ResponseApdu
from jukicard.apdu.status import StatusWord
from jukicard.cli.story import Story

if TYPE_CHECKING:
    from jukicard.runtime.events import CardEvent

_PIN: Final = "1234"
_PASSPHRASE: Final = "a passphrase for the demo's worthless keys"  # noqa: S105 - it guards nothing
_SECONDS: Final = 60
_SELECT: Final = CommandApdu(0x00, Ins.SELECT, 0x04, 0x0C, bytes.fromhex("D3921000310001010401"))


class _Terminal:
    """Runs jukihost against the card and shows what went over the wire meanwhile."""

    def __init__(self, story: Story, address: str, folder: Path) -> None:
        self.story = story
        self.keys = folder / "test.keys"
        self.others = folder / "other.keys"
        self._address = address
        self.exchanges: list[tuple[CommandApdu, ResponseApdu, str]] = []
        self._why = ""

    def hear(self, event: CardEvent) -> None:
        """Note an exchange, and the reason of a refusal before it."""
        from jukicard.runtime.events import Exchange, Refusal

        if isinstance(event, Refusal):
            self._why = event.reason
        elif isinstance(event, Exchange):
            response = ResponseApdu.parse(event.response)
            self.exchanges.append((CommandApdu.parse(event.command), response, self._why))
            self._why = ""

    def run(self, *arguments: str, expect: int = 0, typed: str = "") -> None:
        """Run one command of jukihost; show it, the exchanges and what it printed."""
        self.exchanges.clear()
        done = self.jukihost(*arguments, typed=typed, card=True)
        shown = " ".join(Path(part).name if os.sep in part else part for part in arguments)
        self.story.console.print(f"  [bold]$ jukihost {shown}[/]")
        for command, response, why in self.exchanges:
            self.story.exchange(command, response, why if not response.status.is_ok else "")
        said = f"{done.stdout}{done.stderr}".strip()
        self.story.console.print(f"  [magenta]{said}[/]")
        if done.returncode != expect:
            self.story.surprise(f"expected exit code {expect}, it was {done.returncode}")

    def jukihost(
        self, *arguments: str, typed: str = "", card: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run jukihost and return what it did."""
        there = ["--tcp", self._address] if card else []
        return subprocess.run(  # noqa: S603 - our own program, no shell
            [sys.executable, "-m", "jukihost", *arguments, *there],
            input=typed,
            encoding="utf-8",
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            env={
                **os.environ,
                "JUKIHOST_PASSPHRASE": _PASSPHRASE,
                "NO_COLOR": "1",
                "PYTHONIOENCODING": "utf-8",  # between the two, whatever the user's is
            },
        )

    def make_keys(self) -> bool:
        """Make the two key stores; False when that did not work."""
        right = self.jukihost("keys", "new", "--test", str(self.keys))
        wrong = self.jukihost(
            "keys", "new", "--system", "RESIDENT_IDENTIFICATION", str(self.others)
        )
        for done in (right, wrong):
            if done.returncode:
                self.story.surprise(f"jukihost keys new: {done.stderr.strip()}")
        return not (right.returncode or wrong.returncode)


@contextlib.contextmanager
def _terminal(story: Story) -> Iterator[_Terminal]:
    from jukicard.transport.tcp import TcpServer

    with (
        tempfile.TemporaryDirectory(prefix="jukicard-demo-") as folder,
        TcpServer(story.card, on_status=lambda status: None) as server,
    ):
        terminal = _Terminal(story, server.address, Path(folder))
        unsubscribe = story.card.subscribe(terminal.hear)
        try:
            yield terminal
        finally:
            unsubscribe()


def tell_of_the_terminal(story: Story) -> None:
    """Tell how a terminal proves itself, reads the code, and is refused when it may not."""
    with _terminal(story) as terminal:
        if not terminal.make_keys():
            return
        _at_the_counter(story, terminal)
        _code_is_read(story, terminal)
        recorded = list(terminal.exchanges)
        _refused(story, terminal)
        _suspended(story, terminal)
    _replayed(story, recorded)


def _read(terminal: _Terminal, *, keys: Path, purpose: str, expect: int) -> None:
    terminal.run(
        "code",
        "read",
        "--keys",
        str(keys),
        "--purpose",
        purpose,
        "--pin-file",
        "-",
        typed=f"{_PIN}\n",
        expect=expect,
    )


def _at_the_counter(story: Story, terminal: _Terminal) -> None:
    story.chapter(
        "6. At the counter in the town hall",
        "The counter's system has a key that the card knows. Card and system prove it to each\n"
        "other without sending it; from then on every byte is encrypted and authenticated. The\n"
        "counter resets the PIN's counter.",
    )
    terminal.run(
        "pin", "unblock", "--keys", str(terminal.keys), "--pin-file", "-", typed=f"{_PIN}\n"
    )


def _code_is_read(story: Story, terminal: _Terminal) -> None:
    story.chapter(
        "7. The code is read",
        "A terminal for identification authenticates, the holder's PIN goes inside the session,\n"
        "and the resident record code comes back encrypted.",
    )
    _read(terminal, keys=terminal.keys, purpose="RESIDENT_IDENTIFICATION", expect=0)


def _refused(story: Story, terminal: _Terminal) -> None:
    story.chapter(
        "8. The same terminal without the right key",
        "First with a key that is not the one in the card, then with the right key of another\n"
        "purpose: who may suspend cards may not read them.",
    )
    _read(terminal, keys=terminal.others, purpose="RESIDENT_IDENTIFICATION", expect=1)
    _read(terminal, keys=terminal.keys, purpose="SUSPEND", expect=1)


def _suspended(story: Story, terminal: _Terminal) -> None:
    story.chapter(
        "9. The card is reported lost",
        "The next terminal that sees the card suspends it. After that nothing works but the\n"
        "counter, which can resume it.",
    )
    terminal.run("card", "suspend", "--keys", str(terminal.keys))
    _read(terminal, keys=terminal.keys, purpose="RESIDENT_IDENTIFICATION", expect=1)
    terminal.run("card", "resume", "--keys", str(terminal.keys))


def _replayed(story: Story, recorded: list[tuple[CommandApdu, ResponseApdu, str]]) -> None:
    story.chapter(
        "10. A recording is played back",
        "Someone has recorded chapter 7 and sends it again, byte for byte. The card's challenge\n"
        "is another one now, and without the key there is no session.",
    )
    story.card.power_on()
    story.send(_SELECT, StatusWord.OK)
    for command, _, _ in recorded:
        if command.ins == Ins.GET_CHALLENGE and not command.cla.secure:
            story.send(command, StatusWord.OK)
        elif command.ins == Ins.MUTUAL_AUTHENTICATE:
            # chapter 8 has cost this key one of its fifteen tries already
            story.send(command, StatusWord.retries(13))
        elif command.ins == Ins.READ_RECORD:
            story.send(command, StatusWord.SECURE_MESSAGING_OBJECTS_INCORRECT)
