"""Cards that old releases kept in files are used on: their PINs are changed, and found again."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from jukicard import Card
from jukicard.environment import CardEnvironment
from jukicard.memory import PersistentMemory, SqliteBackend
from jukicard.runtime.boundary import raise_bug
from jukicard.transport.inprocess import LocalReader
from jukihost.channel import build_channel
from jukihost.connection import Connection
from jukihost.errors import CardError, PinRejected
from jukihost.models import CardState, Purpose
from jukihost.sessions.common import CommonSession
from jukihost.sessions.jpki import JpkiKey, JpkiSession
from jukihost.sessions.juki import JukiSession
from jukihost.sessions.text import TextSession
from tests.support.cards.state_findings import PASSWORD, PIN, Known
from tests.support.cards.states import kept_in_files
from tests.support.host.custody import PublicMasters

KEPT = [
    (file, card_id, script)
    for file, card_id, script in kept_in_files()
    if '"juki": "not on the card"' not in script.with_suffix(".json").read_text()
]
SET, CHANGED, NEW_PASSWORD = "5678", "0815", "NEW123"
_SHA256_INFO = bytes.fromhex("3031300D060960864801650304020105000420")


@contextmanager
def reader(file: Path, card_id: str) -> Iterator[Connection]:
    """The card in the file, in a reader; on leaving, its power and the file are gone."""
    backend = SqliteBackend(file, card_id)
    card = Card(CardEnvironment(memory=PersistentMemory(backend)), on_bug=raise_bug)
    try:
        with LocalReader(card) as connection:
            yield connection
    finally:
        backend.close()


@contextmanager
def at_the_counter(connection: Connection, known: Known) -> Iterator[JukiSession]:
    with JukiSession(build_channel(connection), allow_suspended=True) as juki:
        if known.access_number:
            juki.begin_private(known.access_number)
        juki.authenticate(Purpose.COUNTER, PublicMasters(suite=known.suite))
        yield juki


def sign(jpki: JpkiSession, name: JpkiKey) -> None:
    key = jpki.signing_key(name)
    signature = key.sign(_SHA256_INFO + hashlib.sha256(b"kept").digest())
    key.public_key.verify(signature, b"kept", padding.PKCS1v15(), hashes.SHA256())


def has_no_other(verify: Any, old: str, new: str) -> None:
    """The old value is wrong, the new one is right."""
    with pytest.raises(PinRejected):
        verify(old)
    verify(new)


@pytest.mark.parametrize(
    ("file", "card_id", "script"),
    KEPT,
    ids=[f"{file.parent.name}-{file.stem}-{card_id}" for file, card_id, _ in KEPT],
)
def test_an_old_card_is_used_on_in_its_file(
    file: Path, card_id: str, script: Path, tmp_path: Path
) -> None:
    """Resumed and unblocked at the counter, every PIN changed, and all of it there the next day."""
    then = json.loads(script.with_suffix(".json").read_text())
    found, known = then["found"], Known(**then["known"])
    copy = tmp_path / file.name
    shutil.copy(file, copy)
    if "juki state" not in found:  # terminated
        for _ in range(2):
            with reader(copy, card_id) as connection, pytest.raises(CardError):
                JukiSession(build_channel(connection), allow_suspended=True).open()
        return
    with reader(copy, card_id) as connection:
        use(connection, found, known)
    with reader(copy, card_id) as connection:
        look_again(connection, found, known)


def locked(found: dict[str, str]) -> bool:
    """Whether the issuer has locked JPKI, which then answers a warning."""
    return found.get("jpki") == "6283"


def use(connection: Connection, found: dict[str, str], known: Known) -> None:
    with at_the_counter(connection, known) as juki:
        if found["juki state"] == "SUSPENDED":
            juki.resume()
    with at_the_counter(connection, known) as juki:
        juki.unblock_pin(SET)
        juki.verify_pin(SET)
        juki.change_pin(CHANGED)
    if not locked(found):
        with JpkiSession(build_channel(connection)) as jpki:
            jpki.verify_password(PASSWORD)
            sign(jpki, JpkiKey.SIGNATURE)
            jpki.change_password(NEW_PASSWORD)
            if found.get("jpki AUTHENTICATION PIN") == "done":
                jpki.verify_pin(PIN)
                jpki.change_pin(CHANGED)
    for name, kind in (("text", TextSession), ("common", CommonSession)):
        if found.get(f"{name} PIN") == "done":
            with kind(build_channel(connection)) as session:
                session.verify_pin(PIN)
                session.change_pin(CHANGED)


def look_again(connection: Connection, found: dict[str, str], known: Known) -> None:
    with at_the_counter(connection, known) as juki:
        assert juki.card_state() is CardState.ACTIVE
        moved_out = found["juki residence"] == "MOVED_OUT"
        assert juki.residence().name == ("MOVED_OUT" if moved_out else "RESIDENT")
        has_no_other(juki.verify_pin, SET, CHANGED)
        code = juki.read_code().reveal()
        assert code == found["juki COUNTER code"] or not re.fullmatch(
            r"\d{11}", found["juki COUNTER code"]
        )
        assert re.fullmatch(r"\d{11}", code)
        assert juki.pin_retries() == 3
    if not locked(found):
        with JpkiSession(build_channel(connection)) as jpki:
            has_no_other(jpki.verify_password, PASSWORD, NEW_PASSWORD)
            sign(jpki, JpkiKey.SIGNATURE)
            if found.get("jpki AUTHENTICATION PIN") == "done":
                has_no_other(jpki.verify_pin, PIN, CHANGED)
                sign(jpki, JpkiKey.AUTHENTICATION)
    for name, kind in (("text", TextSession), ("common", CommonSession)):
        if found.get(f"{name} PIN") == "done":
            with kind(build_channel(connection)) as session:
                has_no_other(session.verify_pin, PIN, CHANGED)


def test_there_is_one_of_each_to_use() -> None:
    """Suspended, moved out, blocked and terminated ones, and such with every PIN there is."""
    found = [json.loads(script.with_suffix(".json").read_text())["found"] for *_, script in KEPT]
    assert any("juki state" not in one for one in found)
    for what, said in (
        ("juki state", "SUSPENDED"),
        ("juki residence", "MOVED_OUT"),
        ("juki tries", "0"),
        ("jpki AUTHENTICATION PIN", "done"),
        ("text PIN", "done"),
        ("common PIN", "done"),
    ):
        assert any(one.get(what) == said for one in found), (what, said)
