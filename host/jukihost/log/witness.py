"""The witness: another body that remembers the largest tree of each log, and signs nothing else.

What a witness has cosigned, the log cannot take back: a second history needs a second witness. Its
rules, and the texts that go to and fro, are those of C2SP's tlog-witness.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from jukihost.inputs import read_input
from jukihost.log.notes import (
    Checkpoint,
    Note,
    NoteError,
    NoteKey,
    SigningKey,
    number_after,
    read_hashes,
)
from jukihost.log.tree import EMPTY, HASH, LogError, ProofError, check_consistency
from jukihost.outputs import replace_file

LOCK_SECONDS: Final = 10.0
"""How long a witness waits for another process that uses the same state, in seconds."""
_FORMAT: Final = "jukihost-witness@v1"
_LARGEST: Final = 16 << 20


class WitnessRefused(LogError):
    """The witness does not cosign this checkpoint."""


class AnotherSize(WitnessRefused):
    """The witness has cosigned a tree of another size than the one said to come before."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size
        """The size that it has cosigned."""

    def __str__(self) -> str:
        return f"the witness last cosigned {self.size} entries: prove that your tree continues that"


class WitnessStateError(LogError):
    """What the witness remembers cannot be read or written; it signs nothing until it can."""


@dataclass(frozen=True)
class Update:
    """What a log asks its witness for: a checkpoint, and the proof that it continues one before."""

    old: int
    path: tuple[bytes, ...]
    checkpoint: Note

    @classmethod
    def parse(cls, data: bytes) -> Update:
        """Read a request, in the form of `add-checkpoint`. NoteError."""
        head, gap, note = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            lines = []
        if not gap:
            raise NoteError("this is no request to a witness: old size, proof, empty line, note")
        return cls(number_after("old", lines), read_hashes(lines[1:]), Note.parse(note))

    def __bytes__(self) -> bytes:
        lines = [f"old {self.old}", *(b64encode(one).decode() for one in self.path)]
        return "\n".join(lines).encode() + b"\n\n" + bytes(self.checkpoint)


class Witness:
    """A witness whose memory is a file: the size and root of the largest tree of each log.

    Several processes may use one file; a lock file beside it makes one of checking and remembering.
    """

    def __init__(self, state: Path, key: SigningKey, name: str, *, logs: Iterable[NoteKey]) -> None:
        self._state = state
        self._key = key
        self._name = name
        self._logs = {log.name: log for log in logs}

    def create(self) -> None:
        """Begin with an empty memory. WitnessStateError where there is one.

        A memory that was lost must be restored, not begun again: an empty one believes any log.
        """
        try:
            replace_file(self._state, _written({}), force=False)
        except FileExistsError:
            raise WitnessStateError(
                "the witness's file is there already; it is left as it is"
            ) from None
        except OSError as error:
            raise WitnessStateError(
                f"the witness's file cannot be made: {error.strerror}"
            ) from None

    def latest(self, origin: str) -> tuple[int, bytes]:
        """Return size and root of the largest tree cosigned of a log. WitnessStateError."""
        return self._read().get(origin, (0, EMPTY))

    def cosign(self, update: Update, at: datetime) -> Note:
        """Return the checkpoint with this witness's cosignature, once it is remembered.

        `at` is the time, aware, from the caller's clock. WitnessRefused, AnotherSize, NoteError,
        WitnessStateError; ProofError for a tree that does not continue what was cosigned.
        """
        checkpoint = self._known(update.checkpoint)
        with self._locked():
            known = self._read()
            size, root = known.get(checkpoint.origin, (0, EMPTY))
            if update.old != size:
                raise AnotherSize(size)
            _check(size, root, checkpoint, update.path)
            cosigned = update.checkpoint.cosigned(self._key, self._name, at)
            self._write({**known, checkpoint.origin: (checkpoint.size, checkpoint.root)})
        return cosigned

    def _known(self, note: Note) -> Checkpoint:
        origin = note.text.partition("\n")[0]
        if origin not in self._logs:
            raise WitnessRefused("the witness does not know this log; give it the log's key first")
        return Checkpoint.read(note, self._logs[origin])

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            with FileLock(f"{self._state}.lock", timeout=LOCK_SECONDS):
                yield
        except Timeout:
            raise WitnessStateError(
                f"another process has used the witness's file for {LOCK_SECONDS:g} s; try again"
            ) from None
        except OSError as error:
            raise WitnessStateError(
                f"the witness's file cannot be locked: {error.strerror}"
            ) from None

    def _read(self) -> dict[str, tuple[int, bytes]]:
        try:
            found = json.loads(read_input(self._state, _LARGEST))
            if found["format"] != _FORMAT:
                raise ValueError
            known = {
                origin: (int(one["size"]), bytes.fromhex(one["root"]))
                for origin, one in found["logs"].items()
            }
            if any(size < 0 or len(root) != HASH for size, root in known.values()):
                raise ValueError
        except FileNotFoundError:
            raise WitnessStateError(
                "the witness's file is not there: restore it, or create one for a new witness"
            ) from None
        except OSError as error:
            raise WitnessStateError(
                f"the witness's file cannot be read: {error.strerror}"
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise WitnessStateError(
                "the witness's file is damaged: restore it from its backup"
            ) from None
        return known

    def _write(self, known: dict[str, tuple[int, bytes]]) -> None:
        try:
            replace_file(self._state, _written(known))
        except OSError as error:
            raise WitnessStateError(
                f"the witness's file cannot be written: {error.strerror}"
            ) from None


def bring_up_to_date(
    witness: Callable[[Update], Note], checkpoint: Note, prove: Callable[[int], list[bytes]]
) -> Note:
    """Have a witness cosign a checkpoint, from whatever size it has cosigned before.

    `prove(old)` is the consistency proof from a size. Raises what the witness does; WitnessRefused
    when it keeps naming other sizes, since others are served in between.
    """
    old = 0
    for _ in range(3):
        try:
            path = tuple(prove(old)) if old else ()
            return witness(Update(old, path, checkpoint))
        except AnotherSize as known:
            old = known.size
        except ValueError:  # larger than the checkpoint's
            raise WitnessRefused(
                f"the witness has cosigned {old} entries, more than there are here: this is an old "
                "copy of the log, or another history of it"
            ) from None
    raise WitnessRefused("the witness named another size each time it was asked; try again")


def _check(size: int, root: bytes, checkpoint: Checkpoint, path: tuple[bytes, ...]) -> None:
    """Check that a checkpoint continues what was cosigned. ProofError."""
    if size:
        check_consistency(size, root, checkpoint.size, checkpoint.root, path)
    elif path:
        raise ProofError("nothing is to be proven of a log's first checkpoint")
    elif not checkpoint.size and checkpoint.root != EMPTY:
        raise ProofError("the root over no entries is wrong")


def _written(known: dict[str, tuple[int, bytes]]) -> bytes:
    logs = {origin: {"size": size, "root": root.hex()} for origin, (size, root) in known.items()}
    return json.dumps({"format": _FORMAT, "logs": logs}, indent=1).encode() + b"\n"
