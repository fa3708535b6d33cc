"""A card in a reader of pcscd: recorded, played without the card, and put to published vectors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jukicard import RecordedCard, issue_card, read_trace
from jukihost import cli
from tests.support.host.cli import Typed
from tests.support.interop.pcscd import Pcscd
from tests.support.published.vectors import VECTORS

PIN = ("pin", "verify", "--pin-file", "-", "--reader", "0")


def test_recorded_in_a_reader_and_played_in_a_reader(
    pcscd: Pcscd,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = str(tmp_path / "session.json")
    pcscd.insert(issue_card(seed=1))
    monkeypatch.setattr("sys.stdin", Typed("1234\n"))
    assert cli.main([*PIN, "--record", file, "--record-all"]) == 0
    pcscd.remove()

    card = RecordedCard(read_trace(Path(file).read_bytes()))
    pcscd.insert(card)
    monkeypatch.setattr("sys.stdin", Typed("1234\n"))
    assert cli.main([*PIN]) == 0, card.problem
    assert card.problem == ""
    pcscd.remove()

    strayed = RecordedCard(read_trace(Path(file).read_bytes()))
    pcscd.insert(strayed)
    assert cli.main(["status", "--reader", "0"]) == 3
    assert strayed.problem.startswith("the trace goes on with command")
    capsys.readouterr()


def test_replayed_to_a_card_in_a_reader(
    pcscd: Pcscd,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = str(tmp_path / "session.json")
    pcscd.insert(issue_card(seed=1))
    monkeypatch.setattr("sys.stdin", Typed("1234\n"))
    assert cli.main([*PIN, "--record", file, "--record-all"]) == 0
    assert cli.main(["replay", file, "--reader", "0"]) == 0
    pcscd.remove()
    pcscd.insert(issue_card(seed=1, pin="7777"))
    capsys.readouterr()
    assert cli.main(["replay", file, "--reader", "0"]) == 1
    assert "command 3 is answered otherwise" in capsys.readouterr().err


def test_commands_as_they_are(pcscd: Pcscd, capsys: pytest.CaptureFixture[str]) -> None:
    pcscd.insert(issue_card(seed=1))
    assert cli.main(["apdu", "00A4040000", "00B0000000", "--reader", "0", "--json"]) == 1
    [select, read] = json.loads(capsys.readouterr().out)
    assert select["objects"][0] == "6F 17 bytes"
    assert read["status"][0] == "6"


def test_published_vectors(pcscd: Pcscd, capsys: pytest.CaptureFixture[str]) -> None:
    """What pcscd does not carry is left out: parts of a header, and the longest commands."""
    pcscd.insert(issue_card(seed=1))
    assert cli.main(["vectors", "run", str(VECTORS), "--reader", "0"]) == 0
    said = capsys.readouterr().out
    assert " 0 failed, " in said
    assert int(said.splitlines()[-1].partition(" ")[0]) > 30
