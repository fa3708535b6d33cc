"""Damages card images in every way that accidents know, and says what the damage did.

A `Subject` is an image as it should be, with what is read from it; `Damage` is one seeded change of
its bytes, pages, rows or of the file as a whole.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jukicard import Card, ImageError, issue_card
from jukicard.environment import CardEnvironment, SeededRandom
from jukicard.memory import (
    CardEntry,
    MemoryFailureError,
    MemorySnapshot,
    PersistentMemory,
    SqliteBackend,
    create_cards,
    delete_card,
    list_cards,
)
from jukicard.runtime.boundary import raise_bug
from jukicard.runtime.kinds import UnknownAppletError

WAIT = 0.1
JUKI = "application D3921000310001010401"
TRIES = "tries/001C"


@dataclass
class Subject:
    """An image: its bytes, those it had some writes earlier, and what is read from it."""

    name: str
    now: bytes
    earlier: bytes
    listed: list[CardEntry] = field(default_factory=list)
    kept: dict[str, MemorySnapshot] = field(default_factory=dict)

    @classmethod
    def of_0_1_0(cls, path: Path) -> Subject:
        """An image without digests: nobody can tell whether what is read from it is right."""
        return cls(path.stem, path.read_bytes(), path.read_bytes(), list_cards(path))

    @classmethod
    def of(cls, name: str, path: Path, earlier: bytes) -> Subject:
        subject = cls(name, path.read_bytes(), earlier)
        subject.listed = list_cards(path)
        subject.kept = {entry.card_id: read(path, entry.card_id) for entry in subject.listed}
        return subject


def opened(path: Path, card_id: str) -> Card:
    backend = SqliteBackend(path, card_id, timeout=WAIT)
    try:
        memory = PersistentMemory(backend)
        return Card(CardEnvironment(random=SeededRandom(1), memory=memory), on_bug=raise_bug)
    except BaseException:
        backend.close()
        raise


def read(path: Path, card_id: str) -> MemorySnapshot:
    """What a card keeps, read with the power on, as before its first answer."""
    card = opened(path, card_id)
    try:
        card.power_on()
        return card.environment.memory.snapshot()
    finally:
        card.environment.memory.close()


def make(folder: Path) -> dict[str, Subject]:
    """Images of one card and of several, fresh, used, and with the traces of a deleted card."""
    subjects = {}
    for profile in ("juki-v1", "mynumber"):
        path = folder / f"{profile}.juki"
        snapshot = issue_card(profile, seed=1).snapshot()
        create_cards(path, [("card", snapshot.with_meta({"profile": profile}))])
        subjects[profile] = Subject.of(profile, path, _used(path, "card"))
    path = folder / "several.juki"
    create_cards(
        path,
        [
            (name, issue_card("juki-v1", seed=name).snapshot().with_meta({"profile": "juki-v1"}))
            for name in ("one", "two", "three", "gone")
        ],
    )
    _used(path, "two")
    delete_card(path, "gone")
    subjects["several"] = Subject.of("several", path, _used(path, "one"))
    return subjects


def _used(path: Path, card_id: str) -> bytes:
    """Use a card a little; return what the file was before."""
    before = path.read_bytes()
    card = opened(path, card_id)
    memory = card.environment.memory
    for value in (2, 1, 0):
        memory.partition(JUKI).put_now(TRIES, bytes((value,)))
    with memory.transaction():
        memory.partition(JUKI).put("object//C1", b"\1")
        memory.partition(JUKI).put("state/0101", b"\4")
    memory.close()
    return before


# -- damage ------------------------------------------------------------------------------------

Change = Callable[[random.Random, Subject, Path], None]


def _at(change: Callable[[random.Random, bytearray, Subject], bytes | bytearray]) -> Change:
    def applied(chance: random.Random, subject: Subject, path: Path) -> None:
        path.write_bytes(change(chance, bytearray(subject.now), subject))

    return applied


def _flip(chance: random.Random, raw: bytearray, _: Subject) -> bytes | bytearray:
    for _bit in range(chance.choice((1, 1, 1, 2, 8))):
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return raw


def _flip_where_something_is(
    chance: random.Random, raw: bytearray, _: Subject
) -> bytes | bytearray:
    used = [at for at, byte in enumerate(raw) if byte]
    raw[chance.choice(used)] ^= 1 << chance.randrange(8)
    return raw


def _flip_in_the_header(chance: random.Random, raw: bytearray, _: Subject) -> bytes | bytearray:
    raw[chance.randrange(100)] = chance.randrange(256)
    return raw


def _overwrite(chance: random.Random, raw: bytearray, _: Subject) -> bytes | bytearray:
    at, size = chance.randrange(len(raw)), chance.choice((1, 2, 4, 16, 512))
    piece = bytes(size) if chance.random() < 0.3 else chance.randbytes(size)
    raw[at : at + size] = piece[: len(raw) - at]
    return raw


def _move(chance: random.Random, raw: bytearray, _: Subject) -> bytes | bytearray:
    """A piece is lost or doubled, and the rest of the page moves up or down."""
    at, size = chance.randrange(len(raw)), chance.choice((1, 2, 7))
    end = (at // 4096 + 1) * 4096
    page = raw[at:end]
    page = page[size:] + bytes(size) if chance.random() < 0.5 else page[:size] + page[:-size]
    raw[at:end] = page[: end - at]
    return raw


def _truncate(chance: random.Random, raw: bytearray, _: Subject) -> bytes | bytearray:
    return raw[: chance.randrange(len(raw))]


def _append(chance: random.Random, raw: bytearray, _: Subject) -> bytes | bytearray:
    return raw + chance.randbytes(chance.choice((1, 100, 4096, 8192)))


def _pages(raw: bytes | bytearray) -> list[bytes]:
    return [bytes(raw[at : at + 4096]) for at in range(0, len(raw), 4096)]


def _swap_pages(chance: random.Random, raw: bytearray, _: Subject) -> bytes | bytearray:
    pages = _pages(raw)
    one, two = chance.sample(range(len(pages)), 2)
    pages[one], pages[two] = pages[two], pages[one]
    return b"".join(pages)


def _double_a_page(chance: random.Random, raw: bytearray, _: Subject) -> bytes | bytearray:
    pages = _pages(raw)
    one, two = chance.sample(range(len(pages)), 2)
    pages[one] = pages[two]
    return b"".join(pages)


def _clear_a_page(chance: random.Random, raw: bytearray, _: Subject) -> bytes | bytearray:
    pages = _pages(raw)
    pages[chance.randrange(len(pages))] = chance.choice((b"\0", b"\xff")) * 4096
    return b"".join(pages)


def _put_a_page_back(chance: random.Random, raw: bytearray, subject: Subject) -> bytes:
    """A write that the disk lost: one page is as it was before some writes."""
    pages, before = _pages(raw), _pages(subject.earlier)
    differing = [n for n, page in enumerate(before[: len(pages)]) if page != pages[n]]
    one = chance.choice(differing or [0])
    pages[one] = before[one]
    return b"".join(pages)


def _sql(work: Callable[[random.Random, sqlite3.Connection], None]) -> Change:
    """Changed with SQLite itself, so that every page is as it should be."""

    def applied(chance: random.Random, subject: Subject, path: Path) -> None:
        path.write_bytes(subject.now)
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA ignore_check_constraints = ON")
        try:
            work(chance, connection)
        except sqlite3.IntegrityError:
            pass  # there is such a row already: nothing is changed
        finally:
            connection.close()

    return applied


def _row(chance: random.Random, sql: sqlite3.Connection) -> tuple[int, str, str, bytes]:
    rows = sql.execute("SELECT card, partition, key, value FROM value").fetchall()
    row: tuple[int, str, str, bytes] = chance.choice(rows)
    return row


_THE_ROW = "WHERE card = ? AND partition = ? AND key = ?"


def _lose_a_row(chance: random.Random, sql: sqlite3.Connection) -> None:
    sql.execute(f"DELETE FROM value {_THE_ROW}", _row(chance, sql)[:3])


def _add_a_row(chance: random.Random, sql: sqlite3.Connection) -> None:
    card, partition, key, value = _row(chance, sql)
    place = chance.choice(
        ((card, partition, f"{key}x"), (card, f"{partition}x", key), (card + 1, partition, key))
    )
    sql.execute("INSERT INTO value VALUES (?, ?, ?, ?)", (*place, value))


def _exchange_rows(chance: random.Random, sql: sqlite3.Connection) -> None:
    one, two = _row(chance, sql), _row(chance, sql)
    sql.execute(f"UPDATE value SET value = ? {_THE_ROW}", (two[3], *one[:3]))
    sql.execute(f"UPDATE value SET value = ? {_THE_ROW}", (one[3], *two[:3]))


def _change_a_value(chance: random.Random, sql: sqlite3.Connection) -> None:
    *place, value = _row(chance, sql)
    changed = chance.choice((value[:-1], value + b"\0", b"\xff" + value[1:], b""))
    sql.execute(f"UPDATE value SET value = ? {_THE_ROW}", (changed, *place))


def _change_a_type(chance: random.Random, sql: sqlite3.Connection) -> None:
    column = chance.choice(("partition", "key", "value"))
    kind = "TEXT" if column == "value" else "BLOB"
    place = _row(chance, sql)[:3]
    sql.execute(f"UPDATE value SET {column} = CAST({column} AS {kind}) {_THE_ROW}", place)


def _change_a_name(chance: random.Random, sql: sqlite3.Connection) -> None:
    *place, _ = _row(chance, sql)
    column = chance.choice(("partition", "key"))
    name = str(place[1 if column == "partition" else 2])
    changed = chance.choice((name[:-1], f"{name} ", name.swapcase(), "", f"{name}é"))
    sql.execute(f"UPDATE value SET {column} = ? {_THE_ROW}", (changed, *place))


def _give_a_row_to_another(chance: random.Random, sql: sqlite3.Connection) -> None:
    *place, _ = _row(chance, sql)
    sql.execute(f"UPDATE value SET card = card + ? {_THE_ROW}", (chance.choice((1, -1)), *place))


def _change_a_card(chance: random.Random, sql: sqlite3.Connection) -> None:
    change = chance.choice(
        (
            "generation = generation + 1",
            "generation = generation - 1",
            "generation = 0",
            "generation = 'x'",
            "digest = NULL",
            "digest = zeroblob(32)",
            "digest = CAST(digest AS TEXT)",
            "id = id || 'x'",
            "id = CAST(id AS BLOB)",
            "id = ''",
            "number = number + 10",
        )
    )
    numbers = [number for (number,) in sql.execute("SELECT number FROM card")]
    sql.execute(f"UPDATE card SET {change} WHERE number = ?", (chance.choice(numbers),))


def _lose_or_add_a_card(chance: random.Random, sql: sqlite3.Connection) -> None:
    numbers = [number for (number,) in sql.execute("SELECT number FROM card")]
    number = chance.choice(numbers)
    chance.choice(
        (
            lambda: sql.execute("DELETE FROM card WHERE number = ?", (number,)),
            lambda: sql.execute("INSERT INTO card (id) VALUES ('added')"),
            lambda: sql.execute(
                "INSERT INTO card (id, generation, digest)"
                " SELECT id || '2', generation, digest FROM card WHERE number = ?",
                (number,),
            ),
            lambda: sql.execute("UPDATE card SET id = id || '2' WHERE number = ?", (number,)),
        )
    )()


def _change_the_list(chance: random.Random, sql: sqlite3.Connection) -> None:
    sql.execute(
        chance.choice(
            (
                "DELETE FROM listing",
                "INSERT INTO listing VALUES (zeroblob(32))",
                "UPDATE listing SET digest = zeroblob(32)",
                "UPDATE listing SET digest = 7",
            )
        )
    )


def _change_the_tables(chance: random.Random, sql: sqlite3.Connection) -> None:
    for statement in chance.choice(
        (
            ("PRAGMA user_version = 1",),
            ("PRAGMA user_version = 3",),
            ("PRAGMA application_id = 7",),
            ("DROP TABLE listing",),
            ("ALTER TABLE card DROP COLUMN digest",),
            ("ALTER TABLE card DROP COLUMN digest", "DROP TABLE listing"),
            ("DROP TABLE value", "CREATE TABLE value (card, partition, key, value)"),
            ("CREATE TABLE more (a)",),
            ("CREATE VIEW more AS SELECT * FROM card",),
            ("CREATE TRIGGER more AFTER UPDATE ON card BEGIN DELETE FROM value; END",),
        )
    ):
        sql.execute(statement)


def _another_file(chance: random.Random, subject: Subject, path: Path) -> None:
    """Another program's SQLite file, or one that only says it is ours."""
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE card (number, id, generation, digest)")
    connection.execute("INSERT INTO card VALUES (1, 'card', 0, NULL)")
    if chance.random() < 0.7:
        connection.execute(f"PRAGMA application_id = {int.from_bytes(b'JUKI', 'big')}")
    connection.execute(f"PRAGMA user_version = {chance.randrange(4)}")
    connection.close()


