"""The one way from `vectors/` into a test: nothing malformed, truncated or empty gets through."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

VECTORS: Final = Path(__file__).resolve().parents[3] / "vectors"
"""The folder with the published vectors."""
KINDS: Final = ("apdu", "tlv", "crypto", "securemessaging")
"""The folders of published vectors; everything else in `vectors/` is no vector."""

LABELS: Final = frozenset({"tcId", "flags", "result"})
"""Keys that every case has beside its values."""

_READ: Final[set[str]] = set()


class VectorError(Exception):
    """A vector file is missing, malformed, empty or not what the index says."""


def load(name: str) -> dict[str, Any]:
    """Return the vector file `name`, for example `load("apdu/atr_japan")`.

    The caller gets its own copy. VectorError when the file is missing, is no JSON, repeats a key,
    does not fit its schema, holds an empty list of cases, holds fewer or more entries than
    `vectors/index.json` says, gives an identifier twice, or has a flag on a case that it does not
    declare, or declares one that no case has.
    """
    document = check(name, _text(name), index()[name]["entries"])
    _READ.add(name)
    return document


def names() -> tuple[str, ...]:
    """Return the names of all vector files on disk, sorted; VectorError when there are none."""
    found = sorted(
        f"{kind}/{path.stem}" for kind in KINDS for path in (VECTORS / kind).glob("*.json")
    )
    if not found:
        raise VectorError(f"no vector file below {VECTORS}")
    return tuple(found)


def read_names() -> frozenset[str]:
    """Return the names of the files that `load` has returned in this process."""
    return frozenset(_READ)


def index() -> Mapping[str, dict[str, Any]]:
    """Return the index's entry of each vector file, by name. VectorError."""
    document = _index_document()
    return {case["file"].removesuffix(".json"): case for case in document["cases"]}


def check(name: str, text: str, entries: int) -> dict[str, Any]:
    """Parse and validate `text` as the content of the vector file `name`. VectorError."""
    document = _parse(name, text)
    _validate(name, f"{name}.schema.json", document)
    found = count_entries(document)
    if found == 0:
        raise VectorError(f"{name}: no cases")
    if found != entries:
        raise VectorError(f"{name}: {found} entries, the index says {entries}")
    _check_labels(name, document)
    return document


def count_entries(document: Mapping[str, Any]) -> int:
    """Count what a file holds: its cases, or the steps of its worked example.

    Of a mapping, each key counts as one, and each list in it as many as it has elements; what is
    said of it as a case does not count.
    """
    body = document.get("cases", document.get("steps", ()))
    if isinstance(body, Mapping):
        values = (value for key, value in body.items() if key not in LABELS)
        return sum(len(value) if isinstance(value, list) else 1 for value in values)
    return len(body)


def cases(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every case of a file, in its order; one may hold others, as a session its exchanges."""
    if isinstance(value, dict):
        if "tcId" in value:
            yield value
        for inner in value.values():
            yield from cases(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from cases(inner)


def schema_names() -> frozenset[str]:
    """Return the names of the vector files that have a schema."""
    root = VECTORS / "schemas"
    return frozenset(
        path.relative_to(root).as_posix().removesuffix(".schema.json")
        for kind in KINDS
        for path in (root / kind).glob("*.schema.json")
    )


def _text(name: str) -> str:
    if name not in index():
        raise VectorError(f"{name} is no vector file of vectors/index.json")
    try:
        return (VECTORS / f"{name}.json").read_text(encoding="utf-8")
    except OSError as error:
        raise VectorError(f"{name}: {error.strerror}") from error


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key is repeated")
    return document


def _parse(name: str, text: str) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_no_duplicates)
    except ValueError as error:
        raise VectorError(f"{name} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise VectorError(f"{name} is no JSON object")
    return document


def _validate(name: str, schema: str, document: object) -> None:
    validator = _validators().get(schema)
    if validator is None:
        raise VectorError(f"{name} has no schema {schema}")
    try:
        validator.validate(document)
    except ValidationError as error:
        raise VectorError(
            f"{name} does not fit its schema: {error.json_path}: {error.message[:200]}"
        ) from error


def _check_labels(name: str, document: Mapping[str, Any]) -> None:
    """Every case has an identifier of its own; flags are declared and used. VectorError."""
    found = list(cases(document))
    identifiers = Counter(case["tcId"] for case in found)
    if twice := [identifier for identifier, times in identifiers.items() if times > 1]:
        raise VectorError(f"{name} has the tcId {twice[0]} twice")
    used = {flag for case in found for flag in case["flags"]}
    if undeclared := used - document["flags"].keys():
        raise VectorError(f"{name} does not declare the flag {min(undeclared)}")
    if unused := document["flags"].keys() - used:
        raise VectorError(f"{name} declares the flag {min(unused)}, which no case has")


@cache
def _validators() -> Mapping[str, Draft202012Validator]:
    """Return a validator for each schema by its `$id`; the schemas themselves are checked."""
    root = VECTORS / "schemas"
    schemas = {
        path.relative_to(root).as_posix(): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(root.rglob("*.schema.json"))
    }
    if not schemas:
        raise VectorError(f"no schema below {root}")
    for path, schema in schemas.items():
        if schema.get("$id") != path:
            raise VectorError(f"schema {path} has the $id {schema.get('$id')}")
        Draft202012Validator.check_schema(schema)
    registry: Registry[Any] = Registry().with_resources(
        (path, Resource.from_contents(schema, default_specification=DRAFT202012))
        for path, schema in schemas.items()
    )
    return {
        path: Draft202012Validator(schema, registry=registry) for path, schema in schemas.items()
    }


@cache
def _index_document() -> dict[str, Any]:
    document = _parse("index", (VECTORS / "index.json").read_text(encoding="utf-8"))
    _validate("index", "index.schema.json", document)
    return document
