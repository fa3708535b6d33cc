"""Cards with applications from elsewhere on the command line: made, looked at and served."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jukicard.cli import main
from jukihost import TcpConnection
from tests.support.elsewhere import LOANS, install_distribution
from tests.support.rest import rest_of

AID = "F04C4F414E53"
OPTION = "--application"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return tmp_path / "packages"


@pytest.fixture
def loans(monkeypatch: pytest.MonkeyPatch, package: Path) -> Iterator[pytest.MonkeyPatch]:
    """The package that offers the kind `loans` is installed, until `undo`."""
    with monkeypatch.context() as installed:
        install_distribution(
            installed, package, name="town-loans", kind="loans", module="town_loans", source=LOANS
        )
        yield installed
    sys.modules.pop("town_loans", None)


def run(*arguments: str | Path, expect: int = 0) -> None:
    assert main([str(argument) for argument in arguments]) == expect


def shown(capsys: pytest.CaptureFixture[str], image: Path, *more: str) -> dict[str, object]:
    capsys.readouterr()
    run("inspect", "--json", image, *more)
    [found] = [
        application
        for application in json.loads(capsys.readouterr().out)["applications"]
        if application["aid"].startswith(AID)
    ]
    assert isinstance(found, dict)
    return found


@pytest.fixture
def image(loans: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "card.juki"
    run("new", "--seed", "1", OPTION, "loans:colour=red", path)
    return path


def test_it_is_made_and_looked_at(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(capsys, image)
    assert (found["aid"], found["kind"]) == (AID, "loans")
    assert "key for LIBRARY, version 1, 15 of 15 tries left, activated" in str(found["contents"])
    assert "PIN, 3 of 3 tries left" in str(found["contents"])
    run(
        "inspect", image,
        "--send", f"00A4040C06{AID}",
        "--send", "00B0810000",
        "--send", "002000910431323334",
        "--send", "00B0810000",
    )  # fmt: skip
    said = capsys.readouterr().out
    assert f"loans {AID}" in said
    assert "needs Verified(0011)" in said
    assert said.index("6982") < said.rindex("9000")


def test_where_it_lies_and_its_pin_may_be_said(
    loans: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pins, image = tmp_path / "pins", tmp_path / "card.juki"
    pins.write_text("juki 1111\nloans 7777\n")
    run("new", OPTION, f"loans@{AID}77:colour=red,size=small", "--pin-file", pins, image)
    assert shown(capsys, image)["aid"] == f"{AID}77"
    select = ("--send", f"00A4040C07{AID}77", "--send")
    run("inspect", image, *select, "002000910437373737", expect=0)
    assert "63C2" not in capsys.readouterr().out
    run("inspect", image, *select, "002000910431323334")
    assert "63C2" in capsys.readouterr().out


MISSING = "'loans', which is not installed here: install town-loans"


@pytest.mark.parametrize("command", [["inspect"], ["serve", "--tcp", "127.0.0.1:0", "--image"]])
def test_a_package_that_is_missing_is_told_at_start(
    loans: pytest.MonkeyPatch,
    image: Path,
    command: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    loans.undo()
    capsys.readouterr()
    run(*command, image, expect=1)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert MISSING in captured.err


@pytest.mark.parametrize(
    ("option", "code", "said"),
    [
        ("nowhere", 1, "'nowhere', which is not installed here"),
        ("", 2, "an application is written as library"),
        ("@F000000000", 2, "an application is written as library"),
        ("loans:colour", 2, "an application is written as library"),
        ("loans:=red", 2, "an application is written as library"),
        ("loans@F0", 2, "an AID has 10 to 32 hexadecimal digits"),
        ("loans@XX", 2, "an AID has 10 to 32 hexadecimal digits"),
        ("loans@D3921000310001010401", 2, "on the card already"),
        ("text", 2, "it was not given Privilege.NUMBERS"),
        ("surface", 2, "'surface' cannot be placed with these parameters"),
    ],
)
def test_what_cannot_be_is_refused(
    loans: pytest.MonkeyPatch,
    tmp_path: Path,
    option: str,
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("new", OPTION, option, tmp_path / "card.juki", expect=code)
    assert said in capsys.readouterr().err
    assert not (tmp_path / "card.juki").exists()


@pytest.mark.parametrize("text", ["ABC123 loans\n", "ABC123 1234\nABC123 4321\n", "nobody 1234\n"])
def test_no_message_shows_what_may_be_a_pin(
    loans: pytest.MonkeyPatch, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pins = tmp_path / "pins"
    pins.write_text(text)
    for option in ([OPTION, "loans"], []):
        assert main(["new", *option, "--pin-file", str(pins), str(tmp_path / "card")]) in (1, 2)
        said = capsys.readouterr().err
        assert not {"ABC123", "1234", "4321", "nobody"} & set(said.replace(".", " ").split())


def test_help_says_how(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("new", "serve"):
        assert main([command, "--help"]) == 0
        assert OPTION in capsys.readouterr().out


@pytest.mark.parametrize("issued", [True, False], ids=["issued", "from a file"])
def test_it_is_served(loans: pytest.MonkeyPatch, image: Path, package: Path, issued: bool) -> None:
    what = ["--seed", "1", OPTION, "loans:colour=red"] if issued else ["--image", str(image)]
    with subprocess.Popen(
        [sys.executable, "-m", "jukicard", "serve", "--tcp", "127.0.0.1:0", "--control", *what],
        env={**os.environ, "PYTHONPATH": str(package)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as served:
        assert served.stdout is not None
        port = int(served.stdout.readline().rpartition(":")[2])
        with TcpConnection("127.0.0.1", port) as connection:
            for command, answer in (
                (f"00A4040C06{AID}", "9000"),
                ("002000910431323334", "9000"),
                ("8084000008", "6E00"),
            ):
                assert connection.transmit(bytes.fromhex(command)).hex().upper() == answer
            read = connection.transmit(bytes.fromhex("00B0810000"))
        assert read.startswith(read[:5] + b" red")
        assert rest_of(served, "quit\n")
        assert served.returncode == 0


def test_a_package_that_is_missing_where_it_is_served_ends_with_one_sentence(
    image: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jukicard", "serve", "--tcp", "127.0.0.1:0", "--image", str(image)],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert MISSING in done.stderr
    assert "Traceback" not in done.stderr


def test_a_package_that_fails_where_it_is_served_is_told_and_the_card_is_served(
    image: Path, package: Path
) -> None:
    (package / "town_loans.py").write_text("1 / 0")
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "jukicard", "serve", "--tcp", "127.0.0.1:0", "--control"),
            *("--image", str(image)),
        ],
        env={**os.environ, "PYTHONPATH": str(package)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as served:
        assert served.stdout is not None
        assert served.stdout.readline() == (
            f"slot 0: the application {AID} of this card is out of use: the kind of application "
            "'loans' cannot be loaded (ZeroDivisionError): repair or update town-loans\n"
        )
        port = int(served.stdout.readline().rpartition(":")[2])
        with TcpConnection("127.0.0.1", port) as connection:
            for command, answer in (
                (f"00A4040C06{AID}", "6F00"),
                ("00A4040C0AD3921000310001010401", "9000"),
            ):
                assert connection.transmit(bytes.fromhex(command)).hex().upper() == answer
        errors = rest_of(served, "quit\n")[-1]
        assert (served.returncode, errors) == (0, "")
