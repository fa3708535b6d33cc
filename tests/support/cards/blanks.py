"""Blank cards, and a counter that gives one the contents of a model, as a terminal would.

The model is a card that was issued at once. What is on it goes, file by file, over the issuer
domain; key pairs are made on the blank card, and PINs are set at the hand-over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, TypeAlias

from jukicard import PROFILES, Card, Profile, issue_card
from jukicard.apdu import Aid, CommandApdu, Ins, Tlv
from jukicard.applets import names
from jukicard.environment import SeededRandom
from jukicard.filesystem.access import NEVER
from jukicard.filesystem.files import EfNode, RecordFile, TransparentFile
from jukicard.filesystem.store import FileStore
from jukicard.kit.fileapplet import FileApplet
from jukicard.kit.pin import PinFile
from jukicard.kit.signing import SigningKeyFile
from jukicard.runtime.boundary import raise_bug
from jukicard.synthetic.people import draw_person
from jukicard.transport.inprocess import LocalReader
from jukihost.channel import build_channel
from jukihost.connection import Connection
from jukihost.conversation.secured import SecuredSession
from jukihost.keys.issuer import ISSUER_TEST_KEYS
from jukihost.models import OperatorPurpose, Purpose
from jukihost.sessions.common import CommonSession
from jukihost.sessions.issuer import IssuerSession, StoreForm
from jukihost.sessions.jpki import JpkiSession
from jukihost.sessions.juki import JukiSession
from jukihost.sessions.operator import OperatorSession
from jukihost.sessions.surface import SurfaceSession
from jukihost.sessions.text import TextSession
from tests.support.host.custody import PublicMasters

ISSUERS_OBJECTS: Final = (0xF0, 0xF2, 0xF7, 0xF8, 0x7F21)
"""The data objects of the domain that a blank card has not."""
SESSIONS: Final[Mapping[Aid, type[SecuredSession]]] = {
    names.JUKI: JukiSession,
    names.JPKI: JpkiSession,
    names.SURFACE: SurfaceSession,
    names.TEXT: TextSession,
    names.COMMON: CommonSession,
    names.OPERATOR: OperatorSession,
}


Place: TypeAlias = Card | Callable[[], AbstractContextManager[Connection]]
"""Where a card is: here, or behind connections that are made as they are needed."""


def connected(place: Place) -> AbstractContextManager[Connection]:
    """Return a connection to a card."""
    return LocalReader(place) if isinstance(place, Card) else place()


def make_blank(profile: str | Profile, seed: int = 1, **wishes: Any) -> Card:
    """Return a blank card, without power."""
    return issue_card(profile, seed=seed, blank=True, on_bug=raise_bug, **wishes)


def make_model(profile: str | Profile, seed: int = 1, **wishes: Any) -> Card:
    """Return a card of the same number that was issued to somebody at once."""
    chosen = PROFILES[profile] if isinstance(profile, str) else profile
    person = draw_person(SeededRandom("holder"), issued=chosen.issued, foreign=False)
    return issue_card(chosen, seed=seed, person=person, on_bug=raise_bug, **wishes)


def applet_of(card: Card, aid: bytes) -> FileApplet[Any]:
    """Return an application's object."""
    found = card.applications.get(aid)
    assert found is not None
    assert isinstance(found.applet, FileApplet)
    return found.applet


def efs_of(card: Card, aid: bytes) -> Iterator[tuple[FileStore, EfNode]]:
    """Yield the EFs of an application, with what is in them."""
    applet = applet_of(card, aid)
    for node in applet.tree.walk():
        if isinstance(node, EfNode):
            yield applet.files, node


def contents_of(model: Card, aid: bytes, *, pins: bool = False) -> list[tuple[int, bytes]]:
    """Return what a terminal writes: contents, printed numbers, and PINs if they are wanted."""
    found: list[tuple[int, bytes]] = []
    for files, ef in efs_of(model, aid):
        spec = ef.spec
        kept = files.partition.get(ef.content_key)
        if kept is None or not (spec.awaited or isinstance(spec, PinFile)):
            continue
        if isinstance(spec, TransparentFile):
            found.append((ef.fid, kept.rstrip(bytes((spec.fill,))) or kept))
        elif isinstance(spec, RecordFile):
            found += [(ef.fid, record) for record in files.records(ef)]
        elif isinstance(spec, PinFile) and (spec.fixed or pins):
            found.append((ef.fid, kept))
    return found


