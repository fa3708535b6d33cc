"""PIN pads against a second implementation, and against bytes that nobody meant."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, strategies as st

from jukicard.testing import ScriptedKeypad
from jukicard.transport.ccid.messages import CcidError
from jukicard.transport.ccid.pinblock import build
from jukicard.transport.ccid.pinpad import PinPad
from jukicard.transport.ccid.pinstructure import Misfit, SecureStructure, parse
from jukicard.transport.ccid.seam import SecureRequest
from jukicard.transport.tpdu import LRC
from tests.support.naive.pin_block import modified, verified
from tests.support.readers.secure_messages import modification, verification

forms = st.integers(0, 255).filter(lambda value: value & 3 != 3)
fields = st.fixed_dictionaries(
    {"form": forms, "block": st.integers(0, 255), "length": st.integers(0, 31)}
)
likely = st.fixed_dictionaries(
    {
        "form": st.sampled_from([0x80, 0x81, 0x82, 0x84, 0x85, 0x86, 0x89, 0x8A, 0x41]),
        "block": st.sampled_from([0, 4, 8, 0x47, 0x48, 0x88]),
        "length": st.sampled_from([0, 4, 0x10]),
    }
)


@st.composite
def templates(draw: st.DrawFn) -> bytes:
    data = draw(st.binary(max_size=20) | st.binary(min_size=240, max_size=255))
    lc = bytes((len(data),)) if data or draw(st.booleans()) else b""
    return bytes.fromhex("00200080") + lc + data + draw(st.sampled_from([b"", b"\0", b"\0\0"]))


digits = st.lists(st.integers(0, 9), min_size=1, max_size=16)


def ours(structure: SecureStructure, old: list[int] | None, new: list[int] | None) -> bytes | None:
    try:
        return build(structure, old, new)
    except Misfit:
        return None


@given(fields | likely, templates(), digits)
@example({"form": 0x89, "block": 0x47, "length": 4}, bytes.fromhex("0020008001FF"), [1])
def test_a_verification_is_built_as_the_second_implementation_builds_it(
    said: dict[str, Any], template: bytes, pin: list[int]
) -> None:
    try:
        structure = parse(verification(template, most=255, least=0, **said))
    except Misfit:
        return  # no digit fits at all
    assert ours(structure, pin, None) == verified(said, template, pin)


@given(
    fields | likely,
    templates(),
    digits,
    digits,
    st.integers(0, 30),
    st.integers(0, 30),
    st.booleans(),
)
@example({"form": 2, "block": 0, "length": 0}, bytes.fromhex("00240080"), [1], [2, 3], 0, 0, True)
def test_a_modification_is_built_as_the_second_implementation_builds_it(
    said: dict[str, Any],
    template: bytes,
    pin: list[int],
    then: list[int],
    old: int,
    new: int,
    asked: bool,
) -> None:
    body = modification(
        template, most=255, least=0, old=old, new=new, confirm=3 if asked else 1, **said
    )
    try:
        structure = parse(body)
    except Misfit:
        return
    pins = [(pin, old), (then, new)] if asked else [(then, new)]
    assert ours(structure, pin if asked else None, then) == modified(said, template, pins)


bodies = (
    st.binary(max_size=300)
    | st.builds(lambda head, rest: bytes((head,)) + rest, st.integers(0, 1), st.binary())
    | st.builds(
        lambda body, at, value: (
            body[: at % len(body)] + bytes((value,)) + body[at % len(body) + 1 :]
        ),
        st.sampled_from([verification(), modification()]),
        st.integers(0, 60),
        st.integers(0, 255),
    )
)
keys = st.lists(st.text("0123456789#*<!", max_size=20), max_size=3)


@given(bodies, keys, st.integers(0, 1), st.booleans(), st.sampled_from([None, 3]))
def test_whatever_comes_has_an_answer_in_time(
    body: bytes, typed: list[str], protocol: int, tpdu: bool, indexes: int | None
) -> None:
    now = [0.0]

    def wait(seconds: float) -> None:
        now[0] += seconds

    sent: list[bytes] = []

    def card(command: bytes) -> bytes:
        sent.append(command)
        return b"\x90\x00"

    request = SecureRequest(
        0,
        body,
        0,
        protocol,
        LRC,
        tpdu,
        card,
        lambda: None,
        lambda: now[0] > 120,
    )
    pad = ScriptedKeypad(*typed, sleep=wait)
    reader = PinPad(pad, indexes=indexes, clock=lambda: now[0])
    code, answer = None, b""
    try:
        answer = reader(request)
    except CcidError as error:
        code = error.code
    assert (len(answer) == 2) != (code is not None and 0 <= code <= 255)
    assert bool(sent) == (answer == b"\x90\x00")
    assert now[0] <= 121
