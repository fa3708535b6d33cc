"""docs/attacks.md: attacks 1, 4, 5, 6, 8 and 9, on the messages between card and terminal.

The number in a test's name is that of the attack. The terminal is the naive one of tests/support;
where an attack is on the terminal, it is the host library's own session, because that is on trial.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from jukicard import Card
from jukicard.apdu import CommandApdu, ResponseApdu
from jukihost.errors import SecureMessagingError
from jukihost.securemessaging.session import (
    AesCipher,
    AnswerNotAuthentic,
    Iso7816Session as HostSession,
    SessionOver,
)
from tests.support.cards.juki_desk import CODE_RECORD, READ_CODE, READ_DATA, VERIFY, Desk
from tests.support.naive.sm_reader import NaiveReader, pad, tlv
from tests.support.naive.terminal import JUKI, PURPOSES, keys_of
from tests.support.published.vectors import load
from tests.unit.security.inside import count_ciphers, kept, session_of

OTHER_CODE = b"\x01\x0b00000000019"
UPDATE_CODE = CommandApdu(0x00, 0xDC, 0x01, 0x14, OTHER_CODE)
GET_NUMBER = CommandApdu(0x00, 0xCA, 0x00, 0x5A, ne=256)
FLIPS = (0x01, 0x80, 0xFF)


def sent(card: Card, raw: bytes) -> ResponseApdu:
    return ResponseApdu.parse(card.transmit(raw))


def naive(there: Desk) -> NaiveReader:
    return there.terminal.sessions[0]


# -- 1: padding oracles ----------------------------------------------------------------------------


def _protected_update(there: Desk) -> bytes:
    there.terminal.authenticate(4)
    return naive(there).protect(UPDATE_CODE).encode()


def test_1_every_changed_byte_of_a_protected_command_is_refused(there: Desk) -> None:
    """Refused with nothing written and nothing decrypted, whatever byte it is.

    The last byte is Le, which no MAC covers: it says only how much the terminal can take.
    """
    before = kept(there.card)
    size = len(_protected_update(there)) - 1
    for at in range(size):
        for flip in FLIPS:
            there.terminal.select(JUKI)
            raw = bytearray(_protected_update(there))
            counted = count_ciphers(there.card)
            raw[at] ^= flip
            answer = sent(there.card, bytes(raw))
            where = f"byte {at} flipped by {flip:02X}: {answer.status:04X}"
            assert not answer.data, where
            assert answer.status.is_error, where
            assert counted.decryptions == 0, where
            assert kept(there.card) == before, where
    there.terminal.select(JUKI)
    assert sent(there.card, _protected_update(there)).status == 0x9000
    assert kept(there.card) != before


def test_1_cryptogram_and_mac_have_one_refusal_and_end_the_session(there: Desk) -> None:
    """Every byte of DO 87 and DO 8E but tags and lengths: always 6988, always the keys gone."""
    raw = _protected_update(there)
    cryptogram = raw.index(b"\x87") + 2
    mac = len(raw) - 9
    places = [*range(cryptogram, cryptogram + raw[cryptogram - 1]), *range(mac, mac + 8)]
    assert len(places) == 17 + 8
    for at in places:
        there.terminal.select(JUKI)
        right = _protected_update(there)
        changed = bytearray(right)
        changed[at] ^= 0x01
        session = session_of(there.card)
        assert sent(there.card, bytes(changed)).status == 0x6988
        assert session is not None
        assert not session.alive
        assert session_of(there.card) is None
        assert sent(there.card, right).status == 0x6988
        assert sent(there.card, READ_DATA.encode()).status == 0x6982


@pytest.mark.parametrize("ending", sorted(set(range(256)) - {0x00, 0x80}))
def test_1_with_a_right_mac_every_wrong_padding_is_one_refusal(there: Desk, ending: int) -> None:
    """Who could make a MAC has no use for an oracle; there is none all the same."""
    there.terminal.authenticate(4)
    reader = naive(there)
    reader.ssc += 1
    block = bytearray(pad(OTHER_CODE, 16))
    block[-1] = ending
    command = reader.assemble(UPDATE_CODE, [tlv(0x87, b"\x01" + reader.encrypt(bytes(block)))])
    answer = sent(there.card, command.encode())
    assert (answer.status, answer.data) == (0x6988, b"")
    assert session_of(there.card) is None


class CountingHostCipher(AesCipher):
    """The host's cipher, counting what is decrypted."""

    __slots__ = ("decryptions",)

    def __init__(self, enc: bytes, mac: bytes) -> None:
        super().__init__(enc, mac)
        self.decryptions = 0

    def decrypt(self, ssc: bytes, cryptogram: bytes, /) -> bytes:
        self.decryptions += 1
        return super().decrypt(ssc, cryptogram)


