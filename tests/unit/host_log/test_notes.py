"""Signed notes, checkpoints, cosignatures and proofs: published values, and what is refused."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, strategies as st

from jukihost.log import (
    Checkpoint,
    InclusionProof,
    KeyKind,
    MemoryNodes,
    Note,
    NoteError,
    NoteKey,
    Policy,
    ProofError,
    leaf_hash,
    prove_inclusion,
)
from tests.support.published.vectors import load

VECTORS = load("crypto/signed_notes")
ORIGIN = "log.example/town"
LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes(range(32, 64)))
LOG_KEY = NoteKey.of(ORIGIN, LOG)
WITNESS_KEY = NoteKey.of("prefecture.example", WITNESS, KeyKind.WITNESS)
AT = datetime(2015, 4, 1, 9, 30, tzinfo=UTC)
LEAVES = [leaf_hash(b"%d" % number) for number in range(11)]
NODES = MemoryNodes(LEAVES)
POINT = Checkpoint(ORIGIN, 11, NODES.tree.root())
NOTE = POINT.signed(LOG).cosigned(WITNESS, "prefecture.example", AT)
POLICY = Policy(LOG_KEY, (WITNESS_KEY,), 1)
PROOF = InclusionProof(5, tuple(prove_inclusion(NODES, 5, 11)), NOTE)


def test_the_published_key_signs_as_published() -> None:
    case = VECTORS["signing"]
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(case["private_key"]))
    text = bytes.fromhex(case["text"]).decode()
    assert bytes(Note(text, ()).signed(key, case["name_ascii"])) == bytes.fromhex(
        case["signed_note"]
    )
    assert str(NoteKey.of(case["name_ascii"], key)) == case["verifier_key_ascii"]


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["tcId"])
def test_published_notes(case: dict[str, Any]) -> None:
    key = NoteKey.parse(case["verifier_key_ascii"])
    data = bytes.fromhex(case["signed_note"])
    if case["result"] == "valid":
        note = Note.parse(data)
        assert note.check([key]) == {key: None}
        assert bytes(note) == data
        return
    with pytest.raises(NoteError):
        assert key in Note.parse(data).check([key]) or Policy(key).read(Note.parse(data))


@pytest.mark.parametrize("case", VECTORS["bad_keys"], ids=lambda case: case["tcId"])
def test_published_keys_that_are_none(case: dict[str, Any]) -> None:
    with pytest.raises(NoteError, match="no key"):
        NoteKey.parse(case["verifier_key_ascii"])


@pytest.mark.parametrize("key", [LOG_KEY, WITNESS_KEY])
def test_a_key_is_read_as_it_was_written(key: NoteKey) -> None:
    assert NoteKey.parse(str(key)) == key


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb"])
def test_a_name_that_no_note_can_hold_is_refused(name: str) -> None:
    with pytest.raises(NoteError, match="without spaces"):
        NoteKey.of(name, LOG)


def test_a_cosignature_is_over_the_bytes_of_its_document() -> None:
    body = f"cosignature/v1\ntime {int(AT.timestamp())}\n{POINT.text}".encode()
    ((_, told),) = NOTE.signatures[1:]
    assert int.from_bytes(told[4:12], "big") == int(AT.timestamp())
    WITNESS.public_key().verify(told[12:], body)
    assert POLICY.read(NOTE) == (POINT, {WITNESS_KEY: AT})
    assert Note.parse(bytes(NOTE)) == NOTE


def test_a_second_cosignature_of_the_same_moment_is_no_second_line() -> None:
    assert NOTE.cosigned(WITNESS, "prefecture.example", AT) == NOTE


def refused(note: Note, policy: Policy = POLICY) -> str:
    with pytest.raises(NoteError) as caught:
        policy.read(note)
    return str(caught.value)


def test_who_has_not_signed_is_said() -> None:
    assert "0 of the witnesses" in refused(POINT.signed(LOG))
    unsigned = Note(POINT.text, ()).cosigned(WITNESS, "prefecture.example", AT)
    assert "not signed by log.example/town" in refused(unsigned)
    with pytest.raises(NoteError, match="quorum"):
        Policy(LOG_KEY, (WITNESS_KEY, WITNESS_KEY), 2)


def test_a_logs_signature_is_no_cosignature_and_no_other_logs() -> None:
    as_log = NoteKey("prefecture.example", KeyKind.LOG, WITNESS_KEY.public)
    told = NOTE.signatures[1][1][4:]
    with pytest.raises(NoteError, match="another length"):
        as_log.check(POINT.text, told)
    other = Checkpoint("log.example/other", 11, POINT.root)
    assert "not of" in refused(Note(other.text, ()).signed(LOG, ORIGIN), Policy(LOG_KEY))


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n11\n",
        f"{ORIGIN}\n011\n{b64encode(POINT.root).decode()}\n",
        f"{ORIGIN}\n-1\n{b64encode(POINT.root).decode()}\n",
        f"{ORIGIN}\n11\n{b64encode(POINT.root[:-1]).decode()}\n",
        f"{ORIGIN}\n11\n{b64encode(POINT.root).decode()}\nextension\n",
    ],
)
def test_what_the_log_signs_and_is_no_checkpoint(text: str) -> None:
    assert "no checkpoint" in refused(Note(text, ()).signed(LOG, ORIGIN), Policy(LOG_KEY))


def test_no_bit_of_a_checkpoint_can_be_changed() -> None:
    data = bytes(NOTE)
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(NoteError):
            POLICY.read(Note.parse(changed))


def test_a_proof_is_read_as_it_was_written_and_holds() -> None:
    for proof in (PROOF, InclusionProof(PROOF.index, PROOF.path, NOTE, b"extra")):
        assert InclusionProof.parse(str(proof)) == proof
        assert proof.check(LEAVES[5], POLICY) == POINT
    assert str(PROOF).startswith("c2sp.org/tlog-proof@v1\nindex 5\n")
    with pytest.raises(ProofError):
        PROOF.check(LEAVES[4], POLICY)


def test_no_bit_of_a_proof_can_be_changed() -> None:
    data = str(PROOF).encode()
    for at in range(len(data)):
        changed = (data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]).decode("utf-8", "replace")
        with pytest.raises((NoteError, ProofError)):
            InclusionProof.parse(changed).check(LEAVES[5], POLICY)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_whatever_it_is_given_only_the_declared_error_comes_out(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for read in (lambda: Note.parse(data), lambda: NoteKey.parse(text)):
        with pytest.raises(NoteError):
            read()
    for head in ("", "c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v1\nindex 1\n"):
        with pytest.raises(NoteError):
            InclusionProof.parse(head + text)


def test_a_note_that_never_ends_is_refused() -> None:
    with pytest.raises(NoteError, match="64 KiB"):
        Note.parse(bytes(NOTE) * 1_000)
    line = bytes(NOTE).split(b"\n")[-2] + b"\n"
    with pytest.raises(NoteError, match="64 signatures"):
        Note.parse(POINT.text.encode() + b"\n" + line * 65)
