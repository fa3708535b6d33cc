"""A program that books points: `points_scene.py WHERE [FILE]`.

WHERE is `in-process`, `tcp`, `tear` (the power cut at every write), `later` (installed after
issue), `file` (make a card in FILE), `reader` (use the one in a reader) or `upgrade` (use what
version 1 left in a folder, FILE).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count, pairwise, product
from pathlib import Path

from jukicard import (
    Card,
    CardEnvironment,
    LocalReader,
    MemorySnapshot,
    PersistentMemory,
    SqliteBackend,
    TcpServer,
    create_card,
    issue_card,
)
from jukicard.memory import PowerLoss, RamBackend
from jukicard.memory.backend import Backend
from jukicard.testing import HazardousCard, PowerCut
from jukicard.testing.faults import FaultyBackend
from jukihost import (
    ISSUER_TEST_KEYS,
    CardMute,
    CommandApdu,
    ConditionsNotSatisfied,
    Connection,
    IssuerSession,
    PcscConnection,
    PinBlocked,
    PinRejected,
    PublishedKeys,
    SecurityStatusNotSatisfied,
    StatusError,
    StatusWord,
    StoreForm,
    TcpConnection,
    build_channel,
)
from pointscard import AID, BALANCE, BOOKINGS, DEBIT, LOG, PIN, PointsPurpose
from pointscard.host import Entry, PointsSession

KEYS = PublishedKeys()
OWN_PIN = "4711"


@contextmanager
def points(
    connection: Connection, purpose: PointsPurpose | None, pin: str = ""
) -> Iterator[PointsSession]:
    """Open a session of a system, of the holder, of both, or of nobody."""
    with PointsSession(build_channel(connection)) as session:
        if purpose is not None:
            session.authenticate(purpose, KEYS)
        if pin:
            session.verify_pin(pin)
        yield session


def refused(kind: type[StatusError], session: PointsSession, booking: str, amount: int) -> None:
    """Book what must be refused, and see that nothing has changed."""
    try:
        getattr(session, booking)(amount)
    except kind:
        return
    raise AssertionError(f"{booking} {amount} was not refused")


def check_agreement(balance: int, log: list[Entry]) -> None:
    """Hold balance and log against each other, and the log's entries."""
    assert len(log) <= 10
    assert balance == (log[0].balance if log else 0)
    for newer, older in pairwise(log):
        assert newer.number == older.number + 1
        assert newer.balance == older.balance + newer.change


def look(connection: Connection) -> list[Entry]:
    """Read all as the holder; what is read agrees."""
    with points(connection, None, OWN_PIN) as holder:
        balance, log, bookings = holder.balance(), holder.log(), holder.bookings()
    check_agreement(balance, log)
    assert bookings == (log[0].number if log else 0)
    return log


def story(connection: Connection) -> None:
    """Who may do what, and the limits."""
    shop, till, desk = PointsPurpose
    with points(connection, None) as stranger:
        for booking in ("credit", "debit"):
            refused(SecurityStatusNotSatisfied, stranger, booking, 1)
        for read in (stranger.balance, stranger.log):
            try:
                read()
            except SecurityStatusNotSatisfied:
                continue
            raise AssertionError("a stranger reads")
    with points(connection, shop) as session:
        assert session.credit(300) == (1, 300, 300)
        refused(SecurityStatusNotSatisfied, session, "debit", 1)
        refused(ConditionsNotSatisfied, session, "credit", 0xFFFF - 299)
    with points(connection, till) as session:
        refused(SecurityStatusNotSatisfied, session, "debit", 1)
        session.verify_pin(OWN_PIN)
        refused(SecurityStatusNotSatisfied, session, "credit", 1)
        assert session.debit(100) == (2, -100, 200)
        refused(ConditionsNotSatisfied, session, "debit", 201)
        status = session.transmit(CommandApdu(0x80, DEBIT, 0, 0, bytes(2), 256)).status
        assert status == StatusWord.INCORRECT_DATA, "nothing was booked"
        assert session.debit(200) == (3, -200, 0)
        refused(ConditionsNotSatisfied, session, "debit", 1)
    with points(connection, shop) as session:
        for number in range(4, 16):
            assert session.credit(number).number == number
    assert [entry.number for entry in look(connection)] == list(range(15, 5, -1))
    with points(connection, None) as thief:
        for _ in range(3):
            try:
                thief.verify_pin("0000")
            except (PinRejected, PinBlocked):
                continue
            raise AssertionError("a wrong PIN was taken")
        assert thief.pin_retries() == 0
    with points(connection, desk) as session:
        session.unblock_pin()
        assert session.balance() == sum(range(4, 16))
    with points(connection, None, OWN_PIN) as holder:
        holder.change_pin("0815")
        holder.verify_pin("0815")
        holder.change_pin(OWN_PIN)
    look(connection)
    print("credited, spent, refused, unblocked")


def book(connection: Connection, done: list[int]) -> None:
    """Book some points both ways; `done` is what has been answered."""
    with points(connection, PointsPurpose.POINTS_CREDIT) as shop:
        for amount in (50, 7):
            done.append(shop.credit(amount).change)
    with points(connection, PointsPurpose.POINTS_DEBIT, OWN_PIN) as till:
        for amount in (20, 37):
            done.append(till.debit(amount).change)


