"""Publishes what is sequenced: signs checkpoints, has a witness cosign them, and says what is late.

A checkpoint is durable before it is given to anybody, and is asked for again until it has come back
cosigned: a process that is killed anywhere in between leaves what the next one goes on with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, select, update

from jukihost.clock import day_in_japan, readable
from jukihost.database import Database
from jukihost.log.entries import Day
from jukihost.log.notes import Checkpoint, Note, NoteError, NoteKey, SigningKey
from jukihost.log.stored import (
    StoredNodes,
    change_head,
    entry_at,
    head_of,
    replace_rows,
)
from jukihost.log.tables import checkpoints, queue
from jukihost.log.tree import LogError, ProofError, prove_consistency, root_of
from jukihost.log.witness import Update, bring_up_to_date

LATE: Final = timedelta(hours=1)
"""After how long something that waits is an alarm."""


class NotPublished(LogError):
    """What is asked for is not in a published checkpoint yet."""


def publish_log(database: Database, *signers: SigningKey) -> Note:
    """Sign a checkpoint of all that is sequenced, once, and return it.

    A log whose key is replaced signs with the old one and the new: who trusts the old one learns of
    the new. ProofError when the tree does not continue the checkpoint before: nothing is signed.
    NoLog, NoteError, DatabaseError.
    """
    with database.begin() as connection:
        head = head_of(connection, hold=True)
        latest = _latest(connection)
        nodes = StoredNodes(connection)
        note = Note(Checkpoint(head.origin, head.size, root_of(nodes, head.size)).text, ())
        if latest:
            _check_continues(latest, head, nodes)
            note = Note.parse(latest.note) if latest.size == head.size else note
        signed = note
        for key in signers:
            if NoteKey.of(head.origin, key) not in signed.check([NoteKey.of(head.origin, key)]):
                signed = signed.signed(key, head.origin)
        if signed != note:
            now = database.clock.now()
            row = {"size": head.size, "note": bytes(signed), "signed": now, "witnessed": None}
            if latest and latest.size == head.size:
                row |= {"signed": latest.signed, "witnessed": latest.witnessed}
            replace_rows(connection, checkpoints, [row])
    return signed


def have_witnessed(
    database: Database, ask: Callable[[Update], Note], key: NoteKey, *, again: bool = False
) -> Note:
    """Have a witness, reached by `ask`, cosign the latest checkpoint; store and return it.

    `key` is the witness's. Raises what `ask` does, and as `bring_up_to_date` says; NoteError for an
    answer that it has not cosigned. What is stored already is not asked for, unless `again`.
    """
    with database.read() as connection:
        row = _latest(connection)
    if row is None:
        raise NotPublished("the log has signed no checkpoint yet that a witness could cosign")
    note = Note.parse(row.note)
    if not again and key in note.check([key]):
        return note

    def prove(old: int) -> list[bytes]:
        with database.read() as connection:
            return prove_consistency(StoredNodes(connection), old, row.size)

    return take_cosigned(database, bring_up_to_date(ask, note, prove), [key])


def witness_request(database: Database, old: int | None = None) -> Update:
    """Return what to ask a witness for that is reached some other way: about the latest checkpoint.

    `old` is the size that the witness has cosigned, the latest that came back from it unless given.
    NotPublished, ValueError for an `old` beyond the checkpoint's.
    """
    with database.read() as connection:
        row = _latest(connection)
        if row is None:
            raise NotPublished("the log has signed no checkpoint yet that a witness could cosign")
        if old is None:
            seen = _latest(connection, witnessed=True)
            old = seen.size if seen else 0
        path = prove_consistency(StoredNodes(connection), old, row.size) if old else []
    return Update(old, tuple(path), Note.parse(row.note))


def take_cosigned(database: Database, cosigned: Note, keys: Iterable[NoteKey]) -> Note:
    """Store a checkpoint that has come back from a witness with one of these keys; return it.

    NoteError when none of them has cosigned it, or it is no checkpoint of this log.
    """
    if not cosigned.check(keys):
        raise NoteError("the checkpoint came back without the cosignature of the witness")
    with database.begin() as connection:
        head_of(connection, hold=True)
        known = select(checkpoints).where(checkpoints.c.size == _size(cosigned))
        row = connection.execute(known).first()
        if row is None or Note.parse(row.note).text != cosigned.text:
            raise NoteError("the cosigned checkpoint is none that this log has signed")
        mine = Note.parse(row.note)
        more = [one for one in cosigned.signatures if one not in mine.signatures]
        merged = Note(mine.text, (*mine.signatures, *more))
        connection.execute(
            update(checkpoints)
            .where(checkpoints.c.size == row.size)
            .values(note=bytes(merged), witnessed=row.witnessed or database.clock.now())
        )
    return merged


def published_checkpoint(connection: Connection) -> tuple[int, Note]:
    """Return the latest checkpoint that is published, its size and the note.

    That is the latest signed one; where the log holds for its witness, the latest cosigned one.
    NoLog, NotPublished.
    """
    hold = head_of(connection).hold
    row = _latest(connection, witnessed=hold)
    if row is None:
        raise NotPublished(
            "no checkpoint has come back from a witness yet, and this log publishes none without"
            if hold
            else "the log has published no checkpoint yet; run `jukihost log publish`"
        )
    return row.size, Note.parse(row.note)


def check_since(connection: Connection, note: Note, keys: Sequence[NoteKey]) -> list[bytes]:
    """Check that the log continues a checkpoint that somebody has kept; return the proof.

    The proof is to the size of the latest checkpoint. NoteError when none of the keys has signed
    it, ProofError when the log has another history.
    """
    then = read_checkpoint(note, keys)
    head, nodes = head_of(connection), StoredNodes(connection)
    if then.size > head.size:
        raise ProofError(
            f"the log has {head.size} entries, the checkpoint {then.size}: entries {head.size} to "
            f"{then.size - 1} were removed, or this is an old copy"
        )
    if root_of(nodes, then.size) != then.root:
        raise ProofError(
            f"the log does not continue the checkpoint of {then.size} entries: it has two "
            "histories; keep the checkpoint, it proves it"
        )
    size = max(published_checkpoint(connection)[0], then.size)
    return prove_consistency(nodes, then.size, size) if then.size else []


def read_checkpoint(note: Note, keys: Sequence[NoteKey]) -> Checkpoint:
    """Return what a note says that the log has signed with one of these keys. NoteError."""
    for key in keys:
        if key in note.check([key]):
            return Checkpoint.read(note, key)
    raise NoteError("the checkpoint is not signed by the log with a key that you gave")


def adopt_log(
    database: Database, ask: Callable[[Update], Note], key: NoteKey, *signers: SigningKey
) -> Note:
    """Let a log go on that was brought back from a backup, once its witness has cosigned it since.

    WitnessRefused when the witness has seen entries that the backup has not; nothing goes on then.
    NoteError for a cosignature of before.
    """
    publish_log(database, *signers)
    note = have_witnessed(database, ask, key, again=True)  # a backup brings old answers too
    with database.begin() as connection:
        restored, at = head_of(connection, hold=True).restored, note.check([key])[key]
        if restored and at and at < restored:
            raise NoteError(
                "the witness has cosigned that before the backup came back; ask it again now"
            )
        change_head(connection, restored=None)
    return note


def mark_restored(connection: Connection, at: datetime) -> None:
    """Stop a log that came back from a backup at that time, until `adopt_log`. NoLog."""
    head_of(connection, hold=True)
    change_head(connection, restored=at)


def begin_anew(connection: Connection, origin: str) -> None:
    """Let a log whose latest entries are lost for good go on, under another name.

    Everybody sees that it is another log: the old one's checkpoints do not count for it. NoteError.
    """
    head = head_of(connection, hold=True)
    if origin == head.origin:
        raise NoteError("a log that has lost entries goes on under another name than before")
    connection.execute(delete(checkpoints))
    change_head(connection, origin=origin, restored=None)


def log_alarms(database: Database) -> list[str]:
    """Return what is late, in words, nothing where all is well. NoLog."""
    now = database.clock.now()
    said = []
    with database.read() as connection:
        head = head_of(connection)
        waiting = select(func.count().label("n"), func.min(queue.c.at).label("at"))
        queued = connection.execute(waiting.select_from(queue)).one()
        if queued.n and now - queued.at > LATE:
            said.append(f"{queued.n} entries are queued, the first since {readable(queued.at)}")
        unseen = select(func.min(checkpoints.c.signed)).where(checkpoints.c.witnessed.is_(None))
        seen = _latest(connection, witnessed=True)
        if seen:
            unseen = unseen.where(checkpoints.c.size > seen.size)
        since = connection.execute(unseen).scalar()
        if since and now - since > LATE:
            said.append(f"no witness has cosigned what was signed since {readable(since)}")
        entry = None if head.day_index is None else entry_at(connection, head.day_index)
        if entry and day_in_japan(now - timedelta(days=2)) > Day.parse(entry).day:
            said.append(f"no day was ended since {Day.parse(entry).day}")
        if head.restored is not None:
            said.append("the log was brought back from a backup and waits for `log adopt`")
    return said


def _latest(connection: Connection, *, witnessed: bool = False) -> Row[Any] | None:
    statement = select(checkpoints).order_by(checkpoints.c.size.desc()).limit(1)
    if witnessed:
        statement = statement.where(checkpoints.c.witnessed.is_not(None))
    return connection.execute(statement).first()


def _check_continues(latest: Row[Any], head: Row[Any], nodes: StoredNodes) -> None:
    """Check that the tree continues the latest checkpoint. ProofError."""
    text = Note.parse(latest.note).text
    size = latest.size
    if size <= head.size and text == Checkpoint(head.origin, size, root_of(nodes, size)).text:
        return
    raise ProofError(
        f"the log does not continue its own checkpoint of {latest.size} entries, and signs no "
        "other: find what was changed with `jukihost log verify`"
    )


def _size(note: Note) -> int:
    """Return the size that a checkpoint's text says, -1 where it says none."""
    lines = note.text.split("\n")
    return int(lines[1]) if len(lines) > 1 and lines[1].isascii() and lines[1].isdigit() else -1
