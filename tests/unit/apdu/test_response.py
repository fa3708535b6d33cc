"""Response APDUs: data and status, losslessly, and no data in their text."""

from __future__ import annotations

import pytest

from jukicard.apdu import MalformedApduError, ResponseApdu, StatusWord


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 65_535, 65_536])
def test_every_length_survives(size: int) -> None:
    response = ResponseApdu(b"\x5a" * size, StatusWord(0x6282))
    raw = response.encode()
    assert len(raw) == size + 2
    assert ResponseApdu.parse(raw) == response
    assert ResponseApdu.parse(raw).encode() == raw


@pytest.mark.parametrize("size", [0, 1, 65_539])
def test_too_short_or_too_long_is_refused(size: int) -> None:
    with pytest.raises(MalformedApduError, match="2 to 65538"):
        ResponseApdu.parse(bytes(size))


def test_more_data_than_a_response_carries_is_refused() -> None:
    with pytest.raises(ValueError, match="65536"):
        ResponseApdu(bytes(65_537))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer_becomes_bytes(kind: type) -> None:
    response = ResponseApdu.parse(kind(b"\1\2\x90\0"))
    assert response == ResponseApdu(kind(b"\1\2"))
    assert type(response.data) is type(ResponseApdu(kind(b"\1\2")).data) is bytes


def test_equal_responses_are_equal_and_others_are_not() -> None:
    response = ResponseApdu(b"\1")
    assert len({response, ResponseApdu.parse(b"\1\x90\0")}) == 1
    assert response not in [ResponseApdu(b"\2"), ResponseApdu(b"\1", StatusWord.FILE_NOT_FOUND)]
    assert response != b"\1\x90\0"


def test_its_text_shows_no_data() -> None:
    assert repr(ResponseApdu(b"1234")) == "<ResponseApdu 4 bytes, <StatusWord 9000 done>>"