def _with_a_journal(chance: random.Random, subject: Subject, path: Path) -> None:
    """What another program left beside it is taken for the journal of a write cut short."""
    path.write_bytes(subject.now)
    magic = bytes.fromhex("D9D505F920A163D7")
    header = magic + chance.choice((b"\xff" * 4, (1).to_bytes(4, "big"), bytes(4)))
    header += chance.randbytes(4) + chance.choice((bytes(4), (9).to_bytes(4, "big")))
    header += (512).to_bytes(4, "big") + (4096).to_bytes(4, "big")
    Path(f"{path}-journal").write_bytes(header.ljust(512, b"\0") + chance.randbytes(4104))


CHANGES: Mapping[str, Change] = {
    "bits": _at(_flip),
    "a bit where something is": _at(_flip_where_something_is),
    "the header": _at(_flip_in_the_header),
    "bytes overwritten": _at(_overwrite),
    "bytes moved": _at(_move),
    "cut off": _at(_truncate),
    "appended to": _at(_append),
    "pages swapped": _at(_swap_pages),
    "a page doubled": _at(_double_a_page),
    "a page cleared": _at(_clear_a_page),
    "a page put back": _at(_put_a_page_back),
    "a row lost": _sql(_lose_a_row),
    "a row added": _sql(_add_a_row),
    "rows exchanged": _sql(_exchange_rows),
    "a value changed": _sql(_change_a_value),
    "a type changed": _sql(_change_a_type),
    "a name changed": _sql(_change_a_name),
    "a row given to another card": _sql(_give_a_row_to_another),
    "a card changed": _sql(_change_a_card),
    "a card lost or added": _sql(_lose_or_add_a_card),
    "the list changed": _sql(_change_the_list),
    "the tables changed": _sql(_change_the_tables),
    "another SQLite file": _another_file,
    "a journal left beside it": _with_a_journal,
}

