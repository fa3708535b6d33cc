"""A PC/SC reader is watched: a card that comes and goes, and a card in use that is left alone."""

from __future__ import annotations

import threading

import pytest

from jukicard import issue_card
from jukihost.transport.pcsc.connection import PcscConnection
from jukihost.workflows.watching import Watch
from tests.support.interop.pcscd import Pcscd

pytestmark = [pytest.mark.interop, pytest.mark.xdist_group("pcscd")]
SELECT = bytes.fromhex("00A4040C0AD3921000310001010401")
VERIFY = bytes.fromhex("0020009C0431323334")


def test_a_card_is_seen_to_come_and_to_go(pcscd: Pcscd) -> None:
    watch = Watch(lambda: PcscConnection(pcscd.readers[0]), threading.Lock())
    assert not watch.wait(True, 0.0)
    coming = threading.Timer(0.4, pcscd.insert, [issue_card("juki-v1", seed=1)])
    coming.start()
    assert watch.wait(True, 20)
    coming.join()
    assert not watch.wait(False, 0.3)
    pcscd.remove()
    assert watch.wait(False, 20)


def test_a_card_that_another_program_works_with_is_left_alone(pcscd: Pcscd) -> None:
    card = issue_card("juki-v1", seed=1)
    pcscd.insert(card)
    watch = Watch(lambda: PcscConnection(pcscd.readers[0]), threading.Lock())
    with PcscConnection(pcscd.readers[0], wait=10) as working, working.transaction():
        working.transmit(SELECT)
        assert working.transmit(VERIFY) == b"\x90\x00"
        assert watch.wait(True, 5)
        [channel] = card.channels
        assert channel.state is not None
        assert channel.state.security.verified, "what was proven is proven still"
        assert working.transmit(VERIFY) == b"\x90\x00"
    pcscd.remove()
