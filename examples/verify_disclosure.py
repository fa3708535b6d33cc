"""Checks a disclosure of the log of uses offline, trusting nobody: Python and cryptography only.

FILE LOGKEY [WITNESSKEY ...]: it asks for the resident record code; exit code 0 when all holds."""

import json
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
    uses = [dict(line.partition(" ")[::2] for line in one["entry"].split("\n")) for one in entries]
    last = (day["count"], day["last"] or "00" * 32)
    older, before = (int(uses[0]["number"]) - 1, uses[0]["before"]) if uses else last
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
    chain = [(int(use["number"]), proven[at][1]) for at, use in enumerate(uses)]
    covered = sum(one < proven[len(uses)] for one in proven[: len(uses)])
    for at, use in enumerate(uses):
        expected = last if at == covered else chain[at - 1] if at else (older, before)
        wrong = (int(use["number"]) - 1, use["before"]) != expected or use["resident"] != me
        if wrong or "jukihost-use@v1" not in use or (at and proven[at] <= proven[at - 1]):
            raise ValueError(f"entry {use['number']} is not yours, or one before it is missing")
    mine = sha256(f"\0jukihost-last@v1\n{me}\n{last[0]}\n{day['last']}\n".encode()).digest()
    path = [b64decode(step) or EMPTY for step in day["path"]]
    found = _root(mine if last[0] else EMPTY, int(me[:16], 16), 1 << 64, path)
    kind, until, _, told = (line.split(" ")[-1] for line in day["entry"].splitlines())
    if (kind, told) != ("jukihost-day@v1", found.hex()) or (covered and chain[covered - 1] != last):
        raise ValueError("the day's root counts other entries than these: some were left out")
    if older or gone:  # what removed them: seven years later, and not after a witness saw it
        kind, at, _, below, of = (x.split(" ")[-1] for x in gone["pruned"]["entry"].splitlines())
        ended, told, place = (index for index, _ in proven[-3:])
        term = f"{int(of[:4]) + 7:05}{of[4:]}".replace("-02-29", "-03-01")
        when = datetime.fromisoformat(at)
        late = f"0{when + JAPAN}"[:11] > term and all(when - ROOM < x for x in seen.values() if x)
        passed = place < min(int(below), ended, proven[0][0]) and int(below) <= told
        if not (older and late and passed and kind == "jukihost-pruned@v1"):
            raise ValueError("older ones are left out, and nothing shows that their term was over")
    told = [f"{one['at']} {one['body']}: {one['purpose']} ({one['outcome']})" for one in uses]
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
