"""Cards on TCP and a key store, for the tests of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jukicard import PROFILES, Card, issue_card
from jukicard.testing.applets import with_forbidden
from jukicard.transport.tcp import TcpServer
from jukihost import cli
from jukihost.keys import software
from jukihost.keys.envelope import ScryptCost
from tests.support.host.cli import CODE, PASSPHRASE, Run, Typed


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key stores whose passphrase costs little."""
    monkeypatch.setattr(software, "ScryptCost", lambda: ScryptCost(1 << 10))
    monkeypatch.setenv("JUKIHOST_PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr("sys.stdin", Typed(""))


@pytest.fixture
def card() -> Card:
    return issue_card(with_forbidden(PROFILES["juki-v1"]), seed=1, code=CODE)


@pytest.fixture
def run(card: Card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command on the card, with what is on its standard input as `typed`."""
    with TcpServer(card) as server:

        def command(*arguments: str, typed: str = "", terminal: bool = False) -> int:
            monkeypatch.setattr("sys.stdin", Typed(typed, terminal))
            return cli.main([*arguments, "--tcp", f"{server.host}:{server.port}"])

        yield command


@pytest.fixture
def keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """A key store with the keys of synthetic cards."""
    path = str(tmp_path / "test.keys")
    assert cli.main(["keys", "new", "--test", path]) == 0
    capsys.readouterr()
    return path


@pytest.fixture
def successor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    with TcpServer(issue_card(with_forbidden(PROFILES["mynumber"]), seed=1)) as server:

        def command(*arguments: str, typed: str = "", terminal: bool = False) -> int:
            monkeypatch.setattr("sys.stdin", Typed(typed, terminal))
            return cli.main([*arguments, "--tcp", f"{server.host}:{server.port}"])

        yield command
