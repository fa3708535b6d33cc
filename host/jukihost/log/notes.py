"""Signed notes (C2SP signed-note) and what is said in them: checkpoints, cosignatures, proofs.

The texts are exactly those of C2SP's signed-note, tlog-checkpoint, tlog-cosignature and
tlog-proof@v1, so that a program that is not this one reads them. Keys are Ed25519.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from hashlib import sha256
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from jukihost.log.tree import HASH, MOST, LogError, check_inclusion

LONGEST: Final = 64 << 10
"""The longest note that is read, in bytes."""
_LINES: Final = 64
_DASH: Final = "\u2014 "
_PROOF: Final = "c2sp.org/tlog-proof@v1"
_NAME: Final = re.compile(r"[^\s+]+")
_KEY: Final = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class NoteError(LogError):
    """A note, checkpoint or proof is malformed, or nobody whose word counts has signed it."""


class KeyKind(IntEnum):
    """What a signature is: the type byte of its key."""

    LOG = 1
    """An Ed25519 signature over the text."""
    WITNESS = 4
    """A timestamped Ed25519 cosignature of a checkpoint."""


class SigningKey(Protocol):
    """An Ed25519 private key, wherever it is: `Ed25519PrivateKey` is one."""

    def sign(self, data: bytes, /) -> bytes:
        """Return the signature of 64 bytes."""
        ...

    def public_key(self) -> Ed25519PublicKey:
        """Return the public key."""
        ...


@dataclass(frozen=True)
class NoteKey:
    """A key whose signatures count: its owner's name, what it signs, the public key (32 bytes)."""

    name: str
    kind: KeyKind
    public: bytes

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or len(self.public) != HASH:
            raise NoteError(
                "a key has a name without spaces and without +, and an Ed25519 public key of 32 "
                "bytes"
            )

    @classmethod
    def of(cls, name: str, key: SigningKey, kind: KeyKind = KeyKind.LOG) -> NoteKey:
        """Return the public half of a private key, under its owner's name. NoteError."""
        return cls(name, kind, key.public_key().public_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> NoteKey:
        """Read a verifier key, `name+identifier+base64`. NoteError."""
        found = _KEY.fullmatch(text)
        material = _decoded(found[3]) if found else b""
        if found and len(material) == 1 + HASH and material[0] in (*KeyKind,):
            key = cls(found[1], KeyKind(material[0]), material[1:])
            if key.identifier.hex() == found[2]:
                return key
        raise NoteError("this is no key of a log or witness; one reads name+8 digits+base64")

    def __str__(self) -> str:
        material = b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.identifier.hex()}+{material}"

    @property
    def identifier(self) -> bytes:
        """The four bytes that name it in a signature."""
        told = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return sha256(told).digest()[:4]

    def check(self, text: str, signature: bytes) -> datetime | None:
        """Check what follows the identifier in a signature of `text`; NoteError.

        Return when a witness signed, None for a log's signature.
        """
        stamp, rest = signature[:-64], signature[-64:]
        at = None
        if len(stamp) != (8 if self.kind is KeyKind.WITNESS else 0) or len(rest) != 64:
            raise NoteError(f"the signature of {self.name} has another length than it should")
        if self.kind is KeyKind.WITNESS:
            seconds = int.from_bytes(stamp)
            try:
                at = _EPOCH + timedelta(seconds=seconds)
            except OverflowError:
                raise NoteError(f"the signature of {self.name} is from no time") from None
            text = _cosigned(text, seconds)
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(rest, text.encode())
        except InvalidSignature:
            raise NoteError(f"the signature of {self.name} is not over this text") from None
        return at


@dataclass(frozen=True)
class Note:
    """A text and the lines that sign it, not looked at yet: names, and bytes with identifier."""

    text: str
    signatures: tuple[tuple[str, bytes], ...]

    @classmethod
    def parse(cls, data: bytes) -> Note:
        """Read a signed note. NoteError."""
        if len(data) > LONGEST:
            raise NoteError(f"a note of more than {LONGEST >> 10} KiB is not read")
        try:
            whole = data.decode()
        except UnicodeDecodeError:
            raise NoteError("this is no note: it is not UTF-8") from None
        text, gap, lines = whole.rpartition("\n\n")
        if not gap or not lines.endswith("\n") or re.search(r"[\0-\x09\x0b-\x1f]", whole):
            raise NoteError("this is no signed note: a text, an empty line, then signatures")
        signatures = [_signature(line) for line in lines[:-1].split("\n")]
        if len(signatures) > _LINES:
            raise NoteError(f"a note with more than {_LINES} signatures is not read")
        return cls(text + "\n", tuple(signatures))

    def __bytes__(self) -> bytes:
        lines = (f"{_DASH}{name} {b64encode(told).decode()}\n" for name, told in self.signatures)
        return f"{self.text}\n{''.join(lines)}".encode()

    def signed(self, key: SigningKey, name: str) -> Note:
        """Return the note with a log's signature added. NoteError."""
        return self._with(NoteKey.of(name, key), key.sign(self.text.encode()))

    def cosigned(self, key: SigningKey, name: str, at: datetime) -> Note:
        """Return the checkpoint with a witness's cosignature of that time added. NoteError."""
        seconds = (at - _EPOCH) // timedelta(seconds=1)
        made = key.sign(_cosigned(self.text, seconds).encode())
        return self._with(NoteKey.of(name, key, KeyKind.WITNESS), seconds.to_bytes(8) + made)

    def _with(self, key: NoteKey, signature: bytes) -> Note:
        line = key.name, key.identifier + signature
        return Note(self.text, (*(one for one in self.signatures if one != line), line))

    def check(self, keys: Iterable[NoteKey]) -> dict[NoteKey, datetime | None]:
        """Check the signatures of these keys; return those that have signed, and when.

        Signatures of others are not looked at. NoteError for a wrong one.
        """
        found = {}
        for key in keys:
            for name, told in self.signatures:
                if (name, told[:4]) == (key.name, key.identifier):
                    found[key] = key.check(self.text, told[4:])
        return found


