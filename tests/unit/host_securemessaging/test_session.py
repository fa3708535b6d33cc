"""The rules of the terminal's secure session: what is sent, what is believed, what ends it."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

from jukicard.apdu import ClassByte, CommandApdu, ResponseApdu, StatusWord, Tlv
from jukihost.errors import CardError, SecureMessagingError, TransportError
from jukihost.securemessaging import (
    AnswerNotAuthentic,
    Iso7816Session,
    SecureChannel,
    SessionOver,
)
from jukihost.securemessaging.session import (
    AesCipher,
    SessionCipher,
    SessionLimit,
    TripleDesCipher,
)
from tests.unit.host_securemessaging.reference_card import CardCipher, CardSession, Handler

K_ENC = bytes(range(16))
K_MAC = bytes(range(16, 32))
READ = CommandApdu(0x00, 0xB0, 0x00, 0x00, ne=256)
READ_ODD = CommandApdu(0x00, 0xB1, 0x00, 0x01, bytes.fromhex("54020100"), 256)
UPDATE = CommandApdu(0x00, 0xD6, 0x00, 0x00, b"0123456789")
CIPHERS = ["AES", "3DES"]


class CountingCipher:
    """A session cipher that counts what it is asked for."""

    def __init__(self, inner: SessionCipher) -> None:
        self._inner = inner
        self.block = inner.block
        self.decrypted = 0
        self.maced = 0

    def encrypt(self, ssc: bytes, padded: bytes, /) -> bytes:
        return self._inner.encrypt(ssc, padded)

    def decrypt(self, ssc: bytes, cryptogram: bytes, /) -> bytes:
        self.decrypted += 1
        return self._inner.decrypt(ssc, cryptogram)

    def mac(self, message: bytes, /) -> bytes:
        self.maced += 1
        return self._inner.mac(message)


def _pair(
    name: str, *, limit: SessionLimit | None = None
) -> tuple[Iso7816Session, CardSession, CountingCipher]:
    """A terminal's session with a counting cipher, and the card's."""
    cipher = CountingCipher(
        AesCipher(K_ENC, K_MAC) if name == "AES" else TripleDesCipher(K_ENC, K_MAC)
    )
    return (
        Iso7816Session(cipher, ssc=0x1234, limit=limit),
        CardSession(CardCipher(name, K_ENC, K_MAC), 0x1234),
        cipher,
    )


def _echo(command: CommandApdu) -> ResponseApdu:
    return ResponseApdu(command.data)


class _Card:
    """A channel to the card's end of a session."""

    def __init__(self, card: CardSession, handler: Handler = _echo, *, plain: bool = False) -> None:
        self.card = card
        self.handler = handler
        self.plain = plain
        self.seen: list[CommandApdu] = []

    def transmit(self, command: CommandApdu, /) -> ResponseApdu:
        self.seen.append(command)
        answer = self.handler(self.card.unwrap(command))
        return self.card.wrap(answer, odd=bool(command.ins % 2), plain=self.plain)


@pytest.mark.parametrize("name", CIPHERS)
def test_flipping_any_bit_of_an_answer_ends_the_session_before_anything_is_decrypted(
    name: str,
) -> None:
    session, card, _ = _pair(name)
    card.unwrap(session.protect(READ))
    good = card.wrap(ResponseApdu(b"twenty bytes of data"), odd=False).encode()
    for at in range(len(good)):
        for bit in range(8):
            session, _, cipher = _pair(name)
            session.protect(READ)
            changed = good[:at] + bytes((good[at] ^ 1 << bit,)) + good[at + 1 :]
            with pytest.raises(AnswerNotAuthentic):
                session.unprotect(ResponseApdu.parse(changed), READ)
            assert cipher.decrypted == 0
            assert not session.alive
    session, _, cipher = _pair(name)
    session.protect(READ)
    assert session.unprotect(ResponseApdu.parse(good), READ).data == b"twenty bytes of data"
    assert cipher.decrypted == 1


