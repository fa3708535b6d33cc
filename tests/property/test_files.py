"""Any sequence of commands on an EF answers and leaves what a plain model does; also over power."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from jukicard import Card
from jukicard.apdu import CommandApdu
from tests.property.file_model import Answer, BytesModel, RecordsModel
from tests.support.applets.iso_applet import BINARY, SELECT, selected_iso_card

_FRESH = selected_iso_card()
OFFSETS = st.integers(0, 18) | st.sampled_from([255, 0x7FFF])
DATA = st.binary(min_size=1, max_size=18)

binary_steps = st.lists(
    st.one_of(
        st.tuples(st.just("read"), OFFSETS, st.integers(1, 300)),
        st.tuples(st.just("update"), OFFSETS, DATA),
        st.tuples(st.just("write"), OFFSETS, DATA),
        st.tuples(st.just("erase"), OFFSETS, OFFSETS | st.none()),
        st.tuples(st.just("search"), OFFSETS, st.binary(min_size=1, max_size=3)),
    ),
    max_size=25,
)
INS = {"read": 0xB0, "update": 0xD6, "write": 0xD0, "erase": 0x0E, "search": 0xA0}


def started(fid: str) -> Card:
    card = _FRESH.fork()
    card.power_on()
    for command in (SELECT, f"00A4020C02{fid}"):
        assert card.transmit(bytes.fromhex(command)) == b"\x90\x00"
    return card


def ask(card: Card, ins: int, p1: int, p2: int, data: bytes = b"", ne: int = 0) -> Answer:
    raw = card.transmit(CommandApdu(0x00, ins, p1, p2, data, ne).encode())
    return raw[:-2], int.from_bytes(raw[-2:], "big")


def binary(card: Card, name: str, offset: int, argument: Any, odd: bool) -> Answer:
    """Send one command in its even or in its odd form and return what the even form would."""
    ins, ne = INS[name], 0
    end = b"" if argument is None else argument.to_bytes(2, "big") if name == "erase" else b""
    data = argument if isinstance(argument, bytes) else end
    if name in ("read", "search"):
        ne = argument if name == "read" else 256
    if not odd:
        return ask(card, ins, offset >> 8, offset & 0xFF, data, ne)
    body = b"\x54\x02" + offset.to_bytes(2, "big")
    if name == "erase" and argument is not None:
        body += b"\x54\x02" + end
    elif data:
        body += bytes((0x53, len(data))) + data
    answer, status = ask(card, ins | 1, 0, 0, body, 65_536 if ne else 0)
    if status != 0x9000 or not ne:
        return answer, status
    # the object 53 or 54 around the answer
    value = answer[2:] if answer[1] < 0x80 else answer[3:] if answer[1] == 0x81 else answer[4:]
    return value[:ne], status


@given(steps=binary_steps, odd=st.booleans())
def test_a_transparent_file(steps: list[Any], odd: bool) -> None:
    card, model = started("2F01"), BytesModel(BINARY)
    for name, offset, argument in steps:
        wanted = getattr(model, name)(offset, argument)
        assert binary(card, name, offset, argument, odd) == wanted, (name, offset, argument)
    card.power_off()
    card.power_on()
    card.transmit(bytes.fromhex(SELECT))
    assert ask(card, 0xB0, 0x81, 0, ne=256) == (bytes(model.content), 0x9000)


NUMBERS = st.integers(0, 7)
record_steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.binary(min_size=4, max_size=4)),
        st.tuples(st.just("append"), st.binary(min_size=1, max_size=9)),
        st.tuples(st.just("update"), NUMBERS, st.binary(min_size=4, max_size=4)),
        st.tuples(st.just("update"), NUMBERS, st.binary(min_size=1, max_size=9)),
        st.tuples(st.just("read"), NUMBERS),
        st.tuples(st.just("read_all"), NUMBERS, st.booleans()),
        st.tuples(st.just("walk"), st.sampled_from(["first", "last", "next", "previous"])),
        st.tuples(st.just("erase"), NUMBERS, st.booleans()),
        st.tuples(st.just("search"), NUMBERS, st.binary(min_size=1, max_size=2), st.booleans()),
        st.tuples(st.just("select")),
    ),
    max_size=30,
)


def record(card: Card, fid: str, step: tuple[Any, ...]) -> Answer:
    match step:
        case ("append", data):
            return ask(card, 0xE2, 0, 0, data)
        case ("update", number, data):
            return ask(card, 0xDC, number, 4, data)
        case ("read", number):
            return ask(card, 0xB2, number, 4, ne=65_536)
        case ("read_all", number, backward):
            return ask(card, 0xB2, number, 6 if backward else 5, ne=65_536)
        case ("walk", where):
            return ask(card, 0xB2, 0, ["first", "last", "next", "previous"].index(where), ne=65_536)
        case ("erase", number, to_last):
            return ask(card, 0x0C, number, 5 if to_last else 4)
        case ("search", number, pattern, backward):
            return ask(card, 0xA2, number, 5 if backward else 4, pattern, 256)
        case _:
            return ask(card, 0xA4, 2, 0x0C, bytes.fromhex(fid))


@pytest.mark.parametrize(
    ("fid", "size", "longest", "room", "cyclic"),
    [
        ("6F07", 4, 4, 5, False),
        ("6F08", None, 8, 6, False),
        ("6F03", 4, 4, 3, True),
    ],
    ids=["linear fixed", "linear variable", "cyclic"],
)
@given(steps=record_steps)
def test_a_file_of_records(
    fid: str, size: int | None, longest: int, room: int, cyclic: bool, steps: list[Any]
) -> None:
    card = started(fid)
    model = RecordsModel(size=size, longest=longest, room=room, cyclic=cyclic)
    for step in steps:
        name, *arguments = step
        wanted = getattr(model, name)(*arguments) or (b"", 0x9000)
        assert record(card, fid, step) == wanted, step
    assert ask(card, 0xB2, 1, 5, ne=65_536)[0] == b"".join(model.records)
