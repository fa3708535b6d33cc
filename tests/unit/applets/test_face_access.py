"""Every file of the text, surface and common applications under every set of credentials."""

from __future__ import annotations

from itertools import chain, combinations
from typing import Final, NamedTuple

import pytest

from jukicard.apdu import CommandApdu, Tlv
from jukicard.applets.common.files import TREE as COMMON_TREE
from jukicard.applets.surface.files import TREES as SURFACE_TREES
from jukicard.applets.text.files import TREE as TEXT_TREE
from jukicard.filesystem.files import EfNode, FileTree, InternalFile, RecordFile, TransparentFile
from tests.support.cards.face_cards import (
    AIDS,
    face_card,
    read_file,
    selected,
    verify,
)
from tests.support.cards.face_order import (
    BIRTH_CODE,
    JUKI_NUMBER,
    NUMBER_A,
    NUMBER_B,
    PIN,
)
from tests.support.published.transcript import play, send, status

FREE: Final[frozenset[int]] = frozenset({0})
"""Opened by nothing."""


class World(NamedTuple):
    """One application on one card: its credentials, and for each file which of them open it."""

    application: str
    kind: str
    tree: FileTree
    credentials: dict[int, str]
    opened_by: dict[int, frozenset[int]]
    sizes: dict[int, int]


# Written down from docs/card.md, section 6, not from the declarations.
TEXT: Final = World(
    "text",
    "successor",
    TEXT_TREE,
    {0x11: PIN, 0x14: NUMBER_A, 0x15: NUMBER_B},
    {
        1: frozenset({0x11, 0x14}),
        2: frozenset({0x11, 0x15}),
        3: frozenset({0x11, 0x14, 0x15}),
        **dict.fromkeys((4, 5, 6, 7, 8), FREE),
    },
    {1: 17, 2: 1280, 3: 336, 4: 568, 5: 256, 6: 512, 7: 768, 8: 16},
)
SURFACE: Final = World(
    "surface",
    "successor",
    SURFACE_TREES["mynumber"],
    {0x11: BIRTH_CODE, 0x12: NUMBER_B, 0x13: NUMBER_A},
    {
        1: frozenset({0x11}),
        2: frozenset({0x12, 0x13}),
        5: frozenset({0x13}),
        **dict.fromkeys((3, 4, 6), FREE),
    },
    {1: 768, 2: 12_288, 3: 512, 4: 568, 5: 2048, 6: 16},
)
JUKI_A: Final = World(
    "surface",
    "juki-a",
    SURFACE_TREES["juki"],
    {0x12: JUKI_NUMBER["juki-a"]},
    {1: frozenset(), 2: frozenset({0x12}), **dict.fromkeys((3, 4, 6), FREE)},
    {1: 288, 2: 12_288, 3: 64, 4: 568, 6: 16},
)
JUKI_B: Final = World(
    "surface",
    "juki-b",
    SURFACE_TREES["juki"],
    {0x11: BIRTH_CODE, 0x12: JUKI_NUMBER["juki-b"]},
    {1: frozenset({0x11}), 2: frozenset({0x12}), **dict.fromkeys((3, 4, 6), FREE)},
    {1: 288, 2: 12_288, 3: 64, 4: 568, 6: 16},
)
COMMON: Final = World("common", "successor", COMMON_TREE, {0x1C: PIN}, {}, {})

WITH_BYTES: Final = (TEXT, SURFACE, JUKI_A, JUKI_B)
WORLDS: Final = (*WITH_BYTES, COMMON)  # common has files of records, free to read
SETS: Final = [
    (world, frozenset(proven))
    for world in WITH_BYTES
    for proven in chain.from_iterable(
        combinations(world.credentials, count) for count in range(len(world.credentials) + 1)
    )
]


def name_of(value: object) -> str:
    if isinstance(value, World):
        return f"{value.application}-{value.kind}"
    assert isinstance(value, frozenset)
    return "+".join(f"{fid:04X}" for fid in sorted(value)) or "nothing"


def test_every_transparent_file_is_looked_at() -> None:
    for world in WORLDS:
        transparent = {
            node.fid
            for node in world.tree.walk()
            if isinstance(node, EfNode) and isinstance(node.spec, TransparentFile)
        }
        assert transparent == set(world.opened_by) == set(world.sizes), name_of(world)
        assert bool(transparent) == (world in WITH_BYTES)


