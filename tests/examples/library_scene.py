"""A program that lends a book with the library card: `library_scene.py WHERE FOLDER [FILE]`.

WHERE is `in-process`, `tcp`, `file` (make a card in FILE) or `reader` (use the one in a reader).
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

from jukicard import Card, LocalReader, TcpServer, create_card, issue_card
from jukicard.kit import KeyPair, Suite
from jukihost import (
    Connection,
    PcscConnection,
    SecurityStatusNotSatisfied,
    SoftwareCustody,
    TcpConnection,
    build_channel,
)
from librarycard import AID
from librarycard.card import personalise, with_library
from librarycard.host import LibrarySession, Loan, LoanError

BOOK = Loan("4000000001", date(2026, 12, 12))
OTHER = Loan("4000000002", date(2026, 12, 13))


def library_card(custody: SoftwareCustody) -> Card:
    """Issue a Juki card with the library's application and its key."""
    card = issue_card(with_library(), seed=1)
    card.power_on()
    number = card.transmit(bytes.fromhex("00CA005A00"))[2:10]
    card.power_off()
    keys = custody.derive_card_keys("LIBRARY", number, AID, 1)
    personalise(card, number, KeyPair(Suite.AES128, 1, keys.k_enc, keys.k_mac))
    return card


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


def main(where: str, folder: str, *more: str) -> None:
    """Do what the arguments say."""
    store = Path(folder) / "library.keys"
    custody = SoftwareCustody(store, lambda: "correct horse battery")
    if where != "reader":
        custody.create(["LIBRARY"])
        custody.close()
    with custody:
        if where == "reader":
            with PcscConnection(wait=20) as reader:
                return lend(reader, custody)
        card = library_card(custody)
        if where == "file":
            return create_card(more[0], "card", card.snapshot())
        card.subscribe(lambda event: print(event) if "Refusal" in type(event).__name__ else None)
        if where == "tcp":
            with TcpServer(card) as server, TcpConnection(server.host, server.port) as connection:
                return lend(connection, custody)
        with LocalReader(card) as connection:
            lend(connection, custody)


if __name__ == "__main__":
    main(*sys.argv[1:])
