"""SCP03 sessions of the terminal against a naive card: levels, lengths, key sizes, and attacks.

The published sessions are in tests/unit/host_authentication/test_scp03.py; this vouches for the
levels and lengths that nobody published, with a card written from the specification alone.
"""

from __future__ import annotations

from itertools import product

import pytest

from jukicard.apdu import CommandApdu, ResponseApdu, StatusWord
from jukihost.authentication.scp03 import authenticate
from jukihost.errors import SecureMessagingError
from jukihost.keys.issuer import IssuerKeys
from jukihost.securemessaging import AnswerNotAuthentic, SecureChannel, SessionOver
from jukihost.securemessaging.scp03 import Scp03Session, SecurityLevel
from jukihost.securemessaging.session import MAX_COMMANDS
from tests.support.naive.scp03_card import Scp03Card

SIZES = (16, 24, 32)
VARIANTS = (0x60, 0x61, 0x70, 0x71)
WITH_R_MAC = [level for level in SecurityLevel if level & 0x10]
OVER = [0x6882, 0x6982, 0x6987, 0x6988]
GET_STATUS = CommandApdu(0x80, 0xF2, 0x40, 0x02, b"\x4f\x00", 256)


def keys_of(size: int) -> IssuerKeys:
    k_enc, k_mac, k_dek = (bytes(range(at, at + size)) for at in (0x10, 0x50, 0x90))
    return IssuerKeys(k_enc, k_mac, k_dek, version=1)


class Echo:
    """Answers with the data it got, or as told; remembers what it was asked inside."""

    def __init__(self) -> None:
        self.seen: list[CommandApdu] = []
        self.answer: ResponseApdu | None = None

    def __call__(self, command: CommandApdu) -> ResponseApdu:
        self.seen.append(command)
        return (
            ResponseApdu(command.data, StatusWord(0x9000)) if self.answer is None else self.answer
        )


class Pair:
    """A session and its card; `alter` may change what goes over the wire."""

    def __init__(
        self, level: SecurityLevel = SecurityLevel.FULL, variant: int = 0x70, size: int = 16
    ) -> None:
        keys = keys_of(size)
        self.echo = Echo()
        self.card = Scp03Card(keys.k_enc, keys.k_mac, self.echo, variant)
        self.session = authenticate(self.card, keys, level=level, variant=variant)
        self.channel = SecureChannel(self.card, self.session)

    def exchange(self, command: CommandApdu) -> tuple[CommandApdu, ResponseApdu]:
        protected = self.session.protect(command)
        return protected, self.card.transmit(protected)


@pytest.mark.parametrize(
    ("level", "variant", "size"),
    list(product(SecurityLevel, VARIANTS, SIZES)),
    ids=lambda value: f"{value:02X}" if isinstance(value, int) else None,
)
def test_every_length_goes_there_and_back(level: SecurityLevel, variant: int, size: int) -> None:
    pair = Pair(level, variant, size)
    for length in [*range(pair.session.short_data + 2), 255, 256, 300, 4096]:
        command = CommandApdu(0x80, 0xE2, 0x90, length & 0xFF, bytes(length), 256)
        protected = pair.session.protect(command)
        assert protected.extended == (length > pair.session.short_data)
        answer = pair.session.unprotect(pair.card.transmit(protected), command)
        assert (answer.data, answer.status) == (bytes(length), 0x9000)
        assert pair.echo.seen[-1].data == command.data


@pytest.mark.parametrize("level", SecurityLevel)
def test_what_is_hidden_and_what_is_not(level: SecurityLevel) -> None:
    pair = Pair(level)
    secret = bytes(range(0x40, 0x60))
    protected, answer = pair.exchange(CommandApdu(0x80, 0xE2, 0x90, 0, secret, 256))
    assert (secret in protected.data) == (not level & 0x02)
    assert (secret in answer.data) == (not level & 0x20)
    assert (len(answer.data) > len(secret)) == bool(level & 0x10)


