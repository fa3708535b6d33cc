"""`jukihost log`: the log of uses in a terminal's database, and what its witness does."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from jukihost.cli import disclosing, output, prompts
from jukihost.cli.arguments import (
    Commands,
    add_group,
    add_json,
    add_passphrase,
    whole_number,
)
from jukihost.cli.logplaces import (
    LONGEST_NOTE,
    log_action,
    note_keys,
    opened_log,
    read_key,
    read_note,
)
from jukihost.cli.output import UsageError

if TYPE_CHECKING:
    from jukihost.database import Database
    from jukihost.log import KeyUse, SigningKey


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    actions = add_group(commands, "log", "keep and check the log of uses")

    key = log_action(actions, "key", "draw a key into a new encrypted file", _key, "FILE")
    key.add_argument(
        "--for", dest="use", choices=["log", "witness", "pseudonyms"], required=True,
        help="sign checkpoints, cosign those of others, or make pseudonyms",
    )  # fmt: skip
    key.add_argument("--name", help="the log's or the witness's, for example town.example/uses")
    add_passphrase(key)
    create = log_action(actions, "create", "begin a log; make the database's tables first", _create)
    create.add_argument("--origin", required=True, help="the log's name, town.example/uses")
    create.add_argument(
        "--hold", action="store_true", help="publish nothing while the witness is away"
    )
    publish = log_action(
        actions, "publish", "sequence what is queued, end the day, sign a checkpoint", _publish
    )
    _add_signing(publish)
    publish.add_argument(
        "--new-key", metavar="FILE", help="sign with this one too: the key that replaces the other"
    )
    adopt = log_action(
        actions, "adopt", "let a log go on that came back from a backup, asking the witness", _adopt
    )
    _add_signing(adopt)
    adopt.add_argument(
        "--anew", metavar="ORIGIN",
        help="the lost entries are lost for good: go on as another log of this name",
    )  # fmt: skip
    status = log_action(
        actions,
        "status",
        "say what is late (queue, days, witness), gaps of cards, and certificates whose authority "
        "is to be told",
        _status,
    )
    settle = log_action(
        actions, "settle", "settle a gap between a card and the ledger, as a supervisor", _settle
    )
    settle.add_argument(
        "gap", metavar="GAP", type=whole_number, help="its number, as `log status` says it"
    )
    settle.add_argument("--operator", metavar="ID", required=True, help="who decides, and may")
    settle.add_argument("--why", metavar="TEXT", required=True, help="the reason, which is kept")
    settle.add_argument(
        "--accept",
        action="store_true",
        help="the card is genuine: the ledger takes what it said; else it stays refused",
    )
    verify = log_action(
        actions, "verify", "check every entry, the tree and every checkpoint", _verify
    )
    _add_log_keys(verify)
    verify.add_argument(
        "--since", metavar="FILE", action="append", default=[],
        help="a checkpoint that somebody has kept; may be repeated",
    )  # fmt: skip
    prove = log_action(
        actions, "prove", "prove that an entry is in the log; shows no content", _prove
    )
    prove.add_argument("index", metavar="INDEX", type=whole_number, help="the entry's, from 0")
    check = log_action(
        actions, "check", "show that the log continues a checkpoint; prints the proof", _check
    )
    check.add_argument("--since", metavar="FILE", required=True, help="the checkpoint, as kept")
    _add_log_keys(check)
    prune = log_action(
        actions, "prune", "remove content and salt of uses whose term is over, for good", _prune
    )
    prune.add_argument(
        "--years",
        metavar="N",
        type=whole_number,
        default=7,
        help="how long uses are kept (default: 7)",
    )
    prune.add_argument(
        "--in-place", action="store_true", help="do not write the file anew: it stays as large"
    )
    prune.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    disclosing.add(actions)
    for one in (status, verify, prune):
        add_json(one)
    witness = log_action(
        actions,
        "witness",
        "be a witness: cosign what continues the tree seen",
        _witness,
        "STATE",
    )
    witness.add_argument("request", metavar="REQUEST", help="what the log asks, - for stdin")
    witness.add_argument(
        "--key", metavar="FILE", required=True, help="the witness's key, a file or pkcs11:..."
    )
    witness.add_argument("--name", required=True, help="the witness's, prefecture.example")
    witness.add_argument(
        "--create", action="store_true", help="begin with an empty memory: a new witness only"
    )
    _add_log_keys(witness)
    add_passphrase(witness)


def _add_signing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", metavar="FILE", help="the log's key, a file or pkcs11:...: sign")
    parser.add_argument(
        "--request", metavar="FILE", help="write what is to be sent to the witness to a file, - too"
    )
    parser.add_argument(
        "--old",
        metavar="SIZE",
        type=whole_number,
        help="the size that the witness says it has cosigned",
    )
    parser.add_argument("--cosigned", metavar="FILE", help="take in what the witness has answered")
    parser.add_argument("--witness-key", metavar="KEY", help="the witness's public key")
    add_passphrase(parser)


def _add_log_keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--log-key", metavar="KEY", action="append", required=True,
        help="the log's public key, from elsewhere than its database; each, where it was replaced",
    )  # fmt: skip


@contextmanager
def _signers(
    arguments: argparse.Namespace, places: list[str], use: KeyUse, *, draw: bool = False
) -> Iterator[list[SigningKey]]:
    """Give the keys that sign, from files or tokens; `draw` makes those in tokens first."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from jukihost.keys.pkcs11 import SCHEME
    from jukihost.tokens import TokenAddress, TokenCustody, TokenSigningKey

    tokens: dict[TokenAddress, TokenCustody] = {}
    with ExitStack() as stack:

        def signer(place: str) -> SigningKey:
            if not place.startswith(SCHEME):
                return Ed25519PrivateKey.from_private_bytes(read_key(arguments, place, use))
            address, name = TokenAddress.parse_key(place)
            if address not in tokens:  # a token is opened once
                opened = TokenCustody(address, prompts.passphrase(arguments, place))
                tokens[address] = stack.enter_context(opened)
            made = TokenSigningKey.draw if draw else TokenSigningKey.of
            return made(tokens[address], name)

        yield [signer(place) for place in places]


