"""The fixture `pcscd`: programs that know nothing of this project use the card through PC/SC.

Without the system's part (see `missing_parts`) the tests are skipped, and with
JUKICARD_REQUIRE_INTEROP=1 they fail: see `tests.support.interop.missing`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.interop.ccid import missing_parts as missing_for_ccid
from tests.support.interop.ccidreader import CcidReaders, door_to
from tests.support.interop.missing import require
from tests.support.interop.pcscd import Pcscd, missing_parts
from tests.support.interop.served import Serve, Served
from tests.support.usb.desk import UsbDesk, missing_parts as missing_for_usb


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whoever asks for `pcscd`, and keep them on one worker: they share it."""
    for item in items:
        if "pcscd_session" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.interop)
            item.add_marker(pytest.mark.xdist_group("pcscd"))


@pytest.fixture(scope="session")
def pcscd_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pcscd]:
    """One daemon for the whole session; use `pcscd`, which leaves empty readers behind."""
    require("virtual reader", missing_parts())
    daemon = Pcscd(tmp_path_factory.mktemp("pcscd"))
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.stop()


@pytest.fixture
def pcscd(pcscd_session: Pcscd) -> Iterator[Pcscd]:
    """A running pcscd with two empty readers; `insert` a card and use it from any program."""
    yield pcscd_session
    for slot in (0, 1):
        pcscd_session.remove(slot)


@pytest.fixture(scope="session")
def ccid_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CcidReaders]:
    """One serial reader for the whole session; use `ccid`, which leaves it empty behind."""
    require("reader driver", missing_for_ccid())
    with CcidReaders(tmp_path_factory.mktemp("ccid")).running() as readers:
        yield readers


@pytest.fixture
def ccid(ccid_session: CcidReaders) -> Iterator[CcidReaders]:
    """A pcscd with libccid and an empty GemPCTwin, where this process looks for its daemon."""
    with ccid_session.door():
        yield ccid_session


@pytest.fixture(scope="session")
def usb_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UsbDesk]:
    """The five USB readers for the whole session, empty; whoever puts a card in takes it out."""
    require("reader driver", missing_for_usb())
    with UsbDesk(tmp_path_factory.mktemp("usb")) as desk:
        yield desk


@pytest.fixture
def usb(usb_session: UsbDesk) -> Iterator[UsbDesk]:
    """The USB readers, where this process looks for its daemon."""
    with door_to(usb_session.daemon):
        yield usb_session


@pytest.fixture
def serve(pcscd: Pcscd) -> Iterator[Serve]:
    """Start `jukicard serve` as often as a test likes; what still runs at its end is killed."""
    started: list[Served] = []

    def serve(*arguments: str) -> Served:
        started.append(Served(pcscd, *arguments))
        return started[-1]

    yield serve
    for one in started:
        one.kill()
