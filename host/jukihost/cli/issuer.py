"""`jukihost issuer`: administer a card's applications, keys and life cycle, as its issuer."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

from jukihost.cli import contents, output, prompts
from jukihost.cli.arguments import (
    Commands,
    add_command,
    add_connection,
    add_group,
    add_passphrase,
    key_version,
    purpose_key,
)
from jukihost.cli.output import UsageError
from jukihost.cli.reach import connected

if TYPE_CHECKING:
    from jukicard.apdu import Aid
    from jukihost.conversation.issuerdata import RegistryEntry
    from jukihost.keys import IssuerKeys, KeyCustody
    from jukihost.sessions.issuer import IssuerSession

    Source = Callable[[IssuerSession], IssuerKeys]
    """Gives the keys of the card that a session speaks to."""

LEVELS: Final = ("01", "03", "11", "13", "33")
"""What a session may protect; the last, everything, is the default."""
_MAX_KEY_FILE: Final = 4 << 10
_MAX_PARAMETERS: Final = 150
"""What one INSTALL has room for, beside three names and in the tightest session."""


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    actions = add_group(
        commands, "issuer", "administer the card as its issuer, over GlobalPlatform's SCP03"
    )
    _action(actions, "list", "show the card's state, applications and key sets", _list)
    install = _action(actions, "install", "install an application that the card offers", _install)
    install.add_argument("aid", metavar="AID", type=_aid, help="the name to select it by")
    install.add_argument(
        "--module",
        metavar="AID",
        type=_aid,
        help="what it is made of, one of the packages in list (default: of the same name)",
    )
    install.add_argument(
        "--parameter",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="what it is told; may be repeated",
    )
    install.add_argument(
        "--reserve",
        metavar="BYTES",
        type=_reserve,
        help="how much of the card's memory is to be its own, and all it has (default: as the "
        "application says; 0: it shares what nobody has reserved)",
    )
    personalise = _action(
        actions, "personalise", "hand an installed application its contents", _personalise
    )
    personalise.add_argument("aid", metavar="AID", type=_aid, help="the application")
    contents.add(personalise)
    delete = _action(
        actions, "delete", "delete an application and all it holds, or a key set", _delete
    )
    what = delete.add_mutually_exclusive_group(required=True)
    what.add_argument("aid", metavar="AID", nargs="?", type=_aid, help="the application")
    what.add_argument("--key-set", metavar="N", type=_set_version, help="the key set of a version")
    delete.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    for name, text, run in (
        ("lock", "let an application, or the whole card, not be used any more", _lock),
        ("unlock", "take a locked application, or the whole card, back into use", _unlock),
    ):
        _action(actions, name, text, run).add_argument(
            "aid", metavar="AID", nargs="?", type=_aid, help="the application (default: the card)"
        )
    put = _action(
        actions,
        "put-key",
        "give the issuer domain, or a purpose of an application, new keys",
        _put_key,
    )
    _add_source(put, "new-", "the new keys: ")
    put.add_argument(
        "--new-version",
        metavar="N",
        type=_set_version,
        required=True,
        help="the version that the card knows the new keys by, 1 to 127",
    )
    put.add_argument(
        "--replace",
        metavar="N",
        type=_set_version,
        help="the version that they take the place of (default: they are added)",
    )
    put.add_argument(
        "--purpose",
        metavar="PURPOSE",
        type=purpose_key,
        help="whose keys they are, derived for this card: a purpose of a Juki or operator card, or "
        "NAME=REFERENCE with --aid (default: the issuer domain's)",
    )
    unblock = _action(
        actions, "unblock-key", "give the keys of a purpose all their tries again", _unblock_key
    )
    unblock.add_argument(
        "purpose",
        metavar="PURPOSE",
        type=purpose_key,
        help="whose keys they are: a purpose of a Juki or operator card, or NAME=REFERENCE with "
        "--aid",
    )
    for action in (put, unblock):
        action.add_argument(
            "--aid",
            metavar="AID",
            type=_aid,
            help="the application of the purpose (default: the Juki or operator application)",
        )


def _action(
    actions: Commands, name: str, text: str, run: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    parser = add_command(actions, name, text, run)
    add_connection(parser)
    _add_source(parser, "", "the domain's keys: ")
    add_passphrase(parser)
    parser.add_argument(
        "--key-version",
        metavar="N",
        type=_set_version,
        help="the version of the domain's keys (default: the card's first; of a key store, 1)",
    )
    parser.add_argument(
        "--level",
        choices=LEVELS,
        default=LEVELS[-1],
        help="what the session protects (default: %(default)s, all of it)",
    )
    return parser


def _add_source(parser: argparse.ArgumentParser, prefix: str, text: str) -> None:
    """Add where three keys come from; never from an argument itself."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        f"--{prefix}keys",
        metavar="FILE",
        help=f"{text}derived from the masters of ISSUER and ISSUER_DEK in a key store",
    )
    source.add_argument(
        f"--{prefix}key-file",
        metavar="FILE",
        help=f"{text}in hexadecimal, one line for all three or ENC, MAC, DEK in three; a file that "
        "is its owner's alone, - for standard input",
    )
    source.add_argument(
        f"--{prefix}test-keys",
        action="store_true",
        help=f"{text}404142..4F, which everybody has: for synthetic cards only, they are WORTHLESS",
    )


