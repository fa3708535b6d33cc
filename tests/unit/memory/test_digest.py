"""The digest of a card in a file: made, renewed by every write, and missed when it is not right."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jukicard import Card, ImageError, cli, issue_card
from jukicard.environment import CardEnvironment
from jukicard.memory import (
    ImageProblem,
    MemoryFailureError,
    MemorySnapshot,
    PersistentMemory,
    RamBackend,
    SqliteBackend,
    create_card,
    create_cards,
    delete_card,
    digest,
    list_cards,
)
from jukicard.memory.schema import SEALED
from jukicard.testing.faults import FaultyBackend
from tests.support.cards.states import STATES

OLD = STATES / "0.1.0" / "juki-v1_as_issued.juki"
OLD_TOWN = STATES / "0.1.0" / "juki-v1.juki"
JUKI = "application D3921000310001010401"
WRONG = bytes.fromhex("0020009C0430303030")
SELECT = bytes.fromhex("00A4040C0AD3921000310001010401")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "card.juki"
    create_card(path, "card", issue_card("juki-v1", seed=1).snapshot())
    return path


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return Path(shutil.copy(OLD, tmp_path / "old.juki"))


def opened(path: Path, card_id: str = "card") -> Card:
    backend = SqliteBackend(path, card_id)
    try:
        return Card(CardEnvironment(memory=PersistentMemory(backend)))
    except BaseException:
        backend.close()
        raise


def ask(path: Path, *commands: bytes, card_id: str = "card") -> list[str]:
    """Answers of the card in a file that is opened for them."""
    card = opened(path, card_id)
    try:
        card.power_on()
        return [card.transmit(command).hex().upper() for command in commands]
    finally:
        card.environment.memory.close()


def sql(path: Path, statement: str) -> list[Any]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return connection.execute(statement).fetchall()
    finally:
        connection.close()


def damaged(path: Path, card_id: str = "card") -> str:
    """The sentence with which the card is refused before it answers anything."""
    with pytest.raises(ImageError) as refused:
        opened(path, card_id)
    assert refused.value.problem is ImageProblem.DAMAGED
    assert "use another copy" in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(("found", "put"), [(b"\0", b"\2"), (b"\0", b"\xff"), (b"\0", b"\1")])
def test_a_blocked_pin_is_not_unblocked_by_a_byte(image: Path, found: bytes, put: bytes) -> None:
    assert ask(image, SELECT, WRONG, WRONG, WRONG)[-1] == "63C0"
    raw = image.read_bytes()
    place = raw.index(b"tries/001C") + len("tries/001C")
    assert raw[place : place + 1] == found
    image.write_bytes(raw[:place] + put + raw[place + 1 :])
    damaged(image)


def test_the_file_with_one_flipped_bit_of_a_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name's type became BLOB: inspect and serve showed a traceback."""
    path = tmp_path / "image.juki"
    shutil.copy(Path(__file__).with_name("damaged-name-type.juki"), path)
    before = path.read_bytes()
    for command in (
        ["inspect", str(path)],
        ["inspect", f"{path}#c"],
        ["serve", "--image", str(path), "--tcp", "127.0.0.1"],
    ):
        assert cli.main(command) == 1
        said = capsys.readouterr().err
        assert said.startswith("jukicard: ")
        assert said.endswith("use another copy of it\n")
        assert len(said.splitlines()) == 1
    assert path.read_bytes() == before


def test_every_way_to_write_renews_it(image: Path) -> None:
    seen = {sql(image, "SELECT digest FROM card")[0]}
    memory = opened(image).environment.memory
    part = memory.partition(JUKI)

    def transact() -> None:
        with memory.transaction():
            part.put("a", b"1")
            part.delete("tries/0101")
            memory.partition("new").put("b", b"")

    def drop() -> None:
        with memory.transaction():
            memory.drop_partition("new")

    for write in (partial(part.put_now, "tries/001C", b"\2"), transact, drop):
        write()
        seen.add(sql(image, "SELECT digest FROM card")[0])
        ask(image)
    assert len(seen) == 4
    memory.begin()
    part.put("a", b"2")
    memory.rollback()
    with memory.transaction():
        part.put("a", b"1")
    assert sql(image, "SELECT digest FROM card")[0] in seen, "nothing was written"
    memory.close()


