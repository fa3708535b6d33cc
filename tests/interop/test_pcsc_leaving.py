"""Two programs share a card through a real pcscd: the second cannot go on with the first one's PIN.

A thread with a context of its own stands for the other program: to pcscd it is one.
"""

from __future__ import annotations

import threading
import time

import pytest

from jukicard import issue_card
from jukihost.channel import build_channel
from jukihost.errors import CardReset
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.transport.pcsc.connection import AtClose, PcscConnection
from tests.support.interop.pcscd import Pcscd

SELECT_JPKI = bytes.fromhex("00A4040C0AD392F000260100000001")
SELECT_KEY = bytes.fromhex("00A4020C020017")
SIGN = bytes.fromhex("802A0080046461746100")


@pytest.mark.parametrize("contactless", [False, True])
def test_the_other_program_cannot_sign(pcscd: Pcscd, contactless: bool) -> None:
    pcscd.insert(issue_card("mynumber", seed=3, contactless=contactless))
    answers: list[bytes] = []
    connected, begun = threading.Event(), threading.Event()

    def other() -> None:
        with PcscConnection(pcscd.readers[0], at_close=AtClose.LEAVE) as connection:
            connected.set()
            assert begun.wait(60)
            while True:  # the way of every client: reconnect when another program reset the card
                try:
                    with connection.transaction():
                        for command in (SELECT_JPKI, SELECT_KEY, SIGN):
                            answers.append(connection.transmit(command))
                    return
                except CardReset:
                    answers.clear()
                    connection.reconnect()

    with PcscConnection(pcscd.readers[0], at_close=AtClose.LEAVE) as connection:
        channel = build_channel(connection)
        thread = threading.Thread(target=other)
        thread.start()
        assert connected.wait(60)
        with JpkiSession(channel) as jpki:
            begun.set()
            jpki.verify_pin("1234")
            time.sleep(0.3)  # the other one asks for the card, in vain
            assert not answers
            jpki.sign(JpkiKey.AUTHENTICATION, b"data")
        thread.join(60)
        assert not thread.is_alive()
        assert answers == [b"\x90\x00", b"\x90\x00", b"\x69\x82"]
        # and this program goes on without having to reconnect
        with JpkiSession(channel) as jpki:
            jpki.verify_pin("1234")
            jpki.sign(JpkiKey.AUTHENTICATION, b"data")


def test_the_transaction_lasts_until_the_card_has_forgotten(pcscd: Pcscd) -> None:
    """pcscd keeps the transaction over the reset in it: its end is a success."""
    pcscd.insert(issue_card("mynumber", seed=3))
    with PcscConnection(pcscd.readers[0]) as connection:
        with connection.transaction():
            connection.transmit(SELECT_JPKI)
            assert connection.forget() == connection.atr
            assert connection._module().SCardEndTransaction(connection._card, 0) == 0
            assert connection._module().SCardBeginTransaction(connection._card) == 0
        assert connection.transmit(SELECT_JPKI) == b"\x90\x00"
