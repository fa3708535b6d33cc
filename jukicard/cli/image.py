"""`jukicard new` and `jukicard inspect`: a card in a file, made and looked at."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, TypedDict

from jukicard.cli.cards import DEFAULT_PROFILE, add_issue_arguments, image_source, issue
from jukicard.cli.output import OutputLost, complain
from jukicard.cli.place import Place

if TYPE_CHECKING:
    from jukicard.apdu.aid import Aid
    from jukicard.memory import MemorySnapshot
    from jukicard.runtime.card import Card

_CARD_ID: Final = "card"
_MOST_CARDS: Final = 1_000_000
_PROGRESS_SECONDS: Final = 2.0
_BLANK: Final = "blank: its issuer has not given it its contents yet"
NEW_EXAMPLES: Final = """\
  jukicard new card.juki
  jukicard new --profile juki-v1 --seed 1 --pin-file pin.txt card.juki
  jukicard new --profile juki-v1 --issuer-key-file issuer-keys.txt card.juki
      its issuer domain is opened with these, as by jukihost issuer list --key-file issuer-keys.txt
  jukicard new --profile mynumber --count 1000 cards.juki
  jukicard new --profile juki-v2 --blank blank.juki
      nobody's card yet: a terminal gives it its holder, over the issuer domain
  jukicard new --profile juki-v2 --compat --rsa-bits 2048 --form 1 --issued 2010-06-01 card.juki
"""
INSPECT_EXAMPLES: Final = """\
  jukicard inspect card.juki
  jukicard inspect --json card.juki
  jukicard inspect card.juki --send 00A4040C0AD3921000310001010401 --send 00B2011400
      what the card would answer, and why; sent to a copy, the card stays as it is
of an application that was left by an earlier version it shows what the installed one makes of it
"""


class Report(TypedDict):
    """What `inspect --json` prints."""

    profile: str
    atr: str
    state: str
    applications: list[ApplicationReport]
    exchanges: list[dict[str, str]]


class ApplicationReport(TypedDict):
    """One application in a `Report`."""

    aid: str
    kind: str
    version: int
    contents: list[dict[str, str]]
    memory: dict[str, int] | None


def add_new_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `new`."""
    add_issue_arguments(command)
    command.add_argument("--force", action="store_true", help="replace a card file that exists")
    command.add_argument(
        "--count",
        metavar="N",
        type=card_count,
        default=1,
        help="make N cards, named 1 to N in the file; with --seed, card n has the seed SEED-n",
    )
    command.add_argument("image", metavar="FILE", help="the card's file, for example card.juki")


def new(arguments: argparse.Namespace) -> int:
    """Issue a card into a new file, all of it or nothing."""
    from jukicard.memory import create_cards

    place = Place(arguments.image, force=arguments.force)
    profile = arguments.profile or DEFAULT_PROFILE
    with place.draft() as draft:
        create_cards(draft, _issued(profile, arguments))
        place.take(draft)
    made = profile if arguments.count == 1 else f"{arguments.count} cards of {profile}"
    try:
        print(f"{place.path}: {made}", flush=True)
    except OutputLost as lost:
        raise OutputLost(f"{place.path} is made, a card of {profile}; but {lost}") from None
    return 0


def _issued(profile: str, arguments: argparse.Namespace) -> Iterator[tuple[str, MemorySnapshot]]:
    """Issue the cards that were asked for; of many, say now and then how far it is."""
    count, seed = arguments.count, arguments.seed
    told = time.monotonic()
    for number in range(1, count + 1):
        own = f"{seed}-{number}" if seed is not None and count > 1 else seed
        card = issue(profile, own, arguments)
        # A seeded generator's state is not kept: a card opened again would repeat itself.
        snapshot = card.environment.memory.snapshot({"profile": card.profile})
        yield _CARD_ID if count == 1 else str(number), snapshot
        if time.monotonic() - told > _PROGRESS_SECONDS:
            told = time.monotonic()
            complain(f"{number} of {count} cards issued")


def card_count(text: str) -> int:
    """Read how many cards are wanted."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _MOST_CARDS):
        raise argparse.ArgumentTypeError(f"this is no number of cards, 1 to {_MOST_CARDS}")
    return int(text)


def add_inspect_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of `inspect`."""
    command.add_argument("--json", action="store_true", help="for programs")
    command.add_argument(
        "--send",
        metavar="APDU",
        action="append",
        default=[],
        type=_apdu,
        help="ask a copy of the card and say why it refuses; may be repeated",
    )
    command.add_argument("source", type=image_source, metavar="FILE[#CARD]")


def _apdu(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise argparse.ArgumentTypeError("an APDU is written in hexadecimal digits") from None


def inspect(arguments: argparse.Namespace) -> int:
    """Show what is on a card; secrets and personal data stay on it.

    What an earlier version of an application has kept is shown as it would be used here.
    """
    from jukicard.runtime.kinds import is_own
    from jukicard.runtime.quota import Usage

    with contextlib.ExitStack() as stack:
        report = _report(arguments.source.look(stack), arguments.send)
    if arguments.json:
        import json

        print(json.dumps(report, indent=2))
        return 0
    print(f"{report['profile']}, ATR {report['atr']}, {report['state']}")
    for application in report["applications"]:
        version = "" if is_own(application["kind"]) else f", version {application['version']}"
        print(f"\n{application['kind']} {application['aid']}{version}")
        if application["memory"] is not None:
            print(f"  memory  {Usage(**application['memory']).description}")
        for entry in application["contents"]:
            print(f"  {entry['name']}  {entry['value']}")
    for exchange in report["exchanges"]:
        print(f"\n{exchange['command']}\n  {exchange['answer']}")
        if exchange["why"]:
            print(f"  why: {exchange['why']}")
    return 0


def _ask(card: Card, commands: list[bytes]) -> list[dict[str, str]]:
    """Send commands to a copy of the card; data of answers is not shown, it may be personal."""
    from jukicard.apdu import MalformedApduError, ResponseApdu
    from jukicard.apdu.command import CommandApdu
    from jukicard.apdu.trace.describe import describe

    copy = card.fork()
    copy.power_on()
    exchanges = []
    for raw in commands:
        answer = ResponseApdu.parse(copy.transmit(raw))
        try:
            words = describe(CommandApdu.parse(raw))
        except MalformedApduError as error:
            words = f"no command: {error}"
        refusal = copy.last_refusal
        refused = refusal is not None and not answer.status.is_ok
        exchanges.append(
            {
                "command": words,
                "answer": f"{answer.status.hex} {answer.status.meaning}, {_size(answer.data)}",
                "why": refusal.reason if refused and refusal is not None else "",
            }
        )
    return exchanges


def _size(data: bytes) -> str:
    return f"{len(data)} {'byte' if len(data) == 1 else 'bytes'}"


def _memory(card: Card, aid: Aid) -> dict[str, int] | None:
    found = card.applications.memory(aid)
    return None if found is None else found._asdict()


def _report(card: Card, commands: list[bytes]) -> Report:
    blank = card.applications.blank
    return {
        "profile": card.profile,
        "atr": card.atr.hex().upper(),
        "state": card.state.description,
        "applications": [
            {
                "aid": str(application.aid),
                "kind": application.type_name,
                "version": application.version,
                "contents": [
                    *([{"name": "state", "value": _BLANK}] if application.aid in blank else []),
                    *({"name": name, "value": value} for name, value in application.description),
                ],
                "memory": _memory(card, application.aid),
            }
            for application in card.applications
        ],
        "exchanges": _ask(card, commands) if commands else [],
    }
