"""Any conversation under secure messaging arrives unchanged; no tampering is believed."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from jukicard.apdu import CommandApdu, ResponseApdu, StatusWord
from jukihost.errors import SecureMessagingError
from jukihost.securemessaging import Iso7816Session, SecureChannel
from tests.unit.host_securemessaging.reference_card import CardCipher, CardSession

CIPHERS = st.sampled_from(["AES-128", "AES-192", "AES-256", "3DES"])
COMMANDS = st.builds(
    CommandApdu,
    cla=st.sampled_from([0x00, 0x01, 0x03, 0x10, 0x40, 0x4F, 0x50, 0x80, 0x90]),
    ins=st.integers(0, 255),
    p1=st.integers(0, 255),
    p2=st.integers(0, 255),
    data=st.one_of(st.binary(max_size=40), st.binary(min_size=200, max_size=300)),
    ne=st.sampled_from([0, 1, 16, 255, 256, 257, 65_535, 65_536]),
    extended=st.booleans(),
)
ANSWERS = st.builds(
    ResponseApdu,
    data=st.one_of(st.binary(max_size=40), st.binary(min_size=200, max_size=300)),
    status=st.integers(0x6200, 0x9FFF).map(StatusWord),
)
EXCHANGES = st.lists(st.tuples(COMMANDS, ANSWERS, st.booleans()), min_size=1, max_size=6)


def _sessions(name: str) -> tuple[Iso7816Session, CardSession]:
    if name == "3DES":
        keys = bytes(range(16)), bytes(range(100, 116))
        return Iso7816Session.triple_des(*keys, ssc=77), CardSession(CardCipher(name, *keys), 77)
    size = int(name[-3:]) // 8
    keys = bytes(range(size)), bytes(range(100, 100 + size))
    return Iso7816Session.aes(*keys), CardSession(CardCipher("AES", *keys))


class _Card:
    """A card that knows which command to expect, and what to answer."""

    def __init__(self, session: CardSession) -> None:
        self.session = session
        self.expected: CommandApdu | None = None
        self.answer = ResponseApdu()
        self.protected = ResponseApdu()

    def transmit(self, command: CommandApdu, /) -> ResponseApdu:
        assert self.session.unwrap(command) == _as_the_card_sees_it(self.expected)
        self.protected = self.session.wrap(self.answer, odd=bool(command.ins % 2))
        return self.protected


def _as_the_card_sees_it(command: CommandApdu | None) -> CommandApdu:
    assert command is not None
    # Whether a command without Le was extended is not told by its data objects.
    return command.replace(extended=command.extended if command.ne else False)


@given(CIPHERS, EXCHANGES)
def test_every_conversation_arrives_unchanged(
    name: str, exchanges: list[tuple[CommandApdu, ResponseApdu, bool]]
) -> None:
    session, card_session = _sessions(name)
    card = _Card(card_session)
    encrypted = {"now": True}
    channel = SecureChannel(card, session, encrypt=lambda _command: encrypted["now"])
    for command, answer, encrypt in exchanges:
        card.expected, card.answer, encrypted["now"] = command, answer, encrypt
        assert channel.transmit(command) == answer
        assert not encrypt or len(answer.data) < 8 or answer.data not in card.protected.data
    assert channel.alive
    assert session._ssc == card_session.ssc


@given(CIPHERS, COMMANDS, ANSWERS, st.data())
def test_no_changed_answer_is_believed(
    name: str, command: CommandApdu, answer: ResponseApdu, data: st.DataObject
) -> None:
    session, card_session = _sessions(name)
    card_session.unwrap(session.protect(command))
    good = card_session.wrap(answer, odd=bool(command.ins % 2)).encode()
    kind = data.draw(st.sampled_from(["flip", "cut", "insert", "swap", "random"]))
    at = data.draw(st.integers(0, len(good) - 1))
    changed = {
        "flip": good[:at] + bytes((good[at] ^ data.draw(st.integers(1, 255)),)) + good[at + 1 :],
        "cut": good[:at] + good[at + data.draw(st.integers(1, 20)) :],
        "insert": good[:at] + data.draw(st.binary(min_size=1, max_size=20)) + good[at:],
        "swap": good[at:] + good[:at],
        "random": data.draw(st.binary(min_size=2, max_size=60)),
    }[kind]
    if changed == good or len(changed) < 2:
        return
    with pytest.raises(SecureMessagingError):
        session.unprotect(ResponseApdu.parse(changed), command)
    assert not session.alive
