"""A town's own rules of who may come for what: read from its office's file, and shown in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

from jukihost.cli.counter.told import Text
from jukihost.cli.output import UsageError
from jukihost.texts import said, said_of_word
from jukihost.workflows import NOBODY_COMES, Paper, PresentedBy, Rule, Task, Verdict
from jukihost.workflows.rules import check_override, rule_for

_NEEDED: Final = {"verdict": str, "source": str}
_FURTHER: Final = {"papers": list}
_E = TypeVar("_E", bound=StrEnum)
Rules = Mapping[tuple[Task, PresentedBy], Rule]


def read_rules(tables: object) -> Rules:
    """Return the rules that the tables [rules.PROCEDURE] of an office's file say.

    UsageError, which names the procedure and who comes, and says what is wrong with their line.
    """
    if not isinstance(tables, dict):
        raise UsageError("rules in the office's file are tables: [rules.unblock_pin]")
    return {
        line: _rule(line, value)
        for name, table in tables.items()
        for line, value in _lines(_one(Task, name, "rules", _PROCEDURES), table)
    }


_PROCEDURES: Final = tuple(task for task in Task if task not in NOBODY_COMES)


def _lines(task: Task, table: object) -> Iterator[tuple[tuple[Task, PresentedBy], object]]:
    where = f"rules.{task.value}"
    if not isinstance(table, dict) or not table:
        raise UsageError(
            f"[{where}] in the office's file has a line for each who comes: "
            f"{', '.join(one.value for one in PresentedBy)}"
        )
    for name, value in table.items():
        yield (task, _one(PresentedBy, name, where, tuple(PresentedBy))), value


def _rule(line: tuple[Task, PresentedBy], value: object) -> Rule:
    where = f"rules.{'.'.join(line)}"
    known = _NEEDED | _FURTHER
    if not isinstance(value, dict) or not _NEEDED.keys() <= value.keys() <= known.keys():
        raise UsageError(
            f"{where} in the office's file says verdict and source, papers too where somebody may "
            "come, and nothing else"
        )
    for name, given in value.items():
        if not isinstance(given, known[name]):
            raise UsageError(f"{where}.{name} in the office's file is a {known[name].__name__}")
    verdict = _one(Verdict, value["verdict"], f"{where}.verdict", tuple(Verdict))
    rule = Rule(verdict, _papers(value.get("papers", []), f"{where}.papers"), value["source"])
    try:
        check_override(line, rule)
    except ValueError as error:
        raise UsageError(f"{where} in the office's file: {error}") from None
    return rule


def _papers(sets: list[object], where: str) -> tuple[frozenset[Paper], ...]:
    if not all(isinstance(one, list) for one in sets):
        raise UsageError(
            f'{where} in the office\'s file is a list of sets: [["photo"], ["answer", "other"]]'
        )
    return tuple(
        frozenset(_one(Paper, name, where, tuple(Paper)) for name in one)
        for one in sets
        if isinstance(one, list)
    )


def _one(kind: type[_E], value: object, where: str, known: tuple[_E, ...]) -> _E:
    """Return one of a few words. UsageError, which says where it stands and what there is."""
    found = next((one for one in known if one == value), None)
    if found is None:
        raise UsageError(
            f"{where} in the office's file: there is no {value!r}; there is "
            f"{', '.join(kind(one).value for one in known)}"
        )
    return found


def in_force(municipality: str, own: Rules, task: str | None = None) -> Text:
    """Return the rules as they are in force in a town, those of its own marked.

    task: of one procedure, by its name.
    """
    shown = [(one, by) for one in _PROCEDURES for by in PresentedBy if task in (None, one.value)]
    rules = {line: rule_for(*line, own) for line in shown}
    lines = [f"{said_of_word('municipality')}: {municipality}"]
    for line, rule in rules.items():
        one, by = line
        if by is PresentedBy.HOLDER:
            lines.append(f"{said_of_word(one.value)} ({one.value}):")
        mark = f"{said('this town:')} " if line in own else ""
        lines.append(f"  {said_of_word(by.value)}: {_may(rule)} ({mark}{rule.source})")
    return Text(
        "\n".join(lines),
        {
            "municipality": municipality,
            "rules": [_told(line, rule, town=line in own) for line, rule in rules.items()],
        },
    )


def _may(rule: Rule) -> str:
    verdict = said_of_word(rule.verdict.value)
    sets = [
        f" {said('and')} ".join(said_of_word(one.value) for one in sorted(papers))
        or said("nothing shown")
        for papers in rule.papers
    ]
    between = f"; {said('or')} "
    return f"{verdict}: {between.join(sets)}" if sets else verdict


def _told(line: tuple[Task, PresentedBy], rule: Rule, *, town: bool) -> dict[str, Any]:
    return {
        "procedure": line[0],
        "by": line[1],
        "verdict": rule.verdict,
        "papers": [sorted(one) for one in rule.papers],
        "source": rule.source,
        "town": town,
    }