@dataclass(frozen=True)
class Checkpoint:
    """What a log says of itself at one size: whose log, how many entries, the root over them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text of its note."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    def signed(self, key: SigningKey) -> Note:
        """Return the note that the log publishes. NoteError."""
        return Note(self.text, ()).signed(key, self.origin)

    @classmethod
    def read(cls, note: Note, log: NoteKey) -> Checkpoint:
        """Return what a note says that the log has signed. NoteError.

        Extension lines are refused: no monitor could check what they say.
        """
        if log not in note.check([log]):
            raise NoteError(
                f"the checkpoint is not signed by {log.name} with the key that you gave"
            )
        lines = note.text.split("\n")
        root = _decoded(lines[2]) if len(lines) == 4 else b""
        if len(root) != HASH or not _NUMBER.fullmatch(lines[1]):
            raise NoteError("this is no checkpoint: origin, size and root, a line each")
        if lines[0] != log.name:
            raise NoteError(f"the checkpoint is of {lines[0]!r}, not of {log.name}")
        return cls(lines[0], int(lines[1]), root)


@dataclass(frozen=True)
class Policy:
    """Who must have signed a checkpoint: the log, and as many of the witnesses as `quorum`."""

    log: NoteKey
    witnesses: tuple[NoteKey, ...] = ()
    quorum: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.quorum <= len(set(self.witnesses)):
            raise NoteError("a quorum is not larger than the number of witnesses")

    def read(self, note: Note) -> tuple[Checkpoint, dict[NoteKey, datetime]]:
        """Return a checkpoint that enough have signed, and when which witness did. NoteError."""
        checkpoint = Checkpoint.read(note, self.log)
        found = note.check(self.witnesses)
        when = {key: at for key, at in found.items() if at is not None}
        if len(when) < self.quorum:
            raise NoteError(
                f"{len(when)} of the witnesses have signed the checkpoint of {checkpoint.size} "
                f"entries, {self.quorum} must"
            )
        return checkpoint, when


@dataclass(frozen=True)
class InclusionProof:
    """That an entry is in a log that a checkpoint tells of: `c2sp.org/tlog-proof@v1`."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: Note
    extra: bytes = b""

    def __str__(self) -> str:
        extra = [f"extra {b64encode(self.extra).decode()}"] if self.extra else []
        path = [b64encode(one).decode() for one in self.path]
        head = "\n".join([_PROOF, *extra, f"index {self.index}", *path])
        return f"{head}\n\n{bytes(self.checkpoint).decode()}"

    @classmethod
    def parse(cls, text: str) -> InclusionProof:
        """Read a proof. NoteError."""
        head, gap, note = text.partition("\n\n")
        lines = head.split("\n")
        extra = b""
        if lines[0] != _PROOF or not gap:
            raise NoteError(f"this is no proof: its first line must read {_PROOF}")
        if len(lines) > 1 and lines[1].startswith("extra "):
            extra = _decoded(lines.pop(1)[6:])
            if not extra:
                raise NoteError("the line `extra` of the proof is malformed")
        index = number_after("index", lines[1:2])
        return cls(index, read_hashes(lines[2:]), Note.parse(note.encode()), extra)

    def check(self, leaf: bytes, policy: Policy) -> Checkpoint:
        """Check that the leaf of this hash is in the log; return the checkpoint that says so.

        NoteError when too few have signed it, ProofError when the leaf is not below its root.
        """
        checkpoint, _ = policy.read(self.checkpoint)
        check_inclusion(leaf, self.index, checkpoint.size, self.path, checkpoint.root)
        return checkpoint


def number_after(word: str, lines: Sequence[str]) -> int:
    """Return the number that the first of these lines says after a word. NoteError."""
    said, _, number = lines[0].partition(" ") if lines else ("", "", "")
    if said != word or not _NUMBER.fullmatch(number):
        raise NoteError(f"a line is missing or malformed: {word}, a space and a number")
    return int(number)


def read_hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    """Return the hashes that these lines say in base64. NoteError."""
    found = tuple(_decoded(line) for line in lines)
    if len(found) > MOST or any(len(one) != HASH for one in found):
        raise NoteError(f"these are no hashes of {HASH} bytes in base64, a line each")
    return found


def _cosigned(text: str, seconds: int) -> str:
    return f"cosignature/v1\ntime {seconds}\n{text}"


def _signature(line: str) -> tuple[str, bytes]:
    name, gap, told = line.removeprefix(_DASH).partition(" ")
    signature = _decoded(told)
    if not line.startswith(_DASH) or not gap or not _NAME.fullmatch(name) or len(signature) < 5:
        raise NoteError("a line of signature is malformed")
    return name, signature


def _decoded(text: str) -> bytes:
    """Return what base64 says; nothing for what is none, or another spelling of it."""
    try:
        found = b64decode(text, validate=True)
    except ValueError:  # binascii.Error, and characters beyond ASCII
        return b""
    return found if b64encode(found).decode() == text else b""
