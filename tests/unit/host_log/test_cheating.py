"""A town that cheats in its own database is found, and the entry or range is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, update

from jukihost import ResidentCode
from jukihost.log import (
    Checkpoint,
    DisclosureError,
    LogError,
    Note,
    Policy,
    ProofError,
    Use,
    have_witnessed,
    leaf_hash,
    prune_log,
    publish_log,
    root_of,
    sequence_log,
)
from jukihost.log.stored import StoredNodes, TileWriter, extend, head_of
from jukihost.log.tables import checkpoints, entries, heads, queue, tiles
from tests.support.host.storedtown import StoredTown
from tests.support.host.town import (
    CODES,
    LOG,
    LOG_KEY,
    ORIGIN,
    POLICY,
    SEEN_BY,
    WITNESS_KEY,
    salt,
)

MINE = CODES[0]


@pytest.fixture
def town(in_file: StoredTown) -> StoredTown:
    """Two days, published on each: entries 0 to 6 and a day's end, then 8 to 10 and another."""
    in_file.use(MINE, CODES[1], MINE, CODES[1], MINE, None, CODES[1])
    in_file.end_day()
    in_file.use(MINE, CODES[2], MINE)
    in_file.end_day()
    assert in_file.verify().problems == ()
    return in_file


def lie(entry: bytes) -> bytes:
    return bytes(replace(Use.parse(entry), purpose="nothing at all"))


def change(town: StoredTown, index: int, entry: bytes) -> None:
    row = entries.c.leaf_index == index
    town.spoil(update(entries).where(row).values(entry=entry))


def rebuild(town: StoredTown, new: Sequence[bytes]) -> None:
    """Write the whole tree anew over other entries, as who has the database can."""
    town.spoil(delete(tiles), delete(entries))
    with town.database.begin() as connection:
        writer = TileWriter(connection, 0)
        for index, entry in enumerate(new):
            writer.append(leaf_hash(entry))
            use = Use.parse(entry) if entry.startswith(b"jukihost-use") else None
            row = {"leaf_index": index, "entry": entry, "at": use and use.at}
            whose = {"resident": use and use.resident, "number": (use and use.number) or None}
            connection.execute(insert(entries).values(**row, **whose))
        writer.store()
        connection.execute(update(heads).values(size=writer.size))


def sign_again(town: StoredTown) -> None:
    """Sign the tree as it is now for every size that was signed before."""
    with town.database.begin() as connection:
        nodes = StoredNodes(connection)
        for row in connection.execute(checkpoints.select()).all():
            if row.size:
                note = Checkpoint(ORIGIN, row.size, root_of(nodes, row.size)).signed(LOG)
                connection.execute(
                    update(checkpoints).where(checkpoints.c.size == row.size)
                    .values(note=bytes(note))
                )  # fmt: skip


def swapped(town: StoredTown) -> None:
    known = town.entries()
    change(town, 1, known[3])
    change(town, 3, known[1])


@pytest.mark.parametrize(
    ("cheat", "said"),
    [
        (lambda town: change(town, 2, lie(town.entries()[2])), "entry 2 is not what was hashed"),
        (swapped, "entry 1 is not what was hashed: it is what was hashed as entry 3"),
        (
            lambda town: town.spoil(delete(entries).where(entries.c.leaf_index == 4)),
            "entry 4 is missing, and no pruning says so",
        ),
        (
            lambda town: town.spoil(
                insert(entries).values(leaf_index=13, entry=town.entries()[0])
            ),
            "entry 13 stands beyond",
        ),
        (
            lambda town: town.spoil(
                update(entries).where(entries.c.leaf_index == 1)
                .values(resident=Use.parse(town.entries()[0]).resident)
            ),
            "entry 1 is filed under another resident",
        ),
        (
            lambda town: town.spoil("UPDATE log_entries SET number = 3 WHERE leaf_index = 2"),
            "entry 2 is filed under another number",
        ),
        (
            lambda town: town.spoil("UPDATE log_entries SET number = NULL WHERE leaf_index = 2"),
            "entry 2 is filed under another number",
        ),
        (
            lambda town: town.spoil("UPDATE log_entries SET number = 1 WHERE leaf_index = 5"),
            "entry 5 is filed under another number",
        ),
        (lambda town: hide(town, 2), "entry 2 is filed under another resident"),
        (
            lambda town: town.spoil("UPDATE log_tiles SET hashes = substr(hashes, 1, 64)"),
            "the tree lacks hashes of entries 0 to 11",
        ),
        (
            lambda town: town.spoil("UPDATE log_checkpoints SET note = x'78' WHERE size = 8"),
            "the stored checkpoint of 8 entries does not hold",
        ),
        (
            lambda town: town.spoil(
                update(checkpoints).where(checkpoints.c.size == 8)
                .values(note=bytes(Checkpoint(ORIGIN, 8, bytes(32)).signed(SEEN_BY)))
            ),
            "the stored checkpoint of 8 entries does not hold: the checkpoint is not signed by",
        ),
        (
            lambda town: town.spoil("UPDATE log_checkpoints SET size = 9 WHERE size = 8"),
            "the stored checkpoint of 9 entries is another's",
        ),
        (lambda town: change(town, 5, b"\xff"), "entry 5 cannot be read"),
    ],
)  # fmt: skip
def test_what_is_changed_in_a_table_is_named(
    town: StoredTown, cheat: Callable[[StoredTown], None], said: str
) -> None:
    cheat(town)
    assert any(one.startswith(said) for one in town.verify().problems), town.verify().problems