@pytest.mark.parametrize("name", CIPHERS)
def test_truncating_or_extending_an_answer_ends_the_session(name: str) -> None:
    session, card, _ = _pair(name)
    card.unwrap(session.protect(READ))
    good = card.wrap(ResponseApdu(b"data"), odd=False)
    body = good.data
    changed = [body[:size] for size in range(len(body))]
    changed += [body[size:] for size in range(1, len(body))]
    changed += [body + b"\0", b"\0" + body, body + body]
    for data in changed:
        session, _, cipher = _pair(name)
        session.protect(READ)
        with pytest.raises(AnswerNotAuthentic):
            session.unprotect(ResponseApdu(data, good.status), READ)
        assert cipher.decrypted == 0
        assert not session.alive


@pytest.mark.parametrize("status", [0x9000, 0x6982, 0x6988, 0x6987, 0x6A82, 0x6110, 0x63C2])
def test_a_plain_answer_is_an_error_whatever_it_says(status: int) -> None:
    session, _, cipher = _pair("AES")
    session.protect(READ)
    with pytest.raises(SecureMessagingError) as caught:
        session.unprotect(ResponseApdu(b"", StatusWord(status)), READ)
    assert isinstance(caught.value, AnswerNotAuthentic)
    assert caught.value.status == status
    assert f"{status:04X}" in str(caught.value)
    assert cipher.decrypted == 0
    with pytest.raises(SessionOver):
        session.protect(READ)
    with pytest.raises(SessionOver):
        session.unprotect(ResponseApdu(), READ)


def _do(tag: int, value: bytes) -> bytes:
    return Tlv(tag, value).encode()


_STATUS = b"\x99\x02\x90\x00"
_ONE = b"\x01"


def _bodies(block: int) -> dict[str, bytes]:
    """What may stand before a right MAC and is wrong all the same."""
    cryptogram = bytes(block)
    good = _do(0x87, _ONE + cryptogram)
    return {
        "no status": good,
        "status of one byte": b"\x99\x01\x90",
        "status of three bytes": b"\x99\x03\x90\x00\x00",
        "status twice": _STATUS + _STATUS,
        "status first": _STATUS + good,
        "data twice": good + good + _STATUS,
        "both kinds of data": good + _do(0x85, cryptogram) + _STATUS,
        "cryptogram of an odd instruction": _do(0x85, cryptogram) + _STATUS,
        "plain value": _do(0x81, b"plain") + _STATUS,
        "plain value of an odd instruction": _do(0xB3, b"") + _STATUS,
        "plain value outside the MAC": _do(0x80, b"plain") + _STATUS,
        "empty cryptogram object": _do(0x87, b"") + _STATUS,
        "indicator only": _do(0x87, _ONE) + _STATUS,
        "indicator 00": _do(0x87, b"\x00" + cryptogram) + _STATUS,
        "indicator 02": _do(0x87, b"\x02" + cryptogram) + _STATUS,
        "not a whole block": _do(0x87, _ONE + cryptogram[1:]) + _STATUS,
        "length too large": b"\x87" + bytes((len(cryptogram) + 2,)) + _ONE + cryptogram + _STATUS,
        "length too small": b"\x87" + bytes((len(cryptogram),)) + _ONE + cryptogram + _STATUS,
        "length not shortest": b"\x87\x81" + good[1:] + _STATUS,
        "length indefinite": b"\x87\x80" + _ONE + cryptogram + _STATUS,
        "length cut short": b"\x87\x82" + _STATUS,
        "tag only": b"\x87" + _STATUS,
        "unknown object": _do(0x53, b"data") + _STATUS,
        "Le": b"\x97\x01\x00" + _STATUS,
        "another MAC first": b"\x8e\x08" + bytes(8) + _STATUS,
        "something after the data": good + b"\x00" + _STATUS,
        "other status": b"\x99\x02\x62\x00",
        "nothing": b"",
    }


