"""The keys of a card that is made, read from files: arguments show in a process list."""

from __future__ import annotations

from typing import Final

from jukicard.cli.problems import UserError
from jukicard.cli.readfile import read_file

_MAX_BYTES: Final = 4 << 10
_MAX_MASTERS: Final = 64 << 10


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


def read_masters(path: str) -> dict[str, bytes]:
    """Return the master keys of systems by purpose: a line each, purpose and hexadecimal digits.

    UserError, without what stands in it; which purposes there are, whoever issues the card says.
    """
    lines = read_file(path, "the file of master keys", _MAX_MASTERS).decode("ascii", "replace")
    masters: dict[str, bytes] = {}
    for number, line in enumerate(lines.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            [purpose, digits] = words
            key = bytes.fromhex(digits)
        except ValueError:
            raise UserError(
                f"line {number} of {path} is no master key: a line has a purpose, for example"
                " COUNTER, and its key in hexadecimal"
            ) from None
        if purpose in masters:
            raise UserError(f"line {number} of {path} has a master key for {purpose} once more")
        masters[purpose] = key
    if not masters:
        raise UserError(f"there is no master key in {path}: a line for each purpose, and its key")
    return masters
