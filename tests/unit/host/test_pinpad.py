"""PIN pads at the boundary of PC/SC: structures byte by byte, features, every answer there is."""

from __future__ import annotations

import dataclasses

import pytest

from jukicard.apdu import CommandApdu, ResponseApdu, StatusWord
from jukihost.channel import build_channel
from jukihost.errors import CardFailure, NotOffered, ProtocolError, check
from jukihost.pinpad import (
    PadCancelled,
    PadEntriesDiffer,
    PadEntry,
    PadError,
    PadOutcomeUnknown,
    PadRefused,
    PadTimedOut,
    PadWrongLength,
    PinPad,
    pad_error,
)
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.transport.pcsc.connection import PcscConnection
from jukihost.transport.pcsc.features import (
    Feature,
    PinProperties,
    TlvProperties,
    parse_features,
    parse_pin_properties,
    parse_tlv_properties,
)
from jukihost.transport.pcsc.pinstructures import pin_structure
from tests.support.host.fake_scard import FakeReader, FakeScard
from tests.support.host.fakes import JUKI_ATR
from tests.support.host.pad_reader import MODIFY, VERIFY, PadReader, take_apart

VERIFY_HEADER = bytes.fromhex("00200080")
CHANGE_HEADER = bytes.fromhex("00240180")


def jpki(command: bytes) -> bytes:
    """A card that takes everything and has three tries left."""
    return bytes.fromhex("63C3" if command == VERIFY_HEADER else "9000")


def connect(pad: PadReader) -> tuple[FakeScard, PcscConnection]:
    reader = FakeReader("Pad Reader 00 00", JUKI_ATR, answer=pad.card, control=pad.control)
    scard = FakeScard([reader])
    return scard, PcscConnection(scard=scard)


def sent(scard: FakeScard) -> list[bytes]:
    return [call[2] for call in scard.calls if call[0] == "SCardTransmit"]


# --- structures ---


def test_verify_structure_to_the_byte() -> None:
    made = pin_structure(PadEntry(PinPad(timeout=20, language=0x0409), 4, 16), VERIFY_HEADER)
    assert made == bytes.fromhex(
        "14 14 82 00 00 1004 02 01 0904 00 000000 05000000 0020008000".replace(" ", "")
    )


def test_modify_structure_to_the_byte() -> None:
    made = pin_structure(PadEntry(PinPad(), 4, 4, new=True), CHANGE_HEADER)
    assert made == bytes.fromhex(
        "1E 1E 82 00 00 00 00 0404 01 02 02 1104 010200 000000 05000000 0024018000".replace(" ", "")
    )


@pytest.mark.parametrize("new", [False, True])
def test_every_length_and_time_arrives_as_it_was_meant(new: bool) -> None:
    for number in range(1, 256):
        entry = PadEntry(PinPad(timeout=number, language=number * 257), number, 256 - number, new)
        header = CHANGE_HEADER if new else VERIFY_HEADER
        read = take_apart(MODIFY if new else VERIFY, pin_structure(entry, header))
        assert (read.timeout, read.timeout2, read.language) == (number, number, number * 257)
        assert (read.shortest, read.longest) == (number, 256 - number)
        assert (read.confirm, read.messages, read.apdu) == (new, 1 + new, header + b"\0")


@pytest.mark.parametrize("pad", [{"timeout": 0}, {"timeout": 256}, {"language": -1}])
def test_a_pad_of_no_range_is_refused(pad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="1 to 255"):
        PinPad(**pad)


# --- features ---


def test_features_are_looked_up_once_and_reach_no_card() -> None:
    pad = PadReader(jpki)
    scard, connection = connect(pad)
    with connection:
        features = connection.features()
        assert connection.features() is features
        assert sent(scard) == []
        assert [name for name, *_ in scard.calls].count("SCardControl") == 3
    assert features.verifies
    assert features.modifies
    assert features.codes[Feature.GET_TLV_PROPERTIES] == 0x42330012
    assert features.pin == PinProperties(0, 7, False)
    assert features.properties == TlvProperties(
        shortest_pin=4, longest_pin=16, vendor=0x08E6, product=0x34EC,
        other={1: b"\1\x10", 2: b"\7", 3: b"\0"},
    )  # fmt: skip


