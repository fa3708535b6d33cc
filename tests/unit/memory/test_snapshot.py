"""Snapshots as bytes: what is written is read, and everything else is refused by its own name."""

from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given, strategies as st

from jukicard.memory import ImageError, ImageProblem, MemorySnapshot

NAMES = st.text(st.characters(max_codepoint=127), max_size=8)
VALUES = st.dictionaries(NAMES, st.binary(max_size=40), max_size=4)
SNAPSHOTS = st.builds(
    MemorySnapshot,
    st.dictionaries(NAMES.filter(bool), VALUES, max_size=4),
    st.dictionaries(NAMES, st.text(st.characters(codec="utf-8"), max_size=8), max_size=3),
)
SAMPLE = MemorySnapshot({"A": {"x": b"1", "": b""}, "B": {"y": b"2"}}, {"profile": "juki-v1"})


def image(body: bytes, magic: bytes = b"\x89JUKI\r\n\x1a", version: int = 1) -> bytes:
    """Build an image from the description of the format, not with the code under test."""
    head = magic + struct.pack(">HQ", version, len(body))
    return head + hashlib.sha256(head + body).digest() + body


def refusal(data: bytes) -> ImageError:
    with pytest.raises(ImageError) as caught:
        MemorySnapshot.from_bytes(data)
    assert isinstance(caught.value, ValueError)
    return caught.value


def test_version_1_to_the_byte() -> None:
    n = struct.Struct(">I").pack
    body = (
        n(3)
        + (n(0) + n(1) + n(7) + b"profile" + n(7) + b"juki-v1")
        + (n(1) + b"A" + n(2) + n(0) + n(0) + n(1) + b"x" + n(1) + b"1")
        + (n(1) + b"B" + n(1) + n(1) + b"y" + n(1) + b"2")
    )
    assert SAMPLE.export_with_keys() == image(body)
    assert MemorySnapshot.from_bytes(image(body)) == SAMPLE


@given(SNAPSHOTS)
def test_what_is_written_is_read(snapshot: MemorySnapshot) -> None:
    again = MemorySnapshot.from_bytes(snapshot.export_with_keys())
    assert again == snapshot
    assert again.export_with_keys() == snapshot.export_with_keys()


def test_equal_snapshots_give_equal_bytes_whatever_their_history() -> None:
    backwards = MemorySnapshot({"B": {"y": b"2"}, "A": {"": b"", "x": b"1"}}, SAMPLE.meta)
    assert backwards.export_with_keys() == SAMPLE.export_with_keys()


def test_every_truncation_is_called_one() -> None:
    data = SAMPLE.export_with_keys()
    for size in range(len(data)):
        assert refusal(data[:size]).problem is ImageProblem.TRUNCATED


def test_every_changed_bit_is_found() -> None:
    data = SAMPLE.export_with_keys()
    allowed = {
        **dict.fromkeys(range(8), (ImageProblem.FOREIGN,)),
        **dict.fromkeys((8, 9), (ImageProblem.NEWER, ImageProblem.DAMAGED)),
        **dict.fromkeys(range(10, 18), (ImageProblem.TRUNCATED, ImageProblem.DAMAGED)),
    }
    for at in range(len(data)):
        for bit in range(8):
            wrong = bytearray(data)
            wrong[at] ^= 1 << bit
            assert refusal(bytes(wrong)).problem in allowed.get(at, (ImageProblem.DAMAGED,))


@pytest.mark.parametrize("version", [2, 7, 0xFFFF])
def test_a_newer_version_says_what_to_do(version: int) -> None:
    error = refusal(image(b"of another shape", version=version))
    assert error.problem is ImageProblem.NEWER
    assert str(error) == (
        f"the snapshot was made by a newer version (format {version}, this one reads up to 1): "
        "upgrade jukicard"
    )


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n" + bytes(60), b"SQLite format 3\0", b"{}", b"\0"]
)
def test_a_foreign_file_is_called_one(data: bytes) -> None:
    assert refusal(data).problem is ImageProblem.FOREIGN