@pytest.mark.parametrize("name", CIPHERS)
@pytest.mark.parametrize("fault", list(_bodies(16)))
def test_a_right_mac_over_a_wrong_structure_ends_the_session(name: str, fault: str) -> None:
    session, card, cipher = _pair(name)
    card.unwrap(session.protect(READ))
    card.ssc += 1
    answer = card.seal(_bodies(cipher.block)[fault], StatusWord.OK)
    with pytest.raises(AnswerNotAuthentic):
        session.unprotect(answer, READ)
    assert not session.alive
    assert cipher.decrypted == 0


@pytest.mark.parametrize("name", CIPHERS)
@pytest.mark.parametrize("plain", ["00", "11", "8001", "", "empty"])
def test_a_right_mac_over_wrong_padding_ends_the_session(name: str, plain: str) -> None:
    session, card, cipher = _pair(name)
    card.unwrap(session.protect(READ))
    card.ssc += 1
    block = cipher.block
    padded = {"": b"\x80" + bytes(2 * block - 1), "empty": b"\x80" + bytes(block - 1)}.get(
        plain, (bytes.fromhex(plain) * block)[:block] if plain not in ("", "empty") else b""
    )
    iv = bytes(8) if name == "3DES" else card.cipher.encrypt(bytes(16), card._counter())
    body = _do(0x87, _ONE + card.cipher.encrypt(iv, padded)) + _STATUS
    with pytest.raises(AnswerNotAuthentic, match="malformed"):
        session.unprotect(card.seal(body, StatusWord.OK), READ)
    assert not session.alive
    assert cipher.decrypted == 1


@pytest.mark.parametrize("name", CIPHERS)
def test_an_old_answer_is_refused(name: str) -> None:
    session, card, cipher = _pair(name)
    card.unwrap(session.protect(READ))
    first = card.wrap(ResponseApdu(b"first"), odd=False)
    assert session.unprotect(first, READ).data == b"first"
    session.protect(READ)
    with pytest.raises(AnswerNotAuthentic):
        session.unprotect(first, READ)
    assert cipher.decrypted == 1
    assert not session.alive


@pytest.mark.parametrize("name", CIPHERS)
def test_swapped_answers_are_refused(name: str) -> None:
    session, card, _ = _pair(name)
    card.unwrap(session.protect(READ))
    card.wrap(ResponseApdu(b"first"), odd=False)
    card.ssc += 1
    second = card.wrap(ResponseApdu(b"second"), odd=False)
    with pytest.raises(AnswerNotAuthentic):
        session.unprotect(second, READ)
    assert not session.alive


@pytest.mark.parametrize("name", CIPHERS)
def test_a_dropped_answer_ends_the_session(name: str) -> None:
    session, _, _ = _pair(name)
    session.protect(READ)
    with pytest.raises(SessionOver, match="before the last one was answered"):
        session.protect(READ)
    assert not session.alive


def test_an_answer_to_another_command_is_refused() -> None:
    session, card, cipher = _pair("AES")
    card.unwrap(session.protect(READ))
    answer = card.wrap(ResponseApdu(b"data"), odd=False)
    with pytest.raises(SessionOver):
        session.unprotect(answer, UPDATE)
    assert not session.alive
    assert cipher.decrypted == 0


def test_an_answer_nobody_asked_for_is_refused() -> None:
    session, card, _ = _pair("AES")
    with pytest.raises(SessionOver):
        session.unprotect(card.wrap(ResponseApdu(b"data"), odd=False), READ)
    assert not session.alive


def test_the_own_command_sent_back_is_refused() -> None:
    session, _, cipher = _pair("AES")
    protected = session.protect(UPDATE)
    with pytest.raises(AnswerNotAuthentic):
        session.unprotect(ResponseApdu(protected.data), UPDATE)
    assert cipher.decrypted == 0


