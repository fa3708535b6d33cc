"""PC/SC over a stand-in for pyscard: every error code, every way to name a reader, transactions."""

from __future__ import annotations

import sys

import pytest

from jukihost.channel import build_channel
from jukihost.errors import (
    AnswerTimeout,
    CardBusy,
    CardMute,
    CardRemoved,
    CardReset,
    CommandNotCarried,
    ConnectionNotOpen,
    NoCard,
    NoReader,
    PcscUnavailable,
    ProtocolError,
    ReaderGone,
    TransportError,
)
from jukihost.sessions.juki import JukiSession
from jukihost.transport.pcsc.connection import AtClose, PcscConnection, as_tpdu, list_readers
from jukihost.transport.pcsc.scard import ERRORS, expect_success, load_scard
from tests.support.host.fake_scard import FakeReader, FakeScard
from tests.support.host.fakes import JUKI_ATR, FakeJukiCard

CONTACT = "ACS ACR39U ICC Reader 00 00"
CONTACTLESS = "ACS ACR1252 Dual Reader [PICC] 01 00"

# PC/SC part 5 and winscard.h: the codes a terminal meets, and what each is to us.
CODES: dict[int, type[TransportError]] = {
    0x80100003: ReaderGone,
    0x80100009: NoReader,
    0x8010000A: AnswerTimeout,
    0x8010000B: CardBusy,
    0x8010000C: NoCard,
    0x8010000F: CardMute,
    0x80100010: ReaderGone,
    0x80100013: CardMute,
    0x80100016: CardMute,
    0x80100017: ReaderGone,
    0x8010001D: PcscUnavailable,
    0x8010001E: PcscUnavailable,
    0x80100027: PcscUnavailable,
    0x8010002E: NoReader,
    0x8010002F: CardMute,
    0x80100031: CardBusy,
    0x80100065: CardMute,
    0x80100066: CardMute,
    0x80100067: CardReset,
    0x80100068: CardReset,
    0x80100069: CardRemoved,
    0x8010006A: PcscUnavailable,
}


def one_card(**changes: object) -> FakeScard:
    return FakeScard([FakeReader(CONTACT, JUKI_ATR, **changes)])  # type: ignore[arg-type]


def connect(scard: FakeScard, reader: int | str | None = None) -> PcscConnection:
    return PcscConnection(reader, scard=scard)


# --- errors ---


def test_every_code_is_in_this_test() -> None:
    assert set(ERRORS) == set(CODES)


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("signed", [False, True])
def test_every_code_by_itself(code: int, signed: bool) -> None:
    with pytest.raises(CODES[code]) as caught:
        expect_success(code - 0x100000000 if signed else code, "SCardTransmit")
    assert type(caught.value) is CODES[code]
    assert f"SCardTransmit: {code:08X}" in str(caught.value)


@pytest.mark.parametrize("code", [c for c in range(0x80100001, 0x80100080) if c not in CODES])
def test_all_other_codes_are_still_typed(code: int) -> None:
    with pytest.raises(TransportError, match=f"{code:08X}") as caught:
        expect_success(code, "SCardStatus")
    assert type(caught.value) is TransportError


@pytest.mark.parametrize("code", CODES)
def test_every_code_while_a_command_is_sent(code: int) -> None:
    scard = one_card()
    scard.fail["SCardTransmit"] = [code]
    with connect(scard) as connection, pytest.raises(CODES[code]) as caught:
        connection.transmit(b"\0\x20\0\x80\x047391")
    assert "7391" not in str(caught.value)
    assert (scard.contexts, scard.connected) == (0, 0)


@pytest.mark.parametrize(
    "call",
    [
        "SCardEstablishContext",
        "SCardListReaders",
        "SCardGetStatusChange",
        "SCardConnect",
        "SCardStatus",
    ],
)
@pytest.mark.parametrize("code", [0x8010001D, 0x80100017, 0x8010006A])
def test_whatever_fails_in_open_leaves_nothing_open(call: str, code: int) -> None:
    scard = one_card()
    scard.fail[call] = [code]
    connection = connect(scard)
    with pytest.raises(CODES[code], match=call):
        connection.open()
    assert (scard.contexts, scard.connected) == (0, 0)
    with pytest.raises(ConnectionNotOpen):
        connection.transmit(b"\0\0\0\0")
    connection.open()
    connection.close()
    assert (scard.contexts, scard.connected) == (0, 0)


def test_pcscd_not_running_says_so() -> None:
    with pytest.raises(PcscUnavailable, match="pcscd is not running; start it"):
        connect(FakeScard(fail={"SCardEstablishContext": [0x8010001D]})).open()


