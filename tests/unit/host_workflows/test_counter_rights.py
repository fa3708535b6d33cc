"""Whoever may not do what a command does is refused, and in the log, whatever the command is.

The commands are found where they are declared, and given what they cannot do without.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from jukihost.cli.counter.commands import ACTIONS
from jukihost.ledger import Role
from tests.support.host.operators import Person, Staff
from tests.support.host.shops import Shop, opened, opened_shop, town_files
from tests.support.host.town import LOG_KEY

APPLICATION: Final = '[application]\naid = "F04255532D31"\n'
FURTHER: Final = {
    "change-record": ("--new", "a"),
    "copy-by-document": ("--name", "a"),
    "find": ("--name", "a"),
    "move-in": ("--address", "a"),
    "suspend": ("--caller", "a", "--relation", "b", "--reached", "c"),
}
"""What would be asked of a person."""
SAMPLES: Final = {
    "application": "F04255532D31", "card_number": "8139200000000001", "day": "2014-04-01",
    "number": "1", "town": "27230",
}  # fmt: skip
"""Something that an argument may be, by the name of what reads it."""
CODE: Final = ({"secret": "12345678903", "use": "code"},)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with (
        town_files(tmp_path_factory.mktemp("town")) as folder,
        opened_shop(folder / "shop") as shop,
        opened(folder / "other"),
        opened(folder / "above"),
    ):
        shop.neighbour("27230", folder / "other")
        shop.neighbour("prefecture", folder / "above")
        yield shop


@pytest.fixture(scope="module")
def auditor(shop: Shop) -> Person:
    return Staff(shop.counter, seed=20).hired(Role.AUDITOR)


def words(action: argparse.ArgumentParser, folder: Path) -> Iterator[str]:
    """Give what a command cannot do without."""
    groups = [one for one in action._mutually_exclusive_groups if one.required]
    for one in [
        *(it for it in action._actions if it.required),
        *(group._group_actions[0] for group in groups),
    ]:
        yield from one.option_strings[:1]
        if one.choices:
            yield str(next(iter(one.choices)))
        elif one.dest == "log_key":
            yield str(LOG_KEY)
        elif one.dest == "out":
            yield str(folder / "out")
        elif one.metavar == "FILE":
            (folder / "file").write_text(APPLICATION)
            yield str(folder / ("out" if "backup" in (one.help or "") else "file"))
        elif one.nargs != 0:
            yield SAMPLES.get(getattr(one.type, "__name__", ""), "OP1")


@pytest.mark.parametrize(
    "name", [action.name for action in ACTIONS if not action.at_the_door], ids=str
)
def test_who_may_not_is_refused_with_one_entry_in_the_log(
    shop: Shop, auditor: Person, tmp_path: Path, name: str
) -> None:
    [action] = [one for one in ACTIONS if one.name == name]
    parser = argparse.ArgumentParser(add_help=False)
    action.add(parser)
    known = len(shop.counter.uses())
    operator = shop.clerk if name == "disclose" else auditor
    answer = shop.run(
        name, *words(parser, tmp_path), *FURTHER.get(name, ()),
        operator=operator, said=CODE if name == "copy-by-document" else (),
    )  # fmt: skip
    assert (answer.code, answer.error) == (1, "operator_refused"), answer.lines
    entries = [(use.purpose, use.outcome.value) for use in shop.counter.uses()[known:]]
    assert entries[0] == ("log_in", "done")
    assert entries[-1] == ("log_out", "done")
    assert [outcome for _, outcome in entries[1:-1]] == ["refused"], entries
    assert {use.operator for use in shop.counter.uses()[known:]} == {operator.identifier}
    assert not (tmp_path / "out").exists()
