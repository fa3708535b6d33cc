"""A key store on disk, and where it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jukihost.keys import SoftwareCustody
from tests.unit.host_keys.store import CHEAP, phrase


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def custody(path: Path) -> Iterator[SoftwareCustody]:
    store = SoftwareCustody(path, phrase, cost=CHEAP)
    store.create()
    with store:
        yield store