def host_twin(reader: NaiveReader) -> tuple[HostSession, CountingHostCipher]:
    """The host library's session with the same keys and counter."""
    cipher = CountingHostCipher(reader.enc, reader.mac)
    return HostSession(cipher, ssc=reader.ssc), cipher


def _host_exchange(there: Desk) -> tuple[HostSession, CountingHostCipher, bytes]:
    """A host session that has asked for the card data, and the card's protected answer."""
    there.terminal.select(JUKI)
    there.terminal.authenticate(4)
    session, cipher = host_twin(naive(there))
    return session, cipher, there.card.transmit(session.protect(READ_DATA).encode())


def test_1_every_changed_byte_of_a_protected_answer_is_refused(there: Desk) -> None:
    size = len(_host_exchange(there)[2])
    for at in range(size):
        for flip in FLIPS:
            session, cipher, answer = _host_exchange(there)
            changed = bytearray(answer)
            changed[at] ^= flip
            with pytest.raises(AnswerNotAuthentic):
                session.unprotect(ResponseApdu.parse(bytes(changed)), READ_DATA)
            assert cipher.decryptions == 0, f"byte {at} flipped by {flip:02X}"
            assert not session.alive
            with pytest.raises(SessionOver):
                session.protect(READ_DATA)
    session, cipher, answer = _host_exchange(there)
    assert b"13221" in session.unprotect(ResponseApdu.parse(answer), READ_DATA).data
    assert cipher.decryptions == 1


# -- 4: replay -------------------------------------------------------------------------------------


def test_4_the_same_mutual_authenticate_twice(there: Desk) -> None:
    challenge = there.terminal.get_challenge().data
    keys = keys_of(there.terminal.card_number, PURPOSES[1])
    raw = CommandApdu(0x00, 0x82, 0, 0x81, keys.message(challenge), 40).encode()
    assert sent(there.card, raw).status == 0x9000
    assert sent(there.card, raw).status == 0x6985


def test_4_a_recorded_protected_command_again(there: Desk) -> None:
    raw = _protected_update(there)
    assert sent(there.card, raw).status == 0x9000
    assert sent(there.card, raw).status == 0x6988
    assert session_of(there.card) is None


@pytest.mark.parametrize("order", [(1, 0), (1,), (0, 2), (0, 0)])
def test_4_commands_swapped_dropped_and_doubled(there: Desk, order: tuple[int, ...]) -> None:
    there.terminal.authenticate(4)
    reader = naive(there)
    recorded = []
    for _ in range(3):
        recorded.append(reader.protect(GET_NUMBER).encode())
        reader.ssc += 1  # its answer
    statuses = [sent(there.card, recorded[number]).status for number in order]
    assert statuses[-1] == 0x6988
    assert session_of(there.card) is None


def test_4_a_session_recorded_before_a_new_authentication(there: Desk) -> None:
    old = _protected_update(there)
    there.terminal.authenticate(4)
    assert sent(there.card, old).status == 0x6988


def test_4_an_answer_to_another_command(there: Desk) -> None:
    """The terminal takes no answer but the one to what it asked last."""
    session, _, first = _host_exchange(there)
    session.unprotect(ResponseApdu.parse(first), READ_DATA)
    second = there.card.transmit(session.protect(GET_NUMBER).encode())
    assert second != first
    with pytest.raises(AnswerNotAuthentic):
        session.unprotect(ResponseApdu.parse(first), GET_NUMBER)


def test_4_an_answer_when_nothing_was_asked(there: Desk) -> None:
    session, _, answer = _host_exchange(there)
    session.unprotect(ResponseApdu.parse(answer), READ_DATA)
    with pytest.raises(SecureMessagingError):
        session.unprotect(ResponseApdu.parse(answer), READ_DATA)


# -- 5: reflection and parallel sessions -----------------------------------------------------------


def test_5_the_cards_own_answer_sent_back(there: Desk) -> None:
    challenge = there.terminal.get_challenge().data
    keys = keys_of(there.terminal.card_number, PURPOSES[1])
    command = CommandApdu(0x00, 0x82, 0, 0x81, keys.message(challenge), 40)
    own = sent(there.card, command.encode()).data
    there.terminal.get_challenge()
    assert sent(there.card, CommandApdu(0x00, 0x82, 0, 0x81, own, 40).encode()).status == 0x63CE


