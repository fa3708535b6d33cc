"""The witness: it cosigns what continues the largest tree that it has seen, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from filelock import FileLock
from hypothesis import given, strategies as st

from jukihost.log import (
    AnotherSize,
    Checkpoint,
    KeyKind,
    MemoryNodes,
    Note,
    NoteError,
    NoteKey,
    Policy,
    ProofError,
    Update,
    Witness,
    WitnessRefused,
    WitnessStateError,
    bring_up_to_date,
    leaf_hash,
    prove_consistency,
    root_of,
    witness as witness_module,
)
from jukihost.log.tree import EMPTY
from tests.support.rest import rest_of

ORIGIN, NAME = "log.example/town", "prefecture.example"
LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))
LOG_KEY = NoteKey.of(ORIGIN, LOG)
POLICY = Policy(LOG_KEY, (NoteKey.of(NAME, KEY, KeyKind.WITNESS),), 1)
AT = datetime(2015, 4, 1, 9, 30, tzinfo=UTC)
NODES = MemoryNodes(leaf_hash(b"%d" % number) for number in range(40))
FORK = MemoryNodes(leaf_hash(b"%d" % (number + (number == 7) * 100)) for number in range(40))


def point(size: int, nodes: MemoryNodes = NODES) -> Note:
    return Checkpoint(ORIGIN, size, root_of(nodes, size)).signed(LOG)


def update(old: int, size: int, nodes: MemoryNodes = NODES) -> Update:
    return Update(
        old, tuple(prove_consistency(nodes, old, size)) if old else (), point(size, nodes)
    )


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    made = Witness(tmp_path / "witness.json", KEY, NAME, logs=[LOG_KEY])
    made.create()
    return made


def test_it_follows_a_log_and_its_word_counts(witness: Witness) -> None:
    old = 0
    for size in (0, 1, 5, 8, 8, 33):
        note = witness.cosign(Update.parse(bytes(update(old, size))), AT)
        checkpoint, when = POLICY.read(note)
        assert (checkpoint.size, [*when.values()]) == (size, [AT])
        assert witness.latest(ORIGIN) == (size, root_of(NODES, size))
        old = size
    assert Witness(witness._state, KEY, NAME, logs=[]).latest(ORIGIN)[0] == 33
    assert witness.latest("log.example/other") == (0, EMPTY)


@pytest.mark.parametrize("size", [8, 9, 40])
def test_a_second_history_is_never_cosigned(witness: Witness, size: int) -> None:
    witness.cosign(update(0, 8), AT)
    for asked in (update(8, size, FORK), Update(8, update(8, size).path, point(size, FORK))):
        with pytest.raises(ProofError, match="two histories"):
            witness.cosign(asked, AT)
    assert witness.latest(ORIGIN) == (8, root_of(NODES, 8))


def test_an_older_tree_is_told_what_there_is(witness: Witness) -> None:
    witness.cosign(update(0, 20), AT)
    for asked in (update(0, 10), update(5, 30), update(0, 0)):
        with pytest.raises(AnotherSize, match="20 entries") as caught:
            witness.cosign(asked, AT)
        assert caught.value.size == 20
    with pytest.raises(ProofError, match="cannot be shown"):
        witness.cosign(Update(20, (), point(10)), AT)


def test_what_is_no_request_of_a_log_that_it_knows(witness: Witness) -> None:
    forged = Checkpoint(ORIGIN, 3, root_of(NODES, 3)).signed(KEY)
    with pytest.raises(NoteError, match="not signed by"):
        witness.cosign(Update(0, (), Note(forged.text, forged.signatures)), AT)
    other = Checkpoint("log.example/other", 3, root_of(NODES, 3)).signed(LOG)
    with pytest.raises(WitnessRefused, match="does not know this log"):
        witness.cosign(Update(0, (), other), AT)
    with pytest.raises(ProofError, match="nothing is to be proven"):
        witness.cosign(Update(0, (EMPTY,), point(3)), AT)
    with pytest.raises(ProofError, match="over no entries"):
        witness.cosign(Update(0, (), Checkpoint(ORIGIN, 0, b"\1" * 32).signed(LOG)), AT)
    assert witness.latest(ORIGIN)[0] == 0


@given(st.binary(max_size=200))
def test_no_bytes_make_another_error(data: bytes) -> None:
    for head in (b"", b"old 3\n", b"old 3\n\n"):
        with pytest.raises(NoteError):
            Update.parse(head + data)


def test_a_log_brings_it_up_to_date_from_any_size(witness: Witness) -> None:
    for asked in (4, 17, 40):
        note = bring_up_to_date(
            lambda request: witness.cosign(request, AT),
            point(asked),
            lambda old, to=asked: prove_consistency(NODES, old, to),  # type: ignore[misc]
        )
        assert POLICY.read(note)[0].size == asked
    with pytest.raises(WitnessRefused, match="old copy of the log"):
        bring_up_to_date(
            lambda request: witness.cosign(request, AT),
            point(39),
            lambda old: prove_consistency(NODES, old, 39),
        )


def test_a_witness_that_never_agrees_is_given_up() -> None:
    def never(request: Update) -> Note:
        raise AnotherSize(request.old + 1)

    with pytest.raises(WitnessRefused, match="try again"):
        bring_up_to_date(never, point(9), lambda old: prove_consistency(NODES, old, 9))


def test_it_begins_once(witness: Witness, tmp_path: Path) -> None:
    with pytest.raises(WitnessStateError, match="there already"):
        witness.create()
    lost = Witness(tmp_path / "lost.json", KEY, NAME, logs=[LOG_KEY])
    with pytest.raises(WitnessStateError, match="restore it"):
        lost.cosign(update(0, 3), AT)
    with pytest.raises(WitnessStateError, match="cannot be made"):
        Witness(tmp_path / "no" / "folder", KEY, NAME, logs=[]).create()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"format": "jukihost-witness@v2", "logs": {}}',
        '{"format": "jukihost-witness@v1", "logs": {"log.example/town": {"size": 1}}}',
        '{"format": "jukihost-witness@v1", "logs": {"log.example/town": {"size": 1, "root": "00"}}}',  # noqa: E501
        '{"format": "jukihost-witness@v1", "logs": 3}',
    ],
)
def test_a_damaged_memory_signs_nothing(witness: Witness, content: str) -> None:
    witness._state.write_text(content)
    with pytest.raises(WitnessStateError, match="damaged"):
        witness.cosign(update(0, 3), AT)
    assert witness._state.read_text() == content


def test_nothing_is_signed_that_is_not_remembered(
    witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(witness_module, "replace_file", full)
    with pytest.raises(WitnessStateError, match="No space left"):
        witness.cosign(update(0, 3), AT)
    assert witness.latest(ORIGIN)[0] == 0


def test_another_process_is_waited_for_and_not_for_ever(
    witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness_module, "LOCK_SECONDS", 0.05)
    with FileLock(f"{witness._state}.lock"), pytest.raises(WitnessStateError, match="try again"):
        witness.cosign(update(0, 3), AT)


def test_two_at_once_never_roll_it_back(witness: Witness) -> None:
    """Of all who ask at once from one size, one is served, and no smaller tree follows a larger."""
    served: list[int] = []

    def ask(size: int) -> None:
        try:
            witness.cosign(update(0, size), AT)
        except AnotherSize:
            return
        served.append(size)

    threads = [threading.Thread(target=ask, args=(size,)) for size in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(served) == 1
    assert witness.latest(ORIGIN)[0] == served[0]


KILLED = """
import os, sys
sys.path[:0] = {path!r}
from tests.unit.host_log.test_witness import *
os.write(1, b"ready\\n")
witness = Witness(Path({state!r}), KEY, NAME, logs=[LOG_KEY])
old = 0
while True:
    for size in range(old + 1, 41):
        os.write(1, b"%d\\n" % POLICY.read(witness.cosign(update(old, size), AT))[0].size)
        old = size
"""


def test_killed_at_any_moment_it_has_what_it_signed(tmp_path: Path) -> None:
    for number in range(3):
        state = tmp_path / f"{number}.json"
        Witness(state, KEY, NAME, logs=[LOG_KEY]).create()
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED.format(path=sys.path, state=str(state))],
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None
        signed = [child.stdout.readline() for _ in range(3 + 5 * number)]
        child.kill()
        [rest] = rest_of(child)
        last = int([line for line in (b"".join(signed) + rest).split(b"\n") if line][-1])
        remembered = json.loads(state.read_text())["logs"][ORIGIN]["size"]
        assert last <= remembered <= last + 1
