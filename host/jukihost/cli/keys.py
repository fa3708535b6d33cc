"""`jukihost keys`: the master keys of systems, in an encrypted file or a PKCS#11 token."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from jukihost.cli import output, prompts
from jukihost.cli.arguments import (
    Commands,
    add_command,
    add_group,
    add_json,
    add_passphrase,
    key_version,
)
from jukihost.cli.output import UsageError
from jukihost.models import Purpose
from jukihost.texts import said, said_of_word

if TYPE_CHECKING:
    from jukihost.keys import KeyInfo
    from jukihost.keys.management import KeyStore
    from jukihost.keys.passphrase import Passphrase

SUITES: Final = ("MA-AES128", "MA-AES192", "MA-AES256", "MA-3DES")
"""What keys can be for; the first is the default."""


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    actions = add_group(
        commands, "keys", "keep the master keys of systems, in an encrypted file or a token"
    )
    new = _action(actions, "new", "make a key store with a new key for each system", _new)
    new.add_argument(
        "--system",
        metavar="NAME",
        action="append",
        help="a system to draw a key for; may be repeated (default: "
        f"{', '.join(Purpose.__members__)})",
    )
    new.add_argument(
        "--test",
        action="store_true",
        help="fill it with the published keys of "
        "synthetic cards instead: they are WORTHLESS, everybody has them",
    )
    _add_suite(new, f"what the keys are for (default: {SUITES[0]})")
    take = _action(actions, "import", "take a master key from elsewhere", _import)
    take.add_argument("system", metavar="SYSTEM", help="whose key it is")
    take.add_argument(
        "--version",
        metavar="N",
        type=key_version,
        default=1,
        help="the key's version (default: %(default)s)",
    )
    take.add_argument(
        "--key-file",
        metavar="KEYFILE",
        action="append",
        help="read it, in hexadecimal, from a file, - for standard input, instead of asking; "
        "once for each component, in the order of the operators",
    )
    who = take.add_mutually_exclusive_group(required=True)
    who.add_argument(
        "--operator",
        metavar="ID",
        action="append",
        help="who brings a component of the key, which tells nothing of it; twice or more, and "
        "kept with the key",
    )
    who.add_argument(
        "--whole",
        action="store_true",
        help="one person has the whole key: for test keys, it is under nobody's control",
    )
    _add_suite(take, "what the key is for (default: AES, of the key's length)")
    _action(actions, "list", "show which keys there are, never the keys", _list)
    rotate = _action(
        actions, "rotate", "draw the next version of a system's key; the older stay", _rotate
    )
    rotate.add_argument("system", metavar="SYSTEM", help="whose key to renew")
    _add_suite(rotate, "what the new key is for (default: what the one before is for)")
    delete = _action(
        actions, "delete", "delete a key for good: its cards cannot be used any more", _delete
    )
    delete.add_argument("system", metavar="SYSTEM", help="whose key to delete")
    delete.add_argument(
        "--version", metavar="N", type=key_version, required=True, help="which version"
    )
    delete.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def _add_suite(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--suite", choices=SUITES, help=text)


def _action(
    actions: Commands, name: str, text: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    parser = add_command(actions, name, text, run)
    parser.add_argument(
        "keys",
        metavar="FILE",
        help="the key store: a file, or the address of "
        "a token, pkcs11:token=LABEL?module-path=LIBRARY, whose PIN is the passphrase",
    )
    add_passphrase(parser)
    add_json(parser)
    return parser


def _new(arguments: argparse.Namespace) -> int:
    from jukihost.keys import new_store, published
    from jukihost.keys.custody import check_system

    passphrase = prompts.passphrase(arguments, new=True)
    suite = arguments.suite or SUITES[0]
    systems = arguments.system or list(Purpose.__members__)
    if not arguments.test:
        return _show(arguments, new_store(arguments.keys, passphrase, systems=systems, suite=suite))
    masters = {
        check_system(system): published.published_master(system, suite) for system in systems
    }
    with _made(arguments, passphrase) as custody:
        for system, master in masters.items():
            custody.import_key(system, published.VERSION, master, suite=suite)
        made = custody.inventory()
    output.say(
        "jukihost: these are the published test keys: they are WORTHLESS and only for "
        "synthetic cards"
    )
    return _show(arguments, made)


@contextmanager
def _made(arguments: argparse.Namespace, passphrase: Passphrase) -> Iterator[KeyStore]:
    """Make an empty store for what is put into it here: all of that, or nothing stays of it."""
    from jukihost.keys import SoftwareCustody, key_store

    custody = key_store(arguments.keys, passphrase)
    custody.create()
    with custody:
        try:
            yield custody
        except BaseException:
            for key in custody.inventory():
                custody.delete(key.system, key.version)
            if isinstance(custody, SoftwareCustody):
                custody.path.unlink(missing_ok=True)
            raise


def _import(arguments: argparse.Namespace) -> int:
    from jukihost.keys import join_components
    from jukihost.keys.custody import check_bringers

    with _open(arguments) as custody:
        bringers = check_bringers(arguments.operator or ())
        parts = list(_components(arguments, bringers))
        key = join_components(parts) if bringers else parts[0]
        suite = arguments.suite or _suite_for(key)
        made = custody.import_key(
            arguments.system, arguments.version, key, suite=suite, brought_by=bringers
        )
        return _show(arguments, [made])


def _components(arguments: argparse.Namespace, bringers: Sequence[str]) -> Iterator[bytes]:
    """Yield the key, or each component of it as one person after the other gives it. UsageError."""
    files = arguments.key_file or []
    if files and len(files) != max(1, len(bringers)):
        raise UsageError("give a --key-file for each --operator, or none to be asked")
    what = said("component of the key, in hexadecimal")
    questions = [f"{said_of_word('operator')} {one}: {what}: " for one in bringers]
    questions = questions or [f"{said('master key of the office, in hexadecimal')}: "]
    for file in files:
        raw = output.read_file(file, "the key file")
        yield _hexadecimal(raw.decode("ascii", "replace"))
    for prompt in () if files else questions:
        yield _hexadecimal(prompts.hidden(prompt, "use --key-file"))


def _hexadecimal(text: str) -> bytes:
    try:
        return bytes.fromhex(text.strip())
    except ValueError:
        raise UsageError("the key is not hexadecimal") from None


def _suite_for(key: bytes) -> str:
    return {24: "MA-AES192", 32: "MA-AES256"}.get(len(key), "MA-AES128")


def _list(arguments: argparse.Namespace) -> int:
    with _open(arguments) as custody:
        return _show(arguments, custody.inventory())


def _rotate(arguments: argparse.Namespace) -> int:
    with _open(arguments) as custody:
        return _show(arguments, [custody.rotate(arguments.system, suite=arguments.suite)])


def _delete(arguments: argparse.Namespace) -> int:
    prompts.confirmed(
        arguments,
        f"Cards of version {arguments.version} cannot be used by {arguments.system} any more.",
        arguments.system,
    )
    with _open(arguments) as custody:
        custody.delete(arguments.system, arguments.version)
    return output.done(arguments, "the key is deleted")


def _open(arguments: argparse.Namespace) -> KeyStore:
    custody = prompts.custody(arguments)
    custody.open()
    return custody


def _show(arguments: argparse.Namespace, keys: Iterable[KeyInfo]) -> int:
    rows = [
        (
            info.system,
            info.version,
            info.suite,
            info.check_value.hex().upper(),
            list(info.brought_by),
        )
        for info in keys
    ]
    if arguments.json:
        names = ("system", "version", "suite", "check_value", "brought_by")
        output.print_json([dict(zip(names, row, strict=True)) for row in rows])
        return output.OK
    table = output.table("system", "version", "suite", "check value", "brought by")
    for *cells, bringers in rows:
        output.add_row(table, *(str(cell) for cell in cells), ", ".join(bringers))
    output.print_table(table)
    return output.OK
