"""Every vector is well-formed, listed, unchanged and read by a test; a broken one is refused."""

from __future__ import annotations

import ast
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.published import vectors
from tests.support.published.vector_reads import loads_in
from tests.support.published.vectors import VECTORS, VectorError, check, load

TESTS = VECTORS.parent / "tests"
NAMES = vectors.names()

READ_LATER = {
    "securemessaging/gp_scp11": "issuer domain: the certificate-based secure channel",
}
"""Vector files of a secure channel that the product does not speak, with why."""

NO_VECTORS = ("schemas", "transcripts", "state")
"""Folders of `vectors/` that hold no published values: schemas, and what our own code produced."""


def test_the_index_lists_exactly_the_files_and_schemas_there_are() -> None:
    assert tuple(sorted(vectors.index())) == NAMES
    assert vectors.schema_names() == frozenset(NAMES)


def test_the_folder_holds_nothing_else() -> None:
    top = {path.name for path in VECTORS.iterdir()}
    assert {"README.md", "index.json", "schemas", *vectors.KINDS} <= top
    assert top <= {"README.md", "index.json", *NO_VECTORS, *vectors.KINDS}
    for kind in vectors.KINDS:
        assert {path.suffix for path in (VECTORS / kind).rglob("*")} == {".json"}
    assert not list(VECTORS.rglob("*.py")), "vectors/ is data only"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_what_the_index_says(name: str) -> None:
    raw = (VECTORS / f"{name}.json").read_bytes()
    entry = vectors.index()[name]
    assert len(raw) == entry["bytes"]
    assert hashlib.sha256(raw).hexdigest().upper() == entry["sha256"], (
        "a published value was changed; if that is right, say why and update vectors/index.json"
    )
    assert load(name)["title"] == entry["title"]


def test_the_readme_speaks_of_every_file() -> None:
    readme = (VECTORS / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in readme] == []


# -- every file is read by a test -----------------------------------------------------------------


