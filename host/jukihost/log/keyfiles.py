"""Keys of a log in encrypted files: what signs, what cosigns, and what makes pseudonyms."""

from __future__ import annotations

import secrets
from enum import StrEnum
from pathlib import Path
from typing import Final

from jukihost.inputs import read_input
from jukihost.keys.envelope import MAX_BYTES, Envelope, EnvelopeKey, ScryptCost
from jukihost.keys.files import owner_only
from jukihost.keys.passphrase import Passphrase, encode
from jukihost.log.tree import HASH, LogError
from jukihost.outputs import replace_file

_FORMAT: Final = b"jukihost-log-key@v1"


class KeyUse(StrEnum):
    """What a key of a log is for."""

    LOG = "log"
    """Signs checkpoints: an Ed25519 private key."""
    WITNESS = "witness"
    """Cosigns checkpoints of others: an Ed25519 private key."""
    PSEUDONYMS = "pseudonyms"
    """Makes pseudonyms of residents and cards: the bytes of a `PseudonymKey`."""


class LogKeyError(LogError):
    """A key's file cannot be used, or the key is for something else."""


def new_log_key(
    path: Path, passphrase: Passphrase, use: KeyUse, *, cost: ScryptCost | None = None
) -> bytes:
    """Draw a key and keep it in a new file of its owner's alone; return its 32 bytes.

    LogKeyError; what a key store says of its passphrase (`KeyCustodyError`).
    """
    key = secrets.token_bytes(HASH)
    sealing = EnvelopeKey.new(encode(passphrase, new=True), cost or ScryptCost())
    content = b"\n".join((_FORMAT, use.encode(), key.hex().encode()))
    try:
        replace_file(path, sealing.seal(content), force=False)
    except FileExistsError:
        raise LogKeyError("the key's file is there already; it is left as it is") from None
    except OSError as error:
        raise LogKeyError(f"the key's file cannot be made: {error.strerror}") from None
    return key


def read_log_key(path: Path, passphrase: Passphrase, use: KeyUse) -> bytes:
    """Return the 32 bytes of a key. LogKeyError; KeyCustodyError for a wrong passphrase."""
    try:
        raw = read_input(path, MAX_BYTES, owner_only(LogKeyError, "file of the key"))
    except OSError as error:
        raise LogKeyError(f"the key's file cannot be read: {error.strerror}") from None
    envelope = Envelope.parse(raw)
    content = EnvelopeKey.for_envelope(envelope, encode(passphrase)).open(envelope)
    form, _, rest = content.partition(b"\n")
    said, _, key = rest.partition(b"\n")
    if form != _FORMAT or said != use.encode():
        raise LogKeyError(f"this is no key for {use.value}; give the file that was made for that")
    return bytes.fromhex(key.decode())
