"""`jukihost operator` against the card: passwords typed or from a file, tries, refusals."""

from __future__ import annotations

import datetime
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from jukicard import PROFILES, Card, issue_card
from jukicard.testing.applets import with_forbidden
from jukihost import cli
from tests.support.host.cli import Run

WORD, NEW = "operator-1", "another one 2"


@pytest.fixture
def card() -> Card:
    # certificates begin in the office hours of their day
    issued = datetime.datetime.now().astimezone().date() - datetime.timedelta(2)
    return issue_card(with_forbidden(PROFILES["operator"]), seed=1, issued=issued)


def _store(folder: Path, system: str) -> str:
    path = str(folder / f"{system}.keys")
    assert cli.main(["keys", "new", "--test", "--system", system, path]) == 0
    return path


@pytest.fixture
def ward(tmp_path: Path, run: Run) -> list[str]:
    """What a ward's terminal has: its key, and the certificate of who certifies operators."""
    anchor = str(tmp_path / "operators.pem")
    assert run("operator", "authority", "--out", anchor) == 0
    return ["--keys", _store(tmp_path, "OPERATOR_LOGIN"), "--anchor", anchor]


@pytest.fixture
def admin(tmp_path: Path, run: Run) -> list[str]:
    return ["--keys", _store(tmp_path, "ADMIN")]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Have passwords typed; what was asked for is in the list returned."""

    def answers(*words: str) -> list[str]:
        asked: list[str] = []
        left = list(words)

        def getpass(prompt: str) -> str:
            asked.append(prompt)
            return left.pop(0)

        monkeypatch.setattr("getpass.getpass", getpass)
        return asked

    return answers


def said(capsys: pytest.CaptureFixture[str]) -> str:
    printed = capsys.readouterr()
    text = printed.out + printed.err
    assert "Traceback" not in text
    assert WORD not in text
    assert NEW not in text
    return text


def login(run: Run, ward: list[str], word: str, *more: str) -> int:
    return run("operator", "login", *ward, *more, "--pin-file", "-", typed=f"{word}\n")


def test_an_operator_logs_in(run: Run, ward: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert login(run, ward, WORD) == 0
    text = said(capsys)
    assert "operator's password: 3 tries left" in text
    assert "OP" in text
    assert login(run, ward, WORD, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found.keys() == {"operator", "municipality", "password_until"}


def test_a_password_is_typed(
    run: Run, ward: list[str], typed: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = typed(WORD)
    assert run("operator", "login", *ward, terminal=True) == 0
    assert asked == ["operator: password: "]
    said(capsys)


def test_wrong_ones_lock_and_the_last_try_is_asked_about(
    run: Run, ward: list[str], admin: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for left in ("2 tries left", "1 try left"):
        assert login(run, ward, "not-this-1") == 1
        assert left in said(capsys)
    assert login(run, ward, "not-this-1") == 2
    assert "no terminal to confirm on; use --yes" in said(capsys)
    assert login(run, ward, "not-this-1", "--yes") == 1
    assert login(run, ward, WORD) == 1
    text = said(capsys)
    assert "operator's password: blocked" in text
    assert "ADMIN" in text
    assert run("operator", "unlock", "--keep", *ward[:2]) == 2
    assert "ADMIN" in said(capsys)
    assert run("operator", "unlock", "--keep", *admin) == 0
    assert login(run, ward, WORD) == 0


def test_a_password_is_changed(
    run: Run, ward: list[str], typed: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = typed(WORD, NEW, NEW)
    assert run("operator", "change-password", *ward[:2], terminal=True) == 0
    assert asked == [
        f"operator: {one}: " for one in ("present password", "new password", "new password again")
    ]
    assert "valid until" in said(capsys)
    assert login(run, ward, NEW) == 0
    typed(NEW, "changed-99", "changed-98")
    assert run("operator", "change-password", *ward[:2], terminal=True) == 2
    assert "are not the same" in said(capsys)
    for new, why in (("letters-only"[:7], "8 to 16"), (NEW, "present one"), ("11111111", "letter")):
        lines = f"{NEW}\n{new}\n"
        assert run("operator", "change-password", *ward[:2], "--pin-file", "-", typed=lines) == 2
        assert why in said(capsys)
    assert login(run, ward, NEW) == 0


def test_admin_sets_a_new_one(
    run: Run, ward: list[str], admin: list[str], typed: Callable[..., list[str]]
) -> None:
    typed(NEW, NEW)
    assert run("operator", "unlock", *admin, terminal=True) == 0
    assert login(run, ward, NEW) == 0


def test_a_password_that_is_over(
    card: Card, run: Run, ward: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with card.environment.memory.transaction():
        partition = card.environment.memory.partition("application F04F50455241544F5201")
        partition.put("object//C3", b"20260101")
    assert login(run, ward, WORD) == 1
    assert "the password was valid until 2026-01-01; change it" in said(capsys)
    lines = f"{WORD}\n{NEW}\n"
    assert run("operator", "change-password", *ward[:2], "--pin-file", "-", typed=lines) == 0
    assert login(run, ward, NEW) == 0


def test_a_password_is_no_argument(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("operator", "login", WORD) == 2
    said(capsys)


def test_another_anchor(
    run: Run, ward: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from jukicard.synthetic.pki import signature_authority

    other = tmp_path / "other.der"
    other.write_bytes(signature_authority(datetime.date(2026, 4, 1)).certificate)
    assert login(run, [*ward[:2], "--anchor", str(other)], WORD) == 1
    assert "certificate" in said(capsys)


def test_the_authority_goes_to_standard_output(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Out(io.TextIOWrapper):
        pass

    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", Out(raw))
    assert run("operator", "authority", "--out", "-") == 0
    assert raw.getvalue().startswith(b"-----BEGIN CERTIFICATE-----")


def test_the_status_shows_the_application(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status") == 0
    assert "operator (操作者)" in said(capsys)