# -- judgement ---------------------------------------------------------------------------------


def in_words(error: Exception) -> None:
    """An error is one sentence, and says what to do behind the colon."""
    assert ": " in str(error), error
    assert "\n" not in str(error), error


def found(work: Callable[[], object], wanted: object) -> bool:
    """Say whether damage was found; AssertionError where it was not and something has changed."""
    try:
        got = work()
    except ImageError as error:
        in_words(error)
        return True
    assert got == wanted, "changed in silence"
    return False


def judge(subject: Subject, path: Path) -> int:
    """Open a damaged image in every way; return how many ways found the damage.

    Each way either finds it before the first answer or shows what it always showed; a card that
    opens can then be written, and nothing is lost in silence by that either.
    """
    count = int(found(lambda: list_cards(path, timeout=WAIT), subject.listed))
    for card_id, wanted in subject.kept.items():
        if found(lambda card_id=card_id: read(path, card_id), wanted):  # type: ignore[misc]
            count += 1
        else:
            _write_on(path, card_id, wanted)
    return count


def _write_on(path: Path, card_id: str, before: MemorySnapshot) -> None:
    """Write a card that was opened; what it then keeps is what was written, or damage is told."""
    contents = before.copies()
    try:
        card = opened(path, card_id)
        try:
            for key, value in (("a", b"1"), ("b", bytes(5000)), (TRIES, b"\2")):
                card.environment.memory.partition(JUKI).put_now(key, value)
                contents[JUKI][key] = value
        finally:
            card.environment.memory.close()
    except MemoryFailureError as error:
        in_words(error)
    except ImageError:
        return
    found(lambda: read(path, card_id).contents(), MemorySnapshot(contents, before.meta).contents())


def judge_without_digests(subject: Subject, path: Path, commands: Sequence[bytes]) -> int:
    """Open the cards of a damaged image of 0.1.0 and use them; return how many were refused.

    What was changed cannot be told there. But either it is told in words at the opening, or the
    card answers; and no bug of it shows.
    """
    refused = 0
    for entry in subject.listed:
        try:
            list_cards(path, timeout=WAIT)
            card = opened(path, entry.card_id)
        except (ImageError, UnknownAppletError) as error:  # the name of its kind may be hit
            in_words(error)
            refused += 1
            continue
        try:
            _use(card, commands)
        finally:
            card.environment.memory.close()
    return refused


def _use(card: Card, commands: Sequence[bytes]) -> None:
    card.power_on()
    for command in commands:
        card.transmit(command)
    for application in card.applications:
        _ = application.applet.description


def damage(subject: Subject, kind: str, seed: int, path: Path) -> None:
    """Put the image at `path`, damaged in one way; the same seed does the same."""
    Path(f"{path}-journal").unlink(missing_ok=True)
    CHANGES[kind](random.Random(f"{subject.name} {kind} {seed}"), subject, path)
