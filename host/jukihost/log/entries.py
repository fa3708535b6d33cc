"""What an entry of the log says, as the bytes that are hashed; pseudonyms, not people and cards.

An entry is lines of text, each its name, a space and its value, in one order: so the bytes that are
kept are the bytes that were hashed, and anybody reads them without this program.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final, TypeVar

from jukihost.clock import day_in_japan
from jukihost.log.tree import HASH, LogError
from jukihost.models import ResidentCode

NOTHING_BEFORE: Final = bytes(HASH)
"""What a resident's first entry has for the hash of the one before."""
LONGEST_TEXT: Final = 200
"""The most characters of one text of an entry."""
YEARS: Final = 7
"""How many years a use is kept at least."""
_USE: Final = "jukihost-use@v1"
_DAY: Final = "jukihost-day@v1"
DAY: Final = f"{_DAY}\n".encode()
"""What the entry of a day begins with."""
_DERIVATIONS: Final = "jukihost-derivations@v1"
_PRUNED: Final = "jukihost-pruned@v1"
PRUNED: Final = f"{_PRUNED}\n".encode()
"""What the entry of a pruning begins with."""
_PSEUDONYM: Final = b"jukihost-pseudonym@v1\n"
_TEXTS: Final = ("operator", "terminal", "body", "purpose", "reason")
_TIME: Final = "%Y-%m-%dT%H:%M:%S.%fZ"
_UNFIT: Final = re.compile(r"[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]|\d{11}")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_HEX: Final = re.compile(r"(?:[0-9a-f]{2})+")


Entry = TypeVar("Entry", "Use", "Day", "Derivations", "Pruned")


class EntryError(LogError):
    """An entry cannot be written so, or is none; no value of it is in the text."""


class Outcome(StrEnum):
    """What came of a use."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """Cut off, and nobody knows yet what the card did."""


class PseudonymKey:
    """The secret key of a town's pseudonyms: whoever has it can look up anybody, so few may.

    A resident's *opening* is drawn from it. With opening and code a resident computes their own
    pseudonym, and learns nothing for anybody else's.
    """

    def __init__(self, key: bytes) -> None:
        """Take a key of 32 random bytes. ValueError."""
        if len(key) != HASH or len(set(key)) < 8:
            raise ValueError("a key of pseudonyms has 32 random bytes")
        self._key = key

    def opening(self, code: ResidentCode) -> bytes:
        """Return what a resident needs, beside the code, to compute their pseudonym: 32 bytes."""
        return hmac.digest(self._key, b"resident\n" + code.reveal().encode(), "sha256")

    def resident(self, code: ResidentCode) -> bytes:
        """Return a resident's pseudonym, 32 bytes."""
        return pseudonym(self.opening(code), code)

    def card(self, number: bytes) -> bytes:
        """Return a card's pseudonym by its number, 32 bytes."""
        return hmac.digest(self._key, b"card\n" + number, "sha256")

    def __repr__(self) -> str:
        return "<PseudonymKey>"


def pseudonym(opening: bytes, code: ResidentCode) -> bytes:
    """Return the pseudonym of who has this opening and this code."""
    return sha256(_PSEUDONYM + opening + code.reveal().encode()).digest()


@dataclass(frozen=True)
class Use:
    """One use: who did what with whose data, when, where, what for, and what came of it.

    at: when, aware, to the microsecond.
    operator, terminal, body, purpose, reason: texts of up to 200 characters, empty where there is
    nothing to say; none may hold what could be a resident record code.
    card, resident: pseudonyms of 32 bytes, None where none was concerned.
    number, before: for a resident, which entry of theirs this is, from 1, and the hash of the one
    before; `NOTHING_BEFORE` for the first.
    salt: 32 random bytes, so that nobody finds out an entry by trying.
    """

    at: datetime
    operator: str
    terminal: str
    body: str
    purpose: str
    outcome: Outcome
    salt: bytes = field(repr=False)
    reason: str = ""
    card: bytes | None = None
    resident: bytes | None = None
    number: int = 0
    before: bytes = NOTHING_BEFORE

    def __post_init__(self) -> None:
        for name in _TEXTS:
            _check_text(name, getattr(self, name))
        hashes = [self.before, self.salt, *(one for one in (self.card, self.resident) if one)]
        if any(len(one) != HASH for one in hashes):
            raise EntryError("salt, pseudonyms and the hash of the entry before have 32 bytes each")
        first = self.number == 1
        if (self.resident is None) != (self.number == 0) or self.number < 0:
            raise EntryError("an entry has a number if, and only if, it is about a resident")
        if self.number and first != (self.before == NOTHING_BEFORE):
            raise EntryError("a resident's first entry has none before it, and every other has")
        if self.at.tzinfo is None:
            raise EntryError("the time of an entry has a time zone")

    def __bytes__(self) -> bytes:
        said = {
            "at": self.at.astimezone(UTC).strftime(_TIME),
            **{name: getattr(self, name) for name in _TEXTS},
            "outcome": self.outcome.value,
            "card": (self.card or b"").hex(),
            "resident": (self.resident or b"").hex(),
            "number": str(self.number),
            "before": self.before.hex(),
            "salt": self.salt.hex(),
        }
        return _written(_USE, said)

    @classmethod
    def parse(cls, data: bytes) -> Use:
        """Read an entry; it is written exactly as it was read. EntryError."""
        names = ("at", *_TEXTS, "outcome", "card", "resident", "number", "before", "salt")
        said = _read(_USE, names, data)
        try:
            found = cls(
                at=datetime.strptime(said["at"], _TIME).replace(tzinfo=UTC),
                **{name: said[name] for name in _TEXTS},
                outcome=Outcome(said["outcome"]),
                card=_bytes(said["card"]) or None,
                resident=_bytes(said["resident"]) or None,
                number=_number(said["number"]),
                before=_bytes(said["before"]),
                salt=_bytes(said["salt"]),
            )
        except ValueError:
            raise EntryError("this is no entry of a use: a value of it is malformed") from None
        return _same(found, data)


