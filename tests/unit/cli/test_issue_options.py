"""What `jukicard new` and `serve` can say of the card to be issued, and how they say no."""

from __future__ import annotations

import argparse
import datetime
import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from jukicard import Card, Pins, ProfileError, atr_variant, issue_card
from jukicard.cli import main
from jukicard.cli.cards import (
    CardSource,
    add_issue_arguments,
    image_source,
)
from jukicard.cli.pinfile import read_pins
from jukicard.cli.problems import UserError
from tests.support.cards.issuing import issue

JPKI: Final = "00A4040C0AD392F000260100000001"
WISHES: Final[dict[str, tuple[list[str], dict[str, Any]]]] = {
    "compat": (["--compat"], {"compat": True}),
    "receipts": (["--receipts"], {"receipts": True}),
    "rsa_bits": (["--rsa-bits", "2048"], {"rsa_bits": 2048}),
    "form": (["--form", "1"], {"form": 1}),
    "municipality": (["--municipality", "27127"], {"municipality": "27127"}),
    "issued": (["--issued", "2010-06-01"], {"issued": datetime.date(2010, 6, 1)}),
    "contactless": (["--contactless"], {"contactless": True}),
    "protocol": (
        ["--protocol", "0"],
        {"options": lambda o: replace(o, atr=atr_variant(o.atr, (0,)))},
    ),
    "access_number": (["--access-number", "271828"], {"access_number": "271828"}),
    "suite": (["--suite", "MA-AES256"], {"suites": "MA-AES256"}),
    "seed": (["--seed", "2"], {"seed": "2"}),
    "blank": (["--blank"], {"blank": True}),
}
"""Every option but those that name a file: as it is typed, and as `issue_card` takes it."""
FILES: Final = {
    "pin_file": "--pin-file",
    "issuer_key_file": "--issuer-key-file",
    "master_file": "--master-file",
}


def contents(card: Card) -> dict[str, dict[str, bytes]]:
    memory = card.environment.memory
    return {name: dict(memory.partition(name).items()) for name in memory.partitions()}


def made(tmp_path: Path, *options: str) -> dict[str, dict[str, bytes]]:
    path = tmp_path / "card.juki"
    arguments = ["--profile", "juki-v2", "--seed", "1", "--force", *options]
    assert main(["new", *arguments, str(path)]) == 0
    with ExitStack() as stack:
        return contents(image_source(str(path)).make(argparse.Namespace(), stack))


def parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_issue_arguments(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize("name", WISHES)
def test_an_option_is_what_the_library_takes(tmp_path: Path, name: str) -> None:
    options, wishes = WISHES[name]
    expected = contents(issue("juki-v2", **{"seed": "1", **wishes}))
    assert made(tmp_path, *options) == expected
    assert made(tmp_path) != expected


def test_every_option_is_known_here() -> None:
    assert {*WISHES, *FILES, "profile", "application"} == set(vars(parsed()))


def test_a_served_card_is_issued_in_the_same_way() -> None:
    arguments = parsed("--compat", "--rsa-bits", "2048", "--form", "1", "--issued", "2010-06-01")
    with ExitStack() as stack:
        card = CardSource(profile="juki-v2", seed="1").make(arguments, stack)
    wishes = {key: value for name in WISHES for key, value in WISHES[name][1].items()}
    chosen = {key: wishes[key] for key in ("compat", "rsa_bits", "form", "issued")}
    assert contents(card) == contents(issue("juki-v2", seed="1", **chosen))


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--rsa-bits", "512"], 2, "there is 1024, 2048"),
        (["--form", "3"], 2, "there is 1, 2"),
        (["--issued", "1 April"], 2, "a day is written as 2008-04-01"),
        (["--issued", "2010-02-30"], 2, "a day is written as 2008-04-01"),
        (["--issued", "9999-01-01"], 2, "after year 9999"),
        (["--municipality", "1322"], 2, "a municipality code has five digits"),
        (["--municipality", "99999"], 2, "99999"),
        (["--profile", "mynumber", "--rsa-bits", "1024"], 2, "JPKI keys have 2048 bits"),
        (["--profile", "mynumber", "--compat"], 2, "which a My Number card has"),
        (["--profile", "mynumber", "--form", "1"], 2, "form 1 is a Juki card's"),
        (["--blank", "--form", "2"], 2, "--form is for whom a card is issued to"),
        (["--blank", "--municipality", "13221"], 2, "--municipality is for whom"),
        (["--blank", "--pin-file", "there is none"], 2, "--pin-file is for whom"),
        (["--blank", "--application", "library"], 2, "--application is for whom"),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path,
    options: list[str],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["new", *options, str(tmp_path / "card")]) == code
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("profile", ["juki-v2", "mynumber"])
def test_a_day_too_late_is_refused_whoever_is_drawn(profile: str) -> None:
    """Among forty holders are foreign residents, whose own days are counted from it too."""
    for seed in range(40):
        with pytest.raises(ProfileError, match="after year 9999"):
            issue_card(profile, seed=seed, issued=datetime.date(9999, 12, 1))