def _aid(text: str) -> Aid:
    from jukicard.apdu import Aid

    try:
        return Aid(text)
    except ValueError:
        raise argparse.ArgumentTypeError("no AID; it has 5 to 16 bytes, in hexadecimal") from None


def _set_version(text: str) -> int:
    version = key_version(text)
    if version > 127:
        raise argparse.ArgumentTypeError("no version of a key set; it is 1 to 127")
    return version


def _reserve(text: str) -> int:
    from jukihost.sessions.issuer import MAX_RESERVE

    if not (text.isascii() and text.isdigit() and int(text[:11]) <= MAX_RESERVE):
        raise argparse.ArgumentTypeError(f"no number of bytes, 0 to {MAX_RESERVE}")
    return int(text)


# --- keys and session ---


def _source(
    arguments: argparse.Namespace, stack: ExitStack, prefix: str, version: int | None
) -> Source:
    """Open where the keys come from, before the card is reached: what fails costs no command."""
    from jukihost.keys import IssuerKeys
    from jukihost.keys.issuer import ISSUER_TEST_KEYS

    file = getattr(arguments, f"{prefix}key_file")
    if getattr(arguments, f"{prefix}keys") is not None:
        custody = _custody(arguments, stack, prefix)
        return lambda issuer: IssuerKeys.from_custody(custody, issuer.card_number(), version or 1)
    if file == "-":
        raw = output.read_file(file, "the key file", _MAX_KEY_FILE)
        found = IssuerKeys.parse(raw.decode("ascii", "replace"), version or 0)
    elif file is not None:
        found = IssuerKeys.from_file(file, version or 0)
    else:
        found = IssuerKeys(*ISSUER_TEST_KEYS.keys, version or 0)
    return lambda _: found


def _custody(arguments: argparse.Namespace, stack: ExitStack, prefix: str) -> KeyCustody:
    """Open the key store that was named; the published keys where they were asked for."""
    from jukihost.keys import PublishedKeys

    store = getattr(arguments, f"{prefix}keys")
    if store is not None:
        opened = prompts.custody(arguments, store)
        stack.enter_context(opened)
        return opened
    if getattr(arguments, f"{prefix}test_keys"):
        return PublishedKeys()
    raise UsageError("the keys of a purpose come from a key store: use --new-keys")


@contextmanager
def _issuer(arguments: argparse.Namespace, stack: ExitStack) -> Iterator[IssuerSession]:
    """Open the issuer domain, of a locked card too, with the keys that were named."""
    from jukihost.securemessaging.scp03 import SecurityLevel
    from jukihost.sessions.issuer import IssuerSession

    keys = _source(arguments, stack, "", arguments.key_version)
    with (
        connected(arguments) as (_, channel),
        IssuerSession(channel, allow_suspended=True) as issuer,
    ):
        issuer.authenticate(keys(issuer), level=SecurityLevel(int(arguments.level, 16)))
        yield issuer


def _with_issuer(
    arguments: argparse.Namespace, act: Callable[[IssuerSession], object], text: str
) -> int:
    with ExitStack() as stack, _issuer(arguments, stack) as issuer:
        act(issuer)
        return output.done(arguments, text)


# --- what is done ---


def _list(arguments: argparse.Namespace) -> int:
    from jukihost.conversation.issuerdata import RegistryPart

    with ExitStack() as stack, _issuer(arguments, stack) as issuer:
        entries = [entry for part in RegistryPart for entry in issuer.registry(part)]
        keys = issuer.key_information()
    versions = sorted({key.version for key in keys})
    if arguments.json:
        output.print_json(
            {
                "registry": [_row(entry) for entry in entries],
                "key_sets": versions,
            }
        )
        return output.OK
    table = output.table("", "AID", "state", "privileges", "made of")
    for entry in entries:
        row = _row(entry)
        output.add_row(table, *(row[name] or "-" for name in _COLUMNS))
    output.print_table(table)
    print(f"key sets: {', '.join(map(str, versions)) or 'none'}")
    return output.OK


_COLUMNS: Final = ("part", "aid", "state", "privileges", "package")


