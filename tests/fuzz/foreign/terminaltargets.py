"""What a terminal reads besides signatures: key stores, PIN files, traces, and a card's answers."""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from jukicard import (
    PROFILES,
    ApduTrace,
    LocalReader,
    RecordedCard,
    TraceError,
    compare_traces,
    issue_card,
    read_trace,
    write_trace,
)
from jukicard.apdu import CommandApdu, ResponseApdu, Trace, TraceLevel
from jukicard.apdu.trace import DumpError, parse_dump, write_dump
from jukicard.apdu.trace.formats import FORMATS
from jukicard.apdu.trace.record import HAZARD
from jukicard.apdu.trace.replay import repeat
from jukihost import PublishedKeys, Purpose
from jukihost.channel import build_channel
from jukihost.cli.output import UsageError
from jukihost.cli.prompts import _lines
from jukihost.conversation.jukifiles import parse_card_info, parse_code
from jukihost.conversation.session import AppletSession
from jukihost.errors import CardError, ProtocolError, TransportError
from jukihost.keys import KeyCustodyError, SoftwareCustody
from jukihost.keys.envelope import ScryptCost
from jukihost.keys.passphrase import passphrase_from_file
from jukihost.sessions.common import CommonSession
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.sessions.juki import JukiSession
from jukihost.sessions.surface import SurfaceSession
from jukihost.sessions.text import TextSession
from jukihost.testing import InProcess, VectorError, card_cases, run_vectors
from jukihost.transport.replay import ReplayConnection
from tests.fuzz.foreign.der import structure
from tests.fuzz.foreign.mutations import BYTES, json_values, line_ends, lines, numbers, spoil, words
from tests.fuzz.foreign.target import Found, Target
from tests.support.host.fakes import CARD_INFO, CODE_RECORD, AnswerChannel