def test_what_is_changed_in_the_tree_above_the_entries_is_named(in_file: StoredTown) -> None:
    """Proofs would be made of it: the entries' own hashes are all as they were."""
    in_file.use(*[MINE, CODES[1]] * 270)
    in_file.publish()
    assert in_file.verify().problems == ()
    above = "UPDATE log_tiles SET hashes = zeroblob(64) WHERE level = 1"
    in_file.spoil(above)
    assert in_file.verify().problems == (
        "the tree above entries 0 to 65535 is not what they hash to: it was changed",
    )


def test_two_uses_with_one_number_are_found(stored: StoredTown) -> None:
    """A disclosure shows either: the town chooses which. Of each resident, pruned ones too."""
    stored.use(*CODES, MINE)
    stored.end_day()
    stored.clock.put(datetime(2021, 6, 1, tzinfo=UTC))
    real, _ = stored.use(MINE, CODES[1])
    assert prune_log(stored.database)
    stored.publish()
    assert stored.verify().problems == ()
    sham = replace(real, purpose="copy of the record, at the counter", salt=salt(98))
    with stored.database.begin() as connection:
        extend(connection, head_of(connection), [(bytes(sham), sham.resident, sham.at)])
    stored.use(CODES[2])
    stored.end_day()
    [problem] = stored.verify().problems
    assert problem.startswith("of the resident of entries 6 and 8 there are 2 entries, numbered")


def test_a_use_that_has_no_number_is_told_and_stops_nothing(in_file: StoredTown) -> None:
    """Hashed as it is, by a town that writes what no log would."""
    [use] = in_file.use(MINE)
    sequence_log(in_file.database)
    odd = bytes(use).replace(b"\nnumber 1\n", b"\nnumber one\n")
    with in_file.database.begin() as connection:
        extend(connection, head_of(connection), [(odd, use.resident, use.at)])
    in_file.publish()
    [problem] = in_file.verify().problems
    assert problem.startswith("entry 1 cannot be read: this is no entry of a use")