def test_5_the_cards_challenge_as_the_terminals(there: Desk) -> None:
    challenge = there.terminal.get_challenge().data
    keys = keys_of(there.terminal.card_number, PURPOSES[1])
    reflected = keys.message(challenge, rnd_ifd=challenge)
    raw = CommandApdu(0x00, 0x82, 0, 0x81, reflected, 40).encode()
    assert sent(there.card, raw).status == 0x63CE


def test_5_challenges_crossed_between_channels(there: Desk) -> None:
    assert sent(there.card, bytes.fromhex("0070000001")).data == b"\x01"
    assert there.terminal.select(JUKI, 1).status == 0x9000
    here, elsewhere = (there.terminal.get_challenge(channel).data for channel in (0, 1))
    assert here != elsewhere
    there.terminal.challenges = {0: elsewhere, 1: here}
    keys = keys_of(there.terminal.card_number, PURPOSES[1])
    for channel, left in ((0, 0x63CE), (1, 0x63CD)):
        assert there.terminal.mutual_authenticate(keys, 0x81, channel).status == left
        assert there.terminal.mutual_authenticate(keys, 0x81, channel).status == 0x6985


def test_5_a_session_is_its_channels(there: Desk) -> None:
    """What is protected for one channel is refused on another one with a session of its own."""
    sent(there.card, bytes.fromhex("0070000001"))
    there.terminal.select(JUKI, 1)
    there.terminal.authenticate(1, 0)
    there.terminal.authenticate(1, 1)
    raw = bytearray(naive(there).protect(GET_NUMBER).encode())
    raw[0] |= 1
    assert sent(there.card, bytes(raw)).status == 0x6988
    assert session_of(there.card, 1) is None
    assert session_of(there.card, 0) is not None


# -- 6: downgrade ----------------------------------------------------------------------------------

ICAO = load("securemessaging/icao9303_sm_3des")


@pytest.mark.parametrize("raw", ["9000", "6982", "6A82", "990290009000", "9000" * 9])
def test_6_a_plain_answer_is_believed_by_no_terminal(there: Desk, raw: str) -> None:
    session, _, _ = _host_exchange(there)
    with pytest.raises(AnswerNotAuthentic):
        session.unprotect(ResponseApdu.parse(bytes.fromhex(raw)), READ_DATA)
    assert not session.alive


def test_6_the_published_downgrade(there: Desk) -> None:
    """The plain 9000 of the published negative answers, in the session it was published for."""
    case = next(case for case in ICAO["negative_responses"]["cases"] if "downgrade" in case["why"])
    before = int(ICAO["negative_responses"]["ssc_before"], 16)
    enc, mac = (bytes.fromhex(ICAO[name]) for name in ("ks_enc", "ks_mac"))
    session = HostSession.triple_des(enc, mac, ssc=before - 1)
    session.protect(READ_DATA)
    with pytest.raises(AnswerNotAuthentic):
        session.unprotect(ResponseApdu.parse(bytes.fromhex(case["rapdu"])), READ_DATA)


@pytest.mark.parametrize("cla", [0x04, 0x08])
def test_6_a_class_that_leaves_the_header_open(there: Desk, cla: int) -> None:
    there.terminal.authenticate(4)
    reader = naive(there)
    reader.ssc += 1
    command = reader.assemble(GET_NUMBER, reader.objects(GET_NUMBER), cla=cla)
    assert sent(there.card, command.encode()).status == 0x6882
    assert session_of(there.card) is None


def test_6_a_plain_command_ends_all_that_was_proven(there: Desk) -> None:
    there.read_code()
    assert there.terminal.plain(GET_NUMBER).status == 0x9000
    assert session_of(there.card) is None
    for command in (READ_CODE, READ_DATA):
        assert there.terminal.plain(command).status == 0x6982


# -- 8: data objects -------------------------------------------------------------------------------


