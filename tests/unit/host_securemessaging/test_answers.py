"""Answers that are not what they should be: each ends the session before anything is decrypted."""

from __future__ import annotations

import pytest

from jukicard.apdu import CommandApdu, ResponseApdu, StatusWord, Tlv
from jukihost.errors import SecureMessagingError
from jukihost.securemessaging import (
    AnswerNotAuthentic,
    SessionOver,
)
from tests.unit.host_securemessaging.pairs import (
    CIPHERS,
    READ,
    READ_ODD,
    UPDATE,
    pair,
)


@pytest.mark.parametrize("name", CIPHERS)
def test_flipping_any_bit_of_an_answer_ends_the_session_before_anything_is_decrypted(
    name: str,
) -> None:
    session, card, _ = pair(name)
    card.unwrap(session.protect(READ))
    good = card.wrap(ResponseApdu(b"twenty bytes of data"), odd=False).encode()
    for at in range(len(good)):
        for bit in range(8):
            session, _, cipher = pair(name)
            session.protect(READ)
            changed = good[:at] + bytes((good[at] ^ 1 << bit,)) + good[at + 1 :]
            with pytest.raises(AnswerNotAuthentic):
                session.unprotect(ResponseApdu.parse(changed), READ)
            assert cipher.decrypted == 0
            assert not session.alive
    session, _, cipher = pair(name)
    session.protect(READ)
    assert session.unprotect(ResponseApdu.parse(good), READ).data == b"twenty bytes of data"
    assert cipher.decrypted == 1


@pytest.mark.parametrize("name", CIPHERS)
def test_truncating_or_extending_an_answer_ends_the_session(name: str) -> None:
    session, card, _ = pair(name)
    card.unwrap(session.protect(READ))
    good = card.wrap(ResponseApdu(b"data"), odd=False)
    body = good.data
    changed = [body[:size] for size in range(len(body))]
    changed += [body[size:] for size in range(1, len(body))]
    changed += [body + b"\0", b"\0" + body, body + body]
    for data in changed:
        session, _, cipher = pair(name)
        session.protect(READ)
        with pytest.raises(AnswerNotAuthentic):
            session.unprotect(ResponseApdu(data, good.status), READ)
        assert cipher.decrypted == 0
        assert not session.alive


@pytest.mark.parametrize("status", [0x9000, 0x6982, 0x6988, 0x6987, 0x6A82, 0x6110, 0x63C2])
def test_a_plain_answer_is_an_error_whatever_it_says(status: int) -> None:
    session, _, cipher = pair("AES")
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
    session, card, cipher = pair(name)
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
    session, card, cipher = pair(name)
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
    session, card, cipher = pair(name)
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
    session, card, _ = pair(name)
    card.unwrap(session.protect(READ))
    card.wrap(ResponseApdu(b"first"), odd=False)
    card.ssc += 1
    second = card.wrap(ResponseApdu(b"second"), odd=False)
    with pytest.raises(AnswerNotAuthentic):
        session.unprotect(second, READ)
    assert not session.alive


@pytest.mark.parametrize("name", CIPHERS)
def test_a_dropped_answer_ends_the_session(name: str) -> None:
    session, _, _ = pair(name)
    session.protect(READ)
    with pytest.raises(SessionOver, match="before the last one was answered"):
        session.protect(READ)
    assert not session.alive


def test_an_answer_to_another_command_is_refused() -> None:
    session, card, cipher = pair("AES")
    card.unwrap(session.protect(READ))
    answer = card.wrap(ResponseApdu(b"data"), odd=False)
    with pytest.raises(SessionOver):
        session.unprotect(answer, UPDATE)
    assert not session.alive
    assert cipher.decrypted == 0


def test_an_answer_nobody_asked_for_is_refused() -> None:
    session, card, _ = pair("AES")
    with pytest.raises(SessionOver):
        session.unprotect(card.wrap(ResponseApdu(b"data"), odd=False), READ)
    assert not session.alive


def test_the_own_command_sent_back_is_refused() -> None:
    session, _, cipher = pair("AES")
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
    session, card, _ = pair("AES")
    card.unwrap(session.protect(plain))
    answer = card.wrap(ResponseApdu(b"data"), odd=bool(plain.ins % 2))
    assert session.unprotect(answer, CommandApdu.parse(plain.encode())).data == b"data"
