"""FCP, FMD and FCI: what SELECT answers, against published templates and the standard's tables."""

from __future__ import annotations

from typing import Any

import pytest

from jukicard.apdu import Aid, Tlv
from jukicard.filesystem.control import (
    ControlInformation,
    control_information,
    control_parameters,
    descriptor,
)
from jukicard.filesystem.files import (
    DedicatedFile,
    ElementaryFile,
    FileTree,
    InternalFile,
    InternalKind,
    RecordFile,
    RecordStructure,
    TransparentFile,
    WriteFunction,
)
from jukicard.filesystem.lifecycle import LifeCycleState
from jukicard.filesystem.store import FileStore
from jukicard.memory import PersistentMemory
from tests.support.applets.iso_applet import TREE, selected_iso_card
from tests.support.published.transcript import send
from tests.support.published.vectors import load

VECTORS = load("tlv/fcp_templates")


def store_of(*files: ElementaryFile, **df: Any) -> FileStore:
    tree = FileTree(DedicatedFile(files=files, **df))
    return FileStore(tree, PersistentMemory().partition("test"))


def file_like(case: dict[str, Any]) -> FileStore:
    """Return a store with the one file that a published template describes."""
    if case["descriptor"] == "df":
        name = Aid(case["df_name"]) if "df_name" in case else None
        return store_of(fid=int(case["fid"], 16), name=name)
    fid, sfi = int(case["fid"], 16), case["sfi"]
    if case["descriptor"] == "transparent":
        return store_of(TransparentFile(fid=fid, sfi=sfi, size=case["size"]))
    assert case["descriptor"] == "linear_fixed"
    memory = PersistentMemory()
    tree = FileTree(
        DedicatedFile(
            files=(
                RecordFile(
                    fid=fid,
                    sfi=sfi,
                    structure=RecordStructure.LINEAR_FIXED,
                    record_size=case["record_length"],
                    record_count=case["records"],
                ),
            )
        )
    )
    store = FileStore(tree, memory.partition("test"))
    with memory.transaction():
        store.put_records(tree.ef(fid), [bytes(case["record_length"])] * case["records"])
    return store


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_a_file_like_a_published_one_says_the_same_of_itself(case: dict[str, Any]) -> None:
    store = file_like(case)
    node = store.tree.root
    ours = Tlv.parse(
        control_parameters(store, next(iter(node.efs.values()), node))  # the EF, else the DF
    )
    published = Tlv.parse(bytes.fromhex(case["fcp"]))
    assert ours.tag == published.tag == 0x62
    for tag in (0x80, 0x83, 0x84, 0x88, 0x8A):
        assert ours.find(tag) == published.find(tag), f"{tag:X}"
    mine, theirs = ours.find(0x82), published.find(0x82)
    assert mine is not None
    assert theirs is not None
    # the byte after the descriptor is the data coding, where theirs has a proprietary write
    assert mine.value[:1] == theirs.value[:1]
    assert mine.value[2:] == theirs.value[2:]


@pytest.mark.parametrize("case", VECTORS["file_descriptors"], ids=lambda case: case["do82"])
def test_file_descriptors(case: dict[str, Any]) -> None:
    published = Tlv.parse(bytes.fromhex(case["do82"])).value
    if case["descriptor"] == "ber_tlv":
        # no file here has that structure, and none says so
        assert {descriptor(node)[0] for node in TREE.walk()}.isdisjoint(published[:1])
        return
    size = case.get("record_length", 1)
    files: dict[str, ElementaryFile] = {
        "transparent": TransparentFile(fid=1, size=1),
        "linear_fixed": RecordFile(
            fid=1,
            structure=RecordStructure.LINEAR_FIXED,
            record_size=size,
            record_count=case.get("records", 1),
        ),
    }
    if case["descriptor"] == "df":
        ours = descriptor(FileTree(DedicatedFile()).root)
    else:
        ours = descriptor(FileTree(DedicatedFile(files=(files[case["descriptor"]],))).ef(1))
    assert ours[:1] == published[:1]
    assert ours[2:] == published[2:]


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        # 7.4.5: shareable 40; working EF 00, internal EF 08, DF 38; structure 1 to 6
        (TransparentFile(fid=1, size=1), "4141"),
        (TransparentFile(fid=1, size=1, write_function=WriteFunction.AND), "4161"),
        (TransparentFile(fid=1, size=1, write_function=WriteFunction.ONCE), "4101"),
        (InternalFile(fid=1, kind=InternalKind.KEY), "48"),
        *(
            (
                RecordFile(fid=1, structure=structure, record_size=258, record_count=254),
                f"4{structure.value}41" + "0102" + "FE",
            )
            for structure in RecordStructure
        ),
    ],
)
def test_descriptor_bytes_by_the_tables(file: ElementaryFile, wanted: str) -> None:
    assert descriptor(FileTree(DedicatedFile(files=(file,))).ef(1)).hex().upper() == wanted


