"""Makes tests of the Python blocks in README.md and docs/*.md, so that what the manual shows works.

It stands at the root because pytest looks for a conftest.py above the files it collects from. The
blocks of one file share their names, from top to bottom.
"""

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/*.md"],
).pytest()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Keep the blocks of one file on one worker: the later ones need what the earlier ones made."""
    if item.path.suffix == ".md":
        item.add_marker(pytest.mark.xdist_group(item.path.name))