@pytest.mark.parametrize("value", range(256), ids=lambda value: f"{value:02X}")
def test_every_class_byte_has_its_protected_form_or_none(value: int) -> None:
    # Card Specification 2.3.1, 11.1.4: bit 3, on further channels bit 6
    pair = Pair()
    if value in (0xDF, 0xFF) or value & 0x60 in (0x20, 0x60) or value & 0x4C in (0x04, 0x08, 0x0C):
        with pytest.raises(ValueError, match="protected already, or cannot be"):
            pair.session.protect(CommandApdu(value, 0xCA, 0, 0x66))
        value = 0x80  # the session goes on
    command = CommandApdu(value, 0xCA, 0, 0x66, ne=256)
    protected, answer = pair.exchange(command)
    assert protected.cla.value == value | (0x20 if value & 0x40 else 0x04)
    assert pair.session.unprotect(answer, command).status == 0x9000
    assert pair.echo.seen[-1].cla.value == value


@pytest.mark.parametrize("level", WITH_R_MAC)
@pytest.mark.parametrize("variant", [0x70, 0x71])
def test_no_changed_answer_is_believed(level: SecurityLevel, variant: int) -> None:
    """Each bit of data, MAC and status; each length; status without the rest."""
    whole = len(Pair(level, variant).exchange(GET_STATUS)[1].encode())
    for bit in range(8 * whole):
        pair = Pair(level, variant)
        _, answer = pair.exchange(GET_STATUS)
        raw = bytearray(answer.encode())
        raw[bit // 8] ^= 1 << bit % 8
        with pytest.raises(AnswerNotAuthentic):
            pair.session.unprotect(ResponseApdu.parse(bytes(raw)), GET_STATUS)
        assert not pair.session.alive
    for size in range(whole - 2):
        pair = Pair(level, variant)
        _, answer = pair.exchange(GET_STATUS)
        with pytest.raises(AnswerNotAuthentic):
            pair.session.unprotect(ResponseApdu(answer.data[:size], StatusWord(0x9000)), GET_STATUS)


def test_no_answer_of_another_command_is_believed() -> None:
    pair = Pair()
    _, first = pair.exchange(GET_STATUS)
    pair.session.unprotect(first, GET_STATUS)
    pair.exchange(GET_STATUS)
    with pytest.raises(AnswerNotAuthentic):
        pair.session.unprotect(first, GET_STATUS)
    with pytest.raises(SessionOver, match="authenticate again"):
        pair.session.protect(GET_STATUS)


@pytest.mark.parametrize("level", SecurityLevel)
@pytest.mark.parametrize("status", range(0x6200, 0x7000, 0x11))
def test_a_refusal_comes_plain_and_the_session_goes_on(level: SecurityLevel, status: int) -> None:
    pair = Pair(level)
    pair.echo.answer = ResponseApdu(b"", StatusWord(status))
    assert pair.channel.transmit(GET_STATUS).status == status
    over = status in OVER
    assert pair.session.alive == (not over)
    pair.echo.answer = None
    if not over:
        assert pair.channel.transmit(GET_STATUS).data == GET_STATUS.data


@pytest.mark.parametrize("status", OVER)
def test_a_card_that_does_not_believe_the_session_ends_it(status: int) -> None:
    pair = Pair()
    pair.echo.answer = ResponseApdu(b"", StatusWord(status))
    assert pair.channel.transmit(GET_STATUS).status == status
    with pytest.raises(SessionOver, match=f"{status:04X}"):
        pair.channel.transmit(GET_STATUS)


@pytest.mark.parametrize("level", WITH_R_MAC)
def test_a_refusal_with_data_is_not_believed(level: SecurityLevel) -> None:
    pair = Pair(level)
    pair.echo.answer = ResponseApdu(b"\x01", StatusWord(0x6A80))
    with pytest.raises(AnswerNotAuthentic, match="refusal"):
        pair.channel.transmit(GET_STATUS)
    assert not pair.session.alive


@pytest.mark.parametrize("level", WITH_R_MAC)
def test_a_warning_is_proven_like_success(level: SecurityLevel) -> None:
    pair = Pair(level)
    pair.echo.answer = ResponseApdu(b"\x01\x02", StatusWord(0x6310))
    answer = pair.channel.transmit(GET_STATUS)
    assert (answer.data, answer.status) == (b"\x01\x02", 0x6310)
    pair.session.protect(GET_STATUS)
    with pytest.raises(AnswerNotAuthentic):
        pair.session.unprotect(ResponseApdu(b"", StatusWord(0x6310)), GET_STATUS)


def test_a_command_that_is_lost_leaves_no_session() -> None:
    pair = Pair()

    class Cut:
        def transmit(self, command: CommandApdu) -> ResponseApdu:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SecureChannel(Cut(), pair.session).transmit(GET_STATUS)
    with pytest.raises(SessionOver):
        pair.session.protect(GET_STATUS)


def test_commands_and_answers_come_in_turn() -> None:
    pair = Pair()
    pair.session.protect(GET_STATUS)
    with pytest.raises(SessionOver, match="before the last one was answered"):
        pair.session.protect(GET_STATUS)
    pair = Pair()
    with pytest.raises(SessionOver, match="not asked"):
        pair.session.unprotect(ResponseApdu(bytes(8), StatusWord(0x9000)), GET_STATUS)


def test_a_replayed_or_dropped_command_is_noticed_by_the_card() -> None:
    pair = Pair()
    protected, answer = pair.exchange(GET_STATUS)
    pair.session.unprotect(answer, GET_STATUS)
    assert pair.card.transmit(protected).status == 0x6982
    pair = Pair()
    pair.session.protect(GET_STATUS)
    pair.session.unprotect(
        ResponseApdu(b"", StatusWord(0x6A88)), GET_STATUS
    )  # the card never saw it
    assert pair.exchange(GET_STATUS)[1].status == 0x6982


def test_the_session_ends_at_its_limit() -> None:
    pair = Pair()
    pair.session._commands = MAX_COMMANDS - 1
    assert pair.channel.transmit(GET_STATUS).status == 0x9000
    with pytest.raises(SessionOver, match="as many commands"):
        pair.channel.transmit(GET_STATUS)


def test_a_malformed_padding_is_refused_only_after_the_mac() -> None:
    """A card with the right keys that pads wrongly: nobody without them gets this far."""
    for wrong in (bytes(16), b"\x01" * 16, b"\x81" + bytes(15)):
        pair = Pair()
        pair.session.protect(GET_STATUS)
        keys = pair.session._keys
        assert keys is not None
        block = keys.cbc.encrypt(bytes(16), (0x80 << 120 | 1).to_bytes(16, "big"))
        data = keys.cbc.encrypt(block, wrong)
        mac = keys.response_mac(pair.session._mac + data + b"\x90\x00")[:8]
        with pytest.raises(AnswerNotAuthentic, match="padding"):
            pair.session.unprotect(ResponseApdu(data + mac, StatusWord(0x9000)), GET_STATUS)


@pytest.mark.parametrize("size", [0, 7, 9, 32])
def test_macs_have_eight_bytes_or_sixteen(size: int) -> None:
    with pytest.raises(ValueError, match="8 or 16"):
        Scp03Session(bytes(16), bytes(16), bytes(16), mac_bytes=size)


def test_nothing_is_sent_after_the_end() -> None:
    pair = Pair()
    pair.channel.end()
    with pytest.raises(SecureMessagingError, match="it was ended"):
        pair.channel.transmit(GET_STATUS)
    assert pair.echo.seen == []
    assert not pair.session.alive
    pair.session.end("twice")
    assert "it was ended" in repr(pair.session)
