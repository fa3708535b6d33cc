"""A town with a log of uses, honest or not: entries, days, checkpoints, a witness, disclosures."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jukihost import ResidentCode
from jukihost.log import (
    Checkpoint,
    Day,
    Disclosure,
    KeyKind,
    LastEntries,
    LastEntry,
    MemoryNodes,
    Note,
    NoteKey,
    Outcome,
    Policy,
    Pruned,
    PseudonymKey,
    Use,
    disclose,
    leaf_hash,
    root_of,
)

ORIGIN, WITNESS = "town.example/uses", "prefecture.example"
LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SEEN_BY = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))
LOG_KEY = NoteKey.of(ORIGIN, LOG)
WITNESS_KEY = NoteKey.of(WITNESS, SEEN_BY, KeyKind.WITNESS)
POLICY = Policy(LOG_KEY, (WITNESS_KEY,), 1)
PSEUDONYMS = PseudonymKey(bytes(range(64, 96)))
BEGUN = datetime(2015, 4, 1, tzinfo=UTC)
FIRST = date(2015, 4, 1)
OVER = date(2008, 3, 31)
CODES = [ResidentCode(digits) for digits in ("12345678903", "20000000001", "30000000007")]


def salt(number: int) -> bytes:
    """Salt as random as a test's may be."""
    return sha256(b"salt %d" % number).digest()


class Town:
    """Keeps a log in memory; every part of it may be spoiled by whoever tests."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.lasts: dict[bytes, LastEntry] = {}
        self.ended: tuple[int, LastEntries] | None = None

    def use(
        self, code: ResidentCode | None, purpose: str = "copy of the record", **said: str
    ) -> int:
        """Append a use; return its index."""
        index = len(self.entries)
        resident = PSEUDONYMS.resident(code) if code else None
        last = self.lasts.get(resident) if resident else None
        use = Use(
            at=BEGUN + timedelta(minutes=index),
            operator=said.get("operator", "operator-1"),
            terminal="counter-1",
            body="the town's counter",
            purpose=purpose,
            outcome=Outcome.DONE,
            salt=salt(index),
            reason=said.get("reason", ""),
            resident=resident,
            number=(last.count if last else 0) + 1 if resident else 0,
            before=last.leaf if last else bytes(32),
        )
        return self.append(use)

    def append(self, use: Use) -> int:
        """Append a use as it is; return its index."""
        self.entries.append(bytes(use))
        if use.resident:
            self.lasts[use.resident] = LastEntry(use.resident, use.number, leaf_hash(bytes(use)))
        return len(self.entries) - 1

    def end_day(self, day: date = FIRST) -> int:
        """Append the entry that ends a day; return its index."""
        lasts = LastEntries([self.lasts[one] for one in sorted(self.lasts)])
        self.entries.append(bytes(Day(day, len(self.lasts), lasts.root())))
        self.ended = len(self.entries) - 1, lasts
        return self.ended[0]

    def prune(self, below: int, at: datetime = BEGUN, until: date = OVER) -> int:
        """Append the entry of a pruning, whatever is there; return its index."""
        self.entries.append(bytes(Pruned(at, below, below, until)))
        return len(self.entries) - 1

    def nodes(self) -> MemoryNodes:
        """The nodes of the tree as it is."""
        return MemoryNodes(leaf_hash(entry) for entry in self.entries)

    def checkpoint(self, size: int | None = None) -> Note:
        """A checkpoint that the log has signed, and the witness."""
        size = len(self.entries) if size is None else size
        made = Checkpoint(ORIGIN, size, root_of(self.nodes(), size)).signed(LOG)
        return made.cosigned(SEEN_BY, WITNESS, BEGUN + timedelta(days=1))

    def of(self, code: ResidentCode) -> list[tuple[int, bytes]]:
        """A resident's entries, by index."""
        line = f"resident {PSEUDONYMS.resident(code).hex()}\n".encode()
        return [(index, one) for index, one in enumerate(self.entries) if line in one]

    def disclosure(
        self,
        code: ResidentCode,
        entries: list[tuple[int, bytes]] | None = None,
        erased: tuple[int, int] | None = None,
    ) -> Disclosure:
        """A resident's disclosure; of other entries than theirs if these are given.

        erased: where the last that is gone stood, and the pruning.
        """
        assert self.ended, "the day has not ended"
        index, lasts = self.ended
        return disclose(
            code,
            PSEUDONYMS,
            self.of(code) if entries is None else entries,
            (index, self.entries[index]),
            lasts,
            (self.nodes(), len(self.entries), self.checkpoint()),
            (erased[0], (erased[1], self.entries[erased[1]])) if erased else None,
        )


def town() -> Town:
    """A town after a day: four uses of the first resident, two of the second, none of the third."""
    made = Town()
    for code in (CODES[0], CODES[1], None, CODES[0], CODES[0], CODES[1], CODES[0]):
        made.use(code)
    made.end_day()
    return made
