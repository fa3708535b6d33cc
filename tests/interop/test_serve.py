"""`jukicard serve` as a program of its own, in the reader of a real pcscd."""

from __future__ import annotations

import subprocess
import time

from jukihost.transport.pcsc.connection import list_readers
from tests.support.interop.pcscd import Pcscd
from tests.support.interop.served import Serve
from tests.support.interop.startup import seconds_until_present

ATR = "3BE000FF8131FE4514"


def test_the_card_is_there_soon_and_answers_opensc(pcscd: Pcscd, serve: Serve) -> None:
    begun = time.perf_counter()
    served = serve("juki-v1:1", "--control", "--trace")
    pcscd.wait_for_card()
    assert time.perf_counter() - begun < 5
    select = "00:A4:04:00:0A:D3:92:10:00:31:00:01:01:04:01:00"
    said = subprocess.run(
        [
            "opensc-tool",
            "-r",
            "0",
            "--card-driver",
            "default",
            "-s",
            select,
            "-s",
            "00:A4:02:0C:02:00:1C",
            "-s",
            "00:20:00:80:04:39:39:39:39",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert said.count("SW1=0x90, SW2=0x00") == 2
    assert "SW1=0x63, SW2=0xC2" in said
    served.type("quit")
    code, shown = served.end()
    assert code == 0
    assert "slot 0: juki-v1:1 is in the reader at localhost:35963" in shown
    assert "VERIFY" in shown
    assert "39393939" not in shown.replace(" ", "")
    pcscd.wait_for_card(present=False)


def test_pulled_and_put_back_by_typed_commands(pcscd: Pcscd, serve: Serve) -> None:
    served = serve("juki-v1:1", "--control")
    pcscd.wait_for_card()
    served.type("remove")
    pcscd.wait_for_card(present=False)
    served.type("insert")
    pcscd.wait_for_card()
    served.type("quit")
    code, shown = served.end()
    assert code == 0
    assert "slot 0: juki-v1:1 removed\nslot 0: juki-v1:1 inserted\n" in shown


def test_two_cards_in_two_slots(pcscd: Pcscd, serve: Serve) -> None:
    serve("juki-v1:1", "juki-v1:2")
    pcscd.wait_for_card(0)
    pcscd.wait_for_card(1)
    atrs = [reader.atr.hex().upper() for reader in list_readers() if reader.atr]
    assert atrs == [ATR, ATR]


def test_a_killed_card_is_a_removed_card(pcscd: Pcscd, serve: Serve) -> None:
    served = serve("juki-v1:1")
    pcscd.wait_for_card()
    served.process.kill()
    pcscd.wait_for_card(present=False)


def test_the_startup_measurement_finds_a_card() -> None:
    assert 0 < seconds_until_present("juki-v1:1") < 10
