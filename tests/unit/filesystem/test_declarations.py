"""What cannot be declared, and what a declared tree is: found early or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jukicard.apdu import Aid
from jukicard.filesystem.files import (
    DataObject,
    DedicatedFile,
    DfNode,
    EfNode,
    ElementaryFile,
    FileTree,
    RecordFile,
    RecordStructure,
    TransparentFile,
)
from jukicard.filesystem.store import FileStore
from jukicard.kit.pin import PinFile
from jukicard.memory import PersistentMemory
from tests.support.applets.iso_applet import TREE

LINEAR = RecordStructure.LINEAR_FIXED


def tree(*files: ElementaryFile | DedicatedFile) -> FileTree:
    return FileTree(DedicatedFile(files=files))


@pytest.mark.parametrize(
    ("declare", "why"),
    [
        (lambda: TransparentFile(fid=0x0000, size=1), "0000 cannot be"),
        (lambda: TransparentFile(fid=0x3FFF, size=1), "3FFF cannot be"),
        (lambda: TransparentFile(fid=0xFFFF, size=1), "FFFF cannot be"),
        (lambda: TransparentFile(fid=0x10000, size=1), "cannot be"),
        (lambda: DedicatedFile(fid=0xFFFF), "FFFF cannot be"),
        (lambda: TransparentFile(fid=1, size=1, sfi=0), "1 to 30, not 0"),
        (lambda: TransparentFile(fid=1, size=1, sfi=31), "1 to 30, not 31"),
        (lambda: TransparentFile(fid=1, size=0), "1 to 65535 bytes, not 0"),
        (lambda: TransparentFile(fid=1, size=65_536), "1 to 65535 bytes, not 65536"),
        (lambda: TransparentFile(fid=1, size=1, fill=256), "fill"),
        (lambda: _records(0, 1), "together they have 1 to 65532"),
        (lambda: _records(65_533, 1), "together they have 1 to 65532"),
        (lambda: _records(259, 254), "together they have 1 to 65532"),
        (lambda: _records(1, 0), "1 to 254 records"),
        (lambda: _records(1, 255), "1 to 254 records"),
        (lambda: PinFile(fid=1, tries=0), "1 to 15 tries"),
        (lambda: PinFile(fid=1, tries=16), "1 to 15 tries"),
        (lambda: PinFile(fid=1, min_length=0), "1 to 255"),
        (lambda: PinFile(fid=1, min_length=5, max_length=4), "min_length"),
        (lambda: PinFile(fid=1, max_length=256), "1 to 255"),
        (lambda: PinFile(fid=1, sfi=31), "1 to 30"),
        (lambda: DataObject(tag=0x5F), "5F is no BER-TLV tag"),
        (lambda: DataObject(tag=0x00), "0 is no BER-TLV tag"),
        (lambda: DataObject(tag=0x5F80), "5F80 is no BER-TLV tag"),
        (lambda: DataObject(tag=0x5A, max_size=65_001), "up to 65000 bytes"),
        (lambda: tree(_ef(0x0001), _ef(0x0001)), "two files 0001"),
        (lambda: tree(_ef(0x0001), _ef(0x0021)), "short identifier 1"),
        (lambda: tree(_ef(0x7F10), DedicatedFile(fid=0x7F10)), "two files 7F10"),
        (lambda: tree(DedicatedFile(name=Aid("F000000001"))), "needs a file identifier"),
        (
            lambda: FileTree(DedicatedFile(objects=(DataObject(tag=0x5A), DataObject(tag=0x5A)))),
            "two data objects 5A",
        ),
        (
            lambda: tree(PinFile(fid=1), DedicatedFile(fid=0x7F10, files=(PinFile(fid=1),))),
            "two internal files 0001",
        ),
        (
            lambda: tree(
                DedicatedFile(fid=0x7F10, files=(PinFile(fid=1),)),
                DedicatedFile(fid=0x7F11, files=(PinFile(fid=1),)),
            ),
            "two internal files 0001",
        ),
    ],
)
def test_what_cannot_be(declare: Callable[[], object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        declare()


def _ef(fid: int) -> TransparentFile:
    return TransparentFile(fid=fid, size=1)


def _records(size: int, count: int) -> RecordFile:
    return RecordFile(fid=1, structure=LINEAR, record_size=size, record_count=count)


@pytest.mark.parametrize("fid", [0x0001, 0x001E, 0x2F01, 0x6F1E])
def test_the_short_identifier_is_the_low_five_bits(fid: int) -> None:
    assert _ef(fid).sfi == fid & 0x1F


@pytest.mark.parametrize("fid", [0x0020, 0x001F, 0x2F00, 0x3FDF])
def test_where_those_cannot_be_one_there_is_none(fid: int) -> None:
    assert _ef(fid).sfi is None


def test_every_declared_tag_can_be_sent_in_a_template() -> None:
    for tag in (0x42, 0x5A, 0xC1, 0x5F50, 0x7F21, 0x7F64, 0x0100, 0x01FF):
        assert DataObject(tag=tag).tag == tag


def test_a_walk_meets_every_file_once_each_df_before_its_files() -> None:
    met = list(TREE.walk())
    assert len(met) == len({id(node) for node in met})
    for node in met:
        if node.parent is not None:
            assert met.index(node.parent) < met.index(node)
    paths = [node.path for node in met if isinstance(node, EfNode)]
    assert len(paths) == len(set(paths)), "each file keeps its contents in its own place"
    assert {node.path for node in met if isinstance(node, DfNode)} == {
        "",
        "7F10",
        "7F10/5F11",
        "7F20",
        "7F21",
    }


class TestStore:
    @pytest.fixture
    def store(self) -> FileStore:
        return FileStore(TREE, PersistentMemory().partition("test"))

    def test_what_was_never_written_is_fill(self, store: FileStore) -> None:
        assert store.content(TREE.ef(0x2F01)) == b"\xff" * 16
        assert store.content(TREE.ef(0x2F11)) == b"\x0f" * 4
        assert store.records(TREE.ef(0x6F01)) == []
        assert store.data_object(TREE.root, 0x5A) is None

    def test_what_does_not_fit_is_refused(self, store: FileStore) -> None:
        with pytest.raises(ValueError, match="17 bytes do not fit"):
            store.put_content(TREE.ef(0x2F01), bytes(17))
        with pytest.raises(ValueError, match="holds 5 records, not 6"):
            store.put_records(TREE.ef(0x6F01), [b"1234"] * 6)
        with pytest.raises(ValueError, match="at most 400 bytes"):
            store.put_records(TREE.ef(0x6F02), [bytes(401)])

    def test_a_fixed_record_has_its_size(self, store: FileStore) -> None:
        with pytest.raises(ValueError, match="4 bytes"):
            store.put_records(TREE.ef(0x6F01), [b"123"])
        with pytest.raises(ValueError, match="4 bytes"):
            store.put_records(TREE.ef(0x6F03), [b"12345"])

    def test_a_data_object_is_declared_and_has_its_size(self, store: FileStore) -> None:
        with pytest.raises(ValueError, match="no data object 42"):
            store.put_data_object(TREE.root, 0x42, b"")
        with pytest.raises(ValueError, match="65 bytes do not fit 7F64 of 64"):
            store.put_data_object(TREE.root, 0x7F64, bytes(65))

    def test_the_wrong_kind_of_file(self, store: FileStore) -> None:
        with pytest.raises(TypeError, match="not transparent"):
            store.content(TREE.ef(0x6F01))
        with pytest.raises(TypeError, match="not transparent"):
            store.put_content(TREE.ef(0x0011), b"")
        with pytest.raises(TypeError, match="no records"):
            store.put_records(TREE.ef(0x2F01), [])