def test_the_structures_have_the_numbers_of_the_table() -> None:
    assert [structure.value for structure in RecordStructure] == [2, 4, 6]


def with_length(answer: str) -> str:
    """Put the length where `--` stands in a template's hexadecimal text before its status."""
    text = answer.replace(" ", "")
    inside = text.partition("--")[2][:-4]
    return text.replace("--", f"{len(inside) // 2:02X}")


@pytest.mark.parametrize(
    ("select", "fcp"),
    [
        ("00A40204022F01 00", "62 -- 80020010 82024141 83022F01 880108 8A0105"),
        ("00A40204022F02 00", "62 -- 80029C40 82024141 83022F02 8801F0 8A0105"),
        ("00A40204022F03 00", "62 -- 80020258 82024141 83022F03 8800 8A0105"),
        ("00A40204026F01 00", "62 -- 8002000C 82054241000405 83026F01 880110 8A0105"),
        ("00A40204026F03 00", "62 -- 80020000 82054641000403 83026F03 880120 8A0105"),
        ("00A4020402001100", "62 -- 820148 83020011 880188 8A0105"),
        ("00A40104027F1000", "62 -- 820178 83027F10 8A0105"),
        ("00A40104027F2000", "62 -- 820178 83027F20 8407F04E414D454401 8A0105"),
        ("00A4000400", "62 -- 820178 83023F00 8409F049534F5445535401 8A0105"),
    ],
)
def test_fcp_on_the_wire(select: str, fcp: str) -> None:
    assert send(selected_iso_card(), select) == with_length(fcp + "9000")


@pytest.mark.parametrize(
    ("select", "answer"),
    [
        ("00A40000027F2000", "6F -- 8407F04E414D454401 820178 83027F20 8A0105 A500 9000"),
        ("00A40000027F1000", "6F -- 820178 83027F10 8A0105 9000"),
        ("00A40200022F0100", "6F -- 80020010 82024141 83022F01 880108 8A0105 9000"),
        ("00A40008027F2000", "64 -- 8407F04E414D454401 9000"),
        ("00A40008027F1000", "64 -- 9000"),
        ("00A40208022F0100", "64 -- 9000"),
        ("00A4020C022F0100", "9000"),
        ("00A4020C022F01", "9000"),
        # without Le nothing was asked for
        ("00A40200022F01", "9000"),
        ("00A40204022F01", "9000"),
        ("00A40004", "9000"),
    ],
)
def test_fci_fmd_and_nothing(select: str, answer: str) -> None:
    assert send(selected_iso_card(), select) == with_length(answer)


def test_an_answer_longer_than_le_comes_in_pieces() -> None:
    card = selected_iso_card()
    whole = send(card, "00A40204022F01 00")[:-4]
    assert send(card, "00A40204022F01 05") == whole[:10] + "610F"
    assert send(card, "00C000000F") == whole[10:] + "9000"


@pytest.mark.parametrize("state", LifeCycleState)
def test_every_state_has_its_byte_and_back(state: LifeCycleState) -> None:
    assert LifeCycleState.from_byte(state.byte) is state


def test_all_256_life_cycle_bytes() -> None:
    # ISO/IEC 7816-4:2020, 7.4.10, table 14
    meanings = {0x01: "CREATION", 0x03: "INITIALISATION", 0x04: "DEACTIVATED", 0x05: "ACTIVATED"}
    meanings |= {0x06: "DEACTIVATED", 0x07: "ACTIVATED"}
    meanings |= dict.fromkeys(range(0x0C, 0x10), "TERMINATED")
    for byte in range(256):
        if byte in meanings:
            assert LifeCycleState.from_byte(byte).name == meanings[byte]
        else:
            with pytest.raises(ValueError, match="life-cycle"):
                LifeCycleState.from_byte(byte)


@pytest.mark.parametrize("wanted", ControlInformation)
def test_every_file_answers_every_question(wanted: ControlInformation) -> None:
    store = FileStore(TREE, PersistentMemory().partition("test"))
    for node in TREE.walk():
        answer = control_information(store, node, wanted)
        if wanted is ControlInformation.NONE:
            assert answer == b""
            continue
        template = Tlv.parse(answer)
        assert template.tag == {"FCI": 0x6F, "FCP": 0x62, "FMD": 0x64}[wanted.name]
        assert len(answer) <= 256
        tags = [child.tag for child in template.children]
        assert len(tags) == len(set(tags)), "each object at most once"
