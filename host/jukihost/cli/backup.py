"""`jukihost backup` and `jukihost restore`: everything a terminal keeps, in one file."""

from __future__ import annotations

import argparse
from typing import Final

from jukihost.cli import output
from jukihost.cli.arguments import Commands, add_command, add_json

_DATABASE: Final = "the terminal's database: a file, or postgresql://USER@HOST/NAME"
EXAMPLES: Final = """\
examples:
  jukihost backup terminal.db 2015-04-01.backup --operator admin-1
  jukihost backup postgresql://terminal@db.example/juki 2015-04-01.backup --operator admin-1
  jukihost restore 2015-04-01.backup new.db --operator admin-1     then `jukihost log adopt`

who may: an operator of the database, or of the backup, with the right to export; a database without
operators asks nobody. Both stand in the log of the database that they are about.

what is not in it: key stores, passphrases and tokens, the log's signing key, a witness's memory

exit codes:
  0  done
  2  wrong usage, an operator who may not, or a database or file that cannot be used; nothing was
     changed
"""


def add(commands: Commands) -> None:
    """Add the commands of this module."""
    backup = add_command(
        commands, "backup", "copy register, ledger and log into a new file, in one state", _backup
    )
    backup.add_argument("database", metavar="DATABASE", help=_DATABASE)
    backup.add_argument("file", metavar="FILE", help="the backup; its owner's alone")
    restore = add_command(
        commands,
        "restore",
        "bring a backup into a new database; its log goes on after `jukihost log adopt`",
        _restore,
    )
    restore.add_argument("file", metavar="FILE", help="the backup")
    restore.add_argument("database", metavar="DATABASE", help=_DATABASE)
    for parser in (backup, restore):
        parser.epilog = EXAMPLES
        parser.add_argument("--operator", metavar="ID", required=True, help="who does it")
        add_json(parser)


def _backup(arguments: argparse.Namespace) -> int:
    from jukihost.database import Clock, open_database
    from jukihost.exports import export_backup

    with open_database(arguments.database, clock=Clock(), terminal=_terminal()) as database:
        count = export_backup(database, arguments.file, arguments.operator)
    return output.done(
        arguments,
        f"{count} rows are in the backup; key stores and a witness's memory are not: keep them too",
    )


def _restore(arguments: argparse.Namespace) -> int:
    from jukihost.database import Clock
    from jukihost.exports import restore_backup

    count = restore_backup(
        arguments.file,
        arguments.database,
        arguments.operator,
        clock=Clock(),
        terminal=_terminal(),
    )
    return output.done(arguments, f"{count} rows are restored; if there is a log, adopt it now")


def _terminal() -> str:
    from socket import gethostname

    return gethostname() or "backup"
