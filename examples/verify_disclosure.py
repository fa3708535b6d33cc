"""Checks a disclosure of the log of uses offline, trusting nobody: Python and cryptography only.

python verify_disclosure.py FILE LOGKEY [WITNESSKEY ...]: keys as they are published. It asks for
the resident record code, which is not in the file; the exit code is 0 when everything holds."""

import json
import sys
from base64 import b64decode
from datetime import UTC, datetime
from getpass import getpass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EMPTY = sha256(b"").digest()
CANNOT_KNOW = """What no file can tell you: whether there is an entry for every use and what it says
is true; whether older entries that are not shown were over their term; whether others are shown
another log, where no witness signed; whether the keys that you gave are the right ones."""


def node(left: bytes, right: bytes) -> bytes:
    """Hash two nodes (RFC 9162, 2.1.1); of empty places, nothing."""
    return EMPTY if left == right == EMPTY else sha256(b"\1" + left + right).digest()


def root(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Return the root that a path leads to (RFC 9162, 2.1.3)."""
    if size <= 1 or not path:
        return leaf if size == 1 and index == 0 and not path else b""
    *path, last = path
    if index < (half := 1 << (size - 1).bit_length() - 1):
        return node(root(leaf, index, half, path), last)
    return node(last, root(leaf, index - half, size - half, path))


def signed(note: str, key: str) -> str:
    """Return when the owner of a key signed a note (C2SP signed-note, tlog-cosignature)."""
    name, identifier, material = key.split("+", 2)
    text, _, lines = note.rpartition("\n\n")
    for _, signer, line in (line.split(" ") for line in lines.splitlines()):
        told, kind, head, when = b64decode(line), b64decode(material)[0], "", ""
        if (signer, told[:4].hex()) == (name, identifier):
            if kind == 4:
                head = f"cosignature/v1\ntime {int.from_bytes(told[4:12], 'big')}\n"
            public = Ed25519PublicKey.from_public_bytes(b64decode(material)[1:])
            public.verify(told[12 if kind == 4 else 4 :], f"{head}{text}\n".encode())
            if kind == 4:  # a time that was signed
                when = f" at {datetime.fromtimestamp(int.from_bytes(told[4:12], 'big'), UTC)}"
            return f"Signed by {name}{when}."
    raise ValueError(f"{name} has not signed the checkpoint")


def fields(entry: str, kind: str) -> dict[str, str]:
    """Return what an entry says, by name."""
    if not entry.startswith(f"jukihost-{kind}@v1\n"):
        raise ValueError(f"an entry is no {kind}")
    return dict(line.split(" ", 1) for line in entry.splitlines()[1:])


def check(said: dict[str, Any], code: str, log: str, *witnesses: str) -> list[str]:
    """Return what the disclosure shows; an error for what does not hold."""
    day, entries, proven = said["day"], said["entries"], []
    note = day["proof"].partition("\n\n")[2]
    origin, size, top = note.split("\n")[:3]
    seen = [signed(note, key) for key in (log, *witnesses)]
    for one in (*entries, day):
        head, _, its_note = one["proof"].partition("\n\n")
        _, index, *path = head.split("\n")
        leaf = sha256(b"\0" + one["entry"].encode()).digest()
        proven.append((int(index[6:]), leaf.hex()))
        found = root(leaf, proven[-1][0], int(size), [*map(b64decode, path)])
        if f"{origin}+" != log[: len(origin) + 1] or its_note != note or found != b64decode(top):
            raise ValueError(f"entry {index[6:]} is not in the log that was signed")
    secret = bytes.fromhex(said["opening"]) + code.encode()
    me = sha256(b"jukihost-pseudonym@v1\n" + secret).hexdigest()
    uses = [fields(one["entry"], "use") for one in entries]
    chain = [(int(use["number"]), proven[at][1]) for at, use in enumerate(uses)]
    covered = sum(place < proven[-1][0] for place, _ in proven[:-1])
    last = (day["count"], day["last"] or "00" * 32)
    for at, use in enumerate(uses):
        before = (int(use["number"]) - 1, use["before"])
        expected = last if at == covered else chain[at - 1] if at else before
        if use["resident"] != me or before != expected or (at and proven[at] <= proven[at - 1]):
            raise ValueError(f"entry {use['number']} is not yours, or one before it is missing")
    place = f"\0jukihost-last@v1\n{me}\n{day['count']}\n{day['last']}\n"
    found = sha256(place.encode()).digest() if day["count"] else EMPTY
    for up, step in enumerate(day["path"]):
        other, right = b64decode(step) or EMPTY, int(me[:16], 16) >> up & 1
        found = node(other, found) if right else node(found, other)
    ended = fields(day["entry"], "day")
    right = found.hex() == ended["root"] and len(day["path"]) == 64
    if not right or (covered and chain[covered - 1] != last):
        raise ValueError("the day's root counts other entries than these: some were left out")
    told = [f"{one['at']} {one['body']}: {one['purpose']} ({one['outcome']})" for one in uses]
    told += [f"{int(uses[0]['number']) - 1 if uses else day['count']} older ones are not shown."]
    return [*told, f"Nothing until the end of {ended['day']} was left out.", *seen]


if __name__ == "__main__":
    try:
        ask = getpass if sys.stdin.isatty() else input
        with open(sys.argv[1], encoding="utf-8") as file:
            shown = check(json.load(file), ask("resident record code: "), *sys.argv[2:])
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a file, it proves nothing
        sys.exit(f"THIS DOES NOT HOLD: {str(error) or 'a signature is wrong'}")
    sys.stdout.write("\n".join([*shown, "", CANNOT_KNOW, ""]))
