"""`jukihost doctor`: everything that is missing or broken is said, with what to do, and no more."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from jukihost.cli import doctor, main
from jukihost.cli.doctor import State, examined
from jukihost.clock import MovableClock
from jukihost.database import open_database, upgrade_database
from jukihost.log import create_log
from tests.support.host.databases import NOON


def found(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = main(["doctor", "--json", *arguments])
    return code, {one["what"]: one for one in json.loads(capsys.readouterr().out)}


def test_a_machine_without_anything_to_look_at_is_not_broken(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, findings = found(capsys=capsys)
    assert code == 0
    assert findings["Python"]["state"] == "good"
    assert findings["extra terminal"]["state"] == "good"
    assert not [one for one in findings.values() if one["state"] == "absent" and not one["remedy"]]


@pytest.mark.parametrize("name", doctor._EXTRAS)
def test_each_extra_that_is_missing_is_named_with_its_command(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = doctor._EXTRAS[name][0][-1]
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda one, *rest: None if one == gone else real(one, *rest)
    )
    finding = doctor._extra(name, *doctor._EXTRAS[name])
    assert finding.state is State.ABSENT
    assert f"pip install 'jukicard[{name}]'" in finding.remedy


def test_a_database_is_looked_at_with_its_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "terminal.db"
    code, findings = found("--database", str(path), capsys=capsys)
    assert code == 1
    assert findings["database"]["state"] == "broken"
    assert "jukihost database create" in findings["database"]["remedy"]
    upgrade_database(path)
    code, findings = found("--database", str(path), capsys=capsys)
    assert code == 1
    assert findings["database"]["state"] == "good"
    assert "jukihost log create" in findings["log of uses"]["remedy"]
    with (
        open_database(path, clock=MovableClock(NOON), terminal="counter-1") as database,
        database.begin() as connection,
    ):
        create_log(connection, "town.example/uses")
    _, findings = found("--database", str(path), capsys=capsys)
    assert findings["log of uses"]["state"] in ("good", "broken")
    assert "create" not in findings["log of uses"]["remedy"]


def test_a_key_store_that_others_may_read_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "town.keys"
    path.write_bytes(b"x")
    path.chmod(0o644)
    code, findings = found("--keys", str(path), capsys=capsys)
    assert (code, findings["key store"]["state"]) == (1, "broken")
    path.chmod(0o600)
    code, findings = found("--keys", str(path), capsys=capsys)
    assert (code, findings["key store"]["state"]) == (0, "good")
    _, findings = found("--keys", str(tmp_path / "none"), capsys=capsys)
    assert findings["key store"]["state"] == "broken"


def test_little_room_and_a_clock_before_the_program_are_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "LITTLE_ROOM", 1 << 62)
    assert doctor._disk(str(tmp_path / "terminal.db")).state is State.BROKEN
    monkeypatch.setattr(doctor, "_newest_source", lambda: 1e11)
    assert doctor._clock().state is State.BROKEN


def test_the_order_is_the_same_each_time() -> None:
    assert [one.what for one in examined()] == [one.what for one in examined()]