@pytest.mark.parametrize("name", [*WISHES, *FILES])
def test_no_option_is_for_a_card_in_a_file(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = [FILES[name], "file"] if name in FILES else WISHES[name][0]
    assert main(["serve", "--image", "/nowhere/card", *options]) == 2
    error = capsys.readouterr().err
    assert error == (
        f"jukicard: {options[0]} is for issuing a card, and the card in /nowhere/card has been "
        "issued: leave it out\n"
    )


def test_beside_a_card_in_a_file_another_may_be_issued(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["serve", "--image", "/nowhere/card", "--card", "juki-v2", "--compat"]) == 1
    assert "/nowhere/card does not exist" in capsys.readouterr().err


# -- the PIN file ----------------------------------------------------------------------------------


def pins(tmp_path: Path, text: str) -> Pins:
    (tmp_path / "pins").write_text(text)
    return read_pins(str(tmp_path / "pins"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9876", Pins(juki="9876")),
        ("9876\r\nwhose PIN this is\n", Pins(juki="9876")),
        ("juki 9876\n", Pins(juki="9876")),
        (
            "# of a card\n\nsignature XYZ789\n  juki\t9876  \n",
            Pins(juki="9876", signature="XYZ789"),
        ),
        (
            "juki 1111\nsignature SIGNED22\nauthentication 3333\ntext 4444\ncommon 5555",
            Pins(
                juki="1111",
                signature="SIGNED22",
                authentication="3333",
                text="4444",
                common="5555",
            ),
        ),
    ],
)
def test_what_a_pin_file_may_hold(tmp_path: Path, text: str, expected: Pins) -> None:
    assert pins(tmp_path, text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("juki 9876\nsignature\n", "line 2 of the PIN file .* is no name and a PIN; the names are"),
        ("juki 9876\nSECRET1\n", "line 2 "),
        ("9876 juki\n", "line 1 "),
        ("# first\nunknown 9876\n", "line 2 "),
        ("juki 98 76\n", "line 1 "),
        ("juki 9876\ntext 9875\njuki 9874\n", "line 3 .* names the PIN of juki a second time"),
        ("9876\nsignature SECRET1\n", "has a PIN without a name"),
        ("9876\njuki SECRET1\n", "has a PIN without a name"),
        ("9876\nSECRET1\n", "has a PIN without a name"),
        ("9876\n\n9875\n", "has a PIN without a name"),
        ("", "holds no PIN"),
        ("\n\n", "holds no PIN"),
        ("# nothing\n", "holds no PIN"),
    ],
)
def test_a_pin_file_that_says_something_else(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as refused:
        pins(tmp_path, text)
    for secret in ("9876", "9875", "9874", "98", "76", "SECRET1", "unknown"):
        assert secret not in str(refused.value).replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("juki", "98765"),
        ("signature", "abcdef"),
        ("authentication", "98x6"),
        ("text", "987"),
        ("common", "98765"),
    ],
)
def test_a_pin_of_the_wrong_form_is_refused_and_not_shown(
    tmp_path: Path, name: str, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pins"
    file.write_text(f"{name} {wrong}\n")
    arguments = ["--profile", "mynumber", "--pin-file", str(file), str(tmp_path / "card")]
    assert main(["new", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("jukicard: ")
    assert wrong not in error.replace(str(tmp_path), "")
    assert not (tmp_path / "card").exists()


def test_the_cards_pins_are_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "pins").write_text("signature SIGNED22\nauthentication 3333\n")
    path = tmp_path / "card"
    arguments = ["--profile", "juki-v2", "--compat", "--pin-file", str(tmp_path / "pins")]
    assert main(["new", *arguments, str(path)]) == 0
    with ExitStack() as stack:
        card = image_source(str(path)).make(argparse.Namespace(), stack)
        card.power_on()
        assert card.transmit(bytes.fromhex(JPKI)) == b"\x90\x00"
        for file, pin, answer in (
            ("001B", b"ABC123", "63C4"),
            ("001B", b"SIGNED22", "9000"),
            ("0018", b"1234", "63C2"),
            ("0018", b"3333", "9000"),
        ):
            card.transmit(bytes.fromhex("00A4020C02" + file))
            verify = bytes.fromhex("00200080") + bytes((len(pin),)) + pin
            assert card.transmit(verify).hex().upper() == answer


def test_a_pin_file_of_another_editor_and_one_without_end(tmp_path: Path) -> None:
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbf4321\r\n")
    assert read_pins(str(tmp_path / "bom")).juki == "4321"
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UserError, match="more than 64 KiB"):
        read_pins(str(tmp_path / "large"))


def test_a_pin_file_is_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, kind in ((tmp_path / "pipe", "a pipe"), (tmp_path, "a directory")):
        with pytest.raises(UserError, match=f"is {kind}.*: name a file"):
            read_pins(str(name))
    with pytest.raises(UserError, match="a device: name a file"):
        read_pins("/dev/zero")


@pytest.mark.parametrize("stray", [["1234"], ["--pin=1234"], ["--pin", "1234"]])
def test_a_stray_argument_is_not_repeated(
    tmp_path: Path, stray: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", str(tmp_path / "card"), *stray]) == 2
    said = capsys.readouterr().err
    assert "1234" not in said
    assert "--pin" in said


def test_a_day_before_the_first_is_told_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "--issued", "1999-01-01", str(tmp_path / "card")]) == 2
    said = capsys.readouterr().err
    assert "no test authority issues a certificate from 1999-01-01" in said
    assert "<" not in said