def _key(arguments: argparse.Namespace) -> int:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from jukihost.keys.pkcs11 import SCHEME
    from jukihost.log import KeyKind, KeyUse, NoteKey, new_log_key

    use = KeyUse(arguments.use)
    if (arguments.name is None) != (use is KeyUse.PSEUDONYMS):
        raise UsageError("give --name for a key that signs, and none for pseudonyms")
    if arguments.name:
        NoteKey(arguments.name, KeyKind.LOG, bytes(32))  # or says what is wrong with the name
    kind = KeyKind.LOG if use is KeyUse.LOG else KeyKind.WITNESS
    if arguments.place.startswith(SCHEME):
        if use is KeyUse.PSEUDONYMS:
            raise UsageError("a key of pseudonyms is kept in a file; a token holds keys that sign")
        with _signers(arguments, [arguments.place], use, draw=True) as [drawn]:
            print(NoteKey.of(arguments.name, drawn, kind))
        return output.OK
    passphrase = prompts.passphrase(arguments, arguments.place, new=True)
    made = new_log_key(Path(arguments.place), passphrase, use)
    if arguments.name:
        print(NoteKey.of(arguments.name, Ed25519PrivateKey.from_private_bytes(made), kind))
    return output.OK


def _create(arguments: argparse.Namespace) -> int:
    from jukihost.database import upgrade_database
    from jukihost.log import KeyKind, NoteKey, create_log

    NoteKey(arguments.origin, KeyKind.LOG, bytes(32))
    upgrade_database(arguments.place)
    with opened_log(arguments) as database, database.begin() as connection:
        create_log(connection, arguments.origin, hold=arguments.hold)
    return output.OK


def _publish(arguments: argparse.Namespace) -> int:
    from jukihost.log import KeyUse, end_day, publish_log, sequence_log, take_cosigned

    _check_signing(arguments)
    with opened_log(arguments) as database:
        if arguments.cosigned:
            keys = note_keys([arguments.witness_key])
            take_cosigned(database, read_note(arguments.cosigned), keys)
            return output.OK
        files = [arguments.key, *([arguments.new_key] if arguments.new_key else [])]
        with _signers(arguments, files, KeyUse.LOG) as signers:
            sequence_log(database)
            end_day(database)
            note = publish_log(database, *signers)
        if not _write_request(arguments, database):
            print(bytes(note).decode(), end="")
    return output.OK


def _adopt(arguments: argparse.Namespace) -> int:
    from jukihost.log import KeyUse, adopt_log, begin_anew, publish_log

    if arguments.anew:
        with opened_log(arguments) as database, database.begin() as connection:
            begin_anew(connection, arguments.anew)
        return output.OK
    _check_signing(arguments)
    with opened_log(arguments) as database:
        if arguments.cosigned:
            answer, [key] = read_note(arguments.cosigned), note_keys([arguments.witness_key])
            adopt_log(database, lambda _: answer, key)
            return output.OK
        with _signers(arguments, [arguments.key], KeyUse.LOG) as signers:
            publish_log(database, *signers)
        _write_request(arguments, database)
    return output.OK


