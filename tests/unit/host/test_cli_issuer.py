"""`jukihost issuer` before a card is reached: where keys come from, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from jukihost import cli
from jukihost.cli.output import NO_CARD, USAGE
from tests.support.host.cli import Typed

SECRET = "00112233445566778899AABBCCDDEEFF"
NOWHERE = ("--tcp", "127.0.0.1:9")
"""An address at which nobody listens: a command that gets there has all its keys."""
AID = "D3921000310001010402"
ACTIONS = {
    "list": (),
    "install": (AID, "--module", "F04A554B49", "--parameter", "a=1"),
    "delete": (AID, "--yes"),
    "lock": (AID,),
    "unlock": (AID,),
    "put-key": ("--new-test-keys", "--new-version", "2"),
    "unblock-key": ("COUNTER",),
}


def run(*arguments: str) -> int:
    return cli.main(["issuer", *arguments, *NOWHERE])


def key_file(tmp_path: Path, text: str = SECRET, mode: int = 0o600) -> str:
    path = tmp_path / "issuer.hex"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize("action", ACTIONS)
def test_keys_are_named_never_taken_for_granted(
    action: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(action, *ACTIONS[action]) == USAGE
    assert "--test-keys" in capsys.readouterr().err
    two = ("--test-keys", "--key-file", key_file(tmp_path))
    assert run(action, *ACTIONS[action], *two) == USAGE
    capsys.readouterr()
    assert run(action, *ACTIONS[action], "--test-keys") == NO_CARD
    assert run(action, *ACTIONS[action], "--key-file", key_file(tmp_path)) == NO_CARD


@pytest.mark.parametrize("action", ACTIONS)
def test_the_help_has_examples(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["issuer", action, "--help"]) == 0
    assert "jukihost issuer put-key --test-keys" in capsys.readouterr().out


def test_a_key_comes_through_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Typed(SECRET))
    assert run("list", "--key-file", "-") == NO_CARD
    monkeypatch.setattr("sys.stdin", Typed("no key"))
    assert run("list", "--key-file", "-") == USAGE
    both = ("--key-file", "-", "--new-key-file", "-", "--new-version", "2")
    assert run("put-key", *both) == USAGE
    assert "cannot be both" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (SECRET, 0o644, "0600"),
        ("", 0o600, "one line in hexadecimal"),
        (SECRET[:-1], 0o600, "one line in hexadecimal"),
        (SECRET[:-2], 0o600, "16, 24 or 32 bytes"),
        (f"{SECRET}\n{SECRET}", 0o600, "three"),
    ],
)
def test_a_key_file_that_is_none(
    text: str, mode: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("list", "--key-file", key_file(tmp_path, text, mode)) == USAGE
    shown = capsys.readouterr()
    assert said in shown.err
    assert SECRET[:-2] not in shown.err + shown.out


@pytest.mark.parametrize(
    "wrong",
    [
        ("lock", SECRET * 2, "--test-keys"),
        ("lock", "D392", "--test-keys"),
        ("install", AID, "--module", SECRET * 2, "--test-keys"),
        ("install", "--test-keys"),
        ("unblock-key", "--test-keys"),
        ("unblock-key", "COUNTER", "--aid", SECRET * 2, "--test-keys"),
        ("put-key", "--test-keys", "--new-test-keys", "--new-version", "128"),
        ("put-key", "--test-keys", "--new-test-keys"),
        ("list", "--test-keys", "--level", "00"),
        ("list", "--test-keys", "--key-version", "0"),
        ("list", "--test-keys", SECRET),
        ("delete", "--test-keys"),
        ("delete", AID, "--key-set", "1", "--test-keys"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_refused_without_repeating_a_secret(
    wrong: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*wrong) == USAGE
    assert SECRET not in capsys.readouterr().err


def test_the_keys_of_a_purpose_come_from_a_store(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = ("--new-key-file", key_file(tmp_path), "--new-version", "1")
    assert run("put-key", "--test-keys", "--purpose", "COUNTER", *new) == USAGE
    assert "--new-keys" in capsys.readouterr().err


@pytest.mark.parametrize("what", [(AID,), ("--key-set", "1")])
def test_a_deletion_is_confirmed(
    what: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Typed("no\n", terminal=True))
    assert run("delete", *what, "--test-keys") == USAGE
    monkeypatch.setattr("sys.stdin", Typed(""))
    assert run("delete", *what, "--test-keys") == USAGE
    assert "--yes" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", Typed("delete\n", terminal=True))
    assert run("delete", *what, "--test-keys") == NO_CARD