def test_a_restored_card_has_its_own(image: Path) -> None:
    backend = SqliteBackend(image, "card")
    wanted = issue_card("mynumber", seed=2).snapshot().with_meta({"profile": "mynumber"})
    PersistentMemory.restore(wanted, backend).close()
    assert [entry.meta for entry in list_cards(image)] == [{"profile": "mynumber"}]
    card = opened(image)
    assert card.environment.memory.snapshot() == wanted
    card.environment.memory.close()


def test_a_failed_write_leaves_it(image: Path) -> None:
    card = opened(image)
    before = image.read_bytes()
    sql(image, "UPDATE card SET generation = generation + 1")
    after = image.read_bytes()
    with pytest.raises(MemoryFailureError, match="another program"):
        card.environment.memory.partition(JUKI).put_now("tries/001C", b"\2")
    assert image.read_bytes() == after != before
    card.environment.memory.close()
    damaged(image)


def test_damage_after_the_opening_is_told_at_the_next_power_on(image: Path) -> None:
    card = opened(image)
    card.power_on()
    sql(image, "UPDATE value SET value = x'FF' WHERE key = 'tries/001C'")
    with pytest.raises(ImageError, match="not what was last written"):
        card.power_on()
    assert not card.powered
    sql(image, "UPDATE value SET value = x'03' WHERE key = 'tries/001C'")
    card.power_on()
    assert card.transmit(SELECT) == b"\x90\x00"
    card.environment.memory.close()


def test_a_damaged_value_that_is_written_over_is_told_all_the_same(image: Path) -> None:
    card = opened(image)
    sql(image, "UPDATE value SET value = x'FF' WHERE key = 'tries/001C'")
    card.environment.memory.partition(JUKI).put_now("tries/001C", b"\2")
    card.environment.memory.close()
    damaged(image)


def test_a_value_of_another_type_is_not_written_over(image: Path) -> None:
    card = opened(image)
    connection = sqlite3.connect(image, isolation_level=None)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("UPDATE value SET value = 'secret' WHERE key = 'tries/001C'")
    connection.close()
    with pytest.raises(MemoryFailureError, match="another type") as refused:
        card.environment.memory.partition(JUKI).put_now("tries/001C", b"\2")
    assert "secret" not in repr(refused.value.__cause__) + str(refused.value)
    card.environment.memory.close()


def test_no_error_quotes_a_value_that_is_no_text(image: Path) -> None:
    backend = SqliteBackend(image, "card")
    backend.load()
    connection = sqlite3.connect(image, isolation_level=None)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute("UPDATE value SET value = CAST(x'73656372FF74' AS TEXT)")
    connection.close()
    with pytest.raises(ImageError) as refused:
        backend.load()
    with pytest.raises(MemoryFailureError) as failed:
        backend.write({JUKI: {"tries/001C": b"\2"}})
    backend.close()
    for error in (refused.value, failed.value):
        assert "secr" not in f"{error} {error.__cause__!r}"


def test_a_card_of_0_1_0_gets_one_at_its_first_write(old: Path) -> None:
    before = old.read_bytes()
    assert ask(old, SELECT) == ["9000"]
    list_cards(old)
    assert old.read_bytes() == before, "reading and selecting write nothing"
    assert ask(old, SELECT, WRONG)[-1] == "63C2"
    ((generation, kept),) = sql(old, "SELECT generation, digest FROM card")
    assert generation == SEALED, "one write takes the try"
    assert isinstance(kept, bytes)
    assert ask(old, SELECT, WRONG)[-1] == "63C1"
    sql(old, "UPDATE value SET value = x'03' WHERE key = 'tries/001C'")
    damaged(old)


