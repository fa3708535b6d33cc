"""`jukicard inspect` of a card that keeps receipts: which change was the last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jukicard import Card, LocalReader
from jukicard.cli import main
from jukicard.environment import CardEnvironment
from jukicard.memory import PersistentMemory, SqliteBackend
from jukihost import JukiSession, PublishedKeys, Purpose, build_channel
from jukihost.receipts import OpenChange

INTENT = bytes(range(0xA0, 0xB0))


Act = Callable[[JukiSession, list[OpenChange]], object]


def _at_the_counter(path: Path, act: Act, changes: list[OpenChange]) -> None:
    backend = SqliteBackend(path, "card")
    card = Card(CardEnvironment(memory=PersistentMemory(backend)))
    with LocalReader(card) as reader, JukiSession(build_channel(reader)) as juki:
        juki.authenticate(Purpose.COUNTER, PublishedKeys())
        act(juki, changes)
    backend.close()


def _change(juki: JukiSession, changes: list[OpenChange]) -> None:
    changes.append(juki.begin_change(INTENT))
    juki.unblock_pin("4321")


def _confirm(juki: JukiSession, changes: list[OpenChange]) -> None:
    juki.confirm(changes.pop())


def run(*arguments: str) -> None:
    assert main(arguments) == 0


def test_inspect_shows_which_receipt_a_card_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "receipts.juki"
    run("new", "--seed", "1", "--receipts", str(path))
    told: list[str] = []
    changes: list[OpenChange] = []
    for act in (None, _change, _confirm):
        if act:
            _at_the_counter(path, act, changes)
        capsys.readouterr()
        run("inspect", str(path))
        said = capsys.readouterr().out
        told += [line.strip() for line in said.splitlines() if "receipt" in line]
        assert INTENT.hex().upper() not in said.upper()
    assert told == [
        *["receipt  no change yet"],
        *["receipt  change 1, its answer was not seen"],
        *["receipt  change 1, its answer was seen"],
    ]
    run("new", "--seed", "1", str(tmp_path / "card.juki"))
    run("inspect", str(tmp_path / "card.juki"))
    assert "receipt" not in capsys.readouterr().out
