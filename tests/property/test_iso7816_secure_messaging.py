"""ISO secure messaging with any commands, any objects and any bytes: a model and round trips."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jukicard.apdu import ClassByte, CommandApdu, ResponseApdu, StatusWord
from jukicard.errors import IsoError
from jukicard.securemessaging.iso7816 import Iso7816Session
from jukicard.securemessaging.session import ProtectionLevel
from jukicard.securemessaging.suites import PARAMETERS, SessionKeys, Suite, make_key
from tests.support import soak
from tests.support.naive.sm_reader import NaiveReader, tlv

SUITES = st.sampled_from(tuple(Suite))
TAGS = st.sampled_from((0x87, 0x85, 0x81, 0xB3, 0x97, 0x8E, 0x99, 0x53))


def pair(suite: Suite, ssc: int = 0) -> tuple[Iso7816Session, NaiveReader]:
    size = PARAMETERS[suite].key_length
    enc, mac = bytes(range(size)), bytes(range(64, 64 + size))
    counter = ssc.to_bytes(PARAMETERS[suite].key_type.block, "big")
    keys = SessionKeys(suite, make_key(suite, enc), make_key(suite, mac), counter)
    return Iso7816Session.start(keys), NaiveReader(enc, mac, ssc, des=suite is Suite.TRIPLE_DES)


@st.composite
def plain_commands(draw: st.DrawFn) -> CommandApdu:
    cla = ClassByte.build(channel=draw(st.integers(0, 19)), chained=draw(st.booleans()))
    ins, p1, p2 = draw(st.tuples(*[st.integers(0, 255)] * 3))
    data = draw(st.one_of(st.binary(max_size=64), st.binary(min_size=200, max_size=600)))
    ne = draw(st.sampled_from((0, 1, 255, 256, 257, 65535, 65536)))
    # without DO 97 nothing in the protected form tells that the plain one was extended
    extended = draw(st.booleans()) if ne else False
    return CommandApdu(cla, ins, p1, p2, data, ne, extended=extended)


@given(
    SUITES,
    st.lists(
        st.tuples(plain_commands(), st.booleans(), st.binary(max_size=300)), min_size=1, max_size=4
    ),
    st.integers(0, 1 << 60),
)
def test_round_trip(
    suite: Suite, exchanges: list[tuple[CommandApdu, bool, bytes]], ssc: int
) -> None:
    session, reader = pair(suite, ssc)
    for plain, readable, data in exchanges:
        protected = reader.protect(plain, readable=readable)
        got = session.unprotect(CommandApdu.parse(protected.encode()))
        assert got == plain
        level = ProtectionLevel.MAC if readable and plain.data else ProtectionLevel.ENC
        assert session.level is level
        answer = ResponseApdu(data, StatusWord(0x9000))
        protected_answer = ResponseApdu.parse(session.protect(answer).encode())
        assert reader.unprotect(protected_answer) == answer


@given(SUITES, st.integers(0, 255), st.integers(0, 255), st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_with_a_status(
    suite: Suite, cla: int, ins: int, data: bytes
) -> None:
    session, _ = pair(suite)
    with pytest.raises(IsoError) as refused:
        session.unprotect(CommandApdu(cla, ins, 0, 0, data, 256))
    assert refused.value.status in (0x6987, 0x6988, 0x6882)
    assert not session.alive


@st.composite
def object_bytes(draw: st.DrawFn) -> bytes:
    """Something like a data object: known tags, lengths that are right or lie."""
    tag = draw(TAGS)
    value = draw(st.one_of(st.binary(max_size=40), st.just(b"\1" + bytes(16))))
    if draw(st.booleans()):
        return tlv(tag, value)
    return bytes((tag,)) + draw(st.binary(max_size=4)) + value


@given(SUITES, st.integers(0, 255), st.lists(object_bytes(), max_size=5), st.booleans())
def test_arbitrary_objects_never_raise_anything_else(
    suite: Suite, ins: int, objects: list[bytes], authentic: bool
) -> None:
    """With a right MAC the checks behind it are reached too; whatever passes is well-formed."""
    session, reader = pair(suite)
    reader.ssc += 1
    plain = CommandApdu(0, ins, 0, 0)
    command = reader.assemble(plain, objects)
    if not authentic:
        command = command.replace(data=b"".join(objects))
    try:
        got = session.unprotect(command)
    except IsoError as refusal:
        status = refusal.status
        assert not session.alive
        assert status in (0x6987, 0x6988)
    else:
        assert authentic
        assert session.alive
        assert got.header == plain.header


@given(SUITES, plain_commands(), st.data())
def test_any_change_on_the_wire_is_refused(
    suite: Suite, plain: CommandApdu, data: st.DataObject
) -> None:
    session, reader = pair(suite)
    protected = reader.protect(plain)
    raw = bytearray(protected.data)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(IsoError):
        session.unprotect(protected.replace(data=bytes(raw)))
    assert not session.alive


class SessionModel(RuleBasedStateMachine):
    """A session and a naive reader in step, until something goes wrong once."""

    def __init__(self) -> None:
        super().__init__()
        self.session, self.reader = pair(Suite.AES128)
        self.alive = True
        self.waiting: CommandApdu | None = None
        self.old: list[CommandApdu] = []

    @rule(plain=plain_commands())
    @precondition(lambda self: self.alive and self.waiting is None)
    def command(self, plain: CommandApdu) -> None:
        protected = self.reader.protect(plain)
        self.old.append(protected)
        got = self.session.unprotect(protected)
        assert (got.header, got.data, got.ne) == (plain.header, plain.data, plain.ne)
        self.waiting = plain

    @rule(data=st.binary(max_size=300), status=st.integers(0, 0xFFFF))
    @precondition(lambda self: self.alive and self.waiting is not None)
    def answer(self, data: bytes, status: int) -> None:
        plain = ResponseApdu(data, StatusWord(status))
        longest = self.session.max_plain_length(65_536)
        assert len(data) < longest
        assert self.reader.unprotect(self.session.protect(plain)) == plain
        self.waiting = None

    @rule(data=st.data())
    @precondition(lambda self: self.old)
    def replay(self, data: st.DataObject) -> None:
        with pytest.raises(IsoError) as refused:
            self.session.unprotect(data.draw(st.sampled_from(self.old)))
        assert refused.value.status == 0x6988
        self.alive = False

    @rule()
    def plain_command(self) -> None:
        with pytest.raises(IsoError):
            self.session.unprotect(CommandApdu(0, 0xB0, 0, 0, ne=1))
        self.alive = False

    @rule()
    def end(self) -> None:
        self.session.end()
        self.alive = False

    @rule()
    @precondition(lambda self: not (self.alive and self.waiting))
    def answer_without_command(self) -> None:
        with pytest.raises(RuntimeError):
            self.session.protect(ResponseApdu())

    @invariant()
    def the_session_lives_as_long_as_the_model(self) -> None:
        assert self.session.alive is self.alive


TestSessionModel = SessionModel.TestCase
TestSessionModel.settings = settings(
    max_examples=soak.times(50, soak=2_000), stateful_step_count=20
)
