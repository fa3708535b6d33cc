"""Random sequences of somebody who got in: by key, by certificate, by the number on the card.

Then everything that others send, besides what only they may do; and on the way in what is almost
right: dynamic data objects (7C), security environments and certificates with something changed.
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from jukicard.apdu import CommandApdu, Tlv
from tests.fuzz import grammar
from tests.fuzz.steps import AUTHENTICATE, CERTIFICATES, ISSUER, PIN, PLAIN, POWER, PRIVATE, Step
from tests.support.cards.eac_desk import (
    AUTHORITY,
    CA_AES128,
    DV_DRAFT,
    EPHEMERAL,
    ROOT,
    SYSTEM,
    SYSTEM_DRAFT,
    point,
)
from tests.support.cards.issuer_desk import (
    NEW_KEYS,
    POINTS as FURTHER,
    apdu,
    delete,
    install,
    put_key,
)
from tests.support.naive.cvc_writer import ECDSA_SHA256
from tests.support.naive.pace import PACE, G, encode, set_password
from tests.support.naive.scp03_host import Host
from tests.support.naive.terminal import ISSUER as DOMAIN, JUKI

COUNTER: Final = 3
"""The argument of `authenticate` that means the counter's key of the Juki application."""

# -- ways in ---------------------------------------------------------------------------------------

at_the_counter = st.just(Step(kind=AUTHENTICATE, argument=COUNTER))
by_key = st.one_of(
    st.integers(0, 12).map(lambda number: Step(kind=AUTHENTICATE, argument=number)),
    st.integers(0, 12).map(lambda number: Step(kind=AUTHENTICATE, argument=0x80 | number)),
)
by_certificate = st.integers(0, 3).map(lambda far: Step(kind=CERTIFICATES, argument=far))
pin = st.integers(0, 4).map(lambda number: Step(kind=PIN, argument=number))
# hypothesis takes the same strategy once only, however often it is named: hence the generators
way_in = st.one_of(
    *(st.tuples(at_the_counter, pin).map(list) for _ in range(5)),
    *(st.tuples(by_key, pin).map(list) for _ in range(3)),
    by_key.map(lambda step: [step]),
    by_certificate.map(lambda step: [step]),
    st.sampled_from([[], [Step(kind=PIN)]]).map(lambda more: [Step(kind=PRIVATE), *more]),
    st.sampled_from([[], [Step(kind=PIN)]]).map(lambda more: [Step(kind=PRIVATE), *more]),
    st.just([Step(kind=PRIVATE), Step(kind=CERTIFICATES, argument=3)]),
)

# -- what is almost right --------------------------------------------------------------------------


@st.composite
def mutated(draw: st.DrawFn, raw: bytes) -> bytes:
    """The bytes given, mostly with something changed: cut, grown, a byte or a length replaced."""
    at = draw(st.integers(0, max(0, len(raw) - 1)))
    match draw(st.integers(0, 7)):
        case 0:
            return raw[:at]
        case 1:
            return raw[:at] + draw(st.binary(min_size=1, max_size=4)) + raw[at:]
        case 2:
            return raw[:at] + bytes((draw(st.integers(0, 255)),)) + raw[at + 1 :]
        case 3:
            long = draw(st.sampled_from([b"\x80", b"\x81\x00", b"\x82\xff\xff", b"\x84\xff" * 2]))
            return raw[:1] + long + raw[2:]
        case 4:
            return raw + raw
        case _:
            return raw


POINTS: Final = (
    encode(G),
    point(EPHEMERAL),
    b"\x04" + bytes(64),
    b"\x02" + encode(G)[1:33],
    b"\x00",
    b"\x04" + b"\xff" * 64,
    encode(G)[:-1],
)
values = st.one_of(st.sampled_from(POINTS), st.binary(max_size=24), st.just(bytes(8)))
inner = st.lists(
    st.builds(
        Tlv, st.sampled_from([0x80, 0x81, 0x81, 0x82, 0x83, 0x83, 0x85, 0x85, 0x91, 0x5F01]), values
    ),
    max_size=2,
)
templates = st.one_of(
    inner.map(lambda objects: Tlv(0x7C, objects).encode()),
    inner.map(lambda objects: Tlv(0x7C, [Tlv(0x7C, objects)]).encode()),
    st.just(b"\x7c\x00"),
).flatmap(mutated)
general_authenticate = st.builds(
    lambda cla, p2, data, ne: CommandApdu(cla, 0x86, 0, p2, data[:255], ne).encode(),
    st.sampled_from([0x00, 0x10, 0x10]),
    st.sampled_from([0] * 9 + [1]),
    templates,
    st.sampled_from([256] * 9 + [0]),
)

