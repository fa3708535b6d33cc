"""Where two traces differ in meaning: the same exchange with other random numbers is the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from jukicard.apdu.trace.chance import without_chance
from jukicard.apdu.trace.dump import DumpCommand, DumpEvent, DumpReset, DumpResponse
from jukicard.apdu.trace.record import ApduTrace, event_lines
from jukicard.apdu.trace.redaction import (
    BytePattern,
    TraceLevel,
    parse_pattern,
    redact_command,
    redact_response,
)

CONTEXT: Final = 2
"""Events shown around a difference."""
MOST_COMPARED: Final = 1_000_000
"""Pairs of events that are compared; of longer stretches that differ, all is shown as changed."""
_HIDDEN: Final = re.compile(r"<\d+ bytes?>")


class _Said(NamedTuple):
    """An event, what it means, and the command that an answer belongs to."""

    event: DumpEvent
    meaning: DumpEvent
    command: DumpCommand | None


def compare_traces(left: ApduTrace, right: ApduTrace) -> list[str]:
    """Return lines as of a unified diff, - for the left and + for the right; none when alike.

    A hidden byte is any byte. PINs, keys and contents are not shown: where nothing else differs,
    the line says that the data are other ones.
    """
    before, after = _said(left.events), _said(right.events)
    steps = list(_steps(before, after))
    changed = [number for number, (sign, _) in enumerate(steps) if sign != " "]
    shown = {near for at in changed for near in range(at - CONTEXT, at + CONTEXT + 1)}
    lines: list[str] = []
    last = -1
    for number, (sign, one) in enumerate(steps):
        if number not in shown:
            continue
        if number != last + 1:
            lines.append("...")
        last = number
        lines += [f"{sign} {line}" for line in _shown(one)]
    return _marked(lines)


def _said(said: Sequence[DumpEvent]) -> list[_Said]:
    made: list[_Said] = []
    command: DumpCommand | None = None
    for event, meaning in zip(said, without_chance(said), strict=True):
        made.append(_Said(event, meaning, command if isinstance(event, DumpResponse) else None))
        command = meaning if isinstance(meaning, DumpCommand) else None
    return made


def _alike(left: _Said, right: _Said) -> bool:
    return _means(left.meaning, right.meaning) and (
        left.command is None or right.command is None or _means(left.command, right.command)
    )


def _means(left: DumpEvent, right: DumpEvent) -> bool:
    if isinstance(left, DumpReset) and isinstance(right, DumpReset):
        return left.atr == right.atr or not (left.atr and right.atr)
    if isinstance(left, DumpReset) or isinstance(right, DumpReset) or type(left) is not type(right):
        return False
    return overlap(left.pattern, right.pattern)


def overlap(left: BytePattern, right: BytePattern) -> bool:
    """Tell whether two patterns may be the same bytes."""
    return len(left) == len(right) and (
        left == right
        or all(
            a == b or a is None or b is None for a, b in zip(left.values, right.values, strict=True)
        )
    )


def _steps(left: list[_Said], right: list[_Said]) -> Iterator[tuple[str, _Said]]:
    """Yield what is on both sides, on the left only, and on the right only, in order."""
    start = 0
    while start < min(len(left), len(right)) and _alike(left[start], right[start]):
        yield " ", left[start]
        start += 1
    end = 0
    most = min(len(left), len(right)) - start
    while end < most and _alike(left[-1 - end], right[-1 - end]):
        end += 1
    yield from _middle(left[start : len(left) - end], right[start : len(right) - end])
    for one in left[len(left) - end :]:
        yield " ", one


def _middle(left: Sequence[_Said], right: Sequence[_Said]) -> Iterator[tuple[str, _Said]]:
    """Yield the same of two stretches that differ, by their longest common subsequence."""
    if len(left) * len(right) > MOST_COMPARED:
        yield from (("-", one) for one in left)
        yield from (("+", one) for one in right)
        return
    same = [[_alike(one, other) for other in right] for one in left]
    best = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i in reversed(range(len(left))):
        for j in reversed(range(len(right))):
            best[i][j] = (
                best[i + 1][j + 1] + 1 if same[i][j] else max(best[i + 1][j], best[i][j + 1])
            )
    i = j = 0
    while i < len(left) or j < len(right):
        if i < len(left) and j < len(right) and same[i][j]:
            yield " ", left[i]
            i, j = i + 1, j + 1
        elif j == len(right) or (i < len(left) and best[i + 1][j] >= best[i][j + 1]):
            yield "-", left[i]
            i += 1
        else:
            yield "+", right[j]
            j += 1


def _shown(said: _Said) -> list[str]:
    """Return an event for people, without secrets."""
    event = said.event
    if isinstance(event, DumpCommand):
        event = DumpCommand(redact_command(event.pattern, TraceLevel.REDACTED))
    elif isinstance(event, DumpResponse):
        command = None if said.command is None else parse_pattern(said.command.pattern)
        event = DumpResponse(redact_response(event.pattern, command, TraceLevel.REDACTED))
    return event_lines(event)


def _marked(lines: list[str]) -> list[str]:
    """Say of what is shown alike on both sides that its data are other ones."""
    both = {line[2:] for line in lines if line[0] == "-"} & {
        line[2:] for line in lines if line[0] == "+"
    }
    return [
        f"{line}  (other data)" if line[2:] in both and _HIDDEN.search(line) else line
        for line in lines
    ]
