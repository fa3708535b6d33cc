"""`jukicard new --count` and `serve --many`: very many cards in one file, behind one port."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jukicard import list_cards
from jukicard.cli import main
from jukihost.cli import main as host


def served(path: Path) -> tuple[subprocess.Popen[str], str]:
    """`jukicard serve --many` in a process of its own, and where it listens."""
    program = subprocess.Popen(
        [sys.executable, "-m", "jukicard", "serve", "--tcp", "127.0.0.1", "--many", str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert program.stdout is not None
    line = program.stdout.readline()
    assert "3 cards of" in line
    return program, line.rsplit(" ", 1)[1].strip()


def test_cards_are_made_served_and_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cards.juki"
    assert main(["new", "--seed", "x", "--count", "3", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: 3 cards of juki-v1\n"
    assert [entry.card_id for entry in list_cards(path)] == ["1", "2", "3"]
    program, where = served(path)
    with program:
        for name in ("1", "3"):
            assert host(["status", "--tcp", f"{where}#{name}"]) == 0
        assert host(["status", "--tcp", f"{where}#4"]) != 0
        assert "there is no card '4'" in capsys.readouterr().err
        assert host(["status", "--tcp", where]) != 0
        assert "name" in capsys.readouterr().err
        program.send_signal(signal.SIGINT)
        assert program.wait(60) == 0


def test_many_cards_of_one_seed_are_different_and_the_same_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from jukicard import SqliteBackend

    found = []
    for name in ("one", "two"):
        path = tmp_path / name
        assert main(["new", "--seed", "7", "--count", "2", str(path)]) == 0
        for card in ("1", "2"):
            backend = SqliteBackend(path, card)
            found.append(backend.load())
            backend.close()
    assert found[0] == found[2] != found[1] == found[3]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--many", "x"], "--tcp"),
        (["--tcp", "127.0.0.1", "--many", "x", "--trace"], "leave the rest out"),
        (["--tcp", "127.0.0.1", "--many", "x", "juki-v1"], "leave the rest out"),
        (["--tcp", "127.0.0.1", "--many", "x", "--compat"], "--compat"),
        (["--tcp", "127.0.0.1", "--many", "no-such-file"], "no-such-file"),
    ],
)
def test_what_does_not_fit_is_said(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", *arguments]) != 0
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("count", ["0", "-1", "x", "1000001", "٣"])
def test_a_count_that_is_none(
    count: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", f"--count={count}", str(tmp_path / "cards.juki")]) == 2
    assert "is no number of cards" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
