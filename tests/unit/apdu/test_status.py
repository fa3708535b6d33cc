"""All 65,536 status words: lossless, classified as table 5 says, the published ones by name."""

from __future__ import annotations

import pickle

import pytest

from jukicard.apdu import ResponseApdu, StatusWord
from tests.support.published.vectors import load

ALL = range(65_536)

# The published names of what the vector file lists, by our names.
NAMED = {
    "9000": "OK",
    "6282": "END_OF_FILE",
    "6283": "SELECTED_FILE_DEACTIVATED",
    "6300": "AUTHENTICATION_FAILED",
    "6581": "MEMORY_FAILURE",
    "6700": "WRONG_LENGTH",
    "6881": "CHANNEL_NOT_SUPPORTED",
    "6882": "SECURE_MESSAGING_NOT_SUPPORTED",
    "6884": "CHAINING_NOT_SUPPORTED",
    "6982": "SECURITY_STATUS_NOT_SATISFIED",
    "6983": "AUTHENTICATION_METHOD_BLOCKED",
    "6984": "REFERENCE_DATA_NOT_USABLE",
    "6985": "CONDITIONS_NOT_SATISFIED",
    "6986": "NO_CURRENT_EF",
    "6987": "SECURE_MESSAGING_OBJECTS_MISSING",
    "6988": "SECURE_MESSAGING_OBJECTS_INCORRECT",
    "6A80": "INCORRECT_DATA",
    "6A81": "FUNCTION_NOT_SUPPORTED",
    "6A82": "FILE_NOT_FOUND",
    "6A83": "RECORD_NOT_FOUND",
    "6A84": "NOT_ENOUGH_MEMORY",
    "6A86": "INCORRECT_P1_P2",
    "6A87": "NC_INCONSISTENT_WITH_P1_P2",
    "6A88": "REFERENCED_DATA_NOT_FOUND",
    "6B00": "WRONG_P1_P2",
    "6D00": "INS_NOT_SUPPORTED",
    "6E00": "CLA_NOT_SUPPORTED",
    "6F00": "NO_PRECISE_DIAGNOSIS",
}
FAMILIES = {"61XX", "63CX", "6CXX"}

# ISO/IEC 7816-4:2020, table 5, by SW1
NORMAL = {0x61}
WARNING = {0x62, 0x63}
ERROR = {0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F}


def test_every_status_word_survives_and_is_classified() -> None:
    for value in ALL:
        status = StatusWord(value)
        assert status == value
        assert (status.sw1 << 8 | status.sw2) == value
        assert status.hex == str(status) == f"{value:04X}"
        assert ResponseApdu.parse(ResponseApdu(b"", status).encode()).status == value
        assert status.is_ok is (value == 0x9000 or status.sw1 in NORMAL)
        assert status.is_warning is (status.sw1 in WARNING)
        assert status.is_error is (status.sw1 in ERROR)
        assert status.is_ok + status.is_warning + status.is_error <= 1
        assert status.meaning
        assert (status.meaning == "not a status of ISO/IEC 7816-4") is (
            value != 0x9000 and not 0x61 <= status.sw1 <= 0x6F
        )


def test_only_63cx_counts_tries() -> None:
    counting = {value: StatusWord(value).retries_left for value in ALL}
    found = {value: left for value, left in counting.items() if left is not None}
    assert found == {0x63C0 + left: left for left in range(16)}


def test_a_named_status_is_one_object_and_keeps_its_name_when_copied() -> None:
    for value in ALL:
        copy = pickle.loads(pickle.dumps(StatusWord(value)))
        assert type(copy) is StatusWord
        assert copy == value
    assert StatusWord(0x9000) is StatusWord.OK
    assert repr(StatusWord(0x6A82)) == "<StatusWord 6A82 file or application not found>"


@pytest.mark.parametrize("value", [-1, 0x10000, 0x90000])
def test_what_has_no_16_bits_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match="65535"):
        StatusWord(value)


def test_the_published_status_words_have_their_names() -> None:
    cases = load("apdu/iso7816_status_words")["cases"]
    assert {case["sw"] for case in cases} == NAMED.keys() | FAMILIES
    for code, name in NAMED.items():
        assert getattr(StatusWord, name) == int(code, 16)


def test_the_published_meanings_are_ours() -> None:
    # The words that carry the meaning; the rest of the phrase is the source's.
    words = {
        "6282": "end of file", "6283": "deactivated", "6300": "authentication failed",
        "6581": "memory failure", "6881": "logical channel", "6882": "secure messaging",
        "6884": "chaining", "6982": "security status", "6983": "blocked", "6984": "not usable",
        "6985": "conditions of use", "6986": "no current ef", "6987": "objects missing",
        "6A81": "function not supported", "6A82": "not found", "6A83": "record not found",
        "6A84": "not enough memory", "6A86": "incorrect p1", "6A88": "referenced data not found",
        "6D00": "instruction not supported", "6E00": "class not supported",
        "6F00": "no precise diagnosis", "6700": "wrong length",
    }  # fmt: skip
    published = {
        case["sw"]: case["meaning"].lower() for case in load("apdu/iso7816_status_words")["cases"]
    }
    for code, word in words.items():
        assert word in published[code]
        assert word in StatusWord(int(code, 16)).meaning.lower()


def test_no_two_names_for_one_status() -> None:
    values = [value for value in vars(StatusWord).values() if isinstance(value, StatusWord)]
    assert len(values) > 30
    assert len(values) == len(set(values))


@pytest.mark.parametrize(
    ("left", "status"), [(0, 0x63C0), (3, 0x63C3), (15, 0x63CF), (200, 0x63CF)]
)
def test_tries_left(left: int, status: int) -> None:
    assert StatusWord.retries(left) == status


@pytest.mark.parametrize(
    ("waiting", "status"), [(1, 0x6101), (255, 0x61FF), (256, 0x6100), (60_000, 0x6100)]
)
def test_more_data(waiting: int, status: int) -> None:
    assert StatusWord.more_data(waiting) == status


@pytest.mark.parametrize(("length", "status"), [(1, 0x6C01), (255, 0x6CFF), (256, 0x6C00)])
def test_right_length(length: int, status: int) -> None:
    assert StatusWord.right_length(length) == status


@pytest.mark.parametrize("waiting", [0, -1])
def test_a_promise_of_no_bytes_is_refused(waiting: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        StatusWord.more_data(waiting)


@pytest.mark.parametrize("length", [0, -1, 257, 512, 65_536])
def test_a_length_that_does_not_fit_one_byte_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="1 to 256"):
        StatusWord.right_length(length)


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (0x63C1, "failed, 1 try left"),
        (0x63C0, "failed, 0 tries left"),
        (0x6110, "done, more bytes wait for GET RESPONSE"),
        (0x6C10, "wrong Le, the second byte is the right one"),
        (0x6AFF, "wrong parameters"),
    ],
)
def test_families_have_a_meaning(status: int, meaning: str) -> None:
    assert StatusWord(status).meaning == meaning