@pytest.mark.parametrize("code", [0x8010001F, 0x80100016, 0x80100022, 0x80100004, 0x1, 0x32])
def test_a_driver_without_features_has_none(code: int) -> None:
    scard, connection = connect(PadReader(jpki))
    scard.fail["SCardControl"] = [code]
    with connection, JpkiSession(build_channel(connection)) as session:
        before = sent(scard)
        with pytest.raises(NotOffered, match="Pad Reader 00 00 has no pad to verify"):
            session.verify_pin(PinPad())
        assert sent(scard) == before
        assert connection.features().codes == {}


@pytest.mark.parametrize(
    ("parse", "raw"),
    [
        (parse_features, "06"),
        (parse_features, "0604423300"),
        (parse_features, "060342330F"),
        (parse_pin_properties, "00000700000000"),
        (parse_pin_properties, "000007"),
        (parse_tlv_properties, "0602"),
        (parse_tlv_properties, "060104 07".replace(" ", "")),
    ],
)
def test_malformed_features_are_said(parse: object, raw: str) -> None:
    with pytest.raises(ProtocolError, match="malformed"):
        parse(bytes.fromhex(raw))  # type: ignore[operator]


def test_features_of_the_future_are_left_out_and_properties_kept() -> None:
    assert parse_features(bytes.fromhex("FF0400000001 060400000002")) == {
        Feature.VERIFY_PIN_DIRECT: 2
    }
    told = parse_tlv_properties(bytes.fromhex("0805 312E302E00 0A04 05010000 0602 0400 FE00"))
    assert (told.firmware, told.longest_apdu, told.shortest_pin) == ("1.0.", 261, None)
    assert told.other == {6: b"\4\0", 0xFE: b""}


@pytest.mark.parametrize(
    ("tlv", "wanted"),
    [("060106 070108", None), ("060101 070103", None), ("", (4, 4)), ("070100", (4, 4))],
)
def test_a_pad_is_asked_for_no_more_than_it_takes(tlv: str, wanted: tuple[int, int] | None) -> None:
    pad = PadReader(jpki, ["1234"], tlv=bytes.fromhex(tlv))
    _, connection = connect(pad)
    with connection, JpkiSession(build_channel(connection)) as session:
        if wanted is None:
            with pytest.raises(NotOffered, match="4 to 4 digits"):
                session.verify_pin(PinPad())
            return
        session.verify_pin(PinPad())
    assert (pad.seen[0].shortest, pad.seen[0].longest) == wanted


def test_a_password_is_asked_for_within_what_the_pad_takes() -> None:
    pad = PadReader(jpki, ["123456"], tlv=bytes.fromhex("060104070108"))
    _, connection = connect(pad)
    with connection, JpkiSession(build_channel(connection)) as session:
        session.verify_password(PinPad())
    assert (pad.seen[0].shortest, pad.seen[0].longest) == (4, 8)


# --- answers ---

OF_THE_READER = {
    0x6400: PadTimedOut,
    0x6401: PadCancelled,
    0x6402: PadEntriesDiffer,
    0x6403: PadWrongLength,
    0x6B80: PadRefused,
}


def test_every_status_of_a_reader_is_its_error_and_no_other_is() -> None:
    for status in range(0x10000):
        error = pad_error(StatusWord(status), lambda: 2)
        assert type(error) is OF_THE_READER.get(status, type(None))
        if error is not None:
            assert f"2 tries left now ({status:04X} of the reader, or the card's own)" in str(error)
            assert error.retries_left == 2


@pytest.mark.parametrize("status", OF_THE_READER)
def test_where_the_card_does_not_say_it_nothing_is_said_of_tries_used(status: int) -> None:
    error = pad_error(StatusWord(status), lambda: None)
    assert error is not None
    assert "the card does not say how many tries are left" in str(error)
    assert "no try" not in str(error)
    assert error.retries_left is None


