"""The command line: what it does, how it says no, and that no mistake shows a traceback."""

from __future__ import annotations

import argparse
import json
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from jukicard.cli import COMMANDS, main
from jukicard.cli.cards import image_source
from jukicard.kit.features.keys import Keys
from jukicard.profiles import PROFILES
from jukicard.securemessaging.suites import Suite
from tests.support.ports import kept_port
from tests.support.rest import rest_of

JUKI: Final = bytes.fromhex("00A404000AD392100031000101040100")


def run(*arguments: str, expect: int = 0) -> None:
    assert main(arguments) == expect


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "card.juki"
    run("new", "--seed", "1", str(path))
    return path


class TestNew:
    def test_makes_a_card_that_only_its_owner_reads(self, image: Path) -> None:
        assert stat.S_IMODE(image.stat().st_mode) == 0o600
        assert [file.name for file in image.parent.iterdir()] == ["card.juki"]

    def test_suite(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        for suite, wanted in (("MA-3DES", Suite.TRIPLE_DES), ("MA-AES256", Suite.AES256)):
            path = tmp_path / suite
            run("new", "--seed", "1", "--suite", suite, str(path))
            with ExitStack() as stack:
                arguments = argparse.Namespace()
                card = image_source(str(path)).make(arguments, stack)
                applet = card.applications.get(JUKI[5:15]).applet  # type: ignore[union-attr]
                assert isinstance(applet, Keys)
                assert applet.keys.engine(applet.keys.find(1)[0]).suite is wanted
        run("new", "--suite", "MA-DES", str(tmp_path / "none"), expect=2)
        assert "there is no suite 'MA-DES'" in capsys.readouterr().err
        assert not (tmp_path / "none").exists()

    def test_does_not_overwrite(self, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
        before = image.read_bytes()
        run("new", "--seed", "2", str(image), expect=1)
        assert "exists; --force replaces it" in capsys.readouterr().err
        assert image.read_bytes() == before

    def test_force_replaces_card_and_stale_journal(self, image: Path) -> None:
        journal = image.with_name("card.juki-journal")
        journal.write_bytes(bytes.fromhex("D9D505F920A163D7") + bytes(504))
        before = image.read_bytes()
        run("new", "--seed", "2", "--force", str(image))
        assert image.read_bytes() != before
        assert not journal.exists()
        run("inspect", str(image))

    def test_a_failure_leaves_nothing(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("new", "--profile", "none", str(tmp_path / "card.juki"), expect=2)
        assert "no profile of this name" in capsys.readouterr().err
        run("new", str(tmp_path / "missing" / "card.juki"), expect=1)
        assert capsys.readouterr().err.startswith("jukicard: ")
        assert list(tmp_path.iterdir()) == []

    def test_a_file_system_without_links(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(Path, "hardlink_to", refuse)
        path = tmp_path / "card.juki"
        run("new", str(path))
        run("new", str(path), expect=1)
        assert list(tmp_path.iterdir()) == [path]

    def test_pin_from_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "pin").write_text("9876\nsecond line\n")
        path = tmp_path / "card.juki"
        run("new", "--pin-file", str(tmp_path / "pin"), str(path))
        with ExitStack() as stack:
            card = image_source(str(path)).make(argparse.Namespace(), stack)
            card.power_on()
            card.transmit(JUKI)
            card.transmit(bytes.fromhex("00A4020C02001C"))
            assert card.transmit(bytes.fromhex("0020008004") + b"1234").hex() == "63c2"
            assert card.transmit(bytes.fromhex("0020008004") + b"9876").hex() == "9000"

    @pytest.mark.parametrize(
        ("content", "expect"),
        [(b"12345678901234567890\n", 2), (b"\xff\xfe\n", 1), (b"\n", 1), (b"abcd", 2)],
    )
    def test_a_pin_that_cannot_be_is_refused_and_not_shown(
        self, tmp_path: Path, content: bytes, expect: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "pin").write_bytes(content)
        run("new", "--pin-file", str(tmp_path / "pin"), str(tmp_path / "card"), expect=expect)
        error = capsys.readouterr().err
        assert error.startswith("jukicard: ")
        assert content.decode("latin-1").strip() == "" or (
            content.decode("latin-1").strip() not in error
        )

    def test_a_pin_file_that_is_not_there(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("new", "--pin-file", str(tmp_path / "pin"), str(tmp_path / "card"), expect=1)
        assert "cannot be read: No such file" in capsys.readouterr().err


class TestInspect:
    def test_for_people(self, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
        capsys.readouterr()
        run("inspect", str(image))
        said = capsys.readouterr().out
        assert said.startswith("juki-v1, ATR 3BE000FF8131FE4514, activated\n")
        assert "D3921000310001010401" in said
        assert "3 of 3 tries left" in said

    def test_for_programs(self, image: Path, capsys: pytest.CaptureFixture[str]) -> None:
        capsys.readouterr()
        run("inspect", "--json", str(image))
        report = json.loads(capsys.readouterr().out)
        assert report["profile"] == "juki-v1"
        juki = next(one for one in report["applications"] if one["kind"] == "juki")
        assert {"name", "value"} == set(juki["contents"][0])

    def test_why_a_command_is_refused(
        self, image: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = image.read_bytes()
        wrong_pin = ["--send", "0020009C0439393939"]
        asked = ["--send", "00A4040C0AD3921000310001010401", "--send", "00B2011400", *wrong_pin]
        run("inspect", str(image), *asked)
        said = capsys.readouterr().out
        assert "6982 security status not satisfied, 0 bytes" in said
        assert "why: READ RECORD of 0002: needs Authenticated(RESIDENT_IDENTIFICATION" in said
        assert "63C2 failed, 2 tries left" in said
        assert "9999" not in said
        assert "39393939" not in said
        assert image.read_bytes() == before

    @pytest.mark.parametrize(
        ("apdu", "answer"), [("00", "6700"), ("", "6700"), ("00B0000000", "6D00")]
    )
    def test_a_command_that_cannot_be(
        self, image: Path, apdu: str, answer: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("inspect", str(image), f"--send={apdu}", "--json")
        said = capsys.readouterr().out
        [exchange] = json.loads(said[said.index("{") :])["exchanges"]
        assert exchange["answer"].startswith(answer)
        assert exchange["why"]

    def test_a_command_in_other_digits(
        self, image: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("inspect", str(image), "--send", "00B0X", expect=2)
        assert "hexadecimal" in capsys.readouterr().err

    def test_neither_pin_nor_code_is_shown(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from jukicard import issue_card
        from jukicard.memory import create_card

        card = issue_card("juki-v1", seed=1, pin="9876", code="12345678903")
        create_card(tmp_path / "card", "card", card.snapshot())
        for option in ([], ["--json"]):
            run("inspect", *option, str(tmp_path / "card"))
        said = capsys.readouterr().out
        for secret in ("9876", "12345678903", b"9876".hex(), b"12345678903".hex()):
            assert secret not in said

    def test_several_cards_in_one_file(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from jukicard import issue_card
        from jukicard.memory import create_cards

        path = tmp_path / "town.juki"
        create_cards(
            path,
            [(f"c{number}", issue_card("juki-v1", seed=number).snapshot()) for number in range(7)],
        )
        run("inspect", str(path), expect=1)
        assert f"7 cards in {path}, name one: {path}#c0" in capsys.readouterr().err
        run("inspect", f"{path}#c3")
        run("inspect", f"{path}#c9", expect=1)
        assert f"'c9' is not in {path}: there is c0, c1, c2, c3, c4, ..." in capsys.readouterr().err

    @pytest.mark.parametrize("content", [None, b"", b"no card", b"SQLite format 3\0" + bytes(200)])
    def test_what_is_no_card(
        self, tmp_path: Path, content: bytes | None, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "card"
        if content is not None:
            path.write_bytes(content)
        run("inspect", str(path), expect=1)
        assert capsys.readouterr().err.startswith(f"jukicard: {path} ")


class TestUsage:
    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["fly"],
            ["serve", "--vpcd", "a", "--tcp", "b"],
            ["new"],
            ["inspect"],
            ["serve", "--prof", "juki-v1"],
        ],
    )
    def test_what_is_not_understood(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        run(*arguments, expect=2)
        assert "usage: jukicard" in capsys.readouterr().err

    @pytest.mark.parametrize("command", ["", *COMMANDS])
    def test_help_with_examples(self, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        run(*command.split(), "--help")
        said = capsys.readouterr().out
        assert f"jukicard {command}" in said
        assert ("examples:" in said) is bool(command)

    def test_version(self, capsys: pytest.CaptureFixture[str]) -> None:
        from jukicard import __version__

        run("--version")
        assert capsys.readouterr().out == f"jukicard {__version__}\n"

    @pytest.mark.parametrize(
        ("arguments", "said", "expect"),
        [
            (["juki-v9"], "no profile of this name", 2),
            (["--card", "x:1"], "no profile of this name", 2),
            (["--image", "/nowhere/card"], "/nowhere/card does not exist", 1),
            (["--profile", "juki-v1", "juki-v1"], "--profile names the only card", 2),
            (["--profile", "juki-v1", "--image", "card.juki"], "--profile is for issuing", 2),
            (["--seed", "1", "juki-v1:2"], "--seed is of no use", 2),
            (["card.juki"], "is served with --image card.juki", 2),
            (["/nowhere/card"], "is served with --image /nowhere/card", 2),
            (["--vpcd", "localhost:99999"], "'99999' is no port", 2),
            (["--vpcd", ":1"], "names no host", 2),
            (["--tcp", "0.0.0.0:0"], "with --allow-remote", 2),
            (["--vpcd-listen", "0.0.0.0:0"], "with --allow-remote", 2),
            (["--tcp", "192.0.2.1:0", "--allow-remote"], "cannot listen there", 1),
            (["--tcp", "no.such.host.invalid:0"], "cannot listen there", 1),
        ],
    )
    def test_mistakes_are_one_sentence(
        self, arguments: list[str], said: str, expect: int, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("serve", *arguments, expect=expect)
        error = capsys.readouterr().err
        assert error.startswith("jukicard: ")
        assert error.count("\n") == 1
        assert said in error

    @pytest.mark.parametrize("command", ["", *COMMANDS])
    def test_help_names_every_profile(
        self, command: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run(*command.split(), "--help")
        said = capsys.readouterr().out
        for name, profile in PROFILES.items():
            assert re.search(rf"^  {name} +{re.escape(profile.title)}$", said, re.MULTILINE)

    @pytest.mark.parametrize(
        "arguments",
        [["inspect", ""], ["inspect", "#card"], ["serve", "--image", ""], ["new", ""]],
    )
    def test_a_file_without_a_name(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        run(*arguments, expect=2)
        assert "file" in capsys.readouterr().err

    def test_a_card_that_is_not_there_brings_the_command_or_the_list(
        self, image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("inspect", str(tmp_path / "none"), expect=1)
        assert "jukicard new" in capsys.readouterr().err
        run("inspect", f"{image}#foo", expect=1)
        assert f"card 'foo' is not in {image}: there is card\n" in capsys.readouterr().err

    @pytest.mark.parametrize("option", ["--tcp", "--vpcd-listen"])
    def test_a_taken_port(self, option: str, capsys: pytest.CaptureFixture[str]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            run("serve", option, f"127.0.0.1:{taken.getsockname()[1]}", expect=1)
        assert "in use; choose another address or port" in capsys.readouterr().err


class Serving:
    """`jukicard serve` as a process, with its standard input and output in our hands."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jukicard", "serve", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self) -> tuple[int, str]:
        error = rest_of(self.process)[-1]
        return self.process.returncode, error


@pytest.fixture
def serving() -> Iterator[list[Serving]]:
    started: list[Serving] = []
    yield started
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        rest_of(one.process)


def exchange(port: int, *frames: tuple[int, bytes]) -> list[bytes]:
    """Talk to a TCP card as its module describes."""
    answers = []
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as sock,
        sock.makefile("rwb", buffering=0) as stream,
    ):
        stream.write(b"JUKITCP1")
        assert stream.read(8) == b"JUKITCP1"
        for kind, payload in frames:
            sock.sendall(bytes((kind,)) + len(payload).to_bytes(4, "big") + payload)
            header = sock.recv(5, socket.MSG_WAITALL)
            answers.append(sock.recv(int.from_bytes(header[1:], "big")))
    return answers


def test_serve_over_tcp_with_control_and_trace(serving: list[Serving]) -> None:
    served = Serving("--seed", "1", "--tcp", "127.0.0.1", "--control", "--trace")
    serving.append(served)
    assert served.line().startswith("slot 0: listening at 127.0.0.1:")
    served.type("status")
    status = served.line()
    port = int(status.split(":")[1])
    assert status.endswith(": juki-v1:1, no reader, power off")
    atr, selected, _, pin = exchange(
        port,
        (1, b""),
        (3, JUKI),
        (3, bytes.fromhex("00A4020C02001C")),
        (3, bytes.fromhex("0020008004") + b"9999"),
    )
    assert atr.hex().upper() == "3BE000FF8131FE4514"
    assert selected[-2:] == b"\x90\x00"
    assert pin == b"\x63\xc2"
    seen = []
    while "is gone" not in (line := served.line()):
        seen.append(line)
    shown = "\n".join(seen)
    assert "VERIFY" in shown
    assert "39393939" not in shown.replace(" ", "")
    served.type("remove")
    assert served.line() == "slot 0: juki-v1:1 removed"
    assert exchange(port, (1, b"")) == [b"no card in the slot"]
    served.type("quit")
    assert served.end() == (0, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_serve_waits_for_a_reader_and_ends_on_a_signal(
    serving: list[Serving], number: signal.Signals
) -> None:
    with kept_port() as port:
        served = Serving("--vpcd", f"127.0.0.1:{port}")
        serving.append(served)
        assert served.line() == (
            f"slot 0: no reader driver answers at 127.0.0.1:{port} (Connection refused); waiting "
            "(is pcscd with vsmartcard-vpcd running?)"
        )
        served.process.send_signal(number)
        assert served.end() == (0, "")


def test_the_end_of_input_is_the_end(serving: list[Serving]) -> None:
    served = Serving("--vpcd-listen", "127.0.0.1:0", "--control", "juki-v1:1", "juki-v1:2")
    serving.append(served)
    assert served.line().startswith("slot 0: waiting for a reader driver at 127.0.0.1:")
    assert served.line().startswith("slot 1: waiting for a reader driver at 127.0.0.1:")
    assert served.end() == (0, "")


def test_a_card_in_a_file_keeps_its_counters(serving: list[Serving], image: Path) -> None:
    for expected in (b"\x63\xc2", b"\x63\xc1"):
        served = Serving("--image", str(image), "--tcp", "127.0.0.1:0", "--control")
        serving.append(served)
        port = int(served.line().rpartition(":")[2])
        answers = exchange(
            port,
            (1, b""),
            (3, JUKI),
            (3, bytes.fromhex("00A4020C02001C")),
            (3, bytes.fromhex("0020008004") + b"9999"),
        )
        assert answers[-1] == expected
        served.type("quit")
        assert served.end()[0] == 0
    assert list(image.parent.iterdir()) == [image]  # no journal is left behind


def test_core_dumps_are_forbidden() -> None:
    code = (
        "import resource, jukicard.cli as c; c.main(['--version']); "
        "print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(
            resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1])
        ),
    )
    assert done.stdout.splitlines()[-1] == "(0, 0)"