def _check_signing(arguments: argparse.Namespace) -> None:
    if bool(arguments.key) == bool(arguments.cosigned):
        raise UsageError("give --key to sign, or --cosigned with what the witness has answered")
    if bool(arguments.cosigned) != bool(arguments.witness_key):
        raise UsageError("--cosigned goes with --witness-key, the witness's public key")


def _write_request(arguments: argparse.Namespace, database: Database) -> bool:
    from jukihost.log import WitnessRefused, witness_request

    if arguments.request is None:
        return False
    try:
        asked = witness_request(database, arguments.old)
    except ValueError:
        raise WitnessRefused(
            f"the witness has cosigned {arguments.old} entries, more than there are here: this is "
            "an old copy of the log"
        ) from None
    output.write_file(arguments.request, bytes(asked), force=True)
    return True


def _witness(arguments: argparse.Namespace) -> int:
    from jukihost.database import Clock
    from jukihost.log import KeyUse, Update, Witness

    logs = note_keys(arguments.log_key)
    with _signers(arguments, [arguments.key], KeyUse.WITNESS) as [key]:
        witness = Witness(Path(arguments.place), key, arguments.name, logs=logs)
        asked = Update.parse(output.read_file(arguments.request, "the request", LONGEST_NOTE * 2))
        if arguments.create:
            witness.create()
        print(bytes(witness.cosign(asked, Clock().now())).decode(), end="")
    return output.OK


def _status(arguments: argparse.Namespace) -> int:
    from jukihost.ledger import gaps, untold_certificates
    from jukihost.log import log_alarms

    with opened_log(arguments) as database:
        told = {"late": log_alarms(database)}
        with database.read() as connection:
            told["gaps"] = [str(gap) for gap in gaps(connection)]
            told["untold"] = [str(one) for one in untold_certificates(connection)]
    found = [line for lines in told.values() for line in lines]
    if arguments.json:
        output.print_json(told)
    else:
        print(output.shown("\n".join(found), keep="\n") or "nothing is late")
    return output.REFUSED if found else output.OK


def _settle(arguments: argparse.Namespace) -> int:
    from jukihost.ledger import By, gaps, running, settle_gap

    with opened_log(arguments) as database, running(database) as connection:
        by = By.at_terminal(database, arguments.operator)
        for gap in gaps(connection):
            if gap.number == arguments.gap:
                settle_gap(connection, gap, arguments.why, by, accept=arguments.accept)
                return output.OK
    raise UsageError("no gap of this number is open; `jukihost log status` tells those that are")


def _verify(arguments: argparse.Namespace) -> int:
    from jukihost.log import verify_log

    keys, known = note_keys(arguments.log_key), [read_note(one) for one in arguments.since]
    with opened_log(arguments) as database:
        found = verify_log(database, keys, known=known, progress=_progress())
    if arguments.json:
        output.print_json(vars(found) | {"problems": list(found.problems)})
    else:
        for problem in found.problems:
            print(output.shown(problem))
        print(
            f"{found.size} entries, {found.signed} of them in checkpoints that hold "
            f"({found.checkpoints} checked), {found.pruned} without content"
        )
        if not found.problems:
            print("all of it holds")
    return output.REFUSED if found.problems else output.OK


def _progress() -> Callable[[int, int], None] | None:
    """Return what shows how far it is, on a terminal, where it takes long."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, size: int) -> None:
        end = "\n" if done == size else "\r"
        print(f"{done} of {size} entries", end=end, file=sys.stderr, flush=True)

    return show


def _prove(arguments: argparse.Namespace) -> int:
    from jukihost.log import prove_stored

    with opened_log(arguments) as database, database.read() as connection:
        print(prove_stored(connection, arguments.index), end="")
    return output.OK


def _check(arguments: argparse.Namespace) -> int:
    from base64 import b64encode

    from jukihost.log import check_since

    keys, note = note_keys(arguments.log_key), read_note(arguments.since)
    with opened_log(arguments) as database, database.read() as connection:
        for one in check_since(connection, note, keys):
            print(b64encode(one).decode())
    output.say("the log continues this checkpoint")
    return output.OK


def _prune(arguments: argparse.Namespace) -> int:
    from jukihost.log import prune_log

    years = arguments.years
    prompts.confirmed(
        arguments, f"What uses of more than {years} years ago say is removed for good.", "prune"
    )
    with opened_log(arguments) as database:
        made = prune_log(database, years=years, compact=not arguments.in_place)
    if arguments.json:
        output.print_json({"below": made.below if made else None})
    elif made:
        print(f"uses up to {made.until}, below entry {made.below}, are removed")
    else:
        print("no use is over its term")
    return output.OK