@pytest.mark.parametrize("status", OF_THE_READER)
def test_the_reader_s_status_is_told_apart_from_the_card_s(status: int) -> None:
    raw = status.to_bytes(2, "big")
    _, connection = connect(PadReader(jpki, [raw]))
    with (
        connection,
        JpkiSession(build_channel(connection)) as session,
        pytest.raises(OF_THE_READER[status]),
    ):
        session.verify_pin(PinPad())
    command = CommandApdu.parse(VERIFY_HEADER + b"\x041234")
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any but the pad's
        check(command, ResponseApdu.parse(raw).status)
    assert not isinstance(caught.value, PadError)
    if status == 0x6400:
        assert isinstance(caught.value, CardFailure)


@pytest.mark.parametrize("size", [0, 1, 3, 4, 258])
@pytest.mark.parametrize("new", [False, True])
def test_all_but_two_bytes_are_unknown_and_the_tries_are_asked(size: int, new: bool) -> None:
    scard, connection = connect(PadReader(jpki, [b"\x90" * size, b""]))
    with connection, JpkiSession(build_channel(connection)) as session:
        enter = session.change_pin if new else session.verify_pin
        with pytest.raises(PadOutcomeUnknown, match=rf"{size} bytes.*3 tries left now") as caught:
            enter(PinPad())
        assert sent(scard)[-1] == VERIFY_HEADER
        assert caught.value.retries_left == 3


@pytest.mark.parametrize("code", [0x80100013, 0x80100016, 0x8010002F])
def test_a_driver_that_gives_up_leaves_it_unknown(code: int) -> None:
    scard, connection = connect(PadReader(jpki))
    with connection, JpkiSession(build_channel(connection)) as session:
        connection.features()
        scard.fail["SCardControl"] = [code]
        with pytest.raises(PadOutcomeUnknown, match="3 tries left now"):
            session.verify_pin(PinPad())


@pytest.mark.parametrize(
    ("lost", "left"),
    [([0x80100016], 3), ([0, 0x80100016], 3), ([0x80100016] * 2, 3), ([0x80100066] * 3, None)],
)
def test_the_tries_are_asked_again_where_the_driver_lost_the_question(
    lost: list[int], left: int | None
) -> None:
    scard, connection = connect(PadReader(jpki, [b"\x01"]))
    with connection, JpkiSession(build_channel(connection)) as session:
        connection.features()
        pending = session.pin_entry

        def broken(entry: PadEntry) -> object:
            scard.fail["SCardTransmit"] = []
            enter = pending(entry)

            def go(command: CommandApdu) -> bytes:
                answer = enter(command)
                scard.fail["SCardTransmit"] = [*lost]
                return answer

            return go

        session.pin_entry = broken  # type: ignore[method-assign, assignment]
        said = "does not say" if left is None else f"{left} tries left now"
        with pytest.raises(PadOutcomeUnknown, match=said) as caught:
            session.verify_pin(PinPad())
        assert caught.value.retries_left == left


def test_the_tries_are_asked_on_the_key_that_was_typed_for() -> None:
    seen: list[bytes] = []

    def card(command: bytes) -> bytes:
        seen.append(command)
        return jpki(command)

    _, connection = connect(PadReader(card, [b""]))
    with connection, JpkiSession(build_channel(connection)) as session:
        with pytest.raises(PadOutcomeUnknown):
            session.verify_password(PinPad())
        assert seen[-2:] == [bytes.fromhex("00A4020C02001B"), VERIFY_HEADER]
        assert JpkiKey.SIGNATURE.ef_pin == 0x001B


def test_what_a_pad_is_told_has_no_secret_and_prints() -> None:
    entry = PadEntry(PinPad(), 4, 4)
    assert dataclasses.asdict(entry) == {
        "pad": {"timeout": 30, "language": 0x0411},
        "shortest": 4,
        "longest": 4,
        "new": False,
    }