KINDS = ["'text'", "7", "7.5"]
"""What a file of SQLite takes where bytes belong."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("log_entries SET entry = {} WHERE leaf_index = 2", "entry 2 is kept as no bytes"),
        ("log_entries SET resident = {} WHERE leaf_index = 2", "entry 2 is kept as no bytes"),
        ("log_tiles SET hashes = {} WHERE level = 0", "the tree lacks hashes of entries 0"),
        ("log_checkpoints SET note = {} WHERE size = 8", "the stored checkpoint of 8 entries"),
    ],
)
def test_what_is_no_bytes_is_told_and_stops_nothing(
    in_file: StoredTown, where: str, said: str, kind: str
) -> None:
    in_file.use(*CODES[:1] * 8)
    sequence_log(in_file.database)
    in_file.publish()
    assert in_file.verify().problems == ()
    in_file.spoil(f"UPDATE {where}".format(kind))
    assert any(one.startswith(said) for one in in_file.verify().problems), in_file.verify()


@pytest.mark.parametrize("resident", [CODES[1], None])
def test_a_use_that_names_another_where_its_reason_stands_is_filed_under_its_own(
    in_file: StoredTown, resident: ResidentCode | None
) -> None:
    """Filed under whom it names beside, it would be missing from what its own resident is told."""
    mine, own = in_file.use(MINE, resident)
    sequence_log(in_file.database)
    assert mine.resident
    other = mine.resident.hex()
    for named in (replace(own, reason=other), replace(own, card=mine.resident)):
        with in_file.database.begin() as connection:
            extend(connection, head_of(connection), [(bytes(named), mine.resident, named.at)])
    in_file.publish()
    problems = in_file.verify().problems
    assert [one.partition(" than ")[0] for one in problems] == [
        "entry 2 is filed under another resident",
        "entry 3 is filed under another resident",
    ]


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ([1, 1, 2, 3], "there are 4 entries, numbered as 3: two have one number"),
        ([1, 2, 3, 3], "there are 4 entries, numbered as 3: two have one number"),
        ([1, 2, 2, 4], "there are 4 entries, numbered as 4: but not in that order"),
        ([1, 1, 4, 4], "there are 4 entries, numbered as 4: but not in that order"),
        ([1, 3, 2, 4], "there are 4 entries, numbered as 4: but not in that order"),
        ([2, 1, 3], "there are 3 entries, numbered as 2: two have one number"),
        ([1, 3], "there are 2 entries, numbered as 3: two have one number, or one is missing"),
        ([1, 2, 3], None),
        ([2, 3], None),
    ],
)
def test_whoever_is_not_numbered_one_after_the_other_is_told(
    stored: StoredTown, numbers: list[int], said: str | None
) -> None:
    """Between uses of others that are right; the first left may stand behind pruned ones."""
    [mine] = stored.use(MINE)
    with stored.database.begin() as connection:
        connection.execute(queue.delete())
    for at, number in enumerate(numbers):
        before = bytes(32) if number == 1 else bytes([number]) * 32
        one = replace(mine, number=number, before=before, salt=salt(at))
        with stored.database.begin() as connection:
            extend(connection, head_of(connection), [(bytes(one), one.resident, one.at)])
        stored.use(CODES[1], CODES[2], None)
        sequence_log(stored.database)
    stored.publish()
    problems = stored.verify().problems
    assert len(problems) == bool(said)
    assert all(said and said in one for one in problems), problems


def test_of_many_who_are_numbered_wrongly_the_first_twenty_are_told(in_file: StoredTown) -> None:
    [mine] = in_file.use(MINE)
    rows: list[tuple[bytes, bytes, datetime]] = []
    for at in range(60):
        one = replace(mine, resident=salt(at // 2), salt=salt(at))
        rows.append((bytes(one), salt(at // 2), one.at))
    with in_file.database.begin() as connection:
        extend(connection, head_of(connection), rows)
    in_file.publish()
    problems = in_file.verify().problems
    assert len(problems) == 20
    assert len(set(problems)) == 20


def without(town: StoredTown, index: int) -> list[bytes]:
    return [entry for at, entry in sorted(town.entries().items()) if at != index]


def with_one_more(town: StoredTown) -> list[bytes]:
    known = without(town, -1)
    late = replace(Use.parse(known[5]), salt=salt(99), purpose="put in later")
    return [*known[:5], bytes(late), *known[5:]]


def reordered(town: StoredTown) -> list[bytes]:
    known = without(town, -1)
    return [known[1], known[0], *known[2:]]


def changed(town: StoredTown) -> list[bytes]:
    known = without(town, -1)
    return [*known[:8], lie(known[8]), *known[9:]]


@pytest.mark.parametrize(
    ("history", "said"),
    [
        (changed, "entries 8 to 11 are not those of the checkpoint of 12 entries"),
        (reordered, "entries 0 to 7 are not those of the checkpoint of 8 entries"),
        (with_one_more, "entries 0 to 7 are not those"),
        (lambda town: without(town, 5), "entries 0 to 7 are not those"),
        (lambda town: without(town, -1)[:10], "entries 10 to 11 were removed"),
    ],
)
def test_another_history_in_the_same_database_is_found_by_its_checkpoints(
    town: StoredTown, history: Callable[[StoredTown], list[bytes]], said: str
) -> None:
    rebuild(town, history(town))
    assert any(one.startswith(said) for one in town.verify().problems), town.verify().problems


@pytest.mark.parametrize("size", [8, 12])
def test_a_history_that_is_signed_anew_is_found_by_who_kept_a_checkpoint(
    town: StoredTown, size: int
) -> None:
    kept = kept_checkpoint(town, size)
    rebuild(town, changed(town) if size == 12 else reordered(town))
    sign_again(town)
    assert town.verify().problems == ()  # the log alone does not show it
    assert any(f"checkpoint of {size} entries" in one for one in town.verify(kept).problems)


def kept_checkpoint(town: StoredTown, size: int) -> Note:
    with town.database.read() as connection:
        row = connection.execute(checkpoints.select().where(checkpoints.c.size == size)).one()
    return Note.parse(row.note)


def test_before_a_witnessed_checkpoint_the_witness_cosigns_no_other_history(
    town: StoredTown,
) -> None:
    rebuild(town, changed(town))
    sign_again(town)
    town.use(MINE)
    sequence_log(town.database)
    publish_log(town.database, LOG)
    with pytest.raises(ProofError, match="two histories"):
        have_witnessed(town.database, town.ask, WITNESS_KEY)


def test_after_it_only_one_of_two_histories_is_cosigned(town: StoredTown, tmp_path: Path) -> None:
    with town.database.begin() as connection:
        connection.exec_driver_sql("SELECT 1")
    known = without(town, -1)
    first = [*known, known[8]]
    second = [*known, known[9]]
    rebuild(town, first)
    publish_log(town.database, LOG)
    have_witnessed(town.database, town.ask, WITNESS_KEY)
    town.spoil(delete(checkpoints).where(checkpoints.c.size == len(first)))
    rebuild(town, [*second, known[8]])
    publish_log(town.database, LOG)
    with pytest.raises(ProofError):
        have_witnessed(town.database, town.ask, WITNESS_KEY)


# -- disclosures -----------------------------------------------------------------------------------


def hide(town: StoredTown, index: int) -> None:
    """File an entry under nobody, so that no disclosure of it is made."""
    row = entries.c.leaf_index == index
    town.spoil(update(entries).where(row).values(resident=None))


@pytest.mark.parametrize("index", [2, 4, 8, 10])
def test_an_entry_left_out_of_a_disclosure_is_found(town: StoredTown, index: int) -> None:
    hide(town, index)
    with pytest.raises(DisclosureError):
        town.disclosure(MINE).check(MINE, POLICY)


@pytest.mark.parametrize("hidden", [(0,), (0, 2, 4, 8, 10)])
def test_the_oldest_entry_or_all_left_out_are_found(
    town: StoredTown, hidden: tuple[int, ...]
) -> None:
    for index in hidden:
        hide(town, index)
    with pytest.raises(DisclosureError, match="nothing shows that their term was over"):
        town.disclosure(MINE).check(MINE, POLICY)


def test_a_day_that_counts_less_is_found(town: StoredTown) -> None:
    town.spoil("UPDATE log_lasts SET count = count - 1")
    with pytest.raises(LogError):
        town.disclosure(MINE).check(MINE, POLICY)


def test_an_entry_that_was_changed_is_not_in_the_disclosed_tree(town: StoredTown) -> None:
    change(town, 8, lie(town.entries()[8]))
    with pytest.raises(LogError):
        town.disclosure(MINE).check(MINE, POLICY)


@pytest.mark.parametrize("code", CODES)
def test_an_honest_disclosure_holds_and_is_in_the_log_itself(
    stored: StoredTown, code: ResidentCode
) -> None:
    stored.use(*CODES, CODES[0], CODES[0])
    stored.end_day()
    stored.use(CODES[0])
    stored.publish()
    found = stored.disclosure(code).check(code, Policy(LOG_KEY, (WITNESS_KEY,), 1))
    assert len(found.uses) == {CODES[0]: 4}.get(code, 1)
    assert found.covered == {CODES[0]: 3}.get(code, 1)
    assert found.erased == 0
    stored.publish()
    again = stored.disclosure(code).check(code, POLICY)
    assert again.uses[-1].purpose == "disclosure of the log to the resident"


def test_checkpoints_hold_at_every_edge_of_a_tile(in_file: StoredTown) -> None:
    done, kept = 0, []
    for size in (255, 256, 257, 511, 512, 513, 768, 1024, 1030):
        in_file.use(*[None] * (size - done))
        kept.append(in_file.publish())
        done = size
    found = in_file.verify(*kept)
    assert (found.problems, found.size, found.signed) == ((), 1030, 1030)
    change(in_file, 767, lie(in_file.entries()[767]))
    assert any("513 to 767 are not those" in one for one in in_file.verify().problems)
