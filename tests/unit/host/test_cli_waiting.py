"""The host's command line: every prompt, pipe and lock has a bound, and ends on Ctrl-C at once."""

from __future__ import annotations

import contextlib
import os
import pty
import random
import select
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jukihost.keys import SoftwareCustody
from jukihost.keys.files import one_writer
from tests.support.interop.commands import Command
from tests.support.ports import kept_port
from tests.support.soak import times
from tests.support.stalls import Within

PASSPHRASE = "correct horse battery"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A key store with the public keys of synthetic cards."""
    path = tmp_path / "test.keys"
    keys = SoftwareCustody(path, lambda: PASSPHRASE)
    keys.create(["COUNTER"])
    keys.close()
    return path


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A terminal: the end that a person types at, and the one that a program has."""
    person, program = pty.openpty()
    yield person, program
    os.close(person)
    os.close(program)


def wait_for(wanted: str, person: int, command: Command) -> None:
    """Wait until something stands on the terminal, or on standard error, where `input` prompts."""
    assert command.process.stderr is not None
    text = ""
    while wanted not in text:
        ready, _, _ = select.select([person, command.process.stderr.fileno()], [], [], 60)
        assert ready, text
        text += "".join(os.read(number, 4096).decode() for number in ready)


def echoes(program: int) -> bool:
    return bool(termios.tcgetattr(program)[3] & termios.ECHO)


PROMPTS = {
    "PIN": (["pin", "verify", "--tcp", "127.0.0.1:1"], "PIN: "),
    "second PIN": (["pin", "change", "--tcp", "127.0.0.1:1", "--keys", "{store}"], "present PIN: "),
    "password": (["jpki", "sign", "{store}", "--tcp", "127.0.0.1:1", "--out", "{store}.out"], ": "),
    "confirmation": (["card", "end", "--keys", "{store}", "--tcp", "127.0.0.1:1"], "to go on: "),
}


@pytest.mark.parametrize("prompt", PROMPTS)
def test_ctrl_c_at_a_prompt(prompt: str, store: Path, terminal: tuple[int, int]) -> None:
    person, program = terminal
    arguments, wanted = PROMPTS[prompt]
    with Command(
        "jukihost", *(word.format(store=store) for word in arguments), terminal=program
    ) as command:
        wait_for(wanted, person, command)
        time.sleep(0.2)
        ended = command.interrupted()
    assert "Traceback" not in ended.said
    assert echoes(program)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_prompt_has_a_bound(prompt: str, store: Path, terminal: tuple[int, int]) -> None:
    person, program = terminal
    arguments, wanted = PROMPTS[prompt]
    with Command(
        "jukihost", *(word.format(store=store) for word in arguments), terminal=program, bound=0.4
    ) as command:
        wait_for(wanted, person, command)
        ended = command.end()
    assert ended.code == 2
    assert "nothing was typed for 0.4 s" in ended.said or "not confirmed" in ended.said
    assert echoes(program)


def test_what_is_typed_in_time_is_taken(store: Path, terminal: tuple[int, int]) -> None:
    person, program = terminal
    with Command(
        "jukihost", "pin", "verify", "--tcp", "127.0.0.1:1", terminal=program, bound=20
    ) as command:
        wait_for("PIN: ", person, command)
        os.write(person, b"1234\n")
        ended = command.end()
    assert ended.code == 3  # nobody listens there
    assert "1234" not in ended.said


PIPES = {
    "PIN file": ["pin", "verify", "--tcp", "127.0.0.1:1", "--pin-file", "-"],
    "pipe of a shell": ["pin", "verify", "--tcp", "127.0.0.1:1", "--pin-file", "/dev/stdin"],
    "passphrase": ["keys", "list", "{store}", "--passphrase-file", "/dev/stdin"],
}


@pytest.mark.parametrize("pipe", PIPES)
def test_ctrl_c_while_nothing_comes_through_a_pipe(pipe: str, store: Path) -> None:
    arguments = [word.format(store=store) for word in PIPES[pipe]]
    with Command("jukihost", *arguments) as command:
        time.sleep(0.3)
        command.interrupted()


@pytest.mark.parametrize("pipe", PIPES)
def test_a_pipe_has_a_bound(pipe: str, store: Path) -> None:
    arguments = [word.format(store=store) for word in PIPES[pipe]]
    reading, writing = os.pipe()
    os.fchmod(reading, 0o600)
    with Command("jukihost", *arguments, stdin=reading, bound=0.4) as command:
        ended = command.end()
    os.close(reading)
    os.close(writing)
    assert ended.code == 2
    assert "0.4 s" in ended.said


def test_a_pipe_that_goes_on_is_read_to_its_end(store: Path) -> None:
    """The bound is for each piece: a slow sender is no dead one."""
    with Command(
        "jukihost", "pin", "verify", "--tcp", "127.0.0.1:1", "--pin-file", "-", bound=1.0
    ) as command:
        assert command.process.stdin is not None
        for piece in ("1", "2", "3", "4"):
            time.sleep(0.4)
            command.process.stdin.write(piece)
            command.process.stdin.flush()
        command.process.stdin.close()
        command.process.stdin = None
        assert command.end().code == 3


def test_ctrl_c_while_nobody_reads_the_result(tmp_path: Path) -> None:
    """What waits to be written is dropped: Python would wait once more at its end."""
    document = tmp_path / "letter.txt"
    document.write_text("text")
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(65_536))
    os.set_blocking(writing, True)
    process = subprocess.Popen(
        [sys.executable, "-m", "jukihost", "--help"],
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    time.sleep(1.0)
    assert process.poll() is None
    with Within(0.5):
        process.send_signal(2)
        process.wait(60)
    os.close(reading)
    os.close(writing)
    process.communicate()


def test_a_locked_key_store_is_told_and_ends_on_ctrl_c(store: Path) -> None:
    with one_writer(store), Command("jukihost", "keys", "rotate", str(store), "COUNTER") as command:
        assert command.line() == "waiting 10 s for another program to change the key store"
        command.interrupted()
    with Command("jukihost", "keys", "rotate", str(store), "COUNTER") as command:
        assert command.end().code == 0


@pytest.mark.parametrize("where", ["--tcp", "--vpcd-dial", "--vpcd"])
def test_a_silent_card_is_told_and_ends_on_ctrl_c(where: str) -> None:
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(kept_port())
        if where != "--vpcd":
            stack.enter_context(socket.create_server(("127.0.0.1", port)))
        with Command("jukihost", "status", where, f"127.0.0.1:{port}") as command:
            awaited = (
                f"a card to call 127.0.0.1:{port}" if where == "--vpcd" else "the card to answer"
            )
            assert command.line() == f"waiting 30 s for {awaited} ..."
            command.interrupted()


def test_ctrl_c_at_random_instants(store: Path) -> None:
    """Whatever the instant, it ends at once, in words, and the store is the old or the new one."""
    draw = random.Random(8)
    versions = 1
    for _ in range(times(4, soak=100)):
        with Command("jukihost", "keys", "rotate", str(store), "COUNTER") as command:
            time.sleep(draw.uniform(0.0, 0.8))
            command.interrupted_whenever()
        with SoftwareCustody(store, lambda: PASSPHRASE) as keys:
            found = len(keys.inventory())
        assert found in (versions, versions + 1)
        versions = found