RIGHTS: Final = bytes.fromhex("060488370101530300001F")
environments = st.lists(
    st.one_of(
        st.sampled_from([PACE, CA_AES128, ECDSA_SHA256, b""]).map(lambda oid: Tlv(0x80, oid)),
        st.sampled_from([b"\x02", b"\x84", b"\x81", ROOT, AUTHORITY, SYSTEM]).map(
            lambda name: Tlv(0x83, name)
        ),
        st.sampled_from([b"\x0d", b"\x0c", b"", b"\0\0"]).map(lambda curve: Tlv(0x84, curve)),
        st.binary(min_size=31, max_size=33).map(lambda compressed: Tlv(0x91, compressed)),
        st.binary(max_size=6).map(lambda rights: Tlv(0x53, rights)),
        st.sampled_from([RIGHTS, RIGHTS[:-1], b""]).map(lambda raw: Tlv(0x7F4C, raw)),
    ),
    min_size=1,
    max_size=4,
).flatmap(lambda objects: mutated(b"".join(tlv.encode() for tlv in objects)))
manage_environment = st.builds(
    lambda p1p2, data: CommandApdu(0x00, 0x22, p1p2[0], p1p2[1], data[:255]).encode(),
    st.sampled_from([(0xC1, 0xA4), (0x81, 0xB6), (0x81, 0xA4), (0x41, 0xA4), (0xF3, 0x01)]),
    environments,
)


def _verify_certificate(content: bytes) -> bytes:
    return CommandApdu(0x00, 0x2A, 0x00, 0xBE, content).encode()


DV, TERMINAL = DV_DRAFT.content(), SYSTEM_DRAFT.content()
verify_certificate = st.sampled_from([DV, TERMINAL]).flatmap(mutated).map(_verify_certificate)
external_authenticate = st.binary(min_size=63, max_size=65).map(
    lambda signature: CommandApdu(0x00, 0x82, 0, 0, signature).encode()
)
SELECT: Final = CommandApdu(0x00, 0xA4, 4, 0x0C, JUKI).encode()
BEGIN: Final = CommandApdu(0x10, 0x86, 0, 0, b"\x7c\x00", 256).encode()
MAP, AGREE = (
    CommandApdu(0x10, 0x86, 0, 0, Tlv(0x7C, [Tlv(tag, encode(G))]).encode(), 256).encode()
    for tag in (0x81, 0x83)
)


def _issuer(name: bytes) -> bytes:
    return CommandApdu(0x00, 0x22, 0x81, 0xB6, Tlv(0x83, name).encode()).encode()


def _plainly(commands: list[bytes]) -> list[Step]:
    return [Step(raw, PLAIN) for raw in commands]


pace = st.builds(
    lambda taken, rest: _plainly(
        [SELECT, set_password().encode(), BEGIN, MAP, AGREE][:taken] + rest
    ),
    st.integers(2, 5),
    st.lists(general_authenticate, min_size=1, max_size=3),
)
chain_of_certificates = st.builds(
    lambda first, second: _plainly(
        [SELECT, _issuer(ROOT), first, _issuer(AUTHORITY), second, _issuer(SYSTEM)]
    ),
    st.one_of(st.just(_verify_certificate(DV)), verify_certificate),
    st.one_of(st.just(_verify_certificate(TERMINAL)), verify_certificate),
)
almost_right = st.one_of(
    pace,
    chain_of_certificates,
    st.one_of(
        general_authenticate, manage_environment, verify_certificate, external_authenticate
    ).map(lambda raw: [Step(raw)]),
)

# -- what is behind --------------------------------------------------------------------------------


def _sent(*parts: tuple[int, int, int, bytes, int]) -> list[bytes]:
    return [CommandApdu(0x00, ins, p1, p2, data, ne).encode() for ins, p1, p2, data, ne in parts]


