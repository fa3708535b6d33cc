"""Scenarios of the tearing suite for the issuer domain: its secure channel, and what it manages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from jukicard.apdu import Aid, CommandApdu, Ins, ResponseApdu, Tlv
from jukicard.applets.names import OPERATOR
from jukicard.filesystem.access import ALWAYS
from jukicard.filesystem.files import (
    AccessRules,
    DataObject,
    DedicatedFile,
    FileTree,
    TransparentFile,
)
from jukicard.filesystem.lifecycle_table import Operation
from jukicard.kit import Files, FileState
from jukicard.runtime.card import CARD_PARTITION
from jukicard.runtime.kinds import offer_applet
from jukicard.runtime.placement import Placement
from tests.support.naive.scp03_host import Host
from tests.support.naive.terminal import JUKI
from tests.support.tearing.access import Subject
from tests.support.tearing.cuts import CARD_STATE, Place, Scenario
from tests.support.tearing.keys import suspended
from tests.support.tearing.rig import NotReached, Rig, sends

COUNTER = "counter"
NEW_KEYS = tuple(bytes(range(n, n + 16)) for n in (0x11, 0x91, 0xC1))
REGISTRY: Place = (CARD_PARTITION, "applications")
FURTHER = Aid("F054454152494E4701")


class TearingApplet(Files[FileState]):
    """Comes to the card after issue: a file and an object."""

    type_name = "test-tearing"
    tree = FileTree(
        DedicatedFile(
            name=FURTHER,
            files=(TransparentFile(fid=1, size=8, access=AccessRules(read=ALWAYS)),),
            objects=(DataObject(tag=0xC1, read=ALWAYS),),
        )
    )


offer_applet(TearingApplet)
_FURTHER = Placement(FURTHER, TearingApplet.type_name)


def _come(rig: Rig) -> None:
    """The application has come after issue, and is selectable."""
    rig.card.applications.install(_FURTHER, after_issue=True)
    rig.card.applications.change(FURTHER, Operation.ACTIVATE)


class IssuersSession:
    """A session of the naive host, in which commands are sent as in any other."""

    def __init__(self, rig: Rig) -> None:
        try:
            self._host = Host(rig.card.transmit).open()
        except AssertionError:
            raise NotReached("the card has other keys") from None

    @property
    def alive(self) -> bool:
        return True

    def transmit(self, command: CommandApdu, /) -> ResponseApdu:
        plain = command.replace(ne=0, extended=False).encode()
        return ResponseApdu.parse(bytes.fromhex(self._host.send(plain)))


def _asked(subject: Subject) -> Callable[[Rig], None]:
    """INITIALIZE UPDATE is answered, and the proof of the host is at hand."""

    def before(rig: Rig) -> None:
        subject.select(rig)
        host = Host(rig.card.transmit)
        host.initialize()
        rig.notes["command"] = host.external()

    return before


class _Beside(NamedTuple):
    """The application whose systems the issuer cares for: its first key, and its manager's."""

    aid: Aid
    first: int
    manager: int


def _beside(subject: Subject) -> _Beside:
    if JUKI in subject.on_the_card:
        return _Beside(JUKI, 1, 4)
    return _Beside(OPERATOR, 6, 7)


def initialize_update(subject: Subject, ins: int) -> Iterator[Scenario]:
    """INITIALIZE UPDATE: the sequence counter has landed before anything is told that follows."""
    for version, succeeds in ((0, True), (1, True), (0x7F, False)):
        yield Scenario(
            name=f"INITIALIZE UPDATE with keys {version:02X}",
            before=subject.select,
            act=sends(CommandApdu(0x80, ins, version, 0, bytes(8), 256)),
            succeeds=succeeds,
            changes=frozenset({subject.place(COUNTER)} if succeeds else ()),
        )


