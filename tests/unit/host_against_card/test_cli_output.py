"""What the command line prints where it cannot print, and what it says of a user's mistakes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jukicard import Card, issue_card
from jukicard.transport.inprocess import LocalReader
from jukicard.transport.tcp import TcpServer
from jukihost import cli
from jukihost.channel import build_channel
from jukihost.cli import output
from jukihost.conversation.secrets import AccessNumber, Pin, SignaturePassword
from jukihost.errors import CardBusy, CardRemoved
from jukihost.sessions.juki import JukiSession
from jukihost.transport.tcp import TcpConnection
from tests.support.host.cli import Run

ENCODINGS = ("ascii", "latin-1", "cp932", "euc_jp", "shift_jis", "utf-8")
COMMANDS = {
    "status": ["status"],
    "status --json": ["status", "--json"],
    "card info": ["card", "info"],
    "card state": ["card", "state"],
    "pin verify": ["pin", "verify", "--pin-file", "-"],
    "apdu": ["apdu", "00A4040000"],
    "jpki status": ["jpki", "status"],
    "jpki cert": ["jpki", "cert", "--key", "authentication", "--holder"],
    "jpki cert --json": ["jpki", "cert", "--pin-file", "-", "--holder", "--json"],
    "jpki cert --out": ["jpki", "cert", "--key", "authentication", "--out", "-"],
    "jpki sign": ["jpki", "sign", os.devnull, "--form", "raw", "--pin-file", "-", "--out", "-"],
    "--help": ["--help"],
    "--version": ["--version"],
    "a mistake": ["jpki", "cert", "--key", "nothing"],
}
NO_CARD_NEEDED = {"--help", "--version", "a mistake"}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with TcpServer(issue_card("mynumber", seed=1)) as server:
        yield f"{server.host}:{server.port}"


def run(
    name: str, address: str, to: int, encoding: str = "utf-8", **more: object
) -> tuple[int, str]:
    """Run a command as a process of its own; its exit code and what it says on standard error."""
    arguments = [*COMMANDS[name], *([] if name in NO_CARD_NEEDED else ["--tcp", address])]
    done = subprocess.run(
        [sys.executable, "-m", "jukihost", *arguments],
        input=("ABC123\n" if "jpki" in name else "1234\n").encode(),
        stdout=to,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        timeout=60,
        check=False,
        **more,  # type: ignore[call-overload]
    )
    said = done.stderr.decode(encoding, "replace")
    assert "Traceback" not in said, said
    assert "Exception ignored" not in said, said
    return done.returncode, said


def expected(name: str) -> int:
    return output.USAGE if name == "a mistake" else output.OK


@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk(name: str, address: str) -> None:
    with open("/dev/full", "wb") as full:
        code, said = run(name, address, full.fileno())
    if name == "a mistake":
        assert code == output.USAGE, "it prints nothing there"
    else:
        assert code == output.UNWRITTEN
        assert "could not be written: No space left on device" in said


@pytest.mark.parametrize("name", COMMANDS)
def test_a_pipe_that_nobody_reads(name: str, address: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        code, said = run(name, address, writing)
    finally:
        os.close(writing)
    assert code == (output.USAGE if name == "a mistake" else output.UNWRITTEN)
    assert name == "a mistake" or not said, "nobody is told of that"


@pytest.mark.parametrize("name", COMMANDS)
def test_no_standard_output_at_all(name: str, address: str) -> None:
    code, said = run(name, address, subprocess.DEVNULL, preexec_fn=lambda: os.close(1))
    assert code == output.USAGE
    assert "standard output is closed" in said


@pytest.mark.parametrize("name", ["pin verify", "jpki sign", "status"])
def test_no_standard_input_at_all(name: str, address: str) -> None:
    arguments = [*COMMANDS[name], "--tcp", address]
    for more in ([], ["--trace"]):
        done = subprocess.run(
            [sys.executable, "-m", "jukihost", *arguments, *more],
            capture_output=True,
            preexec_fn=lambda: os.close(0),
            timeout=60,
            check=False,
        )
        assert done.returncode == (0 if name == "status" else output.USAGE)
        assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("trace", [[], ["--trace"]])
@pytest.mark.parametrize("closed", [False, True])
def test_no_standard_error(closed: bool, trace: list[str], address: str) -> None:
    """What cannot be told is not told; the result and the exit code are what they are."""
    import json

    for at, code in ((address, output.OK), ("127.0.0.1:1", output.NO_CARD)):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "jukihost", "status", "--json", "--tcp", at, *trace],
                stdout=subprocess.PIPE,
                stderr=full,
                preexec_fn=(lambda: os.close(2)) if closed else None,
                timeout=60,
                check=False,
            )
        assert done.returncode == code
        assert code != output.OK or json.loads(done.stdout)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", ["status", "jpki cert", "jpki cert --json", "--help"])
def test_every_encoding(name: str, encoding: str, address: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with out.open("wb") as file:
        code, said = run(name, address, file.fileno(), encoding)
    assert code == expected(name), said
    assert out.read_bytes().decode(encoding)


def test_json_is_json_in_every_encoding(address: str, tmp_path: Path) -> None:
    import json

    found = []
    for encoding in ENCODINGS:
        out = tmp_path / encoding
        with out.open("wb") as file:
            assert run("jpki cert --json", address, file.fileno(), encoding)[0] == output.OK
        found.append(json.loads(out.read_bytes().decode(encoding)))
    assert found[0]["name"]
    assert not found[0]["name"].isascii()
    assert all(one == found[-1] for one in found), "nothing is lost"


# -- what is said of mistakes ----------------------------------------------------------------------


def test_a_pin_that_was_given_as_an_argument_is_not_repeated(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for wrong in (["1234"], ["--pni=1234"], ["--pni", "1234"], ["--p=1234"], ["--pin", "1234"]):
        assert run("pin", "verify", *wrong) == 2
        said = capsys.readouterr().err
        assert "1234" not in said
        assert "--pin-file" in said or wrong[0].partition("=")[0] in said
    for others in (["pin", "1234"], ["1234"], ["status", "--json=1234"], ["pin", "verify", "--tr"]):
        assert run(*others) == 2
        said = capsys.readouterr().err
        assert "1234" not in said.replace("127.0.0.1:", "")
        assert "--help" in said or "stands alone" in said or "--tr" in said


def test_what_is_typed_in_another_encoding(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def typed(prompt: str) -> str:
        return b"\xff\xfe".decode("utf-8")

    monkeypatch.setattr("getpass.getpass", typed)
    assert run("pin", "verify", terminal=True) == 2
    assert "no text in this terminal's encoding" in capsys.readouterr().err


def test_the_tries_of_a_key_are_told_in_words(
    card: Card, keys: str, capsys: pytest.CaptureFixture[str], run: Run, tmp_path: Path
) -> None:
    other = str(tmp_path / "other.keys")
    assert cli.main(["keys", "new", other]) == 0
    capsys.readouterr()
    told = []
    for _ in range(16):
        assert run("card", "info", "--keys", other) == 1
        told.append(capsys.readouterr().err)
    assert "14 tries of this key left" in told[0]
    assert "1 try of this key left" in told[13]
    assert "the key is blocked now" in told[14]
    assert "the key is blocked;" in told[15]


def test_the_counter_is_told_what_works_on_a_suspended_card(
    run: Run, keys: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("card", "suspend", "--keys", keys) == 0
    capsys.readouterr()
    assert run("card", "resume", "--keys", keys, "--purpose", "SUSPEND") == 1
    assert "authenticate for COUNTER" in capsys.readouterr().err
    assert run("card", "resume", "--keys", keys, "--access-number", "123456") == 2, "never works"
    assert run("card", "resume", "--keys", keys) == 0


def test_a_card_without_an_access_number_says_so(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("pin", "verify", "--access-number", "123456", "--pin-file", "-", typed="1234") == 1
    assert "offers no private session" in capsys.readouterr().err


def test_the_missing_pair_and_the_password_are_called_so(
    run: Run, successor: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("jpki", "cert", "--key", "authentication") == 1
    assert "no key pair of this kind" in capsys.readouterr().err
    assert successor("jpki", "cert", "--pin-file", "-", typed="WRONG123") == 1
    assert "the password is wrong, 4 tries left" in capsys.readouterr().err
    for _ in range(4):
        successor("jpki", "cert", "--pin-file", "-", typed="WRONG123")
    capsys.readouterr()
    assert successor("jpki", "cert", "--pin-file", "-", typed="ABC123") == 1
    assert "the password is blocked" in capsys.readouterr().err


def test_a_file_without_end_is_not_read_to_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "MAX_FILE", 1 << 20)
    anchor = tmp_path / "anchor.pem"
    anchor.write_text("-----BEGIN")
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(1 << 40)
    arguments = ["jpki", "verify", str(large), "--anchor", str(anchor)]
    assert cli.main(arguments) == 2
    assert "more than 1 MiB" in capsys.readouterr().err


def test_a_pin_file_without_end(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)
    assert run("pin", "verify", "--pin-file", str(tmp_path / "large")) == 2
    assert "the PIN file: it has more than 64 KiB" in capsys.readouterr().err
    assert run("pin", "verify", "--pin-file", "/dev/zero") == 2
    assert "the PIN file: it is a device" in capsys.readouterr().err


def test_a_pin_file_of_another_editor(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pin").write_bytes(b"\xef\xbb\xbf1234\r\n")
    assert run("pin", "verify", "--pin-file", str(tmp_path / "pin")) == 0


@pytest.mark.parametrize("name", ["passphrase", "store", "letter"])
def test_no_class_of_the_program_is_named(
    name: str, run: Run, keys: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "missing")
    letter = tmp_path / "letter.pdf"
    letter.write_text("no signature")
    anchor = tmp_path / "anchor.pem"
    with TcpServer(issue_card("mynumber", seed=1)) as server:
        at = f"{server.host}:{server.port}"
        cert = ["jpki", "cert", "--key", "authentication", "--out", str(anchor), "--tcp", at]
        assert cli.main(cert) == 0
    code = {
        "passphrase": lambda: run(
            "card", "info", "--keys", keys, "--passphrase-file", missing, typed=""
        ),
        "store": lambda: run("card", "info", "--keys", missing),
        "letter": lambda: cli.main(["jpki", "verify", str(letter), "--anchor", str(anchor)]),
    }[name]()
    assert code in (1, 2)
    said = capsys.readouterr().err
    assert "Error" not in said
    assert said.startswith("jukihost: ")
    if name == "store":
        assert "jukihost keys new" in said


# -- the library says the same over every connection -----------------------------------------------


def test_over_tcp_a_busy_and_an_empty_slot_are_what_they_are_elsewhere(card: Card) -> None:
    with TcpServer(card) as server, TcpConnection(server.host, server.port) as connection:
        with pytest.raises(CardBusy):
            TcpConnection(server.host, server.port).open()
        server.remove()
        with pytest.raises(CardRemoved):
            connection.transmit(bytes.fromhex("00A4020C02001C"))
        with pytest.raises(CardRemoved):
            connection.open()


def test_a_reader_that_was_not_opened_says_how(card: Card) -> None:
    juki = JukiSession(build_channel(LocalReader(card)))
    with pytest.raises(CardRemoved, match="inside `with`"):
        juki.open()


@pytest.mark.parametrize("make", [Pin.of, SignaturePassword.of, AccessNumber.of])
@pytest.mark.parametrize("wrong", [1234, 123456, None, b"1234", 12.5])
def test_what_is_no_text_is_no_pin(make: object, wrong: object) -> None:
    assert callable(make)
    with pytest.raises(TypeError, match="text") as caught:
        make(wrong)
    assert "12" not in str(caught.value).replace("'1234'", "")