@pytest.mark.parametrize(("world", "proven"), SETS, ids=name_of)
def test_a_file_opens_for_what_opens_it_and_for_nothing_else(
    world: World, proven: frozenset[int]
) -> None:
    card = selected(world.application, world.kind)
    for fid in proven:
        play(card, verify(fid, world.credentials[fid]))
    for fid, opened_by in world.opened_by.items():
        content, last = read_file(card, fid)
        if opened_by == FREE or opened_by & proven:
            assert len(content) == world.sizes[fid]
            assert last == (0x6B00 if world.sizes[fid] % 256 == 0 else 0x9000)
        else:
            assert (content, last) == (b"", 0x6982), f"{fid:04X}"


EXACT: Final = {"text": {3, 4}, "surface": {4}}
"""Files of the length that their object has: no source knows more of them."""


@pytest.mark.parametrize("world", WITH_BYTES, ids=name_of)
def test_a_file_is_larger_than_its_content_and_filled_with_ff(world: World) -> None:
    card = selected(world.application, world.kind)
    for fid, value in world.credentials.items():
        play(card, verify(fid, value))
    for fid, size in world.sizes.items():
        if not world.opened_by[fid]:
            continue
        content, _ = read_file(card, fid)
        if not content.strip(b"\xff"):
            assert size == 16
            continue
        _, end = Tlv.parse_first(content)
        assert content[end:] == b"\xff" * (size - end)
        assert end < size or fid in EXACT[world.application], f"{fid:04X}"


@pytest.mark.parametrize("world", WITH_BYTES, ids=name_of)
def test_reading_ends_with_the_file(world: World) -> None:
    card = selected(world.application, world.kind)
    for fid, value in world.credentials.items():
        play(card, verify(fid, value))
    for fid, size in world.sizes.items():
        if not world.opened_by[fid]:
            continue
        play(card, f"00A4020C02{fid:04X} -> 9000")
        last = send(card, f"00B0{size - 1:04X}00")
        assert len(last) == 6, "a short answer and 9000"
        assert last.endswith("9000")
        play(card, f"00B0{size:04X}00 -> 6B00\n00B0{size:04X}01 -> 6B00\n00B07FFF00 -> 6B00")
        # short and extended lengths alike: the whole file, and more than there is
        whole = card.transmit(CommandApdu(0, 0xB0, 0, 0, ne=65_536).encode())
        assert len(whole) == size + 2
        assert whole.endswith(b"\x90\x00")
        assert card.transmit(bytes.fromhex("00B00000000000")) == whole
        # by short identifier, without SELECT
        assert card.transmit(CommandApdu(0, 0xB0, 0x80 | fid, 0, ne=16).encode()) == (
            whole[:-2][:16] + b"\x90\x00"
        )


@pytest.mark.parametrize("world", WITH_BYTES, ids=name_of)
def test_what_a_credential_opened_closes_with_the_application(world: World) -> None:
    card = selected(world.application, world.kind)
    other = AIDS["common" if world.application != "common" else "text"]
    for fid, value in world.credentials.items():
        play(card, verify(fid, value))
    again = CommandApdu(0, 0xA4, 4, 0x0C, AIDS[world.application]).encode().hex()
    guarded = [fid for fid, by in world.opened_by.items() if by and by != FREE]
    assert guarded
    play(card, f"{again} -> 9000")
    for fid in guarded:
        assert read_file(card, fid)[0], "selecting the same application keeps what was proven"
    play(card, f"00A4040C0A{other} -> 9000\n{again} -> 9000")
    for fid in guarded:
        assert read_file(card, fid) == (b"", 0x6982)


@pytest.mark.parametrize("world", WITH_BYTES, ids=name_of)
def test_nothing_is_written_without_the_counter(world: World) -> None:
    card = selected(world.application, world.kind)
    for fid, value in world.credentials.items():
        play(card, verify(fid, value))
    before = {fid: read_file(card, fid) for fid in world.sizes}
    for fid in world.sizes:
        play(
            card,
            f"""
            00A4020C02{fid:04X} -> 9000
            00D600000100 -> 6982
            00D000000100 -> 6982
            000E0000     -> 6982
            """,
        )
    assert {fid: read_file(card, fid) for fid in world.sizes} == before


def test_no_record_is_written_without_the_counter() -> None:
    card = selected(COMMON.application, COMMON.kind)
    for fid, value in COMMON.credentials.items():
        play(card, verify(fid, value))
    before = card.snapshot()
    for fid in (1, 2):
        play(
            card,
            f"""
            00A4020C02{fid:04X} -> 9000
            00DC010402011C      -> 6982
            00D2010402011C      -> 6982
            00E2000002011C      -> 6982
            000C0104            -> 6982
            """,
        )
    assert card.snapshot() == before


