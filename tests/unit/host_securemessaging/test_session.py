"""The rules of the terminal's secure session: what is sent, what is believed, what ends it."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

from jukicard.apdu import ClassByte, CommandApdu, ResponseApdu, Tlv
from jukihost.errors import CardError, TransportError
from jukihost.securemessaging import (
    AnswerNotAuthentic,
    Iso7816Session,
    SecureChannel,
    SessionOver,
)
from jukihost.securemessaging.session import (
    SessionLimit,
)
from tests.unit.host_securemessaging.pairs import (
    CIPHERS,
    K_ENC,
    K_MAC,
    READ,
    READ_ODD,
    UPDATE,
    Card,
    pair,
)


@pytest.mark.parametrize("name", CIPHERS)
def test_integrity_only_shows_the_data_and_lets_the_answer_be_plain(name: str) -> None:
    for command, tag in ((UPDATE, 0x81), (READ_ODD, 0xB3)):
        for plain in (True, False):
            session, card, cipher = pair(name)
            protected = session.protect(command, encrypt=False)
            assert Tlv.parse_all(protected.data)[0] == Tlv(tag, command.data)
            assert card.unwrap(protected) == command
            answer = card.wrap(ResponseApdu(b"answer"), odd=bool(command.ins % 2), plain=plain)
            assert session.unprotect(answer, command).data == b"answer"
            assert cipher.decrypted == (0 if plain else 1)


def test_an_encrypted_command_takes_no_plain_answer() -> None:
    for command in (READ, READ_ODD):
        session, card, _ = pair("AES")
        card.unwrap(session.protect(command))
        answer = card.wrap(ResponseApdu(b"answer"), odd=bool(command.ins % 2), plain=True)
        with pytest.raises(AnswerNotAuthentic):
            session.unprotect(answer, command)


@pytest.mark.parametrize("cla", range(256))
def test_every_class_byte_is_protected_or_refused(cla: int) -> None:
    session, _, _ = pair("AES")
    plain = ClassByte(cla)
    command = CommandApdu(plain, 0xB0, 0, 0, ne=1)
    low = cla & 0x7F
    if low < 0x20 and not cla & 0x0C:
        expected = cla | 0x0C
    elif low & 0x40 and not cla & 0x20 and cla != 0xDF:
        expected = cla | 0x20
    else:
        with pytest.raises(ValueError, match="protected already"):
            session.protect(command)
        assert session.alive
        assert session.protect(READ).cla.value == 0x0C
        return
    protected = session.protect(command)
    assert protected.cla.value == expected
    assert protected.cla.channel == plain.channel
    assert protected.cla.chained == plain.chained


def test_every_link_of_a_chain_is_protected_by_itself() -> None:
    session, card, _ = pair("AES")
    links = [
        CommandApdu(0x10, 0xDA, 0, 0, b"first"),
        CommandApdu(0x10, 0xDA, 0, 0, b"second"),
        CommandApdu(0x00, 0xDA, 0, 0, b"third"),
    ]
    for link in links:
        protected = session.protect(link)
        assert protected.cla.value == link.cla.value | 0x0C
        assert card.unwrap(protected) == link
        session.unprotect(card.wrap(ResponseApdu(), odd=False), link)


@pytest.mark.parametrize(("name", "most"), [("AES", 223), ("3DES", 231)])
def test_short_data_is_the_most_that_keeps_short_length_fields(name: str, most: int) -> None:
    session, card, _ = pair(name)
    assert session.short_data == most
    command = CommandApdu(0, 0xDB, 0, 0, bytes(most), 256)
    even = CommandApdu(0, 0xDA, 0, 0, bytes(most), 256)
    for plain in (command, even):
        protected = session.protect(plain)
        assert not protected.extended
        assert card.unwrap(protected) == plain
        session.unprotect(card.wrap(ResponseApdu(), odd=bool(plain.ins % 2)), plain)
    longer = CommandApdu(0, 0xDA, 0, 0, bytes(most + 1), 256)
    protected = session.protect(longer)
    assert protected.extended
    # The plain command was short: Le stays one byte (and the card reads the same length).
    assert card.unwrap(protected) == longer


def test_a_command_that_grows_too_long_is_refused_and_costs_nothing() -> None:
    session, card, _ = pair("AES")
    with pytest.raises(ValueError, match="65535"):
        session.protect(CommandApdu(0, 0xD6, 0, 0, bytes(65_535)))
    channel = SecureChannel(Card(card), session)
    assert channel.transmit(UPDATE).data == UPDATE.data


def test_the_session_ends_after_so_many_commands() -> None:
    session, card, _ = pair("AES", limit=SessionLimit(commands=3))
    channel = SecureChannel(Card(card), session)
    for _ in range(3):
        assert channel.transmit(UPDATE).data == UPDATE.data
    with pytest.raises(SessionOver, match="as many commands"):
        channel.transmit(UPDATE)
    assert not channel.alive


def test_the_limits_that_a_session_has_by_itself() -> None:
    aes = Iso7816Session.aes(K_ENC, K_MAC)
    assert (aes._limit.commands, aes._limit.protected_bytes) == (65_536, None)
    des = Iso7816Session.triple_des(K_ENC, K_MAC, ssc=0)
    assert (des._limit.commands, des._limit.protected_bytes) == (65_536, 1_048_576)


def test_the_session_ends_after_so_many_bytes_both_ways() -> None:
    session, card, _ = pair("3DES", limit=SessionLimit(protected_bytes=1000))
    line = Card(card)
    channel = SecureChannel(line, session)
    exchanged = 0
    while exchanged < 1000:
        channel.transmit(UPDATE)
        # Command: DO 87 of 2 blocks and DO 8E. Answer: the same data, and DO 99.
        exchanged += (3 + 16 + 10) + (3 + 16 + 4 + 10)
    with pytest.raises(SessionOver, match="as many bytes"):
        channel.transmit(UPDATE)
    assert len(line.seen) == 1000 // 62 + 1


@pytest.mark.parametrize(
    ("make", "size"),
    [
        (lambda ssc: Iso7816Session.aes(K_ENC, K_MAC, ssc=ssc), 16),
        (lambda ssc: Iso7816Session.triple_des(K_ENC, K_MAC, ssc=ssc), 8),
    ],
    ids=CIPHERS,
)
def test_the_counter_never_overflows(make: Callable[[int], Iso7816Session], size: int) -> None:
    end = 1 << 8 * size
    make(end - 3).protect(READ)
    for ssc in (end - 2, end - 1):
        session = make(ssc)
        with pytest.raises(SessionOver):
            session.protect(READ)
        assert not session.alive
    for ssc in (-1, end):
        with pytest.raises(ValueError, match="counter"):
            make(ssc)


def test_nothing_secret_shows() -> None:
    session, card, _ = pair("AES")
    channel = SecureChannel(Card(card), session)
    pin = CommandApdu(0, 0x20, 0, 0x81, b"SECRETPIN")
    shown = [repr(channel), repr(session), repr(session.protect(pin))]
    with pytest.raises(AnswerNotAuthentic) as caught:
        session.unprotect(ResponseApdu(b"SECRETPIN"), pin)
    shown += [repr(caught.value), str(caught.value), repr(channel)]
    for text in shown:
        assert "SECRET" not in text
        assert K_ENC.hex() not in text.lower()
    assert isinstance(caught.value, CardError)


def test_a_session_cannot_be_copied_to_disk() -> None:
    session, _, _ = pair("AES")
    with pytest.raises(TypeError):
        pickle.dumps(Iso7816Session.aes(K_ENC, K_MAC))
    assert session.alive


class _Broken:
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def transmit(self, _command: CommandApdu, /) -> ResponseApdu:
        raise self.error


@pytest.mark.parametrize(
    "error", [TransportError("gone"), KeyboardInterrupt()], ids=["transport", "interrupt"]
)
def test_a_failure_on_the_way_ends_the_session(error: BaseException) -> None:
    session, _, _ = pair("AES")
    channel = SecureChannel(_Broken(error), session)
    with pytest.raises(type(error)):
        channel.transmit(READ)
    assert not channel.alive
    with pytest.raises(SessionOver, match="cut off"):
        channel.transmit(READ)


def test_the_channel_chooses_per_command() -> None:
    session, card, _ = pair("AES")
    line = Card(card)
    channel = SecureChannel(line, session, encrypt=lambda command: command.ins != 0xB0)
    for command in (UPDATE, CommandApdu(0, 0xB0, 0, 0, b"seen", 256)):
        assert channel.transmit(command).data == command.data
    assert [Tlv.parse_all(seen.data)[0].tag for seen in line.seen] == [0x87, 0x81]


def test_a_replaced_session_is_over() -> None:
    first, _, _ = pair("AES")
    second, card, _ = pair("AES")
    channel = SecureChannel(Card(card), first)
    channel.replace_session(second)
    assert not first.alive
    assert channel.transmit(UPDATE).data == UPDATE.data
    channel.end()
    assert not second.alive
    second.end("twice")
    with pytest.raises(SessionOver, match="it was ended"):
        channel.transmit(UPDATE)


def test_aes_hides_that_two_answers_are_the_same() -> None:
    session, card, _ = pair("AES")
    bodies = set()
    for _ in range(3):
        card.unwrap(session.protect(READ))
        answer = card.wrap(ResponseApdu(b"the same data, the same data"), odd=False)
        bodies.add(Tlv.parse_all(answer.data)[0].value)
        session.unprotect(answer, READ)
    sent = set()
    for _ in range(3):
        protected = session.protect(UPDATE)
        sent.add(Tlv.parse_all(protected.data)[0].value)
        card.unwrap(protected)
        session.unprotect(card.wrap(ResponseApdu(), odd=False), UPDATE)
    assert (len(bodies), len(sent)) == (3, 3)
