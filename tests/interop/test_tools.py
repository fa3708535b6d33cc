"""Debian's own tools, as a person types them, see the reader, the card and its answers."""

from __future__ import annotations

import re
import subprocess

from tests.support.echo_card import EchoCard
from tests.support.pcscd import Pcscd

ATR = "3BE000FF8131FE4514"


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


def test_pcsc_scan_shows_reader_card_and_atr(pcscd: Pcscd) -> None:
    pcscd.insert(EchoCard())
    with subprocess.Popen(
        ["pcsc_scan", "-n"], stdout=subprocess.PIPE, text=True, stderr=subprocess.STDOUT
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
    assert "Virtual PCD 00 00" in said
    assert "Card inserted" in said
    assert re.sub(r"\W", "", ATR) in re.sub(r"\s|\x1b\[[\d;]*[mA-Z]", "", said)
