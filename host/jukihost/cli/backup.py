"""`jukihost backup` and `jukihost restore`: everything a terminal keeps, in one file."""

from __future__ import annotations

import argparse
from typing import Final

from jukihost.cli import output
from jukihost.cli.arguments import Commands, add_command, add_json

_DATABASE: Final = "the terminal's database: a file, or postgresql://USER@HOST/NAME"
EXAMPLES: Final = """\
examples:
  jukihost backup terminal.db 2015-04-01.backup
  jukihost backup postgresql://terminal@db.example/juki 2015-04-01.backup
  jukihost restore 2015-04-01.backup new.db           then `jukihost log adopt`

what is not in it: key stores, passphrases and tokens, the log's signing key, a witness's memory

exit codes:
  0  done
  2  wrong usage, or a database or file that cannot be used; nothing was changed
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
        add_json(parser)


def _backup(arguments: argparse.Namespace) -> int:
    from socket import gethostname

    from jukihost.database import Clock, backup_database, open_database

    name = gethostname() or "backup"
    with open_database(arguments.database, clock=Clock(), terminal=name) as database:
        count = backup_database(database, arguments.file)
    return output.done(
        arguments,
        f"{count} rows are in the backup; key stores and a witness's memory are not: keep them too",
    )


def _restore(arguments: argparse.Namespace) -> int:
    from jukihost.database import Clock, restore_database

    count = restore_database(arguments.file, arguments.database, clock=Clock())
    return output.done(arguments, f"{count} rows are restored; if there is a log, adopt it now")
