"""The table of the JPKI files in docs/card.md is the declared files, row by row and both ways."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from jukicard.applets.counter import AT_THE_COUNTER, ENCRYPTED_AT_THE_COUNTER
from jukicard.applets.jpki.files import TREES
from jukicard.filesystem.access import ALWAYS, NEVER, AccessCondition, Verified
from jukicard.filesystem.files import EfNode, TransparentFile
from jukicard.kit.keys import KeyFile
from jukicard.kit.pin import PinFile
from jukicard.kit.signing import SigningKeyFile

MANUAL: Final = Path(__file__).parents[3] / "docs" / "card.md"
HEAD: Final = "| EF | content | size | read with | counter writes | on | standing |"
READ: Final[dict[str, AccessCondition]] = {
    "free": ALWAYS,
    "nobody": NEVER,
    "`001B`": Verified(0x1B),
}
WRITTEN: Final[dict[str, AccessCondition]] = {
    "MAC": AT_THE_COUNTER,
    "encrypted": ENCRYPTED_AT_THE_COUNTER,
    "no": NEVER,
}
ON: Final = {
    "all": set(TREES),
    "pair": {name for name in TREES if name.endswith("compat")} | {"mynumber"},
    "successor": {"mynumber"},
}


class Row(NamedTuple):
    """One line of the table."""

    fid: int
    content: str
    size: str
    read: str
    written: str
    on: str


def rows() -> Iterator[Row]:
    section = MANUAL.read_text(encoding="utf-8").partition(HEAD + "\n")[2]
    for line in section.splitlines()[1:]:
        if not line.startswith("|"):
            return
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert len(cells) == 7, line
        assert "**" in cells[6], f"a standing: {line}"
        yield Row(int(cells[0].strip("`"), 16), *cells[1:6])


ROWS: Final = {row.fid: row for row in rows()}


def test_the_table_is_there_and_in_order() -> None:
    assert len(ROWS) >= 18
    assert list(ROWS) == sorted(ROWS)


@pytest.mark.parametrize("layout", TREES)
def test_the_files_of_a_layout_are_those_of_the_table(layout: str) -> None:
    declared = {node.fid: node for node in TREES[layout].walk() if isinstance(node, EfNode)}
    assert declared.keys() == {fid for fid, row in ROWS.items() if layout in ON[row.on]}
    for fid, ef in declared.items():
        compare(ROWS[fid], ef)


def compare(row: Row, ef: EfNode) -> None:
    """A row says of a file what is declared."""
    spec = ef.spec
    if isinstance(spec, TransparentFile):
        assert int(row.size) == spec.size, row
        assert str(READ[row.read]) == str(spec.access.read), row
        assert str(WRITTEN[row.written]) == str(spec.access.update), row
        return
    assert row.size == row.read == row.written == "", row
    if isinstance(spec, PinFile):
        found = re.search(r"(?:(\d+) to )?(\d+) [^,]*digits, (\d+) tries", row.content)
        assert found is not None, row
        least, most, tries = found.groups()
        assert (int(least or most), int(most)) == (spec.min_length, spec.max_length)
        assert int(tries) == spec.tries
    elif isinstance(spec, SigningKeyFile):
        found = re.search(r"signs with `(\w{4})` verified", row.content)
        assert found is not None, row
        assert str(spec.use) == str(Verified(int(found[1], 16)))
        free = "public half is free" in row.content
        assert str(spec.read_public) == str(ALWAYS if free else spec.use), row
    elif isinstance(spec, KeyFile):
        assert f"reference {spec.reference}" in row.content
    else:
        assert "closed" in row.content, row
