"""Images that somebody changed with an SQLite tool are refused, and old values do not linger."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from jukicard import Card, ImageError, MemorySnapshot, issue_card
from jukicard.environment import CardEnvironment
from jukicard.memory import (
    ImageProblem,
    PersistentMemory,
    SqliteBackend,
    create_card,
    delete_card,
    list_cards,
)

ENDLESS = """
CREATE VIEW value AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
SELECT 1 AS card, 'card' AS partition, i AS key, x'00' AS content FROM n
"""


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "card.juki"
    create_card(path, "card", issue_card(seed=1).snapshot())
    return path


@pytest.mark.parametrize(
    "change",
    [
        f"DROP TABLE value;{ENDLESS}",
        "CREATE TABLE more (a)",
        "CREATE VIEW more AS SELECT 1",
        "CREATE TRIGGER more AFTER UPDATE ON card BEGIN SELECT 1; END",
        "CREATE INDEX more ON card (id)",
        "ALTER TABLE card ADD COLUMN more",
    ],
)
def test_another_schema_is_refused_and_not_run(image: Path, change: str) -> None:
    with sqlite3.connect(image) as connection:
        connection.executescript(change)
    connection.close()
    before = image.read_bytes()
    for attempt in (lambda: list_cards(image), lambda: SqliteBackend(image, "card")):
        with pytest.raises(ImageError, match="tampered") as refused:
            attempt()
        assert refused.value.problem is ImageProblem.DAMAGED
    assert image.read_bytes() == before


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("options", b"{"),
        ("options", b"[]"),
        ("options", b'{"atr": "3B00", "channels": 0}'),
        ("options", b'{"atr": "zz"}'),
        ("applications", b"{"),
        ("applications", b'[{"aid": "00"}]'),
        ("applications", b"[7]"),
        ("state", b"\x77"),
    ],
)
def test_a_value_that_cannot_be_is_damage(key: str, value: bytes) -> None:
    contents = issue_card(seed=1).snapshot().copies()
    contents["card"][key] = value
    with pytest.raises(ImageError, match="damaged or was tampered with") as refused:
        Card.restore(MemorySnapshot(contents))
    assert refused.value.problem is ImageProblem.DAMAGED


def test_a_deleted_card_leaves_nothing_in_the_file_or_its_journal(tmp_path: Path) -> None:
    path = tmp_path / "town.juki"
    for number in (1, 2):
        create_card(path, f"c{number}", issue_card(seed=number, code="12345678903").snapshot())
    kept = SqliteBackend(path, "c2")
    memory = PersistentMemory(kept)
    Card(CardEnvironment(memory=memory))
    secret = issue_card(seed=1).snapshot().partitions
    keys = [
        value[2:18]
        for partition in secret.values()
        for key, value in partition.items()
        if key.startswith("content/01")
    ]
    assert keys
    delete_card(path, "c1")
    for file in tmp_path.iterdir():
        raw = file.read_bytes()
        assert not [key for key in keys if key in raw], file.name
    memory.close()
