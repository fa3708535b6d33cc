"""`jukihost log disclose`: a resident is told the uses of their data."""

from __future__ import annotations

import argparse

from jukihost.cli import output, prompts
from jukihost.cli.arguments import Commands, add_passphrase
from jukihost.cli.logplaces import LONGEST_NOTE, log_action, note_keys, opened_log, read_key
from jukihost.cli.output import UsageError
from jukihost.texts import said


def add(actions: Commands) -> None:
    """Add the command to those of `jukihost log`."""
    disclose = log_action(actions, "disclose", "tell a resident the uses of their data", _disclose)
    disclose.add_argument("--pseudonyms", metavar="FILE", required=True, help="the key's file")
    for name, text in (("operator", "who reads the log, and may"), ("body", "on whose behalf")):
        disclose.add_argument(f"--{name}", required=True, help=text)
    disclose.add_argument("--out", metavar="FILE", required=True, help="where the file goes (JSON)")
    disclose.add_argument(
        "--pdf", metavar="FILE",
        help="print it into a PDF file too, which carries the same (extra paper)",
    )  # fmt: skip
    disclose.add_argument("--force", action="store_true", help="replace the files")
    disclose.add_argument("--log-key", metavar="KEY", required=True, help="the log's public key")
    disclose.add_argument(
        "--witness-key", metavar="KEY", action="append", default=[],
        help="the public key of a witness, who is named with the time of its cosignature",
    )  # fmt: skip
    disclose.add_argument(
        "--code-file", metavar="FILE",
        help="read the resident record code from a file, - for standard input, instead of asking",
    )  # fmt: skip
    add_passphrase(disclose)


def _disclose(arguments: argparse.Namespace) -> int:
    from jukihost.clock import JAPAN
    from jukihost.exports import read_disclosure
    from jukihost.log import (
        KeyUse,
        Policy,
        PseudonymKey,
        described,
        print_disclosure,
    )
    from jukihost.models import ResidentCode

    key, *witnesses = note_keys([arguments.log_key, *arguments.witness_key])
    pseudonyms = PseudonymKey(read_key(arguments, arguments.pseudonyms, KeyUse.PSEUDONYMS))
    if arguments.code_file:
        content = output.read_file(arguments.code_file, "the code", LONGEST_NOTE)
        typed = content.decode("utf-8", "replace")
    else:
        typed = prompts.hidden(said("holder: resident record code: "), "use --code-file")
    try:
        code = ResidentCode(typed.strip())
    except ValueError as error:
        raise UsageError(str(error)) from None
    with opened_log(arguments) as database:
        made = read_disclosure(
            database, pseudonyms, code, operator=arguments.operator, body=arguments.body
        )
        output.write_file(arguments.out, bytes(made), force=arguments.force)
        found = made.check(code, Policy(key, tuple(witnesses)))
        if arguments.pdf:
            printed = print_disclosure(made, found, JAPAN, at=database.clock.now())
            output.write_file(arguments.pdf, printed, force=arguments.force)
    print(output.shown(described(found, JAPAN), keep="\n"), end="")
    return output.OK