def test_other_cards_of_a_file_of_0_1_0_get_theirs_at_their_own_first_write(tmp_path: Path) -> None:
    path = Path(shutil.copy(OLD_TOWN, tmp_path / "town.juki"))
    listed = list_cards(path)
    ask(path, SELECT, WRONG, card_id="juki-v1_as_issued")
    assert list_cards(path) == listed
    sealed = dict(sql(path, "SELECT id, digest IS NOT NULL FROM card"))
    assert sealed == {entry.card_id: entry.card_id == "juki-v1_as_issued" for entry in listed}
    for entry in listed:
        ask(path, card_id=entry.card_id)
    ask(path, SELECT, WRONG, card_id="juki-v1_name_only")
    damaged_one = "UPDATE card SET digest = NULL WHERE id = 'juki-v1_name_only'"
    sql(path, damaged_one)
    damaged(path, "juki-v1_name_only")
    assert ask(path, SELECT, card_id="juki-v1_as_issued") == ["9000"]


def test_cards_come_to_and_go_from_a_file_of_0_1_0(tmp_path: Path) -> None:
    path = Path(shutil.copy(OLD_TOWN, tmp_path / "town.juki"))
    names = [entry.card_id for entry in list_cards(path)]
    create_card(path, "new", issue_card(seed=1).snapshot().with_meta({"profile": "juki-v1"}))
    delete_card(path, names[0])
    assert [entry.card_id for entry in list_cards(path)] == [*names[1:], "new"]
    sql(path, "UPDATE card SET id = 'other' WHERE id = 'new'")
    with pytest.raises(ImageError, match="not those that were last written"):
        list_cards(path)


def test_a_process_that_has_it_open_goes_on_when_another_makes_the_digests(old: Path) -> None:
    """Two readers of one file, each with a connection of its own."""
    create_card(old.with_name("x"), "card")  # nothing of this process's is kept of `old`
    card = opened(old)
    connection = sqlite3.connect(old, isolation_level=None)
    connection.execute("ALTER TABLE card ADD COLUMN digest BLOB")
    connection.execute("CREATE TABLE listing (digest BLOB NOT NULL)")
    total = digest.of_entry(1, "card", {"profile": b"juki-v1"})
    connection.execute("INSERT INTO listing VALUES (?)", (digest.encode(total),))
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    card.power_on()
    assert card.transmit(SELECT) + card.transmit(WRONG) == bytes.fromhex("900063C2")
    card.environment.memory.close()
    assert ask(old, SELECT, WRONG)[-1] == "63C1"
    assert list_cards(old)[0].meta == {"profile": "juki-v1"}


def test_a_write_that_would_make_the_digests_of_a_damaged_list_changes_nothing(
    tmp_path: Path,
) -> None:
    path = Path(shutil.copy(OLD_TOWN, tmp_path / "town.juki"))
    card = opened(path, "juki-v1_as_issued")
    card.power_on()
    sql(path, "UPDATE card SET id = CAST(id AS BLOB) WHERE id = 'juki-v1_name_only'")
    before = path.read_bytes()
    card.transmit(SELECT)
    assert card.transmit(WRONG) == b"\x65\x81"
    assert card.last_refusal is not None
    assert "use another copy" in card.last_refusal.reason
    card.environment.memory.close()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("tries/001C", b"\xff", "001C: its retry counter is none of 0 to 3"),
        ("tries/001C", b"\4", "001C: its retry counter"),
        ("tries/001C", b"", "001C: its retry counter"),
        ("tries/0101", b"\x10", "0101: its retry counter is none of 0 to 15"),
        ("state/0101", b"\7", "0101: 7 is not a valid"),
        ("state/0101", b"", "0101"),
        ("state/df", b"\x7f", "D3921000310001010401: 127 is not a valid"),
        ("content/001C", b"12345", "001C: its value is none that it can have"),
        ("content/001C", b"12a4", "001C: its value"),
        ("content/0101", b"\1\1", "0101: its keys are of another length"),
        ("content/0101", b"\x09\1" + bytes(32), "0101"),
        ("content/0002", b"\0\x0d\1", "0002: its records are cut off"),
        ("content/0002", b"\0\xff" + bytes(255), "0002: it has more or longer records"),
        ("date", b"yesterday", ""),
        ("access password", b"\2", ""),
        ("chip key", b"none", ""),
        ("anchor/00", b"\0\1\0none", "what it trusts"),
    ],
)
def test_a_value_that_no_command_ever_wrote_is_damage_with_and_without_digest(
    old: Path, tmp_path: Path, key: str, value: bytes, said: str
) -> None:
    connection = sqlite3.connect(old, isolation_level=None)
    connection.execute("INSERT OR REPLACE INTO value VALUES (1, ?, ?, ?)", (JUKI, key, value))
    connection.close()
    assert said in damaged(old)
    contents = issue_card("juki-v1", seed=1).snapshot().copies()
    contents[JUKI][key] = value
    create_card(tmp_path / "sealed", "card", MemorySnapshot(contents))
    assert said in damaged(tmp_path / "sealed")


