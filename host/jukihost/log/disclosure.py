"""What a resident is told of the uses of their data, with what proves it, in one file.

The file has the resident's entries, each with its inclusion proof, and the latest day's root with
the path to the resident's place: so leaving one out shows. The resident record code is not in it;
the resident types it where the file is checked.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Final, Protocol

from jukihost.log.entries import NOTHING_BEFORE, Day, Pruned, PseudonymKey, Use, pseudonym
from jukihost.log.lastentries import LastEntry, check_last
from jukihost.log.notes import Checkpoint, InclusionProof, Note, Policy
from jukihost.log.tree import EMPTY, LogError, Nodes, leaf_hash, prove_inclusion
from jukihost.models import ResidentCode

LARGEST: Final = 64 << 20
"""The largest disclosure that is read, in bytes."""
ROOM: Final = timedelta(days=2)
"""How far the time of a pruning may be ahead of a witness that has seen it."""
_FORMAT: Final = "jukihost-disclosure@v1"


class Lasts(Protocol):
    """Everybody's last entry at the end of a day, wherever it is kept: `LastEntries` is one."""

    def of(self, resident: bytes) -> LastEntry | None:
        """Return the last entry of a pseudonym, None where there is none."""
        ...

    def prove(self, resident: bytes) -> list[bytes]:
        """Return the path to a pseudonym's place, 64 hashes."""
        ...


class DisclosureError(LogError):
    """A disclosure is malformed, is another resident's, or leaves something out."""


@dataclass(frozen=True)
class Proven:
    """An entry as it was hashed, and the proof that it is in the log."""

    entry: bytes
    proof: InclusionProof


@dataclass(frozen=True)
class Erased:
    """What shows that the entries before those that are shown were over their term.

    proof: that the last of them stands in the log; only its hash is left.
    pruned: the entry of the pruning that passed it.
    """

    proof: InclusionProof
    pruned: Proven


@dataclass(frozen=True)
class Disclosed:
    """What a disclosure shows, once it was checked.

    uses: the resident's entries in their order.
    erased: how many older ones there were, which were pruned when their term was over.
    complete_until: the day up to which nothing was left out, and how many of `uses` that are.
    checkpoint: the size of the log that all of this was proven in.
    witnessed: when which witness saw that log.
    """

    uses: tuple[Use, ...]
    erased: int
    complete_until: date
    covered: int
    checkpoint: Checkpoint
    witnessed: dict[str, datetime]


@dataclass(frozen=True)
class Disclosure:
    """A resident's entries and what proves them; `disclose` makes it, `check` believes nothing."""

    opening: bytes = field(repr=False)
    entries: tuple[Proven, ...]
    day: Proven
    last: LastEntry | None
    path: tuple[bytes, ...]
    erased: Erased | None = None

    def __bytes__(self) -> bytes:
        day = {
            **_told(self.day),
            "count": self.last.count if self.last else 0,
            "last": self.last.leaf.hex() if self.last else "",
            "path": ["" if one == EMPTY else b64encode(one).decode() for one in self.path],
        }
        said = {
            "format": _FORMAT,
            "opening": self.opening.hex(),
            "day": day,
            "entries": [_told(one) for one in self.entries],
            "erased": self.erased
            and {"proof": str(self.erased.proof), "pruned": _told(self.erased.pruned)},
        }
        return json.dumps(said, ensure_ascii=False, indent=1).encode() + b"\n"

    @classmethod
    def parse(cls, data: bytes, code: ResidentCode) -> Disclosure:
        """Read the disclosure of the resident with this code. DisclosureError, NoteError."""
        if len(data) > LARGEST:
            raise DisclosureError(f"a disclosure of more than {LARGEST >> 20} MiB is not read")
        try:
            said = json.loads(data)
            opening = bytes.fromhex(said["opening"])
            day = said["day"]
            resident = pseudonym(opening, code)
            last = LastEntry(resident, day["count"], bytes.fromhex(day["last"]))
            path = tuple(b64decode(one, validate=True) if one else EMPTY for one in day["path"])
            entries = tuple(_proven(one) for one in said["entries"])
            erased = _erased(said["erased"])
            last_one = last if last.count else None
            found = cls(opening, entries, _proven(day), last_one, path, erased)
            if json.loads(bytes(found)) != said:  # another format, or another spelling
                raise ValueError
            return found
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise DisclosureError("this is no disclosure, or it was damaged on its way") from None

    def check(self, code: ResidentCode, policy: Policy) -> Disclosed:
        """Check all of it; return what it shows.

        DisclosureError when it is another resident's, has a gap or leaves something out, NoteError
        when too few have signed, ProofError when something is not in the log.
        """
        resident = pseudonym(self.opening, code)
        checkpoint, witnessed = policy.read(self.day.proof.checkpoint)
        erased = self.erased
        for proven in (self.day, *self.entries, *([erased.pruned] if erased else ())):
            if proven.proof.checkpoint.text != self.day.proof.checkpoint.text:
                raise DisclosureError("the proofs are of two checkpoints; one history has one")
            proven.proof.check(leaf_hash(proven.entry), policy)
        uses = self._chain(resident)
        day = Day.parse(self.day.entry)
        check_last(resident, self.last, self.path, day.root)
        covered = self._check_complete(uses)
        return Disclosed(
            uses,
            self._check_erased(uses, witnessed.values(), policy),
            day.day,
            covered,
            checkpoint,
            {key.name: at for key, at in witnessed.items()},
        )

    @property
    def _count(self) -> int:
        return self.last.count if self.last else 0

    def _chain(self, resident: bytes) -> tuple[Use, ...]:
        """Return the uses, which are this resident's and follow one another. DisclosureError."""
        uses = tuple(Use.parse(one.entry) for one in self.entries)
        if any(use.resident != resident for use in uses):
            raise DisclosureError(
                "an entry is of another resident, or the code is not the one that this is for"
            )
        places = [one.proof.index for one in self.entries]
        for at in range(1, len(uses)):
            follows = uses[at].number == uses[at - 1].number + 1
            linked = uses[at].before == leaf_hash(self.entries[at - 1].entry)
            if not (follows and linked and places[at] > places[at - 1]):
                raise DisclosureError(
                    f"entry {uses[at].number} does not follow entry {uses[at - 1].number}: one was "
                    "left out, changed or moved"
                )
        return uses

    def _check_complete(self, uses: Sequence[Use]) -> int:
        """Return how many of the uses the day speaks of; DisclosureError when one is missing."""
        ended = self.day.proof.index
        covered = [one for one in self.entries if one.proof.index < ended]
        said = (uses[len(covered) - 1].number, leaf_hash(covered[-1].entry)) if covered else None
        if said and self.last and said == (self.last.count, self.last.leaf):
            return len(covered)
        after_all = not covered and (not uses or uses[0].number == self._count + 1)
        linked = not uses or uses[0].before == (self.last.leaf if self.last else NOTHING_BEFORE)
        if after_all and linked:
            return 0
        raise DisclosureError(
            f"on the day of the root there were {self._count} entries of this resident, and these "
            "are not they: something was left out"
        )

    def _check_erased(self, uses: Sequence[Use], seen: Iterable[datetime], policy: Policy) -> int:
        """Return how many older ones were erased; DisclosureError when it was not their time."""
        count = (uses[0].number if uses else self._count + 1) - 1
        told = self.erased
        if not count and not told:
            return 0
        if not count or not told:
            raise DisclosureError(
                f"{count} older ones are left out, and nothing shows that their term was over"
            )
        last = uses[0].before if uses else self.last.leaf if self.last else NOTHING_BEFORE
        if told.proof.checkpoint.text != self.day.proof.checkpoint.text:
            raise DisclosureError("the proofs are of two checkpoints; one history has one")
        told.proof.check(last, policy)
        said, gone, told_at = Pruned.parse(told.pruned.entry), told.proof.index, told.pruned.proof
        places = [self.day.proof.index, *(one.proof.index for one in self.entries)]
        late = said.early or any(said.at - ROOM >= at for at in seen)
        if late or not gone < said.below <= told_at.index or gone >= min(places):
            raise DisclosureError(
                f"{count} older ones are left out, and the pruning that it names did not pass them "
                "after the end of their term"
            )
        return count


