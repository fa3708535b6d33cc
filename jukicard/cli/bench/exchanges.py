"""The exchanges that a bench shows: the last ones, redacted, in memory that does not grow."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final, NamedTuple

from jukicard.apdu.trace.dump import DumpCommand, DumpReset, DumpResponse
from jukicard.apdu.trace.readable import command_bytes, data_text, meaning_of, status_of
from jukicard.apdu.trace.record import ApduTrace, TraceEntry, TraceNote, printable
from jukicard.apdu.trace.redaction import BytePattern, TraceLevel, parse_pattern

MOST: Final = 2000
"""How many exchanges are kept."""
HEAVIEST: Final = 400_000
"""How many bytes, shown or hidden, all that is kept has together."""
SHOWN: Final = 1024
"""Of longer commands and answers so many bytes are shown."""
MOST_NOTES: Final = 50
"""How many remarks one exchange has."""


class Note(NamedTuple):
    """A remark about an exchange: what kind of thing happened, and in words what."""

    kind: str
    text: str


class Kept(NamedTuple):
    """One exchange, reset or remark: `seconds` since the bench began, `took` of the card's time."""

    number: int
    card: int
    seconds: float
    took: float
    atr: bytes | None
    command: BytePattern | None
    response: BytePattern | None
    notes: tuple[Note, ...]

    @property
    def weight(self) -> int:
        """How many bytes it has, shown or hidden."""
        return 1 + len(self.command or ()) + len(self.response or ())

    @property
    def shown(self) -> dict[str, Any]:
        """What a page shows of it; all of it may be a stranger's text."""
        row: dict[str, Any] = {
            "number": self.number,
            "card": self.card,
            "seconds": round(self.seconds, 4),
            "took": round(self.took, 5),
            "notes": [{"kind": note.kind, "text": printable(note.text)} for note in self.notes],
        }
        if self.atr is not None:
            row["atr"] = self.atr.hex(" ").upper()
        if self.command is not None:
            command = parse_pattern(self.command)
            row["means"] = meaning_of(self.command, command)
            row["command"] = _cut(self.command, command_bytes(self.command, command))
        if self.response is not None:
            row |= _answer(self.response)
        return row

    def events(self) -> Iterable[DumpCommand | DumpResponse | DumpReset | TraceNote]:
        """Yield what a trace has of it."""
        if self.atr is not None:
            yield DumpReset(self.atr)
        if self.command is not None:
            yield DumpCommand(self.command)
        if self.response is not None:
            yield DumpResponse(self.response)
        for note in self.notes:
            yield TraceNote(f"{note.kind}: {note.text}")


def _answer(response: BytePattern) -> dict[str, Any]:
    status = status_of(response) if len(response) >= 2 else None
    if status is None:
        return {"status": "", "meaning": f"{len(response)} bytes, no status", "refused": True}
    data = response.part(0, -2)
    return {
        "status": status.hex,
        "meaning": status.meaning,
        "refused": not (status.is_ok or (status.is_warning and status.retries_left is None)),
        "answer": _cut(data, data_text(data)) if len(data) else "",
    }


def _cut(pattern: BytePattern, text: str) -> str:
    """Return the text of bytes, of long ones its beginning."""
    return text if len(text) <= 3 * SHOWN else f"{text[: 3 * SHOWN]} … ({len(pattern)} bytes)"


class Exchanges:
    """The last exchanges of all cards of a bench; any thread may add and look.

    `seconds` tells the time since the bench began.
    """

    def __init__(
        self, seconds: Callable[[], float], *, most: int = MOST, heaviest: int = HEAVIEST
    ) -> None:
        self.seconds = seconds
        self._most, self._heaviest = most, heaviest
        self._lock = threading.Lock()
        self._kept: deque[Kept] = deque()
        self._texts: deque[str | None] = deque()
        self._weight = 0
        self.last = 0
        """The number of the last one."""

    def __len__(self) -> int:
        return len(self._kept)

    def add(
        self,
        card: int,
        *,
        command: BytePattern | None = None,
        response: BytePattern | None = None,
        atr: bytes | None = None,
        took: float = 0.0,
        notes: Iterable[Note] = (),
    ) -> None:
        """Keep one more, and drop the oldest ones where there is no room."""
        some = tuple(islice(notes, MOST_NOTES))
        with self._lock:
            self.last += 1
            kept = Kept(self.last, card, self.seconds(), took, atr, command, response, some)
            self._kept.append(kept)
            self._texts.append(None)
            self._weight += kept.weight
            while len(self._kept) > self._most or self._weight > self._heaviest:
                self._weight -= self._kept.popleft().weight
                self._texts.popleft()

    def since(self, number: int, most: int = MOST) -> tuple[list[str], int, int]:
        """Return those after a number as JSON, of more than `most` the last; how many of them are
        not there any more; and the number of the last one.

        A number that there never was counts as 0.
        """
        with self._lock:
            begin = number if 0 <= number <= self.last else 0
            there = min(self.last - begin, len(self._kept), most)
            first = len(self._kept) - there
            texts = [self._text(at) for at in range(first, len(self._kept))]
            return texts, self.last - begin - there, self.last

    def _text(self, at: int) -> str:
        text = self._texts[at]
        if text is None:
            text = self._texts[at] = json.dumps(self._kept[at].shown, separators=(",", ":"))
        return text

    def trace(self, title: str, card: int | None = None) -> ApduTrace:
        """Return what is kept, of one card or of all, as a redacted trace."""
        with self._lock:
            kept = [one for one in self._kept if card is None or one.card == card]
        entries = [TraceEntry(event) for one in kept for event in one.events()]
        return ApduTrace(TraceLevel.REDACTED, title=title, entries=entries)
