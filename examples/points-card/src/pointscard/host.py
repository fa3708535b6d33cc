"""The terminal's side: how many points there are, where they came from, where they went."""

from typing import NamedTuple

from jukihost import MunicipalSession
from pointscard import AID, BALANCE, BOOKINGS, CREDIT, DEBIT, ENTRY_SIZE, LOG, PIN


class Entry(NamedTuple):
    """One booking: its number, counted from 1, what it changed, how many points were there then."""

    number: int
    change: int
    balance: int


class PointsSession(MunicipalSession):
    """A conversation with the points: prove a purpose, for a debit the PIN behind it, and book.

    Whoever lost the answer to a booking asks how many there are: if it is one more, it was made.
    """

    AID, PIN = AID, PIN

    def balance(self) -> int:
        """Return how many points there are. SecurityStatusNotSatisfied."""
        return int.from_bytes(self.read_binary(BALANCE))

    def bookings(self) -> int:
        """Return how many bookings there were, the log's newest number. Cards since version 2.

        SecurityStatusNotSatisfied.
        """
        return int.from_bytes(self.read_binary(BOOKINGS))

    def log(self) -> list[Entry]:
        """Return the last ten bookings, the newest first. SecurityStatusNotSatisfied."""
        return [_entry(record) for record in self.records(LOG)]

    def credit(self, points: int) -> Entry:
        """Add 1 to 65535 points. ConditionsNotSatisfied where they do not fit; nothing changes."""
        return _entry(self.own(CREDIT, _amount(points)))

    def debit(self, points: int) -> Entry:
        """Take points off. ConditionsNotSatisfied where there are fewer; nothing changes then."""
        return _entry(self.own(DEBIT, _amount(points)))


def _amount(points: int) -> bytes:
    if not 1 <= points <= 0xFFFF:
        raise ValueError("a booking is of 1 to 65535 points")
    return points.to_bytes(2)


def _entry(record: bytes) -> Entry:
    if len(record) != ENTRY_SIZE or record[4] not in (CREDIT, DEBIT):
        raise ValueError("an entry of the log is malformed")
    points = int.from_bytes(record[5:7])
    change = points if record[4] == CREDIT else -points
    return Entry(int.from_bytes(record[:4]), change, int.from_bytes(record[7:]))
