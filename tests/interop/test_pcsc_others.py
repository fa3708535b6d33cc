"""Another program resets the card while jukihost works with it, or a person pulls it out.

The other program is a process of its own with nothing but pyscard: it connects shared, and lets go
of the card in one of the ways of PC/SC (part 5, SCardDisconnect).
"""

from __future__ import annotations

import subprocess
import sys
from typing import Self

import pytest

from jukicard import issue_card
from jukihost.channel import build_channel
from jukihost.conversation.refusals import PinNotVerified, TerminalNotAuthenticated
from jukihost.errors import CardRemoved, CardReset, NoCard, TransportError
from jukihost.models import Purpose
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.sessions.juki import JukiSession
from jukihost.transport.pcsc.connection import PcscConnection
from tests.support.host.custody import PublicMasters
from tests.support.interop.pcscd import Pcscd

CODE = "12345678903"
ATR = bytes.fromhex("3BE000FF8131FE4514")
SELECT_JUKI = bytes.fromhex("00A4040C0AD3921000310001010401")
OTHER = """
import sys
from smartcard import scard
result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
assert result == 0, result
result, card, _ = scard.SCardConnect(
    context, sys.argv[1], scard.SCARD_SHARE_SHARED,
    scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1)
assert result == 0, result
print("connected", flush=True)
sys.stdin.readline()
result = scard.SCardDisconnect(card, getattr(scard, sys.argv[2]))
assert result == 0, result
"""
BOTH_WAYS = pytest.mark.parametrize("way", ["SCARD_RESET_CARD", "SCARD_UNPOWER_CARD"])


class Other:
    """The other program; it has connected once this is made."""

    def __init__(self, reader: str, way: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OTHER, reader, way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "connected\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:  # closes its pipes
            self.process.kill()

    def begin(self) -> None:
        """Let it reset the card; that may take until others let go of it."""
        assert self.process.stdin is not None
        self.process.stdin.write("now\n")
        self.process.stdin.flush()

    def finish(self) -> None:
        """Wait until it has done it."""
        assert self.process.wait(60) == 0


def reset_by_other(reader: str, way: str) -> None:
    with Other(reader, way) as other:
        other.begin()
        other.finish()


def read_code(juki: JukiSession) -> str:
    juki.authenticate(Purpose.MOVE_IN, PublicMasters())
    juki.verify_pin("1234")
    return juki.read_code().reveal()


def check_that_nothing_reaches_the_card(
    connection: PcscConnection, error: type[TransportError]
) -> None:
    """Until it reconnects, every way to the card is the same error."""
    with pytest.raises(error):
        connection.transmit(SELECT_JUKI)
    with pytest.raises(error), connection.transaction():
        pass
    with pytest.raises(error):
        JukiSession(build_channel(connection)).open()


@BOTH_WAYS
def test_a_session_ends_with_a_typed_error_and_one_can_go_on(pcscd: Pcscd, way: str) -> None:
    reader = pcscd.insert(issue_card("juki-v1", seed=1, code=CODE))
    with PcscConnection(reader) as connection:
        juki = JukiSession(build_channel(connection)).open()
        assert read_code(juki) == CODE
        reset_by_other(reader, way)
        with pytest.raises(CardReset):
            juki.read_code()
        with pytest.raises(TerminalNotAuthenticated):  # its keys are gone
            juki.read_code()
        check_that_nothing_reaches_the_card(connection, CardReset)
        assert connection.reconnect() == ATR
        with pytest.raises(TerminalNotAuthenticated):
            juki.read_code()
        with JukiSession(build_channel(connection)) as again:
            assert read_code(again) == CODE


@BOTH_WAYS
def test_the_card_has_forgotten_the_pin(pcscd: Pcscd, way: str) -> None:
    reader = pcscd.insert(issue_card("mynumber", seed=1))
    with PcscConnection(reader) as connection:
        jpki = JpkiSession(build_channel(connection)).open()
        jpki.verify_pin("1234")
        signature = jpki.sign(JpkiKey.AUTHENTICATION, b"data")
        reset_by_other(reader, way)
        with pytest.raises(CardReset):
            jpki.sign(JpkiKey.AUTHENTICATION, b"data")
        connection.reconnect()
        jpki = JpkiSession(build_channel(connection)).open()
        with pytest.raises(PinNotVerified):
            jpki.sign(JpkiKey.AUTHENTICATION, b"data")
        jpki.verify_pin("1234")
        assert jpki.sign(JpkiKey.AUTHENTICATION, b"data") == signature


def test_it_has_to_wait_for_the_end_of_a_session(pcscd: Pcscd) -> None:
    reader = pcscd.insert(issue_card("juki-v1", seed=1, code=CODE))
    with PcscConnection(reader) as connection, Other(reader, "SCARD_RESET_CARD") as other:
        with JukiSession(build_channel(connection)) as juki:
            assert read_code(juki) == CODE
            other.begin()
            with pytest.raises(subprocess.TimeoutExpired):
                other.process.wait(0.3)
            assert juki.read_code().reveal() == CODE
        other.finish()
        check_that_nothing_reaches_the_card(connection, CardReset)
        connection.reconnect()
        with JukiSession(build_channel(connection)) as again:
            assert read_code(again) == CODE


def test_a_pulled_card_is_a_typed_error_and_one_can_go_on_when_it_is_back(pcscd: Pcscd) -> None:
    card = issue_card("juki-v1", seed=1, code=CODE)
    with PcscConnection(pcscd.insert(card)) as connection:
        juki = JukiSession(build_channel(connection)).open()
        assert read_code(juki) == CODE
        pcscd.remove()
        with pytest.raises(CardRemoved):
            juki.read_code()
        check_that_nothing_reaches_the_card(connection, CardRemoved)
        with pytest.raises(NoCard):
            connection.reconnect()
        pcscd.insert(card)
        assert connection.reconnect() == ATR
        with JukiSession(build_channel(connection)) as again:
            assert read_code(again) == CODE
