"""A program that registers a seal: `seal_scene.py WHERE [FILE]`.

WHERE is `in-process`, `tcp`, `later` (installed after issue from the command line), `file` (make a
card in FILE) or `reader` (use the one in a reader).
"""

from __future__ import annotations

import sys
from datetime import date

from jukicard import Card, LocalReader, TcpServer, create_card, issue_card
from jukihost import (
    ISSUER_TEST_KEYS,
    AppletNotFound,
    Connection,
    IssuerSession,
    PcscConnection,
    PinBlocked,
    PinRejected,
    PublishedKeys,
    SecurityStatusNotSatisfied,
    StoreForm,
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


def give_keys(connection: Connection) -> None:
    """Hand the application its number, its PIN and its keys, as the card's issuer."""
    with IssuerSession(build_channel(connection)) as issuer:
        number = issuer.card_number()
        issuer.authenticate(ISSUER_TEST_KEYS)
        issuer.personalise(AID, b"\x5a\x08" + number)
        group = PIN.to_bytes(2) + bytes((len(OWN_PIN),)) + OWN_PIN.encode()
        issuer.personalise(AID, group, StoreForm.GROUPS)
        for purpose in SealPurpose:
            keys = KEYS.derive_card_keys(purpose.name, number, AID, 1)
            issuer.put_purpose_keys(AID, purpose, keys)


def later(card: Card) -> None:
    """Install from the command line, use, remove, install again: empty."""
    with TcpServer(card) as server:
        where = ["--test-keys", "--tcp", f"{server.host}:{server.port}"]
        for _ in range(2):
            assert not kept(card)
            assert cli.main(["issuer", "install", str(AID), *where]) == 0
            with TcpConnection(server.host, server.port) as connection:
                with SealSession(build_channel(connection)) as nobody:
                    assert nobody.pin_retries() == 0, "there is a PIN before one was given"
                give_keys(connection)
                story(connection)
                assert kept(card)
            assert cli.main(["issuer", "delete", str(AID), "--yes", *where]) == 0
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
