"""`jukicard kit`: an application's declaration, read as a reviewer would, and compared."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from jukicard.cli.subcommands import add_subcommand

if TYPE_CHECKING:
    from jukicard.cli.packages import Package
    from jukicard.filesystem.files import FileTree
    from jukicard.kit.fileapplet import FileApplet
    from jukicard.kit.review import Finding
    from jukicard.runtime.applet import Applet
    from jukicard.synthetic.person import Person

EXAMPLES: Final = """\
  jukicard kit check examples/points-card     the folder with its pyproject.toml
  jukicard kit check librarycard              an installed package
  jukicard kit diff points-0.1.whl points-0.2.whl
"""
SECONDS: Final = 60.0
"""How long the code of a package may run; it only declares, and makes one card."""
_CHECK: Final = """\
  jukicard kit check examples/points-card     a folder with a pyproject.toml
  jukicard kit check dist/points-0.2-py3-none-any.whl
  jukicard kit check librarycard              as it is installed
exit code 1 when there is something to object to; the package's code is run
"""
_DIFF: Final = """\
  jukicard kit diff librarycard examples/library-card    installed, and the next one
  jukicard kit diff points-0.1-py3-none-any.whl points-0.2-py3-none-any.whl
- is gone, + is new, ~ is another; the code of both packages is run
"""


def add_kit_arguments(command: argparse.ArgumentParser) -> None:
    """Add the actions of `kit` and their arguments."""
    actions = command.add_subparsers(title="actions", metavar="ACTION", required=True)
    for name, summary, examples, run, places in (
        ("check", "read a declaration as a reviewer would", _CHECK, _check, ("package",)),
        ("diff", "say what a new version changes, rules included", _DIFF, _diff, ("old", "new")),
    ):
        action = add_subcommand(actions, name, summary, examples)
        for place in places:
            action.add_argument(
                place,
                metavar=place.upper(),
                help="an installed package, a folder (./NAME), a wheel",
            )
        action.add_argument(
            "--seconds",
            metavar="N",
            type=_seconds,
            default=SECONDS,
            help="how long the package's code may run (default: %(default)g)",
        )
        action.set_defaults(action=run)


def _seconds(text: str) -> float:
    seconds = float(text)  # the parser says what is no number
    if not 0 < seconds <= threading.TIMEOUT_MAX:
        raise argparse.ArgumentTypeError("this is no time to wait")
    return seconds


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for, within its time."""
    action: Callable[[argparse.Namespace], int] = arguments.action
    with _bounded(arguments.seconds):
        return action(arguments)


@contextmanager
def _bounded(seconds: float) -> Iterator[None]:
    """End the process when a package's code does not: nothing else stops what catches everything.

    Nothing is lost, since `kit` writes nothing.
    """

    def give_up() -> None:
        sys.stderr.write(
            f"jukicard: the package's code has not ended within {seconds:g} s; look for a loop in "
            "what runs when it is imported or a card is made, or give it more time (--seconds)\n"
        )
        sys.stderr.flush()
        os._exit(2)

    clock = threading.Timer(seconds, give_up)
    clock.daemon = True
    clock.start()
    try:
        yield
    finally:
        clock.cancel()


def _check(arguments: argparse.Namespace) -> int:
    from jukicard.cli.packages import loaded

    total = 0
    with loaded(arguments.package) as package:
        for name, kind in package.kinds.items():
            found = list(findings(name, kind))
            total += len(found)
            print(f"{package.name} {package.version}, {name}: {_count(len(found))}")
            for where, says in found:
                print(f"  {where}: {says}")
    return 1 if total else 0


def _count(number: int) -> str:
    return {0: "nothing to object to", 1: "1 finding"}.get(number, f"{number} findings")


def _diff(arguments: argparse.Namespace) -> int:
    from jukicard.cli.packages import loaded
    from jukicard.kit.review import changes

    with loaded(arguments.old) as package:
        old, before = f"{package.name} {package.version}", _declared(package)
    with loaded(arguments.new) as package:
        new, after = f"{package.name} {package.version}", _declared(package)
    print(f"{old} -> {new}")
    lines = list(changes(before, after))
    print("\n".join(lines) if lines else "nothing that is declared has changed")
    return 0