def tear(card: Card) -> None:
    """Cut the power at every write of four bookings, a full log behind them; look what is there."""
    with LocalReader(card) as connection, points(connection, PointsPurpose.POINTS_CREDIT) as shop:
        for _ in range(9):
            shop.credit(1)
    snapshot = card.snapshot()
    whole: list[int] = []
    for landed in (False, True):
        for at in count(1):
            torn = Card.restore(snapshot)
            done: list[int] = []
            hazardous = HazardousCard(torn, PowerCut(at=at, landed=landed))
            with suppress(CardMute, PowerLoss), LocalReader(hazardous) as connection:
                book(connection, done)
            if not hazardous.happened:
                whole = done
                break
            with LocalReader(torn) as connection:
                log = look(connection)
            changes = [entry.change for entry in reversed(log) if entry.number > 9]
            assert changes[: len(done)] == done, "what was answered is not there"
            assert len(changes) <= len(done) + 1, "more is there than was sent"
            assert log[0].balance == 9 + sum(changes)
        print(f"{at - 1} cuts, landed: {landed}")
    assert whole == [50, 7, -20, -37]


def partitions(card: Card) -> dict[str, object]:
    """Return all that the card keeps, without its issuer domain's counters and the generator."""
    kept = card.snapshot().partitions
    return {name: values for name, values in kept.items() if str(AID) in name}


def later(card: Card) -> None:
    """Install after issue, personalise, use, take away, install again."""
    number = b""
    for _ in range(2):
        assert not partitions(card)
        with LocalReader(card) as connection:
            with IssuerSession(build_channel(connection)) as issuer:
                number = issuer.card_number()
                issuer.authenticate(ISSUER_TEST_KEYS)
                issuer.install(AID, AID, AID)
            with points(connection, None) as nobody:
                assert nobody.pin_retries() == 0, "there is a PIN before one was given"
            with IssuerSession(build_channel(connection)) as issuer:
                issuer.authenticate(ISSUER_TEST_KEYS)
                issuer.personalise(AID, b"\x5a\x08" + number)
                group = PIN.to_bytes(2) + bytes((len(OWN_PIN),)) + OWN_PIN.encode()
                issuer.personalise(AID, group, StoreForm.GROUPS)
                for file, value in ((BALANCE, b"\xff\xff"), (LOG, bytes(9)), (BOOKINGS, bytes(4))):
                    try:
                        issuer.personalise(
                            AID, file.to_bytes(2) + bytes((len(value),)) + value, StoreForm.GROUPS
                        )
                    except ConditionsNotSatisfied:
                        continue
                    raise AssertionError("the issuer gave points")
                for purpose in PointsPurpose:
                    keys = KEYS.derive_card_keys(purpose.name, number, AID, 1)
                    issuer.put_purpose_keys(AID, purpose, keys)
            assert look(connection) == []
            story(connection)
            with IssuerSession(build_channel(connection)) as issuer:
                issuer.authenticate(ISSUER_TEST_KEYS)
                issuer.delete(AID)
    assert not partitions(card)
    print("installed, removed, installed again, removed")


def kept_in(backend: Backend) -> Card:
    """Return the card that a backend keeps."""
    return Card(CardEnvironment(memory=PersistentMemory(backend)))


def upgrade(folder: Path) -> None:
    """Take cards of version 1 into use, the power cut at every write of that; go on with them."""
    then = json.loads((folder / "card.json").read_text("ascii"))
    snapshot = MemorySnapshot.from_bytes((folder / "card.card").read_bytes())
    old = snapshot.contents()
    whole = FaultyBackend(RamBackend(old))
    kept_in(whole)
    new = whole.load()
    assert new != old
    backends = [whole, FaultyBackend(SqliteBackend(folder / "card.juki", "card"))]
    for at, landed in product(range(1, whole.writes + 1), (False, True)):
        backends.append(FaultyBackend(RamBackend(old), at, landed=landed))
        with suppress(PowerLoss):
            kept_in(backends[-1])
            raise AssertionError("the power was not cut")
        assert backends[-1].load() in (old, new), "half of it is there"
        backends[-1].cut_after = None
    print(f"{whole.writes} writes, {len(backends)} cards taken over")
    for backend in backends:
        with LocalReader(kept_in(backend)) as connection:
            with points(connection, None) as holder:
                assert holder.pin_retries() == then["tries"]
            log = look(connection)
            assert [list(entry) for entry in log] == then["log"]
            done: list[int] = []
            book(connection, done)
            after = look(connection)
            assert [entry.number for entry in reversed(after[:4])] == [15, 16, 17, 18]
            assert after[0].balance == then["balance"] + sum(done)
            with points(connection, None, OWN_PIN) as holder:
                holder.change_pin("0815")
            with points(connection, PointsPurpose.POINTS_DESK) as desk:
                desk.unblock_pin()
                assert desk.pin_retries() == 3
        backend.close()


def main(where: str, *more: str) -> None:
    """Do what the arguments say."""
    if where == "upgrade":
        return upgrade(Path(more[0]))
    if where == "reader":
        with PcscConnection(wait=20) as reader:
            return story(reader)
    if where == "later":
        return later(issue_card("juki-v1", seed=1))
    card = issue_card("juki-v1", seed=1, applications=["town-points"], pins={"points": OWN_PIN})
    if where == "file":
        return create_card(more[0], "card", card.snapshot())
    if where == "tear":
        return tear(card)
    if where == "tcp":
        with TcpServer(card) as server, TcpConnection(server.host, server.port) as connection:
            return story(connection)
    with LocalReader(card) as connection:
        story(connection)


if __name__ == "__main__":
    main(*sys.argv[1:])
