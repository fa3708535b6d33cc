"""Every command, with an output that cannot be written or has not our signs: never a traceback."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from jukicard.cli import COMMANDS
from tests.support.ports import kept_port
from tests.support.rest import rest_of

SECONDS: Final = 60
RUNS: Final = {
    "demo": ["demo"],
    "serve": ["serve", "--tcp", "127.0.0.1:0", "--control"],
    "serve, vpcd": ["serve", "--vpcd-listen", "127.0.0.1:0", "--control", "juki-v1:1"],
    "new": ["new", "--seed", "1", "made.juki"],
    "inspect": ["inspect", "card.juki", "--send", "00A4040C0AD3921000310001010401"],
    "inspect, json": ["inspect", "--json", "card.juki"],
    "trace": ["trace", "show", "session.txt"],
    "trace, replay": ["trace", "replay", "session.txt", "--seed", "1"],
    "kit": ["kit", "check", "poster"],
    "kit, diff": ["kit", "diff", "poster", "poster"],
    "version": ["--version"],
    "help": ["--help"],
    **{f"{name}, help": [name, "--help"] for name in COMMANDS},
}
REFUSING: Final = {"trace, otherwise": ["trace", "diff", "session.txt", "other.txt"]}
"""What has something to say and a sentence for the end as well."""
POSTER: Final = """
from jukicard.kit import Aid, DedicatedFile, Files, FileState, FileTree


class Poster(Files[FileState]):
    type_name = "poster"
    pin_waiver = "it is empty"
    tree = FileTree(DedicatedFile(name=Aid("F0504F53544552")))
"""
ENCODINGS: Final = ("ascii", "latin-1", "cp932", "euc_jp", "shift_jis", "utf-8")
SHELL: Final = {"full": ">/dev/full", "closed": ">&-"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a card in it."""
    path = tmp_path_factory.mktemp("cards")
    (path / "session.txt").write_text(
        "ATR 3BE000FF8131FE4514\n> 00A4040C0AD3921000310001010401\n< 9000\n"
    )
    (path / "other.txt").write_text("ATR 3B00\n")
    (path / "poster").mkdir()
    (path / "poster" / "pyproject.toml").write_text(
        '[project]\nname = "poster"\n'
        '[project.entry-points."jukicard.applets"]\nposter = "poster:Poster"\n'
    )
    (path / "poster" / "poster.py").write_text(POSTER)
    done = jukicard(["new", "--seed", "1", "card.juki"], path)
    assert done.returncode == 0, done.stderr
    return path


