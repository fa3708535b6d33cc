"""`jukihost issuer` before a card is reached: where keys come from, and what is refused."""

from __future__ import annotations

import os
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
    "install": (AID, "--module", "F04A554B49", "--parameter", "a=1", "--reserve", "4096"),
    "personalise": (AID, "--card-number", "--object", f"C1={os.devnull}"),
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
        ("unblock-key", SECRET, "--test-keys"),
        ("unblock-key", f"COUNTER={SECRET}", "--aid", AID, "--test-keys"),
        ("unblock-key", f"{SECRET}=1", "--aid", AID, "--test-keys"),
        ("unblock-key", "SEAL_DESK", "--aid", AID, "--test-keys"),
        ("unblock-key", "SEAL_DESK=", "--aid", AID, "--test-keys"),
        ("unblock-key", "SEAL_DESK=0", "--aid", AID, "--test-keys"),
        ("unblock-key", "SEAL_DESK=32", "--aid", AID, "--test-keys"),
        ("unblock-key", "SEAL_DESK=1", "--test-keys"),
        ("install", AID, "--test-keys", "--reserve", SECRET),
        ("install", AID, "--test-keys", "--reserve", "-1"),
        ("install", AID, "--test-keys", "--reserve", "9999999999"),
        ("install", AID, "--test-keys", "--parameter", f"name={SECRET * 8}"),
        ("personalise", "--card-number", "--test-keys"),
        ("personalise", AID, "--test-keys"),
        ("personalise", AID, "--test-keys", "--pin-of", SECRET),
        ("personalise", AID, "--test-keys", "--pin-of", "0002"),
        ("personalise", AID, "--test-keys", "--card-number", "--pin-file", os.devnull),
        ("personalise", AID, "--test-keys", "--ef", SECRET),
        ("personalise", AID, "--test-keys", "--ef", f"0001={SECRET}"),
        ("personalise", AID, "--test-keys", "--ef", f"{SECRET}={os.devnull}"),
        ("personalise", AID, "--test-keys", "--object", f"{SECRET}={os.devnull}"),
        ("personalise", AID, "--test-keys", "--object", f"1F={os.devnull}"),
        ("personalise", AID, "--test-keys", "--object", "C1=-", "--ef", "0001=-"),
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


@pytest.mark.parametrize("purpose", ["COUNTER", "operator-login", "ADMIN", "SEAL_DESK=31"])
def test_a_purpose_is_named(
    purpose: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("unblock-key", purpose, "--aid", AID, "--test-keys") == NO_CARD
    new = ("--new-test-keys", "--new-version", "1", "--purpose", purpose, "--aid", AID)
    assert run("put-key", *new, "--test-keys") == NO_CARD
    assert run("unblock-key", "SEAL_DESK", "--aid", AID, "--test-keys") == USAGE
    assert "NAME=REFERENCE, for example SEAL_DESK=1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("typed", "code"), [("1234\n", NO_CARD), ("12345\n", USAGE), ("1234\n5678\n", USAGE)]
)
def test_a_pin_of_an_application_is_in_a_file_or_typed(
    typed: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Typed(typed))
    pin = ("--pin-of", "0002", "--pin-file", "-")
    assert run("personalise", AID, *pin, "--test-keys") == code
    assert typed.strip() not in capsys.readouterr().err


@pytest.mark.parametrize(("again", "code"), [("1234", NO_CARD), ("1243", USAGE)])
def test_a_pin_that_is_typed_is_asked_for_twice(
    again: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {
        "holder: PIN of EF 0002: ": "1234",
        "holder: PIN of EF 0002 (again): ": again,
    }
    monkeypatch.setattr("sys.stdin", Typed("", terminal=True))
    monkeypatch.setattr("getpass.getpass", said.pop)
    assert run("personalise", AID, "--pin-of", "0002", "--test-keys") == code
    assert not said
    assert again not in capsys.readouterr().err


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