def _row(entry: RegistryEntry) -> dict[str, str | None]:
    return {
        "part": entry.part.name.lower().removesuffix("s"),
        "aid": str(entry.aid),
        "state": entry.state_name,
        "privileges": entry.privileges.hex().upper() or None,
        "package": None if entry.package is None else str(entry.package),
    }


def _install(arguments: argparse.Namespace) -> int:
    module = arguments.module or arguments.aid
    parameters = ";".join(arguments.parameter).encode()
    if len(parameters) > _MAX_PARAMETERS:
        raise UsageError(f"the parameters have more than {_MAX_PARAMETERS} bytes together")
    return _with_issuer(
        arguments,
        lambda issuer: issuer.install(
            module, module, arguments.aid, parameters=parameters, reserve=arguments.reserve
        ),
        "the application is installed",
    )


def _personalise(arguments: argparse.Namespace) -> int:
    hand = contents.read(arguments)
    return _with_issuer(
        arguments, lambda issuer: hand(issuer, arguments.aid), "the application is personalised"
    )


def _delete(arguments: argparse.Namespace) -> int:
    if arguments.key_set is not None:
        version = arguments.key_set
        prompts.confirmed(
            arguments, f"The key set of version {version} opens nothing any more.", "delete"
        )
        return _with_issuer(
            arguments, lambda issuer: issuer.delete_keys(version), "the key set is deleted"
        )
    prompts.confirmed(
        arguments,
        f"{arguments.aid} is deleted with all it holds, nothing brings it back.",
        "delete",
    )
    return _with_issuer(
        arguments, lambda issuer: issuer.delete(arguments.aid), "the application is deleted"
    )


def _lock(arguments: argparse.Namespace) -> int:
    if arguments.aid is None:
        return _with_issuer(arguments, lambda issuer: issuer.lock_card(), "the card is locked")
    return _with_issuer(
        arguments, lambda issuer: issuer.lock(arguments.aid), "the application is locked"
    )


def _unlock(arguments: argparse.Namespace) -> int:
    if arguments.aid is None:
        return _with_issuer(
            arguments, lambda issuer: issuer.unlock_card(), "the card is in use again"
        )
    return _with_issuer(
        arguments, lambda issuer: issuer.unlock(arguments.aid), "the application is in use again"
    )


def _put_key(arguments: argparse.Namespace) -> int:
    if arguments.key_file == arguments.new_key_file == "-":
        raise UsageError("standard input cannot be both key files; name one of them")
    with ExitStack() as stack:
        put = (_put_set if arguments.purpose is None else _put_purpose)(arguments, stack)
        with _issuer(arguments, stack) as issuer:
            values = put(issuer)
    shown = ", ".join(value.hex().upper() for value in values)
    return output.done(
        arguments, f"the card has the keys of version {arguments.new_version}, check values {shown}"
    )


Put: TypeAlias = "Callable[[IssuerSession], Sequence[bytes]]"
"""Puts keys into a card and returns their check values."""


def _put_set(arguments: argparse.Namespace, stack: ExitStack) -> Put:
    new = _source(arguments, stack, "new_", arguments.new_version)

    def put(issuer: IssuerSession) -> Sequence[bytes]:
        keys = new(issuer)
        issuer.put_keys(keys, replace=arguments.replace)
        return keys.check_values

    return put


def _put_purpose(arguments: argparse.Namespace, stack: ExitStack) -> Put:
    from jukihost.crypto.primitives import check_value

    custody = _custody(arguments, stack, "new_")
    aid, purpose, version = _application(arguments), arguments.purpose, arguments.new_version

    def put(issuer: IssuerSession) -> Sequence[bytes]:
        keys = custody.derive_card_keys(purpose.name, issuer.card_number(), aid, version)
        issuer.put_purpose_keys(aid, purpose.reference, keys, replace=arguments.replace)
        return [check_value(key) for key in (keys.k_enc, keys.k_mac)]

    return put


def _unblock_key(arguments: argparse.Namespace) -> int:
    aid = _application(arguments)
    purpose = arguments.purpose
    return _with_issuer(
        arguments,
        lambda issuer: issuer.unblock_key(aid, purpose.reference),
        f"the keys of {purpose.name} have all their tries again",
    )


def _application(arguments: argparse.Namespace) -> Aid:
    from jukihost.models import OperatorPurpose
    from jukihost.sessions.juki import JukiSession
    from jukihost.sessions.operator import OperatorSession

    known = arguments.purpose.known
    if arguments.aid is None and known is None:
        raise UsageError("NAME=REFERENCE is a key of a municipal application: name it with --aid")
    usual = OperatorSession if isinstance(known, OperatorPurpose) else JukiSession
    return arguments.aid or usual.AID
