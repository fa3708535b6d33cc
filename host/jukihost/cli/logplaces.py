"""What the commands on the log of uses share: how they are made, and the things they name."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jukihost.cli import output, prompts
from jukihost.cli.arguments import Commands, add_command

if TYPE_CHECKING:
    from jukihost.database import Database
    from jukihost.log import KeyUse, Note, NoteKey

LONGEST_NOTE: Final = 64 << 10
EXAMPLES: Final = """\
examples:
  jukihost log key town.key --for log --name town.example/uses      prints the public key
  jukihost log key 'pkcs11:token=TOWN;object=log?module-path=/usr/lib/softhsm/libsofthsm2.so' \\
      --for log --name town.example/uses                            drawn in a token, where it stays
  jukihost log create terminal.db --origin town.example/uses
  jukihost log publish terminal.db --key town.key --request ask.txt
  jukihost log witness seen.json ask.txt --key prefecture.key --name prefecture.example \\
      --log-key town.example/uses+d53bd2ea+... > cosigned.txt       at the witness
  jukihost log publish terminal.db --cosigned cosigned.txt --witness-key prefecture.example+...
  jukihost log status terminal.db                                   what is late
  jukihost log settle terminal.db 1 --operator super-1 --why 'a copied card'
  jukihost log verify terminal.db --log-key town.example/uses+... --since kept.txt
  jukihost log prove terminal.db 41 > entry-41.proof
  jukihost log check terminal.db --since kept.txt --log-key town.example/uses+...
  jukihost log prune terminal.db --yes
  jukihost log adopt terminal.db --key town.key --request ask.txt   after a restored backup
  jukihost log disclose terminal.db --pseudonyms town.pseudonyms --operator operator-1 \\
      --body "the town's counter" --log-key LOGKEY --witness-key WITNESSKEY \\
      --out disclosure.json --pdf disclosure.pdf

exit codes:
  0  done; all of it holds
  1  something does not hold, is late, or the witness refused
  2  wrong usage, an operator who may not, or a database, key or file that cannot be used
  4  the output could not be written
"""


def log_action(
    actions: Commands,
    name: str,
    text: str,
    run: Callable[[argparse.Namespace], int],
    place: str = "DATABASE",
) -> argparse.ArgumentParser:
    """Make one command of `jukihost log`, on a `place`, with the exit codes of a log."""
    parser = add_command(actions, name, text, lambda arguments: _in_words(run, arguments))
    parser.epilog = EXAMPLES
    texts = {
        "DATABASE": "the terminal's database: a file, or postgresql://USER@HOST/NAME",
        "FILE": "the file to make",
        "STATE": "the witness's memory, a file",
    }
    parser.add_argument("place", metavar=place, help=texts[place])
    return parser


def _in_words(run: Callable[[argparse.Namespace], int], arguments: argparse.Namespace) -> int:
    """Run a command; what does not hold, or was refused, is another exit code than wrong usage."""
    from jukihost.log import DisclosureError, NoteError, ProofError, WitnessRefused

    try:
        return run(arguments)
    except (DisclosureError, NoteError, ProofError, WitnessRefused) as error:
        return output.fail(error, output.REFUSED)


@contextmanager
def opened_log(arguments: argparse.Namespace) -> Iterator[Database]:
    """Give the database that a command names."""
    from socket import gethostname

    from jukihost.database import Clock, open_database

    name = gethostname() or "log"
    with open_database(arguments.place, clock=Clock(), terminal=name) as database:
        yield database


def read_key(arguments: argparse.Namespace, path: str, use: KeyUse) -> bytes:
    """Return a key of the log from its encrypted file."""
    from jukihost.log import read_log_key

    return read_log_key(Path(path), prompts.passphrase(arguments, path), use)


def note_keys(texts: list[str]) -> list[NoteKey]:
    """Return the public keys of logs and witnesses that were given as text."""
    from jukihost.log import NoteKey

    return [NoteKey.parse(text) for text in texts]


def read_note(path: str) -> Note:
    """Return the checkpoint in a file."""
    from jukihost.log import Note

    return Note.parse(output.read_file(path, "the checkpoint", LONGEST_NOTE))
