"""OpenSC really sends what the transcripts say, byte for byte, from where it knows the card on."""

from __future__ import annotations

import hashlib

import pytest

from jukicard.apdu.trace import DumpWriter, TraceLevel, parse_dump
from jukicard.transport.traced import TracedCard
from tests.support.cards.jpki_card import jpki_card
from tests.support.cards.jpki_terminal import PIN
from tests.support.interop.clients import Desk
from tests.support.published.replay import commands, transcript

SELECT_JPKI = bytes.fromhex("00A4040C0AD392F000260100000001")
HASH = hashlib.sha256(b"JPKI").digest()


def sent_by(desk: Desk, kind: str, *command: str) -> list[bytes]:
    """Return what a program sent to a card, from the first SELECT of the application on."""
    lines: list[str] = []
    desk.pcscd.insert(TracedCard(jpki_card(kind), DumpWriter(lines.append, TraceLevel.FULL)))
    desk.need(command[0])
    desk.ask(*command)
    sent = commands(parse_dump("\n".join(lines)))
    return sent[sent.index(SELECT_JPKI) :]


# A card whose ATR it does not know is asked for the application once more, to recognise it.
KINDS = pytest.mark.parametrize(("kind", "first"), [("juki", []), ("mynumber", [SELECT_JPKI])])


@KINDS
def test_to_read_a_certificate(desk: Desk, kind: str, first: list[bytes]) -> None:
    sent = sent_by(desk, kind, "pkcs15-tool", "--read-certificate", "1")
    assert sent == [*first, *commands(transcript("jpki_opensc_read"))]


@KINDS
def test_to_sign(desk: Desk, kind: str, first: list[bytes]) -> None:
    signing = ("pkcs15-crypt", "--sign", "--key", "1", "--pin", PIN, "--sha-256", "--pkcs1")
    files = ("--input", str(desk.file("hash", HASH)), "--output", str(desk.directory / "signed"))
    sent = sent_by(desk, kind, *signing, *files)
    assert sent == [*first, *commands(transcript("jpki_opensc_sign"))]
    assert len((desk.directory / "signed").read_bytes()) == 256