# -- the issuer's key file ------------------------------------------------------------------------


@pytest.mark.parametrize("size", [16, 24, 32])
@pytest.mark.parametrize("number", [1, 3])
def test_the_issuers_keys_are_those_of_the_file(tmp_path: Path, size: int, number: int) -> None:
    keys = [bytes((one,)) * size for one in range(1, number + 1)]
    file = tmp_path / "keys"
    file.write_text("\n".join(key.hex() for key in keys) + "\n")
    given = (keys * 3)[:3]
    expected = contents(issue("juki-v2", seed="1", issuer=given))
    assert made(tmp_path, "--issuer-key-file", str(file)) == expected != made(tmp_path)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", 1, "one line in hexadecimal"),
        ("secret", 1, "one line in hexadecimal"),
        ("5EC2E75E" * 4 + "\n" + "5EC2E75E" * 4, 1, "one line in hexadecimal"),
        ("\u79d8", 1, "one line in hexadecimal"),
        ("5EC2E75E" * 3, 2, "16, 24 or 32 bytes"),
        ("5EC2E75E" * 4 + "\n" + ("5EC2E75E" * 6 + "\n") * 2, 2, "of one length"),
    ],
)
def test_an_issuers_key_file_that_says_something_else(
    tmp_path: Path, text: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "keys"
    file.write_text(text)
    assert main(["new", "--issuer-key-file", str(file), str(tmp_path / "card")]) == code
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("jukicard: ")
    assert "5EC2E75E" not in error.upper()
    assert not (tmp_path / "card").exists()


def test_an_issuers_key_file_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in (tmp_path / "none", tmp_path):
        assert main(["new", "--issuer-key-file", str(name), str(tmp_path / "card")]) == 1
        assert f"the issuer's key file {name}" in capsys.readouterr().err


@pytest.mark.parametrize("profile", ["juki-v1", "juki-v2", "mynumber", "operator"])
def test_inspect_says_whether_everybody_has_the_issuers_keys(
    tmp_path: Path, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, file = str(tmp_path / "card"), tmp_path / "keys"
    file.write_text("5EC2E75E" * 8)
    for options, said in (
        ([], "AES-128, the published test keys: anybody may manage this card"),
        (["--issuer-key-file", str(file)], "AES-256, secret"),
    ):
        assert main(["new", "--profile", profile, "--force", *options, path]) == 0
        capsys.readouterr()
        assert main(["inspect", path]) == 0
        shown = capsys.readouterr().out
        assert f"keys 01  {said}\n" in shown
        assert "5EC2E75E" not in shown.upper()


def test_inspect_says_which_applications_of_a_card_are_blank(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "card.juki")
    assert main(["new", "--profile", "operator", "--blank", path]) == 0
    capsys.readouterr()
    assert main(["inspect", path]) == 0
    said = capsys.readouterr().out
    assert said.count("blank: its issuer has not given it its contents yet") == 1
    assert "never set" in said
    assert main(["new", "--profile", "operator", "--force", path]) == 0
    assert main(["inspect", path]) == 0
    assert "blank" not in capsys.readouterr().out


MASTERS: Final = {
    "COUNTER": bytes(range(0x30, 0x40)) + bytes(range(16)),
    "SUSPEND": bytes(range(0x60, 0x80)),
    "ISSUER": bytes(range(0x90, 0xB0)),
    "ISSUER_DEK": bytes(range(0xC0, 0xE0)),
}


def masters_in(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "masters.txt"
    file.write_text(text)
    return ["--master-file", str(file)]


def test_master_keys_come_from_a_file(tmp_path: Path) -> None:
    lines = [f"{purpose} {key.hex()}\n" for purpose, key in MASTERS.items()]
    options = masters_in(tmp_path, "# drawn in the vault\n\n" + "".join(lines))
    assert made(tmp_path, *options) == contents(issue("juki-v2", seed="1", masters=MASTERS))


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("", 1, "there is no master key in"),
        ("COUNTER", 1, "line 1 of"),
        ("COUNTER 5EC2E7", 2, "16, 24 or 32 bytes"),
        ("COUNTER 5EC2E7ZZ", 1, "line 1 of"),
        (f"COUNTER {'5EC2E75E' * 4} 1", 1, "line 1 of"),
        (f"# once\nCOUNTER {MASTERS['COUNTER'].hex()}\nCOUNTER {'5EC2' * 8}", 1, "line 3 of"),
        (f"COUNTERS {MASTERS['COUNTER'].hex()}", 2, "there is no purpose 'COUNTERS'"),
        (f"ISSUER {MASTERS['ISSUER'].hex()}", 2, "give both or none"),
        (f"ISSUER {'5EC2' * 8}\nISSUER_DEK {'5EC3' * 8}", 2, "masters are of no use"),
        (f"COUNTER {'5EC2E75E' * 8}", 2, "cannot be personalised"),
    ],
)
def test_a_file_of_master_keys_that_is_none_is_refused_without_what_is_in_it(
    tmp_path: Path, text: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "card"
    assert main(["new", *masters_in(tmp_path, text), str(path)]) == code
    error = capsys.readouterr().err
    assert said in error
    assert "5EC2" not in error.upper()
    assert not path.exists()


def test_issuers_keys_are_not_taken_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "issuer"
    own.write_text("5EC2E75E" * 8)
    lines = [f"{purpose} {key.hex()}\n" for purpose, key in MASTERS.items()]
    options = [*masters_in(tmp_path, "".join(lines)), "--issuer-key-file", str(own)]
    assert main(["new", *options, str(tmp_path / "card")]) == 2
    assert "are given twice" in capsys.readouterr().err
