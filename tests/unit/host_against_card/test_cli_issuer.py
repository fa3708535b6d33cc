"""`jukihost issuer` on a card: each action, and what the card then does."""

from __future__ import annotations

from pathlib import Path

import pytest

from jukicard import Card, cli as jukicard_cli, issue_card
from jukicard.environment import CardEnvironment
from jukicard.memory import PersistentMemory, SqliteBackend
from jukicard.transport.tcp import TcpServer
from jukihost import cli
from jukihost.cli.output import OK, REFUSED
from tests.support.cards.issuer_desk import JPKI, POINTS, SELECT_POINTS
from tests.support.host.cli import Run, as_json
from tests.support.published.transcript import send
from tests.unit.host_against_card.test_issuer_purposes import block

JUKI = "D3921000310001010401"


def said(run: Run, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run("issuer", *arguments, "--test-keys") == OK
    return capsys.readouterr().out


def states(run: Run, capsys: pytest.CaptureFixture[str], *keys: str) -> dict[str, str]:
    """What `issuer list` says of each application, the domain and what could be installed."""
    capsys.readouterr()
    assert run("issuer", "list", "--json", *(keys or ("--test-keys",))) == OK
    found = as_json(capsys)
    listed = [row for row in found["registry"] if row["part"] != "package"]
    return {row["aid"]: row["state"] for row in listed}


@pytest.mark.parametrize("level", ["01", "03", "11", "13", "33"])
def test_list(run: Run, capsys: pytest.CaptureFixture[str], level: str) -> None:
    text = said(run, capsys, "list", "--level", level)
    assert "A0000001510000" in text
    assert "secured" in text
    assert JPKI in text
    assert "key sets: 1" in text
    assert run("issuer", "list", "--json", "--test-keys") == OK
    found = as_json(capsys)
    assert found["key_sets"] == [1]
    assert {row["part"] for row in found["registry"]} == {"domain", "application", "package"}


def test_install_and_delete(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    aid = f"{POINTS}01"
    said(run, capsys, "install", str(POINTS))
    said(run, capsys, "install", aid, "--module", str(POINTS), "--parameter", "name=value")
    assert states(run, capsys)[aid] == "selectable"
    assert run("issuer", "install", aid, "--module", str(POINTS), "--test-keys") == REFUSED
    said(run, capsys, "delete", aid, "--yes")
    assert aid not in states(run, capsys)
    assert run("issuer", "delete", aid, "--yes", "--test-keys") == REFUSED
    assert "no such application" in capsys.readouterr().err


def test_lock_and_unlock(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    said(run, capsys, "lock", JUKI)
    assert states(run, capsys)[JUKI] == "locked"
    said(run, capsys, "unlock", JUKI)
    assert states(run, capsys)[JUKI] == "selectable"
    said(run, capsys, "lock")
    assert states(run, capsys)["A0000001510000"] == "locked"
    said(run, capsys, "unlock")
    assert states(run, capsys)["A0000001510000"] == "secured"


def test_put_key_from_a_key_store(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(tmp_path / "issuer.keys")
    systems = ("--system", "ISSUER", "--system", "ISSUER_DEK")
    assert cli.main(["keys", "new", store, *systems]) == OK
    new = ("--new-keys", store, "--new-version", "1", "--replace", "1")
    said(run, capsys, "put-key", *new)
    assert run("issuer", "list", "--test-keys") == REFUSED
    assert "does not hold this key set" in capsys.readouterr().err
    assert states(run, capsys, "--keys", store)[JUKI] == "selectable"


def test_put_key_from_a_file(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "issuer.hex"
    path.write_text("\n".join(f"{n:02X}" * 32 for n in (1, 2, 3)))
    path.chmod(0o600)
    text = said(run, capsys, "put-key", "--new-key-file", str(path), "--new-version", "7")
    assert "version 7" in text
    assert "01" * 32 not in text
    file = ("--key-file", str(path), "--key-version", "7")
    assert states(run, capsys, *file)[JUKI] == "selectable"
    assert run("issuer", "delete", "--key-set", "1", "--yes", *file) == OK
    assert run("issuer", "list", "--test-keys") == REFUSED
    assert run("issuer", "delete", "--key-set", "7", "--yes", *file) == REFUSED


def test_unblock_key_and_put_key_of_a_purpose(
    card: Card, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], keys: str
) -> None:
    resume = ("card", "resume", "--keys", keys)
    block(card)
    assert run(*resume) == REFUSED
    assert "blocked" in capsys.readouterr().err
    text = said(run, capsys, "unblock-key", "COUNTER")
    assert text == "the keys of COUNTER have all their tries again\n"
    assert run("pin", "unblock", "--keep", "--keys", keys) == OK
    store = str(tmp_path / "town.keys")
    assert cli.main(["keys", "new", store]) == OK
    new = ("--new-keys", store, "--new-version", "1", "--replace", "1")
    said(run, capsys, "put-key", "--purpose", "COUNTER", *new)
    assert run("pin", "unblock", "--keep", "--keys", keys) == REFUSED
    assert run("pin", "unblock", "--keep", "--keys", store) == OK


def test_an_application_is_personalised(
    card: Card, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(run, capsys, "install", str(POINTS))
    content, pin = tmp_path / "content", tmp_path / "pin"
    content.write_bytes(b"ABCDEFGH")
    pin.write_text("2580\n")
    contents = ("--object", f"C1={content}", "--ef", f"0001={content}")
    pins = ("--pin-of", "0003", "--pin-file", str(pin))
    at_once = ("personalise", str(POINTS), *contents, *pins, "--trace", "--level", "01")
    assert run("issuer", *at_once, "--test-keys") == OK
    shown = capsys.readouterr()
    assert "STORE DATA" in shown.err
    assert b"2580".hex() not in shown.err + shown.out
    card.power_on()
    verify = "0020008304" + b"2580".hex()
    assert [send(card, one) for one in (SELECT_POINTS, "00B0810000", "00CA00C100", verify)] == [
        "9000",
        b"ABCDEFGH".hex().upper() + "9000",
        b"ABCDEFGH".hex().upper() + "9000",
        "9000",
    ]
    assert run("issuer", "personalise", str(POINTS), "--card-number", "--test-keys") == REFUSED
    assert "no such key, PIN or data object" in capsys.readouterr().err
    content.write_bytes(bytes(300))
    assert run("issuer", "personalise", str(POINTS), *contents, "--test-keys") == REFUSED
    assert run("issuer", "personalise", JUKI, *contents, "--test-keys") == REFUSED
    assert "answered 6985" in capsys.readouterr().err


def test_keys_of_an_application_by_name_and_reference(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(run, capsys, "install", str(POINTS))
    named = ("--purpose", "POINTS=1", "--aid", str(POINTS))
    store = str(tmp_path / "town.keys")
    assert cli.main(["keys", "new", store, "--system", "POINTS"]) == OK
    new = ("--new-keys", store, "--new-version", "1")
    assert "check values" in said(run, capsys, "put-key", *named, *new)
    assert run("issuer", "put-key", *named, *new, "--test-keys") == REFUSED
    other = ("--purpose", "POINTS=2", "--aid", str(POINTS))
    assert run("issuer", "put-key", *other, *new, "--test-keys") == REFUSED
    assert "no such key" in capsys.readouterr().err


def test_keys_of_an_operator_card(capsys: pytest.CaptureFixture[str]) -> None:
    with TcpServer(issue_card("operator", seed=1)) as server:
        at = ("--test-keys", "--tcp", f"{server.host}:{server.port}")
        assert cli.main(["issuer", "unblock-key", "OPERATOR_LOGIN", *at]) == OK
        new = ("--purpose", "ADMIN", "--new-test-keys", "--new-version", "1", "--replace", "1")
        assert cli.main(["issuer", "put-key", *new, *at]) == OK
    assert "check values" in capsys.readouterr().out


def test_memory_is_reserved(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    said(run, capsys, "install", str(POINTS), "--reserve", "40000")
    more = ("install", f"{POINTS}01", "--module", str(POINTS), "--test-keys", "--reserve")
    assert run("issuer", *more, "25537") == REFUSED
    assert "not enough memory" in capsys.readouterr().err
    assert run("issuer", *more, "25536") == OK


def test_a_trace_shows_no_key(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    new = ("--new-test-keys", "--new-version", "2")
    assert run("issuer", "put-key", "--test-keys", *new, "--level", "01", "--trace") == OK
    shown = capsys.readouterr()
    assert "PUT KEY" in shown.err
    assert "404142" not in shown.err + shown.out


@pytest.mark.parametrize("size", [16, 24, 32])
def test_a_card_made_with_keys_of_a_file_is_opened_with_that_file(
    tmp_path: Path, size: int, capsys: pytest.CaptureFixture[str]
) -> None:
    file, path = tmp_path / "issuer-keys.txt", str(tmp_path / "card.juki")
    file.write_text("\n".join(bytes((one,)).hex() * size for one in (1, 2, 3)))
    file.chmod(0o600)
    assert jukicard_cli.main(["new", "--issuer-key-file", str(file), path]) == 0
    backend = SqliteBackend(path, "card")
    memory = PersistentMemory(backend)
    with TcpServer(Card(CardEnvironment(memory=memory))) as server:
        at = ("--tcp", f"{server.host}:{server.port}")
        assert cli.main(["issuer", "list", "--key-file", str(file), *at]) == OK
        assert cli.main(["issuer", "list", "--test-keys", *at]) == REFUSED
    backend.close()
    assert "key sets: 1" in capsys.readouterr().out
