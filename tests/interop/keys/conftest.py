"""Tokens of SoftHSM: one folder of them for all tests, which share one worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jukihost.keys import TokenCustody
from tests.support.interop.missing import require
from tests.support.interop.softhsm import PIN, SoftHsm, missing_parts


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whoever asks for a token, and keep them on one worker: the library is loaded once."""
    for item in items:
        if "softhsm" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.interop)
            item.add_marker(pytest.mark.xdist_group("softhsm"))


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    """Tokens that are there when the library is loaded."""
    require("SoftHSM", missing_parts())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", "")
        made = SoftHsm(tmp_path_factory.mktemp("softhsm"))
        made.start()
        yield made


@pytest.fixture
def address(softhsm: SoftHsm) -> str:
    """The address of an empty token."""
    return softhsm.address()


@pytest.fixture
def token(address: str) -> Iterator[TokenCustody]:
    """An empty token, open."""
    with TokenCustody(address, lambda: PIN) as opened:
        yield opened
