"""The command line against emulated cards on TCP: what each command does, prints and refuses."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from jukicard.apdu import Aid
from jukicard.profiles.masters import (
    SUITES,
    TEST_MASTERS,
    card_keys,
    published_master as card_master,
)
from jukihost import cli
from jukihost.keys import PublishedKeys, software
from jukihost.keys.diversification import MASTER_BYTES
from jukihost.keys.published import published_master
from jukihost.models import Purpose
from tests.support.host.cli import CODE, PASSPHRASE, Run, Typed, as_json

# --- keys ---


def test_published_masters_are_the_cards() -> None:
    assert {name: published_master(name) for name in Purpose.__members__} == dict(TEST_MASTERS)


def test_published_masters_of_every_suite_are_the_cards() -> None:
    assert set(SUITES) == set(MASTER_BYTES) == set(cli.keys.SUITES)
    for name, suite in SUITES.items():
        assert published_master("COUNTER", name) == card_master("COUNTER", suite)
        assert len(card_master("COUNTER", suite)) == MASTER_BYTES[name]


def test_new_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "town.keys"
    assert cli.main(["keys", "new", str(path), "--json"]) == 0
    made = as_json(capsys)
    assert [row["system"] for row in made] == sorted(Purpose.__members__)
    assert {row["version"] for row in made} == {1}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert cli.main(["keys", "new", str(path)]) == 2
    assert "already" in capsys.readouterr().err


def test_test_store_says_that_it_is_worthless(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["keys", "new", "--test", str(tmp_path / "test.keys")]) == 0
    captured = capsys.readouterr()
    assert "WORTHLESS" in captured.err
    for purpose in Purpose:
        assert published_master(purpose.name).hex() not in (captured.out + captured.err).lower()


def test_a_test_store_has_keys_for_any_purpose_on_a_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "test.keys")
    assert cli.main(["keys", "new", "--test", "--system", "LIBRARY", path, "--json"]) == 0
    [made] = as_json(capsys)
    assert (made["system"], made["version"]) == ("LIBRARY", 1)
    number, aid = bytes(range(8)), bytes.fromhex("F04C494252415259")
    with software.SoftwareCustody(path, lambda: PASSPHRASE) as custody:
        kept = custody.derive_card_keys("LIBRARY", number, aid, 1)
    assert kept == PublishedKeys().derive_card_keys("LIBRARY", number, aid, 1)
    pair = card_keys(card_master("LIBRARY"), number, Aid(aid), 1)
    assert (kept.k_enc, kept.k_mac) == (pair.enc, pair.mac)


def test_interrupted_test_store_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(software.SoftwareCustody, "import_key", interrupt)
    path = tmp_path / "test.keys"
    assert cli.main(["keys", "new", "--test", str(path)]) == 130
    assert not path.exists()


def test_keys_through_their_life(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "keys")
    assert cli.main(["keys", "new", path, "--system", "LIBRARY", "--json"]) == 0
    assert [row["system"] for row in as_json(capsys)] == ["LIBRARY"]
    key_file = tmp_path / "key"
    key_file.write_text("8A13 5CF0 97E4 2B61 D30F 48BA 76C5 1E92\n")
    assert (
        cli.main(
            [
                "keys",
                "import",
                path,
                "SEALS",
                "--version",
                "7",
                "--whole",
                "--key-file",
                str(key_file),
            ]
        )
        == 0
    )
    assert cli.main(["keys", "rotate", path, "SEALS"]) == 0
    capsys.readouterr()
    assert cli.main(["keys", "list", path, "--json"]) == 0
    assert [(row["system"], row["version"]) for row in as_json(capsys)] == [
        ("LIBRARY", 1),
        ("SEALS", 7),
        ("SEALS", 8),
    ]
    assert cli.main(["keys", "delete", path, "SEALS", "--version", "7"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert cli.main(["keys", "delete", path, "SEALS", "--version", "7", "--yes"]) == 0
    assert cli.main(["keys", "delete", path, "SEALS", "--version", "7", "--yes"]) == 2
    capsys.readouterr()
    assert cli.main(["keys", "list", path]) == 0
    out = capsys.readouterr().out
    assert "SEALS" in out
    assert " 7 " not in out


def test_a_key_comes_in_under_the_control_of_two_operators(
    keys: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    parts = {"admin-1": "8A135CF097E42B61D30F48BA76C51E92", "admin-2": "0123456789ABCDEF" * 2}

    def typed(question: str, advice: str) -> str:
        asked.append(question)
        return parts[question.split()[1].rstrip(":")]

    monkeypatch.setattr("jukihost.cli.prompts.hidden", typed)
    who = ["--operator", "admin-1", "--operator", "admin-2"]
    take = ["keys", "import", keys, "SEALS"]
    assert cli.main([*take, *who, "--json"]) == 0
    assert asked == [f"operator {one}: component of the key, in hexadecimal: " for one in parts]
    [row] = as_json(capsys)
    assert row["brought_by"] == ["admin-1", "admin-2"]
    assert cli.main(["keys", "rotate", keys, "SEALS"]) == 0
    capsys.readouterr()
    assert cli.main(["keys", "list", keys, "--json"]) == 0
    bringers = [row["brought_by"] for row in as_json(capsys) if row["system"] == "SEALS"]
    assert bringers == [["admin-1", "admin-2"], []], "the next version was drawn here"
    assert cli.main(["keys", "list", keys]) == 0
    assert "admin-1, admin-2" in capsys.readouterr().out
    file = tmp_path / "part"
    file.write_text(parts["admin-1"])
    for wrong, why in (
        ([], "--operator"),
        (["--operator", "admin-1"], "two operators or more"),
        (["--operator", "admin-1", "--operator", "ADMIN-1"], "each of them another one"),
        (["--operator", "admin-1", "--operator", "a b"], "an identifier of up to 32"),
        (["--whole", *who], "--operator"),
        ([*who, "--key-file", str(file)], "a --key-file for each --operator"),
        (["--whole", "--key-file", str(file), "--key-file", str(file)], "for each --operator"),
    ):
        assert cli.main([*take, "--version", "9", *wrong]) == 2
        told = capsys.readouterr().err
        assert why in told
        assert not any(part in told for part in parts.values())


@pytest.mark.parametrize("text", ["", "no such digits", "00" * 16, "0011", "AB" * 15])
def test_keys_that_are_none(
    tmp_path: Path, text: str, keys: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key_file = tmp_path / "key"
    key_file.write_text(text)
    assert cli.main(["keys", "import", keys, "SEALS", "--whole", "--key-file", str(key_file)]) == 2
    err = capsys.readouterr().err
    assert not text or text not in err


def test_wrong_passphrase(
    keys: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JUKIHOST_PASSPHRASE", "something else")
    assert cli.main(["keys", "list", keys]) == 2
    err = capsys.readouterr().err
    assert "passphrase is wrong" in err
    assert "something else" not in err
    phrase = tmp_path / "phrase"
    phrase.write_text(PASSPHRASE + "\n")
    phrase.chmod(0o600)
    assert cli.main(["keys", "list", keys, "--passphrase-file", str(phrase)]) == 0
    phrase.chmod(0o644)
    assert cli.main(["keys", "list", keys, "--passphrase-file", str(phrase)]) == 2


def test_passphrase_is_typed_twice_for_a_new_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = [PASSPHRASE, PASSPHRASE + "x", PASSPHRASE, PASSPHRASE, PASSPHRASE]
    monkeypatch.delenv("JUKIHOST_PASSPHRASE")
    monkeypatch.setattr("sys.stdin", Typed("", terminal=True))
    monkeypatch.setattr("getpass.getpass", lambda prompt: typed.pop(0))
    path = str(tmp_path / "keys")
    assert cli.main(["keys", "new", path]) == 2
    assert not Path(path).exists()
    assert cli.main(["keys", "new", path]) == 0
    assert cli.main(["keys", "list", path]) == 0
    assert not typed


def test_no_passphrase_anywhere(
    keys: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("JUKIHOST_PASSPHRASE")
    assert cli.main(["keys", "list", keys]) == 2
    assert "--passphrase-file" in capsys.readouterr().err


# --- the code ---


@pytest.mark.parametrize("purpose", ["RESIDENT_IDENTIFICATION", "wide-area-issuance"])
def test_code(run: Run, keys: str, purpose: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("code", "read", "--keys", keys, "--purpose", purpose, "--pin-file", "-")
    assert run(*arguments, typed="1234\n") == 0
    assert capsys.readouterr().out == f"{CODE}\n"
    assert run(*arguments, "--json", typed="1234\n") == 0
    assert as_json(capsys) == {"code": CODE}


def test_code_is_in_no_trace_and_no_error(
    run: Run, keys: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("code", "read", "--keys", keys, "--trace", "--pin-file", "-", "--purpose")
    assert run(*arguments, "COUNTER", typed="1234\n") == 0
    err = capsys.readouterr().err.replace(" ", "")
    assert "MUTUALAUTHENTICATE" in err
    for secret in (CODE, CODE.encode().hex(), "31323334"):
        assert secret not in err
    assert run(*arguments, "SUSPEND", typed="1234\n") == 1
    assert "does not include this" in capsys.readouterr().err


def test_code_needs_a_purpose(run: Run, keys: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("code", "read", "--keys", keys) == 2
    assert run("code", "read", "--keys", keys, "--purpose", "CURIOSITY") == 2
    assert run("code", "read", "--purpose", "COUNTER") == 2


def test_key_that_the_store_has_not(
    run: Run, keys: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("code", "read", "--keys", keys, "--purpose", "COUNTER", "--pin-file", "-")
    assert run(*arguments, "--key-version", "2", typed="1234\n") == 2
    assert run(*arguments, "--key-version", "0", typed="1234\n") == 2
    assert "no key of version 2" in capsys.readouterr().err


def test_wrong_master_keys(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "own.keys")
    assert cli.main(["keys", "new", path]) == 0
    assert (
        run(
            "code",
            "read",
            "--keys",
            path,
            "--purpose",
            "COUNTER",
            "--pin-file",
            "-",
            typed="1234\n",
        )
        == 1
    )
    assert "did not accept" in capsys.readouterr().err


# --- the PIN ---


def test_pin_with_keys(run: Run, keys: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pin", "change", "--pin-file", "-", typed="1234\n5678\n") == 2
    assert "--keys" in capsys.readouterr().err
    assert run("pin", "change", "--keys", keys, "--pin-file", "-", typed="1234\n5678\n") == 0
    assert run("pin", "verify", "--keys", keys, "--pin-file", "-", typed="5678\n") == 0
    assert run("pin", "verify", "--pin-file", "-", typed="5678\n") == 0


@pytest.mark.parametrize(("again", "code"), [("5678", 0), ("5679", 2)])
def test_new_pin_is_typed_twice(
    run: Run, keys: str, monkeypatch: pytest.MonkeyPatch, again: str, code: int
) -> None:
    answers = ["1234", "5678", again]
    monkeypatch.setattr("getpass.getpass", lambda prompt: answers.pop(0))
    assert run("pin", "change", "--keys", keys, terminal=True) == code
    assert not answers
    pin = "1234" if code else "5678"
    assert run("pin", "verify", "--pin-file", "-", typed=f"{pin}\n") == 0


def test_neither_pin_shows_in_the_trace_of_a_change(
    run: Run, keys: str, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = "1234\n7391\n"
    assert run("pin", "change", "--keys", keys, "--trace", "--pin-file", "-", typed=typed) == 0
    err = capsys.readouterr().err.replace(" ", "")
    assert "CHANGEREFERENCEDATA" in err
    for secret in ("1234", "7391", "31323334", "37333931"):
        assert secret not in err.replace("D3921000310001010401", "")


@pytest.mark.parametrize(
    ("options", "typed", "pin"),
    [
        ((), "5678\n", "5678"),
        (("--keep",), "", "1234"),
    ],
)
def test_unblock(
    run: Run,
    keys: str,
    options: tuple[str, ...],
    typed: str,
    pin: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for _ in range(3):
        assert run("pin", "verify", "--pin-file", "-", typed="0000\n") == 1
    assert run("pin", "verify", "--pin-file", "-", typed="1234\n") == 1
    assert "blocked" in capsys.readouterr().err
    assert run("pin", "unblock", "--keys", keys, *options, "--pin-file", "-", typed=typed) == 0
    assert run("pin", "verify", "--pin-file", "-", typed=f"{pin}\n") == 0


def test_unblock_needs_keys(run: Run) -> None:
    assert run("pin", "unblock", "--pin-file", "-", typed="5678\n") == 2


# --- the card ---


def state(run: Run, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert run("card", "state", "--json") == 0
    found = as_json(capsys)
    assert found["residence"] == ("resident" if found["state"] == "active" else None)
    return str(found["state"])


def test_life_of_a_card(run: Run, keys: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert state(run, capsys) == "active"
    assert run("card", "suspend", "--keys", keys) == 0
    assert state(run, capsys) == "suspended"
    assert run("pin", "verify", "--pin-file", "-", typed="1234\n") == 1
    assert "resumed at the counter" in capsys.readouterr().err
    assert run("card", "suspend", "--keys", keys) == 1
    assert run("card", "resume", "--keys", keys, "--purpose", "SUSPEND") == 1
    assert run("card", "resume", "--keys", keys) == 0
    assert state(run, capsys) == "active"
    assert run("card", "end", "--keys", keys) == 2
    assert "--yes" in capsys.readouterr().err
    assert run("card", "end", "--keys", keys, "--yes", "--json") == 0
    assert as_json(capsys) == {"done": True}
    assert state(run, capsys) == "terminated"


@pytest.mark.parametrize(("typed", "code"), [("end", 0), ("yes", 2), ("", 2)])
def test_end_is_confirmed_by_typing(
    run: Run, keys: str, typed: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("card", "end", "--keys", keys, typed=f"{typed}\n", terminal=True) == code
    assert ("nothing was done" in capsys.readouterr().err) == (code == 2)


def test_card_info(run: Run, keys: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("card", "info", "--json") == 0
    info = as_json(capsys)
    assert len(bytes.fromhex(info.pop("card_number"))) == 8
    assert info == {
        "state": "active",
        "residence": "resident",
        "juki_pin": "3 tries left",
        "jpki": "JPKIAPICCTOKEN",
    }
    assert run("card", "info", "--keys", keys) == 0
    out = capsys.readouterr().out
    assert "municipality" in out
    assert "2025-04-01" in out
    assert CODE not in out


def test_info_of_an_ended_card(run: Run, keys: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("card", "end", "--keys", keys, "--yes") == 0
    capsys.readouterr()
    assert run("card", "info", "--json") == 0
    assert as_json(capsys)["state"] == "terminated"


@pytest.mark.parametrize(
    "arguments",
    [
        ["keys"],
        ["code"],
        ["card"],
        ["jpki"],
        ["jpki", "verify", "file"],
        ["jpki", "sign", "file"],
        ["keys", "new", "--test", "--system", "a", "file"],
        ["keys", "delete", "file", "A"],
        ["keys", "import", "file", "A", "--version", "256"],
        ["card", "suspend"],
    ],
)
def test_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("group", ["keys", "code", "card", "jpki", "pin"])
def test_help_of_every_group(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([group, "--help"]) == 0
    out = capsys.readouterr().out
    assert "exit codes:" in out
