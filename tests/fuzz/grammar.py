"""Random sequences that are mostly sensible: names, files, PINs, chains, channels, lengths."""

from __future__ import annotations

from hypothesis import strategies as st

from jukicard.apdu import CommandApdu
from jukicard.apdu.ins import Ins
from tests.fuzz.steps import CUT, FORK, POWER, RESET, Step

AIDS = [
    bytes.fromhex(aid)
    for aid in (
        "F049534F5445535401",
        "F049534F5445535402",
        "D3921000310001010401",
        "D3921000310001010402",
        "D3921000310001010408",
        "D3921000310001010100",
        "D392F000260100000001",
        "A0000001510000",
        "F049",
        "D392",
        "",
    )
]
FIDS = [
    bytes.fromhex(fid)
    for fid in (
        *("3F00", "2F01", "2F02", "2F03", "2F11", "2F12", "2F13", "6F01", "6F02", "6F03", "6F04"),
        *("4F03", "4F05", "7F10", "5F11", "2F05", "7F20", "0001", "0002", "0003", "0006", "0011"),
        *("0012", "0013", "0018", "001A", "001B", "001C", "0101", "0104", "FFFF", "3FFF"),
    )
]
PINS = [b"1234", b"87654321", b"SECRET99", b"9999", b"12", b"secret99", b"12345678", b"ABC123"]
OBJECTS = [
    bytes.fromhex(text)
    for text in (
        *("540100", "54020010", "5401005301AA", "54010153021122", "540101540103", "5C015A"),
        *("5C025F50", "5C035AC1C2", "5A01AA", "C101AA", "7F64038101AA", "5F5000", "8301 81"),
        *("0400", "0C01A1", "7C00", "830101", "8001 00", "97010099", "87110100", "8E08"),
    )
]

data = st.one_of(
    st.just(b""),
    st.sampled_from(AIDS),
    st.sampled_from(FIDS),
    st.sampled_from(PINS),
    st.tuples(st.sampled_from(PINS), st.sampled_from(PINS)).map(b"".join),
    st.sampled_from(OBJECTS),
    st.tuples(st.sampled_from(OBJECTS), st.sampled_from(OBJECTS)).map(b"".join),
    st.binary(max_size=48),
    st.integers(1, 700).map(lambda size: b"\x42" * size),
)
interindustry = st.sampled_from([0x00] * 12 + [0x10] * 3 + [0x01, 0x41, 0x11, 0x0C, 0x04])
any_class = st.one_of(interindustry, st.sampled_from([0x80, 0x80, 0x84, 0x90]), st.integers(0, 255))
instructions = st.one_of(st.sampled_from([int(ins) for ins in Ins]), st.integers(0, 255))
parameters = st.one_of(
    st.sampled_from(bytes.fromhex("00 00 00 01 02 03 04 05 08 0C 14 80 81 82 91 92 93 9C FF")),
    st.integers(0, 255),
)
lengths = st.sampled_from([0, 0, 256, 1, 4, 8, 16, 255, 65_536, 300])

commands = st.builds(
    lambda cla, ins, p1, p2, data, ne, extended: CommandApdu(
        cla, ins, p1, p2, data, ne, extended=extended
    ).encode(),
    any_class,
    instructions,
    parameters,
    parameters,
    data,
    lengths,
    st.booleans(),
)


def _command(ins: int, p1: int, p2: int, data: bytes = b"", ne: int = 0) -> bytes:
    return CommandApdu(0x00, ins, p1, p2, data, ne).encode()


