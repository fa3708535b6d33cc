"""A program that registers a seal: `seal_scene.py WHERE [FILE]`.

WHERE is `in-process`, `tcp`, `later` (installed after issue from the command line), `file` (make a
card in FILE) or `reader` (use the one in a reader).
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from jukicard import Card, LocalReader, TcpServer, create_card, issue_card
from jukihost import (
    AppletNotFound,
    Connection,
    PcscConnection,
    PinBlocked,
    PinRejected,
    PublishedKeys,
    SecurityStatusNotSatisfied,
    TcpConnection,
    build_channel,
    cli,
)
from sealregistration import AID, PIN, SealPurpose
from sealregistration.host import Registration, SealSession

KEYS = PublishedKeys()
OWN_PIN = "8642"
SEAL = Registration("00012345", date(2026, 4, 1))


def refused(session: SealSession) -> None:
    """Try to read and to write, in vain."""
    for attempt in (session.registration, session.abolish):
        try:
            attempt()
        except SecurityStatusNotSatisfied:
            continue
        raise AssertionError(f"{attempt.__name__} was not refused")


def story(connection: Connection) -> None:
    """Register, show at a kiosk, change and unblock the PIN, abolish."""
    with SealSession(build_channel(connection)) as desk:
        desk.authenticate(SealPurpose.SEAL_DESK, KEYS)
        assert desk.registration() is None
        desk.register(SEAL)
        assert desk.registration() == SEAL
    with SealSession(build_channel(connection)) as holder:
        refused(holder)
        holder.verify_pin(OWN_PIN)
        refused(holder)
        holder.change_pin("9753")
    with SealSession(build_channel(connection)) as kiosk:
        kiosk.authenticate(SealPurpose.SEAL_KIOSK, KEYS)
        refused(kiosk)
        kiosk.verify_pin("9753")
        assert kiosk.registration() == SEAL
        try:
            kiosk.abolish()
        except SecurityStatusNotSatisfied:
            assert kiosk.registration() == SEAL
        else:
            raise AssertionError("a kiosk wrote")
        for _ in range(3):
            try:
                kiosk.verify_pin(OWN_PIN)
            except (PinRejected, PinBlocked):
                continue
            raise AssertionError("the old PIN was taken")
        refused(kiosk)
    with SealSession(build_channel(connection)) as desk:
        desk.authenticate(SealPurpose.SEAL_DESK, KEYS)
        desk.unblock_pin(OWN_PIN)
        desk.abolish()
        assert desk.registration() is None
    print("registered, shown, abolished")


def kept(card: Card) -> list[str]:
    """Return where the card keeps something of the application."""
    partitions = card.snapshot().partitions
    return [name for name in partitions if str(AID) in name]


def administer(server: TcpServer, *arguments: str) -> None:
    """Do something as the card's issuer, from the command line."""
    where = ["--test-keys", "--tcp", f"{server.host}:{server.port}"]
    assert cli.main(["issuer", *arguments, *where]) == 0


def give(server: TcpServer, pin_file: Path) -> None:
    """Hand the application its number, its PIN and its keys."""
    pin_file.write_text(OWN_PIN)
    contents = ["--card-number", "--pin-of", f"{PIN:04X}", "--pin-file", str(pin_file)]
    administer(server, "personalise", str(AID), *contents)
    for purpose in SealPurpose:
        key = ["--purpose", f"{purpose.name}={purpose}", "--new-test-keys", "--new-version", "1"]
        administer(server, "put-key", "--aid", str(AID), *key)


def later(card: Card) -> None:
    """Install from the command line, use, remove, install again: empty."""
    with TcpServer(card) as server, TemporaryDirectory() as folder:
        for reserve in ([], ["--reserve", "4096"]):
            assert not kept(card)
            administer(server, "install", str(AID), *reserve)
            with (
                TcpConnection(server.host, server.port) as connection,
                SealSession(build_channel(connection)) as nobody,
            ):
                assert nobody.pin_retries() == 0, "there is a PIN before one was given"
            give(server, Path(folder, "pin"))
            with TcpConnection(server.host, server.port) as connection:
                story(connection)
                assert kept(card)
            administer(
                server, "unblock-key", f"SEAL_DESK={SealPurpose.SEAL_DESK}", "--aid", str(AID)
            )
            administer(server, "delete", str(AID), "--yes")
            with TcpConnection(server.host, server.port) as connection:
                try:
                    SealSession(build_channel(connection)).open()
                except AppletNotFound:
                    continue
                raise AssertionError("it is still there")
        assert not kept(card)
    print("installed, removed, installed again, removed")


def main(where: str, *more: str) -> None:
    """Do what the arguments say."""
    if where == "reader":
        with PcscConnection(wait=20) as reader:
            return story(reader)
    if where == "later":
        return later(issue_card("juki-v1", seed=1))
    card = issue_card("juki-v1", seed=1, applications=["seal"], pins={"seal": OWN_PIN})
    if where == "file":
        return create_card(more[0], "card", card.snapshot())
    if where == "tcp":
        with TcpServer(card) as server, TcpConnection(server.host, server.port) as connection:
            return story(connection)
    with LocalReader(card) as connection:
        story(connection)


if __name__ == "__main__":
    main(*sys.argv[1:])