def test_no_pyscard_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smartcard", None)
    for use in (load_scard, list_readers, PcscConnection().open):
        with pytest.raises(PcscUnavailable, match=r"pip install 'jukicard\[pcsc\]'"):
            use()


def test_card_held_by_another_program() -> None:
    scard = one_card()
    scard.fail["SCardConnect"] = [0x8010000B]
    with pytest.raises(CardBusy, match="another program"):
        connect(scard).open()


# --- readers ---


def test_list_readers() -> None:
    scard = FakeScard([FakeReader(CONTACT), FakeReader(CONTACTLESS, JUKI_ATR)])
    first, second = list_readers(scard)
    assert (first.index, first.name, first.card_present, first.atr) == (0, CONTACT, False, None)
    assert (second.index, second.card_present, second.atr) == (1, True, JUKI_ATR)
    assert scard.contexts == 0


def test_no_readers_at_all() -> None:
    assert list_readers(FakeScard()) == ()
    with pytest.raises(NoReader, match="plug one in"):
        connect(FakeScard()).open()


def test_reader_unplugged_while_looking() -> None:
    scard = one_card()
    scard.fail["SCardGetStatusChange"] = [0x80100009]
    assert list_readers(scard) == ()


def test_mute_card_has_no_atr() -> None:
    [reader] = list_readers(FakeScard([FakeReader(CONTACT, b"")]))
    assert reader.card_present
    assert reader.atr is None


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, CONTACTLESS),
        (1, CONTACTLESS),
        (CONTACTLESS, CONTACTLESS),
        ("picc", CONTACTLESS),
        ("1252", CONTACTLESS),
    ],
)
def test_ways_to_name_a_reader(wanted: int | str | None, expected: str) -> None:
    scard = FakeScard([FakeReader(CONTACT), FakeReader(CONTACTLESS, JUKI_ATR)])
    with connect(scard, wanted) as connection:
        assert connection.description == expected
        assert connection.atr == JUKI_ATR


def test_exact_name_wins_over_a_part() -> None:
    scard = FakeScard([FakeReader("Reader 0", JUKI_ATR), FakeReader("Reader 00", JUKI_ATR)])
    with connect(scard, "Reader 0") as connection:
        assert connection.description == "Reader 0"


@pytest.mark.parametrize("wanted", [2, -1, "gemalto", ""])
def test_reader_that_is_not_there(wanted: int | str) -> None:
    scard = FakeScard([FakeReader(CONTACT), FakeReader(CONTACTLESS, JUKI_ATR)])
    with pytest.raises(NoReader, match="attached: 0: ACS ACR39U"):
        connect(scard, wanted).open()


def test_part_that_fits_several() -> None:
    scard = FakeScard([FakeReader(CONTACT), FakeReader(CONTACTLESS, JUKI_ATR)])
    with pytest.raises(NoReader, match="fits several readers"):
        PcscConnection("acs", wait=60, scard=scard).open()


def test_cards_in_several_readers() -> None:
    scard = FakeScard([FakeReader(CONTACT, JUKI_ATR), FakeReader(CONTACTLESS, JUKI_ATR)])
    with pytest.raises(NoReader, match="cards are in several readers"):
        connect(scard).open()


def test_reader_without_card() -> None:
    scard = FakeScard([FakeReader(CONTACT), FakeReader(CONTACTLESS, JUKI_ATR)])
    with pytest.raises(NoCard, match="no card is in 0: ACS ACR39U"):
        connect(scard, 0).open()


# --- waiting ---


def test_waits_for_reader_and_card_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    scard = FakeScard()
    looks: list[int] = []

    def look() -> None:
        looks.append(len(looks))
        if len(looks) == 3:
            scard.readers.append(FakeReader(CONTACT))
        if len(looks) == 5:
            scard.readers[0].atr = JUKI_ATR

    scard.on_look = look
    told: list[str] = []
    with PcscConnection(wait=60, on_wait=told.append, scard=scard) as connection:
        assert connection.atr == JUKI_ATR
    assert len(looks) == 5
    assert told == ["a reader"]


@pytest.mark.parametrize(("readers", "kind"), [([], NoReader), ([FakeReader(CONTACT)], NoCard)])
def test_waiting_has_a_limit(readers: list[FakeReader], kind: type[TransportError]) -> None:
    scard = FakeScard(readers)
    with pytest.raises(kind):
        PcscConnection(wait=0.3, scard=scard).open()
    assert sum(call[0] == "SCardListReaders" for call in scard.calls) >= 2
    assert scard.contexts == 0


# --- exchange ---