select_application = st.sampled_from(AIDS).map(lambda aid: _command(0xA4, 4, 0x0C, aid))
select_file = st.builds(
    lambda fid, way: _command(0xA4, way, 0x0C, fid),
    st.sampled_from(FIDS),
    st.sampled_from([2, 2, 2, 0, 1]),
)
read = st.builds(
    lambda ins, p1, p2: _command(ins, p1, p2, b"", 256),
    st.sampled_from([0xB0, 0xB2, 0xCA]),
    parameters,
    parameters,
)
verify = st.builds(
    lambda pin, p2: _command(0x20, 0, p2, pin),
    st.sampled_from([*PINS, b""]),
    st.sampled_from([0x91, 0x92, 0x93, 0x9C, 0x98, 0x9B, 0x80]),
)
on_bytes = st.builds(
    _command,
    st.sampled_from([0xB0, 0xD6, 0xD0, 0xA0, 0x0E]),
    st.sampled_from([0x00, 0x00, 0x81, 0x9E, 0x85]),
    st.sampled_from([0, 0, 1, 3, 15, 16]),
    st.one_of(st.just(b""), st.binary(min_size=1, max_size=16)),
    st.sampled_from([0, 256, 4]),
)
on_objects = st.builds(
    lambda ins, fid, content, ne: _command(ins, fid[0], fid[1], content, ne),
    st.sampled_from([0xB1, 0xD7, 0xD1, 0xA1, 0x0F, 0xCB, 0xDB, 0xB3, 0xDD]),
    st.sampled_from([b"\0\0", b"\0\1", b"\0\x1e", b"\x2f\1", b"\x3f\xff", b"\1\4", b"\1\x14"]),
    st.sampled_from(OBJECTS),
    st.sampled_from([0, 256, 65_536]),
)
on_records = st.builds(
    _command,
    st.sampled_from([0xB2, 0xDC, 0xD2, 0x0C, 0xA2]),
    st.integers(0, 6),
    st.sampled_from([4, 4, 0x14, 0x1C, 0x24, 5, 6, 0, 1, 2, 3]),
    st.one_of(st.just(b""), st.binary(min_size=4, max_size=4), st.sampled_from(OBJECTS)),
    st.sampled_from([0, 256, 3]),
)
appended = st.builds(
    lambda p2, content: _command(0xE2, 0, p2, content),
    st.sampled_from([0x00, 0x10, 0x18, 0x20]),
    st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=40)),
)
on_data = st.builds(
    lambda ins, tag, content, ne: _command(ins, tag[0], tag[1], content, ne),
    st.sampled_from([0xCA, 0xDA]),
    st.sampled_from(
        [
            *(b"\0\x5a", b"\0\xc1", b"\0\xc2", b"\0\xf0", b"\0\xf8", b"\1\1"),
            *(b"\x5f\x50", b"\x7f\x64", b"\x7f\x21"),
        ]
    ),
    st.one_of(st.just(b""), st.sampled_from(OBJECTS), st.binary(min_size=1, max_size=64)),
    st.sampled_from([0, 256, 2]),
)
pin_commands = st.builds(
    lambda ins, p1, p2, parts: _command(ins, p1, p2, b"".join(parts)),
    st.sampled_from([0x20, 0x24, 0x2C]),
    st.sampled_from([0, 0, 1, 2, 3]),
    st.sampled_from([0x91, 0x92, 0x93, 0x9C, 0x80]),
    st.lists(st.sampled_from(PINS), max_size=2),
)
on_files = st.one_of(on_bytes, on_objects, on_records, appended, on_data)
manage_channel = st.sampled_from(
    [bytes.fromhex(text) for text in ("0070000001", "00700001", "00708001", "00700005", "01708000")]
)


@st.composite
def on_another_channel(draw: st.DrawFn) -> bytes:
    """A sensible command with the class byte of channel 1 or 5."""
    raw = draw(st.one_of(select_application, select_file, read, verify, commands))
    return bytes((raw[0] & 0xBC | draw(st.sampled_from([0x01, 0x41])),)) + raw[1:]


@st.composite
def chain(draw: st.DrawFn) -> list[bytes]:
    """A command in several links, sometimes with something else between them."""
    ins = draw(st.sampled_from([0xD6, 0xDA, 0xDC, 0xE2, 0xDB, 0x2A, 0x86]))
    p1, p2 = draw(parameters), draw(parameters)
    parts = draw(st.lists(data, min_size=1, max_size=4))
    links = [CommandApdu(0x10, ins, p1, p2, part[:255]).encode() for part in parts[:-1]]
    links.append(CommandApdu(0x00, ins, p1, p2, parts[-1][:255], draw(lengths)).encode())
    if draw(st.booleans()):
        links.insert(draw(st.integers(0, len(links))), draw(commands))
    return links


# what is named several times comes oftener
sent = st.one_of(
    select_file,
    select_file,
    read,
    on_files,
    on_files,
    on_files,
    on_files,
    verify,
    pin_commands,
    commands,
    st.one_of(select_application, manage_channel, on_another_channel(), st.binary(max_size=12)),
)
begun = st.sampled_from([*AIDS[:1] * 6, AIDS[2], AIDS[6]]).map(
    lambda aid: [Step(_command(0xA4, 4, 0x0C, aid))]
)
power = st.one_of(
    st.sampled_from([Step(kind=RESET), Step(kind=POWER), Step(kind=FORK)]),
    st.integers(0, 7).map(lambda argument: Step(kind=CUT, argument=argument)),
)
pieces = st.one_of(
    *(sent.map(lambda raw: [Step(raw)]) for _ in range(8)),
    chain().map(lambda links: [Step(raw) for raw in links]),
    power.map(lambda step: [step]),
)
sequences = st.builds(
    lambda first, found: [step for some in (first, *found) for step in some],
    begun,
    st.lists(pieces, min_size=10, max_size=60),
)