def _declared(package: Package) -> dict[str, str]:
    """Return what all applications of a package declare, with their kinds' names in front."""
    from jukicard.kit.review import declaration

    found = {}
    for name, kind in package.kinds.items():
        tree = _tree(kind)
        lines = {"version": str(kind.version)} if tree is None else declaration(*tree)
        found.update({f"{name}: {what}": how for what, how in lines.items()})
        found.setdefault(f"{name}: files", "declared" if tree else "known to its code alone")
    return found


def _tree(kind: type[Applet[Any]]) -> tuple[type[FileApplet[Any]], FileTree] | None:
    from jukicard.kit.fileapplet import FileApplet

    if not issubclass(kind, FileApplet):
        return None
    try:
        tree = kind.tree_for({})
    except (LookupError, ValueError):  # it has others for other parameters, and none without any
        return None
    return None if tree is None else (kind, tree)


def findings(name: str, kind: type[Applet[Any]]) -> Iterator[Finding]:
    """Yield what a reviewer would object to in a kind of application; a card is made with it."""
    from jukicard.kit.review import Finding, review, review_version

    if kind.type_name != name:
        said = f"its type_name is {kind.type_name!r}, and cards look for that name"
        yield Finding("entry point", said)
    yield from review_version(kind)
    found = _tree(kind)
    if found is None:
        yield Finding("files", "none are declared in `tree` that need no parameters: not looked at")
        return
    yield from review(*found)
    if kind.usual_aid({}) is None:
        yield Finding("DF", "it has no name (AID), so whoever places it must say one")
        return
    yield from _personal(*found)


def _personal(kind: type[FileApplet[Any]], tree: FileTree) -> Iterator[Finding]:
    """Make a card for a synthetic holder, and look for the holder in what is free to read."""
    import datetime

    from jukicard.environment import SeededRandom
    from jukicard.filesystem.access import SecurityStatus
    from jukicard.filesystem.files import EfNode
    from jukicard.kit.review import Finding
    from jukicard.profiles import ProfileError, issue_card
    from jukicard.runtime.kinds import offer_applet
    from jukicard.synthetic.people import draw_person

    issued = datetime.date(2026, 4, 1)
    person = draw_person(SeededRandom("kit check"), issued=issued, foreign=False)
    name = kind.type_name
    try:
        offer_applet(kind)
        card = issue_card(
            "juki-v1", seed="kit check", person=person, issued=issued, applications=[name]
        )
    except (ProfileError, TypeError, ValueError) as error:
        yield Finding("personalise", f"no card can be made with it: {error}")
        return
    [application] = [one for one in card.applications if one.type_name == name]
    kept = card.snapshot().partitions.get(application.partition_name, {})
    nobody = SecurityStatus()
    free = []
    for node in tree.walk():
        if isinstance(node, EfNode):
            free += [(node.path, node.content_key)] * node.spec.access.read.holds(nobody)
        else:
            for tag, spec in node.objects.items():
                free += [(f"object {tag:X}", node.object_key(tag))] * spec.read.holds(nobody)
    for where, key in free:
        for what in _told(person, kept.get(key, b"")):
            yield Finding(where, f"anybody may read it, and it holds the holder's {what}")


def _told(person: Person, content: bytes) -> Iterator[str]:
    """Yield what of a person stands in a content, in one of the usual ways of writing it."""
    birth = person.birth
    texts = {
        "name": (person.name, person.family, person.reading, person.family_kana),
        "address": (person.address, person.street),
        "date of birth": (f"{birth:%Y%m%d}", f"{birth:%Y-%m-%d}", f"{birth:%Y/%m/%d}"),
    }
    for what, spellings in texts.items():
        encoded = {
            text.encode(encoding, "ignore")
            for text in spellings
            for encoding in ("utf-8", "cp932", "euc_jp", "utf-16-be")
        }
        if what == "date of birth":
            encoded.add(bytes.fromhex(spellings[0]))
        if any(text in content for text in encoded if len(text) > 3):
            yield what