@dataclass(frozen=True)
class Day:
    """The entry that ends a day: the root over the last entry of every resident (`last_root`).

    It speaks of all entries that stand before it in the log.
    """

    day: date
    residents: int
    root: bytes

    def __bytes__(self) -> bytes:
        said = {
            "day": self.day.isoformat(),
            "residents": str(self.residents),
            "root": self.root.hex(),
        }
        return _written(_DAY, said)

    @classmethod
    def parse(cls, data: bytes) -> Day:
        """Read the entry of a day; it is written exactly as it was read. EntryError."""
        said = _read(_DAY, ("day", "residents", "root"), data)
        try:
            day = date.fromisoformat(said["day"])
            found = cls(day, _number(said["residents"]), _bytes(said["root"]))
        except ValueError:
            raise EntryError("this is no entry of a day: a value of it is malformed") from None
        if len(found.root) != HASH:
            raise EntryError("the root of a day has 32 bytes")
        return _same(found, data)


@dataclass(frozen=True)
class Derivations:
    """How often a terminal had keys of cards made from one master key, up to this time.

    at: when, aware, to the microsecond; it speaks of what came after the terminal's entry before.
    system, version: which master key. More derivations than uses of cards are keys that were taken.
    """

    at: datetime
    terminal: str
    system: str
    version: int
    count: int

    def __post_init__(self) -> None:
        for name in ("terminal", "system"):
            _check_text(name, getattr(self, name))
        if self.at.tzinfo is None:
            raise EntryError("the time of an entry has a time zone")
        if self.version < 1 or self.count < 1:
            raise EntryError("derivations are of a key's version, 1 or more, and at least one")

    def __bytes__(self) -> bytes:
        said = {
            "at": self.at.astimezone(UTC).strftime(_TIME),
            "terminal": self.terminal,
            "system": self.system,
            "version": str(self.version),
            "count": str(self.count),
        }
        return _written(_DERIVATIONS, said)

    @classmethod
    def parse(cls, data: bytes) -> Derivations:
        """Read an entry of derivations; it is written exactly as it was read. EntryError."""
        names = ("at", "terminal", "system", "version", "count")
        said = _read(_DERIVATIONS, names, data)
        try:
            found = cls(
                datetime.strptime(said["at"], _TIME).replace(tzinfo=UTC),
                said["terminal"],
                said["system"],
                _number(said["version"]),
                _number(said["count"]),
            )
        except ValueError:
            raise EntryError("this is no entry of derivations: a value is malformed") from None
        return _same(found, data)


@dataclass(frozen=True)
class Pruned:
    """The entry that says which entries are gone: how many, below which index, and the last day."""

    at: datetime
    count: int
    below: int
    until: date

    @property
    def early(self) -> bool:
        """Whether the term of uses of `until` was not over then."""
        try:
            return not over(self.until, day_in_japan(self.at))
        except (ValueError, OverflowError):  # of a time or day at the end of the calendar
            return True

    def __bytes__(self) -> bytes:
        said = {
            "at": self.at.astimezone(UTC).strftime(_TIME),
            "count": str(self.count),
            "below": str(self.below),
            "until": self.until.isoformat(),
        }
        return _written(_PRUNED, said)

    @classmethod
    def parse(cls, data: bytes) -> Pruned:
        """Read the entry of a pruning; it is written exactly as it was read. EntryError."""
        said = _read(_PRUNED, ("at", "count", "below", "until"), data)
        try:
            at = datetime.strptime(said["at"], _TIME).replace(tzinfo=UTC)
            count, below = _number(said["count"]), _number(said["below"])
            found = cls(at, count, below, date.fromisoformat(said["until"]))
        except ValueError:
            raise EntryError("this is no entry of a pruning: a value is malformed") from None
        return _same(found, data)


def over(day: date, today: date, years: int = YEARS) -> bool:
    """Tell whether the term of that day's uses is over today: so many years later, and a day."""
    try:
        return today > day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return today > date(day.year + years, 3, 1)


def _check_text(name: str, text: str) -> None:
    if len(text) > LONGEST_TEXT:
        raise EntryError(f"the {name} of an entry has more than {LONGEST_TEXT} characters")
    if _UNFIT.search(text):
        raise EntryError(
            f"the {name} of an entry holds a control character, or digits that could be a resident "
            "record code; the resident has a field of their own"
        )


def _written(kind: str, said: dict[str, str]) -> bytes:
    lines = (f"{name} {value}\n" for name, value in said.items())
    return f"{kind}\n{''.join(lines)}".encode()


def _read(kind: str, names: Sequence[str], data: bytes) -> dict[str, str]:
    """Return the value of each name. EntryError."""
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError:
        raise EntryError("this is no entry: it is not UTF-8") from None
    said = dict(line.partition(" ")[::2] for line in lines[1:-1])
    if lines[0] != kind or [line.partition(" ")[0] for line in lines[1:]] != [*names, ""]:
        raise EntryError(f"this is no entry of the kind {kind}")
    return said


def _same(found: Entry, data: bytes) -> Entry:
    """Return an entry that has one spelling, this one. EntryError."""
    if bytes(found) != data:
        raise EntryError("an entry has one spelling, and this is another")
    return found


def _bytes(text: str) -> bytes:
    """Return what lower-case hexadecimal digits say. ValueError."""
    if text and not _HEX.fullmatch(text):
        raise ValueError
    return bytes.fromhex(text)


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return int(text)