@pytest.mark.parametrize("world", WORLDS, ids=name_of)
def test_internal_files_are_selected_and_never_read(world: World) -> None:
    card = selected(world.application, world.kind)
    for fid, value in world.credentials.items():
        play(card, verify(fid, value))
    internal = [
        node.fid
        for node in world.tree.walk()
        if isinstance(node, EfNode) and isinstance(node.spec, InternalFile)
    ]
    assert internal
    for fid in internal:
        play(
            card,
            f"""
            00A4020C02{fid:04X} -> 9000
            00B0000000   -> 6981
            00B2010400   -> 6981
            00D600000100 -> 6981
            """,
        )


UNKNOWN: Final = [(TEXT, fid) for fid in (0x10, 0x1C, 0x1E)] + [
    (SURFACE, fid) for fid in (0x1C, 0x1E)
]


@pytest.mark.parametrize(("world", "fid"), UNKNOWN)
def test_an_unknown_file_exists_and_is_closed(world: World, fid: int) -> None:
    card = selected(world.application, world.kind)
    for known, value in world.credentials.items():
        play(card, verify(known, value))
    play(
        card,
        f"""
        00A4020C02{fid:04X}  -> 9000
        00200080             -> 6981
        002000800431323334   -> 6981
        802A0080013000       -> 6981
        """,
    )


@pytest.mark.parametrize("world", WORLDS, ids=name_of)
def test_there_are_no_other_files(world: World) -> None:
    card = selected(world.application, world.kind)
    there = {node.fid for node in world.tree.walk() if isinstance(node, EfNode)}
    for fid in range(0x0200):
        wanted = "9000" if fid in there else "6A82"
        assert status(card, f"00A4020C02{fid:04X}") == wanted, f"{fid:04X}"
    play(card, "00A4020C023F00 -> 6A82")


@pytest.mark.parametrize("world", WORLDS, ids=name_of)
def test_before_an_ef_is_selected_there_is_none(world: World) -> None:
    card = selected(world.application, world.kind)
    play(
        card,
        """
        00B0000000         -> 6986
        00200080           -> 6986
        002000800431323334 -> 6986
        """,
    )


@pytest.mark.parametrize("kind", ["successor", "juki-b"])
def test_a_transparent_file_holds_no_pin_and_a_record_file_no_bytes(kind: str) -> None:
    card = face_card(kind)
    for aid in (AIDS["surface"], AIDS["common"]):
        play(card, f"00A4040C0A{aid} -> 9000")
    records = [node for node in COMMON_TREE.walk() if isinstance(node, EfNode)]
    for node in records:
        if isinstance(node.spec, RecordFile):
            play(card, f"00A4020C02{node.fid:04X} -> 9000\n00B0000000 -> 6981\n00200080 -> 6981")


SIGNATURES: Final = {"text": "6986", "surface": "6986", "common": "6D00"}
"""What COMPUTE DIGITAL SIGNATURE answers when nothing is selected and the current EF is asked."""


@pytest.mark.parametrize("application", SIGNATURES)
def test_which_application_signs(application: str) -> None:
    card = selected(application)
    play(card, f"802A0080013000 -> {SIGNATURES[application]}")
    wanted = {"common": "9000"}.get(application, "6D00")
    assert status(card, "008800990431323334" + "00") == wanted


SESSION_KEYS: Final = {
    ("text", "successor"): "6D00",
    ("surface", "successor"): "66F1",
    ("surface", "juki-b"): "66F1",
    ("common", "successor"): "66F1",
}


@pytest.mark.parametrize(("application", "kind"), SESSION_KEYS)
def test_set_session_key_is_refused_as_the_application_refuses_it(
    application: str, kind: str
) -> None:
    card = selected(application, kind)
    wanted = SESSION_KEYS[application, kind]
    for data in ("", "00", "0431323334", "043132333400"):
        assert send(card, "80AE0000" + data) == wanted
    credential = {"text": (0x11, PIN), "common": (0x1C, PIN), "surface": (0x12, NUMBER_B)}
    if kind == "successor":
        play(card, verify(*credential[application]))
        assert send(card, "80AE0000") == wanted, "a credential does not change it"
    if wanted != "6D00":
        play(card, "80AE0100 -> 6A86\n80AE0001 -> 6A86")