def test_a_text_mode_copy_is_not_read() -> None:
    assert (
        refusal(SAMPLE.export_with_keys().replace(b"\r\n", b"\n")).problem is ImageProblem.FOREIGN
    )


_N = struct.Struct(">I").pack
_X = _N(1) + b"x" + _N(0)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="no count"),
        pytest.param(_N(1), id="count without a partition"),
        pytest.param(_N(0xFFFFFFFF), id="count beyond all memory"),
        pytest.param(_N(0) + b"\0", id="bytes after the last field"),
        pytest.param(_N(1) + _N(1) + b"A" + _N(0), id="empty partition"),
        pytest.param(_N(1) + _N(1) + b"A" + _N(2) + _X + _X, id="key twice"),
        pytest.param(_N(2) + 2 * (_N(1) + b"A" + _N(1) + _X), id="partition twice"),
        pytest.param(_N(1) + _N(1) + b"A" + _N(1) + _N(1) + b"\xe5" + _N(0), id="key not ASCII"),
        pytest.param(_N(1) + _N(1) + b"A" + _N(1) + _N(1) + b"x" + _N(9), id="value over the end"),
        pytest.param(_N(1) + _N(0) + _N(1) + _N(1) + b"x" + _N(1) + b"\xff", id="meta not text"),
    ],
)
def test_a_body_that_nobody_wrote_is_damaged_even_with_the_right_digest(body: bytes) -> None:
    assert refusal(image(body)).problem is ImageProblem.DAMAGED


def test_format_0_and_bytes_after_the_end_are_damage() -> None:
    assert refusal(image(b"", version=0)).problem is ImageProblem.DAMAGED
    assert refusal(SAMPLE.export_with_keys() + b"\0").problem is ImageProblem.DAMAGED


def test_a_snapshot_cannot_be_changed() -> None:
    given_values, given_meta = {"A": {"x": b"1"}}, {"k": "v"}
    snapshot = MemorySnapshot(given_values, given_meta)
    given_values["A"]["x"] = b"2"
    given_meta["k"] = "w"
    with pytest.raises(TypeError):
        snapshot.partitions["A"]["x"] = b"3"  # type: ignore[index]
    with pytest.raises(TypeError):
        snapshot.partitions["B"] = {}  # type: ignore[index]
    with pytest.raises(TypeError):
        snapshot.meta["k"] = "x"  # type: ignore[index]
    with pytest.raises(AttributeError):
        snapshot.meta = {}  # type: ignore[misc]
    assert snapshot == MemorySnapshot({"A": {"x": b"1"}}, {"k": "v"})


@pytest.mark.parametrize(
    ("partitions", "meta", "error"),
    [
        ({"": {"x": b""}}, {}, ValueError),
        ({"名": {"x": b""}}, {}, ValueError),
        ({"A": {"名": b""}}, {}, ValueError),
        ({"A": {"x": bytearray()}}, {}, TypeError),
        ({}, {"名": ""}, ValueError),
        ({}, {"k": "\ud800"}, ValueError),
    ],
)
def test_a_snapshot_is_checked_where_it_is_made(
    partitions: dict[str, dict[str, bytes]], meta: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        MemorySnapshot(partitions, meta)
    if meta:
        with pytest.raises(error):
            MemorySnapshot({}).with_meta(meta)


def test_snapshots_compare_by_contents_and_meta() -> None:
    assert SAMPLE.with_meta({}) != SAMPLE
    assert SAMPLE.with_meta(SAMPLE.meta) == SAMPLE
    assert MemorySnapshot({"A": {"x": b"1"}}) != MemorySnapshot({"A": {"x": b"2"}})
    assert MemorySnapshot({"A": {}}) == MemorySnapshot({})
    assert SAMPLE.export_with_keys() != SAMPLE
