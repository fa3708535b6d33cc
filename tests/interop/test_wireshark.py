"""Wireshark's own dissector decodes the trace of a session: each command and answer, the ATR."""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from jukicard import ApduTrace, LocalReader, TraceLevel, issue_card, write_trace
from jukihost import JukiSession, build_channel
from tests.support.interop.missing import require

pytestmark = pytest.mark.interop
NOON = datetime.datetime(2026, 4, 1, 12, tzinfo=datetime.UTC)


def decoded(trace: ApduTrace, folder: Path) -> list[dict[str, Any]]:
    """Return what tshark says of each packet, its layers by their names."""
    require("Wireshark", [] if shutil.which("tshark") else ["tshark"])
    (folder / "trace.pcapng").write_bytes(write_trace(trace, "pcapng"))
    done = subprocess.run(
        ["tshark", "-r", "trace.pcapng", "-T", "json", "--no-duplicate-keys"],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=120,
        env={"HOME": str(folder), "PATH": "/usr/sbin:/usr/bin:/bin", "TZ": "UTC"},
    )
    assert done.returncode == 0, done.stderr
    return [packet["_source"]["layers"] for packet in json.loads(done.stdout)]


def session(level: TraceLevel) -> ApduTrace:
    trace = ApduTrace(level, title="a session", clock=lambda: NOON)
    with LocalReader(issue_card(seed=1)) as reader:
        trace.reset(reader.atr)
        with JukiSession(build_channel(reader, observer=trace)) as juki:
            juki.verify_pin("1234")
            trace.comment("the PIN was right")
            juki.pin_retries()
    return trace


def test_every_packet_is_decoded(tmp_path: Path) -> None:
    packets = decoded(session(TraceLevel.FULL), tmp_path)
    commands = [layers["iso7816"] for layers in packets if "iso7816" in layers]
    assert len(packets) == len(session(TraceLevel.FULL).events) > 10
    assert sum("iso7816.atr" in layers for layers in packets) == 2
    assert len(commands) == len(packets) - 2
    assert not any("_ws.malformed" in layers for layers in packets)
    instructions = [it["iso7816.apdu.ins"] for it in commands if "iso7816.apdu.ins" in it]
    assert instructions == ["0xa4", "0xa4", "0x20", "0xa4", "0x20", "0xa4"]
    assert commands[4]["iso7816.apdu.body"] == "31:32:33:34"
    statuses = [it["iso7816.apdu.sw1"] for it in commands if "iso7816.apdu.sw1" in it]
    assert statuses == ["0x90", "0x90", "0x90", "0x90", "0x63", "0x90"]
    assert {layers["frame"]["frame.time_epoch"] for layers in packets} == {
        f"{NOON.timestamp():.9f}"
    }


def test_what_is_hidden_is_said_to_be(tmp_path: Path) -> None:
    packets = decoded(session(TraceLevel.REDACTED), tmp_path)
    said = json.dumps(packets)
    assert "4 bytes hidden, shown as 00" in said
    assert "the PIN was right" in said
    assert "a session" in said
    assert "31:32:33:34" not in said
    assert packets[5]["iso7816"]["iso7816.apdu.body"] == "00:00:00:00"