def jukicard(
    arguments: Sequence[str], folder: Path, redirected: str = "", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run it as a shell would, with its standard streams redirected."""
    (folder / "made.juki").unlink(missing_ok=True)
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirected}', "sh", *started(arguments)],
        cwd=folder,
        env={**quiet(), **environment},
        input=b"status\n",
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )


def started(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "jukicard", *arguments]


def quiet() -> dict[str, str]:
    """The environment without what concerns the output; Python then buffers it, as for users."""
    left_out = {"PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONUTF8"}
    paths = [path or os.getcwd() for path in sys.path]
    return {
        **{name: value for name, value in os.environ.items() if name not in left_out},
        "PYTHONPATH": os.pathsep.join(paths),
        "NO_COLOR": "1",
    }


def test_every_command_is_here() -> None:
    assert set(COMMANDS) <= {arguments[0] for arguments in RUNS.values()}


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("output", SHELL)
@pytest.mark.parametrize("name", [*RUNS, *REFUSING])
def test_output_that_cannot_be_written(
    folder: Path, name: str, output: str, unbuffered: str
) -> None:
    arguments = {**RUNS, **REFUSING}[name]
    done = jukicard(arguments, folder, SHELL[output], PYTHONUNBUFFERED=unbuffered)
    said = done.stderr.decode()
    assert done.returncode == 1, said
    assert said.startswith("jukicard: ")
    assert said.count("\n") == 1
    why = {"full": "No space left on device", "closed": "it is closed"}[output]
    assert f"standard output cannot be written: {why}" in said
    assert done.stdout == b""
    assert ("made.juki is made" in said) is (name == "new")
    assert (folder / "made.juki").exists() is (name == "new")


@pytest.mark.parametrize("name", RUNS)
def test_output_that_nobody_reads_any_more(folder: Path, name: str) -> None:
    (folder / "made.juki").unlink(missing_ok=True)
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        started(RUNS[name]),
        cwd=folder,
        env=quiet(),
        stdin=subprocess.DEVNULL,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    os.close(write)
    assert done.returncode == 1
    assert re.fullmatch(r"(jukicard: made\.juki is made, .*\n)?", done.stderr), done.stderr
    assert bool(done.stderr) is (name == "new")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", RUNS)
def test_every_sign_has_a_form_in_every_encoding(folder: Path, name: str, encoding: str) -> None:
    done = jukicard(RUNS[name], folder, PYTHONIOENCODING=encoding)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    said = done.stdout.decode(encoding)
    assert said
    assert "?" not in said.replace("(is pcscd with vsmartcard-vpcd running?)", "")


def test_what_the_user_chose_for_other_signs_stays(folder: Path) -> None:
    done = jukicard(RUNS["demo"], folder, PYTHONIOENCODING="ascii:backslashreplace")
    assert b"\\u2192" in done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "euc_jp"])
def test_a_file_whose_name_is_no_text(folder: Path, encoding: str) -> None:
    name = os.fsdecode(b"caf\xe9.juki")
    done = jukicard(["new", "--force", name], folder, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"caf\xe9.juki: juki-v1\n"
    assert jukicard(["inspect", name], folder, PYTHONIOENCODING=encoding).returncode == 0


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-", "2>/dev/full"])
@pytest.mark.parametrize("name", ["new", "inspect", "serve"])
def test_other_streams_that_are_closed(folder: Path, name: str, closed: str) -> None:
    done = jukicard(RUNS[name], folder, closed)
    assert done.stderr == b""
    assert b"juki" in done.stdout or b"listening" in done.stdout
    assert done.returncode == 0


def test_a_complaint_that_nobody_can_hear_has_its_exit_code(folder: Path) -> None:
    for closed in ("2>&-", "2>/dev/full", ">&- 2>&-", "<&- >&- 2>&-"):
        for arguments, code in ((["inspect", "none"], 1), (["fly"], 2), (["new", ""], 2)):
            done = jukicard(arguments, folder, closed)
            assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
def test_no_file_gets_the_number_of_a_closed_stream(folder: Path, closed: str) -> None:
    """A card's file would, and what is meant for the user would be written into it."""
    code = (
        "import os; from jukicard.cli.output import standard_output\n"
        "with standard_output(): os._exit(os.open('card.juki', os.O_RDWR))"
    )
    done = subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", code],
        cwd=folder,
        env=quiet(),
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 3


def test_the_demo_and_its_terminal_understand_each_other_in_every_encoding(folder: Path) -> None:
    done = jukicard(RUNS["demo"], folder, PYTHONIOENCODING="utf-16")
    assert (done.returncode, done.stderr) == (0, b"")
    assert "Every answer was as expected." in done.stdout.decode("utf-16")


def test_cards_are_served_on_when_their_log_cannot_be_written(folder: Path) -> None:
    with (
        kept_port() as port,
        open("/dev/full", "wb") as full,
        subprocess.Popen(
            started(["serve", "--vpcd-listen", f"127.0.0.1:{port}", "--control", "--trace"]),
            cwd=folder,
            env=quiet(),
            stdin=subprocess.PIPE,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        ) as served,
    ):
        assert served.stderr is not None
        assert "cannot be written: No space left" in served.stderr.readline()
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as reader:
            for _ in range(2):
                reader.sendall(b"\x00\x01\x04")  # what is its ATR?
                assert reader.recv(2 + 9, socket.MSG_WAITALL).hex() == "00093be000ff8131fe4514"
                reader.sendall(b"\x00\x01\x01" + b"\x00\x05" + bytes.fromhex("00A4000C00"))
                assert reader.recv(4, socket.MSG_WAITALL)[:2] == b"\x00\x02"
        more = rest_of(served, "status\nquit\n")[-1]
    assert (served.returncode, more) == (1, "")


def test_an_interrupt_has_the_code_that_shells_give_it(folder: Path) -> None:
    with subprocess.Popen(
        started(["demo"]),
        cwd=folder,
        env=quiet(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as told:
        assert told.stdout is not None
        while not told.stdout.readline().startswith("1. "):
            pass
        told.send_signal(signal.SIGINT)
        error = rest_of(told)[-1]
    assert (told.returncode, error) == (130, "jukicard: interrupted\n")