PASSPHRASE: Final = "correct horse"
_FOLDER: Final = Path(tempfile.mkdtemp(prefix="fuzz-foreign-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)
_MOST_WORK: Final = 1 << 12
"""Of a store, so that its passphrase costs milliseconds: up to a second is what it may cost."""


def file_of(data: bytes) -> Path:
    """Write data to a file that is its owner's alone, and return its name."""
    path = _FOLDER / f"file-{os.getpid()}"
    path.write_bytes(data)
    path.chmod(0o600)
    return path


# --- key stores ---


def _store() -> list[bytes]:
    path = _FOLDER / f"store-{os.getpid()}"
    path.unlink(missing_ok=True)
    custody = SoftwareCustody(path, lambda: PASSPHRASE, cost=ScryptCost(1 << 10))
    custody.create(["COUNTER", "SUSPEND"])
    return [path.read_bytes()]


def store(data: bytes, original: bytes) -> None:
    """What is opened holds the keys that were put in."""
    with SoftwareCustody(file_of(data), lambda: PASSPHRASE) as found:
        inventory = found.inventory()
    with SoftwareCustody(file_of(original), lambda: PASSPHRASE) as right:
        if right.inventory() != inventory:
            raise Found("other keys than were put in")


def checked_again(chance: random.Random, data: bytes) -> bytes:
    """A store with another value in it and the right checksum: what is behind it is reached."""
    changed = json_values(chance, data)
    try:
        document = json.loads(changed)
        body = {key: value for key, value in document.items() if key != "checksum"}
        text = (json.dumps(body, indent=1) + "\n").encode()
        document["checksum"] = hashlib.sha256(text).hexdigest().upper()
        whole = (json.dumps(document, indent=1) + "\n").encode()
        work = document["kdf"]["n"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return changed
    return data if isinstance(work, int) and work > _MOST_WORK else whole


# --- small files ---


def passphrase(data: bytes, original: bytes) -> None:
    """A passphrase is text, and all of the file but a line end."""
    found = passphrase_from_file(file_of(data))()
    whole = data.decode().replace("\r\n", "\n").replace("\r", "\n")
    if found != whole.removesuffix("\n"):
        raise Found("another passphrase than in the file")


def pin_file(data: bytes, original: bytes) -> None:
    """The lines of a PIN file are all there."""
    found = _lines(str(file_of(data)))
    if found != data.decode("utf-8-sig").splitlines():
        raise Found("other lines than in the file")


# --- traces ---

DUMP: Final = b"""# a comment
ATR 3BE000FF8131FE4514
> 00A4040C0AD3921000310001010401
< 9000
> 00A4020C02001C
< 9000
> 00200080
< 63C3
> 0020008004????????
< 9000
RESET
"""


def trace(data: bytes, original: bytes) -> None:
    """Every line of a trace counts, and writing what was read reads the same."""
    text = data.decode("utf-8", "replace")
    events = parse_dump(text)
    meant = [line for line in map(str.strip, text.splitlines()) if line and line[0] != "#"]
    if len(events) != len(meant) or parse_dump(write_dump(events)) != events:
        raise Found("a line of the trace is lost or changed")
    with suppress(TransportError, ProtocolError, CardError):
        _play(ReplayConnection(text))


def _traces() -> list[bytes]:
    """A session of everything that a trace can have, as JSON and as a dump."""
    made = ApduTrace(
        TraceLevel.FULL,
        title="a session",
        clock=lambda: datetime(2026, 4, 1, tzinfo=UTC),
        card=issue_card(seed=1).snapshot().export_with_keys()[:40],
    )
    with LocalReader(issue_card(seed=1)) as reader:
        made.reset(reader.atr)
        with JukiSession(build_channel(reader, observer=made)) as juki:
            juki.authenticate(Purpose.RESIDENT_IDENTIFICATION, PublishedKeys())
            made.comment("Pulled(at=3)", HAZARD)
            juki.verify_pin("1234")
    hidden = made.at(TraceLevel.REDACTED)
    return [write_trace(one, form) for one in (made, hidden) for form in ("json", "dump")]


def kept_trace(data: bytes, original: bytes) -> None:
    """What is read is written in every form, reads the same again, and shows no more redacted."""
    found = read_trace(data)
    again = read_trace(write_trace(found, "json"))
    if (again.entries, again.level, again.card) != (found.entries, found.level, found.card):
        raise Found("a trace that was written reads otherwise")
    shown = found.at(TraceLevel.REDACTED)
    for form in FORMATS:
        write_trace(found, form)
        if form != "pcapng" and b"1234".hex().encode() in write_trace(shown, form):
            raise Found("the PIN is shown")
    if compare_traces(found, found):
        raise Found("a trace is not as itself")
    compare_traces(found, read_trace(original))
    with suppress(TraceError):
        RecordedCard(found)
    with suppress(TraceError):
        repeat(found, lambda command: b"\x90\x00", lambda: b"\x3b\x00")


VECTORS: Final = b"""{"cases": [
 {"tcId": 1, "flags": ["A"], "result": "valid", "sendTo": "card", "extended": true,
  "encoded_parts": [{"hex": "0102030400FFFF"}, {"repeat": "42", "count": 65535}]},
 {"tcId": 2, "flags": ["B"], "result": "invalid", "sendTo": "card", "apdu": "000000000200"}
]}
"""


def vector_file(data: bytes, original: bytes) -> None:
    """A case is a command that a connection can carry, and has a verdict."""
    (_FOLDER / "index.json").write_text(json.dumps({"cases": [{"file": "vectors.json"}]}))
    (_FOLDER / "vectors.json").write_bytes(data)
    found = card_cases(_FOLDER)
    if not all(0 < len(case.command) <= 65_544 for case in found):
        raise Found("a command that is none")
    reader = InProcess(LocalReader(issue_card(seed=1)))
    with reader:
        if len(list(run_vectors(found, reader))) != len(found):
            raise Found("a case without a verdict")


def _play(connection: ReplayConnection) -> None:
    told: list[str] = []
    with (
        connection,
        JukiSession(build_channel(connection, observer=Trace(write=told.append))) as it,
    ):
        it.pin_retries()
        it.verify_pin("1234")


# --- what a card answers ---


def _parsed(parse: Callable[[bytes], object], data: bytes, _: bytes) -> None:
    repr(parse(data))


def _answers(content: bytes) -> AnswerChannel:
    """A card whose files all have this content, and their records too."""

    def answer(command: CommandApdu) -> ResponseApdu:
        if command.ins == 0xB0:
            offset = command.p1 << 8 | command.p2
            return ResponseApdu(content[offset : offset + command.ne])
        return ResponseApdu(content[:256] if command.ins in (0xB2, 0xCA, 0x2A, 0x88) else b"")

    return AnswerChannel(answer)


def _read(kind: type[AppletSession], read: Callable[[Any], Any], data: bytes, _: bytes) -> None:
    """What a file's content becomes is there, and shows without raising."""
    repr(read(kind(_answers(data)).open()))


FILES: Final[tuple[tuple[type[AppletSession], int, Callable[[Any], Any]], ...]] = (
    (CommonSession, 0x0001, CommonSession.record),
    (JpkiSession, 0x0001, lambda it: it.certificate(JpkiKey.SIGNATURE)),
    (JpkiSession, 0x000B, lambda it: it.authority_certificate(JpkiKey.AUTHENTICATION)),
    (JpkiSession, 0x0006, JpkiSession.token),
    (JpkiSession, 0x0008, JpkiSession.availability),
    (SurfaceSession, 0x0001, SurfaceSession.birth),
    (SurfaceSession, 0x0002, SurfaceSession.face),
    (SurfaceSession, 0x0003, SurfaceSession.basic_info),
    (SurfaceSession, 0x0005, SurfaceSession.number_image),
    (TextSession, 0x0001, TextSession.my_number),
    (TextSession, 0x0002, TextSession.attributes),
    (TextSession, 0x0003, TextSession.signature),
    (TextSession, 0x0005, TextSession.basic_info),
)
"""Session, file and what reads it."""


def _content(kind: type[AppletSession], identifier: int) -> list[bytes]:
    """What a synthetic card has in that file, record 1 of it where it has records."""
    if kind is CommonSession:
        return [b"\x01\x1c" + b"1234567890123451322120251231"]
    partitions = issue_card(PROFILES["mynumber"], seed=1).snapshot().partitions
    values = dict(partitions[f"application {kind.AID}"])
    prefix = f"content/{identifier:04X}"
    return [next(value for key, value in sorted(values.items()) if key.startswith(prefix))]


def _file_targets() -> list[Target]:
    return [
        Target(
            f"{kind.__name__}, EF {identifier:04X}",
            partial(_content, kind, identifier),
            partial(_read, kind, read),
            (CardError,),
            (structure, structure, *BYTES),
        )
        for kind, identifier, read in FILES
    ]


class Babble:
    """A connection to something that answers anything: a part of the data for each command."""

    description = "babble"
    atr = bytes.fromhex("3B00")

    def __init__(self, data: bytes) -> None:
        self.left = data

    def transmit(self, command: bytes) -> bytes:
        size = self.left[0] % 40 if self.left else 0
        answer, self.left = self.left[1 : 1 + size], self.left[1 + size :]
        return answer

    def open(self) -> None: ...

    def close(self) -> None: ...

    def reset(self) -> bytes:
        return self.atr

    def __enter__(self) -> Babble:
        return self

    def __exit__(self, *rest: object) -> None: ...


def babble(data: bytes, original: bytes) -> None:
    """Whatever is answered, every method ends in words, and the trace shows it all."""
    for kind, _, read in FILES:
        told: list[str] = []
        observer = Trace(TraceLevel.REDACTED, write=told.append)
        with suppress(CardError):
            read(kind(build_channel(Babble(data), observer=observer)).open())
    juki = JukiSession(build_channel(Babble(data)), allow_suspended=True)
    for ask in (
        juki.open, juki.card_state, juki.residence, juki.card_number, juki.card_certificate,
        juki.pin_retries, lambda: juki.verify_pin("1234"), lambda: juki.begin_private("123456"),
        juki.close,
    ):  # fmt: skip
        with suppress(CardError):
            ask()


def _babbled() -> list[bytes]:
    ok = b"\x02\x90\x00"
    return [
        ok + b"\x07\x8a\x01\x05\x90\x00" * 3,
        ok * 4 + b"\x22\x30\x1e" + bytes(30) + b"\x90\x00",
        ok + b"\x02\x61\x10" + b"\x12" + bytes(16) + b"\x90\x00",
        ok + b"\x02\x6c\x04" * 3,
        ok + b"\x08\x7f\x21\x03\x7f\x4e\x00\x90\x00",
        b"\x02\x62\x83" + b"\x02\x63\xc2" * 4,
    ]


TARGETS: Final = (
    Target(
        "key store",
        _store,
        store,
        (KeyCustodyError,),
        (checked_again, checked_again, json_values, lines, numbers, *BYTES),
        part=50,
    ),
    Target(
        "passphrase file",
        lambda: [b"correct horse\n"],
        passphrase,
        (KeyCustodyError,),
        part=250,
    ),
    Target(
        "PIN file",
        lambda: [b"1234\n5678\n"],
        pin_file,
        (UsageError,),
        (line_ends, *BYTES),
        part=300,
    ),
    Target(
        "kept trace",
        _traces,
        kept_trace,
        (TraceError,),
        (json_values, json_values, lines, numbers, words((b"??", b"note", b"hazard")), *BYTES),
        part=150,
    ),
    Target(
        "vectors",
        lambda: [VECTORS],
        vector_file,
        (VectorError,),
        (json_values, json_values, numbers, lines, *BYTES),
        part=60,
    ),
    Target(
        "trace",
        lambda: [DUMP],
        trace,
        (DumpError,),
        (lines, line_ends, words((b"ATR ", b"> ", b"< ", b"RESET", b"??", b"#", b"9")), *BYTES),
        part=2000,
    ),
    Target(
        "card information",
        lambda: [CARD_INFO, CARD_INFO + b"\xff" * 9],
        partial(_parsed, parse_card_info),
        (ProtocolError,),
        (structure, structure, *BYTES),
    ),
    Target(
        "resident code",
        lambda: [CODE_RECORD],
        partial(_parsed, parse_code),
        (ProtocolError,),
    ),
    *_file_targets(),
    Target("any answers", _babbled, babble, (), (spoil, *BYTES), part=150),
)
