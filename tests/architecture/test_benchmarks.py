"""The benchmarks still run; how long anything took is nobody's business here."""

from __future__ import annotations

import platform
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import interpreter

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("part", "rows"),
    [
        ("inprocess", ["SELECT EF", "READ BINARY 256", "GET CHALLENGE", "VERIFY", "Refusals"]),
        ("kept", ["opening, the file open already", "power on", "a try lands (put_now)"]),
        ("testers", ["What juki_card costs", "with the plugin, unused", "40 tests, -n 2"]),
        ("page", ["What the bench costs an exchange", "READ RECORD, refused"]),
        ("startup", ["until the reader has the ATR", "fork, power on", "every application used"]),
    ],
)
def test_a_quick_look(part: str, rows: list[str]) -> None:
    """The parts that need no reader, briefly; each checks the answers it measures."""
    done = run("--quick", part)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(interpreter.build() + "\n")
    for row in rows:
        assert row in done.stdout, done.stdout


def test_the_ledger_is_looked_at_with_a_hundred_thousand_cards() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.ledger", "--cards", "100000", "--no-server"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for row in ("100,000 cards on a file", "look-up by card", "a change, durable"):
        assert row in done.stdout, done.stdout


def test_identification_is_measured() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.identify", "--times", "5"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "identify, from card present to result" in done.stdout


def test_bulk_issue_is_measured_against_key_generation() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bulk", "--cards", "4"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "its key generation alone" in done.stdout


def test_the_stored_log_holds_a_hundred_thousand_entries() -> None:
    """Verified; 100 of them disclosed and 100 proven, and each checked as who receives it does."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.uselog", "--entries", "100000", "--leaves", "100000",
         "--no-server"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for row in ("sequenced:", "verified:", "disclosure of 100 entries:", "inclusion proof:"):
        assert row in done.stdout, done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("'--enable-shared'", "PGO no, LTO no"),
        ("'--enable-optimizations' '--with-lto'", "PGO yes, LTO yes"),
        ("'--prefix=/x' '--enable-optimizations'", "PGO yes, LTO no"),
        ("--with-lto=full", "PGO no, LTO yes"),
        ("--with-lto=thin,foo", "PGO no, LTO yes"),
        ("--with-lto=no --enable-optimizations=no", "PGO no, LTO no"),
        ("--with-lto --with-lto=no", "PGO no, LTO no"),
        ("--with-ltoo CFLAGS=-x--with-lto", "PGO no, LTO no"),
        ("", "PGO no, LTO no"),
    ],
)
def test_the_build_of_python_is_told(arguments: str, says: str) -> None:
    told = interpreter.build({"CONFIG_ARGS": arguments, "PY_CFLAGS": "-O2 -g -O3 -Wall"})
    assert told == (
        f"{platform.python_implementation()} {platform.python_version()}, "
        f"built with {platform.python_compiler()} -O3, configured with {says}"
    )


def test_a_build_that_does_not_tell_how_it_was_made() -> None:
    assert interpreter.build({}).endswith(", how it was configured is not told")


def test_the_transaction_is_what_it_says() -> None:
    """Both ends of the secure part, once, without a clock."""
    work = (
        "import sys; sys.path[:0] = ['.', 'host']\n"
        "from benchmarks import secure, signature\n"
        "from dataclasses import replace\n"
        "from jukicard import PROFILES, issue_card\n"
        "assert signature.BITS == (1024, 2048)\n"
        "for bits in signature.BITS:\n"
        "    profile = replace(PROFILES['juki-v1'], rsa_bits=bits)\n"
        "    card = issue_card(profile, seed=1, pin='1234')\n"
        "    card.power_on()\n"
        "    for work in secure._works(card.transmit).values():\n"
        "        work()\n"
        "    command, start = signature._command(card)\n"
        "    assert len(signature._Ready(card.transmit, start, command)()) == bits // 8 + 2\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", work], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("given", "size"), [((), 128), (("256",), 256)])
def test_the_bare_card_answers_as_many_bytes_as_a_signature_has(
    given: tuple[str, ...], size: int
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reader:
        place = ("127.0.0.1", str(reader.getsockname()[1]))
        card = subprocess.Popen(
            [sys.executable, "benchmarks/bare_card.py", *place, *given], cwd=ROOT
        )
        reader.settimeout(20)
        link, _ = reader.accept()
        with link, link.makefile("rb") as answers:
            for ins, expected in ((0x2A, size), (0xB0, 256), (0x84, 8), (0xA4, 0)):
                link.sendall(bytes((0, 5, 0, ins, 0, 0, 0)))
                length = int.from_bytes(answers.read(2), "big")
                assert length == expected + 2
                assert answers.read(length)[-2:] == b"\x90\x00"
        assert card.wait(60) == 0


def test_a_card_is_compared_with_a_recording() -> None:
    """What of the comparison needs neither vicc nor the one pcscd of a machine."""
    work = (
        "import sys; sys.path[:0] = ['.', 'host']\n"
        "from benchmarks import comparison\n"
        "from benchmarks.timing import Effort\n"
        "print(comparison.mock(Effort(rounds=1, seconds=0.01)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", work], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "a session of three exchanges" in done.stdout


def test_an_unknown_part_is_refused() -> None:
    done = run("no-such-part")
    assert done.returncode == 2
    assert "inprocess" in done.stderr
