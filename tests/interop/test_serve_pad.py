"""`jukicard serve --ccid --keypad`, the unmodified libccid, `jukihost`, and a person at the keys.

A model with keys takes a second to come up, so all of it uses one reader.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from jukicard.transport.ccid.place import reader_entry
from jukihost.transport.pcsc.features import PinProperties
from tests.support.interop.ccid import CcidDaemon, missing_parts
from tests.support.interop.missing import require
from tests.support.interop.pad_holder import Holder
from tests.support.readers.served import SECONDS, Served

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("ccid")]
NAME = "Keys"


class Desk(NamedTuple):
    """The program with the window, and the daemon in front of it."""

    at: Served
    daemon: CcidDaemon


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    require("reader driver", missing_parts())
    folder = tmp_path_factory.mktemp("keys")
    at = Served(folder, "--keypad", card="mynumber:1")
    try:
        at.wait_for("start it now")
        with CcidDaemon(folder, {NAME: reader_entry(NAME, at.link, "GemPCPinPad")}) as daemon:
            yield Desk(at, daemon)
    finally:
        at.close()


def test_libccid_s_features_are_typed_values(desk: Desk) -> None:
    holder = Holder(desk.daemon.socket)
    try:
        codes, pin, others = holder.features(NAME)
    finally:
        holder.close()
    assert codes == {
        "VERIFY_PIN_DIRECT": 0x42330006,
        "MODIFY_PIN_DIRECT": 0x42330007,
        "IFD_PIN_PROPERTIES": 0x4233000A,
        "GET_TLV_PROPERTIES": 0x42330012,
    }
    assert pin == PinProperties(display=0, validation=2, second_timeout=False)  # OK ends an entry
    told = others["firmware"], others["vendor"], others["product"], others["longest_apdu"]
    assert told == ("jukicard 1.00", 0x08E6, 0x3478, 65_536)


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ("0000\r", 1, "2 tries left"),
        ("12\x1b", 1, "6401 of the reader"),
        ("1234\r", 0, ""),
    ],
    ids=["wrong", "Esc", "right"],
)
def test_the_holder_types_at_the_window(desk: Desk, typed: str, code: int, words: str) -> None:
    desk.at.screen = b""
    with subprocess.Popen(
        [sys.executable, "-m", "jukihost", "pin", "verify", "--pad", "--reader", NAME],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PCSCLITE_CSOCK_NAME": desk.daemon.socket},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            desk.at.wait_for("暗証番号を入力")
            desk.at.type(typed)
            out, told = program.communicate(timeout=SECONDS)
        finally:
            program.kill()
    desk.at.wait_for("PIN pad: " + ("cancelled" if "\x1b" in typed else "done"))
    assert (program.returncode, words in told) == (code, True), out + told
    digits = typed[:4].encode().hex()
    assert digits not in (out + told + desk.daemon.log).replace(" ", "")
