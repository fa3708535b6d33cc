"""The issuer's keys of a card that is made, read from a file: arguments show in a process list."""

from __future__ import annotations

from typing import Final

from jukicard.cli.problems import UserError
from jukicard.cli.readfile import read_file

_MAX_BYTES: Final = 4 << 10


def read_issuer_keys(path: str) -> tuple[bytes, ...]:
    """Return ENC, MAC and DEK, of one line in hexadecimal for all three keys or of three lines.

    It is the file that `jukihost issuer --key-file` opens the card with. UserError, without what
    stands in it; whether the lengths are those of keys, whoever issues the card says.
    """
    lines = read_file(path, "the issuer's key file", _MAX_BYTES).decode("ascii", "replace").split()
    try:
        keys = [bytes.fromhex(line) for line in lines]
    except ValueError:
        keys = []
    if len(keys) not in (1, 3):
        raise UserError(
            f"the issuer's key file {path} has one line in hexadecimal for all three keys, "
            "or three: ENC, MAC, DEK"
        )
    return tuple(keys * 3)[:3]