def disclose(
    code: ResidentCode,
    key: PseudonymKey,
    entries: Sequence[tuple[int, bytes]],
    day: tuple[int, bytes],
    lasts: Lasts,
    log: tuple[Nodes, int, Note],
    erased: tuple[int, tuple[int, bytes]] | None = None,
) -> Disclosure:
    """Make a resident's disclosure from what the log has.

    entries: those of the resident that are still there, by index.
    day: the latest entry of a day, by index; `lasts` is what its root is over.
    log: the nodes of the tree, the size that is proven in, and the checkpoint of that size.
    erased: where older ones were pruned, the index of the last of them, and the entry of the
    pruning by index.
    """
    nodes, size, note = log

    def proof(index: int) -> InclusionProof:
        return InclusionProof(index, tuple(prove_inclusion(nodes, index, size)), note)

    def proven(one: tuple[int, bytes]) -> Proven:
        return Proven(one[1], proof(one[0]))

    opening = key.opening(code)
    resident = pseudonym(opening, code)
    found = tuple(proven(one) for one in entries)
    last, path = lasts.of(resident), tuple(lasts.prove(resident))
    gone = Erased(proof(erased[0]), proven(erased[1])) if erased else None
    return Disclosure(opening, found, proven(day), last, path, gone)


def described(found: Disclosed, zone: tzinfo) -> str:
    """Return a checked disclosure as text for its reader, with the times of their time zone."""
    lines = [f"Uses of your data: {len(found.uses)}", ""]
    if found.erased:
        lines += [
            f"{found.erased} older ones are not shown: their term of years was over, and the log "
            "says that they were removed.",
            "",
        ]
    for use in found.uses:
        when = use.at.astimezone(zone).isoformat(" ", "minutes")
        body = f"{use.body}: " if use.body else ""
        lines.append(f"{use.number}. {when}  {body}{use.purpose} ({use.outcome})")
        lines.append(f"   operator {use.operator}, terminal {use.terminal}")
        lines += [f"   reason: {use.reason}"] if use.reason else []
    until = found.complete_until
    lines += ["", f"Of what was queued when the day {until} ended, nothing was left out."]
    if newer := len(found.uses) - found.covered:
        lines.append(f"{newer} are newer; whether there are more, the next day's root shows.")
    lines.append(f"Proven in {found.checkpoint.origin} of {found.checkpoint.size} entries.")
    if not found.witnessed:
        lines.append(
            "No witness whose key was given has seen this log: whether others are shown another, "
            "this cannot tell."
        )
    for name, at in found.witnessed.items():
        lines.append(f"{name} saw this log at {at.astimezone(zone).isoformat(' ', 'minutes')}.")
    return "\n".join(lines) + "\n"


def _told(proven: Proven) -> dict[str, Any]:
    return {"entry": proven.entry.decode(), "proof": str(proven.proof)}


def _proven(said: dict[str, str]) -> Proven:
    return Proven(said["entry"].encode(), InclusionProof.parse(said["proof"]))


def _erased(said: dict[str, Any] | None) -> Erased | None:
    return (
        None
        if said is None
        else Erased(InclusionProof.parse(said["proof"]), _proven(said["pruned"]))
    )
