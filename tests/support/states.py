"""Cards as this release makes them, kept for later ones: `python -m tests.support.states`.

Writes vectors/state/<version>/: an image of each card and a script of what it must answer once
it is read again. Run once for a release, and for a card that is added to it; a file that exists is
never written to.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import jukicard
from jukicard import Card, issue_card
from jukicard.apdu import CommandApdu
from tests.support.naive_terminal import JUKI, NaiveTerminal
from tests.support.transcript import send

STATES: Final = Path(__file__).parents[2] / "vectors" / "state"
_JUKI: Final = "00A4040C0AD3921000310001010401"
_JPKI: Final = "00A4040C0AD392F000260100000001"
_TRIES: Final = "0020009C"

ASKED: Final = {
    "juki-v1": (
        _JUKI,
        _TRIES,
        "00CA005A00",
        "00CA008A00",
        "00CA00C100",
        "00B2011400",
        _JPKI,
        "00B0860020",
        "00B0820004",
        "0020009B",
        "00B0810004",
    ),
    "juki-v2": ("00A4040C0AD3921000310001010402", "00200091", "00200092", "00B0830010"),
    "mynumber": (
        "00CA00F200",
        _JUKI,
        _TRIES,
        _JPKI,
        "00B0860020",
        "00B0880003",
        "00B08A0004",
        "00200098",
        "0020009804 31323334",
        "802A0097 33" + "30" * 51 + "00",
        "00A4040C0AD3921000310001010100",
        "00B2010C00",
        "00A4040C0AD3921000310001010408",
        "0020009104 31323334",
        "00B0810011",
    ),
}
"""What each kind of card is asked; kept with the answers, so a later release need not ask this."""


def _blocked(card: Card) -> None:
    for command in (_JUKI, *["0020009C0430303030"] * 3):
        send(card, command)


def _one_try_left(card: Card) -> None:
    for command in (_JUKI, *["0020009C0430303030"] * 2):
        send(card, command)


def _as_issued(card: Card) -> None:
    del card


def _at_the_counter(command: CommandApdu) -> Callable[[Card], None]:
    """Return the story of a card that the counter sends one protected command."""

    def story(card: Card) -> None:
        terminal = NaiveTerminal(card.transmit, bytes.fromhex(send(card, "00CA005A00"))[2:10])
        terminal.select(JUKI)
        terminal.authenticate(4)
        assert terminal.protected(command).status == 0x9000

    return story


STORIES: Final[dict[str, tuple[str, Callable[[Card], None]]]] = {
    "juki-v1 as issued": ("juki-v1", _as_issued),
    "juki-v1 blocked PIN": ("juki-v1", _blocked),
    "juki-v1 one try left": ("juki-v1", _one_try_left),
    "juki-v1 suspended": (
        "juki-v1",
        _at_the_counter(CommandApdu(0x00, 0x04, 0x00, 0x00, b"\x3f\x00")),
    ),
    "juki-v1 moved out": (
        "juki-v1",
        _at_the_counter(CommandApdu(0x00, 0xDA, 0x00, 0xC1, b"\x01")),
    ),
    "juki-v1 terminated": ("juki-v1", _at_the_counter(CommandApdu(0x00, 0xFE, 0x00, 0x00))),
    "juki-v2 as issued": ("juki-v2", _as_issued),
    "mynumber as issued": ("mynumber", _as_issued),
}


def make(name: str) -> tuple[bytes, str]:
    """Return the image of a card and the script of its answers."""
    profile, story = STORIES[name]
    card = issue_card(profile, seed=name)
    card.power_on()
    story(card)
    image = card.snapshot().export_with_keys()
    again = card.fork()
    lines = [f"# {name}", f"# ATR {again.power_on().hex().upper()}"]
    lines += [f"{command} -> {send(again, command)}" for command in ASKED[profile]]
    return image, "\n".join(lines) + "\n"


def kept() -> Iterator[tuple[Path, Path]]:
    """Yield image and script of every card that any release has kept."""
    for image in sorted(STATES.glob("*/*.card")):
        yield image, image.with_suffix(".txt")


def main() -> int:
    """Write what this release has not kept yet; 1 when that is nothing."""
    folder = STATES / jukicard.__version__
    folder.mkdir(parents=True, exist_ok=True)
    stems = {name.replace(" ", "_"): name for name in STORIES}
    missing = [stem for stem in stems if not (folder / f"{stem}.card").exists()]
    if not missing:
        print(f"{folder} has all: what a release has kept is not made again", file=sys.stderr)
        return 1
    for stem in missing:
        image, script = make(stems[stem])
        (folder / f"{stem}.card").write_bytes(image)
        (folder / f"{stem}.txt").write_text(script, encoding="ascii")
        print(folder / f"{stem}.card")
    return 0


if __name__ == "__main__":
    sys.exit(main())
