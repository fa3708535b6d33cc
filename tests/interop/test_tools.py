"""Debian's own tools, as a person types them, see the reader, the card and its answers."""

from __future__ import annotations

import re
import subprocess

from tests.support.interop.pcscd import Pcscd
from tests.support.interop.served import Serve
from tests.support.readers.echo_card import EchoCard

ATR = "3BE000FF8131FE4514"
SPACED_ATR = "3B E0 00 FF 81 31 FE 45 14"


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_opensc_tool_lists_the_readers(pcscd: Pcscd) -> None:
    pcscd.insert(EchoCard())
    lines = run("opensc-tool", "-l").splitlines()
    assert [line.split(maxsplit=2) for line in lines[2:]] == [
        ["0", "Yes", "Virtual PCD 00 00"],
        ["1", "No", "Virtual PCD 00 01"],
    ]


def test_opensc_tool_reads_the_atr(pcscd: Pcscd) -> None:
    pcscd.insert(EchoCard())
    assert run("opensc-tool", "-r", "0", "--atr").replace(":", "").strip().upper() == ATR


def test_opensc_tool_sends_commands(pcscd: Pcscd) -> None:
    pcscd.insert(EchoCard())
    said = run(
        "opensc-tool",
        "-r",
        "0",
        "--card-driver",
        "default",
        "-s",
        "00:01:02:03",
        "-s",
        "00:B0:00:00:10",
    )
    assert said.count("Received (SW1=0x90, SW2=0x00)") == 2
    assert "00 01 02 03" in said


def scanned(*options: str) -> str:
    """Return what pcsc_scan shows until it has come to the second reader, without colours."""
    with subprocess.Popen(
        ["pcsc_scan", *options], stdout=subprocess.PIPE, text=True, stderr=subprocess.STDOUT
    ) as scan:
        assert scan.stdout is not None
        said = ""
        try:
            # It never ends by itself, and shows the readers one after the other.
            while "00 01" not in said or "Card removed" not in said:
                line = scan.stdout.readline()
                assert line, said
                said += line
        finally:
            scan.terminate()
    return re.sub(r"\x1b\[[\d;]*m", "", said)


def test_pcsc_scan_shows_reader_card_and_atr(pcscd: Pcscd) -> None:
    pcscd.insert(EchoCard())
    said = scanned("-n")
    assert "Virtual PCD 00 00" in said
    assert "Card inserted" in said
    assert f"ATR: {SPACED_ATR}" in said


def test_the_tools_see_the_card_of_the_command_line(pcscd: Pcscd, serve: Serve) -> None:
    """The command as the demo tells it, and what a person then looks at."""
    serve("--profile", "juki-v1", "--seed", "1", "--vpcd", "localhost:35963")
    pcscd.wait_for_card()
    assert [line.split(maxsplit=2) for line in run("opensc-tool", "-l").splitlines()[2:]] == [
        ["0", "Yes", "Virtual PCD 00 00"],
        ["1", "No", "Virtual PCD 00 01"],
    ]
    assert run("opensc-tool", "-a").strip() == SPACED_ATR.replace(" ", ":").lower()
    said = scanned()
    first, _, second = said.partition("Reader 1: Virtual PCD 00 01")
    assert "Reader 0: Virtual PCD 00 00" in first
    assert "Card inserted" in first
    assert "Card inserted" not in second
    assert f"ATR: {SPACED_ATR}" in first
    assert "TCK = 14 (correct checksum)" in first
