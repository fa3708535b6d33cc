"""A card on a bench: one thread at a time, hazards that can be set, and exchanges that are told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from jukicard.apdu.ins import ins_label
from jukicard.apdu.trace.redaction import (
    TraceLevel,
    observed,
    parse_pattern,
    redact_command,
    redact_response,
    without_data,
)
from jukicard.cli.bench.exchanges import MOST_NOTES, Exchanges, Note
from jukicard.runtime.card import Card
from jukicard.runtime.events import (
    ApplicationSelected,
    CardEvent,
    FirewallDenial,
    LifeCycleChanged,
    Refusal,
    RetryCounterChanged,
    SecurityStatusChanged,
)
from jukicard.testing.hazardous import HazardousCard
from jukicard.testing.hazards import Hazard

_KEPT_HAZARDS: Final = 100


class WatchedCard:
    """Fits CardPort; while it is watched, every reset and exchange is told to `exchanges`.

    Nobody watching, an exchange costs one lock and one comparison more. The lock is held while the
    card works: whoever wants to look at the card meanwhile comes later (`quiet`).
    """

    def __init__(self, number: int, card: Card, exchanges: Exchanges) -> None:
        self.number = number
        self.changes = 0
        """Counted up with everything that may have changed the card."""
        self.unseen = 0
        """How many exchanges there were while nobody watched."""
        self._exchanges = exchanges
        self._lock = threading.RLock()
        self._switch = threading.RLock()
        self._watched = False
        self._unsubscribe: Callable[[], None] | None = None
        self._notes: list[Note] = []
        self._take(card)

    def __repr__(self) -> str:
        return f"<WatchedCard {self.number}, {self.card!r}>"

    def _take(self, card: Card) -> None:
        self.card = card
        self.line = HazardousCard(card, on_hazard=self._meet, keep=_KEPT_HAZARDS)
        self._send: Callable[[bytes], bytes] = (
            card.transmit
        )  # as long as nothing is to happen to it, the short way

    # -- for the reader ---------------------------------------------------------------------------

    @property
    def atr(self) -> bytes:
        """The answer to reset."""
        return self.line.atr

    def power_on(self) -> bytes:
        """Give power; told."""
        with self._lock:
            return self._started(self.line.power_on)

    def reset(self) -> bytes:
        """Reset; told."""
        with self._lock:
            return self._started(self.line.reset)

    def power_off(self) -> None:
        """Take the power."""
        with self._lock:
            self.changes += 1
            self.line.power_off()

    def transmit(self, command: bytes, /) -> bytes:
        """Give a command; told when it is over."""
        with self._lock:
            self.changes += 1
            if self._watched:
                return self._told(command)
            self.unseen += 1
            return self._send(command)

    def _started(self, start: Callable[[], bytes]) -> bytes:
        self.changes += 1
        self._notes = []
        atr = start()
        if self._watched:
            self._exchanges.add(self.number, atr=atr, notes=self._noted())
        return atr

    def _told(self, command: bytes) -> bytes:
        shown = redact_command(command, TraceLevel.REDACTED)
        self._notes = []
        begun = time.perf_counter()
        try:
            answer = self._send(command)
        except BaseException as error:
            # Of the error its kind only: its text may hold anything.
            self._notes.append(Note("fault", f"no answer: {type(error).__name__}"))
            took = time.perf_counter() - begun
            self._exchanges.add(self.number, command=shown, took=took, notes=self._noted())
            raise
        took = time.perf_counter() - begun
        known = without_data(parse_pattern(shown))
        response = redact_response(observed(command, answer), known, TraceLevel.REDACTED)
        self._exchanges.add(
            self.number, command=shown, response=response, took=took, notes=self._noted()
        )
        return answer

    def _noted(self) -> Iterable[Note]:
        notes, self._notes = self._notes, []
        return notes

    # -- what is told -----------------------------------------------------------------------------

    def watch(self, watched: bool) -> None:
        """Tell of every exchange from now on, or of none; a command that runs is not waited for."""
        with self._switch:
            if watched == self._watched:
                return
            self._watched = watched
            if watched and self.unseen:
                note = Note("unseen", f"{self.unseen} exchanges while nobody looked")
                self._exchanges.add(self.number, notes=[note])
            self.unseen = 0
            self._listen()

    def _listen(self) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._unsubscribe = self.card.subscribe(self._hear) if self._watched else None

    def _hear(self, event: CardEvent) -> None:
        note = _note_of(event)
        if note is not None and len(self._notes) < MOST_NOTES:
            self._notes.append(note)

    def _meet(self, hazard: Hazard) -> None:
        if self._watched:
            self._notes.append(Note("hazard", repr(hazard)))

    def say(self, kind: str, text: str) -> None:
        """Put a remark among the exchanges, whoever looks."""
        self._exchanges.add(self.number, notes=[Note(kind, text)])

    # -- for the bench ----------------------------------------------------------------------------

    def quiet(self, seconds: float = 0.0) -> bool:
        """Have the card to oneself until `done`; False when it works for longer than `seconds`."""
        return self._lock.acquire(timeout=seconds) if seconds else self._lock.acquire(False)

    def done(self) -> None:
        """Let the card go on, after `quiet`."""
        self._lock.release()

    def replace(self, card: Card) -> None:
        """Put another card in the place of this one; without hazards and without power."""
        with self._lock, self._switch:
            self.changes += 1
            self._take(card)
            self._listen()

    def set_hazard(self, hazard: Hazard) -> None:
        """Have something happen to the card. ValueError where it cannot happen to this one."""
        with self._lock:
            self.changes += 1
            self.line.add(hazard)
            self._send = self.line.transmit

    def clear_hazards(self) -> None:
        """Have nothing more happen to the card; one that was pulled out is back."""
        with self._lock:
            self.changes += 1
            self.line.clear()
            self._send = self.card.transmit

    def put_back(self) -> None:
        """Put the card back where a hazard pulled it out."""
        with self._lock:
            self.changes += 1
            self.line.put_back()


def _note_of(event: CardEvent) -> Note | None:
    """Return what is said of an event; None where the exchange itself says as much."""
    match event:
        case Refusal(ins=ins, status=status, reason=reason):
            return Note("refusal", f"{ins_label(ins)} {status.hex}: {reason}")
        case RetryCounterChanged(reference=reference, tries_left=left):
            return Note("tries", f"{reference}: {left} left")
        case LifeCycleChanged(what=what, state=state):
            return Note("life cycle", f"{what}: {state}")
        case SecurityStatusChanged(what=what, holds=holds):
            return Note("security", f"{what}: {'proven' if holds else 'lost'}")
        case ApplicationSelected(channel=channel, aid=aid, again=again):
            return Note("selected", f"{aid}, channel {channel}{', again' if again else ''}")
        case FirewallDenial(aid=aid, what=what, reason=reason):
            return Note("firewall", f"{aid}, {what}: {reason}")
        case _:
            return None