def test_a_private_key_that_is_none_is_damage(old: Path) -> None:
    sql(old, "UPDATE value SET value = x'3000' WHERE key = 'content/001A'")
    assert "001A: no private key" in damaged(old)


def test_the_states_and_the_profile_of_the_card_are_looked_at_too(old: Path) -> None:
    whole = old.read_bytes()
    for key, value in (
        ("state", "07"),
        ("profile", "FF"),
        ("options", "00"),
        ("applications", "7B"),
    ):
        sql(old, f"INSERT OR REPLACE INTO value VALUES (1, 'card', '{key}', x'{value}')")
        damaged(old)
        old.write_bytes(whole)


def test_ranges_are_looked_at_again_when_another_process_has_written(old: Path) -> None:
    card = opened(old)
    card.power_on()
    sql(old, "UPDATE value SET value = x'09' WHERE key = 'tries/001C'")
    with pytest.raises(ImageError, match="retry counter"):
        card.power_on()
    assert not card.powered
    card.environment.memory.close()


@pytest.mark.parametrize("backend", [None, RamBackend, lambda: FaultyBackend(RamBackend())])
def test_a_card_in_ram_pays_nothing(
    backend: Callable[[], RamBackend] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def paid(*_: object) -> int:
        raise AssertionError("a digest was made")

    for name in ("of_value", "of_entry", "seal"):
        monkeypatch.setattr(digest, name, paid)
    snapshot = issue_card(seed=1).snapshot()
    memory = PersistentMemory.restore(snapshot, backend() if backend else None)
    card = Card(CardEnvironment(memory=memory))
    card.power_on()
    assert card.transmit(SELECT) + card.transmit(WRONG) == bytes.fromhex("900063C2")
    card.fork().power_on()


def test_every_part_of_a_card_counts() -> None:
    """What is hashed is told apart wherever it is cut."""
    assert len(
        {
            digest.of_value(*place)
            for place in (
                ("a", "bc", b"d"),
                ("ab", "c", b"d"),
                ("a", "b", b"cd"),
                ("a", "bcd", b""),
                ("", "abc", b"d"),
                ("a", "bc", b"e"),
            )
        }
    ) == 6  # fmt: skip
    cards = (1, "a", 2, 3), (12, "a", 2, 3), (1, "a", 23, 3), (1, "b", 2, 3), (1, "a", 2, 4)
    assert len({digest.seal(*card) for card in cards}) == 5
    assert digest.decode(digest.encode(-1)) + 1 == 1 << 256


def test_the_digest_of_known_values() -> None:
    """It is kept in files: a change of it would make all of them damaged."""
    assert f"{digest.of_value('p', 'k', b'v'):064X}" == KNOWN_VALUE
    assert digest.seal(1, "card", SEALED, 7).hex().upper() == KNOWN_SEAL


KNOWN_VALUE = "C36B16AA98C889E5F058201AEA934918BDAA83AA50DB120B22EBB89021EB9A75"
KNOWN_SEAL = "0DC1B432A2C51F0C090B00404616C39E30EB3C1A6C1BE2138BE846453F038FE8"


def test_many_cards_are_made_with_theirs(tmp_path: Path) -> None:
    snapshot = MemorySnapshot({"a": {"b": b"c"}}, {"n": "1"})
    path = tmp_path / "town"
    create_cards(path, [(f"{n}", snapshot) for n in range(20)])
    assert len(list_cards(path)) == 20
    for n in range(20):
        memory = PersistentMemory(SqliteBackend(path, f"{n}"))
        assert memory.snapshot() == snapshot
        memory.close()
    sql(path, "UPDATE value SET value = x'32' WHERE partition = '' AND card = 7")
    with pytest.raises(ImageError, match="not those that were last written"):
        list_cards(path)