@pytest.mark.parametrize("protocol", [1, 2])
def test_protocol_of_the_card_is_used(protocol: int) -> None:
    scard = one_card(protocol=protocol)
    with connect(scard) as connection:
        assert connection.transmit(b"\0\xa4\0\0\2\x3f\0") == b"\x90\0"
    assert ("SCardConnect", CONTACT, 2, 3) in scard.calls
    assert ("SCardTransmit", protocol, b"\0\xa4\0\0\2\x3f\0") in scard.calls


@pytest.mark.parametrize(
    ("command", "tpdu"),
    [
        ("00200080", "0020008000"),  # case 1: P3 = 00
        ("00B0000000", "00B0000000"),  # case 2S: as it is
        ("00B0000010", "00B0000010"),
        ("00A4020C02001C", "00A4020C02001C"),  # case 3S
        ("00A4040005A00000015100", "00A4040005A000000151"),  # case 4S: without Le
        ("00A40400010000", "00A404000100"),
        ("00B00000000000", "00B00000000000"),  # case 2E
        ("00D60000000002AABB", "00D60000000002AABB"),  # case 3E
        ("00CB3FFF0000025C000000", "00CB3FFF0000025C000000"),  # case 4E
    ],
)
def test_t0_carries_short_commands_its_own_way(command: str, tpdu: str) -> None:
    assert as_tpdu(bytes.fromhex(command)).hex().upper() == tpdu
    for protocol, sent in ((1, tpdu), (2, command)):
        scard = one_card(protocol=protocol)
        with connect(scard) as connection:
            connection.transmit(bytes.fromhex(command))
        assert ("SCardTransmit", protocol, bytes.fromhex(sent)) in scard.calls


@pytest.mark.parametrize("nc", range(1, 256))
def test_t0_for_every_length_of_data(nc: int) -> None:
    case3 = b"\0\xd6\0\0" + bytes((nc,)) + bytes(nc)
    assert as_tpdu(case3) == case3
    assert as_tpdu(case3 + b"\0") == case3
    assert as_tpdu(case3 + b"\x10") == case3


@pytest.mark.parametrize("size", [0, 1, 65_545])
def test_what_is_no_command_is_not_sent(size: int) -> None:
    # One byte would hang the virtual reader of pcscd, and every program that uses it.
    scard = one_card()
    with connect(scard) as connection, pytest.raises(CommandNotCarried):
        connection.transmit(bytes(size))
    assert not [call for call in scard.calls if call[0] == "SCardTransmit"]


def test_no_answer_at_all_is_a_card_that_was_pulled() -> None:
    """pcscd reports success and no bytes when the card goes while it works."""
    with connect(one_card(answer=lambda command: b"")) as connection, pytest.raises(CardRemoved):
        connection.transmit(b"\0\0\0\0")


def test_answer_that_is_no_bytes() -> None:
    scard = one_card()
    with connect(scard) as connection:
        scard.SCardTransmit = lambda card, protocol, command: (0, [256])  # type: ignore[method-assign]
        with pytest.raises(ProtocolError):
            connection.transmit(b"\0\0\0\0")


@pytest.mark.parametrize(("at_close", "disposition"), [(AtClose.POWER_OFF, 2), (AtClose.LEAVE, 0)])
def test_closing_takes_the_power_unless_told_otherwise(at_close: AtClose, disposition: int) -> None:
    scard = one_card()
    with PcscConnection(scard=scard, at_close=at_close) as connection:
        assert repr(connection) == f"<PcscConnection {CONTACT}>"
    assert ("SCardDisconnect", disposition) in scard.calls
    connection.close()
    assert (scard.contexts, scard.connected) == (0, 0)


def test_default_is_to_take_the_power() -> None:
    scard = one_card()
    with connect(scard):
        pass
    assert ("SCardDisconnect", 2) in scard.calls


# --- reset and reconnect ---


def test_warm_reset() -> None:
    scard = one_card()
    with connect(scard) as connection:
        scard.readers[0].atr = b"\x3b\0"
        assert connection.reset() == b"\x3b\0"
        assert connection.atr == b"\x3b\0"
    assert ("SCardReconnect", 2, 3, 1) in scard.calls


def test_reconnect_after_a_reset_keeps_the_power() -> None:
    scard = one_card()
    scard.fail["SCardTransmit"] = [0x80100068]
    with connect(scard) as connection:
        with pytest.raises(CardReset):
            connection.transmit(b"\0\0\0\0")
        assert connection.reconnect() == JUKI_ATR
        assert connection.transmit(b"\0\0\0\0") == b"\x90\0"
    assert ("SCardReconnect", 2, 3, 0) in scard.calls
    assert sum(call[0] == "SCardConnect" for call in scard.calls) == 1


