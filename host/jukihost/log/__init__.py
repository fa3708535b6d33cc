"""The log of uses as a Merkle tree that anybody can check from outside: hashes, proofs, witness.

    >>> from jukihost.log import MemoryNodes, check_inclusion, leaf_hash, prove_inclusion
    >>> nodes = MemoryNodes(leaf_hash(entry) for entry in (b"first", b"second", b"third"))
    >>> path = prove_inclusion(nodes, 1, 3)
    >>> check_inclusion(leaf_hash(b"second"), 1, 3, path, nodes.tree.root())

`append_use`, `sequence_log` and what follows keep it in a terminal's database (extra `terminal`);
the rest needs none. Hashes are those of RFC 9162, texts those of C2SP (signed-note,
tlog-checkpoint, tlog-cosignature, tlog-witness, tlog-proof), so that programs of others check them.
The names are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from jukihost.log.appending import (
        append_derivations as append_derivations,
        append_entry as append_entry,
        append_use as append_use,
    )
    from jukihost.log.disclosing import (
        DISCLOSURE as DISCLOSURE,
        disclose_stored as disclose_stored,
        make_disclosure as make_disclosure,
        prove_stored as prove_stored,
    )
    from jukihost.log.disclosure import (
        Disclosed as Disclosed,
        Disclosure as Disclosure,
        DisclosureError as DisclosureError,
        Erased as Erased,
        Lasts as Lasts,
        Proven as Proven,
        described as described,
        disclose as disclose,
    )
    from jukihost.log.entries import (
        Day as Day,
        Derivations as Derivations,
        EntryError as EntryError,
        Outcome as Outcome,
        Pruned as Pruned,
        PseudonymKey as PseudonymKey,
        Use as Use,
        pseudonym as pseudonym,
    )
    from jukihost.log.keyfiles import (
        KeyUse as KeyUse,
        LogKeyError as LogKeyError,
        new_log_key as new_log_key,
        read_log_key as read_log_key,
    )
    from jukihost.log.lastentries import (
        LastEntries as LastEntries,
        LastEntry as LastEntry,
        PlaceTaken as PlaceTaken,
        check_last as check_last,
    )
    from jukihost.log.notes import (
        Checkpoint as Checkpoint,
        InclusionProof as InclusionProof,
        KeyKind as KeyKind,
        Note as Note,
        NoteError as NoteError,
        NoteKey as NoteKey,
        Policy as Policy,
        SigningKey as SigningKey,
    )
    from jukihost.log.printed import print_disclosure as print_disclosure
    from jukihost.log.publishing import (
        NotPublished as NotPublished,
        adopt_log as adopt_log,
        begin_anew as begin_anew,
        check_since as check_since,
        have_witnessed as have_witnessed,
        log_alarms as log_alarms,
        mark_restored as mark_restored,
        publish_log as publish_log,
        published_checkpoint as published_checkpoint,
        take_cosigned as take_cosigned,
        witness_request as witness_request,
    )
    from jukihost.log.retention import (
        TooEarly as TooEarly,
        prune_log as prune_log,
    )
    from jukihost.log.sequencing import (
        end_day as end_day,
        sequence_log as sequence_log,
    )
    from jukihost.log.stored import (
        LogExists as LogExists,
        NoLog as NoLog,
        NotAdopted as NotAdopted,
        StoredNodes as StoredNodes,
        create_log as create_log,
    )
    from jukihost.log.tree import (
        EMPTY as EMPTY,
        LogError as LogError,
        MemoryNodes as MemoryNodes,
        ProofError as ProofError,
        Tree as Tree,
        check_consistency as check_consistency,
        check_inclusion as check_inclusion,
        edge_of as edge_of,
        leaf_hash as leaf_hash,
        node_hash as node_hash,
        prove_consistency as prove_consistency,
        prove_inclusion as prove_inclusion,
        root_of as root_of,
    )
    from jukihost.log.verification import (
        Verified as Verified,
        verify_log as verify_log,
    )
    from jukihost.log.witness import (
        AnotherSize as AnotherSize,
        Update as Update,
        Witness as Witness,
        WitnessRefused as WitnessRefused,
        WitnessStateError as WitnessStateError,
        bring_up_to_date as bring_up_to_date,
    )

_STORED: Final = {
    "appending": "append_derivations append_entry append_use",
    "disclosing": "DISCLOSURE disclose_stored make_disclosure prove_stored",
    "publishing": "NotPublished adopt_log begin_anew check_since have_witnessed log_alarms "
    "mark_restored publish_log published_checkpoint take_cosigned witness_request",
    "retention": "TooEarly prune_log",
    "sequencing": "end_day sequence_log",
    "stored": "LogExists NoLog NotAdopted StoredNodes create_log",
    "verification": "Verified verify_log",
}
"""What needs a database, and the extra for it."""
_HOMES: Final = {
    **_STORED,
    "disclosure": "Disclosed Disclosure DisclosureError Erased Lasts Proven described disclose",
    "entries": "Day Derivations EntryError Outcome Pruned PseudonymKey Use pseudonym",
    "keyfiles": "KeyUse LogKeyError new_log_key read_log_key",
    "lastentries": "LastEntries LastEntry PlaceTaken check_last",
    "notes": "Checkpoint InclusionProof KeyKind Note NoteError NoteKey Policy SigningKey",
    "printed": "print_disclosure",
    "tree": "EMPTY LogError MemoryNodes ProofError Tree check_consistency check_inclusion edge_of "
    "leaf_hash node_hash prove_consistency prove_inclusion root_of",
    "witness": "AnotherSize Update Witness WitnessRefused WitnessStateError bring_up_to_date",
}
"""Where the names are at home, below this package."""
_HOME: Final = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)  # noqa: PLE0605 - names, all of them


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'jukihost.log' has no attribute {name!r}")
    from importlib import import_module

    if home in _STORED:
        _ = import_module("jukihost.database").metadata  # or says which extra is missing
    value = globals()[name] = getattr(import_module(f"jukihost.log.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
