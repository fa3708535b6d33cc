"""The APDU codec against an independent grammar, on bytes and on values nobody thought of."""

from __future__ import annotations

from hypothesis import given, strategies as st

from jukicard.apdu import CommandApdu, MalformedApduError, ResponseApdu, StatusWord
from jukicard.apdu.command import MAX_NE
from tests.support.naive import apdu_grammar

byte = st.integers(0, 255)
lengths = st.one_of(
    st.integers(0, 8),
    st.sampled_from((254, 255, 256, 257, 258, 511, 512, 65_534, 65_535)),
)
data = lengths.flatmap(
    lambda size: st.binary(min_size=1, max_size=8).map(
        lambda seed: (seed * (size // len(seed) + 1))[:size]
    )
)
ne = st.one_of(
    st.integers(0, 3), st.sampled_from((255, 256, 257, 65_535, MAX_NE)), st.integers(0, MAX_NE)
)
commands = st.builds(CommandApdu, byte, byte, byte, byte, data, ne, extended=st.booleans())


@st.composite
def nearly_commands(draw: st.DrawFn) -> bytes:
    """Return a command with a few bytes cut, added or changed: half of them are malformed."""
    raw = bytearray(draw(commands).encode())
    for _ in range(draw(st.integers(0, 2))):
        position = draw(st.integers(0, min(len(raw), 12)))
        match draw(st.sampled_from(("cut", "add", "change", "end"))):
            case "cut":
                del raw[position : position + draw(st.integers(1, 3))]
            case "add":
                raw[position:position] = draw(st.binary(min_size=1, max_size=3))
            case "change":
                raw[position : position + 1] = draw(st.binary(min_size=1, max_size=1))
            case _:
                raw += draw(st.binary(min_size=1, max_size=3))
    return bytes(raw)


def agrees_with_the_grammar(raw: bytes) -> None:
    read = apdu_grammar.read(raw)
    try:
        command = CommandApdu.parse(raw)
    except MalformedApduError:
        assert read is None
        return
    assert read is not None
    assert (command.case, command.header, command.data, command.ne) == (
        read.case,
        read.header,
        read.data,
        read.ne,
    )
    assert command.encode() == raw


@given(commands)
def test_a_command_survives_and_the_grammar_writes_the_same(command: CommandApdu) -> None:
    raw = command.encode()
    assert CommandApdu.parse(raw) == command
    assert apdu_grammar.write(command.case, command.header, command.data, command.ne) == raw


@given(nearly_commands())
def test_nearly_a_command_is_read_as_the_grammar_reads_it(raw: bytes) -> None:
    agrees_with_the_grammar(raw)


@given(st.binary(max_size=24))
def test_any_bytes_are_read_as_the_grammar_reads_them(raw: bytes) -> None:
    agrees_with_the_grammar(raw)


@given(st.binary(min_size=4, max_size=4), st.lists(st.sampled_from((0, 1, 2, 3)), max_size=12))
def test_small_lengths_are_read_as_the_grammar_reads_them(header: bytes, rest: list[int]) -> None:
    # Bytes from 0 to 3 make the length fields fit, or fail by one, most of the time.
    agrees_with_the_grammar(header + bytes(rest))


@given(st.binary(max_size=24))
def test_a_response_is_data_and_status_or_refused(raw: bytes) -> None:
    try:
        response = ResponseApdu.parse(raw)
    except MalformedApduError:
        assert len(raw) < 2
        return
    assert response.encode() == raw
    assert response.data == raw[:-2]
    assert response.status == int.from_bytes(raw[-2:], "big")


@given(data, st.integers(0, 0xFFFF))
def test_a_response_survives(content: bytes, status: int) -> None:
    response = ResponseApdu(content, StatusWord(status))
    assert ResponseApdu.parse(response.encode()) == response
