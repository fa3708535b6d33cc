"""The terminal's side: who borrowed what, and until when."""

from datetime import date, datetime
from typing import NamedTuple

from jukihost import CommandApdu, Ins, KeyCustody, SecuredSession
from librarycard import AID, RECORD_SIZE, LibraryPurpose


class Loan(NamedTuple):
    """One book (ten digits), and the day on which it is due."""

    book: str
    due: date


class LoanError(ValueError):
    """The loan cannot be added or removed; nothing was written."""


class LibrarySession(SecuredSession):
    """A conversation with the library's application; anybody may read."""

    AID = AID

    def identify(self, custody: KeyCustody) -> None:
        """Authenticate as the library's system; secure messaging from here on."""
        self.authenticate(LibraryPurpose.LIBRARY, custody)

    def loans(self) -> list[Loan]:
        """Return all loans on the card."""
        rows = filter(None, self._records())
        return [Loan(text[:10], datetime.strptime(text[10:], "%Y%m%d").date()) for text in rows]

    def add(self, loan: Loan) -> None:
        """Write one loan. LoanError, SecurityStatusNotSatisfied."""
        records = self._records()
        if len(loan.book) != 10 or not (loan.book.isascii() and loan.book.isdigit()):
            raise LoanError("a book number has ten digits")
        if any(text.startswith(loan.book) for text in records if text):
            raise LoanError(f"book {loan.book} is on the card already")
        if "" not in records:
            raise LoanError(f"there are {len(records)} loans on the card, and no more fit")
        self._write(records.index("") + 1, f"{loan.book}{loan.due:%Y%m%d}".encode())

    def remove(self, book: str) -> None:
        """Delete one loan by its book. LoanError, SecurityStatusNotSatisfied."""
        for number, text in enumerate(self._records(), 1):
            if text and text[:10] == book:
                return self._write(number, bytes(RECORD_SIZE))
        raise LoanError(f"book {book} is not on the card")

    def _records(self) -> list[str]:
        raw = self.ask(CommandApdu(0x00, Ins.READ_RECORD, 1, 1 << 3 | 5, ne=256)).data  # from 1 on
        parts = (raw[at : at + RECORD_SIZE] for at in range(0, len(raw), RECORD_SIZE))
        return [part.rstrip(b"\0").decode("ascii") for part in parts]

    def _write(self, number: int, record: bytes) -> None:
        self.ask(CommandApdu(0x00, Ins.UPDATE_RECORD, number, 1 << 3 | 4, record))