@pytest.mark.parametrize(
    "plain",
    [READ, UPDATE, READ_ODD, CommandApdu(0, 0x20, 0, 0x80)],
    ids=["case 2", "case 3", "odd", "case 1"],
)
def test_an_equal_command_is_the_same_command(plain: CommandApdu) -> None:
    session, card, _ = _pair("AES")
    card.unwrap(session.protect(plain))
    answer = card.wrap(ResponseApdu(b"data"), odd=bool(plain.ins % 2))
    assert session.unprotect(answer, CommandApdu.parse(plain.encode())).data == b"data"


@pytest.mark.parametrize("name", CIPHERS)
def test_integrity_only_shows_the_data_and_lets_the_answer_be_plain(name: str) -> None:
    for command, tag in ((UPDATE, 0x81), (READ_ODD, 0xB3)):
        for plain in (True, False):
            session, card, cipher = _pair(name)
            protected = session.protect(command, encrypt=False)
            assert Tlv.parse_all(protected.data)[0] == Tlv(tag, command.data)
            assert card.unwrap(protected) == command
            answer = card.wrap(ResponseApdu(b"answer"), odd=bool(command.ins % 2), plain=plain)
            assert session.unprotect(answer, command).data == b"answer"
            assert cipher.decrypted == (0 if plain else 1)


def test_an_encrypted_command_takes_no_plain_answer() -> None:
    for command in (READ, READ_ODD):
        session, card, _ = _pair("AES")
        card.unwrap(session.protect(command))
        answer = card.wrap(ResponseApdu(b"answer"), odd=bool(command.ins % 2), plain=True)
        with pytest.raises(AnswerNotAuthentic):
            session.unprotect(answer, command)


@pytest.mark.parametrize("cla", range(256))
def test_every_class_byte_is_protected_or_refused(cla: int) -> None:
    session, _, _ = _pair("AES")
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
    session, card, _ = _pair("AES")
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
    session, card, _ = _pair(name)
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
    session, card, _ = _pair("AES")
    with pytest.raises(ValueError, match="65535"):
        session.protect(CommandApdu(0, 0xD6, 0, 0, bytes(65_535)))
    channel = SecureChannel(_Card(card), session)
    assert channel.transmit(UPDATE).data == UPDATE.data


def test_the_session_ends_after_so_many_commands() -> None:
    session, card, _ = _pair("AES", limit=SessionLimit(commands=3))
    channel = SecureChannel(_Card(card), session)
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
    session, card, _ = _pair("3DES", limit=SessionLimit(protected_bytes=1000))
    line = _Card(card)
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
    session, card, _ = _pair("AES")
    channel = SecureChannel(_Card(card), session)
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
    session, _, _ = _pair("AES")
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
    session, _, _ = _pair("AES")
    channel = SecureChannel(_Broken(error), session)
    with pytest.raises(type(error)):
        channel.transmit(READ)
    assert not channel.alive
    with pytest.raises(SessionOver, match="cut off"):
        channel.transmit(READ)


def test_the_channel_chooses_per_command() -> None:
    session, card, _ = _pair("AES")
    line = _Card(card)
    channel = SecureChannel(line, session, encrypt=lambda command: command.ins != 0xB0)
    for command in (UPDATE, CommandApdu(0, 0xB0, 0, 0, b"seen", 256)):
        assert channel.transmit(command).data == command.data
    assert [Tlv.parse_all(seen.data)[0].tag for seen in line.seen] == [0x87, 0x81]


def test_a_replaced_session_is_over() -> None:
    first, _, _ = _pair("AES")
    second, card, _ = _pair("AES")
    channel = SecureChannel(_Card(card), first)
    channel.replace_session(second)
    assert not first.alive
    assert channel.transmit(UPDATE).data == UPDATE.data
    channel.end()
    assert not second.alive
    second.end("twice")
    with pytest.raises(SessionOver, match="it was ended"):
        channel.transmit(UPDATE)


def test_aes_hides_that_two_answers_are_the_same() -> None:
    session, card, _ = _pair("AES")
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