def _objects(reader: NaiveReader) -> Iterator[tuple[str, list[bytes], int]]:
    """Data objects under a right MAC that no command may have, with what each gets."""
    whole = pad(CODE_RECORD, 16)
    cryptogram = tlv(0x87, b"\x01" + reader.encrypt(whole))
    yield "an empty cryptogram", [tlv(0x87, b"")], 0x6988
    yield "an indicator and nothing", [tlv(0x87, b"\x01")], 0x6988
    yield "indicator 02", [tlv(0x87, b"\x02" + reader.encrypt(whole))], 0x6988
    yield "indicator 00", [tlv(0x87, b"\x00" + reader.encrypt(whole))], 0x6988
    yield "no whole block", [tlv(0x87, b"\x01" + reader.encrypt(whole)[:-1])], 0x6988
    yield "empty data inside", [tlv(0x87, b"\x01" + reader.encrypt(pad(b"", 16)))], 0x6988
    yield "an empty readable object", [tlv(0x81, b"")], 0x6988
    yield "twice the cryptogram", [cryptogram, cryptogram], 0x6987
    yield "cryptogram and readable data", [cryptogram, tlv(0x81, CODE_RECORD)], 0x6987
    yield "Le before the data", [tlv(0x97, b"\0"), cryptogram], 0x6987
    yield "twice Le", [cryptogram, tlv(0x97, b"\0"), tlv(0x97, b"\0")], 0x6987
    yield "Le of three bytes", [cryptogram, tlv(0x97, bytes(3))], 0x6988
    yield "Le of no byte", [cryptogram, tlv(0x97, b"")], 0x6988
    yield "an unknown object", [cryptogram, tlv(0x80, b"\0")], 0x6987
    yield "a status object", [cryptogram, b"\x99\x02\x90\x00"], 0x6987
    yield "the odd form", [tlv(0x85, reader.encrypt(whole))], 0x6987
    yield "a length that lies", [b"\x87\x7f" + cryptogram[2:]], 0x6988
    yield "a length that is not the shortest", [b"\x87\x81\x11" + cryptogram[2:]], 0x6988


OBJECTS = [name for name, *_ in _objects(NaiveReader(bytes(16), bytes(16), 1))]


@pytest.mark.parametrize("name", OBJECTS)
def test_8_objects_that_no_command_may_have(there: Desk, name: str) -> None:
    there.terminal.authenticate(4)
    before = kept(there.card)
    reader = naive(there)
    reader.ssc += 1
    objects, status = {key: (value, sw) for key, value, sw in _objects(reader)}[name]
    answer = sent(there.card, reader.assemble(UPDATE_CODE, objects).encode())
    assert (answer.status, answer.data) == (status, b"")
    assert session_of(there.card) is None
    assert kept(there.card) == before


def _no_mac(body: bytes) -> bytes:
    return body[:-10]


MACS: dict[str, tuple[Callable[[bytes], bytes], int]] = {
    "none": (lambda body: b"", 0x6987),
    "left out": (_no_mac, 0x6987),
    "of 7 bytes": (lambda body: body[:-10] + b"\x8e\x07" + body[-8:-1], 0x6988),
    "of 16 bytes": (lambda body: body[:-10] + b"\x8e\x10" + body[-8:] * 2, 0x6988),
    "of no byte": (lambda body: body[:-10] + b"\x8e\x00", 0x6988),
    "twice": (lambda body: body + body[-10:], 0x6987),
    "in front": (lambda body: body[-10:] + body[:-10], 0x6987),
    "cut short": (lambda body: body[:-1], 0x6988),
}


@pytest.mark.parametrize("name", MACS)
def test_8_a_mac_that_is_missing_or_misshaped(there: Desk, name: str) -> None:
    change, status = MACS[name]
    there.terminal.authenticate(4)
    command = naive(there).protect(GET_NUMBER)
    broken = command.replace(data=change(command.data))
    assert sent(there.card, broken.encode()).status == status
    assert session_of(there.card) is None


# -- 9: short MACs, limits, equal blocks -----------------------------------------------------------


def test_9_the_first_wrong_mac_ends_the_session(there: Desk) -> None:
    """A MAC of 8 bytes is guessed once in 2^64 sessions, not once in 2^64 tries."""
    there.terminal.authenticate(4)
    reader = naive(there)
    right = reader.protect(GET_NUMBER)
    wrong = right.replace(data=right.data[:-1] + bytes((right.data[-1] ^ 1,)))
    assert sent(there.card, wrong.encode()).status == 0x6988
    assert sent(there.card, right.encode()).status == 0x6988


def test_9_the_same_read_is_another_cryptogram_each_time(there: Desk) -> None:
    there.terminal.authenticate(4)
    reader = naive(there)
    answers = set()
    for _ in range(8):
        answer = sent(there.card, reader.protect(READ_DATA).encode())
        answers.add(answer.data[:19])
        assert b"13221" in reader.unprotect(answer).data
    assert len(answers) == 8


def test_9_the_pin_is_never_on_the_wire(there: Desk) -> None:
    there.terminal.authenticate(1)
    raw = naive(there).protect(VERIFY).encode()
    assert VERIFY.data not in raw
    assert sent(there.card, raw).status == 0x9000