CODE: Final = b"\x01\x0b12345678903"
BEHIND: Final = _sent(
    (0xB0, 0x83, 0, b"", 256),
    (0xD6, 0x83, 0, b"\xaa" * 8, 0),
    (0xD6, 0x83, 0x3F, b"\xaa", 0),
    (0xB2, 1, 0x14, b"", 256),
    (0xDC, 1, 0x14, CODE, 0),
    (0xDA, 0x00, 0xC1, b"\x01", 0),
    (0xDA, 0x00, 0xC1, b"\x00", 0),
    (0xDB, 0x3F, 0xFF, b"\xc1\x01\x00", 0),
    (0x20, 0, 0x9C, b"1234", 0),
    (0x24, 1, 0x9C, b"1234", 0),
    (0x24, 0, 0x9C, b"12341234", 0),
    (0x2C, 3, 0x9C, b"", 0),
    (0x2C, 2, 0x9C, b"1234", 0),
    (0xCA, 0, 0x8A, b"", 256),
    (0x84, 0, 0, b"", 8),
)
parts_of_an_application = st.builds(
    lambda ins, target: CommandApdu(0x00, ins, 0, 0, target).encode(),
    st.sampled_from([0x04, 0x44, 0xE6, 0xE8]),
    st.sampled_from([b"\x3f\x00", b"", b"\x00\x02", b"\x00\x1c", b"\x01\x04"]),
)
on_an_ef = st.builds(
    lambda fid, raw: [Step(_file(fid)), Step(raw)],
    st.sampled_from([0x0001, 0x0002, 0x0003, 0x0006, 0x0011, 0x0018, 0x001B, 0x001C]),
    st.one_of(
        st.sampled_from(
            _sent(
                (0xB0, 0, 0, b"", 256),
                (0xD6, 0, 0, b"\xff\x20", 0),
                (0xDC, 1, 4, b"\x01\x0a1234567890", 0),
                (0x2C, 3, 0x80, b"", 0),
                (0x2C, 2, 0x80, b"1234", 0),
            )
        ),
        grammar.on_files,
    ),
)


def _file(fid: int) -> bytes:
    return CommandApdu(0x00, 0xA4, 0x02, 0x0C, fid.to_bytes(2, "big")).encode()


SUSPEND, RESUME = _sent((0x04, 0, 0, b"\x3f\x00", 0), (0x44, 0, 0, b"\x3f\x00", 0))
RESUMED: Final = [Step(SUSPEND), Step(kind=AUTHENTICATE, argument=COUNTER), Step(RESUME)]
END: Final = [Step(CommandApdu(0x00, 0xFE, 0, 0).encode()), Step(kind=POWER)]
in_the_session = st.one_of(
    *(st.sampled_from(BEHIND).map(lambda raw: [Step(raw)]) for _ in range(10)),
    on_an_ef,
    st.sampled_from(BEHIND).flatmap(mutated).map(lambda raw: [Step(raw)]),
    st.one_of(parts_of_an_application, grammar.sent).map(lambda raw: [Step(raw)]),
    grammar.chain().map(lambda links: [Step(raw) for raw in links]),
    grammar.manage_channel.map(lambda raw: [Step(raw)]),
)
leaving: st.SearchStrategy[list[Step]] = st.one_of(
    st.just([]), st.just([]), almost_right, st.just(RESUMED), grammar.power.map(lambda step: [step])
)
visits = st.builds(
    lambda entered, done, left: [step for piece in (entered, *done, left) for step in piece],
    way_in,
    st.lists(in_the_session, min_size=4, max_size=12),
    leaving,
)
OBJECT: Final = b"\xc1\x01\x01"
AS_ISSUER: Final = (
    *(apdu(0xF2, p1, 2, b"\x4f\0") for p1 in (0x80, 0x40, 0x20)),
    *(apdu(0xF0, 0x80, state, DOMAIN) for state in (0x7F, 0x0F)),
    *(apdu(0xF0, 0x40, state, FURTHER) for state in (0x80, 0x07)),
    *(install(p1) for p1 in (0x0C, 0x0C, 0x04, 0x08, 0x20)),
    delete(FURTHER),
    put_key(Host(bytes), NEW_KEYS, 2),
    apdu(0xE2, 0x80, 0, OBJECT),
    bytes.fromhex("80CA00E000"),
)
"""What the issuer sends. The keys that it adds are another version: its own stay."""
as_issuer = st.builds(
    lambda level, sent: [
        Step(kind=ISSUER, argument=level),
        *(Step(raw) for some in sent for raw in some),
    ],
    st.integers(0, 4),
    st.lists(
        st.one_of(
            *(st.sampled_from(AS_ISSUER).map(lambda raw: [raw]) for _ in range(5)),
            st.sampled_from(AS_ISSUER).flatmap(mutated).map(lambda raw: [raw]),
            st.just([install(), install(0x20), apdu(0xE2, 0x80, 0, OBJECT)]),
        ),
        min_size=4,
        max_size=12,
    ),
)
sequences = st.builds(
    lambda found, end: [step for visit in (*found, end) for step in visit],
    st.lists(st.one_of(*(visits.map(list) for _ in range(3)), as_issuer), min_size=1, max_size=4),
    st.sampled_from([[], [], [], [], [Step(kind=AUTHENTICATE, argument=COUNTER), *END]]),
)
