"""Every published value is read by a test, on each side of the protocol that it concerns.

Two ends that share one mistake pass every test between them: so each end is measured alone. What
is read is found in the tests' sources, so neither order nor selection of tests matters. A key
counts as read where its name stands in a module that loads the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.published import vectors
from tests.support.published.vector_reads import Side, keys_of, reader_of, readers, single_keys

TESTS: Final = vectors.VECTORS.parent / "tests"
HERE: Final = Path(__file__)
READERS: Final = readers(TESTS, but=[HERE, HERE.with_name("test_vectors.py")])

BOTH: Final[tuple[Side, ...]] = ("card", "host")
CARD: Final[tuple[Side, ...]] = ("card",)
HOST: Final[tuple[Side, ...]] = ("host",)
NONE_YET: Final[tuple[Side, ...]] = ()

SIDES: Final[dict[str, tuple[Side, ...]]] = {
    "apdu/atr_japan": BOTH,
    "apdu/iso7816_apdu_cases": BOTH,
    "apdu/iso7816_status_words": BOTH,
    "crypto/cmac": BOTH,
    "crypto/cvc_chains": BOTH,
    "crypto/iso9797_1_mac_alg3": BOTH,
    "crypto/nxp_an10922_diversification": BOTH,
    "crypto/merkle_proofs": HOST,
    "crypto/signed_notes": HOST,
    "crypto/sp800_108_cmac_kdf": BOTH,
    "crypto/tdes_cbc_sample": BOTH,
    "crypto/wycheproof_signature_sample": BOTH,
    "crypto/x963_kdf": BOTH,
    "securemessaging/bsi_eac2_worked_example": BOTH,
    "securemessaging/en14890_sm": BOTH,
    "securemessaging/gp_scp02": BOTH,
    "securemessaging/gp_scp03": BOTH,
    "securemessaging/gp_scp11": NONE_YET,
    "securemessaging/icao9303_bac": BOTH,
    "securemessaging/icao9303_pace_ecdh_gm_aes128": BOTH,
    "securemessaging/icao9303_sm_3des": BOTH,
    "securemessaging/jp_isa_mutual_authenticate": BOTH,
    "securemessaging/sm_aes": BOTH,
    "tlv/ber_tlv": BOTH,
    "tlv/fcp_templates": CARD,
}
"""Whom each file concerns. The terminal reads no FCP, the card keeps no log; nobody has SCP11."""

ONE_SIDE: Final[dict[str, dict[Side, frozenset[str]]]] = {
    "securemessaging/bsi_eac2_worked_example": {
        "card": frozenset({"map_terminal_private", "eph_terminal_private", "terminal_private"}),
        "host": frozenset({"map_chip_private", "eph_chip_private", "chip_private"}),
    },
    "securemessaging/icao9303_pace_ecdh_gm_aes128": {
        "card": frozenset({"map_terminal_private", "eph_terminal_private"}),
        "host": frozenset({"map_chip_private", "eph_chip_private"}),
    },
}
"""Values that the named side never has: the other's private keys."""

TOLD: Final = frozenset(
    {"capdu_plain_origin", "cipher", "comment", "count", "label", "name", "note", "source", "use"}
    | {"published_tcId", "sendTo", *vectors.LABELS}
)
"""Keys that tell a reader about a case and hold no value to compute with."""


def told(document: dict[str, Any]) -> frozenset[str]:
    """Those of a file; where one list holds what is valid and what is not, its test asks which."""
    lists = (value for value in lists_in(document) if isinstance(value[0], dict))
    mixed = any(len({case.get("result") for case in cases}) > 1 for cases in lists)
    return TOLD - {"result"} if mixed else TOLD


def lists_in(value: Any) -> Iterator[list[Any]]:
    """Yield every list of a document that is not empty."""
    if isinstance(value, dict):
        value = list(value.values())
    elif isinstance(value, list) and value:
        yield value
    if isinstance(value, list):
        for inner in value:
            yield from lists_in(inner)


def waiting(name: str) -> bool:
    return SIDES[name] == NONE_YET


def test_the_table_has_every_file() -> None:
    assert set(SIDES) == set(vectors.names())


@pytest.mark.parametrize("name", SIDES)
def test_a_file_is_loaded_on_each_side_that_it_concerns(name: str) -> None:
    loaded = {side for reader in READERS if name in reader.files for side in reader.sides}
    assert set(SIDES[name]) <= loaded
    if waiting(name):
        assert loaded == set(), "it is read now: say on which side"


@pytest.mark.parametrize("name", [name for name in SIDES if not waiting(name)])
def test_no_key_of_a_file_is_left_unread(name: str) -> None:
    here = [reader for reader in READERS if name in reader.files]
    document = vectors.load(name)
    keys = {path[-1] for path in keys_of(document)} - told(document)
    assert keys
    assert {key for key in keys if not any(reader.reads(key) for reader in here)} == set()


@pytest.mark.parametrize(
    ("name", "side"), [(name, side) for name, sides in SIDES.items() for side in sides]
)
def test_what_a_file_has_once_is_read_on_each_side(name: str, side: Side) -> None:
    here = [reader for reader in READERS if name in reader.files and side in reader.sides]
    keys = set(single_keys(vectors.load(name))) - TOLD
    assert keys
    unread = {key for key in keys if not any(reader.reads(key) for reader in here)}
    assert unread - ONE_SIDE.get(name, {}).get(side, frozenset()) == set()


def test_the_exceptions_are_keys_of_their_files() -> None:
    for name, sides in ONE_SIDE.items():
        for keys in sides.values():
            assert keys <= set(single_keys(vectors.load(name)))
    everywhere = {path[-1] for name in SIDES for path in keys_of(vectors.load(name))}
    assert everywhere >= TOLD
    assert "result" not in told(vectors.load("crypto/wycheproof_signature_sample"))
    assert "result" in told(vectors.load("apdu/iso7816_apdu_cases"))


# -- the reading of sources ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "sides"),
    [
        ("from jukicard.apdu import Tlv", {"card", "host"}),
        ("from jukicard.apdu.tlv import Tlv\nimport jukihost.errors", {"host"}),
        ("from jukicard.crypto.kdf import digest", {"card"}),
        ("from jukicard import Card", {"card"}),
        ("from jukicard.crypto.kdf import digest\nfrom jukihost.errors import CardError", set()),
        ("from jukicardx import Card\nimport os", set()),
        ("# import jukicard", set()),
    ],
)
def test_the_side_of_a_module_is_what_it_imports(source: str, sides: set[Side]) -> None:
    assert reader_of(source).sides == sides


def test_a_key_counts_as_read_where_its_name_stands() -> None:
    reader = reader_of(
        'A = load("a/b")["k1"]\n# "k2"\nprint(A[f"{side}_key"], A.get("k3"), f"{side}", k4)'
    )
    assert reader.files == {"a/b"}
    found = {key for key in ("k1", "k2", "k3", "k4", "card_key", "key") if reader.reads(key)}
    assert found == {"k1", "k3", "card_key"}


def test_keys_are_found_at_every_depth() -> None:
    document = {"title": "", "steps": {"a": {"b": ""}, "title": ""}, "cases": [{"c": [{"d": 1}]}]}
    assert {path[-1] for path in keys_of(document)} == {*"abcd", "steps", "cases", "title"}
    assert set(single_keys(document)) == {"steps", "cases", "a", "b", "title"}
    assert set(single_keys({"licence": {"a": ""}, "d": {"e": ""}})) == {"d", "e"}