def test_reconnect_gives_power_to_a_card_that_another_program_left_without() -> None:
    scard = one_card()
    with connect(scard) as connection:
        with connect(scard):
            pass  # its end takes the power, as that of every connection does by default
        assert not scard.readers[0].powered
        scard.fail["SCardTransmit"] = [0x80100068]
        with pytest.raises(CardReset):
            connection.transmit(b"\0\0\0\0")
        assert connection.reconnect() == JUKI_ATR
        assert connection.transmit(b"\0\0\0\0") == b"\x90\0"
        assert sum(call[0] == "SCardConnect" for call in scard.calls) == 2


@pytest.mark.parametrize("code", [0x80100003, 0x80100017, 0x8010001E, 0x80100069])
def test_reconnect_begins_anew_when_it_must(code: int) -> None:
    scard = one_card()
    scard.fail = {"SCardTransmit": [code], "SCardReconnect": [code]}
    with connect(scard) as connection:
        with pytest.raises(CODES[code]):
            connection.transmit(b"\0\0\0\0")
        assert connection.reconnect() == JUKI_ATR
        assert (scard.contexts, scard.connected) == (1, 1)
    assert (scard.contexts, scard.connected) == (0, 0)


def test_reconnect_without_a_card_says_so() -> None:
    scard = one_card()
    scard.fail["SCardReconnect"] = [0x80100069]
    with connect(scard) as connection:
        scard.readers[0].atr = None
        with pytest.raises(NoCard):
            connection.reconnect()
    assert (scard.contexts, scard.connected) == (0, 0)


# --- transactions ---


def held_while_sending(scard: FakeScard) -> list[int]:
    seen: list[int] = []
    card = FakeJukiCard()

    def answer(command: bytes) -> bytes:
        seen.append(scard.held)
        return card.transmit(command)

    scard.readers[0].answer = answer
    return seen


def test_transaction_keeps_others_away_and_nests() -> None:
    scard = one_card()
    seen = held_while_sending(scard)
    with connect(scard) as connection:
        connection.transmit(b"\0\xa4\4\x0c")
        with connection.transaction(), connection.transaction():
            connection.transmit(b"\0\xa4\4\x0c")
        connection.transmit(b"\0\xa4\4\x0c")
    assert seen == [0, 1, 0]
    assert sum(call[0] == "SCardBeginTransaction" for call in scard.calls) == 1
    assert ("SCardEndTransaction", 0) in scard.calls


def test_session_holds_the_card_for_its_whole_block() -> None:
    scard = one_card()
    seen = held_while_sending(scard)
    with connect(scard) as connection:
        with JukiSession(build_channel(connection)) as juki:
            juki.verify_pin("1234")
        assert scard.held == 0
    assert seen
    assert set(seen) == {1}


def test_session_that_cannot_open_lets_go_of_the_card() -> None:
    scard = one_card(answer=lambda command: b"\x6a\x82")
    with connect(scard) as connection:
        with pytest.raises(Exception, match="no such application"):
            JukiSession(build_channel(connection)).__enter__()
        assert scard.held == 0


def test_transaction_ends_when_something_fails_inside() -> None:
    scard = one_card()
    with connect(scard) as connection:
        with pytest.raises(RuntimeError, match="inside"), connection.transaction():
            raise RuntimeError("inside")
        assert scard.held == 0


def test_card_gone_at_the_end_of_a_transaction_is_no_second_error() -> None:
    scard = one_card()
    scard.fail["SCardEndTransaction"] = [0x80100069]
    with connect(scard) as connection, connection.transaction():
        connection.transmit(b"\0\0\0\0")


def test_reset_by_another_program_shows_when_a_transaction_begins() -> None:
    scard = one_card()
    scard.fail["SCardBeginTransaction"] = [0x80100068]
    with connect(scard) as connection:
        with pytest.raises(CardReset), connection.transaction():
            pytest.fail("not to be reached")
        connection.reconnect()
        with connection.transaction():
            assert scard.held == 1
        assert scard.held == 0


def test_transaction_goes_on_after_a_full_reconnect() -> None:
    scard = one_card()
    scard.fail["SCardReconnect"] = [0x80100017]
    with connect(scard) as connection:
        with connection.transaction():
            connection.reconnect()
            assert scard.held == 1
        assert scard.held == 0


def test_connection_closed_inside_a_transaction() -> None:
    scard = one_card()
    with connect(scard) as connection:
        with connection.transaction():
            connection.close()
        assert scard.held == 0


def test_not_open() -> None:
    connection = connect(one_card())
    with pytest.raises(ConnectionNotOpen):
        connection.transmit(b"\0\0\0\0")
    with pytest.raises(ConnectionNotOpen):
        connection.reset()
    with pytest.raises(ConnectionNotOpen):
        _ = connection.atr
    with pytest.raises(ConnectionNotOpen), connection.transaction():
        pytest.fail("not to be reached")
    assert connection.description == "reader any"
    connection.close()
