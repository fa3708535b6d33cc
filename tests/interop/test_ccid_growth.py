"""A serial reader that libccid uses for long: exchanges, resets and swaps leave nothing behind."""

from __future__ import annotations

import gc
import os
import sys
import threading
from pathlib import Path

import pytest

from jukicard import issue_card
from jukicard.transport.ccid.place import reader_entry
from jukicard.transport.ccid.serial import SerialReader
from tests.support import counted, soak
from tests.support.interop.ccid import CcidDaemon, missing_parts
from tests.support.interop.missing import require

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("ccid")]
COMMANDS = [
    bytes.fromhex(command)
    for command in ("00A4040C0AD392F000260100000001", "00A4020C020002", "00B0000000", "0084000008")
]
WARM = 1_000
KILOBYTE = 1_024


def held() -> tuple[int, int, int]:
    """Return the blocks that this process has allocated, its threads and its open files."""
    gc.collect()
    return sys.getallocatedblocks(), threading.active_count(), len(os.listdir("/proc/self/fd"))


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_exchanges_leave_nothing_behind(tmp_path: Path) -> None:
    require("reader driver", missing_parts())
    card, link = issue_card("juki-v1", seed=1), str(tmp_path / "line")
    entry = {"Growth": reader_entry("Growth", link, "GemPCTwin")}
    with SerialReader(card, link) as reader, CcidDaemon(tmp_path, entry) as daemon:
        terminal, slot, [name] = daemon.terminal, reader.slots[0], daemon.readers

        def use(times: int) -> None:
            for number in range(times):
                if number % 1_000 == 0:
                    terminal.disconnect()
                    slot.remove()
                    terminal.wait_for(name, present=False)
                    slot.insert(card)
                    terminal.wait_for(name, present=True)
                    terminal.connect(name)
                elif number % 100 == 0:
                    terminal.power_cycle()
                terminal.transmit(COMMANDS[number % len(COMMANDS)])

        use(WARM)
        exchanges = soak.times(2_000, soak=100_000)
        (blocks, *counts), memory = held(), resident()
        use(exchanges)
        (blocks_now, *counts_now), memory_now = held(), resident()
        grown = f"{blocks_now - blocks} blocks, {(memory_now - memory) // KILOBYTE} KiB"
        counted.tell(f"growth: {exchanges} exchanges through libccid: {grown}")
        assert counts_now == counts
        assert blocks_now - blocks < 500
        assert memory_now - memory < 4_096 * KILOBYTE
