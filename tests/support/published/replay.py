"""Plays a transcript of vectors/transcripts to a card and compares every answer."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jukicard import Card
from jukicard.apdu.trace import DumpCommand, DumpEvent, DumpReset, DumpResponse, parse_dump

FOLDER: Final = Path(__file__).resolve().parents[3] / "vectors" / "transcripts"


def transcript(name: str) -> tuple[DumpEvent, ...]:
    """Return the events of a transcript, which begins with a reset and says every answer."""
    events = parse_dump((FOLDER / f"{name}.txt").read_text(encoding="utf-8"))
    kinds = [type(event) for event in events]
    assert kinds[0] is DumpReset
    assert kinds.count(DumpCommand) == kinds.count(DumpResponse) > 1
    return events


def commands(events: tuple[DumpEvent, ...]) -> list[bytes]:
    """Return what the terminal sends."""
    return [event.pattern.raw for event in events if isinstance(event, DumpCommand)]


def replay(card: Card, events: tuple[DumpEvent, ...]) -> None:
    """Send every command and compare every answer with what the transcript says."""
    answer = b""
    for number, event in enumerate(events):
        match event:
            case DumpReset(atr):
                card.power_off()
                assert card.power_on() == atr
            case DumpCommand(pattern):
                answer = card.transmit(pattern.raw)
            case DumpResponse(pattern):
                said = f"{events[number - 1]}: {answer.hex().upper()}; {card.last_refusal}"
                assert pattern.matches(answer), said
