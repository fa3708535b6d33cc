"""The command line against emulated cards on TCP: what each command does, prints and refuses."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from jukicard import Card, issue_card
from jukicard.profiles.masters import TEST_MASTERS
from jukicard.transport.tcp import TcpServer
from jukihost import cli
from jukihost.cli.keys import published_master
from jukihost.keys import software
from jukihost.keys.envelope import ScryptCost
from jukihost.models import Purpose
from tests.support.host_pki import Authority, blank_pdf

PASSPHRASE = "correct horse battery"
CODE = "12345678903"
Run = Callable[..., int]


class Typed(io.TextIOWrapper):
    """Standard input with this text in it."""

    def __init__(self, text: str, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(text.encode()))
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Key stores whose passphrase costs little."""
    monkeypatch.setattr(software, "ScryptCost", lambda: ScryptCost(1 << 10))
    monkeypatch.setenv("JUKIHOST_PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr("sys.stdin", Typed(""))


@pytest.fixture
def card() -> Card:
    return issue_card("juki-v1", seed=1, code=CODE)


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


def as_json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


# --- keys ---


def test_published_masters_are_the_cards() -> None:
    assert {name: published_master(name) for name in Purpose.__members__} == dict(TEST_MASTERS)


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
        cli.main(["keys", "import", path, "SEALS", "--version", "7", "--key-file", str(key_file)])
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


@pytest.mark.parametrize("text", ["", "no such digits", "00" * 16, "0011", "AB" * 15])
def test_keys_that_are_none(
    tmp_path: Path, text: str, keys: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key_file = tmp_path / "key"
    key_file.write_text(text)
    assert cli.main(["keys", "import", keys, "SEALS", "--key-file", str(key_file)]) == 2
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
    run: Run, keys: str, card: Card, capsys: pytest.CaptureFixture[str]
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
    assert run("pin", "change", "--pin-file", "-", typed="1234\n5678\n") == 1
    assert "not authenticated" in capsys.readouterr().err
    assert run("pin", "change", "--keys", keys, "--pin-file", "-", typed="1234\n5678\n") == 0
    assert run("pin", "verify", "--keys", keys, "--pin-file", "-", typed="5678\n") == 0
    assert run("pin", "verify", "--pin-file", "-", typed="5678\n") == 0


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


# --- JPKI ---


@pytest.fixture
def successor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    with TcpServer(issue_card("mynumber", seed=1)) as server:

        def command(*arguments: str, typed: str = "", terminal: bool = False) -> int:
            monkeypatch.setattr("sys.stdin", Typed(typed, terminal))
            return cli.main([*arguments, "--tcp", f"{server.host}:{server.port}"])

        yield command


def test_jpki_status(successor: Run, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert successor("jpki", "status", "--json") == 0
    assert as_json(capsys) == {
        "token": "JPKIAPICCTOKEN2",
        "signature": True,
        "authentication": True,
        "pin_retries": {"signature": 5, "authentication": 3},
    }
    assert run("jpki", "status") == 0
    out = capsys.readouterr().out
    assert "5 tries left" in out
    assert "absent" in out


def test_certificates(successor: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert successor("jpki", "cert", "--key", "authentication", "--json") == 0
    assert as_json(capsys)["kind"] == "authentication"
    assert successor("jpki", "cert", "--authority", "--json") == 0
    assert as_json(capsys)["kind"] == "authority"
    assert successor("jpki", "cert", "--pin-file", "-", "--json", typed="abc123\n") == 0
    certificate = as_json(capsys)
    assert (certificate["kind"], certificate["key_bits"]) == ("signature", 2048)
    assert "address" not in certificate
    assert successor("jpki", "cert", "--holder", "--pin-file", "-", typed="ABC123\n") == 0
    assert "address" in capsys.readouterr().out
    out = str(tmp_path / "own.pem")
    assert successor("jpki", "cert", "--pin-file", "-", "--out", out, typed="ABC123\n") == 0
    assert Path(out).read_bytes().startswith(b"-----BEGIN CERTIFICATE-----")
    assert successor("jpki", "cert", "--authority", "--out", out) == 2
    assert "--force" in capsys.readouterr().err
    assert successor("jpki", "cert", "--authority", "--out", out, "--force") == 0


def test_wrong_password(successor: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert successor("jpki", "cert", "--pin-file", "-", typed="WRONG1\n") == 1
    captured = capsys.readouterr()
    assert "4 tries left" in captured.err
    assert "WRONG1" not in captured.err + captured.out
    assert successor("jpki", "cert", "--pin-file", "-", typed="abc\n") == 2
    assert successor("jpki", "status") == 0
    assert "4 tries left" in capsys.readouterr().out


XML = b'<return Id="return"><sum>100</sum></return>'
AT = ("--at", "2024-06-01")


@pytest.fixture
def anchor(successor: Run, tmp_path: Path) -> str:
    path = str(tmp_path / "ca.pem")
    assert successor("jpki", "cert", "--authority", "--out", path) == 0
    return path


@pytest.mark.parametrize(
    ("form", "name", "content"),
    [
        (None, "letter.txt", b"text"),
        (None, "letter.pdf", blank_pdf()),
        (None, "return.xml", XML),
        ("cms-attached", "letter.txt", b"text"),
        ("xml-detached", "return.xml", XML),
    ],
)
def test_sign_and_verify(
    successor: Run,
    anchor: str,
    tmp_path: Path,
    form: str | None,
    name: str,
    content: bytes,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source, out = tmp_path / name, str(tmp_path / f"signed-{name}")
    source.write_bytes(content)
    options = [] if form is None else ["--form", form]
    assert (
        successor(
            "jpki", "sign", str(source), "--out", out, *options, "--pin-file", "-", typed="ABC123\n"
        )
        == 0
    )
    beside = (
        ["--content", str(source)]
        if form == "xml-detached" or (form is None and name.endswith(".txt"))
        else []
    )
    check = ["jpki", "verify", out, "--anchor", anchor, *options, *beside]
    capsys.readouterr()
    assert cli.main([*check, *AT]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("right: signed by CN=")
    assert captured.err == ""
    assert cli.main([*check, *AT, "--json"]) == 0
    assert len(as_json(capsys)) == 1
    assert cli.main([*check, "--at", "2044-06-01"]) == 1
    assert "expired" in capsys.readouterr().err
    assert cli.main([*check, *AT, "--require-revocation"]) == 1
    changed = Path(beside[1] if beside else out)
    changed.write_bytes(
        changed.read_bytes()
        .replace(b"100", b"900")
        .replace(b"text", b"tex.")
        .replace(b"595", b"596")
    )
    assert cli.main([*check, *AT]) == 1


def test_raw_signature(
    successor: Run, anchor: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out, own = (str(tmp_path / name) for name in ("text", "signature", "own.pem"))
    Path(source).write_bytes(b"text")
    key = ("--key", "authentication", "--pin-file", "-")
    assert (
        successor("jpki", "sign", source, "--out", out, "--form", "raw", *key, typed="1234\n") == 0
    )
    assert len(Path(out).read_bytes()) == 256
    assert successor("jpki", "cert", "--out", own, *key, typed="1234\n") == 0
    assert successor("jpki", "cert", "--authority", "--out", anchor, "--force", *key) == 0
    check = ["jpki", "verify", out, "--form", "raw", "--anchor", anchor, *AT]
    assert cli.main([*check, "--content", source]) == 2
    assert cli.main([*check, "--content", source, "--certificate", own]) == 0
    Path(source).write_bytes(b"tex.")
    assert cli.main([*check, "--content", source, "--certificate", own]) == 1


def test_verify_with_revocation_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from jukihost.signing.cms import sign_cms

    authority = Authority.make()
    key = authority.issue()
    files = {
        "ca.der": authority.certificate.public_bytes(Encoding.DER),
        "good.crl": authority.revocation_list(),
        "bad.crl": authority.revocation_list(key.certificate),
        "good.ocsp": authority.ocsp_response(key.certificate),
        "signature": sign_cms(key, b"text", detached=False),
        "junk": b"junk",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    check = [
        "jpki",
        "verify",
        str(tmp_path / "signature"),
        "--anchor",
        str(tmp_path / "ca.der"),
        "--at",
        "2026-04-01T12:00:00+00:00",
        "--require-revocation",
    ]
    assert cli.main([*check, "--crl", str(tmp_path / "good.crl")]) == 0
    assert cli.main([*check, "--ocsp", str(tmp_path / "good.ocsp")]) == 0
    assert cli.main([*check, "--crl", str(tmp_path / "bad.crl")]) == 1
    assert "revoked" in capsys.readouterr().err
    assert cli.main([*check, "--crl", str(tmp_path / "junk")]) == 2
    assert cli.main([*check, "--anchor", str(tmp_path / "junk")]) == 2
    assert cli.main([*check, "--crl", str(tmp_path / "missing")]) == 2
    assert cli.main([*check, "--at", "tomorrow"]) == 2


def test_historic_signatures(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out, anchor = (str(tmp_path / name) for name in ("text", "signature", "ca.pem"))
    Path(source).write_bytes(b"text")
    assert run("jpki", "sign", source, "--out", out, "--pin-file", "-", typed="ABC123\n") == 0
    assert run("jpki", "cert", "--authority", "--out", anchor) == 0
    check = ["jpki", "verify", out, "--content", source, "--anchor", anchor, "--at", "2016-01-01"]
    assert cli.main(check) == 1
    assert "too weak" in capsys.readouterr().err
    assert cli.main([*check, "--historic"]) == 0


def test_sign_in_a_pipe(
    successor: Run, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    pins = tmp_path / "pin"
    pins.write_text("1234\n")
    options = ("--form", "raw", "--key", "authentication", "--pin-file", str(pins))
    assert successor("jpki", "sign", "-", "--out", "-", *options, typed="text") == 0
    assert len(capsysbinary.readouterr().out) == 256


def test_card_without_jpki(capsys: pytest.CaptureFixture[str]) -> None:
    from tests.support.host_fakes import FakeJukiCard, listening_card
    from tests.unit.host.test_cli import tcp

    fake = FakeJukiCard("1234")
    with listening_card(lambda stream: tcp(fake, stream)) as (host, port):
        assert cli.main(["jpki", "status", "--tcp", f"{host}:{port}"]) == 1
    assert "no such application" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["keys"],
        ["code"],
        ["card"],
        ["jpki"],
        ["jpki", "verify", "file"],
        ["jpki", "sign", "file"],
        ["keys", "new", "--test", "--system", "A", "file"],
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
