"""A certificate authority for tests of procedures: what it was told, and a time when it is away."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from jukihost.issuing import CertificateRequest
from jukihost.ledger import By, enter_certificate
from tests.support.host.counters import CLERK, Counter

HOLD = 6


@dataclass
class RecordingAuthority:
    """Knows of each certificate since when it is revoked or held and why, None while valid.

    away: it cannot be reached. told: how often it was told something.
    """

    known: dict[int, tuple[datetime, int] | None] = field(default_factory=dict)
    away: bool = False
    told: int = 0

    def issue(self, request: CertificateRequest, /) -> bytes:
        raise AssertionError("nothing is ordered here")

    def authority(self, serial: int, /) -> bytes:
        raise AssertionError("nothing is ordered here")

    def revoke(self, serial: int, reason: int, since: datetime, /) -> None:
        known = self._found(serial)
        if known is None or (known[1] == HOLD and reason != HOLD):
            self.known[serial] = (since, reason)

    def release(self, serial: int, /) -> None:
        known = self._found(serial)
        if known is not None and known[1] != HOLD:
            raise ValueError("it was revoked for good")
        self.known[serial] = None

    def revocation(self, serial: int, /) -> tuple[datetime, int] | None:
        return self._found(serial)

    def crl(self, serial: int, at: datetime, /) -> bytes:
        raise AssertionError("nothing is asked for here")

    def certificates(self, card_number: bytes, /) -> tuple[tuple[str, bytes], ...]:
        raise AssertionError("nothing is asked for here")

    def _found(self, serial: int) -> tuple[datetime, int] | None:
        if self.away:
            raise ConnectionError("nobody answers")
        self.told += 1
        return self.known[serial]


def certified(counter: Counter, *serials: int) -> RecordingAuthority:
    """Give a counter an authority, and the holder's card certificates, one for each use."""
    authority = RecordingAuthority(dict.fromkeys(serials))
    counter.office = replace(counter.office, authority=authority)
    uses = ("signature", "authentication")
    with counter.database.begin() as connection:
        by = By.at_terminal(counter.database, CLERK)
        for serial, use in zip(serials, uses, strict=False):
            enter_certificate(connection, counter.number, serial, use, by)
    return authority
