"""Published test vectors put to a card: the cases that are marked as a card's.

A case with `"sendTo": "card"` is a command that any card answers: a well-formed one that no card
knows, which must be refused for something else than its length, or a malformed one, which must be
refused. Nothing is proven or changed by any of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from jukihost.errors import CommandNotCarried, ConnectionNotOpen, TransportError
from jukihost.transport.base import BaseConnection

_MAX_FILE: Final = 4 << 20
_MAX_COMMAND: Final = 65_544
"""The longest command: header, two extended length fields and 65535 bytes of data."""
_LONG: Final = 60_000
"""What some readers break at, in bytes: it comes last."""
_WRONG_LENGTH: Final = 0x6700


class VectorError(ValueError):
    """A folder of vectors cannot be used; the text says why."""


class CardCase(NamedTuple):
    """A case that is sent to a card."""

    file: str
    number: int
    """Its `tcId`."""
    command: bytes
    valid: bool
    extended: bool
    flags: tuple[str, ...]


class Verdict(NamedTuple):
    """What became of a case: `passed`, `failed`, or `left out` where the reader carries it not."""

    case: CardCase
    outcome: str
    why: str


def card_cases(folder: str | Path) -> list[CardCase]:
    """Return the cases of a folder of vectors that are a card's. VectorError when there is none."""
    index = _read(Path(folder) / "index.json")
    found: list[CardCase] = []
    for entry in _objects(index.get("cases")):
        name = entry.get("file")
        if not isinstance(name, str) or Path(name).is_absolute() or ".." in Path(name).parts:
            raise VectorError("index.json names no file of the folder")
        document = _read(Path(folder) / name)
        found += (_case(name, one) for one in _marked(document))
    if not found:
        raise VectorError("no case in it is marked as a card's: take the folder of this release")
    return found


def run_vectors(cases: Sequence[CardCase], connection: BaseConnection) -> Iterator[Verdict]:
    """Send each case over an open connection and yield its verdict; the longest go last.

    A card that gives no answer is reset by opening the connection again, and is still asked the
    rest; once that fails, the rest is left out. TransportError only from a connection not open.
    """
    waiting = sorted(cases, key=lambda case: len(case.command) > _LONG)
    gone = ""
    for case in waiting:
        if gone:
            yield Verdict(case, "left out", gone)
            continue
        try:
            yield _judged(case, connection.transmit(case.command))
        except CommandNotCarried:
            yield Verdict(case, "left out", "the reader does not carry this command")
        except ConnectionNotOpen:
            raise
        except TransportError:
            yield _unanswered(case)
            try:
                connection.reconnect()
            except TransportError:
                gone = "the card did not come back after a case before it"


def _unanswered(case: CardCase) -> Verdict:
    if case.valid and case.extended:
        return Verdict(case, "left out", "no answer: card or reader take no such length")
    return Verdict(case, "failed", "no answer")


def _judged(case: CardCase, answer: bytes) -> Verdict:
    if len(answer) < 2:
        return Verdict(case, "failed", f"answered {len(answer)} bytes, which is no status")
    status = int.from_bytes(answer[-2:], "big")
    refused = len(answer) == 2 and status >> 12 == 6 and status >> 8 not in (0x61, 0x62, 0x63)
    if not refused:
        return Verdict(case, "failed", f"was not refused: {status:04X}")
    if not case.valid:
        return Verdict(case, "passed", f"refused: {status:04X}")
    if status != _WRONG_LENGTH:
        return Verdict(case, "passed", f"refused, and not for its length: {status:04X}")
    if case.extended:  # ISO/IEC 7816-4:2020, 12.7: a card says in its ATR whether it takes them
        return Verdict(case, "left out", "the card takes no extended length fields")
    return Verdict(case, "failed", "its length is right and was refused: 6700")


def _case(file: str, one: dict[str, Any]) -> CardCase:
    number = one.get("tcId")
    try:
        parts = one.get("encoded_parts") or [{"hex": one["apdu"]}]
        command = b""
        for part in parts:
            command += _part(part, _MAX_COMMAND - len(command))
        if not command or one["result"] not in ("valid", "invalid"):
            raise ValueError
        extended = bool(one.get("extended", False))
        flags = tuple(str(flag) for flag in one["flags"])
        return CardCase(file, int(one["tcId"]), command, one["result"] == "valid", extended, flags)
    except (KeyError, TypeError, ValueError):
        raise VectorError(f"case {number} of {file} is no command with a result") from None


def _part(part: dict[str, Any], most: int) -> bytes:
    once = bytes.fromhex(part["hex"] if "hex" in part else part["repeat"])
    count = 1 if "hex" in part else int(part["count"])
    if not 0 <= count * len(once) <= most:
        raise ValueError
    return once * count


def _marked(value: object) -> Iterator[dict[str, Any]]:
    """Yield every case of a file that is marked, whichever list it stands in."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if one.get("sendTo") == "card":
                yield one
            waiting += reversed([*one.values()])
        elif isinstance(one, list):
            waiting += reversed(one)


def _objects(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise VectorError("index.json has no list of files")
    return value


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            raw = stream.read(_MAX_FILE + 1)
        read = json.loads(raw) if len(raw) <= _MAX_FILE else None
    except OSError as error:
        raise VectorError(
            f"{path.name} cannot be read ({error.strerror}): the folder is vectors/ of the source "
            "distribution"
        ) from None
    except (ValueError, RecursionError):
        raise VectorError(f"{path.name} is damaged: it is no JSON") from None
    if not isinstance(read, dict):
        raise VectorError(f"{path.name} is no file of vectors")
    return read
