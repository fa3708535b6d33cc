"""What decides in the terminal, and what the examples declare: tables printed into the manual."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import errorpages
import statuspage

from jukicard.kit import KeyFile, PinFile
from jukihost.ledger import (
    BY_CARD,
    BY_PERSON,
    REASONS,
    RIGHTS,
    STANDINGS,
    CardAct,
    PersonAct,
    Standing,
)
from jukihost.register import PROVISIONS, UNDER_RESTRICTION, Item
from jukihost.workflows import NOBODY_COMES, RIGHT_FOR, RULES, PresentedBy, Rule, Task
from jukihost.workflows.tasks import ABOUT_OPERATORS, AT_THE_DOOR, DESPITE_STOP

Moves = Mapping[Standing, Standing]
EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
_GROUP = "jukicard.applets"


def pages() -> dict[str, str]:
    """Return each page by its name, as Markdown."""
    return {
        "ledger-tables": _ledger(),
        "register-tables": _register(),
        "examples-tables": _examples(),
        "errors": errorpages.page(),
        "status-words": statuspage.page(),
    }


def rules() -> str:
    """Return the tables of docs/rules.md, which a test keeps as they are in the code."""
    tasks = [task for task in Task if task not in NOBODY_COMES]
    return "\n".join(
        f"## `{task.value}`\n\n"
        + _table(
            ("who comes", "may", "with", "whose rule it is"),
            (
                (by.value.replace("_", " "), rule.verdict.value, _papers(rule), _source(rule))
                for by in PresentedBy
                for rule in (RULES[task, by],)
            ),
        )
        for task in tasks
    )


def _source(rule: Rule) -> str:
    return f"{rule.source}; in every town" if rule.national else rule.source


def _papers(rule: Rule) -> str:
    sets = (" and ".join(sorted(paper.value for paper in papers)) for papers in rule.papers)
    return "; or ".join(sets).replace("_", " ")


def _examples() -> str:
    return "\n\n".join(
        (
            "# The examples' declarations",
            "Printed from the packages under `examples/`. One without a PIN says why: its waiver.",
            _table(("package", "application", "name", "PIN", "keys"), _declared()),
        )
    )


def _declared() -> Iterator[tuple[str, ...]]:
    for project in sorted(EXAMPLES.glob("*/pyproject.toml")):
        offered = tomllib.loads(project.read_text("utf-8"))["project"]["entry-points"][_GROUP]
        for name, place in sorted(offered.items()):
            root = (applet := _applet(project.parent, name, place)).tree.root.spec
            pins = [f"in EF {one.fid:04X}" for one in root.files if isinstance(one, PinFile)]
            keys = [
                f"{one.right}={one.reference}" for one in root.files if isinstance(one, KeyFile)
            ]
            pin = ", ".join(pins) or f"none: {applet.pin_waiver}"
            yield project.parent.name, name, str(root.name), pin, ", ".join(keys)


def _applet(folder: Path, name: str, place: str) -> Any:
    sys.path.insert(0, str(folder / "src"))
    try:
        return EntryPoint(name, place, _GROUP).load()
    finally:
        sys.path.remove(str(folder / "src"))


def _ledger() -> str:
    return "\n\n".join(
        (
            "# The ledger's tables",
            "Printed from `jukihost.ledger`. A row is what a card is, a column what is done; an "
            "empty cell is refused (`NotAllowed`).",
            "## By a person, without the card",
            _moves(BY_PERSON),
            "## By what was done to the card",
            _moves(BY_CARD),
            "## Reasons, and what becomes of the certificates",
            _table(
                ("reason", "for", "certificates", "reason code (RFC 5280)"),
                (
                    (
                        reason.value,
                        ", ".join(_names(rule.acts)),
                        rule.effect.value,
                        rule.crl_reason or "",
                    )
                    for reason, rule in REASONS.items()
                ),
            ),
            "## Rights of operators",
            _table(
                ("role", "rights"),
                ((role.value, ", ".join(_names(rights))) for role, rights in RIGHTS.items()),
            ),
            "## Rights that procedures need",
            "Where no right stands, it is proven who does it. What is marked goes on during an "
            "emergency stop, some of it only for operators who may lift that.",
            _table(("procedure", "right", "goes on during an emergency stop"), _procedures()),
        )
    )


def _procedures() -> Iterator[tuple[str, ...]]:
    for task in Task:
        right = "" if task in AT_THE_DOOR else RIGHT_FOR[task].value
        goes_on = "yes" if task in DESPITE_STOP else ""
        yield task.value, right, "for who may lift it" if task in ABOUT_OPERATORS else goes_on


def _register() -> str:
    return "\n\n".join(
        (
            "# The register's tables",
            "Printed from `jukihost.register`.",
            "## Who is given what, and what for",
            "Whatever has no line here is refused (`ProvisionRefused`). Private bodies have none.",
            _table(
                ("body", "purpose", "items"),
                (
                    (body.value, use.value, ", ".join(item.value for item in Item if item in items))
                    for (body, use), items in PROVISIONS.items()
                ),
            ),
            "## What becomes of it when the address is under restriction",
            _table(
                ("purpose", "under restriction"),
                ((use.value, what.value) for use, what in UNDER_RESTRICTION.items()),
            ),
        )
    )


def _moves(table: Mapping[PersonAct, Moves] | Mapping[CardAct, Moves]) -> str:
    return _table(
        ("state", *(act.value for act in table)),
        ((one, *(moves.get(one, "") for moves in table.values())) for one in STANDINGS),
    )


def _names(values: Iterable[Enum]) -> list[str]:
    return sorted(str(one.value) for one in values)


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [list(head), *([str(cell) for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
