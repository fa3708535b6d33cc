"""The Merkle tree: published values, RFC 9162's definitions at every small size, refusals."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given, strategies as st

from jukihost.log import (
    EMPTY,
    MemoryNodes,
    ProofError,
    Tree,
    check_consistency,
    check_inclusion,
    edge_of,
    leaf_hash,
    node_hash,
    prove_consistency,
    prove_inclusion,
    root_of,
)
from tests.support.naive import merkle
from tests.support.published.vectors import load

VECTORS = load("crypto/merkle_proofs")
MOST = 64
ENTRIES = [b"entry %d" % number for number in range(MOST)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
NODES = MemoryNodes(LEAVES)
ROOTS = [merkle.root(ENTRIES[:size]) for size in range(MOST + 1)]


def of(case: dict[str, Any], *keys: str) -> list[bytes]:
    return [bytes.fromhex(case[key]) for key in keys]


@pytest.mark.parametrize("case", VECTORS["hashing"], ids=lambda case: case["tcId"])
def test_published_hashes(case: dict[str, Any]) -> None:
    children = [bytes.fromhex(child) for child in case["children"]]
    found = {0: lambda: EMPTY, 1: leaf_hash, 2: node_hash}[len(children)](*children)  # type: ignore[operator]
    assert found == bytes.fromhex(case["hash"])


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_published_inclusion(case: dict[str, Any]) -> None:
    leaf, root = of(case, "leaf_hash", "root")
    path = [bytes.fromhex(one) for one in case["path"]]
    if case["result"] == "valid":
        check_inclusion(leaf, case["index"], case["size"], path, root)
    else:
        with pytest.raises(ProofError):
            check_inclusion(leaf, case["index"], case["size"], path, root)


@pytest.mark.parametrize("case", VECTORS["consistency"], ids=lambda case: case["name"])
def test_published_consistency(case: dict[str, Any]) -> None:
    old_root, root = of(case, "old_root", "root")
    path = [bytes.fromhex(one) for one in case["path"]]
    if case["result"] == "valid":
        check_consistency(case["old_size"], old_root, case["size"], root, path)
    else:
        with pytest.raises(ProofError):
            check_consistency(case["old_size"], old_root, case["size"], root, path)


def test_a_growing_tree_has_the_root_of_the_definition_at_every_size() -> None:
    tree = Tree()
    for size in range(MOST + 1):
        assert tree.size == size
        assert tree.root() == ROOTS[size] == root_of(NODES, size)
        assert tree.edge == tuple(edge_of(NODES, size))
        assert Tree(size, tree.edge).root() == ROOTS[size]
        if size < MOST:
            full = tree.append(LEAVES[size])
            assert [level for level, _, _ in full] == [*range(len(full))]
            assert all(NODES(level, number) == node for level, number, node in full)


def test_every_inclusion_proof_up_to_64_is_the_definitions_and_holds_there_only() -> None:
    for size in range(1, MOST + 1):
        for index in range(size):
            path = prove_inclusion(NODES, index, size)
            assert path == merkle.path(index, ENTRIES[:size])
            check_inclusion(LEAVES[index], index, size, path, ROOTS[size])
            for other in {index ^ 1, index + 1, index - 1, size - 1, size} - {index}:
                with pytest.raises(ProofError):
                    check_inclusion(LEAVES[index], other, size, path, ROOTS[size])


def test_every_consistency_proof_up_to_64_is_the_definitions_and_holds_there_only() -> None:
    for size in range(1, MOST + 1):
        for old in range(1, size + 1):
            path = prove_consistency(NODES, old, size)
            assert path == merkle.proof(old, ENTRIES[:size])
            check_consistency(old, ROOTS[old], size, ROOTS[size], path)
            for other in {old - 1, old + 1} & set(range(1, size + 1)):
                with pytest.raises(ProofError):
                    check_consistency(other, ROOTS[other], size, ROOTS[size], path)
                with pytest.raises(ProofError):
                    check_consistency(old, ROOTS[other], size, ROOTS[size], path)


def test_what_a_tree_has_not_is_not_proven() -> None:
    for index, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ValueError, match="has no leaf"):
            prove_inclusion(NODES, index, size)
    for old, size in ((0, 3), (4, 3), (-1, 3)):
        with pytest.raises(ValueError, match="does not begin"):
            prove_consistency(NODES, old, size)
        with pytest.raises(ProofError, match="cannot be shown"):
            check_consistency(old, EMPTY, size, ROOTS[size], [])
    for size, edge in ((-1, []), (3, [EMPTY]), (4, [EMPTY] * 2)):
        with pytest.raises(ValueError, match="an edge has"):
            Tree(size, edge)


@given(st.integers(1, MOST), st.data())
def test_no_changed_path_holds(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    change = data.draw(st.sampled_from(["flip", "drop", "double", "swap", "append", "shorten"]))
    path, steps = prove_inclusion(NODES, index, size), prove_consistency(NODES, old, size)

    def check_path(changed: list[bytes]) -> None:
        check_inclusion(LEAVES[index], index, size, changed, ROOTS[size])

    def check_steps(changed: list[bytes]) -> None:
        check_consistency(old, ROOTS[old], size, ROOTS[size], changed)

    for proof, check in ((path, check_path), (steps, check_steps)):
        at = data.draw(st.integers(0, max(len(proof) - 1, 0)))
        changed = [*proof]
        if change == "append" or not proof:
            changed.append(LEAVES[0])
        elif change == "flip":
            changed[at] = bytes([changed[at][0] ^ 1]) + changed[at][1:]
        elif change == "shorten":
            changed[at] = changed[at][:-1]
        elif change == "drop":
            del changed[at]
        elif change == "double":
            changed.insert(at, changed[at])
        else:
            changed.reverse()
        if changed != proof:
            with pytest.raises(ProofError):
                check(changed)


def test_growing_takes_no_memory_for_what_was() -> None:
    tree = Tree()
    tracemalloc.start()
    try:
        for number in range(20_000):
            tree.append(leaf_hash(b"%d" % number))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000
    assert len(tree.edge) == (20_000).bit_count()
