"""Makes tests of the Python blocks in the READMEs and docs/, so that what the manual shows works.

It stands at the root because pytest looks for a conftest.py above the files it collects from. The
blocks of one file share their names, from top to bottom. Every test gets a name that fits a line.
"""

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

LONGEST_NAME = 80
"""Of one value in the name of a test, in characters or bytes."""

pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "README.ja.md", "docs/*.md", "docs/ja/*.md"],
).pytest()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep the blocks of one file on one worker: the later ones need what the earlier ones made."""
    if item.path.suffix == ".md":
        item.add_marker(pytest.mark.xdist_group(item.path.name))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a case after its argument where the value is long; a drawn one would differ by worker.

    pytest numbers the names that then are alike.
    """
    return argname if isinstance(val, str | bytes) and len(val) > LONGEST_NAME else None
