"""`jukicard bench` as it is typed: what it shows, what it refuses, and that it ends at once."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jukicard.cli import main
from jukihost import VpcdConnection
from jukihost.cli import main as host
from tests.support.ports import kept_port
from tests.support.rest import rest_of
from tests.support.stalls import Within


@contextmanager
def started(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """The command in a process of its own, and the lines up to the link."""
    program = subprocess.Popen(
        [sys.executable, "-m", "jukicard", "bench", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    lines: list[str] = []
    try:
        assert program.stdout is not None
        while not lines or not lines[-1].startswith("the page: "):
            line = program.stdout.readline()
            assert line, program.stderr and program.stderr.read()
            lines.append(line.strip())
        yield program, lines
    finally:
        program.kill()
        program.communicate()


def place(line: str) -> tuple[str, int]:
    found = re.search(r"127\.0\.0\.1:(\d+)", line)
    assert found
    return "127.0.0.1", int(found[1])


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_terminal_and_a_browser_are_served_and_all_ends_at_once(
    sign: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    with started("--tcp", "127.0.0.1", "juki-v1:1", "mynumber:1") as (program, lines):
        slots = [line for line in lines if line.startswith("slot ")]
        assert len(slots) == 2
        for line in slots:
            address, port = place(line)
            assert host(["status", "--tcp", f"{address}:{port}"]) == 0
        path = lines[-1].removeprefix("the page: http://").partition("/")[2]
        with socket.create_connection(place(lines[-1]), timeout=60) as browser:
            _, port = place(lines[-1])
            request = f"GET /{path}events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
            browser.sendall(request.encode())
            assert browser.recv(12) == b"HTTP/1.1 200"
            with Within(20):
                program.send_signal(sign)
                said, complained = rest_of(program)
        assert program.returncode == 0
        assert "Traceback" not in complained
        assert path not in said + complained
    capsys.readouterr()


def test_a_card_in_a_file_is_shown_and_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "card.juki"
    assert main(["new", "--seed", "1", str(path)]) == 0
    with started("--tcp", "127.0.0.1", "--image", str(path)) as (program, lines):
        address, port = place(lines[0])
        assert host(["status", "--tcp", f"{address}:{port}"]) == 0
        program.send_signal(signal.SIGINT)
        program.communicate(timeout=60)
        assert program.returncode == 0
    assert main(["inspect", str(path)]) == 0
    capsys.readouterr()


def test_a_port_of_the_page_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["bench", "--tcp", "127.0.0.1", "juki-v1:1", "--port", str(port)]) == 1
    assert "choose another --port" in capsys.readouterr().err


def test_what_strangers_send_to_the_page_is_not_printed() -> None:
    with started("--tcp", "127.0.0.1", "juki-v1:1") as (program, lines):
        for raw in (b"\0" * 50, b"GET /secret HTTP/9\r\n\r\n", b"GET /secret HTTP/1.1\r\n\r\n"):
            with socket.create_connection(place(lines[-1]), timeout=10) as stranger:
                stranger.sendall(raw)
                stranger.recv(100)
        program.terminate()
        said, complained = rest_of(program)
    assert (program.returncode, complained) == (0, "")
    assert [line.partition(" has")[0] for line in said.splitlines()] == ["who"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--port", "0"], "a port is a number"),
        (["--port", "70000"], "a port is a number"),
        (["--port", "x"], "a port is a number"),
        (["--tcp", "192.0.2.1:1", "--port", "8000x"], "a port is a number"),
        (["--tcp", "127.0.0.1:65535", "juki-v1:1", "juki-v1:2"], "slot 1 would have port 65536"),
        (["nothing:1"], "there is no profile"),
        (["--image", "card.juki", "--seed", "1"], "is for issuing a card"),
        (["--ccid", "desk"], "there is no option --ccid"),
    ],
)
def test_what_cannot_be_obeyed_is_refused(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *arguments]) == 2
    captured = capsys.readouterr()
    assert why in captured.err
    assert captured.out == ""


def test_without_the_libraries_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "starlette", None)
    assert main(["bench", "--tcp", "127.0.0.1"]) == 1
    assert "pip install 'jukicard[web]'" in capsys.readouterr().err


def test_the_page_loads_nothing_before_it_is_asked_for() -> None:
    code = "import sys, jukicard.cli; print(sorted({'starlette', 'uvicorn'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_reader_of_vpcd_finds_the_card_and_the_page_shows_what_it_says() -> None:
    with (
        kept_port() as port,
        started("--vpcd", f"127.0.0.1:{port}", "--watch", "juki-v1:1") as (_, lines),
    ):
        link = lines[-1].removeprefix("the page: ")
        with VpcdConnection("127.0.0.1", port) as reader:
            assert reader.transmit(bytes.fromhex("00A4040C0AD3921000310001010401")) == b"\x90\x00"
            assert reader.transmit(bytes.fromhex("00B2011400")) == b"\x69\x82"
        with urllib.request.urlopen(f"{link}session/1.html", timeout=60) as answer:
            shown = answer.read().decode()
    assert "READ RECORD" in shown
    assert "needs Authenticated(" in shown