def external_authenticate(subject: Subject, ins: int) -> Iterator[Scenario]:
    """EXTERNAL AUTHENTICATE: right, wrong, and with nothing before it; nothing is written."""
    for name, spoil in (("right", 0), ("wrong", 1)):

        def act(rig: Rig, spoil: int = spoil) -> ResponseApdu:
            raw = rig.notes["command"]
            return ResponseApdu.parse(rig.card.transmit(raw[:-1] + bytes((raw[-1] ^ spoil,))))

        yield Scenario(
            name=f"EXTERNAL AUTHENTICATE, {name}",
            before=_asked(subject),
            act=act,
            succeeds=not spoil,
        )
    yield Scenario(
        name="EXTERNAL AUTHENTICATE, not asked for",
        before=subject.select,
        act=sends(CommandApdu(0x80, ins, 0x33, 0, bytes(16))),
        succeeds=False,
    )


def get_data(subject: Subject, ins: int) -> Iterator[Scenario]:
    """GET DATA in class 80: of keys that are there, and of an object that is not."""
    for tag in (0x00E0, 0x5F7D):
        yield Scenario(
            name=f"GET DATA {tag:04X}",
            before=subject.select,
            act=sends(CommandApdu(0x80, ins, *divmod(tag, 256), ne=256)),
            succeeds=tag == 0x00E0,
        )


# -- what the issuer manages ---------------------------------------------------------------------


def _in_session(subject: Subject, *first: bytes) -> Callable[[Rig], None]:
    """A session is open, and some commands of the issuer have been done in it."""

    def before(rig: Rig) -> None:
        subject.select(rig)
        rig.secure = IssuersSession(rig)
        for command in first:
            rig.must(CommandApdu.parse(command))

    return before


def managed(
    subject: Subject,
    name: str,
    command: bytes,
    *changes: Place,
    first: tuple[bytes, ...] = (),
    edit: Callable[[Rig], None] | None = None,
    succeeds: bool = True,
    holds: Callable[[Rig], None] | None = None,
    resumes: frozenset[Place] = frozenset(),
    raises: frozenset[Place] = frozenset(),
) -> Iterator[Scenario]:
    """A command in a session, and the same from a stranger."""
    parsed = CommandApdu.parse(command)
    yield Scenario(
        name=name,
        before=_in_session(subject, *first),
        act=sends(parsed),
        edit=edit,
        succeeds=succeeds,
        holds=holds,
        changes=frozenset(changes),
        resumes=resumes,
        raises=raises,
    )
    yield Scenario(
        name=f"{name}, without a session",
        before=subject.select,
        act=sends(parsed),
        succeeds=False,
    )


def apdu(ins: int, p1: int, p2: int, data: bytes = b"") -> bytes:
    """Return a command of the issuer's."""
    return CommandApdu(0x80, ins, p1, p2, data).encode()


def install_for(p1: int, aid: bytes = FURTHER) -> bytes:
    """Return INSTALL of an application under the name that its kind usually has."""
    module = aid if p1 & 0x04 else b""
    privileges, parameters = (b"", b"") if p1 == 0x20 else (b"\0", b"\xc9\0")
    fields = (b"", module, aid, privileges, parameters, b"")
    return apdu(Ins.INSTALL, p1, 0, b"".join(bytes((len(one),)) + one for one in fields))


def get_status(subject: Subject, ins: int) -> Iterator[Scenario]:
    """GET STATUS: nothing is written."""
    yield from managed(subject, "GET STATUS", apdu(ins, 0x40, 0x02, b"\x4f\0"))


def set_status(subject: Subject, ins: int) -> Iterator[Scenario]:
    """SET STATUS: the card locked, unlocked and ended, an application locked."""
    yield from managed(subject, "SET STATUS, lock", apdu(ins, 0x80, 0x7F), CARD_STATE)
    yield from managed(
        subject,
        "SET STATUS, unlock",
        apdu(ins, 0x80, 0x0F),
        CARD_STATE,
        edit=suspended,
        resumes=frozenset({CARD_STATE}),
    )
    yield from managed(subject, "SET STATUS, end", apdu(ins, 0x80, 0xFF), CARD_STATE)
    lock = apdu(ins, 0x40, 0x80, _beside(subject).aid)
    yield from managed(subject, "SET STATUS of an application", lock, REGISTRY)


