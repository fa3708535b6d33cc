"""Go's checksum database checks this log: its code for signed notes, inclusion and consistency."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jukihost.clock import MovableClock
from jukihost.database import open_database, upgrade_database
from jukihost.log import LogError, Note, check_since, leaf_hash, prove_stored
from tests.support.host.databases import NOON
from tests.support.host.storedtown import StoredTown
from tests.support.host.town import CODES, LOG_KEY, POLICY
from tests.support.interop.missing import require

pytestmark = pytest.mark.interop
SOURCE = Path(__file__).parents[1] / "support" / "interop" / "sumdb.go"
GO = Path("/usr/share/gocode")
MODULE = GO / "src" / "golang.org" / "x" / "mod" / "sumdb"

Claim = dict[str, Any]


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built; of Go modules it takes what Debian packages."""
    missing = [] if shutil.which("go") else ["go (golang-go)"]
    missing += [] if MODULE.exists() else [f"{MODULE} (golang-golang-x-mod-dev)"]
    require("Go", missing)
    folder = tmp_path_factory.mktemp("sumdb")
    subprocess.run(
        ["go", "build", "-o", folder / "sumdb", SOURCE],
        check=True,
        timeout=600,
        env=os.environ
        | {
            "GO111MODULE": "off",
            "GOPATH": str(GO),
            "GOCACHE": str(folder / "cache"),
            "GOFLAGS": "",
        },
    )
    return folder / "sumdb"


def judged(checker: Path, claims: list[Claim]) -> list[str]:
    """What the foreign program has against each claim."""
    done = subprocess.run(
        [checker],
        input=json.dumps(claims),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    said: list[str] = json.loads(done.stdout)
    assert len(said) == len(claims)
    return said


@pytest.fixture
def town(tmp_path: Path) -> Iterator[StoredTown]:
    """A town with a log in a file."""
    place, clock = tmp_path / "terminal.db", MovableClock(NOON)
    upgrade_database(place)
    with open_database(place, clock=clock, terminal="counter-1") as database:
        yield StoredTown(database, clock, tmp_path / "witness.json")


def grown(town: StoredTown) -> list[Note]:
    """Publish checkpoints of several sizes, beyond a whole tile of hashes."""
    notes = []
    for count in (1, 1, 1, 4, 25, 224, 7):
        for _ in range(count):
            town.use(CODES[0])
        notes.append(town.publish())
    notes.append(town.end_day())
    return notes


def claimed(note: Note, entry: bytes, index: int, path: list[bytes]) -> Claim:
    return {
        "key": str(LOG_KEY),
        "note": bytes(note).decode(),
        "entry": b64encode(entry).decode(),
        "index": index,
        "path": [b64encode(one).decode() for one in path],
    }


def test_it_accepts_every_entry_and_every_older_checkpoint(checker: Path, town: StoredTown) -> None:
    notes = grown(town)
    claims = []
    with town.database.read() as connection:
        for index, entry in town.entries().items():
            proof = prove_stored(connection, index)
            claims.append(claimed(proof.checkpoint, entry, index, list(proof.path)))
        for old in notes[:-1]:
            path = check_since(connection, old, [LOG_KEY])
            steps = [b64encode(one).decode() for one in path]
            claims.append(
                {"key": str(LOG_KEY), "note": bytes(notes[-1]).decode(), "path": steps}
                | {"old": bytes(old).decode()}
            )
    assert len(claims) == 264 + 7
    assert judged(checker, claims) == [""] * len(claims)


def test_it_refuses_what_was_changed_and_so_does_the_library(
    checker: Path, town: StoredTown
) -> None:
    notes = grown(town)
    with town.database.read() as connection:
        proof = prove_stored(connection, 5)
        steps = check_since(connection, notes[3], [LOG_KEY])
    entry, path = town.entries()[5], list(proof.path)
    good = claimed(proof.checkpoint, entry, 5, path)
    old = good | {"old": bytes(notes[3]).decode(), "path": [b64encode(x).decode() for x in steps]}
    assert judged(checker, [good, old]) == ["", ""]
    wrong = {
        "another entry": good | {"entry": b64encode(entry + b"x").decode()},
        "another index": good | {"index": 6},
        "beyond the log": good | {"index": 264},
        "a shorter path": good | {"path": good["path"][:-1]},
        "a longer path": good | {"path": [*good["path"], good["path"][0]]},
        "another path": good | {"path": good["path"][::-1]},
        "another size": good | {"note": good["note"].replace("\n264\n", "\n265\n")},
        "another origin": good | {"note": good["note"].replace("town.example/uses\n", "x\n", 1)},
        "a signature less": good | {"note": good["note"].partition("\u2014")[0]},
        "a history less": old | {"path": old["path"][1:]},
        "another history": old | {"old": bytes(notes[2]).decode()},
    }
    said = judged(checker, list(wrong.values()))
    assert [name for name, words in zip(wrong, said, strict=True) if not words] == []
    for name in ("another entry", "another index", "a shorter path", "another path"):
        one = wrong[name]
        changed = type(proof)(
            one["index"], tuple(map(b64decode, one["path"])), Note.parse(one["note"].encode())
        )
        with pytest.raises(LogError):
            changed.check(leaf_hash(b64decode(one["entry"])), POLICY)


def test_it_accepts_what_a_resident_is_told(checker: Path, town: StoredTown) -> None:
    """Of the file as text: nothing of the library reads it."""
    grown(town)
    told = json.loads(bytes(town.disclosure(CODES[0])))
    claims = []
    for one in (*told["entries"], told["day"]):
        head, _, note = one["proof"].partition("\n\n")
        kind, index, *path = head.split("\n")
        assert kind == "c2sp.org/tlog-proof@v1"
        claims.append(
            {"key": str(LOG_KEY), "note": note, "path": path}
            | {"index": int(index.removeprefix("index "))}
            | {"entry": b64encode(one["entry"].encode()).decode()}
        )
    assert len(claims) == 264
    assert judged(checker, claims) == [""] * len(claims)
