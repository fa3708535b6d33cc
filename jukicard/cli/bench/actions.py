"""What a page may ask to be done: read strictly, then done on the bench."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from jukicard.cli.bench.bench import Bench

_LARGEST: Final = 1_000_000


class Malformed(ValueError):
    """A request is none of those that there are; the text says what is wrong with it."""


def _number(value: object) -> int:
    if type(value) is not int or not 0 <= value <= _LARGEST:
        raise Malformed(f"a number is 0 to {_LARGEST}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise Malformed("a text has characters that can be shown")
    return value


def _values(value: object) -> dict[str, object]:
    if not isinstance(value, dict) or len(value) > 20:
        raise Malformed("fields are an object")
    return value


def _state(value: object) -> dict[str, int]:
    if not isinstance(value, dict) or len(value) != 1 or not value.keys() <= {"card", "snapshot"}:
        raise Malformed('a state is {"card": number} or {"snapshot": number}')
    return {key: _number(of) for key, of in value.items()}


class _Action(NamedTuple):
    """How the fields of an action are read, and what does it."""

    fields: Mapping[str, Callable[[object], Any]]
    run: Callable[..., object]
    optional: frozenset[str] = frozenset()


ACTIONS: Final[dict[str, _Action]] = {
    "insert": _Action({"card": _number, "slot": _number}, Bench.insert),
    "pull": _Action({"slot": _number}, Bench.pull),
    "reset": _Action({"slot": _number}, Bench.reset),
    "suspend": _Action({"card": _number}, Bench.suspend),
    "resume": _Action({"card": _number}, Bench.resume),
    "hazard": _Action(
        {"card": _number, "name": _text, "values": _values},
        Bench.set_hazard,
        frozenset({"values"}),
    ),
    "clear": _Action({"card": _number}, Bench.clear_hazards),
    "snapshot": _Action({"card": _number, "name": _text}, Bench.snapshot, frozenset({"name"})),
    "drop": _Action({"snapshot": _number}, Bench.drop),
    "fork": _Action(
        {"card": _number, "snapshot": _number}, Bench.fork, frozenset({"card", "snapshot"})
    ),
    "take away": _Action({"card": _number}, Bench.take_away),
    "restore": _Action({"snapshot": _number}, Bench.restore),
    "compare": _Action({"before": _state, "after": _state}, Bench.compare),
}
"""Everything that can be asked for."""


def act(bench: Bench, body: bytes) -> object:
    """Do what a request asks for and return what came of it. Malformed, NotPossible."""
    name, said = _parsed(body)
    action = ACTIONS.get(name)
    if action is None:
        raise Malformed(f"there is no such action; there is {', '.join(ACTIONS)}")
    missing = action.fields.keys() - said.keys() - action.optional
    if missing or said.keys() - action.fields.keys():
        raise Malformed(f"{name} has the fields {', '.join(action.fields)}")
    values = {field: action.fields[field](value) for field, value in said.items()}
    if name == "hazard":
        values.setdefault("values", {})
    return action.run(bench, **values)


def _parsed(body: bytes) -> tuple[str, dict[str, Any]]:
    try:
        found = json.loads(body, object_pairs_hook=_once, parse_constant=_no_number)
    except Malformed:
        raise
    except (ValueError, RecursionError):
        raise Malformed("a request is one object of JSON") from None
    if not isinstance(found, dict) or not isinstance(found.get("do"), str):
        raise Malformed('a request is one object of JSON, with "do"')
    return found.pop("do"), found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("a field is said twice")
    return found


def _no_number(text: str) -> float:
    raise Malformed("this is no number of JSON")
