"""Ctrl-C inside `close`: what is left to itself then is waited for as what a bound left is."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from jukihost.errors import CardBusy
from jukihost.transport.pcsc.connection import PcscConnection
from tests.support.host.blocking_scard import BlockingScard
from tests.support.host.fake_scard import FakeReader
from tests.support.stalls import Within

ATR = bytes.fromhex("3BE000FF8131FE4514")
BOUND = 0.2


@pytest.mark.parametrize("call", ["SCardDisconnect", "SCardReleaseContext"])
def test_the_next_open_waits_until_the_card_is_let_go_of(call: str) -> None:
    scard = BlockingScard([FakeReader("ACS ACR39U", ATR)])
    connection = PcscConnection(scard=scard)
    connection.open()

    def press() -> None:
        end = time.monotonic() + 60
        while call not in scard.kept and time.monotonic() < end:
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    presser = threading.Thread(target=press)
    try:
        with scard.stuck(call):
            presser.start()
            with pytest.raises(KeyboardInterrupt):
                connection.close()
            connection._timeout = BOUND
            with pytest.raises(CardBusy), Within(BOUND):
                connection.open()
    finally:
        presser.join()
        signal.signal(signal.SIGINT, before)
    connection._timeout = 20
    with connection:  # which waits for it
        assert connection.atr == ATR
        assert (scard.contexts, scard.connected) == (1, 1)
    assert (scard.contexts, scard.connected) == (0, 0)