def loaded_by_tests() -> frozenset[str]:
    here = Path(__file__)
    return frozenset(
        name
        for path in sorted(TESTS.rglob("test_*.py"))
        if path != here
        for name in loads_in(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    )


def test_the_scan_sees_literal_names_only() -> None:
    source = 'load("a/b")\nvectors.load("c/d")[0]\nload(name)\ndump("e/f")\n# load("g/h")\nload()'
    assert set(loads_in(ast.walk(ast.parse(source)))) == {"a/b", "c/d"}


def test_every_vector_file_is_read_by_a_test() -> None:
    unread = set(NAMES) - loaded_by_tests()
    assert unread - READ_LATER.keys() == set()


def test_tests_name_only_files_that_exist() -> None:
    assert loaded_by_tests() - set(NAMES) == set()


def test_what_is_read_later_exists_has_a_reason_and_is_not_read_yet() -> None:
    assert READ_LATER.keys() <= set(NAMES)
    assert all(READ_LATER.values())
    assert loaded_by_tests() & READ_LATER.keys() == set()


# -- what is said of each case ---------------------------------------------------------------------

BUG_TYPES = frozenset(
    {
        "AUTH_BYPASS",
        "BASIC",
        "CAN_OF_WORMS",
        "EDGE_CASE",
        "LEGACY",
        "MISSING_STEP",
        "WRONG_PRIMITIVE",
    }
)
"""Kinds of mistakes, in Wycheproof's words; `vectors/README.md` says what each means."""

PARTS = frozenset({"source", "encoded_parts"})
"""Lists of objects that are no cases: where a file comes from, and the pieces of one value."""

INVALID = 97
"""How many cases must be refused. More may come; none may go."""


def objects_in_lists(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object that stands in a list, but for those of `PARTS`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in PARTS:
                yield from objects_in_lists(inner)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict):
                yield inner
            yield from objects_in_lists(inner)


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_is_a_case_or_a_group_of_cases(name: str) -> None:
    document = load(name)
    assert [*vectors.cases(document)]
    assert [entry for entry in objects_in_lists(document) if not [*vectors.cases(entry)]] == []
    body = body_of(document)
    assert [*vectors.cases(body)], "none of them is in what the index counts"


@pytest.mark.parametrize("name", NAMES)
def test_identifiers_go_up_from_one(name: str) -> None:
    """A case that comes later takes the next number, wherever it stands; none is given again."""
    found = sorted(case["tcId"] for case in vectors.cases(load(name)))
    assert found == list(range(1, len(found) + 1))


def test_every_kind_of_mistake_is_hunted_and_explained() -> None:
    declared = {flag["bugType"] for name in NAMES for flag in load(name)["flags"].values()}
    assert declared == BUG_TYPES
    readme = (VECTORS / "README.md").read_text(encoding="utf-8")
    assert [kind for kind in BUG_TYPES if f"| `{kind}` |" not in readme] == []


def test_a_list_of_what_is_invalid_holds_nothing_else() -> None:
    for name in NAMES:
        document = load(name)
        refused = [*document.get("invalid", ()), *document.get("indefinite_length", ())]
        refused += document.get("negative_responses", {}).get("cases", [])
        assert all(case["result"] == "invalid" for case in refused)


def test_a_third_of_what_can_be_refused_is() -> None:
    """Of the files that have wrong input at all: a computation takes whatever it is given."""
    files = [[case["result"] for case in vectors.cases(load(name))] for name in NAMES]
    results = Counter(result for file in files if "invalid" in file for result in file)
    assert results["invalid"] >= INVALID
    assert 3 * results["invalid"] >= sum(results.values())


# -- the loader ------------------------------------------------------------------------------------


def test_the_loader_gives_each_caller_its_own_copy_and_records_the_name() -> None:
    first = load("apdu/atr_japan")
    first["cases"].clear()
    assert load("apdu/atr_japan")["cases"]
    assert "apdu/atr_japan" in vectors.read_names()


@pytest.mark.parametrize(
    "name", ["", "atr_japan", "apdu/atr_japan.json", "apdu/none", "index", "../tests/conftest"]
)
def test_the_loader_refuses_a_name_that_is_not_in_the_index(name: str) -> None:
    with pytest.raises(VectorError, match="no vector file"):
        load(name)


def lists_in(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every list in nested mappings that is not empty."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from lists_in(inner, (*path, key))
    elif isinstance(value, list) and value:
        yield path


def body_of(document: dict[str, Any]) -> Any:
    return document["cases" if "cases" in document else "steps"]


def without_title(document: dict[str, Any]) -> None:
    del document["title"]


def without_source(document: dict[str, Any]) -> None:
    document["source"] = []


def with_another_key(document: dict[str, Any]) -> None:
    document["case"] = []


def with_another_key_in_the_body(document: dict[str, Any]) -> None:
    body = body_of(document)
    (body[0] if isinstance(body, list) else body)["unknown"] = "00"


def without_a_key_in_the_body(document: dict[str, Any]) -> None:
    body = body_of(document)
    required = body[0] if isinstance(body, list) else body
    # The first value of every kind of entry is one that it cannot do without.
    del required[next(key for key in required if key not in vectors.LABELS)]


def without_an_identifier(document: dict[str, Any]) -> None:
    del next(vectors.cases(document))["tcId"]


def without_flags(document: dict[str, Any]) -> None:
    del next(vectors.cases(document))["flags"]


def without_a_result(document: dict[str, Any]) -> None:
    del next(vectors.cases(document))["result"]


def with_another_result(document: dict[str, Any]) -> None:
    next(vectors.cases(document))["result"] = "perhaps"


def with_a_flag_of_no_case(document: dict[str, Any]) -> None:
    document["flags"]["Unused"] = {"bugType": "BASIC", "description": "Nothing."}


def with_a_flag_that_nothing_declares(document: dict[str, Any]) -> None:
    next(vectors.cases(document))["flags"].append("Undeclared")


def with_a_flag_that_says_nothing(document: dict[str, Any]) -> None:
    next(iter(document["flags"].values()))["description"] = ""


def with_a_kind_of_mistake_that_is_none(document: dict[str, Any]) -> None:
    next(iter(document["flags"].values()))["bugType"] = "OTHER"


def without_the_last_entry(document: dict[str, Any]) -> None:
    body = body_of(document)
    if isinstance(body, dict):
        del body[next(reversed(body))]
    else:
        body.pop()


def without_entries(document: dict[str, Any]) -> None:
    key = "cases" if "cases" in document else "steps"
    document[key] = type(document[key])()


MISTAKES: tuple[Callable[[dict[str, Any]], None], ...] = (
    without_title,
    without_source,
    with_another_key,
    with_another_key_in_the_body,
    without_a_key_in_the_body,
    without_the_last_entry,
    without_entries,
    without_an_identifier,
    without_flags,
    without_a_result,
    with_another_result,
    with_a_flag_of_no_case,
    with_a_flag_that_nothing_declares,
    with_a_flag_that_says_nothing,
    with_a_kind_of_mistake_that_is_none,
)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_a_mistaken_file_is_refused(name: str, mistake: Callable[[dict[str, Any]], None]) -> None:
    document = load(name)
    mistake(document)
    with pytest.raises(VectorError):
        check(name, json.dumps(document), vectors.index()[name]["entries"])


def test_there_are_other_lists() -> None:
    assert len([path for name in NAMES for path in lists_in(load(name))]) > len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_no_other_list_may_be_emptied(name: str) -> None:
    for path in lists_in(load(name)):
        document = load(name)
        inner: Any = document
        for step in path:
            inner = inner[step]
        inner.clear()
        with pytest.raises(VectorError):
            check(name, json.dumps(document), vectors.index()[name]["entries"])


@pytest.mark.parametrize("name", [name for name in NAMES if len([*vectors.cases(load(name))]) > 1])
def test_an_identifier_that_another_case_has_is_refused(name: str) -> None:
    document = load(name)
    first, *_, last = vectors.cases(document)
    last["tcId"] = first["tcId"]
    with pytest.raises(VectorError, match="twice"):
        check(name, json.dumps(document), vectors.index()[name]["entries"])


@pytest.mark.parametrize("name", NAMES)
def test_a_truncated_file_is_refused(name: str) -> None:
    text = (VECTORS / f"{name}.json").read_text(encoding="utf-8").rstrip()
    for length in {0, 1, len(text) // 3, len(text) // 2, len(text) - 1}:
        with pytest.raises(VectorError, match="cannot be read"):
            check(name, text[:length], vectors.index()[name]["entries"])


@pytest.mark.parametrize("text", ["[]", "null", '"title"', "7", "NaN"])
def test_a_file_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(VectorError):
        check("apdu/atr_japan", text, 13)


def test_a_repeated_key_is_refused() -> None:
    text = (VECTORS / "apdu/atr_japan.json").read_text(encoding="utf-8")
    with pytest.raises(VectorError, match="repeated"):
        check("apdu/atr_japan", text.replace('"label"', '"atr": "3B", "label"', 1), 13)


@pytest.mark.parametrize("digits", ["3b00", "3B0", "3B 00", "0x3B", "", "3B0G", 59, None])
def test_what_is_not_upper_case_hexadecimal_is_refused(digits: object) -> None:
    document = load("apdu/atr_japan")
    document["cases"][0]["atr"] = digits
    with pytest.raises(VectorError, match="schema"):
        check("apdu/atr_japan", json.dumps(document), 13)


def test_a_file_without_a_schema_is_refused() -> None:
    text = (VECTORS / "apdu/atr_japan.json").read_text(encoding="utf-8")
    with pytest.raises(VectorError, match="has no schema"):
        check("apdu/unknown", text, 13)
