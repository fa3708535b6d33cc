"""A program that lends a book with the library card: `library_scene.py WHERE FOLDER [FILE]`.

WHERE is `in-process`, `after-issue` (the application comes later, to a card that had none), `tcp`,
`file` (make a card in FILE) or `reader` (use the one in a reader).
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from jukicard import LocalReader, TcpServer, create_card, issue_card
from jukihost import (
    ISSUER_TEST_KEYS,
    Connection,
    IssuerSession,
    PcscConnection,
    SecurityStatusNotSatisfied,
    SoftwareCustody,
    StoreForm,
    TcpConnection,
    build_channel,
    published_master,
)
from librarycard import AID, RECORD_SIZE
from librarycard.host import LibrarySession, Loan, LoanError

BOOK = Loan("4000000001", date(2026, 12, 12))
OTHER = Loan("4000000002", date(2026, 12, 13))


def lend(connection: Connection, custody: SoftwareCustody) -> None:
    """Lend a book, let a stranger read and try to write, give the book back."""
    with LibrarySession(build_channel(connection)) as library:
        library.identify(custody)
        library.add(BOOK)
        try:
            library.add(BOOK)
        except LoanError as error:
            print(error)
        assert [purpose.name for purpose in library.purposes] == ["LIBRARY"]
    with LibrarySession(build_channel(connection)) as stranger:
        assert stranger.loans() == [BOOK]
        try:
            stranger.add(OTHER)
        except SecurityStatusNotSatisfied:
            assert stranger.loans() == [BOOK]
        else:
            raise AssertionError("a stranger wrote")
    with LibrarySession(build_channel(connection)) as library:
        library.identify(custody)
        library.remove(BOOK.book)
        assert library.loans() == []
    print("lent, read by a stranger, given back")


def bring(connection: Connection, custody: SoftwareCustody) -> None:
    """Put the application on the card as its issuer: its keys, its number, free places."""
    with IssuerSession(build_channel(connection)) as issuer:
        number = issuer.card_number()
        issuer.authenticate(ISSUER_TEST_KEYS)
        issuer.install(AID, AID, AID)
        keys = custody.derive_card_keys("LIBRARY", number, AID, 1)
        issuer.put_purpose_keys(AID, 1, keys)
        issuer.personalise(AID, b"\x5a\x08" + number)
        free = b"\x00\x01" + bytes((RECORD_SIZE,)) + bytes(RECORD_SIZE)
        issuer.personalise(AID, 10 * free, StoreForm.GROUPS)


def take_off(connection: Connection) -> None:
    """Remove it again."""
    with IssuerSession(build_channel(connection)) as issuer:
        issuer.authenticate(ISSUER_TEST_KEYS)
        issuer.delete(AID)


def main(where: str, folder: str, *more: str) -> None:
    """Do what the arguments say."""
    store = Path(folder) / "library.keys"
    custody = SoftwareCustody(store, lambda: "correct horse battery")
    if where != "reader":
        custody.create()
        custody.import_key("LIBRARY", 1, published_master("LIBRARY"))
        custody.close()
    with custody:
        if where == "reader":
            with PcscConnection(wait=20) as reader:
                return lend(reader, custody)
        later = where == "after-issue"
        card = issue_card("juki-v1", seed=1, applications=() if later else ["library"])
        if where == "file":
            return create_card(more[0], "card", card.snapshot())
        card.subscribe(lambda event: print(event) if "Refusal" in type(event).__name__ else None)
        if where == "tcp":
            with TcpServer(card) as server, TcpConnection(server.host, server.port) as connection:
                return lend(connection, custody)
        with LocalReader(card) as connection:
            kept = dict(card.snapshot().partitions)
            if later:
                bring(connection, custody)
            lend(connection, custody)
            if later:
                take_off(connection)
                assert card.snapshot().partitions.keys() == kept.keys()


if __name__ == "__main__":
    main(*sys.argv[1:])