def pins_of(model: Card, aid: bytes) -> list[tuple[int, bytes]]:
    """Return the PINs that a holder types, by file."""
    return [
        (ef.fid, value)
        for files, ef in efs_of(model, aid)
        if isinstance(ef.spec, PinFile)
        and not ef.spec.fixed
        and (value := files.value(ef)) is not None
    ]


def groupings(values: list[tuple[int, bytes]]) -> bytes:
    """Return data groupings: identifier, length, value."""
    return b"".join(StoreForm.GROUPS.encode(fid, value) for fid, value in values)


def asked_at_the_counter(
    place: Place, aid: bytes, commands: list[CommandApdu]
) -> list[tuple[str, bytes]]:
    """Return status and data of each command in the session of who manages an application."""
    purpose = OperatorPurpose.ADMIN if aid == names.OPERATOR else Purpose.COUNTER
    with connected(place) as reader, SESSIONS[Aid(aid)](build_channel(reader)) as session:
        session.authenticate(purpose, PublicMasters())
        answers = [session.transmit(command) for command in commands]
    return [(answer.status.hex, answer.data) for answer in answers]


def at_the_counter(place: Place, aid: bytes, commands: list[CommandApdu]) -> list[bytes]:
    """Return the data of commands that all succeed there."""
    answers = asked_at_the_counter(place, aid, commands)
    assert {status for status, _ in answers} <= {"9000"}, answers
    return [data for _, data in answers]


def select_ef(fid: int) -> CommandApdu:
    """Return SELECT of an EF."""
    return CommandApdu(0x00, Ins.SELECT, 0x02, 0x0C, fid.to_bytes(2, "big"))


def key_files(card: Card, aid: bytes) -> list[int]:
    """Return the files of the key pairs that its manager has a card make."""
    return [
        ef.fid
        for _, ef in efs_of(card, aid)
        if isinstance(ef.spec, SigningKeyFile) and ef.spec.generate is not NEVER
    ]


def make_keys(card: Card, aid: bytes, place: Place | None = None) -> list[bytes]:
    """Have a card like this one make its key pairs; return their public halves."""
    make = CommandApdu(0x00, Ins.GENERATE_ASYMMETRIC_KEY_PAIR, 0x80, 0x80, ne=65536, extended=True)
    commands = [one for fid in key_files(card, aid) for one in (select_ef(fid), make)]
    return at_the_counter(place or card, aid, commands)[1::2] if commands else []


def store(place: Place, aid: bytes, values: list[tuple[int, bytes]]) -> None:
    """Write contents over the issuer domain, in as many blocks as they need."""
    with connected(place) as reader, IssuerSession(build_channel(reader)) as issuer:
        issuer.authenticate(ISSUER_TEST_KEYS)
        issuer.personalise(Aid(aid), groupings(values), StoreForm.GROUPS)


def store_objects(place: Place, model: Card) -> None:
    """Write the data objects of the domain that a blank card has not."""
    applet = applet_of(model, names.ISSUER)
    values = {tag: applet.files.data_object(applet.tree.root, tag) for tag in ISSUERS_OBJECTS}
    data = b"".join(Tlv(tag, value).encode() for tag, value in values.items() if value)
    with connected(place) as reader, IssuerSession(build_channel(reader)) as issuer:
        issuer.authenticate(ISSUER_TEST_KEYS)
        issuer.store_data(data, StoreForm.BER_TLV)


def hand_over(place: Place, model: Card, aid: bytes) -> None:
    """Set the PINs that the holder types, as who manages the application."""
    for fid, value in pins_of(model, aid):
        reset = CommandApdu(0x00, Ins.RESET_RETRY_COUNTER, 0x02, 0x80, value)
        at_the_counter(place, aid, [select_ef(fid), reset])


def personalise(place: Place, model: Card) -> None:
    """Make a blank card the model's: objects of the domain, keys, contents, PINs."""
    store_objects(place, model)
    for application in model.applications:
        aid = application.aid
        if aid != names.ISSUER:
            make_keys(model, aid, place)
            store(place, aid, contents_of(model, aid))
            hand_over(place, model, aid)
