"""Checks a disclosure of the log of uses offline, trusting nobody: Python and cryptography only.

FILE LOGKEY [WITNESSKEY ...]: it asks for the resident record code; exit code 0 when all holds."""

import json
import re
import sys
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from getpass import getpass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey as Key

EMPTY, ROOM, JAPAN = sha256(b"").digest(), timedelta(days=2), timedelta(hours=9)
CANNOT_KNOW = """What no file can tell you: whether each use has an entry, and a true one; whether
a pruning names the right day; whether others see another log, if no witness signed; whose keys."""

_DAY, _NUMBER, _HASH = "([0-9]{4}-[0-9]{2}-[0-9]{2})", "(0|[1-9][0-9]{0,18})", "([0-9a-f]{64})"
_TIME = r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z)"
_TEXT = r"((?!.*\d{11})[^\0-\x1f\x7f-\x9f\u2028\u2029]{0,200})"
_WHO = f"operator {_TEXT}\nterminal {_TEXT}\nbody {_TEXT}\npurpose {_TEXT}\nreason {_TEXT}\n"
_WHOSE = f"outcome (done|refused|failed|unknown)\ncard {_HASH}?\nresident {_HASH}\n"
_PLACE = f"number {_NUMBER}\nbefore {_HASH}\nsalt {_HASH}\n"
_USE = f"jukihost-use@v1\nat {_TIME}\n{_WHO}{_WHOSE}{_PLACE}"
_ENDED = f"jukihost-day@v1\nday {_DAY}\nresidents {_NUMBER}\nroot {_HASH}\n"
_PRUNED = f"jukihost-pruned@v1\nat {_TIME}\ncount {_NUMBER}\nbelow {_NUMBER}\nuntil {_DAY}\n"


def _read(form: str, entry: str) -> tuple[str, ...]:
    """Return the fields of an entry, which has one spelling; the first is a time."""
    found = re.fullmatch(form, entry)
    if not found:
        raise ValueError("an entry is not as the log writes one")
    datetime.fromisoformat(found[1])
    return found.groups("")


def _root(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Return the root that a path leads to (RFC 9162, 2.1.3); over empty places, an empty one."""
    if size <= 1 or not path:
        return leaf if size == 1 and index == 0 and not path else b""
    half, left, right = 1 << (size - 1).bit_length() - 1, path[-1], path[-1]
    if index < half:
        left = _root(leaf, index, half, path[:-1])
    else:
        right = _root(leaf, index - half, size - half, path[:-1])
    return EMPTY if left == right == EMPTY else sha256(b"\1" + left + right).digest()


def _signed(note: str, key: str) -> datetime | None:
    """Check a signature (C2SP signed-note, tlog-cosignature); return when a witness signed."""
    name, identifier, material = key.split("+", 2)
    text, _, lines = note.rpartition("\n\n")
    for _, signer, line in (line.split(" ") for line in lines.splitlines()):
        told, public = b64decode(line), b64decode(material)
        if (signer, told[:4].hex()) == (name, identifier):
            when, at = (int.from_bytes(told[4:12], "big"), 12) if public[0] == 4 else (0, 4)
            over = f"cosignature/v1\ntime {when}\n{text}\n" if at == 12 else f"{text}\n"
            Key.from_public_bytes(public[1:]).verify(told[at:], over.encode())
            return datetime.fromtimestamp(when, UTC) if at == 12 else None
    raise ValueError(f"{name} has not signed the checkpoint")


def check(said: dict[str, Any], code: str, log: str, *witnesses: str) -> list[str]:
    """Return what the disclosure shows; an error for what does not hold."""
    day, entries, gone, proven = said["day"], said["entries"], said["erased"], []
    note = day["proof"].partition("\n\n")[2]
    origin, size, top = note.split("\n")[:3]
    seen = {key.split("+")[0]: _signed(note, key) for key in (log, *witnesses)}
    uses = [_read(_USE, one["entry"]) for one in entries]
    until, _, root = _read(_ENDED, day["entry"])
    last = (day["count"], day["last"] or "00" * 32)
    older, before = (int(uses[0][9]) - 1, uses[0][10]) if uses else last
    for one in (*entries, day, *([gone["pruned"], gone] if gone else [])):
        head, _, its_note = one["proof"].partition("\n\n")
        _, index, *path = head.split("\n")
        leaf = before if one is gone else sha256(b"\0" + one["entry"].encode()).hexdigest()
        proven.append((int(index[6:]), leaf))
        found = _root(bytes.fromhex(leaf), int(index[6:]), int(size), [*map(b64decode, path)])
        if f"{origin}+" != log[: len(origin) + 1] or its_note != note or found != b64decode(top):
            raise ValueError(f"entry {index[6:]} is not in the log that was signed")
    secret = bytes.fromhex(said["opening"]) + code.encode()
    me = sha256(b"jukihost-pseudonym@v1\n" + secret).hexdigest()
    chain = [(int(use[9]), proven[at][1]) for at, use in enumerate(uses)]
    covered = sum(one < proven[len(uses)] for one in proven[: len(uses)])
    for at, (*_, whose, number, linked, _) in enumerate(uses):
        expected = last if at == covered else chain[at - 1] if at else (older, before)
        wrong = (int(number) - 1, linked) != expected or whose != me
        first = (number == "1") == (linked == "00" * 32)
        if wrong or not first or (at and proven[at] <= proven[at - 1]):
            raise ValueError(f"entry {number} is not yours, or one before it is missing")
    mine = sha256(f"\0jukihost-last@v1\n{me}\n{last[0]}\n{day['last']}\n".encode()).digest()
    path = [b64decode(step) or EMPTY for step in day["path"]]
    found = _root(mine if last[0] else EMPTY, int(me[:16], 16), 1 << 64, path)
    if root != found.hex() or (covered and chain[covered - 1] != last):
        raise ValueError("the day's root counts other entries than these: some were left out")
    if older or gone:  # what removed them: seven years later, and not after a witness saw it
        then, _, below, of = _read(_PRUNED, gone["pruned"]["entry"])
        ended, above, place = (index for index, _ in proven[-3:])
        term = f"{int(of[:4]) + 7:05}{of[4:]}".replace("-02-29", "-03-01")
        when, _ = datetime.fromisoformat(then), datetime.fromisoformat(of)
        late = f"0{when + JAPAN}"[:11] > term and all(when - ROOM < x for x in seen.values() if x)
        passed = place < min(int(below), ended, proven[0][0]) and int(below) <= above
        if not (older and late and passed):
            raise ValueError("older ones are left out, and nothing shows that their term was over")
    told = [f"{at} {body}: {purpose} ({came})" for at, _, _, body, purpose, _, came, *_ in uses]
    told += [f"{older} older ones are erased.", f"Nothing queued when {until} ended was left out."]
    return told + [f"Signed by {name}{f' at {at}' if at else ''}." for name, at in seen.items()]


if __name__ == "__main__":
    try:
        ask = getpass if sys.stdin.isatty() else input
        with open(sys.argv[1], encoding="utf-8") as file:
            shown = check(json.load(file), ask("resident record code: "), *sys.argv[2:])
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a file, it proves nothing
        sys.exit(f"THIS DOES NOT HOLD: {str(error) or 'a signature is wrong'}")
    sys.stdout.write("\n".join([*shown, "", CANNOT_KNOW, ""]))