def install(subject: Subject, ins: int) -> Iterator[Scenario]:
    """INSTALL, each way."""

    def waits(rig: Rig) -> None:
        rig.card.applications.install(_FURTHER, after_issue=True)

    for p1 in (0x04, 0x0C):
        yield from managed(subject, f"INSTALL {p1:02X}", install_for(p1), REGISTRY)
    yield from managed(subject, "INSTALL 08", install_for(0x08), REGISTRY, edit=waits)
    yield from managed(subject, "INSTALL 20", install_for(0x20), edit=waits)


def delete(subject: Subject, ins: int) -> Iterator[Scenario]:
    """DELETE: an application with what it has written, and a key set."""
    written = (f"application {FURTHER}", "content/0001")

    def written_to(rig: Rig) -> None:
        _come(rig)
        rig.memory.partition(written[0]).put(written[1], bytes(8))

    yield from managed(
        subject,
        "DELETE of an application",
        apdu(ins, 0, 0, Tlv(0x4F, FURTHER).encode()),
        REGISTRY,
        written,
        edit=written_to,
    )

    def two(rig: Rig) -> None:
        partition = rig.memory.partition(subject.partition)
        partition.put("keys/02", b"".join(NEW_KEYS))

    yield from managed(
        subject,
        "DELETE of keys",
        apdu(ins, 0, 0, b"\xd2\1\2"),
        subject.place("keys/02"),
        edit=two,
    )


def _put_key(old: int, new: int) -> bytes:
    host = Host(lambda command: command)
    return apdu(Ins.PUT_KEY, old, 0x81, bytes((new,)) + b"".join(map(host.key_block, NEW_KEYS)))


def put_key(subject: Subject, ins: int) -> Iterator[Scenario]:
    """PUT KEY: the domain's own, added and replaced."""
    there = _beside(subject)
    yield from managed(
        subject,
        "PUT KEY, new",
        _put_key(0, 2),
        subject.place("keys/02"),
    )
    yield from managed(
        subject,
        "PUT KEY, in place of others",
        _put_key(1, 1),
        subject.place("keys/01"),
    )
    yield from managed(
        subject,
        "PUT KEY of a system",
        put_system_key(there.manager),
        (f"application {there.aid}", f"content/01{there.manager:02X}"),
        first=(install_for(0x20, there.aid),),
    )


def put_system_key(reference: int, replaced: int = 1) -> bytes:
    """Return PUT KEY of a purpose's pair."""
    host = Host(lambda command: command)
    return apdu(
        Ins.PUT_KEY, replaced, 0x80 | reference, b"\2" + b"".join(map(host.key_block, NEW_KEYS[:2]))
    )


def store(p1: int, data: bytes, number: int = 0) -> bytes:
    """Return a block of STORE DATA."""
    return apdu(Ins.APPEND_RECORD, p1, number, data)


def store_data(subject: Subject, ins: int) -> Iterator[Scenario]:
    """STORE DATA: of the card, and of an application that has just come."""
    place = subject.place("object//F0")
    yield from managed(subject, "STORE DATA", store(0x80, b"\xf0\2AB"), place)
    yield from managed(
        subject,
        "STORE DATA of an application",
        store(0x88, b"\0\1\2\xaa\xbb"),
        (f"application {FURTHER}", "content/0001"),
        first=(install_for(0x20),),
        edit=_come,
    )


def reset_retry_counter(subject: Subject, ins: int) -> Iterator[Scenario]:
    """RESET RETRY COUNTER: a system's key that was blocked."""
    there = _beside(subject)
    tries = (f"application {there.aid}", f"tries/01{there.first:02X}")

    yield from managed(
        subject,
        "RESET RETRY COUNTER of a key",
        apdu(ins, 0x03, 0, bytes((1, there.first))),
        tries,
        first=(install_for(0x20, there.aid),),
        raises=frozenset({tries}),
        edit=lambda rig: rig.memory.partition(tries[0]).put(tries[1], b"\0"),
    )
